/*
 * erasure.h -- taking the bytes of erased payloads out of every file here.
 *
 * An ERASE deletes at once, and nobody is served or matches what it named from
 * then on; but files keep deleted bytes in what is free of them.  So, within
 * the time that the operator sets, one thread has its hashes forgotten where
 * they are remembered (forget.h), and the match indexes and the ledger written
 * anew, for all erasures until then together.
 *
 * Units    none.
 * Owns     hf_erasure_start() gives the caller an erasure, hf_erasure_stop()
 *          takes it back.  The node is borrowed.
 * Threads  one of its own.
 * Errors   what cannot be done is logged once and tried again.
 * Source   proto/SPEC.md section 4.1; erase-within in hashfedd.conf(5).
 */
#ifndef HF_ERASURE_H
#define HF_ERASURE_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"

struct hf_erasure;
struct hf_node;

/* Needs node's ledger, feed and indexes, and retro where it is on. */
HF_MUST enum hf_err hf_erasure_start(struct hf_node *node,
				     struct hf_erasure **out_erasure,
				     struct hf_why *why);

/* Whether what is due could not be done, the last time that was tried, and
 * why.  Any thread; NULL is fine. */
bool hf_erasure_has_failed(struct hf_erasure *erasure, struct hf_why *out_why);

/* Before the feed is halted.  A copy that is being made is given up.  NULL is
 * fine. */
void hf_erasure_stop(struct hf_erasure *erasure);

#endif /* HF_ERASURE_H */
