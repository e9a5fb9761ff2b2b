/* SHA256_Init() and its like are deprecated in OpenSSL 3 but not slower for
 * it; sha256.h has the numbers. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <string.h>

#include <openssl/sha.h>

#include "bytes.h"

#include "sha256.h"

#define BLOCK_BYTES 64

_Static_assert(sizeof(SHA256_CTX) <= sizeof(struct hf_sha256),
	       "struct hf_sha256 holds a SHA256_CTX");

static SHA256_CTX *context(struct hf_sha256 *hash)
{
	return (SHA256_CTX *)(void *)hash->opaque;
}

void hf_sha256_init(struct hf_sha256 *hash)
{
	SHA256_Init(context(hash));
}

void hf_sha256_update(struct hf_sha256 *hash, const void *bytes,
		      size_t len_bytes)
{
	if (len_bytes > 0)
		SHA256_Update(context(hash), bytes, len_bytes);
}

void hf_sha256_final(struct hf_sha256 *hash,
		     uint8_t out_digest[static HF_SHA256_BYTES])
{
	SHA256_Final(out_digest, context(hash));
}

void hf_sha256(const void *bytes, size_t len_bytes,
	       uint8_t out_digest[static HF_SHA256_BYTES])
{
	struct hf_sha256 hash;

	hf_sha256_init(&hash);
	hf_sha256_update(&hash, bytes, len_bytes);
	hf_sha256_final(&hash, out_digest);
}

void hf_sha256_pair(uint8_t tag, const uint8_t left[static HF_SHA256_BYTES],
		    const uint8_t right[static HF_SHA256_BYTES],
		    uint8_t out_digest[static HF_SHA256_BYTES])
{
	/* Two blocks with their padding as FIPS 180-4 section 5.1.1 has it: a
	 * one bit, zeros, and the length of 520 bits.  Given whole blocks,
	 * SHA256_Update() copies nothing and needs no SHA256_Final(). */
	uint8_t blocks[2 * BLOCK_BYTES] = {
		[1 + 2 * HF_SHA256_BYTES] = 0x80,
		[2 * BLOCK_BYTES - 2] = 520 >> 8,
		[2 * BLOCK_BYTES - 1] = 520 & 0xff,
	};
	SHA256_CTX hash;

	blocks[0] = tag;
	memcpy(blocks + 1, left, HF_SHA256_BYTES);
	memcpy(blocks + 1 + HF_SHA256_BYTES, right, HF_SHA256_BYTES);
	SHA256_Init(&hash);
	SHA256_Update(&hash, blocks, sizeof(blocks));
	for (size_t i = 0; i < 8; i++)
		hf_be32_put(out_digest + 4 * i, hash.h[i]);
}

void hf_hmac_init(struct hf_hmac *hmac, struct hf_span key)
{
	uint8_t block[BLOCK_BYTES] = { 0 };

	if (key.len_bytes > BLOCK_BYTES)
		hf_sha256(key.at, key.len_bytes, block);
	else if (key.len_bytes > 0)
		memcpy(block, key.at, key.len_bytes);

	for (size_t i = 0; i < BLOCK_BYTES; i++)
		block[i] ^= 0x36;
	hf_sha256_init(&hmac->inner);
	hf_sha256_update(&hmac->inner, block, BLOCK_BYTES);
	for (size_t i = 0; i < BLOCK_BYTES; i++)
		block[i] ^= 0x36 ^ 0x5c;
	hf_sha256_init(&hmac->outer);
	hf_sha256_update(&hmac->outer, block, BLOCK_BYTES);
	explicit_bzero(block, sizeof(block));
}

void hf_hmac_update(struct hf_hmac *hmac, const void *bytes, size_t len_bytes)
{
	hf_sha256_update(&hmac->inner, bytes, len_bytes);
}

void hf_hmac_final(struct hf_hmac *hmac,
		   uint8_t out_digest[static HF_SHA256_BYTES])
{
	uint8_t inner[HF_SHA256_BYTES];

	hf_sha256_final(&hmac->inner, inner);
	hf_sha256_update(&hmac->outer, inner, sizeof(inner));
	hf_sha256_final(&hmac->outer, out_digest);
}
