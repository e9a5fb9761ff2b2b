/*
 * match_bulk.h -- hashes by the hundred thousand, on their way into a segment.
 *
 * They are put down as they come, a column for each algorithm, and nobody
 * looks them up before they are sorted and sealed: that is a quarter of the
 * work of a memory that is looked up while it grows.
 *
 * Units    rows count hashes, whatever their algorithm.
 * Owns     the caller owns the bulk; a sorted one owns its parts.
 * Threads  one; sorting a large one takes a second, which ends before it does.
 * Errors   NOMEM.
 * Source   none.
 */
#ifndef HF_MATCH_BULK_H
#define HF_MATCH_BULK_H

#include "match_build.h"
#include "match_index.h"

/* Then it is full: a quarter of a million items of four hashes are 43 MB.
 * Sorting and writing it takes twice as much again.  Bands are sorted, and
 * merged later, within the processor's cache if there are no more of PDQ. */
#define HF_MATCH_BULK_ROWS      ((uint32_t)1024 * 1024)
#define HF_MATCH_BULK_NEAR_ROWS ((uint32_t)256 * 1024)
#define HF_MATCH_BULK_BYTES     ((size_t)64 * 1024 * 1024)

struct hf_match_column {
	uint8_t *digests;          /* owned */
	struct hf_match_ref *refs; /* owned */
	uint32_t count;
	uint32_t size;
};

struct hf_match_bulk {
	uint32_t rows_count;
	size_t used_bytes;
	struct hf_match_column columns[HF_ALGORITHM_COUNT];
};

void hf_match_bulk_release(struct hf_match_bulk *bulk);

static inline bool hf_match_bulk_is_full(const struct hf_match_bulk *bulk)
{
	return bulk->rows_count >= HF_MATCH_BULK_ROWS ||
	       bulk->columns[HF_ALGORITHM_PDQ].count >=
		       HF_MATCH_BULK_NEAR_ROWS ||
	       bulk->used_bytes >= HF_MATCH_BULK_BYTES;
}

HF_MUST enum hf_err hf_match_bulk_put(struct hf_match_bulk *bulk,
				      unsigned algorithm, const uint8_t *digest,
				      const struct hf_match_ref *ref,
				      struct hf_why *why);

/* What was put, in order, as parts to build from. */
struct hf_match_sorted {
	struct hf_match_segment_part parts[HF_ALGORITHM_COUNT];
	void *owned[HF_ALGORITHM_COUNT];
};

/* Of an entry put twice with one digest the later one stays. */
HF_MUST enum hf_err hf_match_bulk_sort(const struct hf_match_bulk *bulk,
				       struct hf_match_sorted *out_sorted,
				       struct hf_why *why);
void hf_match_sorted_release(struct hf_match_sorted *sorted);

#endif /* HF_MATCH_BULK_H */
