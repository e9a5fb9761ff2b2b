#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "file.h"
#include "thread.h"

#include "match_commit.h"
#include "match_private.h"
#include "match_state.h"
#include "match_tiers.h"

/* There is something else to do until nothing was sealed for so long, or
 * somebody says that there is not: what is fed comes in bursts with short
 * gaps. */
#define MERGE_QUIET_MS 1000

/* Before a failed seal or merge is tried again. */
#define RETRY_MS 1000

/*
 * What a build asks of each ref: a copy of marks and drops, so that the
 * answer is the same in both of its passes whatever is removed meanwhile.
 */
struct filter {
	struct hf_match_marks *marks; /* reference */
	struct hf_match_drop *drops;  /* owned */
	size_t drops_count;
	const struct hf_index *index;
};

static bool is_live(void *arg, uint64_t sequence,
		    const struct hf_match_ref *ref)
{
	const struct filter *filter = arg;

	return !hf_match_drops_cover(filter->drops, filter->drops_count,
				     ref->set, sequence) &&
	       (filter->marks->used_count == 0 ||
		(hf_match_marks_get(filter->marks, ref->set, ref->entry) &
		 HF_MATCH_MARK_REMOVED) == 0);
}

/* Most of the time there is nothing to ask for each ref. */
static bool (*is_live_or_null(const struct filter *filter))(
	void *arg, uint64_t sequence, const struct hf_match_ref *ref)
{
	return filter->drops_count > 0 || filter->marks->used_count > 0
		       ? is_live
		       : NULL;
}

/* A merge may take a minute: whoever closes the index does not wait. */
static bool is_cancelled(void *arg)
{
	const struct filter *filter = arg;

	return __atomic_load_n(&filter->index->is_stopping, __ATOMIC_RELAXED);
}

/* With the lock held. */
static enum hf_err filter_init(struct filter *filter,
			       const struct hf_index *index, struct hf_why *why)
{
	enum hf_err err;

	*filter = (struct filter){ .drops_count = index->drops_count,
				   .index = index };
	err = hf_match_marks_copy(index->marks, 0, HF_MATCH_MARKS_ALL,
				  &filter->marks, why);
	if (err != HF_OK)
		return err;
	filter->drops =
		malloc((index->drops_count + 1) * sizeof(filter->drops[0]));
	if (filter->drops == NULL) {
		hf_match_marks_unref(filter->marks);
		return hf_why(why, HF_E_NOMEM, "index: no memory to merge");
	}
	if (index->drops_count > 0)
		memcpy(filter->drops, index->drops,
		       index->drops_count * sizeof(filter->drops[0]));
	return HF_OK;
}

static void filter_release(struct filter *filter)
{
	hf_match_marks_unref(filter->marks);
	free(filter->drops);
}

/*
 * Sealing.
 */

/* Every memory that is frozen now becomes one segment. */
static enum hf_err seal(struct hf_index *index, struct hf_why *why)
{
	struct hf_match_sorted sorted[HF_MATCH_FROZEN_MAX] = {
		{ .owned = { NULL } }
	};
	struct hf_match_run runs[HF_ALGORITHM_COUNT][HF_MATCH_FROZEN_MAX];
	const struct hf_match_memory *memories[HF_MATCH_FROZEN_MAX];
	struct hf_match_change change = { 0 };
	struct filter filter;
	struct hf_match_build build = { .arg = &filter };
	enum hf_err err;

	pthread_mutex_lock(&index->lock);
	change.sealed_count = index->frozen_count;
	for (size_t i = 0; i < change.sealed_count; i++) {
		memories[i] = index->frozen[i].memory;
		build.sequence = memories[i]->sequence;
	}
	err = filter_init(&filter, index, why);
	pthread_mutex_unlock(&index->lock);
	if (err != HF_OK)
		return err;
	build.is_live = is_live_or_null(&filter);
	for (size_t i = 0; err == HF_OK && i < change.sealed_count; i++)
		err = hf_match_memory_sort(memories[i], &sorted[i], why);
	for (unsigned a = 0; a < HF_ALGORITHM_COUNT; a++) {
		build.runs[a] = runs[a];
		for (size_t i = 0; err == HF_OK && i < change.sealed_count;
		     i++) {
			if (sorted[i].parts[a].keys_count > 0)
				runs[a][build.runs_count[a]++] =
					(struct hf_match_run){
						memories[i]->sequence,
						&sorted[i].parts[a],
					};
		}
	}
	if (err == HF_OK)
		err = hf_match_commit_build(index, &build, &change, why);
	for (size_t i = 0; i < change.sealed_count; i++)
		hf_match_sorted_release(&sorted[i]);
	filter_release(&filter);
	return err;
}

/*
 * Merging.
 */
/* When nothing was sealed for long enough; 0: nothing is waited for. */
static uint64_t quiet_us(const struct hf_index *index)
{
	return index->sealed_us == 0 || index->is_settled
		       ? 0
		       : index->sealed_us + MERGE_QUIET_MS * 1000;
}

/* The segments to merge now, with the lock held. */
static size_t pick(const struct hf_index *index, bool is_all, uint64_t now_us,
		   struct hf_match_segment *out_picked[HF_MATCH_SEGMENTS_MAX])
{
	/* Where sealing waits, nothing else is to be done before. */
	bool is_busy = index->segments_count < HF_MATCH_SEGMENTS_BUSY &&
		       (index->frozen_count > 0 || index->bulk != NULL ||
			now_us < quiet_us(index));
	uint64_t sizes_bytes[HF_MATCH_SEGMENTS_MAX];
	size_t count = 0;
	int top = HF_MATCH_TIERS;

	for (size_t i = 0; i < index->segments_count; i++)
		sizes_bytes[i] = index->segments[i]->file_bytes;
	if (!is_all)
		top = hf_match_tiers_top(sizes_bytes, index->segments_count,
					 is_busy);
	for (size_t i = 0; i < index->segments_count; i++) {
		if (hf_match_tier_of(sizes_bytes[i]) <= top)
			out_picked[count++] =
				hf_match_segment_ref(index->segments[i]);
	}
	return count;
}

static int compare_sequences(const void *one, const void *other)
{
	const struct hf_match_segment *const *a = one;
	const struct hf_match_segment *const *b = other;

	return ((*a)->sequence > (*b)->sequence) -
	       ((*a)->sequence < (*b)->sequence);
}

/* change->removed are the inputs. */
static enum hf_err merge(struct hf_index *index, struct hf_match_change *change,
			 struct filter *filter, struct hf_why *why)
{
	static const size_t most = HF_MATCH_SEGMENTS_MAX;
	struct hf_match_build build = { .is_live = is_live_or_null(filter),
					.is_cancelled = is_cancelled,
					.arg = filter };
	struct hf_match_run *runs =
		calloc(HF_ALGORITHM_COUNT * most, sizeof(*runs));
	enum hf_err err;

	if (runs == NULL)
		return hf_why(why, HF_E_NOMEM, "index: no memory to merge");
	qsort(change->removed, change->removed_count,
	      sizeof(change->removed[0]), compare_sequences);
	for (unsigned a = 0; a < HF_ALGORITHM_COUNT; a++) {
		struct hf_match_run *of = &runs[a * most];

		build.runs[a] = of;
		for (size_t i = 0; i < change->removed_count; i++) {
			const struct hf_match_segment_part *part =
				&change->removed[i]->parts[a];

			if (part->keys_count == 0)
				continue;
			of[build.runs_count[a]++] = (struct hf_match_run){
				.sequence = change->removed[i]->sequence,
				.part = part,
			};
		}
	}
	build.sequence = change->removed[change->removed_count - 1]->sequence;
	err = hf_match_commit_build(index, &build, change, why);
	free(runs);
	return err;
}

/*
 * The threads.  Both sleep on index->work with the lock held.
 */
void hf_match_work_wait(struct hf_index *index, pthread_cond_t *condition,
			uint64_t most_us)
{
	const struct timespec until =
		hf_clock_moment(hf_clock_mono_us() + most_us);

	pthread_cond_timedwait(condition, &index->lock, &until);
}

/* Until a time on the clock, or 0 for no time in particular. */
static void wait_for_work(struct hf_index *index, uint64_t until_us)
{
	uint64_t now_us = hf_clock_mono_us();
	uint64_t most_us = HF_MATCH_IDLE_MS * 1000;

	hf_match_live_beat(index->live);
	if (until_us != 0)
		most_us = until_us > now_us ? until_us - now_us : 0;
	hf_match_work_wait(index, &index->work, most_us);
}

/* What came of a seal or merge, with the lock held.  A failure is told to
 * whoever waits, and tried again after a while or when somebody asks. */
static void note(struct hf_index *index, enum hf_err err,
		 const struct hf_why *why)
{
	uint64_t until_us = hf_clock_mono_us() + RETRY_MS * 1000;
	uint64_t asked = index->sync_wanted + index->compact_wanted;

	index->failed = err;
	if (err != HF_OK) {
		index->failed_why = *why;
		index->failures++;
	}
	pthread_cond_broadcast(&index->done);
	while (err != HF_OK && !index->is_stopping &&
	       asked == index->sync_wanted + index->compact_wanted &&
	       hf_clock_mono_us() < until_us)
		wait_for_work(index, until_us);
}

static uint64_t age_us(const struct hf_match_memory *bulk)
{
	return (bulk != NULL ? HF_MATCH_BULK_AGE_MS : HF_MATCH_SEAL_AGE_MS) *
	       (uint64_t)1000;
}

/* When what is filled now is to be closed; 0: it is empty. */
static uint64_t close_due_us(const struct hf_index *index)
{
	if (index->active_since_us == 0 ||
	    (index->bulk != NULL && index->is_settled))
		return index->active_since_us;
	return index->active_since_us + age_us(index->bulk);
}

/* When what is closed is to be sealed; 0: nothing is. */
static uint64_t seal_due_us(const struct hf_index *index)
{
	for (size_t i = 0; i < index->frozen_count; i++) {
		if (index->frozen[i].memory->bulk != NULL)
			return index->frozen[i].since_us;
	}
	return index->frozen_count == 0
		       ? 0
		       : index->frozen[0].since_us + age_us(NULL);
}

static uint64_t sooner_us(uint64_t a_us, uint64_t b_us)
{
	if (a_us == 0 || b_us == 0)
		return a_us + b_us;
	return a_us < b_us ? a_us : b_us;
}

static void seal_or_wait(struct hf_index *index)
{
	uint64_t wanted = index->sync_wanted;
	uint64_t close_us = close_due_us(index), due_us;
	uint64_t now_us = hf_clock_mono_us();
	struct hf_why why = { "" };
	enum hf_err err = HF_OK;
	bool is_wanted = wanted > index->sync_done;
	bool is_due, is_left;

	/* Nothing can be sealed before. */
	if (hf_match_private_is(index)) {
		err = hf_match_private_end(index, &why);
		if (err != HF_OK) {
			note(index, err, &why);
			return;
		}
	}
	if ((is_wanted || (close_us != 0 && close_us <= now_us)) &&
	    hf_match_state_is_filling(index) &&
	    index->frozen_count < HF_MATCH_FROZEN_MAX)
		err = hf_match_state_freeze(index, &why);
	/* With too many frozen already, what is active comes next time. */
	is_left = is_wanted && hf_match_state_is_filling(index);
	due_us = seal_due_us(index);
	is_due = due_us != 0 && due_us <= now_us;
	due_us = sooner_us(due_us, close_due_us(index));
	if (err == HF_OK && !is_wanted && !is_due &&
	    index->frozen_count < HF_MATCH_FROZEN_ENOUGH) {
		wait_for_work(index, due_us);
		return;
	}
	if (err == HF_OK && index->frozen_count > 0 &&
	    index->segments_count >= HF_MATCH_SEGMENTS_BUSY) {
		wait_for_work(index, 0);
		return;
	}
	if (err == HF_OK) {
		bool is_seal = index->frozen_count > 0;
		bool is_dirty = index->is_dirty || index->is_marks_dirty;

		pthread_mutex_unlock(&index->lock);
		if (is_seal)
			err = seal(index, &why);
		else if (is_dirty)
			err = hf_match_work_commit(index, &why);
		pthread_mutex_lock(&index->lock);
		index->seals_count += is_seal && err == HF_OK;
		if (is_seal)
			index->sealed_us = hf_clock_mono_us();
		if (err == HF_OK && !is_left)
			index->sync_done = wanted;
		pthread_cond_broadcast(&index->work);
	}
	note(index, err, &why);
}

static void *run_sealer(void *arg)
{
	struct hf_index *index = arg;

	hf_thread_name("index-sealer");
	hf_thread_background();
	pthread_mutex_lock(&index->lock);
	while (!index->is_stopping)
		seal_or_wait(index);
	pthread_mutex_unlock(&index->lock);
	return NULL;
}

static void merge_or_wait(struct hf_index *index)
{
	uint64_t wanted = index->compact_wanted;
	uint64_t now_us = hf_clock_mono_us();
	bool is_all = wanted > index->compact_done;
	struct hf_match_change change = { 0 };
	struct hf_why why = { "" };
	struct filter filter;
	enum hf_err err;

	change.removed_count = pick(index, is_all, now_us, change.removed);
	if (change.removed_count == 0 && !is_all) {
		uint64_t until_us = quiet_us(index);

		wait_for_work(index, until_us > now_us ? until_us : 0);
		return;
	}
	err = filter_init(&filter, index, &why);
	if (err == HF_OK) {
		index->is_merging = true;
		pthread_mutex_unlock(&index->lock);
		if (change.removed_count > 0)
			err = merge(index, &change, &filter, &why);
		filter_release(&filter);
		pthread_mutex_lock(&index->lock);
		index->is_merging = false;
	}
	for (size_t i = 0; i < change.removed_count; i++)
		hf_match_segment_unref(change.removed[i]);
	index->merges_count += change.removed_count > 0 && err == HF_OK;
	if (err == HF_OK && is_all)
		index->compact_done = wanted;
	pthread_cond_broadcast(&index->work);
	note(index, err, &why);
}

static void *run_merger(void *arg)
{
	struct hf_index *index = arg;

	hf_thread_name("index-merger");
	hf_thread_background();
	pthread_mutex_lock(&index->lock);
	while (!index->is_stopping)
		merge_or_wait(index);
	pthread_mutex_unlock(&index->lock);
	return NULL;
}

enum hf_err hf_match_work_start(struct hf_index *index, struct hf_why *why)
{
	sigset_t all, before;
	int failed;

	/* Signals are for the program's own threads. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	failed = pthread_create(&index->sealer, NULL, run_sealer, index);
	if (failed == 0) {
		failed =
			pthread_create(&index->merger, NULL, run_merger, index);
		if (failed != 0) {
			pthread_mutex_lock(&index->lock);
			__atomic_store_n(&index->is_stopping, true,
					 __ATOMIC_RELAXED);
			pthread_cond_broadcast(&index->work);
			pthread_mutex_unlock(&index->lock);
			pthread_join(index->sealer, NULL);
		}
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (failed != 0) {
		errno = failed;
		return hf_why_errno(why, "index: start a thread");
	}
	return HF_OK;
}

void hf_match_work_stop(struct hf_index *index)
{
	pthread_mutex_lock(&index->lock);
	__atomic_store_n(&index->is_stopping, true, __ATOMIC_RELAXED);
	pthread_cond_broadcast(&index->work);
	pthread_cond_broadcast(&index->done);
	pthread_mutex_unlock(&index->lock);
	pthread_join(index->sealer, NULL);
	pthread_join(index->merger, NULL);
}
