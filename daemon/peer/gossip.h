/*
 * gossip.h -- what two nodes that know a set tell each other about it, beside
 * following it: the largest checkpoint each has seen, and evidence.
 *
 * Members may compare checkpoints also where none of them may pass the set on:
 * each knows that the other has it, and a note names no entry.
 *
 * Units    none.
 * Owns     nothing.
 * Threads  any; BLOCKS where a note contradicts what is held.
 * Errors   NOTFOUND: not a set of both; SIGNATURE, MALFORMED, LIMIT: no note
 *          of it; CONFLICT: the publisher signed two trees, and the set is
 *          frozen now; DENIED: keys that our agreement does not name signed
 *          it, and who brings it is not the publisher, who may have signed
 *          another text for him.
 * Source   proto/SPEC.md section 8.2.
 */
#ifndef HF_GOSSIP_H
#define HF_GOSSIP_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "limit.h"
#include "sha256.h"
#include "span.h"

struct hf_forks;
struct hf_ledger;
struct hf_ring;

/* What is told once: of a note that nobody but its publisher has signed, size
 * and root; of one with cosignatures of witnesses, every byte. */
void hf_gossip_digest(struct hf_span note,
		      uint8_t out_digest[static HF_SHA256_BYTES]);

/* May both we and this peer know of the set? */
bool hf_gossip_is_shared(const struct hf_ring *ring, const char *origin,
			 const uint8_t peer[static HF_HASH_BYTES]);

/* A note that a peer brought: verify it and hold it against what we have.  Its
 * origin goes to out_origin, also with CONFLICT. */
HF_MUST enum hf_err hf_gossip_take_note(
	struct hf_forks *forks, struct hf_ledger *ledger,
	const struct hf_ring *ring, const uint8_t peer[static HF_HASH_BYTES],
	struct hf_span bytes, char out_origin[static HF_ORIGIN_MAX_BYTES + 1],
	struct hf_why *why);

#endif /* HF_GOSSIP_H */
