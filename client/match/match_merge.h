/*
 * match_merge.h -- the digests of several sorted runs in one order, each
 * once, with the live refs of every run that has it.
 *
 * Begin finds the order, and with it how much there will be, so that a file
 * can be laid out before a byte of it is written; next then follows the order
 * without comparing again.  Refs are looked at in both only if some may be
 * gone or several runs have the digest.
 *
 * Units    as in match_build.h.
 * Owns     a merge borrows the build; release frees the rest.  What next
 *          gives lives until the next.
 * Threads  one.
 * Errors   NOMEM; LIMIT for too many refs; CANCELLED; CORRUPT for runs whose
 *          counts contradict each other.
 * Source   Tree of losers: Knuth, "The Art of Computer Programming" 5.4.1.
 */
#ifndef HF_MATCH_MERGE_H
#define HF_MATCH_MERGE_H

#include "match_build.h"

/* A step is a byte: this many runs, and two flags. */
#define HF_MATCH_MERGE_RUNS_MAX 64

/* In a map: the key is not in the output by this run. */
#define HF_MATCH_MERGE_NO_KEY UINT32_MAX

struct hf_match_merged {
	const uint8_t *digest;
	const struct hf_match_ref *refs; /* in order */
	uint32_t refs_count;
	unsigned run; /* the oldest that has the digest */
};

struct hf_match_merge {
	const struct hf_match_build *build;
	const struct hf_match_run *runs;
	unsigned runs_count;
	unsigned algorithm;
	size_t digest_bytes;
	uint32_t keys_count;
	uint32_t refs_count; /* of keys that have several */

	uint8_t *steps; /* owned; NULL: the one run, whole */
	size_t steps_count;
	size_t step;                             /* the next one */
	uint32_t keys[HF_MATCH_MERGE_RUNS_MAX];  /* the next of each run */
	uint32_t *maps[HF_MATCH_MERGE_RUNS_MAX]; /* owned; NULL: not asked */
	uint32_t number;                         /* of the next key */
	uint64_t told_refs;
	struct hf_match_sourced_ref *refs; /* owned: of the key in hand */
	struct hf_match_ref *settled;      /* owned: the same as told */
	size_t gathered_count;
	size_t gathered_size;
};

HF_MUST enum hf_err hf_match_merge_begin(struct hf_match_merge *merge,
					 const struct hf_match_build *build,
					 unsigned algorithm,
					 struct hf_why *why);

/* Have next note which key of this run becomes which of the output: NO_KEY
 * for those that are gone, or that an older run has too. */
HF_MUST enum hf_err hf_match_merge_map(struct hf_match_merge *merge,
				       unsigned run, struct hf_why *why);

/* *out_is_end past the last. */
HF_MUST enum hf_err hf_match_merge_next(struct hf_match_merge *merge,
					struct hf_match_merged *out_merged,
					bool *out_is_end, struct hf_why *why);

void hf_match_merge_release(struct hf_match_merge *merge);

#endif /* HF_MATCH_MERGE_H */
