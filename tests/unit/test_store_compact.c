#include "unit.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "file.h"

#include "death.h"
#include "shelf.h"

#define MARKER "a marker that nobody else would write"

/* --- what lies in the file ---------------------------------------------------
 */

static bool is_in_file(const struct shelf *shelf, const char *text)
{
	char path[160];
	struct hf_why why = { "" };
	struct hf_buf file;
	bool is_there;

	snprintf(path, sizeof(path), "%s/data.mdb", shelf->dir);
	hf_buf_init(&file, (size_t)256 << 20);
	assert_ok(hf_file_read(path, &file, &why), &why);
	is_there = memmem(hf_buf_span(&file).at, hf_buf_span(&file).len_bytes,
			  text, strlen(text)) != NULL;
	hf_buf_release(&file);
	return is_there;
}

static bool has_copy(const struct shelf *shelf)
{
	char path[160];
	struct stat st;

	snprintf(path, sizeof(path), "%s.compact", shelf->dir);
	return stat(path, &st) == 0;
}

static enum hf_err del(struct hf_store *store, size_t table, const char *key,
		       struct hf_why *why)
{
	struct hf_store_txn *txn;
	enum hf_err err = hf_store_write_begin(store, &txn, why);

	if (err != HF_OK)
		return err;
	err = hf_store_del(txn, table, hf_span_of(key), why);
	if (err == HF_OK)
		return hf_store_commit(txn, why);
	hf_store_abort(txn);
	return err;
}

/* A value that begins with the marker, small or of several pages. */
static struct hf_span marked(size_t len)
{
	static uint8_t bytes[50000];

	memset(bytes, 'x', sizeof(bytes));
	memcpy(bytes, MARKER, strlen(MARKER));
	return hf_span(bytes, len);
}

static void what_is_deleted_or_replaced_is_nowhere_in_the_file(void **state)
{
	static const size_t sizes[] = { 60, 1500, 50000 };
	struct shelf *shelf = *state;
	struct hf_why why = { "" };
	char key[16];

	for (size_t i = 0; i < ROWS(sizes); i++) {
		reopen(shelf);
		for (unsigned j = 0; j < 300; j++) {
			snprintf(key, sizeof(key), "%08u", j);
			assert_ok(put(shelf->store, FRUIT, key, BYTES("stays"),
				      &why),
				  &why);
		}
		assert_ok(put(shelf->store, FRUIT, "00000100a",
			      marked(sizes[i]), &why),
			  &why);
		assert_ok(put(shelf->store, STONES, "replaced",
			      marked(sizes[i]), &why),
			  &why);
		assert_true(is_in_file(shelf, MARKER));
		assert_ok(del(shelf->store, FRUIT, "00000100a", &why), &why);
		assert_ok(put(shelf->store, STONES, "replaced", BYTES("short"),
			      &why),
			  &why);
		/* This is why: the bytes are still there. */
		assert_true(is_in_file(shelf, MARKER));
		assert_ok(hf_store_compact(shelf->store, NULL, &why), &why);
		assert_false(is_in_file(shelf, MARKER));
		assert_false(has_copy(shelf));
		assert_true(has(shelf->store, FRUIT, "00000299", "stays"));
		assert_true(has(shelf->store, STONES, "replaced", "short"));
		assert_ok(put(shelf->store, FRUIT, "after", BYTES("1"), &why),
			  &why);
		reopen(shelf);
		assert_false(is_in_file(shelf, MARKER));
		assert_true(has(shelf->store, FRUIT, "00000000", "stays"));
		assert_true(has(shelf->store, FRUIT, "after", "1"));
	}
}

/* --- while others read and write ---------------------------------------------
 */

#define COPIES 30
#define WRITES 100 /* for each */

struct busy {
	struct shelf *shelf;
	sem_t allowed; /* to be written: what grows without end is never copied
			* on a fast disk */
	atomic_bool is_over;
	atomic_bool has_failed;
	unsigned written; /* keys 0 to this are there, but each third */
	size_t nuts;      /* a table that was made meanwhile */
};

static enum hf_err write_some(void *arg, struct hf_store_txn *txn,
			      struct hf_why *why)
{
	struct busy *busy = arg;
	char key[16], last[16];
	uint8_t *room;
	enum hf_err err;

	snprintf(key, sizeof(key), "%08u", busy->written);
	err = hf_store_append(txn, FRUIT, hf_span_of(key), 4, &room, why);
	if (err != HF_OK)
		return err;
	memcpy(room, "good", 4);
	err = hf_store_put(txn, STONES, BYTES("latest"), hf_span_of(key), why);
	if (err == HF_OK && busy->written % 3 == 2) {
		snprintf(last, sizeof(last), "%08u", busy->written - 1);
		err = hf_store_del(txn, FRUIT, hf_span_of(last), why);
	}
	if (err == HF_OK && busy->written == 20)
		err = hf_store_table(txn, "nuts", &busy->nuts, why);
	if (err == HF_OK && busy->written >= 20)
		err = hf_store_put(txn, busy->nuts, hf_span_of(key),
				   BYTES("nut"), why);
	return err;
}

static void *write_always(void *arg)
{
	struct busy *busy = arg;

	while (!atomic_load(&busy->is_over) || busy->written < 50) {
		struct hf_store_txn *txn;

		sem_wait(&busy->allowed);
		if (hf_store_write(busy->shelf->store, write_some, busy,
				   NULL) != HF_OK)
			break;
		busy->written++;
		/* And now and then something that does not come to be. */
		if (busy->written % 7 != 0)
			continue;
		if (hf_store_write_begin(busy->shelf->store, &txn, NULL) !=
		    HF_OK)
			break;
		if (write_some(busy, txn, NULL) != HF_OK)
			atomic_store(&busy->has_failed, true);
		hf_store_abort(txn);
	}
	if (!atomic_load(&busy->is_over))
		atomic_store(&busy->has_failed, true);
	return NULL;
}

static void *read_always(void *arg)
{
	struct busy *busy = arg;

	while (!atomic_load(&busy->is_over)) {
		struct hf_store_txn *view;
		struct hf_span value;

		if (hf_store_view_begin(busy->shelf->store, &view, NULL) !=
		    HF_OK) {
			atomic_store(&busy->has_failed, true);
			break;
		}
		if (hf_store_get(view, FRUIT, BYTES("00000000"), &value,
				 NULL) != HF_OK ||
		    !hf_span_is(value, "good"))
			atomic_store(&busy->has_failed, true);
		hf_store_view_end(view);
	}
	return NULL;
}

/* Copies while they run; what the last of them said. */
static enum hf_err compact_often(struct busy *busy, struct hf_why *why)
{
	pthread_t writer, reader;
	enum hf_err err = HF_OK;

	assert_int_equal(sem_init(&busy->allowed, 0, WRITES), 0);
	assert_int_equal(pthread_create(&writer, NULL, write_always, busy), 0);
	assert_int_equal(pthread_create(&reader, NULL, read_always, busy), 0);
	for (int i = 0; i < COPIES && err == HF_OK; i++) {
		err = hf_store_compact(busy->shelf->store, NULL, why);
		for (int j = 0; j < WRITES; j++)
			sem_post(&busy->allowed);
	}
	atomic_store(&busy->is_over, true);
	sem_post(&busy->allowed);
	pthread_join(writer, NULL);
	pthread_join(reader, NULL);
	sem_destroy(&busy->allowed);
	return err;
}

static void check_written(struct busy *busy)
{
	char key[16];

	for (unsigned i = 0; i < busy->written; i++) {
		bool is_deleted = i % 3 == 1 && i + 1 < busy->written;

		snprintf(key, sizeof(key), "%08u", i);
		if (has(busy->shelf->store, FRUIT, key, "good") == is_deleted)
			fail_msg("key %u of %u", i, busy->written);
		if (i >= 20 && !has(busy->shelf->store, busy->nuts, key, "nut"))
			fail_msg("nut %u of %u", i, busy->written);
	}
	snprintf(key, sizeof(key), "%08u", busy->written - 1);
	assert_true(has(busy->shelf->store, STONES, "latest", key));
}

static void what_is_written_while_it_is_copied_is_in_the_new_file(void **state)
{
	struct shelf *shelf = *state;
	struct busy busy = { .shelf = shelf };
	struct hf_why why = { "" };
	struct hf_store_txn *txn;

	reopen(shelf);
	assert_ok(hf_store_write(shelf->store, write_some, &busy, &why), &why);
	busy.written++;
	assert_ok(compact_often(&busy, &why), &why);
	assert_false(atomic_load(&busy.has_failed));
	check_written(&busy);
	reopen(shelf);
	assert_ok(hf_store_write_begin(shelf->store, &txn, &why), &why);
	assert_ok(hf_store_table(txn, "nuts", &busy.nuts, &why), &why);
	assert_ok(hf_store_commit(txn, &why), &why);
	check_written(&busy);
}

static struct hf_store *written_to;
static bool has_written;

static enum hf_err append(const char *key, struct hf_store_txn **out_txn)
{
	uint8_t *room;
	enum hf_err err = hf_store_write_begin(written_to, out_txn, NULL);

	if (err != HF_OK)
		return err;
	err = hf_store_append(*out_txn, FRUIT, hf_span_of(key), 4, &room, NULL);
	if (err == HF_OK)
		memcpy(room, "good", 4);
	else
		hf_store_abort(*out_txn);
	return err;
}

/* What is given up is behind what is kept. */
static void give_up_and_append(void)
{
	struct hf_store_txn *txn;

	if (append("never", &txn) != HF_OK)
		return;
	hf_store_abort(txn);
	has_written = append("later", &txn) == HF_OK &&
		      hf_store_commit(txn, NULL) == HF_OK;
}

/* At that sync of the one thread there is. */
static long meanwhile_at;
static long syncs_count;

static void meanwhile(void)
{
	if (++syncs_count == meanwhile_at)
		give_up_and_append();
}

/* Nothing is asserted while something may happen meanwhile. */
static enum hf_err compact_meanwhile(struct hf_store *store, long at)
{
	enum hf_err err;

	meanwhile_at = at;
	syncs_count = 0;
	on_sync = meanwhile;
	err = hf_store_compact(store, NULL, NULL);
	on_sync = NULL;
	return err;
}

static void what_follows_an_append_that_was_given_up_is_copied(void **state)
{
	struct shelf *shelf = *state;
	struct hf_why why = { "" };

	reopen(shelf);
	written_to = shelf->store;
	has_written = false;
	assert_ok(put(shelf->store, FRUIT, "apple", BYTES("good"), &why), &why);
	/* The last sync of a copy that nobody disturbs is behind its last key,
	 * and before it looks for changes. */
	assert_int_equal(compact_meanwhile(shelf->store, LONG_MAX), HF_OK);
	assert_int_equal(compact_meanwhile(shelf->store, syncs_count), HF_OK);
	assert_true(has_written);
	reopen(shelf);
	assert_true(has(shelf->store, FRUIT, "later", "good"));
	assert_false(has(shelf->store, FRUIT, "never", "good"));
}

static void a_copy_that_is_stopped_or_was_left_changes_nothing(void **state)
{
	struct shelf *shelf = *state;
	atomic_bool is_over = true;
	struct hf_why why = { "" };
	char path[160];

	reopen(shelf);
	assert_ok(put(shelf->store, FRUIT, "apple", BYTES("red"), &why), &why);
	assert_int_equal(hf_store_compact(shelf->store, &is_over, &why),
			 HF_E_CANCELLED);
	assert_false(has_copy(shelf));
	assert_true(has(shelf->store, FRUIT, "apple", "red"));
	assert_ok(put(shelf->store, FRUIT, "pear", BYTES("green"), &why), &why);

	snprintf(path, sizeof(path), "%s.compact", shelf->dir);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s.compact/data.mdb", shelf->dir);
	assert_ok(hf_file_create(path, BYTES("half a file"), 0600, &why), &why);
	reopen(shelf);
	assert_false(has_copy(shelf));
	assert_ok(hf_store_compact(shelf->store, NULL, &why), &why);
	assert_true(has(shelf->store, FRUIT, "pear", "green"));
}

static void a_table_larger_than_a_step_is_copied_whole(void **state)
{
	struct shelf *shelf = *state;
	struct hf_why why = { "" };
	struct hf_store_txn *txn;
	char key[16];

	reopen(shelf);
	assert_ok(hf_store_write_begin(shelf->store, &txn, &why), &why);
	for (unsigned i = 0; i < 20000; i++) {
		snprintf(key, sizeof(key), "%08u", i);
		assert_ok(hf_store_put(txn, FRUIT, hf_span_of(key),
				       hf_span_of(key), &why),
			  &why);
	}
	for (unsigned i = 0; i < 200; i++) {
		snprintf(key, sizeof(key), "%08u", i);
		assert_ok(hf_store_put(txn, STONES, hf_span_of(key),
				       marked(50000), &why),
			  &why);
	}
	assert_ok(hf_store_commit(txn, &why), &why);
	assert_ok(hf_store_compact(shelf->store, NULL, &why), &why);
	for (unsigned i = 0; i < 20000; i++) {
		snprintf(key, sizeof(key), "%08u", i);
		if (!has(shelf->store, FRUIT, key, key))
			fail_msg("key %u is gone", i);
	}
	assert_ok(hf_store_view_begin(shelf->store, &txn, &why), &why);
	for (unsigned i = 0; i < 200; i++) {
		struct hf_span value;

		snprintf(key, sizeof(key), "%08u", i);
		assert_ok(hf_store_get(txn, STONES, hf_span_of(key), &value,
				       &why),
			  &why);
		assert_true(hf_span_equal(value, marked(50000)));
	}
	hf_store_view_end(txn);
}

/* --- killed
 * --------------------------------------------------------------------
 */

/* Copy, and write while the copy is made and after it; says each key that was
 * committed, and "." when it came to the end. */
static void copy_and_write(struct shelf *shelf, long dies_at, int out)
{
	struct hf_store_options options = options_of(shelf);
	char key[16];

	if (hf_store_open(&options, &shelf->store, NULL) != HF_OK)
		_exit(3);
	atomic_store(&countdown, dies_at);
	for (unsigned i = 0; i < 3; i++) {
		snprintf(key, sizeof(key), "new-%u", i);
		if (put(shelf->store, FRUIT, key, BYTES("new"), NULL) != HF_OK)
			_exit(4);
		dprintf(out, "%u", i);
		if (hf_store_compact(shelf->store, NULL, NULL) != HF_OK)
			_exit(5);
	}
	dprintf(out, ".");
	kill(getpid(), SIGKILL);
}

/* True when it died before its end. */
static bool run_and_die(struct shelf *shelf, long dies_at, char said[8])
{
	int ends[2], status;
	ssize_t got, len = 0;
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(ends[0]);
		copy_and_write(shelf, dies_at, ends[1]);
	}
	close(ends[1]);
	while (len < 7 &&
	       (got = read(ends[0], said + len, 7 - (size_t)len)) > 0)
		len += got;
	said[len] = '\0';
	close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	return strchr(said, '.') == NULL;
}

static void death_at_any_write_sync_or_rename_loses_nothing(void **state)
{
	struct shelf *shelf = *state;
	struct hf_why why = { "" };
	bool has_died = true;
	long at;

	for (at = 1; has_died; at++) {
		char said[8], key[16];

		reopen(shelf);
		assert_ok(put(shelf->store, FRUIT, "old", BYTES("1"), &why),
			  &why);
		for (unsigned i = 0; i < 3; i++) {
			snprintf(key, sizeof(key), "new-%u", i);
			assert_ok(put(shelf->store, FRUIT, key, BYTES("none"),
				      &why),
				  &why);
		}
		hf_store_close(shelf->store);
		shelf->store = NULL;
		has_died = run_and_die(shelf, at, said);
		reopen(shelf);
		assert_false(has_copy(shelf));
		assert_true(has(shelf->store, FRUIT, "old", "1"));
		for (unsigned i = 0;
		     strchr("012", said[i]) != NULL && said[i] != '\0'; i++) {
			snprintf(key, sizeof(key), "new-%u", i);
			if (!has(shelf->store, FRUIT, key, "new"))
				fail_msg("death at call %ld: %s is lost", at,
					 key);
		}
	}
	/* Three commits, copies and swaps have many more than that. */
	assert_true(at > 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SHELF_TEST(what_is_deleted_or_replaced_is_nowhere_in_the_file),
		SHELF_TEST(
			what_is_written_while_it_is_copied_is_in_the_new_file),
		SHELF_TEST(what_follows_an_append_that_was_given_up_is_copied),
		SHELF_TEST(a_copy_that_is_stopped_or_was_left_changes_nothing),
		SHELF_TEST(a_table_larger_than_a_step_is_copied_whole),
		SHELF_TEST(death_at_any_write_sync_or_rename_loses_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
