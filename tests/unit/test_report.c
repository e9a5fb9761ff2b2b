#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "report_cases.h"

static const uint64_t minute = 60000;

/* ---- what a case counts as ---- */

static void every_state_counts_as_something(void **state)
{
	const uint64_t at = day("2026-03-01");
	static const struct {
		const char *name;
		enum hf_case_state state;
		enum hf_case_reason reason;
		uint64_t acted_h, offline_h, closed_h; /* after the clock */
		enum hf_report_outcome outcome;
		enum hf_report_action action;
		enum hf_report_answer answer;
	} rows[] = {
		/* clang-format off */
		{ "removed at once", HF_CASE_REMOVED, 0, 1, 0, 0, HF_OUTCOME_WITHIN_24H, HF_ACTION_ACTED, HF_ANSWER_IN_TIME },
		/* The deadline is the first moment that is too late: SPEC 12.6. */
		{ "on the hour",     HF_CASE_DISABLED, 0, 24, 0, 0, HF_OUTCOME_WITHIN_24H, HF_ACTION_ACTED, HF_ANSWER_LATE },
		{ "a day late",      HF_CASE_REMOVED, 0, 25, 0, 0, HF_OUTCOME_WITHIN_48H, HF_ACTION_ACTED, HF_ANSWER_LATE },
		{ "two days",        HF_CASE_REMOVED, 0, 48, 0, 0, HF_OUTCOME_WITHIN_48H, HF_ACTION_ACTED, HF_ANSWER_LATE },
		{ "later",           HF_CASE_CLOSED, HF_CASE_REASON_DONE, 49, 50, 51, HF_OUTCOME_LATER, HF_ACTION_ACTED, HF_ANSWER_LATE },
		{ "seen first",      HF_CASE_VERIFIED_OFFLINE, 0, 30, 10, 0, HF_OUTCOME_WITHIN_24H, HF_ACTION_ACTED, HF_ANSWER_IN_TIME },
		{ "seen only",       HF_CASE_VERIFIED_OFFLINE, 0, 0, 10, 0, HF_OUTCOME_WITHIN_24H, HF_ACTION_GONE, HF_ANSWER_IN_TIME },
		{ "state says it",   HF_CASE_UNAVAILABLE, 0, 0, 0, 0, HF_OUTCOME_WITHIN_24H, HF_ACTION_GONE, HF_ANSWER_IN_TIME },
		{ "complied",        HF_CASE_COMPLIED, 0, 3, 0, 0, HF_OUTCOME_WITHIN_24H, HF_ACTION_ACTED, HF_ANSWER_IN_TIME },
		{ "fined after",     HF_CASE_PENALTY, 0, 300, 0, 0, HF_OUTCOME_LATER, HF_ACTION_ACTED, HF_ANSWER_LATE },
		{ "done, no times",  HF_CASE_CLOSED, HF_CASE_REASON_DONE, 0, 0, 26, HF_OUTCOME_WITHIN_24H, HF_ACTION_GONE, HF_ANSWER_IN_TIME },
		{ "given up",        HF_CASE_CLOSED, HF_CASE_REASON_GIVEN_UP, 0, 0, 26, HF_OUTCOME_ONLINE, HF_ACTION_NONE, HF_ANSWER_SILENT },
		{ "duplicate",       HF_CASE_CLOSED, HF_CASE_REASON_DUPLICATE, 0, 0, 26, HF_OUTCOME_CLOSED, HF_ACTION_CLOSED, HF_ANSWER_NOT_ASKED },
		{ "silent",          HF_CASE_ACKNOWLEDGED, 0, 0, 0, 0, HF_OUTCOME_ONLINE, HF_ACTION_NONE, HF_ANSWER_SILENT },
		{ "reminded",        HF_CASE_RENOTIFIED, 0, 0, 0, 0, HF_OUTCOME_ONLINE, HF_ACTION_NONE, HF_ANSWER_SILENT },
		{ "looked at",       HF_CASE_UNDER_REVIEW, 0, 0, 0, 0, HF_OUTCOME_ONLINE, HF_ACTION_NONE, HF_ANSWER_OVERDUE },
		{ "asked",           HF_CASE_NEEDS_INFO, HF_CASE_REASON_NOT_PRECISE, 0, 0, 0, HF_OUTCOME_ONLINE, HF_ACTION_ASKED, HF_ANSWER_OVERDUE },
		{ "impossible",      HF_CASE_IMPOSSIBLE, HF_CASE_REASON_FORCE_MAJEURE, 0, 0, 0, HF_OUTCOME_ONLINE, HF_ACTION_IMPOSSIBLE, HF_ANSWER_OVERDUE },
		{ "not true",        HF_CASE_STILL_ONLINE, 0, 5, 0, 0, HF_OUTCOME_ONLINE, HF_ACTION_UNTRUE, HF_ANSWER_UNTRUE },
		{ "back",            HF_CASE_REAPPEARED, 0, 5, 6, 0, HF_OUTCOME_ONLINE, HF_ACTION_NONE, HF_ANSWER_OVERDUE },
		{ "no reason",       HF_CASE_REJECTED, 0, 0, 0, 0, HF_OUTCOME_REJECTED, HF_ACTION_REJECTED, HF_ANSWER_UNREASONED },
		{ "with reason",     HF_CASE_REJECTED, HF_CASE_REASON_NOT_ILLEGAL, 0, 0, 0, HF_OUTCOME_REJECTED, HF_ACTION_REJECTED, HF_ANSWER_REASONED },
		{ "withdrawn",       HF_CASE_WITHDRAWN, HF_CASE_REASON_ERROR, 4, 0, 0, HF_OUTCOME_WITHDRAWN, HF_ACTION_WITHDRAWN, HF_ANSWER_NOT_ASKED },
		{ "bounced",         HF_CASE_DELIVERY_FAILED, 0, 0, 0, 0, HF_OUTCOME_UNDELIVERED, HF_ACTION_UNDELIVERED, HF_ANSWER_NOT_ASKED },
		{ "moved",           HF_CASE_MOVED, 0, 4, 0, 0, HF_OUTCOME_MOVED, HF_ACTION_MOVED, HF_ANSWER_NOT_ASKED },
		{ "reinstated",      HF_CASE_REINSTATED, HF_CASE_REASON_COMPLAINT_UPHELD, 0, 0, 0, HF_OUTCOME_REINSTATED, HF_ACTION_REINSTATED, HF_ANSWER_NOT_ASKED },
		/* clang-format on */
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_case_summary is = in_state(
			"host.example", at, rows[i].state, rows[i].reason);
		struct hf_report_judgement got;

		is.acted_ms = rows[i].acted_h > 0
				      ? is.clock_ms + rows[i].acted_h * H
				      : 0;
		is.offline_ms = rows[i].offline_h > 0
					? is.clock_ms + rows[i].offline_h * H
					: 0;
		/* Closed an hour before the deadline where nothing else is
		 * known. */
		is.closed_ms = rows[i].closed_h > 0 ? is.clock_ms + 23 * H : 0;
		hf_report_judge(&is, at + 30 * D, 0, &got);
		if (got.outcome != rows[i].outcome ||
		    got.action != rows[i].action ||
		    got.answer != rows[i].answer)
			fail_msg("%s: outcome %d, action %d, answer %d",
				 rows[i].name, got.outcome, got.action,
				 got.answer);
	}
}

static void time_begins_with_the_first_sign_that_it_came(void **state)
{
	const uint64_t at = day("2026-03-01");
	struct hf_case_summary is = removed("host.example", at, 10 * H);
	struct hf_report_judgement got;

	/* An order's clock began later; the notice came before. */
	is.clock_ms = at + 9 * D;
	is.acted_ms = at + 9 * D + 30 * minute;
	is.ordered_ms = at + 9 * D;
	hf_report_judge(&is, at + 30 * D, 0, &got);
	assert_int_equal(got.outcome, HF_OUTCOME_LATER);
	assert_int_equal(got.duration_ms, 9 * D + 29 * minute);
	assert_false(got.is_from_published);

	/* No clock ever: from when it was signed, and said. */
	is.clock_ms = is.delivered_ms = is.acknowledged_ms = 0;
	hf_report_judge(&is, at + 30 * D, 0, &got);
	assert_int_equal(got.duration_ms, 9 * D + 30 * minute);
	assert_true(got.is_from_published);

	/* Gone before anybody was told: no time at all, not a huge one. */
	is.acted_ms = at - D;
	hf_report_judge(&is, at + 30 * D, 0, &got);
	assert_int_equal(got.duration_ms, 0);
	assert_int_equal(got.outcome, HF_OUTCOME_WITHIN_24H);

	/* It goes after the report: it is online in it. */
	is.acted_ms = at + 31 * D;
	hf_report_judge(&is, at + 30 * D, 0, &got);
	assert_int_equal(got.outcome, HF_OUTCOME_ONLINE);
	assert_int_equal(got.gone_ms, 0);
}

static void a_deadline_that_is_not_told_is_the_regime_s(void **state)
{
	const uint64_t at = day("2026-03-01");
	struct hf_case_summary is = removed("host.example", at, 25 * H);
	struct hf_report_judgement got;

	is.due_ms = 0;
	hf_report_judge(&is, at + 30 * D, hf_report_deadline_ms(HF_REGIME_NTD),
			&got);
	assert_int_equal(got.answer, HF_ANSWER_LATE);
	assert_int_equal(got.late_ms, 1 * H);
	hf_report_judge(&is, at + 30 * D, hf_report_deadline_ms(HF_REGIME_DSA),
			&got);
	assert_int_equal(got.answer, HF_ANSWER_IN_TIME);
	/* While the clock stands still nobody is late. */
	is = summary_of("host.example", at);
	is.is_paused = true;
	hf_report_judge(&is, at + 30 * D, 0, &got);
	assert_int_equal(got.answer, HF_ANSWER_RUNNING);
}

/* ---- the hosting report ---- */

/*
 *              alpha                 beta (no node)
 *   January    10 h, 24 h, 30 h      online
 *   February   -                     -
 *   March      72 h, rejected        5 h, withdrawn
 */
static struct hf_report *small_story(enum hf_report_kind kind,
				     enum hf_report_audience audience)
{
	static const char *sites[] = { "pics.example", "forum.example",
				       "pics.example" };
	struct hf_report *report = open_report(kind, audience, "2026-01-01",
					       "2026-04-01", "2026-05-01");
	const uint64_t january = day("2026-01-10"), march = day("2026-03-05");
	struct hf_case_summary is;

	is = removed("alpha.example", january, 10 * H);
	is.sites = sites;
	is.sites_count = 3;
	add(report, is);
	add(report, removed("alpha.example", january, 24 * H));
	add(report, removed("alpha.example", january + D, 30 * H));
	is = summary_of("beta.example", january);
	is.is_not_member = true;
	is.sites = sites;
	is.sites_count = 1;
	is.renotified = 3;
	add(report, is);
	add(report, removed("alpha.example", march, 72 * H));
	add(report, in_state("alpha.example", march, HF_CASE_REJECTED,
			     HF_CASE_REASON_OTHER));
	is = removed("beta.example", march, 5 * H);
	is.is_not_member = true;
	add(report, is);
	add(report, in_state("beta.example", march, HF_CASE_WITHDRAWN,
			     HF_CASE_REASON_ERROR));

	/* None of these count. */
	add(report, removed("alpha.example", january - 30 * D, 1 * H));
	add(report, removed("alpha.example", day("2026-04-01"), 1 * H));
	add(report, in_state("alpha.example", march, HF_CASE_DRAFT, 0));
	add(report, in_state("alpha.example", march, HF_CASE_HELD_POLICE, 0));
	is = removed("alpha.example", march, 1 * H);
	is.regime = HF_REGIME_VOLUNTARY;
	add(report, is);
	return report;
}

static void providers_are_counted_by_hand(void **state)
{
	struct hf_report *report =
		small_story(HF_REPORT_HOSTING, HF_REPORT_AUTHORITY);
	const struct hf_report_row *row, *const *rows;
	size_t count;

	finish(report);
	rows = hf_report_rows(report, HF_REPORT_BY_PROVIDER, &count);
	assert_int_equal(count, 2);
	row = rows[0];
	assert_string_equal(row->name, "alpha.example");
	assert_int_equal(row->cases, 5);
	assert_int_equal(row->outcomes[HF_OUTCOME_WITHIN_24H], 2);
	assert_int_equal(row->outcomes[HF_OUTCOME_WITHIN_48H], 1);
	assert_int_equal(row->outcomes[HF_OUTCOME_LATER], 1);
	assert_int_equal(row->outcomes[HF_OUTCOME_ONLINE], 0);
	assert_int_equal(row->outcomes[HF_OUTCOME_REJECTED], 1);
	assert_int_equal(hf_report_comparable(row), 4);
	/* 10, 24, 30, 72 */
	assert_int_equal(hf_report_times_at(&row->times, 50), 24 * H);
	assert_int_equal(hf_report_times_at(&row->times, 90), 72 * H);
	assert_int_equal(hf_report_times_mean(&row->times), 34 * H);
	assert_int_equal(row->not_member, 0);
	assert_int_equal(row->reasons_other, 1);

	row = rows[1];
	assert_string_equal(row->name, "beta.example");
	assert_int_equal(row->cases, 3);
	assert_int_equal(row->outcomes[HF_OUTCOME_ONLINE], 1);
	assert_int_equal(row->outcomes[HF_OUTCOME_WITHDRAWN], 1);
	assert_int_equal(hf_report_comparable(row), 2);
	assert_int_equal(row->not_member, 2);
	assert_int_equal(row->reminders, 3);
	assert_int_equal(row->young, 0);
	assert_int_equal(hf_report_set_aside(report), 1);
	hf_report_free(report);
}

static void months_without_cases_are_in_the_trend(void **state)
{
	struct hf_report *report =
		small_story(HF_REPORT_HOSTING, HF_REPORT_AUTHORITY);
	const struct hf_report_row *const *rows;
	size_t count;

	finish(report);
	rows = hf_report_rows(report, HF_REPORT_BY_MONTH, &count);
	assert_int_equal(count, 3);
	assert_string_equal(rows[0]->name, "2026-01");
	assert_int_equal(rows[0]->cases, 4);
	assert_string_equal(rows[1]->name, "2026-02");
	assert_int_equal(rows[1]->cases, 0);
	assert_string_equal(rows[2]->name, "2026-03");
	assert_int_equal(rows[2]->cases, 4);
	hf_report_free(report);
}

static void a_case_counts_once_for_each_site(void **state)
{
	struct hf_report *report =
		small_story(HF_REPORT_HOSTING, HF_REPORT_AUTHORITY);
	const struct hf_report_row *row;

	finish(report);
	row = row_of(report, HF_REPORT_BY_SITE, "pics.example");
	assert_int_equal(row->cases, 2);
	assert_int_equal(row->outcomes[HF_OUTCOME_WITHIN_24H], 1);
	assert_int_equal(row->outcomes[HF_OUTCOME_ONLINE], 1);
	row = row_of(report, HF_REPORT_BY_SITE, "forum.example");
	assert_int_equal(row->cases, 1);
	hf_report_free(report);
}

static void how_soon_is_counted_by_hand(void **state)
{
	struct hf_report *report =
		small_story(HF_REPORT_HOSTING, HF_REPORT_AUTHORITY);
	/* 1 3 6 12 24 48 h, 7 d, 30 d, longer: 5 | 10 | 24 | 30 | 72 h */
	static const uint64_t want[HF_REPORT_SPREADS] = { 0, 0, 1, 1, 1,
							  1, 1, 0, 0 };

	finish(report);
	assert_memory_equal(hf_report_total(report)->spread, want,
			    sizeof(want));
	assert_int_equal(hf_report_total(report)->cases, 8);
	hf_report_free(report);
}

static void a_notice_of_today_is_online_but_young(void **state)
{
	struct hf_report *report =
		open_report(HF_REPORT_HOSTING, HF_REPORT_AUTHORITY,
			    "2026-01-01", NULL, "2026-05-01");

	add(report, summary_of("host.example", day("2026-05-01") - 3 * H));
	add(report, summary_of("host.example", day("2026-05-01") - 30 * H));
	finish(report);
	assert_int_equal(hf_report_total(report)->outcomes[HF_OUTCOME_ONLINE],
			 2);
	assert_int_equal(hf_report_total(report)->young, 1);
	hf_report_free(report);
}

/* ---- the trusted flagger's and the supervisor's report ---- */

static void a_trusted_flagger_reports_its_notices_under_article_16(void **state)
{
	struct hf_report *report =
		open_report(HF_REPORT_TRUSTED_FLAGGER, HF_REPORT_AUTHORITY,
			    "2025-01-01", "2026-01-01", "2026-05-01");
	const uint64_t at = day("2025-06-01");
	struct hf_case_summary is = removed("host.example", at, 2 * H);
	const struct hf_report_row *row;

	is.is_priority = true;
	add(report, is);
	is = removed("host.example", at, 4 * H);
	is.regime = HF_REGIME_DSA;
	is.content_class = HF_CLASS_NCII;
	add(report, is);
	is.state = HF_CASE_STILL_ONLINE;
	add(report, is);
	/* Under the NTD code alone: not of Art. 16. */
	add(report, removed("host.example", at, 4 * H));
	/* Somebody else notified us. */
	is = removed("hotline.example", at, 4 * H);
	is.is_priority = true;
	is.side = HF_CASE_SIDE_PROVIDER;
	add(report, is);
	finish(report);
	row = hf_report_total(report);
	assert_int_equal(row->cases, 3);
	assert_int_equal(row->actions[HF_ACTION_ACTED], 2);
	assert_int_equal(row->actions[HF_ACTION_UNTRUE], 1);
	assert_int_equal(hf_report_times_mean(&row->times), 3 * H);
	assert_int_equal(hf_report_set_aside(report), 2);
	row = row_of(report, HF_REPORT_BY_CLASS, "ncii");
	assert_int_equal(row->cases, 2);
	assert_int_equal(row_of(report, HF_REPORT_BY_YEAR, "2025")->cases, 3);
	hf_report_free(report);
}

static void a_supervisor_gets_the_cases_that_prove_it_worst_first(void **state)
{
	struct hf_report *report =
		open_report(HF_REPORT_DSC, HF_REPORT_AUTHORITY, "2026-01-01",
			    NULL, "2026-02-01");
	const uint64_t at = day("2026-01-10");
	const struct hf_report_proof *proofs;
	struct hf_case_summary is;
	uint64_t left_out;
	size_t count;

	is = removed("late.example", at, 26 * H); /* 2 h late */
	is.case_id = "0000000000000000000000000000000a";
	add(report, is);
	is = removed("late.example", at, 34 * H); /* 10 h late */
	is.case_id = "0000000000000000000000000000000b";
	add(report, is);
	add(report, removed("late.example", at, 1 * H));
	is = summary_of("silent.example", at);
	is.is_overdue = true;
	is.case_id = "0000000000000000000000000000000c";
	add(report, is);
	is = in_state("curt.example", at, HF_CASE_REJECTED, 0);
	is.case_id = "0000000000000000000000000000000d";
	add(report, is);
	/* A case id that is none names nothing, and is said. */
	is.case_id = "xyz";
	add(report, is);
	finish(report);

	proofs = hf_report_proofs(report, &count, &left_out);
	assert_int_equal(count, 4);
	assert_int_equal(left_out, 1);
	/* late.example has three cases, curt two, silent one. */
	assert_string_equal(proofs[0].provider->name, "late.example");
	assert_int_equal(proofs[0].case_id[15], 0x0b);
	assert_int_equal(proofs[0].late_ms, 10 * H);
	assert_int_equal(proofs[1].case_id[15], 0x0a);
	assert_int_equal(proofs[1].late_ms, 2 * H);
	assert_int_equal(proofs[2].answer, HF_ANSWER_UNREASONED);
	assert_int_equal(proofs[2].late_ms, 0);
	assert_int_equal(proofs[3].answer, HF_ANSWER_SILENT);
	assert_int_equal(proofs[3].late_ms,
			 day("2026-02-01") - (at + minute + D));
	assert_int_equal(proofs[3].provider->worst_ms, proofs[3].late_ms);
	hf_report_free(report);
}

static void a_provider_sees_itself_only(void **state)
{
	struct hf_report *report = open_report(
		HF_REPORT_HOSTING, HF_REPORT_SELF, NULL, NULL, "2026-02-01");
	const uint64_t at = day("2026-01-10");
	struct hf_case_summary is = removed("own.example", at, 1 * H);

	is.side = HF_CASE_SIDE_PROVIDER;
	add(report, is);
	add(report, removed("other.example", at, 1 * H));
	finish(report);
	assert_int_equal(hf_report_total(report)->cases, 1);
	row_of(report, HF_REPORT_BY_PROVIDER, "own.example");
	hf_report_free(report);
}

static void one_provider_can_be_picked(void **state)
{
	const struct hf_report_options options = {
		.kind = HF_REPORT_HOSTING,
		.audience = HF_REPORT_SELF,
		.as_of_ms = day("2026-02-01"),
		.provider = "other.example",
	};
	const uint64_t at = day("2026-01-10");
	struct hf_report *report = NULL;

	assert_int_equal(hf_report_new(&options, &report, NULL), HF_OK);
	add(report, removed("own.example", at, 1 * H));
	add(report, removed("other.example", at, 1 * H));
	finish(report);
	assert_int_equal(hf_report_total(report)->cases, 1);
	hf_report_free(report);
}

static void audiences_have_words(void **state)
{
	enum hf_report_audience audience;

	assert_true(hf_report_audience_parse("public", &audience));
	assert_int_equal(audience, HF_REPORT_PUBLIC);
	assert_false(hf_report_audience_parse("press", &audience));
	assert_string_equal(hf_report_audience_word(HF_REPORT_SELF), "self");
	assert_string_equal(hf_report_kind_word(HF_REPORT_TRUSTED_FLAGGER),
			    "trusted-flagger");
}

/* A proposal of ours is nothing that anybody was late for. */
static void only_deadlines_of_a_source_count_without_one(void **state)
{
	static const struct {
		enum hf_regime regime;
		uint64_t hours;
	} regimes[] = {
		{ HF_REGIME_NTD, 24 },        { HF_REGIME_DSA, 0 },
		{ HF_REGIME_CSAM_ORDER, 12 }, { HF_REGIME_CRIMINAL_ORDER, 0 },
		{ HF_REGIME_TCO, 1 },         { HF_REGIME_FORWARD, 0 },
		{ HF_REGIME_VOLUNTARY, 0 },
	};

	for (size_t i = 0; i < sizeof(regimes) / sizeof(regimes[0]); i++)
		assert_int_equal(hf_report_deadline_ms(regimes[i].regime),
				 regimes[i].hours * 3600 * 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_state_counts_as_something),
		cmocka_unit_test(only_deadlines_of_a_source_count_without_one),
		cmocka_unit_test(time_begins_with_the_first_sign_that_it_came),
		cmocka_unit_test(a_deadline_that_is_not_told_is_the_regime_s),
		cmocka_unit_test(providers_are_counted_by_hand),
		cmocka_unit_test(months_without_cases_are_in_the_trend),
		cmocka_unit_test(a_case_counts_once_for_each_site),
		cmocka_unit_test(how_soon_is_counted_by_hand),
		cmocka_unit_test(a_notice_of_today_is_online_but_young),
		cmocka_unit_test(
			a_trusted_flagger_reports_its_notices_under_article_16),
		cmocka_unit_test(
			a_supervisor_gets_the_cases_that_prove_it_worst_first),
		cmocka_unit_test(a_provider_sees_itself_only),
		cmocka_unit_test(one_provider_can_be_picked),
		cmocka_unit_test(audiences_have_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
