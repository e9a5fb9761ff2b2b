#include <string.h>

#include "show.h"

/* Bytes of a UTF-8 sequence that could rule a terminal or turn a line around:
 * controls U+0080 to U+009F, marks and isolates of direction. */
static size_t control_len(const char *text)
{
	const uint8_t *at = (const uint8_t *)text;

	if ((at[0] == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f) ||
	    (at[0] == 0xd8 && at[1] == 0x9c))
		return 2;
	if (at[0] == 0xe2 && at[1] == 0x80 &&
	    ((at[2] >= 0xaa && at[2] <= 0xae) || at[2] == 0x8e ||
	     at[2] == 0x8f || at[2] == 0xa8 || at[2] == 0xa9))
		return 3;
	if (at[0] == 0xe2 && at[1] == 0x81 && at[2] >= 0xa6 && at[2] <= 0xa9)
		return 3;
	return 0;
}

static size_t hex(const char *text, size_t len, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		unsigned char byte = (unsigned char)text[i];

		*out++ = '\\';
		*out++ = 'x';
		*out++ = digits[byte >> 4];
		*out++ = digits[byte & 15];
	}
	return 4 * len;
}

size_t hf_show_escape_next(const char **text,
			   char out[static HF_SHOW_ESCAPED_BYTES])
{
	const char *at = *text;
	unsigned char byte = (unsigned char)*at;
	size_t len = control_len(at);

	*text += len > 0 ? len : 1;
	if (len > 0)
		return hex(at, len, out);
	switch (byte) {
	case '\n':
		memcpy(out, "\\n", 2);
		return 2;
	case '\t':
		memcpy(out, "\\t", 2);
		return 2;
	case '\\':
		memcpy(out, "\\\\", 2);
		return 2;
	default:
		break;
	}
	if (byte < 0x20 || byte == 0x7f)
		return hex(at, 1, out);
	out[0] = (char)byte;
	return 1;
}

void hf_show_escaped(FILE *out, const char *text)
{
	char as[HF_SHOW_ESCAPED_BYTES];

	while (*text != '\0')
		fwrite(as, 1, hf_show_escape_next(&text, as), out);
}

void hf_show_escape(struct hf_buf *buf, const char *text)
{
	char as[HF_SHOW_ESCAPED_BYTES];

	while (*text != '\0') {
		size_t len = hf_show_escape_next(&text, as);

		hf_buf_put(buf, hf_span(as, len));
	}
}
