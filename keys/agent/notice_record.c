#include <stdbool.h>
#include <string.h>

#include "bytes.h"
#include "sha256.h"

#include "agent.h"
#include "notice_record.h"

#define VERSION 1
#define KEY_OF  "hashfed/case-record-key/v1"
/* Authenticated with every record, zero byte and version behind it. */
#define ABOUT "hashfed/case-record/v1"

#define HEAD_BYTES (1 + HF_SEAL_NONCE_BYTES)

static const uint8_t about[] = ABOUT "\0\1";

/* Without the zero byte that ends the string. */
#define ABOUT_SPAN hf_span(about, sizeof(about) - 1)

void hf_notice_record_key(const uint8_t storage_seed[static HF_SEED_BYTES],
			  uint8_t out_key[static HF_SEAL_KEY_BYTES])
{
	struct hf_hmac hmac;

	_Static_assert(HF_SEAL_KEY_BYTES == HF_SHA256_BYTES, "one HMAC");
	hf_hmac_init(&hmac, hf_span(storage_seed, HF_SEED_BYTES));
	hf_hmac_update(&hmac, KEY_OF, strlen(KEY_OF));
	hf_hmac_final(&hmac, out_key);
	hf_wipe(&hmac, sizeof(hmac));
}

static void put_plain(const struct hf_notice_record *record,
		      struct hf_buf *plain)
{
	hf_buf_put_u8(plain, (uint8_t)record->kind);
	if (record->kind == HF_NOTICE_OPENED) {
		hf_buf_put_u16(plain, (uint16_t)record->origin.len_bytes);
		hf_buf_put(plain, record->origin);
		hf_buf_put_u64(plain, record->index);
		hf_buf_put(plain, hf_span(record->leaf_hash, HF_HASH_BYTES));
	}
	if (record->kind != HF_NOTICE_STORED) {
		hf_buf_put(plain,
			   hf_span(record->header, HF_ENVELOPE_HEADER_BYTES));
		hf_buf_put(plain,
			   hf_span(record->signature, HF_SIGNATURE_BYTES));
	}
	if (record->kind == HF_NOTICE_SENT)
		hf_buf_put(plain, hf_span(record->ephemeral, HF_SEED_BYTES));
	hf_buf_put(plain, record->text);
}

/* Room for all of a record at once: a buf that grows leaves copies behind. */
static enum hf_err reserve(struct hf_buf *buf, size_t len_bytes)
{
	if (hf_buf_grow(buf, len_bytes) == NULL)
		return hf_buf_failed(buf);
	buf->len_bytes -= len_bytes;
	return HF_OK;
}

enum hf_err hf_notice_record_close(const struct hf_notice_record *record,
				   const uint8_t key[static HF_SEAL_KEY_BYTES],
				   struct hf_buf *out, struct hf_why *why)
{
	uint8_t nonce[HF_SEAL_NONCE_BYTES], *at;
	struct hf_buf plain;
	enum hf_err err;

	hf_buf_init(&plain,
		    HF_AGENT_RECORD_MAX_BYTES - HEAD_BYTES - HF_SEAL_TAG_BYTES);
	err = reserve(&plain, record->text.len_bytes + 1024);
	if (err == HF_OK) {
		put_plain(record, &plain);
		err = hf_buf_failed(&plain);
	}
	if (err != HF_OK)
		goto out_wipe;
	hf_random(nonce, sizeof(nonce));
	hf_buf_put_u8(out, VERSION);
	hf_buf_put(out, hf_span(nonce, sizeof(nonce)));
	at = hf_buf_grow(out, plain.len_bytes + HF_SEAL_TAG_BYTES);
	if (at != NULL)
		hf_seal_close(key, nonce, ABOUT_SPAN, hf_buf_span(&plain), at);
	err = hf_buf_failed(out);

out_wipe:
	if (err != HF_OK)
		(void)hf_why(why, err, "record: %s", hf_err_words(err));
	hf_wipe(plain.at, plain.at != NULL ? plain.len_bytes : 0);
	hf_buf_release(&plain);
	return err;
}

/* Take len_bytes off the front; false when there are not as many. */
static bool take(struct hf_span *left, size_t len_bytes, struct hf_span *out)
{
	if (left->len_bytes < len_bytes)
		return false;
	*out = hf_span(left->at, len_bytes);
	left->at += len_bytes;
	left->len_bytes -= len_bytes;
	return true;
}

static bool take_into(struct hf_span *left, void *out, size_t len_bytes)
{
	struct hf_span taken;

	if (!take(left, len_bytes, &taken))
		return false;
	memcpy(out, taken.at, len_bytes);
	return true;
}

static bool take_place(struct hf_span *left, struct hf_notice_record *out)
{
	uint8_t number[8];

	if (!take_into(left, number, 2) ||
	    !take(left, hf_be16(number), &out->origin) ||
	    !take_into(left, number, 8))
		return false;
	out->index = hf_be64(number);
	return take_into(left, out->leaf_hash, HF_HASH_BYTES);
}

static bool take_plain(struct hf_span left, struct hf_notice_record *out)
{
	uint8_t kind;

	*out = (struct hf_notice_record){ .origin = { NULL, 0 } };
	if (!take_into(&left, &kind, 1) || kind < HF_NOTICE_SENT ||
	    kind > HF_NOTICE_STORED)
		return false;
	out->kind = (enum hf_notice_record_kind)kind;
	if (kind == HF_NOTICE_OPENED && !take_place(&left, out))
		return false;
	if (kind != HF_NOTICE_STORED &&
	    (!take_into(&left, out->header, HF_ENVELOPE_HEADER_BYTES) ||
	     !take_into(&left, out->signature, HF_SIGNATURE_BYTES)))
		return false;
	if (kind == HF_NOTICE_SENT &&
	    !take_into(&left, out->ephemeral, HF_SEED_BYTES))
		return false;
	out->text = left;
	return left.len_bytes <= HF_CASE_TEXT_MAX_BYTES;
}

enum hf_err hf_notice_record_open(struct hf_span sealed,
				  const uint8_t key[static HF_SEAL_KEY_BYTES],
				  struct hf_buf *plain,
				  struct hf_notice_record *out_record,
				  struct hf_why *why)
{
	size_t len_bytes;
	uint8_t *at;

	hf_buf_reset(plain);
	if (sealed.len_bytes < HEAD_BYTES + HF_SEAL_TAG_BYTES)
		return hf_why(why, HF_E_MALFORMED,
			      "record: cut short after %zu bytes",
			      sealed.len_bytes);
	if (sealed.at[0] != VERSION)
		return hf_why(why, HF_E_UNSUPPORTED,
			      "record: version %d is not known here",
			      sealed.at[0]);
	len_bytes = sealed.len_bytes - HEAD_BYTES - HF_SEAL_TAG_BYTES;
	at = hf_buf_grow(plain, len_bytes);
	if (at == NULL)
		return hf_why(why, hf_buf_failed(plain), "record: %s",
			      hf_err_words(hf_buf_failed(plain)));
	if (hf_seal_open(key, sealed.at + 1, ABOUT_SPAN,
			 hf_span(sealed.at + HEAD_BYTES,
				 len_bytes + HF_SEAL_TAG_BYTES),
			 at) != HF_OK)
		return hf_why(why, HF_E_SIGNATURE,
			      "record: was not made with this signer's storage "
			      "key, or was altered");
	if (!take_plain(hf_buf_span(plain), out_record))
		return hf_why(why, HF_E_MALFORMED,
			      "record: what is in it does not decode");
	return HF_OK;
}
