/*
 * hpke.h -- HPKE, base mode, one message for each key: X25519, HKDF-SHA256,
 * ChaCha20-Poly1305.
 *
 * The ephemeral secret is the caller's: whoever keeps it can show later what
 * was sealed, and nobody else can.  Never use one twice.
 *
 * Units    bytes.
 * Owns     nothing: the caller's buffers, which may not overlap.
 * Threads  any; no state.
 * Errors   ARGUMENT for a public key of small order, which would give a key
 *          that everybody knows; SIGNATURE for what does not open.
 * Source   RFC 9180, sections 4.1, 5.1.1 and 6.1: mode_base, KEM 0x0020, KDF
 *          0x0001, AEAD 0x0003.  libsodium 1.0.18 has no HKDF: ours is
 *          hf_hmac.
 */
#ifndef HF_HPKE_H
#define HF_HPKE_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "limit.h"
#include "sign.h"
#include "span.h"

#define HF_HPKE_ENC_BYTES 32
#define HF_HPKE_TAG_BYTES 16

/* Seal plain: plain.len_bytes + HF_HPKE_TAG_BYTES bytes.  ephemeral_seed is
 * the ephemeral X25519 secret itself (skE). */
HF_MUST enum hf_err
hf_hpke_seal(const uint8_t recipient[static HF_PUBLIC_KEY_BYTES],
	     const uint8_t ephemeral_seed[static HF_SEED_BYTES],
	     struct hf_span info, struct hf_span aad, struct hf_span plain,
	     uint8_t out_enc[static HF_HPKE_ENC_BYTES], uint8_t *out_sealed,
	     struct hf_why *why);

/* Open: sealed.len_bytes - HF_HPKE_TAG_BYTES bytes.  receive_seed is the
 * X25519 secret and recipient what hf_receive_public() makes of it, which
 * callers have. */
HF_MUST enum hf_err
hf_hpke_open(const uint8_t receive_seed[static HF_SEED_BYTES],
	     const uint8_t recipient[static HF_PUBLIC_KEY_BYTES],
	     const uint8_t enc[static HF_HPKE_ENC_BYTES], struct hf_span info,
	     struct hf_span aad, struct hf_span sealed, uint8_t *out_plain,
	     struct hf_why *why);

/* ARGUMENT for a public key that nothing should be sealed for: one of small
 * order. */
HF_MUST enum hf_err
hf_hpke_key_check(const uint8_t key[static HF_PUBLIC_KEY_BYTES]);

#endif /* HF_HPKE_H */
