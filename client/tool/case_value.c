#include <ctype.h>
#include <string.h>

#include "bytes.h"
#include "kind.h"
#include "text.h"

#include "case_value.h"

#define SHOWN_BYTES     40
#define EMAIL_MAX_BYTES 320
#define PHONE_MAX_BYTES 64

struct hf_span hf_case_shown(struct hf_span text)
{
	if (text.len_bytes > SHOWN_BYTES)
		text.len_bytes = SHOWN_BYTES;
	return hf_text_is_clean(text) ? text : hf_span_of("?");
}

enum hf_err hf_case_url_check(struct hf_span url, struct hf_why *why)
{
	const uint8_t *colon =
		url.len_bytes > 0 ? memchr(url.at, ':', url.len_bytes) : NULL;
	size_t scheme = colon != NULL ? (size_t)(colon - url.at) : 0;
	bool is_right = scheme > 0 && isalpha(url.at[0]) != 0 &&
			url.len_bytes > scheme + 3 &&
			memcmp(colon, "://", 3) == 0 && colon[3] != '/';

	for (size_t i = 0; i < scheme && is_right; i++)
		is_right = isalnum(url.at[i]) != 0 || url.at[i] == '+' ||
			   url.at[i] == '-' || url.at[i] == '.';
	if (url.len_bytes > HF_URL_MAX_BYTES)
		return hf_why(why, HF_E_LIMIT,
			      "a location of %zu bytes; at most %d are allowed",
			      url.len_bytes, HF_URL_MAX_BYTES);
	if (!is_right || !hf_text_is_clean(url) ||
	    memchr(url.at, ' ', url.len_bytes) != NULL)
		return hf_why(why, HF_E_MALFORMED,
			      "'%.*s' is no location: give it whole, as "
			      "https://host/path, blanks as %%20",
			      HF_SPAN_ARGS(hf_case_shown(url)));
	return HF_OK;
}

/* The one algorithm with so many hex digits; two have 64. */
static unsigned algorithm_of(size_t digits)
{
	switch (digits) {
	case 32:
		return HF_ALGORITHM_MD5;
	case 40:
		return HF_ALGORITHM_SHA1;
	case 288:
		return HF_ALGORITHM_PHOTODNA;
	default:
		return 0;
	}
}

enum hf_err hf_case_hash_parse(struct hf_span text, struct hf_arena *arena,
			       struct hf_hash *out_hash, struct hf_why *why)
{
	const uint8_t *colon = text.len_bytes > 0
				       ? memchr(text.at, ':', text.len_bytes)
				       : NULL;
	struct hf_span digits = text;
	unsigned algorithm;
	uint8_t *digest;
	size_t len_bytes;

	if (colon != NULL) {
		size_t word_bytes = (size_t)(colon - text.at);

		algorithm = hf_algorithm_parse(hf_span(text.at, word_bytes));
		digits = hf_span(colon + 1, text.len_bytes - word_bytes - 1);
	} else {
		algorithm = algorithm_of(digits.len_bytes);
	}
	len_bytes = hf_algorithm_bytes(algorithm);
	if (len_bytes == 0)
		return hf_why(why, HF_E_MALFORMED,
			      "'%.*s' is no hash: give sha256:HEX, or md5, "
			      "sha1, pdq or photodna (64 digits alone may be "
			      "sha256 or pdq)",
			      HF_SPAN_ARGS(hf_case_shown(text)));
	digest = hf_arena_alloc(arena, len_bytes);
	if (digest == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	if (hf_hex_parse(digits, digest, len_bytes) != HF_OK)
		return hf_why(why, HF_E_MALFORMED,
			      "'%.*s' is no %s: that has %zu hex digits",
			      HF_SPAN_ARGS(hf_case_shown(text)),
			      hf_algorithm_word(algorithm), 2 * len_bytes);
	*out_hash = (struct hf_hash){ .algorithm = (enum hf_algorithm)algorithm,
				      .digest = { digest, len_bytes } };
	return HF_OK;
}

enum hf_err hf_case_text_parse(struct hf_span value, size_t most,
			       struct hf_arena *arena, const char **out,
			       struct hf_why *why)
{
	char *text = hf_arena_text(arena, value);

	if (text == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	if (strlen(text) != value.len_bytes)
		return hf_why(why, HF_E_MALFORMED, "a zero byte");
	hf_case_one_line(text);
	if (strlen(text) > most)
		return hf_why(why, HF_E_LIMIT,
			      "%zu bytes; at most %zu are allowed",
			      strlen(text), most);
	if (!hf_text_is_clean(hf_span_of(text)))
		return hf_why(why, HF_E_MALFORMED,
			      "not UTF-8, or control characters in it");
	*out = text;
	return HF_OK;
}

enum hf_err hf_case_urls(const char *const *urls, size_t count,
			 struct hf_locator *out, struct hf_why *why)
{
	for (size_t i = 0; i < count; i++) {
		enum hf_err err = hf_case_url_check(hf_span_of(urls[i]), why);

		if (err != HF_OK) {
			hf_why_prefix(why, "--url: ");
			return err;
		}
		out[i].url = urls[i];
	}
	return HF_OK;
}

enum hf_err hf_case_provider_parse(struct hf_span text, struct hf_arena *arena,
				   const char **out, struct hf_why *why)
{
	char *copy = hf_arena_text(arena, text);

	if (copy == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	if (strcmp(copy, HF_NOTICE_NO_PROVIDER) != 0) {
		for (char *at = copy; *at != '\0'; at++) {
			if (*at >= 'A' && *at <= 'Z')
				*at = (char)(*at - 'A' + 'a');
		}
		if (!hf_text_is_domain(hf_span_of(copy)) ||
		    strlen(copy) != text.len_bytes)
			return hf_why(why, HF_E_MALFORMED,
				      "'%.*s' is no provider: give a domain, "
				      "as host.example, or UNKNOWN",
				      HF_SPAN_ARGS(hf_case_shown(text)));
	}
	*out = copy;
	return HF_OK;
}

static bool is_email(struct hf_span text)
{
	const uint8_t *at = text.len_bytes > 0
				    ? memchr(text.at, '@', text.len_bytes)
				    : NULL;
	size_t before = at != NULL ? (size_t)(at - text.at) : 0;

	return before > 0 && before + 1 < text.len_bytes &&
	       text.len_bytes <= EMAIL_MAX_BYTES &&
	       memchr(text.at, ' ', text.len_bytes) == NULL &&
	       memchr(at + 1, '@', text.len_bytes - before - 1) == NULL;
}

enum hf_err hf_case_contact_parse(struct hf_span text, struct hf_arena *arena,
				  struct hf_contact *out_contact,
				  struct hf_why *why)
{
	const uint8_t *open = text.len_bytes > 0
				      ? memchr(text.at, '<', text.len_bytes)
				      : NULL;
	const uint8_t *end = text.at + text.len_bytes, *close;
	struct hf_span name, email, phone;

	close = open != NULL ? memchr(open, '>', (size_t)(end - open)) : NULL;
	if (close == NULL)
		goto out_say;
	name = hf_text_trim(hf_span(text.at, (size_t)(open - text.at)));
	email = hf_text_trim(hf_span(open + 1, (size_t)(close - open - 1)));
	phone = hf_text_trim(hf_span(close + 1, (size_t)(end - close - 1)));
	if (name.len_bytes == 0 || name.len_bytes > HF_LABEL_MAX_BYTES ||
	    !is_email(email) || phone.len_bytes > PHONE_MAX_BYTES ||
	    !hf_text_is_clean(text))
		goto out_say;
	out_contact->name = hf_arena_text(arena, name);
	out_contact->email = hf_arena_text(arena, email);
	out_contact->phone = hf_arena_text(arena, phone);
	if (out_contact->name == NULL || out_contact->email == NULL ||
	    out_contact->phone == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	return HF_OK;

out_say:
	return hf_why(why, HF_E_MALFORMED,
		      "'%.*s' is no contact: give a name and a mail address, "
		      "as 'Desk <desk@hotline.example>', perhaps with a "
		      "telephone number behind it",
		      HF_SPAN_ARGS(hf_case_shown(text)));
}

void hf_case_one_line(char *text)
{
	size_t len = 0;

	for (const char *at = text; *at != '\0'; at++) {
		bool is_space =
			*at == ' ' || *at == '\t' || *at == '\r' || *at == '\n';

		if (!is_space)
			text[len++] = *at;
		else if (len > 0 && text[len - 1] != ' ')
			text[len++] = ' ';
	}
	while (len > 0 && text[len - 1] == ' ')
		len--;
	text[len] = '\0';
}
