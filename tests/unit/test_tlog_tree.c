#include "unit.h"

#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "bytes.h"
#include "forest.h"
#include "sha256.h"
#include "tree.h"

#define VECTORS HF_SOURCE_DIR "/tests/vectors/rfc6962.json"

static void inclusion(uint64_t index, uint64_t size,
		      struct hf_tree_proof *out_proof)
{
	forest.size_asked = size;
	forest.reads_count = 0;
	assert_int_equal(
		hf_tree_prove_inclusion(&reader, index, size, out_proof, NULL),
		HF_OK);
	assert_true(forest.reads_count <= 2 * LEVELS);
}

static void consistency(uint64_t old_size, uint64_t new_size,
			struct hf_tree_proof *out_proof)
{
	forest.size_asked = new_size;
	forest.reads_count = 0;
	assert_int_equal(hf_tree_prove_consistency(&reader, old_size, new_size,
						   out_proof, NULL),
			 HF_OK);
	assert_true(forest.reads_count <= 2 * LEVELS);
}

static enum hf_err check_inclusion(uint64_t index, uint64_t size,
				   const struct hf_tree_proof *proof)
{
	return hf_tree_verify_inclusion(&forest.nodes[0][index], index, size,
					proof, &forest.roots[size], NULL);
}

static enum hf_err check_consistency(uint64_t old_size, uint64_t new_size,
				     const struct hf_tree_proof *proof)
{
	return hf_tree_verify_consistency(old_size, &forest.roots[old_size],
					  new_size, &forest.roots[new_size],
					  proof, NULL);
}

/*
 * Vectors.
 */

static void hash_get(const json_t *text, struct hf_tree_hash *out_hash)
{
	assert_non_null(json_string_value(text));
	assert_int_equal(hf_hex_parse(hf_span_of(json_string_value(text)),
				      out_hash->bytes, 32),
			 HF_OK);
}

static uint64_t number_get(const json_t *object, const char *name)
{
	return (uint64_t)json_integer_value(json_object_get(object, name));
}

static void proof_is(const json_t *row, const struct hf_tree_proof *got)
{
	const json_t *hashes = json_object_get(row, "proof_hex");
	struct hf_tree_hash want;

	assert_int_equal(json_array_size(hashes), got->hashes_count);
	for (size_t i = 0; i < got->hashes_count; i++) {
		hash_get(json_array_get(hashes, i), &want);
		assert_true(hf_tree_equal(&want, &got->hashes[i]));
	}
}

static void the_reference_tree_has_the_published_roots_and_proofs(void **state)
{
	json_t *file = json_load_file(VECTORS, 0, NULL), *row;
	struct hf_tree_proof proof;
	struct hf_tree_hash want;
	size_t i;

	assert_non_null(file);
	plant();
	json_array_foreach(json_object_get(file, "leaves"), i, row)
	{
		const char *hex =
			json_string_value(json_object_get(row, "data_hex"));
		struct hf_tree_hash leaf;
		uint8_t data[64];

		assert_int_equal(
			hf_hex_parse(hf_span_of(hex), data, strlen(hex) / 2),
			HF_OK);
		hf_tree_leaf(hf_span(data, strlen(hex) / 2), &leaf);
		hash_get(json_object_get(row, "leaf_hash_hex"), &want);
		assert_true(hf_tree_equal(&leaf, &want));
		grow(&leaf);
	}
	assert_int_equal(forest.frontier.size, 8);
	json_array_foreach(json_object_get(file, "roots"), i, row)
	{
		struct hf_tree_hash root;
		uint64_t size = number_get(row, "size");

		hash_get(json_object_get(row, "root_hex"), &want);
		assert_true(hf_tree_equal(&forest.roots[size], &want));
		forest.size_asked = size;
		assert_int_equal(hf_tree_root(&reader, size, &root, NULL),
				 HF_OK);
		assert_true(hf_tree_equal(&root, &want));
	}
	assert_int_equal(i, 9);
	json_array_foreach(json_object_get(file, "inclusion"), i, row)
	{
		inclusion(number_get(row, "index"), number_get(row, "size"),
			  &proof);
		proof_is(row, &proof);
		assert_int_equal(check_inclusion(number_get(row, "index"),
						 number_get(row, "size"),
						 &proof),
				 HF_OK);
	}
	assert_int_equal(i, 36);
	json_array_foreach(json_object_get(file, "consistency"), i, row)
	{
		consistency(number_get(row, "size1"), number_get(row, "size2"),
			    &proof);
		proof_is(row, &proof);
		assert_int_equal(check_consistency(number_get(row, "size1"),
						   number_get(row, "size2"),
						   &proof),
				 HF_OK);
	}
	assert_int_equal(i, 36);
	json_decref(file);
}

/* Lines of text, hashed as they come. */
static void line_put(struct hf_sha256 *hash, const char *head,
		     const struct hf_tree_proof *proof)
{
	char hex[65];

	hf_sha256_update(hash, head, strlen(head));
	for (size_t i = 0; i < proof->hashes_count; i++) {
		hf_hex(proof->hashes[i].bytes, 32, hex);
		hf_sha256_update(hash, " ", 1);
		hf_sha256_update(hash, hex, 64);
	}
	hf_sha256_update(hash, "\n", 1);
}

static void rolling_is(const char *name, struct hf_sha256 *hash)
{
	json_t *file = json_load_file(VECTORS, 0, NULL);
	struct hf_tree_hash got, want;

	hf_sha256_final(hash, got.bytes);
	hash_get(json_object_get(
			 json_object_get(json_object_get(file, "rolling_130"),
					 name),
			 "sha256"),
		 &want);
	if (!hf_tree_equal(&got, &want))
		fail_msg("rolling vector %s differs", name);
	json_decref(file);
}

static void rolling_vectors_agree_for_all_sizes_up_to_130(void **state)
{
	struct hf_sha256 roots, inclusions, consistencies;
	struct hf_tree_proof proof;
	char head[64];

	plant_bytes(130);
	hf_sha256_init(&roots);
	hf_sha256_init(&inclusions);
	hf_sha256_init(&consistencies);
	for (uint64_t size = 0; size <= 130; size++) {
		proof.hashes_count = 1;
		forest.size_asked = size;
		assert_int_equal(
			hf_tree_root(&reader, size, &proof.hashes[0], NULL),
			HF_OK);
		snprintf(head, sizeof(head), "%d", (int)size);
		line_put(&roots, head, &proof);
		for (uint64_t index = 0; index < size; index++) {
			inclusion(index, size, &proof);
			snprintf(head, sizeof(head), "%d %d", (int)index,
				 (int)size);
			line_put(&inclusions, head, &proof);
		}
	}
	for (uint64_t new_size = 1; new_size <= 130; new_size++) {
		for (uint64_t old_size = 1; old_size <= new_size; old_size++) {
			consistency(old_size, new_size, &proof);
			snprintf(head, sizeof(head), "%d %d", (int)old_size,
				 (int)new_size);
			line_put(&consistencies, head, &proof);
		}
	}
	rolling_is("root", &roots);
	rolling_is("inclusion", &inclusions);
	rolling_is("consistency", &consistencies);
}

static void rolling_vector_of_subtrees_agrees(void **state)
{
	struct hf_sha256 subtrees;
	char line[128], hex[65];

	plant_bytes(130);
	hf_sha256_init(&subtrees);
	for (uint64_t end = 0; end <= 130; end++) {
		for (uint64_t start = 0; start <= end; start++) {
			struct hf_tree_hash root;
			uint64_t width = 1;

			while (width < end - start)
				width *= 2;
			if (start != 0 && start != end && start % width != 0)
				continue;
			forest.size_asked = end;
			if (start == end)
				hf_tree_empty(&root);
			else
				assert_int_equal(hf_tree_range(&reader, start,
							       end - start,
							       &root, NULL),
						 HF_OK);
			hf_hex(root.bytes, 32, hex);
			snprintf(line, sizeof(line), "[%d, %d) %s\n",
				 (int)start, (int)end, hex);
			hf_sha256_update(&subtrees, line, strlen(line));
		}
	}
	rolling_is("subtree_hash", &subtrees);
}

/*
 * Properties.
 */

/* Every way to damage an inclusion proof by one bit, one hash or one place. */
static void refuse_inclusion(uint64_t index, uint64_t size,
			     const struct hf_tree_proof *right, size_t step)
{
	struct hf_tree_proof wrong = *right;
	size_t bits = right->hashes_count * 256;

	for (size_t bit = step > 1 ? any(step) : 0; bit < bits; bit += step) {
		flip((uint8_t *)wrong.hashes, bit);
		assert_int_equal(check_inclusion(index, size, &wrong),
				 HF_E_PROOF);
		flip((uint8_t *)wrong.hashes, bit);
	}
	if (wrong.hashes_count > 0) {
		wrong.hashes_count--;
		assert_int_equal(check_inclusion(index, size, &wrong),
				 HF_E_PROOF);
		wrong.hashes_count++;
	}
	wrong.hashes[wrong.hashes_count++] = forest.roots[size];
	assert_int_equal(check_inclusion(index, size, &wrong), HF_E_PROOF);
	if (size > 1)
		assert_int_equal(hf_tree_verify_inclusion(
					 &forest.nodes[0][index],
					 (index + 1) % size, size, right,
					 &forest.roots[size], NULL),
				 HF_E_PROOF);
}

static void refuse_consistency(uint64_t old_size, uint64_t new_size,
			       const struct hf_tree_proof *right, size_t step)
{
	struct hf_tree_proof wrong = *right;
	size_t bits = right->hashes_count * 256;

	for (size_t bit = step > 1 ? any(step) : 0; bit < bits; bit += step) {
		flip((uint8_t *)wrong.hashes, bit);
		assert_int_equal(check_consistency(old_size, new_size, &wrong),
				 HF_E_PROOF);
		flip((uint8_t *)wrong.hashes, bit);
	}
	if (wrong.hashes_count > 0) {
		wrong.hashes_count--;
		assert_int_equal(check_consistency(old_size, new_size, &wrong),
				 HF_E_PROOF);
		wrong.hashes_count++;
	}
	wrong.hashes[wrong.hashes_count++] = forest.roots[new_size];
	assert_int_equal(check_consistency(old_size, new_size, &wrong),
			 HF_E_PROOF);
	assert_int_equal(hf_tree_verify_consistency(
				 old_size, &forest.roots[old_size - 1],
				 new_size, &forest.roots[new_size], right,
				 NULL),
			 HF_E_PROOF);
	assert_int_equal(hf_tree_verify_consistency(
				 old_size, &forest.roots[old_size], new_size,
				 &forest.roots[new_size - 1], right, NULL),
			 HF_E_PROOF);
}

static void every_root_up_to_130_is_the_one_of_the_definition(void **state)
{
	static struct hf_tree_hash scratch[130];

	plant_bytes(130);
	for (size_t size = 0; size <= 130; size++) {
		struct hf_tree_hash want, root;
		struct hf_frontier frontier;

		mth(forest.nodes[0], size, &want);
		assert_true(hf_tree_equal(&want, &forest.roots[size]));
		memcpy(scratch, forest.nodes[0], size * sizeof(scratch[0]));
		hf_tree_fold(scratch, size, &root);
		assert_true(hf_tree_equal(&want, &root));
		forest.size_asked = size;
		assert_int_equal(
			hf_tree_frontier(&reader, size, &frontier, NULL),
			HF_OK);
		hf_frontier_root(&frontier, &root);
		assert_true(hf_tree_equal(&want, &root));
	}
}

static void every_proof_up_to_130_verifies_and_no_damaged_one_does(void **state)
{
	struct hf_tree_proof proof;

	plant_bytes(130);
	for (uint64_t size = 1; size <= 130; size++) {
		/* Every bit for small trees, every 61st for the others. */
		size_t step = size <= 12 ? 1 : 61;

		for (uint64_t at = 0; at < size; at++) {
			inclusion(at, size, &proof);
			assert_int_equal(check_inclusion(at, size, &proof),
					 HF_OK);
			refuse_inclusion(at, size, &proof, step);
			consistency(at + 1, size, &proof);
			assert_int_equal(
				check_consistency(at + 1, size, &proof), HF_OK);
			refuse_consistency(at + 1, size, &proof, step);
		}
	}
}

static void proofs_of_larger_trees_verify_and_no_damaged_one_does(void **state)
{
	struct hf_tree_proof proof;

	plant();
	for (size_t i = 0; i < 5000; i++) {
		struct hf_tree_hash leaf;

		hf_tree_leaf(hf_span(&i, sizeof(i)), &leaf);
		grow(&leaf);
	}
	for (size_t round = 0; round < 300; round++) {
		uint64_t size = 1 + any(5000), at = any(size);

		inclusion(at, size, &proof);
		assert_int_equal(check_inclusion(at, size, &proof), HF_OK);
		refuse_inclusion(at, size, &proof, 7);
		consistency(at + 1, size, &proof);
		assert_int_equal(check_consistency(at + 1, size, &proof),
				 HF_OK);
		refuse_consistency(at + 1, size, &proof, 7);
	}
}

/*
 * Hostile input.
 */

static void sizes_and_indexes_that_cannot_be_are_refused(void **state)
{
	struct hf_tree_proof none = { .hashes_count = 0 }, full, out;
	struct hf_tree_hash *leaf = &forest.nodes[0][0];
	struct hf_tree_hash *roots = forest.roots, range;

	memset(&full, 0, sizeof(full));
	full.hashes_count = HF_PROOF_MAX_HASHES;
	plant_bytes(8);
#define INCLUSION(index, size, proof, want)                                    \
	assert_int_equal(hf_tree_verify_inclusion(leaf, index, size, proof,    \
						  &roots[1], NULL),            \
			 want)
	INCLUSION(0, 1, &none, HF_OK);
	INCLUSION(0, 0, &none, HF_E_PROOF);
	INCLUSION(1, 1, &none, HF_E_PROOF);
	INCLUSION(UINT64_MAX, UINT64_MAX, &full, HF_E_PROOF);
	INCLUSION(0, UINT64_MAX, &full, HF_E_PROOF);
	INCLUSION(0, HF_TREE_MAX_SIZE + 1, &full, HF_E_PROOF);
	INCLUSION(0, HF_TREE_MAX_SIZE, &full, HF_E_PROOF);
	INCLUSION(HF_TREE_MAX_SIZE - 1, HF_TREE_MAX_SIZE, &full, HF_E_PROOF);
	INCLUSION(0, 1, &full, HF_E_PROOF);
#define CONSISTENCY(old_size, new_size, proof, want)                           \
	assert_int_equal(hf_tree_verify_consistency(                           \
				 old_size, &roots[(old_size) % 9], new_size,   \
				 &roots[(new_size) % 9], proof, NULL),         \
			 want)
	CONSISTENCY(8, 8, &none, HF_OK);
	CONSISTENCY(8, 8, &full, HF_E_PROOF);
	CONSISTENCY(0, 0, &none, HF_E_PROOF);
	CONSISTENCY(0, 8, &none, HF_E_PROOF);
	CONSISTENCY(8, 7, &none, HF_E_PROOF);
	CONSISTENCY(7, 8, &none, HF_E_PROOF);
	CONSISTENCY(4, 8, &full, HF_E_PROOF);
	CONSISTENCY(8, UINT64_MAX, &full, HF_E_PROOF);
	CONSISTENCY(HF_TREE_MAX_SIZE - 1, HF_TREE_MAX_SIZE, &full, HF_E_PROOF);
	assert_int_equal(hf_tree_verify_consistency(8, &roots[8], 8, &roots[7],
						    &none, NULL),
			 HF_E_PROOF);

	forest.size_asked = 8;
	assert_int_equal(hf_tree_prove_inclusion(&reader, 8, 8, &out, NULL),
			 HF_E_ARGUMENT);
	assert_int_equal(
		hf_tree_prove_inclusion(&reader, 0, UINT64_MAX, &out, NULL),
		HF_E_ARGUMENT);
	assert_int_equal(hf_tree_prove_subtree(&reader, 63, 0, 8, &out, NULL),
			 HF_E_ARGUMENT);
	assert_int_equal(hf_tree_prove_subtree(&reader, 8, UINT64_MAX >> 1, 8,
					       &out, NULL),
			 HF_E_ARGUMENT);
	assert_int_equal(hf_tree_prove_consistency(&reader, 0, 8, &out, NULL),
			 HF_E_ARGUMENT);
	assert_int_equal(hf_tree_prove_consistency(&reader, 9, 8, &out, NULL),
			 HF_E_ARGUMENT);
	assert_int_equal(hf_tree_range(&reader, 1, 2, &range, NULL),
			 HF_E_ARGUMENT);
	assert_int_equal(hf_tree_range(&reader, 0, 0, &range, NULL),
			 HF_E_ARGUMENT);
	assert_int_equal(hf_tree_range(&reader, 0, UINT64_MAX, &range, NULL),
			 HF_E_ARGUMENT);
}

static void growth_from_nothing_needs_an_empty_proof(void **state)
{
	struct hf_tree_proof none = { .hashes_count = 0 }, one = none;
	struct hf_tree_hash *roots = forest.roots;

	one.hashes_count = 1;
	plant_bytes(8);
	assert_int_equal(
		hf_tree_verify_growth(0, &roots[0], 8, &roots[8], &none, NULL),
		HF_OK);
	assert_int_equal(
		hf_tree_verify_growth(0, &roots[0], 0, &roots[0], &none, NULL),
		HF_OK);
	assert_int_equal(
		hf_tree_verify_growth(0, &roots[0], 0, &roots[1], &none, NULL),
		HF_E_PROOF);
	assert_int_equal(
		hf_tree_verify_growth(0, &roots[1], 8, &roots[8], &none, NULL),
		HF_E_PROOF);
	assert_int_equal(
		hf_tree_verify_growth(0, &roots[0], 8, &roots[8], &one, NULL),
		HF_E_PROOF);
	consistency(5, 8, &one);
	assert_int_equal(
		hf_tree_verify_growth(5, &roots[5], 8, &roots[8], &one, NULL),
		HF_OK);
	assert_int_equal(
		hf_tree_verify_growth(8, &roots[8], 5, &roots[5], &one, NULL),
		HF_E_PROOF);
}

static void proof_bytes_are_whole_hashes_and_at_most_63(void **state)
{
	static uint8_t bytes[64 * 32];
	const struct {
		size_t len_bytes;
		enum hf_err want;
	} rows[] = {
		{ 0, HF_OK },
		{ 31, HF_E_MALFORMED },
		{ 32, HF_OK },
		{ 33, HF_E_MALFORMED },
		{ 63 * 32, HF_OK },
		{ 63 * 32 + 1, HF_E_MALFORMED },
		{ 64 * 32, HF_E_LIMIT },
	};
	struct hf_tree_proof proof;

	bytes[32] = 9;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_span span = hf_span(bytes, rows[i].len_bytes);

		assert_int_equal(hf_tree_proof_parse(span, &proof, NULL),
				 rows[i].want);
		if (rows[i].want == HF_OK)
			assert_true(hf_span_equal(hf_tree_proof_span(&proof),
						  span));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		/* clang-format off */
		cmocka_unit_test(the_reference_tree_has_the_published_roots_and_proofs),
		cmocka_unit_test(rolling_vectors_agree_for_all_sizes_up_to_130),
		cmocka_unit_test(rolling_vector_of_subtrees_agrees),
		cmocka_unit_test(every_root_up_to_130_is_the_one_of_the_definition),
		cmocka_unit_test(every_proof_up_to_130_verifies_and_no_damaged_one_does),
		cmocka_unit_test(proofs_of_larger_trees_verify_and_no_damaged_one_does),
		cmocka_unit_test(sizes_and_indexes_that_cannot_be_are_refused),
		cmocka_unit_test(growth_from_nothing_needs_an_empty_proof),
		cmocka_unit_test(proof_bytes_are_whole_hashes_and_at_most_63),
		/* clang-format on */
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
