/*
 * match_join.h -- many near lookups of one segment at once.
 *
 * One at a time, each of them reads its own buckets all over the segment.
 * Here the buckets of all are sorted, band by band, so that each bucket is
 * read once, in the order in which it stands in the file.
 *
 * Units    a query is a number below HF_MATCH_JOIN_MAX, from begin's digests.
 * Owns     hf_match_join_new() gives the caller a join, _free takes it back.
 * Threads  one.
 * Errors   NOMEM.
 * Source   none.
 */
#ifndef HF_MATCH_JOIN_H
#define HF_MATCH_JOIN_H

#include "match_kernel.h"
#include "match_segment.h"

/* Lookups of one join, and from how many on it is worth it. */
#define HF_MATCH_JOIN_MAX 8192
#define HF_MATCH_JOIN_MIN 1024

struct hf_match_join;

struct hf_match_joined {
	uint32_t key;
	uint32_t next; /* another of the query, by number + 1 */
	uint16_t query;
	uint8_t segment;
	uint8_t distance;
};

HF_MUST enum hf_err hf_match_join_new(struct hf_match_join **out_join,
				      struct hf_why *why);

/* NULL is fine. */
void hf_match_join_free(struct hf_match_join *join);

/* Another batch; digests 32 bytes each, at most HF_MATCH_JOIN_MAX, within a
 * distance that bands serve. */
void hf_match_join_begin(struct hf_match_join *join, const uint8_t *digests,
			 size_t count, unsigned distance);

/* Search a part that has bands.  False when it gave up: nothing of the batch
 * counts. */
bool hf_match_join_part(struct hf_match_join *join,
			const struct hf_match_kernel *kernel,
			const struct hf_match_segment_part *part,
			unsigned segment);

/* Whether a query has to be searched alone: so much is near it that the batch
 * went on without. */
bool hf_match_join_is_left(const struct hf_match_join *join, size_t query);

/* What was found for a query, each key once; NULL at the end. */
const struct hf_match_joined *
hf_match_join_first(const struct hf_match_join *join, size_t query);
const struct hf_match_joined *
hf_match_join_next(const struct hf_match_join *join,
		   const struct hf_match_joined *joined);

#endif /* HF_MATCH_JOIN_H */
