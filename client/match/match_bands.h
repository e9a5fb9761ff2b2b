/*
 * match_bands.h -- the sixteen bands of a part that is being made.
 *
 * Runs that have bands are merged bucket by bucket, each read once and in
 * order; the keys of all others are sorted into buckets here.
 *
 * Which band follows which in the ring (match_band.h) is free.  A band of few
 * values should be followed by one of many, or all of its large buckets would
 * pass.  So where the ring of the largest run, or bands in order, is much
 * worse than the best, the best is taken, and runs with another ring read
 * their digests again.
 *
 * Units    keys are numbers of the part that is being made.
 * Owns     begin makes room for so many loose keys; release frees it.
 * Threads  one; bands may be put by several, each with its own room.
 * Errors   NOMEM; CORRUPT for a run whose bands name other keys than it has.
 * Source   none.
 */
#ifndef HF_MATCH_BANDS_H
#define HF_MATCH_BANDS_H

#include "match_crew.h"
#include "match_merge.h"
#include "match_stream.h"

/* What is needed for one band. */
struct hf_match_band_room {
	/* The loose keys, by value. */
	uint32_t *offsets;
	uint32_t *places;
	uint16_t *nexts;
	uint32_t *keys;
	uint32_t *translated; /* the keys of runs with bands */
};

struct hf_match_bands {
	const struct hf_match_merge *merge;
	uint8_t ring[HF_MATCH_PDQ_BANDS];     /* the band behind each */
	uint32_t loose_count;                 /* keys of runs without bands */
	uint32_t *loose_keys;                 /* owned, with all behind it */
	uint16_t *values[HF_MATCH_PDQ_BANDS]; /* of each loose key */
	struct hf_match_band_room rooms[HF_MATCH_CREW_MAX]; /* by worker */
};

/* The sections of one band. */
struct hf_match_band_streams {
	struct hf_match_stream offsets;
	struct hf_match_stream nexts;
	struct hf_match_stream keys;
};

/* Before the first next of merge, which is to map its runs with bands.  So
 * many workers will put bands. */
HF_MUST enum hf_err hf_match_bands_begin(struct hf_match_bands *bands,
					 struct hf_match_merge *merge,
					 unsigned workers, struct hf_why *why);

/* What next gave became key number. */
void hf_match_bands_note(struct hf_match_bands *bands,
			 const struct hf_match_merged *merged, uint32_t number);

/* After the last next: choose the ring. */
void hf_match_bands_order(struct hf_match_bands *bands);

/* Then each band once. */
HF_MUST enum hf_err hf_match_bands_put(const struct hf_match_bands *bands,
				       unsigned band, unsigned worker,
				       struct hf_match_band_streams *streams,
				       struct hf_why *why);

void hf_match_bands_release(struct hf_match_bands *bands);

#endif /* HF_MATCH_BANDS_H */
