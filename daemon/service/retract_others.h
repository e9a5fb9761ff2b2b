/*
 * retract_others.h -- who else still lists what is retracted: entries of other
 * publishers' sets, which match on until they take them back themselves.
 *
 * Units    counts of entries.
 * Owns     what is found is in the caller's arena.
 * Threads  any.
 * Errors   NOMEM; of the index.
 * Source   proto/SPEC.md section 8.3.
 */
#ifndef HF_RETRACT_OTHERS_H
#define HF_RETRACT_OTHERS_H

#include "arena.h"
#include "codec_publish.h"
#include "err.h"

struct hf_ledger_view;
struct hf_node;

struct hf_others {
	struct hf_node *node;      /* borrowed */
	struct hf_arena *arena;    /* borrowed */
	struct hf_entry_ref *rows; /* in the arena: HF_RETRACTED_MAX at most */
	size_t count;
	bool has_failed; /* no memory */
};

/* Those that we match on now and that carry this very hash. */
HF_MUST enum hf_err hf_others_of_hash(struct hf_others *others,
				      const struct hf_hash *hash,
				      struct hf_why *why);

/* Those that carry one of the hashes of an entry; none where its payload is
 * not here. */
HF_MUST enum hf_err hf_others_of_entry(struct hf_others *others,
				       struct hf_ledger_view *view,
				       uint32_t set, uint64_t entry,
				       struct hf_why *why);

#endif /* HF_RETRACT_OTHERS_H */
