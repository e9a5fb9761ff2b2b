#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "bytes.h"
#include "evidence.h"
#include "forest.h"
#include "note.h"
#include "signed_note.h"

/* The publisher signed the tree of the forest with 100 entries, and others
 * with 21 and with 100. */
#define SMALL 21
#define LARGE 100

#define HASH "BwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

static struct party log_party, other;
static struct hf_buf small, large, odd; /* notes */
static struct hf_tree_proof growth;
static struct hf_buf of_sizes, of_roots; /* evidence */

static struct hf_note parsed(const struct hf_buf *bytes)
{
	struct hf_note note;

	assert_int_equal(hf_note_parse(hf_buf_span(bytes), &note, NULL), HF_OK);
	return note;
}

static void make_note(uint64_t size, struct hf_tree_hash root,
		      const struct party *party, struct hf_buf *note)
{
	const struct hf_checkpoint checkpoint = { hf_span_of(ORIGIN), size,
						  root };

	hf_buf_init(note, ROOM_MAX);
	note_make(&checkpoint, party, 1, note);
}

static void make_of_keys(const struct hf_buf *a, const struct party *a_party,
			 const struct hf_buf *b, const struct party *b_party,
			 const struct hf_tree_hash *root, struct hf_buf *out)
{
	struct hf_note one = parsed(a), two = parsed(b);

	hf_buf_init(out, HF_EVIDENCE_MAX_BYTES);
	hf_evidence_put(out, &(struct hf_evidence_side){ &one, &a_party->key },
			&(struct hf_evidence_side){ &two, &b_party->key }, root,
			&growth);
	assert_int_equal(hf_buf_failed(out), HF_OK);
}

static void make_evidence(const struct hf_buf *a, const struct hf_buf *b,
			  const struct hf_tree_hash *root, struct hf_buf *out)
{
	make_of_keys(a, &log_party, b, &log_party, root, out);
}

static int start(void **state)
{
	const struct hf_tree_hash wrong = { { 7 } };

	if (hf_sign_start(NULL) != HF_OK ||
	    party_init(&log_party, 1, HF_NOTE_LOG, ORIGIN) != 0 ||
	    party_init(&other, 2, HF_NOTE_LOG, ORIGIN) != 0)
		return -1;
	plant_bytes(LARGE);
	forest.size_asked = LARGE;
	if (hf_tree_prove_consistency(&reader, SMALL, LARGE, &growth, NULL) !=
	    HF_OK)
		return -1;
	make_note(SMALL, wrong, &log_party, &small);
	make_note(LARGE, forest.roots[LARGE], &log_party, &large);
	make_note(LARGE, wrong, &log_party, &odd);
	make_evidence(&large, &small, &forest.roots[SMALL], &of_sizes);
	make_evidence(&large, &odd, NULL, &of_roots);
	return 0;
}

static int stop(void **state)
{
	hf_secret_free(log_party.secret);
	hf_secret_free(other.secret);
	hf_buf_release(&small);
	hf_buf_release(&large);
	hf_buf_release(&odd);
	hf_buf_release(&of_sizes);
	hf_buf_release(&of_roots);
	return 0;
}

static enum hf_err verify(struct hf_span bytes, struct hf_note *notes,
			  struct hf_why *why)
{
	struct hf_evidence evidence;
	enum hf_err err = hf_evidence_parse(bytes, &evidence, why);

	return err == HF_OK ? hf_evidence_verify(&evidence, notes, why) : err;
}

static void
both_forms_prove_a_fork_whatever_the_order_they_were_given_in(void **state)
{
	struct hf_why why = { "" };
	struct hf_note notes[2];
	struct hf_buf turned;

	assert_ok(verify(hf_buf_span(&of_sizes), notes, &why), &why);
	assert_int_equal(notes[0].checkpoint.size, SMALL);
	assert_int_equal(notes[1].checkpoint.size, LARGE);
	assert_ok(verify(hf_buf_span(&of_roots), notes, &why), &why);
	assert_int_equal(notes[0].checkpoint.size, LARGE);
	make_evidence(&odd, &large, NULL, &turned);
	assert_true(
		hf_span_equal(hf_buf_span(&turned), hf_buf_span(&of_roots)));
	hf_buf_release(&turned);
}

static void what_is_no_proof_is_refused(void **state)
{
	const struct hf_tree_hash wrong = { { 7 } };
	struct hf_buf right, foreign, made;
	struct hf_note notes[2];
	struct hf_why why = { "" };

	make_note(SMALL, forest.roots[SMALL], &log_party, &right);
	make_note(LARGE, wrong, &other, &foreign);

	make_evidence(&large, &large, NULL, &made);
	assert_int_equal(verify(hf_buf_span(&made), notes, &why), HF_E_PROOF);
	hf_buf_release(&made);
	/* Two notes that one tree explains, with its true proof. */
	make_evidence(&right, &large, &forest.roots[SMALL], &made);
	assert_int_equal(verify(hf_buf_span(&made), notes, &why), HF_E_PROOF);
	hf_buf_release(&made);
	/* Another root than the proof leads to. */
	make_evidence(&right, &large, &wrong, &made);
	assert_int_equal(verify(hf_buf_span(&made), notes, &why), HF_E_PROOF);
	hf_buf_release(&made);
	make_evidence(&small, &large, NULL, &made);
	assert_int_equal(verify(hf_buf_span(&made), notes, &why), HF_E_PROOF);
	hf_buf_release(&made);
	make_evidence(&odd, &large, &forest.roots[SMALL], &made);
	assert_int_equal(verify(hf_buf_span(&made), notes, &why), HF_E_PROOF);
	hf_buf_release(&made);
	make_evidence(&foreign, &large, NULL, &made);
	assert_int_equal(verify(hf_buf_span(&made), notes, &why),
			 HF_E_SIGNATURE);
	hf_buf_release(&made);
	hf_buf_release(&right);
	hf_buf_release(&foreign);
}

static void
a_key_that_was_replaced_between_two_trees_hides_no_fork(void **state)
{
	const struct hf_tree_hash wrong = { { 7 } };
	struct party stranger;
	struct hf_buf replaced, made, turned;
	struct hf_evidence evidence;
	struct hf_note notes[2];
	struct hf_why why = { "" };

	make_note(LARGE, wrong, &other, &replaced);
	make_of_keys(&large, &log_party, &replaced, &other, NULL, &made);
	assert_ok(verify(hf_buf_span(&made), notes, &why), &why);
	assert_ok(hf_evidence_parse(hf_buf_span(&made), &evidence, &why), &why);
	assert_memory_not_equal(&evidence.keys[0].key, &evidence.keys[1].key,
				sizeof(evidence.keys[0].key));
	make_of_keys(&replaced, &other, &large, &log_party, NULL, &turned);
	assert_true(hf_span_equal(hf_buf_span(&turned), hf_buf_span(&made)));
	hf_buf_release(&turned);
	hf_buf_release(&made);
	make_of_keys(&small, &log_party, &replaced, &other,
		     &forest.roots[SMALL], &made);
	assert_int_equal(verify(hf_buf_span(&made), notes, &why), HF_E_PROOF);
	hf_buf_release(&made);
	/* Each key is for its own note. */
	make_of_keys(&large, &other, &replaced, &log_party, NULL, &made);
	assert_int_equal(verify(hf_buf_span(&made), notes, &why),
			 HF_E_SIGNATURE);
	hf_buf_release(&made);
	/* A key of another set says nothing about this one. */
	assert_int_equal(party_init(&stranger, 2, HF_NOTE_LOG, ORIGIN "0"), 0);
	make_of_keys(&large, &log_party, &replaced, &stranger, NULL, &made);
	assert_int_equal(verify(hf_buf_span(&made), notes, &why),
			 HF_E_MALFORMED);
	hf_secret_free(stranger.secret);
	hf_buf_release(&made);
	hf_buf_release(&replaced);
}

static void evidence_is_spelt_in_one_way_only(void **state)
{
	const struct {
		const char *name, *from, *to;
		enum hf_err want;
	} rows[] = {
		/* clang-format off */
		{ "as it is",         "note ",     "note ", HF_OK },
		{ "other version",    "/v1\n",     "/v2\n", HF_E_MALFORMED },
		{ "a line before",    "hashfed/",  "\nhashfed/", HF_E_MALFORMED },
		{ "CR",               "/v1\n",     "/v1\r\n", HF_E_MALFORMED },
		{ "no key",           "key ",      "", HF_E_MALFORMED },
		{ "another's key",    "key h",     "key j", HF_E_MALFORMED },
		{ "leading zero",     "note ",     "note 0", HF_E_MALFORMED },
		{ "too short",        "note 1",    "note ", HF_E_MALFORMED },
		{ "longer than all",  "note ",     "note 9", HF_E_MALFORMED },
		{ "negative",         "note ",     "note -", HF_E_MALFORMED },
		{ "root twice",       "root ",     "root " HASH "\nroot ", HF_E_MALFORMED },
		{ "a hash more",      "root ",     "root " HASH "\n", HF_E_PROOF },
		{ "hash too short",   "root ",     "root AAAA\n", HF_E_MALFORMED },
		{ "an empty line",    "root ",     "\nroot ", HF_E_MALFORMED },
		{ "another size",     "\n21\n",    "\n20\n", HF_E_SIGNATURE },
		/* clang-format on */
	};
	char text[4096], room[sizeof(text) + 512];
	snprintf(text, sizeof(text), "%.*s", (int)of_sizes.len_bytes,
		 (const char *)of_sizes.at);
	for (size_t i = 0; i < ROWS(rows); i++) {
		const char *at = strstr(text, rows[i].from);
		struct hf_why why = { "" };
		struct hf_note notes[2];
		enum hf_err err;

		if (at == NULL)
			fail_msg("%s: nothing to edit", rows[i].name);
		snprintf(room, sizeof(room), "%.*s%s%s", (int)(at - text), text,
			 rows[i].to, at + strlen(rows[i].from));
		err = verify(hf_span_of(room), notes, &why);
		if (err != rows[i].want)
			fail_msg("%s: %s: %s", rows[i].name, hf_err_name(err),
				 why.text);
	}
}

static void the_same_key_is_not_named_twice(void **state)
{
	char text[4096], vkey[HF_NOTE_VKEY_MAX_BYTES + 1];
	const char *rest = strstr((const char *)of_roots.at, "note ");
	struct hf_note notes[2];

	hf_note_key_text(&log_party.key, vkey);
	snprintf(text, sizeof(text),
		 "hashfed/evidence/v1\nkey %s\nkey %s\n%.*s", vkey, vkey,
		 (int)(of_roots.len_bytes -
		       (size_t)(rest - (const char *)of_roots.at)),
		 rest);
	assert_int_equal(verify(hf_span_of(text), notes, NULL), HF_E_MALFORMED);
}

static void every_cut_and_every_flipped_bit_of_it_is_refused(void **state)
{
	struct hf_buf *const files[] = { &of_sizes, &of_roots };
	struct hf_note notes[2];

	for (size_t i = 0; i < ROWS(files); i++) {
		struct hf_buf *file = files[i];

		for (size_t len = 0; len < file->len_bytes; len++) {
			if (verify(hf_span(file->at, len), notes, NULL) ==
			    HF_OK)
				fail_msg("%zu: accepted when cut at %zu", i,
					 len);
		}
		for (size_t bit = 0; bit < file->len_bytes * 8; bit++) {
			enum hf_err err;

			file->at[bit / 8] ^= (uint8_t)(1 << bit % 8);
			err = verify(hf_buf_span(file), notes, NULL);
			file->at[bit / 8] ^= (uint8_t)(1 << bit % 8);
			if (err == HF_OK)
				fail_msg("%zu: accepted with bit %zu flipped",
					 i, bit);
		}
	}
}

static void limits_of_evidence_hold(void **state)
{
	struct hf_evidence evidence;
	struct hf_buf made;
	uint8_t *most;

	make_evidence(&small, &large, &forest.roots[SMALL], &made);
	for (size_t i = growth.hashes_count; i < HF_PROOF_MAX_HASHES; i++)
		hf_buf_put_text(&made, HASH "\n");
	assert_int_equal(hf_evidence_parse(hf_buf_span(&made), &evidence, NULL),
			 HF_OK);
	hf_buf_put_text(&made, HASH "\n");
	assert_int_equal(hf_evidence_parse(hf_buf_span(&made), &evidence, NULL),
			 HF_E_LIMIT);
	hf_buf_release(&made);
	hf_buf_init(&made, HF_EVIDENCE_MAX_BYTES + 1);
	most = hf_buf_grow(&made, HF_EVIDENCE_MAX_BYTES + 1);
	assert_non_null(most);
	memset(most, '\n', HF_EVIDENCE_MAX_BYTES + 1);
	assert_int_equal(hf_evidence_parse(hf_buf_span(&made), &evidence, NULL),
			 HF_E_LIMIT);
	hf_buf_release(&made);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			both_forms_prove_a_fork_whatever_the_order_they_were_given_in),
		cmocka_unit_test(what_is_no_proof_is_refused),
		cmocka_unit_test(
			a_key_that_was_replaced_between_two_trees_hides_no_fork),
		cmocka_unit_test(evidence_is_spelt_in_one_way_only),
		cmocka_unit_test(the_same_key_is_not_named_twice),
		cmocka_unit_test(
			every_cut_and_every_flipped_bit_of_it_is_refused),
		cmocka_unit_test(limits_of_evidence_hold),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
