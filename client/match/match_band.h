/*
 * match_band.h -- a PDQ hash that is looked for, split into bands, and which
 * bucket of a segment finds a key first.
 *
 * Multi-index hashing.  Split 256 bits into 16 bands of 16.  If two hashes
 * differ in at most d bits, some band of theirs differs in at most d / 16,
 * and, going round the bands as a ring, one such band together with the one
 * that follows it differs in at most 2 d / 16 (were it not so for any band,
 * the differences would sum up to more than d).  So it is enough to look into
 * the buckets of values within d / 16 of each of the query's bands, and to
 * fetch only what passes the test of the band that follows, whose 16 bits
 * stand beside the key in the bucket.  Any ring will do: the segment says
 * which.
 *
 * Units    a bucket has an order: HF_MATCH_MASKS_MAX times the band, and the
 *          number of the mask that its value differs by.
 * Owns     nothing.
 * Threads  any; no state.
 * Errors   none.
 * Source   Norouzi, Punjani, Fleet, "Fast Exact Search in Hamming Space with
 *          Multi-Index Hashing"; Qin, Xiao, "Pigeonring", VLDB 2018.
 */
#ifndef HF_MATCH_BAND_H
#define HF_MATCH_BAND_H

#include <stdbool.h>
#include <stdint.h>

#include "match_kernel.h"
#include "match_segment.h"

/* Bits that a band's value is probed within: 1, 17 or 137 buckets a band. */
#define HF_MATCH_RADIUS_MAX 2
#define HF_MATCH_MASKS_MAX  (1 + 16 + 120)

/* Of no bucket. */
#define HF_MATCH_ORDER_NONE UINT32_MAX

struct hf_match_wanted {
	struct hf_match_pdq pdq;
	uint16_t bands[HF_MATCH_PDQ_BANDS];
	unsigned distance;
	unsigned radius;     /* of a band */
	unsigned pair_limit; /* of a band and the one that follows */
};

/* Whether the bands of a part serve this distance. */
static inline bool
hf_match_bands_serve(const struct hf_match_segment_part *part,
		     unsigned distance)
{
	return part->has_bands &&
	       distance / HF_MATCH_PDQ_BANDS <= HF_MATCH_RADIUS_MAX;
}

void hf_match_wanted_init(struct hf_match_wanted *wanted,
			  const uint8_t digest[static 32], unsigned distance);

/* All masks, fewest bits first, and how many are within a radius. */
void hf_match_masks_fill(uint16_t out_masks[static HF_MATCH_MASKS_MAX]);
extern const unsigned hf_match_masks_count[HF_MATCH_RADIUS_MAX + 1];

/* Into *out_bucket, which is not read: the bucket of a value of the wanted
 * one's band, from which it differs in so many bits, at most the radius.
 * Written field by field: a copy would wait for each to be stored. */
static inline void
hf_match_wanted_bucket(const struct hf_match_wanted *wanted,
		       const struct hf_match_segment_band *band, unsigned value,
		       unsigned differ, struct hf_match_bucket *out_bucket)
{
	uint32_t begin = band->offsets[value];

	out_bucket->sketches = band->nexts + begin;
	out_bucket->keys = band->keys + begin;
	out_bucket->begin = begin;
	out_bucket->count = band->offsets[value + 1] - begin;
	out_bucket->want = wanted->bands[band->next];
	out_bucket->limit = (uint16_t)(wanted->pair_limit - differ);
}

/* A key is found through every band that qualifies: the order of the bucket
 * that does so first. */
uint32_t hf_match_wanted_order(const struct hf_match_wanted *wanted,
			       const struct hf_match_segment_band *bands,
			       const uint8_t digest[static 32]);

#endif /* HF_MATCH_BAND_H */
