#include <immintrin.h>

#include "match_kernel_all.h"
#include "match_kernel_loop.h"

/* The bits of each byte: each half byte looks its count up in a register. */
static inline __m256i bytes_of(__m256i x)
{
	const __m256i counts = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2,
						3, 2, 3, 3, 4, 0, 1, 1, 2, 1, 2,
						2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
	const __m256i low = _mm256_set1_epi8(15);

	return _mm256_add_epi8(
		_mm256_shuffle_epi8(counts, _mm256_and_si256(x, low)),
		_mm256_shuffle_epi8(
			counts,
			_mm256_and_si256(_mm256_srli_epi16(x, 4), low)));
}

/* Sixteen sketches at a time: adding neighbours gives the count of each 16
 * bits.  Reads up to 30 bytes past the end of a bucket. */
static inline size_t scan_bucket(const struct hf_match_bucket *bucket,
				 struct hf_match_candidate *out)
{
	const __m256i ones = _mm256_set1_epi8(1);
	const __m256i want = _mm256_set1_epi16((short)bucket->want);
	const __m256i over = _mm256_set1_epi16((short)(bucket->limit + 1));
	size_t found = 0;

	for (uint32_t at = 0; at < bucket->count; at += 16) {
		__m256i x = _mm256_xor_si256(
			_mm256_loadu_si256(
				(const void *)(bucket->sketches + at)),
			want);
		unsigned mask =
			(unsigned)_mm256_movemask_epi8(_mm256_cmpgt_epi16(
				over, _mm256_maddubs_epi16(bytes_of(x), ones)));

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

/* The bits in which four heads, from the i-th on, differ from want. */
static inline __m256i differing(const struct hf_match_heads *heads, unsigned i,
				__m256i first, __m256i second)
{
	__m256i x = _mm256_xor_si256(
		_mm256_loadu_si256((const void *)&heads->words[0][i]), first);
	__m256i y = _mm256_xor_si256(
		_mm256_loadu_si256((const void *)&heads->words[1][i]), second);

	return _mm256_sad_epu8(_mm256_add_epi8(bytes_of(x), bytes_of(y)),
			       _mm256_setzero_si256());
}

static size_t scan_heads(const struct hf_match_heads *heads, size_t count,
			 const struct hf_match_pdq *want, unsigned distance,
			 uint32_t out_positions[HF_MATCH_KERNEL_BLOCK])
{
	const __m256i first = _mm256_set1_epi64x((long long)want->word[0]);
	const __m256i second = _mm256_set1_epi64x((long long)want->word[1]);
	const __m256i over = _mm256_set1_epi64x((long long)distance + 1);
	size_t found = 0;

	for (size_t at = 0; at < count; at += HF_MATCH_HEADS, heads++) {
		unsigned mask = 0;

		for (unsigned i = 0; i < HF_MATCH_HEADS; i += 4) {
			__m256i is_near = _mm256_cmpgt_epi64(
				over, differing(heads, i, first, second));

			mask |= (unsigned)_mm256_movemask_pd(
					_mm256_castsi256_pd(is_near))
				<< i;
		}
		found += put_heads(mask, at, count, out_positions + found);
	}
	return found;
}

const struct hf_match_kernel hf_match_kernel_avx2 = {
	.name = "avx2",
	.scan_buckets = scan_buckets,
	.compare = compare,
	.scan_digests = scan_digests,
	.scan_heads = scan_heads,
};
