/*
 * A source that has nothing for us is asked ever more seldom, one that has is
 * asked on, and what is new is asked for at once: on a clock of the test's.
 */
#include "fill_source.h"

#include "unit.h"

#define SECOND_US ((uint64_t)1000 * 1000)

/* All of 100 entries, at this time, in vain. */
static const struct hf_fill_result vain = {
	.was_due = true,
	.reached = 100,
	.end = 100,
	.is_round = true,
};

static bool is_due(const struct hf_fill_source *source, uint64_t now_us)
{
	bool is;

	(void)hf_fill_begin(source, now_us, &is);
	return is;
}

static void check_waits(const struct hf_fill_source *source, uint64_t now_us,
			uint64_t wait_us)
{
	assert_false(is_due(source, now_us + wait_us - 1));
	assert_true(is_due(source, now_us + wait_us));
}

static void nobody_has_to_wait_who_was_never_asked(void **state)
{
	const struct hf_fill_source source = { .vain = 0 };
	bool due;

	assert_int_equal(hf_fill_begin(&source, 0, &due), 0);
	assert_true(due);
}

static void each_round_in_vain_doubles_the_wait_up_to_an_hour(void **state)
{
	struct hf_fill_source source = { .vain = 0 };
	uint64_t now_us = 5 * SECOND_US, wait_us = 2 * SECOND_US;

	for (int i = 0; i < 200; i++) {
		hf_fill_end(&source, &vain, now_us);
		check_waits(&source, now_us, wait_us);
		now_us += wait_us;
		wait_us *= 2;
		if (wait_us > 3600 * SECOND_US)
			wait_us = 3600 * SECOND_US;
	}
	assert_int_equal(wait_us, 3600 * SECOND_US);
	assert_int_equal(hf_fill_wait_us(UINT32_MAX), wait_us);
}

static void a_round_that_brought_something_begins_anew(void **state)
{
	struct hf_fill_source source = { .vain = 0 };
	struct hf_fill_result result = vain;

	for (int i = 0; i < 5; i++)
		hf_fill_end(&source, &vain, 0);
	result.brought = 1;
	hf_fill_end(&source, &result, 0);
	check_waits(&source, 0, 2 * SECOND_US);
	hf_fill_end(&source, &vain, 0);
	check_waits(&source, 0, 4 * SECOND_US);
}

/* A look is bounded: what it left is asked for by the next one of the round,
 * and the wait grows with rounds. */
static void a_round_goes_on_where_its_last_look_ended(void **state)
{
	struct hf_fill_source source = { .vain = 3 };
	struct hf_fill_result part = vain;
	uint64_t now_us = 0;
	bool due;

	part.is_round = false;
	part.reached = 40;
	hf_fill_end(&source, &part, now_us);
	check_waits(&source, now_us, 2 * SECOND_US);
	now_us = 2 * SECOND_US;
	assert_int_equal(hf_fill_begin(&source, now_us, &due), 40);
	/* Whoever gives is not made to wait. */
	part.reached = 70;
	part.brought = 9;
	hf_fill_end(&source, &part, now_us);
	assert_int_equal(hf_fill_begin(&source, now_us, &due), 70);
	assert_true(due);
	/* The round as a whole was not in vain. */
	hf_fill_end(&source, &vain, now_us);
	check_waits(&source, now_us, 2 * SECOND_US);
	assert_int_equal(hf_fill_begin(&source, 60 * SECOND_US, &due), 0);
}

static void what_is_missing_since_is_asked_for_at_once_and_once(void **state)
{
	struct hf_fill_source source = { .vain = 0 };
	const struct hf_fill_result fresh = { .reached = 120, .end = 120 };
	bool due;

	hf_fill_end(&source, &vain, 0);
	assert_int_equal(hf_fill_begin(&source, SECOND_US, &due), 100);
	assert_false(due);
	hf_fill_end(&source, &fresh, SECOND_US);
	assert_int_equal(hf_fill_begin(&source, SECOND_US, &due), 120);
	/* The round has its own time, which that did not change. */
	check_waits(&source, 0, 2 * SECOND_US);
	assert_int_equal(hf_fill_begin(&source, 2 * SECOND_US, &due), 0);
}

static void
a_liar_waits_longer_and_is_asked_for_what_is_behind_the_lie(void **s)
{
	struct hf_fill_source source = { .vain = 0 };
	struct hf_fill_result lie = vain;
	bool due;

	lie.has_failed = true;
	lie.is_round = false;
	lie.reached = 31;
	/* What it gave before it lied does not make the wait shorter. */
	lie.brought = 30;
	hf_fill_end(&source, &lie, 0);
	check_waits(&source, 0, 2 * SECOND_US);
	/* Meanwhile not for anything: all of it counts as asked for. */
	assert_int_equal(hf_fill_begin(&source, SECOND_US, &due), 100);
	assert_int_equal(hf_fill_begin(&source, 2 * SECOND_US, &due), 31);
	hf_fill_end(&source, &lie, 0);
	check_waits(&source, 0, 4 * SECOND_US);
	/* Also where it was asked for what was new alone. */
	lie.was_due = false;
	hf_fill_end(&source, &lie, 0);
	check_waits(&source, 0, 8 * SECOND_US);
}

static void
who_withheld_it_in_the_first_place_is_asked_again_later(void **state)
{
	struct hf_fill_source source = { .vain = 0 };
	bool due;

	hf_fill_withheld(&source, 50, SECOND_US);
	check_waits(&source, SECOND_US, 2 * SECOND_US);
	assert_int_equal(hf_fill_begin(&source, SECOND_US, &due), 50);
	assert_int_equal(hf_fill_begin(&source, 9 * SECOND_US, &due), 0);
	/* More of the same does not put it off. */
	hf_fill_withheld(&source, 80, 2 * SECOND_US);
	check_waits(&source, SECOND_US, 2 * SECOND_US);
	assert_int_equal(hf_fill_begin(&source, 2 * SECOND_US, &due), 80);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_has_to_wait_who_was_never_asked),
		cmocka_unit_test(
			each_round_in_vain_doubles_the_wait_up_to_an_hour),
		cmocka_unit_test(a_round_that_brought_something_begins_anew),
		cmocka_unit_test(a_round_goes_on_where_its_last_look_ended),
		cmocka_unit_test(
			what_is_missing_since_is_asked_for_at_once_and_once),
		cmocka_unit_test(
			a_liar_waits_longer_and_is_asked_for_what_is_behind_the_lie),
		cmocka_unit_test(
			who_withheld_it_in_the_first_place_is_asked_again_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
