/*
 * visible.h -- which sets exist for a peer that asks.
 *
 * A set that the caller may not have, that we may not pass on, that we do not
 * hold, and one that was never heard of give the same answer after the same
 * steps.
 *
 * Units    none.
 * Owns     what it fills in is borrowed from the ring and the view.
 * Threads  the worker loop.
 * Errors   NOTFOUND, with the same words whatever the reason.
 * Source   proto/SPEC.md section 9; agreements: keys/ring.
 */
#ifndef HF_VISIBLE_H
#define HF_VISIBLE_H

#include "codec_federation.h"
#include "ledger_view.h"
#include "ring.h"
#include "rpc.h"

/* A set as the caller may see it. */
struct hf_visible {
	const struct hf_ring_set *set;
	enum hf_right right;
	struct hf_ledger_info info;
	bool is_held; /* the ledger has it, with a note that we can serve */
};

/* Look at one set, for a caller who needs at least this right. */
HF_MUST enum hf_err hf_visible(const struct hf_ring *ring,
			       struct hf_ledger_view *view,
			       const struct hf_rpc_identity *caller,
			       const char *origin, enum hf_right least,
			       struct hf_visible *out_visible,
			       struct hf_why *why);

/* May the caller be told of this organisation's manifest?  Its own and ours
 * always; another one's when some set that the caller may have names it, so
 * that no relay can hide a revocation, and nobody learns whom else we know. */
HF_MUST bool hf_visible_organisation(const struct hf_ring *ring,
				     const struct hf_rpc_identity *caller,
				     const uint8_t id[static HF_HASH_BYTES]);

/* What Hello and Tail say of manifests: our own first, then those of the
 * organisations that the caller shares a set with, so that whoever has a newer
 * one is asked for it.  Writes at most HF_MARKS_MAX, and returns how many. */
size_t hf_visible_manifests(const struct hf_ring *ring,
			    const struct hf_rpc_identity *caller,
			    struct hf_manifest_mark *out_marks);

#endif /* HF_VISIBLE_H */
