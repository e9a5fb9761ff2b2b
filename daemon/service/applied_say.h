/*
 * applied_say.h -- telling publishers how far we have applied their sets: a
 * receipt is signed when lookups know more of a set than the last one said.
 *
 * Units    none.
 * Owns     hf_applied_say_start() gives the caller one, hf_applied_say_stop()
 *          takes it back.  The node is borrowed.
 * Threads  one of its own: it waits for signer and disk.
 * Errors   what cannot be signed now is tried again; where the signer has no
 *          key for it, it is said once.
 * Source   proto/SPEC.md section 8.6.
 */
#ifndef HF_APPLIED_SAY_H
#define HF_APPLIED_SAY_H

#include "err.h"

struct hf_applied_say;
struct hf_node;

/* Needs node's agent, ledger, feed, receipts and peers. */
HF_MUST enum hf_err hf_applied_say_start(struct hf_node *node,
					 struct hf_applied_say **out_say,
					 struct hf_why *why);

/* Before peers are freed.  NULL is fine. */
void hf_applied_say_stop(struct hf_applied_say *say);

#endif /* HF_APPLIED_SAY_H */
