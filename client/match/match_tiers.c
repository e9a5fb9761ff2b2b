#include "match_tiers.h"

#define FACTOR_BITS 2

int hf_match_tier_of(uint64_t bytes)
{
	int tier = 0;

	for (; bytes >= HF_MATCH_TIER_LEAST; bytes >>= FACTOR_BITS)
		tier++;
	return tier;
}

static size_t enough_of(int tier, bool is_busy)
{
	if (is_busy)
		return tier < HF_MATCH_TIER_BULK ? HF_MATCH_TIERS_BUSY
						 : HF_MATCH_TIERS_BULK_MANY;
	return tier < HF_MATCH_TIER_LARGE ? HF_MATCH_TIERS_IDLE
					  : HF_MATCH_TIERS_LARGE;
}

int hf_match_tiers_top(const uint64_t *sizes_bytes, size_t count, bool is_busy)
{
	size_t own[HF_MATCH_TIERS] = { 0 };
	size_t up_to = 0; /* a tier, with all below it */
	int top = -1;

	for (size_t i = 0; i < count; i++)
		own[hf_match_tier_of(sizes_bytes[i])]++;
	for (int tier = 0; tier < HF_MATCH_TIERS; tier++) {
		up_to += own[tier];
		if (own[tier] < enough_of(tier, is_busy) &&
		    (tier >= HF_MATCH_TIER_LARGE ||
		     up_to < HF_MATCH_TIERS_BULK_MANY))
			continue;
		top = tier;
		if (is_busy)
			break;
	}
	return top;
}
