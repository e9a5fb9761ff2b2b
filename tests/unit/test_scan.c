/*
 * The parts of a scan: files in the order of rows, no more of them in a second
 * than is wanted, and what tells that one was changed.
 */
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "inventory_row.h"
#include "scan_rate.h"
#include "scan_row.h"
#include "scan_walk.h"

/* ---- walks ---- */

static char folder[] = "/tmp/hf-scan-XXXXXX";

struct seen {
	char paths[16][HF_SCAN_PATH_SIZE];
	size_t count, failed, left;
};

static enum hf_err on_file(void *arg, size_t root, const char *path,
			   const struct stat *is, struct hf_why *why)
{
	struct seen *seen = arg;

	assert_true(S_ISREG(is->st_mode));
	assert_true(seen->count < ROWS(seen->paths));
	strcpy(seen->paths[seen->count++], path);
	return HF_OK;
}

static enum hf_err on_bad(void *arg, size_t root, const char *path,
			  const char *sentence, struct hf_why *why)
{
	((struct seen *)arg)->failed++;
	return HF_OK;
}

static enum hf_err on_left(void *arg, size_t root, struct hf_why *why)
{
	((struct seen *)arg)->left++;
	return HF_OK;
}

static void touch(const char *name)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
}

static int make_tree(void **state)
{
	static const char *const dirs[] = { "a", "a.d", "b" };
	char path[256];

	assert_non_null(mkdtemp(folder));
	for (size_t i = 0; i < ROWS(dirs); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, dirs[i]);
		assert_int_equal(mkdir(path, 0700), 0);
	}
	touch("a/1");
	touch("a/2");
	touch("a!");
	touch("a.d/1");
	touch("b/1");
	touch("c");
	snprintf(path, sizeof(path), "%s/link", folder);
	return symlink("c", path);
}

static int drop_tree(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

static void a_walk_comes_in_the_order_of_rows(void **state)
{
	static const char *const want[] = { "a/1",   "a/2", "a!",
					    "a.d/1", "b/1", "c" };
	static struct seen seen;
	const struct hf_scan_visitor visitor = { on_file, on_bad, on_left,
						 &seen };
	struct hf_why why = { "" };
	char *roots[] = { folder };

	assert_ok(hf_scan_walk(roots, 1, &visitor, &why), &why);
	assert_int_equal(seen.count, ROWS(want));
	assert_int_equal(seen.failed, 0);
	assert_int_equal(seen.left, 1);
	for (size_t i = 0; i < ROWS(want); i++) {
		assert_string_equal(seen.paths[i] + strlen(folder) + 1,
				    want[i]);
		if (i > 0)
			assert_true(hf_row_compare(seen.paths[i - 1],
						   seen.paths[i]) < 0);
	}
}

static void a_root_that_is_not_there_fails_and_the_next_is_walked(void **state)
{
	static struct seen seen;
	const struct hf_scan_visitor visitor = { on_file, on_bad, on_left,
						 &seen };
	struct hf_why why = { "" };
	char none[] = "/no/such/place", *roots[] = { none, folder };

	assert_ok(hf_scan_walk(roots, 2, &visitor, &why), &why);
	assert_int_equal(seen.failed, 1);
	assert_int_equal(seen.left, 2);
	assert_int_equal(seen.count, 6);
}

/* ---- rates, by a clock of our own ---- */

static void a_rate_is_read_or_refused(void **state)
{
	static const struct {
		const char *text;
		enum hf_err want;
		uint64_t per_second;
		bool is_bytes;
	} rows[] = {
		{ "200/s", HF_OK, 200, false },
		{ "1/s", HF_OK, 1, false },
		{ "20MiB/s", HF_OK, (uint64_t)20 << 20, true },
		{ "3kib/s", HF_OK, 3 << 10, true },
		{ "1GiB/s", HF_OK, (uint64_t)1 << 30, true },
		{ "0/s", HF_E_ARGUMENT, 0, false },
		{ "200", HF_E_ARGUMENT, 0, false },
		{ "/s", HF_E_ARGUMENT, 0, false },
		{ "-1/s", HF_E_ARGUMENT, 0, false },
		{ "1.5/s", HF_E_ARGUMENT, 0, false },
		{ "20MB/s", HF_E_ARGUMENT, 0, false },
		{ "20 MiB/s", HF_E_ARGUMENT, 0, false },
		{ "99999999999999999999/s", HF_E_ARGUMENT, 0, false },
		{ "9999999999999GiB/s", HF_E_ARGUMENT, 0, false },
		{ "", HF_E_ARGUMENT, 0, false },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_scan_rate rate = { 0 };
		struct hf_why why = { "" };

		if (hf_scan_rate_parse(hf_span_of(rows[i].text), 0, &rate,
				       &why) != rows[i].want ||
		    rate.per_second != rows[i].per_second ||
		    rate.is_bytes != rows[i].is_bytes)
			fail_msg("'%s': %s", rows[i].text, why.text);
	}
}

/* Files of one size for so long: how many were let through. */
static uint64_t let_through(const char *text, uint64_t size_bytes,
			    uint64_t for_us)
{
	struct hf_scan_rate rate;
	uint64_t now_us = 1000000, end_us = now_us + for_us, count = 0;

	assert_int_equal(
		hf_scan_rate_parse(hf_span_of(text), now_us, &rate, NULL),
		HF_OK);
	while (now_us < end_us) {
		uint64_t wait_us = hf_scan_rate_wait_us(&rate, now_us);

		now_us += wait_us;
		if (wait_us > 0)
			continue;
		hf_scan_rate_take(&rate, size_bytes);
		count++;
	}
	return count;
}

static void a_rate_holds_over_any_time_but_for_its_first_second(void **state)
{
	uint64_t count;

	count = let_through("200/s", 1 << 20, 60000000);
	assert_in_range(count, 200 * 60, 200 * 61 + 1);
	count = let_through("20MiB/s", 1 << 20, 60000000);
	assert_in_range(count, 20 * 60 - 1, 20 * 61 + 1);
	/* One file that is larger than a second's worth is paid off. */
	count = let_through("1MiB/s", 10 << 20, 60000000);
	assert_in_range(count, 6, 7);
	/* A pause saves up a second, not more. */
	struct hf_scan_rate rate;

	assert_int_equal(hf_scan_rate_parse(BYTES("10/s"), 0, &rate, NULL),
			 HF_OK);
	for (count = 0;
	     hf_scan_rate_wait_us(&rate, (uint64_t)3600 * 1000000) == 0;
	     count++)
		hf_scan_rate_take(&rate, 1);
	assert_int_equal(count, 10);
}

/* ---- changes ---- */

static void a_change_shows_in_any_of_what_is_compared(void **state)
{
	struct hf_media_result result = { .pdq_err = HF_E_UNSUPPORTED };
	uint8_t digests[HF_ROW_ALL_BYTES];
	struct stat is = { .st_size = 5, .st_ino = 7 }, other;
	uint32_t stamp;
	struct hf_row row;

	is.st_mtim.tv_sec = 1770000000;
	is.st_mtim.tv_nsec = 123456789;
	stamp = hf_scan_stamp_of(&is, 1770000100);
	row = hf_scan_row_of("/x", &result, stamp, HF_SCAN_FULL, digests);
	assert_true(hf_scan_row_holds(&row, &is, HF_SCAN_FULL));
	other = is;
	other.st_size++;
	assert_false(hf_scan_row_holds(&row, &other, HF_SCAN_FULL));
	other = is;
	other.st_ino++;
	assert_false(hf_scan_row_holds(&row, &other, HF_SCAN_FULL));
	other = is;
	other.st_mtim.tv_sec--;
	assert_false(hf_scan_row_holds(&row, &other, HF_SCAN_FULL));
	other = is;
	other.st_mtim.tv_nsec++;
	assert_false(hf_scan_row_holds(&row, &other, HF_SCAN_FULL));
	/* Read with --quick, its picture was not looked at. */
	row = hf_scan_row_of("/x", &result, stamp, HF_SCAN_QUICK, digests);
	assert_true(hf_scan_row_holds(&row, &is, HF_SCAN_QUICK));
	assert_false(hf_scan_row_holds(&row, &is, HF_SCAN_FULL));
}

/* Which scans read a file again, by how closely the one before looked. */
static void what_was_not_looked_at_is_read_again(void **state)
{
	const struct {
		enum hf_media_kind kind;
		size_t frames_count;
		enum hf_scan_depth before;
		bool holds[3]; /* for each depth */
	} rows[] = {
		{ HF_MEDIA_OTHER, 0, HF_SCAN_QUICK, { true, false, false } },
		{ HF_MEDIA_OTHER, 0, HF_SCAN_PICTURES, { true, true, true } },
		{ HF_MEDIA_OTHER, 0, HF_SCAN_FULL, { true, true, true } },
		{ HF_MEDIA_AVI, 0, HF_SCAN_QUICK, { true, false, false } },
		{ HF_MEDIA_AVI, 0, HF_SCAN_PICTURES, { true, true, false } },
		/* All of it was black. */
		{ HF_MEDIA_AVI, 0, HF_SCAN_FULL, { true, true, true } },
		{ HF_MEDIA_AVI, 1, HF_SCAN_FULL, { true, true, true } },
	};
	static const uint8_t frame[HF_PDQ_BYTES];
	uint8_t digests[HF_ROW_ALL_BYTES];
	struct stat is = { .st_size = 5, .st_ino = 7 };
	uint32_t stamp = hf_scan_stamp_of(&is, 1770000100);

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_media_result result = {
			.pdq_err = HF_E_UNSUPPORTED,
			.kind = rows[i].kind,
			.frames = frame,
			.frames_count = rows[i].frames_count,
		};
		struct hf_row row = hf_scan_row_of("/x", &result, stamp,
						   rows[i].before, digests);

		for (int depth = 0; depth < 3; depth++) {
			if (hf_scan_row_holds(&row, &is,
					      (enum hf_scan_depth)depth) !=
			    rows[i].holds[depth])
				fail_msg("row %zu, depth %d", i, depth);
		}
	}
}

static void a_file_that_has_just_changed_is_read_again(void **state)
{
	struct hf_media_result result = { .pdq_err = HF_OK, .quality = 3 };
	uint8_t digests[HF_ROW_ALL_BYTES];
	struct stat is = { .st_size = 5, .st_ino = 7 };

	is.st_mtim.tv_sec = 1770000000;
	for (int late = -4; late <= 4; late++) {
		uint32_t stamp =
			hf_scan_stamp_of(&is, (uint64_t)(1770000000 + late));
		struct hf_row row = hf_scan_row_of("/x", &result, stamp,
						   HF_SCAN_FULL, digests);

		assert_int_equal(hf_scan_row_holds(&row, &is, HF_SCAN_FULL),
				 late < -2 || late > 2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_walk_comes_in_the_order_of_rows),
		cmocka_unit_test(
			a_root_that_is_not_there_fails_and_the_next_is_walked),
		cmocka_unit_test(a_rate_is_read_or_refused),
		cmocka_unit_test(
			a_rate_holds_over_any_time_but_for_its_first_second),
		cmocka_unit_test(a_change_shows_in_any_of_what_is_compared),
		cmocka_unit_test(what_was_not_looked_at_is_read_again),
		cmocka_unit_test(a_file_that_has_just_changed_is_read_again),
	};

	return cmocka_run_group_tests(tests, make_tree, drop_tree);
}
