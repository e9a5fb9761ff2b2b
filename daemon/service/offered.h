/*
 * offered.h -- the sets that peers tell us of and that we do not hold.
 *
 * Units    counts of sets and peers.
 * Owns     everything lives in the caller's arena.
 * Threads  any.
 * Errors   none: what there is no memory for is left out, as is what comes
 *          after HF_TAIL_SETS_MAX sets.
 * Source   proto/hashfed/v1/admin.proto, SetInfo.
 */
#ifndef HF_OFFERED_H
#define HF_OFFERED_H

#include <stddef.h>

#include "arena.h"

struct hf_node;
struct hf_ring;

struct hf_offered {
	const char *origin;
	const char **peers; /* the domains of those who offer it */
	size_t peers_count;
};

/* By origin, each once; sets that the ring has are not among them. */
size_t hf_offered_list(struct hf_node *node, const struct hf_ring *ring,
		       struct hf_arena *arena,
		       const struct hf_offered **out_rows);

#endif /* HF_OFFERED_H */
