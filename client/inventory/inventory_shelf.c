#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inventory_shelf.h"

/* A file is merged with those behind it while it is smaller than that many
 * times all of them. */
#define GROWTH 4

struct hf_shelf_waiting {
	struct hf_row row;
	size_t order; /* of putting */
	uint8_t digests[HF_ROW_ALL_BYTES];
	char path[]; /* and the frames behind it */
};

struct hf_shelf_cursor {
	size_t count;
	bool keeps_gone;
	struct hf_row row; /* the current one */
	struct source {
		struct hf_rows *rows; /* a reference */
		bool is_over;
		bool is_used; /* it gave the current row, or a lesser one */
		struct hf_rows_cursor at;
	} sources[];
};

void hf_shelf_init(struct hf_shelf *shelf, const char *dir)
{
	*shelf = (struct hf_shelf){ .dir = dir };
}

static void let_go_waiting(struct hf_shelf *shelf)
{
	for (size_t i = 0; i < shelf->waiting_count; i++)
		free(shelf->waiting[i]);
	shelf->waiting_count = 0;
	shelf->waiting_bytes = 0;
}

void hf_shelf_release(struct hf_shelf *shelf)
{
	for (size_t i = 0; i < shelf->files_count; i++)
		hf_rows_unref(shelf->files[i].rows);
	let_go_waiting(shelf);
	free(shelf->waiting);
	*shelf = (struct hf_shelf){ 0 };
}

void hf_shelf_path(const char *dir, uint64_t number, char *out_path,
		   size_t size_bytes)
{
	snprintf(out_path, size_bytes, "%s/rows.%llu", dir,
		 (unsigned long long)number);
}

enum hf_err hf_shelf_add(struct hf_shelf *shelf, uint64_t number,
			 struct hf_why *why)
{
	char path[HF_ROW_PATH_SIZE];
	enum hf_err err;

	if (shelf->files_count == HF_SHELF_FILES_MAX)
		return hf_why(why, HF_E_LIMIT, "inventory: too many files");
	hf_shelf_path(shelf->dir, number, path, sizeof(path));
	err = hf_rows_open(path, &shelf->files[shelf->files_count].rows, why);
	if (err == HF_OK)
		shelf->files[shelf->files_count++].number = number;
	return err;
}

uint64_t hf_shelf_count(const struct hf_shelf *shelf)
{
	uint64_t count = 0;

	for (size_t i = 0; i < shelf->files_count; i++)
		count += hf_rows_count(shelf->files[i].rows);
	return count;
}

uint64_t hf_shelf_bytes(const struct hf_shelf *shelf)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < shelf->files_count; i++)
		bytes += hf_rows_bytes(shelf->files[i].rows);
	return bytes;
}

/* ---- reading ---- */

/* The files from `from` on. */
static enum hf_err begin(const struct hf_shelf *shelf, size_t from,
			 struct hf_shelf_cursor **out_cursor,
			 struct hf_why *why)
{
	size_t count = shelf->files_count - from;
	struct hf_shelf_cursor *cursor =
		calloc(1, sizeof(*cursor) + count * sizeof(struct source));

	if (cursor == NULL)
		return hf_why(why, HF_E_NOMEM, "inventory: no memory");
	cursor->count = count;
	for (size_t i = 0; i < count; i++) {
		struct source *source = &cursor->sources[i];

		source->rows = hf_rows_ref(shelf->files[from + i].rows);
		source->is_used = true;
		hf_rows_begin(&source->at, source->rows);
	}
	*out_cursor = cursor;
	return HF_OK;
}

enum hf_err hf_shelf_begin(const struct hf_shelf *shelf,
			   struct hf_shelf_cursor **out_cursor,
			   struct hf_why *why)
{
	return begin(shelf, 0, out_cursor, why);
}

void hf_shelf_end(struct hf_shelf_cursor *cursor)
{
	if (cursor == NULL)
		return;
	for (size_t i = 0; i < cursor->count; i++)
		hf_rows_unref(cursor->sources[i].rows);
	free(cursor);
}

static enum hf_err settle(struct source *source, enum hf_err err)
{
	source->is_used = false;
	source->is_over = err == HF_E_NOTFOUND;
	return source->is_over ? HF_OK : err;
}

/* The least row of all; the newest of those with its path. */
static struct source *least(struct hf_shelf_cursor *cursor)
{
	struct source *best = NULL;

	for (size_t i = cursor->count; i-- > 0;) {
		struct source *source = &cursor->sources[i];

		if (!source->is_over &&
		    (best == NULL || hf_row_compare(source->at.lean.path,
						    best->at.lean.path) < 0))
			best = source;
	}
	return best;
}

/* The row of that path is done with, also where it is an older one. */
static void mark_equal(struct hf_shelf_cursor *cursor,
		       const struct source *best)
{
	for (size_t i = 0; i < cursor->count; i++) {
		struct source *source = &cursor->sources[i];

		source->is_used =
			!source->is_over &&
			strcmp(source->at.lean.path, best->at.lean.path) == 0;
	}
}

enum hf_err hf_shelf_next(struct hf_shelf_cursor *cursor,
			  const struct hf_row **out_row, struct hf_why *why)
{
	struct source *best;

	do {
		for (size_t i = 0; i < cursor->count; i++) {
			struct source *source = &cursor->sources[i];
			enum hf_err err;

			if (source->is_over || !source->is_used)
				continue;
			err = settle(source, hf_rows_next(&source->at, why));
			if (err != HF_OK)
				return err;
		}
		best = least(cursor);
		if (best == NULL)
			return HF_E_NOTFOUND;
		mark_equal(cursor, best);
	} while (best->at.row.note == HF_ROW_GONE && !cursor->keeps_gone);
	cursor->row = best->at.row;
	*out_row = &cursor->row;
	return HF_OK;
}

enum hf_err hf_shelf_find(struct hf_shelf_cursor *cursor, const char *path,
			  const struct hf_row **out_row, struct hf_why *why)
{
	struct source *best;

	for (size_t i = 0; i < cursor->count; i++) {
		struct source *source = &cursor->sources[i];
		enum hf_err err =
			settle(source, hf_rows_seek(&source->at, path, why));

		if (err != HF_OK)
			return err;
	}
	best = least(cursor);
	if (best == NULL)
		return HF_E_NOTFOUND;
	for (size_t i = 0; i < cursor->count; i++)
		cursor->sources[i].is_used = false;
	if (strcmp(best->at.lean.path, path) != 0)
		return HF_E_NOTFOUND;
	mark_equal(cursor, best);
	if (best->at.row.note == HF_ROW_GONE)
		return HF_E_NOTFOUND;
	cursor->row = best->at.row;
	*out_row = &cursor->row;
	return HF_OK;
}

/* ---- writing ---- */

enum hf_err hf_shelf_put(struct hf_shelf *shelf, const struct hf_row *row,
			 struct hf_why *why)
{
	size_t path_bytes = strlen(row->path) + 1;
	size_t frames_bytes = (size_t)row->frames_count * HF_PDQ_BYTES;
	size_t len_bytes =
		sizeof(struct hf_shelf_waiting) + path_bytes + frames_bytes;
	struct hf_shelf_waiting *waiting;

	if (path_bytes > HF_ROW_PATH_SIZE)
		return hf_why(why, HF_E_LIMIT, "inventory: a path too long");
	if (shelf->waiting == NULL)
		shelf->waiting =
			calloc(HF_SHELF_WAITING_MAX, sizeof(*shelf->waiting));
	if (shelf->waiting == NULL || hf_shelf_is_full(shelf))
		return hf_why(why, HF_E_NOMEM, "inventory: no room");
	waiting = malloc(len_bytes);
	if (waiting == NULL)
		return hf_why(why, HF_E_NOMEM, "inventory: no memory");
	waiting->row = *row;
	waiting->order = shelf->waiting_count;
	memcpy(waiting->path, row->path, path_bytes);
	waiting->row.path = waiting->path;
	if (row->note != HF_ROW_GONE)
		memcpy(waiting->digests, row->digests,
		       hf_row_has_pdq(row) ? HF_ROW_ALL_BYTES
					   : HF_ROW_EXACT_BYTES);
	waiting->row.digests = waiting->digests;
	waiting->row.frames = (const uint8_t *)waiting->path + path_bytes;
	if (frames_bytes > 0)
		memcpy(waiting->path + path_bytes, row->frames, frames_bytes);
	shelf->waiting_bytes += len_bytes;
	shelf->waiting[shelf->waiting_count++] = waiting;
	return HF_OK;
}

static int by_path(const void *a, const void *b)
{
	const struct hf_shelf_waiting *one =
		*(const struct hf_shelf_waiting *const *)a;
	const struct hf_shelf_waiting *other =
		*(const struct hf_shelf_waiting *const *)b;
	int order = hf_row_compare(one->path, other->path);

	return order != 0 ? order : one->order < other->order ? -1 : 1;
}

static enum hf_err finish(struct hf_rows_writer *writer, enum hf_err err,
			  struct hf_why *why)
{
	if (err == HF_OK)
		return hf_rows_writer_finish(writer, why);
	hf_rows_writer_abort(writer);
	return err;
}

static enum hf_err write_waiting(struct hf_shelf *shelf, uint64_t number,
				 struct hf_why *why)
{
	struct hf_rows_writer *writer;
	char path[HF_ROW_PATH_SIZE];
	enum hf_err err;

	hf_shelf_path(shelf->dir, number, path, sizeof(path));
	err = hf_rows_writer_new(path, &writer, why);
	if (err != HF_OK)
		return err;
	qsort(shelf->waiting, shelf->waiting_count, sizeof(*shelf->waiting),
	      by_path);
	for (size_t i = 0; i < shelf->waiting_count && err == HF_OK; i++) {
		/* The last of a path counts. */
		if (i + 1 < shelf->waiting_count &&
		    strcmp(shelf->waiting[i]->path,
			   shelf->waiting[i + 1]->path) == 0)
			continue;
		err = hf_rows_writer_put(writer, &shelf->waiting[i]->row, why);
	}
	return finish(writer, err, why);
}

/* The files from `from` on become one, with this number. */
static enum hf_err merge(struct hf_shelf *shelf, size_t from, uint64_t number,
			 struct hf_why *why)
{
	struct hf_shelf_cursor *cursor;
	struct hf_rows_writer *writer;
	const struct hf_row *row;
	char path[HF_ROW_PATH_SIZE];
	enum hf_err err = begin(shelf, from, &cursor, why);

	if (err != HF_OK)
		return err;
	/* What is gone has to be remembered for as long as an older file may
	 * have it. */
	cursor->keeps_gone = from > 0;
	hf_shelf_path(shelf->dir, number, path, sizeof(path));
	err = hf_rows_writer_new(path, &writer, why);
	if (err == HF_OK) {
		while ((err = hf_shelf_next(cursor, &row, why)) == HF_OK &&
		       (err = hf_rows_writer_put(writer, row, why)) == HF_OK)
			;
		err = finish(writer, err == HF_E_NOTFOUND ? HF_OK : err, why);
	}
	hf_shelf_end(cursor);
	if (err != HF_OK)
		return err;
	while (shelf->files_count > from)
		hf_rows_unref(shelf->files[--shelf->files_count].rows);
	return hf_shelf_add(shelf, number, why);
}

enum hf_err hf_shelf_flush(struct hf_shelf *shelf, uint64_t *next_number,
			   struct hf_why *why)
{
	uint64_t sum;
	size_t from;
	enum hf_err err;

	if (shelf->waiting_count == 0)
		return HF_OK;
	err = write_waiting(shelf, *next_number, why);
	if (err == HF_OK)
		err = hf_shelf_add(shelf, (*next_number)++, why);
	if (err != HF_OK)
		return err;
	let_go_waiting(shelf);
	from = shelf->files_count - 1;
	sum = hf_rows_bytes(shelf->files[from].rows);
	while (from > 0 &&
	       hf_rows_bytes(shelf->files[from - 1].rows) < GROWTH * sum)
		sum += hf_rows_bytes(shelf->files[--from].rows);
	return from + 1 < shelf->files_count
		       ? merge(shelf, from, (*next_number)++, why)
		       : HF_OK;
}

enum hf_err hf_shelf_settle(struct hf_shelf *shelf, uint64_t *next_number,
			    struct hf_why *why)
{
	enum hf_err err = hf_shelf_flush(shelf, next_number, why);

	return err == HF_OK && shelf->files_count > 1
		       ? merge(shelf, 0, (*next_number)++, why)
		       : err;
}
