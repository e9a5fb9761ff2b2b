#include "unit.h"

#include <string.h>

#include "chunk.h"
#include "forest.h"
#include "leaf.h"
#include "tree.h"

/*
 * The frontier.
 */

static void a_frontier_survives_its_bytes(void **state)
{
	uint8_t bytes[HF_FRONTIER_MAX_BYTES + 1] = { 0 };
	struct hf_frontier again;
	struct hf_tree_hash root;

	for (size_t size = 0; size <= 130; size++) {
		size_t len_bytes;

		plant_bytes(size);
		len_bytes = hf_frontier_encode(&forest.frontier, bytes);
		assert_int_equal(hf_frontier_parse(hf_span(bytes, len_bytes),
						   &again, NULL),
				 HF_OK);
		hf_frontier_root(&again, &root);
		assert_true(hf_tree_equal(&root, &forest.roots[size]));
		assert_int_equal(
			hf_frontier_parse(hf_span(bytes, len_bytes - 1), &again,
					  NULL),
			HF_E_MALFORMED);
		assert_int_equal(
			hf_frontier_parse(hf_span(bytes, len_bytes + 1), &again,
					  NULL),
			HF_E_MALFORMED);
	}
	memset(bytes, 0xff, 8);
	assert_int_equal(
		hf_frontier_parse(hf_span(bytes, sizeof(bytes)), &again, NULL),
		HF_E_LIMIT);
	bytes[0] = 0x7f;
	assert_int_equal(
		hf_frontier_parse(hf_span(bytes, HF_FRONTIER_MAX_BYTES), &again,
				  NULL),
		HF_OK);
	/* As large as can be: nothing more goes in. */
	root = again.peaks[0];
	assert_int_equal(hf_frontier_append(&again, &root, NULL, NULL),
			 HF_E_LIMIT);
}

static enum hf_err node_refuse(void *context, unsigned level, uint64_t index,
			       const struct hf_tree_hash *hash,
			       struct hf_why *why)
{
	return level == *(unsigned *)context ? HF_E_FULL : HF_OK;
}

static void a_sink_that_fails_leaves_the_frontier_as_it_was(void **state)
{
	unsigned level;
	const struct hf_tree_sink refusing = { node_refuse, &level };
	struct hf_frontier before;
	struct hf_tree_hash leaf = { { 1 } };

	plant_bytes(7);
	before = forest.frontier;
	for (level = 0; level <= 3; level++) {
		assert_int_equal(hf_frontier_append(&forest.frontier, &leaf,
						    &refusing, NULL),
				 HF_E_FULL);
		assert_int_equal(forest.frontier.size, 7);
		assert_memory_equal(forest.frontier.peaks, before.peaks,
				    3 * sizeof(leaf));
	}
}

static void subtrees_are_appended_where_they_fit_only(void **state)
{
	struct hf_frontier frontier;
	struct hf_tree_hash root;

	plant_bytes(24);
	hf_frontier_init(&frontier);
	assert_int_equal(hf_frontier_append_subtree(
				 &frontier, 4, &forest.nodes[4][0], NULL, NULL),
			 HF_OK);
	assert_int_equal(hf_frontier_append_subtree(
				 &frontier, 5, &forest.nodes[4][0], NULL, NULL),
			 HF_E_ARGUMENT);
	assert_int_equal(hf_frontier_append_subtree(&frontier, 64,
						    &forest.nodes[4][0], NULL,
						    NULL),
			 HF_E_ARGUMENT);
	assert_int_equal(hf_frontier_append_subtree(
				 &frontier, 3, &forest.nodes[3][2], NULL, NULL),
			 HF_OK);
	hf_frontier_root(&frontier, &root);
	assert_true(hf_tree_equal(&root, &forest.roots[24]));
}

/*
 * Chunks.
 */

#define HEADERS 1300

static uint8_t headers[HEADERS * HF_HEADER_BYTES];

static void plant_headers(void)
{
	plant();
	for (size_t i = 0; i < HEADERS; i++) {
		struct hf_header header = { .op = HF_OP_RETRACT, .target = i };
		struct hf_tree_hash leaf;

		hf_header_encode(&header, headers + i * HF_HEADER_BYTES);
		hf_leaf_hash(headers + i * HF_HEADER_BYTES, &leaf);
		grow(&leaf);
	}
}

static struct hf_span headers_of(uint64_t chunk, uint64_t size)
{
	return hf_span(headers + chunk * HF_CHUNK_ENTRIES * HF_HEADER_BYTES,
		       hf_chunk_entries(size, chunk) * HF_HEADER_BYTES);
}

static void the_tree_over_chunk_roots_is_the_tree_over_the_entries(void **state)
{
	plant_headers();
	for (uint64_t size = 1; size <= HEADERS; size++) {
		struct hf_tree_hash roots[6], root;
		uint64_t chunks = hf_chunk_count(size);

		for (uint64_t chunk = 0; chunk < chunks; chunk++)
			hf_chunk_root(headers_of(chunk, size).at,
				      hf_chunk_entries(size, chunk),
				      &roots[chunk]);
		mth(roots, chunks, &root);
		assert_true(hf_tree_equal(&root, &forest.roots[size]));
	}
}

static void a_chunk_is_proven_by_an_ordinary_inclusion_proof(void **state)
{
	plant_headers();
	for (uint64_t size = 1; size <= HEADERS; size += 1 + any(23)) {
		struct hf_tree_hash *root = &forest.roots[size];

		for (uint64_t chunk = 0; chunk < hf_chunk_count(size);
		     chunk++) {
			struct hf_span bytes = headers_of(chunk, size);
			size_t bit = any(bytes.len_bytes * 8);
			struct hf_tree_proof proof;

			forest.size_asked = size;
			assert_int_equal(hf_chunk_prove(&reader, chunk, size,
							&proof, NULL),
					 HF_OK);
			assert_int_equal(hf_chunk_verify(bytes, chunk, size,
							 &proof, root, NULL),
					 HF_OK);
			flip(headers, (size_t)(bytes.at - headers) * 8 + bit);
			assert_int_equal(hf_chunk_verify(bytes, chunk, size,
							 &proof, root, NULL),
					 HF_E_PROOF);
			flip(headers, (size_t)(bytes.at - headers) * 8 + bit);
			bytes.len_bytes -= HF_HEADER_BYTES;
			assert_int_equal(hf_chunk_verify(bytes, chunk, size,
							 &proof, root, NULL),
					 HF_E_PROOF);
			assert_int_equal(hf_chunk_verify(bytes, chunk + 1, size,
							 &proof, root, NULL),
					 HF_E_PROOF);
		}
		assert_int_equal(hf_chunk_entries(size, hf_chunk_count(size)),
				 0);
	}
}

static void entries_of_a_chunk_add_up(void **state)
{
	assert_int_equal(hf_chunk_count(0), 0);
	assert_int_equal(hf_chunk_count(1), 1);
	assert_int_equal(hf_chunk_count(256), 1);
	assert_int_equal(hf_chunk_count(257), 2);
	assert_true(hf_chunk_count(HF_TREE_MAX_SIZE) == (uint64_t)1 << 55);
	assert_int_equal(hf_chunk_entries(0, 0), 0);
	assert_int_equal(hf_chunk_entries(256, 0), 256);
	assert_int_equal(hf_chunk_entries(256, 1), 0);
	assert_int_equal(hf_chunk_entries(300, 1), 44);
	assert_int_equal(hf_chunk_entries(300, UINT64_MAX), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		/* clang-format off */
		cmocka_unit_test(a_frontier_survives_its_bytes),
		cmocka_unit_test(a_sink_that_fails_leaves_the_frontier_as_it_was),
		cmocka_unit_test(subtrees_are_appended_where_they_fit_only),
		cmocka_unit_test(the_tree_over_chunk_roots_is_the_tree_over_the_entries),
		cmocka_unit_test(a_chunk_is_proven_by_an_ordinary_inclusion_proof),
		cmocka_unit_test(entries_of_a_chunk_add_up),
		/* clang-format on */
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
