/*
 * serve_watch.h -- open WatchCases calls, and how they hear of changes.
 *
 * Each call keeps its own position and reads on from there: one that is slow
 * sees where a case stands, not every step, and holds nobody up.
 *
 * Units    none.
 * Owns     hf_watches_new() gives the caller the list, hf_watches_free() takes
 *          it back.
 * Threads  hf_watches_changed() from any; the rest as said.
 * Errors   NOMEM.
 * Source   proto/hashfed/v1/takedown.proto.
 */
#ifndef HF_SERVE_WATCH_H
#define HF_SERVE_WATCH_H

#include "err.h"

struct hf_node;
struct hf_watches;

/* Needs node's worker. */
HF_MUST enum hf_err hf_watches_new(struct hf_node *node,
				   struct hf_watches **out_watches,
				   struct hf_why *why);

/* After the worker loop went, and after whoever calls hf_watches_changed().
 * NULL is fine. */
void hf_watches_free(struct hf_watches *watches);

/* A case changed.  NULL is fine. */
void hf_watches_changed(struct hf_watches *watches);

#endif /* HF_SERVE_WATCH_H */
