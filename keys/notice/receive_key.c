#include <string.h>

#include "bytes.h"
#include "hpke.h"

#include "receive_key.h"

#define DOMAIN "hashfed/receive-key/v1"

#define TEXT_BYTES                                                             \
	(sizeof(DOMAIN) + HF_HASH_BYTES + HF_PUBLIC_KEY_BYTES + 8 + 8)

static enum hf_err check_fields(const struct hf_receive_key *key,
				struct hf_why *why)
{
	if (key->key.len_bytes != HF_PUBLIC_KEY_BYTES ||
	    key->organisation_id.len_bytes != HF_HASH_BYTES)
		return hf_why(why, HF_E_MALFORMED,
			      "receive key: key and organisation id have %d "
			      "bytes each",
			      HF_PUBLIC_KEY_BYTES);
	if (key->until_ms != 0 && key->until_ms <= key->from_ms)
		return hf_why(why, HF_E_ARGUMENT,
			      "receive key: ends before it begins");
	if (hf_hpke_key_check(key->key.at) != HF_OK)
		return hf_why(why, HF_E_ARGUMENT,
			      "receive key: is of small order");
	return HF_OK;
}

/* The domain's zero byte is the one that ends the string. */
static void put_text(const struct hf_receive_key *key, uint8_t out[TEXT_BYTES])
{
	memcpy(out, DOMAIN, sizeof(DOMAIN));
	out += sizeof(DOMAIN);
	memcpy(out, key->organisation_id.at, HF_HASH_BYTES);
	memcpy(out + HF_HASH_BYTES, key->key.at, HF_PUBLIC_KEY_BYTES);
	out += HF_HASH_BYTES + HF_PUBLIC_KEY_BYTES;
	hf_be64_put(out, key->from_ms);
	hf_be64_put(out + 8, key->until_ms);
}

enum hf_err hf_receive_key_make(const struct hf_receive_key *key,
				const struct hf_secret *notice,
				struct hf_buf *out_key, struct hf_why *why)
{
	uint8_t text[TEXT_BYTES], signature[HF_SIGNATURE_BYTES];
	struct hf_receive_key whole = *key;
	enum hf_err err = check_fields(key, why);

	if (err != HF_OK)
		return err;
	put_text(key, text);
	hf_sign(notice, hf_span(text, sizeof(text)), signature);
	whole.signature = hf_span(signature, sizeof(signature));
	err = hf_receive_key_encode(&whole, out_key);
	if (err != HF_OK)
		(void)hf_why(why, err, "receive key: %s", hf_err_words(err));
	return err;
}

enum hf_err
hf_receive_key_check(const struct hf_receive_key *key,
		     const struct hf_public_key *notice_key,
		     const uint8_t organisation_id[static HF_HASH_BYTES],
		     struct hf_why *why)
{
	uint8_t text[TEXT_BYTES];
	enum hf_err err = check_fields(key, why);

	if (err != HF_OK)
		return err;
	if (memcmp(key->organisation_id.at, organisation_id, HF_HASH_BYTES) !=
	    0)
		return hf_why(why, HF_E_CONFLICT,
			      "receive key: belongs to another organisation");
	if (key->signature.len_bytes != HF_SIGNATURE_BYTES)
		return hf_why(why, HF_E_MALFORMED,
			      "receive key: a signature has %d bytes",
			      HF_SIGNATURE_BYTES);
	put_text(key, text);
	if (hf_sign_verify(notice_key, hf_span(text, sizeof(text)),
			   key->signature.at) != HF_OK)
		return hf_why(why, HF_E_SIGNATURE,
			      "receive key: is not signed with its "
			      "organisation's notice key");
	return HF_OK;
}
