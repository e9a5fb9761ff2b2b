/*
 * aging.h -- says in the log, once each time, that a set of others went stale,
 * that it expired, and that it is fresh again.
 *
 * Units    now_ms since 1970 UTC.
 * Owns     hf_aging_new() gives the caller one; hf_aging_free() takes it back.
 * Threads  one, that of the tick.
 * Errors   NOMEM.
 * Source   proto/SPEC.md section 6.9.
 */
#ifndef HF_AGING_H
#define HF_AGING_H

#include <stdint.h>

#include "err.h"

struct hf_aging;
struct hf_node;

/* Needs the node's ledger, feed and conf when it looks. */
HF_MUST enum hf_err hf_aging_new(struct hf_node *node,
				 struct hf_aging **out_aging,
				 struct hf_why *why);

/* NULL is fine. */
void hf_aging_free(struct hf_aging *aging);

/* Look at every set that is followed. */
void hf_aging_look(struct hf_aging *aging, uint64_t now_ms);

#endif /* HF_AGING_H */
