/*
 * audit_begin.h -- the set of the audit, found or opened, and what the daemon
 * says there of itself.
 *
 * Units    none.
 * Owns     nothing.
 * Threads  one at a time; none that a ledger callback runs on.
 * Errors   of the ring, the signer and the ledger.
 * Source   proto/SPEC.md section 13.
 */
#ifndef HF_AUDIT_BEGIN_H
#define HF_AUDIT_BEGIN_H

#include "codec_audit.h"
#include "err.h"
#include "limit.h"

struct hf_node;

/* The set that is written now: of several epochs the latest.  NOTFOUND. */
HF_MUST enum hf_err hf_audit_find(struct hf_node *node, uint32_t *out_set,
				  struct hf_why *why);

/* The first one, or the one after the latest. */
HF_MUST enum hf_err hf_audit_open_next(struct hf_node *node, uint32_t *out_set,
				       struct hf_why *why);

/* "Daemon/Start", and before it what changed since the last start; and
 * "Daemon/Stop".  BLOCK until they are durable. */
HF_MUST enum hf_err hf_audit_say_start(struct hf_node *node, uint32_t set,
				       struct hf_why *why);
HF_MUST enum hf_err hf_audit_say_stop(struct hf_node *node, uint32_t set,
				      struct hf_why *why);

#endif /* HF_AUDIT_BEGIN_H */
