/*
 * epoch_recall.h -- what stands in a later epoch for an entry of an earlier
 * one, where no batch of ours says so.
 *
 * What is carried over is known by its batches.  They are ours alone: a store
 * that was put back from a backup has its entries again from peers, and no
 * batch of them.  The items still name what they go on from, so they are read
 * once, and nothing is carried over a second time.
 *
 * Units    entries by their index.
 * Owns     hf_recalls_free() frees what was read; begin with zeros.
 * Threads  the errand thread.
 * Errors   UNAVAILABLE while the set is being fetched back; of the ledger.
 * Source   proto/SPEC.md section 7.6.
 */
#ifndef HF_EPOCH_RECALL_H
#define HF_EPOCH_RECALL_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "ledger.h"
#include "ledger_view.h"
#include "limit.h"

/* By set. */
struct hf_recalled;

struct hf_recalls {
	struct hf_recalled *first; /* owned */
};

/* Which entries of `to` count: those that name one of the origin, and are in
 * no part of the batch. */
struct hf_recall_ask {
	const char *origin; /* of the earlier epoch */
	uint32_t to;
	uint8_t batch[HF_BATCH_ID_BYTES];
};

/* All of one set, read the first time it is asked for.  It stays where it is.
 */
HF_MUST enum hf_err hf_recall(struct hf_recalls *recalls,
			      struct hf_ledger_view *view,
			      const struct hf_recall_ask *ask,
			      const struct hf_recalled **out_recalled,
			      struct hf_why *why);

/* The entry that stands for the earlier one. */
bool hf_recalled_find(const struct hf_recalled *recalled, uint64_t earlier,
		      uint64_t *out_entry);

void hf_recalls_free(struct hf_recalls *recalls);

#endif /* HF_EPOCH_RECALL_H */
