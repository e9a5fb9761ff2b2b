#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "match_tell.h"
#include "ring.h"
#include "store.h"

#include "judged.h"
#include "meanwhile.h"
#include "node.h"

#define PROGRESS_SIZE 128

struct hf_meanwhile {
	struct hf_node *node; /* borrowed */
	struct hf_why wait;   /* why there is no index; constant */
	atomic_bool is_on;

	/* Lookups hold it to read, the change over to write; none begins once
	 * that is due, however many there are. */
	pthread_rwlock_t looking;
	atomic_bool has_changed_over;
	struct hf_index *index; /* owned; NULL: there is none, or no more */

	pthread_mutex_t lock; /* guards what follows */
	struct hf_store_move move;
	bool is_opening;
};

enum hf_err hf_meanwhile_new(struct hf_node *node,
			     struct hf_meanwhile **out_meanwhile,
			     struct hf_why *why)
{
	struct hf_meanwhile *meanwhile = calloc(1, sizeof(*meanwhile));
	char dir[HF_NODE_PATH_SIZE];

	if (meanwhile == NULL)
		return hf_why(why, HF_E_NOMEM, "lookups: no memory");
	meanwhile->node = node;
	atomic_init(&meanwhile->is_on, true);
	atomic_init(&meanwhile->has_changed_over, false);
	pthread_rwlock_init(&meanwhile->looking, NULL);
	pthread_mutex_init(&meanwhile->lock, NULL);
	snprintf(dir, sizeof(dir), "%s/index", node->conf->state_dir);
	if (hf_index_open_judged(dir, &meanwhile->index, &meanwhile->wait) ==
	    HF_OK)
		hf_index_stay(meanwhile->index);
	*out_meanwhile = meanwhile;
	return HF_OK;
}

void hf_meanwhile_free(struct hf_meanwhile *meanwhile)
{
	if (meanwhile == NULL)
		return;
	hf_index_close(meanwhile->index);
	pthread_mutex_destroy(&meanwhile->lock);
	pthread_rwlock_destroy(&meanwhile->looking);
	free(meanwhile);
}

void hf_meanwhile_tell(struct hf_meanwhile *meanwhile,
		       const struct hf_store_move *move)
{
	pthread_mutex_lock(&meanwhile->lock);
	if (move != NULL)
		meanwhile->move = *move;
	meanwhile->is_opening = move == NULL;
	pthread_mutex_unlock(&meanwhile->lock);
}

bool hf_meanwhile_answers(const struct hf_meanwhile *meanwhile)
{
	return meanwhile->wait.text[0] == '\0';
}

void hf_meanwhile_change_over(struct hf_meanwhile *meanwhile)
{
	struct hf_index *index;

	atomic_store(&meanwhile->has_changed_over, true);
	pthread_rwlock_wrlock(&meanwhile->looking);
	index = meanwhile->index;
	meanwhile->index = NULL;
	pthread_rwlock_unlock(&meanwhile->looking);
	/* What is erased from now on is mapped by nobody. */
	hf_index_close(index);
}

void hf_meanwhile_end(struct hf_meanwhile *meanwhile)
{
	atomic_store(&meanwhile->is_on, false);
}

bool hf_meanwhile_is_on(const struct hf_meanwhile *meanwhile)
{
	return meanwhile != NULL && atomic_load(&meanwhile->is_on);
}

bool hf_meanwhile_enter(struct hf_meanwhile *meanwhile,
			struct hf_index **out_index, enum hf_err *out_err,
			struct hf_why *why)
{
	if (!hf_meanwhile_is_on(meanwhile) ||
	    atomic_load(&meanwhile->has_changed_over))
		return false;
	pthread_rwlock_rdlock(&meanwhile->looking);
	if (atomic_load(&meanwhile->has_changed_over)) {
		pthread_rwlock_unlock(&meanwhile->looking);
		return false;
	}
	*out_index = meanwhile->index;
	*out_err = meanwhile->index != NULL
			   ? HF_OK
			   : hf_meanwhile_refuse(meanwhile, why);
	return true;
}

void hf_meanwhile_leave(struct hf_meanwhile *meanwhile)
{
	pthread_rwlock_unlock(&meanwhile->looking);
}

bool hf_meanwhile_know(struct hf_meanwhile *meanwhile,
		       const struct hf_match_sets *sets, uint32_t set,
		       uint64_t now_ms, struct hf_judge_set *out_set)
{
	struct hf_ring *ring;

	if (!hf_match_sets_get(sets, set, out_set))
		return false;
	if (out_set->is_own) {
		/* Nobody can add to it: what there was is all there is. */
		out_set->checkpoint_ms = now_ms;
		return true;
	}
	ring = hf_ring_holder_get(meanwhile->node->ring);
	out_set->is_matchable &= hf_judged_is_given(ring, out_set->origin);
	hf_ring_release(ring);
	return true;
}

/* How far, in words. */
static void put_progress(const struct hf_store_move *move, bool is_opening,
			 char text[static PROGRESS_SIZE])
{
	if (is_opening)
		snprintf(text, PROGRESS_SIZE,
			 "all steps are done, what is stored is being read");
	else if (move->is_keeping)
		snprintf(text, PROGRESS_SIZE,
			 "step %u of %u, the old one is being kept: %" PRIu64
			 " of %" PRIu64 " MiB",
			 move->step, move->steps, move->done >> 20,
			 move->total >> 20);
	else if (move->total > 0)
		snprintf(text, PROGRESS_SIZE,
			 "step %u of %u, %" PRIu64 " of %" PRIu64 " entries",
			 move->step, move->steps, move->done, move->total);
	else
		snprintf(text, PROGRESS_SIZE, "step %u of %u", move->step,
			 move->steps);
}

void hf_meanwhile_say(struct hf_meanwhile *meanwhile,
		      char text[static HF_SENTENCE_MAX_BYTES],
		      struct hf_wire_migration *out)
{
	char progress[PROGRESS_SIZE];
	struct hf_store_move move;
	bool is_opening;

	pthread_mutex_lock(&meanwhile->lock);
	move = meanwhile->move;
	is_opening = meanwhile->is_opening;
	pthread_mutex_unlock(&meanwhile->lock);
	put_progress(&move, is_opening, progress);
	snprintf(text, HF_SENTENCE_MAX_BYTES,
		 "the store is being migrated (%s); %s%s", progress,
		 hf_meanwhile_answers(meanwhile) ? "lookups go on"
						 : "lookups wait: ",
		 meanwhile->wait.text);
	*out = (struct hf_wire_migration){
		.from = move.from,
		.to = move.to,
		.step = move.step,
		.steps = move.steps,
		.is_keeping = move.is_keeping,
		.done = move.done,
		.total = move.total,
		.is_opening = is_opening,
		.lookups_wait = meanwhile->wait.text,
		.sentence = text,
	};
}

enum hf_err hf_meanwhile_refuse(struct hf_meanwhile *meanwhile,
				struct hf_why *why)
{
	char text[HF_SENTENCE_MAX_BYTES];
	struct hf_wire_migration unused;

	hf_meanwhile_say(meanwhile, text, &unused);
	return hf_why(why, HF_E_UNAVAILABLE, "%s", text);
}
