/*
 * lookup_labels.h -- what the publisher says of an entry that was hit: the
 * labels of its ADD, or of the latest AMEND, as far as an answer has room.
 *
 * A publisher who gives one common hash many entries with long labels must
 * not push an answer past what a message may be, which would fail the batch.
 * So the worst hit of an item always has its place, and labels and further
 * hits share HF_LOOKUP_EXTRA_BYTES.
 *
 * Units    now_ms since 1970 UTC.
 * Owns     hf_lookup_room_release() frees a room's scratch; labels live in
 *          the answer's arena.
 * Threads  the view's.
 * Errors   of the ledger; LIMIT when the answer's arena is full, NOMEM.
 * Source   proto/SPEC.md section 4.
 */
#ifndef HF_LOOKUP_LABELS_H
#define HF_LOOKUP_LABELS_H

#include "arena.h"
#include "codec_match.h"
#include "ledger_view.h"

#define HF_LOOKUP_EXTRA_BYTES ((size_t)1024 * 1024)

/* What one answer has room for. */
struct hf_lookup_room {
	struct hf_arena *answer; /* borrowed */
	struct hf_arena scratch; /* one item at a time */
	size_t extra_bytes;      /* spent of HF_LOOKUP_EXTRA_BYTES */
};

void hf_lookup_room_init(struct hf_lookup_room *room, struct hf_arena *answer);
void hf_lookup_room_release(struct hf_lookup_room *room);

/* False when only the worst hit of each further item is to be given. */
bool hf_lookup_room_is_left(const struct hf_lookup_room *room);

/* Fill in hit's class and labels.  *out_is_live is false when the entry does
 * not match after all: retracted a moment ago, or expired. */
HF_MUST enum hf_err hf_lookup_labels(struct hf_ledger_view *view,
				     struct hf_lookup_room *room, uint32_t set,
				     uint64_t now_ms, bool is_worst,
				     struct hf_wire_match_hit *hit,
				     bool *out_is_live, struct hf_why *why);

#endif /* HF_LOOKUP_LABELS_H */
