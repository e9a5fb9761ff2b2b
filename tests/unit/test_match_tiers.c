/*
 * Which segments are merged, by sizes that no test could write: large ones stay
 * as they are until there are many, and there are never too many of all.
 */
#include "unit.h"

#include "match_state.h"
#include "match_tiers.h"
#include "random64.h"

#define MIB ((uint64_t)1 << 20)
#define GIB ((uint64_t)1 << 30)

static void a_tier_is_four_times_as_large_as_the_one_before(void **state)
{
	const struct {
		uint64_t bytes;
		int tier;
	} rows[] = {
		{ 0, 0 },
		{ MIB - 1, 0 },
		{ MIB, 1 },
		{ 4 * MIB - 1, 1 },
		{ 4 * MIB, 2 },
		{ 16 * MIB, HF_MATCH_TIER_BULK },
		{ GIB - 1, HF_MATCH_TIER_LARGE - 1 },
		{ GIB, HF_MATCH_TIER_LARGE },
		{ 4 * GIB - 1, HF_MATCH_TIER_LARGE },
		{ 4 * GIB, HF_MATCH_TIER_LARGE + 1 },
		{ UINT64_MAX, 22 },
	};

	for (size_t i = 0; i < ROWS(rows); i++)
		assert_int_equal(hf_match_tier_of(rows[i].bytes), rows[i].tier);
	assert_true(22 < HF_MATCH_TIERS);
}

static void what_is_merged_depends_on_how_many_are_alike(void **state)
{
	const struct {
		const char *name;
		struct {
			size_t count;
			uint64_t bytes;
		} of[4];
		bool is_busy;
		int top; /* -1: nothing */
	} rows[] = {
		{ "nothing there", { { 0, 0 } }, false, -1 },
		{ "one", { { 1, MIB } }, false, -1 },
		{ "two small ones", { { 2, MIB } }, false, 1 },
		{ "two while busy", { { 2, MIB } }, true, -1 },
		{ "four while busy", { { 4, MIB } }, true, 1 },
		{ "two just below the large", { { 2, GIB - 1 } }, false, 5 },
		{ "two large ones", { { 2, GIB } }, false, -1 },
		{ "five large ones", { { 5, GIB } }, false, -1 },
		{ "six large ones", { { 6, GIB } }, false, 6 },
		{ "six with small ones below",
		  { { 6, GIB }, { 1, 5 * MIB }, { 1, 100 } },
		  false,
		  6 },
		{ "small ones beside large ones, which stay",
		  { { 5, GIB }, { 2, 40 * MIB }, { 1, 1 } },
		  false,
		  3 },
		{ "five of two large tiers each",
		  { { 5, GIB }, { 5, 4 * GIB }, { 5, 16 * GIB } },
		  false,
		  -1 },
		{ "the highest that has enough",
		  { { 2, 1 }, { 5, GIB }, { 6, 4 * GIB } },
		  false,
		  7 },
		{ "the lowest that has enough, while busy",
		  { { 4, 1 }, { 4, MIB }, { 40, GIB } },
		  true,
		  0 },
		{ "large ones while busy", { { 31, GIB } }, true, -1 },
		{ "very many large ones while busy", { { 32, GIB } }, true, 6 },
		{ "a burst that is not over", { { 31, 20 * MIB } }, true, -1 },
		{ "of many sizes, none enough alone",
		  { { 3, 1 }, { 3, MIB }, { 26, 20 * MIB } },
		  true,
		  3 },
		{ "the same, but for the large ones, which stay",
		  { { 1, 1 }, { 1, MIB }, { 5, GIB }, { 5, 4 * GIB } },
		  false,
		  -1 },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		uint64_t sizes[HF_MATCH_SEGMENTS_MAX];
		size_t count = 0;

		for (size_t j = 0; j < ROWS(rows[i].of); j++) {
			for (size_t k = 0; k < rows[i].of[j].count; k++)
				sizes[count++] = rows[i].of[j].bytes;
		}
		if (hf_match_tiers_top(sizes, count, rows[i].is_busy) !=
		    rows[i].top)
			fail_msg("%s", rows[i].name);
	}
}

struct pile {
	uint64_t sizes[HF_MATCH_SEGMENTS_MAX];
	size_t count, most;
	uint64_t added, rewritten;
};

static bool merge_once(struct pile *pile, bool is_busy)
{
	int top = hf_match_tiers_top(pile->sizes, pile->count, is_busy);
	uint64_t merged = 0;
	size_t kept = 0;

	for (size_t i = 0; i < pile->count; i++) {
		if (hf_match_tier_of(pile->sizes[i]) <= top)
			merged += pile->sizes[i];
		else
			pile->sizes[kept++] = pile->sizes[i];
	}
	if (merged > 0)
		pile->sizes[kept++] = merged;
	pile->count = kept;
	pile->rewritten += merged;
	return merged > 0;
}

/* Terabytes, in bursts of bulks and in drops, with pauses between or none. */
static void there_are_never_too_many_and_little_is_rewritten(void **state)
{
	for (unsigned kind = 0; kind < 4; kind++) {
		struct pile pile = { .count = 0 };
		bool has_pauses = (kind & 1) != 0, is_large = (kind & 2) != 0;

		while (pile.added < 4096 * GIB / (is_large ? 1 : 256)) {
			uint64_t bytes = is_large ? 43 * MIB
						  : 1 + random64() % (4 * MIB);

			assert_true(pile.count < HF_MATCH_SEGMENTS_MAX);
			pile.sizes[pile.count++] = bytes;
			pile.added += bytes;
			if (pile.count > pile.most)
				pile.most = pile.count;
			/* Where sealing waits, nothing else is to be done. */
			(void)merge_once(&pile,
					 pile.count < HF_MATCH_SEGMENTS_BUSY);
			while (has_pauses && random64() % 50 == 0 &&
			       merge_once(&pile, false))
				;
		}
		if (pile.most > HF_MATCH_SEGMENTS_BUSY ||
		    pile.rewritten > 9 * pile.added)
			fail_msg("kind %u: %zu segments, each byte rewritten "
				 "%.2f times",
				 kind, pile.most,
				 (double)pile.rewritten / (double)pile.added);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_tier_is_four_times_as_large_as_the_one_before),
		cmocka_unit_test(what_is_merged_depends_on_how_many_are_alike),
		cmocka_unit_test(
			there_are_never_too_many_and_little_is_rewritten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
