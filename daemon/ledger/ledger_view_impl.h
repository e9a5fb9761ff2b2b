/*
 * ledger_view_impl.h -- what the two files of views share; nobody else's.
 *
 * Units    as ledger.h.
 * Owns     a view owns its transaction and, once it proved something, a tree.
 * Threads  one at a time.
 * Errors   as ledger_view.h.
 * Source   none.
 */
#ifndef HF_LEDGER_VIEW_IMPL_H
#define HF_LEDGER_VIEW_IMPL_H

#include "ledger_impl.h"

/* The note of an own set, as it was when the view first looked at it. */
struct shown {
	struct shown *next;
	uint32_t set;
	bool is_slip;                        /* else it is the store's */
	struct hf_ledger_note_record record; /* borrows from bytes */
	uint8_t bytes[];
};

struct hf_ledger_view {
	struct hf_ledger *ledger; /* borrowed */
	struct hf_store_txn *txn;
	/* The set last asked about: a view never changes, so this holds. */
	const struct set *set; /* borrowed, or NULL */
	uint64_t stored;
	uint64_t size;
	struct shown *shown;         /* owned: of the own sets looked at */
	struct hf_ledger_tree *tree; /* owned, or NULL; of tree_set */
	uint32_t tree_set;
};

/* Make set, stored and size those of a set. */
HF_MUST enum hf_err hf_ledger_view_set(struct hf_ledger_view *view, uint32_t id,
				       struct hf_why *why);

#endif /* HF_LEDGER_VIEW_IMPL_H */
