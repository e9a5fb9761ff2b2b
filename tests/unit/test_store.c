#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "file.h"

#include "shelf.h"

static void what_is_committed_is_there_after_reopening(void **state)
{
	struct shelf *shelf = *state;
	struct hf_why why = { "" };

	reopen(shelf);
	assert_ok(put(shelf->store, FRUIT, "apple", BYTES("red"), &why), &why);
	assert_ok(put(shelf->store, STONES, "apple", BYTES("no"), &why), &why);
	reopen(shelf);
	assert_true(has(shelf->store, FRUIT, "apple", "red"));
	assert_true(has(shelf->store, STONES, "apple", "no"));
	assert_false(has(shelf->store, STONES, "pear", ""));
}

static void an_aborted_write_leaves_nothing(void **state)
{
	struct shelf *shelf = *state;
	struct hf_why why = { "" };
	struct hf_store_txn *txn;
	size_t table;

	reopen(shelf);
	assert_ok(hf_store_write_begin(shelf->store, &txn, &why), &why);
	assert_ok(hf_store_put(txn, FRUIT, BYTES("fig"), BYTES("1"), &why),
		  &why);
	assert_ok(hf_store_table(txn, "nuts", &table, &why), &why);
	assert_int_equal(table, 2);
	hf_store_abort(txn);
	assert_false(has(shelf->store, FRUIT, "fig", "1"));
	assert_ok(hf_store_view_begin(shelf->store, &txn, &why), &why);
	assert_int_equal(hf_store_table(txn, "nuts", &table, NULL),
			 HF_E_NOTFOUND);
	hf_store_view_end(txn);
}

static void a_view_does_not_see_what_came_after_it(void **state)
{
	struct shelf *shelf = *state;
	struct hf_why why = { "" };
	struct hf_store_txn *view;
	struct hf_store_stats stats;
	struct hf_span value = BYTES("untouched");

	reopen(shelf);
	assert_ok(hf_store_view_begin(shelf->store, &view, &why), &why);
	assert_ok(put(shelf->store, FRUIT, "kiwi", BYTES("green"), &why), &why);
	assert_int_equal(hf_store_get(view, FRUIT, BYTES("kiwi"), &value, NULL),
			 HF_E_NOTFOUND);
	assert_true(hf_span_is(value, "untouched"));
	assert_ok(hf_store_stats(shelf->store, &stats, &why), &why);
	assert_int_equal(stats.views_count, 1);
	hf_store_view_end(view);
	assert_true(has(shelf->store, FRUIT, "kiwi", "green"));
	assert_ok(hf_store_stats(shelf->store, &stats, &why), &why);
	assert_int_equal(stats.views_count, 0);
	assert_int_equal(stats.view_oldest_us, 0);
	assert_ok(hf_store_check_readers(shelf->store, &why), &why);
}

static void tables_made_later_come_back(void **state)
{
	struct shelf *shelf = *state;
	struct hf_why why = { "" };
	struct hf_store_txn *txn;
	size_t table, again;

	reopen(shelf);
	assert_ok(hf_store_write_begin(shelf->store, &txn, &why), &why);
	assert_ok(hf_store_table(txn, "nuts", &table, &why), &why);
	assert_ok(hf_store_put(txn, table, BYTES("hazel"), BYTES("1"), &why),
		  &why);
	assert_ok(hf_store_commit(txn, &why), &why);
	assert_true(has(shelf->store, table, "hazel", "1"));
	reopen(shelf);
	assert_ok(hf_store_write_begin(shelf->store, &txn, &why), &why);
	assert_ok(hf_store_table(txn, "nuts", &again, &why), &why);
	for (int i = 0; i < 5; i++) {
		char name[16];
		size_t more;

		snprintf(name, sizeof(name), "more-%d", i);
		assert_ok(hf_store_table(txn, name, &more, &why), &why);
	}
	assert_int_equal(hf_store_table(txn, "one too many", &again, &why),
			 HF_E_LIMIT);
	assert_ok(hf_store_commit(txn, &why), &why);
	assert_true(has(shelf->store, table, "hazel", "1"));
}

static void append_wants_rising_keys(void **state)
{
	struct shelf *shelf = *state;
	struct hf_why why = { "" };
	struct hf_store_txn *txn;
	uint8_t *room;

	reopen(shelf);
	assert_ok(hf_store_write_begin(shelf->store, &txn, &why), &why);
	assert_ok(hf_store_append(txn, FRUIT, BYTES("b"), 3, &room, &why),
		  &why);
	memcpy(room, "two", 3);
	assert_ok(hf_store_append(txn, FRUIT, BYTES("b\1"), 3, &room, &why),
		  &why);
	memcpy(room, "2.1", 3);
	assert_int_equal(
		hf_store_append(txn, FRUIT, BYTES("a"), 3, &room, &why),
		HF_E_CONFLICT);
	assert_int_equal(
		hf_store_append(txn, FRUIT, BYTES("b"), 3, &room, &why),
		HF_E_CONFLICT);
	assert_int_equal(hf_store_del(txn, FRUIT, BYTES("a"), &why),
			 HF_E_NOTFOUND);
	assert_ok(hf_store_commit(txn, &why), &why);
	assert_true(has(shelf->store, FRUIT, "b", "two"));
	assert_true(has(shelf->store, FRUIT, "b\1", "2.1"));
}

static void a_cursor_goes_through_a_table_in_order(void **state)
{
	static const char *const keys[] = { "a", "ab", "b", "c" };
	struct shelf *shelf = *state;
	struct hf_store_cursor *cursor;
	struct hf_why why = { "" };
	struct hf_store_txn *view;
	struct hf_span key, value;

	reopen(shelf);
	for (size_t i = ROWS(keys); i > 0; i--)
		assert_ok(put(shelf->store, FRUIT, keys[i - 1],
			      hf_span_of(keys[i - 1]), &why),
			  &why);
	assert_ok(hf_store_view_begin(shelf->store, &view, &why), &why);
	assert_ok(hf_store_cursor_open(view, FRUIT, &cursor, &why), &why);
	assert_ok(hf_store_cursor_seek(cursor, hf_span(NULL, 0), &key, &value,
				       &why),
		  &why);
	for (size_t i = 0; i < ROWS(keys); i++) {
		assert_true(hf_span_is(key, keys[i]));
		assert_true(hf_span_equal(key, value));
		assert_int_equal(
			hf_store_cursor_next(cursor, &key, &value, NULL),
			i + 1 < ROWS(keys) ? HF_OK : HF_E_NOTFOUND);
	}
	assert_ok(hf_store_cursor_seek(cursor, BYTES("aa"), &key, &value, &why),
		  &why);
	assert_true(hf_span_is(key, "ab"));
	assert_ok(hf_store_cursor_prev(cursor, &key, &value, &why), &why);
	assert_true(hf_span_is(key, "a"));
	assert_int_equal(hf_store_cursor_prev(cursor, &key, &value, NULL),
			 HF_E_NOTFOUND);
	assert_ok(hf_store_cursor_last(cursor, &key, &value, &why), &why);
	assert_true(hf_span_is(key, "c"));
	assert_int_equal(
		hf_store_cursor_seek(cursor, BYTES("d"), &key, &value, NULL),
		HF_E_NOTFOUND);
	hf_store_cursor_close(cursor);
	hf_store_view_end(view);
}

static void sizes_have_limits(void **state)
{
	static uint8_t big[HF_STORE_KEY_MAX_BYTES + 1];
	const struct {
		const char *name;
		struct hf_span key;
		enum hf_err want;
	} rows[] = {
		/* clang-format off */
		{ "empty",     { big, 0 },                      HF_E_LIMIT },
		{ "one",       { big, 1 },                      HF_OK },
		{ "at limit",  { big, HF_STORE_KEY_MAX_BYTES }, HF_OK },
		{ "one over",  { big, sizeof(big) },            HF_E_LIMIT },
		/* clang-format on */
	};
	struct shelf *shelf = *state;

	reopen(shelf);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_why why = { "" };
		struct hf_store_txn *txn;

		assert_ok(hf_store_write_begin(shelf->store, &txn, &why), &why);
		if (hf_store_put(txn, FRUIT, rows[i].key, BYTES("x"), &why) !=
		    rows[i].want)
			fail_msg("%s: %s", rows[i].name, why.text);
		hf_store_abort(txn);
	}
}

static void a_second_store_on_one_directory_is_refused(void **state)
{
	struct shelf *shelf = *state;
	struct hf_store_options options = options_of(shelf);
	struct hf_why why = { "" };
	struct hf_store *second;
	int status;
	pid_t pid;

	reopen(shelf);
	assert_int_equal(hf_store_open(&options, &second, &why), HF_E_BUSY);
	assert_non_null(strstr(why.text, "in use by process"));
	pid = fork();
	if (pid == 0)
		_exit(hf_store_open(&options, &second, NULL) == HF_E_BUSY ? 0
									  : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void files_that_are_not_ours_are_refused(void **state)
{
	struct shelf *shelf = *state;
	struct hf_store_options options = options_of(shelf);
	struct hf_why why = { "" };
	struct hf_store *store;
	char path[160];

	reopen(shelf);
	hf_store_close(shelf->store);
	shelf->store = NULL;

	options.format = "test/2";
	assert_int_equal(hf_store_open(&options, &store, &why),
			 HF_E_UNSUPPORTED);
	assert_non_null(strstr(why.text, "test/1"));
	assert_non_null(strstr(why.text, "test/2"));

	options = options_of(shelf);
	snprintf(path, sizeof(path), "%s/data.mdb", shelf->dir);
	assert_int_equal(truncate(path, 100), 0);
	assert_int_equal(hf_store_open(&options, &store, &why), HF_E_CORRUPT);
	assert_int_equal(unlink(path), 0);
	snprintf(path, sizeof(path), "%s/letter.txt", shelf->dir);
	assert_ok(hf_file_create(path, BYTES("hello"), 0600, &why), &why);
	assert_int_equal(hf_store_open(&options, &store, &why), HF_E_CORRUPT);
	assert_non_null(strstr(why.text, "not a store"));
}

static void what_can_be_built_again_takes_anothers_place(void **state)
{
	struct shelf *shelf = *state;
	struct hf_store_options options = options_of(shelf);
	struct hf_why why = { "" };
	struct hf_store_txn *txn;
	struct hf_span value;

	reopen(shelf);
	assert_ok(hf_store_write_begin(shelf->store, &txn, &why), &why);
	assert_ok(hf_store_put(txn, 0, BYTES("a"), BYTES("1"), &why), &why);
	assert_ok(hf_store_commit(txn, &why), &why);
	hf_store_close(shelf->store);
	shelf->store = NULL;

	options.replaces_others = true;
	for (int i = 0; i < 2; i++) {
		/* Of its own format it is kept. */
		options.format = i == 0 ? "test/1" : "test/2";
		assert_ok(hf_store_open(&options, &shelf->store, &why), &why);
		assert_ok(hf_store_view_begin(shelf->store, &txn, &why), &why);
		assert_int_equal(hf_store_get(txn, 0, BYTES("a"), &value, NULL),
				 i == 0 ? HF_OK : HF_E_NOTFOUND);
		hf_store_view_end(txn);
		hf_store_close(shelf->store);
		shelf->store = NULL;
	}
}

static void a_half_made_store_is_made_again(void **state)
{
	struct shelf *shelf = *state;
	struct hf_why why = { "" };
	char path[160];

	snprintf(path, sizeof(path), "%s.new", shelf->dir);
	assert_ok(hf_file_mkdirs(path, 0700, &why), &why);
	snprintf(path, sizeof(path), "%s.new/data.mdb", shelf->dir);
	assert_ok(hf_file_create(path, BYTES("half"), 0600, &why), &why);
	/* An empty directory is as good as none: systemd makes them. */
	assert_ok(hf_file_mkdirs(shelf->dir, 0700, &why), &why);
	reopen(shelf);
	assert_ok(put(shelf->store, FRUIT, "plum", BYTES("blue"), &why), &why);
	assert_true(has(shelf->store, FRUIT, "plum", "blue"));
}

struct worker {
	struct hf_store *store;
	size_t failures;
};

static void *write_some(void *arg)
{
	struct worker *worker = arg;

	for (int i = 0; i < 20; i++) {
		char key[16];

		snprintf(key, sizeof(key), "%d", i);
		if (put(worker->store, FRUIT, key, BYTES("x"), NULL) != HF_OK)
			worker->failures++;
	}
	return NULL;
}

static void *read_some(void *arg)
{
	struct worker *worker = arg;

	for (int i = 0; i < 200; i++) {
		struct hf_store_txn *view;
		struct hf_span value;
		enum hf_err err;

		if (hf_store_view_begin(worker->store, &view, NULL) != HF_OK) {
			worker->failures++;
			continue;
		}
		err = hf_store_get(view, FRUIT, BYTES("1"), &value, NULL);
		if (err != HF_OK && err != HF_E_NOTFOUND)
			worker->failures++;
		hf_store_view_end(view);
	}
	return NULL;
}

static void many_threads_read_and_write(void **state)
{
	struct shelf *shelf = *state;
	struct worker workers[6];
	pthread_t threads[6];

	reopen(shelf);
	for (size_t i = 0; i < ROWS(threads); i++) {
		workers[i] = (struct worker){ .store = shelf->store };
		assert_int_equal(pthread_create(&threads[i], NULL,
						i < 2 ? write_some : read_some,
						&workers[i]),
				 0);
	}
	for (size_t i = 0; i < ROWS(threads); i++)
		pthread_join(threads[i], NULL);
	for (size_t i = 0; i < ROWS(threads); i++)
		assert_int_equal(workers[i].failures, 0);
}

/* Write rising numbers until killed; tell each one once it is committed. */
static void write_until_killed(const struct shelf *shelf, int out)
{
	struct hf_store_options options = options_of(shelf);
	struct hf_store *store;
	char key[16];

	if (hf_store_open(&options, &store, NULL) != HF_OK)
		_exit(3);
	for (uint32_t i = 0;; i++) {
		snprintf(key, sizeof(key), "%08u", i);
		if (put(store, FRUIT, key, hf_span_of(key), NULL) != HF_OK)
			_exit(4);
		if (write(out, &i, sizeof(i)) != sizeof(i))
			_exit(5);
	}
}

static void a_killed_writer_loses_nothing_it_committed(void **state)
{
	struct shelf *shelf = *state;

	for (int round = 0; round < 10; round++) {
		uint32_t last = 0, told;
		int ends[2], status;
		char key[16];
		pid_t pid;

		assert_int_equal(pipe(ends), 0);
		pid = fork();
		if (pid == 0) {
			close(ends[0]);
			write_until_killed(shelf, ends[1]);
		}
		close(ends[1]);
		while (read(ends[0], &told, sizeof(told)) == sizeof(told)) {
			last = told;
			if (told == (uint32_t)(3 + 2 * round))
				kill(pid, SIGKILL);
		}
		close(ends[0]);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		reopen(shelf);
		for (uint32_t i = 0; i <= last; i++) {
			snprintf(key, sizeof(key), "%08u", i);
			assert_true(has(shelf->store, FRUIT, key, key));
		}
		hf_store_close(shelf->store);
		shelf->store = NULL;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SHELF_TEST(what_is_committed_is_there_after_reopening),
		SHELF_TEST(an_aborted_write_leaves_nothing),
		SHELF_TEST(a_view_does_not_see_what_came_after_it),
		SHELF_TEST(tables_made_later_come_back),
		SHELF_TEST(append_wants_rising_keys),
		SHELF_TEST(a_cursor_goes_through_a_table_in_order),
		SHELF_TEST(sizes_have_limits),
		SHELF_TEST(a_second_store_on_one_directory_is_refused),
		SHELF_TEST(files_that_are_not_ours_are_refused),
		SHELF_TEST(what_can_be_built_again_takes_anothers_place),
		SHELF_TEST(a_half_made_store_is_made_again),
		SHELF_TEST(a_killed_writer_loses_nothing_it_committed),
		SHELF_TEST(many_threads_read_and_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
