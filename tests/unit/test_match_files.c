/*
 * The index among others: processes that die, that read along, threads, and
 * files that are not as they were left.
 */
#include "match_model.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/wait.h>

static void after_a_kill_feeding_goes_on_from_the_position(void **state)
{
	struct place *place = *state;
	uint64_t position;
	struct hf_why why = { "" };
	pid_t child;
	int status;

	model.rows_count = 0;
	for (uint64_t i = 0; i < 1000; i++)
		model_add(1, i);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct hf_index *index;

		if (hf_index_open(place->dir, &index, NULL) != HF_OK)
			_exit(1);
		for (size_t i = 0; i < 1000; i++) {
			const struct row *row = &model.rows[i];
			struct hf_index_hash hash = {
				row->set,   row->entry,   row->algorithm,
				row->class, row->quality, row->digest,
				0,          false
			};

			if (hf_index_add(index, &hash, 1, NULL) != HF_OK ||
			    hf_index_advance(index, 1, i + 1, NULL) != HF_OK)
				_exit(1);
			if (i == 600 && hf_index_sync(index, NULL) != HF_OK)
				_exit(1);
		}
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (status != 0)
		fail_msg("the child failed");
	open_index(place);
	position = hf_index_position(place->index, 1);
	assert_true(position >= 601 && position <= 1000);
	/* A little too much does no harm. */
	for (uint64_t i = position - 100; i < 1000; i++)
		index_add(place->index, &model.rows[i]);
	check_some(place->index, 500, "after the kill");
	assert_ok(hf_index_compact(place->index, &why), &why);
	check_some(place->index, 500, "compacted");
}

static bool add_numbered(struct hf_index *index, uint64_t entry)
{
	uint8_t digest[32];
	struct hf_index_hash hash = {
		1, entry, HF_ALGORITHM_PDQ, HF_CLASS_NCII, 80, digest, 0, false
	};

	numbered_digest(entry, digest);
	return hf_index_add(index, &hash, 1, NULL) == HF_OK &&
	       hf_index_advance(index, 1, entry + 1, NULL) == HF_OK;
}

/* Feeds from the position, seals, merges, removes, until it is killed. */
static void feed_for_ever(const char *dir, int told)
{
	struct hf_index *index;
	enum hf_err err = hf_index_open(dir, &index, NULL);
	uint64_t entry = err == HF_OK ? hf_index_position(index, 1) : 0;

	for (; err == HF_OK; entry++) {
		if (!add_numbered(index, entry))
			break;
		/* The third of every five, as entry 4 of them says. */
		if (entry % 5 == 4)
			err = hf_index_remove(index, 1, entry - 2, NULL);
		if (err == HF_OK && entry % 61 == 60)
			err = hf_index_sync(index, NULL);
		if (err == HF_OK && entry % 401 == 400)
			err = hf_index_compact(index, NULL);
		if (write(told, "+", 1) != 1)
			break;
	}
	_exit(1);
}

static void a_kill_at_any_moment_leaves_what_the_position_says(void **state)
{
	struct place *place = *state;
	uint64_t position = 0;

	for (unsigned round = 0; round < less(40); round++) {
		unsigned patience = (unsigned)(random64() % 300);
		uint64_t before = position;
		int told[2], status;
		pid_t child;
		char byte;

		assert_int_equal(pipe(told), 0);
		child = fork();
		assert_true(child >= 0);
		if (child == 0) {
			close(told[0]);
			feed_for_ever(place->dir, told[1]);
		}
		close(told[1]);
		while (patience > 0 && read(told[0], &byte, 1) == 1)
			patience--;
		kill(child, SIGKILL);
		assert_int_equal(waitpid(child, &status, 0), child);
		close(told[0]);
		open_index(place);
		position = hf_index_position(place->index, 1);
		assert_true(position >= before);
		for (uint64_t i = 0; i < position; i += 1 + position / 97) {
			struct hf_index_view *view = NULL;
			struct hf_why why = { "" };
			uint8_t digest[32];

			numbered_digest(i, digest);
			got.count = 0;
			assert_ok(
				hf_index_view_begin(place->index, &view, &why),
				&why);
			assert_ok(hf_index_lookup_near(view, digest, 1, 31,
						       &sink, &why),
				  &why);
			hf_index_view_end(view);
			/* Removed once entry 4 of its five was fed. */
			assert_int_equal(got.count,
					 i % 5 == 2 && i + 2 < position ? 0
									: 1);
		}
		close_index(place);
	}
}

/* Files of more than 8 KiB are refused, as on a disk without room. */
static void a_full_disk_is_an_error_until_there_is_room(void **state)
{
	struct place *place = *state;
	struct rlimit before, small;
	struct hf_why why = { "" };
	enum hf_err err;

	open_index(place);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	small.rlim_cur = 8192;
	model.rows_count = 0;
	for (uint64_t i = 0; i < 400; i++)
		index_add(place->index, model_add(1, i));
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	err = hf_index_sync(place->index, &why);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_not_equal(err, HF_OK);
	check_some(place->index, 200, "full");
	assert_ok(hf_index_sync(place->index, &why), &why);
	reopen_index(place);
	check_some(place->index, 200, "room again");
}

static void a_second_writer_is_refused(void **state)
{
	struct place *place = *state;
	struct hf_index *other = NULL;
	struct hf_why why = { "" };

	open_index(place);
	assert_int_equal(hf_index_open(place->dir, &other, &why),
			 HF_E_CONFLICT);
	assert_non_null(strstr(why.text, place->dir));
	assert_null(other);
}

static void a_reader_follows_the_writer(void **state)
{
	struct place *place = *state;
	struct hf_index *reader = NULL;
	struct hf_why why = { "" };

	assert_int_equal(hf_index_open_readonly(place->dir, &reader, &why),
			 HF_E_NOTFOUND);
	open_index(place);
	assert_ok(hf_index_open_readonly(place->dir, &reader, &why), &why);
	model.rows_count = 0;
	for (unsigned round = 0; round < 5; round++) {
		const uint8_t *digest;
		unsigned algorithm;

		for (uint64_t i = 0; i < 100; i++)
			index_add(place->index, model_add(round, i));
		assert_ok(hf_index_sync(place->index, &why), &why);
		/* The newest shows when the reader looked again. */
		digest = model.rows[model.rows_count - 1].digest;
		algorithm = model.rows[model.rows_count - 1].algorithm;
		do {
			struct hf_index_query query = { (uint8_t)algorithm,
							digest };
			struct hf_index_view *view = NULL;

			got.count = 0;
			assert_ok(hf_index_view_begin(reader, &view, &why),
				  &why);
			assert_ok(hf_index_lookup_exact(view, &query, 1, &sink,
							&why),
				  &why);
			hf_index_view_end(view);
			model_answer(algorithm, digest, -1);
		} while (got.count < want.count);
		check_some(reader, 100, "reader");
	}
	assert_int_equal(hf_index_remove(reader, 1, 1, &why), HF_E_DENIED);
	hf_index_close(reader);
}

/*
 * Readers while one thread adds, removes, seals and compacts: an entry that
 * was added before the view began and not removed is found, one that was
 * removed is not.
 */
struct race {
	struct hf_index *index;
	atomic_uint_fast64_t added;
	atomic_uint_fast64_t removed;
	atomic_bool is_over;
	atomic_uint wrong;
};

struct race_hits {
	unsigned count;
	uint64_t entry;
};

static void on_race_hit(void *arg, const struct hf_index_hit *hit)
{
	struct race_hits *hits = arg;

	hits->count++;
	hits->entry = hit->entry;
}

static void *race_reader(void *arg)
{
	struct race *race = arg;
	uint64_t turn = 1;

	while (!atomic_load(&race->is_over)) {
		uint64_t added = atomic_load(&race->added);
		struct race_hits hits = { 0 };
		const struct hf_index_sink hits_sink = { on_race_hit, NULL,
							 &hits };
		struct hf_index_view *view = NULL;
		uint64_t entry, removed;
		uint8_t digest[32];
		struct hf_index_query query = { HF_ALGORITHM_PDQ, digest };
		enum hf_err err;

		if (added == 0)
			continue;
		turn = turn * 6364136223846793005u + 1442695040888963407u;
		entry = (turn >> 33) % added;
		removed = atomic_load(&race->removed);
		numbered_digest(entry, digest);
		if (hf_index_view_begin(race->index, &view, NULL) != HF_OK)
			continue;
		if (turn >> 63 != 0)
			err = hf_index_lookup_exact(view, &query, 1, &hits_sink,
						    NULL);
		else
			err = hf_index_lookup_near(view, digest, 1, 31,
						   &hits_sink, NULL);
		hf_index_view_end(view);
		if (err != HF_OK)
			continue;
		/* Entries are removed from 0 up, every other one. */
		if (entry % 2 == 0 && entry < removed)
			atomic_fetch_add(&race->wrong, hits.count != 0);
		else if (entry % 2 != 0)
			atomic_fetch_add(&race->wrong,
					 hits.count != 1 ||
						 hits.entry != entry);
	}
	return NULL;
}

static void readers_see_a_whole_index_while_it_changes(void **state)
{
	struct place *place = *state;
	struct hf_why why = { "" };
	struct race race = { 0 };
	pthread_t readers[2];
	unsigned started = 0;
	enum hf_err err = HF_OK;

	open_index(place);
	race.index = place->index;
	while (started < 2 &&
	       pthread_create(&readers[started], NULL, race_reader, &race) == 0)
		started++;
	for (uint64_t i = 0; err == HF_OK && i < less(20000); i++) {
		uint8_t digest[32];
		struct hf_index_hash hash = {
			1, i,    HF_ALGORITHM_PDQ, HF_CLASS_CSAM, 90, digest,
			0, false
		};

		numbered_digest(i, digest);
		err = hf_index_add(place->index, &hash, 1, &why);
		atomic_store(&race.added, i + 1);
		if (err == HF_OK && i % 4 == 3)
			err = hf_index_remove(place->index, 1, i / 4 * 2, &why);
		if (i % 4 == 3)
			atomic_store(&race.removed, i / 4 * 2 + 1);
		if (err == HF_OK && i % 997 == 0)
			err = hf_index_sync(place->index, &why);
		if (err == HF_OK && i % 4999 == 0)
			err = hf_index_compact(place->index, &why);
	}
	atomic_store(&race.is_over, true);
	for (unsigned i = 0; i < started; i++)
		pthread_join(readers[i], NULL);
	assert_ok(err, &why);
	assert_int_equal(race.wrong, 0);
	assert_int_equal(started, 2);
}

/*
 * Damage.
 */
static void change_byte(const char *path, off_t at)
{
	int fd = open(path, O_RDWR);
	uint8_t byte;

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= 0x40;
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	close(fd);
}

static void a_damaged_file_is_refused_by_name(void **state)
{
	static const struct {
		const char *begins;
		off_t at;
		bool is_cut;
	} rows[] = {
		{ "segment-", 3, false },    { "segment-", 8, false },
		{ "segment-", 40, false },   { "segment-", 600, false },
		{ "segment-", 4096, false }, { "segment-", 9000, false },
		{ "segment-", 8192, true },  { "segment-", 100, true },
		{ "manifest", 3, false },    { "manifest", 20, false },
		{ "manifest", 40, true },    { "marks-", 2, false },
		{ "marks-", 30, false },     { "marks-", 70, false },
		{ "marks-", 64, true },
	};
	struct place *place = *state;

	for (size_t i = 0; i < ROWS(rows); i++) {
		char path[512] = "";
		struct hf_why why = { "" };
		struct dirent *found;
		enum hf_err err;
		DIR *dir;

		remove_files(place->dir);
		open_index(place);
		model.rows_count = 0;
		for (uint64_t j = 0; j < 200; j++)
			index_add(place->index, model_add(1, j));
		assert_ok(hf_index_remove(place->index, 1, 7, &why), &why);
		close_index(place);
		dir = opendir(place->dir);
		assert_non_null(dir);
		while ((found = readdir(dir)) != NULL) {
			if (strncmp(found->d_name, rows[i].begins,
				    strlen(rows[i].begins)) == 0)
				snprintf(path, sizeof(path), "%s/%s",
					 place->dir, found->d_name);
		}
		closedir(dir);
		if (rows[i].is_cut)
			assert_int_equal(truncate(path, rows[i].at), 0);
		else
			change_byte(path, rows[i].at);
		err = hf_index_open(place->dir, &place->index, &why);
		if ((err != HF_E_CORRUPT && err != HF_E_UNSUPPORTED) ||
		    strstr(why.text, path) == NULL)
			fail_msg("row %zu: %s: %s", i, hf_err_name(err),
				 why.text);
		assert_null(place->index);
	}
}

static void a_missing_file_is_refused(void **state)
{
	struct place *place = *state;
	char path[512] = "";
	struct hf_why why = { "" };
	struct dirent *found;
	DIR *dir;

	open_index(place);
	model.rows_count = 0;
	index_add(place->index, model_add(1, 1));
	close_index(place);
	dir = opendir(place->dir);
	assert_non_null(dir);
	while ((found = readdir(dir)) != NULL) {
		if (strncmp(found->d_name, "segment-", 8) == 0)
			snprintf(path, sizeof(path), "%s/%s", place->dir,
				 found->d_name);
	}
	closedir(dir);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(hf_index_open(place->dir, &place->index, &why),
			 HF_E_CORRUPT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLACED(after_a_kill_feeding_goes_on_from_the_position),
		PLACED(a_kill_at_any_moment_leaves_what_the_position_says),
		PLACED(a_full_disk_is_an_error_until_there_is_room),
		PLACED(a_second_writer_is_refused),
		PLACED(a_reader_follows_the_writer),
		PLACED(readers_see_a_whole_index_while_it_changes),
		PLACED(a_damaged_file_is_refused_by_name),
		PLACED(a_missing_file_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
