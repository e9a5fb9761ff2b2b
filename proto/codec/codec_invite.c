#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "codec_document.h"

/* An invite file is the base64 of the message between two lines. */
#define BEGIN   "-----BEGIN HASHFED INVITE-----"
#define END     "-----END HASHFED INVITE-----"
#define COLUMNS ((size_t)64)

/* Take the next line off text: up to "\n" or "\r\n", or all that is left. */
static struct hf_span next_line(struct hf_span *text)
{
	const uint8_t *end = text->len_bytes > 0
				     ? memchr(text->at, '\n', text->len_bytes)
				     : NULL;
	size_t len = end != NULL ? (size_t)(end - text->at) : text->len_bytes;
	size_t used = end != NULL ? len + 1 : len;
	struct hf_span line = { text->at, len };

	if (line.len_bytes > 0 && line.at[line.len_bytes - 1] == '\r')
		line.len_bytes--;
	text->at += used;
	text->len_bytes -= used;
	return line;
}

static bool is_blank(struct hf_span text)
{
	while (text.len_bytes > 0) {
		if (next_line(&text).len_bytes > 0)
			return false;
	}
	return true;
}

/* The base64 lines behind BEGIN, joined; END is taken too.  Each line is full
 * but the last, so that there is one way only to write an invite. */
static enum hf_err join_lines(struct hf_span *text, char *out_base64,
			      size_t *out_len, struct hf_why *why)
{
	bool is_last = false;
	size_t len = 0;

	for (;;) {
		struct hf_span line = next_line(text);

		if (hf_span_is(line, END))
			break;
		if (line.len_bytes == 0 && text->len_bytes == 0)
			return hf_why(why, HF_E_MALFORMED,
				      "invite: no line '" END "'");
		if (is_last || line.len_bytes == 0 || line.len_bytes > COLUMNS)
			return hf_why(why, HF_E_MALFORMED,
				      "invite: lines must be %zu characters, "
				      "the last at most that",
				      COLUMNS);
		is_last = line.len_bytes < COLUMNS;
		memcpy(out_base64 + len, line.at, line.len_bytes);
		len += line.len_bytes;
	}
	*out_len = len;
	return HF_OK;
}

enum hf_err hf_invite_text_parse(struct hf_span text, struct hf_arena *arena,
				 struct hf_invite *out, struct hf_why *why)
{
	size_t room = text.len_bytes, base64_len, wire_len;
	struct hf_span line;
	char *base64;
	uint8_t *wire;
	enum hf_err err;

	if (text.len_bytes > HF_INVITE_MAX_BYTES)
		return hf_why(why, HF_E_LIMIT,
			      "invite: %zu bytes, must be at most %zu",
			      text.len_bytes, HF_INVITE_MAX_BYTES);
	do {
		line = next_line(&text);
	} while (line.len_bytes == 0 && text.len_bytes > 0);
	if (!hf_span_is(line, BEGIN))
		return hf_why(why, HF_E_MALFORMED,
			      "invite: the first line is not '" BEGIN "'");
	base64 = hf_arena_alloc(arena, room);
	wire = hf_arena_alloc(arena, room);
	if (base64 == NULL || wire == NULL)
		return hf_why(why, HF_E_NOMEM, "invite: no memory");
	err = join_lines(&text, base64, &base64_len, why);
	if (err != HF_OK)
		return err;
	if (!is_blank(text))
		return hf_why(why, HF_E_MALFORMED,
			      "invite: text behind '" END "'");
	err = hf_base64_parse(hf_span(base64, base64_len), wire, room,
			      &wire_len);
	if (err != HF_OK)
		return hf_why(why, HF_E_MALFORMED, "invite: not base64");
	return hf_invite_parse(hf_span(wire, wire_len), arena, out, why);
}

enum hf_err hf_invite_text_encode(const struct hf_invite *in,
				  struct hf_buf *buf)
{
	struct hf_buf wire;
	enum hf_err err;
	char *base64;

	hf_buf_init(&wire, HF_INVITE_MAX_BYTES);
	err = hf_invite_encode(in, &wire);
	if (err != HF_OK)
		goto out;
	base64 = malloc(HF_BASE64_LEN(wire.len_bytes) + 1);
	if (base64 == NULL) {
		err = HF_E_NOMEM;
		goto out;
	}
	hf_base64(wire.at, wire.len_bytes, base64);
	hf_buf_put_text(buf, BEGIN "\n");
	for (size_t at = 0; at < HF_BASE64_LEN(wire.len_bytes); at += COLUMNS)
		hf_buf_printf(buf, "%.*s\n", (int)COLUMNS, base64 + at);
	hf_buf_put_text(buf, END "\n");
	free(base64);
	err = hf_buf_failed(buf);
out:
	hf_buf_release(&wire);
	return err;
}
