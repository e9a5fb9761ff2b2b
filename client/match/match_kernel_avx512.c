#include <immintrin.h>

#include "match_kernel_all.h"
#include "match_kernel_loop.h"

/* Thirty-two sketches at a time.  Reads up to 62 bytes past the end of a
 * bucket. */
static inline size_t scan_bucket(const struct hf_match_bucket *bucket,
				 struct hf_match_candidate *out)
{
	const __m512i want = _mm512_set1_epi16((short)bucket->want);
	const __m512i limit = _mm512_set1_epi16((short)bucket->limit);
	size_t found = 0;

	for (uint32_t at = 0; at < bucket->count; at += 32) {
		__m512i differ = _mm512_xor_si512(
			_mm512_loadu_si512(bucket->sketches + at), want);
		uint32_t mask = _mm512_cmple_epu16_mask(
			_mm512_popcnt_epi16(differ), limit);

		if (bucket->count - at < 32)
			mask &= (1u << (bucket->count - at)) - 1;
		for (; __builtin_expect(mask != 0, 0); mask &= mask - 1)
			found += put_candidate(
				bucket, at + (uint32_t)__builtin_ctz(mask),
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

/* The bits in which eight digests differ from want, of which there are two:
 * the sums of digests 0, 2, 1, 3, 4, 6, 5, 7. */
static inline __m512i sum_differing(const uint8_t *digests, __m512i want)
{
	__m512i counts[4], pairs[2];

	for (int i = 0; i < 4; i++)
		counts[i] = _mm512_popcnt_epi64(_mm512_xor_si512(
			_mm512_loadu_si512(digests + 64 * i), want));
	for (int i = 0; i < 2; i++)
		pairs[i] = _mm512_add_epi64(
			_mm512_unpacklo_epi64(counts[2 * i], counts[2 * i + 1]),
			_mm512_unpackhi_epi64(counts[2 * i],
					      counts[2 * i + 1]));
	return _mm512_add_epi64(_mm512_shuffle_i64x2(pairs[0], pairs[1], 0x88),
				_mm512_shuffle_i64x2(pairs[0], pairs[1], 0xdd));
}

static size_t scan_digests(const uint8_t *digests, size_t count,
			   const struct hf_match_pdq *want, unsigned distance,
			   uint32_t out_positions[HF_MATCH_KERNEL_BLOCK])
{
	const __m512i twice = _mm512_broadcast_i64x4(
		_mm256_loadu_si256((const void *)want->word));
	const __m512i limit = _mm512_set1_epi64((long long)distance);
	size_t found = 0, at = 0;

	for (; at + 8 <= count; at += 8) {
		unsigned mask = _mm512_cmple_epu64_mask(
			sum_differing(digests + 32 * at, twice), limit);

		if (__builtin_expect(mask == 0, 1))
			continue;
		/* In order: the middle two of each four change places. */
		mask = (mask & 0x99) | (mask & 0x22) << 1 | (mask & 0x44) >> 1;
		for (; mask != 0; mask &= mask - 1)
			out_positions[found++] =
				(uint32_t)(at + (size_t)__builtin_ctz(mask));
	}
	for (; at < count; at++) {
		struct hf_match_pdq have = hf_match_pdq_load(digests + 32 * at);

		if (hf_match_pdq_distance(&have, want) <= distance)
			out_positions[found++] = (uint32_t)at;
	}
	return found;
}

static size_t scan_heads(const struct hf_match_heads *heads, size_t count,
			 const struct hf_match_pdq *want, unsigned distance,
			 uint32_t out_positions[HF_MATCH_KERNEL_BLOCK])
{
	const __m512i first = _mm512_set1_epi64((long long)want->word[0]);
	const __m512i second = _mm512_set1_epi64((long long)want->word[1]);
	const __m512i limit = _mm512_set1_epi64((long long)distance);
	size_t found = 0;

	for (size_t at = 0; at < count; at += HF_MATCH_HEADS, heads++) {
		__m512i differ = _mm512_add_epi64(
			_mm512_popcnt_epi64(_mm512_xor_si512(
				_mm512_loadu_si512(heads->words[0]), first)),
			_mm512_popcnt_epi64(_mm512_xor_si512(
				_mm512_loadu_si512(heads->words[1]), second)));

		found += put_heads(_mm512_cmple_epu64_mask(differ, limit), at,
				   count, out_positions + found);
	}
	return found;
}

const struct hf_match_kernel hf_match_kernel_avx512 = {
	.name = "avx512",
	.scan_buckets = scan_buckets,
	.compare = compare,
	.scan_digests = scan_digests,
	.scan_heads = scan_heads,
};
