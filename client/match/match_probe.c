#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "match_probe.h"

/* The base takes the room of two tags. */
#define BASE_TAGS 2

/* Written always, kept when it counts: no branch to miss. */
static inline size_t put(const struct hf_match_line *line, size_t number,
			 uint32_t places, struct hf_match_passed *passed,
			 size_t found)
{
	if (line->tags[0] == HF_MATCH_LINE_CROWDED)
		places = HF_MATCH_PROBE_CROWDED;
	passed[found] = (struct hf_match_passed){ (uint32_t)number, places };
	return found + (places != 0);
}

static size_t pass_portable(const struct hf_match_line *const *lines,
			    const uint16_t *tags, size_t count,
			    struct hf_match_passed *out_passed)
{
	size_t found = 0;

	for (size_t i = 0; i < count; i++) {
		uint32_t places = 0;

		for (unsigned t = 0; t < HF_MATCH_LINE_TAGS; t++)
			places |= (uint32_t)(lines[i]->tags[t] == tags[i]) << t;
		found = put(lines[i], i, places, out_passed, found);
	}
	return found;
}

static const struct hf_match_probe portable = { "portable", pass_portable };

#if defined(__x86_64__)

__attribute__((target("avx2"))) static size_t
pass_avx2(const struct hf_match_line *const *lines, const uint16_t *tags,
	  size_t count, struct hf_match_passed *out_passed)
{
	size_t found = 0;

	for (size_t i = 0; i < count; i++) {
		const __m256i *halves = (const __m256i *)lines[i];
		const __m256i tag = _mm256_set1_epi16((short)tags[i]);
		__m256i bytes = _mm256_packs_epi16(
			_mm256_cmpeq_epi16(_mm256_loadu_si256(halves), tag),
			_mm256_cmpeq_epi16(_mm256_loadu_si256(halves + 1),
					   tag));
		/* Packing takes turns between the two. */
		uint32_t equal = (uint32_t)_mm256_movemask_epi8(
			_mm256_permute4x64_epi64(bytes, 0xd8));

		found = put(lines[i], i, equal >> BASE_TAGS, out_passed, found);
	}
	return found;
}

static const struct hf_match_probe avx2 = { "avx2", pass_avx2 };

__attribute__((target("avx512f,avx512bw"))) static size_t
pass_avx512(const struct hf_match_line *const *lines, const uint16_t *tags,
	    size_t count, struct hf_match_passed *out_passed)
{
	size_t found = 0;

	for (size_t i = 0; i < count; i++) {
		uint32_t equal = _mm512_cmpeq_epi16_mask(
			_mm512_loadu_si512(lines[i]),
			_mm512_set1_epi16((short)tags[i]));

		found = put(lines[i], i, equal >> BASE_TAGS, out_passed, found);
	}
	return found;
}

static const struct hf_match_probe avx512 = { "avx512bw", pass_avx512 };

const struct hf_match_probe *hf_match_probe_at(size_t number)
{
	const struct hf_match_probe *all[3] = { &portable };
	size_t count = 1;

	if (__builtin_cpu_supports("avx2"))
		all[count++] = &avx2;
	if (__builtin_cpu_supports("avx512f") &&
	    __builtin_cpu_supports("avx512bw"))
		all[count++] = &avx512;
	return number < count ? all[number] : NULL;
}

#else

const struct hf_match_probe *hf_match_probe_at(size_t number)
{
	return number == 0 ? &portable : NULL;
}

#endif

const struct hf_match_probe *hf_match_probe(void)
{
	const struct hf_match_probe *best = &portable;

	for (size_t i = 1; hf_match_probe_at(i) != NULL; i++)
		best = hf_match_probe_at(i);
	return best;
}
