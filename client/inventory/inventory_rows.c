#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bytes.h"
#include "sha256.h"

#include "inventory_rows.h"

#define MAGIC       "hashfed rows 3\n" /* and its zero byte */
#define OLD_MAGIC   "hashfed rows 2\n"
#define MAGIC_BYTES 16
#define HEAD_BYTES  16 /* of a block */
#define FOOT_BYTES  (32 + MAGIC_BYTES)
#define SUM_BYTES   8
#define BLOCK_BYTES ((size_t)32 * 1024)
#define BLOCK_ROOM                                                             \
	(BLOCK_BYTES + 2 * HF_ROW_PATH_SIZE +                                  \
	 (size_t)HF_VPDQ_MAX_FRAMES * HF_PDQ_BYTES)
#define OFFSET_BYTES 8

struct hf_rows {
	unsigned references;
	const uint8_t *at; /* mapped */
	size_t len_bytes;
	const uint8_t *offsets;
	uint64_t offsets_at;
	uint64_t blocks;
	uint64_t count;
	bool is_old;
	char path[PATH_MAX];
};

/* Against what a disk does, not against anybody. */
static void checksum(const void *one, size_t one_bytes, const void *other,
		     size_t other_bytes, uint8_t out[static SUM_BYTES])
{
	uint8_t digest[HF_SHA256_BYTES];
	struct hf_sha256 hash;

	hf_sha256_init(&hash);
	if (one_bytes > 0)
		hf_sha256_update(&hash, one, one_bytes);
	if (other_bytes > 0)
		hf_sha256_update(&hash, other, other_bytes);
	hf_sha256_final(&hash, digest);
	memcpy(out, digest, SUM_BYTES);
}

/* ---- reading ---- */

static enum hf_err corrupt(const struct hf_rows *rows, struct hf_why *why)
{
	return hf_why(why, HF_E_CORRUPT,
		      "%s: damaged: --fresh begins a new inventory",
		      rows->path);
}

static enum hf_err check_foot(struct hf_rows *rows, struct hf_why *why)
{
	const uint8_t *foot = rows->at + rows->len_bytes - FOOT_BYTES;
	uint8_t sum[SUM_BYTES];

	rows->is_old = memcmp(rows->at, OLD_MAGIC, MAGIC_BYTES) == 0;
	if ((!rows->is_old && memcmp(rows->at, MAGIC, MAGIC_BYTES) != 0) ||
	    memcmp(foot + 32, rows->at, MAGIC_BYTES) != 0)
		return corrupt(rows, why);
	rows->offsets_at = hf_be64(foot);
	rows->blocks = hf_be64(foot + 8);
	rows->count = hf_be64(foot + 16);
	if (rows->offsets_at < MAGIC_BYTES ||
	    rows->offsets_at > rows->len_bytes - FOOT_BYTES ||
	    (rows->len_bytes - FOOT_BYTES - rows->offsets_at) / OFFSET_BYTES !=
		    rows->blocks)
		return corrupt(rows, why);
	rows->offsets = rows->at + rows->offsets_at;
	checksum(rows->offsets, (size_t)rows->blocks * OFFSET_BYTES, foot, 24,
		 sum);
	return memcmp(sum, foot + 24, SUM_BYTES) == 0 ? HF_OK
						      : corrupt(rows, why);
}

enum hf_err hf_rows_open(const char *path, struct hf_rows **out_rows,
			 struct hf_why *why)
{
	struct hf_rows *rows = calloc(1, sizeof(*rows));
	struct stat is;
	enum hf_err err = HF_OK;
	int fd;

	if (rows == NULL)
		return hf_why(why, HF_E_NOMEM, "inventory: no memory");
	rows->references = 1;
	snprintf(rows->path, sizeof(rows->path), "%s", path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &is) != 0) {
		err = hf_why_errno(why, "%s", path);
	} else if (is.st_size < MAGIC_BYTES + FOOT_BYTES) {
		err = corrupt(rows, why);
	} else {
		void *at = mmap(NULL, (size_t)is.st_size, PROT_READ, MAP_SHARED,
				fd, 0);

		if (at == MAP_FAILED) {
			err = hf_why_errno(why, "%s: mmap", path);
		} else {
			rows->at = at;
			rows->len_bytes = (size_t)is.st_size;
			err = check_foot(rows, why);
		}
	}
	if (fd >= 0)
		close(fd);
	if (err != HF_OK) {
		hf_rows_unref(rows);
		return err;
	}
	*out_rows = rows;
	return HF_OK;
}

struct hf_rows *hf_rows_ref(struct hf_rows *rows)
{
	rows->references++;
	return rows;
}

void hf_rows_unref(struct hf_rows *rows)
{
	if (rows == NULL || --rows->references > 0)
		return;
	if (rows->at != NULL)
		munmap((void *)(uintptr_t)rows->at, rows->len_bytes);
	free(rows);
}

uint64_t hf_rows_count(const struct hf_rows *rows)
{
	return rows->count;
}

uint64_t hf_rows_bytes(const struct hf_rows *rows)
{
	return rows->len_bytes;
}

void hf_rows_begin(struct hf_rows_cursor *cursor, struct hf_rows *rows)
{
	cursor->rows = rows;
	cursor->block = 0;
	cursor->rest = hf_span(NULL, 0);
	hf_row_lean_reset(&cursor->lean);
}

/* A block's rows.  Its checksum is looked at where all of it is read. */
static enum hf_err block_at(const struct hf_rows *rows, uint64_t number,
			    bool must_check, struct hf_span *out_rows,
			    struct hf_why *why)
{
	uint64_t at = hf_be64(rows->offsets + number * OFFSET_BYTES);
	uint8_t sum[SUM_BYTES];
	const uint8_t *head;
	size_t len_bytes;

	if (at < MAGIC_BYTES || rows->offsets_at < HEAD_BYTES ||
	    at > rows->offsets_at - HEAD_BYTES)
		return corrupt(rows, why);
	head = rows->at + at;
	len_bytes = hf_be32(head);
	if (len_bytes > rows->offsets_at - HEAD_BYTES - at)
		return corrupt(rows, why);
	*out_rows = hf_span(head + HEAD_BYTES, len_bytes);
	if (!must_check)
		return HF_OK;
	checksum(out_rows->at, len_bytes, NULL, 0, sum);
	return memcmp(sum, head + 8, SUM_BYTES) == 0 ? HF_OK
						     : corrupt(rows, why);
}

enum hf_err hf_rows_next(struct hf_rows_cursor *cursor, struct hf_why *why)
{
	while (cursor->rest.len_bytes == 0) {
		enum hf_err err;

		if (cursor->block == cursor->rows->blocks)
			return HF_E_NOTFOUND;
		err = block_at(cursor->rows, cursor->block, true, &cursor->rest,
			       why);
		if (err != HF_OK)
			return err;
		cursor->block++;
		hf_row_lean_reset(&cursor->lean);
	}
	if (hf_row_take(&cursor->rest, &cursor->lean, &cursor->row, NULL) !=
	    HF_OK)
		return corrupt(cursor->rows, why);
	if (cursor->rows->is_old && cursor->row.quality == HF_ROW_NO_PDQ)
		cursor->row.quality = HF_ROW_NOT_TRIED;
	return HF_OK;
}

/* The last block whose first row is at or before path; or the first one. */
static enum hf_err find_block(struct hf_rows_cursor *cursor, const char *path,
			      uint64_t *out_block, struct hf_why *why)
{
	uint64_t low = 0, high = cursor->rows->blocks;

	while (high - low > 1) {
		uint64_t middle = low + (high - low) / 2;
		struct hf_span block;
		enum hf_err err =
			block_at(cursor->rows, middle, false, &block, why);

		if (err != HF_OK)
			return err;
		hf_row_lean_reset(&cursor->lean);
		if (hf_row_take(&block, &cursor->lean, &cursor->row, NULL) !=
		    HF_OK)
			return corrupt(cursor->rows, why);
		if (hf_row_compare(cursor->lean.path, path) <= 0)
			low = middle;
		else
			high = middle;
	}
	*out_block = low;
	return HF_OK;
}

enum hf_err hf_rows_seek(struct hf_rows_cursor *cursor, const char *path,
			 struct hf_why *why)
{
	uint64_t block = 0;
	enum hf_err err = find_block(cursor, path, &block, why);

	if (err != HF_OK)
		return err;
	hf_rows_begin(cursor, cursor->rows);
	cursor->block = block;
	do {
		err = hf_rows_next(cursor, why);
	} while (err == HF_OK && hf_row_compare(cursor->lean.path, path) < 0);
	return err;
}

/* ---- writing ---- */

struct hf_rows_writer {
	FILE *file; /* owned */
	char path[PATH_MAX];
	struct hf_buf block;
	struct hf_buf offsets;
	struct hf_row_lean lean;
	uint64_t at;
	uint64_t count;
	uint32_t block_rows;
	bool has_failed; /* a write */
};

static void put(struct hf_rows_writer *writer, const void *bytes,
		size_t len_bytes)
{
	if (len_bytes > 0 &&
	    fwrite(bytes, 1, len_bytes, writer->file) != len_bytes)
		writer->has_failed = true;
	writer->at += len_bytes;
}

static enum hf_err failed(const struct hf_rows_writer *writer,
			  struct hf_why *why)
{
	if (hf_buf_failed(&writer->block) != HF_OK ||
	    hf_buf_failed(&writer->offsets) != HF_OK)
		return hf_why(why, HF_E_NOMEM, "inventory: no memory");
	return writer->has_failed ? hf_why_errno(why, "write %s", writer->path)
				  : HF_OK;
}

enum hf_err hf_rows_writer_new(const char *path,
			       struct hf_rows_writer **out_writer,
			       struct hf_why *why)
{
	struct hf_rows_writer *writer = calloc(1, sizeof(*writer));
	int fd;

	if (writer == NULL)
		return hf_why(why, HF_E_NOMEM, "inventory: no memory");
	snprintf(writer->path, sizeof(writer->path), "%s", path);
	hf_buf_init(&writer->block, BLOCK_ROOM);
	hf_buf_init(&writer->offsets, SIZE_MAX / 2);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	writer->file = fd >= 0 ? fdopen(fd, "w") : NULL;
	if (writer->file == NULL) {
		enum hf_err err = hf_why_errno(why, "%s", path);

		if (fd >= 0)
			close(fd);
		free(writer);
		return err;
	}
	put(writer, MAGIC, MAGIC_BYTES);
	*out_writer = writer;
	return HF_OK;
}

static void end_block(struct hf_rows_writer *writer)
{
	uint8_t head[HEAD_BYTES];

	if (writer->block_rows == 0)
		return;
	hf_buf_put_u64(&writer->offsets, writer->at);
	hf_be32_put(head, (uint32_t)writer->block.len_bytes);
	hf_be32_put(head + 4, writer->block_rows);
	checksum(writer->block.at, writer->block.len_bytes, NULL, 0, head + 8);
	put(writer, head, sizeof(head));
	put(writer, writer->block.at, writer->block.len_bytes);
	hf_buf_reset(&writer->block);
	writer->block_rows = 0;
	hf_row_lean_reset(&writer->lean);
}

enum hf_err hf_rows_writer_put(struct hf_rows_writer *writer,
			       const struct hf_row *row, struct hf_why *why)
{
	hf_row_put(&writer->block, &writer->lean, row);
	writer->block_rows++;
	writer->count++;
	if (writer->block.len_bytes >= BLOCK_BYTES)
		end_block(writer);
	return failed(writer, why);
}

enum hf_err hf_rows_writer_finish(struct hf_rows_writer *writer,
				  struct hf_why *why)
{
	uint8_t foot[FOOT_BYTES];
	enum hf_err err;

	end_block(writer);
	hf_be64_put(foot, writer->at);
	hf_be64_put(foot + 8, writer->offsets.len_bytes / OFFSET_BYTES);
	hf_be64_put(foot + 16, writer->count);
	checksum(writer->offsets.at, writer->offsets.len_bytes, foot, 24,
		 foot + 24);
	memcpy(foot + 32, MAGIC, MAGIC_BYTES);
	put(writer, writer->offsets.at, writer->offsets.len_bytes);
	put(writer, foot, sizeof(foot));
	if (fflush(writer->file) != 0 || fsync(fileno(writer->file)) != 0)
		writer->has_failed = true;
	err = failed(writer, why);
	if (err != HF_OK) {
		hf_rows_writer_abort(writer);
		return err;
	}
	fclose(writer->file);
	writer->file = NULL;
	hf_buf_release(&writer->block);
	hf_buf_release(&writer->offsets);
	free(writer);
	return HF_OK;
}

void hf_rows_writer_abort(struct hf_rows_writer *writer)
{
	if (writer == NULL)
		return;
	fclose(writer->file);
	(void)unlink(writer->path);
	hf_buf_release(&writer->block);
	hf_buf_release(&writer->offsets);
	free(writer);
}
