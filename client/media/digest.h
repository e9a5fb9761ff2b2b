/*
 * digest.h -- MD5, SHA-1 and SHA-256 of the same bytes, in one pass.
 *
 * MD5 and SHA-1 are broken for signatures; here they only find what others
 * published under them.
 *
 * Units    bytes.
 * Owns     nothing: a value on the caller's stack.
 * Threads  any; one at a time for each value.
 * Errors   none: these cannot fail.
 * Source   RFC 1321, FIPS 180-4; OpenSSL's low-level calls, as in keys/sign,
 *          because they need no memory and no provider that allows MD5.
 */
#ifndef HF_DIGEST_H
#define HF_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#include "media.h"

/* Room for the three contexts, checked where they are used. */
struct hf_digest {
	uint64_t md5[12];
	uint64_t sha1[12];
	uint64_t sha256[14];
};

void hf_digest_init(struct hf_digest *digest);
void hf_digest_update(struct hf_digest *digest, const void *bytes,
		      size_t len_bytes);

/* Into the result's md5, sha1 and sha256. */
void hf_digest_final(struct hf_digest *digest,
		     struct hf_media_result *out_result);

#endif /* HF_DIGEST_H */
