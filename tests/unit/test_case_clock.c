/*
 * Clocks, with times made up.
 */
#include "unit.h"

#include <string.h>

#include "case_rig.h"

#define DAY   (24 * HOUR)
#define NEVER UINT64_MAX

static struct hf_case_clock look(const struct hf_case *now,
				 enum hf_regime regime, uint64_t now_ms)
{
	struct hf_case_clock clock;

	hf_case_clock(now, hf_case_rules_default(regime), now_ms, &clock);
	return clock;
}

/* A notice that was received at T0. */
static struct hf_case running(uint64_t deadline_ms)
{
	return (struct hf_case){
		.state = HF_CASE_ACKNOWLEDGED,
		.published_ms = T0,
		.delivered_ms = T0,
		.clock_ms = T0,
		.deadline_ms = deadline_ms,
	};
}

static void the_deadline_is_the_first_moment_too_late(void **state)
{
	struct hf_case now = running(24 * HOUR);
	struct hf_case_clock clock;

	clock = look(&now, HF_REGIME_NTD, T0 + 24 * HOUR - 1);
	assert_false(clock.is_overdue);
	assert_int_equal(clock.next_ms, T0 + 24 * HOUR);
	clock = look(&now, HF_REGIME_NTD, T0 + 24 * HOUR);
	assert_true(clock.is_overdue);
	assert_true(clock.is_late);
	assert_true(clock.should_renotify);
	assert_false(clock.should_escalate);
	assert_int_equal(clock.due_ms, T0 + 24 * HOUR);
	assert_int_equal(clock.next_ms, T0 + (24 + 72) * HOUR);
}

static void warnings_come_one_by_one(void **state)
{
	struct hf_case now = running(24 * HOUR);
	static const struct {
		uint64_t after_ms;
		unsigned warnings;
		uint64_t next_ms;
	} rows[] = {
		{ 0, 0, 18 * HOUR },         { 18 * HOUR - 1, 0, 18 * HOUR },
		{ 18 * HOUR, 1, 23 * HOUR }, { 23 * HOUR, 2, 24 * HOUR },
		{ 24 * HOUR, 2, 96 * HOUR }, { 96 * HOUR, 2, 0 },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_case_clock clock =
			look(&now, HF_REGIME_NTD, T0 + rows[i].after_ms);

		assert_int_equal(clock.warnings, rows[i].warnings);
		assert_int_equal(clock.next_ms, rows[i].next_ms != 0
							? T0 + rows[i].next_ms
							: NEVER);
	}
	/* An order of an hour under rules that warn hours before. */
	now.deadline_ms = HOUR;
	assert_int_equal(look(&now, HF_REGIME_CSAM_ORDER, T0).warnings, 0);
	assert_int_equal(
		look(&now, HF_REGIME_CSAM_ORDER, T0 + 45 * MINUTE).warnings, 1);
}

static void it_is_time_to_remind_again_and_again(void **state)
{
	struct hf_case now = running(24 * HOUR);

	now.renotified_ms = T0 + 25 * HOUR;
	assert_false(
		look(&now, HF_REGIME_NTD, T0 + 49 * HOUR - 1).should_renotify);
	assert_int_equal(look(&now, HF_REGIME_NTD, T0 + 48 * HOUR).next_ms,
			 T0 + 49 * HOUR);
	assert_true(look(&now, HF_REGIME_NTD, T0 + 49 * HOUR).should_renotify);
	now.renotified_ms = T0 + 49 * HOUR;
	assert_false(look(&now, HF_REGIME_NTD, T0 + 49 * HOUR).should_renotify);
	/* A reminder before the deadline puts the next one off, no more. */
	now.renotified_ms = T0 + 23 * HOUR;
	assert_false(look(&now, HF_REGIME_NTD, T0 + 24 * HOUR).should_renotify);
	assert_true(look(&now, HF_REGIME_NTD, T0 + 47 * HOUR).should_renotify);
}

static void an_authoritys_turn_comes_once(void **state)
{
	struct hf_case now = running(24 * HOUR);

	assert_false(
		look(&now, HF_REGIME_NTD, T0 + 96 * HOUR - 1).should_escalate);
	assert_true(look(&now, HF_REGIME_NTD, T0 + 96 * HOUR).should_escalate);
	now.is_escalated = true;
	assert_false(look(&now, HF_REGIME_NTD, T0 + 96 * HOUR).should_escalate);
	now.is_escalated = false;
	assert_false(look(&now, HF_REGIME_FORWARD, T0 + 9000 * HOUR)
			     .should_escalate);
}

static void a_pause_moves_the_deadline_where_the_rules_say_so(void **state)
{
	struct hf_case now = running(HOUR);
	struct hf_case_clock clock;

	now.needs_info.since_ms = T0 + 20 * MINUTE;
	clock = look(&now, HF_REGIME_TCO, T0 + 5 * HOUR);
	assert_true(clock.is_paused);
	assert_false(clock.is_overdue);
	assert_int_equal(clock.due_ms, T0 + 5 * HOUR + 40 * MINUTE);
	assert_int_equal(clock.next_ms, NEVER);
	clock = look(&now, HF_REGIME_NTD, T0 + 5 * HOUR);
	assert_false(clock.is_paused);
	assert_true(clock.is_overdue);

	/* It ended: what was left is left. */
	now.needs_info = (struct hf_case_pause){ 10 * MINUTE, 0 };
	now.impossible = (struct hf_case_pause){ 5 * MINUTE, 0 };
	clock = look(&now, HF_REGIME_TCO, T0 + 75 * MINUTE - 1);
	assert_false(clock.is_paused);
	assert_false(clock.is_overdue);
	assert_int_equal(clock.next_ms, T0 + 75 * MINUTE);
	assert_true(look(&now, HF_REGIME_TCO, T0 + 75 * MINUTE).is_overdue);

	/* It began after the deadline: overdue it stays, nobody is pressed. */
	now.needs_info = (struct hf_case_pause){ 0, T0 + 2 * HOUR };
	clock = look(&now, HF_REGIME_TCO, T0 + 9 * HOUR);
	assert_true(clock.is_paused);
	assert_true(clock.is_overdue);
	assert_false(clock.should_renotify);
}

static void a_clock_that_was_stopped_says_whether_it_was_late(void **state)
{
	struct hf_case now = running(24 * HOUR);
	struct hf_case_clock clock;

	now.stopped_ms = T0 + 24 * HOUR - 1;
	clock = look(&now, HF_REGIME_NTD, T0 + 900 * HOUR);
	assert_int_equal(clock.due_ms, 0);
	assert_int_equal(clock.limit_ms, T0 + 24 * HOUR);
	assert_false(clock.is_overdue);
	assert_false(clock.is_late);
	assert_int_equal(clock.next_ms, NEVER);
	now.stopped_ms = T0 + 24 * HOUR;
	clock = look(&now, HF_REGIME_NTD, T0 + 900 * HOUR);
	assert_false(clock.is_overdue);
	assert_true(clock.is_late);
	assert_false(clock.should_renotify);
}

static void what_is_not_delivered_is_said_so(void **state)
{
	struct hf_case now = { .state = HF_CASE_NOTICED, .published_ms = T0 };
	struct hf_case_clock clock;

	clock = look(&now, HF_REGIME_NTD, T0 + 4 * HOUR - 1);
	assert_false(clock.is_undelivered);
	assert_int_equal(clock.due_ms, 0);
	assert_int_equal(clock.next_ms, T0 + 4 * HOUR);
	assert_true(look(&now, HF_REGIME_NTD, T0 + 4 * HOUR).is_undelivered);
	now.is_over = true;
	assert_false(look(&now, HF_REGIME_NTD, T0 + 4 * HOUR).is_undelivered);

	/* An order that the provider has not received. */
	now = running(24 * HOUR);
	now.is_ordered = now.is_order_open = true;
	now.ordered_ms = T0 + 30 * HOUR;
	assert_false(look(&now, HF_REGIME_CSAM_ORDER, T0 + 31 * HOUR - 1)
			     .is_undelivered);
	clock = look(&now, HF_REGIME_CSAM_ORDER, T0 + 31 * HOUR);
	assert_true(clock.is_undelivered);
	assert_true(clock.is_overdue); /* the notice still is */
}

static void any_times_give_an_answer(void **state)
{
	static const uint64_t times[] = {
		0, 1, T0, UINT64_MAX / 2, UINT64_MAX - 1, UINT64_MAX
	};

	for (size_t i = 0; i < ROWS(times) * ROWS(times) * ROWS(times); i++) {
		struct hf_case now = running(times[i % 6]);
		uint64_t now_ms = times[i / 6 % 6];
		struct hf_case_clock clock;

		now.clock_ms = now.published_ms = times[i / 36];
		now.renotified_ms = times[i % 6];
		now.needs_info.total_ms = times[i / 6 % 6];
		now.impossible.since_ms = times[i / 36];
		for (unsigned regime = 0; regime < 9; regime++) {
			clock = look(&now, (enum hf_regime)regime, now_ms);
			assert_true(clock.due_ms == clock.limit_ms);
			assert_true(clock.due_ms == 0 ||
				    clock.due_ms >= now.clock_ms);
			assert_true(clock.next_ms > now_ms ||
				    clock.next_ms == NEVER);
			assert_int_equal(clock.is_overdue,
					 clock.due_ms != 0 &&
						 clock.due_ms <= now_ms);
		}
	}
}

/* Nothing is due a day, a year or an hour of summer later. */
static void a_clock_that_steps_back_only_waits_longer(void **state)
{
	struct hf_case now = running(24 * HOUR);
	struct hf_case_clock clock;

	clock = look(&now, HF_REGIME_NTD, T0 - 9 * DAY);
	assert_false(clock.is_overdue);
	assert_int_equal(clock.warnings, 0);
	assert_int_equal(clock.due_ms, T0 + 24 * HOUR);
	assert_int_equal(clock.next_ms, T0 + 18 * HOUR);
	/* 2026-03-29 01:00 UTC is when clocks in Europe jump: UTC does not. */
	now.clock_ms = (uint64_t)1774699200000; /* 28 March, noon UTC */
	clock = look(&now, HF_REGIME_NTD, now.clock_ms + 24 * HOUR - 1);
	assert_false(clock.is_overdue);
	assert_int_equal(clock.due_ms, (uint64_t)1774785600000);
}

/* Walking from next_ms to next_ms misses nothing: in between all is the same.
 */
static void next_is_when_something_changes(void **state)
{
	for (unsigned regime = 1; regime <= HF_REGIME_VOLUNTARY; regime++) {
		const struct hf_case_rules *rules =
			hf_case_rules_default((enum hf_regime)regime);
		struct hf_case now = running(rules->deadline_ms);
		struct hf_case_clock last =
			look(&now, (enum hf_regime)regime, T0);
		unsigned steps = 0;

		for (uint64_t at = T0; at < T0 + 14 * DAY; at += MINUTE) {
			struct hf_case_clock clock =
				look(&now, (enum hf_regime)regime, at);
			bool is_same =
				clock.warnings == last.warnings &&
				clock.is_overdue == last.is_overdue &&
				clock.should_escalate == last.should_escalate &&
				clock.should_renotify == last.should_renotify;

			assert_int_equal(is_same, at < last.next_ms);
			steps += !is_same;
			last = clock;
		}
		assert_true(steps > 0 || rules->deadline_ms == 0);
	}
}

static void every_regime_has_rules_that_make_sense(void **state)
{
	for (unsigned regime = 0; regime < 12; regime++) {
		const struct hf_case_rules *rules =
			hf_case_rules_default((enum hf_regime)regime);

		assert_non_null(rules);
		assert_true(rules->warn_count <= HF_CASE_WARNINGS_MAX);
		for (size_t i = 0; i < rules->warn_count; i++) {
			assert_true(rules->warn_ms[i] > 0);
			assert_true(rules->warn_ms[i] < rules->deadline_ms);
		}
		assert_true(rules->priority_deadline_ms <= rules->deadline_ms);
	}
	assert_int_equal(hf_case_rules_default(HF_REGIME_NTD)->deadline_ms,
			 24 * HOUR);
	assert_int_equal(hf_case_rules_default(HF_REGIME_TCO)->deadline_ms,
			 HOUR);
	assert_int_equal(
		hf_case_rules_default(HF_REGIME_CSAM_ORDER)->deadline_ms,
		12 * HOUR);
	assert_int_equal(
		hf_case_rules_default(HF_REGIME_VOLUNTARY)->deadline_ms, 0);
}

/*
 * Where clocks begin, stand and stop: by events.
 */

static void the_clock_begins_when_the_provider_has_the_notice(void **state)
{
	struct rig rig;

	rig_init(&rig, 'N', 'P');
	SAY(&rig, 'N', NOTICE, T0, 0)->deadline_ms = 24 * HOUR;
	assert_int_equal(rig_fold(&rig), HF_OK);
	assert_int_equal(rig.now.clock_ms, 0);
	/* Something of the provider's that does not show that it has it. */
	SAY(&rig, 'P', REVIEW, T0 + 1, 0);
	assert_int_equal(rig_fold(&rig), HF_OK);
	assert_int_equal(rig.now.delivered_ms, 0);
	/* That has, by a mark; before the receipt. */
	SAY(&rig, 'P', REVIEW, T0 + 2, 2)->covers_opening = true;
	SAY(&rig, 'P', RECEIPT, T0 + 3, 3);
	assert_int_equal(rig_fold(&rig), HF_OK);
	assert_int_equal(rig.now.delivered_ms, T0 + 2);
	assert_int_equal(rig.now.clock_ms, T0 + 2);
	assert_int_equal(rig.now.acknowledged_ms, T0 + 3);
	hf_arena_release(&rig.arena);
}

static void one_without_a_node_has_it_when_it_was_sent(void **state)
{
	struct rig rig;

	rig_init(&rig, 'N', '-');
	SAY(&rig, 'N', NOTICE, T0, 0)->deadline_ms = 24 * HOUR;
	SAY(&rig, 'N', DELIVERY, T0 + 9, 1)->acted_ms = T0 + 5;
	assert_int_equal(rig_fold(&rig), HF_OK);
	assert_int_equal(rig.now.state, HF_CASE_DELIVERED);
	assert_int_equal(rig.now.clock_ms, T0 + 5);
	/* The mail comes back: it never was there. */
	SAY(&rig, 'N', DELIVERY, T0 + 10, 2)->has_failed = true;
	assert_int_equal(rig_fold(&rig), HF_OK);
	assert_int_equal(rig.now.state, HF_CASE_DELIVERY_FAILED);
	assert_int_equal(rig.now.delivered_ms, 0);
	assert_int_equal(rig.now.clock_ms, 0);
	assert_true(rig.now.is_delivery_failed);
	SAY(&rig, 'N', DELIVERY, T0 + 20, 3);
	assert_int_equal(rig_fold(&rig), HF_OK);
	assert_int_equal(rig.now.clock_ms, T0 + 20);
	SAY(&rig, 'O', ORDER, T0 + 30, 4)->powers = UINT32_MAX;
	rig.facts[4].deadline_ms = HOUR;
	assert_int_equal(rig_fold(&rig), HF_OK);
	assert_int_equal(rig.now.clock_ms, T0 + 30);
	assert_int_equal(rig.now.deadline_ms, HOUR);
	hf_arena_release(&rig.arena);
}

static void an_orders_clock_begins_with_who_has_seen_it(void **state)
{
	struct rig rig;

	rig_init(&rig, 'N', 'P');
	SAY(&rig, 'N', NOTICE, T0, 0)->deadline_ms = 24 * HOUR;
	SAY(&rig, 'P', RECEIPT, T0 + 1, 1);
	SAY(&rig, 'O', ORDER, T0 + HOUR, 1)->powers = UINT32_MAX;
	rig.facts[2].deadline_ms = 2 * HOUR;
	/* Later, but without having seen the order. */
	SAY(&rig, 'P', IMPOSSIBLE, T0 + 2 * HOUR, 2);
	assert_int_equal(rig_fold(&rig), HF_OK);
	assert_int_equal(rig.now.clock_ms, T0 + 1);
	assert_int_equal(rig.now.deadline_ms, 24 * HOUR);
	SAY(&rig, 'P', RECEIPT, T0 + 3 * HOUR, 3, 4);
	assert_int_equal(rig_fold(&rig), HF_OK);
	assert_int_equal(rig.now.clock_ms, T0 + 3 * HOUR);
	assert_int_equal(rig.now.deadline_ms, 2 * HOUR);
	assert_int_equal(rig.now.impossible.since_ms, 0);
	hf_arena_release(&rig.arena);
}

static void
a_question_pauses_until_its_answer_or_until_work_goes_on(void **state)
{
	struct rig rig;

	rig_init(&rig, 'N', 'P');
	SAY(&rig, 'N', NOTICE, T0, 0)->deadline_ms = HOUR;
	SAY(&rig, 'P', NEEDS_INFO, T0 + 10 * MINUTE, 1);
	SAY(&rig, 'N', INFO, T0 + 30 * MINUTE, 2);
	SAY(&rig, 'P', NEEDS_INFO, T0 + 40 * MINUTE, 3);
	SAY(&rig, 'P', IMPOSSIBLE, T0 + 45 * MINUTE, 4);
	SAY(&rig, 'P', RECEIPT, T0 + 50 * MINUTE, 5); /* is no action */
	SAY(&rig, 'P', REVIEW, T0 + 55 * MINUTE, 6);
	assert_int_equal(rig_fold(&rig), HF_OK);
	assert_int_equal(rig.now.needs_info.total_ms, 25 * MINUTE);
	assert_int_equal(rig.now.impossible.total_ms, 10 * MINUTE);
	assert_int_equal(rig.now.needs_info.since_ms, 0);
	assert_int_equal(rig.now.impossible.since_ms, 0);
	assert_int_equal(rig.now.state, HF_CASE_UNDER_REVIEW);
	hf_arena_release(&rig.arena);
}

static void times_that_go_back_pause_nothing_and_answer_at_once(void **state)
{
	struct rig rig;

	rig_init(&rig, 'N', 'P');
	SAY(&rig, 'N', NOTICE, T0, 0)->deadline_ms = HOUR;
	SAY(&rig, 'P', NEEDS_INFO, T0 - 9 * HOUR, 1);
	SAY(&rig, 'N', INFO, T0 - 20 * HOUR, 2);
	SAY(&rig, 'P', REMOVED, T0 - 30 * HOUR, 3);
	assert_int_equal(rig_fold(&rig), HF_OK);
	assert_int_equal(rig.now.delivered_ms, T0);
	assert_int_equal(rig.now.clock_ms, T0);
	assert_int_equal(rig.now.needs_info.total_ms, 0);
	assert_int_equal(rig.now.stopped_ms, T0);
	assert_int_equal(rig.now.acted_ms, T0 - 30 * HOUR);
	assert_int_equal(rig.now.changed_ms, T0);
	/* Nobody can have acted after he said so. */
	rig.facts[3].acted_ms = UINT64_MAX;
	assert_int_equal(rig_fold(&rig), HF_OK);
	assert_int_equal(rig.now.acted_ms, T0 - 30 * HOUR);
	/* Pauses without end do not wrap. */
	rig.facts[1].at_ms = T0;
	rig.facts[2].at_ms = UINT64_MAX;
	rig.count = 3;
	SAY(&rig, 'P', NEEDS_INFO, T0, 3);
	SAY(&rig, 'N', INFO, UINT64_MAX, 4);
	assert_int_equal(rig_fold(&rig), HF_OK);
	assert_int_equal(rig.now.needs_info.total_ms, UINT64_MAX);
	hf_arena_release(&rig.arena);
}

static void what_was_not_true_does_not_stop_the_clock(void **state)
{
	struct rig rig;

	rig_init(&rig, 'N', 'P');
	SAY(&rig, 'N', NOTICE, T0, 0)->deadline_ms = 24 * HOUR;
	SAY(&rig, 'P', REMOVED, T0 + HOUR, 1);
	assert_int_equal(rig_fold(&rig), HF_OK);
	assert_int_equal(rig.now.stopped_ms, T0 + HOUR);
	SAY(&rig, 'N', ONLINE, T0 + 30 * HOUR, 2);
	assert_int_equal(rig_fold(&rig), HF_OK);
	assert_int_equal(rig.now.state, HF_CASE_STILL_ONLINE);
	assert_int_equal(rig.now.stopped_ms, 0);
	assert_int_equal(rig.now.acted_ms, 0);
	assert_int_equal(rig.now.clock_ms, T0 + HOUR); /* the same clock */
	SAY(&rig, 'P', REMOVED, T0 + 31 * HOUR, 3);
	SAY(&rig, 'N', OFFLINE, T0 + 32 * HOUR, 4);
	assert_int_equal(rig_fold(&rig), HF_OK);
	assert_true(look(&rig.now, HF_REGIME_NTD, T0 + 40 * HOUR).is_late);
	/* A new round has a new clock. */
	SAY(&rig, 'N', REAPPEARED, T0 + 50 * HOUR, 5);
	assert_int_equal(rig_fold(&rig), HF_OK);
	assert_int_equal(rig.now.state, HF_CASE_REAPPEARED);
	assert_int_equal(rig.now.clock_ms, T0 + 50 * HOUR);
	assert_int_equal(rig.now.acted_ms, 0);
	assert_int_equal(rig.now.offline_ms, 0);
	assert_int_equal(rig.now.reappeared, 1);
	assert_false(look(&rig.now, HF_REGIME_NTD, T0 + 60 * HOUR).is_late);
	hf_arena_release(&rig.arena);
}

static void
a_rejection_stops_the_clock_and_a_complaint_starts_none(void **state)
{
	struct rig rig;

	rig_init(&rig, 'N', 'P');
	SAY(&rig, 'N', NOTICE, T0, 0)->deadline_ms = 24 * HOUR;
	SAY(&rig, 'P', REJECTED, T0 + HOUR, 1);
	SAY(&rig, 'N', CONTEST, T0 + 2 * HOUR, 2);
	SAY(&rig, 'N', ONLINE, T0 + 3 * HOUR, 3);
	assert_int_equal(rig_fold(&rig), HF_OK);
	assert_int_equal(rig.now.stopped_ms, T0 + HOUR);
	assert_int_equal(look(&rig.now, HF_REGIME_NTD, T0 + 90 * HOUR).due_ms,
			 0);
	/* An order's clock runs on, contested or not. */
	SAY(&rig, 'O', ORDER, T0 + 4 * HOUR, 4)->powers = UINT32_MAX;
	rig.facts[4].deadline_ms = HOUR;
	SAY(&rig, 'P', CONTEST, T0 + 5 * HOUR, 5);
	assert_int_equal(rig_fold(&rig), HF_OK);
	assert_int_equal(rig.now.state, HF_CASE_CONTESTED);
	assert_true(
		look(&rig.now, HF_REGIME_CSAM_ORDER, T0 + 6 * HOUR).is_overdue);
	hf_arena_release(&rig.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_deadline_is_the_first_moment_too_late),
		cmocka_unit_test(warnings_come_one_by_one),
		cmocka_unit_test(it_is_time_to_remind_again_and_again),
		cmocka_unit_test(an_authoritys_turn_comes_once),
		cmocka_unit_test(
			a_pause_moves_the_deadline_where_the_rules_say_so),
		cmocka_unit_test(
			a_clock_that_was_stopped_says_whether_it_was_late),
		cmocka_unit_test(what_is_not_delivered_is_said_so),
		cmocka_unit_test(any_times_give_an_answer),
		cmocka_unit_test(a_clock_that_steps_back_only_waits_longer),
		cmocka_unit_test(next_is_when_something_changes),
		cmocka_unit_test(every_regime_has_rules_that_make_sense),
		cmocka_unit_test(
			the_clock_begins_when_the_provider_has_the_notice),
		cmocka_unit_test(one_without_a_node_has_it_when_it_was_sent),
		cmocka_unit_test(an_orders_clock_begins_with_who_has_seen_it),
		cmocka_unit_test(
			a_question_pauses_until_its_answer_or_until_work_goes_on),
		cmocka_unit_test(
			times_that_go_back_pause_nothing_and_answer_at_once),
		cmocka_unit_test(what_was_not_true_does_not_stop_the_clock),
		cmocka_unit_test(
			a_rejection_stops_the_clock_and_a_complaint_starts_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
