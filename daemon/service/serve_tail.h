/*
 * serve_tail.h -- the open Tail calls: one for each peer that follows us, told
 * of every new checkpoint it may see as soon as it is published.
 *
 * Units    none.
 * Owns     hf_tails_new() gives the caller the list, hf_tails_free() takes it
 *          back when no server runs any more.
 * Threads  hf_tails_changed() from any thread; all else on the worker loop.
 * Errors   NOMEM.
 * Source   proto/hashfed/v1/federation.proto, Tail.
 */
#ifndef HF_SERVE_TAIL_H
#define HF_SERVE_TAIL_H

#include "err.h"

struct hf_node;
struct hf_tails;

/* Needs node's ledger, ring and worker. */
HF_MUST enum hf_err hf_tails_new(struct hf_node *node,
				 struct hf_tails **out_tails,
				 struct hf_why *why);

/* Hear no more of the ledger: before the worker loop goes. */
void hf_tails_unfollow(struct hf_tails *tails);

/* After the worker loop went.  NULL is fine. */
void hf_tails_free(struct hf_tails *tails);

/* The ring changed: callers may see other sets than before. */
void hf_tails_changed(struct hf_tails *tails);

#endif /* HF_SERVE_TAIL_H */
