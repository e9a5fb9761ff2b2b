/*
 * report_inside.h -- what a report is made of, for the files of this folder.
 *
 * Units    see report.h.
 * Owns     see report.h.
 * Threads  one.
 * Errors   see report.h.
 * Source   none.
 */
#ifndef HF_REPORT_INSIDE_H
#define HF_REPORT_INSIDE_H

#include "limit.h"

#include "report.h"
#include "report_names.h"

struct hf_report {
	struct hf_report_options options;
	char provider[HF_DOMAIN_MAX_BYTES + 1];
	struct hf_report_names by[HF_REPORT_BYS];
	/* PUBLIC: the only rows that are counted. */
	struct hf_report_names cells;
	struct hf_report_proof *proofs; /* owned */
	size_t proofs_count, proofs_size;
	uint64_t proofs_left_out;
	uint64_t set_aside;
	struct hf_report_row *total; /* in by[TOTAL] */
	bool is_finished;
};

/* May such a report be public?  ARGUMENT. */
HF_MUST enum hf_err
hf_report_public_check(const struct hf_report_options *options,
		       struct hf_why *why);

/* The name of the cell row that a case is counted in. */
void hf_report_public_cell(const struct hf_report_options *options,
			   const struct hf_case_summary *summary,
			   char out_name[static 64]);

/* Round the cells and make the rows that are shown out of them. */
HF_MUST enum hf_err hf_report_public_finish(struct hf_report *report,
					    struct hf_why *why);

/* The counts that partition the cases in this kind of report. */
uint64_t *hf_report_partition(enum hf_report_kind kind,
			      struct hf_report_row *row, size_t *out_count);

#endif /* HF_REPORT_INSIDE_H */
