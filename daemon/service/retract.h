/*
 * retract.h -- taking entries of our own sets back: one, every one with a
 * hash, or everything that a batch added.
 *
 * More than one entry is a durable intent: the request is kept in
 * <state>/intents until the last RETRACT of it is signed, and taken up again
 * at the next start and every minute, so that neither a crash nor a signer that
 * is away leaves half of it live.
 *
 * Units    counts of entries.
 * Owns     nothing.
 * Threads  the errand thread: these wait for disk and signer.
 * Errors   NOTFOUND when nothing live is meant; of the ledger.
 * Source   proto/hashfed/v1/publish.proto, Retract.
 */
#ifndef HF_RETRACT_H
#define HF_RETRACT_H

#include <stdbool.h>

#include "arena.h"
#include "codec_publish.h"
#include "err.h"

struct hf_node;

/* Do what the request says; returns when no lookup finds the entries any
 * more.  wire is the request as it came. */
HF_MUST enum hf_err hf_retract(struct hf_node *node, struct hf_span wire,
			       const struct hf_retract_request *request,
			       struct hf_arena *arena,
			       struct hf_retract_response *out_response,
			       struct hf_why *why);

/* Post an errand that finishes what was begun and not ended: before the last
 * stop, or while the signer was away. */
HF_MUST enum hf_err hf_retract_resume(struct hf_node *node, bool is_start,
				      struct hf_why *why);

/* The same on this thread, when it returns, for a start that nobody else has
 * errands in yet. */
HF_MUST enum hf_err hf_retract_resume_now(struct hf_node *node,
					  struct hf_why *why);

#endif /* HF_RETRACT_H */
