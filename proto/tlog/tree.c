#include <string.h>

#include "bytes.h"
#include "sha256.h"

#include "tree.h"

/* RFC 6962 section 2.1: what sets leaves and nodes apart. */
#define LEAF_PREFIX 0x00
#define NODE_PREFIX 0x01

void hf_tree_leaf(struct hf_span data, struct hf_tree_hash *out_hash)
{
	static const uint8_t prefix = LEAF_PREFIX;
	struct hf_sha256 hash;

	hf_sha256_init(&hash);
	hf_sha256_update(&hash, &prefix, 1);
	hf_sha256_update(&hash, data.at, data.len_bytes);
	hf_sha256_final(&hash, out_hash->bytes);
}

void hf_tree_node(const struct hf_tree_hash *left,
		  const struct hf_tree_hash *right,
		  struct hf_tree_hash *out_hash)
{
	hf_sha256_pair(NODE_PREFIX, left->bytes, right->bytes, out_hash->bytes);
}

void hf_tree_empty(struct hf_tree_hash *out_root)
{
	hf_sha256(NULL, 0, out_root->bytes);
}

bool hf_tree_equal(const struct hf_tree_hash *a, const struct hf_tree_hash *b)
{
	return memcmp(a->bytes, b->bytes, HF_HASH_BYTES) == 0;
}

void hf_tree_fold(struct hf_tree_hash *hashes, size_t count,
		  struct hf_tree_hash *out_root)
{
	if (count == 0) {
		hf_tree_empty(out_root);
		return;
	}
	/* Level by level: a hash without a sibling moves up as it is, which
	 * is where RFC 6962's split at a power of two puts it. */
	while (count > 1) {
		size_t pairs = count / 2;

		for (size_t i = 0; i < pairs; i++)
			hf_tree_node(&hashes[2 * i], &hashes[2 * i + 1],
				     &hashes[i]);
		if (count % 2 != 0)
			hashes[pairs] = hashes[count - 1];
		count = pairs + count % 2;
	}
	*out_root = hashes[0];
}

static unsigned ones_of(uint64_t value)
{
	return (unsigned)__builtin_popcountll(value);
}

void hf_frontier_init(struct hf_frontier *frontier)
{
	frontier->size = 0;
}

enum hf_err hf_frontier_append(struct hf_frontier *frontier,
			       const struct hf_tree_hash *leaf,
			       const struct hf_tree_sink *sink,
			       struct hf_why *why)
{
	return hf_frontier_append_subtree(frontier, 0, leaf, sink, why);
}

enum hf_err hf_frontier_append_subtree(struct hf_frontier *frontier,
				       unsigned level,
				       const struct hf_tree_hash *hash,
				       const struct hf_tree_sink *sink,
				       struct hf_why *why)
{
	uint64_t size = frontier->size, width, index;
	unsigned peaks = ones_of(size);
	struct hf_tree_hash top = *hash;

	width = (uint64_t)1 << (level & 63);
	if (level > 62 || size % width != 0)
		return hf_why(why, HF_E_ARGUMENT,
			      "tree: a subtree of level %u does not fit behind "
			      "%llu leaves",
			      level, (unsigned long long)size);
	if (HF_TREE_MAX_SIZE - size < width)
		return hf_why(why, HF_E_LIMIT, "tree: is as large as can be");

	for (index = size >> level;; index >>= 1, level++) {
		if (sink != NULL) {
			enum hf_err err = sink->put(sink->context, level, index,
						    &top, why);

			if (err != HF_OK)
				return err;
		}
		if ((index & 1) == 0)
			break;
		peaks--;
		hf_tree_node(&frontier->peaks[peaks], &top, &top);
	}
	frontier->peaks[peaks] = top;
	frontier->size = size + width;
	return HF_OK;
}

void hf_frontier_root(const struct hf_frontier *frontier,
		      struct hf_tree_hash *out_root)
{
	unsigned peaks = ones_of(frontier->size);
	struct hf_tree_hash root;

	if (peaks == 0) {
		hf_tree_empty(out_root);
		return;
	}
	root = frontier->peaks[--peaks];
	while (peaks > 0)
		hf_tree_node(&frontier->peaks[--peaks], &root, &root);
	*out_root = root;
}

size_t hf_frontier_encode(const struct hf_frontier *frontier,
			  uint8_t out_bytes[static HF_FRONTIER_MAX_BYTES])
{
	size_t len_bytes = ones_of(frontier->size) * HF_HASH_BYTES;

	hf_be64_put(out_bytes, frontier->size);
	memcpy(out_bytes + 8, frontier->peaks, len_bytes);
	return 8 + len_bytes;
}

enum hf_err hf_frontier_parse(struct hf_span bytes,
			      struct hf_frontier *out_frontier,
			      struct hf_why *why)
{
	uint64_t size;

	if (bytes.len_bytes < 8)
		return hf_why(why, HF_E_MALFORMED,
			      "frontier: %zu bytes are too few",
			      bytes.len_bytes);
	size = hf_be64(bytes.at);
	if (size > HF_TREE_MAX_SIZE)
		return hf_why(why, HF_E_LIMIT,
			      "frontier: a tree larger than can be");
	if (bytes.len_bytes != 8 + (size_t)ones_of(size) * HF_HASH_BYTES)
		return hf_why(why, HF_E_MALFORMED,
			      "frontier: %zu bytes do not hold the peaks of "
			      "%llu leaves",
			      bytes.len_bytes, (unsigned long long)size);
	out_frontier->size = size;
	memcpy(out_frontier->peaks, bytes.at + 8, bytes.len_bytes - 8);
	return HF_OK;
}
