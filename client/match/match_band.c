#include "match_band.h"

const unsigned hf_match_masks_count[HF_MATCH_RADIUS_MAX + 1] = { 1, 17, 137 };

void hf_match_masks_fill(uint16_t out_masks[static HF_MATCH_MASKS_MAX])
{
	unsigned count = 0;

	out_masks[count++] = 0;
	for (unsigned i = 0; i < 16; i++)
		out_masks[count++] = (uint16_t)(1u << i);
	for (unsigned i = 0; i < 16; i++) {
		for (unsigned j = 0; j < i; j++)
			out_masks[count++] = (uint16_t)(1u << i | 1u << j);
	}
}

/* Where hf_match_masks_fill() puts it; of at most two bits. */
static unsigned mask_number(unsigned mask)
{
	unsigned high, low;

	if (mask == 0)
		return 0;
	low = (unsigned)__builtin_ctz(mask);
	mask &= mask - 1;
	if (mask == 0)
		return 1 + low;
	high = (unsigned)__builtin_ctz(mask);
	return 17 + high * (high - 1) / 2 + low;
}

void hf_match_wanted_init(struct hf_match_wanted *wanted,
			  const uint8_t digest[static 32], unsigned distance)
{
	wanted->pdq = hf_match_pdq_load(digest);
	for (unsigned b = 0; b < HF_MATCH_PDQ_BANDS; b++)
		wanted->bands[b] = hf_match_pdq_band(digest, b);
	wanted->distance = distance;
	wanted->radius = distance / HF_MATCH_PDQ_BANDS;
	wanted->pair_limit = 2 * distance / HF_MATCH_PDQ_BANDS;
}

uint32_t hf_match_wanted_order(const struct hf_match_wanted *wanted,
			       const struct hf_match_segment_band *bands,
			       const uint8_t digest[static 32])
{
	uint16_t masks[HF_MATCH_PDQ_BANDS];
	uint8_t differ[HF_MATCH_PDQ_BANDS];

	for (unsigned b = 0; b < HF_MATCH_PDQ_BANDS; b++) {
		masks[b] = wanted->bands[b] ^ hf_match_pdq_band(digest, b);
		differ[b] = (uint8_t)__builtin_popcount(masks[b]);
	}
	for (unsigned b = 0; b < HF_MATCH_PDQ_BANDS; b++) {
		if (differ[b] <= wanted->radius &&
		    differ[b] + differ[bands[b].next] <=
			    (int)wanted->pair_limit)
			return b * HF_MATCH_MASKS_MAX + mask_number(masks[b]);
	}
	return HF_MATCH_ORDER_NONE;
}
