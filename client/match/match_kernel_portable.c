#include "match_kernel_all.h"
#include "match_kernel_loop.h"

static inline size_t scan_bucket(const struct hf_match_bucket *bucket,
				 struct hf_match_candidate *out)
{
	size_t found = 0;

	for (uint32_t at = 0; at < bucket->count; at++) {
		unsigned differ = (unsigned)bucket->sketches[at] ^ bucket->want;

		if (__builtin_expect((unsigned)__builtin_popcount(differ) <=
					     bucket->limit,
				     0))
			found += put_candidate(bucket, at, out + found);
	}
	return found;
}

static size_t scan_buckets(const struct hf_match_bucket *buckets,
			   size_t buckets_count, size_t room,
			   struct hf_match_candidate *out_candidates,
			   size_t *out_candidates_count)
{
	return hf_match_kernel_loop(scan_bucket, buckets, buckets_count, room,
				    out_candidates, out_candidates_count);
}

/* Random hashes differ in about 64 of the first 128 bits, so the second half
 * is hardly ever read. */
static size_t scan_digests(const uint8_t *digests, size_t count,
			   const struct hf_match_pdq *want, unsigned distance,
			   uint32_t out_positions[HF_MATCH_KERNEL_BLOCK])
{
	size_t found = 0;

	for (size_t i = 0; i < count; i++) {
		struct hf_match_pdq have = hf_match_pdq_load(digests + 32 * i);
		unsigned differ = (unsigned)__builtin_popcountll(
					  have.word[0] ^ want->word[0]) +
				  (unsigned)__builtin_popcountll(have.word[1] ^
								 want->word[1]);

		if (__builtin_expect(differ <= distance, 0) &&
		    hf_match_pdq_distance(&have, want) <= distance)
			out_positions[found++] = (uint32_t)i;
	}
	return found;
}

static size_t scan_heads(const struct hf_match_heads *heads, size_t count,
			 const struct hf_match_pdq *want, unsigned distance,
			 uint32_t out_positions[HF_MATCH_KERNEL_BLOCK])
{
	size_t found = 0;

	for (size_t at = 0; at < count; at += HF_MATCH_HEADS, heads++) {
		unsigned mask = 0;

		for (unsigned i = 0; i < HF_MATCH_HEADS; i++) {
			int differ = __builtin_popcountll(heads->words[0][i] ^
							  want->word[0]) +
				     __builtin_popcountll(heads->words[1][i] ^
							  want->word[1]);

			mask |= (unsigned)((unsigned)differ <= distance) << i;
		}
		found += put_heads(mask, at, count, out_positions + found);
	}
	return found;
}

const struct hf_match_kernel hf_match_kernel_portable = {
	.name = "portable",
	.scan_buckets = scan_buckets,
	.compare = compare,
	.scan_digests = scan_digests,
	.scan_heads = scan_heads,
};
