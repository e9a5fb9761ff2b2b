/*
 * match_sets.h -- what verdicts in place need beside the index: the policy,
 * when sets are stale, and what is known of each set now.
 *
 * A mapped file: what is known of a set changes in it and is seen at once; a
 * policy, and sets of larger numbers than it has room for, make another file.
 *
 * Units    _ms since 1970 UTC.
 * Owns     create and open give the caller one reference; the file is removed
 *          by hf_match_sets_remove() alone.  The policy is the table's.
 * Threads  one thread puts, any number gets, without a lock.
 * Errors   those of match_map.h, and NOMEM.
 * Source   client/match/FORMAT.md, sets.
 */
#ifndef HF_MATCH_SETS_H
#define HF_MATCH_SETS_H

#include "match_judge.h"
#include "match_map.h"

/* More sets than a daemon can have. */
#define HF_MATCH_SETS_MAX ((uint32_t)1 << 20)

struct hf_match_set_row;

struct hf_match_sets {
	uint32_t references; /* atomic */
	uint32_t rows_count; /* sets have smaller numbers */
	uint64_t number;     /* of the file */
	struct hf_match_map map;
	struct hf_match_set_row *rows; /* in map */
	struct hf_policy *policy;      /* owned; a reader's */
	struct hf_fresh_ages ages;     /* a reader's */
};

/* What does not change in a table. */
struct hf_match_sets_rules {
	const struct hf_policy_row *rows; /* of the policy */
	size_t rows_count;
	struct hf_fresh_ages ages;
};

/* What tells these rules from others. */
void hf_match_sets_rules_sum(const struct hf_match_sets_rules *rules,
			     uint8_t out_sum[static 32]);

/* With room for rows_count sets, and what before (NULL: nothing) knows. */
HF_MUST enum hf_err
hf_match_sets_create(const char *dir, uint64_t number,
		     const struct hf_match_sets_rules *rules,
		     uint32_t rows_count, const struct hf_match_sets *before,
		     struct hf_match_sets **out_sets, struct hf_why *why);

HF_MUST enum hf_err hf_match_sets_open(const char *dir, uint64_t number,
				       struct hf_match_sets **out_sets,
				       struct hf_why *why);

struct hf_match_sets *hf_match_sets_ref(struct hf_match_sets *sets);

/* NULL is fine. */
void hf_match_sets_unref(struct hf_match_sets *sets);

/* Needs room: a smaller number than rows_count. */
void hf_match_sets_put(struct hf_match_sets *sets,
		       const struct hf_judge_set *set);

/* A set is matched on from now on instead of another: said after the one was
 * put as matchable and before the other is not.  Who looked up meanwhile, by a
 * count from before its view, may have found neither, and looks again. */
void hf_match_sets_turn(struct hf_match_sets *sets);
uint32_t hf_match_sets_turns(const struct hf_match_sets *sets);

/* False when nothing is known of it. */
bool hf_match_sets_get(const struct hf_match_sets *sets, uint32_t set,
		       struct hf_judge_set *out_set);

/* Remove the file of one that nobody is to find any more. */
void hf_match_sets_remove(const char *dir, const struct hf_match_sets *sets);

#endif /* HF_MATCH_SETS_H */
