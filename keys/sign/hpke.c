#include <string.h>

#include <sodium.h>

#include "sha256.h"

#include "hpke.h"

_Static_assert(HF_HPKE_ENC_BYTES == crypto_scalarmult_BYTES, "X25519");
_Static_assert(HF_HPKE_TAG_BYTES == crypto_aead_chacha20poly1305_ietf_ABYTES,
	       "ChaCha20-Poly1305");
_Static_assert(HF_SHA256_BYTES == crypto_aead_chacha20poly1305_ietf_KEYBYTES,
	       "an AEAD key is one output of the KDF");

#define NONCE_BYTES crypto_aead_chacha20poly1305_ietf_NPUBBYTES
#define MODE_BASE   0

/* suite_id of the KEM, and of the whole: RFC 9180 sections 4.1 and 5.1. */
static const uint8_t kem_suite[] = { 'K', 'E', 'M', 0x00, 0x20 };
static const uint8_t hpke_suite[] = { 'H',  'P',  'K',  'E',  0x00,
				      0x20, 0x00, 0x01, 0x00, 0x03 };

#define KEM  hf_span(kem_suite, sizeof(kem_suite))
#define HPKE hf_span(hpke_suite, sizeof(hpke_suite))

/* What seals: one message, so the base nonce is the nonce. */
struct schedule {
	uint8_t key[HF_SHA256_BYTES];
	uint8_t nonce[NONCE_BYTES];
};

static void put(struct hf_hmac *hmac, struct hf_span bytes)
{
	if (bytes.len_bytes > 0)
		hf_hmac_update(hmac, bytes.at, bytes.len_bytes);
}

/* LabeledExtract().  An empty salt is HMAC's empty key. */
static void extract(struct hf_span suite, struct hf_span salt,
		    const char *label, struct hf_span secret,
		    uint8_t out[static HF_SHA256_BYTES])
{
	struct hf_hmac hmac;

	hf_hmac_init(&hmac, salt);
	put(&hmac, hf_span_of("HPKE-v1"));
	put(&hmac, suite);
	put(&hmac, hf_span_of(label));
	put(&hmac, secret);
	hf_hmac_final(&hmac, out);
	sodium_memzero(&hmac, sizeof(hmac));
}

/* LabeledExpand() to at most one block. */
static void expand(struct hf_span suite, const uint8_t prk[HF_SHA256_BYTES],
		   const char *label, struct hf_span info, uint8_t *out,
		   size_t len_bytes)
{
	const uint8_t length[2] = { 0, (uint8_t)len_bytes }, one = 1;
	uint8_t block[HF_SHA256_BYTES];
	struct hf_hmac hmac;

	hf_hmac_init(&hmac, hf_span(prk, HF_SHA256_BYTES));
	put(&hmac, hf_span(length, sizeof(length)));
	put(&hmac, hf_span_of("HPKE-v1"));
	put(&hmac, suite);
	put(&hmac, hf_span_of(label));
	put(&hmac, info);
	put(&hmac, hf_span(&one, 1));
	hf_hmac_final(&hmac, block);
	memcpy(out, block, len_bytes);
	sodium_memzero(&hmac, sizeof(hmac));
	sodium_memzero(block, sizeof(block));
}

/* ExtractAndExpand() of DHKEM, then KeySchedule() without a PSK. */
static void key_schedule(const uint8_t dh[HF_SHA256_BYTES],
			 const uint8_t enc[HF_HPKE_ENC_BYTES],
			 const uint8_t recipient[HF_PUBLIC_KEY_BYTES],
			 struct hf_span info, struct schedule *out)
{
	uint8_t kem_context[HF_HPKE_ENC_BYTES + HF_PUBLIC_KEY_BYTES];
	uint8_t context[1 + 2 * HF_SHA256_BYTES] = { MODE_BASE };
	uint8_t prk[HF_SHA256_BYTES], shared[HF_SHA256_BYTES];
	const struct hf_span none = { NULL, 0 };

	memcpy(kem_context, enc, HF_HPKE_ENC_BYTES);
	memcpy(kem_context + HF_HPKE_ENC_BYTES, recipient, HF_PUBLIC_KEY_BYTES);
	extract(KEM, none, "eae_prk", hf_span(dh, HF_SHA256_BYTES), prk);
	expand(KEM, prk, "shared_secret",
	       hf_span(kem_context, sizeof(kem_context)), shared,
	       sizeof(shared));

	extract(HPKE, none, "psk_id_hash", none, context + 1);
	extract(HPKE, none, "info_hash", info, context + 1 + HF_SHA256_BYTES);
	extract(HPKE, hf_span(shared, sizeof(shared)), "secret", none, prk);
	expand(HPKE, prk, "key", hf_span(context, sizeof(context)), out->key,
	       sizeof(out->key));
	expand(HPKE, prk, "base_nonce", hf_span(context, sizeof(context)),
	       out->nonce, sizeof(out->nonce));
	sodium_memzero(prk, sizeof(prk));
	sodium_memzero(shared, sizeof(shared));
}

enum hf_err hf_hpke_seal(const uint8_t recipient[static HF_PUBLIC_KEY_BYTES],
			 const uint8_t ephemeral_seed[static HF_SEED_BYTES],
			 struct hf_span info, struct hf_span aad,
			 struct hf_span plain,
			 uint8_t out_enc[static HF_HPKE_ENC_BYTES],
			 uint8_t *out_sealed, struct hf_why *why)
{
	uint8_t dh[crypto_scalarmult_BYTES];
	struct schedule schedule;

	/* libsodium refuses a result of zeros (RFC 9180 section 7.1.4). */
	if (crypto_scalarmult(dh, ephemeral_seed, recipient) != 0)
		return hf_why(why, HF_E_ARGUMENT,
			      "the receive key is of small order: nothing may "
			      "be sealed for it");
	crypto_scalarmult_base(out_enc, ephemeral_seed);
	key_schedule(dh, out_enc, recipient, info, &schedule);
	crypto_aead_chacha20poly1305_ietf_encrypt(
		out_sealed, NULL, plain.at, plain.len_bytes, aad.at,
		aad.len_bytes, NULL, schedule.nonce, schedule.key);
	sodium_memzero(dh, sizeof(dh));
	sodium_memzero(&schedule, sizeof(schedule));
	return HF_OK;
}

enum hf_err hf_hpke_open(const uint8_t receive_seed[static HF_SEED_BYTES],
			 const uint8_t recipient[static HF_PUBLIC_KEY_BYTES],
			 const uint8_t enc[static HF_HPKE_ENC_BYTES],
			 struct hf_span info, struct hf_span aad,
			 struct hf_span sealed, uint8_t *out_plain,
			 struct hf_why *why)
{
	uint8_t dh[crypto_scalarmult_BYTES];
	struct schedule schedule;
	int rc;

	if (sealed.len_bytes < HF_HPKE_TAG_BYTES ||
	    crypto_scalarmult(dh, receive_seed, enc) != 0)
		return hf_why(why, HF_E_SIGNATURE,
			      "it was not sealed for this receive key");
	key_schedule(dh, enc, recipient, info, &schedule);
	rc = crypto_aead_chacha20poly1305_ietf_decrypt(
		out_plain, NULL, NULL, sealed.at, sealed.len_bytes, aad.at,
		aad.len_bytes, schedule.nonce, schedule.key);
	sodium_memzero(dh, sizeof(dh));
	sodium_memzero(&schedule, sizeof(schedule));
	if (rc != 0)
		return hf_why(why, HF_E_SIGNATURE,
			      "it was not sealed for this receive key, or was "
			      "altered");
	return HF_OK;
}

enum hf_err hf_hpke_key_check(const uint8_t key[static HF_PUBLIC_KEY_BYTES])
{
	/* Any secret: a multiple of the cofactor maps every point of small
	 * order to zero, and X25519 makes every secret one. */
	const uint8_t any[crypto_scalarmult_SCALARBYTES] = { 9 };
	uint8_t dh[crypto_scalarmult_BYTES];

	return crypto_scalarmult(dh, any, key) == 0 ? HF_OK : HF_E_ARGUMENT;
}
