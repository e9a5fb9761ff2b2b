#include "unit.h"

#include "ledger_steps.h"

#define SIZE 2000

/* Everything in memory: what the ledger's answers are compared with. */
static struct hf_tree_hash leaves[SIZE];
static struct hf_tree_hash roots[SIZE + 1];

#define LEVELS 11 /* 2^10 is the largest complete subtree */

static struct hf_tree_hash nodes[LEVELS][SIZE];

static void nodes_make(void)
{
	memcpy(nodes[0], leaves, sizeof(leaves));
	for (size_t level = 1; level < LEVELS; level++)
		for (size_t i = 0; (i + 1) << level <= SIZE; i++)
			hf_tree_node(&nodes[level - 1][2 * i],
				     &nodes[level - 1][2 * i + 1],
				     &nodes[level][i]);
}

static enum hf_err brute(void *context, unsigned level, uint64_t index,
			 struct hf_tree_hash *out_hash, struct hf_why *why)
{
	if (level >= LEVELS || ((index + 1) << level) > SIZE)
		return HF_E_ARGUMENT;
	*out_hash = nodes[level][index];
	return HF_OK;
}

static const struct hf_tree_reader brute_reader = { .get = brute };

static void same(const struct hf_tree_proof *a, const struct hf_tree_proof *b,
		 const char *what, uint64_t x, uint64_t size)
{
	if (!hf_span_equal(hf_tree_proof_span(a), hf_tree_proof_span(b)))
		fail_msg("%s %llu at %llu", what, (unsigned long long)x,
			 (unsigned long long)size);
}

static void at_size(struct hf_ledger_view *view, uint32_t set, uint64_t size)
{
	const uint64_t picks[] = { size - 1, size * 7919 / 3 % size };
	struct hf_tree_proof ours, theirs;
	struct hf_tree_hash root;
	struct hf_why why = { "" };

	assert_ok(hf_ledger_root(view, set, size, &root, &why), &why);
	assert_true(hf_tree_equal(&root, &roots[size]));
	for (size_t i = 0; i < ROWS(picks); i++) {
		uint64_t old = picks[i] + 1;
		uint64_t chunk = picks[i] / HF_CHUNK_ENTRIES;

		assert_ok(hf_ledger_prove_entry(view, set, picks[i], size,
						&ours, &why),
			  &why);
		assert_ok(hf_tree_prove_inclusion(&brute_reader, picks[i], size,
						  &theirs, &why),
			  &why);
		same(&ours, &theirs, "entry", picks[i], size);
		assert_ok(hf_tree_verify_inclusion(&leaves[picks[i]], picks[i],
						   size, &ours, &root, &why),
			  &why);
		assert_ok(hf_ledger_prove_growth(view, set, old, size, &ours,
						 &why),
			  &why);
		assert_ok(hf_tree_verify_growth(old, &roots[old], size, &root,
						&ours, &why),
			  &why);
		assert_ok(hf_ledger_prove_chunk(view, set, chunk, size, &ours,
						&why),
			  &why);
		assert_ok(hf_chunk_prove(&brute_reader, chunk, size, &theirs,
					 &why),
			  &why);
		same(&ours, &theirs, "chunk", chunk, size);
	}
}

static void proofs_at_every_size_are_those_of_the_whole_tree(void **state)
{
	struct rig *rig = *state;
	struct hf_ledger_view *view;
	struct hf_frontier frontier;
	struct hf_tree_proof proof;
	struct hf_tree_hash root;
	struct hf_why why = { "" };
	static uint8_t headers[SIZE * HF_HEADER_BYTES];
	uint32_t set;

	assert_ok(rig_reopen(rig, &why), &why);
	assert_ok(hf_ledger_create(rig->ledger, HF_LEDGER_OWN,
				   BYTES("hotline.example/ncii/1"), &set, &why),
		  &why);
	/* In steps that end within, at and behind chunks. */
	assert_ok(rig_append_many(rig, set, 0, 1, &why), &why);
	assert_ok(rig_append_many(rig, set, 1, 254, &why), &why);
	assert_ok(rig_append_many(rig, set, 255, 1, &why), &why);
	assert_ok(rig_append_many(rig, set, 256, 300, &why), &why);
	assert_ok(rig_reopen(rig, &why), &why);
	assert_ok(rig_append_many(rig, set, 556, SIZE - 556, &why), &why);
	assert_ok(hf_ledger_view_begin(rig->ledger, &view, &why), &why);
	assert_ok(hf_ledger_headers(view, set, 0, SIZE, headers, &why), &why);
	hf_leaf_hashes(headers, SIZE, leaves);
	nodes_make();
	hf_frontier_init(&frontier);
	hf_frontier_root(&frontier, &roots[0]);
	for (size_t i = 0; i < SIZE; i++) {
		assert_ok(hf_frontier_append(&frontier, &leaves[i], NULL, &why),
			  &why);
		hf_frontier_root(&frontier, &roots[i + 1]);
	}
	assert_ok(hf_ledger_root(view, set, 0, &root, &why), &why);
	assert_true(hf_tree_equal(&root, &roots[0]));
	/* Under torture what counts is memory, not every size. */
	for (uint64_t size = 1; size <= SIZE;
	     size += getenv("HF_FAIL_ALLOC") != NULL ? 97 : 1)
		at_size(view, set, size);
	assert_int_equal(hf_ledger_root(view, set, SIZE + 1, &root, NULL),
			 HF_E_ARGUMENT);
	assert_int_equal(hf_ledger_prove_entry(view, set, 5, 5, &proof, NULL),
			 HF_E_ARGUMENT);
	assert_int_equal(hf_ledger_prove_growth(view, set, 6, 5, &proof, NULL),
			 HF_E_ARGUMENT);
	assert_int_equal(hf_ledger_headers(view, set, SIZE, 1, headers, NULL),
			 HF_E_NOTFOUND);
	hf_ledger_view_end(view);
}

static void a_scan_reads_on_from_any_entry(void **state)
{
	struct rig *rig = *state;
	struct hf_ledger_entry entry;
	struct hf_ledger_view *view;
	struct hf_ledger_scan *scan;
	struct hf_why why = { "" };
	uint32_t set;

	assert_ok(rig_reopen(rig, &why), &why);
	assert_ok(hf_ledger_create(rig->ledger, HF_LEDGER_OWN,
				   BYTES("hotline.example/ncii/1"), &set, &why),
		  &why);
	assert_ok(rig_append_many(rig, set, 0, 600, &why), &why);
	assert_ok(hf_ledger_view_begin(rig->ledger, &view, &why), &why);
	for (uint64_t first = 0; first <= 601; first += first < 250 ? 50 : 1) {
		assert_ok(hf_ledger_scan_begin(view, set, first, &scan, &why),
			  &why);
		for (uint64_t i = first; i < 600; i++) {
			char text[32];

			snprintf(text, sizeof(text), "entry %llu",
				 (unsigned long long)i);
			assert_ok(hf_ledger_scan_next(scan, &entry, &why),
				  &why);
			assert_int_equal(entry.index, i);
			assert_true(hf_span_is(entry.payload, text));
		}
		assert_int_equal(hf_ledger_scan_next(scan, &entry, NULL),
				 HF_E_NOTFOUND);
		hf_ledger_scan_end(scan);
	}
	hf_ledger_view_end(view);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(proofs_at_every_size_are_those_of_the_whole_tree),
		RIG_TEST(a_scan_reads_on_from_any_entry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
