/*
 * What a scan writes down of stored files: rows come back as they were put,
 * whatever order they come in; a run that was killed leaves what was saved;
 * damage is told and harms nothing.
 */
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buf.h"
#include "inventory.h"
#include "kind.h"
#include "random64.h"

/* ---- rows ---- */

static uint8_t some_digests[HF_ROW_ALL_BYTES];

static struct hf_row a_row(const char *path)
{
	return (struct hf_row){ .path = path,
				.quality = 77,
				.stamp = 0xabcdef01,
				.digests = some_digests };
}

static void same_row(const struct hf_row *one, const struct hf_row *other)
{
	assert_string_equal(one->path, other->path);
	assert_int_equal(one->note, other->note);
	if (one->note == HF_ROW_GONE)
		return;
	assert_int_equal(one->quality, other->quality);
	assert_int_equal(one->stamp, other->stamp);
	assert_memory_equal(one->digests, other->digests,
			    hf_row_has_pdq(one) ? HF_ROW_ALL_BYTES
						: HF_ROW_EXACT_BYTES);
}

static void rows_come_back_as_they_were_put(void **state)
{
	static char longest[HF_ROW_PATH_SIZE], digits[HF_ROW_PATH_SIZE],
		others[HF_ROW_PATH_SIZE];
	const struct {
		const char *path;
		uint8_t note, quality;
		uint32_t stamp;
	} rows[] = {
		{ "/a/b/0001.jpg", 0, 77, 0 },
		{ "/a/b/0002.jpg", 0, 100, 1 },
		{ "/a/b/0002.jpg", HF_VERDICT_BLOCK, 0, 127 },
		{ "/a/b/0102.jpg", 0, 3, 127 },
		{ "/a/b/0a02.jpg", HF_ROW_GONE, 3, 127 },
		{ "/a/b/0A02.jpg", 0, 3, 127 },
		{ "/a/b/9f86d081884c7d659a2feaa0c55ad015.jpg", 0, HF_ROW_NO_PDQ,
		  128 },
		{ "/a/b/9f86d081884c7d659a2feaa0c55ad0150.jpg", 0,
		  HF_ROW_NOT_TRIED, UINT32_MAX },
		{ "/a/b/9f86d081884c7d659a2feaa0c55ad0151.jpg", HF_ROW_GONE, 0,
		  0 },
		/* As long, with a digit less. */
		{ "/a/b/9f86d081884c7d659a2feaa0c55ad01-1.jpg", 0, 1, 1 },
		{ "/a/b/123e4567-e89b-12d3-a456-426614174000", 0, 1, 1 },
		{ "/a/b/123e4567-e89c-02d3-b456-f26614174001", 0, 102, 1 },
		{ "/a/b/123e4568-abcd-efd3-b456-f26614174001", 1, 102, 1 },
		{ "/a/c/123e4568-abcd-efd3-b456-f26614174001", 2, 101, 1 },
		{ "/a", 0, 1, 1u << 31 },
		{ longest, 0, 1, 1 },
		{ digits, 0, 1, 1 },
		{ others, 0, 1, 1 },
		{ "/", 0, 1, 1 },
		{ "/\xff\xfe\x01 with bytes", 0, 1, 1 },
		{ "/\xff\xfe\x01 with bytes and more than fifteen", 0, 1, 1 },
	};
	static struct hf_row_lean lean;
	struct hf_buf buf;
	struct hf_span rest;

	memset(longest, 'x', sizeof(longest) - 1);
	memset(digits, '7', sizeof(digits) - 1);
	memset(others, 'f', sizeof(others) - 1);
	longest[0] = digits[0] = others[0] = '/';
	hf_buf_init(&buf, 64 * 1024);
	hf_row_lean_reset(&lean);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_row row = a_row(rows[i].path);

		row.note = rows[i].note;
		row.quality = rows[i].quality;
		row.stamp = rows[i].stamp;
		hf_row_put(&buf, &lean, &row);
	}
	rest = hf_buf_span(&buf);
	hf_row_lean_reset(&lean);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_row row = a_row(rows[i].path), back;
		struct hf_why why = { "" };

		row.note = rows[i].note;
		row.quality = rows[i].quality;
		row.stamp = rows[i].stamp;
		assert_ok(hf_row_take(&rest, &lean, &back, &why), &why);
		same_row(&row, &back);
	}
	assert_int_equal(rest.len_bytes, 0);
	hf_buf_release(&buf);
}

static int by_row(const void *one, const void *other)
{
	return hf_row_compare(one, other);
}

/* What files are called where there are many of them: by number, by 64 or 128
 * bits in hex, by UUID; in the numbers that there are of them. */
static void a_row_beside_others_takes_little(void **state)
{
	enum { ROWS_MANY = 4000, NAME = 80 };
	static char names[ROWS_MANY][NAME];
	static struct hf_row_lean lean;
	static const char *const kinds[] = { "number", "64 bits", "128 bits",
					     "UUID" };

	for (int kind = 0; kind < (int)ROWS(kinds); kind++) {
		struct hf_buf buf;
		size_t bytes = 0;

		for (unsigned i = 0; i < ROWS_MANY; i++) {
			unsigned long one = random64(), other = random64();
			/* Some sixteen in a directory. */
			unsigned a = i / 16 & 255, b = 3;

			if (kind == 0)
				snprintf(names[i], NAME,
					 "/srv/2026/01/%02u/IMG_%08u.jpg",
					 i / 3000 + 1, 123450000 + i);
			else if (kind == 1)
				snprintf(names[i], NAME,
					 "/srv/%02x/%02x/%016lx.jpg", a, b,
					 one);
			else if (kind == 2)
				snprintf(names[i], NAME,
					 "/srv/%02x/%02x/%02x%02x%012lx%016lx",
					 a, b, a, b, one >> 16, other);
			else
				snprintf(names[i], NAME,
					 "/srv/%02x/%02x/%02x%02x%04lx-%04lx-"
					 "4%03lx-%04lx-%012lx.jpg",
					 a, b, a, b, one & 0xffff,
					 one >> 16 & 0xffff, one >> 32 & 0xfff,
					 one >> 48, other >> 16);
		}
		qsort(names, ROWS_MANY, NAME, by_row);
		hf_buf_init(&buf, 4096);
		hf_row_lean_reset(&lean);
		for (unsigned i = 0; i < ROWS_MANY; i++) {
			struct hf_row row = a_row(names[i]);

			hf_buf_reset(&buf);
			hf_row_put(&buf, &lean, &row);
			bytes += buf.len_bytes;
		}
		if (bytes > (size_t)ROWS_MANY * 120)
			fail_msg("%s: %zu bytes for %d rows", kinds[kind],
				 bytes, ROWS_MANY);
		hf_buf_release(&buf);
	}
}

static void rows_are_in_the_order_of_a_walk(void **state)
{
	const char *const paths[] = {
		"/a",     "/a/b", "/a/b/c", "/a/b\x01",
		"/a/b.c", "/a!",  "/b",     "/b\xff",
	};

	for (size_t i = 0; i < ROWS(paths); i++) {
		for (size_t j = 0; j < ROWS(paths); j++) {
			int order = hf_row_compare(paths[i], paths[j]);

			assert_int_equal(order < 0, i < j);
			assert_int_equal(order == 0, i == j);
		}
	}
	assert_true(hf_row_is_under("/a/b", "/a/b"));
	assert_true(hf_row_is_under("/a/b/c", "/a/b"));
	assert_false(hf_row_is_under("/a/bc", "/a/b"));
	assert_true(hf_row_is_under("/a", "/"));
}

static void bytes_that_are_no_row_are_refused(void **state)
{
	struct hf_row row = a_row("/a/b/some-name.jpg"), back;
	static struct hf_row_lean lean;
	struct hf_buf buf;
	size_t taken = 0;

	hf_buf_init(&buf, 4096);
	hf_row_lean_reset(&lean);
	hf_row_put(&buf, &lean, &row);
	for (size_t len_bytes = 0; len_bytes < buf.len_bytes; len_bytes++) {
		struct hf_span rest = hf_span(buf.at, len_bytes);

		hf_row_lean_reset(&lean);
		assert_int_equal(hf_row_take(&rest, &lean, &back, NULL),
				 HF_E_CORRUPT);
	}
	/* Any one byte changed: another row, or none; never past the end. */
	for (size_t i = 0; i < 30; i++) {
		for (unsigned flip = 1; flip < 256; flip++) {
			struct hf_span rest = hf_buf_span(&buf);

			lean = (struct hf_row_lean){ .path = "/1f",
						     .front = 1,
						     .digits = 2 };
			buf.at[i] ^= (uint8_t)flip;
			taken +=
				hf_row_take(&rest, &lean, &back, NULL) == HF_OK;
			buf.at[i] ^= (uint8_t)flip;
		}
	}
	assert_true(taken > 0);
	hf_buf_release(&buf);
}

/* ---- the whole ---- */

struct home {
	char dir[64];
	struct hf_inventory *inventory;
};

static int set_up(void **state)
{
	struct home *home = calloc(1, sizeof(*home));

	strcpy(home->dir, "/tmp/hf-inventory-XXXXXX");
	assert_non_null(mkdtemp(home->dir));
	*state = home;
	return 0;
}

static int tear_down(void **state)
{
	struct home *home = *state;
	char command[128];

	hf_inventory_close(home->inventory);
	snprintf(command, sizeof(command), "rm -rf %s", home->dir);
	assert_int_equal(system(command), 0);
	free(home);
	return 0;
}

static void reopen(struct home *home)
{
	struct hf_why why = { "" };

	hf_inventory_close(home->inventory);
	home->inventory = NULL;
	assert_ok(hf_inventory_open(home->dir, false, &home->inventory, &why),
		  &why);
}

/* The number in its name tells what a row should have. */
static void put(struct home *home, unsigned number, uint32_t stamp)
{
	char path[64];
	struct hf_row row;
	struct hf_why why = { "" };

	snprintf(path, sizeof(path), "/srv/%u/%u", number % 7, number);
	row = a_row(path);
	row.stamp = stamp;
	assert_ok(
		hf_inventory_put(home->inventory, HF_INVENTORY_ALL, &row, &why),
		&why);
}

static void drop(struct home *home, unsigned number)
{
	char path[64];
	struct hf_why why = { "" };

	snprintf(path, sizeof(path), "/srv/%u/%u", number % 7, number);
	assert_ok(hf_inventory_gone(home->inventory, HF_INVENTORY_ALL, path,
				    &why),
		  &why);
}

/* Against what it should be, by number: 0 is none. */
static void check(struct home *home, const uint64_t *want, unsigned count)
{
	const struct hf_shelf *shelf =
		hf_inventory_shelf(home->inventory, HF_INVENTORY_ALL);
	struct hf_shelf_cursor *cursor;
	const struct hf_row *row;
	struct hf_why why = { "" };
	char before[HF_ROW_PATH_SIZE] = "", path[64];
	unsigned found = 0, wanted = 0;
	enum hf_err err;

	assert_ok(hf_shelf_begin(shelf, &cursor, &why), &why);
	while ((err = hf_shelf_next(cursor, &row, &why)) == HF_OK) {
		unsigned number = (unsigned)atoi(strrchr(row->path, '/') + 1);

		assert_true(hf_row_compare(before, row->path) < 0);
		strcpy(before, row->path);
		assert_true(number < count);
		assert_int_equal(row->stamp, want[number]);
		found++;
	}
	assert_int_equal(err, HF_E_NOTFOUND);
	for (unsigned i = 0; i < count; i++) {
		wanted += want[i] != 0;
		snprintf(path, sizeof(path), "/srv/%u/%u", i % 7, i);
		err = hf_shelf_find(cursor, path, &row, &why);
		assert_int_equal(err, want[i] != 0 ? HF_OK : HF_E_NOTFOUND);
		if (err == HF_OK)
			assert_int_equal(row->stamp, want[i]);
	}
	assert_int_equal(found, wanted);
	hf_shelf_end(cursor);
}

static void the_newest_row_of_a_path_counts_through_all_merges(void **state)
{
	enum { NUMBERS = 2000, ROUNDS = 60 };
	static uint64_t want[NUMBERS];
	struct home *home = *state;
	struct hf_why why = { "" };
	size_t most_files = 0;

	reopen(home);
	memset(want, 0, sizeof(want));
	for (unsigned round = 0; round < ROUNDS; round++) {
		unsigned changes = (unsigned)(random64() % 400);
		const struct hf_shelf *shelf;

		for (unsigned i = 0; i < changes; i++) {
			unsigned number = (unsigned)(random64() % NUMBERS);

			want[number] = random64() % 4 == 0
					       ? 0
					       : 1 + random64() % 1000000;
			if (want[number] != 0)
				put(home, number, want[number]);
			else
				drop(home, number);
		}
		assert_ok(hf_inventory_save(home->inventory, &why), &why);
		shelf = hf_inventory_shelf(home->inventory, HF_INVENTORY_ALL);
		if (shelf->files_count > most_files)
			most_files = shelf->files_count;
		if (round % 10 == 9) {
			reopen(home);
			check(home, want, NUMBERS);
		}
	}
	/* Merged as they grow, not left beside each other. */
	assert_true(most_files > 1 && most_files <= 6);
}

static void what_was_not_saved_is_not_there_and_leaves_no_files(void **state)
{
	struct home *home = *state;
	uint64_t want[10] = { 0 };
	struct hf_why why = { "" };
	char path[96];
	struct stat is;
	int fd;

	reopen(home);
	put(home, 1, 11);
	want[1] = 11;
	assert_ok(hf_inventory_save(home->inventory, &why), &why);
	put(home, 2, 22);
	/* What a run had begun that was killed. */
	snprintf(path, sizeof(path), "%s/rows.77", home->dir);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	close(fd);
	reopen(home);
	check(home, want, 10);
	assert_int_equal(stat(path, &is), -1);
}

static void positions_are_kept_with_what_they_stand_for(void **state)
{
	const struct hf_set_position positions[] = {
		{ "hotline.example/ncii/1", 17 },
		{ "other.example/csam/2", UINT64_MAX },
	};
	struct home *home = *state;
	const struct hf_set_position *back;
	struct hf_why why = { "" };
	size_t count;

	reopen(home);
	assert_int_equal(hf_inventory_policy(home->inventory), 0);
	assert_ok(hf_inventory_stand(home->inventory, positions, 2, UINT64_MAX,
				     &why),
		  &why);
	assert_ok(hf_inventory_save(home->inventory, &why), &why);
	reopen(home);
	back = hf_inventory_positions(home->inventory, &count);
	assert_int_equal(count, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_string_equal(back[i].origin, positions[i].origin);
		assert_int_equal(back[i].position, positions[i].position);
	}
	assert_true(hf_inventory_policy(home->inventory) == UINT64_MAX);
}

static void two_scans_do_not_share_one(void **state)
{
	struct home *home = *state;
	struct hf_inventory *second;
	struct hf_why why = { "" };

	reopen(home);
	assert_int_equal(hf_inventory_open(home->dir, false, &second, &why),
			 HF_E_CONFLICT);
	assert_non_null(strstr(why.text, "another scan"));
}

/* Is there something wrong?  If not, every row is right. */
static bool is_told(struct home *home)
{
	struct hf_shelf_cursor *cursor;
	const struct hf_row *row;
	struct hf_why why = { "" };
	enum hf_err err =
		hf_inventory_open(home->dir, false, &home->inventory, &why);

	if (err == HF_OK) {
		const struct hf_shelf *shelf =
			hf_inventory_shelf(home->inventory, HF_INVENTORY_ALL);

		assert_ok(hf_shelf_begin(shelf, &cursor, &why), &why);
		while ((err = hf_shelf_next(cursor, &row, &why)) == HF_OK)
			assert_int_equal(row->stamp,
					 atoi(strrchr(row->path, '/') + 1) + 1);
		hf_shelf_end(cursor);
		hf_inventory_close(home->inventory);
		home->inventory = NULL;
	}
	assert_true(err == HF_E_NOTFOUND || err == HF_E_CORRUPT);
	return err == HF_E_CORRUPT;
}

/* Flip a bit here and there: opening or reading says that it is damaged,
 * or, in bytes that nobody reads, nothing is different. */
static void damage_is_told(void **state)
{
	struct home *home = *state;
	struct hf_why why = { "" };
	char path[96];
	struct stat is;
	size_t told = 0, tried = 0;
	int fd;

	reopen(home);
	for (unsigned i = 0; i < 600; i++)
		put(home, i, i + 1);
	assert_ok(hf_inventory_save(home->inventory, &why), &why);
	hf_inventory_close(home->inventory);
	home->inventory = NULL;
	snprintf(path, sizeof(path), "%s/rows.1", home->dir);
	assert_int_equal(stat(path, &is), 0);
	fd = open(path, O_RDWR);
	for (off_t at = 0; at < is.st_size;
	     at += 1 + (off_t)(random64() % 97)) {
		uint8_t byte, other;

		assert_int_equal(pread(fd, &byte, 1, at), 1);
		other = byte ^ (uint8_t)(1u << random64() % 8);
		assert_int_equal(pwrite(fd, &other, 1, at), 1);
		tried++;
		told += is_told(home);
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	}
	/* But for the number of a block's rows, which nobody reads. */
	assert_true(told * 100 > tried * 95);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_come_back_as_they_were_put),
		cmocka_unit_test(a_row_beside_others_takes_little),
		cmocka_unit_test(rows_are_in_the_order_of_a_walk),
		cmocka_unit_test(bytes_that_are_no_row_are_refused),
		cmocka_unit_test_setup_teardown(
			the_newest_row_of_a_path_counts_through_all_merges,
			set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			what_was_not_saved_is_not_there_and_leaves_no_files,
			set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			positions_are_kept_with_what_they_stand_for, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(two_scans_do_not_share_one,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(damage_is_told, set_up,
						tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
