/*
 * feed_in.h -- what the files of the feed share: what it knows of each set.
 *
 * Units    as feed.h.
 * Owns     as said with each field.
 * Threads  the feed's own, but for what is under the lock.
 * Errors   none.
 * Source   none.
 */
#ifndef HF_FEED_IN_H
#define HF_FEED_IN_H

#include <pthread.h>

#include "ledger.h"
#include "ledger_view.h"
#include "set_keys.h"

#include "feed.h"

struct record {
	struct hf_feed_set is;   /* what callers see */
	uint64_t counted;        /* entries that is.live stands for */
	bool has_ended;          /* we were taken out of it */
	struct hf_set_pair keys; /* the feed's own, of the latest note */
	bool is_dirty;
	bool was_whole;  /* the index had all that there was, once */
	bool is_awaited; /* more of it is known to come */
	bool has_failed; /* logged; quiet until it works again */
	bool is_voided;  /* void entries were taken out of the index */
};

struct hf_feed {
	struct hf_node *node; /* borrowed */
	struct hf_ledger_follower *follower;
	pthread_t thread;
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t news;
	pthread_cond_t progress;
	struct record **records; /* owned, by set number; entries may be NULL */
	size_t records_count;
	size_t next;      /* where to look for news first: every set in turn */
	bool has_changed; /* the ring did */
	bool is_caught_up;
	bool is_resting;         /* news need not be told */
	void (*told)(void *arg); /* NULL: nobody wants to be */
	void *told_arg;
	uint64_t turns; /* of sets that changed over to a later epoch */
	bool must_stop;
};

/* What a view shows of a set. */
void hf_feed_describe(struct hf_feed *feed, struct record *record,
		      struct hf_ledger_view *view,
		      const struct hf_ledger_info *info,
		      struct hf_feed_set *out);

#endif /* HF_FEED_IN_H */
