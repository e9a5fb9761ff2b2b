/*
 * ledger_statements.h -- what a set of statements says, read in steps: every
 * STATUS entry about itself, around those that were erased or are void.
 *
 * Units    position is an index.
 * Owns     nothing; what take() is given dies when it returns.
 * Threads  any; one at a time.
 * Errors   of the view, and what take() returns.
 * Source   proto/SPEC.md sections 12.8 and 12.10.
 */
#ifndef HF_LEDGER_STATEMENTS_H
#define HF_LEDGER_STATEMENTS_H

#include "leaf.h"
#include "ledger_view.h"

struct hf_ledger_statements {
	struct hf_ledger *ledger; /* borrowed */
	uint32_t set;
	uint64_t position;  /* the next to be read */
	uint64_t erased;    /* what an ERASE below says is known */
	uint64_t void_from; /* entries from here on say nothing */
	bool must_reset;    /* something that was read is erased */
	enum hf_err (*take)(void *arg, const struct hf_ledger_entry *entry,
			    const struct hf_header *header, struct hf_why *why);
	void *arg;
};

/* One view's worth, from its position on; at the end of the set the position
 * stays. */
HF_MUST enum hf_err
hf_ledger_statements_read(struct hf_ledger_statements *statements,
			  struct hf_why *why);

#endif /* HF_LEDGER_STATEMENTS_H */
