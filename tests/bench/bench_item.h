/*
 * bench_item.h -- the items that benches publish and look up, each made of its
 * number: three exact hashes, a PDQ and a label, as a hotline would have.
 */
#ifndef HF_BENCH_ITEM_H
#define HF_BENCH_ITEM_H

#include <stdlib.h>

#include "bytes.h"
#include "codec_item.h"
#include "sha256.h"

/* Digest i of item n, as far as the algorithm takes of it. */
static inline void bench_digest(uint64_t n, uint8_t i, uint8_t out[static 32])
{
	uint8_t seed[9];

	hf_be64_put(seed, n);
	seed[8] = i;
	hf_sha256(seed, sizeof(seed), out);
}

/* Which of them is the SHA-256, and which the PDQ. */
#define BENCH_SHA256 2
#define BENCH_PDQ    3

static inline void bench_item(uint64_t n, struct hf_buf *buf)
{
	uint8_t digests[4][32];
	struct hf_hash hashes[4];
	const struct hf_label label = { "local", "bench" };
	static const enum hf_algorithm algorithms[] = {
		HF_ALGORITHM_MD5,
		HF_ALGORITHM_SHA1,
		HF_ALGORITHM_SHA256,
		HF_ALGORITHM_PDQ,
	};
	const struct hf_item item = {
		.hashes = hashes,
		.hashes_count = 4,
		.labels = &label,
		.labels_count = 1,
		.content_class = HF_CLASS_NCII,
	};

	for (uint8_t i = 0; i < 4; i++) {
		bench_digest(n, i, digests[i]);
		hashes[i] = (struct hf_hash){
			.algorithm = algorithms[i],
			.digest = hf_span(digests[i],
					  hf_algorithm_bytes(algorithms[i])),
			.quality_plus_one =
				algorithms[i] == HF_ALGORITHM_PDQ ? 101 : 0,
		};
	}
	if (hf_item_encode(&item, buf) != HF_OK)
		exit(1);
}

#endif /* HF_BENCH_ITEM_H */
