/*
 * sign.h -- Ed25519 keys and signatures, X25519 keys, randomness.
 *
 * Secret keys live in memory from hf_secret_new() only: locked, guarded,
 * wiped when freed, left out of core files.
 *
 * Units    bytes; the sizes below.
 * Owns     hf_secret_new() gives the caller a secret; hf_secret_free() wipes
 *          and takes it back.
 * Threads  hf_sign_start() once, before anything else here and before any
 *          thread; all else from any thread.
 * Errors   SIGNATURE for one that does not verify; ARGUMENT for a public key
 *          of small order or not on the curve; NOMEM.
 * Source   RFC 8032, RFC 7748, libsodium 1.0.18.
 */
#ifndef HF_SIGN_H
#define HF_SIGN_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "limit.h"
#include "span.h"

#define HF_SEED_BYTES 32

struct hf_public_key {
	uint8_t bytes[HF_PUBLIC_KEY_BYTES];
};

/* An Ed25519 key pair, or an X25519 one: the seed and what follows from it. */
struct hf_secret;

/* Make libsodium ready.  SYSTEM when it cannot be. */
HF_MUST enum hf_err hf_sign_start(struct hf_why *why);

/* Unguessable bytes. */
void hf_random(void *out_bytes, size_t len_bytes);

/* Overwrite in a way that the compiler keeps. */
void hf_wipe(void *bytes, size_t len_bytes);

/* Guarded, locked memory for seeds and passphrases; NULL without memory. */
void *hf_secret_bytes_new(size_t len_bytes);
void hf_secret_bytes_free(void *bytes);

/* A fresh Ed25519 key. */
HF_MUST enum hf_err hf_secret_new(struct hf_secret **out_secret,
				  struct hf_why *why);

/* The Ed25519 key of a seed, which the caller wipes. */
HF_MUST enum hf_err
hf_secret_from_seed(const uint8_t seed[static HF_SEED_BYTES],
		    struct hf_secret **out_secret, struct hf_why *why);

void hf_secret_free(struct hf_secret *secret);

/* Borrowed until the secret is freed. */
const struct hf_public_key *hf_secret_public(const struct hf_secret *secret);

/* The seed, for the vault and the certificate maker only; borrowed. */
const uint8_t *hf_secret_seed(const struct hf_secret *secret);

/* The X25519 public key of a seed used as a receive key. */
void hf_receive_public(const uint8_t seed[static HF_SEED_BYTES],
		       uint8_t out_public[static HF_PUBLIC_KEY_BYTES]);

void hf_sign(const struct hf_secret *secret, struct hf_span message,
	     uint8_t out_signature[static HF_SIGNATURE_BYTES]);

/* SIGNATURE unless it verifies.  Keys of small order never verify. */
HF_MUST enum hf_err
hf_sign_verify(const struct hf_public_key *key, struct hf_span message,
	       const uint8_t signature[static HF_SIGNATURE_BYTES]);

/* ARGUMENT for a key that no signature should be checked with: off the
 * curve, not canonical, or of small order (such a key verifies any message
 * in some libraries).  Call it wherever a key is configured or received. */
HF_MUST enum hf_err hf_public_key_check(const struct hf_public_key *key);

void hf_key_id(const struct hf_public_key *key,
	       uint8_t out_id[static HF_KEY_ID_BYTES]);

#endif /* HF_SIGN_H */
