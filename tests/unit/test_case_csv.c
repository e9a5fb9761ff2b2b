#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "case_csv.h"
#include "case_value.h"
#include "moment.h"

#define PLACE "https://a.example/1"
#define MD5   "d41d8cd98f00b204e9800998ecf8427e"

static struct hf_arena arena;

static bool is_nomem(enum hf_err err)
{
	return err == HF_E_NOMEM; /* only under torture */
}

/* ---- lists that are read ---- */

static void places_are_read_in_both_shapes(void **state)
{
	static const struct {
		const char *name, *text;
		const char *url, *ip, *note, *provider;
		uint64_t first_ms;
		size_t hashes;
	} rows[] = {
		/* clang-format off */
		{ "scart, no header", PLACE ";192.0.2.1;2026-01-10 05:25:00;2026-01-11 06:00:00;a note\n",
		  PLACE, "192.0.2.1", "a note", "", 1768022700000, 0 },
		{ "scart, its header", "\"url\";\"IP\";\"firstseen\";\"lastseen\";\"note\"\n\"" PLACE "\";\"2001:db8::1\";;;\"a;\"\"b\"\"\"\n",
		  PLACE, "2001:db8::1", "a;\"b\"", "", 0, 0 },
		{ "a mark, crlf, blanks", "\xef\xbb\xbf\r\n url ; hash \r\n " PLACE " ; md5:" MD5 " \r\n",
		  PLACE, "", "", "", 0, 1 },
		{ "commas, columns as they come", "hash,Provider,URL\n" MD5 " sha1:" "da39a3ee5e6b4b0d3255bfef95601890afd80709" ",Host.Example," PLACE "\n",
		  PLACE, "", "", "host.example", 0, 2 },
		{ "a field over lines", "url;note\n" PLACE ";\"one\r\n\ttwo  three\"\n",
		  PLACE, "", "one two three", "", 0, 0 },
		{ "quotes inside a plain field", "url;note\n" PLACE ";a\"\"b\"\n",
		  PLACE, "", "a\"\"b\"", "", 0, 0 },
		{ "no line end", "url\n" PLACE, PLACE, "", "", "", 0, 0 },
		{ "an empty column in the header", "url;;note;\n" PLACE ";x;y;\n", PLACE, "", "y", "", 0, 0 },
		/* clang-format on */
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_case_csv csv;
		struct hf_case_csv_row row;
		struct hf_why why = { "" };
		enum hf_err err;

		hf_arena_reset(&arena);
		err = hf_case_csv_init(&csv, hf_span_of(rows[i].text), &why);
		if (err == HF_OK)
			err = hf_case_csv_next(&csv, &arena, &row, &why);
		if (is_nomem(err))
			return;
		if (err != HF_OK)
			fail_msg("%s: %s", rows[i].name, why.text);
		assert_true(row.has_locator);
		assert_string_equal(row.locator.url, rows[i].url);
		assert_string_equal(row.locator.ip, rows[i].ip);
		assert_string_equal(row.locator.note, rows[i].note);
		assert_string_equal(row.provider, rows[i].provider);
		assert_int_equal(row.locator.first_seen_ms, rows[i].first_ms);
		assert_int_equal(row.hashes_count, rows[i].hashes);
		err = hf_case_csv_next(&csv, &arena, &row, &why);
		if (!is_nomem(err))
			assert_int_equal(err, HF_E_NOTFOUND);
	}
}

static void a_header_that_is_none_is_refused(void **state)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
		{ "", "nothing in it" },
		{ "\xef\xbb\xbf\n \n", "nothing in it" },
		{ "url;frob\n", "line 1: no column 'frob': there are url" },
		{ "\n\nurl;url\n", "line 3: column 'url' is there twice" },
		{ "ip;note\n", "names a column url" },
		{ "frob\n", "neither a header" },
		{ "a;b;c;d;e\n", "neither a header" },
		{ "\"url\";\"note\n", "line 1: a quote that is not closed" },
		{ "\"url\"x;\n", "text behind" },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_case_csv csv;
		struct hf_why why = { "" };

		assert_int_equal(
			hf_case_csv_init(&csv, hf_span_of(rows[i].text), &why),
			HF_E_MALFORMED);
		if (strstr(why.text, rows[i].says) == NULL)
			fail_msg("'%s': %s", rows[i].text, why.text);
	}
}

static void a_bad_row_says_its_column_and_the_next_one_is_read(void **state)
{
	static const struct {
		const char *row, *says;
	} rows[] = {
		/* clang-format off */
		{ "frob;;;;;;;;", "url: 'frob' is no location" },
		{ "http:///x;;;;;;;;", "url: " },
		{ "://x;;;;;;;;", "url: " },
		{ "https://a b/;;;;;;;;", "url: " },
		{ "https://a/\xff;;;;;;;;", "url: '?'" },
		{ PLACE ";1.2.3;;;;;;;", "ip: '1.2.3' is no address" },
		{ PLACE ";;yesterday;;;;;;", "firstseen: 'yesterday' is no time" },
		{ PLACE ";;;2026-02-30;;;;;", "lastseen: '2026-02-30'" },
		{ PLACE ";;;;\x01;;;;", "note: not UTF-8" },
		{ PLACE ";;;;;" MD5 "0;;;", "hash: " },
		{ PLACE ";;;;;sha256:" MD5 ";;;", "64 hex digits" },
		{ PLACE ";;;;;" MD5 MD5 ";;;", "64 digits alone" },
		{ PLACE ";;;;;;no domain;;", "provider: 'no domain' is no provider" },
		{ PLACE ";;;;;;;frob;", "class: 'frob': give csam" },
		{ ";;;;x;;;;", "neither a url nor a hash" },
		{ "\"" PLACE ";;;;;;;;", "a quote that is not closed" },
		{ "\"" PLACE "\"x;;;;;;;;", "text behind its last quote" },
		/* clang-format on */
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_case_csv csv;
		struct hf_case_csv_row row;
		struct hf_why why = { "" };
		char text[1024];
		enum hf_err err;

		snprintf(text, sizeof(text),
			 "url;ip;firstseen;lastseen;note;hash;provider;class;"
			 "reference\n" PLACE "\n%s\n" PLACE "\n",
			 rows[i].row);
		hf_arena_reset(&arena);
		assert_int_equal(hf_case_csv_init(&csv, hf_span_of(text), &why),
				 HF_OK);
		err = hf_case_csv_next(&csv, &arena, &row, &why);
		if (is_nomem(err))
			return;
		assert_ok(err, &why);
		err = hf_case_csv_next(&csv, &arena, &row, &why);
		if (is_nomem(err))
			return;
		if (err == HF_OK || strstr(why.text, rows[i].says) == NULL)
			fail_msg("'%s': %s", rows[i].row, why.text);
		assert_int_equal(row.line, 3);
		assert_true(hf_span_is(row.text, rows[i].row));
		err = hf_case_csv_next(&csv, &arena, &row, &why);
		if (is_nomem(err))
			return;
		assert_ok(err, &why);
		assert_int_equal(row.line, 4);
	}
}

static void hostile_lists_end_in_a_sentence(void **state)
{
	size_t size = 3 * HF_CASE_CSV_ROW_MAX_BYTES;
	char *text = malloc(size);
	static const char *const fills[] = { "\"", ";", "a", "\"\"", "\n\"" };

	if (text == NULL)
		return;
	for (size_t i = 0; i < ROWS(fills); i++) {
		size_t at = (size_t)snprintf(text, size, "url;note\n");
		struct hf_case_csv csv;
		struct hf_case_csv_row row;
		struct hf_why why = { "" };
		enum hf_err err;

		while (at + strlen(fills[i]) < size) {
			memcpy(text + at, fills[i], strlen(fills[i]));
			at += strlen(fills[i]);
		}
		assert_int_equal(
			hf_case_csv_init(&csv, hf_span(text, at), &why), HF_OK);
		do {
			hf_arena_reset(&arena);
			err = hf_case_csv_next(&csv, &arena, &row, &why);
			assert_int_not_equal(err, HF_OK);
			if (is_nomem(err))
				goto out_free;
		} while (err != HF_E_NOTFOUND);
	}
out_free:
	free(text);
}

static void a_row_has_few_fields_and_few_hashes(void **state)
{
	char text[4096] = "url;hash\n" PLACE ";";
	struct hf_case_csv csv;
	struct hf_case_csv_row row;
	struct hf_why why = { "" };
	enum hf_err err;

	for (size_t i = 0; i <= HF_CASE_CSV_HASHES_MAX; i++)
		strcat(text, MD5 " ");
	strcat(text, "\n" PLACE);
	for (size_t i = 0; i < HF_CASE_CSV_FIELDS_MAX; i++)
		strcat(text, ";");
	assert_int_equal(hf_case_csv_init(&csv, hf_span_of(text), &why), HF_OK);
	for (size_t i = 0; i < 2; i++) {
		err = hf_case_csv_next(&csv, &arena, &row, &why);
		if (!is_nomem(err))
			assert_int_equal(err, HF_E_LIMIT);
	}
}

/* ---- times ---- */

static void times_are_read_as_people_write_them(void **state)
{
	static const struct {
		const char *text;
		uint64_t ms; /* 0: refused */
	} rows[] = {
		{ "2026-01-10", 1768003200000 },
		{ "2026-01-10 05:25", 1768022700000 },
		{ "2026-01-10T05:25:07Z", 1768022707000 },
		{ "2026-01-10T05:25:07.5+01:00", 1768019107500 },
		{ "2026-01-10T05:25:07.512999-0130", 1768028107512 },
		{ "2026-01-10 05:25 UTC", 1768022700000 },
		{ "10-01-2026 05:25:00", 1768022700000 },
		{ "10-01-2026", 1768003200000 },
		{ "2024-02-29", 1709164800000 },
		{ "2000-03-01", 951868800000 },
		{ "1970-01-01 00:00:01", 1000 },
		{ "9999-12-31T23:59:59Z", 253402300799000 },
		{ "1970-01-01", 0 },
		{ "1970-01-01T00:30+01:00", 0 },
		{ "2026-02-29", 0 },
		{ "2100-02-29", 0 },
		{ "2026-13-01", 0 },
		{ "2026-00-10", 0 },
		{ "2026-01-32", 0 },
		{ "2026-01-10 24:00", 0 },
		{ "2026-01-10 05", 0 },
		{ "2026-01-10 05:25:60", 0 },
		{ "2026-01-10 05:25:07.", 0 },
		{ "2026-01-10 05:25 CET", 0 },
		{ "2026-01-10T05:25+15:00", 0 },
		{ "2026-01-10T05:25Zx", 0 },
		{ "01/10/2026", 0 },
		{ "26-01-10", 0 },
		{ "1700000000", 0 },
		{ "now", 0 },
		{ "", 0 },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_why why = { "" };
		uint64_t ms = 0;
		enum hf_err err =
			hf_moment_parse(hf_span_of(rows[i].text), &ms, &why);

		if ((err == HF_OK) != (rows[i].ms != 0) || ms != rows[i].ms)
			fail_msg("'%s': %llu %s", rows[i].text,
				 (unsigned long long)ms, why.text);
	}
}

static void lengths_of_time_have_units(void **state)
{
	static const struct {
		const char *text;
		uint64_t ms;
	} rows[] = {
		{ "90s", 90000 },    { "30min", 1800000 },
		{ "12h", 43200000 }, { "366d", 31622400000 },
		{ "367d", 0 },       { "0h", 0 },
		{ "12", 0 },         { "h", 0 },
		{ "1.5h", 0 },       { "12 h", 0 },
		{ "-1h", 0 },        { "", 0 },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		uint64_t ms = 0;
		enum hf_err err = hf_moment_length_parse(
			hf_span_of(rows[i].text), &ms, NULL);

		if ((err == HF_OK) != (rows[i].ms != 0) || ms != rows[i].ms)
			fail_msg("'%s'", rows[i].text);
	}
}

/* ---- contacts ---- */

static void contacts_have_a_name_and_an_address(void **state)
{
	static const struct {
		const char *text, *name, *email, *phone;
	} rows[] = {
		{ "Desk <d@h.example>", "Desk", "d@h.example", "" },
		{ "A B <d@h.example> +31 20 1", "A B", "d@h.example",
		  "+31 20 1" },
		{ "d@h.example", NULL, NULL, NULL },
		{ "<d@h.example>", NULL, NULL, NULL },
		{ "Desk <h.example>", NULL, NULL, NULL },
		{ "Desk <d@@h.example>", NULL, NULL, NULL },
		{ "Desk <d@h.example", NULL, NULL, NULL },
		{ "De\nsk <d@h.example>", NULL, NULL, NULL },
		{ "", NULL, NULL, NULL },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_contact contact;
		struct hf_why why = { "" };
		enum hf_err err = hf_case_contact_parse(
			hf_span_of(rows[i].text), &arena, &contact, &why);

		if (is_nomem(err))
			return;
		if ((err == HF_OK) != (rows[i].name != NULL))
			fail_msg("'%s': %s", rows[i].text, why.text);
		if (err != HF_OK)
			continue;
		assert_string_equal(contact.name, rows[i].name);
		assert_string_equal(contact.email, rows[i].email);
		assert_string_equal(contact.phone, rows[i].phone);
	}
}

static int set(void **state)
{
	hf_arena_init(&arena, (size_t)1024 * 1024);
	return 0;
}

static int clear(void **state)
{
	hf_arena_release(&arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(places_are_read_in_both_shapes),
		cmocka_unit_test(a_header_that_is_none_is_refused),
		cmocka_unit_test(
			a_bad_row_says_its_column_and_the_next_one_is_read),
		cmocka_unit_test(hostile_lists_end_in_a_sentence),
		cmocka_unit_test(a_row_has_few_fields_and_few_hashes),
		cmocka_unit_test(times_are_read_as_people_write_them),
		cmocka_unit_test(lengths_of_time_have_units),
		cmocka_unit_test(contacts_have_a_name_and_an_address),
	};

	return cmocka_run_group_tests(tests, set, clear);
}
