/*
 * The index from other processes while one writes: what is seen, when, and
 * what becomes of readers when the writer dies.
 */
#include "match_place.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <time.h>

static void what_is_written_is_seen_by_another_process_at_once(void **state)
{
	struct place *place = *state;
	struct helper helper;
	struct hf_why why = { "" };
	struct reply reply;

	open_index(place);
	start_helper(&helper, place->dir);
	assert_int_equal(ask(&helper, HF_ALGORITHM_SHA256, 1, false).count, 0);
	add_ok(place->index, HF_ALGORITHM_SHA256, 3, 1);
	add_ok(place->index, HF_ALGORITHM_PDQ, 3, 2);
	reply = ask(&helper, HF_ALGORITHM_SHA256, 1, false);
	assert_int_equal(reply.count, 1);
	assert_int_equal(reply.class, HF_CLASS_NCII);
	/* Nothing had to be sealed for it. */
	assert_int_equal(reply.segments_count, 0);
	assert_true(reply.has_writer);
	assert_int_equal(ask(&helper, HF_ALGORITHM_PDQ, 2, true).count, 1);

	assert_ok(hf_index_demote(place->index, 3, 1, true, &why), &why);
	assert_true(ask(&helper, HF_ALGORITHM_SHA256, 1, false).is_demoted);
	assert_ok(hf_index_demote(place->index, 3, 1, false, &why), &why);
	assert_false(ask(&helper, HF_ALGORITHM_SHA256, 1, false).is_demoted);
	assert_ok(hf_index_amend(place->index, 3, 1, HF_CLASS_CSAM, &why),
		  &why);
	assert_int_equal(ask(&helper, HF_ALGORITHM_SHA256, 1, false).class,
			 HF_CLASS_CSAM);
	assert_ok(hf_index_remove(place->index, 3, 2, &why), &why);
	assert_int_equal(ask(&helper, HF_ALGORITHM_PDQ, 2, true).count, 0);
	assert_ok(hf_index_drop_set(place->index, 3, &why), &why);
	assert_int_equal(ask(&helper, HF_ALGORITHM_SHA256, 1, false).count, 0);
	add_ok(place->index, HF_ALGORITHM_SHA256, 3, 1);
	assert_int_equal(ask(&helper, HF_ALGORITHM_SHA256, 1, false).count, 1);
	stop_helper(&helper);
}

/* Memories and tables are replaced by others many times over. */
static void nothing_is_missed_as_memories_and_tables_are_replaced(void **state)
{
	struct place *place = *state;
	struct helper helper;
	struct hf_why why = { "" };

	open_index(place);
	start_helper(&helper, place->dir);
	for (uint64_t i = 0; i < less(20000); i++) {
		add_ok(place->index, HF_ALGORITHM_PDQ, 1, i);
		if (i % 3 == 0)
			assert_ok(hf_index_remove(place->index, 1, i, &why),
				  &why);
		if (i % 101 != 0)
			continue;
		for (uint64_t j = i > 2 ? i - 2 : 0; j <= i; j++)
			assert_int_equal(
				ask(&helper, HF_ALGORITHM_PDQ, j, j % 2 == 0)
					.count,
				j % 3 != 0);
	}
	assert_ok(hf_index_compact(place->index, &why), &why);
	for (uint64_t i = 0; i < less(20000); i += 97)
		assert_int_equal(
			ask(&helper, HF_ALGORITHM_PDQ, i, i % 2 == 0).count,
			i % 3 != 0);
	stop_helper(&helper);
}

static void *compact_until_told(void *arg)
{
	struct place *place = arg;

	return hf_index_compact(place->index, NULL) == HF_OK ? place : NULL;
}

static void a_merge_under_way_hides_nothing_new(void **state)
{
	struct place *place = *state;
	struct helper helper;
	struct hf_why why = { "" };
	uint64_t entry = 0;
	pthread_t merging;
	void *result = NULL;

	open_index(place);
	start_helper(&helper, place->dir);
	for (unsigned round = 0; round < less(12); round++) {
		int busy;

		for (unsigned i = 0; i < 2000; i++)
			add_ok(place->index, HF_ALGORITHM_PDQ, 1, entry++);
		assert_ok(hf_index_sync(place->index, &why), &why);
		assert_int_equal(pthread_create(&merging, NULL,
						compact_until_told, place),
				 0);
		do {
			add_ok(place->index, HF_ALGORITHM_SHA256, 2, entry);
			assert_int_equal(
				ask(&helper, HF_ALGORITHM_SHA256, entry, false)
					.count,
				1);
			assert_ok(hf_index_remove(place->index, 2, entry, &why),
				  &why);
			assert_int_equal(
				ask(&helper, HF_ALGORITHM_SHA256, entry, false)
					.count,
				0);
			entry++;
			busy = pthread_tryjoin_np(merging, &result);
		} while (busy != 0);
		assert_non_null(result);
	}
	stop_helper(&helper);
}

/*
 * Many readers while one writer does everything, each in its process.
 */
struct race {
	atomic_uint_fast64_t added;
	atomic_uint_fast64_t removed; /* even entries below this */
	atomic_uint_fast64_t looked;
	atomic_uint wrong;
	atomic_bool is_over;
};

static struct race *race_new(void)
{
	void *at = mmap(NULL, sizeof(struct race), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_true(at != MAP_FAILED);
	return at;
}

static void race_reader(const char *dir, struct race *race, uint64_t turn)
{
	struct hf_index *index;

	if (hf_index_open_readonly(dir, &index, NULL) != HF_OK)
		_exit(1);
	while (!atomic_load(&race->is_over)) {
		uint64_t added = atomic_load(&race->added);
		uint64_t removed = atomic_load(&race->removed);
		struct question question = { .algorithm = HF_ALGORITHM_PDQ };
		struct reply reply;
		uint64_t entry;

		if (added == 0)
			continue;
		turn = turn * 6364136223846793005u + 1442695040888963407u;
		entry = (turn >> 33) % added;
		/* Often the newest. */
		if (turn >> 62 == 0)
			entry = added - 1;
		question.is_near = (uint8_t)(turn >> 61 & 1);
		numbered_digest(entry, question.digest);
		answer_one(index, &question, &reply);
		if (reply.err != HF_OK)
			_exit(2);
		if (entry % 2 == 0 && entry < removed)
			atomic_fetch_add(&race->wrong, reply.count != 0);
		else if (entry % 2 != 0)
			atomic_fetch_add(&race->wrong, reply.count != 1);
		atomic_fetch_add(&race->looked, 1);
	}
	hf_index_close(index);
	_exit(0);
}

static enum hf_err race_write(struct hf_index *index, struct race *race,
			      uint64_t entry, struct hf_why *why)
{
	enum hf_err err = add_entry(index, HF_ALGORITHM_PDQ, 1, entry, why);

	if (err != HF_OK)
		return err;
	atomic_store(&race->added, entry + 1);
	if (entry % 4 == 3) {
		err = hf_index_remove(index, 1, entry / 4 * 2, why);
		if (err == HF_OK)
			atomic_store(&race->removed, entry / 4 * 2 + 1);
	}
	if (err == HF_OK && entry % 997 == 0)
		err = hf_index_sync(index, why);
	if (err == HF_OK && entry % 4999 == 0)
		err = hf_index_compact(index, why);
	return err;
}

static void readers_in_other_processes_see_a_whole_index(void **state)
{
	struct place *place = *state;
	struct race *race = race_new();
	struct hf_why why = { "" };
	enum hf_err err = HF_OK;
	pid_t readers[3];
	uint64_t entry = 0;

	open_index(place);
	for (unsigned i = 0; i < ROWS(readers); i++) {
		readers[i] = fork();
		assert_true(readers[i] >= 0);
		if (readers[i] == 0)
			race_reader(place->dir, race, i + 1);
	}
	/* Until they looked often enough, too. */
	while (err == HF_OK &&
	       (entry < less(10000) || atomic_load(&race->looked) < 1000)) {
		err = race_write(place->index, race, entry, &why);
		entry++;
	}
	atomic_store(&race->is_over, true);
	for (unsigned i = 0; i < ROWS(readers); i++) {
		int status;

		assert_int_equal(waitpid(readers[i], &status, 0), readers[i]);
		assert_int_equal(status, 0);
	}
	assert_ok(err, &why);
	assert_int_equal(atomic_load(&race->wrong), 0);
	munmap(race, sizeof(*race));
}

/*
 * Writers that die.
 */
static void write_and_wait(const char *dir, int told)
{
	struct hf_index *index;

	if (hf_index_open(dir, &index, NULL) != HF_OK)
		_exit(1);
	for (uint64_t i = 0; i < 100; i++) {
		if (add_entry(index, HF_ALGORITHM_PDQ, 1, i, NULL) != HF_OK)
			_exit(1);
	}
	if (hf_index_remove(index, 1, 7, NULL) != HF_OK ||
	    write(told, "+", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

/* Of the number in the live file that is odd while names are changed. */
static atomic_uint_fast64_t *generation_map(const char *dir)
{
	char path[4096];
	uint8_t *at;
	int fd;

	snprintf(path, sizeof(path), "%s/live", dir);
	fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(at != MAP_FAILED);
	close(fd);
	return (atomic_uint_fast64_t *)(void *)(at + 40);
}

struct opening {
	const char *dir;
	struct hf_index *index;
	enum hf_err err;
};

static void *open_reader(void *arg)
{
	struct opening *opening = arg;

	opening->err =
		hf_index_open_readonly(opening->dir, &opening->index, NULL);
	return NULL;
}

static void a_reader_waits_for_a_writer_in_the_middle_of_a_change(void **state)
{
	struct place *place = *state;
	struct opening opening = { .dir = place->dir };
	struct hf_why why = { "" };
	atomic_uint_fast64_t *generation;
	struct timespec soon;
	pthread_t thread;

	open_index(place);
	generation = generation_map(place->dir);
	atomic_fetch_add(generation, 1);
	assert_int_equal(pthread_create(&thread, NULL, open_reader, &opening),
			 0);
	clock_gettime(CLOCK_REALTIME, &soon);
	soon.tv_sec++;
	assert_int_equal(pthread_timedjoin_np(thread, NULL, &soon), ETIMEDOUT);
	atomic_fetch_add(generation, 1);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(opening.err, HF_OK);
	hf_index_close(opening.index);

	/* One who died there does not come to an end of it. */
	close_index(place);
	atomic_fetch_add(generation, 1);
	assert_int_equal(
		hf_index_open_readonly(place->dir, &opening.index, &why),
		HF_E_UNAVAILABLE);
	assert_non_null(strstr(why.text, "is being begun"));
	munmap((uint8_t *)generation - 40, 4096);
}

static void readers_go_on_after_the_writer_was_killed(void **state)
{
	struct place *place = *state;
	struct helper helper, later;
	int told[2], status;
	pid_t writer;
	char byte;

	assert_int_equal(pipe(told), 0);
	writer = fork();
	assert_true(writer >= 0);
	if (writer == 0)
		write_and_wait(place->dir, told[1]);
	/* A writer that ends without a word ends the wait for one. */
	close(told[1]);
	assert_int_equal(read(told[0], &byte, 1), 1);
	start_helper(&helper, place->dir);
	assert_true(ask(&helper, HF_ALGORITHM_PDQ, 8, true).has_writer);
	kill(writer, SIGKILL);
	assert_int_equal(waitpid(writer, &status, 0), writer);
	close(told[0]);

	/* Nothing was sealed: the mutable part outlives its writer. */
	start_helper(&later, place->dir);
	for (uint64_t i = 0; i < 100; i++) {
		struct reply one = ask(&helper, HF_ALGORITHM_PDQ, i, true);
		struct reply other = ask(&later, HF_ALGORITHM_PDQ, i, true);

		assert_int_equal(one.count, i != 7);
		assert_int_equal(other.count, i != 7);
		assert_false(one.has_writer || other.has_writer);
	}
	/* The next writer begins where the manifest says, and so do they. */
	open_index(place);
	assert_int_equal(hf_index_position(place->index, 1), 0);
	assert_int_equal(ask(&helper, HF_ALGORITHM_PDQ, 8, true).count, 0);
	add_ok(place->index, HF_ALGORITHM_PDQ, 1, 8);
	assert_int_equal(ask(&helper, HF_ALGORITHM_PDQ, 8, true).count, 1);
	assert_int_equal(ask(&later, HF_ALGORITHM_PDQ, 8, false).count, 1);
	assert_true(ask(&later, HF_ALGORITHM_PDQ, 8, true).has_writer);
	/* And after a clean end, too. */
	close_index(place);
	assert_int_equal(ask(&helper, HF_ALGORITHM_PDQ, 8, true).count, 1);
	assert_false(ask(&later, HF_ALGORITHM_PDQ, 8, true).has_writer);
	/* The later one holds the first one's pipe. */
	stop_helper(&later);
	stop_helper(&helper);
}

static void an_index_made_again_is_found_again(void **state)
{
	struct place *place = *state;
	struct helper helper;

	open_index(place);
	add_ok(place->index, HF_ALGORITHM_PDQ, 1, 1);
	start_helper(&helper, place->dir);
	assert_int_equal(ask(&helper, HF_ALGORITHM_PDQ, 1, true).count, 1);
	close_index(place);
	remove_files(place->dir);
	open_index(place);
	add_ok(place->index, HF_ALGORITHM_PDQ, 1, 2);
	/* It looks for other files now and then. */
	while (ask(&helper, HF_ALGORITHM_PDQ, 2, true).count == 0)
		;
	assert_int_equal(ask(&helper, HF_ALGORITHM_PDQ, 1, true).count, 0);
	stop_helper(&helper);
}

/*
 * Files that are not as they were left.
 */
static void change_file(const char *dir, const char *begins, off_t at,
			bool is_cut)
{
	char path[512] = "";
	struct dirent *found;
	DIR *files = opendir(dir);
	uint8_t byte = 0xff;
	int fd;

	assert_non_null(files);
	while ((found = readdir(files)) != NULL) {
		if (strncmp(found->d_name, begins, strlen(begins)) == 0)
			snprintf(path, sizeof(path), "%s/%s", dir,
				 found->d_name);
	}
	closedir(files);
	if (is_cut) {
		assert_int_equal(truncate(path, at), 0);
		return;
	}
	fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	close(fd);
}

static void a_reader_refuses_what_is_damaged(void **state)
{
	static const struct {
		const char *begins;
		off_t at;
		bool is_cut;
		enum hf_err want;
	} rows[] = {
		{ "live", 2, false, HF_E_CORRUPT },
		{ "live", 8, false, HF_E_UNSUPPORTED },
		{ "live", 100, true, HF_E_CORRUPT },
		/* An odd generation; more segments than there may be. */
		{ "live", 40, false, HF_E_UNAVAILABLE },
		{ "live", 73, false, HF_E_UNAVAILABLE },
		{ "memory-", 3, false, HF_E_CORRUPT },
		{ "memory-", 12, false, HF_E_UNSUPPORTED },
		{ "memory-", 24, false, HF_E_CORRUPT },
		{ "memory-", 4096, true, HF_E_CORRUPT },
		{ "table-", 0, false, HF_E_CORRUPT },
		{ "table-", 24, false, HF_E_CORRUPT },
		{ "table-", 28, false, HF_E_CORRUPT },
		{ "table-", 64, true, HF_E_CORRUPT },
	};
	struct place *place = *state;

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_index *reader = NULL;
		struct hf_why why = { "" };
		enum hf_err err;

		open_index(place);
		add_ok(place->index, HF_ALGORITHM_PDQ, 1, 1);
		close_index(place);
		change_file(place->dir, rows[i].begins, rows[i].at,
			    rows[i].is_cut);
		err = hf_index_open_readonly(place->dir, &reader, &why);
		if (err != rows[i].want || why.text[0] == '\0')
			fail_msg("row %zu: %s: %s", i, hf_err_name(err),
				 why.text);
		/* A writer makes all of these again. */
		open_index(place);
		assert_ok(hf_index_open_readonly(place->dir, &reader, &why),
			  &why);
		hf_index_close(reader);
		close_index(place);
		remove_files(place->dir);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLACED(what_is_written_is_seen_by_another_process_at_once),
		PLACED(nothing_is_missed_as_memories_and_tables_are_replaced),
		PLACED(a_merge_under_way_hides_nothing_new),
		PLACED(readers_in_other_processes_see_a_whole_index),
		PLACED(a_reader_waits_for_a_writer_in_the_middle_of_a_change),
		PLACED(readers_go_on_after_the_writer_was_killed),
		PLACED(an_index_made_again_is_found_again),
		PLACED(a_reader_refuses_what_is_damaged),
	};

	/* A helper that died fails an assertion, not the process. */
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
