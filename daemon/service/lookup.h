/*
 * lookup.h -- one batch of hashes against the index, with the verdict of this
 * node's policy on every hit.
 *
 * Units    item numbers are the caller's; distances in bits.
 * Owns     the answer lives in the caller's arena.
 * Threads  any; each call takes its own views.
 * Errors   ARGUMENT for a request that cannot be looked up; NOMEM, LIMIT when
 *          the arena is full; CANCELLED for one that nobody waits for any
 *          more; of the index and the ledger.
 * Source   proto/hashfed/v1/match.proto; policy: client/match.
 */
#ifndef HF_LOOKUP_H
#define HF_LOOKUP_H

#include <stdatomic.h>
#include <stdbool.h>

#include "arena.h"
#include "codec_match.h"
#include "err.h"

struct hf_index;
struct hf_node;

/* One more than the largest item number of the request. */
uint32_t hf_lookup_items(const struct hf_wire_match_request *request);

struct hf_lookup_ask {
	const struct hf_wire_match_request *request;
	/* Nobody waits for the answer any more: it is looked at now and then.
	 * NULL where somebody does. */
	const atomic_bool *is_left;
	/* A scanner's, of items that it has: hits of an entry are counted. */
	bool is_counted;
};

HF_MUST enum hf_err hf_lookup(struct hf_node *node,
			      const struct hf_lookup_ask *ask,
			      struct hf_arena *arena,
			      struct hf_wire_match_response *out_response,
			      struct hf_why *why);

/* The same while the node has nothing but its policy, its ring and this index,
 * by what hf_meanwhile_know() says of sets; without labels. */
HF_MUST enum hf_err
hf_lookup_meanwhile(struct hf_node *node, struct hf_index *index,
		    const struct hf_lookup_ask *ask, struct hf_arena *arena,
		    struct hf_wire_match_response *out_response,
		    struct hf_why *why);

#endif /* HF_LOOKUP_H */
