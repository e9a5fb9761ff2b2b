#include <string.h>

#include "limit.h"
#include "text.h"

enum hf_err hf_text_u64(struct hf_span text, uint64_t most, uint64_t *out_value)
{
	uint64_t value = 0;

	if (text.len_bytes == 0 || text.len_bytes > 20)
		return HF_E_MALFORMED;
	if (text.at[0] == '0' && text.len_bytes > 1)
		return HF_E_MALFORMED;
	for (size_t i = 0; i < text.len_bytes; i++) {
		uint64_t digit = (uint64_t)text.at[i] - '0';

		if (digit > 9)
			return HF_E_MALFORMED;
		if (value > (UINT64_MAX - digit) / 10)
			return HF_E_LIMIT;
		value = value * 10 + digit;
	}
	if (value > most)
		return HF_E_LIMIT;
	*out_value = value;
	return HF_OK;
}

bool hf_text_line_take(struct hf_span *rest, struct hf_span *out_line)
{
	const uint8_t *end = rest->len_bytes > 0
				     ? memchr(rest->at, '\n', rest->len_bytes)
				     : NULL;

	if (end == NULL)
		return false;
	*out_line = hf_span(rest->at, (size_t)(end - rest->at));
	rest->len_bytes -= out_line->len_bytes + 1;
	rest->at = end + 1;
	return true;
}

static bool is_blank(uint8_t byte)
{
	return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

struct hf_span hf_text_trim(struct hf_span text)
{
	while (text.len_bytes > 0 && is_blank(text.at[0]))
		text = hf_span(text.at + 1, text.len_bytes - 1);
	while (text.len_bytes > 0 && is_blank(text.at[text.len_bytes - 1]))
		text.len_bytes--;
	return text;
}

bool hf_text_is_word(struct hf_span text, const char *word)
{
	if (text.len_bytes != strlen(word))
		return false;
	for (size_t i = 0; i < text.len_bytes; i++) {
		uint8_t c = text.at[i];

		if (c >= 'A' && c <= 'Z')
			c = (uint8_t)(c - 'A' + 'a');
		if (c != (uint8_t)word[i])
			return false;
	}
	return true;
}

/* Length of the well-formed sequence at text, 0 when there is none. */
static size_t sequence_len(struct hf_span text)
{
	const uint8_t *at = text.at;
	size_t len;
	uint32_t point;

	if (at[0] < 0x80)
		return 1;
	if (at[0] >= 0xc2 && at[0] <= 0xdf) {
		len = 2;
		point = at[0] & 0x1fu;
	} else if (at[0] >= 0xe0 && at[0] <= 0xef) {
		len = 3;
		point = at[0] & 0x0fu;
	} else if (at[0] >= 0xf0 && at[0] <= 0xf4) {
		len = 4;
		point = at[0] & 0x07u;
	} else {
		return 0;
	}
	if (text.len_bytes < len)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
		point = point << 6 | (at[i] & 0x3fu);
	}
	if ((len == 3 && point < 0x800) || (len == 4 && point < 0x10000) ||
	    (point >= 0xd800 && point <= 0xdfff) || point > 0x10ffff ||
	    (point >= 0x80 && point < 0xa0))
		return 0; /* overlong, surrogate, or a C1 control */
	return len;
}

bool hf_text_is_clean(struct hf_span text)
{
	while (text.len_bytes > 0) {
		size_t len = sequence_len(text);

		if (len == 0 || text.at[0] < 0x20 || text.at[0] == 0x7f)
			return false;
		text.at += len;
		text.len_bytes -= len;
	}
	return true;
}

static bool is_lower_alnum(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* a-z 0-9 and -, neither first nor last. */
static bool is_label(struct hf_span text, size_t most)
{
	if (text.len_bytes == 0 || text.len_bytes > most)
		return false;
	for (size_t i = 0; i < text.len_bytes; i++) {
		bool is_edge = i == 0 || i + 1 == text.len_bytes;

		if (!is_lower_alnum(text.at[i]) &&
		    (text.at[i] != '-' || is_edge))
			return false;
	}
	return true;
}

bool hf_text_is_domain(struct hf_span text)
{
	size_t labels = 0;

	if (text.len_bytes == 0 || text.len_bytes > HF_DOMAIN_MAX_BYTES)
		return false;
	for (;;) {
		const uint8_t *dot = memchr(text.at, '.', text.len_bytes);
		size_t len =
			dot != NULL ? (size_t)(dot - text.at) : text.len_bytes;

		if (!is_label(hf_span(text.at, len), 63))
			return false;
		labels++;
		if (dot == NULL)
			return labels >= 2;
		text.at += len + 1;
		text.len_bytes -= len + 1;
		if (text.len_bytes == 0)
			return false;
	}
}

bool hf_text_is_country(struct hf_span text)
{
	return text.len_bytes == 2 && text.at[0] >= 'A' && text.at[0] <= 'Z' &&
	       text.at[1] >= 'A' && text.at[1] <= 'Z';
}

bool hf_text_is_set_name(struct hf_span text)
{
	return is_label(text, HF_SET_NAME_MAX_BYTES);
}

struct hf_span hf_text_origin_domain(struct hf_span origin)
{
	const uint8_t *slash =
		origin.len_bytes > 0 ? memchr(origin.at, '/', origin.len_bytes)
				     : NULL;

	return hf_span(origin.at,
		       slash != NULL ? (size_t)(slash - origin.at) : 0);
}

bool hf_text_is_origin(struct hf_span text)
{
	struct hf_span domain = hf_text_origin_domain(text), rest;
	const uint8_t *slash;
	uint64_t epoch;
	size_t len;

	if (text.len_bytes > HF_ORIGIN_MAX_BYTES || !hf_text_is_domain(domain))
		return false;
	rest = hf_span(text.at + domain.len_bytes + 1,
		       text.len_bytes - domain.len_bytes - 1);
	slash = rest.len_bytes > 0 ? memchr(rest.at, '/', rest.len_bytes)
				   : NULL;
	if (slash == NULL)
		return false;
	len = (size_t)(slash - rest.at);
	return hf_text_is_set_name(hf_span(rest.at, len)) &&
	       hf_text_u64(hf_span(slash + 1, rest.len_bytes - len - 1),
			   UINT32_MAX, &epoch) == HF_OK &&
	       epoch > 0;
}

struct hf_span hf_text_origin_stem(struct hf_span origin)
{
	const uint8_t *slash =
		hf_text_is_origin(origin)
			? memrchr(origin.at, '/', origin.len_bytes)
			: NULL;

	return hf_span(origin.at,
		       slash != NULL ? (size_t)(slash - origin.at) : 0);
}

uint32_t hf_text_origin_epoch(struct hf_span origin)
{
	size_t stem = hf_text_origin_stem(origin).len_bytes;
	uint64_t epoch = 0;

	if (stem == 0 || hf_text_u64(hf_span(origin.at + stem + 1,
					     origin.len_bytes - stem - 1),
				     UINT32_MAX, &epoch) != HF_OK)
		return 0;
	return (uint32_t)epoch;
}

bool hf_text_is_later_epoch(struct hf_span origin, struct hf_span other)
{
	const uint8_t *slash = memrchr(other.at, '/', other.len_bytes);
	size_t len_bytes = slash != NULL ? (size_t)(slash - other.at) : 0;

	/* Nearly all are told apart by this. */
	if (len_bytes == 0 || origin.len_bytes < len_bytes ||
	    memcmp(origin.at, other.at, len_bytes) != 0)
		return false;
	return hf_span_equal(hf_text_origin_stem(origin),
			     hf_text_origin_stem(other)) &&
	       hf_text_origin_epoch(origin) > hf_text_origin_epoch(other);
}

/* What may be between the brackets of an IPv6 address. */
static bool is_bracketed(struct hf_span host)
{
	if (host.len_bytes < 4 || host.at[host.len_bytes - 1] != ']')
		return false;
	for (size_t i = 1; i + 1 < host.len_bytes; i++) {
		uint8_t c = host.at[i];

		if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f') &&
		    !(c >= 'A' && c <= 'F') && c != ':' && c != '.')
			return false;
	}
	return true;
}

bool hf_text_is_endpoint(struct hf_span text)
{
	const uint8_t *colon;
	struct hf_span host;
	uint64_t port;

	if (text.len_bytes == 0 || text.len_bytes > HF_ENDPOINT_MAX_BYTES)
		return false;
	colon = memrchr(text.at, ':', text.len_bytes);
	if (colon == NULL || colon == text.at)
		return false;
	host = hf_span(text.at, (size_t)(colon - text.at));
	if (hf_text_u64(hf_span(colon + 1, text.len_bytes - host.len_bytes - 1),
			UINT16_MAX, &port) != HF_OK ||
	    port == 0)
		return false;
	if (host.at[0] == '[')
		return is_bracketed(host);
	for (size_t i = 0; i < host.len_bytes; i++) {
		if (!is_lower_alnum(host.at[i]) && host.at[i] != '.' &&
		    host.at[i] != '-')
			return false;
	}
	return true;
}
