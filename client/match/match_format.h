/*
 * match_format.h -- the bytes of a segment file: its header, and where
 * everything else stands, which follows from the header's counts alone.
 *
 * Units    bytes; numbers in the byte order of the machine, which the header
 *          names.
 * Owns     nothing.
 * Threads  any; no state.
 * Errors   none here.
 * Source   client/match/FORMAT.md.
 */
#ifndef HF_MATCH_FORMAT_H
#define HF_MATCH_FORMAT_H

#include <stdint.h>

#include "kind.h"
#include "match_segment.h"

#define HF_MATCH_SEGMENT_MAGIC        "HFSEGMNT"
#define HF_MATCH_SEGMENT_VERSION      3
#define HF_MATCH_SEGMENT_ORDER        0x01020304u
#define HF_MATCH_SEGMENT_HEADER_BYTES 4096
#define HF_MATCH_SEGMENT_PARTS_MAX    16
#define HF_MATCH_SEGMENT_ALIGN        64

/* Keys a line on the average: one line in 2,500 of uniform digests is crowded,
 * and a key costs four bytes. */
#define HF_MATCH_LINE_KEYS 16

struct hf_match_file_part {
	uint32_t algorithm;
	uint32_t digest_bytes;
	uint32_t keys_count;
	uint32_t refs_count;
	uint32_t hashes_count;
	uint32_t lines_count;
	uint32_t has_bands;
	uint32_t zero;
};

struct hf_match_file_header {
	char magic[8];
	uint32_t version;
	uint32_t order;
	uint64_t sequence;
	uint64_t file_bytes;
	uint32_t parts_count;
	uint32_t zero;
	struct hf_match_file_part parts[HF_MATCH_SEGMENT_PARTS_MAX];
	uint8_t rest_sum[32];   /* SHA-256 of the sections' checksums */
	uint8_t header_sum[32]; /* SHA-256 of the header before this */
};

/* Offsets in the file. */
struct hf_match_file_layout {
	uint64_t keys;
	uint64_t beside;
	uint64_t refs;
	uint64_t lines;
	uint64_t ring;
	struct {
		uint64_t offsets;
		uint64_t nexts;
		uint64_t keys;
	} bands[HF_MATCH_PDQ_BANDS];
	uint64_t end;
};

/* What follows from the number of keys. */
void hf_match_format_part(unsigned algorithm, uint32_t keys_count,
			  struct hf_match_file_part *out_part);

/* Where a part that begins at stands. */
void hf_match_format_layout(const struct hf_match_file_part *part, uint64_t at,
			    struct hf_match_file_layout *out_layout);

/* Whether what is beside the keys is a section of its own. */
bool hf_match_format_is_apart(const struct hf_match_file_part *part);

/* Keys, what is beside them, refs, lines, and three for each band. */
#define HF_MATCH_SECTIONS_MAX (5 + 3 * HF_MATCH_PDQ_BANDS)

/* Where each section of a part begins, in the order of the file, and behind
 * them where the part ends.  Returns how many sections there are. */
unsigned
hf_match_format_sections(const struct hf_match_file_part *part,
			 const struct hf_match_file_layout *layout,
			 uint64_t out_begins[HF_MATCH_SECTIONS_MAX + 1]);

/* What rest_sum is to be, of a whole file whose header may be anything. */
void hf_match_format_sum(const uint8_t *file, uint64_t file_bytes,
			 uint8_t out_sum[static 32]);

/* Pointers into a part of a mapped file. */
void hf_match_format_point(const struct hf_match_file_part *part,
			   const struct hf_match_file_layout *layout,
			   const uint8_t *map,
			   struct hf_match_segment_part *out_part);

#endif /* HF_MATCH_FORMAT_H */
