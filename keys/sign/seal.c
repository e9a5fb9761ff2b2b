#include <sodium.h>

#include "seal.h"

_Static_assert(HF_SEAL_KEY_BYTES == crypto_aead_xchacha20poly1305_ietf_KEYBYTES,
	       "XChaCha20-Poly1305");
_Static_assert(HF_SEAL_NONCE_BYTES ==
		       crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
	       "XChaCha20-Poly1305");
_Static_assert(HF_SEAL_SALT_BYTES == crypto_pwhash_SALTBYTES, "Argon2id");

enum hf_err hf_seal_derive(struct hf_span passphrase,
			   const uint8_t salt[static HF_SEAL_SALT_BYTES],
			   struct hf_seal_cost cost,
			   uint8_t out_key[static HF_SEAL_KEY_BYTES],
			   struct hf_why *why)
{
	if (cost.ops < HF_SEAL_OPS_MIN || cost.ops > HF_SEAL_OPS_MAX ||
	    cost.mem_kib < HF_SEAL_MEM_MIN_KIB ||
	    cost.mem_kib > HF_SEAL_MEM_MAX_KIB)
		return hf_why(why, HF_E_ARGUMENT,
			      "Argon2id with %u passes over %u KiB is outside "
			      "what is accepted",
			      cost.ops, cost.mem_kib);
	if (crypto_pwhash(out_key, HF_SEAL_KEY_BYTES,
			  (const char *)passphrase.at, passphrase.len_bytes,
			  salt, cost.ops, (size_t)cost.mem_kib * 1024,
			  crypto_pwhash_ALG_ARGON2ID13) != 0)
		return hf_why(why, HF_E_NOMEM, "Argon2id needs %u MiB",
			      cost.mem_kib / 1024);
	return HF_OK;
}

void hf_seal_close(const uint8_t key[static HF_SEAL_KEY_BYTES],
		   const uint8_t nonce[static HF_SEAL_NONCE_BYTES],
		   struct hf_span header, struct hf_span plain,
		   uint8_t *out_sealed)
{
	crypto_aead_xchacha20poly1305_ietf_encrypt(
		out_sealed, NULL, plain.at, plain.len_bytes, header.at,
		header.len_bytes, NULL, nonce, key);
}

enum hf_err hf_seal_open(const uint8_t key[static HF_SEAL_KEY_BYTES],
			 const uint8_t nonce[static HF_SEAL_NONCE_BYTES],
			 struct hf_span header, struct hf_span sealed,
			 uint8_t *out_plain)
{
	if (sealed.len_bytes < HF_SEAL_TAG_BYTES ||
	    crypto_aead_xchacha20poly1305_ietf_decrypt(
		    out_plain, NULL, NULL, sealed.at, sealed.len_bytes,
		    header.at, header.len_bytes, nonce, key) != 0)
		return HF_E_SIGNATURE;
	return HF_OK;
}
