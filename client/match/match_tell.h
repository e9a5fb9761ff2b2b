/*
 * match_tell.h -- verdicts in place: the writer tells what they need besides
 * hashes, and whoever reads along opens the index with it.
 *
 * Units    as in match_index.h and match_judge.h.
 * Owns     rules are borrowed until the index is closed; sets are borrowed
 *          from a view until it ends.
 * Threads  any.
 * Errors   FULL, SYSTEM, NOMEM; UNAVAILABLE for a reader before the writer
 *          said that it is ready.
 * Source   client/match/FORMAT.md, sets.
 */
#ifndef HF_MATCH_TELL_H
#define HF_MATCH_TELL_H

#include "match_index.h"
#include "match_sets.h"

/* The policy and the ages, once after the index was opened. */
HF_MUST enum hf_err hf_index_tell_rules(struct hf_index *index,
					const struct hf_match_sets_rules *rules,
					struct hf_why *why);

/* Make room for what will be told of the set.  May wait for a disk. */
HF_MUST enum hf_err hf_index_tell_room(struct hf_index *index, uint32_t set,
				       struct hf_why *why);

/* What is known of a set now; seen by the next lookup anywhere.  Waits for
 * nothing.  A set without room stays unknown, which matches nothing. */
void hf_index_tell_set(struct hf_index *index, const struct hf_judge_set *set);

/* A set that was told as matchable is so instead of one that is told next as
 * not: lookups find what is in both, all the time. */
void hf_index_tell_turn(struct hf_index *index);

/* All that there was at the start is in the index: readers may have it. */
void hf_index_tell_ready(struct hf_index *index);

/* hf_index_open_readonly() for verdicts: a state that is not ready is not
 * taken, and those who have an earlier one go on with that. */
HF_MUST enum hf_err hf_index_open_judged(const char *dir,
					 struct hf_index **out_index,
					 struct hf_why *why);

/* Of an index opened so, before its first view: go on with what there is now,
 * whatever the next writer makes of it. */
void hf_index_stay(struct hf_index *index);

/* What was told, as of this view. */
const struct hf_match_sets *
hf_index_view_sets(const struct hf_index_view *view);

/* Is there a writer, and does a view begun now see what its own lookups
 * see? */
bool hf_index_is_current(const struct hf_index *index);

#endif /* HF_MATCH_TELL_H */
