#include <stdlib.h>
#include <string.h>

#include "armour.h"
#include "codec_document.h"
#include "sha256.h"

#include "trust.h"

#define DOMAIN_ORGANISATION "hashfed/organisation/v1"
#define LABEL_AGREEMENT     "HASHFED AGREEMENT"
#define DOMAIN_PAIR         "hashfed/pair/v1"

static int by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, HF_PUBLIC_KEY_BYTES);
}

void hf_trust_organisation_id(uint32_t threshold,
			      const struct hf_public_key *keys,
			      size_t keys_count,
			      uint8_t out_id[static HF_HASH_BYTES])
{
	struct hf_public_key sorted[HF_ROOT_KEYS_MAX];
	uint8_t threshold_byte = (uint8_t)threshold;
	struct hf_sha256 hash;

	if (keys_count > HF_ROOT_KEYS_MAX)
		keys_count = HF_ROOT_KEYS_MAX;
	memcpy(sorted, keys, keys_count * sizeof(*keys));
	qsort(sorted, keys_count, sizeof(*sorted), by_bytes);
	hf_sha256_init(&hash);
	hf_sha256_update(&hash, DOMAIN_ORGANISATION,
			 sizeof(DOMAIN_ORGANISATION));
	hf_sha256_update(&hash, &threshold_byte, 1);
	hf_sha256_update(&hash, sorted, keys_count * sizeof(*sorted));
	hf_sha256_final(&hash, out_id);
}

enum hf_err hf_trust_invite(struct hf_span text, struct hf_arena *arena,
			    struct hf_invite_read *out_invite,
			    struct hf_why *why)
{
	struct hf_invite_read read;
	struct hf_invite invite;
	enum hf_err err;

	err = hf_invite_text_parse(text, arena, &invite, why);
	if (err == HF_OK)
		err = hf_trust_manifest_chain(
			invite.history, invite.history_count, invite.manifest,
			arena, &read.manifest, why);
	if (err != HF_OK) {
		hf_why_prefix(why, "invite: ");
		return err;
	}
	read.document = invite.manifest;
	read.history = invite.history;
	read.history_count = invite.history_count;
	*out_invite = read;
	return HF_OK;
}

enum hf_err hf_trust_invite_make(struct hf_span document,
				 const struct hf_span *history,
				 size_t history_count, struct hf_buf *out_text,
				 struct hf_why *why)
{
	struct hf_invite invite = {
		.manifest = document,
		.history = history,
		.history_count = history_count,
	};
	enum hf_err err = hf_invite_text_encode(&invite, out_text);

	if (err != HF_OK)
		return hf_why(why, err, "invite: %s", hf_err_words(err));
	return HF_OK;
}

enum hf_err hf_trust_agreement_read(struct hf_span text, struct hf_arena *arena,
				    struct hf_span *out_document,
				    struct hf_why *why)
{
	size_t len_bytes;
	uint8_t *bytes;
	enum hf_err err;

	if (text.len_bytes > HF_ARMOUR_SIZE(HF_AGREEMENT_MAX_BYTES))
		return hf_why(why, HF_E_LIMIT,
			      "agreement: the file is larger "
			      "than an agreement can be");
	/* Base64 makes text longer, never shorter. */
	bytes = hf_arena_alloc(arena, text.len_bytes + 1);
	if (bytes == NULL)
		return hf_why(why, HF_E_NOMEM, "agreement: no memory");
	err = hf_armour_parse(LABEL_AGREEMENT, text, bytes, text.len_bytes,
			      &len_bytes, why);
	if (err != HF_OK) {
		hf_why_prefix(why, "agreement: ");
		return err;
	}
	*out_document = hf_span(bytes, len_bytes);
	return HF_OK;
}

enum hf_err hf_trust_agreement_write(struct hf_span document,
				     struct hf_buf *out_text,
				     struct hf_why *why)
{
	char *text = malloc(HF_ARMOUR_SIZE(document.len_bytes));
	size_t len;

	if (text == NULL)
		return hf_why(why, HF_E_NOMEM, "agreement: no memory");
	len = hf_armour_encode(LABEL_AGREEMENT, document, text);
	hf_buf_put(out_text, hf_span(text, len));
	free(text);
	if (hf_buf_failed(out_text) != HF_OK)
		return hf_why(why, hf_buf_failed(out_text), "agreement: %s",
			      hf_err_words(hf_buf_failed(out_text)));
	return HF_OK;
}

/* The big-endian number in the first 17 bytes, modulo 10^40, as decimal
 * digits: long division by ten, 40 times, drops what lies above. */
static void decimal(const uint8_t digest[static HF_SHA256_BYTES],
		    char out_digits[static HF_FINGERPRINT_DIGITS])
{
	uint8_t number[17];

	memcpy(number, digest, sizeof(number));
	for (int i = HF_FINGERPRINT_DIGITS - 1; i >= 0; i--) {
		unsigned rest = 0;

		for (size_t j = 0; j < sizeof(number); j++) {
			rest = rest << 8 | number[j];
			number[j] = (uint8_t)(rest / 10);
			rest %= 10;
		}
		out_digits[i] = (char)('0' + rest);
	}
}

void hf_trust_fingerprint(const uint8_t one_id[static HF_HASH_BYTES],
			  struct hf_span one_document,
			  const uint8_t other_id[static HF_HASH_BYTES],
			  struct hf_span other_document,
			  char out_text[static HF_FINGERPRINT_SIZE])
{
	bool is_one_lower = memcmp(one_id, other_id, HF_HASH_BYTES) < 0;
	struct hf_span lower = is_one_lower ? one_document : other_document;
	struct hf_span higher = is_one_lower ? other_document : one_document;
	uint8_t digest[HF_SHA256_BYTES];
	char digits[HF_FINGERPRINT_DIGITS];
	struct hf_sha256 hash;
	char *at = out_text;

	hf_sha256_init(&hash);
	hf_sha256_update(&hash, DOMAIN_PAIR, sizeof(DOMAIN_PAIR));
	hf_sha256_update(&hash, is_one_lower ? one_id : other_id,
			 HF_HASH_BYTES);
	hf_sha256_update(&hash, is_one_lower ? other_id : one_id,
			 HF_HASH_BYTES);
	hf_sha256(lower.at, lower.len_bytes, digest);
	hf_sha256_update(&hash, digest, sizeof(digest));
	hf_sha256(higher.at, higher.len_bytes, digest);
	hf_sha256_update(&hash, digest, sizeof(digest));
	hf_sha256_final(&hash, digest);

	decimal(digest, digits);
	for (int i = 0; i < HF_FINGERPRINT_DIGITS; i++) {
		if (i > 0 && i % 5 == 0)
			*at++ = ' ';
		*at++ = digits[i];
	}
	*at = '\0';
}

bool hf_trust_fingerprint_is(const char *fingerprint, struct hf_span typed)
{
	size_t digits = 0;

	for (size_t i = 0; i < typed.len_bytes; i++) {
		uint8_t c = typed.at[i];

		if (c == ' ' || c == '\t' || c == '-' || c == '\n' || c == '\r')
			continue;
		while (*fingerprint == ' ')
			fingerprint++;
		if (*fingerprint == '\0' || c != (uint8_t)*fingerprint)
			return false;
		fingerprint++;
		digits++;
	}
	return digits == HF_FINGERPRINT_DIGITS;
}
