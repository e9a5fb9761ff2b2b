#include <string.h>

#include <sodium.h>

#include "sha256.h"
#include "sign.h"

_Static_assert(HF_SIGNATURE_BYTES == crypto_sign_BYTES, "Ed25519");
_Static_assert(HF_SEED_BYTES == crypto_sign_SEEDBYTES, "Ed25519");
_Static_assert(HF_PUBLIC_KEY_BYTES == crypto_sign_PUBLICKEYBYTES, "Ed25519");

struct hf_secret {
	uint8_t expanded[crypto_sign_SECRETKEYBYTES]; /* seed, public key */
	struct hf_public_key public_key;
};

enum hf_err hf_sign_start(struct hf_why *why)
{
	if (sodium_init() < 0)
		return hf_why(why, HF_E_SYSTEM, "libsodium did not start");
	return HF_OK;
}

/* libsodium asks the system for at most 256 bytes at a time: a thousand
 * openings would be 125 system calls.  So what is longer comes out of ChaCha20
 * under a fresh key. */
#define ASKED_BYTES 256

void hf_random(void *out_bytes, size_t len_bytes)
{
	uint8_t seed[randombytes_SEEDBYTES];

	if (len_bytes <= ASKED_BYTES) {
		randombytes_buf(out_bytes, len_bytes);
		return;
	}
	randombytes_buf(seed, sizeof(seed));
	randombytes_buf_deterministic(out_bytes, len_bytes, seed);
	sodium_memzero(seed, sizeof(seed));
}

void hf_wipe(void *bytes, size_t len_bytes)
{
	sodium_memzero(bytes, len_bytes);
}

void *hf_secret_bytes_new(size_t len_bytes)
{
	return sodium_malloc(len_bytes);
}

void hf_secret_bytes_free(void *bytes)
{
	sodium_free(bytes);
}

enum hf_err hf_secret_from_seed(const uint8_t seed[static HF_SEED_BYTES],
				struct hf_secret **out_secret,
				struct hf_why *why)
{
	struct hf_secret *secret = sodium_malloc(sizeof(*secret));

	if (secret == NULL)
		return hf_why(why, HF_E_NOMEM, "no locked memory for a key");
	crypto_sign_seed_keypair(secret->public_key.bytes, secret->expanded,
				 seed);
	*out_secret = secret;
	return HF_OK;
}

enum hf_err hf_secret_new(struct hf_secret **out_secret, struct hf_why *why)
{
	uint8_t *seed = sodium_malloc(HF_SEED_BYTES);
	enum hf_err err;

	if (seed == NULL)
		return hf_why(why, HF_E_NOMEM, "no locked memory for a key");
	randombytes_buf(seed, HF_SEED_BYTES);
	err = hf_secret_from_seed(seed, out_secret, why);
	sodium_free(seed);
	return err;
}

void hf_secret_free(struct hf_secret *secret)
{
	sodium_free(secret);
}

const struct hf_public_key *hf_secret_public(const struct hf_secret *secret)
{
	return &secret->public_key;
}

const uint8_t *hf_secret_seed(const struct hf_secret *secret)
{
	/* libsodium's secret key begins with the seed. */
	return secret->expanded;
}

void hf_receive_public(const uint8_t seed[static HF_SEED_BYTES],
		       uint8_t out_public[static HF_PUBLIC_KEY_BYTES])
{
	crypto_scalarmult_base(out_public, seed);
}

void hf_sign(const struct hf_secret *secret, struct hf_span message,
	     uint8_t out_signature[static HF_SIGNATURE_BYTES])
{
	crypto_sign_detached(out_signature, NULL, message.at, message.len_bytes,
			     secret->expanded);
}

enum hf_err hf_sign_verify(const struct hf_public_key *key,
			   struct hf_span message,
			   const uint8_t signature[static HF_SIGNATURE_BYTES])
{
	if (crypto_sign_verify_detached(signature, message.at,
					message.len_bytes, key->bytes) != 0)
		return HF_E_SIGNATURE;
	return HF_OK;
}

enum hf_err hf_public_key_check(const struct hf_public_key *key)
{
	return crypto_core_ed25519_is_valid_point(key->bytes) == 1
		       ? HF_OK
		       : HF_E_ARGUMENT;
}

void hf_key_id(const struct hf_public_key *key,
	       uint8_t out_id[static HF_KEY_ID_BYTES])
{
	uint8_t digest[HF_SHA256_BYTES];

	hf_sha256(key->bytes, sizeof(key->bytes), digest);
	memcpy(out_id, digest, HF_KEY_ID_BYTES);
}
