#include <stdlib.h>
#include <time.h>

#include "clock.h"

#include "match_state.h"
#include "match_tell.h"

/* The writer changes names within microseconds; one that has no processor in
 * the middle of it is waited for this long, and looked after this often. */
#define LOAD_MOST_US  5000000
#define LOOK_AGAIN_NS 100000

/* What a snapshot of the same writer has open is not opened again. */
static enum hf_err take_segment(const struct hf_index *index, uint64_t number,
				const struct hf_match_snapshot *before,
				struct hf_match_segment **out_segment,
				struct hf_why *why)
{
	for (size_t i = 0; before != NULL && i < before->segments_count; i++) {
		if (before->segments[i]->number == number) {
			*out_segment =
				hf_match_segment_ref(before->segments[i]);
			return HF_OK;
		}
	}
	return hf_match_segment_open(index->dir, number, false, out_segment,
				     why);
}

static enum hf_err take_memory(const struct hf_index *index, uint64_t sequence,
			       const struct hf_match_snapshot *before,
			       struct hf_match_memory **out_memory,
			       struct hf_why *why)
{
	for (size_t i = 0; before != NULL && i < before->memories_count; i++) {
		if (before->memories[i]->sequence == sequence) {
			*out_memory = hf_match_memory_ref(before->memories[i]);
			return HF_OK;
		}
	}
	return hf_match_memory_open(index->dir, sequence, out_memory, why);
}

static enum hf_err take_table(const struct hf_index *index, uint64_t number,
			      const struct hf_match_snapshot *before,
			      struct hf_match_marks **out_marks,
			      struct hf_why *why)
{
	if (before != NULL && before->marks->number == number) {
		*out_marks = hf_match_marks_ref(before->marks);
		return HF_OK;
	}
	return hf_match_marks_open(index->dir, number, out_marks, why);
}

static enum hf_err take_sets(const struct hf_index *index, uint64_t number,
			     const struct hf_match_snapshot *before,
			     struct hf_match_sets **out_sets,
			     struct hf_why *why)
{
	if (before != NULL && before->sets != NULL &&
	    before->sets->number == number) {
		*out_sets = hf_match_sets_ref(before->sets);
		return HF_OK;
	}
	return hf_match_sets_open(index->dir, number, out_sets, why);
}

static enum hf_err take(const struct hf_index *index,
			const struct hf_match_live_state *state,
			struct hf_match_snapshot *snapshot, struct hf_why *why)
{
	const struct hf_match_snapshot *before =
		state->instance == index->instance ? index->snapshot : NULL;
	enum hf_err err = HF_OK;

	for (size_t i = 0; err == HF_OK && i < state->segments_count; i++) {
		err = take_segment(index, state->segments[i], before,
				   &snapshot->segments[i], why);
		snapshot->segments_count += err == HF_OK;
	}
	for (size_t i = 0; err == HF_OK && i < state->memories_count; i++) {
		err = take_memory(index, state->memories[i], before,
				  &snapshot->memories[i], why);
		snapshot->memories_count += err == HF_OK;
	}
	if (err == HF_OK)
		err = take_table(index, state->table, before, &snapshot->marks,
				 why);
	if (err == HF_OK && state->sets != 0)
		err = take_sets(index, state->sets, before, &snapshot->sets,
				why);
	if (err != HF_OK)
		return err;
	snapshot->drops = snapshot->marks->drops;
	snapshot->drops_count = snapshot->marks->drops_count;
	return HF_OK;
}

static struct hf_match_live *live_of(const struct hf_index *index)
{
	return __atomic_load_n(&index->live, __ATOMIC_ACQUIRE);
}

bool hf_index_has_writer(const struct hf_index *index)
{
	return hf_match_live_has_writer(live_of(index));
}

bool hf_index_is_current(const struct hf_index *index)
{
	return hf_index_has_writer(index) &&
	       !__atomic_load_n(&index->is_behind, __ATOMIC_RELAXED);
}

uint64_t hf_index_alive_ms(const struct hf_index *index)
{
	return hf_match_live_alive_ms(live_of(index));
}

/* Of the names that are changed now, those of after it.  Nobody tells a reader
 * when: it looks again, while somebody is there to end it. */
static bool read_names(const struct hf_index *index, uint64_t until_us,
		       struct hf_match_live_state *out_state,
		       uint64_t *out_generation)
{
	const struct timespec gap = { .tv_nsec = LOOK_AGAIN_NS };
	bool is_last = false;

	while (!hf_match_live_read(live_of(index), out_state, out_generation)) {
		/* What it had before it looked too is there to be read. */
		if (is_last || index->snapshot != NULL)
			return false;
		is_last = !hf_index_has_writer(index) ||
			  hf_clock_mono_us() >= until_us;
		nanosleep(&gap, NULL);
	}
	return true;
}

static enum hf_err take_snapshot(const struct hf_index *index,
				 const struct hf_match_live_state *state,
				 struct hf_match_snapshot **out_snapshot,
				 struct hf_why *why)
{
	struct hf_match_snapshot *snapshot = calloc(1, sizeof(*snapshot));
	enum hf_err err;

	if (snapshot == NULL)
		return hf_why(why, HF_E_NOMEM, "index: no memory");
	snapshot->references = 1;
	err = take(index, state, snapshot, why);
	if (err == HF_OK)
		*out_snapshot = snapshot;
	else
		hf_match_snapshot_unref(snapshot);
	return err;
}

/*
 * What the live file says now, as a snapshot.  *out_generation is told even
 * when it cannot be loaded.
 *
 * The writer removes what it names no more, and may give a name again: what
 * was found, or was not, counts when the names are the same afterwards.
 */
static enum hf_err load(struct hf_index *index,
			struct hf_match_snapshot **out_snapshot,
			uint64_t *out_generation, struct hf_why *why)
{
	uint64_t until_us = hf_clock_mono_us() + LOAD_MOST_US;

	do {
		struct hf_match_snapshot *snapshot = NULL;
		struct hf_match_live_state state;
		uint64_t generation;
		enum hf_err err;

		if (!read_names(index, until_us, &state, &generation))
			break;
		if (index->wants_sets && state.sets == 0) {
			*out_generation = generation;
			return hf_why(why, HF_E_UNAVAILABLE,
				      "the daemon of '%s' is still reading "
				      "what it holds",
				      index->dir);
		}
		err = take_snapshot(index, &state, &snapshot, why);
		if (hf_match_live_generation(live_of(index)) == generation) {
			*out_generation = generation;
			if (err == HF_OK) {
				index->instance = state.instance;
				*out_snapshot = snapshot;
			}
			return err;
		}
		hf_match_snapshot_unref(snapshot);
	} while (hf_clock_mono_us() < until_us);
	return hf_why(why, HF_E_UNAVAILABLE, "match index '%s' is being begun",
		      index->dir);
}

static enum hf_err refresh(struct hf_index *index, struct hf_why *why)
{
	struct hf_match_snapshot *fresh, *old = NULL;
	uint64_t generation = index->generation;
	enum hf_err err = load(index, &fresh, &generation, why);

	__atomic_store_n(&index->is_behind, err != HF_OK, __ATOMIC_RELAXED);
	if (err == HF_OK) {
		pthread_mutex_lock(&index->view_lock);
		old = index->snapshot;
		index->snapshot = fresh;
		pthread_mutex_unlock(&index->view_lock);
	}
	/* Only now: whoever knows this generation has what it brought. */
	__atomic_store_n(&index->generation, generation, __ATOMIC_RELEASE);
	hf_match_snapshot_unref(old);
	return err;
}

enum hf_err hf_match_follow_open(struct hf_index *index, struct hf_why *why)
{
	enum hf_err err = hf_match_live_open(index->dir, &index->live, why);

	return err == HF_OK ? refresh(index, why) : err;
}

/* All files may have been removed and made again. */
static bool has_other_files(struct hf_index *index)
{
	struct hf_match_live *fresh;

	if (hf_match_live_is_there(live_of(index)) ||
	    hf_match_live_open(index->dir, &fresh, NULL) != HF_OK)
		return false;
	hf_match_live_follow(fresh, live_of(index));
	__atomic_store_n(&index->live, fresh, __ATOMIC_RELEASE);
	return true;
}

static bool has_news(const struct hf_index *index)
{
	uint64_t generation = hf_match_live_generation(live_of(index));

	return generation % 2 == 0 &&
	       generation !=
		       __atomic_load_n(&index->generation, __ATOMIC_ACQUIRE);
}

/* Whoever finds news waits while another thread loads them: what was removed
 * before a lookup began is not found by it.  What cannot be loaded (no memory,
 * a damaged file) leaves what there is, and is tried again after a while. */
void hf_match_follow(struct hf_index *index)
{
	uint64_t now_us = hf_clock_mono_us();
	bool is_due = now_us - __atomic_load_n(&index->refreshed_us,
					       __ATOMIC_RELAXED) >=
		      HF_MATCH_REFRESH_MS * 1000;
	bool is_new;

	if (index->stays)
		return;
	is_new = has_news(index);
	if (is_new)
		pthread_mutex_lock(&index->refresh_lock);
	else if (!is_due || pthread_mutex_trylock(&index->refresh_lock) != 0)
		return;
	is_new = has_news(index);
	if (is_due) {
		__atomic_store_n(&index->refreshed_us, now_us,
				 __ATOMIC_RELAXED);
		is_new |= has_other_files(index) ||
			  __atomic_load_n(&index->is_behind, __ATOMIC_RELAXED);
	}
	if (is_new) {
		enum hf_err err = refresh(index, NULL);

		(void)err;
	}
	pthread_mutex_unlock(&index->refresh_lock);
}
