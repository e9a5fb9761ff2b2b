#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "kind.h"

#include "report_day.h"
#include "report_inside.h"

#define PROOFS_FIRST    ((size_t)256)
#define MONTHS_FILL_MAX 600

/* clang-format off */
#define WORD(name, word) word,
static const char *const kinds[] = { HF_REPORT_KIND_TABLE(WORD) };
static const char *const audiences[] = { HF_REPORT_AUDIENCE_TABLE(WORD) };
#undef WORD
#define EDGE(hours, title) (hours) * HF_HOUR_MS,
static const uint64_t spread_ms[HF_REPORT_SPREADS] = {
	HF_REPORT_SPREAD_TABLE(EDGE)
};
#undef EDGE
/* clang-format on */

const char *hf_report_kind_word(enum hf_report_kind kind)
{
	return kinds[kind];
}

const char *hf_report_audience_word(enum hf_report_audience audience)
{
	return audiences[audience];
}

bool hf_report_audience_parse(const char *word,
			      enum hf_report_audience *out_audience)
{
	for (unsigned i = 0; i < HF_REPORT_AUDIENCES; i++) {
		if (strcmp(audiences[i], word) == 0) {
			*out_audience = (enum hf_report_audience)i;
			return true;
		}
	}
	return false;
}

static enum hf_err check(const struct hf_report_options *options,
			 struct hf_why *why)
{
	if (options->to_ms != 0 && options->to_ms <= options->from_ms)
		return hf_why(why, HF_E_ARGUMENT,
			      "the report ends before it begins");
	if (options->provider != NULL &&
	    strlen(options->provider) > HF_DOMAIN_MAX_BYTES)
		return hf_why(why, HF_E_ARGUMENT,
			      "'%.40s...' is no provider: a domain has at most "
			      "%d characters",
			      options->provider, HF_DOMAIN_MAX_BYTES);
	if (options->audience == HF_REPORT_PUBLIC)
		return hf_report_public_check(options, why);
	return HF_OK;
}

enum hf_err hf_report_new(const struct hf_report_options *options,
			  struct hf_report **out_report, struct hf_why *why)
{
	struct hf_report *report;
	enum hf_err err = check(options, why);

	if (err != HF_OK)
		return err;
	report = calloc(1, sizeof(*report));
	if (report == NULL)
		return hf_why(why, HF_E_NOMEM, "report: no memory");
	report->options = *options;
	if (options->provider != NULL) {
		snprintf(report->provider, sizeof(report->provider), "%s",
			 options->provider);
		report->options.provider = report->provider;
	}
	for (int i = 0; i < HF_REPORT_BYS; i++)
		hf_report_names_init(&report->by[i], options->seed);
	hf_report_names_init(&report->cells, options->seed);
	err = hf_report_names_get(&report->by[HF_REPORT_BY_TOTAL], "total",
				  &report->total, why);
	if (err != HF_OK) {
		hf_report_free(report);
		return err;
	}
	*out_report = report;
	return HF_OK;
}

void hf_report_free(struct hf_report *report)
{
	if (report == NULL)
		return;
	for (int i = 0; i < HF_REPORT_BYS; i++)
		hf_report_names_release(&report->by[i]);
	hf_report_names_release(&report->cells);
	free(report->proofs);
	free(report);
}

/* ---- which cases ---- */

static bool is_in_window(const struct hf_report *report,
			 const struct hf_case_summary *summary)
{
	const struct hf_report_options *options = &report->options;

	return summary->state != HF_CASE_DRAFT &&
	       summary->state != HF_CASE_HELD_POLICE &&
	       summary->published_ms != 0 &&
	       summary->published_ms >= options->from_ms &&
	       (options->to_ms == 0 || summary->published_ms < options->to_ms);
}

static bool is_for_audience(const struct hf_report *report,
			    const struct hf_case_summary *summary)
{
	if (report->options.provider != NULL &&
	    strcmp(report->options.provider, summary->provider) != 0)
		return false;
	/* A node that reports about itself: what it was notified of.  With a
	 * provider named, somebody else makes that provider's report for it. */
	return report->options.audience != HF_REPORT_SELF ||
	       report->options.provider != NULL ||
	       summary->side == HF_CASE_SIDE_PROVIDER;
}

static bool is_about(const struct hf_report *report,
		     const struct hf_case_summary *summary)
{
	/* Nobody notified a host of these: a provider's own find, and a case
	 * that another hotline takes up. */
	if (summary->regime == HF_REGIME_VOLUNTARY ||
	    summary->regime == HF_REGIME_FORWARD)
		return false;
	return report->options.kind != HF_REPORT_TRUSTED_FLAGGER ||
	       ((report->options.audience == HF_REPORT_SELF ||
		 summary->side != HF_CASE_SIDE_PROVIDER) &&
		(summary->is_priority || summary->regime == HF_REGIME_DSA));
}

/* ---- counting ---- */

static size_t spread_of(uint64_t duration_ms)
{
	for (size_t i = 0; i + 1 < HF_REPORT_SPREADS; i++) {
		if (duration_ms <= spread_ms[i])
			return i;
	}
	return HF_REPORT_SPREADS - 1;
}

static enum hf_err count(const struct hf_report *report,
			 const struct hf_case_summary *summary,
			 const struct hf_report_judgement *is,
			 struct hf_report_row *row, struct hf_why *why)
{
	if (is->gone_ms != 0) {
		enum hf_err err =
			hf_report_times_add(&row->times, is->duration_ms, why);

		if (err != HF_OK)
			return err;
		row->spread[spread_of(is->duration_ms)]++;
		row->from_published += is->is_from_published;
	}
	row->cases++;
	row->outcomes[is->outcome]++;
	row->actions[is->action]++;
	row->answers[is->answer]++;
	row->not_member += summary->is_not_member;
	row->young += is->outcome == HF_OUTCOME_ONLINE &&
		      report->options.as_of_ms < is->start_ms + HF_DAY_MS;
	row->reasons_other += is->answer == HF_ANSWER_REASONED &&
			      summary->reason == HF_CASE_REASON_OTHER;
	row->reminders += summary->renotified;
	row->reappeared += summary->reappeared;
	row->ordered += summary->ordered_ms != 0;
	if (is->late_ms > row->worst_ms)
		row->worst_ms = is->late_ms;
	return HF_OK;
}

static enum hf_err count_by(struct hf_report *report, enum hf_report_by by,
			    const char *name,
			    const struct hf_case_summary *summary,
			    const struct hf_report_judgement *is,
			    struct hf_report_row **out_row, struct hf_why *why)
{
	enum hf_err err =
		hf_report_names_get(&report->by[by], name, out_row, why);

	if (err == HF_OK)
		err = count(report, summary, is, *out_row, why);
	return err;
}

/* Once for each site of the case, however often it is listed. */
static enum hf_err count_sites(struct hf_report *report,
			       const struct hf_case_summary *summary,
			       const struct hf_report_judgement *is,
			       struct hf_why *why)
{
	enum hf_err err = HF_OK;

	for (size_t i = 0; err == HF_OK && i < summary->sites_count; i++) {
		struct hf_report_row *row;
		bool is_again = false;

		for (size_t j = 0; j < i; j++)
			is_again |= strcmp(summary->sites[i],
					   summary->sites[j]) == 0;
		if (!is_again)
			err = count_by(report, HF_REPORT_BY_SITE,
				       summary->sites[i], summary, is, &row,
				       why);
	}
	return err;
}

static enum hf_err keep_proof(struct hf_report *report,
			      const struct hf_case_summary *summary,
			      const struct hf_report_judgement *is,
			      const struct hf_report_row *provider,
			      struct hf_why *why)
{
	struct hf_report_proof proof = { .late_ms = is->late_ms,
					 .provider = provider,
					 .answer = is->answer };

	if (is->answer >= HF_REPORT_FAILINGS)
		return HF_OK;
	if (report->proofs_count == HF_REPORT_PROOFS_MAX ||
	    hf_hex_parse(hf_span_of(summary->case_id), proof.case_id,
			 sizeof(proof.case_id)) != HF_OK) {
		report->proofs_left_out++;
		return HF_OK;
	}
	if (report->proofs_count == report->proofs_size) {
		size_t size = report->proofs_size > 0 ? 2 * report->proofs_size
						      : PROOFS_FIRST;
		struct hf_report_proof *proofs =
			realloc(report->proofs, size * sizeof(*proofs));

		if (proofs == NULL)
			return hf_why(why, HF_E_NOMEM,
				      "report: no memory for case ids");
		report->proofs = proofs;
		report->proofs_size = size;
	}
	report->proofs[report->proofs_count++] = proof;
	return HF_OK;
}

static enum hf_err count_all(struct hf_report *report,
			     const struct hf_case_summary *summary,
			     const struct hf_report_judgement *is,
			     struct hf_why *why)
{
	char month[HF_MONTH_TEXT_SIZE], year[5];
	struct hf_report_row *row;
	enum hf_err err;

	hf_month_text(summary->published_ms, month);
	snprintf(year, sizeof(year), "%.4s", month);
	err = count(report, summary, is, report->total, why);
	if (err == HF_OK)
		err = count_by(report, HF_REPORT_BY_MONTH, month, summary, is,
			       &row, why);
	if (err == HF_OK)
		err = count_by(report, HF_REPORT_BY_YEAR, year, summary, is,
			       &row, why);
	if (err == HF_OK)
		err = count_by(report, HF_REPORT_BY_CLASS,
			       hf_class_word(summary->content_class), summary,
			       is, &row, why);
	if (err == HF_OK && report->options.kind == HF_REPORT_HOSTING)
		err = count_sites(report, summary, is, why);
	if (err == HF_OK)
		err = count_by(report, HF_REPORT_BY_PROVIDER, summary->provider,
			       summary, is, &row, why);
	if (err == HF_OK && report->options.kind == HF_REPORT_DSC)
		err = keep_proof(report, summary, is, row, why);
	return err;
}

enum hf_err hf_report_add(struct hf_report *report,
			  const struct hf_case_summary *summary,
			  struct hf_why *why)
{
	struct hf_report_judgement is;

	if (!is_in_window(report, summary) || !is_for_audience(report, summary))
		return HF_OK;
	if (!is_about(report, summary)) {
		report->set_aside++;
		return HF_OK;
	}
	hf_report_judge(summary, report->options.as_of_ms,
			hf_report_deadline_ms(summary->regime), &is);
	if (report->options.audience == HF_REPORT_PUBLIC) {
		struct hf_report_row *cell;
		char name[64];
		enum hf_err err;

		hf_report_public_cell(&report->options, summary, name);
		err = hf_report_names_get(&report->cells, name, &cell, why);
		if (err == HF_OK)
			err = count(report, summary, &is, cell, why);
		return err;
	}
	return count_all(report, summary, &is, why);
}

/* ---- the end ---- */

/* Months without a case are part of a trend. */
static enum hf_err fill_months(struct hf_report *report, struct hf_why *why)
{
	struct hf_report_names *months = &report->by[HF_REPORT_BY_MONTH];
	char name[HF_MONTH_TEXT_SIZE], day[HF_DAY_TEXT_SIZE];
	const char *last;
	uint64_t ms;
	enum hf_err err;

	if (months->rows_count == 0)
		return HF_OK;
	hf_report_names_sort(months, true);
	last = months->rows[months->rows_count - 1]->name;
	snprintf(day, sizeof(day), "%.7s-01", months->rows[0]->name);
	/* What is in no calendar is HF_REPORT_OTHERS: nothing to fill. */
	if (hf_day_parse(day, &ms, NULL) != HF_OK)
		return HF_OK;
	for (int i = 0; i < MONTHS_FILL_MAX; i++) {
		struct hf_report_row *row;

		hf_month_text(ms, name);
		if (strcmp(name, last) >= 0)
			break;
		err = hf_report_names_get(months, name, &row, why);
		if (err != HF_OK)
			return err;
		ms = hf_month_next(ms);
	}
	hf_report_names_sort(months, true);
	return HF_OK;
}

static int by_worst(const void *a, const void *b)
{
	const struct hf_report_proof *left = a, *right = b;

	if (left->provider != right->provider)
		return hf_report_row_order(left->provider, right->provider);
	if (left->late_ms != right->late_ms)
		return left->late_ms < right->late_ms ? 1 : -1;
	return memcmp(left->case_id, right->case_id, sizeof(left->case_id));
}

/* A supervisor reads those first that failed most. */
static void weigh(struct hf_report *report)
{
	for (int by = 0; by < HF_REPORT_BYS; by++) {
		const struct hf_report_names *names = &report->by[by];

		for (size_t i = 0; i < names->rows_count; i++) {
			struct hf_report_row *row = names->rows[i];

			row->weight =
				hf_report_is_told(row->cases) ? row->cases : 0;
			if (report->options.kind != HF_REPORT_DSC ||
			    report->options.audience == HF_REPORT_PUBLIC)
				continue;
			row->weight = 0;
			for (int j = 0; j < HF_REPORT_FAILINGS; j++)
				row->weight += row->answers[j];
		}
	}
}

enum hf_err hf_report_finish(struct hf_report *report, struct hf_why *why)
{
	enum hf_err err = HF_OK;

	if (report->is_finished)
		return HF_OK;
	if (report->options.audience == HF_REPORT_PUBLIC)
		err = hf_report_public_finish(report, why);
	if (err == HF_OK)
		err = fill_months(report, why);
	if (err != HF_OK)
		return err;
	weigh(report);
	hf_report_names_sort(&report->by[HF_REPORT_BY_YEAR], true);
	hf_report_names_sort(&report->by[HF_REPORT_BY_PROVIDER], false);
	hf_report_names_sort(&report->by[HF_REPORT_BY_SITE], false);
	hf_report_names_sort(&report->by[HF_REPORT_BY_CLASS], false);
	if (report->proofs_count > 0)
		qsort(report->proofs, report->proofs_count,
		      sizeof(*report->proofs), by_worst);
	report->is_finished = true;
	return HF_OK;
}

const struct hf_report_row *const *
hf_report_rows(const struct hf_report *report, enum hf_report_by by,
	       size_t *out_count)
{
	*out_count = report->by[by].rows_count;
	return (const struct hf_report_row *const *)report->by[by].rows;
}

const struct hf_report_row *hf_report_total(const struct hf_report *report)
{
	return report->total;
}

const struct hf_report_proof *hf_report_proofs(const struct hf_report *report,
					       size_t *out_count,
					       uint64_t *out_left_out)
{
	*out_count = report->proofs_count;
	*out_left_out = report->proofs_left_out;
	return report->proofs;
}

uint64_t hf_report_set_aside(const struct hf_report *report)
{
	return report->set_aside;
}

const struct hf_report_options *
hf_report_options(const struct hf_report *report)
{
	return &report->options;
}

uint64_t hf_report_comparable(const struct hf_report_row *row)
{
	uint64_t sum = 0;

	for (int i = 0; i < HF_REPORT_COMPARABLE; i++) {
		if (hf_report_is_told(row->outcomes[i]))
			sum += row->outcomes[i];
	}
	return sum;
}
