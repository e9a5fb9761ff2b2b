/*
 * audit_intent.h -- what somebody is about to do here, kept by the ledger until
 * the audit has the entry of it, so that a crash in between is no gap.
 *
 * An intent is the payload of the entry that it becomes where nobody can say
 * any more what came of the call, and the time of the call.  The entry and the
 * end of the intent are one transaction: it becomes one entry, never two.
 *
 * Units    _ms since 1970 UTC.  number: in the order in which calls began,
 *          from 1.
 * Owns     nothing.
 * Threads  any that may wait, where nothing else is said.
 * Errors   of the ledger.
 * Source   proto/SPEC.md section 13; daemon/DESIGN.md, "Audit".
 */
#ifndef HF_AUDIT_INTENT_H
#define HF_AUDIT_INTENT_H

#include <stdint.h>

#include "buf.h"
#include "err.h"
#include "span.h"

struct hf_node;

/* What came of a call of which nobody knows that. */
#define HF_AUDIT_UNFINISHED "UNFINISHED"

/* The bytes that are kept, behind what buf has. */
void hf_audit_intent_encode(uint64_t time_ms, struct hf_span payload,
			    struct hf_buf *buf);

/* It is durable when this returns. */
HF_MUST enum hf_err hf_audit_intent_put(struct hf_node *node, uint64_t number,
					struct hf_span intent,
					struct hf_why *why);

/* There is nothing to be said of it; waits for nothing. */
void hf_audit_intent_drop(struct hf_node *node, uint64_t number);

/* The largest number that is there; 0: none. */
HF_MUST enum hf_err hf_audit_intents_last(struct hf_node *node,
					  uint64_t *out_number,
					  struct hf_why *why);

/* Let those with numbers [from, below) become entries of a set, in their
 * order. */
HF_MUST enum hf_err hf_audit_intents_say(struct hf_node *node, uint32_t set,
					 uint64_t from, uint64_t below,
					 struct hf_why *why);

#endif /* HF_AUDIT_INTENT_H */
