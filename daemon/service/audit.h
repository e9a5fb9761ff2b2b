/*
 * audit.h -- who wrote what here: a set of our own that no other organisation
 * is given, with an entry for every call that may write.
 *
 * It is a set like any other: what stands in it is signed as it grows, so that
 * whoever has one of its checkpoints can show that nothing was taken out.  The
 * frames around handlers (unary.h, Append) call this once for each call, with
 * what the method table says of it; handlers do not.
 *
 * Units    _ms since 1970 UTC.
 * Owns     hf_audit_start() gives the caller an audit, hf_audit_free() takes
 *          it back.  The node is borrowed.
 * Threads  any.
 * Errors   of the ledger.  Who gets one must not acknowledge what was done:
 *          it was done, but does not stand in the audit.
 * Source   proto/SPEC.md section 13; daemon/DESIGN.md, "Audit".
 */
#ifndef HF_AUDIT_H
#define HF_AUDIT_H

#include <stdbool.h>

#include "err.h"
#include "ledger.h"
#include "rpc.h"
#include "span.h"

struct hf_audit;
struct hf_node;

/* Open the set where it is not, and say that we began, with which
 * configuration.  Without a signer this is made up for later.  Needs all of
 * the node that a new set tells. */
HF_MUST enum hf_err hf_audit_start(struct hf_node *node,
				   struct hf_audit **out_audit,
				   struct hf_why *why);

/* Say that we end; when nobody calls any more.  NULL is fine. */
void hf_audit_stop(struct hf_audit *audit);
void hf_audit_free(struct hf_audit *audit);

/* Try again what could not be begun, on the errands' thread.  NULL is fine. */
void hf_audit_wake(struct hf_audit *audit);

/* What was asked of us and what came of it; everything is borrowed. */
struct hf_audit_call {
	const char *path;
	const struct hf_rpc_identity *who;
	struct hf_span request; /* empty: nothing is told of it */
	struct hf_span answer;  /* likewise */
	enum hf_err outcome;
};

/* Has it to stand in the audit, should it have done nothing?  What only reads
 * has not, and neither has what was refused because something is full or busy,
 * which comes again by itself, or what was called off. */
bool hf_audit_wants(const struct hf_audit *audit, const char *path,
		    enum hf_err outcome);

/* Let it stand there.  BLOCKS until it is durable. */
HF_MUST enum hf_err hf_audit_say(struct hf_audit *audit,
				 const struct hf_audit_call *call,
				 struct hf_why *why);

/* The same without waiting; done is told on a thread of ours, as the ledger's
 * own. */
HF_MUST enum hf_err hf_audit_queue(struct hf_audit *audit,
				   const struct hf_audit_call *call,
				   struct hf_ledger_done done,
				   struct hf_why *why);

#endif /* HF_AUDIT_H */
