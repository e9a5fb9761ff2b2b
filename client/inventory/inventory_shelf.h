/*
 * inventory_shelf.h -- rows that come in any order, kept in a few sorted files:
 * the newer row of a path counts, and one with the note GONE takes the older
 * ones out.
 *
 * What was put is on disk after hf_shelf_flush(), in a file of its own, which
 * is merged with older ones that are not much larger.  Whoever owns the shelf
 * writes down which files it has; the others in the directory mean nothing.
 *
 * Units    counts of rows.
 * Owns     init and release, begin and end.  What a cursor gives is borrowed
 *          until it moves; it sees what was on disk when it began.
 * Threads  one.
 * Errors   CORRUPT, SYSTEM, NOMEM.
 * Source   none.
 */
#ifndef HF_INVENTORY_SHELF_H
#define HF_INVENTORY_SHELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "inventory_row.h"
#include "inventory_rows.h"

/* Each is four times as large as all newer ones together. */
#define HF_SHELF_FILES_MAX 40

/* Rows that wait for the disk: some 25 MB; and what they may take, give or take
 * one, which frames of videos do. */
#define HF_SHELF_WAITING_MAX       100000
#define HF_SHELF_WAITING_MAX_BYTES ((size_t)64 * 1024 * 1024)

struct hf_shelf_waiting;

struct hf_shelf {
	const char *dir; /* borrowed */
	struct {
		uint64_t number;
		struct hf_rows *rows; /* a reference */
	} files[HF_SHELF_FILES_MAX];  /* the oldest first */
	size_t files_count;
	struct hf_shelf_waiting **waiting; /* owned, as what it points to */
	size_t waiting_count;
	size_t waiting_bytes;
};

void hf_shelf_init(struct hf_shelf *shelf, const char *dir);
void hf_shelf_release(struct hf_shelf *shelf);

/* "<dir>/rows.<number>" */
void hf_shelf_path(const char *dir, uint64_t number, char *out_path,
		   size_t size_bytes);

/* One more file, newer than the others. */
HF_MUST enum hf_err hf_shelf_add(struct hf_shelf *shelf, uint64_t number,
				 struct hf_why *why);

static inline bool hf_shelf_is_full(const struct hf_shelf *shelf)
{
	return shelf->waiting_count == HF_SHELF_WAITING_MAX ||
	       shelf->waiting_bytes >= HF_SHELF_WAITING_MAX_BYTES;
}

/* Copies it.  Not into one that is full. */
HF_MUST enum hf_err hf_shelf_put(struct hf_shelf *shelf,
				 const struct hf_row *row, struct hf_why *why);

/* Files that it makes get numbers from *next_number on. */
HF_MUST enum hf_err hf_shelf_flush(struct hf_shelf *shelf,
				   uint64_t *next_number, struct hf_why *why);

/* Flush, and let no file have a row that another one counts for or that is
 * gone.
 */
HF_MUST enum hf_err hf_shelf_settle(struct hf_shelf *shelf,
				    uint64_t *next_number, struct hf_why *why);

/* Rows in files, those that an other one counts for included; their bytes. */
uint64_t hf_shelf_count(const struct hf_shelf *shelf);
uint64_t hf_shelf_bytes(const struct hf_shelf *shelf);

struct hf_shelf_cursor;

HF_MUST enum hf_err hf_shelf_begin(const struct hf_shelf *shelf,
				   struct hf_shelf_cursor **out_cursor,
				   struct hf_why *why);
/* NULL is fine. */
void hf_shelf_end(struct hf_shelf_cursor *cursor);

/* The next row that is not GONE.  NOTFOUND behind the last. */
HF_MUST enum hf_err hf_shelf_next(struct hf_shelf_cursor *cursor,
				  const struct hf_row **out_row,
				  struct hf_why *why);

/* The row of this path, wherever the cursor is; what comes next is behind it.
 * NOTFOUND. */
HF_MUST enum hf_err hf_shelf_find(struct hf_shelf_cursor *cursor,
				  const char *path,
				  const struct hf_row **out_row,
				  struct hf_why *why);

#endif /* HF_INVENTORY_SHELF_H */
