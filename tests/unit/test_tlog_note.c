#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "bytes.h"
#include "note.h"
#include "signed_note.h"

/* A log, its publisher's cosigner, a witness. */
enum { LOG, COSIGNER, WITNESS, PARTIES };

static struct party parties[PARTIES];
static struct hf_note_key keys[PARTIES];
static char good[4096];
static size_t good_len_bytes;

static int start(void **state)
{
	struct hf_checkpoint checkpoint = { hf_span_of(ORIGIN),
					    1234567,
					    { { 7 } } };
	struct hf_buf buf;

	if (hf_sign_start(NULL) != HF_OK ||
	    party_init(&parties[LOG], 1, HF_NOTE_LOG, ORIGIN) != 0 ||
	    party_init(&parties[COSIGNER], 2, HF_NOTE_COSIGNER,
		       DOMAIN "/cosigner") != 0 ||
	    party_init(&parties[WITNESS], 3, HF_NOTE_COSIGNER,
		       "witness.example/w") != 0)
		return -1;
	for (size_t i = 0; i < PARTIES; i++)
		keys[i] = parties[i].key;
	hf_buf_init(&buf, ROOM_MAX);
	note_make(&checkpoint, parties, 2, &buf);
	good_len_bytes = buf.len_bytes;
	memcpy(good, buf.at, buf.len_bytes);
	hf_buf_release(&buf);
	return 0;
}

static int stop(void **state)
{
	for (size_t i = 0; i < PARTIES; i++)
		hf_secret_free(parties[i].secret);
	return 0;
}

static struct hf_span good_span(void)
{
	return hf_span(good, good_len_bytes);
}

static void a_note_reads_as_it_was_written(void **state)
{
	struct hf_why why = { "" };
	struct hf_note note;
	uint64_t time_s = 0;

	assert_ok(hf_note_open(good_span(), &keys[LOG], &keys[COSIGNER], &note,
			       &time_s, &why),
		  &why);
	assert_true(hf_span_is(note.checkpoint.origin, ORIGIN));
	assert_int_equal(note.checkpoint.size, 1234567);
	assert_int_equal(note.checkpoint.root.bytes[0], 7);
	assert_int_equal(time_s, TIME_S);
	assert_int_equal(hf_note_time(&note, &keys[COSIGNER]), TIME_S);
	assert_int_equal(hf_note_time(&note, &keys[LOG]), 0);
	assert_int_equal(note.lines_count, 2);
	assert_true(hf_span_equal(note.bytes, good_span()));
	assert_true(
		hf_span_is(note.text, ORIGIN
			   "\n1234567\n"
			   "BwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"));
}

static void the_bytes_to_cosign_are_those_of_c2sp(void **state)
{
	struct hf_buf buf;

	hf_buf_init(&buf, 4096);
	hf_note_put_cosigned(&buf, 1679315147, BYTES("example.com/x\n1\nA=\n"));
	assert_true(hf_span_is(hf_buf_span(&buf), "cosignature/v1\n"
						  "time 1679315147\n"
						  "example.com/x\n1\nA=\n"));
	hf_buf_release(&buf);
}

/* The example key of the Go package golang.org/x/mod/sumdb/note. */
static void a_key_reads_as_other_tools_write_it(void **state)
{
	static const char vkey[] =
		"PeterNeumann+c74f20a3+"
		"ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
	char text[HF_NOTE_VKEY_MAX_BYTES + 1];
	struct hf_why why = { "" };
	struct hf_note_key key;

	assert_ok(hf_note_key_parse(hf_span_of(vkey), &key, &why), &why);
	assert_string_equal(key.name, "PeterNeumann");
	assert_int_equal(key.id, 0xc74f20a3);
	assert_int_equal(key.kind, HF_NOTE_LOG);
	hf_note_key_text(&key, text);
	assert_string_equal(text, vkey);

	for (size_t i = 0; i < PARTIES; i++) {
		hf_note_key_text(&keys[i], text);
		assert_ok(hf_note_key_parse(hf_span_of(text), &key, &why),
			  &why);
		assert_int_equal(key.kind, keys[i].kind);
		assert_int_equal(key.id, keys[i].id);
	}
}

static void a_key_that_is_misspelt_is_refused(void **state)
{
	static const char *const rows[] = {
		"",
		"+",
		"PeterNeumann",
		"PeterNeumann+c74f20a3",
		"PeterNeumann+c74f20a3+",
		"+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
		/* another name, another id, upper case */
		"Peterneumann+c74f20a3+"
		"ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
		"PeterNeumann+c74f20a4+"
		"ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
		"PeterNeumann+C74F20A3+"
		"ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
		/* type 2, a key of 31 bytes, one of 33 */
		"PeterNeumann+c74f20a3+"
		"Ahpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
		"PeterNeumann+c74f20a3+"
		"ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10Q=",
		"PeterNeumann+c74f20a3+"
		"ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWAA==",
		/* a space */
		"Peter Neumann+c74f20a3+"
		"ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
		" PeterNeumann+c74f20a3+"
		"ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
		"PeterNeumann+c74f20a3+"
		"ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW\n",
	};
	struct hf_public_key small = { { 1 } };
	struct hf_note_key key;
	char longest[HF_NOTE_NAME_MAX_BYTES + 1];

	for (size_t i = 0; i < ROWS(rows); i++) {
		if (hf_note_key_parse(hf_span_of(rows[i]), &key, NULL) == HF_OK)
			fail_msg("'%s'", rows[i]);
	}
	assert_int_equal(hf_note_key_init(HF_NOTE_LOG, BYTES("a.example"),
					  &small, &key, NULL),
			 HF_E_ARGUMENT);
	memset(longest, 'a', sizeof(longest));
	assert_int_equal(hf_note_key_init(HF_NOTE_LOG,
					  hf_span(longest, sizeof(longest) - 1),
					  &keys[0].key, &key, NULL),
			 HF_OK);
	assert_int_equal(hf_note_key_init(HF_NOTE_LOG,
					  hf_span(longest, sizeof(longest)),
					  &keys[0].key, &key, NULL),
			 HF_E_ARGUMENT);
}

static void a_name_has_no_unicode_space_and_no_plus(void **state)
{
	static const char *const bad[] = {
		"",
		" ",
		"a b",
		"a+b",
		"a\tb",
		"a\nb",
		"a\xc2\xa0"
		"b",
		"a\xc2\x85"
		"b",
		"\xe1\x9a\x80",
		"\xe2\x80\x80",
		"\xe2\x80\x8a",
		"\xe2\x80\xa8",
		"\xe2\x80\xa9",
		"\xe2\x80\xaf",
		"\xe2\x81\x9f",
		"\xe3\x80\x80",
		"a\xff",
		"a\x7f",
	};

	for (size_t i = 0; i < ROWS(bad); i++) {
		if (hf_note_name_is_valid(hf_span_of(bad[i])))
			fail_msg("row %zu", i);
	}
	assert_true(hf_note_name_is_valid(BYTES("witness.example/w1")));
	assert_true(hf_note_name_is_valid(BYTES("\xc3\xa9.example")));
	assert_true(hf_note_name_is_valid(BYTES("\xe2\x80\x8b")));
}

static void a_cosigner_is_named_after_its_domain(void **state)
{
	struct hf_note_key key;

	assert_int_equal(hf_note_cosigner_init(BYTES(DOMAIN),
					       &keys[COSIGNER].key, &key, NULL),
			 HF_OK);
	assert_string_equal(key.name, DOMAIN "/cosigner");
	assert_int_equal(key.id, keys[COSIGNER].id);
	assert_int_equal(hf_note_cosigner_init(BYTES("no domain"),
					       &keys[COSIGNER].key, &key, NULL),
			 HF_E_ARGUMENT);
}

/* The good note with one piece of text replaced by another. */
static struct hf_span edited(const char *from, const char *to, char *room)
{
	char *at;
	size_t head;

	good[good_len_bytes] = '\0';
	at = strstr(good, from);
	if (at == NULL)
		fail_msg("'%s' is not in the note", from);
	head = (size_t)(at - good);
	memcpy(room, good, head);
	strcpy(room + head, to);
	strcat(room + head, at + strlen(from));
	return hf_span_of(room);
}

#define ROOT       "BwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define EMPTY_ROOT "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="

static void a_note_is_spelt_in_one_way_only(void **state)
{
	const struct {
		const char *name, *from, *to;
		enum hf_err want;
	} rows[] = {
		/* clang-format off */
		{ "CR",                 "\n1234567\n", "\r\n1234567\r\n", HF_E_MALFORMED },
		{ "leading zero",       "\n1234567\n", "\n01234567\n", HF_E_MALFORMED },
		{ "plus sign",          "\n1234567\n", "\n+1234567\n", HF_E_MALFORMED },
		{ "minus sign",         "\n1234567\n", "\n-1\n", HF_E_MALFORMED },
		{ "space",              "\n1234567\n", "\n1234567 \n", HF_E_MALFORMED },
		{ "hexadecimal",        "\n1234567\n", "\n0x10\n", HF_E_MALFORMED },
		{ "no size",            "\n1234567\n", "\n\n", HF_E_MALFORMED },
		{ "2^63-1",             "\n1234567\n", "\n9223372036854775807\n", HF_OK },
		{ "2^63",               "\n1234567\n", "\n9223372036854775808\n", HF_E_LIMIT },
		{ "2^64",               "\n1234567\n", "\n18446744073709551616\n", HF_E_LIMIT },
		{ "21 digits",          "\n1234567\n", "\n111111111111111111111\n", HF_E_MALFORMED },
		{ "size 0, other root", "\n1234567\n", "\n0\n", HF_E_MALFORMED },
		{ "size 0, its root",   "\n1234567\n" ROOT, "\n0\n" EMPTY_ROOT, HF_OK },
		{ "root of 31 bytes",   ROOT, "BwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==", HF_E_MALFORMED },
		{ "root of 33 bytes",   ROOT, "BwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", HF_E_MALFORMED },
		{ "root, stray bits",   ROOT, "BwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=", HF_E_MALFORMED },
		{ "root, no padding",   ROOT, "BwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", HF_E_MALFORMED },
		{ "root, url alphabet", ROOT, "B-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", HF_E_MALFORMED },
		{ "extension line",     ROOT "\n", ROOT "\nmore\n", HF_E_MALFORMED },
		{ "two blank lines",    ROOT "\n\n", ROOT "\n\n\n", HF_E_MALFORMED },
		{ "no blank line",      ROOT "\n\n", ROOT "\n", HF_E_MALFORMED },
		{ "blank amid lines",   "=\n\xe2", "=\n\n\xe2", HF_E_MALFORMED },
		{ "no origin",          ORIGIN "\n1", "\n1", HF_E_MALFORMED },
		{ "origin, two parts",  ORIGIN "\n1", DOMAIN "/ncii\n1", HF_E_MALFORMED },
		{ "origin, epoch 0",    ORIGIN "\n1", DOMAIN "/ncii/0\n1", HF_E_MALFORMED },
		{ "origin, epoch 01",   ORIGIN "\n1", DOMAIN "/ncii/01\n1", HF_E_MALFORMED },
		{ "origin, upper case", ORIGIN "\n1", "Hotline.example/ncii/1\n1", HF_E_MALFORMED },
		{ "origin, space",      ORIGIN "\n1", "hotline.example/nc ii/1\n1", HF_E_MALFORMED },
		{ "hyphen for dash",    "\xe2\x80\x94", "-", HF_E_MALFORMED },
		{ "en dash",            "\xe2\x80\x94", "\xe2\x80\x93", HF_E_MALFORMED },
		{ "no space after it",  "\xe2\x80\x94 ", "\xe2\x80\x94", HF_E_MALFORMED },
		{ "key name with '+'",  DOMAIN "/cosigner", DOMAIN "+cosigner", HF_E_MALFORMED },
		{ "key name missing",   DOMAIN "/cosigner ", "", HF_E_MALFORMED },
		{ "key name empty",     DOMAIN "/cosigner ", " ", HF_E_MALFORMED },
		{ "key name, NBSP",     DOMAIN "/cosigner", DOMAIN "\xc2\xa0", HF_E_MALFORMED },
		{ "key name, bad UTF-8",DOMAIN "/cosigner", DOMAIN "\xff", HF_E_MALFORMED },
		{ "key name, control",  DOMAIN "/cosigner", DOMAIN "\x01", HF_E_MALFORMED },
		{ "two spaces",         DOMAIN "/cosigner ", DOMAIN "/cosigner  ", HF_E_MALFORMED },
		{ "signature stripped", "\n\n", "\n\n\xe2\x80\x94 a.example\n", HF_E_MALFORMED },
		{ "four bytes",         "\n\n", "\n\n\xe2\x80\x94 a.example AAAAAA==\n", HF_E_MALFORMED },
		{ "five bytes",         "\n\n", "\n\n\xe2\x80\x94 a.example AAAAAAA=\n", HF_OK },
		{ "six, stray bits",    "\n\n", "\n\n\xe2\x80\x94 a.example AAAAAAB=\n", HF_E_MALFORMED },
		{ "padding within",     "\n\n", "\n\n\xe2\x80\x94 a.example AAAAAAA=AAAAAAA=\n", HF_E_MALFORMED },
		{ "text before",        ORIGIN "\n1", "x\n" ORIGIN "\n1", HF_E_MALFORMED },
		/* clang-format on */
	};
	char room[8192];

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_why why = { "" };
		struct hf_note note;
		enum hf_err err = hf_note_parse(
			edited(rows[i].from, rows[i].to, room), &note, &why);

		if (err != rows[i].want)
			fail_msg("%s: %s: %s", rows[i].name, hf_err_name(err),
				 why.text);
	}
}

static void padding_inside_a_long_signature_is_refused(void **state)
{
	/* 64 characters are read at a time: padding may hide at their end. */
	static const char piece[] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
				    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
	char room[8192], line[512];
	struct hf_note note;

	snprintf(line, sizeof(line), "\n\n\xe2\x80\x94 a.example %s%s\n", piece,
		 piece);
	assert_int_equal(hf_note_parse(edited("\n\n", line, room), &note, NULL),
			 HF_E_MALFORMED);
	snprintf(line, sizeof(line), "\n\n\xe2\x80\x94 a.example %.63sA%s\n",
		 piece, piece);
	assert_int_equal(hf_note_parse(edited("\n\n", line, room), &note, NULL),
			 HF_OK);
}

static void every_cut_and_every_flipped_bit_is_refused(void **state)
{
	static uint8_t copy[sizeof(good)];
	struct hf_note note;

	for (size_t len = 0; len < good_len_bytes; len++) {
		enum hf_err err =
			hf_note_open(hf_span(good, len), &keys[LOG],
				     &keys[COSIGNER], &note, NULL, NULL);

		if (err == HF_OK)
			fail_msg("accepted when cut at %zu", len);
	}
	memcpy(copy, good, good_len_bytes);
	for (size_t bit = 0; bit < good_len_bytes * 8; bit++) {
		enum hf_err err;

		copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
		err = hf_note_open(hf_span(copy, good_len_bytes), &keys[LOG],
				   &keys[COSIGNER], &note, NULL, NULL);
		if (err == HF_OK)
			fail_msg("accepted with bit %zu flipped", bit);
		copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

static void a_note_may_have_32_signatures_and_64_kib(void **state)
{
	static const char stranger[] =
		"\xe2\x80\x94 stranger.example AAAAAAA=\n";
	size_t room, name_len_bytes;
	struct hf_note note;
	struct hf_buf buf;

	hf_buf_init(&buf, ROOM_MAX);
	hf_buf_put(&buf, good_span());
	for (size_t i = 2; i < HF_NOTE_MAX_SIGNATURES; i++)
		hf_buf_put_text(&buf, stranger);
	assert_int_equal(hf_note_open(hf_buf_span(&buf), &keys[LOG],
				      &keys[COSIGNER], &note, NULL, NULL),
			 HF_OK);
	assert_int_equal(note.lines_count, HF_NOTE_MAX_SIGNATURES);
	hf_buf_put_text(&buf, stranger);
	assert_int_equal(hf_note_parse(hf_buf_span(&buf), &note, NULL),
			 HF_E_LIMIT);

	/* One line that fills the note to its last byte: what the dash, a
	 * space and the newline leave is a name and base64 in fours. */
	hf_buf_reset(&buf);
	hf_buf_put(&buf, good_span());
	hf_buf_put_text(&buf, "\xe2\x80\x94 ");
	room = HF_NOTE_MAX_BYTES - buf.len_bytes - 2;
	name_len_bytes = 1 + (room - 1) % 4;
	for (size_t i = 0; i < room + 1; i++)
		hf_buf_put_u8(&buf, i == name_len_bytes ? ' ' : 'A');
	hf_buf_put_u8(&buf, '\n');
	assert_int_equal(buf.len_bytes, HF_NOTE_MAX_BYTES);
	assert_int_equal(hf_note_open(hf_buf_span(&buf), &keys[LOG],
				      &keys[COSIGNER], &note, NULL, NULL),
			 HF_OK);
	hf_buf_put_u8(&buf, '\n');
	assert_int_equal(hf_note_parse(hf_buf_span(&buf), &note, NULL),
			 HF_E_LIMIT);
	hf_buf_release(&buf);
}

/* The lines of the good note, its text and the blank line before them. */
static struct hf_note taken_apart(void)
{
	struct hf_note note;

	assert_int_equal(hf_note_parse(good_span(), &note, NULL), HF_OK);
	return note;
}

static enum hf_err open_both(const struct hf_buf *buf, uint64_t *out_time_s)
{
	struct hf_note note;

	assert_int_equal(hf_buf_failed(buf), HF_OK);
	return hf_note_open(hf_buf_span(buf), &keys[LOG], &keys[COSIGNER],
			    &note, out_time_s, NULL);
}

static void lines_of_unknown_keys_are_kept_and_passed_over(void **state)
{
	struct hf_note good_note = taken_apart(), note;
	struct party other_id, other_name;
	uint64_t time_s;
	struct hf_buf buf;

	/* The log's name with another key; another name with the log's id. */
	assert_int_equal(party_init(&other_id, 9, HF_NOTE_LOG, ORIGIN), 0);
	assert_int_equal(party_init(&other_name, 1, HF_NOTE_LOG, "a.example"),
			 0);
	other_name.key.id = keys[LOG].id;

	hf_buf_init(&buf, ROOM_MAX);
	hf_buf_put(&buf, good_span());
	party_sign(&parties[WITNESS], 5, good_note.text, &buf);
	party_sign(&other_id, 0, BYTES("another text\n"), &buf);
	party_sign(&other_name, 0, BYTES("another text\n"), &buf);
	assert_int_equal(open_both(&buf, &time_s), HF_OK);
	assert_int_equal(time_s, TIME_S);
	assert_int_equal(hf_note_parse(hf_buf_span(&buf), &note, NULL), HF_OK);
	assert_int_equal(note.lines_count, 5);
	assert_true(hf_span_is(note.lines[2].name, "witness.example/w"));
	assert_int_equal(note.lines[2].id, keys[WITNESS].id);

	hf_buf_release(&buf);
	hf_secret_free(other_id.secret);
	hf_secret_free(other_name.secret);
}

static void a_forged_line_of_a_known_key_spoils_the_note(void **state)
{
	struct hf_note_mark marks[PARTIES];
	struct hf_note note;
	uint8_t zero[HF_SIGNATURE_BYTES] = { 0 };
	struct hf_buf buf;

	for (size_t i = 0; i < PARTIES; i++) {
		hf_buf_init(&buf, ROOM_MAX);
		hf_buf_put(&buf, good_span());
		hf_note_put_line(&buf, &keys[i], TIME_S, zero);
		assert_int_equal(hf_note_parse(hf_buf_span(&buf), &note, NULL),
				 HF_OK);
		memset(marks, 0x55, sizeof(marks));
		assert_int_equal(
			hf_note_verify(&note, keys, PARTIES, marks, NULL),
			HF_E_SIGNATURE);
		assert_int_equal(marks[0].time_s, 0x5555555555555555);
		hf_buf_release(&buf);
	}

	/* Signed by the right key, over another text. */
	hf_buf_init(&buf, ROOM_MAX);
	hf_buf_put(&buf, good_span());
	party_sign(&parties[COSIGNER], TIME_S, BYTES("another text\n"), &buf);
	assert_int_equal(open_both(&buf, NULL), HF_E_SIGNATURE);
	hf_buf_release(&buf);
}

static void who_must_have_signed_is_missed(void **state)
{
	struct hf_note good_note = taken_apart(), note;
	const struct {
		const char *name;
		size_t signer;
		bool asks_cosigner;
		enum hf_err want;
	} rows[] = {
		{ "log alone", LOG, false, HF_OK },
		{ "log alone, both wanted", LOG, true, HF_E_SIGNATURE },
		{ "cosigner alone", COSIGNER, true, HF_E_SIGNATURE },
		{ "cosigner alone, log wanted", COSIGNER, false,
		  HF_E_SIGNATURE },
		{ "witness alone", WITNESS, false, HF_E_SIGNATURE },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		uint64_t time_s = 77;
		struct hf_buf buf;

		hf_buf_init(&buf, ROOM_MAX);
		hf_buf_put(&buf, good_note.text);
		hf_note_put_blank(&buf);
		party_sign(&parties[rows[i].signer], TIME_S, good_note.text,
			   &buf);
		if (hf_note_open(hf_buf_span(&buf), &keys[LOG],
				 rows[i].asks_cosigner ? &keys[COSIGNER] : NULL,
				 &note, &time_s, NULL) != rows[i].want)
			fail_msg("%s", rows[i].name);
		assert_int_equal(time_s, rows[i].want == HF_OK ? 0 : 77);
		hf_buf_release(&buf);
	}
}

static void the_newest_of_several_cosignatures_counts(void **state)
{
	struct hf_note good_note = taken_apart(), note;
	struct hf_note_mark marks[PARTIES];
	struct hf_buf buf;

	hf_buf_init(&buf, ROOM_MAX);
	hf_buf_put(&buf, good_span());
	party_sign(&parties[COSIGNER], TIME_S + 60, good_note.text, &buf);
	party_sign(&parties[COSIGNER], TIME_S - 60, good_note.text, &buf);
	assert_int_equal(hf_note_parse(hf_buf_span(&buf), &note, NULL), HF_OK);
	assert_int_equal(hf_note_verify(&note, keys, PARTIES, marks, NULL),
			 HF_OK);
	assert_true(marks[LOG].is_signed);
	assert_int_equal(marks[LOG].time_s, 0);
	assert_true(marks[COSIGNER].is_signed);
	assert_int_equal(marks[COSIGNER].time_s, TIME_S + 60);
	assert_int_equal(hf_note_time(&note, &keys[COSIGNER]), TIME_S + 60);
	assert_false(marks[WITNESS].is_signed);
	assert_int_equal(marks[WITNESS].time_s, 0);
	hf_buf_release(&buf);
}

static void a_time_past_2_63_is_refused_even_when_signed(void **state)
{
	const struct {
		uint64_t time_s;
		enum hf_err want;
	} rows[] = {
		{ 0, HF_OK },
		{ INT64_MAX, HF_OK },
		{ (uint64_t)INT64_MAX + 1, HF_E_SIGNATURE },
		{ UINT64_MAX, HF_E_SIGNATURE },
	};
	struct hf_note good_note = taken_apart();

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_buf buf;

		hf_buf_init(&buf, ROOM_MAX);
		hf_buf_put(&buf, good_note.text);
		hf_note_put_blank(&buf);
		party_sign(&parties[LOG], 0, good_note.text, &buf);
		party_sign(&parties[COSIGNER], rows[i].time_s, good_note.text,
			   &buf);
		assert_int_equal(open_both(&buf, NULL), rows[i].want);
		hf_buf_release(&buf);
	}
}

static void a_line_of_the_other_kind_does_not_pass(void **state)
{
	struct hf_note good_note = taken_apart();
	struct party log = parties[LOG], cosigner = parties[COSIGNER];
	struct hf_buf buf;

	/* A log key's line as long as a cosigner's and the other way round. */
	log.key.kind = HF_NOTE_COSIGNER;
	cosigner.key.kind = HF_NOTE_LOG;
	hf_buf_init(&buf, ROOM_MAX);
	hf_buf_put(&buf, good_span());
	party_sign(&log, TIME_S, good_note.text, &buf);
	assert_int_equal(open_both(&buf, NULL), HF_E_SIGNATURE);
	hf_buf_reset(&buf);
	hf_buf_put(&buf, good_span());
	party_sign(&cosigner, TIME_S, good_note.text, &buf);
	assert_int_equal(open_both(&buf, NULL), HF_E_SIGNATURE);
	hf_buf_release(&buf);
}

static void a_note_of_another_set_is_refused(void **state)
{
	struct party other;
	struct hf_note note;
	struct hf_why why = { "" };

	/* The same key under another origin: its id differs, so its lines are
	 * those of a stranger, but the origin is what is said. */
	assert_int_equal(
		party_init(&other, 1, HF_NOTE_LOG, "hotline.example/ncii/2"),
		0);
	assert_int_equal(
		hf_note_open(good_span(), &other.key, NULL, &note, NULL, &why),
		HF_E_SIGNATURE);
	assert_non_null(strstr(why.text, "another origin"));
	hf_secret_free(other.secret);
}

static void a_checkpoint_that_cannot_be_is_not_written(void **state)
{
	struct hf_checkpoint rows[] = {
		{ hf_span_of("no origin"), 1, { { 0 } } },
		{ hf_span_of(ORIGIN "\n"), 1, { { 0 } } },
		{ hf_span_of(""), 1, { { 0 } } },
		{ hf_span_of(ORIGIN), HF_TREE_MAX_SIZE + 1, { { 0 } } },
		{ hf_span_of(ORIGIN), 0, { { 0 } } },
	};
	struct hf_buf buf;

	hf_buf_init(&buf, 4096);
	for (size_t i = 0; i < ROWS(rows); i++) {
		assert_int_equal(hf_note_put_text(&buf, &rows[i], NULL),
				 HF_E_ARGUMENT);
		assert_int_equal(buf.len_bytes, 0);
	}
	hf_tree_empty(&rows[4].root);
	assert_int_equal(hf_note_put_text(&buf, &rows[4], NULL), HF_OK);
	assert_true(
		hf_span_is(hf_buf_span(&buf), ORIGIN "\n0\n" EMPTY_ROOT "\n"));
	hf_buf_release(&buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		/* clang-format off */
		cmocka_unit_test(a_note_reads_as_it_was_written),
		cmocka_unit_test(the_bytes_to_cosign_are_those_of_c2sp),
		cmocka_unit_test(a_key_reads_as_other_tools_write_it),
		cmocka_unit_test(a_key_that_is_misspelt_is_refused),
		cmocka_unit_test(a_name_has_no_unicode_space_and_no_plus),
		cmocka_unit_test(a_cosigner_is_named_after_its_domain),
		cmocka_unit_test(a_note_is_spelt_in_one_way_only),
		cmocka_unit_test(padding_inside_a_long_signature_is_refused),
		cmocka_unit_test(every_cut_and_every_flipped_bit_is_refused),
		cmocka_unit_test(a_note_may_have_32_signatures_and_64_kib),
		cmocka_unit_test(lines_of_unknown_keys_are_kept_and_passed_over),
		cmocka_unit_test(a_forged_line_of_a_known_key_spoils_the_note),
		cmocka_unit_test(who_must_have_signed_is_missed),
		cmocka_unit_test(the_newest_of_several_cosignatures_counts),
		cmocka_unit_test(a_time_past_2_63_is_refused_even_when_signed),
		cmocka_unit_test(a_line_of_the_other_kind_does_not_pass),
		cmocka_unit_test(a_note_of_another_set_is_refused),
		cmocka_unit_test(a_checkpoint_that_cannot_be_is_not_written),
		/* clang-format on */
	};

	return cmocka_run_group_tests(tests, start, stop);
}
