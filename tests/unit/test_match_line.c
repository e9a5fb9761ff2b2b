/*
 * What hashfed match --stdin takes off its input: pieces as they come, lines
 * that are a question and lines that are none.
 */
#include "unit.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kind.h"

#include "cutter.h"
#include "match_line.h"

#define D32 "00112233445566778899aabbccddeeff"
#define D64 D32 D32

/* ---- lines ---- */

static void a_line_is_read_or_refused_with_a_reason(void **state)
{
	const struct {
		const char *name;
		struct hf_span text;
		enum hf_err want;
		const char *path; /* NULL: none */
		size_t hashes_count;
	} rows[] = {
		/* clang-format off */
		{ "a path", BYTES("/srv/a b.jpg"), HF_OK, "/srv/a b.jpg", 0 },
		{ "a path of any bytes", BYTES("\xff\t\x01"), HF_OK, "\xff\t\x01", 0 },
		{ "nothing", BYTES(""), HF_E_MALFORMED, NULL, 0 },
		{ "a zero byte", BYTES("a\0b"), HF_E_MALFORMED, NULL, 0 },
		{ "an object with a path", BYTES("{\"id\":1,\"path\":\"x\"}"), HF_OK, "x", 0 },
		{ "hashes", BYTES("{\"id\":\"u\",\"hashes\":[\"md5:" D32 "\",\"pdq:" D64 ":77\"]}"), HF_OK, NULL, 2 },
		{ "no id", BYTES("{\"hashes\":[\"sha256:" D64 "\"]}"), HF_OK, NULL, 1 },
		{ "an id that is null", BYTES("{\"id\":null,\"path\":\"x\"}"), HF_OK, "x", 0 },
		{ "an id that is a list", BYTES("{\"id\":[1],\"path\":\"x\"}"), HF_E_MALFORMED, NULL, 0 },
		{ "an id that is a fraction", BYTES("{\"id\":1.5,\"path\":\"x\"}"), HF_E_MALFORMED, NULL, 0 },
		{ "half an object", BYTES("{\"id\":1,"), HF_E_MALFORMED, NULL, 0 },
		{ "two objects", BYTES("{\"path\":\"x\"}{\"path\":\"y\"}"), HF_E_MALFORMED, NULL, 0 },
		{ "a member twice", BYTES("{\"path\":\"x\",\"path\":\"y\"}"), HF_E_MALFORMED, NULL, 0 },
		{ "an escaped zero", BYTES("{\"path\":\"a\\u0000b\"}"), HF_E_MALFORMED, NULL, 0 },
		{ "both", BYTES("{\"path\":\"x\",\"hashes\":[\"md5:" D32 "\"]}"), HF_E_MALFORMED, NULL, 0 },
		{ "neither", BYTES("{\"id\":1}"), HF_E_MALFORMED, NULL, 0 },
		{ "a member nobody knows", BYTES("{\"path\":\"x\",\"hash\":1}"), HF_E_MALFORMED, NULL, 0 },
		{ "a path that is a number", BYTES("{\"path\":1}"), HF_E_MALFORMED, NULL, 0 },
		{ "no hashes", BYTES("{\"hashes\":[]}"), HF_E_MALFORMED, NULL, 0 },
		{ "hashes that are text", BYTES("{\"hashes\":\"md5:" D32 "\"}"), HF_E_MALFORMED, NULL, 0 },
		{ "a hash that is a number", BYTES("{\"hashes\":[7]}"), HF_E_MALFORMED, NULL, 0 },
		{ "a hash without algorithm", BYTES("{\"hashes\":[\"" D32 "\"]}"), HF_E_MALFORMED, NULL, 0 },
		{ "an algorithm nobody knows", BYTES("{\"hashes\":[\"crc:" D32 "\"]}"), HF_E_MALFORMED, NULL, 0 },
		{ "a digit short", BYTES("{\"hashes\":[\"md5:" D32 "0\"]}"), HF_E_MALFORMED, NULL, 0 },
		{ "no digit", BYTES("{\"hashes\":[\"md5:zz112233445566778899aabbccddeeff\"]}"), HF_E_MALFORMED, NULL, 0 },
		{ "a quality of MD5", BYTES("{\"hashes\":[\"md5:" D32 ":9\"]}"), HF_E_MALFORMED, NULL, 0 },
		{ "a quality over 100", BYTES("{\"hashes\":[\"pdq:" D64 ":101\"]}"), HF_E_MALFORMED, NULL, 0 },
		{ "a quality below 0", BYTES("{\"hashes\":[\"pdq:" D64 ":-1\"]}"), HF_E_MALFORMED, NULL, 0 },
		/* clang-format on */
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_match_line line;
		struct hf_why why = { "" };
		enum hf_err err =
			hf_match_line_parse(rows[i].text, &line, &why);

		if (err != rows[i].want)
			fail_msg("%s: %s: %s", rows[i].name, hf_err_name(err),
				 why.text);
		if (err != HF_OK && why.text[0] == '\0')
			fail_msg("%s: no sentence", rows[i].name);
		if (err == HF_OK &&
		    (line.hashes_count != rows[i].hashes_count ||
		     (line.path == NULL) != (rows[i].path == NULL) ||
		     (line.path != NULL &&
		      strcmp(line.path, rows[i].path) != 0)))
			fail_msg("%s: something else was read", rows[i].name);
		hf_match_line_release(&line);
	}
}

static void hashes_are_read_with_their_quality(void **state)
{
	struct hf_match_line line;

	assert_int_equal(
		hf_match_line_parse(
			BYTES("{\"hashes\":[\"pdq:" D64 ":77\",\"pdq:" D64
			      "\",\"sha1:00112233445566778899AABBCCDDEEFF"
			      "00112233\"]}"),
			&line, NULL),
		HF_OK);
	assert_int_equal(line.hashes[0].algorithm, HF_ALGORITHM_PDQ);
	assert_int_equal(line.hashes[0].quality, 77);
	assert_int_equal(line.hashes[1].quality, HF_QUALITY_MAX);
	assert_int_equal(line.hashes[2].algorithm, HF_ALGORITHM_SHA1);
	assert_int_equal(line.hashes[2].digest[15], 0xff);
	hf_match_line_release(&line);
}

/* So that its answer can say whose it is. */
static void a_line_that_is_refused_keeps_its_id(void **state)
{
	struct hf_match_line line;

	assert_int_equal(hf_match_line_parse(
				 BYTES("{\"id\":\"up7\",\"hashes\":[\"x\"]}"),
				 &line, NULL),
			 HF_E_MALFORMED);
	assert_string_equal(json_string_value(line.id), "up7");
	hf_match_line_release(&line);
}

static void limits_are_exact(void **state)
{
	static char text[128 * 1024];
	struct hf_match_line line;
	size_t len_bytes;

	memset(text, 'p', sizeof(text));
	assert_int_equal(
		hf_match_line_parse(hf_span(text, HF_MATCH_PATH_MAX_BYTES),
				    &line, NULL),
		HF_OK);
	hf_match_line_release(&line);
	assert_int_equal(
		hf_match_line_parse(hf_span(text, HF_MATCH_PATH_MAX_BYTES + 1),
				    &line, NULL),
		HF_E_LIMIT);
	hf_match_line_release(&line);
	for (int count = HF_ITEM_MAX_HASHES; count < HF_ITEM_MAX_HASHES + 2;
	     count++) {
		len_bytes = (size_t)sprintf(text, "{\"hashes\":[");
		for (int i = 0; i < count; i++)
			len_bytes += (size_t)sprintf(text + len_bytes,
						     "%s\"md5:" D32 "\"",
						     i > 0 ? "," : "");
		len_bytes += (size_t)sprintf(text + len_bytes, "]}");
		assert_int_equal(hf_match_line_parse(hf_span(text, len_bytes),
						     &line, NULL),
				 count > HF_ITEM_MAX_HASHES ? HF_E_LIMIT
							    : HF_OK);
		hf_match_line_release(&line);
	}
	len_bytes = (size_t)sprintf(text, "{\"path\":\"x\",\"id\":\"%*s\"}",
				    HF_MATCH_ID_MAX_BYTES + 1, "x");
	assert_int_equal(
		hf_match_line_parse(hf_span(text, len_bytes), &line, NULL),
		HF_E_LIMIT);
	hf_match_line_release(&line);
}

/* ---- pieces ---- */

/* Write text so many bytes at a time and read each at once: what comes out is
 * "piece|piece|", with "!" for one that was too long. */
static void cut(const char *text, size_t len_bytes, size_t step, char *out)
{
	struct hf_cutter cutter;
	struct hf_span piece;
	int fds[2];

	*out = '\0';
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(hf_cutter_init(&cutter, '\n', 4, NULL), HF_OK);
	for (size_t at = 0; !cutter.is_over; at += step) {
		enum hf_err err;

		if (at < len_bytes)
			assert_true(write(fds[1], text + at,
					  len_bytes - at < step ? len_bytes - at
								: step) > 0);
		else if (fds[1] >= 0)
			close(fds[1]);
		assert_int_equal(hf_cutter_read(&cutter, fds[0], NULL), HF_OK);
		while ((err = hf_cutter_take(&cutter, &piece)) !=
		       HF_E_NOTFOUND) {
			if (err == HF_OK)
				strncat(out, (const char *)piece.at,
					piece.len_bytes);
			strcat(out, err == HF_OK ? "|" : "!|");
		}
	}
	hf_cutter_release(&cutter);
	close(fds[0]);
}

static void pieces_are_the_same_however_they_come(void **state)
{
	const struct {
		const char *text, *want;
	} rows[] = {
		{ "", "" },
		{ "\n", "|" },
		{ "ab\ncd", "ab|cd|" },
		{ "abcd\nabcde\nx\n", "abcd|!|x|" },
		{ "abcdefghijklmnopqrstuvw\n\ny", "!||y|" },
		{ "ab\nabcdefghijklmnopq", "ab|!|" },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		for (size_t step = 1; step <= 10; step++) {
			char got[64];

			cut(rows[i].text, strlen(rows[i].text), step, got);
			if (strcmp(got, rows[i].want) != 0)
				fail_msg("'%s' by %zu: '%s'", rows[i].text,
					 step, got);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_is_read_or_refused_with_a_reason),
		cmocka_unit_test(hashes_are_read_with_their_quality),
		cmocka_unit_test(a_line_that_is_refused_keeps_its_id),
		cmocka_unit_test(limits_are_exact),
		cmocka_unit_test(pieces_are_the_same_however_they_come),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
