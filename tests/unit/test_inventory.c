/*
 * What a scan writes down of stored files: rows come back as they were put,
 * whatever order they come in; a run that was killed leaves what was saved;
 * damage is told and harms nothing.
 */
#include "inventory_rig.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "inventory.h"
#include "random64.h"

struct home {
	char dir[64];
	struct hf_inventory *inventory;
};

static int set_up(void **state)
{
	struct home *home = calloc(1, sizeof(*home));

	if (home == NULL)
		return -1;
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

/* Do the files of the shelves have these bytes? */
static bool is_in_files(const struct home *home, const char *bytes)
{
	char command[160];

	snprintf(command, sizeof(command), "grep -qr -e %s %s/", bytes,
		 home->dir);
	return system(command) == 0;
}

static void what_is_gone_is_in_no_file_of_a_shelf_that_settled(void **state)
{
	static const char lost[] = "/srv/lost",
			  doomed[] = "a-digest-of-32-bytes-that-goes-!";
	uint8_t digests[HF_ROW_ALL_BYTES] = { 0 };
	struct home *home = *state;
	struct hf_row row = a_row(lost);
	uint64_t want[500];
	struct hf_why why = { "" };

	reopen(home);
	memcpy(digests + HF_ROW_SHA256_AT, doomed, 32);
	row.digests = digests;
	assert_ok(
		hf_inventory_put(home->inventory, HF_INVENTORY_ALL, &row, &why),
		&why);
	for (unsigned i = 0; i < 500; i++) {
		want[i] = i + 1;
		put(home, i, i + 1);
	}
	assert_ok(hf_inventory_save(home->inventory, &why), &why);
	assert_ok(hf_inventory_gone(home->inventory, HF_INVENTORY_ALL, lost,
				    &why),
		  &why);
	assert_ok(hf_inventory_save(home->inventory, &why), &why);
	assert_true(is_in_files(home, doomed));
	assert_ok(hf_inventory_settle(home->inventory, HF_INVENTORY_TOLD, &why),
		  &why);
	assert_ok(hf_inventory_settle(home->inventory, HF_INVENTORY_ALL, &why),
		  &why);
	assert_ok(hf_inventory_save(home->inventory, &why), &why);
	assert_false(is_in_files(home, doomed));
	reopen(home);
	check(home, want, 500);

	/* Nothing is left at all, and still it is a shelf. */
	for (unsigned i = 0; i < 500; i++) {
		want[i] = 0;
		drop(home, i);
	}
	assert_ok(hf_inventory_settle(home->inventory, HF_INVENTORY_ALL, &why),
		  &why);
	assert_ok(hf_inventory_save(home->inventory, &why), &why);
	reopen(home);
	check(home, want, 500);
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

static void long_videos_do_not_pile_up_in_memory(void **state)
{
	enum { FILMS = 2500 };
	struct home *home = *state;
	const struct hf_shelf *shelf;
	struct hf_shelf_cursor *cursor;
	const struct hf_row *row;
	struct hf_why why = { "" };
	char path[64];
	size_t most_bytes = 0, found = 0;

	reopen(home);
	shelf = hf_inventory_shelf(home->inventory, HF_INVENTORY_ALL);
	for (unsigned i = 0; i < FILMS; i++) {
		struct hf_row film = a_film(path, HF_VPDQ_MAX_FRAMES);

		snprintf(path, sizeof(path), "/srv/%06u.mp4", i);
		assert_ok(hf_inventory_put(home->inventory, HF_INVENTORY_ALL,
					   &film, &why),
			  &why);
		if (shelf->waiting_bytes > most_bytes)
			most_bytes = shelf->waiting_bytes;
	}
	assert_true(most_bytes <
		    HF_SHELF_WAITING_MAX_BYTES + 2 * sizeof(some_frames));
	assert_ok(hf_inventory_save(home->inventory, &why), &why);
	assert_ok(hf_shelf_begin(shelf, &cursor, &why), &why);
	while (hf_shelf_next(cursor, &row, &why) == HF_OK) {
		struct hf_row film = a_film(row->path, HF_VPDQ_MAX_FRAMES);

		same_row(&film, row);
		found++;
	}
	hf_shelf_end(cursor);
	assert_int_equal(found, FILMS);
}

/* Flip what says the version of a file of rows, at both ends. */
static void set_version(struct home *home, char version)
{
	char path[96];
	struct stat is;
	int fd;

	snprintf(path, sizeof(path), "%s/rows.1", home->dir);
	fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &is), 0);
	assert_int_equal(pwrite(fd, &version, 1, 13), 1);
	assert_int_equal(pwrite(fd, &version, 1, is.st_size - 3), 1);
	close(fd);
}

static void older_rows_without_a_pdq_were_not_tried(void **state)
{
	static const struct {
		char version;
		uint8_t put, back;
		enum hf_err want;
	} rows[] = {
		{ '3', HF_ROW_NO_PDQ, HF_ROW_NO_PDQ, HF_OK },
		{ '2', HF_ROW_NO_PDQ, HF_ROW_NOT_TRIED, HF_OK },
		{ '2', HF_ROW_NOT_TRIED, HF_ROW_NOT_TRIED, HF_OK },
		{ '2', 0, 0, HF_OK },
		{ '1', 0, 0, HF_E_CORRUPT },
	};
	struct home *home = *state;
	const struct hf_row *back;
	struct hf_shelf_cursor *cursor;
	struct hf_why why = { "" };

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_row row = a_row("/srv/a");
		enum hf_err err;

		hf_inventory_close(home->inventory);
		home->inventory = NULL;
		assert_ok(hf_inventory_open(home->dir, true, &home->inventory,
					    &why),
			  &why);
		row.quality = rows[i].put;
		assert_ok(hf_inventory_put(home->inventory, HF_INVENTORY_ALL,
					   &row, &why),
			  &why);
		assert_ok(hf_inventory_save(home->inventory, &why), &why);
		hf_inventory_close(home->inventory);
		home->inventory = NULL;
		set_version(home, rows[i].version);
		err = hf_inventory_open(home->dir, false, &home->inventory,
					&why);
		assert_int_equal(err, rows[i].want);
		if (err != HF_OK)
			break;
		assert_ok(hf_shelf_begin(hf_inventory_shelf(home->inventory,
							    HF_INVENTORY_ALL),
					 &cursor, &why),
			  &why);
		assert_ok(hf_shelf_next(cursor, &back, &why), &why);
		assert_int_equal(back->quality, rows[i].back);
		hf_shelf_end(cursor);
	}
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
		cmocka_unit_test_setup_teardown(
			the_newest_row_of_a_path_counts_through_all_merges,
			set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			what_is_gone_is_in_no_file_of_a_shelf_that_settled,
			set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			what_was_not_saved_is_not_there_and_leaves_no_files,
			set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			long_videos_do_not_pile_up_in_memory, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(
			older_rows_without_a_pdq_were_not_tried, set_up,
			tear_down),
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
