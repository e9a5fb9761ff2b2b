#include "unit.h"

#include <string.h>

#include "match_index.h"
#include "match_kernel.h"
#include "match_sieve.h"
#include "random64.h"

static void fill(uint8_t *digest, size_t len_bytes)
{
	for (size_t i = 0; i < len_bytes; i++)
		digest[i] = (uint8_t)random64();
}

static unsigned slow_distance(const uint8_t *a, const uint8_t *b,
			      size_t len_bytes)
{
	unsigned away = 0;

	for (size_t i = 0; i < len_bytes; i++)
		away += (unsigned)__builtin_popcount(a[i] ^ b[i]);
	return away;
}

static void check_heads(const struct hf_match_kernel *kernel,
			const uint8_t *digests, size_t count, unsigned distance)
{
	static struct hf_match_heads
		heads[HF_MATCH_KERNEL_BLOCK / HF_MATCH_HEADS];
	static uint32_t want[HF_MATCH_KERNEL_BLOCK], got[HF_MATCH_KERNEL_BLOCK];
	const uint8_t *asked = digests + 32 * 5;
	struct hf_match_pdq pdq = hf_match_pdq_load(asked);
	size_t expected = 0;

	for (size_t i = 0; i < HF_MATCH_KERNEL_BLOCK; i++) {
		const uint8_t *digest = digests + 32 * i;

		for (unsigned w = 0; w < 2; w++)
			memcpy(&heads[i / HF_MATCH_HEADS]
					.words[w][i % HF_MATCH_HEADS],
			       digest + 8 * w, 8);
		if (i < count && slow_distance(digest, asked, 16) <= distance)
			want[expected++] = (uint32_t)i;
	}
	assert_int_equal(kernel->scan_heads(heads, count, &pdq, distance, got),
			 expected);
	assert_memory_equal(got, want, expected * sizeof(*got));
}

static void every_kernel_finds_the_same_heads(void **state)
{
	static const size_t counts[] = { 0, 1, 5, 6, 7, 8, 9, 1000, 1024 };
	static uint8_t digests[32 * HF_MATCH_KERNEL_BLOCK];

	fill(digests, sizeof(digests));
	for (size_t k = 0; hf_match_kernel_at(k) != NULL; k++) {
		for (size_t c = 0; c < ROWS(counts); c++) {
			for (unsigned away = 0; away <= 256; away++)
				check_heads(hf_match_kernel_at(k), digests,
					    counts[c], away);
		}
	}
}

/* Entries of which many are alike in their first half, their last or both: it
 * has to be the distance of the whole that counts. */
static void it_says_what_comparing_with_each_says(void **state)
{
	enum { MOST = 2100, ASKED = 500 };
	static const size_t counts[] = { 1, 7, 8, 9, 1024, 1025, MOST };
	static uint8_t digests[MOST][32];
	struct hf_why why = { "" };
	uint8_t base[32], asked[32];
	size_t passed = 0;

	fill(base, sizeof(base));
	for (size_t c = 0; c < ROWS(counts); c++) {
		struct hf_match_sieve *sieve;

		assert_ok(hf_match_sieve_new(31, -1, &sieve, &why), &why);
		for (size_t i = 0; i < counts[c]; i++) {
			fill(digests[i], 32);
			if (i % 3 > 0)
				memcpy(digests[i] + 16 * (i % 2), base, 16);
			assert_ok(hf_match_sieve_add(sieve, HF_ALGORITHM_PDQ,
						     digests[i], &why),
				  &why);
		}
		assert_int_equal(hf_match_sieve_count(sieve), counts[c]);
		for (size_t n = 0; n < ASKED; n++) {
			bool is_near = false;

			memcpy(asked, digests[random64() % counts[c]], 32);
			for (size_t bit = random64() % 41; bit > 0; bit--)
				asked[random64() % 32] ^=
					(uint8_t)(1u << random64() % 8);
			for (size_t i = 0; i < counts[c] && !is_near; i++)
				is_near = slow_distance(asked, digests[i],
							32) <= 31;
			passed += is_near;
			assert_int_equal(hf_match_sieve_has(sieve,
							    HF_ALGORITHM_PDQ,
							    asked),
					 is_near);
		}
		hf_match_sieve_free(sieve);
	}
	/* Both answers were given often. */
	assert_in_range(passed, ROWS(counts) * ASKED / 2,
			ROWS(counts) * ASKED * 19 / 20);
}

/* Whatever share of a video's frames is near, of whole frames and of their
 * first halves: what the index would tell passes, and no more does. */
static void a_video_passes_with_the_share_that_is_asked_for(void **state)
{
	enum { MOST = 41 };
	static const unsigned leasts[] = { 0, 1, 50, 79, 80, 81, 100 };
	static const size_t near_bytes[] = { 16, 32 };
	static uint8_t added[MOST][32], frames[MOST][32];
	struct hf_why why = { "" };

	for (size_t half = 0; half < ROWS(near_bytes); half++) {
		struct hf_match_sieve *sieve;

		assert_ok(hf_match_sieve_new(-1, 31, &sieve, &why), &why);
		for (size_t i = 0; i < MOST; i++) {
			memset(added[i], 0, 32);
			fill(added[i], near_bytes[half]);
			assert_ok(hf_match_sieve_add(sieve, HF_ALGORITHM_VPDQ,
						     added[i], &why),
				  &why);
		}
		for (size_t count = 1; count <= MOST; count++) {
			for (size_t near = 0; near <= count; near++) {
				size_t from = random64() % count;

				for (size_t i = 0; i < count; i++) {
					uint8_t *frame =
						frames[(from + i) % count];

					fill(frame, 32);
					if (i >= near)
						continue;
					memcpy(frame, added[i],
					       near_bytes[half]);
					frame[i % 16] ^= 0x7f;
					frame[(i + 3) % 16] ^= 0xff;
				}
				for (size_t l = 0; l < ROWS(leasts); l++)
					assert_int_equal(
						hf_match_sieve_has_video(
							sieve, frames[0], count,
							near_bytes[half],
							leasts[l]),
						near > 0 &&
							hf_index_percent(
								(unsigned)near,
								(unsigned)
									count) >=
								leasts[l]);
			}
		}
		hf_match_sieve_free(sieve);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kernel_finds_the_same_heads),
		cmocka_unit_test(it_says_what_comparing_with_each_says),
		cmocka_unit_test(
			a_video_passes_with_the_share_that_is_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
