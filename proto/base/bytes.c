#include <string.h>

#include "bytes.h"

void hf_hex(const void *bytes, size_t len_bytes, char *out_text)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *at = bytes;

	for (size_t i = 0; i < len_bytes; i++) {
		*out_text++ = digits[at[i] >> 4];
		*out_text++ = digits[at[i] & 15];
	}
	*out_text = '\0';
}

static int digit_of(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

enum hf_err hf_hex_parse(struct hf_span text, uint8_t *out_bytes,
			 size_t len_bytes)
{
	if (text.len_bytes != 2 * len_bytes)
		return HF_E_MALFORMED;
	for (size_t i = 0; i < text.len_bytes; i++) {
		if (digit_of(text.at[i]) < 0)
			return HF_E_MALFORMED;
	}
	for (size_t i = 0; i < len_bytes; i++)
		out_bytes[i] = (uint8_t)(digit_of(text.at[2 * i]) << 4 |
					 digit_of(text.at[2 * i + 1]));
	return HF_OK;
}

static const char base64_digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void hf_base64(const void *bytes, size_t len_bytes, char *out_text)
{
	const uint8_t *at = bytes;

	while (len_bytes > 0) {
		size_t take = len_bytes < 3 ? len_bytes : 3;
		uint32_t group = (uint32_t)at[0] << 16;

		if (take > 1)
			group |= (uint32_t)at[1] << 8;
		if (take > 2)
			group |= at[2];
		for (size_t i = 0; i < 4; i++)
			*out_text++ =
				i <= take
					? base64_digits[group >> (18 - 6 * i) &
							63]
					: '=';
		at += take;
		len_bytes -= take;
	}
	*out_text = '\0';
}

static int sextet_of(uint8_t c)
{
	const char *found = c != '\0' ? strchr(base64_digits, c) : NULL;

	return found != NULL ? (int)(found - base64_digits) : -1;
}

enum hf_err hf_base64_parse(struct hf_span text, uint8_t *out_bytes,
			    size_t size_bytes, size_t *out_len_bytes)
{
	size_t pad = 0, len;

	if (text.len_bytes % 4 != 0)
		return HF_E_MALFORMED;
	while (pad < 2 && pad < text.len_bytes &&
	       text.at[text.len_bytes - 1 - pad] == '=')
		pad++;
	len = text.len_bytes / 4 * 3 - pad;
	if (len > size_bytes)
		return HF_E_LIMIT;

	for (size_t i = 0, done = 0; i < text.len_bytes; i += 4) {
		uint32_t group = 0;

		for (size_t j = 0; j < 4; j++) {
			bool is_pad = i + j >= text.len_bytes - pad;
			int sextet = is_pad ? 0 : sextet_of(text.at[i + j]);

			if (sextet < 0)
				return HF_E_MALFORMED;
			group = group << 6 | (uint32_t)sextet;
		}
		for (size_t j = 0; j < 3; j++) {
			uint8_t byte = (uint8_t)(group >> (16 - 8 * j));

			if (done < len)
				out_bytes[done++] = byte;
			else if (byte != 0)
				return HF_E_MALFORMED; /* stray bits */
		}
	}
	*out_len_bytes = len;
	return HF_OK;
}

bool hf_bytes_equal_secret(const void *a, const void *b, size_t len_bytes)
{
	const volatile uint8_t *left = a, *right = b;
	uint8_t differ = 0;

	for (size_t i = 0; i < len_bytes; i++)
		differ |= (uint8_t)(left[i] ^ right[i]);
	return differ == 0;
}
