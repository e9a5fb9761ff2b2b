#include "unit.h"

#include <string.h>

#include <jansson.h>

#include "bytes.h"
#include "leaf.h"

#define VECTORS HF_SOURCE_DIR "/tests/vectors/leaf.json"

static void hex_get(const json_t *object, const char *name, uint8_t *out,
		    size_t size_bytes, size_t *out_len_bytes)
{
	const char *text = json_string_value(json_object_get(object, name));
	size_t len_bytes;

	assert_non_null(text);
	len_bytes = strlen(text) / 2;
	assert_true(len_bytes <= size_bytes);
	assert_int_equal(hf_hex_parse(hf_span_of(text), out, len_bytes), HF_OK);
	if (out_len_bytes != NULL)
		*out_len_bytes = len_bytes;
}

static void the_vectors_give_header_commitment_leaf_and_root(void **state)
{
	json_t *file = json_load_file(VECTORS, 0, NULL), *entry;
	struct hf_frontier frontier;
	struct hf_tree_hash root;
	struct hf_commit commit;
	struct hf_why why = { "" };
	uint8_t want[64];
	size_t i;

	assert_non_null(file);
	hf_commit_init(&commit);
	hf_frontier_init(&frontier);
	json_array_foreach(json_object_get(file, "entries"), i, entry)
	{
		uint8_t bytes[64], again[64], opening[32], payload[64];
		size_t opening_len_bytes, payload_len_bytes;
		struct hf_header header, made;
		struct hf_tree_hash leaf;
		struct hf_span payload_span;

		hex_get(entry, "header_hex", bytes, 64, NULL);
		hex_get(entry, "opening_hex", opening, 32, &opening_len_bytes);
		hex_get(entry, "payload_hex", payload, 64, &payload_len_bytes);
		payload_span = hf_span(payload, payload_len_bytes);

		assert_ok(hf_header_parse(bytes, &header, &why), &why);
		assert_int_equal(header.op, json_integer_value(json_object_get(
						    entry, "op")));
		assert_int_equal(hf_header_use(&header), HF_HEADER_APPLY);
		assert_ok(hf_header_check(&header, i, &why), &why);
		hf_header_encode(&header, again);
		assert_memory_equal(bytes, again, 64);

		assert_ok(hf_commit_verify(&commit, &header,
					   hf_span(opening, opening_len_bytes),
					   payload_span, &why),
			  &why);
		made = header;
		if (opening_len_bytes > 0) {
			memset(made.commitment, 0, 32);
			made.commit_kind = 0;
			made.payload_len_bytes = 0;
			hf_commit_payload(&commit, opening, payload_span,
					  &made);
		}
		hf_header_encode(&made, again);
		assert_memory_equal(bytes, again, 64);

		hf_leaf_hash(bytes, &leaf);
		hex_get(entry, "leaf_hash_hex", want, 32, NULL);
		assert_memory_equal(leaf.bytes, want, 32);
		assert_ok(hf_frontier_append(&frontier, &leaf, NULL, &why),
			  &why);
	}
	assert_int_equal(frontier.size, 5);
	hf_frontier_root(&frontier, &root);
	hex_get(file, "root_hex", want, 32, NULL);
	assert_memory_equal(root.bytes, want, 32);
	json_decref(file);
}

/* An ADD with a payload of nine bytes. */
static struct hf_header sample(void)
{
	struct hf_header header = {
		.op = HF_OP_ADD,
		.commit_kind = HF_COMMIT_HMAC_SHA256,
		.time_ms = 1700000000000,
		.target = 7,
		.payload_len_bytes = 9,
		.commitment = { 1, 2, 3 },
	};

	return header;
}

static void a_header_that_breaks_the_format_is_refused(void **state)
{
	const struct {
		const char *name;
		size_t at;
		uint8_t byte;
		enum hf_err want;
	} rows[] = {
		/* clang-format off */
		{ "as it is",            4, HF_OP_ADD, HF_OK },
		{ "magic hfe0",          3, '0',       HF_E_MALFORMED },
		{ "magic Hfe1",          0, 'H',       HF_E_MALFORMED },
		{ "kind none, length",   5, 0,         HF_E_MALFORMED },
		{ "payload of 4 GiB",    24, 0xff,     HF_E_LIMIT },
		{ "payload of 61449",    26, 0xf0,     HF_E_LIMIT },
		{ "payload of 61193",    26, 0xef,     HF_OK },
		{ "op nobody knows",     4, 9,         HF_OK },
		{ "flag nobody knows",   7, 1,         HF_OK },
		{ "kind nobody knows",   5, 2,         HF_OK },
		/* clang-format on */
	};
	struct hf_header header = sample(), untouched, got;
	uint8_t bytes[64];

	memset(&untouched, 0x55, sizeof(untouched));
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_why why = { "" };

		hf_header_encode(&header, bytes);
		bytes[rows[i].at] = rows[i].byte;
		got = untouched;
		if (hf_header_parse(bytes, &got, &why) != rows[i].want)
			fail_msg("%s: %s", rows[i].name, why.text);
		if (rows[i].want != HF_OK) {
			assert_memory_equal(&got, &untouched, sizeof(got));
			assert_string_not_equal(why.text, "");
		}
	}

	/* No commitment and no length, but bytes where it would be. */
	header.commit_kind = HF_COMMIT_NONE;
	header.payload_len_bytes = 0;
	hf_header_encode(&header, bytes);
	assert_int_equal(hf_header_parse(bytes, &got, NULL), HF_E_MALFORMED);
}

static void what_is_unknown_is_kept_and_told_apart(void **state)
{
	const struct {
		const char *name;
		uint8_t op, commit_kind;
		uint16_t flags;
		enum hf_header_use want;
	} rows[] = {
		/* clang-format off */
		{ "ADD",                 1,   1, 0,      HF_HEADER_APPLY },
		{ "END without payload", 8,   0, 0,      HF_HEADER_APPLY },
		{ "op 0",                0,   0, 0,      HF_HEADER_UNSUPPORTED },
		{ "op 9",                9,   1, 0,      HF_HEADER_UNSUPPORTED },
		{ "op 127",              127, 1, 0,      HF_HEADER_UNSUPPORTED },
		{ "op 128",              128, 1, 0,      HF_HEADER_IGNORE },
		{ "op 255 with flags",   255, 9, 0xffff, HF_HEADER_IGNORE },
		{ "lowest flag",         1,   1, 1,      HF_HEADER_UNSUPPORTED },
		{ "highest flag",        3,   0, 0x8000, HF_HEADER_UNSUPPORTED },
		{ "commitment 2",        1,   2, 0,      HF_HEADER_UNSUPPORTED },
		/* clang-format on */
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_header header = {
			.op = rows[i].op,
			.commit_kind = rows[i].commit_kind,
			.flags = rows[i].flags,
			.target = UINT64_MAX,
		};

		if (hf_header_use(&header) != rows[i].want)
			fail_msg("%s", rows[i].name);
		if (rows[i].want != HF_HEADER_APPLY &&
		    hf_header_check(&header, 3, NULL) != HF_OK)
			fail_msg("%s: rules of what we do not know",
				 rows[i].name);
	}
	assert_string_equal(hf_op_name(HF_OP_SNAPSHOT), "SNAPSHOT");
	assert_null(hf_op_name(0));
	assert_null(hf_op_name(128));
}

static void each_op_has_the_targets_it_may_have(void **state)
{
	const struct {
		enum hf_op op;
		bool may_own, may_earlier, may_lack_payload;
	} rows[] = {
		{ HF_OP_ADD, true, false, false },
		{ HF_OP_AMEND, false, true, false },
		{ HF_OP_RETRACT, false, true, true },
		{ HF_OP_STATUS, true, true, false },
		{ HF_OP_ERASE, false, true, true },
		{ HF_OP_KEY, true, false, false },
		{ HF_OP_SNAPSHOT, true, false, false },
		{ HF_OP_END, true, false, true },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_header header = sample();

		header.op = (uint8_t)rows[i].op;
		header.target = 7;
		if ((hf_header_check(&header, 7, NULL) == HF_OK) !=
		    rows[i].may_own)
			fail_msg("%s, own", hf_op_name(header.op));
		if ((hf_header_check(&header, 8, NULL) == HF_OK) !=
		    rows[i].may_earlier)
			fail_msg("%s, earlier", hf_op_name(header.op));
		if (hf_header_check(&header, 6, NULL) != HF_E_MALFORMED)
			fail_msg("%s, later", hf_op_name(header.op));
		header.commit_kind = HF_COMMIT_NONE;
		header.payload_len_bytes = 0;
		if ((hf_header_check(&header, rows[i].may_own ? 7 : 8, NULL) ==
		     HF_OK) != rows[i].may_lack_payload)
			fail_msg("%s, without payload", hf_op_name(header.op));
	}
}

static void only_the_payload_committed_to_is_accepted(void **state)
{
	uint8_t opening[33] = { 4, 5, 6 }, payload[] = "nine byte";
	struct hf_span right = hf_span(payload, 9);
	struct hf_span open = hf_span(opening, 32);
	struct hf_header header = sample(), none = { .op = HF_OP_RETRACT };
	struct hf_commit commit;

	hf_commit_init(&commit);
	hf_commit_payload(&commit, opening, right, &header);
	assert_int_equal(hf_commit_verify(&commit, &header, open, right, NULL),
			 HF_OK);
	for (size_t bit = 0; bit < 9 * 8; bit++) {
		payload[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(
			hf_commit_verify(&commit, &header, open, right, NULL),
			HF_E_PROOF);
		payload[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (size_t bit = 0; bit < 32 * 8; bit++) {
		opening[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(
			hf_commit_verify(&commit, &header, open, right, NULL),
			HF_E_PROOF);
		opening[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_int_equal(hf_commit_verify(&commit, &header, open,
					  hf_span(payload, 8), NULL),
			 HF_E_PROOF);
	/* The opening must
	 * be neither longer nor shorter nor absent. */
	assert_int_equal(hf_commit_verify(&commit, &header,
					  hf_span(opening, 33), right, NULL),
			 HF_E_PROOF);
	assert_int_equal(hf_commit_verify(&commit, &header,
					  hf_span(opening, 31), right, NULL),
			 HF_E_PROOF);
	assert_int_equal(hf_commit_verify(&commit, &header, hf_span(NULL, 0),
					  right, NULL),
			 HF_E_PROOF);
	header.commit_kind = 2;
	assert_int_equal(hf_commit_verify(&commit, &header, open, right, NULL),
			 HF_E_UNSUPPORTED);

	assert_int_equal(hf_commit_verify(&commit, &none, hf_span(NULL, 0),
					  hf_span(NULL, 0), NULL),
			 HF_OK);
	assert_int_equal(
		hf_commit_verify(&commit, &none, open, hf_span(NULL, 0), NULL),
		HF_E_PROOF);
	assert_int_equal(
		hf_commit_verify(&commit, &none, hf_span(NULL, 0), right, NULL),
		HF_E_PROOF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			the_vectors_give_header_commitment_leaf_and_root),
		cmocka_unit_test(a_header_that_breaks_the_format_is_refused),
		cmocka_unit_test(what_is_unknown_is_kept_and_told_apart),
		cmocka_unit_test(each_op_has_the_targets_it_may_have),
		cmocka_unit_test(only_the_payload_committed_to_is_accepted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
