#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "match_kernel.h"

/*
 * The bodies are written once and compiled for each processor: the same C,
 * with and without an instruction that counts bits.
 */
#define ALWAYS_INLINE static inline __attribute__((always_inline))

ALWAYS_INLINE size_t scan_buckets_body(const uint16_t *sketches,
				       const struct hf_match_bucket *buckets,
				       size_t buckets_count, uint16_t want,
				       uint32_t *out_places)
{
	size_t found = 0;

	for (size_t b = 0; b < buckets_count; b++) {
		uint32_t end = buckets[b].begin + buckets[b].count;

		for (uint32_t at = buckets[b].begin; at < end; at++) {
			unsigned differ = (unsigned)__builtin_popcount(
				(unsigned)(sketches[at] ^ want));

			/* Written always, kept when it counts: no branch to
			 * miss. */
			out_places[found] = at;
			found += differ <= buckets[b].limit;
		}
	}
	return found;
}

/* Random hashes differ in about 64 of the first 128 bits, so the second half
 * is hardly ever read. */
ALWAYS_INLINE size_t scan_digests_body(const uint8_t *digests, size_t count,
				       const struct hf_match_pdq *want,
				       unsigned distance,
				       uint32_t *out_positions)
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

static size_t scan_buckets_portable(const uint16_t *sketches,
				    const struct hf_match_bucket *buckets,
				    size_t buckets_count, uint16_t want,
				    uint32_t *out_places)
{
	return scan_buckets_body(sketches, buckets, buckets_count, want,
				 out_places);
}

static size_t
scan_digests_portable(const uint8_t *digests, size_t count,
		      const struct hf_match_pdq *want, unsigned distance,
		      uint32_t out_positions[HF_MATCH_KERNEL_BLOCK])
{
	return scan_digests_body(digests, count, want, distance, out_positions);
}

static const struct hf_match_kernel portable = {
	.name = "portable",
	.scan_buckets = scan_buckets_portable,
	.scan_digests = scan_digests_portable,
};

#if defined(__x86_64__)

__attribute__((target("popcnt"))) static size_t
scan_buckets_popcnt(const uint16_t *sketches,
		    const struct hf_match_bucket *buckets, size_t buckets_count,
		    uint16_t want, uint32_t *out_places)
{
	return scan_buckets_body(sketches, buckets, buckets_count, want,
				 out_places);
}

__attribute__((target("popcnt"))) static size_t
scan_digests_popcnt(const uint8_t *digests, size_t count,
		    const struct hf_match_pdq *want, unsigned distance,
		    uint32_t out_positions[HF_MATCH_KERNEL_BLOCK])
{
	size_t found = 0;
	uint64_t first = want->word[0], second = want->word[1];

	for (size_t i = 0; i < count; i++) {
		struct hf_match_pdq have = hf_match_pdq_load(digests + 32 * i);
		uint64_t differ =
			(uint64_t)_mm_popcnt_u64(have.word[0] ^ first) +
			(uint64_t)_mm_popcnt_u64(have.word[1] ^ second);

		if (__builtin_expect(differ <= distance, 0) &&
		    hf_match_pdq_distance(&have, want) <= distance)
			out_positions[found++] = (uint32_t)i;
	}
	return found;
}

static const struct hf_match_kernel popcnt = {
	.name = "popcnt",
	.scan_buckets = scan_buckets_popcnt,
	.scan_digests = scan_digests_popcnt,
};

/* Sixteen sketches at a time: each half byte looks its count of bits up in a
 * register, and adding neighbours gives the count of each 16 bits.  Reads up
 * to 30 bytes past the end of a bucket. */
__attribute__((target("avx2,popcnt,bmi"))) static size_t
scan_buckets_avx2(const uint16_t *sketches,
		  const struct hf_match_bucket *buckets, size_t buckets_count,
		  uint16_t want, uint32_t *out_places)
{
	const __m256i counts = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2,
						3, 2, 3, 3, 4, 0, 1, 1, 2, 1, 2,
						2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
	const __m256i low = _mm256_set1_epi8(15);
	const __m256i ones = _mm256_set1_epi8(1);
	const __m256i wants = _mm256_set1_epi16((short)want);
	size_t found = 0;

	for (size_t b = 0; b < buckets_count; b++) {
		const __m256i over =
			_mm256_set1_epi16((short)(buckets[b].limit + 1));
		uint32_t end = buckets[b].begin + buckets[b].count;

		for (uint32_t at = buckets[b].begin; at < end; at += 16) {
			__m256i x = _mm256_xor_si256(
				_mm256_loadu_si256(
					(const void *)(sketches + at)),
				wants);
			__m256i y = _mm256_srli_epi16(x, 4);
			__m256i bytes = _mm256_add_epi8(
				_mm256_shuffle_epi8(counts,
						    _mm256_and_si256(x, low)),
				_mm256_shuffle_epi8(counts,
						    _mm256_and_si256(y, low)));
			__m256i sums = _mm256_maddubs_epi16(bytes, ones);
			unsigned mask = (unsigned)_mm256_movemask_epi8(
				_mm256_cmpgt_epi16(over, sums));

			mask &= 0x55555555u;
			if (end - at < 16)
				mask &= (1u << 2 * (end - at)) - 1;
			while (__builtin_expect(mask != 0, 0)) {
				out_places[found++] =
					at + (uint32_t)__builtin_ctz(mask) / 2;
				mask &= mask - 1;
			}
		}
	}
	return found;
}

static const struct hf_match_kernel avx2 = {
	.name = "avx2",
	.scan_buckets = scan_buckets_avx2,
	.scan_digests = scan_digests_popcnt,
};

const struct hf_match_kernel *hf_match_kernel_at(size_t number)
{
	const struct hf_match_kernel *all[3] = { &portable };
	size_t count = 1;

	if (__builtin_cpu_supports("popcnt"))
		all[count++] = &popcnt;
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
	    __builtin_cpu_supports("popcnt"))
		all[count++] = &avx2;
	return number < count ? all[number] : NULL;
}

#else

const struct hf_match_kernel *hf_match_kernel_at(size_t number)
{
	return number == 0 ? &portable : NULL;
}

#endif

const struct hf_match_kernel *hf_match_kernel(void)
{
	const struct hf_match_kernel *best = &portable;

	for (size_t i = 1; hf_match_kernel_at(i) != NULL; i++)
		best = hf_match_kernel_at(i);
	return best;
}
