#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "report_cases.h"

/* ---- days ---- */

static void days_are_read_and_written(void **state)
{
	static const struct {
		const char *text;
		enum hf_err want;
		uint64_t ms;
	} rows[] = {
		/* clang-format off */
		{ "1970-01-01", HF_OK,         0 },
		{ "1970-03-01", HF_OK,         59 * D },
		{ "2000-02-29", HF_OK,         951782400000 },
		{ "2026-01-31", HF_OK,         1769817600000 },
		{ "2100-03-01", HF_OK,         4107542400000 },
		{ "9999-12-31", HF_OK,         253402214400000 },
		{ "2026-02-29", HF_E_ARGUMENT, 0 },
		{ "2100-02-29", HF_E_ARGUMENT, 0 },
		{ "2026-13-01", HF_E_ARGUMENT, 0 },
		{ "2026-00-01", HF_E_ARGUMENT, 0 },
		{ "2026-01-00", HF_E_ARGUMENT, 0 },
		{ "1969-12-31", HF_E_ARGUMENT, 0 },
		{ "2026-1-1",   HF_E_ARGUMENT, 0 },
		{ "2026-01-01T00:00", HF_E_ARGUMENT, 0 },
		{ "+026-01-01", HF_E_ARGUMENT, 0 },
		{ "",           HF_E_ARGUMENT, 0 },
		/* clang-format on */
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_why why = { "" };
		char text[HF_DAY_TEXT_SIZE];
		uint64_t ms = 1;

		if (hf_day_parse(rows[i].text, &ms, &why) != rows[i].want)
			fail_msg("'%s': %s", rows[i].text, why.text);
		if (rows[i].want != HF_OK)
			continue;
		assert_int_equal(ms, rows[i].ms);
		hf_day_text(ms + D - 1, text);
		assert_string_equal(text, rows[i].text);
	}
}

static void days_past_all_calendars_stay_at_their_end(void **state)
{
	char text[HF_DAY_TEXT_SIZE], month[HF_MONTH_TEXT_SIZE];

	hf_day_text(UINT64_MAX, text);
	assert_string_equal(text, "9999-12-31");
	hf_month_text(UINT64_MAX, month);
	assert_string_equal(month, "9999-12");
	assert_int_equal(hf_month_next(day("2026-12-31") + 5),
			 day("2027-01-01"));
	assert_int_equal(hf_month_begin(day("2024-02-29") + 5),
			 day("2024-02-01"));
	assert_int_equal(hf_year_begin(day("2024-02-29")), day("2024-01-01"));
}

/* ---- times ---- */

static void percentiles_are_those_of_a_sorted_list(void **state)
{
	struct hf_report_times times = { 0 };

	assert_int_equal(hf_report_times_at(&times, 50), HF_REPORT_TIME_NONE);
	assert_int_equal(hf_report_times_mean(&times), HF_REPORT_TIME_NONE);
	/* 10 h, 1 h, 3 h, 100 h: sorted 1 3 10 100; the median of four is the
	 * second, the 90th percentile the fourth. */
	assert_int_equal(hf_report_times_add(&times, 10 * H, NULL), HF_OK);
	assert_int_equal(hf_report_times_add(&times, 1 * H, NULL), HF_OK);
	assert_int_equal(hf_report_times_add(&times, 3 * H, NULL), HF_OK);
	assert_int_equal(hf_report_times_add(&times, 100 * H, NULL), HF_OK);
	assert_int_equal(hf_report_times_at(&times, 50), 3 * H);
	assert_int_equal(hf_report_times_at(&times, 90), 100 * H);
	assert_int_equal(hf_report_times_at(&times, 0), 1 * H);
	assert_int_equal(hf_report_times_mean(&times), 114 * H / 4);
	hf_report_times_release(&times);
}

static int by_number(const void *a, const void *b)
{
	const uint64_t *left = a, *right = b;

	return *left < *right ? -1 : *left > *right;
}

static void percentiles_of_many_are_within_a_bin(void **state)
{
	enum { COUNT = 5000 };
	uint64_t *all = malloc(COUNT * sizeof(*all));
	struct hf_report_times times = { 0 };
	uint64_t random = 88172645463325252u;

	assert_non_null(all);
	for (size_t i = 0; i < COUNT; i++) {
		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		/* From milliseconds to years. */
		all[i] = random >> (24 + random % 30);
		assert_int_equal(hf_report_times_add(&times, all[i], NULL),
				 HF_OK);
	}
	/* Bounded by bins, not by cases. */
	assert_true(times.bins_count < 1000);
	qsort(all, COUNT, sizeof(*all), by_number);
	for (unsigned percent = 1; percent <= 100; percent++) {
		uint64_t want = all[(COUNT * percent + 99) / 100 - 1];
		uint64_t got = hf_report_times_at(&times, percent);
		uint64_t off = got > want ? got - want : want - got;

		if (off > want / 32 + 1000)
			fail_msg("%u %%: %llu, not %llu", percent,
				 (unsigned long long)got,
				 (unsigned long long)want);
	}
	hf_report_times_release(&times);
	free(all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(days_are_read_and_written),
		cmocka_unit_test(days_past_all_calendars_stay_at_their_end),
		cmocka_unit_test(percentiles_are_those_of_a_sorted_list),
		cmocka_unit_test(percentiles_of_many_are_within_a_bin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
