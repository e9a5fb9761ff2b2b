#include <string.h>

#include "leaf.h"

#include "chunk.h"

void hf_chunk_hash(const uint8_t *headers, size_t count,
		   struct hf_tree_hash *out_leaves,
		   struct hf_tree_hash *out_root)
{
	struct hf_tree_hash scratch[HF_CHUNK_ENTRIES];

	hf_leaf_hashes(headers, count, out_leaves);
	memcpy(scratch, out_leaves, count * sizeof(scratch[0]));
	hf_tree_fold(scratch, count, out_root);
}

void hf_chunk_root(const uint8_t *headers, size_t count,
		   struct hf_tree_hash *out_root)
{
	struct hf_tree_hash scratch[HF_CHUNK_ENTRIES];

	hf_leaf_hashes(headers, count, scratch);
	hf_tree_fold(scratch, count, out_root);
}

enum hf_err hf_chunk_prove(const struct hf_tree_reader *reader, uint64_t chunk,
			   uint64_t size, struct hf_tree_proof *out_proof,
			   struct hf_why *why)
{
	return hf_tree_prove_subtree(reader, HF_CHUNK_LEVEL, chunk, size,
				     out_proof, why);
}

enum hf_err hf_chunk_verify(struct hf_span headers, uint64_t chunk,
			    uint64_t size, const struct hf_tree_proof *proof,
			    const struct hf_tree_hash *root, struct hf_why *why)
{
	size_t entries = hf_chunk_entries(size, chunk);
	struct hf_tree_hash chunk_root;

	if (entries == 0 || headers.len_bytes != entries * HF_HEADER_BYTES)
		return hf_why(why, HF_E_PROOF,
			      "chunk %llu: %zu bytes of headers, %zu entries "
			      "in a tree of %llu",
			      (unsigned long long)chunk, headers.len_bytes,
			      entries, (unsigned long long)size);
	hf_chunk_root(headers.at, entries, &chunk_root);
	return hf_chunk_verify_root(&chunk_root, chunk, size, proof, root, why);
}

enum hf_err hf_chunk_verify_root(const struct hf_tree_hash *chunk_root,
				 uint64_t chunk, uint64_t size,
				 const struct hf_tree_proof *proof,
				 const struct hf_tree_hash *root,
				 struct hf_why *why)
{
	enum hf_err err = hf_tree_verify_inclusion(
		chunk_root, chunk, hf_chunk_count(size), proof, root, why);

	if (err != HF_OK)
		hf_why_prefix(why, "chunk %llu: ", (unsigned long long)chunk);
	return err;
}
