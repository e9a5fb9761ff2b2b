#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "hpke.h"
#include "sha256.h"

#include "envelope.h"

#define VERSION      1
#define INNER_DOMAIN "hashfed/event-inner/v1"
#define OUTER_DOMAIN "hashfed/event-envelope/v1"
#define HPKE_DOMAIN  "hashfed/event-hpke/v1"

/* Where the header's fields begin, SPEC 12.2. */
enum {
	AT_VERSION = 0,
	AT_SENDER = 1,
	AT_RECIPIENT = AT_SENDER + HF_HASH_BYTES,
	AT_KEY_ID = AT_RECIPIENT + HF_HASH_BYTES,
	AT_EVENT_ID = AT_KEY_ID + HF_RECEIVE_KEY_ID_BYTES,
	AT_ISSUED = AT_EVENT_ID + HF_EVENT_ID_BYTES,
	AT_EXPIRES = AT_ISSUED + 8,
	AT_CLASS = AT_EXPIRES + 8,
	AT_END = AT_CLASS + 4,
};
_Static_assert(AT_END == HF_ENVELOPE_HEADER_BYTES, "SPEC 12.2");

/* Where the plaintext's fields begin; behind the text one byte of 0x80. */
enum {
	AT_TEXT_LEN = 0,
	AT_INNER = 4,
	AT_TEXT = AT_INNER + HF_SIGNATURE_BYTES,
};
#define PAD_BYTE     0x80
#define AROUND_BYTES (AT_TEXT + 1 + HF_HPKE_TAG_BYTES)

static const uint32_t classes[] = HF_ENVELOPE_CLASSES;

#define CLASSES       (sizeof(classes) / sizeof(classes[0]))
#define CLASS_MAX     57344
#define ENVELOPE_LEAN (HF_ENVELOPE_HEADER_BYTES + HF_HPKE_ENC_BYTES)
#define DOMAIN_MAX    32
_Static_assert(HF_CASE_TEXT_MAX_BYTES + AROUND_BYTES == CLASS_MAX,
	       "the longest text fills the largest class");

/* Memory for one envelope at work, of its class.  The text is in it, so it is
 * wiped. */
struct scratch {
	size_t all_bytes;
	uint8_t *plain;       /* class_bytes */
	uint8_t *sealed;      /* class_bytes */
	uint8_t *signed_text; /* what is signed, one after the other: nothing
			       * is longer than an envelope without its
			       * signature */
};

static struct scratch *scratch_new(uint32_t class_bytes, struct hf_why *why)
{
	size_t signed_bytes = DOMAIN_MAX + ENVELOPE_LEAN + class_bytes;
	size_t all_bytes =
		sizeof(struct scratch) + 2 * (size_t)class_bytes + signed_bytes;
	struct scratch *scratch = malloc(all_bytes);

	if (scratch == NULL) {
		(void)hf_why(why, HF_E_NOMEM, "envelope: no memory");
		return NULL;
	}
	scratch->all_bytes = all_bytes;
	scratch->plain = (uint8_t *)(scratch + 1);
	scratch->sealed = scratch->plain + class_bytes;
	scratch->signed_text = scratch->sealed + class_bytes;
	return scratch;
}

static void scratch_free(struct scratch *scratch)
{
	hf_wipe(scratch, scratch->all_bytes);
	free(scratch);
}

static uint32_t class_of(size_t text_len_bytes)
{
	for (size_t i = 0; i < CLASSES; i++) {
		if (text_len_bytes + AROUND_BYTES <= classes[i])
			return classes[i];
	}
	return 0;
}

static bool is_class(uint32_t class_bytes)
{
	for (size_t i = 0; i < CLASSES; i++) {
		if (classes[i] == class_bytes)
			return true;
	}
	return false;
}

void hf_receive_key_id(const uint8_t key[static HF_PUBLIC_KEY_BYTES],
		       uint8_t out_id[static HF_RECEIVE_KEY_ID_BYTES])
{
	uint8_t digest[HF_SHA256_BYTES];

	hf_sha256(key, HF_PUBLIC_KEY_BYTES, digest);
	memcpy(out_id, digest, HF_RECEIVE_KEY_ID_BYTES);
}

/*
 * The header.
 */

static void put_header(const struct hf_envelope_header *header,
		       uint8_t out[static HF_ENVELOPE_HEADER_BYTES])
{
	out[AT_VERSION] = VERSION;
	memcpy(out + AT_SENDER, header->sender_id, HF_HASH_BYTES);
	memcpy(out + AT_RECIPIENT, header->recipient_id, HF_HASH_BYTES);
	memcpy(out + AT_KEY_ID, header->receive_key_id,
	       HF_RECEIVE_KEY_ID_BYTES);
	memcpy(out + AT_EVENT_ID, header->event_id, HF_EVENT_ID_BYTES);
	hf_be64_put(out + AT_ISSUED, header->issued_ms);
	hf_be64_put(out + AT_EXPIRES, header->expires_ms);
	hf_be32_put(out + AT_CLASS, header->class_bytes);
}

enum hf_err hf_envelope_header_parse(struct hf_span bytes,
				     struct hf_envelope_header *out,
				     struct hf_why *why)
{
	const uint8_t *at = bytes.at;
	uint32_t class_bytes;

	if (bytes.len_bytes != HF_ENVELOPE_HEADER_BYTES)
		return hf_why(why, HF_E_MALFORMED,
			      "envelope: a header has %d bytes, not %zu",
			      HF_ENVELOPE_HEADER_BYTES, bytes.len_bytes);
	if (at[AT_VERSION] != VERSION)
		return hf_why(why, HF_E_UNSUPPORTED,
			      "envelope: version %d is not known here, only %d",
			      at[AT_VERSION], VERSION);
	class_bytes = hf_be32(at + AT_CLASS);
	if (!is_class(class_bytes))
		return hf_why(why, HF_E_MALFORMED,
			      "envelope: %u bytes is no size of a ciphertext: "
			      "4096, 16384 or 57344",
			      class_bytes);
	memcpy(out->sender_id, at + AT_SENDER, HF_HASH_BYTES);
	memcpy(out->recipient_id, at + AT_RECIPIENT, HF_HASH_BYTES);
	memcpy(out->receive_key_id, at + AT_KEY_ID, HF_RECEIVE_KEY_ID_BYTES);
	memcpy(out->event_id, at + AT_EVENT_ID, HF_EVENT_ID_BYTES);
	out->issued_ms = hf_be64(at + AT_ISSUED);
	out->expires_ms = hf_be64(at + AT_EXPIRES);
	out->class_bytes = class_bytes;
	return HF_OK;
}

enum hf_err hf_envelope_parse(struct hf_span bytes,
			      struct hf_envelope *out_envelope,
			      struct hf_why *why)
{
	struct hf_envelope envelope;
	size_t want;
	enum hf_err err;

	if (bytes.len_bytes > HF_ENVELOPE_MAX_BYTES)
		return hf_why(why, HF_E_LIMIT,
			      "envelope: %zu bytes, at most %d",
			      bytes.len_bytes, HF_ENVELOPE_MAX_BYTES);
	if (bytes.len_bytes < HF_ENVELOPE_HEADER_BYTES)
		return hf_why(why, HF_E_MALFORMED,
			      "envelope: cut short after %zu bytes",
			      bytes.len_bytes);
	envelope.header_bytes = hf_span(bytes.at, HF_ENVELOPE_HEADER_BYTES);
	err = hf_envelope_header_parse(envelope.header_bytes, &envelope.header,
				       why);
	if (err != HF_OK)
		return err;
	want = ENVELOPE_LEAN + envelope.header.class_bytes + HF_SIGNATURE_BYTES;
	if (bytes.len_bytes != want)
		return hf_why(why, HF_E_MALFORMED,
			      "envelope: has %zu bytes, its header says %zu",
			      bytes.len_bytes, want);
	envelope.enc =
		hf_span(bytes.at + HF_ENVELOPE_HEADER_BYTES, HF_HPKE_ENC_BYTES);
	envelope.sealed =
		hf_span(bytes.at + ENVELOPE_LEAN, envelope.header.class_bytes);
	envelope.signature = hf_span(bytes.at + want - HF_SIGNATURE_BYTES,
				     HF_SIGNATURE_BYTES);
	*out_envelope = envelope;
	return HF_OK;
}

/*
 * Signatures and the seal.
 */

/* domain || 0x00 || pieces: what a signature is over. */
static struct hf_span signed_text(struct scratch *scratch, const char *domain,
				  const struct hf_span *pieces, size_t count)
{
	uint8_t *at = scratch->signed_text;

	memcpy(at, domain, strlen(domain) + 1);
	at += strlen(domain) + 1;
	for (size_t i = 0; i < count; i++) {
		if (pieces[i].len_bytes > 0)
			memcpy(at, pieces[i].at, pieces[i].len_bytes);
		at += pieces[i].len_bytes;
	}
	return hf_span(scratch->signed_text,
		       (size_t)(at - scratch->signed_text));
}

static struct hf_span inner_text(struct scratch *scratch,
				 struct hf_span header_bytes,
				 struct hf_span text)
{
	const struct hf_span pieces[] = { header_bytes, text };

	return signed_text(scratch, INNER_DOMAIN, pieces, 2);
}

static struct hf_span outer_text(struct scratch *scratch,
				 struct hf_span header_bytes,
				 struct hf_span enc, struct hf_span sealed)
{
	const struct hf_span pieces[] = { header_bytes, enc, sealed };

	return signed_text(scratch, OUTER_DOMAIN, pieces, 3);
}

/* HPKE's info: whom it is from, whom it is for, and under which key. */
#define INFO_BYTES                                                             \
	(sizeof(HPKE_DOMAIN) + 2 * HF_HASH_BYTES + HF_RECEIVE_KEY_ID_BYTES)

static void put_info(struct hf_span header_bytes, uint8_t out[INFO_BYTES])
{
	memcpy(out, HPKE_DOMAIN, sizeof(HPKE_DOMAIN));
	memcpy(out + sizeof(HPKE_DOMAIN), header_bytes.at + AT_SENDER,
	       INFO_BYTES - sizeof(HPKE_DOMAIN));
}

/* The only plaintext that this text and class have. */
static struct hf_span put_plain(struct scratch *scratch, struct hf_span text,
				const uint8_t inner[HF_SIGNATURE_BYTES],
				uint32_t class_bytes)
{
	size_t len_bytes = class_bytes - HF_HPKE_TAG_BYTES;
	uint8_t *plain = scratch->plain;

	hf_be32_put(plain + AT_TEXT_LEN, (uint32_t)text.len_bytes);
	memcpy(plain + AT_INNER, inner, HF_SIGNATURE_BYTES);
	if (text.len_bytes > 0)
		memcpy(plain + AT_TEXT, text.at, text.len_bytes);
	memset(plain + AT_TEXT + text.len_bytes, 0,
	       len_bytes - AT_TEXT - text.len_bytes);
	plain[AT_TEXT + text.len_bytes] = PAD_BYTE;
	return hf_span(plain, len_bytes);
}

/* Take a plaintext apart; anything but what put_plain() writes is refused. */
static enum hf_err take_plain(struct hf_span plain, uint32_t class_bytes,
			      struct hf_span *out_text, struct hf_why *why)
{
	size_t text_len_bytes = hf_be32(plain.at + AT_TEXT_LEN);
	const uint8_t *pad;
	uint8_t other = 0;

	if (text_len_bytes > plain.len_bytes - AT_TEXT - 1)
		return hf_why(why, HF_E_MALFORMED,
			      "envelope: says that its text has more bytes "
			      "than there are");
	if (class_of(text_len_bytes) != class_bytes)
		return hf_why(why, HF_E_MALFORMED,
			      "envelope: %u bytes for a text that fits %u",
			      class_bytes, class_of(text_len_bytes));
	pad = plain.at + AT_TEXT + text_len_bytes;
	for (const uint8_t *at = pad + 1; at < plain.at + plain.len_bytes; at++)
		other |= *at;
	if (*pad != PAD_BYTE || other != 0)
		return hf_why(why, HF_E_MALFORMED,
			      "envelope: its padding is not 0x80 and zeros");
	*out_text = hf_span(plain.at + AT_TEXT, text_len_bytes);
	return HF_OK;
}

static enum hf_err verify(struct hf_span text, const struct hf_public_key *key,
			  const uint8_t *signature, const char *which,
			  struct hf_why *why)
{
	if (hf_sign_verify(key, text, signature) != HF_OK)
		return hf_why(why, HF_E_SIGNATURE,
			      "envelope: its %s signature is not by the "
			      "sender's notice key",
			      which);
	return HF_OK;
}

static enum hf_err check_outer(struct scratch *scratch,
			       const struct hf_envelope *envelope,
			       const struct hf_public_key *sender,
			       struct hf_why *why)
{
	return verify(outer_text(scratch, envelope->header_bytes, envelope->enc,
				 envelope->sealed),
		      sender, envelope->signature.at, "outer", why);
}

/*
 * What callers ask.
 */

enum hf_err hf_envelope_check(const struct hf_envelope *envelope,
			      const struct hf_public_key *sender,
			      struct hf_why *why)
{
	struct scratch *scratch =
		scratch_new(envelope->header.class_bytes, why);
	enum hf_err err;

	if (scratch == NULL)
		return HF_E_NOMEM;
	err = check_outer(scratch, envelope, sender, why);
	scratch_free(scratch);
	return err;
}

static enum hf_err check_text_len(struct hf_span text, struct hf_why *why)
{
	if (text.len_bytes > HF_CASE_TEXT_MAX_BYTES)
		return hf_why(why, HF_E_LIMIT,
			      "envelope: a text has at most %d bytes, not %zu",
			      HF_CASE_TEXT_MAX_BYTES, text.len_bytes);
	return HF_OK;
}

enum hf_err
hf_envelope_seal(struct hf_envelope_header *header, struct hf_span text,
		 const struct hf_secret *sender,
		 const uint8_t recipient_key[static HF_PUBLIC_KEY_BYTES],
		 const uint8_t ephemeral_seed[static HF_SEED_BYTES],
		 struct hf_buf *out_envelope,
		 uint8_t out_inner_signature[static HF_SIGNATURE_BYTES],
		 struct hf_why *why)
{
	uint8_t head[HF_ENVELOPE_HEADER_BYTES] = { 0 }, info[INFO_BYTES];
	uint8_t enc[HF_HPKE_ENC_BYTES];
	uint8_t inner[HF_SIGNATURE_BYTES], outer[HF_SIGNATURE_BYTES];
	const struct hf_span header_bytes = hf_span(head, sizeof(head));
	struct hf_envelope_header made = *header;
	struct hf_span plain, sealed, enc_span = hf_span(enc, sizeof(enc));
	struct scratch *scratch;
	enum hf_err err = check_text_len(text, why);

	if (err != HF_OK)
		return err;
	hf_receive_key_id(recipient_key, made.receive_key_id);
	made.class_bytes = class_of(text.len_bytes);
	scratch = scratch_new(made.class_bytes, why);
	if (scratch == NULL)
		return HF_E_NOMEM;
	put_header(&made, head);
	put_info(header_bytes, info);
	hf_sign(sender, inner_text(scratch, header_bytes, text), inner);
	plain = put_plain(scratch, text, inner, made.class_bytes);
	err = hf_hpke_seal(recipient_key, ephemeral_seed,
			   hf_span(info, sizeof(info)), header_bytes, plain,
			   enc, scratch->sealed, why);
	if (err != HF_OK)
		goto out_free;
	sealed = hf_span(scratch->sealed, made.class_bytes);
	hf_sign(sender, outer_text(scratch, header_bytes, enc_span, sealed),
		outer);
	hf_buf_put(out_envelope, header_bytes);
	hf_buf_put(out_envelope, enc_span);
	hf_buf_put(out_envelope, sealed);
	hf_buf_put(out_envelope, hf_span(outer, sizeof(outer)));
	err = hf_buf_failed(out_envelope);
	if (err != HF_OK) {
		(void)hf_why(why, err, "envelope: %s", hf_err_words(err));
		goto out_free;
	}
	memcpy(out_inner_signature, inner, sizeof(inner));
	*header = made;

out_free:
	scratch_free(scratch);
	return err;
}

static enum hf_err check_key_id(const struct hf_envelope *envelope,
				const uint8_t key[static HF_PUBLIC_KEY_BYTES],
				enum hf_err other, struct hf_why *why)
{
	uint8_t id[HF_RECEIVE_KEY_ID_BYTES];

	hf_receive_key_id(key, id);
	if (memcmp(id, envelope->header.receive_key_id, sizeof(id)) != 0)
		return hf_why(why, other,
			      "envelope: was sealed for another receive key");
	return HF_OK;
}

/* Everything but the outer signature and the key id. */
static enum hf_err open_sealed(struct scratch *scratch,
			       const struct hf_envelope *envelope,
			       const struct hf_public_key *sender,
			       const uint8_t receive_seed[static HF_SEED_BYTES],
			       const uint8_t key[static HF_PUBLIC_KEY_BYTES],
			       struct hf_span *out_text, struct hf_why *why)
{
	const struct hf_span plain = hf_span(
		scratch->plain, envelope->sealed.len_bytes - HF_HPKE_TAG_BYTES);
	uint8_t info[INFO_BYTES];
	struct hf_span text;
	enum hf_err err;

	put_info(envelope->header_bytes, info);
	err = hf_hpke_open(receive_seed, key, envelope->enc.at,
			   hf_span(info, sizeof(info)), envelope->header_bytes,
			   envelope->sealed, scratch->plain, why);
	if (err != HF_OK) {
		hf_why_prefix(why, "envelope: ");
		return err;
	}
	err = take_plain(plain, envelope->header.class_bytes, &text, why);
	if (err == HF_OK)
		err = verify(inner_text(scratch, envelope->header_bytes, text),
			     sender, plain.at + AT_INNER, "inner", why);
	if (err == HF_OK)
		*out_text = text;
	return err;
}

enum hf_err
hf_envelope_open(const struct hf_envelope *envelope,
		 const struct hf_public_key *sender,
		 const uint8_t receive_seed[static HF_SEED_BYTES],
		 struct hf_buf *out_text,
		 uint8_t out_inner_signature[static HF_SIGNATURE_BYTES],
		 struct hf_why *why)
{
	struct scratch *scratch =
		scratch_new(envelope->header.class_bytes, why);
	uint8_t key[HF_PUBLIC_KEY_BYTES];
	struct hf_span text;
	enum hf_err err;

	if (scratch == NULL)
		return HF_E_NOMEM;
	hf_receive_public(receive_seed, key);
	err = check_key_id(envelope, key, HF_E_DENIED, why);
	if (err == HF_OK)
		err = check_outer(scratch, envelope, sender, why);
	if (err == HF_OK)
		err = open_sealed(scratch, envelope, sender, receive_seed, key,
				  &text, why);
	if (err != HF_OK)
		goto out_free;
	hf_buf_put(out_text, text);
	err = hf_buf_failed(out_text);
	if (err == HF_OK)
		memcpy(out_inner_signature, scratch->plain + AT_INNER,
		       HF_SIGNATURE_BYTES);
	else
		(void)hf_why(why, err, "envelope: text: %s", hf_err_words(err));

out_free:
	scratch_free(scratch);
	return err;
}

enum hf_err
hf_envelope_check_inner(struct hf_span header_bytes, struct hf_span text,
			const struct hf_public_key *sender,
			const uint8_t signature[static HF_SIGNATURE_BYTES],
			struct hf_why *why)
{
	struct hf_envelope_header header;
	struct scratch *scratch;
	enum hf_err err = check_text_len(text, why);

	if (err == HF_OK)
		err = hf_envelope_header_parse(header_bytes, &header, why);
	if (err == HF_OK && class_of(text.len_bytes) != header.class_bytes)
		err = hf_why(why, HF_E_MALFORMED,
			     "envelope: the header is one of another text");
	if (err != HF_OK)
		return err;
	scratch = scratch_new(header.class_bytes, why);
	if (scratch == NULL)
		return HF_E_NOMEM;
	err = verify(inner_text(scratch, header_bytes, text), sender, signature,
		     "inner", why);
	scratch_free(scratch);
	return err;
}

enum hf_err
hf_envelope_prove(const struct hf_envelope *envelope, struct hf_span text,
		  const uint8_t inner_signature[static HF_SIGNATURE_BYTES],
		  const uint8_t recipient_key[static HF_PUBLIC_KEY_BYTES],
		  const uint8_t ephemeral_seed[static HF_SEED_BYTES],
		  struct hf_why *why)
{
	uint32_t class_bytes = envelope->header.class_bytes;
	uint8_t info[INFO_BYTES], enc[HF_HPKE_ENC_BYTES];
	struct scratch *scratch;
	enum hf_err err;

	err = check_key_id(envelope, recipient_key, HF_E_PROOF, why);
	if (err != HF_OK)
		return err;
	if (text.len_bytes > HF_CASE_TEXT_MAX_BYTES ||
	    class_of(text.len_bytes) != class_bytes)
		return hf_why(why, HF_E_PROOF,
			      "envelope: a text of this length is not in it");
	scratch = scratch_new(class_bytes, why);
	if (scratch == NULL)
		return HF_E_NOMEM;
	put_info(envelope->header_bytes, info);
	err = hf_hpke_seal(
		recipient_key, ephemeral_seed, hf_span(info, sizeof(info)),
		envelope->header_bytes,
		put_plain(scratch, text, inner_signature, class_bytes), enc,
		scratch->sealed, why);
	/* The receive key is what somebody showed, and part of the proof. */
	if (err == HF_E_ARGUMENT)
		err = HF_E_PROOF;
	else if (err == HF_OK &&
		 (!hf_span_equal(envelope->enc, hf_span(enc, sizeof(enc))) ||
		  !hf_span_equal(envelope->sealed,
				 hf_span(scratch->sealed, class_bytes))))
		err = hf_why(why, HF_E_PROOF,
			     "envelope: sealing this text again gives another "
			     "envelope");
	scratch_free(scratch);
	return err;
}
