/*
 * forget.h -- what an erased payload said leaves what this node remembers of
 * its own.
 *
 * Its entry, and what is made of entries, is others' work (erasure.h).  Here it
 * is about what would be there had the entry never come, and has the same
 * hashes in it: items that were looked up lately (retro.h).
 *
 * Units    counts.
 * Owns     nothing.
 * Threads  one that may wait for the disk.
 * Errors   CANCELLED, and those of the stores.  Whatever was not finished is
 *          done from its beginning the next time, after a crash as well.
 * Source   daemon/DESIGN.md, "What an erasure reaches".
 */
#ifndef HF_FORGET_H
#define HF_FORGET_H

#include <stdatomic.h>
#include <stdint.h>

#include "err.h"

struct hf_node;

struct hf_forgotten {
	uint64_t payloads; /* that were read for this */
	uint64_t digests;  /* in them */
	uint64_t items;    /* of our own that had one */
};

/* For every payload that was erased by now and not yet forgotten.  Where
 * is_over becomes true it ends early. */
HF_MUST enum hf_err hf_forget(struct hf_node *node, const atomic_bool *is_over,
			      struct hf_forgotten *out, struct hf_why *why);

#endif /* HF_FORGET_H */
