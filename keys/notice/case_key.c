#include <string.h>

#include "bytes.h"
#include "sha256.h"

#include "case_key.h"

#define KEY_DOMAIN "hashfed/case/v1"

void hf_case_key(struct hf_span origin, uint64_t index,
		 uint8_t out_key[static HF_CASE_KEY_BYTES])
{
	uint8_t digest[HF_SHA256_BYTES], number[8];
	struct hf_sha256 hash;

	hf_be64_put(number, index);
	hf_sha256_init(&hash);
	hf_sha256_update(&hash, KEY_DOMAIN, sizeof(KEY_DOMAIN));
	hf_sha256_update(&hash, origin.at, origin.len_bytes);
	hf_sha256_update(&hash, "", 1);
	hf_sha256_update(&hash, number, sizeof(number));
	hf_sha256_final(&hash, digest);
	memcpy(out_key, digest, HF_CASE_KEY_BYTES);
}
