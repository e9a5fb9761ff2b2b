#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arena.h"
#include "buf.h"
#include "bytes.h"
#include "clock.h"
#include "file.h"
#include "text.h"

static void base64_is_strict(void **state)
{
	const struct {
		const char *name, *text;
		enum hf_err want;
		size_t want_len;
	} rows[] = {
		{ "empty", "", HF_OK, 0 },
		{ "one byte", "AA==", HF_OK, 1 },
		{ "two bytes", "AAA=", HF_OK, 2 },
		{ "three bytes", "AAAA", HF_OK, 3 },
		{ "stray bits", "AB==", HF_E_MALFORMED, 0 },
		{ "stray bits of two", "AAB=", HF_E_MALFORMED, 0 },
		{ "no padding", "AA", HF_E_MALFORMED, 0 },
		{ "padding inside", "A=AA", HF_E_MALFORMED, 0 },
		{ "three pads", "A===", HF_E_MALFORMED, 0 },
		{ "white space", "AA A", HF_E_MALFORMED, 0 },
		{ "url alphabet", "AA-_", HF_E_MALFORMED, 0 },
		{ "too long", "AAAAAAAA", HF_E_LIMIT, 0 },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		uint8_t bytes[5];
		size_t len = 99;
		enum hf_err got = hf_base64_parse(hf_span_of(rows[i].text),
						  bytes, sizeof(bytes), &len);

		if (got != rows[i].want ||
		    (got == HF_OK && len != rows[i].want_len))
			fail_msg("%s: %s", rows[i].name, hf_err_name(got));
	}
}

static void base64_and_hex_return_what_went_in(void **state)
{
	uint8_t bytes[64], back[64];
	char text[200];
	size_t len_back;

	for (size_t len = 0; len <= sizeof(bytes); len++) {
		for (size_t i = 0; i < len; i++)
			bytes[i] = (uint8_t)(i * 37 + len);
		hf_base64(bytes, len, text);
		assert_int_equal(strlen(text), HF_BASE64_LEN(len));
		assert_int_equal(hf_base64_parse(hf_span_of(text), back,
						 sizeof(back), &len_back),
				 HF_OK);
		assert_int_equal(len_back, len);
		assert_memory_equal(bytes, back, len);
		hf_hex(bytes, len, text);
		assert_int_equal(hf_hex_parse(hf_span_of(text), back, len),
				 HF_OK);
		assert_memory_equal(bytes, back, len);
	}
}

static void origins_are_told_from_what_only_looks_like_them(void **state)
{
	const struct {
		const char *text;
		bool want;
	} rows[] = {
		{ "hotline.example/ncii/1", true },
		{ "a.b/c/4294967295", true },
		{ "hotline.example/ncii/0", false },
		{ "hotline.example/ncii/01", false },
		{ "hotline.example/ncii", false },
		{ "hotline.example//1", false },
		{ "hotline/ncii/1", false },
		{ "Hotline.example/ncii/1", false },
		{ "hotline.example/ncii/1/2", false },
		{ "hotline.example/-x/1", false },
		{ "hotline..example/x/1", false },
		{ "hotline.example/x y/1", false },
		{ "hotline.example./x/1", false },
		{ "", false },
		{ "/", false },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		if (hf_text_is_origin(hf_span_of(rows[i].text)) != rows[i].want)
			fail_msg("'%s'", rows[i].text);
	}
}

static void endpoints_are_host_and_port(void **state)
{
	const struct {
		const char *text;
		bool want;
	} rows[] = {
		{ "hotline.example:7443", true },
		{ "127.0.0.1:1", true },
		{ "localhost:65535", true },
		{ "[::1]:7443", true },
		{ "[fe80::1.2.3.4]:7443", true },
		{ "hotline.example", false },
		{ "hotline.example:0", false },
		{ "hotline.example:65536", false },
		{ "hotline.example:", false },
		{ ":7443", false },
		{ "::1:7443", false },
		{ "[::1:7443", false },
		{ "[]:7443", false },
		{ "[::1]7443", false },
		{ "a b:1", false },
		{ "https://a.b:1", false },
		{ "", false },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		if (hf_text_is_endpoint(hf_span_of(rows[i].text)) !=
		    rows[i].want)
			fail_msg("'%s'", rows[i].text);
	}
}

static void text_with_controls_or_broken_utf8_is_not_clean(void **state)
{
	const struct {
		struct hf_span text;
		bool want;
	} rows[] = {
		{ BYTES("plain"), true },
		{ BYTES("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"), true },
		{ BYTES("a\tb"), false },
		{ BYTES("a\0b"), false },
		{ BYTES("\x7f"), false },
		{ BYTES("\xc2\x85"), false },
		{ BYTES("\xc0\x80"), false },
		{ BYTES("\xed\xa0\x80"), false },
		{ BYTES("\xe2\x82"), false },
		{ BYTES("\xf4\x90\x80\x80"), false },
		{ BYTES("\x80"), false },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		if (hf_text_is_clean(rows[i].text) != rows[i].want)
			fail_msg("row %zu", i);
	}
}

static void blanks_go_from_both_ends_alone(void **state)
{
	static const struct {
		const char *text, *left;
	} rows[] = {
		{ "", "" },
		{ " \t\r\n", "" },
		{ "a", "a" },
		{ "\t a b \r\n", "a b" },
		{ "\v\xc2\xa0", "\v\xc2\xa0" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_true(hf_span_is(hf_text_trim(hf_span_of(rows[i].text)),
				       rows[i].left));
	assert_int_equal(hf_text_trim(hf_span(NULL, 0)).len_bytes, 0);
}

static void a_word_is_known_in_any_case(void **state)
{
	assert_true(hf_text_is_word(BYTES("Url"), "url"));
	assert_true(hf_text_is_word(BYTES("url"), "url"));
	assert_false(hf_text_is_word(BYTES("urls"), "url"));
	assert_false(hf_text_is_word(BYTES("ur"), "url"));
	assert_false(hf_text_is_word(BYTES("u@l"), "u`l"));
	assert_true(hf_text_is_word(hf_span(NULL, 0), ""));
}

static void an_arena_wiped_holds_zeros(void **state)
{
	static const uint8_t zeros[64];
	struct hf_arena arena;
	uint8_t *small, *large;

	hf_arena_init(&arena, 1 << 20);
	small = hf_arena_alloc(&arena, sizeof(zeros));
	large = hf_arena_alloc(&arena, 200 * 1024);
	if (small != NULL && large != NULL) {
		memset(small, 0x5a, sizeof(zeros));
		memset(large, 0x5a, 200 * 1024);
		hf_arena_wipe(&arena);
		assert_memory_equal(small, zeros, sizeof(zeros));
		assert_memory_equal(large + 200 * 1024 - sizeof(zeros), zeros,
				    sizeof(zeros));
	}
	hf_arena_release(&arena);
}

static void numbers_have_one_spelling(void **state)
{
	const struct {
		const char *text;
		enum hf_err want;
		uint64_t value;
	} rows[] = {
		{ "0", HF_OK, 0 },
		{ "9223372036854775807", HF_OK, INT64_MAX },
		{ "9223372036854775808", HF_E_LIMIT, 0 },
		{ "99999999999999999999", HF_E_LIMIT, 0 },
		{ "007", HF_E_MALFORMED, 0 },
		{ "-1", HF_E_MALFORMED, 0 },
		{ "+1", HF_E_MALFORMED, 0 },
		{ "", HF_E_MALFORMED, 0 },
		{ "1 ", HF_E_MALFORMED, 0 },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		uint64_t value = 0;

		if (hf_text_u64(hf_span_of(rows[i].text), INT64_MAX, &value) !=
			    rows[i].want ||
		    value != rows[i].value)
			fail_msg("'%s'", rows[i].text);
	}
}

static void an_arena_stops_at_its_ceiling(void **state)
{
	struct hf_arena arena;
	size_t given = 0;

	hf_arena_init(&arena, 100000);
	while (hf_arena_alloc(&arena, 1000) != NULL)
		given += 1000;
	assert_in_range(given, 0, 100000);
	assert_null(hf_arena_alloc(&arena, SIZE_MAX));
	assert_null(hf_arena_calloc(&arena, SIZE_MAX / 2, 4));
	hf_arena_reset(&arena);
	hf_arena_release(&arena);
}

static void a_buf_keeps_its_first_error(void **state)
{
	struct hf_buf buf;

	hf_buf_init(&buf, 10);
	hf_buf_put_text(&buf, "12345");
	hf_buf_put_text(&buf, "678901");
	hf_buf_put_text(&buf, "x");
	assert_true(hf_buf_failed(&buf) != HF_OK);
	hf_buf_reset(&buf);
	hf_buf_printf(&buf, "%d", 42);
	if (hf_buf_failed(&buf) == HF_OK)
		assert_true(hf_span_is(hf_buf_span(&buf), "42"));
	hf_buf_release(&buf);
}

static void a_replaced_file_is_read_back_and_has_its_mode(void **state)
{
	char dir[] = "/tmp/hf-base-XXXXXX", path[64];
	struct hf_why why = { "" };
	struct hf_buf buf;
	struct stat found;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/file", dir);
	hf_buf_init(&buf, 8);
	assert_ok(hf_file_create(path, BYTES("old"), 0600, &why), &why);
	assert_int_equal(hf_file_create(path, BYTES("x"), 0600, &why),
			 HF_E_EXISTS);
	assert_ok(hf_file_replace(path, BYTES("new"), 0640, &why), &why);
	assert_int_equal(stat(path, &found), 0);
	assert_int_equal(found.st_mode & 07777, 0640);
	if (hf_file_read(path, &buf, &why) == HF_OK)
		assert_true(hf_span_is(hf_buf_span(&buf), "new"));
	assert_ok(hf_file_replace(path, BYTES("nine char"), 0600, &why), &why);
	hf_buf_reset(&buf);
	assert_int_not_equal(hf_file_read(path, &buf, &why), HF_OK);
	hf_buf_release(&buf);
	unlink(path);
	rmdir(dir);
}

static void errors_keep_their_name_over_the_wire(void **state)
{
	for (int i = 0; i < HF_ERR_COUNT; i++) {
		enum hf_err err = (enum hf_err)i;

		assert_int_equal(
			hf_err_from_wire(hf_err_status(err), hf_err_name(err)),
			err);
	}
	assert_int_equal(hf_err_from_wire(5, NULL), HF_E_NOTFOUND);
	assert_int_equal(hf_err_from_wire(2, "NEVER_HEARD_OF"), HF_E_INTERNAL);
}

static void times_are_written_as_iso_8601(void **state)
{
	char text[HF_CLOCK_TEXT_SIZE];

	hf_clock_text(1700000000123, text);
	assert_string_equal(text, "2023-11-14T22:13:20.123Z");
	hf_clock_text(UINT64_MAX, text);
	assert_int_equal(strlen(text), HF_CLOCK_TEXT_SIZE - 1);
}

static void a_moment_is_seconds_and_what_is_left(void **state)
{
	static const struct {
		uint64_t mono_us;
		long s, ns;
	} rows[] = {
		{ 0, 0, 0 },
		{ 999999, 0, 999999000 },
		{ 1000000, 1, 0 },
		{ 12345678, 12, 345678000 },
	};
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	uint64_t until_us;
	struct timespec until;
	pthread_cond_t never;

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct timespec is = hf_clock_moment(rows[i].mono_us);

		assert_int_equal(is.tv_sec, rows[i].s);
		assert_int_equal(is.tv_nsec, rows[i].ns);
	}
	/* By the wall clock it is long past, and nobody would wait. */
	hf_clock_cond_init(&never);
	until_us = hf_clock_mono_us() + 5000;
	until = hf_clock_moment(until_us);
	pthread_mutex_lock(&lock);
	while (pthread_cond_timedwait(&never, &lock, &until) != ETIMEDOUT)
		;
	assert_true(hf_clock_mono_us() >= until_us);
	pthread_mutex_unlock(&lock);
	pthread_cond_destroy(&never);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_moment_is_seconds_and_what_is_left),
		cmocka_unit_test(base64_is_strict),
		cmocka_unit_test(base64_and_hex_return_what_went_in),
		cmocka_unit_test(
			origins_are_told_from_what_only_looks_like_them),
		cmocka_unit_test(endpoints_are_host_and_port),
		cmocka_unit_test(
			text_with_controls_or_broken_utf8_is_not_clean),
		cmocka_unit_test(numbers_have_one_spelling),
		cmocka_unit_test(blanks_go_from_both_ends_alone),
		cmocka_unit_test(an_arena_wiped_holds_zeros),
		cmocka_unit_test(a_word_is_known_in_any_case),
		cmocka_unit_test(an_arena_stops_at_its_ceiling),
		cmocka_unit_test(a_buf_keeps_its_first_error),
		cmocka_unit_test(a_replaced_file_is_read_back_and_has_its_mode),
		cmocka_unit_test(errors_keep_their_name_over_the_wire),
		cmocka_unit_test(times_are_written_as_iso_8601),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
