/*
 * roles_impl.h -- what roles.c and roles_read.c share; nobody else's.
 *
 * Units    as roles.h.
 * Owns     struct hf_roles owns the book and the thread.
 * Threads  lock guards the book and what is said below to be under it; it is
 *          not held across a view.
 * Errors   as roles.h.
 * Source   none.
 */
#ifndef HF_ROLES_IMPL_H
#define HF_ROLES_IMPL_H

#include <pthread.h>

#include "roles_book.h"

struct hf_ledger_follower;

struct hf_roles {
	struct hf_ledger *ledger;                 /* borrowed */
	struct hf_ring_holder *ring;              /* borrowed */
	const struct hf_conf_attester *attesters; /* borrowed */
	size_t attesters_count;
	struct hf_ledger_follower *follower;
	pthread_t thread;

	pthread_mutex_t lock;
	pthread_cond_t news;
	pthread_cond_t progress;
	struct hf_roles_book book;
	uint64_t version;
	struct hf_roles_watcher {
		void (*changed)(void *arg); /* NULL: nobody asks */
		void *arg;
	} watchers[HF_ROLES_WATCHERS];
	uint32_t seen_sets; /* sets above are still to be looked at */
	bool has_changed;   /* look at every set */
	bool has_news;      /* some directory has more */
	bool must_stop;
};

/* Read what there is now, on the calling thread. */
HF_MUST enum hf_err hf_roles_read_all(struct hf_roles *roles,
				      struct hf_why *why);

HF_MUST enum hf_err hf_roles_read_start(struct hf_roles *roles,
					struct hf_why *why);
void hf_roles_read_stop(struct hf_roles *roles);

/* Answers may be others from now on.  Under the lock. */
void hf_roles_tell(struct hf_roles *roles);

#endif /* HF_ROLES_IMPL_H */
