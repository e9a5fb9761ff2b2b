/*
 * feed_batch.h -- a run of entries out of the ledger into the index, and the
 * count of those that live.
 *
 * Units    positions count entries.
 * Owns     nothing.
 * Threads  the feed's.
 * Errors   of the ledger and of the index.  An entry whose payload does not
 *          decode, or is of a kind that we do not know, is passed over: its
 *          publisher signed it, and later entries still count.
 * Source   proto/SPEC.md section 4.
 */
#ifndef HF_FEED_BATCH_H
#define HF_FEED_BATCH_H

#include "feed.h"
#include "ledger_view.h"
#include "match_index.h"
#include "note.h"

/* Feed at most most entries from *position on, and move it behind them. */
HF_MUST enum hf_err hf_feed_batch(struct hf_node *node,
				  struct hf_ledger_view *view,
				  const struct hf_feed_set *is, uint64_t most,
				  uint64_t *position, struct hf_why *why);

/* Count entries from *counted on, at most most of them. */
HF_MUST enum hf_err hf_feed_count(struct hf_ledger_view *view, uint32_t set,
				  uint64_t size, uint64_t most,
				  uint64_t *counted, uint64_t *live,
				  struct hf_why *why);

#endif /* HF_FEED_BATCH_H */
