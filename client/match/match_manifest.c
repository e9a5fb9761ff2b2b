#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "file.h"
#include "sha256.h"
#include "text.h"

#include "match_manifest.h"

#define FIRST_LINE "hashfed index 1\n"
#define SUM_LINE   "sha256 "

/* Lines are short: the longest word and three numbers. */
#define LINE_WORDS 3

#define MARKS_MAGIC        "HFMARKS1"
#define MARKS_ORDER        0x01020304u
#define MARKS_HEADER_BYTES 64

void hf_match_manifest_release(struct hf_match_manifest *manifest)
{
	free(manifest->positions);
	free(manifest->drops);
	*manifest = (struct hf_match_manifest){ 0 };
}

static enum hf_err bad(struct hf_why *why, size_t line, const char *what)
{
	return hf_why(why, HF_E_CORRUPT,
		      "index manifest is damaged: line %zu: %s", line, what);
}

/* Cut at spaces.  The number of words, LINE_WORDS + 1 when there are more. */
static size_t split(struct hf_span line, struct hf_span words[LINE_WORDS])
{
	size_t count = 0;

	for (;;) {
		const uint8_t *space =
			line.len_bytes > 0
				? memchr(line.at, ' ', line.len_bytes)
				: NULL;
		size_t len = space != NULL ? (size_t)(space - line.at)
					   : line.len_bytes;

		if (count == LINE_WORDS)
			return LINE_WORDS + 1;
		words[count++] = hf_span(line.at, len);
		if (space == NULL)
			return count;
		line = hf_span(space + 1, line.len_bytes - len - 1);
	}
}

/*
 * Arrays grow by doubling; the files are ours, but may be damaged.
 */
static bool room_for_one(void **rows, size_t count, size_t row_bytes)
{
	size_t size = count < 16 ? 16 : 2 * count;
	void *grown;

	if (count != 0 && (count < 16 || (count & (count - 1)) != 0))
		return true;
	grown = realloc(*rows, size * row_bytes);
	if (grown == NULL)
		return false;
	*rows = grown;
	return true;
}

static enum hf_err take_segment(struct hf_match_manifest *manifest,
				uint64_t number, size_t line,
				struct hf_why *why)
{
	if (manifest->segments_count == HF_MATCH_SEGMENTS_MAX)
		return bad(why, line, "too many segments");
	for (size_t i = 0; i < manifest->segments_count; i++) {
		if (manifest->segments[i] == number)
			return bad(why, line, "a segment twice");
	}
	manifest->segments[manifest->segments_count++] = number;
	return HF_OK;
}

static enum hf_err take_set(struct hf_match_manifest *manifest, uint32_t set,
			    uint64_t position, size_t line, struct hf_why *why)
{
	size_t count = manifest->positions_count;

	if (count > 0 && manifest->positions[count - 1].set >= set)
		return bad(why, line, "sets are out of order");
	if (!room_for_one((void **)&manifest->positions, count,
			  sizeof(manifest->positions[0])))
		return hf_why(why, HF_E_NOMEM, "index: no memory");
	manifest->positions[count] =
		(struct hf_match_position){ set, position };
	manifest->positions_count++;
	return HF_OK;
}

static enum hf_err take_drop(struct hf_match_manifest *manifest, uint32_t set,
			     uint64_t sequence, size_t line, struct hf_why *why)
{
	size_t count = manifest->drops_count;

	if (count > 0 && manifest->drops[count - 1].set >= set)
		return bad(why, line, "drops are out of order");
	if (!room_for_one((void **)&manifest->drops, count,
			  sizeof(manifest->drops[0])))
		return hf_why(why, HF_E_NOMEM, "index: no memory");
	manifest->drops[count] = (struct hf_match_drop){ set, sequence };
	manifest->drops_count++;
	return HF_OK;
}

static enum hf_err take_line(struct hf_match_manifest *manifest,
			     struct hf_span text, size_t line,
			     struct hf_why *why)
{
	struct hf_span words[LINE_WORDS] = { { 0 } };
	size_t count = split(text, words);
	uint64_t one = 0, two = 0;

	if (count < 2 || count > LINE_WORDS ||
	    hf_text_u64(words[1], UINT64_MAX, &one) != HF_OK ||
	    (count == 3 && hf_text_u64(words[2], UINT64_MAX, &two) != HF_OK))
		return bad(why, line, "not a word and numbers");
	if (count == 2 && hf_span_is(words[0], "number"))
		manifest->next_number = one;
	else if (count == 2 && hf_span_is(words[0], "sequence"))
		manifest->next_sequence = one;
	else if (count == 2 && hf_span_is(words[0], "marks"))
		manifest->marks_number = one;
	else if (count == 2 && hf_span_is(words[0], "segment"))
		return take_segment(manifest, one, line, why);
	else if (count == 3 && hf_span_is(words[0], "set") && one <= UINT32_MAX)
		return take_set(manifest, (uint32_t)one, two, line, why);
	else if (count == 3 && hf_span_is(words[0], "drop") &&
		 one <= UINT32_MAX)
		return take_drop(manifest, (uint32_t)one, two, line, why);
	else
		return bad(why, line, "an unknown word");
	return HF_OK;
}

/* Cut the last line off and hold it against what stands before it. */
static enum hf_err check_sum(struct hf_span *text, struct hf_why *why)
{
	const size_t tail_bytes = strlen(SUM_LINE) + 2 * HF_SHA256_BYTES + 1;
	uint8_t want[HF_SHA256_BYTES], have[HF_SHA256_BYTES];
	const uint8_t *tail;

	if (text->len_bytes < strlen(FIRST_LINE) + tail_bytes)
		return hf_why(why, HF_E_CORRUPT,
			      "index manifest is damaged: it is too short");
	text->len_bytes -= tail_bytes;
	tail = text->at + text->len_bytes;
	hf_sha256(text->at, text->len_bytes, have);
	if (memcmp(tail, SUM_LINE, strlen(SUM_LINE)) != 0 ||
	    tail[tail_bytes - 1] != '\n' ||
	    hf_hex_parse(hf_span(tail + strlen(SUM_LINE), 2 * sizeof(want)),
			 want, sizeof(want)) != HF_OK ||
	    memcmp(want, have, sizeof(want)) != 0)
		return hf_why(why, HF_E_CORRUPT,
			      "index manifest is damaged: it has another "
			      "checksum");
	return HF_OK;
}

enum hf_err hf_match_manifest_parse(struct hf_span text,
				    struct hf_match_manifest *out_manifest,
				    struct hf_why *why)
{
	struct hf_match_manifest manifest = { 0 };
	size_t line = 1;
	enum hf_err err;

	if (text.len_bytes < strlen(FIRST_LINE) ||
	    memcmp(text.at, FIRST_LINE, strlen(FIRST_LINE)) != 0)
		return hf_why(why, HF_E_UNSUPPORTED,
			      "index manifest is not of version 1; remove the "
			      "index, it will be made again");
	err = check_sum(&text, why);
	if (err != HF_OK)
		return err;
	text = hf_span(text.at + strlen(FIRST_LINE),
		       text.len_bytes - strlen(FIRST_LINE));
	while (err == HF_OK && text.len_bytes > 0) {
		const uint8_t *end = memchr(text.at, '\n', text.len_bytes);
		size_t len;

		line++;
		if (end == NULL) {
			err = bad(why, line, "it does not end");
			break;
		}
		len = (size_t)(end - text.at);
		err = take_line(&manifest, hf_span(text.at, len), line, why);
		text = hf_span(end + 1, text.len_bytes - len - 1);
	}
	for (size_t i = 0; err == HF_OK && i < manifest.segments_count; i++) {
		if (manifest.segments[i] >= manifest.next_number)
			err = bad(why, line, "a segment from the future");
	}
	if (err != HF_OK) {
		hf_match_manifest_release(&manifest);
		return err;
	}
	*out_manifest = manifest;
	return HF_OK;
}

void hf_match_manifest_encode(const struct hf_match_manifest *manifest,
			      struct hf_buf *buf)
{
	size_t begin = buf->len_bytes;
	uint8_t sum[HF_SHA256_BYTES];
	char hex[2 * HF_SHA256_BYTES + 1];

	hf_buf_put_text(buf, FIRST_LINE);
	hf_buf_printf(buf, "number %" PRIu64 "\n", manifest->next_number);
	hf_buf_printf(buf, "sequence %" PRIu64 "\n", manifest->next_sequence);
	if (manifest->marks_number != 0)
		hf_buf_printf(buf, "marks %" PRIu64 "\n",
			      manifest->marks_number);
	for (size_t i = 0; i < manifest->segments_count; i++)
		hf_buf_printf(buf, "segment %" PRIu64 "\n",
			      manifest->segments[i]);
	for (size_t i = 0; i < manifest->positions_count; i++)
		hf_buf_printf(buf, "set %" PRIu32 " %" PRIu64 "\n",
			      manifest->positions[i].set,
			      manifest->positions[i].position);
	for (size_t i = 0; i < manifest->drops_count; i++)
		hf_buf_printf(buf, "drop %" PRIu32 " %" PRIu64 "\n",
			      manifest->drops[i].set,
			      manifest->drops[i].sequence);
	if (hf_buf_failed(buf) != HF_OK)
		return;
	hf_sha256(buf->at + begin, buf->len_bytes - begin, sum);
	hf_hex(sum, sizeof(sum), hex);
	hf_buf_printf(buf, SUM_LINE "%s\n", hex);
}

enum hf_err hf_match_manifest_read(const char *dir,
				   struct hf_match_manifest *out_manifest,
				   struct hf_why *why)
{
	char path[4096];
	struct hf_buf buf;
	enum hf_err err;

	err = hf_file_join(path, sizeof(path), dir, "manifest", why);
	if (err != HF_OK)
		return err;
	hf_buf_init(&buf, HF_MATCH_MANIFEST_MAX_BYTES);
	err = hf_file_read(path, &buf, why);
	if (err == HF_OK) {
		err = hf_match_manifest_parse(hf_buf_span(&buf), out_manifest,
					      why);
		if (err != HF_OK)
			hf_why_prefix(why, "'%s': ", path);
	}
	hf_buf_release(&buf);
	return err;
}

enum hf_err hf_match_manifest_write(const char *dir,
				    const struct hf_match_manifest *manifest,
				    struct hf_why *why)
{
	char path[4096];
	struct hf_buf buf;
	enum hf_err err;

	err = hf_file_join(path, sizeof(path), dir, "manifest", why);
	if (err != HF_OK)
		return err;
	hf_buf_init(&buf, HF_MATCH_MANIFEST_MAX_BYTES);
	hf_match_manifest_encode(manifest, &buf);
	err = hf_buf_failed(&buf);
	if (err != HF_OK)
		err = hf_why(why, err, "write '%s': %s", path,
			     hf_err_words(err));
	else
		err = hf_file_replace(path, hf_buf_span(&buf), 0640, why);
	hf_buf_release(&buf);
	return err;
}

enum hf_err hf_match_marks_file_path(char *out_path, size_t size_bytes,
				     const char *dir, uint64_t number,
				     struct hf_why *why)
{
	char name[32];

	snprintf(name, sizeof(name), "marks-%08" PRIx64, number);
	return hf_file_join(out_path, size_bytes, dir, name, why);
}

static enum hf_err parse_marks(struct hf_span bytes, const char *path,
			       struct hf_match_marks **out_marks,
			       struct hf_why *why)
{
	const struct hf_match_mark *rows;
	uint8_t sum[HF_SHA256_BYTES];
	struct hf_match_marks *marks;
	uint32_t order = 0;
	uint64_t count = 0;
	enum hf_err err;

	if (bytes.len_bytes >= MARKS_HEADER_BYTES) {
		memcpy(&order, bytes.at + 8, sizeof(order));
		memcpy(&count, bytes.at + 16, sizeof(count));
	}
	if (bytes.len_bytes < MARKS_HEADER_BYTES ||
	    memcmp(bytes.at, MARKS_MAGIC, 8) != 0 || order != MARKS_ORDER ||
	    count != (bytes.len_bytes - MARKS_HEADER_BYTES) / sizeof(*rows) ||
	    (bytes.len_bytes - MARKS_HEADER_BYTES) % sizeof(*rows) != 0)
		return hf_why(why, HF_E_CORRUPT,
			      "index file '%s' is damaged: it does not begin "
			      "like marks, or has another size",
			      path);
	hf_sha256(bytes.at + MARKS_HEADER_BYTES,
		  bytes.len_bytes - MARKS_HEADER_BYTES, sum);
	if (memcmp(sum, bytes.at + 24, sizeof(sum)) != 0)
		return hf_why(why, HF_E_CORRUPT,
			      "index file '%s' is damaged: it has another "
			      "checksum",
			      path);
	err = hf_match_marks_new((size_t)count, &marks, why);
	if (err != HF_OK)
		return err;
	rows = (const struct hf_match_mark *)(bytes.at + MARKS_HEADER_BYTES);
	for (uint64_t i = 0; i < count; i++)
		hf_match_marks_set(marks, rows[i].set, rows[i].entry,
				   rows[i].bits & HF_MATCH_MARK_KEPT);
	*out_marks = marks;
	return HF_OK;
}

enum hf_err hf_match_marks_file_read(const char *dir, uint64_t number,
				     struct hf_match_marks **out_marks,
				     struct hf_why *why)
{
	char path[4096];
	struct hf_buf buf;
	enum hf_err err;

	if (number == 0)
		return hf_match_marks_new(0, out_marks, why);
	err = hf_match_marks_file_path(path, sizeof(path), dir, number, why);
	if (err != HF_OK)
		return err;
	hf_buf_init(&buf, HF_MATCH_MARKS_MAX_BYTES);
	err = hf_file_read(path, &buf, why);
	if (err == HF_OK)
		err = parse_marks(hf_buf_span(&buf), path, out_marks, why);
	hf_buf_release(&buf);
	return err;
}

enum hf_err hf_match_marks_file_write(const char *dir, uint64_t number,
				      const struct hf_match_marks *marks,
				      struct hf_why *why)
{
	uint32_t order = MARKS_ORDER;
	char path[4096];
	struct hf_buf buf;
	uint64_t count = 0;
	enum hf_err err;

	err = hf_match_marks_file_path(path, sizeof(path), dir, number, why);
	if (err != HF_OK)
		return err;
	hf_buf_init(&buf, HF_MATCH_MARKS_MAX_BYTES);
	if (hf_buf_grow(&buf, MARKS_HEADER_BYTES) != NULL)
		memset(buf.at, 0, MARKS_HEADER_BYTES);
	for (uint32_t i = 0; i < marks->slots_count; i++) {
		struct hf_match_mark row = marks->slots[i];

		row.bits &= HF_MATCH_MARK_KEPT;
		if (row.bits == 0)
			continue;
		hf_buf_put(&buf, hf_span(&row, sizeof(row)));
		count++;
	}
	err = hf_buf_failed(&buf);
	if (err != HF_OK) {
		hf_buf_release(&buf);
		return hf_why(why, err, "write '%s': %s", path,
			      hf_err_words(err));
	}
	memcpy(buf.at, MARKS_MAGIC, 8);
	memcpy(buf.at + 8, &order, sizeof(order));
	memcpy(buf.at + 16, &count, sizeof(count));
	hf_sha256(buf.at + MARKS_HEADER_BYTES,
		  buf.len_bytes - MARKS_HEADER_BYTES, buf.at + 24);
	err = hf_file_replace(path, hf_buf_span(&buf), 0640, why);
	hf_buf_release(&buf);
	return err;
}
