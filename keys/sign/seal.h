/*
 * seal.h -- a secret at rest: Argon2id from a passphrase, XChaCha20-Poly1305
 * around the bytes, everything before them authenticated.
 *
 * Units    bytes; KiB of memory for Argon2id.
 * Owns     nothing: the caller's buffers.
 * Threads  any.
 * Errors   SIGNATURE when the passphrase is wrong or a byte was changed;
 *          ARGUMENT for costs outside what we accept; NOMEM.
 * Source   RFC 9106; draft-irtf-cfrg-xchacha-03; libsodium 1.0.18.  Costs as
 *          measured: 3 passes over 256 MiB take 0.5 s here, 4 over 1 GiB 2.9.
 */
#ifndef HF_SEAL_H
#define HF_SEAL_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "span.h"

#define HF_SEAL_KEY_BYTES   32
#define HF_SEAL_SALT_BYTES  16
#define HF_SEAL_NONCE_BYTES 24
#define HF_SEAL_TAG_BYTES   16

/* What we accept, so that a key file cannot ask for a day or 100 GiB. */
#define HF_SEAL_OPS_MIN     1
#define HF_SEAL_OPS_MAX     16
#define HF_SEAL_MEM_MIN_KIB ((uint32_t)64 * 1024)
#define HF_SEAL_MEM_MAX_KIB ((uint32_t)2 * 1024 * 1024)

struct hf_seal_cost {
	uint32_t ops;
	uint32_t mem_kib;
};

HF_MUST enum hf_err
hf_seal_derive(struct hf_span passphrase,
	       const uint8_t salt[static HF_SEAL_SALT_BYTES],
	       struct hf_seal_cost cost,
	       uint8_t out_key[static HF_SEAL_KEY_BYTES], struct hf_why *why);

/* plain.len_bytes + HF_SEAL_TAG_BYTES bytes. */
void hf_seal_close(const uint8_t key[static HF_SEAL_KEY_BYTES],
		   const uint8_t nonce[static HF_SEAL_NONCE_BYTES],
		   struct hf_span header, struct hf_span plain,
		   uint8_t *out_sealed);

/* sealed.len_bytes - HF_SEAL_TAG_BYTES bytes. */
HF_MUST enum hf_err
hf_seal_open(const uint8_t key[static HF_SEAL_KEY_BYTES],
	     const uint8_t nonce[static HF_SEAL_NONCE_BYTES],
	     struct hf_span header, struct hf_span sealed, uint8_t *out_plain);

#endif /* HF_SEAL_H */
