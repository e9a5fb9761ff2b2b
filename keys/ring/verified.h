/*
 * verified.h -- signatures and keys of the ring's documents that were found
 * good before: a ring that is read again after a change has all but a few of
 * them.
 *
 * It remembers that something is good, never that it is not, and forgets where
 * two fall on one place.
 *
 * Units    bytes.
 * Owns     nothing: one table for the process, of a fixed size.
 * Threads  any.
 * Errors   those of sign.h.
 * Source   256 KiB for 8,192 of them; SHA-256 of a document takes 1 us,
 *          Ed25519 about 60 for a signature and as much for a key.
 */
#ifndef HF_VERIFIED_H
#define HF_VERIFIED_H

#include <stdint.h>

#include "err.h"
#include "sign.h"
#include "span.h"

/* As hf_sign_verify(). */
HF_MUST enum hf_err
hf_verified_check(const struct hf_public_key *key, struct hf_span text,
		  const uint8_t signature[static HF_SIGNATURE_BYTES]);

/* As hf_public_key_check(). */
HF_MUST enum hf_err hf_verified_key(const struct hf_public_key *key);

/* How many had to be computed so far, in this process. */
uint64_t hf_verified_computed_count(void);

#endif /* HF_VERIFIED_H */
