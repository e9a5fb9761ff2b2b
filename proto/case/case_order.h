/*
 * case_order.h -- facts in the order in which they count: after whatever their
 * authors had seen, and by rank, role and id where nobody had seen the other's.
 *
 * Inside this folder only.
 *
 * Units    counts of nodes.
 * Owns     nothing: all of it lives in the caller's arena.
 * Threads  any; no state.
 * Errors   NOMEM, LIMIT.
 * Source   proto/SPEC.md section 12.4.
 */
#ifndef HF_CASE_ORDER_H
#define HF_CASE_ORDER_H

#include "case.h"

/* One event: of copies one, of an author's two texts for one id that which
 * counts. */
struct hf_case_node {
	const struct hf_case_fact *fact;
	bool covers_opening; /* any copy of it does */
	bool is_opening;
	bool is_placed;
	uint8_t rank, role;
	uint32_t unmet;    /* names with nothing placed that has them */
	uint32_t unplaced; /* events that it names and that are not placed */
	uint32_t edges;    /* those that name it */
	/* For whoever walks along the line. */
	bool has_opening;
	uint32_t order_seen;
};

struct hf_case_line {
	struct hf_case_node *nodes; /* by id, then author */
	size_t nodes_count;
	uint32_t *placed; /* numbers of nodes, first to last */
	size_t placed_count;
	struct hf_case_node *opening; /* NULL: there is none */
	/* Facts, sorted as nodes are; those of a node stand together. */
	const struct hf_case_fact **sorted;
};

/* Fates of facts that are no node are set: DUPLICATE, EQUIVOCAL; those that
 * are get WAITING where they are not placed. */
HF_MUST enum hf_err hf_case_line_up(const struct hf_case_parties *parties,
				    const struct hf_case_fact *facts,
				    size_t facts_count, struct hf_arena *arena,
				    enum hf_case_fate *fates,
				    struct hf_case_line *out_line,
				    struct hf_why *why);

/* The nodes with this id, one for each author that used it. */
size_t hf_case_line_find(const struct hf_case_line *line,
			 const uint8_t id[static HF_EVENT_ID_BYTES],
			 size_t *out_first);

#endif /* HF_CASE_ORDER_H */
