/*
 * feed.h -- the ledger's entries become the match index: one thread follows
 * every set from the position that the index stands for.
 *
 * It also knows, for each set, what matching needs to know of it: whether it
 * may be matched on now, how old its checkpoint is, how many entries live.
 *
 * Units    set is the ledger's number; positions and counts are entries;
 *          times in milliseconds since 1970 UTC.
 * Owns     hf_feed_start() gives the caller a feed, hf_feed_stop() takes it
 *          back.  Ledger, indexes, policy and ring are borrowed.
 * Threads  one of its own; every call from any thread.
 * Errors   what the feed cannot do it logs once and tries again on the next
 *          news of that set.
 * Source   daemon/DESIGN.md: every consumer of the ledger follows from a
 *          position.
 */
#ifndef HF_FEED_H
#define HF_FEED_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "kind.h"
#include "limit.h"

struct hf_feed;
struct hf_node;

/* What matching has to know of a set. */
struct hf_feed_set {
	uint32_t set;
	char origin[HF_ORIGIN_MAX_BYTES + 1];
	bool is_own;
	bool is_items;       /* else of cases, of claims: nothing to match */
	bool is_in_force;    /* ours, or followed under an agreement in force */
	bool is_indexed;     /* both, and no later epoch is matched on */
	bool is_matchable;   /* and no earlier one is */
	bool is_succeeded;   /* a later epoch is matched on instead */
	bool is_waiting;     /* an earlier one is, until this has all of it */
	bool has_all;        /* it has, or there is none */
	bool is_given;       /* the index was, and may not find it yet */
	uint32_t earlier;    /* the set that it goes on from; 0: none here */
	uint32_t later;      /* that goes on from it; 0: none here */
	uint64_t void_from;  /* entries from here on are; UINT64_MAX: none */
	bool has_ended;      /* we were told that we are no longer in it */
	bool is_provisional; /* never yet applied up to a checkpoint, or not
			      * yet fed up to one */
	bool is_frozen;      /* frozen, incomplete or unsupported */
	uint64_t held_from_plus_one; /* 0: nothing is */
	uint64_t checkpoint_ms; /* signed time of the latest note; 0: none */
	uint64_t live;          /* ADDs that are not retracted */
	uint64_t fed;           /* entries that the index stands for, or that
				 * have nothing to do with it */
	uint64_t size;          /* entries that can be read, and count */
	uint64_t expected;      /* that there will be; 0: not known */
};

/* Needs node's ring, ledger, policy, index, retracted and expiring. */
HF_MUST enum hf_err hf_feed_start(struct hf_node *node,
				  struct hf_feed **out_feed,
				  struct hf_why *why);

/* Feed no more, and let go of whoever waits here: before the errands end,
 * which may be among them.  What is known of sets can still be asked.  NULL is
 * fine. */
void hf_feed_halt(struct hf_feed *feed);

/* Let the index keep what it has and stop.  NULL is fine. */
void hf_feed_stop(struct hf_feed *feed);

/* The ring changed: sets may have come or ended. */
void hf_feed_changed(struct hf_feed *feed);

/* The set must not be matched on, whatever our agreement says: we were taken
 * out of it; or it may again. */
void hf_feed_end(struct hf_feed *feed, uint32_t set, bool has_ended);

/* Tell somebody, who is quick, whenever the index came further or what is known
 * of a set changed: on the feed's thread.  NULL ends it; no call runs then, and
 * none will. */
void hf_feed_tell(struct hf_feed *feed, void (*told)(void *arg), void *arg);

/* What is known of a set; NOTFOUND for one that was never seen. */
HF_MUST enum hf_err hf_feed_get(struct hf_feed *feed, uint32_t set,
				struct hf_feed_set *out_set);

/* Lookups find the entries of the set below this one; UINT64_MAX for a set that
 * is not matched on. */
uint64_t hf_feed_found(struct hf_feed *feed, uint32_t set);

/* How often sets changed over to a later epoch: a lookup that it changed under
 * may have found an item in both, or in neither. */
uint64_t hf_feed_turns(struct hf_feed *feed);

/* The entry's matches are for review from now on: a proven RETRACT header
 * arrived ahead of its payload. */
HF_MUST enum hf_err hf_feed_demote(struct hf_feed *feed, uint32_t set,
				   uint64_t entry, struct hf_why *why);

/* The entry is retracted: take it out of the index now, ahead of the feed. */
HF_MUST enum hf_err hf_feed_retract(struct hf_feed *feed, uint32_t set,
				    uint64_t entry, struct hf_why *why);

/* Until the daemon ends nobody finds the entry, or again: it is to be
 * retracted, and that cannot be written yet. */
HF_MUST enum hf_err hf_feed_withhold(struct hf_feed *feed, uint32_t set,
				     uint64_t entry, bool is_withheld,
				     struct hf_why *why);

/* Wait until the index stands for size entries of the set, at most
 * timeout_ms.  DEADLINE.  Not on a loop. */
HF_MUST enum hf_err hf_feed_wait(struct hf_feed *feed, uint32_t set,
				 uint64_t size, int timeout_ms);

/* Is everything fed that the ledger had when the node started? */
bool hf_feed_is_caught_up(struct hf_feed *feed);

/* Wait until it is, at most timeout_ms.  UNAVAILABLE when it is not by then.
 * Not on a loop. */
HF_MUST enum hf_err hf_feed_wait_caught_up(struct hf_feed *feed,
					   int timeout_ms);

/* How fresh a checkpoint of this time is now. */
enum hf_freshness hf_feed_freshness(const struct hf_feed *feed,
				    uint64_t checkpoint_ms, uint64_t now_ms);

/* How fresh a set is that we depend on others for; 0 for one of our own, one
 * that is not in force, and one of which nothing has come yet. */
enum hf_freshness hf_feed_set_freshness(const struct hf_feed *feed,
					const struct hf_feed_set *is,
					uint64_t now_ms);

#endif /* HF_FEED_H */
