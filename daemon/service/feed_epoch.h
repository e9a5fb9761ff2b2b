/*
 * feed_epoch.h -- where a set stands among the epochs of its name, as the ring
 * and the ledger say now.
 *
 * Units    sizes count entries; sets are the ledger's numbers, 0 for none.
 * Owns     nothing.
 * Threads  any; the view by one.
 * Errors   what cannot be read is not there.
 * Source   proto/SPEC.md section 7.6.
 */
#ifndef HF_FEED_EPOCH_H
#define HF_FEED_EPOCH_H

#include <stdbool.h>
#include <stdint.h>

#include "ledger_view.h"
#include "ring.h"

struct hf_node;

struct hf_feed_epoch {
	uint32_t earlier;     /* it goes on from */
	uint32_t later;       /* goes on from it */
	uint64_t void_from;   /* entries from here on are; UINT64_MAX */
	bool is_contradicted; /* the successor says another root */
	bool is_given; /* all that counts of earlier ones is in the index */
};

void hf_feed_epoch(struct hf_node *node, const struct hf_ring *ring,
		   struct hf_ledger_view *view,
		   const struct hf_ledger_info *info,
		   struct hf_feed_epoch *out);

/* Is this an item that was carried over from the set `earlier`?  Its entry
 * there then. */
bool hf_feed_epoch_before(struct hf_ledger_view *view, uint32_t set,
			  uint64_t entry, uint32_t earlier,
			  uint64_t *out_entry);

#endif /* HF_FEED_EPOCH_H */
