/*
 * scrub.h -- what is stored, looked at again, a little at a time: a disk that
 * changes bits does not say so.
 *
 * Each look takes some chunks at random, of all that is stored, and compares
 * headers with the signed root and payloads with their commitments.  What
 * differs is had again from a peer.
 *
 * Units    none.
 * Owns     nothing.
 * Threads  call it from any; the work is an errand.
 * Errors   are logged; what cannot be looked at now is another time.
 * Source   daemon/DESIGN.md, "What a disk changes".
 */
#ifndef HF_SCRUB_H
#define HF_SCRUB_H

struct hf_node;

/* Chunks of one look: some milliseconds of work, 4,096 entries. */
#define HF_SCRUB_CHUNKS 16

/* Once more, unless the last look is still waiting for its turn. */
void hf_scrub_look(struct hf_node *node);

#endif /* HF_SCRUB_H */
