/*
 * forest.h -- a Merkle tree in memory, with every complete subtree and the
 * root of every size, for the tests that prove and verify.
 */
#ifndef HF_FOREST_H
#define HF_FOREST_H

#include "unit.h"

#include "sha256.h"
#include "tree.h"

/* Every complete subtree of a tree in memory, as a frontier reports them. */
#define LEAVES_MAX 5120
#define LEVELS     13

struct forest {
	struct hf_tree_hash nodes[LEVELS][LEAVES_MAX];
	struct hf_tree_hash roots[LEAVES_MAX + 1]; /* by size */
	struct hf_frontier frontier;
	uint64_t size_asked; /* no subtree beyond this may be read */
	size_t reads_count;
};

static struct forest forest;

static inline enum hf_err node_put(void *context, unsigned level,
				   uint64_t index,
				   const struct hf_tree_hash *hash,
				   struct hf_why *why)
{
	struct forest *to = context;

	assert_true(level < LEVELS && index < LEAVES_MAX);
	to->nodes[level][index] = *hash;
	return HF_OK;
}

static inline enum hf_err node_get(void *context, unsigned level,
				   uint64_t index,
				   struct hf_tree_hash *out_hash,
				   struct hf_why *why)
{
	struct forest *from = context;

	assert_true(level < LEVELS);
	assert_true((index + 1) << level <= from->size_asked);
	from->reads_count++;
	*out_hash = from->nodes[level][index];
	return HF_OK;
}

static const struct hf_tree_reader reader = { node_get, &forest };
static const struct hf_tree_sink sink = { node_put, &forest };

static inline void grow(const struct hf_tree_hash *leaf)
{
	assert_int_equal(
		hf_frontier_append(&forest.frontier, leaf, &sink, NULL), HF_OK);
	hf_frontier_root(&forest.frontier, &forest.roots[forest.frontier.size]);
}

static inline void plant(void)
{
	hf_frontier_init(&forest.frontier);
	hf_frontier_root(&forest.frontier, &forest.roots[0]);
}

/* The tree of the rolling vectors: leaf i is the single byte i. */
static inline void plant_bytes(size_t count)
{
	plant();
	for (size_t i = 0; i < count; i++) {
		uint8_t byte = (uint8_t)i;
		struct hf_tree_hash leaf;

		hf_tree_leaf(hf_span(&byte, 1), &leaf);
		grow(&leaf);
	}
}

static uint64_t dice = 0x9e3779b97f4a7c15;

/* xorshift: the same numbers in every run. */
static inline uint64_t any(uint64_t below)
{
	dice ^= dice << 13;
	dice ^= dice >> 7;
	dice ^= dice << 17;
	return dice % below;
}

static inline void flip(uint8_t *bytes, size_t bit)
{
	bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
}

/* RFC 6962 section 2.1, word by word: what all else is checked against. */
static inline void mth(const struct hf_tree_hash *leaves, size_t count,
		       struct hf_tree_hash *out_root)
{
	struct hf_tree_hash left, right;
	size_t k = 1;

	if (count == 0) {
		hf_sha256("", 0, out_root->bytes);
		return;
	}
	if (count == 1) {
		*out_root = leaves[0];
		return;
	}
	while (k * 2 < count)
		k *= 2;
	mth(leaves, k, &left);
	mth(leaves + k, count - k, &right);
	hf_tree_node(&left, &right, out_root);
}

#endif /* HF_FOREST_H */
