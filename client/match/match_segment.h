/*
 * match_segment.h -- one sealed file of hashes, mapped read-only.
 *
 * A segment has a part for each algorithm: the distinct digests in order, a
 * directory of their first bits, where each one's entries begin, the
 * entries, a filter that most lookups of unknown digests stop at, and for
 * PDQ, when there are many, sixteen bands of buckets.
 *
 * Units    keys are distinct digests, refs are entries that have one.
 * Owns     hf_match_segment_open() gives the caller one reference;
 *          hf_match_segment_unref() takes it back, the last one unmaps.
 * Pointers into a part live as long as the segment. Threads  a segment is
 * immutable; references are counted atomically. Errors   CORRUPT for a file
 * that is damaged, UNSUPPORTED for one of another version or byte order.  What
 * an open does not read (band ids, counts of refs) is checked by whoever uses
 * it. Source   client/match/FORMAT.md.  Filter: Putze, Sanders, Singler,
 * "Cache-, Hash- and Space-Efficient Bloom Filters".
 */
#ifndef HF_MATCH_SEGMENT_H
#define HF_MATCH_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "bytes.h"
#include "err.h"
#include "kind.h"

#define HF_MATCH_PDQ_BANDS       16
#define HF_MATCH_PDQ_BAND_VALUES 65536

/* Fewer PDQ digests than this are compared one by one: bands cost 4 MiB of
 * offsets a segment. */
#define HF_MATCH_SEGMENT_BANDS_MIN 32768

/* The entry behind a digest, as in the file. */
struct hf_match_ref {
	uint64_t entry;
	uint32_t set;
	uint8_t content_class;
	uint8_t quality;
	uint16_t zero;
};

struct hf_match_segment_band {
	const uint32_t *offsets; /* HF_MATCH_PDQ_BAND_VALUES + 1 */
	const uint16_t *nexts;   /* the next band's 16 bits, bucket order */
	const uint32_t *keys;    /* numbers of keys, bucket order */
};

struct hf_match_segment_part {
	size_t digest_bytes;
	uint32_t keys_count;
	uint32_t refs_count;
	unsigned directory_bits;
	uint32_t filter_blocks; /* of 32 bytes; 0: no filter */
	const uint8_t *keys;
	const uint32_t *firsts;          /* keys_count + 1 */
	const struct hf_match_ref *refs; /* of a key: by set, then entry */
	const uint32_t *directory;       /* (1 << directory_bits) + 1 */
	const uint32_t *filter;
	bool has_bands;
	struct hf_match_segment_band bands[HF_MATCH_PDQ_BANDS];
};

struct hf_match_segment {
	uint32_t references; /* atomic */
	uint64_t number;     /* of the file's name */
	uint64_t sequence;   /* newer hashes have larger ones */
	uint64_t file_bytes;
	const uint8_t *map;
	struct hf_match_segment_part
		parts[HF_ALGORITHM_COUNT]; /* by algorithm */
};

/* "segment-00000012" in dir. */
HF_MUST enum hf_err hf_match_segment_path(char *out_path, size_t size_bytes,
					  const char *dir, uint64_t number,
					  struct hf_why *why);

/* With is_whole the checksum of the whole file is verified as well. */
HF_MUST enum hf_err hf_match_segment_open(const char *dir, uint64_t number,
					  bool is_whole,
					  struct hf_match_segment **out_segment,
					  struct hf_why *why);

struct hf_match_segment *hf_match_segment_ref(struct hf_match_segment *segment);

/* NULL is fine. */
void hf_match_segment_unref(struct hf_match_segment *segment);

/* The filter's hash of a digest: all of its bits take part. */
static inline uint64_t hf_match_digest_mix(const uint8_t *digest,
					   size_t len_bytes)
{
	uint64_t mixed = len_bytes * 0x9e3779b97f4a7c15u;

	/* Lengths are multiples of four. */
	for (size_t at = 0; at < len_bytes; at += 8) {
		uint64_t word = 0;

		if (len_bytes - at >= 8)
			memcpy(&word, digest + at, 8);
		else
			memcpy(&word, digest + at, 4);
		mixed = (mixed ^ word) * 0xff51afd7ed558ccdu;
		mixed ^= mixed >> 29;
	}
	return mixed ^ mixed >> 32;
}

/* The block that a mixed digest belongs to, and its bit in word i of it. */
static inline uint32_t hf_match_filter_block(uint64_t mixed, uint32_t blocks)
{
	return (uint32_t)((mixed >> 32) * blocks >> 32);
}

static inline uint32_t hf_match_filter_bit(uint64_t mixed, unsigned word)
{
	static const uint32_t salts[8] = { 0x47b6137bu, 0x44974d91u,
					   0x8824ad5bu, 0xa2b7289du,
					   0x705495c7u, 0x2df1424bu,
					   0x9efc4947u, 0x5c6bfb31u };

	return 1u << ((uint32_t)mixed * salts[word] >> 27);
}

/* The first bits of a digest: directories are by these. */
static inline uint32_t hf_match_digest_prefix(const uint8_t *digest,
					      unsigned bits)
{
	return bits == 0 ? 0 : hf_be32(digest) >> (32 - bits);
}

#endif /* HF_MATCH_SEGMENT_H */
