#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "report_cases.h"

static const uint64_t minute = 60000;

/* ---- the public ---- */

/* Whether everything that is shown is the same. */
static bool looks_the_same(struct hf_report *a, struct hf_report *b)
{
	for (int by = 0; by < HF_REPORT_BYS; by++) {
		size_t count, other;
		const struct hf_report_row *const *rows =
			hf_report_rows(a, (enum hf_report_by)by, &count);
		const struct hf_report_row *const *others =
			hf_report_rows(b, (enum hf_report_by)by, &other);

		if (count != other)
			return false;
		for (size_t i = 0; i < count; i++) {
			struct hf_report_row left = *rows[i];
			struct hf_report_row right = *others[i];

			if (strcmp(left.name, right.name) != 0)
				return false;
			left.name = right.name = NULL;
			if (memcmp(&left, &right, sizeof(left)) != 0)
				return false;
		}
	}
	return hf_report_set_aside(a) == hf_report_set_aside(b);
}

static void small_counts_cannot_be_subtracted_out(void **state)
{
	/* 40 within 24 h and n online in January, 7 later in February: the
	 * report is the same for every n of 1 to 4, and another for 0 and 5. */
	struct hf_report *reports[6];

	for (unsigned n = 0; n < 6; n++) {
		reports[n] =
			open_report(HF_REPORT_HOSTING, HF_REPORT_PUBLIC,
				    "2026-01-01", "2026-04-01", "2026-05-01");
		for (int i = 0; i < 40; i++)
			add(reports[n], removed("a.example", day("2026-01-05"),
						(uint64_t)i * minute));
		for (unsigned i = 0; i < n; i++)
			add(reports[n],
			    summary_of("b.example", day("2026-01-06")));
		for (int i = 0; i < 7; i++)
			add(reports[n],
			    removed("a.example", day("2026-02-05"), 100 * H));
		finish(reports[n]);
	}
	assert_true(looks_the_same(reports[1], reports[2]));
	assert_true(looks_the_same(reports[1], reports[3]));
	assert_true(looks_the_same(reports[1], reports[4]));
	assert_false(looks_the_same(reports[0], reports[1]));
	assert_false(looks_the_same(reports[4], reports[5]));
	/* 40 stays 40, 7 becomes 5, and the sums are of what is shown. */
	{
		const struct hf_report_row *row = hf_report_total(reports[2]);

		assert_int_equal(row->outcomes[HF_OUTCOME_WITHIN_24H], 40);
		assert_int_equal(row->outcomes[HF_OUTCOME_LATER], 5);
		assert_int_equal(row->outcomes[HF_OUTCOME_ONLINE],
				 HF_REPORT_SMALL);
		assert_int_equal(row->cases, 45);
		assert_int_equal(hf_report_comparable(row), 45);
	}
	for (unsigned n = 0; n < 6; n++)
		hf_report_free(reports[n]);
}

static void the_public_gets_no_names_no_ids_and_no_times(void **state)
{
	for (int kind = 0; kind < HF_REPORT_KINDS; kind++) {
		struct hf_report *report =
			open_report((enum hf_report_kind)kind, HF_REPORT_PUBLIC,
				    "2025-01-01", "2026-01-01", "2026-05-01");
		uint64_t left_out;
		size_t count;

		for (int i = 0; i < 20; i++) {
			static const char *sites[] = { "pics.example" };
			struct hf_case_summary is =
				removed("a.example", day("2025-02-05"), 40 * H);

			is.sites = sites;
			is.sites_count = 1;
			is.is_priority = true;
			is.is_not_member = true;
			is.renotified = 1;
			add(report, is);
		}
		finish(report);
		hf_report_rows(report, HF_REPORT_BY_PROVIDER, &count);
		assert_int_equal(count, 0);
		hf_report_rows(report, HF_REPORT_BY_SITE, &count);
		assert_int_equal(count, 0);
		hf_report_proofs(report, &count, &left_out);
		assert_int_equal(count, 0);
		assert_int_equal(hf_report_total(report)->times.count, 0);
		assert_int_equal(hf_report_total(report)->not_member, 0);
		assert_int_equal(hf_report_total(report)->reminders, 0);
		assert_int_equal(hf_report_total(report)->cases, 20);
		hf_report_free(report);
	}
}

static void a_public_window_is_whole_and_over(void **state)
{
	static const struct {
		const char *name;
		enum hf_report_kind kind;
		const char *from, *to, *provider;
		enum hf_err want;
	} rows[] = {
		/* clang-format off */
		{ "a quarter",   HF_REPORT_HOSTING, "2026-01-01", "2026-04-01", NULL, HF_OK },
		{ "a day off",   HF_REPORT_HOSTING, "2026-01-02", "2026-04-01", NULL, HF_E_ARGUMENT },
		{ "a day short", HF_REPORT_HOSTING, "2026-01-01", "2026-03-31", NULL, HF_E_ARGUMENT },
		{ "not over",    HF_REPORT_HOSTING, "2026-01-01", "2026-06-01", NULL, HF_E_ARGUMENT },
		{ "no end",      HF_REPORT_HOSTING, "2026-01-01", NULL, NULL, HF_E_ARGUMENT },
		{ "one host",    HF_REPORT_HOSTING, "2026-01-01", "2026-04-01", "a.example", HF_E_ARGUMENT },
		{ "a year",      HF_REPORT_DSC, "2025-01-01", "2026-01-01", NULL, HF_OK },
		{ "not a year",  HF_REPORT_DSC, "2026-01-01", "2026-04-01", NULL, HF_E_ARGUMENT },
		{ "backwards",   HF_REPORT_DSC, "2026-01-01", "2025-01-01", NULL, HF_E_ARGUMENT },
		/* clang-format on */
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		const struct hf_report_options options = {
			.kind = rows[i].kind,
			.audience = HF_REPORT_PUBLIC,
			.from_ms = day(rows[i].from),
			.to_ms = rows[i].to != NULL ? day(rows[i].to) : 0,
			.as_of_ms = day("2026-05-01"),
			.provider = rows[i].provider,
		};
		struct hf_report *report = NULL;
		struct hf_why why = { "" };

		if (hf_report_new(&options, &report, &why) != rows[i].want)
			fail_msg("%s: %s", rows[i].name, why.text);
		hf_report_free(report);
	}
}

/* ---- properties ---- */

static uint64_t sum(const uint64_t *counts, size_t count)
{
	uint64_t all = 0;

	for (size_t i = 0; i < count; i++)
		all += counts[i];
	return all;
}

static struct hf_case_summary any_case(uint64_t *random)
{
	static const char *providers[] = { "a.example", "b.example",
					   "c.example", "UNKNOWN" };
	struct hf_case_summary is;
	uint64_t r;

	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	r = *random;
	is = in_state(providers[r % 4], day("2025-01-01") + r % (400 * D),
		      (enum hf_case_state)(1 + (r >> 8) % 27),
		      (enum hf_case_reason)((r >> 16) % 46));
	if ((r >> 20) % 3 > 0)
		is.acted_ms = is.clock_ms + (r >> 24) % (5 * D);
	if ((r >> 22) % 3 == 0)
		is.offline_ms = is.clock_ms + (r >> 26) % (9 * D);
	if ((r >> 30) % 5 == 0)
		is.clock_ms = is.delivered_ms = is.acknowledged_ms = 0;
	is.is_not_member = (r >> 33) % 2 != 0;
	is.is_priority = (r >> 34) % 2 != 0;
	is.regime = (enum hf_regime)(1 + (r >> 35) % 7);
	is.content_class = (enum hf_class)(1 + (r >> 38) % 5);
	return is;
}

static void totals_add_up(void **state)
{
	uint64_t random = 88172645463325252u;

	for (int kind = 0; kind < HF_REPORT_KINDS; kind++) {
		struct hf_report *report = open_report(
			(enum hf_report_kind)kind, HF_REPORT_AUTHORITY, NULL,
			NULL, "2027-01-01");
		const struct hf_report_row *total;

		for (int i = 0; i < 3000; i++)
			add(report, any_case(&random));
		finish(report);
		total = hf_report_total(report);
		for (int by = 0; by < HF_REPORT_BYS; by++) {
			size_t count;
			const struct hf_report_row *const *rows =
				hf_report_rows(report, (enum hf_report_by)by,
					       &count);
			struct hf_report_row all = { 0 };

			if (by == HF_REPORT_BY_SITE)
				continue; /* a case may have several */
			for (size_t i = 0; i < count; i++) {
				const struct hf_report_row *row = rows[i];

				assert_int_equal(
					sum(row->outcomes, HF_OUTCOMES),
					row->cases);
				assert_int_equal(sum(row->actions, HF_ACTIONS),
						 row->cases);
				assert_int_equal(sum(row->answers, HF_ANSWERS),
						 row->cases);
				assert_int_equal(
					sum(row->spread, HF_REPORT_SPREADS),
					row->times.count);
				assert_int_equal(sum(row->outcomes, 3),
						 row->times.count);
				all.cases += row->cases;
				all.not_member += row->not_member;
				for (int j = 0; j < HF_OUTCOMES; j++)
					all.outcomes[j] += row->outcomes[j];
			}
			assert_int_equal(all.cases, total->cases);
			assert_int_equal(all.not_member, total->not_member);
			assert_memory_equal(all.outcomes, total->outcomes,
					    sizeof(all.outcomes));
		}
		hf_report_free(report);
	}
}

static void names_past_the_ceiling_are_counted_together(void **state)
{
	struct hf_report *report =
		open_report(HF_REPORT_HOSTING, HF_REPORT_AUTHORITY, NULL, NULL,
			    "2027-01-01");
	const struct hf_report_row *row;
	size_t count;

	for (size_t i = 0; i < HF_REPORT_NAMES_MAX + 10; i++) {
		char name[32];

		snprintf(name, sizeof(name), "host%zu.example", i);
		add(report, summary_of(name, day("2026-01-01")));
	}
	finish(report);
	hf_report_rows(report, HF_REPORT_BY_PROVIDER, &count);
	assert_int_equal(count, HF_REPORT_NAMES_MAX + 1);
	row = row_of(report, HF_REPORT_BY_PROVIDER, HF_REPORT_OTHERS);
	assert_int_equal(row->cases, 10);
	assert_int_equal(hf_report_total(report)->cases,
			 HF_REPORT_NAMES_MAX + 10);
	hf_report_free(report);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_counts_cannot_be_subtracted_out),
		cmocka_unit_test(the_public_gets_no_names_no_ids_and_no_times),
		cmocka_unit_test(a_public_window_is_whole_and_over),
		cmocka_unit_test(totals_add_up),
		cmocka_unit_test(names_past_the_ceiling_are_counted_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
