/*
 * lookup_labels.h -- what the publisher says of an entry that was hit: the
 * labels of its ADD, or of the latest AMEND.
 *
 * Units    now_ms since 1970 UTC.
 * Owns     labels live in the caller's arena.
 * Threads  the view's.
 * Errors   of the ledger; LIMIT when the arena is full.
 * Source   proto/SPEC.md section 4.
 */
#ifndef HF_LOOKUP_LABELS_H
#define HF_LOOKUP_LABELS_H

#include "arena.h"
#include "codec_match.h"
#include "ledger_view.h"

/* Fill in hit's class and labels.  *out_is_live is false when the entry does
 * not match after all: retracted a moment ago, or expired. */
HF_MUST enum hf_err hf_lookup_labels(struct hf_ledger_view *view,
				     struct hf_arena *arena, uint32_t set,
				     uint64_t now_ms,
				     struct hf_wire_match_hit *hit,
				     bool *out_is_live, struct hf_why *why);

#endif /* HF_LOOKUP_LABELS_H */
