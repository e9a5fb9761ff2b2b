/*
 * epoch_carry.h -- what counts of an earlier epoch of a set of our own, added
 * to the one that succeeds it: a piece at a time.
 *
 * A piece is the items of so many entries of the earlier epoch.  It is one
 * batch, with an id that follows from the origin: carried twice it is there
 * once, whenever that was and in whatever order.  Where a store lost its
 * batches, epoch_recall.h knows what is there.
 *
 * Units    entries by their index; sets by the ledger's numbers.
 * Owns     nothing.
 * Threads  the errand thread: these wait for disk and signer.
 * Errors   of the ledger; NOTFOUND for an entry that was not carried over.
 * Source   proto/SPEC.md section 7.6.
 */
#ifndef HF_EPOCH_CARRY_H
#define HF_EPOCH_CARRY_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "ledger.h"

struct hf_node;

#define HF_CARRY_ENTRIES 256

struct hf_carry {
	struct hf_node *node;    /* borrowed */
	const char *from_origin; /* borrowed */
	uint32_t from;
	uint32_t to;
	uint64_t size;    /* entries of `from` that count */
	bool is_complete; /* nothing is left to carry over */
};

/* The receipt's count is 0 where nothing of the piece lives. */
HF_MUST enum hf_err hf_carry_piece(const struct hf_carry *carry, uint64_t piece,
				   struct hf_ledger_receipt *out_receipt,
				   struct hf_why *why);

/* Where an entry of a set of our own is now: in the latest epoch that it was
 * carried over to, which is done at once if it was not yet. */
HF_MUST enum hf_err hf_carry_entry(struct hf_node *node, uint32_t *set,
				   uint64_t *entry, struct hf_why *why);

#endif /* HF_EPOCH_CARRY_H */
