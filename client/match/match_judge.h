/*
 * match_judge.h -- what becomes of hits: the policy's verdict on each, in the
 * order and number that an answer has.  The daemon and lookups in place both
 * judge here, so that their verdicts cannot differ.
 *
 * Units    items are numbers of the caller's; _ms since 1970 UTC.
 * Owns     everything found is in the caller's arena.
 * Threads  a judge belongs to one; policy and arena are borrowed.
 * Errors   LIMIT when the arena is full, told by hf_judge_end().
 * Source   proto/hashfed/v1/match.proto, MatchResponse.
 */
#ifndef HF_MATCH_JUDGE_H
#define HF_MATCH_JUDGE_H

#include "arena.h"
#include "fresh.h"
#include "match_policy.h"

/* What has to be known of a set. */
struct hf_judge_set {
	uint32_t set;
	char origin[HF_ORIGIN_MAX_BYTES + 1];
	bool is_own;
	bool is_matchable;           /* else it has no hits */
	bool is_provisional;         /* never yet applied up to a checkpoint */
	bool is_frozen;              /* frozen, incomplete or unsupported */
	uint64_t held_from_plus_one; /* 0: none; from there on entries came
				      * in a flood */
	/* When what we hold was last said to be all: the signed time of the
	 * latest checkpoint; of our own set, when its daemon was last alive. */
	uint64_t checkpoint_ms;
	enum hf_freshness freshness; /* filled in by the judge */
};

struct hf_judge_found {
	uint32_t item;
	struct hf_index_hit hit; /* its digest is in the arena */
	struct hf_policy_answer answer;
	const struct hf_judge_set *is;
};

struct hf_judge {
	const struct hf_policy *policy; /* borrowed */
	struct hf_arena *arena;         /* borrowed */
	uint64_t now_ms;
	struct hf_fresh_ages ages;
	/* What is known of a set; false: nothing. */
	bool (*know)(void *arg, uint32_t set, struct hf_judge_set *out_set);
	void *arg;

	/* The judge's own from here: begin with zeros. */
	struct hf_judge_found *found;
	size_t found_count;
	size_t found_size;
	struct hf_judge_set **sets; /* that were asked for */
	size_t sets_count;
	size_t sets_size;
	size_t given_count; /* where the next item begins */
	enum hf_err failed;
};

/* Take a hit of an item into account, looked up with that quality. */
void hf_judge_hit(struct hf_judge *judge, uint32_t item, uint8_t quality,
		  const struct hf_index_hit *hit);

/* Look a video up, and take its hits into account: at each distance that a row
 * of the policy asks for.  *out_more is set when there were more. */
HF_MUST enum hf_err hf_judge_video(struct hf_judge *judge,
				   struct hf_index_view *view, uint32_t item,
				   struct hf_span frames, bool *out_more,
				   struct hf_why *why);

/* After the last hit: put them in order.  Fails when one was not taken. */
HF_MUST enum hf_err hf_judge_end(struct hf_judge *judge, struct hf_why *why);

/* The findings of the next item that has any, worst first; 0 at the end.  Of
 * these an answer has HF_MATCH_HITS_PER_ITEM.  Of an entry's lists of frames
 * the one that counts most is there. */
size_t hf_judge_next(struct hf_judge *judge,
		     const struct hf_judge_found **out_found);

#endif /* HF_MATCH_JUDGE_H */
