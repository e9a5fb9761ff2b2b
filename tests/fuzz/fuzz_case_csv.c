/*
 * Lists of places.  Every row begins behind the one before it, lines are
 * counted as they are, and what is read is what the protocol takes.
 */
#include <stdlib.h>
#include <string.h>

#include "case_csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A place that was read is one that can be told. */
static void check_row(const struct hf_case_csv_row *row, struct hf_arena *arena)
{
	struct hf_notice notice = { .provider = "a.example" };
	struct hf_buf buf;

	notice.locators = &row->locator;
	notice.locators_count = row->has_locator;
	notice.hashes = row->hashes;
	notice.hashes_count = row->hashes_count;
	notice.reference = row->reference;
	notice.explanation = row->explanation;
	if (row->provider[0] != '\0')
		notice.provider = row->provider;
	hf_buf_init(&buf, HF_MESSAGE_MAX_BYTES);
	if (hf_notice_encode(&notice, &buf) != HF_OK ||
	    hf_notice_parse(hf_buf_span(&buf), arena, &notice, NULL) != HF_OK)
		abort();
	hf_buf_release(&buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hf_case_csv_row row;
	struct hf_case_csv csv;
	struct hf_why why = { "" };
	struct hf_arena arena;
	uint64_t line = 0, lines = 1;
	enum hf_err err;

	for (size_t i = 0; i < size; i++)
		lines += data[i] == '\n';
	if (hf_case_csv_init(&csv, hf_span(data, size), &why) != HF_OK)
		return 0;
	hf_arena_init(&arena, (size_t)4 * 1024 * 1024);
	for (;;) {
		size_t before = csv.at_bytes;

		hf_arena_reset(&arena);
		err = hf_case_csv_next(&csv, &arena, &row, &why);
		if (err == HF_E_NOTFOUND)
			break;
		if (csv.at_bytes <= before || row.line <= line ||
		    row.line > lines || row.text.at < data ||
		    row.text.at + row.text.len_bytes > data + size ||
		    (err != HF_OK && why.text[0] == '\0'))
			abort();
		line = row.line;
		if (err == HF_OK)
			check_row(&row, &arena);
	}
	hf_arena_release(&arena);
	return 0;
}
