/*
 * inventory_rows.h -- a file of rows in their order: written once, mapped,
 * never changed.
 *
 * Layout, version 3, numbers big-endian: 16 bytes of magic; blocks of rows;
 * where each block begins (8 bytes each); that list's place, blocks and rows (8
 * each), a checksum of all that (8), the magic again.  A block: its bytes (4),
 * its rows (4), a checksum of them (8), rows, of which the first leans on none.
 * Files of version 2 are read as well: they knew no videos, so a row of theirs
 * without a PDQ is one that was not tried.
 *
 * Units    counts of rows, bytes.
 * Owns     hf_rows_open() gives the caller a reference, hf_rows_unref() takes
 *          one back: the file may be removed meanwhile.  What a cursor gives
 *          is borrowed until it moves.
 * Threads  one.
 * Errors   CORRUPT with a sentence that names the file.
 * Source   none.
 */
#ifndef HF_INVENTORY_ROWS_H
#define HF_INVENTORY_ROWS_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "inventory_row.h"

struct hf_rows;

HF_MUST enum hf_err hf_rows_open(const char *path, struct hf_rows **out_rows,
				 struct hf_why *why);
struct hf_rows *hf_rows_ref(struct hf_rows *rows);
/* NULL is fine. */
void hf_rows_unref(struct hf_rows *rows);

uint64_t hf_rows_count(const struct hf_rows *rows);
uint64_t hf_rows_bytes(const struct hf_rows *rows);

struct hf_rows_cursor {
	struct hf_rows *rows; /* borrowed */
	uint64_t block;       /* the next one to be read */
	struct hf_span rest;  /* of the block before it */
	struct hf_row_lean lean;
	struct hf_row row; /* the current one */
};

/* In front of the first row. */
void hf_rows_begin(struct hf_rows_cursor *cursor, struct hf_rows *rows);

/* To the next row.  NOTFOUND: there is none. */
HF_MUST enum hf_err hf_rows_next(struct hf_rows_cursor *cursor,
				 struct hf_why *why);

/* To the first row at or behind path.  NOTFOUND: there is none. */
HF_MUST enum hf_err hf_rows_seek(struct hf_rows_cursor *cursor,
				 const char *path, struct hf_why *why);

/* ---- writing ---- */

struct hf_rows_writer;

HF_MUST enum hf_err hf_rows_writer_new(const char *path,
				       struct hf_rows_writer **out_writer,
				       struct hf_why *why);

/* In order. */
HF_MUST enum hf_err hf_rows_writer_put(struct hf_rows_writer *writer,
				       const struct hf_row *row,
				       struct hf_why *why);

/* It is on disk, all but its name, when this returns.  Frees the writer
 * whatever it returns. */
HF_MUST enum hf_err hf_rows_writer_finish(struct hf_rows_writer *writer,
					  struct hf_why *why);

/* Let go of it and of the file.  NULL is fine. */
void hf_rows_writer_abort(struct hf_rows_writer *writer);

#endif /* HF_INVENTORY_ROWS_H */
