#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "bytes.h"
#include "import_list.h"
#include "import_seen.h"
#include "kind.h"
#include "sign.h"

#define MD5    "d41d8cd98f00b204e9800998ecf8427e"
#define MD5_B  "facefacefacefacefacefacefaceface"
#define SHA1   "da39a3ee5e6b4b0d3255bfef95601890afd80709"
#define PDQ    "d811ac390bfa6005d08543fe27fd5a11f6b55bdd2603000dc26476fc79fc76b5"
#define HEADER "signal_type,signal_str,collab,category,tags\n"

#define ARENA_BYTES ((size_t)256 * 1024)

/* One list read to its end. */
struct read {
	unsigned rows;
	unsigned rejects;
	uint64_t first_reject_line;
	struct hf_why first_reject;
	unsigned algorithm; /* of the last row */
	unsigned media_kind;
	char hex[2 * HF_DIGEST_MAX_BYTES + 1];
	uint64_t line;
	size_t labels_count;
	char labels[512]; /* "scheme=value;" for each */
};

static void keep_row(const struct hf_import_row *row, struct read *out)
{
	out->rows++;
	out->algorithm = row->algorithm;
	out->media_kind = row->media_kind;
	out->line = row->line;
	hf_hex(row->digest, row->len_bytes, out->hex);
	out->labels_count = row->labels_count;
	out->labels[0] = '\0';
	for (size_t i = 0; i < row->labels_count; i++) {
		size_t len = strlen(out->labels);

		snprintf(out->labels + len, sizeof(out->labels) - len, "%s=%s;",
			 row->labels[i].scheme, row->labels[i].value);
	}
}

static enum hf_err read_all(struct hf_span text, enum hf_import_format format,
			    const char *type_word, struct read *out,
			    struct hf_why *why)
{
	struct hf_import_type type = { 0 };
	struct hf_import_list list;
	struct hf_import_row row;
	struct hf_arena arena;
	enum hf_err err = HF_OK;

	*out = (struct read){ 0 };
	if (type_word != NULL)
		assert_ok(hf_import_type_parse(type_word, &type, why), why);
	err = hf_import_list_init(&list, text, format, &type, why);
	if (err != HF_OK)
		return err;
	hf_arena_init(&arena, ARENA_BYTES);
	do {
		struct hf_why because = { "" };

		hf_arena_reset(&arena);
		err = hf_import_list_next(&list, &arena, &row, &because);
		if (err == HF_OK) {
			keep_row(&row, out);
		} else if (err != HF_E_NOTFOUND && err != HF_E_NOMEM) {
			if (out->rejects++ == 0) {
				out->first_reject_line = row.line;
				out->first_reject = because;
			}
		}
	} while (err != HF_E_NOTFOUND && err != HF_E_NOMEM);
	hf_arena_release(&arena);
	return err == HF_E_NOTFOUND ? HF_OK : err;
}

static void lists_are_read_as_people_write_them(void **state)
{
	static const struct {
		const char *name;
		const char *text;
		enum hf_import_format format;
		const char *type;
		unsigned rows, algorithm, media_kind;
		uint64_t line;
	} rows[] = {
		/* clang-format off */
		{ "an md5 by its length",   MD5 "\n",                    HF_IMPORT_AUTO, NULL,   1, HF_ALGORITHM_MD5,  0, 1 },
		{ "no newline at the end",  SHA1,                        HF_IMPORT_AUTO, NULL,   1, HF_ALGORITHM_SHA1, 0, 1 },
		{ "64 digits with --type",  PDQ "\n",                    HF_IMPORT_AUTO, "pdq",  1, HF_ALGORITHM_PDQ,  HF_ITEM_KIND_IMAGE, 1 },
		{ "64 digits as sha256",    PDQ "\n",                    HF_IMPORT_AUTO, "sha256", 1, HF_ALGORITHM_SHA256, 0, 1 },
		{ "a type on each line",    "pdq " PDQ "\nvideo_md5 " MD5 "\n", HF_IMPORT_AUTO, NULL, 2, HF_ALGORITHM_MD5, HF_ITEM_KIND_VIDEO, 2 },
		{ "the exchange's names",   "HASH_MD5\t" MD5 "\n",       HF_IMPORT_AUTO, NULL,   1, HF_ALGORITHM_MD5,  0, 1 },
		{ "a type beats --type",    "md5 " MD5 "\n",             HF_IMPORT_AUTO, "pdq",  1, HF_ALGORITHM_MD5,  0, 1 },
		{ "byte order mark, CRLF",  "\xef\xbb\xbf" MD5 "\r\n" MD5_B "\r\n", HF_IMPORT_AUTO, NULL, 2, HF_ALGORITHM_MD5, 0, 2 },
		{ "blanks around",          "  md5   " MD5 " \t\n",      HF_IMPORT_AUTO, NULL,   1, HF_ALGORITHM_MD5,  0, 1 },
		{ "comments, blank lines",  "# of today\n\n \n" MD5 "\n\n", HF_IMPORT_AUTO, NULL, 1, HF_ALGORITHM_MD5, 0, 4 },
		{ "nothing at all",         "",                          HF_IMPORT_AUTO, NULL,   0, 0, 0, 0 },
		{ "comments alone",         "# nothing\n",               HF_IMPORT_AUTO, NULL,   0, 0, 0, 0 },
		{ "a CSV is recognised",    HEADER "pdq," PDQ ",c,x,\n", HF_IMPORT_AUTO, NULL,   1, HF_ALGORITHM_PDQ,  HF_ITEM_KIND_IMAGE, 2 },
		{ "a CSV behind a mark",    "\xef\xbb\xbf" HEADER "md5," MD5 ",c,x,y\r\n", HF_IMPORT_AUTO, NULL, 1, HF_ALGORITHM_MD5, 0, 2 },
		{ "columns in any order",   "signal_str,signal_type\n" MD5 ",video_md5\n", HF_IMPORT_PYTX_CSV, NULL, 1, HF_ALGORITHM_MD5, HF_ITEM_KIND_VIDEO, 2 },
		{ "fewer fields than said", HEADER "md5," MD5 "\n",      HF_IMPORT_AUTO, NULL,   1, HF_ALGORITHM_MD5,  0, 2 },
		{ "an empty CSV",           HEADER,                      HF_IMPORT_PYTX_CSV, NULL, 0, 0, 0, 0 },
		/* clang-format on */
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_why why = { "" };
		struct read read;
		enum hf_err err =
			read_all(hf_span_of(rows[i].text), rows[i].format,
				 rows[i].type, &read, &why);

		if (err == HF_E_NOMEM)
			return;
		if (err != HF_OK || read.rejects > 0)
			fail_msg("%s: %s%s", rows[i].name, why.text,
				 read.first_reject.text);
		if (read.rows != rows[i].rows ||
		    read.algorithm != rows[i].algorithm ||
		    read.media_kind != rows[i].media_kind ||
		    read.line != rows[i].line)
			fail_msg("%s: %u rows, algorithm %u, line %u",
				 rows[i].name, read.rows, read.algorithm,
				 (unsigned)read.line);
	}
}

static void bad_lines_are_named_and_the_rest_is_read(void **state)
{
	static char long_line[HF_IMPORT_LINE_MAX_BYTES + 64];
	static const char zero[] = MD5 "\n\0" MD5 "\n" MD5 "\n";
	const struct {
		const char *name;
		struct hf_span text;
		uint64_t line;
		unsigned rows;
		const char *says;
	} rows[] = {
		/* clang-format off */
		{ "a digit short",      BYTES(MD5 "\nd41d8cd98f00b204e9800998ecf8427\n" MD5 "\n"), 2, 2, "has 31 characters" },
		{ "typed, a digit short", BYTES("md5 d41d8\n"),              1, 0, "a md5 hash has 32 hex digits" },
		{ "not hexadecimal",    BYTES(MD5 "\r\nzz1d8cd98f00b204e9800998ecf8427e\r\n"), 2, 1, "not hexadecimal" },
		{ "64 digits, no type", BYTES(PDQ "\n"),                     1, 0, "sha256 or pdq" },
		{ "no such type",       BYTES("tlsh " MD5 "\n" MD5 "\n"),    1, 1, "no type of hash" },
		{ "a zero byte",        hf_span(zero, sizeof(zero) - 1),     2, 2, "zero byte" },
		{ "a very long line",   hf_span(long_line, sizeof(long_line)), 1, 1, "a line of" },
		{ "a quote left open",  BYTES(HEADER "md5,\"" MD5 "\n"),     2, 0, "quote" },
		{ "text behind a quote", BYTES(HEADER "md5,\"" MD5 "\"x\n"), 2, 0, "quote" },
		{ "no hash in a row",   BYTES(HEADER "md5,,c,x,y\n"),        2, 0, "no signal_str" },
		{ "a tag too long to keep", BYTES(HEADER "md5," MD5 ",c,x,"
			"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
			"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
			"012345678901234567890123456789012345678901234567890123456789\n"), 2, 0, "a label of 260 bytes" },
		{ "a tag that is not UTF-8", BYTES(HEADER "md5," MD5 ",c,x,\xff\n"), 2, 0, "UTF-8" },
		{ "binary rubbish",     BYTES("\x89PNG\r\n\x1a\n"),          1, 0, "characters" },
		/* clang-format on */
	};

	memset(long_line, 'a', sizeof(long_line));
	memcpy(long_line + sizeof(long_line) - 33, "\n" MD5, 33);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_why why = { "" };
		struct read read;
		enum hf_err err = read_all(rows[i].text, HF_IMPORT_AUTO, NULL,
					   &read, &why);

		if (err == HF_E_NOMEM)
			return;
		assert_int_equal(err, HF_OK);
		if (read.rejects == 0 ||
		    read.first_reject_line != rows[i].line ||
		    read.rows != rows[i].rows ||
		    strstr(read.first_reject.text, rows[i].says) == NULL)
			fail_msg("%s: %u rows, line %u: %s", rows[i].name,
				 read.rows, (unsigned)read.first_reject_line,
				 read.first_reject.text);
	}
}

static void upper_case_digits_are_the_same_hash(void **state)
{
	struct hf_why why = { "" };
	struct read read;

	assert_ok(read_all(BYTES("D41D8CD98F00B204E9800998ECF8427E\n"),
			   HF_IMPORT_PLAIN, NULL, &read, &why),
		  &why);
	assert_string_equal(read.hex, MD5);
}

static void columns_become_labels_word_by_word(void **state)
{
	struct hf_why why = { "" };
	struct read read;
	enum hf_err err = read_all(
		BYTES(HEADER "md5," MD5 ",\"Sample, \"\"A\"\"\",POSITIVE,"
			     "one:two  three\n"),
		HF_IMPORT_AUTO, NULL, &read, &why);

	if (err == HF_E_NOMEM)
		return;
	assert_ok(err, &why);
	assert_string_equal(read.labels,
			    "pytx=one:two;pytx=three;pytx-category=POSITIVE;"
			    "pytx-collab=Sample, \"A\";");
}

static void a_csv_without_its_header_is_refused(void **state)
{
	struct hf_why why = { "" };
	struct read read;

	assert_int_equal(read_all(BYTES("md5," MD5 "\n"), HF_IMPORT_PYTX_CSV,
				  NULL, &read, &why),
			 HF_E_MALFORMED);
	assert_non_null(strstr(why.text, "signal_type"));
}

static void the_first_row_with_a_hash_is_told_from_the_others(void **state)
{
	static char text[4000 * 33 + 1];
	struct hf_import_list list, again;
	struct hf_why why = { "" };
	struct hf_import_seen seen;
	struct hf_import_row row;
	struct hf_arena arena;
	unsigned firsts = 0, repeats = 0, told = 0;

	/* 4,000 rows, every hash twice, far apart. */
	for (unsigned i = 0; i < 4000; i++)
		snprintf(text + (size_t)i * 33, 34, "%032x\n", i % 2000);
	assert_ok(hf_import_list_init(&list, hf_span_of(text), HF_IMPORT_PLAIN,
				      NULL, &why),
		  &why);
	again = list;
	hf_arena_init(&arena, ARENA_BYTES);
	hf_import_seen_init(&seen, &list);
	while (hf_import_list_next(&again, &arena, &row, &why) == HF_OK) {
		bool is_first = false;

		if (hf_import_seen_add(&seen, &row, &is_first, &why) != HF_OK)
			goto out_release;
		if (is_first)
			firsts++;
		else
			repeats++;
	}
	assert_int_equal(firsts, 2000);
	assert_int_equal(repeats, 2000);
	again = list;
	while (hf_import_list_next(&again, &arena, &row, &why) == HF_OK) {
		bool is_first = hf_import_seen_is_first(&seen, &row);

		assert_int_equal(is_first, row.line <= 2000);
		told += is_first;
	}
	assert_int_equal(told, 2000);
out_release:
	hf_import_seen_release(&seen);
	hf_arena_release(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_are_read_as_people_write_them),
		cmocka_unit_test(bad_lines_are_named_and_the_rest_is_read),
		cmocka_unit_test(upper_case_digits_are_the_same_hash),
		cmocka_unit_test(columns_become_labels_word_by_word),
		cmocka_unit_test(a_csv_without_its_header_is_refused),
		cmocka_unit_test(
			the_first_row_with_a_hash_is_told_from_the_others),
	};

	if (hf_sign_start(NULL) != HF_OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
