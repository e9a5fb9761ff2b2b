/*
 * chunk.h -- the unit of synchronisation: 256 headers, aligned at 256, proven
 * together.
 *
 * The RFC 6962 tree over N leaves is also the RFC 6962 tree over the roots of
 * its ceil(N / 256) chunks, so a chunk is authenticated by an ordinary
 * inclusion proof: index = number of the chunk, size = ceil(N / 256), leaf
 * hash = root of the chunk.
 *
 * Units    chunk counts chunks from 0; size counts entries; headers are 64
 *          bytes each, one behind the other.
 * Owns     nothing: the caller's buffers.
 * Threads  any; no state.
 * Errors   as tree.h.
 * Source   proto/SPEC.md section 5.6; equivalence:
 * tests/unit/test_tlog_chunk.c.
 */
#ifndef HF_CHUNK_H
#define HF_CHUNK_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "limit.h"
#include "span.h"
#include "tree.h"

/* The level of a whole chunk in the tree: 1 << 8 entries. */
#define HF_CHUNK_LEVEL 8

/* How many chunks a tree of size entries has, the unfinished one included. */
static inline uint64_t hf_chunk_count(uint64_t size)
{
	return size / HF_CHUNK_ENTRIES + (size % HF_CHUNK_ENTRIES != 0);
}

/* How many entries of a chunk are in a tree of size entries: 0 to 256. */
static inline size_t hf_chunk_entries(uint64_t size, uint64_t chunk)
{
	uint64_t whole = size / HF_CHUNK_ENTRIES;

	if (chunk < whole)
		return HF_CHUNK_ENTRIES;
	return chunk == whole ? (size_t)(size % HF_CHUNK_ENTRIES) : 0;
}

/* Of 1 to 256 headers. */
void hf_chunk_root(const uint8_t *headers, size_t count,
		   struct hf_tree_hash *out_root);

/* Likewise, when the leaf hashes are wanted too. */
void hf_chunk_hash(const uint8_t *headers, size_t count,
		   struct hf_tree_hash *out_leaves,
		   struct hf_tree_hash *out_root);

HF_MUST enum hf_err hf_chunk_prove(const struct hf_tree_reader *reader,
				   uint64_t chunk, uint64_t size,
				   struct hf_tree_proof *out_proof,
				   struct hf_why *why);

/* That headers are the whole chunk as it stands in the tree (size, root).
 * PROOF for another number of headers too. */
HF_MUST enum hf_err hf_chunk_verify(struct hf_span headers, uint64_t chunk,
				    uint64_t size,
				    const struct hf_tree_proof *proof,
				    const struct hf_tree_hash *root,
				    struct hf_why *why);

/* The same from the chunk's root, when the caller has it already. */
HF_MUST enum hf_err hf_chunk_verify_root(const struct hf_tree_hash *chunk_root,
					 uint64_t chunk, uint64_t size,
					 const struct hf_tree_proof *proof,
					 const struct hf_tree_hash *root,
					 struct hf_why *why);

#endif /* HF_CHUNK_H */
