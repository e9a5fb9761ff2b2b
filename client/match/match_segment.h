/*
 * match_segment.h -- one sealed file of hashes, mapped read-only.
 *
 * A segment has a part for each algorithm: the distinct digests in order, the
 * entry of each beside it, the entries of those that have several, lines that
 * say which digests are where, and for PDQ and VPDQ, when there are many,
 * sixteen bands of buckets.
 *
 * A lookup reads one line of 64 bytes, which nearly every unknown digest ends
 * at, and a known one also its key, with the entry in the bytes behind it.
 *
 * Units    keys are distinct digests, refs are entries that have one.
 * Owns     hf_match_segment_open() gives the caller one reference;
 *          hf_match_segment_unref() takes it back, the last one unmaps.
 *          Pointers into a part live as long as the segment.
 * Threads  a segment is immutable; references are counted atomically.
 * Errors   CORRUPT for a file that is damaged, UNSUPPORTED for one of another
 *          version or byte order.  What an open does not read (band ids,
 *          tags, where refs are) is checked by whoever uses it.
 * Source   client/match/FORMAT.md.  Tags: Fan, Andersen, Kaminsky,
 *          Mitzenmacher, "Cuckoo Filter: Practically Better Than Bloom".
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
#include "limit.h"

#define HF_MATCH_PDQ_BANDS       16
#define HF_MATCH_PDQ_BAND_VALUES 65536

/* Fewer PDQ digests than this are compared one by one: bands cost 4 MiB of
 * offsets a segment. */
#define HF_MATCH_SEGMENT_BANDS_MIN 32768

/* From here on it pays that the system maps a file in pages of 2 MiB: a near
 * lookup touches hundreds of places of it, and with pages of 4 KiB half of its
 * time goes into finding where they are. */
#define HF_MATCH_SEGMENT_LARGE_BYTES ((uint64_t)64 * 1024 * 1024)

/* The entry behind a digest, as in the file, where it stands behind digests
 * of any multiple of four bytes.  Behind a frame of a video stand the number
 * of its list in the entry, where a quality would, and how many distinct
 * frames that list has. */
struct hf_match_ref {
	uint64_t entry;
	uint32_t set;
	uint8_t content_class;
	uint8_t quality;
	uint16_t is_several : 1; /* only beside a key, see hf_match_refs() */
	uint16_t is_derived : 1;
	uint16_t frames_count : 14; /* 0 but of VPDQ */
} __attribute__((packed, aligned(4)));

/* Bytes of a key: of VPDQ, the frames are the keys.  0 for what is not
 * indexed. */
static inline size_t hf_match_key_bytes(unsigned algorithm)
{
	return algorithm == HF_ALGORITHM_VPDQ ? HF_PDQ_BYTES
					      : hf_algorithm_bytes(algorithm);
}

/* Searched near, by bands when there are many. */
static inline bool hf_match_is_near(unsigned algorithm)
{
	return algorithm == HF_ALGORITHM_PDQ || algorithm == HF_ALGORITHM_VPDQ;
}

/* Two refs of one key by set, entry and, of VPDQ, list; equal ones are the
 * same thing said twice. */
static inline int hf_match_ref_compare(const struct hf_match_ref *a,
				       const struct hf_match_ref *b,
				       unsigned algorithm)
{
	if (a->set != b->set)
		return a->set < b->set ? -1 : 1;
	if (a->entry != b->entry)
		return a->entry < b->entry ? -1 : 1;
	return algorithm == HF_ALGORITHM_VPDQ
		       ? (int)a->quality - (int)b->quality
		       : 0;
}

/* The keys whose order falls into one stretch of all there is: the number of
 * the first, and of each a tag.  When there are more of them than tags the
 * line is crowded: it has the one tag that no digest has, and the keys up to
 * the next line's are halved. */
#define HF_MATCH_LINE_TAGS    30
#define HF_MATCH_LINE_CROWDED 2

struct hf_match_line {
	uint32_t base;
	uint16_t tags[HF_MATCH_LINE_TAGS]; /* 0 behind the last */
};

struct hf_match_segment_band {
	unsigned next;           /* the band that follows in the ring */
	const uint32_t *offsets; /* HF_MATCH_PDQ_BAND_VALUES + 1 */
	const uint16_t *nexts;   /* that band's 16 bits, bucket order */
	const uint32_t *keys;    /* numbers of keys, bucket order */
};

struct hf_match_segment_part {
	size_t digest_bytes;
	uint32_t keys_count;
	uint32_t refs_count;   /* of keys that have several */
	uint32_t hashes_count; /* refs of all keys */
	uint32_t lines_count;
	size_t key_stride_bytes;
	size_t beside_stride_bytes;
	const uint8_t *keys;             /* by hf_match_digest_order() */
	const uint8_t *beside;           /* a struct hf_match_ref of each key */
	const struct hf_match_ref *refs; /* of a key: in order */
	const struct hf_match_line *lines; /* lines_count + 1 */
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

/* Read a large one into memory, in large pages where the system has them for
 * files, before lookups come.  Best effort. */
void hf_match_segment_warm(const struct hf_match_segment *segment);

struct hf_match_segment *hf_match_segment_ref(struct hf_match_segment *segment);

/* NULL is fine. */
void hf_match_segment_unref(struct hf_match_segment *segment);

static inline const uint8_t *
hf_match_key(const struct hf_match_segment_part *part, uint32_t key)
{
	return part->keys + key * part->key_stride_bytes;
}

/* The refs of a key: the one beside it, or where that points.  What a damaged
 * file says is cut to what is there. */
static inline const struct hf_match_ref *
hf_match_refs(const struct hf_match_segment_part *part, uint32_t key,
	      uint32_t *out_count)
{
	const struct hf_match_ref *beside =
		(const struct hf_match_ref *)(part->beside +
					      key * part->beside_stride_bytes);
	uint64_t begin = beside->entry;

	*out_count = 1;
	if (__builtin_expect(beside->is_several == 0, 1))
		return beside;
	if (begin > part->refs_count)
		begin = part->refs_count;
	*out_count = beside->set;
	if (beside->set > part->refs_count - begin)
		*out_count = (uint32_t)(part->refs_count - begin);
	return part->refs + begin;
}

/* A hash of a digest: all of its bits take part. */
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

/* A digest's tag: odd, so that it is neither empty nor crowded. */
static inline uint16_t hf_match_digest_tag(uint64_t mixed)
{
	return (uint16_t)(mixed | 1);
}

/* Keys are in the order of this number, then of their bytes.  For digests as
 * short as cryptographic ones and PDQ's it is how they begin, so that theirs
 * is the order of bytes; what is longer was measured, begins much alike, and
 * is spread by its hash. */
static inline uint64_t hf_match_digest_order(const uint8_t *digest,
					     size_t len_bytes, uint64_t mixed)
{
	uint64_t first;

	if (len_bytes > 32)
		return mixed;
	memcpy(&first, digest, sizeof(first));
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	first = __builtin_bswap64(first);
#endif
	return first;
}

/* The line of an order: it rises with it. */
static inline uint32_t hf_match_line_of(uint64_t order, uint32_t lines_count)
{
	return (uint32_t)((order >> 32) * lines_count >> 32);
}

#endif /* HF_MATCH_SEGMENT_H */
