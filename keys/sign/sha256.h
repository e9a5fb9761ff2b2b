/*
 * sha256.h -- SHA-256 and HMAC-SHA-256, for many small inputs and bulk data.
 *
 * Units    bytes; a digest is 32.
 * Owns     nothing: contexts are values on the caller's stack.
 * Threads  any; a context is used by one thread at a time.
 * Errors   none: these cannot fail.
 * Source   FIPS 180-4, RFC 2104.  OpenSSL's low-level calls because they do
 *          10.5 M hashes of 64 bytes a second where EVP does 9 M, its
 *          one-shot SHA256() 3.0 M and libsodium 2.6 M.
 */
#ifndef HF_SHA256_H
#define HF_SHA256_H

#include <stddef.h>
#include <stdint.h>

#include "span.h"

#define HF_SHA256_BYTES 32

/* Room for OpenSSL's SHA256_CTX, checked where it is used. */
struct hf_sha256 {
	uint64_t opaque[16];
};

void hf_sha256_init(struct hf_sha256 *hash);
void hf_sha256_update(struct hf_sha256 *hash, const void *bytes,
		      size_t len_bytes);
void hf_sha256_final(struct hf_sha256 *hash,
		     uint8_t out_digest[static HF_SHA256_BYTES]);

/* One input. */
void hf_sha256(const void *bytes, size_t len_bytes,
	       uint8_t out_digest[static HF_SHA256_BYTES]);

/* SHA-256(tag || left || right): a node of a Merkle tree, or a leaf of 64
 * bytes.  A quarter faster than hf_sha256() of the same 65 bytes. */
void hf_sha256_pair(uint8_t tag, const uint8_t left[static HF_SHA256_BYTES],
		    const uint8_t right[static HF_SHA256_BYTES],
		    uint8_t out_digest[static HF_SHA256_BYTES]);

/* A key made ready once, for many messages.  Copy it to begin a message:
 * `struct hf_hmac message = ready;`. */
struct hf_hmac {
	struct hf_sha256 inner;
	struct hf_sha256 outer;
};

void hf_hmac_init(struct hf_hmac *hmac, struct hf_span key);
void hf_hmac_update(struct hf_hmac *hmac, const void *bytes, size_t len_bytes);
void hf_hmac_final(struct hf_hmac *hmac,
		   uint8_t out_digest[static HF_SHA256_BYTES]);

#endif /* HF_SHA256_H */
