/*
 * tree.h -- the Merkle tree of RFC 6962: roots, the frontier that grows one,
 * inclusion and consistency proofs, and their verification.
 *
 * It hashes and proves.  Where the hashes are kept is the caller's business:
 * a reader is asked for those of complete subtrees, O(log size) of them per
 * root or proof, so nobody reads a whole tree to serve one.
 *
 * Units    size and index count leaves; at most HF_TREE_MAX_SIZE.  A complete
 *          subtree (level, index) holds the leaves [index << level,
 *          (index + 1) << level); level 0 is a leaf hash.
 * Owns     nothing: values and the caller's buffers.
 * Threads  any; no state.
 * Errors   PROOF for a proof that does not verify, ARGUMENT for sizes or
 *          indexes out of range, LIMIT for too many hashes, MALFORMED for
 *          bytes that are no hashes; a reader's or sink's own error is passed
 *          on.  On failure no out_ argument changes.
 * Source   RFC 6962 section 2.1; proto/SPEC.md section 5;
 *          tests/vectors/rfc6962.json.
 */
#ifndef HF_TREE_H
#define HF_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "limit.h"
#include "span.h"

struct hf_tree_hash {
	uint8_t bytes[HF_HASH_BYTES];
};

/* SHA-256(0x00 || data).  Entries use hf_leaf_hash(), which is faster. */
void hf_tree_leaf(struct hf_span data, struct hf_tree_hash *out_hash);

/* SHA-256(0x01 || left || right).  out may be either of them. */
void hf_tree_node(const struct hf_tree_hash *left,
		  const struct hf_tree_hash *right,
		  struct hf_tree_hash *out_hash);

/* The root of no leaves: SHA-256 of nothing. */
void hf_tree_empty(struct hf_tree_hash *out_root);

bool hf_tree_equal(const struct hf_tree_hash *a, const struct hf_tree_hash *b);

/* The root over count hashes in order.  hashes is overwritten: scratch. */
void hf_tree_fold(struct hf_tree_hash *hashes, size_t count,
		  struct hf_tree_hash *out_root);

/*
 * The frontier: all that is needed to append, and to know the root.
 */

#define HF_TREE_PEAKS_MAX 63

struct hf_frontier {
	uint64_t size;
	/* The complete subtrees that size falls into, largest first: as many
	 * as size has one bits. */
	struct hf_tree_hash peaks[HF_TREE_PEAKS_MAX];
};

/* Told of every complete subtree that an append completes, lowest level
 * first, the appended one included.  An error stops the append, which then
 * has not happened. */
struct hf_tree_sink {
	enum hf_err (*put)(void *context, unsigned level, uint64_t index,
			   const struct hf_tree_hash *hash, struct hf_why *why);
	void *context;
};

void hf_frontier_init(struct hf_frontier *frontier);

/* sink may be NULL.  LIMIT when the tree is as large as it can be. */
HF_MUST enum hf_err hf_frontier_append(struct hf_frontier *frontier,
				       const struct hf_tree_hash *leaf,
				       const struct hf_tree_sink *sink,
				       struct hf_why *why);

/* Append a complete subtree of 1 << level leaves, whose root is hash.
 * ARGUMENT unless the size is a multiple of that. */
HF_MUST enum hf_err hf_frontier_append_subtree(struct hf_frontier *frontier,
					       unsigned level,
					       const struct hf_tree_hash *hash,
					       const struct hf_tree_sink *sink,
					       struct hf_why *why);

void hf_frontier_root(const struct hf_frontier *frontier,
		      struct hf_tree_hash *out_root);

/* size (8 bytes, big-endian), then the peaks. */
#define HF_FRONTIER_MAX_BYTES (8 + HF_TREE_PEAKS_MAX * HF_HASH_BYTES)

/* How many bytes were written. */
size_t hf_frontier_encode(const struct hf_frontier *frontier,
			  uint8_t out_bytes[static HF_FRONTIER_MAX_BYTES]);

/* Exactly the bytes of one; it has no checksum of its own. */
HF_MUST enum hf_err hf_frontier_parse(struct hf_span bytes,
				      struct hf_frontier *out_frontier,
				      struct hf_why *why);

/*
 * Roots and proofs of any size, from stored hashes.
 */

/* Give the hash of a complete subtree.  Only asked for those within the size
 * at hand. */
struct hf_tree_reader {
	enum hf_err (*get)(void *context, unsigned level, uint64_t index,
			   struct hf_tree_hash *out_hash, struct hf_why *why);
	void *context;
};

/* Hashes from the leaf's sibling towards the root. */
struct hf_tree_proof {
	size_t hashes_count;
	struct hf_tree_hash hashes[HF_PROOF_MAX_HASHES];
};

HF_MUST enum hf_err hf_tree_root(const struct hf_tree_reader *reader,
				 uint64_t size, struct hf_tree_hash *out_root,
				 struct hf_why *why);

/* The frontier of a tree of this size, to append from there. */
HF_MUST enum hf_err hf_tree_frontier(const struct hf_tree_reader *reader,
				     uint64_t size,
				     struct hf_frontier *out_frontier,
				     struct hf_why *why);

/* The root of leaves [start, start + count) as they stand in the tree: start
 * is a multiple of the power of two at or above count. */
HF_MUST enum hf_err hf_tree_range(const struct hf_tree_reader *reader,
				  uint64_t start, uint64_t count,
				  struct hf_tree_hash *out_root,
				  struct hf_why *why);

/* That leaf index is in the tree of size leaves. */
HF_MUST enum hf_err hf_tree_prove_inclusion(const struct hf_tree_reader *reader,
					    uint64_t index, uint64_t size,
					    struct hf_tree_proof *out_proof,
					    struct hf_why *why);

/* That the subtree (level, index), cut off at size, is in the tree: verifies
 * as an inclusion proof of leaf index in ceil(size / 2^level) leaves. */
HF_MUST enum hf_err hf_tree_prove_subtree(const struct hf_tree_reader *reader,
					  unsigned level, uint64_t index,
					  uint64_t size,
					  struct hf_tree_proof *out_proof,
					  struct hf_why *why);

/* That the tree of old_size leaves, at least 1, is a prefix of the tree of
 * new_size.  Equal sizes have an empty proof. */
HF_MUST enum hf_err
hf_tree_prove_consistency(const struct hf_tree_reader *reader,
			  uint64_t old_size, uint64_t new_size,
			  struct hf_tree_proof *out_proof, struct hf_why *why);

HF_MUST enum hf_err hf_tree_verify_inclusion(const struct hf_tree_hash *leaf,
					     uint64_t index, uint64_t size,
					     const struct hf_tree_proof *proof,
					     const struct hf_tree_hash *root,
					     struct hf_why *why);

/* old_size is at least 1: PROOF otherwise. */
HF_MUST enum hf_err hf_tree_verify_consistency(
	uint64_t old_size, const struct hf_tree_hash *old_root,
	uint64_t new_size, const struct hf_tree_hash *new_root,
	const struct hf_tree_proof *proof, struct hf_why *why);

/* The same, and old_size may be 0: the old root is then the empty one and
 * the proof has no hashes.  What a subscriber or signer checks. */
HF_MUST enum hf_err
hf_tree_verify_growth(uint64_t old_size, const struct hf_tree_hash *old_root,
		      uint64_t new_size, const struct hf_tree_hash *new_root,
		      const struct hf_tree_proof *proof, struct hf_why *why);

/* A proof as bytes is its hashes, one behind the other. */
HF_MUST enum hf_err hf_tree_proof_parse(struct hf_span bytes,
					struct hf_tree_proof *out_proof,
					struct hf_why *why);

/* Borrowed from the proof. */
static inline struct hf_span
hf_tree_proof_span(const struct hf_tree_proof *proof)
{
	return hf_span(proof->hashes, proof->hashes_count * HF_HASH_BYTES);
}

#endif /* HF_TREE_H */
