/*
 * feed_batch.h -- a run of entries out of the ledger into the index, and the
 * count of those that live.
 *
 * Units    positions count entries.
 * Owns     hf_feed_gather() gives the caller a batch, release takes it back.
 * Threads  the feed's.
 * Errors   of the ledger and of the index.  An entry whose payload does not
 *          decode, or is of a kind that we do not know, is passed over: its
 *          publisher signed it, and later entries still count.
 * Source   proto/SPEC.md section 4.
 */
#ifndef HF_FEED_BATCH_H
#define HF_FEED_BATCH_H

#include "arena.h"
#include "codec_item.h"

#include "feed.h"
#include "ledger_view.h"
#include "match_index.h"
#include "note.h"

struct hf_feed_batch {
	struct hf_node *node;         /* borrowed */
	const struct hf_feed_set *is; /* borrowed */
	uint64_t end;                 /* the position behind it */
	uint64_t now_ms;
	uint64_t opinions_version; /* when it was begun */
	struct hf_arena arena;
	struct hf_index_hash *hashes; /* owned; digests are in the arena */
	size_t hashes_count;
	size_t hashes_size; /* room for one more item and a retracted one */
	struct hf_item_gist item; /* the one at hand */
};

/* Take entries from is->fed on, at most most of them: hashes to add are
 * gathered, what takes others out or changes them is told to the index at
 * once.  live counts those entries as well; NULL: it does not. */
HF_MUST enum hf_err
hf_feed_gather(struct hf_node *node, struct hf_ledger_view *view,
	       const struct hf_feed_set *is, uint64_t most, uint64_t *live,
	       struct hf_feed_batch *out_batch, struct hf_why *why);

/* Give the index what was gathered.  It may have to wait, so the view has
 * ended. */
HF_MUST enum hf_err hf_feed_give(struct hf_feed_batch *batch,
				 struct hf_why *why);

/* The same of entries below is->fed whose payload was missing and came, as
 * later entries left them: of so many, of which *count were taken. */
HF_MUST enum hf_err hf_feed_gather_late(struct hf_node *node,
					struct hf_ledger_view *view,
					const struct hf_feed_set *is,
					const uint64_t *indexes, size_t *count,
					struct hf_feed_batch *out_batch,
					struct hf_why *why);

/* On the disk when this returns. */
HF_MUST enum hf_err hf_feed_give_late(struct hf_feed_batch *batch,
				      struct hf_why *why);

void hf_feed_batch_release(struct hf_feed_batch *batch);

/* Count entries from *counted to end, at most most of them. */
HF_MUST enum hf_err hf_feed_count(struct hf_ledger_view *view, uint32_t set,
				  uint64_t end, uint64_t most,
				  uint64_t *counted, uint64_t *live,
				  struct hf_why *why);

#endif /* HF_FEED_BATCH_H */
