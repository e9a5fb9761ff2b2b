#include <immintrin.h>

#include "match_kernel_all.h"
#include "match_kernel_loop.h"

/* Sixteen sketches at a time: each half byte looks its count of bits up in a
 * register, and adding neighbours gives the count of each 16 bits.  Reads up
 * to 30 bytes past the end of a bucket. */
static inline size_t scan_bucket(const struct hf_match_bucket *bucket,
				 struct hf_match_candidate *out)
{
	const __m256i counts = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2,
						3, 2, 3, 3, 4, 0, 1, 1, 2, 1, 2,
						2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
	const __m256i low = _mm256_set1_epi8(15);
	const __m256i ones = _mm256_set1_epi8(1);
	const __m256i want = _mm256_set1_epi16((short)bucket->want);
	const __m256i over = _mm256_set1_epi16((short)(bucket->limit + 1));
	size_t found = 0;

	for (uint32_t at = 0; at < bucket->count; at += 16) {
		__m256i x = _mm256_xor_si256(
			_mm256_loadu_si256(
				(const void *)(bucket->sketches + at)),
			want);
		__m256i bytes = _mm256_add_epi8(
			_mm256_shuffle_epi8(counts, _mm256_and_si256(x, low)),
			_mm256_shuffle_epi8(
				counts, _mm256_and_si256(
						_mm256_srli_epi16(x, 4), low)));
		unsigned mask =
			(unsigned)_mm256_movemask_epi8(_mm256_cmpgt_epi16(
				over, _mm256_maddubs_epi16(bytes, ones)));

		mask &= 0x55555555u;
		if (bucket->count - at < 16)
			mask &= (1u << 2 * (bucket->count - at)) - 1;
		for (; __builtin_expect(mask != 0, 0); mask &= mask - 1)
			found += put_candidate(
				bucket, at + (uint32_t)__builtin_ctz(mask) / 2,
				out + found);
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

static size_t scan_digests(const uint8_t *digests, size_t count,
			   const struct hf_match_pdq *want, unsigned distance,
			   uint32_t out_positions[HF_MATCH_KERNEL_BLOCK])
{
	size_t found = 0;

	for (size_t i = 0; i < count; i++) {
		struct hf_match_pdq have = hf_match_pdq_load(digests + 32 * i);
		uint64_t differ =
			(uint64_t)_mm_popcnt_u64(have.word[0] ^ want->word[0]) +
			(uint64_t)_mm_popcnt_u64(have.word[1] ^ want->word[1]);

		if (__builtin_expect(differ <= distance, 0) &&
		    hf_match_pdq_distance(&have, want) <= distance)
			out_positions[found++] = (uint32_t)i;
	}
	return found;
}

const struct hf_match_kernel hf_match_kernel_avx2 = {
	.name = "avx2",
	.scan_buckets = scan_buckets,
	.compare = compare,
	.scan_digests = scan_digests,
};
