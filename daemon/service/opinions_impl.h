/*
 * opinions_impl.h -- what opinions.c, opinions_read.c and opinions_weigh.c
 * share; nobody else's.
 *
 * Units    as opinions.h.
 * Owns     struct hf_opinions owns the book and the thread.
 * Threads  lock guards the book and what is said below to be under it; it is
 *          not held across a view, the index or roles.
 * Errors   as opinions.h.
 * Source   none.
 */
#ifndef HF_OPINIONS_IMPL_H
#define HF_OPINIONS_IMPL_H

#include <pthread.h>
#include <stdbool.h>

#include "opinions.h"

struct hf_ledger_follower;

/* An entry to be marked. */
struct hf_opinions_due {
	uint32_t set;
	uint64_t entry;
};

struct hf_opinions {
	struct hf_node *node; /* borrowed */
	struct hf_ledger_follower *follower;
	pthread_t thread;

	pthread_mutex_t lock;
	pthread_cond_t news;
	pthread_cond_t progress;
	struct hf_opinion_book book;
	struct hf_opinions_due *due; /* owned */
	size_t due_count, due_size;
	uint64_t version;
	uint64_t next_until_ms; /* something ends then; 0: nothing */
	bool is_marking;        /* a round is under way */
	uint32_t seen_sets;     /* sets above are still to be looked at */
	bool has_changed;       /* look at every set, count everything anew */
	bool has_news;
	bool must_stop;
};

/* What follows for an entry. */
struct hf_opinions_weight {
	bool is_disputed;
	bool is_ignored;
	unsigned affirmed;
};

/* What is thought of an entry; each may be NULL. */
HF_MUST enum hf_err
hf_opinions_weigh(struct hf_opinions *opinions, struct hf_ledger_view *view,
		  uint32_t set, uint64_t entry,
		  void (*each)(void *arg, const struct hf_opinions_row *row),
		  void *arg, struct hf_opinions_weight *out,
		  struct hf_why *why);

/* Mark every entry that a dirty subject is about, and those that are due. */
void hf_opinions_mark_all(struct hf_opinions *opinions);

/* Read what there is now and mark, on the calling thread. */
HF_MUST enum hf_err hf_opinions_read_all(struct hf_opinions *opinions,
					 struct hf_why *why);

HF_MUST enum hf_err hf_opinions_read_start(struct hf_opinions *opinions,
					   struct hf_why *why);
void hf_opinions_read_stop(struct hf_opinions *opinions);

#endif /* HF_OPINIONS_IMPL_H */
