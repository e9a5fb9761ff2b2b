#include <string.h>

#include "tree.h"

/* The largest power of two below value, which is at least 2: where RFC 6962
 * splits a tree of that many leaves. */
static uint64_t split_of(uint64_t value)
{
	return (uint64_t)1 << (63 - __builtin_clzll(value - 1));
}

static enum hf_err size_check(uint64_t size, struct hf_why *why)
{
	if (size > HF_TREE_MAX_SIZE)
		return hf_why(why, HF_E_ARGUMENT,
			      "tree: a size of %llu is larger than can be",
			      (unsigned long long)size);
	return HF_OK;
}

/* Read the complete subtrees that count leaves from start fall into, largest
 * first.  start is a multiple of the largest. */
static enum hf_err peaks_get(const struct hf_tree_reader *reader,
			     uint64_t start, uint64_t count,
			     struct hf_tree_hash *peaks, size_t *out_peaks,
			     struct hf_why *why)
{
	size_t peaks_count = 0;

	while (count > 0) {
		unsigned level = 63 - (unsigned)__builtin_clzll(count);
		uint64_t width = (uint64_t)1 << level;
		enum hf_err err =
			reader->get(reader->context, level, start >> level,
				    &peaks[peaks_count], why);

		if (err != HF_OK)
			return err;
		peaks_count++;
		start += width;
		count -= width;
	}
	*out_peaks = peaks_count;
	return HF_OK;
}

enum hf_err hf_tree_range(const struct hf_tree_reader *reader, uint64_t start,
			  uint64_t count, struct hf_tree_hash *out_root,
			  struct hf_why *why)
{
	struct hf_tree_hash peaks[HF_TREE_PEAKS_MAX];
	size_t peaks_count = 0;
	uint64_t width = 1;
	enum hf_err err;

	if (count > 1 && count <= HF_TREE_MAX_SIZE)
		width = split_of(count) * 2;
	if (count == 0 || start > HF_TREE_MAX_SIZE ||
	    count > HF_TREE_MAX_SIZE - start || start % width != 0)
		return hf_why(why, HF_E_ARGUMENT,
			      "tree: %llu leaves from %llu have no root",
			      (unsigned long long)count,
			      (unsigned long long)start);
	err = peaks_get(reader, start, count, peaks, &peaks_count, why);
	if (err != HF_OK)
		return err;
	while (peaks_count > 1) {
		peaks_count--;
		hf_tree_node(&peaks[peaks_count - 1], &peaks[peaks_count],
			     &peaks[peaks_count - 1]);
	}
	*out_root = peaks[0];
	return HF_OK;
}

enum hf_err hf_tree_root(const struct hf_tree_reader *reader, uint64_t size,
			 struct hf_tree_hash *out_root, struct hf_why *why)
{
	if (size == 0) {
		hf_tree_empty(out_root);
		return HF_OK;
	}
	return hf_tree_range(reader, 0, size, out_root, why);
}

enum hf_err hf_tree_frontier(const struct hf_tree_reader *reader, uint64_t size,
			     struct hf_frontier *out_frontier,
			     struct hf_why *why)
{
	struct hf_frontier frontier = { .size = size };
	size_t peaks_count;
	enum hf_err err;

	err = size_check(size, why);
	if (err != HF_OK)
		return err;
	err = peaks_get(reader, 0, size, frontier.peaks, &peaks_count, why);
	if (err != HF_OK)
		return err;
	*out_frontier = frontier;
	return HF_OK;
}

/* The root of a range goes behind the others. */
static enum hf_err proof_push(const struct hf_tree_reader *reader,
			      uint64_t start, uint64_t count,
			      struct hf_tree_proof *proof, struct hf_why *why)
{
	enum hf_err err;

	if (proof->hashes_count == HF_PROOF_MAX_HASHES)
		return hf_why(why, HF_E_INTERNAL, "tree: a proof too long");
	err = hf_tree_range(reader, start, count,
			    &proof->hashes[proof->hashes_count], why);
	if (err == HF_OK)
		proof->hashes_count++;
	return err;
}

/* Found from the root down, a proof is written from the leaf up. */
static void proof_reverse(struct hf_tree_proof *proof)
{
	for (size_t i = 0; i < proof->hashes_count / 2; i++) {
		size_t j = proof->hashes_count - 1 - i;
		struct hf_tree_hash hash = proof->hashes[i];

		proof->hashes[i] = proof->hashes[j];
		proof->hashes[j] = hash;
	}
}

enum hf_err hf_tree_prove_inclusion(const struct hf_tree_reader *reader,
				    uint64_t index, uint64_t size,
				    struct hf_tree_proof *out_proof,
				    struct hf_why *why)
{
	return hf_tree_prove_subtree(reader, 0, index, size, out_proof, why);
}

enum hf_err hf_tree_prove_subtree(const struct hf_tree_reader *reader,
				  unsigned level, uint64_t index, uint64_t size,
				  struct hf_tree_proof *out_proof,
				  struct hf_why *why)
{
	struct hf_tree_proof proof = { .hashes_count = 0 };
	uint64_t start = 0, count = size, first;
	enum hf_err err;

	err = size_check(size, why);
	if (err != HF_OK)
		return err;
	if (level > 62 || index > HF_TREE_MAX_SIZE >> level ||
	    index << level >= size)
		return hf_why(why, HF_E_ARGUMENT,
			      "tree: (%u, %llu) is not within %llu leaves",
			      level, (unsigned long long)index,
			      (unsigned long long)size);

	/* RFC 6962 section 2.1.1, PATH, as a walk down. */
	first = index << level;
	while (count > (uint64_t)1 << level) {
		uint64_t left = split_of(count);

		if (first - start < left) {
			err = proof_push(reader, start + left, count - left,
					 &proof, why);
			count = left;
		} else {
			err = proof_push(reader, start, left, &proof, why);
			start += left;
			count -= left;
		}
		if (err != HF_OK)
			return err;
	}
	proof_reverse(&proof);
	*out_proof = proof;
	return HF_OK;
}

enum hf_err hf_tree_prove_consistency(const struct hf_tree_reader *reader,
				      uint64_t old_size, uint64_t new_size,
				      struct hf_tree_proof *out_proof,
				      struct hf_why *why)
{
	struct hf_tree_proof proof = { .hashes_count = 0 };
	uint64_t start = 0, count = new_size, old = old_size;
	bool is_old_root_known = true;
	enum hf_err err;

	err = size_check(new_size, why);
	if (err != HF_OK)
		return err;
	if (old_size == 0 || old_size > new_size)
		return hf_why(why, HF_E_ARGUMENT,
			      "tree: no consistency proof from %llu to %llu",
			      (unsigned long long)old_size,
			      (unsigned long long)new_size);

	/* RFC 6962 section 2.1.2, SUBPROOF, as a walk down. */
	while (old != count) {
		uint64_t left = split_of(count);

		if (old <= left) {
			err = proof_push(reader, start + left, count - left,
					 &proof, why);
			count = left;
		} else {
			err = proof_push(reader, start, left, &proof, why);
			start += left;
			count -= left;
			old -= left;
			is_old_root_known = false;
		}
		if (err != HF_OK)
			return err;
	}
	if (!is_old_root_known) {
		err = proof_push(reader, start, count, &proof, why);
		if (err != HF_OK)
			return err;
	}
	proof_reverse(&proof);
	*out_proof = proof;
	return HF_OK;
}

enum hf_err hf_tree_verify_inclusion(const struct hf_tree_hash *leaf,
				     uint64_t index, uint64_t size,
				     const struct hf_tree_proof *proof,
				     const struct hf_tree_hash *root,
				     struct hf_why *why)
{
	struct hf_tree_hash hash = *leaf;
	uint64_t last = size - 1;
	size_t used = 0;

	if (size == 0 || size > HF_TREE_MAX_SIZE || index >= size)
		return hf_why(why, HF_E_PROOF,
			      "inclusion: index %llu is not within %llu",
			      (unsigned long long)index,
			      (unsigned long long)size);
	/* Level by level; a node that is the last of its level and has no
	 * sibling moves up as it is. */
	for (; last > 0; index >>= 1, last >>= 1) {
		if ((index & 1) == 0 && index == last)
			continue;
		if (used == proof->hashes_count)
			return hf_why(why, HF_E_PROOF,
				      "inclusion: proof is too short");
		if ((index & 1) != 0)
			hf_tree_node(&proof->hashes[used], &hash, &hash);
		else
			hf_tree_node(&hash, &proof->hashes[used], &hash);
		used++;
	}
	if (used != proof->hashes_count)
		return hf_why(why, HF_E_PROOF, "inclusion: proof is too long");
	if (!hf_tree_equal(&hash, root))
		return hf_why(why, HF_E_PROOF,
			      "inclusion: proof leads to another root");
	return HF_OK;
}

/* The walk up of a consistency proof, old_size below new_size. */
static enum hf_err consistency_walk(uint64_t old_size, uint64_t new_size,
				    const struct hf_tree_proof *proof,
				    struct hf_tree_hash *old_hash,
				    struct hf_tree_hash *new_hash,
				    struct hf_why *why)
{
	uint64_t node = old_size - 1, last = new_size - 1;
	size_t used = 0;

	/* Up to the largest complete subtree that ends where the old tree
	 * ends.  When that is the whole old tree, its hash is the old root
	 * and the proof does not repeat it. */
	while ((node & 1) != 0) {
		node >>= 1;
		last >>= 1;
	}
	if (node != 0) {
		if (proof->hashes_count == 0)
			return hf_why(why, HF_E_PROOF,
				      "consistency: proof is too short");
		*old_hash = proof->hashes[used++];
	}
	*new_hash = *old_hash;

	for (; last > 0; node >>= 1, last >>= 1) {
		if ((node & 1) == 0 && node == last)
			continue;
		if (used == proof->hashes_count)
			return hf_why(why, HF_E_PROOF,
				      "consistency: proof is too short");
		if ((node & 1) != 0) {
			hf_tree_node(&proof->hashes[used], old_hash, old_hash);
			hf_tree_node(&proof->hashes[used], new_hash, new_hash);
		} else {
			hf_tree_node(new_hash, &proof->hashes[used], new_hash);
		}
		used++;
	}
	if (used != proof->hashes_count)
		return hf_why(why, HF_E_PROOF,
			      "consistency: proof is too long");
	return HF_OK;
}

enum hf_err hf_tree_verify_consistency(uint64_t old_size,
				       const struct hf_tree_hash *old_root,
				       uint64_t new_size,
				       const struct hf_tree_hash *new_root,
				       const struct hf_tree_proof *proof,
				       struct hf_why *why)
{
	struct hf_tree_hash old_hash = *old_root, new_hash;
	enum hf_err err;

	if (old_size == 0 || old_size > new_size || new_size > HF_TREE_MAX_SIZE)
		return hf_why(why, HF_E_PROOF,
			      "consistency: no proof leads from %llu to %llu",
			      (unsigned long long)old_size,
			      (unsigned long long)new_size);
	if (old_size == new_size) {
		if (proof->hashes_count != 0 ||
		    !hf_tree_equal(old_root, new_root))
			return hf_why(why, HF_E_PROOF,
				      "consistency: equal sizes, but a proof "
				      "or different roots");
		return HF_OK;
	}
	err = consistency_walk(old_size, new_size, proof, &old_hash, &new_hash,
			       why);
	if (err != HF_OK)
		return err;
	if (!hf_tree_equal(&old_hash, old_root) ||
	    !hf_tree_equal(&new_hash, new_root))
		return hf_why(why, HF_E_PROOF,
			      "consistency: proof leads to another root");
	return HF_OK;
}

enum hf_err
hf_tree_verify_growth(uint64_t old_size, const struct hf_tree_hash *old_root,
		      uint64_t new_size, const struct hf_tree_hash *new_root,
		      const struct hf_tree_proof *proof, struct hf_why *why)
{
	struct hf_tree_hash empty;

	if (old_size > 0)
		return hf_tree_verify_consistency(old_size, old_root, new_size,
						  new_root, proof, why);
	hf_tree_empty(&empty);
	if (new_size > HF_TREE_MAX_SIZE || proof->hashes_count != 0 ||
	    !hf_tree_equal(old_root, &empty) ||
	    (new_size == 0 && !hf_tree_equal(new_root, &empty)))
		return hf_why(why, HF_E_PROOF,
			      "consistency: from an empty tree the proof is "
			      "empty and the old root that of no entries");
	return HF_OK;
}

enum hf_err hf_tree_proof_parse(struct hf_span bytes,
				struct hf_tree_proof *out_proof,
				struct hf_why *why)
{
	if (bytes.len_bytes % HF_HASH_BYTES != 0)
		return hf_why(why, HF_E_MALFORMED,
			      "proof: %zu bytes are no whole hashes",
			      bytes.len_bytes);
	if (bytes.len_bytes / HF_HASH_BYTES > HF_PROOF_MAX_HASHES)
		return hf_why(why, HF_E_LIMIT, "proof: %zu hashes, at most %d",
			      bytes.len_bytes / HF_HASH_BYTES,
			      HF_PROOF_MAX_HASHES);
	out_proof->hashes_count = bytes.len_bytes / HF_HASH_BYTES;
	if (bytes.len_bytes > 0)
		memcpy(out_proof->hashes, bytes.at, bytes.len_bytes);
	return HF_OK;
}
