/*
 * A merge that does not end, and a clock that does not go on: what is added
 * meanwhile is sealed and found, and what is known to be the last is merged
 * without a wait for more.
 */
#include "match_model.h"

#include <pthread.h>

#include "clock.h"

/* Held, or to be held, with the lock. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool must_hold, is_held;
static uint64_t stands_at_us; /* atomic; 0: it goes on */

uint64_t __real_hf_clock_mono_us(void);
uint64_t __wrap_hf_clock_mono_us(void);
int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);

uint64_t __wrap_hf_clock_mono_us(void)
{
	uint64_t at_us = __atomic_load_n(&stands_at_us, __ATOMIC_RELAXED);

	return at_us != 0 ? at_us : __real_hf_clock_mono_us();
}

static bool is_merger(void)
{
	char name[16] = "";

	return pthread_getname_np(pthread_self(), name, sizeof(name)) == 0 &&
	       strcmp(name, "index-merger") == 0;
}

/* The last that is done to a merged file before it is swapped in. */
int __wrap_rename(const char *from, const char *to)
{
	if (is_merger()) {
		pthread_mutex_lock(&lock);
		is_held = must_hold;
		pthread_cond_broadcast(&changed);
		while (must_hold)
			pthread_cond_wait(&changed, &lock);
		is_held = false;
		pthread_mutex_unlock(&lock);
	}
	return __real_rename(from, to);
}

static void hold(bool must)
{
	pthread_mutex_lock(&lock);
	must_hold = must;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

static void wait_until_held(void)
{
	pthread_mutex_lock(&lock);
	while (!is_held)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
}

static int let_go(void **state)
{
	hold(false);
	__atomic_store_n(&stands_at_us, 0, __ATOMIC_RELAXED);
	return end_place(state);
}

/* So many entries from first on, so many in one call. */
static void add_some(struct hf_index *index, uint64_t first, size_t count,
		     size_t at_once)
{
	struct hf_index_hash *hashes = test_calloc(count, sizeof(*hashes));
	uint8_t(*digests)[32] = test_calloc(count, 32);
	struct hf_why why = { "" };

	for (size_t i = 0; i < count; i++) {
		numbered_digest(first + i, digests[i]);
		hashes[i] = (struct hf_index_hash){
			.set = 1,
			.entry = first + i,
			.algorithm = HF_ALGORITHM_SHA256,
			.content_class = 1,
			.digest = digests[i],
		};
	}
	for (size_t i = 0; i < count; i += at_once)
		assert_ok(hf_index_add_bulk(index, hashes + i, at_once, &why),
			  &why);
	test_free(digests);
	test_free(hashes);
}

static void add_bulk(struct hf_index *index, uint64_t first)
{
	add_some(index, first, HF_INDEX_BULK_MIN, HF_INDEX_BULK_MIN);
}

static size_t hits_of(struct hf_index *index, uint64_t entry)
{
	uint8_t digest[32];
	struct hf_index_query query = { HF_ALGORITHM_SHA256, digest };
	struct hf_index_view *view = NULL;
	struct hf_why why = { "" };

	numbered_digest(entry, digest);
	got.count = 0;
	assert_ok(hf_index_view_begin(index, &view, &why), &why);
	assert_ok(hf_index_lookup_exact(view, &query, 1, &sink, &why), &why);
	hf_index_view_end(view);
	return got.count;
}

static void sync_index(struct hf_index *index)
{
	struct hf_why why = { "" };

	assert_ok(hf_index_sync(index, &why), &why);
}

/* The first bulk is found although nobody asks for it to be sealed; then as
 * many as come in many seconds, each found when it is synced. */
static void bulks_are_found_while_a_merge_is_under_way(void **state)
{
	enum { BULKS = 50 };
	struct place *place = *state;
	struct hf_index_stats stats;
	struct hf_why why = { "" };
	uint64_t first = 1000000;

	open_index(place);
	hold(true);
	add_bulk(place->index, 0);
	sync_index(place->index);
	add_bulk(place->index, HF_INDEX_BULK_MIN);
	sync_index(place->index);
	hf_index_settle(place->index);
	wait_until_held();

	add_bulk(place->index, first);
	while (hits_of(place->index, first) == 0)
		continue;
	for (uint64_t i = 1; i < BULKS; i++) {
		add_bulk(place->index, first + i * HF_INDEX_BULK_MIN);
		sync_index(place->index);
		assert_int_equal(hits_of(place->index,
					 first + i * HF_INDEX_BULK_MIN + 7),
				 1);
	}
	hf_index_stats(place->index, &stats);
	assert_int_equal(stats.merges_count, 0);
	assert_int_equal(stats.segments_count, 2 + BULKS);

	hold(false);
	assert_ok(hf_index_compact(place->index, &why), &why);
	hf_index_stats(place->index, &stats);
	assert_int_equal(stats.segments_count, 1);
	for (uint64_t i = 0; i < BULKS; i++)
		assert_int_equal(hits_of(place->index,
					 first + i * HF_INDEX_BULK_MIN + 7),
				 1);
}

/* With a clock that stands still no bulk gets old and no pause gets long.
 * What comes in pieces is one bulk all the same. */
static void the_last_bulk_is_merged_at_once(void **state)
{
	struct place *place = *state;
	struct hf_index_stats stats;

	open_index(place);
	if (getenv("HF_FAIL_ALLOC") == NULL)
		__atomic_store_n(&stands_at_us, __real_hf_clock_mono_us(),
				 __ATOMIC_RELAXED);
	add_bulk(place->index, 0);
	sync_index(place->index);
	add_bulk(place->index, HF_INDEX_BULK_MIN);
	sync_index(place->index);
	add_some(place->index, 2 * HF_INDEX_BULK_MIN, HF_INDEX_BULK_MIN, 64);
	hf_index_stats(place->index, &stats);
	if (getenv("HF_FAIL_ALLOC") == NULL) {
		assert_int_equal(stats.segments_count, 2);
		assert_int_equal(stats.mutable_count, HF_INDEX_BULK_MIN);
		/* And nobody who waits for it takes it for found. */
		assert_false(hf_index_finds_all(place->index));
		assert_int_equal(hits_of(place->index, 2 * HF_INDEX_BULK_MIN),
				 0);
	}
	hf_index_settle(place->index);
	do
		hf_index_stats(place->index, &stats);
	while (stats.segments_count != 1 || stats.mutable_count != 0);
	if (getenv("HF_FAIL_ALLOC") == NULL)
		assert_int_equal(stats.seals_count, 3);
	assert_true(hf_index_finds_all(place->index));
	assert_int_equal(hits_of(place->index, 0), 1);
	assert_int_equal(hits_of(place->index, 3 * HF_INDEX_BULK_MIN - 1), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			bulks_are_found_while_a_merge_is_under_way, begin_place,
			let_go),
		cmocka_unit_test_setup_teardown(the_last_bulk_is_merged_at_once,
						begin_place, let_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
