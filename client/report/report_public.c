#include <stdio.h>
#include <string.h>

#include "kind.h"

#include "report_day.h"
#include "report_inside.h"

enum hf_err hf_report_public_check(const struct hf_report_options *options,
				   struct hf_why *why)
{
	bool is_monthly = options->kind == HF_REPORT_HOSTING;
	uint64_t from_ms = is_monthly ? hf_month_begin(options->from_ms)
				      : hf_year_begin(options->from_ms);
	uint64_t to_ms = is_monthly ? hf_month_begin(options->to_ms)
				    : hf_year_begin(options->to_ms);

	if (options->provider != NULL)
		return hf_why(why, HF_E_ARGUMENT,
			      "a public report has totals only: leave the "
			      "provider out");
	if (options->to_ms == 0 || from_ms != options->from_ms ||
	    to_ms != options->to_ms || to_ms > options->as_of_ms)
		return hf_why(why, HF_E_ARGUMENT,
			      "a public report is about whole calendar %s that "
			      "are over, for example --from 2026-01-01 --to "
			      "2026-%s: other windows could be subtracted from "
			      "each other",
			      is_monthly ? "months" : "years",
			      is_monthly ? "03-31" : "12-31");
	return HF_OK;
}

void hf_report_public_cell(const struct hf_report_options *options,
			   const struct hf_case_summary *summary,
			   char out_name[static 64])
{
	char month[HF_MONTH_TEXT_SIZE];

	hf_month_text(summary->published_ms, month);
	switch (options->kind) {
	case HF_REPORT_TRUSTED_FLAGGER:
		snprintf(out_name, 64, "%.4s/%s", month,
			 hf_class_word(summary->content_class));
		break;
	case HF_REPORT_DSC:
		snprintf(out_name, 64, "%.4s", month);
		break;
	default:
		snprintf(out_name, 64, "%s", month);
	}
}

uint64_t *hf_report_partition(enum hf_report_kind kind,
			      struct hf_report_row *row, size_t *out_count)
{
	switch (kind) {
	case HF_REPORT_TRUSTED_FLAGGER:
		*out_count = HF_ACTIONS;
		return row->actions;
	case HF_REPORT_DSC:
		*out_count = HF_ANSWERS;
		return row->answers;
	default:
		*out_count = HF_OUTCOMES;
		return row->outcomes;
	}
}

static uint64_t shown(uint64_t count)
{
	if (count == 0)
		return 0;
	if (count < HF_REPORT_LEAST_SHOWN)
		return HF_REPORT_SMALL;
	return (count + HF_REPORT_LEAST_SHOWN / 2) / HF_REPORT_LEAST_SHOWN *
	       HF_REPORT_LEAST_SHOWN;
}

/* To a sum: a cell that is not told is not in it; where there are only such,
 * the sum is not told either. */
static void add_shown(uint64_t *sum, uint64_t cell)
{
	if (cell == HF_REPORT_SMALL)
		*sum = *sum == 0                 ? HF_REPORT_SMALL
		       : *sum == HF_REPORT_SMALL ? HF_REPORT_FEW
						 : *sum;
	else if (cell > 0)
		*sum = (hf_report_is_told(*sum) ? *sum : 0) + cell;
}

static void add_row(enum hf_report_kind kind, struct hf_report_row *to,
		    struct hf_report_row *cell)
{
	size_t count;
	uint64_t *sums = hf_report_partition(kind, to, &count);
	const uint64_t *cells = hf_report_partition(kind, cell, &count);

	for (size_t i = 0; i < count; i++) {
		add_shown(&sums[i], cells[i]);
		add_shown(&to->cases, cells[i]);
	}
}

/* The counts that are told, and nothing else of it. */
static void round_cell(enum hf_report_kind kind, struct hf_report_row *cell)
{
	struct hf_report_row round = { .name = cell->name };
	size_t count;
	const uint64_t *from = hf_report_partition(kind, cell, &count);
	uint64_t *to = hf_report_partition(kind, &round, &count);

	for (size_t i = 0; i < count; i++)
		to[i] = shown(from[i]);
	hf_report_times_release(&cell->times);
	*cell = round;
}

static enum hf_err add_to(struct hf_report *report, enum hf_report_by by,
			  const char *name, struct hf_report_row *cell,
			  struct hf_why *why)
{
	struct hf_report_row *row;
	enum hf_err err = hf_report_names_get(&report->by[by], name, &row, why);

	if (err == HF_OK)
		add_row(report->options.kind, row, cell);
	return err;
}

/* "2026-01", "2026", or "2026/csam": into the rows that it is part of. */
static enum hf_err put_cell(struct hf_report *report,
			    struct hf_report_row *cell, struct hf_why *why)
{
	char year[5];
	enum hf_err err = HF_OK;

	snprintf(year, sizeof(year), "%.4s", cell->name);
	add_row(report->options.kind, report->total, cell);
	if (report->options.kind == HF_REPORT_HOSTING)
		return add_to(report, HF_REPORT_BY_MONTH, cell->name, cell,
			      why);
	if (report->options.kind == HF_REPORT_TRUSTED_FLAGGER)
		err = add_to(report, HF_REPORT_BY_CLASS,
			     strchr(cell->name, '/') + 1, cell, why);
	if (err == HF_OK)
		err = add_to(report, HF_REPORT_BY_YEAR, year, cell, why);
	return err;
}

enum hf_err hf_report_public_finish(struct hf_report *report,
				    struct hf_why *why)
{
	struct hf_report_names *cells = &report->cells;
	enum hf_err err = HF_OK;

	/* How many were set aside is a count like any other. */
	report->set_aside = 0;
	for (size_t i = 0; err == HF_OK && i < cells->rows_count; i++) {
		round_cell(report->options.kind, cells->rows[i]);
		err = put_cell(report, cells->rows[i], why);
	}
	return err;
}
