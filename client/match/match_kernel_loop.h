/*
 * match_kernel_loop.h -- the loop over buckets that every kernel has around
 * its own way to scan one; included by the kernels' files alone, each compiled
 * for its processor.
 *
 * Units, Owns, Threads, Errors  as in match_kernel.h.
 * Source   Distances of prefetching: measured with tests/bench/match.
 */
#ifndef HF_MATCH_KERNEL_LOOP_H
#define HF_MATCH_KERNEL_LOOP_H

#include "match_kernel.h"

/* scan is inlined, as this is. */
static inline __attribute__((always_inline)) size_t
hf_match_kernel_loop(size_t (*scan)(const struct hf_match_bucket *bucket,
				    struct hf_match_candidate *out),
		     const struct hf_match_bucket *buckets,
		     size_t buckets_count, size_t room,
		     struct hf_match_candidate *out_candidates,
		     size_t *out_candidates_count)
{
	size_t found = 0, done = 0;

	for (; done < buckets_count; done++) {
		if (buckets[done].count > room - found)
			break;
		found += scan(&buckets[done], out_candidates + found);
	}
	*out_candidates_count = found;
	return done;
}

/* One that passed: the number of its key is wanted soon. */
static inline size_t put_candidate(const struct hf_match_bucket *bucket,
				   uint32_t at, struct hf_match_candidate *out)
{
	__builtin_prefetch(bucket->keys + at);
	*out = (struct hf_match_candidate){ bucket->begin + at, bucket->tag };
	return 1;
}

/* Digests ahead that are fetched. */
#define AHEAD_DIGESTS 24

static size_t compare(const struct hf_match_comparison *comparison,
		      uint32_t *out_positions)
{
	const uint32_t *keys = comparison->keys;
	size_t found = 0, count = comparison->count;

	for (size_t i = 0; i < AHEAD_DIGESTS && i < count; i++)
		__builtin_prefetch(comparison->digests + (size_t)32 * keys[i]);
	for (size_t i = 0; i < count; i++) {
		uint32_t tag = comparison->candidates[i].tag;
		struct hf_match_pdq have = hf_match_pdq_load(
			comparison->digests + (size_t)32 * keys[i]);

		if (i + AHEAD_DIGESTS < count)
			__builtin_prefetch(comparison->digests +
					   (size_t)32 *
						   keys[i + AHEAD_DIGESTS]);
		out_positions[found] = (uint32_t)i;
		found +=
			hf_match_pdq_distance(
				&have,
				&comparison
					 ->wants[tag & comparison->tag_mask]) <=
			comparison->distance;
	}
	return found;
}

/* Those of eight heads from at on whose bits are set in mask; what is behind
 * the last digest is none. */
static inline size_t put_heads(unsigned mask, size_t at, size_t count,
			       uint32_t *out_positions)
{
	size_t found = 0;

	if (count - at < HF_MATCH_HEADS)
		mask &= (1u << (count - at)) - 1;
	for (; __builtin_expect(mask != 0, 0); mask &= mask - 1)
		out_positions[found++] =
			(uint32_t)(at + (size_t)__builtin_ctz(mask));
	return found;
}

#endif /* HF_MATCH_KERNEL_LOOP_H */
