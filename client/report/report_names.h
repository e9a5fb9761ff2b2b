/*
 * report_names.h -- rows of counts, found by name.
 *
 * Names come from peers, so there is a ceiling: what comes after the first
 * HF_REPORT_NAMES_MAX names is counted in one row, HF_REPORT_OTHERS.
 *
 * Units    none.
 * Owns     a names owns its rows until hf_report_names_release(); a row stays
 *          where it is.
 * Threads  one.
 * Errors   NOMEM.
 * Source   an open hash table; its seed is the caller's, so that nobody can
 *          choose names that collide.
 */
#ifndef HF_REPORT_NAMES_H
#define HF_REPORT_NAMES_H

#include "arena.h"
#include "err.h"

#include "report.h"

struct hf_report_names {
	struct hf_report_row **rows; /* owned, in the order they came */
	size_t rows_count, rows_size;
	struct hf_report_row **slots; /* owned; NULL: free */
	size_t slots_count;           /* a power of two, or 0 */
	struct hf_arena arena;        /* rows and names */
	uint64_t seed;
};

void hf_report_names_init(struct hf_report_names *names, uint64_t seed);
void hf_report_names_release(struct hf_report_names *names);

/* The row of that name, made when it is new. */
HF_MUST enum hf_err hf_report_names_get(struct hf_report_names *names,
					const char *name,
					struct hf_report_row **out_row,
					struct hf_why *why);

/* The most weight first, then the most cases, then by name; or by name alone.
 */
void hf_report_names_sort(struct hf_report_names *names, bool by_name);

/* The order of hf_report_names_sort() by weight, as qsort(3) takes it. */
int hf_report_row_order(const struct hf_report_row *left,
			const struct hf_report_row *right);

#endif /* HF_REPORT_NAMES_H */
