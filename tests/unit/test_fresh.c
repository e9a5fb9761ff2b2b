#include "unit.h"

#include <string.h>

#include "fresh.h"
#include "limit.h"

#define HOUR_MS ((uint64_t)3600 * 1000)
#define DAY_MS  (24 * HOUR_MS)
#define NOW_MS  ((uint64_t)1700000000000)
#define MIN_MS  ((uint64_t)60 * 1000)

static const struct hf_fresh_ages ages = { DAY_MS, 7 * DAY_MS };

static void a_set_ages_as_policy_says(void **state)
{
	const struct {
		const char *name;
		uint64_t signed_ms, now_ms;
		enum hf_freshness want;
	} rows[] = {
		{ "now", NOW_MS, NOW_MS, HF_FRESHNESS_FRESH },
		{ "the last fresh moment", NOW_MS - DAY_MS, NOW_MS,
		  HF_FRESHNESS_FRESH },
		{ "the first stale one", NOW_MS - DAY_MS - 1, NOW_MS,
		  HF_FRESHNESS_STALE },
		{ "the last stale one", NOW_MS - 7 * DAY_MS, NOW_MS,
		  HF_FRESHNESS_STALE },
		{ "the first expired one", NOW_MS - 7 * DAY_MS - 1, NOW_MS,
		  HF_FRESHNESS_EXPIRED },
		{ "never signed", 0, NOW_MS, HF_FRESHNESS_EXPIRED },
		{ "never signed, at the beginning of time", 0, 0,
		  HF_FRESHNESS_EXPIRED },
		{ "as far ahead as clocks differ", NOW_MS + HF_FUTURE_MAX_MS,
		  NOW_MS, HF_FRESHNESS_FRESH },
		{ "further ahead", NOW_MS + HF_FUTURE_MAX_MS + 1, NOW_MS,
		  HF_FRESHNESS_EXPIRED },
		{ "an hour ahead", NOW_MS + HOUR_MS, NOW_MS,
		  HF_FRESHNESS_EXPIRED },
		{ "the same, when our clock was behind and is set",
		  NOW_MS + HOUR_MS, NOW_MS + HOUR_MS, HF_FRESHNESS_FRESH },
		{ "the end of time", UINT64_MAX, NOW_MS, HF_FRESHNESS_EXPIRED },
		{ "a clock at the beginning of time", NOW_MS, 0,
		  HF_FRESHNESS_EXPIRED },
		{ "a clock at the end of time", NOW_MS, UINT64_MAX,
		  HF_FRESHNESS_EXPIRED },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		enum hf_freshness is =
			hf_fresh_of(&ages, rows[i].signed_ms, rows[i].now_ms);

		if (is != rows[i].want)
			fail_msg("%s: %s", rows[i].name, hf_freshness_word(is));
	}
}

static void an_age_without_end_never_comes(void **state)
{
	const struct hf_fresh_ages never = { UINT64_MAX, UINT64_MAX };

	assert_int_equal(hf_fresh_of(&never, 1, NOW_MS), HF_FRESHNESS_FRESH);
	assert_int_equal(hf_fresh_of(&never, NOW_MS, UINT64_MAX),
			 HF_FRESHNESS_FRESH);
}

/* The seconds of a cosignature are whatever its signer wrote: none of them may
 * become another time by running over. */
static void seconds_do_not_run_over(void **state)
{
	const uint64_t now_s = NOW_MS / 1000;
	/* Times 1000 this is NOW_MS, modulo 2 to the 64th. */
	const uint64_t crafted_s = now_s + ((uint64_t)1 << 61);

	assert_int_equal(crafted_s * 1000, NOW_MS);
	assert_int_equal(hf_fresh_ms(now_s), NOW_MS);
	assert_int_equal(hf_fresh_ms(0), 0);
	assert_true(hf_fresh_ms(crafted_s) == UINT64_MAX);
	assert_true(hf_fresh_ms(INT64_MAX) == UINT64_MAX);
	assert_true(hf_fresh_ms(UINT64_MAX) == UINT64_MAX);
	assert_int_equal(hf_fresh_counted(hf_fresh_ms(crafted_s), NOW_MS), 0);
}

static void what_is_too_far_ahead_counts_as_no_time(void **state)
{
	assert_int_equal(hf_fresh_counted(NOW_MS, NOW_MS), NOW_MS);
	assert_int_equal(hf_fresh_counted(1, NOW_MS), 1);
	assert_int_equal(hf_fresh_counted(NOW_MS + HF_FUTURE_MAX_MS, NOW_MS),
			 NOW_MS + HF_FUTURE_MAX_MS);
	assert_int_equal(
		hf_fresh_counted(NOW_MS + HF_FUTURE_MAX_MS + 1, NOW_MS), 0);
	/* In seconds and in milliseconds the same. */
	assert_int_equal(hf_fresh_latest_s(NOW_MS),
			 (NOW_MS + HF_FUTURE_MAX_MS) / 1000);
}

/* Never later than asked for, never more than a quarter sooner, and not all in
 * one moment. */
static void idle_sets_are_due_at_different_times(void **state)
{
	const uint64_t every_ms = 10 * MIN_MS;
	unsigned quarters[4] = { 0 };
	char origin[] = "hotline.example/a/1";

	for (char at = 'a'; at <= 'z'; at++) {
		for (uint64_t round = 0; round < 4; round++) {
			uint64_t signed_ms = NOW_MS + round * every_ms, due_ms;

			origin[16] = at;
			due_ms = hf_fresh_due_ms(BYTES(origin), signed_ms,
						 every_ms);
			assert_in_range(due_ms,
					signed_ms + every_ms - every_ms / 4,
					signed_ms + every_ms);
			assert_int_equal(hf_fresh_due_ms(BYTES(origin),
							 signed_ms, every_ms),
					 due_ms);
			quarters[(signed_ms + every_ms - due_ms) * 4 /
				 (every_ms / 4 + 1)]++;
		}
	}
	for (size_t i = 0; i < ROWS(quarters); i++)
		assert_in_range(quarters[i], 8, 52);
	assert_true(hf_fresh_due_ms(BYTES(origin), UINT64_MAX, every_ms) ==
		    UINT64_MAX);
	assert_int_equal(hf_fresh_due_ms(BYTES(origin), NOW_MS, 0), NOW_MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_set_ages_as_policy_says),
		cmocka_unit_test(an_age_without_end_never_comes),
		cmocka_unit_test(seconds_do_not_run_over),
		cmocka_unit_test(what_is_too_far_ahead_counts_as_no_time),
		cmocka_unit_test(idle_sets_are_due_at_different_times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
