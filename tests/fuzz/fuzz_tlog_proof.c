/*
 * Inclusion, consistency and chunk proofs, and stored frontiers: two numbers
 * of eight bytes, two hashes, then hashes or a frontier.
 */
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "chunk.h"
#include "tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HEAD_BYTES (8 + 8 + 2 * HF_HASH_BYTES)

static void frontier_try(struct hf_span bytes)
{
	uint8_t again[HF_FRONTIER_MAX_BYTES];
	struct hf_frontier frontier;
	struct hf_tree_hash root;
	struct hf_why why;
	uint64_t size;

	if (hf_frontier_parse(bytes, &frontier, &why) != HF_OK)
		return;
	if (!hf_span_equal(hf_span(again, hf_frontier_encode(&frontier, again)),
			   bytes))
		abort();
	hf_frontier_root(&frontier, &root);
	size = frontier.size;
	if (hf_frontier_append(&frontier, &root, NULL, &why) == HF_OK &&
	    frontier.size != size + 1)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hf_tree_hash left, right;
	struct hf_tree_proof proof;
	struct hf_span rest;
	struct hf_why why;
	uint64_t low, high;

	frontier_try(hf_span(data, size));
	if (size < HEAD_BYTES)
		return 0;
	low = hf_be64(data);
	high = hf_be64(data + 8);
	memcpy(left.bytes, data + 16, HF_HASH_BYTES);
	memcpy(right.bytes, data + 16 + HF_HASH_BYTES, HF_HASH_BYTES);
	rest = hf_span(data + HEAD_BYTES, size - HEAD_BYTES);
	if (hf_tree_proof_parse(rest, &proof, &why) != HF_OK)
		return 0;
	if (!hf_span_equal(hf_tree_proof_span(&proof), rest))
		abort();

	if (hf_tree_verify_inclusion(&left, low, high, &proof, &right, &why) ==
		    HF_OK &&
	    low >= high)
		abort();
	if (hf_tree_verify_consistency(low, &left, high, &right, &proof,
				       &why) == HF_OK &&
	    (low == 0 || low > high))
		abort();
	if (hf_tree_verify_growth(low, &left, high, &right, &proof, &why) ==
		    HF_OK &&
	    low > high)
		abort();
	if (hf_chunk_verify_root(&left, low, high, &proof, &right, &why) ==
		    HF_OK &&
	    low >= hf_chunk_count(high))
		abort();
	if (hf_chunk_verify(rest, low, high, &proof, &right, &why) == HF_OK &&
	    hf_chunk_entries(high, low) == 0)
		abort();
	return 0;
}
