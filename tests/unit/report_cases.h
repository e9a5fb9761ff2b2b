/*
 * report_cases.h -- made-up summaries for tests of reports.
 */
#ifndef HF_REPORT_CASES_H
#define HF_REPORT_CASES_H

#include <string.h>

#include "report.h"
#include "report_day.h"

/* cmocka asserts in here, so unit.h comes before it. */
#define H HF_HOUR_MS
#define D HF_DAY_MS

/* The first millisecond of a day that is one. */
static inline uint64_t day(const char *text)
{
	uint64_t ms = 0;

	assert_int_equal(hf_day_parse(text, &ms, NULL), HF_OK);
	return ms;
}

/* A notice of a hotline to a provider under the NTD code, of which the
 * provider has a receipt a minute later. */
static inline struct hf_case_summary summary_of(const char *provider,
						uint64_t published_ms)
{
	return (struct hf_case_summary){
		.case_id = "00112233445566778899aabbccddeeff",
		.side = HF_CASE_SIDE_NOTIFIER,
		.notifier = "hotline.example",
		.provider = provider,
		.authority = "",
		.regime = HF_REGIME_NTD,
		.content_class = HF_CLASS_CSAM,
		.state = HF_CASE_ACKNOWLEDGED,
		.published_ms = published_ms,
		.delivered_ms = published_ms + 60000,
		.acknowledged_ms = published_ms + 60000,
		.clock_ms = published_ms + 60000,
		.due_ms = published_ms + 60000 + D,
		.changed_ms = published_ms + 60000,
		.continues = "",
		.reference = "",
	};
}

/* The same, removed so long after it was received. */
static inline struct hf_case_summary
removed(const char *provider, uint64_t published_ms, uint64_t after_ms)
{
	struct hf_case_summary is = summary_of(provider, published_ms);

	is.state = HF_CASE_REMOVED;
	is.acted_ms = is.clock_ms + after_ms;
	is.changed_ms = is.acted_ms;
	return is;
}

/* The same in another state. */
static inline struct hf_case_summary in_state(const char *provider,
					      uint64_t published_ms,
					      enum hf_case_state state,
					      enum hf_case_reason reason)
{
	struct hf_case_summary is = summary_of(provider, published_ms);

	is.state = state;
	is.reason = reason;
	return is;
}

static inline struct hf_report *open_report(enum hf_report_kind kind,
					    enum hf_report_audience audience,
					    const char *from, const char *to,
					    const char *as_of)
{
	const struct hf_report_options options = {
		.kind = kind,
		.audience = audience,
		.from_ms = from != NULL ? day(from) : 0,
		.to_ms = to != NULL ? day(to) : 0,
		.as_of_ms = day(as_of),
		.seed = 7,
	};
	struct hf_report *report = NULL;
	struct hf_why why = { "" };

	assert_ok(hf_report_new(&options, &report, &why), &why);
	return report;
}

static inline void add(struct hf_report *report, struct hf_case_summary summary)
{
	struct hf_why why = { "" };

	assert_ok(hf_report_add(report, &summary, &why), &why);
}

static inline void finish(struct hf_report *report)
{
	struct hf_why why = { "" };

	assert_ok(hf_report_finish(report, &why), &why);
}

static inline const struct hf_report_row *
row_of(const struct hf_report *report, enum hf_report_by by, const char *name)
{
	size_t count;
	const struct hf_report_row *const *rows =
		hf_report_rows(report, by, &count);

	for (size_t i = 0; i < count; i++) {
		if (strcmp(rows[i]->name, name) == 0)
			return rows[i];
	}
	fail_msg("no row '%s'", name);
	return NULL;
}

#endif /* HF_REPORT_CASES_H */
