#include <string.h>

#include "bytes.h"

#include "applied.h"

#define DOMAIN "hashfed/applied/v1"

/* The domain's zero byte is the one that ends the string. */
#define TEXT_MAX_BYTES                                                         \
	(sizeof(DOMAIN) + 2 * HF_HASH_BYTES + 8 + 8 + HF_ORIGIN_MAX_BYTES)

static struct hf_span put_text(const struct hf_applied_receipt *receipt,
			       uint8_t out[TEXT_MAX_BYTES])
{
	size_t origin_len = strlen(receipt->origin);
	uint8_t *at = out;

	memcpy(at, DOMAIN, sizeof(DOMAIN));
	at += sizeof(DOMAIN);
	memcpy(at, receipt->organisation_id.at, HF_HASH_BYTES);
	at += HF_HASH_BYTES;
	hf_be64_put(at, receipt->size);
	memcpy(at + 8, receipt->root.at, HF_HASH_BYTES);
	at += 8 + HF_HASH_BYTES;
	hf_be64_put(at, receipt->at_ms);
	memcpy(at + 8, receipt->origin, origin_len);
	return hf_span(out, (size_t)(at + 8 - out) + origin_len);
}

enum hf_err hf_applied_make(const struct hf_applied_receipt *receipt,
			    const struct hf_secret *notice,
			    struct hf_buf *out_receipt, struct hf_why *why)
{
	uint8_t text[TEXT_MAX_BYTES], signature[HF_SIGNATURE_BYTES];
	struct hf_applied_receipt whole = *receipt;
	enum hf_err err;

	hf_sign(notice, put_text(receipt, text), signature);
	whole.signature = hf_span(signature, sizeof(signature));
	err = hf_applied_receipt_encode(&whole, out_receipt);
	if (err != HF_OK)
		(void)hf_why(why, err, "receipt: %s", hf_err_words(err));
	return err;
}

enum hf_err hf_applied_check(const struct hf_applied_receipt *receipt,
			     const struct hf_public_key *notice_key,
			     struct hf_why *why)
{
	uint8_t text[TEXT_MAX_BYTES];

	if (hf_sign_verify(notice_key, put_text(receipt, text),
			   receipt->signature.at) != HF_OK)
		return hf_why(why, HF_E_SIGNATURE,
			      "receipt: is not signed with its organisation's "
			      "notice key");
	return HF_OK;
}
