#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "arena.h"
#include "clock.h"
#include "codec_item.h"
#include "file.h"
#include "ledger_view.h"
#include "log.h"
#include "match_index.h"

#include "feed_expiry.h"

/* The clock is looked at so often, and what failed is tried again. */
#define LOOK_MS  ((uint64_t)60000)
#define RETRY_US ((uint64_t)5000000)

/* The file is written anew when it has so many rows, and most are over. */
#define SHRINK_MIN 4096

/* Rows in the machine's own byte order, with a check each: what a power
 * failure left of the last one is not read. */
struct row {
	uint64_t at_ms;
	uint64_t entry;
	uint32_t set;
	uint32_t check;
};

struct hf_expiry {
	char *path; /* owned */
	int fd;
	struct row *rows; /* owned: a heap, the next to end first */
	size_t count;
	size_t size;
	off_t file_bytes;
	uint64_t retry_us; /* not before */
	bool is_dirty;
};

static uint32_t check_of(const struct row *row)
{
	uint64_t mixed = (row->at_ms ^ row->entry << 20 ^ row->set) *
			 0x9e3779b97f4a7c15u;

	return (uint32_t)(mixed >> 32) | 1;
}

static void sink_root(struct hf_expiry *expiry)
{
	struct row *rows = expiry->rows, moved = rows[0];
	size_t at = 0;

	for (;;) {
		size_t child = 2 * at + 1;

		if (child + 1 < expiry->count &&
		    rows[child + 1].at_ms < rows[child].at_ms)
			child++;
		if (child >= expiry->count || rows[child].at_ms >= moved.at_ms)
			break;
		rows[at] = rows[child];
		at = child;
	}
	rows[at] = moved;
}

static enum hf_err push(struct hf_expiry *expiry, const struct row *row,
			struct hf_why *why)
{
	size_t at = expiry->count;

	if (at == HF_EXPIRY_ROWS_MAX)
		return hf_why(why, HF_E_LIMIT,
			      "more than %zu entries are to expire", at);
	if (at == expiry->size) {
		size_t size = 2 * expiry->size + 64;
		struct row *rows = realloc(expiry->rows, size * sizeof(*rows));

		if (rows == NULL)
			return hf_why(why, HF_E_NOMEM, "feed: no memory");
		expiry->rows = rows;
		expiry->size = size;
	}
	while (at > 0 && expiry->rows[(at - 1) / 2].at_ms > row->at_ms) {
		expiry->rows[at] = expiry->rows[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	expiry->rows[at] = *row;
	expiry->count++;
	return HF_OK;
}

static void pop(struct hf_expiry *expiry)
{
	expiry->rows[0] = expiry->rows[--expiry->count];
	sink_root(expiry);
}

static int compare(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->set != y->set)
		return x->set < y->set ? -1 : 1;
	if (x->entry != y->entry)
		return x->entry < y->entry ? -1 : 1;
	return (x->at_ms > y->at_ms) - (x->at_ms < y->at_ms);
}

/* Every row once, in a file of its own: an index that is made again notes
 * everything again. */
static enum hf_err rewrite(struct hf_expiry *expiry, struct row *rows,
			   size_t count, struct hf_why *why)
{
	size_t kept = 0;

	qsort(rows, count, sizeof(*rows), compare);
	for (size_t i = 0; i < count; i++) {
		if (kept == 0 || compare(&rows[kept - 1], &rows[i]) != 0)
			rows[kept++] = rows[i];
	}
	for (size_t i = 0; i < kept; i++) {
		enum hf_err err = push(expiry, &rows[i], why);

		if (err != HF_OK)
			return err;
	}
	return hf_file_replace(expiry->path,
			       hf_span(rows, kept * sizeof(*rows)), 0640, why);
}

static enum hf_err load(struct hf_expiry *expiry, struct hf_why *why)
{
	struct hf_buf buf;
	size_t count = 0;
	enum hf_err err;

	hf_buf_init(&buf, HF_EXPIRY_ROWS_MAX * sizeof(struct row));
	err = hf_file_read(expiry->path, &buf, why);
	if (err == HF_OK) {
		struct row *rows = (struct row *)(void *)buf.at;

		while ((count + 1) * sizeof(*rows) <= buf.len_bytes &&
		       rows[count].check == check_of(&rows[count]))
			count++;
		if (count > 0)
			err = rewrite(expiry, rows, count, why);
	} else if (err == HF_E_NOTFOUND) {
		err = HF_OK;
	}
	hf_buf_release(&buf);
	return err;
}

static enum hf_err open_file(struct hf_expiry *expiry, struct hf_why *why)
{
	int fd = open(expiry->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
		      0640);

	if (fd < 0)
		return hf_why_errno(why, "open '%s'", expiry->path);
	if (expiry->fd >= 0)
		close(expiry->fd);
	expiry->fd = fd;
	expiry->file_bytes = lseek(fd, 0, SEEK_END);
	return HF_OK;
}

/* What is over need not be known any more once the index has it on disk. */
static enum hf_err shrink(struct hf_expiry *expiry, struct hf_index *index,
			  struct hf_why *why)
{
	size_t rows_count = (size_t)expiry->file_bytes / sizeof(struct row);
	enum hf_err err;

	if (rows_count < SHRINK_MIN || rows_count / 2 < expiry->count)
		return HF_OK;
	err = hf_index_sync(index, why);
	if (err == HF_OK)
		err = hf_file_replace(
			expiry->path,
			hf_span(expiry->rows,
				expiry->count * sizeof(struct row)),
			0640, why);
	return err == HF_OK ? open_file(expiry, why) : err;
}

enum hf_err hf_expiry_open(const char *path, struct hf_expiry **out_expiry,
			   struct hf_why *why)
{
	struct hf_expiry *expiry = calloc(1, sizeof(*expiry));
	enum hf_err err;

	if (expiry == NULL)
		return hf_why(why, HF_E_NOMEM, "feed: no memory");
	expiry->fd = -1;
	expiry->path = strdup(path);
	err = expiry->path != NULL ? load(expiry, why)
				   : hf_why(why, HF_E_NOMEM, "feed: no memory");
	if (err == HF_OK)
		err = open_file(expiry, why);
	if (err != HF_OK) {
		hf_expiry_close(expiry);
		return err;
	}
	*out_expiry = expiry;
	return HF_OK;
}

void hf_expiry_close(struct hf_expiry *expiry)
{
	if (expiry == NULL)
		return;
	if (expiry->fd >= 0)
		close(expiry->fd);
	free(expiry->path);
	free(expiry->rows);
	free(expiry);
}

enum hf_err hf_expiry_note(struct hf_expiry *expiry, uint32_t set,
			   uint64_t entry, uint64_t at_ms, struct hf_why *why)
{
	struct row row = { .at_ms = at_ms, .entry = entry, .set = set };
	ssize_t put;
	enum hf_err err;

	if (expiry == NULL)
		return HF_OK;
	row.check = check_of(&row);
	err = push(expiry, &row, why);
	if (err != HF_OK)
		return err;
	do
		put = write(expiry->fd, &row, sizeof(row));
	while (put < 0 && errno == EINTR);
	expiry->is_dirty = true;
	if (put == (ssize_t)sizeof(row)) {
		expiry->file_bytes += put;
		return HF_OK;
	}
	/* A part of a row would hide those behind it. */
	if (put < 0 || ftruncate(expiry->fd, expiry->file_bytes) == 0)
		errno = put < 0 ? errno : ENOSPC;
	return hf_why_errno(why, "write '%s'", expiry->path);
}

enum hf_err hf_expiry_sync(struct hf_expiry *expiry, struct hf_why *why)
{
	if (expiry == NULL || !expiry->is_dirty)
		return HF_OK;
	if (fdatasync(expiry->fd) != 0)
		return hf_why_errno(why, "sync '%s'", expiry->path);
	expiry->is_dirty = false;
	return HF_OK;
}

uint64_t hf_expiry_wait_us(const struct hf_expiry *expiry)
{
	uint64_t now_us = hf_clock_mono_us(), now_ms = hf_clock_wall_ms();
	uint64_t next_ms, most_us = LOOK_MS * 1000;

	if (expiry == NULL || expiry->count == 0)
		return most_us;
	if (now_us < expiry->retry_us)
		return expiry->retry_us - now_us;
	next_ms = expiry->rows[0].at_ms;
	if (next_ms <= now_ms)
		return 0;
	/* The clock may be set meanwhile: look again. */
	return next_ms - now_ms < LOOK_MS ? (next_ms - now_ms) * 1000 : most_us;
}

/* Has the entry ended, as the ledger has it now?  What is not there, or is
 * retracted, is not ours to take out. */
static enum hf_err has_ended(struct hf_ledger_view *view,
			     struct hf_arena *arena, const struct row *row,
			     uint64_t now_ms, bool *out_has, struct hf_why *why)
{
	struct hf_ledger_entry entry;
	struct hf_ledger_fate fate;
	struct hf_item_gist item;
	enum hf_err err =
		hf_ledger_fate(view, row->set, row->entry, &fate, why);

	*out_has = false;
	if (err == HF_OK)
		err = hf_ledger_entry(view, row->set,
				      fate.amended_by != HF_LEDGER_NONE
					      ? fate.amended_by
					      : row->entry,
				      &entry, why);
	if (err == HF_E_NOTFOUND)
		return HF_OK;
	if (err != HF_OK || entry.state != HF_LEDGER_HELD)
		return err;
	hf_arena_reset(arena);
	err = hf_item_skim(entry.payload, arena, &item, why);
	if (err != HF_OK)
		return err == HF_E_NOMEM ? err : HF_OK;
	*out_has = item.expires_at_ms != 0 && item.expires_at_ms <= now_ms;
	return HF_OK;
}

static enum hf_err run(struct hf_expiry *expiry, struct hf_ledger *ledger,
		       struct hf_index *index, uint64_t now_ms,
		       struct hf_why *why)
{
	struct hf_ledger_view *view;
	struct hf_arena arena;
	enum hf_err err;

	err = hf_ledger_view_begin(ledger, &view, why);
	if (err != HF_OK)
		return err;
	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	while (err == HF_OK && expiry->count > 0 &&
	       expiry->rows[0].at_ms <= now_ms) {
		bool has = false;

		err = has_ended(view, &arena, &expiry->rows[0], now_ms, &has,
				why);
		if (err == HF_OK && has)
			err = hf_index_expire(index, expiry->rows[0].set,
					      expiry->rows[0].entry, true, why);
		if (err == HF_OK)
			pop(expiry);
	}
	hf_arena_release(&arena);
	hf_ledger_view_end(view);
	return err;
}

void hf_expiry_run(struct hf_expiry *expiry, struct hf_ledger *ledger,
		   struct hf_index *index)
{
	struct hf_why why = { "" };
	enum hf_err err;

	if (hf_expiry_wait_us(expiry) > 0)
		return;
	err = run(expiry, ledger, index, hf_clock_wall_ms(), &why);
	if (err == HF_OK)
		err = shrink(expiry, index, &why);
	if (err == HF_OK)
		return;
	expiry->retry_us = hf_clock_mono_us() + RETRY_US;
	hf_log(HF_LOG_ERROR, "feed", "expiry stopped", "err=%s why=\"%s\"",
	       hf_err_name(err), why.text);
}
