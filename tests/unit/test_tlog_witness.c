#include "unit.h"

#include <string.h>

#include "note_witness.h"
#include "signed_note.h"

enum { LOG, COSIGNER, ONE, TWO, STRANGER, PARTIES };

static struct party parties[PARTIES];
static struct hf_note_key witness_keys[2];
static const struct hf_note_witnesses witnesses = { witness_keys, 2, 1 };

static int start(void **state)
{
	const char *names[PARTIES] = { ORIGIN, DOMAIN "/cosigner",
				       "one.example/cosigner",
				       "two.example/cosigner",
				       "stranger.example/cosigner" };

	if (hf_sign_start(NULL) != HF_OK)
		return -1;
	for (uint8_t i = 0; i < PARTIES; i++) {
		if (party_init(&parties[i], i + 1,
			       i == LOG ? HF_NOTE_LOG : HF_NOTE_COSIGNER,
			       names[i]) != 0)
			return -1;
	}
	witness_keys[0] = parties[ONE].key;
	witness_keys[1] = parties[TWO].key;
	return 0;
}

static int stop(void **state)
{
	for (size_t i = 0; i < PARTIES; i++)
		hf_secret_free(parties[i].secret);
	return 0;
}

/* Clocks that are further ahead are wrong. */
#define LATEST_S 100

struct line {
	int who;
	uint64_t time_s;
};

/* One checkpoint with these lines, ended by time 0. */
static struct hf_note note_with(const struct line *lines, struct hf_buf *buf)
{
	const struct hf_checkpoint checkpoint = { hf_span_of(ORIGIN),
						  7,
						  { { 9 } } };
	struct hf_buf text;
	struct hf_note note;

	hf_buf_init(&text, 4096);
	hf_buf_init(buf, ROOM_MAX);
	assert_int_equal(hf_note_put_text(&text, &checkpoint, NULL), HF_OK);
	hf_buf_put(buf, hf_buf_span(&text));
	hf_note_put_blank(buf);
	for (; lines->time_s > 0; lines++)
		party_sign(&parties[lines->who], lines->time_s,
			   hf_buf_span(&text), buf);
	hf_buf_release(&text);
	assert_int_equal(hf_note_parse(hf_buf_span(buf), &note, NULL), HF_OK);
	return note;
}

/* Who is on a note with which times, as note_with() takes it. */
static void assert_lines(struct hf_span bytes, const struct line *want)
{
	struct hf_note note;
	size_t count = 0;

	assert_int_equal(hf_note_parse(bytes, &note, NULL), HF_OK);
	for (; want[count].time_s > 0; count++) {
		struct party *party = &parties[want[count].who];

		assert_true(count < note.lines_count);
		assert_true(
			hf_span_is(note.lines[count].name, party->key.name));
		if (want[count].who != LOG)
			assert_int_equal(hf_note_time(&note, &party->key),
					 want[count].time_s);
	}
	assert_int_equal(note.lines_count, count);
}

static void copies_of_one_checkpoint_are_brought_together(void **state)
{
	const struct {
		const char *name;
		struct line held[6], other[6], want[6];
	} rows[] = {
		/* clang-format off */
		{ "two witnesses",
		  { { LOG, 1 }, { COSIGNER, 5 }, { TWO, 6 } },
		  { { LOG, 1 }, { COSIGNER, 5 }, { ONE, 7 } },
		  { { LOG, 1 }, { COSIGNER, 5 }, { ONE, 7 }, { TWO, 6 } } },
		{ "the newest of each, whatever note it is on",
		  { { LOG, 1 }, { COSIGNER, 5 }, { ONE, 9 } },
		  { { LOG, 1 }, { COSIGNER, 8 }, { ONE, 7 } },
		  { { LOG, 1 }, { COSIGNER, 8 }, { ONE, 9 } } },
		{ "a fresh note keeps what was cosigned",
		  { { LOG, 1 }, { COSIGNER, 5 }, { ONE, 9 }, { STRANGER, 9 } },
		  { { LOG, 1 }, { COSIGNER, 8 } },
		  { { LOG, 1 }, { COSIGNER, 8 }, { ONE, 9 } } },
		{ "more strangers come along",
		  { { LOG, 1 }, { COSIGNER, 5 } },
		  { { LOG, 1 }, { COSIGNER, 5 }, { STRANGER, 9 } },
		  { { LOG, 1 }, { COSIGNER, 5 }, { STRANGER, 9 } } },
		{ "and do not go again",
		  { { LOG, 1 }, { COSIGNER, 5 }, { STRANGER, 9 } },
		  { { LOG, 1 }, { COSIGNER, 5 } },
		  { { LOG, 1 }, { COSIGNER, 5 }, { STRANGER, 9 } } },
		{ "a clock that was ahead is no news",
		  { { LOG, 1 }, { COSIGNER, 5 }, { ONE, 9 } },
		  { { LOG, 1 }, { COSIGNER, LATEST_S + 1 }, { ONE, LATEST_S + 1 } },
		  { { LOG, 1 }, { COSIGNER, 5 }, { ONE, 9 } } },
		{ "and gives way to any other",
		  { { LOG, 1 }, { COSIGNER, LATEST_S + 9 }, { STRANGER, 3 } },
		  { { LOG, 1 }, { COSIGNER, 5 }, { ONE, 6 } },
		  { { LOG, 1 }, { COSIGNER, 5 }, { ONE, 6 } } },
		{ "but is better than nothing",
		  { { LOG, 1 }, { COSIGNER, LATEST_S + 9 } },
		  { { LOG, 1 }, { ONE, 6 } },
		  { { LOG, 1 }, { COSIGNER, LATEST_S + 9 }, { ONE, 6 } } },
		{ "one line of a stranger, the newest",
		  { { LOG, 1 }, { COSIGNER, 5 }, { STRANGER, 6 } },
		  { { LOG, 1 }, { COSIGNER, 5 }, { STRANGER, 6 }, { STRANGER, 9 } },
		  { { LOG, 1 }, { COSIGNER, 5 }, { STRANGER, 9 } } },
		/* clang-format on */
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_buf held, other, merged, again;
		struct hf_note a = note_with(rows[i].held, &held);
		struct hf_note b = note_with(rows[i].other, &other), c;

		hf_buf_init(&merged, ROOM_MAX);
		hf_buf_init(&again, ROOM_MAX);
		hf_note_merge(&a, &b, &parties[LOG].key, &parties[COSIGNER].key,
			      &witnesses, LATEST_S, &merged);
		assert_int_equal(hf_buf_failed(&merged), HF_OK);
		assert_lines(hf_buf_span(&merged), rows[i].want);
		/* At rest: neither copy adds anything any more. */
		assert_int_equal(hf_note_parse(hf_buf_span(&merged), &c, NULL),
				 HF_OK);
		hf_note_merge(&c, &b, &parties[LOG].key, &parties[COSIGNER].key,
			      &witnesses, LATEST_S, &again);
		assert_true(hf_span_equal(hf_buf_span(&again),
					  hf_buf_span(&merged)));
		hf_buf_reset(&again);
		hf_note_merge(&c, &a, &parties[LOG].key, &parties[COSIGNER].key,
			      &witnesses, LATEST_S, &again);
		assert_true(hf_span_equal(hf_buf_span(&again),
					  hf_buf_span(&merged)));
		hf_buf_release(&held);
		hf_buf_release(&other);
		hf_buf_release(&merged);
		hf_buf_release(&again);
	}
}

static void
cosignatures_count_once_each_and_a_forged_one_spoils_the_note(void **state)
{
	const struct line both[] = { { LOG, 1 }, { COSIGNER, 5 }, { ONE, 6 },
				     { ONE, 7 }, { TWO, 8 },      { 0, 0 } };
	const struct line stranger[] = {
		{ LOG, 1 }, { COSIGNER, 5 }, { STRANGER, 6 }, { 0, 0 }
	};
	struct hf_note note;
	struct hf_buf buf;
	uint64_t time_s;
	size_t count;
	struct hf_why why = { "" };

	(void)note_with(both, &buf);
	assert_ok(hf_note_open_witnessed(hf_buf_span(&buf), &parties[LOG].key,
					 &parties[COSIGNER].key, &witnesses,
					 &note, &time_s, &count, &why),
		  &why);
	assert_int_equal(count, 2);
	assert_int_equal(time_s, 5);
	buf.at[buf.len_bytes - 10] =
		buf.at[buf.len_bytes - 10] == 'A' ? 'B' : 'A';
	assert_int_equal(
		hf_note_open_witnessed(hf_buf_span(&buf), &parties[LOG].key,
				       &parties[COSIGNER].key, &witnesses,
				       &note, &time_s, &count, &why),
		HF_E_SIGNATURE);
	/* Nobody here knows that key, so nobody can tell. */
	assert_ok(hf_note_open_witnessed(hf_buf_span(&buf), &parties[LOG].key,
					 &parties[COSIGNER].key, NULL, &note,
					 &time_s, &count, &why),
		  &why);
	assert_int_equal(count, 0);
	hf_buf_release(&buf);
	(void)note_with(stranger, &buf);
	assert_ok(hf_note_open_witnessed(hf_buf_span(&buf), &parties[LOG].key,
					 &parties[COSIGNER].key, &witnesses,
					 &note, &time_s, &count, &why),
		  &why);
	assert_int_equal(count, 0);
	hf_buf_release(&buf);
}

/* While a witness changes its key both sign. */
static void two_keys_of_one_witness_count_once(void **state)
{
	const struct line lines[] = {
		{ LOG, 1 }, { COSIGNER, 5 }, { ONE, 6 }, { TWO, 8 }, { 0, 0 }
	};
	struct hf_note_key keys[3];
	const struct hf_note_witnesses rule = { keys, ROWS(keys), 2 };
	struct party later = { NULL, { 0 } };
	const struct hf_checkpoint checkpoint = { hf_span_of(ORIGIN),
						  7,
						  { { 9 } } };
	struct hf_why why = { "" };
	struct hf_note note;
	struct hf_buf buf, text;
	size_t count;

	assert_int_equal(
		party_init(&later, 77, HF_NOTE_COSIGNER, parties[ONE].key.name),
		0);
	keys[0] = parties[ONE].key;
	keys[1] = later.key;
	keys[2] = parties[TWO].key;
	assert_int_equal(hf_note_witnesses_count(&rule), 2);
	(void)note_with(lines, &buf);
	hf_buf_init(&text, 4096);
	assert_int_equal(hf_note_put_text(&text, &checkpoint, NULL), HF_OK);
	party_sign(&later, 7, hf_buf_span(&text), &buf);
	assert_ok(hf_note_open_witnessed(hf_buf_span(&buf), &parties[LOG].key,
					 &parties[COSIGNER].key, &rule, &note,
					 NULL, &count, &why),
		  &why);
	assert_int_equal(note.lines_count, 5);
	assert_int_equal(count, 2);
	/* The later one alone counts as well. */
	keys[0] = parties[STRANGER].key;
	assert_ok(hf_note_open_witnessed(hf_buf_span(&buf), &parties[LOG].key,
					 &parties[COSIGNER].key, &rule, &note,
					 NULL, &count, &why),
		  &why);
	assert_int_equal(count, 2);
	hf_buf_release(&text);
	hf_buf_release(&buf);
	hf_secret_free(later.secret);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copies_of_one_checkpoint_are_brought_together),
		cmocka_unit_test(
			cosignatures_count_once_each_and_a_forged_one_spoils_the_note),
		cmocka_unit_test(two_keys_of_one_witness_count_once),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
