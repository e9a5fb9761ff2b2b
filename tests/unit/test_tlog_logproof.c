#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "bytes.h"
#include "forest.h"
#include "logproof.h"
#include "note.h"
#include "signed_note.h"

/* Entry 9 of 21, under a note of both keys. */
#define INDEX 9
#define SIZE  21

#define HASH "BwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

enum { LOG, COSIGNER, PARTIES };

static struct party parties[PARTIES];
static char good[8192];
static size_t good_len_bytes;

static int start(void **state)
{
	struct hf_checkpoint checkpoint = { hf_span_of(ORIGIN),
					    SIZE,
					    { { 0 } } };
	struct hf_tree_proof proof;
	struct hf_buf buf, note;

	if (hf_sign_start(NULL) != HF_OK ||
	    party_init(&parties[LOG], 1, HF_NOTE_LOG, ORIGIN) != 0 ||
	    party_init(&parties[COSIGNER], 2, HF_NOTE_COSIGNER,
		       DOMAIN "/cosigner") != 0)
		return -1;
	plant_bytes(SIZE);
	checkpoint.root = forest.roots[SIZE];
	forest.size_asked = SIZE;
	if (hf_tree_prove_inclusion(&reader, INDEX, SIZE, &proof, NULL) !=
	    HF_OK)
		return -1;
	hf_buf_init(&buf, ROOM_MAX);
	hf_buf_init(&note, ROOM_MAX);
	note_make(&checkpoint, parties, PARTIES, &note);
	hf_logproof_put(&buf, INDEX, BYTES("extra"), &proof,
			hf_buf_span(&note));
	if (hf_buf_failed(&buf) != HF_OK)
		return -1;
	good_len_bytes = buf.len_bytes;
	memcpy(good, buf.at, buf.len_bytes);
	good[good_len_bytes] = '\0';
	hf_buf_release(&note);
	hf_buf_release(&buf);
	return 0;
}

static int stop(void **state)
{
	for (size_t i = 0; i < PARTIES; i++)
		hf_secret_free(parties[i].secret);
	return 0;
}

static enum hf_err verify(struct hf_span bytes, struct hf_why *why)
{
	struct hf_logproof proof;
	enum hf_err err = hf_logproof_parse(bytes, &proof, why);

	if (err != HF_OK)
		return err;
	return hf_logproof_verify(&proof, &forest.nodes[0][proof.index % SIZE],
				  &parties[LOG].key, &parties[COSIGNER].key,
				  NULL, NULL, why);
}

static void a_proof_file_reads_as_it_was_written(void **state)
{
	struct hf_why why = { "" };
	struct hf_logproof proof;
	struct hf_note note;
	uint64_t time_s;

	assert_ok(
		hf_logproof_parse(hf_span(good, good_len_bytes), &proof, &why),
		&why);
	assert_int_equal(proof.index, INDEX);
	assert_true(hf_span_is(proof.extra_base64, "ZXh0cmE="));
	assert_int_equal(proof.proof.hashes_count, 5);
	assert_ok(hf_logproof_verify(&proof, &forest.nodes[0][INDEX],
				     &parties[LOG].key, &parties[COSIGNER].key,
				     &note, &time_s, &why),
		  &why);
	assert_int_equal(note.checkpoint.size, SIZE);
	assert_int_equal(time_s, TIME_S);
	assert_int_equal(hf_logproof_verify(&proof, &forest.nodes[0][INDEX + 1],
					    &parties[LOG].key, NULL, NULL, NULL,
					    NULL),
			 HF_E_PROOF);
}

static void the_proof_of_a_lone_entry_has_no_hashes(void **state)
{
	struct hf_checkpoint checkpoint = { hf_span_of(ORIGIN), 1,
					    forest.roots[1] };
	struct hf_tree_proof none = { .hashes_count = 0 };
	struct hf_logproof proof;
	struct hf_why why = { "" };
	struct hf_buf buf, note;

	hf_buf_init(&buf, ROOM_MAX);
	hf_buf_init(&note, ROOM_MAX);
	note_make(&checkpoint, parties, 1, &note);
	hf_logproof_put(&buf, 0, hf_span(NULL, 0), &none, hf_buf_span(&note));
	assert_int_equal(hf_buf_failed(&buf), HF_OK);
	assert_memory_equal(buf.at, "c2sp.org/tlog-proof@v1\nindex 0\n\nhot",
			    strlen("c2sp.org/tlog-proof@v1\nindex 0\n\nhot"));
	assert_ok(hf_logproof_parse(hf_buf_span(&buf), &proof, &why), &why);
	assert_int_equal(proof.extra_base64.len_bytes, 0);
	assert_ok(hf_logproof_verify(&proof, &forest.nodes[0][0],
				     &parties[LOG].key, NULL, NULL, NULL, &why),
		  &why);
	hf_buf_release(&note);
	hf_buf_release(&buf);
}

static void a_proof_file_is_spelt_in_one_way_only(void **state)
{
	const struct {
		const char *name, *from, *to;
		enum hf_err want;
	} rows[] = {
		/* clang-format off */
		{ "as it is",          "index 9\n",  "index 9\n", HF_OK },
		{ "without extra",     "extra ZXh0cmE=\n", "", HF_OK },
		{ "other version",     "proof@v1\n", "proof@v2\n", HF_E_MALFORMED },
		{ "CR",                "proof@v1\n", "proof@v1\r\n", HF_E_MALFORMED },
		{ "line before",       "c2sp", "\nc2sp", HF_E_MALFORMED },
		{ "empty extra",       "extra ZXh0cmE=\n", "extra \n", HF_E_MALFORMED },
		{ "extra, stray bits", "ZXh0cmE=", "ZXh0cmF=", HF_E_MALFORMED },
		{ "extra, no base64",  "ZXh0cmE=", "!", HF_E_MALFORMED },
		{ "extra twice",       "extra ZXh0cmE=\n", "extra ZXh0cmE=\nextra ZXh0cmE=\n", HF_E_MALFORMED },
		{ "extra after index", "extra ZXh0cmE=\nindex 9\n", "index 9\nextra ZXh0cmE=\n", HF_E_MALFORMED },
		{ "no index",          "index 9\n",  "", HF_E_MALFORMED },
		{ "index empty",       "index 9\n",  "index \n", HF_E_MALFORMED },
		{ "leading zero",      "index 9\n",  "index 09\n", HF_E_MALFORMED },
		{ "negative index",    "index 9\n",  "index -9\n", HF_E_MALFORMED },
		{ "two spaces",        "index 9\n",  "index  9\n", HF_E_MALFORMED },
		{ "index 2^63-1",      "index 9\n",  "index 9223372036854775807\n", HF_E_MALFORMED },
		{ "another index",     "index 9\n",  "index 8\n", HF_E_PROOF },
		{ "index past end",    "index 9\n",  "index 21\n", HF_E_PROOF },
		{ "hash too short",    "index 9\n",  "index 9\nAAAA\n", HF_E_MALFORMED },
		{ "one hash more",     "index 9\n",  "index 9\n" HASH "\n", HF_E_PROOF },
		{ "blank line early",  "index 9\n",  "index 9\n\n", HF_E_MALFORMED },
		{ "no blank line",     "\n\nhotline", "\nhotline", HF_E_MALFORMED },
		{ "two blank lines",   "\n\nhotline", "\n\n\nhotline", HF_E_MALFORMED },
		{ "note of size 20",   "\n21\n", "\n20\n", HF_E_SIGNATURE },
		/* clang-format on */
	};
	char room[sizeof(good)];

	for (size_t i = 0; i < ROWS(rows); i++) {
		const char *at = strstr(good, rows[i].from);
		struct hf_why why = { "" };
		enum hf_err err;

		if (at == NULL)
			fail_msg("%s: nothing to edit", rows[i].name);
		snprintf(room, sizeof(room), "%.*s%s%s", (int)(at - good), good,
			 rows[i].to, at + strlen(rows[i].from));
		err = verify(hf_span_of(room), &why);
		if (err != rows[i].want)
			fail_msg("%s: %s: %s", rows[i].name, hf_err_name(err),
				 why.text);
	}
}

static void every_cut_and_every_flipped_bit_of_it_is_refused(void **state)
{
	char *extra = strstr(good, "ZXh0cmE=");
	size_t extra_bit = (size_t)(extra - good) * 8;

	for (size_t len = 0; len < good_len_bytes; len++) {
		if (verify(hf_span(good, len), NULL) == HF_OK)
			fail_msg("accepted when cut at %zu", len);
	}
	for (size_t bit = 0; bit < good_len_bytes * 8; bit++) {
		enum hf_err err;

		/* The extra line is not authenticated. */
		if (bit >= extra_bit && bit < extra_bit + 8 * 8)
			continue;
		good[bit / 8] ^= (char)(1 << bit % 8);
		err = verify(hf_span(good, good_len_bytes), NULL);
		good[bit / 8] ^= (char)(1 << bit % 8);
		if (err == HF_OK)
			fail_msg("accepted with bit %zu flipped", bit);
	}
}

static void limits_of_a_proof_file_hold(void **state)
{
	static uint8_t extra[HF_LOGPROOF_EXTRA_BYTES + 1];
	struct hf_tree_proof proof = { .hashes_count = HF_PROOF_MAX_HASHES };
	struct hf_logproof parsed;
	struct hf_span note = BYTES("any\n");
	struct hf_buf buf;

	memset(proof.hashes, 0, sizeof(proof.hashes));
	hf_buf_init(&buf, ROOM_MAX);
	hf_logproof_put(&buf, 1, hf_span(extra, HF_LOGPROOF_EXTRA_BYTES),
			&proof, note);
	assert_int_equal(hf_logproof_parse(hf_buf_span(&buf), &parsed, NULL),
			 HF_OK);
	assert_int_equal(parsed.proof.hashes_count, HF_PROOF_MAX_HASHES);
	hf_buf_reset(&buf);
	hf_logproof_put(&buf, 1, hf_span(extra, sizeof(extra)), &proof, note);
	assert_int_equal(hf_logproof_parse(hf_buf_span(&buf), &parsed, NULL),
			 HF_E_MALFORMED);

	hf_buf_reset(&buf);
	hf_buf_put_text(&buf, "c2sp.org/tlog-proof@v1\nindex 1\n");
	for (size_t i = 0; i <= HF_PROOF_MAX_HASHES; i++)
		hf_buf_put_text(&buf, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
				      "AAAA=\n");
	hf_buf_put_text(&buf, "\nany\n");
	assert_int_equal(hf_logproof_parse(hf_buf_span(&buf), &parsed, NULL),
			 HF_E_LIMIT);
	for (size_t i = buf.len_bytes; i <= HF_LOGPROOF_MAX_BYTES; i++)
		hf_buf_put_u8(&buf, '\n');
	assert_int_equal(hf_logproof_parse(hf_buf_span(&buf), &parsed, NULL),
			 HF_E_LIMIT);
	hf_buf_release(&buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_proof_file_reads_as_it_was_written),
		cmocka_unit_test(the_proof_of_a_lone_entry_has_no_hashes),
		cmocka_unit_test(a_proof_file_is_spelt_in_one_way_only),
		cmocka_unit_test(
			every_cut_and_every_flipped_bit_of_it_is_refused),
		cmocka_unit_test(limits_of_a_proof_file_hold),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
