/*
 * opine.h -- saying what we think: which set it goes into, and whether it may
 * name the entry there.
 *
 * Units    none.
 * Owns     nothing.
 * Threads  the errand thread: these wait for signer and disk.
 * Errors   NOTFOUND for a subject that is not held; CONFLICT for a set of
 *          another kind; DENIED for a peer that would learn of a set.
 * Source   proto/SPEC.md section 12.10.
 */
#ifndef HF_OPINE_H
#define HF_OPINE_H

#include "codec_opinion.h"

struct hf_node;
struct hf_organisation;
struct hf_ring;
struct hf_ring_set;

/* May an opinion in the set name an entry of about?  Sets the reason if not,
 * as a sentence for whoever says it. */
bool hf_opine_may_name(const struct hf_ring *ring,
		       const struct hf_ring_set *set, const char *about,
		       struct hf_why *why);

/* May the peer have this set of opinions of ours?  DENIED where it would learn
 * of a set that is not for it. */
HF_MUST enum hf_err hf_opine_may_share(struct hf_node *node,
				       const struct hf_ring *ring,
				       const struct hf_ring_set *set,
				       const struct hf_organisation *peer,
				       struct hf_why *why);

#endif /* HF_OPINE_H */
