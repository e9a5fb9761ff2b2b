/*
 * inventory_row.h -- what is known of one stored file, as bytes: a row leans on
 * the one before it, whose path is much the same.
 *
 * Layout: bytes of the path that are shared at the front (varint); 4 bits of
 * how many are shared at the end, 4 bits of how many are between, 15 with the
 * rest in a varint, the latter 14 for hex digits: their number (varint), two a
 * byte; those bytes; quality (1), 0x80 added where a note (1) follows.  Unless
 * the note says GONE: size (varint), the last four bytes of the second it was
 * changed in, a stamp (3), MD5, SHA-1, SHA-256, and the PDQ where the quality
 * is one.  A picture beside others takes about 117 bytes.
 *
 * Units    bytes, seconds since 1970 UTC, quality 0 to 100.
 * Owns     what is taken borrows from the bytes and from the path it was taken
 *          into.
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

/* A note is one of enum hf_verdict, what was told of the file, or one of these.
 */
#define HF_ROW_PLAIN 0
#define HF_ROW_GONE  0x7f

struct hf_row {
	const char *path; /* absolute */
	uint8_t note;
	uint8_t quality;
	uint64_t size_bytes;
	uint32_t changed_s; /* the last 32 bits */
	uint32_t stamp;     /* 24 bits: of the fraction, the inode */
	const uint8_t *digests;
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

/* before: the path of the row before it, or "". */
void hf_row_put(struct hf_buf *buf, const char *before,
		const struct hf_row *row);

/* The next row off rest; path holds that of the row before it, then its own.
 */
HF_MUST enum hf_err hf_row_take(struct hf_span *rest,
				char path[static HF_ROW_PATH_SIZE],
				struct hf_row *out_row, struct hf_why *why);

#endif /* HF_INVENTORY_ROW_H */
