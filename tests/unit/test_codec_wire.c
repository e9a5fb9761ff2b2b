/*
 * Bytes that no honest peer sends, written by hand.
 */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "codec_admin.h"
#include "codec_federation.h"
#include "codec_item.h"
#include "codec_match.h"
#include "codec_publish.h"

static struct hf_arena arena;
static struct hf_buf wire;

static int begin(void **state)
{
	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	hf_buf_init(&wire, 2 * HF_MESSAGE_MAX_BYTES);
	return 0;
}

static int end(void **state)
{
	hf_arena_release(&arena);
	hf_buf_release(&wire);
	return 0;
}

static void put_varint(uint64_t value)
{
	for (; value > 0x7f; value >>= 7)
		hf_buf_put_u8(&wire, (uint8_t)(value | 0x80));
	hf_buf_put_u8(&wire, (uint8_t)value);
}

static void put_number(unsigned field, uint64_t value)
{
	put_varint(field << 3);
	put_varint(value);
	assert_int_equal(hf_buf_failed(&wire), HF_OK);
}

static void put_bytes(unsigned field, struct hf_span bytes)
{
	put_varint(field << 3 | 2);
	put_varint(bytes.len_bytes);
	hf_buf_put(&wire, bytes);
	assert_int_equal(hf_buf_failed(&wire), HF_OK);
}

/* A label of scheme "x" and this value, as field 2 of an item. */
static struct hf_span label_of(struct hf_span value)
{
	uint8_t bytes[64] = { 0x0a, 1, 'x', 0x12, (uint8_t)value.len_bytes };

	assert_true(value.len_bytes < sizeof(bytes) - 5);
	if (value.len_bytes > 0)
		memcpy(bytes + 5, value.at, value.len_bytes);
	hf_buf_reset(&wire);
	put_bytes(2, hf_span(bytes, 5 + value.len_bytes));
	return hf_buf_span(&wire);
}

static void texts_must_be_clean(void **state)
{
	const struct {
		const char *name;
		struct hf_span value;
		enum hf_err want;
	} rows[] = {
		/* clang-format off */
		{ "plain",               BYTES("A1"),               HF_OK },
		{ "two bytes a sign",    BYTES("\xc3\xa9"),         HF_OK },
		{ "four bytes a sign",   BYTES("\xf0\x9f\x94\x92"), HF_OK },
		{ "zero byte inside",    BYTES("A\0B"),             HF_E_MALFORMED },
		{ "zero byte last",      BYTES("A\0"),              HF_E_MALFORMED },
		{ "only a zero byte",    BYTES("\0"),               HF_E_MALFORMED },
		{ "stray continuation",  BYTES("\x80"),             HF_E_MALFORMED },
		{ "cut sequence",        BYTES("\xe2\x82"),         HF_E_MALFORMED },
		{ "overlong slash",      BYTES("\xc0\xaf"),         HF_E_MALFORMED },
		{ "surrogate",           BYTES("\xed\xa0\x80"),     HF_E_MALFORMED },
		{ "past Unicode",        BYTES("\xf4\x90\x80\x80"), HF_E_MALFORMED },
		{ "escape",              BYTES("\x1b[2J"),          HF_E_MALFORMED },
		{ "newline",             BYTES("a\nb"),             HF_E_MALFORMED },
		{ "empty",               BYTES(""),                 HF_E_LIMIT },
		/* clang-format on */
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_why why = { "" };
		struct hf_item item;

		if (hf_item_parse(label_of(rows[i].value), &arena, &item,
				  &why) != rows[i].want)
			fail_msg("%s: %s", rows[i].name, why.text);
	}
}

static void a_zero_byte_in_a_list_of_texts_is_seen(void **state)
{
	struct hf_get_status_response status;
	struct hf_why why;

	put_bytes(13, BYTES("all is well"));
	put_bytes(13, BYTES("all is\0well"));
	assert_int_equal(hf_get_status_response_parse(hf_buf_span(&wire),
						      &arena, &status, &why),
			 HF_E_MALFORMED);
}

static void bytes_that_do_not_decode_are_refused(void **state)
{
	const struct {
		const char *name;
		struct hf_span wire;
		enum hf_err want;
	} rows[] = {
		/* clang-format off */
		{ "nothing",                  BYTES(""),                         HF_OK },
		{ "tag without value",        BYTES("\x18"),                     HF_E_MALFORMED },
		{ "field number 0",           BYTES("\x00\x01"),                 HF_E_MALFORMED },
		{ "unknown wire type 3",      BYTES("\x1b"),                     HF_E_MALFORMED },
		{ "unknown wire type 7",      BYTES("\x1f"),                     HF_E_MALFORMED },
		{ "length past the end",      BYTES("\x0a\x05\x08"),             HF_E_MALFORMED },
		{ "length of 4 GiB",          BYTES("\x0a\xff\xff\xff\xff\x0f"), HF_E_MALFORMED },
		{ "varint of 11 bytes",
		  BYTES("\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),     HF_E_MALFORMED },
		{ "number where bytes are",   BYTES("\x08\x01"),                 HF_E_MALFORMED },
		{ "half a message inside",    BYTES("\x0a\x02\x12\x05"),         HF_E_MALFORMED },
		{ "tag of 6 bytes",
		  BYTES("\x80\x80\x80\x80\x80\x01\x00"),                         HF_E_MALFORMED },
		/* clang-format on */
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_why why = { "" };
		struct hf_item item;

		if (hf_item_parse(rows[i].wire, &arena, &item, &why) !=
		    rows[i].want)
			fail_msg("%s: %s", rows[i].name, why.text);
	}
}

static void a_failed_parse_leaves_out_alone(void **state)
{
	struct hf_get_chunks_request request, before;

	memset(&request, 0x5a, sizeof(request));
	before = request;
	put_bytes(1, BYTES("hotline.example/ncii/1"));
	put_number(2, 10);
	put_number(3, 5);
	put_number(4, 5); /* no entry at all */
	assert_int_equal(hf_get_chunks_request_parse(hf_buf_span(&wire), &arena,
						     &request, NULL),
			 HF_E_ARGUMENT);
	assert_memory_equal(&request, &before, sizeof(request));
}

/* With malloc 4 MiB of these cost 386 MB. */
static void a_flood_of_empty_messages_stays_under_the_ceiling(void **state)
{
	struct hf_tail_request request;
	struct hf_why why;

	while (wire.len_bytes < HF_MESSAGE_MAX_BYTES)
		put_bytes(1, BYTES(""));
	assert_int_equal(hf_tail_request_parse(hf_buf_span(&wire), &arena,
					       &request, &why),
			 HF_E_LIMIT);
	assert_string_equal(why.text, "tail_request: needs more memory than it "
				      "may have");
	assert_true(arena.total_bytes <= HF_UNPACK_MAX_BYTES);
}

static void a_flood_of_unknown_fields_stays_under_the_ceiling(void **state)
{
	struct hf_tail_request request;

	while (wire.len_bytes < HF_MESSAGE_MAX_BYTES)
		put_number(900, 0);
	assert_int_equal(hf_tail_request_parse(hf_buf_span(&wire), &arena,
					       &request, NULL),
			 HF_E_LIMIT);
	assert_true(arena.total_bytes <= HF_UNPACK_MAX_BYTES);
}

static void a_message_past_4_MiB_is_not_even_looked_at(void **state)
{
	static uint8_t zeros[65536];
	struct hf_tail_request request;

	while (wire.len_bytes <= HF_MESSAGE_MAX_BYTES)
		put_bytes(900, hf_span(zeros, sizeof(zeros)));
	assert_int_equal(hf_tail_request_parse(hf_buf_span(&wire), &arena,
					       &request, NULL),
			 HF_E_LIMIT);
	assert_null(arena.blocks);
}

/* Every message that comes from a stranger's bytes has a fixed depth, so
 * nesting deeper is only bytes of an unknown field. */
static void nesting_has_no_depth(void **state)
{
	struct hf_item item;

	for (int depth = 0; depth < 2000; depth++) {
		struct hf_buf outer;

		hf_buf_init(&outer, HF_MESSAGE_MAX_BYTES);
		hf_buf_put(&outer, hf_buf_span(&wire));
		hf_buf_reset(&wire);
		put_bytes(900, hf_buf_span(&outer));
		hf_buf_release(&outer);
	}
	assert_int_equal(hf_item_parse(hf_buf_span(&wire), &arena, &item, NULL),
			 HF_OK);
	assert_int_equal(item.hashes_count, 0);
}

static void lists_one_past_their_most_are_refused(void **state)
{
	struct hf_append_request append;
	struct hf_item item;

	for (size_t i = 0; i < 65; i++)
		put_bytes(1, BYTES("\x08\x01\x12\x01x"));
	assert_int_equal(hf_item_parse(hf_buf_span(&wire), &arena, &item, NULL),
			 HF_E_LIMIT);
	hf_buf_reset(&wire);
	put_bytes(1, BYTES("ncii"));
	put_bytes(2, BYTES("0123456789abcdef"));
	for (size_t i = 0; i < HF_APPEND_BATCH_MAX; i++)
		put_bytes(4, BYTES("x"));
	assert_int_equal(hf_append_request_parse(hf_buf_span(&wire), &arena,
						 &append, NULL),
			 HF_OK);
	put_bytes(4, BYTES("x"));
	assert_int_equal(hf_append_request_parse(hf_buf_span(&wire), &arena,
						 &append, NULL),
			 HF_E_LIMIT);
}

/* ---- What rows alone do not say ---- */

static enum hf_err match_of(const struct hf_digest_batch *batches, size_t count)
{
	struct hf_wire_match_request request = { .batches = batches,
						 .batches_count = count };

	hf_buf_reset(&wire);
	return hf_wire_match_request_encode(&request, &wire);
}

static void a_match_takes_10_000_whole_digests(void **state)
{
	static uint8_t digests[10001 * 32], good[2] = { 100, 0 };
	static uint8_t bad[2] = { 0, 101 };
	static const uint32_t items[3] = { 0, 9999, 1 }, far[2] = { 0, 10000 };
	struct hf_digest_batch batch = {
		.algorithm = HF_ALGORITHM_PDQ,
		.digests = hf_span(digests, 10000 * 32),
	};
	struct hf_digest_batch two[2] = { batch, batch };
	struct hf_wire_match_request back;
	struct hf_why why = { "" };

	assert_int_equal(match_of(&batch, 1), HF_OK);
	assert_ok(hf_wire_match_request_parse(hf_buf_span(&wire), &arena, &back,
					      &why),
		  &why);
	assert_int_equal(hf_digest_batch_count(&back.batches[0]), 10000);

	two[1].digests.len_bytes = 32;
	assert_int_equal(match_of(two, 2), HF_E_LIMIT);
	two[0].digests.len_bytes -= 32;
	assert_int_equal(match_of(two, 2), HF_OK);
	batch.digests.len_bytes = 33;
	assert_int_equal(match_of(&batch, 1), HF_E_ARGUMENT);
	batch.digests.len_bytes = 64;
	batch.qualities = hf_span(good, 2);
	batch.items = items;
	batch.items_count = 2;
	assert_int_equal(match_of(&batch, 1), HF_OK);
	batch.items_count = 3;
	assert_int_equal(match_of(&batch, 1), HF_E_ARGUMENT);
	batch.items_count = 2;
	batch.items = far;
	assert_int_equal(match_of(&batch, 1), HF_E_LIMIT);
	batch.items = items;
	batch.qualities = hf_span(bad, 2);
	assert_int_equal(match_of(&batch, 1), HF_E_LIMIT);
	batch.qualities = hf_span(good, 1);
	assert_int_equal(match_of(&batch, 1), HF_E_ARGUMENT);
	batch.qualities = hf_span(NULL, 0);
	batch.algorithm = (enum hf_algorithm)99;
	assert_int_equal(match_of(&batch, 1), HF_E_UNSUPPORTED);
	batch.algorithm = (enum hf_algorithm)0;
	assert_int_equal(match_of(&batch, 1), HF_E_ARGUMENT);
}

static void a_match_takes_videos_by_their_frames(void **state)
{
	static uint8_t frames[10001 * HF_PDQ_BYTES], quality;
	static const uint32_t items[2] = { 7, 7 }, five[2] = { 2, 3 },
			      none[2] = { 5, 0 }, longest[1] = { 1800 },
			      longer[1] = { 1801 },
			      many[6] = { 1800, 1800, 1800, 1800, 1800, 1000 },
			      more[6] = { 1800, 1800, 1800, 1800, 1800, 1001 };
	const struct {
		const uint32_t *frames;
		size_t frames_count;
		size_t bytes;
		enum hf_err err;
	} rows[] = {
		{ five, 2, 5 * HF_PDQ_BYTES, HF_OK },
		{ five, 2, 5 * HF_PDQ_BYTES - 1, HF_E_ARGUMENT },
		{ five, 2, 6 * HF_PDQ_BYTES, HF_E_ARGUMENT },
		{ five, 1, 5 * HF_PDQ_BYTES, HF_E_ARGUMENT },
		{ none, 2, 5 * HF_PDQ_BYTES, HF_E_ARGUMENT },
		{ five, 0, HF_PDQ_BYTES, HF_E_ARGUMENT },
		{ longest, 1, 1800 * HF_PDQ_BYTES, HF_OK },
		{ longer, 1, 1801 * HF_PDQ_BYTES, HF_E_LIMIT },
		{ many, 6, 10000 * HF_PDQ_BYTES, HF_OK },
		{ more, 6, 10001 * HF_PDQ_BYTES, HF_E_LIMIT },
	};
	struct hf_digest_batch batch = { .algorithm = HF_ALGORITHM_VPDQ };
	size_t at = 0;

	for (size_t i = 0; i < ROWS(rows); i++) {
		batch.frames = rows[i].frames;
		batch.frames_count = rows[i].frames_count;
		batch.digests = hf_span(frames, rows[i].bytes);
		assert_int_equal(match_of(&batch, 1), rows[i].err);
	}
	batch.frames = five;
	batch.frames_count = 2;
	batch.digests = hf_span(frames, 5 * HF_PDQ_BYTES);
	batch.items = items;
	batch.items_count = 2;
	assert_int_equal(match_of(&batch, 1), HF_OK);
	batch.items_count = 1;
	assert_int_equal(match_of(&batch, 1), HF_E_ARGUMENT);
	batch.items_count = 0;
	assert_int_equal(hf_digest_batch_count(&batch), 2);
	assert_int_equal(hf_digest_batch_next(&batch, 0, &at).len_bytes,
			 2 * HF_PDQ_BYTES);
	assert_ptr_equal(hf_digest_batch_next(&batch, 1, &at).at,
			 frames + 2 * HF_PDQ_BYTES);
	assert_int_equal(at, 5 * HF_PDQ_BYTES);
	batch.qualities = hf_span(&quality, 1);
	assert_int_equal(match_of(&batch, 1), HF_E_ARGUMENT);
	batch.qualities = hf_span(NULL, 0);
	batch.algorithm = HF_ALGORITHM_PDQ;
	assert_int_equal(match_of(&batch, 1), HF_E_ARGUMENT);
}

static enum hf_err part_of(const struct hf_get_chunks_response *part)
{
	struct hf_get_chunks_response back;
	enum hf_err err;

	hf_buf_reset(&wire);
	err = hf_get_chunks_response_encode(part, &wire);
	return err != HF_OK ? err
			    : hf_get_chunks_response_parse(hf_buf_span(&wire),
							   &arena, &back, NULL);
}

static void the_parts_of_a_chunk_must_fit_together(void **state)
{
	static uint8_t bytes[257 * 64];
	static uint32_t lengths[257] = { 3, 0, 5 };
	static uint64_t erased[257];
	struct hf_get_chunks_response part = {
		.first = 512,
		.headers = hf_span(bytes, 3 * 64),
		.openings = hf_span(bytes, 2 * 32),
		.payload_lengths = lengths,
		.payload_lengths_count = 3,
		.payloads = hf_span(bytes, 8),
		.erased = erased,
		.erased_count = 1,
	};

	assert_int_equal(part_of(&part), HF_OK);
	part.payloads.len_bytes = 9;
	assert_int_equal(part_of(&part), HF_E_MALFORMED);
	part.payloads.len_bytes = 8;
	part.openings.len_bytes = 32;
	assert_int_equal(part_of(&part), HF_E_MALFORMED);
	part.openings.len_bytes = 4 * 32;
	assert_int_equal(part_of(&part), HF_E_MALFORMED);
	part.openings.len_bytes = 2 * 32;
	part.headers.len_bytes = 100;
	assert_int_equal(part_of(&part), HF_E_MALFORMED);
	part.headers.len_bytes = 257 * 64;
	assert_int_equal(part_of(&part), HF_E_LIMIT);
	part.headers.len_bytes = 256 * 64;
	part.payload_lengths_count = 257;
	assert_int_equal(part_of(&part), HF_E_LIMIT);
	part.payload_lengths_count = 256;
	assert_int_equal(part_of(&part), HF_OK);
	part.erased_count = 257;
	assert_int_equal(part_of(&part), HF_E_LIMIT);
}

static void one_of_several_must_be_there(void **state)
{
	struct hf_get_proof_request proof = {
		.origin = "hotline.example/ncii/1",
		.size = 9,
	};
	struct hf_retract_request retract = {
		.reason = HF_RETRACT_REASON_WRONG,
	};
	struct hf_amend_request amend = { .item = BYTES("x") };

	assert_int_equal(hf_get_proof_request_encode(&proof, &wire),
			 HF_E_ARGUMENT);
	hf_buf_reset(&wire);
	assert_int_equal(hf_retract_request_encode(&retract, &wire),
			 HF_E_ARGUMENT);
	hf_buf_reset(&wire);
	retract.what = HF_RETRACT_ENTRY;
	assert_int_equal(hf_retract_request_encode(&retract, &wire),
			 HF_E_ARGUMENT);
	hf_buf_reset(&wire);
	assert_int_equal(hf_amend_request_encode(&amend, &wire), HF_E_ARGUMENT);
}

static void the_last_of_several_counts(void **state)
{
	struct hf_get_proof_request proof;
	struct hf_why why = { "" };

	put_bytes(1, BYTES("hotline.example/ncii/1"));
	put_number(2, 9);
	put_number(3, 4);
	put_number(4, 5);
	assert_ok(hf_get_proof_request_parse(hf_buf_span(&wire), &arena, &proof,
					     &why),
		  &why);
	assert_int_equal(proof.kind, HF_GET_PROOF_OLD_SIZE);
	assert_int_equal(proof.old_size, 5);
	assert_int_equal(proof.index, 0);
}

static void names_follow_their_grammar(void **state)
{
	const struct {
		const char *set;
		const char *peer;
		enum hf_err want;
	} rows[] = {
		/* clang-format off */
		{ "ncii",                   "partner.example", HF_OK },
		{ "hotline.example/ncii/1", "partner.example", HF_OK },
		{ "hotline.example/ncii/0", "partner.example", HF_E_ARGUMENT },
		{ "",                       "partner.example", HF_E_ARGUMENT },
		{ "../ncii",                "partner.example", HF_E_ARGUMENT },
		{ "ncii",                   "Partner.example", HF_E_ARGUMENT },
		{ "ncii",                   "partner",         HF_E_ARGUMENT },
		{ "ncii",                   NULL,              HF_E_ARGUMENT },
		/* clang-format on */
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_share_set_request request = {
			.set = rows[i].set,
			.peer = rows[i].peer,
		};

		hf_buf_reset(&wire);
		if (hf_share_set_request_encode(&request, &wire) !=
		    rows[i].want)
			fail_msg("row %zu", i);
	}
}

static void endpoints_are_a_host_and_a_port(void **state)
{
	const struct {
		const char *endpoint;
		enum hf_err want;
	} rows[] = {
		/* clang-format off */
		{ "",                        HF_OK },
		{ "hotline.example:7443",    HF_OK },
		{ "localhost:1",             HF_OK },
		{ "192.0.2.7:65535",         HF_OK },
		{ "[2001:db8::1]:7443",      HF_OK },
		{ "hotline.example",         HF_E_ARGUMENT },
		{ "hotline.example:",        HF_E_ARGUMENT },
		{ "hotline.example:0",       HF_E_ARGUMENT },
		{ "hotline.example:65536",   HF_E_ARGUMENT },
		{ ":7443",                   HF_E_ARGUMENT },
		{ "2001:db8::1:7443",        HF_E_ARGUMENT },
		{ "[]:7443",                 HF_E_ARGUMENT },
		{ "unix:/run/x:1",           HF_E_ARGUMENT },
		{ "a b:1",                   HF_E_ARGUMENT },
		/* clang-format on */
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_add_peer_request request = {
			.invite = BYTES("x"),
			.endpoint = rows[i].endpoint,
		};

		hf_buf_reset(&wire);
		if (hf_add_peer_request_encode(&request, &wire) != rows[i].want)
			fail_msg("'%s'", rows[i].endpoint);
	}
}

static void an_encode_that_fails_sticks_to_the_buf(void **state)
{
	struct hf_follow_set_request request = { .origin = "nonsense" };

	assert_int_equal(hf_follow_set_request_encode(&request, &wire),
			 HF_E_ARGUMENT);
	assert_int_equal(wire.len_bytes, 0);
	request.origin = "hotline.example/ncii/1";
	assert_int_equal(hf_follow_set_request_encode(&request, &wire),
			 HF_E_ARGUMENT);
	hf_buf_reset(&wire);
	assert_int_equal(hf_follow_set_request_encode(&request, &wire), HF_OK);
}

static void pages_are_of_0_to_1_000(void **state)
{
	const struct {
		int32_t page_size;
		enum hf_err want;
	} rows[] = {
		{ 0, HF_OK },
		{ 1000, HF_OK },
		{ 1001, HF_E_LIMIT },
		{ -1, HF_E_ARGUMENT },
		{ INT32_MIN, HF_E_ARGUMENT },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_list_sets_request request = {
			.page_size = rows[i].page_size,
		};

		hf_buf_reset(&wire);
		assert_int_equal(hf_list_sets_request_encode(&request, &wire),
				 rows[i].want);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(texts_must_be_clean),
		TEST(a_zero_byte_in_a_list_of_texts_is_seen),
		TEST(bytes_that_do_not_decode_are_refused),
		TEST(a_failed_parse_leaves_out_alone),
		TEST(a_flood_of_empty_messages_stays_under_the_ceiling),
		TEST(a_flood_of_unknown_fields_stays_under_the_ceiling),
		TEST(a_message_past_4_MiB_is_not_even_looked_at),
		TEST(nesting_has_no_depth),
		TEST(lists_one_past_their_most_are_refused),
		TEST(a_match_takes_10_000_whole_digests),
		TEST(a_match_takes_videos_by_their_frames),
		TEST(the_parts_of_a_chunk_must_fit_together),
		TEST(one_of_several_must_be_there),
		TEST(the_last_of_several_counts),
		TEST(names_follow_their_grammar),
		TEST(endpoints_are_a_host_and_a_port),
		TEST(an_encode_that_fails_sticks_to_the_buf),
		TEST(pages_are_of_0_to_1_000),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
