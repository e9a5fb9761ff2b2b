/*
 * A file of rows, as it is read back from a disk: what is read does not leave
 * the file, and a row that was taken is put as something that is read the same.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "inventory_rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same_again(const struct hf_row *row)
{
	struct hf_row_lean before = { .path = "/a/b/c.jpg", .front = 5 };
	struct hf_row_lean lean = before;
	struct hf_row back;
	struct hf_span rest;
	struct hf_buf buf;

	hf_buf_init(&buf, 2 * HF_ROW_PATH_SIZE +
				  (size_t)HF_VPDQ_MAX_FRAMES * HF_PDQ_BYTES);
	hf_row_put(&buf, &before, row);
	rest = hf_buf_span(&buf);
	if (hf_row_take(&rest, &lean, &back, NULL) != HF_OK ||
	    rest.len_bytes != 0 || strcmp(back.path, row->path) != 0 ||
	    back.note != row->note || back.quality != row->quality ||
	    back.stamp != row->stamp ||
	    back.frames_count != row->frames_count ||
	    (row->frames_count > 0 &&
	     memcmp(back.frames, row->frames,
		    (size_t)row->frames_count * HF_PDQ_BYTES) != 0))
		abort();
	hf_buf_release(&buf);
}

static void as_rows(struct hf_span rest)
{
	struct hf_row_lean lean = { .front = 0 };
	struct hf_row row;

	while (rest.len_bytes > 0 &&
	       hf_row_take(&rest, &lean, &row, NULL) == HF_OK)
		same_again(&row);
}

static void as_file(const uint8_t *data, size_t size)
{
	static struct hf_rows_cursor cursor;
	char path[] = "/tmp/fuzz-inventory-XXXXXX";
	int fd = mkstemp(path);
	struct hf_rows *rows;

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	close(fd);
	if (hf_rows_open(path, &rows, NULL) == HF_OK) {
		hf_rows_begin(&cursor, rows);
		while (hf_rows_next(&cursor, NULL) == HF_OK)
			same_again(&cursor.row);
		if (hf_rows_seek(&cursor, "/a/b/c", NULL) == HF_OK)
			same_again(&cursor.row);
		hf_rows_unref(rows);
	}
	unlink(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	as_rows(hf_span(data, size));
	as_file(data, size);
	return 0;
}
