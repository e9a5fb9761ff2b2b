#include <stdbool.h>
#include <stdio.h>

#include "armour.h"
#include "bytes.h"

#define LINE_CHARS 64
#define LINE_BYTES 48

_Static_assert(HF_BASE64_LEN(LINE_BYTES) == LINE_CHARS, "RFC 7468");

size_t hf_armour_encode(const char *label, struct hf_span bytes, char *out_text)
{
	char *at = out_text;

	at += sprintf(at, "-----BEGIN %.*s-----\n", HF_ARMOUR_LABEL_MAX_BYTES,
		      label);
	while (bytes.len_bytes > 0) {
		size_t take = bytes.len_bytes < LINE_BYTES ? bytes.len_bytes
							   : LINE_BYTES;

		hf_base64(bytes.at, take, at);
		at += HF_BASE64_LEN(take);
		*at++ = '\n';
		bytes.at += take;
		bytes.len_bytes -= take;
	}
	at += sprintf(at, "-----END %.*s-----\n", HF_ARMOUR_LABEL_MAX_BYTES,
		      label);
	return (size_t)(at - out_text);
}

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct hf_span trimmed(struct hf_span text)
{
	while (text.len_bytes > 0 && is_space(text.at[0])) {
		text.at++;
		text.len_bytes--;
	}
	while (text.len_bytes > 0 && is_space(text.at[text.len_bytes - 1]))
		text.len_bytes--;
	return text;
}

/* Cut the first line, without its end, off what is left. */
static struct hf_span take_line(struct hf_span *left)
{
	const uint8_t *newline =
		left->len_bytes > 0 ? memchr(left->at, '\n', left->len_bytes)
				    : NULL;
	struct hf_span line = *left;

	if (newline == NULL) {
		*left = hf_span(NULL, 0);
	} else {
		line.len_bytes = (size_t)(newline - left->at);
		left->at += line.len_bytes + 1;
		left->len_bytes -= line.len_bytes + 1;
	}
	if (line.len_bytes > 0 && line.at[line.len_bytes - 1] == '\r')
		line.len_bytes--;
	return line;
}

enum hf_err hf_armour_parse(const char *label, struct hf_span text,
			    uint8_t *out_bytes, size_t size_bytes,
			    size_t *out_len_bytes, struct hf_why *why)
{
	char begin[HF_ARMOUR_LABEL_MAX_BYTES + 17];
	char end[HF_ARMOUR_LABEL_MAX_BYTES + 15];
	struct hf_span left = trimmed(text);
	bool is_last = false;
	size_t done = 0;

	snprintf(begin, sizeof(begin), "-----BEGIN %.*s-----",
		 HF_ARMOUR_LABEL_MAX_BYTES, label);
	snprintf(end, sizeof(end), "-----END %.*s-----",
		 HF_ARMOUR_LABEL_MAX_BYTES, label);
	if (!hf_span_is(take_line(&left), begin))
		return hf_why(why, HF_E_MALFORMED, "does not begin with %s",
			      begin);
	while (left.len_bytes > 0) {
		struct hf_span line = take_line(&left);
		size_t len = 0;
		enum hf_err err;

		if (hf_span_is(line, end) && left.len_bytes == 0) {
			*out_len_bytes = done;
			return HF_OK;
		}
		/* Only the last line is shorter than the others. */
		if (is_last || line.len_bytes == 0 ||
		    line.len_bytes > LINE_CHARS)
			break;
		err = hf_base64_parse(line, out_bytes + done, size_bytes - done,
				      &len);
		if (err == HF_E_LIMIT)
			return hf_why(why, err, "larger than %zu bytes",
				      size_bytes);
		if (err != HF_OK)
			break;
		is_last = len < LINE_BYTES;
		done += len;
	}
	return hf_why(why, HF_E_MALFORMED,
		      "not one whole block of base64 up to %s", end);
}
