/*
 * An index on a full disk: what is an error, and what goes on in memory.
 */
#include "match_place.h"

#include <signal.h>
#include <sys/resource.h>

/*
 * A full disk, as a limit of file sizes.
 */
static rlim_t limit_files(rlim_t most)
{
	struct rlimit limit;
	rlim_t before;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	before = limit.rlim_cur;
	limit.rlim_cur = most;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	return before;
}

static void a_full_disk_is_an_error_and_keeps_nothing_from_going(void **state)
{
	struct place *place = *state;
	struct helper helper;
	struct hf_why why = { "" };
	enum hf_err err = HF_OK;
	uint64_t added;
	rlim_t before;

	open_index(place);
	start_helper(&helper, place->dir);
	for (added = 0; added < 2000; added++)
		add_ok(place->index, HF_ALGORITHM_PDQ, 1, added);
	before = limit_files(8192);
	/* A mark more than half of the first table has room for. */
	for (uint64_t i = 0; i < 50; i++)
		assert_ok(hf_index_remove(place->index, 1, i, &why), &why);
	/* More than one memory, and none can be sealed. */
	for (err = HF_OK; err == HF_OK; added++)
		err = add_entry(place->index, HF_ALGORITHM_PDQ, 1, added, &why);
	limit_files(before);
	assert_true(added > 2000);
	for (uint64_t i = 0; i < added - 1; i += 7)
		assert_int_equal(ask(&helper, HF_ALGORITHM_PDQ, i, true).count,
				 i >= 50);
	add_ok(place->index, HF_ALGORITHM_PDQ, 1, added);
	assert_int_equal(ask(&helper, HF_ALGORITHM_PDQ, added, true).count, 1);
	stop_helper(&helper);
}

static void count_hit(void *arg, const struct hf_index_hit *hit)
{
	(*(size_t *)arg)++;
}

static size_t count_own(struct hf_index *index, uint64_t entry)
{
	uint8_t digest[32];
	const struct hf_index_query query = {
		.algorithm = HF_ALGORITHM_SHA256,
		.digest = digest,
	};
	size_t count = 0;
	const struct hf_index_sink to = { .hit = count_hit, .arg = &count };
	struct hf_index_view *view;
	struct hf_why why = { "" };

	numbered_digest(entry, digest);
	assert_ok(hf_index_view_begin(index, &view, &why), &why);
	assert_ok(hf_index_lookup_exact(view, &query, 1, &to, &why), &why);
	hf_index_view_end(view);
	return count;
}

/* A reader of other processes: what it is told of this index. */
static enum hf_err try_reader(const char *dir)
{
	struct hf_index *reader = NULL;
	enum hf_err err = hf_index_open_readonly(dir, &reader, NULL);

	hf_index_close(reader);
	return err;
}

static void
begun_on_a_full_disk_it_is_in_memory_until_there_is_room(void **state)
{
	struct place *place = *state;
	struct hf_index_stats stats;
	struct helper helper;
	struct hf_why why = { "" };
	enum hf_err err = HF_OK;
	uint64_t added;
	rlim_t before;

	open_index(place);
	add_ok(place->index, HF_ALGORITHM_SHA256, 1, 0);
	assert_ok(hf_index_remove(place->index, 1, 7, &why), &why);
	close_index(place);

	before = limit_files(8192);
	open_index(place);
	/* Several parts of it, in bulk as well; then it is full. */
	for (added = 1; err == HF_OK; added++)
		err = add_entry(place->index, HF_ALGORITHM_SHA256, 1, added,
				&why);
	assert_int_equal(err, HF_E_FULL);
	assert_true(added > 100000);
	hf_index_stats(place->index, &stats);
	assert_true(stats.is_failing);
	assert_string_not_equal(stats.failed_why.text, "");
	assert_int_equal(try_reader(place->dir), HF_E_NOTFOUND);
	for (uint64_t i = 0; i < added - 1; i += 1009)
		assert_int_equal(count_own(place->index, i), 1);
	assert_int_equal(count_own(place->index, 7), 0);
	/* Marks, more than a table begins with. */
	for (uint64_t i = 8; i < 8000; i++)
		assert_ok(hf_index_remove(place->index, 1, i, &why), &why);
	limit_files(before);

	/* One that was under way may still say that it is full. */
	while (hf_index_sync(place->index, &why) != HF_OK)
		assert_non_null(strstr(why.text, "room"));
	start_helper(&helper, place->dir);
	add_ok(place->index, HF_ALGORITHM_SHA256, 1, added);
	for (uint64_t i = 0; i <= added; i += 1009)
		assert_int_equal(
			ask(&helper, HF_ALGORITHM_SHA256, i, false).count,
			i < 7 || i >= 8000);
	assert_int_equal(ask(&helper, HF_ALGORITHM_SHA256, added, false).count,
			 1);
	stop_helper(&helper);
	hf_index_stats(place->index, &stats);
	assert_false(stats.is_failing);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLACED(a_full_disk_is_an_error_and_keeps_nothing_from_going),
		PLACED(begun_on_a_full_disk_it_is_in_memory_until_there_is_room),
	};

	/* A helper that died fails an assertion, not the process. */
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
