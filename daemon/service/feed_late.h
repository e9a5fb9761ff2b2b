/*
 * feed_late.h -- payloads that were missing when their entries were fed, and
 * came: into the index after all.
 *
 * Units    as feed.h.
 * Owns     nothing.
 * Threads  the feed's.
 * Errors   of the ledger and of the index; what is late stays so, and is tried
 *          again.
 * Source   daemon/ledger/DESIGN.md, the table "late"; daemon/DESIGN.md.
 */
#ifndef HF_FEED_LATE_H
#define HF_FEED_LATE_H

#include "err.h"
#include "feed.h"

struct hf_node;

/* Feed what is late of a set as the feed is about to tell of it: of one that is
 * not in the index, there is nothing to do. */
HF_MUST enum hf_err hf_feed_late(struct hf_node *node,
				 const struct hf_feed_set *is,
				 struct hf_why *why);

#endif /* HF_FEED_LATE_H */
