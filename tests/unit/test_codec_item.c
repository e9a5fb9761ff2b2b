#include "unit.h"

#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "bytes.h"
#include "codec_item.h"

#define VECTORS HF_SOURCE_DIR "/tests/vectors/payload.json"

static struct hf_arena arena;

static int arena_make(void **state)
{
	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	return 0;
}

static int arena_drop(void **state)
{
	hf_arena_release(&arena);
	return 0;
}

static void *need(void *at)
{
	assert_non_null(at);
	return at;
}

/* ---- Items out of words ---- */

static const char *text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text != NULL ? text : "";
}

static uint64_t number_of(const json_t *object, const char *name)
{
	return (uint64_t)json_integer_value(json_object_get(object, name));
}

static struct hf_span bytes_of(const json_t *object, const char *name)
{
	struct hf_span hex = hf_span_of(text_of(object, name));
	uint8_t *bytes = need(hf_arena_alloc(&arena, hex.len_bytes / 2 + 1));

	assert_int_equal(hf_hex_parse(hex, bytes, hex.len_bytes / 2), HF_OK);
	return hf_span(bytes, hex.len_bytes / 2);
}

static void hashes_read(const json_t *list, struct hf_item *item)
{
	struct hf_hash *hashes = need(hf_arena_calloc(
		&arena, json_array_size(list) + 1, sizeof(*hashes)));
	const json_t *row;
	size_t i;

	json_array_foreach(list, i, row)
	{
		const json_t *quality = json_object_get(row, "quality");

		hashes[i].algorithm = (enum hf_algorithm)hf_algorithm_parse(
			hf_span_of(text_of(row, "algorithm")));
		hashes[i].digest = bytes_of(row, "digest");
		if (quality != NULL)
			hashes[i].quality_plus_one =
				(uint32_t)json_integer_value(quality) + 1;
	}
	item->hashes = hashes;
	item->hashes_count = json_array_size(list);
}

static void labels_read(const json_t *list, struct hf_item *item)
{
	struct hf_label *labels = need(hf_arena_calloc(
		&arena, json_array_size(list) + 1, sizeof(*labels)));
	const json_t *row;
	size_t i;

	json_array_foreach(list, i, row)
	{
		labels[i].scheme = json_string_value(json_array_get(row, 0));
		labels[i].value = json_string_value(json_array_get(row, 1));
	}
	item->labels = labels;
	item->labels_count = json_array_size(list);
}

static void flags_read(const json_t *list, struct hf_item *item)
{
	enum hf_item_flag *flags = need(hf_arena_calloc(
		&arena, json_array_size(list) + 1, sizeof(*flags)));
	const json_t *row;
	size_t i;

	json_array_foreach(list, i, row) flags[i] =
		(enum hf_item_flag)hf_item_flag_parse(
			hf_span_of(json_string_value(row)));
	item->flags = flags;
	item->flags_count = json_array_size(list);
}

static struct hf_entry_ref *ref_read(const json_t *row)
{
	struct hf_entry_ref *ref =
		need(hf_arena_calloc(&arena, 1, sizeof(*ref)));

	if (row == NULL)
		return NULL;
	ref->origin = text_of(row, "origin");
	ref->index = number_of(row, "index");
	ref->leaf_hash = bytes_of(row, "leaf_hash");
	return ref;
}

static struct hf_item item_read(const json_t *row)
{
	const json_t *reinstates = json_object_get(row, "reinstates");
	struct hf_item item = {
		.content_class = (enum hf_class)hf_class_parse(
			hf_span_of(text_of(row, "content_class"))),
		.media_kind = (enum hf_item_kind)hf_item_kind_parse(
			hf_span_of(text_of(row, "media_kind"))),
		.assessors = (uint32_t)number_of(row, "assessors"),
		.assessed_at_ms = number_of(row, "assessed_at_ms"),
		.jurisdiction = text_of(row, "jurisdiction"),
		.legal_basis = text_of(row, "legal_basis"),
		.series = text_of(row, "series"),
		.derived_from = ref_read(json_array_get(
			json_object_get(row, "derived_from"), 0)),
		.derived_from_count =
			json_array_size(json_object_get(row, "derived_from")),
		.own_assessment =
			json_is_true(json_object_get(row, "own_assessment")),
		.predecessor = ref_read(json_object_get(row, "predecessor")),
		.expires_at_ms = number_of(row, "expires_at_ms"),
	};

	if (reinstates != NULL)
		item.reinstates_plus_one =
			(uint64_t)json_integer_value(reinstates) + 1;
	hashes_read(json_object_get(row, "hashes"), &item);
	labels_read(json_object_get(row, "labels"), &item);
	flags_read(json_object_get(row, "flags"), &item);
	return item;
}

static void assert_encodes_to(const struct hf_item *item, struct hf_span want)
{
	struct hf_buf buf;

	hf_buf_init(&buf, HF_PAYLOAD_MAX_BYTES);
	assert_int_equal(hf_item_encode(item, &buf), HF_OK);
	assert_int_equal(buf.len_bytes, want.len_bytes);
	assert_memory_equal(buf.at, want.at, want.len_bytes);
	hf_buf_release(&buf);
}

static void the_vectors_encode_and_parse_to_what_protoc_made(void **state)
{
	json_t *file = need(json_load_file(VECTORS, 0, NULL)), *row;
	size_t i;

	json_array_foreach(json_object_get(file, "items"), i, row)
	{
		struct hf_item item = item_read(json_object_get(row, "item"));
		struct hf_span payload = bytes_of(row, "payload_hex");
		unsigned op = (unsigned)number_of(row, "op");
		struct hf_why why = { "" };
		struct hf_item back;

		assert_ok(hf_item_check(&item, op, &why), &why);
		assert_encodes_to(&item, payload);
		assert_ok(hf_item_parse(payload, &arena, &back, &why), &why);
		assert_ok(hf_item_check(&back, op, &why), &why);
		assert_encodes_to(&back, payload);
		assert_int_equal(back.hashes_count, item.hashes_count);
		assert_int_equal(hf_item_has_flag(&back, HF_ITEM_FLAG_MINOR),
				 hf_item_has_flag(&item, HF_ITEM_FLAG_MINOR));
	}
	assert_true(i >= 6);
	json_decref(file);
}

static void the_vectors_that_may_not_be_signed_are_refused(void **state)
{
	json_t *file = need(json_load_file(VECTORS, 0, NULL)), *row;
	size_t i;

	json_array_foreach(json_object_get(file, "refused"), i, row)
	{
		struct hf_why why = { "" };
		struct hf_item item;
		enum hf_err err;

		err = hf_item_parse_for(bytes_of(row, "payload_hex"),
					(unsigned)number_of(row, "op"), &arena,
					&item, &why);
		if (strcmp(hf_err_name(err), text_of(row, "error")) != 0)
			fail_msg("%s: %s, not %s: %s", text_of(row, "name"),
				 hf_err_name(err), text_of(row, "error"),
				 why.text);
		assert_true(strncmp(why.text, "item: ", 6) == 0);
	}
	assert_true(i >= 15);
	json_decref(file);
}

static void the_sentence_names_field_found_and_right(void **state)
{
	static const uint8_t digest[32] = { 1 };
	struct hf_hash hash = { HF_ALGORITHM_SHA256, hf_span(digest, 32), 0 };
	struct hf_label labels[2] = { { "ncmec", "A1" }, { "ncmec", "" } };
	struct hf_item item = {
		.hashes = &hash,
		.hashes_count = 1,
		.labels = labels,
		.labels_count = 2,
		.content_class = HF_CLASS_NCII,
	};
	struct hf_why why;

	assert_int_equal(hf_item_check(&item, 1, &why), HF_E_LIMIT);
	assert_string_equal(
		why.text, "item: labels[1]: value: 0 bytes, must be 1 to 256");
	labels[1].value = "B2";
	hash.digest.len_bytes = 20;
	assert_int_equal(hf_item_check(&item, 1, &why), HF_E_ARGUMENT);
	assert_string_equal(why.text, "item: hashes[0]: 20 bytes are no digest "
				      "of algorithm 3 (sha256)");
	assert_int_equal(hf_item_check(&item, 3, &why), HF_E_ARGUMENT);
	assert_string_equal(why.text, "item: op 3 carries no item");
}

static void digests_must_have_their_algorithms_length(void **state)
{
	static const struct {
		unsigned algorithm;
		size_t len;
		bool want;
	} rows[] = {
		/* clang-format off */
		{ HF_ALGORITHM_MD5,      16,           true },
		{ HF_ALGORITHM_MD5,      15,           false },
		{ HF_ALGORITHM_SHA1,     20,           true },
		{ HF_ALGORITHM_SHA1,     32,           false },
		{ HF_ALGORITHM_SHA256,   32,           true },
		{ HF_ALGORITHM_SHA256,   0,            false },
		{ HF_ALGORITHM_PDQ,      32,           true },
		{ HF_ALGORITHM_PDQ,      33,           false },
		{ HF_ALGORITHM_PHOTODNA, 144,          true },
		{ HF_ALGORITHM_PHOTODNA, 143,          false },
		{ HF_ALGORITHM_VPDQ,     32,           true },
		{ HF_ALGORITHM_VPDQ,     64,           true },
		{ HF_ALGORITHM_VPDQ,     65,           false },
		{ HF_ALGORITHM_VPDQ,     0,            false },
		{ HF_ALGORITHM_VPDQ,     1800 * 32,    true },
		{ HF_ALGORITHM_VPDQ,     1801 * 32,    false },
		{ 0,                     0,            false },
		{ 99,                    32,           false },
		/* clang-format on */
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		if (hf_algorithm_takes(rows[i].algorithm, rows[i].len) !=
		    rows[i].want)
			fail_msg("%s of %zu bytes",
				 hf_algorithm_word(rows[i].algorithm),
				 rows[i].len);
	}
}

static void words_go_both_ways(void **state)
{
#define BOTH(type, table)                                                      \
	for (unsigned n = 1; strcmp(hf_##type##_word(n), "unknown") != 0;      \
	     n++) {                                                            \
		const char *word = hf_##type##_word(n);                        \
                                                                               \
		assert_int_equal(hf_##type##_parse(hf_span_of(word)), n);      \
		assert_non_null(strstr(hf_##type##_words(), word));            \
	}                                                                      \
	assert_string_equal(hf_##type##_word(0), "unknown");                   \
	assert_int_equal(hf_##type##_parse(hf_span_of("unknown")), 0);         \
	assert_int_equal(hf_##type##_parse(hf_span(NULL, 0)), 0);
	HF_WORDS_TABLE(BOTH)
#undef BOTH
	assert_string_equal(hf_relay_words(), "none, members, listed");
	assert_int_equal(HF_SET_STATE_OFFERED, 6);
	assert_string_equal(hf_set_state_word(6), "offered");
}

static void an_item_of_a_newer_version_still_parses(void **state)
{
	/* Algorithm 77, class 9, flag 40, and a field 999 nobody knows. */
	static const uint8_t wire[] = { 0x0a, 0x06, 0x08, 0x4d, 0x12, 0x02,
					0xaa, 0xbb, 0x18, 0x09, 0x22, 0x01,
					0x28, 0xba, 0x3e, 0x01, 0x55 };
	struct hf_why why = { "" };
	struct hf_item item;

	assert_ok(
		hf_item_parse(hf_span(wire, sizeof(wire)), &arena, &item, &why),
		&why);
	assert_int_equal(item.hashes_count, 1);
	assert_int_equal(item.hashes[0].algorithm, 77);
	assert_int_equal(item.content_class, 9);
	assert_int_equal(hf_item_class(&item), HF_CLASS_OTHER);
	item.content_class = (enum hf_class)0;
	assert_int_equal(hf_item_class(&item), HF_CLASS_OTHER);
	item.content_class = HF_CLASS_NCII;
	assert_int_equal(hf_item_class(&item), HF_CLASS_NCII);
	assert_int_equal(item.flags[0], 40);
	assert_false(hf_algorithm_takes(item.hashes[0].algorithm, 2));
	assert_int_equal(hf_item_check(&item, 1, NULL), HF_E_ARGUMENT);
}

static void a_payload_past_its_limit_is_refused_both_ways(void **state)
{
	static uint8_t frames[1800 * 32];
	struct hf_hash hashes[2] = {
		{ HF_ALGORITHM_VPDQ, hf_span(frames, sizeof(frames)), 0 },
		{ HF_ALGORITHM_VPDQ, hf_span(frames, 3840), 0 },
	};
	struct hf_item item = {
		.hashes = hashes,
		.hashes_count = 2,
		.content_class = HF_CLASS_OTHER,
	};
	static uint8_t wire[HF_PAYLOAD_MAX_BYTES + 1];
	struct hf_buf buf;

	hf_buf_init(&buf, HF_MESSAGE_MAX_BYTES);
	assert_int_equal(hf_item_encode(&item, &buf), HF_E_LIMIT);
	hf_buf_reset(&buf);
	hashes[1].digest.len_bytes -= 64;
	assert_int_equal(hf_item_encode(&item, &buf), HF_OK);
	assert_true(buf.len_bytes <= HF_PAYLOAD_MAX_BYTES);
	assert_int_equal(
		hf_item_parse(hf_span(wire, sizeof(wire)), &arena, &item, NULL),
		HF_E_LIMIT);
	hf_buf_release(&buf);
}

/* Skimmed and parsed they are the same, or both are refused. */
static void skims_alike(const char *name, struct hf_span wire, bool is_plain)
{
	struct hf_item_gist gist;
	struct hf_arena other;
	struct hf_item item;
	enum hf_err err = hf_item_parse(wire, &arena, &item, NULL);

	hf_arena_init(&other, HF_UNPACK_MAX_BYTES);
	if (hf_item_skim(wire, &other, &gist, NULL) != err)
		fail_msg("%s: skimmed, another answer than %s", name,
			 hf_err_name(err));
	if ((other.total_bytes == 0) != is_plain)
		fail_msg("%s: %s", name,
			 is_plain ? "was parsed" : "was not parsed");
	if (err == HF_OK && (gist.hashes_count != item.hashes_count ||
			     gist.content_class != item.content_class ||
			     gist.expires_at_ms != item.expires_at_ms ||
			     gist.is_derived != (item.derived_from_count > 0)))
		fail_msg("%s: skimmed, another item", name);
	for (size_t i = 0; err == HF_OK && i < item.hashes_count; i++) {
		if (gist.hashes[i].algorithm != item.hashes[i].algorithm ||
		    gist.hashes[i].quality_plus_one !=
			    item.hashes[i].quality_plus_one ||
		    !hf_span_equal(gist.hashes[i].digest,
				   item.hashes[i].digest))
			fail_msg("%s: hash %zu is another", name, i);
	}
	hf_arena_release(&other);
}

static void skimming_gives_what_parsing_gives(void **state)
{
#define WIRE(bytes)                                                            \
	{                                                                      \
		(const uint8_t *)(bytes), sizeof(bytes) - 1                    \
	}
	const struct {
		const char *name;
		struct hf_span wire;
		bool is_plain;
	} rows[] = {
		/* clang-format off */
		{ "nothing at all", { NULL, 0 }, true },
		{ "a hash with its quality", WIRE("\x0a\x08\x08\x03\x12\x02\xaa\xbb\x18\x65\x18\x02"), true },
		{ "two hashes", WIRE("\x0a\x06\x08\x03\x12\x02\xaa\xbb\x0a\x03\x12\x01\x00"), true },
		{ "a label and flags", WIRE("\x12\x06\x0a\x01s\x12\x01v\x22\x02\x01\x03"), true },
		{ "country, basis, series, when", WIRE("\x42\x02NL\x4a\x01" "a\x52\x00\x78\x80\x01"), true },
		{ "kind, assessors, own", WIRE("\x28\x01\x30\x02\x38\x80\x80\x01\x60\x01\x68\x05"), true },
		{ "the class twice: the last one counts", WIRE("\x18\x02\x18\x03"), false },
		{ "a quality twice", WIRE("\x0a\x07\x12\x01\xaa\x18\x05\x18\x06"), false },
		{ "a field that nobody knows", WIRE("\x18\x02\xba\x3e\x01\x55"), false },
		{ "flags that are not packed", WIRE("\x20\x01\x20\x03"), false },
		{ "a label in another script", WIRE("\x12\x07\x0a\x02\xc3\xa9\x12\x01v"), false },
		{ "a label with a zero byte", WIRE("\x12\x07\x0a\x02s\x00\x12\x01v"), false },
		{ "a label without its value", WIRE("\x12\x03\x0a\x01s"), false },
		{ "a small country", WIRE("\x42\x02nl"), false },
		{ "an empty country", WIRE("\x42\x00"), false },
		{ "an empty digest", WIRE("\x0a\x04\x08\x03\x12\x00"), false },
		{ "a hash that ends too early", WIRE("\x0a\x06\x08\x03\x12\x04\xaa\xbb"), false },
		{ "a hash past the end", WIRE("\x0a\x08\x12\x02\xaa\xbb"), false },
		{ "a tag alone", WIRE("\x18"), false },
		{ "a class of 64 bits", WIRE("\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), false },
		{ "a class of 40 bits", WIRE("\x18\x82\x80\x80\x80\x80\x01"), false },
		{ "a length in too many bytes", WIRE("\x0a\x83\x80\x80\x00\x12\x01\xaa"), false },
		{ "from another set", WIRE("\x5a\x05\x0a\x03" "a/1"), false },
		/* clang-format on */
	};
#undef WIRE

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		skims_alike(rows[i].name, rows[i].wire, rows[i].is_plain);
}

/* One more than an item may have of anything. */
static void skimming_counts_as_parsing_does(void **state)
{
	static const struct {
		const char *name;
		const char *one;
		size_t one_bytes;
		size_t most;
	} rows[] = {
		{ "hashes", "\x0a\x03\x12\x01\xaa", 5, HF_ITEM_MAX_HASHES },
		{ "labels", "\x12\x06\x0a\x01s\x12\x01v", 8,
		  HF_ITEM_MAX_LABELS },
	};
	uint8_t wire[1024];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t len = rows[i].most * rows[i].one_bytes;

		for (size_t j = 0; j <= rows[i].most; j++)
			memcpy(wire + j * rows[i].one_bytes, rows[i].one,
			       rows[i].one_bytes);
		skims_alike(rows[i].name, hf_span(wire, len), true);
		skims_alike(rows[i].name,
			    hf_span(wire, len + rows[i].one_bytes), false);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, arena_make, arena_drop)
	const struct CMUnitTest tests[] = {
		TEST(the_vectors_encode_and_parse_to_what_protoc_made),
		TEST(the_vectors_that_may_not_be_signed_are_refused),
		TEST(the_sentence_names_field_found_and_right),
		TEST(digests_must_have_their_algorithms_length),
		TEST(words_go_both_ways),
		TEST(an_item_of_a_newer_version_still_parses),
		TEST(a_payload_past_its_limit_is_refused_both_ways),
		TEST(skimming_gives_what_parsing_gives),
		TEST(skimming_counts_as_parsing_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
