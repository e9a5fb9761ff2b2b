/*
 * inventory_row.h -- what is known of one stored file, as bytes: a row leans on
 * the one before it, whose path is much the same.
 *
 * Layout: 255 and a note (1), where there is one; quality (1), 103 added for a
 * path that is alike; the path; unless the note says GONE a stamp (4), MD5,
 * SHA-1, SHA-256, and the PDQ where the quality is one.  Instead of a quality
 * 206, or 207 for a path that is alike, says that it is a video: how many
 * frames (varint) and their PDQ hashes are at its end; 208 or 209 that it is
 * one that nobody could decode.  A path that is alike differs from the one
 * before it only where that one did from its own before: so many hex digits,
 * two a byte, are all of it.  One that is not begins with how many bytes it
 * shares at the front (varint) and twice so many hex digits (varint) that
 * differ behind those, which follow (the first such that shares less than those
 * before it, as in a new directory, does not count for the next); or twice how
 * many bytes it shares at the end, and one (varint), how many are between
 * (varint), and those.  A picture beside others takes 106 to 120 bytes, a video
 * 32 less and 32 for each frame: neighbouring ones differ in too many bits for
 * anything to be gained by telling how, and those that are alike count for its
 * shares.
 *
 * Units    bytes, quality 0 to 100.
 * Owns     what is taken borrows from the bytes and from the lean.
 * Threads  any; no state.
 * Errors   CORRUPT for bytes that we cannot have written.
 * Source   none.
 */
#ifndef HF_INVENTORY_ROW_H
#define HF_INVENTORY_ROW_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "err.h"
#include "limit.h"
#include "span.h"

#define HF_ROW_PATH_SIZE 4096

#define HF_ROW_MD5_AT      0
#define HF_ROW_SHA1_AT     16
#define HF_ROW_SHA256_AT   36
#define HF_ROW_PDQ_AT      68
#define HF_ROW_EXACT_BYTES 68
#define HF_ROW_ALL_BYTES   100

/* Instead of a quality. */
#define HF_ROW_NO_PDQ    101 /* no picture, or one that does not decode */
#define HF_ROW_NOT_TRIED 102
#define HF_ROW_NO_VIDEO  103 /* a video, but nothing there to decode one */

/* A note is one of enum hf_verdict, what was told of the file, or one of these.
 */
#define HF_ROW_PLAIN 0
#define HF_ROW_GONE  0x7f

struct hf_row {
	const char *path; /* absolute */
	uint8_t note;
	uint8_t quality;
	uint32_t stamp; /* of its size, its time, its inode */
	const uint8_t *digests;
	const uint8_t *frames; /* of a video, which has no quality */
	uint16_t frames_count; /* at most HF_VPDQ_MAX_FRAMES; 0: none */
};

static inline bool hf_row_has_pdq(const struct hf_row *row)
{
	return row->quality < HF_ROW_NO_PDQ;
}

/* The order of rows: names by their bytes, and what is below a directory
 * directly behind it. */
int hf_row_compare(const char *one, const char *other);

/* Is it path itself, or below it? */
bool hf_row_is_under(const char *path, const char *directory);

/* What a row leans on. */
struct hf_row_lean {
	char path[HF_ROW_PATH_SIZE]; /* of the row before it */
	uint16_t front;              /* bytes before what differed there */
	uint16_t digits;             /* that did */
	bool was_odd; /* that one differed earlier, and counts for nothing */
};

/* In front of the first. */
static inline void hf_row_lean_reset(struct hf_row_lean *lean)
{
	lean->path[0] = '\0';
	lean->front = lean->digits = 0;
	lean->was_odd = false;
}

/* The lean is that of the next row then. */
void hf_row_put(struct hf_buf *buf, struct hf_row_lean *lean,
		const struct hf_row *row);

/* The next row off rest; likewise. */
HF_MUST enum hf_err hf_row_take(struct hf_span *rest, struct hf_row_lean *lean,
				struct hf_row *out_row, struct hf_why *why);

#endif /* HF_INVENTORY_ROW_H */
