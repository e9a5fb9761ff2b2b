/*
 * Entries that hit too often are told once, and others are not forgotten for
 * a crowd of those that hit once.
 */
#include "breaker.h"

#include "unit.h"

#define HOUR_US ((uint64_t)3600 * 1000 * 1000)

static unsigned trips;

static void on_trip(void *arg, uint32_t set, uint64_t entry)
{
	assert_int_equal(set, 3);
	assert_int_equal(entry, 7);
	trips++;
}

static struct hf_breaker *breaker_of(uint64_t most)
{
	struct hf_breaker *breaker = NULL;
	struct hf_why why;

	trips = 0;
	if (hf_breaker_new(most, on_trip, NULL, &breaker, &why) != HF_OK)
		fail_msg("%s", why.text);
	return breaker;
}

static void one_hit_too_many_in_an_hour_trips_once(void **state)
{
	struct hf_breaker *breaker = breaker_of(10);
	uint64_t count = 0;

	for (unsigned i = 0; i < 10; i++)
		hf_breaker_count(breaker, 3, 7, i);
	assert_int_equal(trips, 0);
	assert_false(hf_breaker_is_hot(breaker, 3, 7, &count));
	hf_breaker_count(breaker, 3, 7, 99);
	hf_breaker_count(breaker, 3, 7, 99);
	assert_int_equal(trips, 1);
	assert_true(hf_breaker_is_hot(breaker, 3, 7, &count));
	assert_int_equal(count, 12);
	/* It stays so, however long nothing happens, until it is reset. */
	hf_breaker_count(breaker, 3, 7, 99 * HOUR_US);
	assert_true(hf_breaker_is_hot(breaker, 3, 7, &count));
	assert_true(hf_breaker_reset(breaker, 3, 7, &count));
	assert_false(hf_breaker_reset(breaker, 3, 7, &count));
	assert_false(hf_breaker_is_hot(breaker, 3, 7, &count));
	hf_breaker_free(breaker);
}

static void hits_of_another_hour_do_not_count(void **state)
{
	struct hf_breaker *breaker = breaker_of(10);
	uint64_t count;

	for (uint64_t hour = 0; hour < 5; hour++) {
		for (unsigned i = 0; i < 10; i++)
			hf_breaker_count(breaker, 3, 7, hour * HOUR_US + 1);
	}
	assert_false(hf_breaker_is_hot(breaker, 3, 7, &count));
	hf_breaker_free(breaker);
}

static void a_crowd_does_not_hide_one_that_hits_often(void **state)
{
	struct hf_breaker *breaker = breaker_of(1000);
	uint64_t count;

	for (uint64_t i = 0; i < 300000; i++) {
		hf_breaker_count(breaker, 1, i, i);
		if (i % 100 == 0)
			hf_breaker_count(breaker, 3, 7, i);
	}
	assert_true(hf_breaker_is_hot(breaker, 3, 7, &count));
	hf_breaker_free(breaker);
}

static void without_a_limit_nothing_is_counted(void **state)
{
	struct hf_breaker *breaker = breaker_of(0);
	uint64_t count;

	for (unsigned i = 0; i < 100; i++)
		hf_breaker_count(breaker, 3, 7, i);
	assert_false(hf_breaker_is_hot(breaker, 3, 7, &count));
	hf_breaker_count(NULL, 3, 7, 1);
	hf_breaker_free(breaker);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_hit_too_many_in_an_hour_trips_once),
		cmocka_unit_test(hits_of_another_hour_do_not_count),
		cmocka_unit_test(a_crowd_does_not_hide_one_that_hits_often),
		cmocka_unit_test(without_a_limit_nothing_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
