/*
 * own_check.h -- what an item must be before it is signed into a set of ours.
 *
 * Units    indexes count entries.
 * Owns     the parsed item lives in the caller's arena.
 * Threads  any.
 * Errors   MALFORMED, LIMIT, ARGUMENT for the item itself; CONFLICT for a hash
 *          that the set has retracted and the item does not reinstate.
 * Source   proto/SPEC.md section 4; entries are permanent.
 */
#ifndef HF_OWN_CHECK_H
#define HF_OWN_CHECK_H

#include "arena.h"
#include "codec_item.h"
#include "match_index.h"

struct hf_node;
struct hf_ring_set;

/* Epochs before that are looked at: what was taken back in one of them comes
 * in again only on purpose. */
#define HF_OWN_CHECK_EPOCHS 8

struct hf_own_check {
	struct hf_node *node;
	uint32_t set;
	struct {
		uint32_t set;
		char origin[HF_ORIGIN_MAX_BYTES + 1];
	} earlier[HF_OWN_CHECK_EPOCHS];
	size_t earlier_count;
	const struct hf_ring_set *about; /* its agreement */
	struct hf_index_view *live;
	struct hf_index_view *retracted;
};

/* Hold the indexes still for a message's worth of checks.  ARGUMENT for a set
 * that is not of items. */
HF_MUST enum hf_err hf_own_check_begin(struct hf_node *node, uint32_t set,
				       const struct hf_ring_set *about,
				       struct hf_own_check *out_check,
				       struct hf_why *why);
void hf_own_check_end(struct hf_own_check *check);

/* May these payloads be signed as ADDs (or AMENDs) now?  out_known has a row
 * for each: true when every hash of it is live in the set already; NULL where
 * nobody asks, which is cheaper.  On failure *out_bad is the number of the
 * first payload that may not. */
HF_MUST enum hf_err hf_own_check_items(struct hf_own_check *check,
				       const struct hf_span *payloads,
				       size_t payloads_count, unsigned op,
				       struct hf_arena *arena, bool *out_known,
				       size_t *out_bad, struct hf_why *why);

#endif /* HF_OWN_CHECK_H */
