/*
 * The ring's own small text formats: .peer files and the list of follows.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "clock.h"
#include "limit.h"
#include "sha256.h"
#include "text.h"

#include "ring_inside.h"

#define PEER_FIRST_LINE   "hashfed-peer 1"
#define INVITE_FIRST_LINE "-----BEGIN "
#define FOLLOWS_MAX       100000
#define NAME_PLAIN_MAX    200

/* The next line without its end; false when nothing is left. */
static bool next_line(struct hf_span *text, struct hf_span *out_line)
{
	const uint8_t *end;

	if (text->len_bytes == 0)
		return false;
	end = memchr(text->at, '\n', text->len_bytes);
	if (end == NULL) {
		*out_line = *text;
		*text = hf_span(NULL, 0);
		return true;
	}
	*out_line = hf_span(text->at, (size_t)(end - text->at));
	text->len_bytes -= out_line->len_bytes + 1;
	text->at = end + 1;
	return true;
}

static bool starts(struct hf_span text, const char *with)
{
	size_t len = strlen(with);

	return text.len_bytes >= len && memcmp(text.at, with, len) == 0;
}

static struct hf_span after(struct hf_span text, const char *prefix)
{
	size_t len = strlen(prefix);

	return hf_span(text.at + len, text.len_bytes - len);
}

enum hf_err hf_peer_file_parse(struct hf_span text,
			       struct hf_peer_file *out_file,
			       struct hf_why *why)
{
	struct hf_peer_file file = { 0 };
	struct hf_span line, before = text;
	bool has_added = false;

	if (!next_line(&text, &line) || !hf_span_is(line, PEER_FIRST_LINE))
		return hf_why(why, HF_E_MALFORMED,
			      "line 1 is not '" PEER_FIRST_LINE "'");
	for (;;) {
		before = text;
		if (!next_line(&text, &line))
			return hf_why(why, HF_E_MALFORMED, "no invite in it");
		if (starts(line, INVITE_FIRST_LINE))
			break;
		if (starts(line, "added ") && !has_added &&
		    hf_text_u64(after(line, "added "), INT64_MAX,
				&file.added_ms) == HF_OK)
			has_added = true;
		else if (hf_span_is(line, "silent") && !file.is_silent)
			file.is_silent = true;
		else if (starts(line, "endpoint ") &&
			 file.endpoint.len_bytes == 0 &&
			 hf_text_is_endpoint(after(line, "endpoint ")))
			file.endpoint = after(line, "endpoint ");
		else
			return hf_why(why, HF_E_MALFORMED,
				      "a line that is none of 'added TIME', "
				      "'silent' and 'endpoint HOST:PORT'");
	}
	if (!has_added)
		return hf_why(why, HF_E_MALFORMED, "no line 'added TIME'");
	file.invite = before;
	*out_file = file;
	return HF_OK;
}

enum hf_err hf_peer_file_encode(const struct hf_peer_file *file,
				struct hf_buf *out_text)
{
	hf_buf_printf(out_text, "%s\nadded %llu\n", PEER_FIRST_LINE,
		      (unsigned long long)file->added_ms);
	if (file->is_silent)
		hf_buf_put_text(out_text, "silent\n");
	if (file->endpoint.len_bytes > 0)
		hf_buf_printf(out_text, "endpoint %.*s\n",
			      HF_SPAN_ARGS(file->endpoint));
	hf_buf_put(out_text, file->invite);
	return hf_buf_failed(out_text);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

enum hf_err hf_follows_parse(struct hf_span text, struct hf_arena *arena,
			     struct hf_buf *table, struct hf_why *why)
{
	const char **rows;
	size_t count = 0, kept = 0, line_number = 0;
	struct hf_span line;

	while (next_line(&text, &line)) {
		uint8_t *row;
		char *origin;

		line_number++;
		if (line.len_bytes == 0)
			continue;
		if (!hf_text_is_origin(line))
			return hf_why(why, HF_E_MALFORMED,
				      "line %zu is no origin", line_number);
		if (count == FOLLOWS_MAX)
			return hf_why(why, HF_E_LIMIT, "more than %d origins",
				      FOLLOWS_MAX);
		origin = hf_arena_text(arena, line);
		row = hf_buf_grow(table, sizeof(origin));
		if (origin == NULL || row == NULL)
			return hf_why(why, HF_E_NOMEM, "no memory");
		memcpy(row, &origin, sizeof(origin));
		count++;
	}
	rows = HF_RING_ROWS(const char *, *table);
	if (count > 0)
		qsort(rows, count, sizeof(*rows), by_text);
	for (size_t i = 0; i < count; i++) {
		if (kept == 0 || strcmp(rows[kept - 1], rows[i]) != 0)
			rows[kept++] = rows[i];
	}
	table->len_bytes = kept * sizeof(*rows);
	return HF_OK;
}

void hf_ring_file_name(struct hf_span text, uint64_t version,
		       const char *suffix,
		       char out_name[static HF_RING_NAME_SIZE])
{
	uint8_t digest[HF_SHA256_BYTES];
	char tail[32] = "";
	size_t len;

	if (version > 0)
		snprintf(tail, sizeof(tail), "_%llu",
			 (unsigned long long)version);
	if (text.len_bytes > NAME_PLAIN_MAX) {
		hf_sha256(text.at, text.len_bytes, digest);
		hf_hex(digest, sizeof(digest), out_name);
	} else {
		memcpy(out_name, text.at, text.len_bytes);
		out_name[text.len_bytes] = '\0';
	}
	/* Domains and set names have no underscore, so no two origins meet. */
	for (char *at = out_name; *at != '\0'; at++) {
		if (*at == '/')
			*at = '_';
	}
	len = strlen(out_name);
	snprintf(out_name + len, HF_RING_NAME_SIZE - len, "%s%s", tail, suffix);
}
