/*
 * What may be signed as an opinion, and what of others' counts for nothing.
 */
#include <string.h>

#include "codec_opinion.h"

#include "unit.h"

static uint8_t digest[64];
static char long_note[HF_REMARK_MAX_BYTES + 2];

static const struct hf_entry_ref whole = {
	.origin = "hotline.example/ncii/1",
	.index = 7,
	.leaf_hash = { digest, HF_HASH_BYTES },
};
static const struct hf_entry_ref no_leaf = {
	.origin = "hotline.example/ncii/1",
};
static const struct hf_entry_ref no_origin = {
	.origin = "hotline",
	.leaf_hash = { digest, HF_HASH_BYTES },
};

#define HASH(algorithm_, len_)                                                 \
	{                                                                      \
		.algorithm = (algorithm_), .digest = { digest, (len_) }        \
	}

static const struct hf_hash sound[] = { HASH(HF_ALGORITHM_SHA256, 32),
					HASH(HF_ALGORITHM_MD5, 16) };
static const struct hf_hash cut[] = { HASH(HF_ALGORITHM_SHA256, 31) };
static const struct hf_hash frames[] = { HASH(HF_ALGORITHM_VPDQ, 32) };
static const struct hf_hash unknown[] = { HASH((enum hf_algorithm)99, 32) };

static const struct {
	const char *name;
	struct hf_opinion opinion;
	const char *words; /* of the refusal, NULL: it is sound */
} rows[] = {
	{ "an entry", { .kind = HF_OPINION_AFFIRM, .entry = &whole }, NULL },
	{ "hashes",
	  { .kind = HF_OPINION_DISPUTE, .hashes = sound, .hashes_count = 2 },
	  NULL },
	{ "an end",
	  { .kind = HF_OPINION_IGNORE, .entry = &whole, .until_ms = 1 },
	  NULL },
	{ "no kind", { .entry = &whole }, "kind: 0 is none of affirm" },
	{ "a kind to come",
	  { .kind = (enum hf_opinion_kind)6, .entry = &whole },
	  "kind: 6" },
	{ "a reason to come",
	  { .kind = HF_OPINION_SEEN,
	    .entry = &whole,
	    .reason = (enum hf_opinion_reason)77 },
	  "reason: 77" },
	{ "nothing it is about", { .kind = HF_OPINION_SEEN }, "the subject" },
	{ "both",
	  { .kind = HF_OPINION_SEEN,
	    .entry = &whole,
	    .hashes = sound,
	    .hashes_count = 1 },
	  "the subject" },
	{ "no leaf hash",
	  { .kind = HF_OPINION_SEEN, .entry = &no_leaf },
	  "leaf_hash" },
	{ "no origin",
	  { .kind = HF_OPINION_SEEN, .entry = &no_origin },
	  "origin" },
	{ "a digest that is cut",
	  { .kind = HF_OPINION_SEEN, .hashes = cut, .hashes_count = 1 },
	  "31 bytes are no digest" },
	{ "frames",
	  { .kind = HF_OPINION_SEEN, .hashes = frames, .hashes_count = 1 },
	  "no digest" },
	{ "an algorithm to come",
	  { .kind = HF_OPINION_SEEN, .hashes = unknown, .hashes_count = 1 },
	  "no digest" },
	{ "a note that is too long",
	  { .kind = HF_OPINION_SEEN, .entry = &whole, .note = long_note },
	  "note" },
	{ "ignored for ever",
	  { .kind = HF_OPINION_IGNORE, .entry = &whole },
	  "for ever" },
};

static void what_is_not_sound_is_refused_in_words(void **state)
{
	memset(long_note, 'x', sizeof(long_note) - 1);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_opinion opinion = rows[i].opinion;
		struct hf_why why = { "" };
		enum hf_err err;

		if (opinion.note == NULL)
			opinion.note = "";
		err = hf_opinion_check(&opinion, &why);
		if ((err == HF_OK) != (rows[i].words == NULL) ||
		    (rows[i].words != NULL &&
		     strstr(why.text, rows[i].words) == NULL))
			fail_msg("%s: %s", rows[i].name, why.text);
	}
}

static void what_is_sound_comes_back_from_bytes(void **state)
{
	for (size_t i = 0; i < 3; i++) {
		struct hf_opinion sent = rows[i].opinion, got;
		struct hf_arena arena;
		struct hf_buf wire;
		struct hf_why why;

		sent.note = "seen on page 4";
		hf_buf_init(&wire, HF_PAYLOAD_MAX_BYTES);
		hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
		if (hf_opinion_encode(&sent, &wire) == HF_OK &&
		    hf_opinion_parse(hf_buf_span(&wire), &arena, &got, &why) ==
			    HF_OK) {
			assert_int_equal(got.kind, sent.kind);
			assert_int_equal(got.hashes_count, sent.hashes_count);
			assert_int_equal(got.until_ms, sent.until_ms);
			assert_string_equal(got.note, sent.note);
			assert_int_equal(got.entry != NULL, sent.entry != NULL);
			assert_int_equal(hf_opinion_check(&got, NULL), HF_OK);
		} else {
			fail_msg("%s: does not come back", rows[i].name);
		}
		hf_arena_release(&arena);
		hf_buf_release(&wire);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_sound_is_refused_in_words),
		cmocka_unit_test(what_is_sound_comes_back_from_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
