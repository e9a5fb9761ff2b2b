/*
 * case_move.h -- one move: may it be, and what it does.
 *
 * Inside this folder only.
 *
 * Units    see case.h.
 * Owns     nothing.
 * Threads  any; no state.
 * Errors   none: a move that may not be has a fate.
 * Source   proto/SPEC.md section 12.4.
 */
#ifndef HF_CASE_MOVE_H
#define HF_CASE_MOVE_H

#include "case.h"
#include "case_table.h"

/* What stands before an event in the order of who had seen what. */
struct hf_case_sight {
	bool has_opening; /* the opening event */
	bool has_order;   /* the order that is in force */
};

/* hf_case_may() with the row that lets it. */
enum hf_case_fate hf_case_judge(const struct hf_case_parties *parties,
				const struct hf_case *now,
				const struct hf_case_fact *next,
				const struct hf_case_row **out_row);

/* Make a move that was judged APPLIED. */
void hf_case_apply(const struct hf_case_parties *parties, struct hf_case *now,
		   const struct hf_case_fact *fact,
		   const struct hf_case_row *row,
		   const struct hf_case_sight *sight);

/* 0 for the notifier, 1 for the provider, 2 for everybody else. */
unsigned hf_case_role(const struct hf_case_parties *parties,
		      const uint8_t author[static HF_HASH_BYTES]);

#endif /* HF_CASE_MOVE_H */
