#include <string.h>

#include "limit.h"
#include "text.h"
#include "codec_shape.h"

static bool is_set(struct hf_span text)
{
	return hf_text_is_origin(text) || hf_text_is_set_name(text);
}

static bool is_all_of(struct hf_span text, const char *accepted)
{
	for (size_t i = 0; i < text.len_bytes; i++) {
		if (text.at[i] == '\0' || strchr(accepted, text.at[i]) == NULL)
			return false;
	}
	return text.len_bytes > 0;
}

/* A name, an IPv4 address, or an IPv6 address in brackets.  Whether anything
 * answers there is for the one who dials. */
static bool is_host(struct hf_span text)
{
	if (text.len_bytes > 2 && text.at[0] == '[' &&
	    text.at[text.len_bytes - 1] == ']')
		return is_all_of(hf_span(text.at + 1, text.len_bytes - 2),
				 "0123456789abcdefABCDEF:.");
	return text.len_bytes <= HF_DOMAIN_MAX_BYTES &&
	       is_all_of(text, "abcdefghijklmnopqrstuvwxyz0123456789-.");
}

static bool is_endpoint(struct hf_span text)
{
	const uint8_t *colon = NULL;
	uint64_t port;
	size_t len;

	if (text.len_bytes == 0 || text.len_bytes > HF_ENDPOINT_MAX_BYTES)
		return false;
	colon = memrchr(text.at, ':', text.len_bytes);
	if (colon == NULL)
		return false;
	len = (size_t)(colon - text.at);
	return is_host(hf_span(text.at, len)) &&
	       hf_text_u64(hf_span(colon + 1, text.len_bytes - len - 1),
			   UINT16_MAX, &port) == HF_OK &&
	       port > 0;
}

const struct hf_grammar hf_grammar_domain = {
	hf_text_is_domain,
	"a lower-case domain name",
	false,
};
const struct hf_grammar hf_grammar_origin = {
	hf_text_is_origin,
	"an origin, as hotline.example/ncii/1",
	false,
};
const struct hf_grammar hf_grammar_origin_or_none = {
	hf_text_is_origin,
	"an origin, as hotline.example/ncii/1, or empty",
	true,
};
const struct hf_grammar hf_grammar_set = {
	is_set,
	"an origin or a set name",
	false,
};
const struct hf_grammar hf_grammar_set_name_or_none = {
	hf_text_is_set_name,
	"a set name of a-z, 0-9 and -, or empty",
	true,
};
const struct hf_grammar hf_grammar_country = {
	hf_text_is_country,
	"a country as two capitals",
	false,
};
const struct hf_grammar hf_grammar_country_or_none = {
	hf_text_is_country,
	"a country as two capitals, or empty",
	true,
};
const struct hf_grammar hf_grammar_endpoint = {
	is_endpoint,
	"host:port",
	false,
};
const struct hf_grammar hf_grammar_endpoint_or_none = {
	is_endpoint,
	"host:port, or empty",
	true,
};
