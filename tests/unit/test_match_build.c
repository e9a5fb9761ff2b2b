/*
 * Segments that two threads make, beside those that one makes: not a byte is
 * another one.
 */
#include "match_model.h"

#include <pthread.h>

#include "bytes.h"

#include "match_build.h"
#include "match_bulk.h"
#include "match_crew.h"

#define BULKS 3
/* Enough of PDQ for bands, and of all for two threads. */
#define ENTRIES 34000

static bool is_tortured(void)
{
	return getenv("HF_FAIL_ALLOC") != NULL;
}

/*
 * The crew.
 */
struct meeting {
	pthread_mutex_t lock;
	pthread_cond_t arrived;
	size_t count;
	size_t done[1000];
	unsigned workers; /* a bit each */
	size_t fails_at;
};

static enum hf_err meet(void *arg, unsigned worker, size_t number,
			struct hf_why *why)
{
	struct meeting *meeting = arg;

	pthread_mutex_lock(&meeting->lock);
	meeting->done[number]++;
	meeting->workers |= 1u << worker;
	meeting->count++;
	pthread_cond_broadcast(&meeting->arrived);
	/* The first waits for the second: one thread never gets through. */
	while (!is_tortured() && meeting->count < 2)
		pthread_cond_wait(&meeting->arrived, &meeting->lock);
	pthread_mutex_unlock(&meeting->lock);
	return HF_OK;
}

static void two_threads_work_at_a_time(void **state)
{
	struct meeting meeting = { .lock = PTHREAD_MUTEX_INITIALIZER,
				   .arrived = PTHREAD_COND_INITIALIZER };
	struct hf_why why = { "" };

	assert_ok(hf_match_crew_run(2, 1000, meet, &meeting, &why), &why);
	assert_int_equal(meeting.count, 1000);
	for (size_t i = 0; i < 1000; i++)
		assert_int_equal(meeting.done[i], 1);
	if (!is_tortured())
		assert_int_equal(meeting.workers, 3);
}

static enum hf_err fail_at(void *arg, unsigned worker, size_t number,
			   struct hf_why *why)
{
	struct meeting *meeting = arg;

	meeting->count++;
	return number == meeting->fails_at
		       ? hf_why(why, HF_E_FULL, "number %zu", number)
		       : HF_OK;
}

static void nothing_is_begun_after_a_failure(void **state)
{
	struct meeting meeting = { .fails_at = 3 };
	struct hf_why why = { "" };

	assert_int_equal(hf_match_crew_run(1, 1000, fail_at, &meeting, &why),
			 HF_E_FULL);
	assert_int_equal(meeting.count, 4);
	assert_string_equal(why.text, "number 3");
	assert_int_equal(hf_match_crew_run(2, 1000, fail_at,
					   &(struct meeting){ .fails_at = 0 },
					   NULL),
			 HF_E_FULL);
}

/*
 * Segments.
 */
struct bench {
	char dir[64];
	struct hf_match_bulk bulks[BULKS];
	struct hf_match_sorted sorted[BULKS];
	struct hf_match_segment *segments[BULKS];
};

/* Entries of which each bulk has some that the others have, in part with the
 * same digests. */
static enum hf_err fill(struct hf_match_bulk *bulk, unsigned number)
{
	enum hf_err err = HF_OK;

	for (uint64_t i = 0; i < ENTRIES && err == HF_OK; i++) {
		uint64_t entry = number * (ENTRIES - 500) + i;
		struct hf_match_ref ref = { .entry = entry,
					    .set = (uint32_t)(1 + entry % 2),
					    .content_class = 1 };
		uint8_t digest[144] = { 0 };

		for (size_t a = 0; a < ROWS(algorithms) && err == HF_OK; a++) {
			/* A few have one digest, and more entries than one. */
			numbered_digest(
				8 * (entry % 50 == 0 ? entry % 1000 : entry) +
					a,
				digest);
			err = hf_match_bulk_put(bulk, algorithms[a], digest,
						&ref, NULL);
		}
	}
	return err;
}

static int make_bench(void **state)
{
	struct bench *bench = test_calloc(1, sizeof(*bench));

	*state = bench;
	strcpy(bench->dir, "/tmp/hf-build-XXXXXX");
	return mkdtemp(bench->dir) != NULL ? 0 : -1;
}

static int release_bench(void **state)
{
	struct bench *bench = *state;

	for (unsigned b = 0; b < BULKS; b++) {
		hf_match_bulk_release(&bench->bulks[b]);
		hf_match_sorted_release(&bench->sorted[b]);
		hf_match_segment_unref(bench->segments[b]);
	}
	remove_files(bench->dir);
	rmdir(bench->dir);
	test_free(bench);
	return 0;
}

static struct hf_span read_whole(const struct bench *bench, uint64_t number)
{
	char path[128];
	FILE *file;
	uint8_t *bytes;
	long size;

	snprintf(path, sizeof(path), "%s/segment-%08x", bench->dir,
		 (unsigned)number);
	file = fopen(path, "rb");
	assert_non_null(file);
	fseek(file, 0, SEEK_END);
	size = ftell(file);
	rewind(file);
	bytes = test_malloc((size_t)size);
	assert_int_equal(fread(bytes, 1, (size_t)size, file), size);
	fclose(file);
	return hf_span(bytes, (size_t)size);
}

/* The same by two threads, as number, and by one. */
static void build_both(struct bench *bench, struct hf_match_build *build,
		       uint64_t number)
{
	struct hf_why why = { "" };
	struct hf_span one, two;

	build->dir = bench->dir;
	build->sequence = number;
	build->is_alone = true;
	build->number = 1000 + number;
	assert_ok(hf_match_build_segment(build, &why), &why);
	build->is_alone = false;
	build->number = number;
	assert_ok(hf_match_build_segment(build, &why), &why);
	one = read_whole(bench, 1000 + number);
	two = read_whole(bench, number);
	assert_int_equal(one.len_bytes, two.len_bytes);
	assert_true(memcmp(one.at, two.at, one.len_bytes) == 0);
	test_free((void *)one.at);
	test_free((void *)two.at);
}

static bool is_odd(void *arg, uint64_t sequence, const struct hf_match_ref *ref)
{
	return ref->set % 2 == 1;
}

/* A file without a part. */
static bool is_none(void *arg, uint64_t sequence,
		    const struct hf_match_ref *ref)
{
	return false;
}

static void two_threads_make_what_one_makes(void **state)
{
	struct bench *bench = *state;
	struct hf_match_run runs[HF_ALGORITHM_COUNT][BULKS];
	struct hf_match_build build = { 0 };
	struct hf_why why = { "" };

	for (unsigned b = 0; b < BULKS; b++) {
		struct hf_match_build seal = { 0 };

		assert_int_equal(fill(&bench->bulks[b], b), HF_OK);
		assert_ok(hf_match_bulk_sort(&bench->bulks[b],
					     &bench->sorted[b], &why),
			  &why);
		for (size_t i = 0; i < ROWS(algorithms); i++) {
			unsigned a = algorithms[i];

			runs[a][0] = (struct hf_match_run){
				b, &bench->sorted[b].parts[a]
			};
			seal.runs[a] = runs[a];
			seal.runs_count[a] = 1;
		}
		build_both(bench, &seal, b);
		assert_ok(hf_match_segment_open(bench->dir, b, true,
						&bench->segments[b], &why),
			  &why);
	}
	for (size_t i = 0; i < ROWS(algorithms); i++) {
		unsigned a = algorithms[i];

		for (unsigned b = 0; b < BULKS; b++)
			runs[a][b] = (struct hf_match_run){
				b, &bench->segments[b]->parts[a]
			};
		build.runs[a] = runs[a];
		build.runs_count[a] = BULKS;
	}
	build_both(bench, &build, 10);
	build.is_live = is_odd;
	build_both(bench, &build, 11);
	build.is_live = is_none;
	build_both(bench, &build, 12);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_threads_work_at_a_time),
		cmocka_unit_test(nothing_is_begun_after_a_failure),
		cmocka_unit_test_setup_teardown(two_threads_make_what_one_makes,
						make_bench, release_bench),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
