/*
 * audit.h -- who wrote what here: a set of our own that no other organisation
 * is given, with an entry for every call that may write.
 *
 * What an Append did has its entry in the transaction that stored it.  Before
 * anything else is done an intent is kept, which becomes an entry where the
 * daemon ends before it can say what came of it.
 *
 * It is a set like any other: what stands in it is signed as it grows, so that
 * whoever has one of its checkpoints can show that nothing was taken out.  The
 * frames around handlers (unary.h, Append) call this for each call, with what
 * the method table says of it; handlers do not.
 *
 * Units    _ms since 1970 UTC.
 * Owns     hf_audit_start() gives the caller an audit, hf_audit_free() takes
 *          it back.  The node is borrowed.
 * Threads  any.
 * Errors   of the ledger.  Who gets one must not acknowledge what was done:
 *          it was done, but does not stand in the audit yet.
 * Source   proto/SPEC.md section 13; daemon/DESIGN.md, "Audit".
 */
#ifndef HF_AUDIT_H
#define HF_AUDIT_H

#include <stdbool.h>

#include "buf.h"
#include "err.h"
#include "ledger.h"
#include "rpc.h"
#include "span.h"

struct hf_append_response; /* proto/codec */
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
	/* Of an Append, in place of those; or NULL. */
	const struct hf_append_response *appended;
	enum hf_err outcome;
	uint64_t intent; /* that ends with the entry; 0: none */
};

/* Has it to stand in the audit, should it have done nothing?  What only reads
 * has not, and neither has what was refused because something is full or busy,
 * which comes again by itself, or what was called off. */
bool hf_audit_wants(const struct hf_audit *audit, const char *path,
		    enum hf_err outcome);

/* It is about to be done; answer and outcome are not known.  BLOCKS until a
 * crash does not make us forget it; where that cannot be, as on a full disk, it
 * is done all the same.  out_intent is 0 where nothing is to be said of it. */
void hf_audit_intend(struct hf_audit *audit, const struct hf_audit_call *call,
		     uint64_t *out_intent);

/* Nothing was done, and nothing is to be said.  For 0 nothing. */
void hf_audit_drop(struct hf_audit *audit, uint64_t intent);

/* Let it stand there.  BLOCKS until it is durable.  Where that fails, its
 * intent is tried again until it does. */
HF_MUST enum hf_err hf_audit_say(struct hf_audit *audit,
				 const struct hf_audit_call *call,
				 struct hf_why *why);

/* The same without waiting; done is told on a thread of ours, as the ledger's
 * own.  Where done is told of an error, hf_audit_leave() is the caller's. */
HF_MUST enum hf_err hf_audit_queue(struct hf_audit *audit,
				   const struct hf_audit_call *call,
				   struct hf_ledger_done done,
				   struct hf_why *why);

/* An intent whose entry could not be written: try again.  For 0 nothing. */
void hf_audit_leave(struct hf_audit *audit, uint64_t intent);

/*
 * For what goes along with a batch (struct hf_ledger_along).
 */

/* The set that is written now; false before there is one. */
bool hf_audit_set(struct hf_audit *audit, uint32_t *out_set);

/* A number for an intent. */
uint64_t hf_audit_number(struct hf_audit *audit);

/* What the entry says. */
HF_MUST enum hf_err hf_audit_put_entry(const struct hf_audit_call *call,
				       struct hf_buf *out, struct hf_why *why);

/* What the intent says, of a call of which the batches are these ids. */
HF_MUST enum hf_err hf_audit_put_intent(const struct hf_audit_call *call,
					struct hf_span batches,
					struct hf_buf *out, struct hf_why *why);

#endif /* HF_AUDIT_H */
