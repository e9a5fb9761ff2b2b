#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "rpc_status.h"

#define INFO "type.googleapis.com/google.rpc.ErrorInfo"

static void what_is_said_is_understood(void **state)
{
	struct hf_rpc_status said = {
		.err = HF_E_FROZEN,
		.why = { "h\xc3\xb4tline.example/ncii/1: set is frozen" },
		.violations = { { "items[3].hashes", "is empty" },
				{ "set", "is unknown" } },
		.violations_count = 2,
	};

	for (size_t count = 0; count <= 2; count++) {
		struct hf_rpc_status heard;
		struct hf_buf buf;

		said.violations_count = count;
		hf_buf_init(&buf, HF_RPC_DETAILS_MAX_BYTES);
		assert_int_equal(hf_rpc_status_encode(&said, &buf), HF_OK);
		assert_int_equal(hf_rpc_status_parse(9,
						     hf_span_of(said.why.text),
						     hf_buf_span(&buf), &heard),
				 HF_OK);
		assert_int_equal(heard.err, HF_E_FROZEN);
		assert_string_equal(heard.why.text, said.why.text);
		assert_int_equal(heard.violations_count, count);
		for (size_t i = 0; i < count; i++) {
			assert_string_equal(heard.violations[i].field,
					    said.violations[i].field);
			assert_string_equal(heard.violations[i].text,
					    said.violations[i].text);
		}
		/* Cut anywhere, it is refused or says less; never more. */
		for (size_t cut = 0; cut < buf.len_bytes; cut++) {
			(void)hf_rpc_status_parse(9, hf_span("", 0),
						  hf_span(buf.at, cut), &heard);
			assert_true(heard.violations_count <= count);
			assert_int_equal(hf_err_status(heard.err), 9);
		}
		hf_buf_release(&buf);
	}
}

static void every_error_keeps_its_name(void **state)
{
	for (unsigned i = 1; i < HF_ERR_COUNT; i++) {
		const struct hf_rpc_status said = { .err = (enum hf_err)i };
		struct hf_rpc_status heard;
		struct hf_buf buf;

		hf_buf_init(&buf, HF_RPC_DETAILS_MAX_BYTES);
		assert_int_equal(hf_rpc_status_encode(&said, &buf), HF_OK);
		assert_int_equal(hf_rpc_status_parse(hf_err_status(said.err),
						     hf_span("", 0),
						     hf_buf_span(&buf), &heard),
				 HF_OK);
		assert_int_equal(heard.err, said.err);
		assert_string_equal(heard.why.text, hf_err_words(said.err));
		hf_buf_release(&buf);
	}
}

static void hostile_details_add_nothing(void **state)
{
	static uint8_t large[HF_RPC_DETAILS_MAX_BYTES + 1];
	const struct {
		const char *name;
		struct hf_span details;
		enum hf_err want;
		enum hf_err heard;
	} rows[] = {
		/* clang-format off */
		{ "none",              BYTES(""),                           HF_OK,          HF_E_NOTFOUND },
		{ "no details",        BYTES("\x08\x05"),                   HF_OK,          HF_E_NOTFOUND },
		{ "half a varint",     BYTES("\x08\x85"),                   HF_E_MALFORMED, HF_E_NOTFOUND },
		{ "endless varint",    BYTES("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), HF_E_MALFORMED, HF_E_NOTFOUND },
		{ "longer than it is", BYTES("\x1a\x7f\x0a"),               HF_E_MALFORMED, HF_E_NOTFOUND },
		{ "length of 2^63",    BYTES("\x1a\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"), HF_E_MALFORMED, HF_E_NOTFOUND },
		{ "a group",           BYTES("\x1b\x1c"),                   HF_E_MALFORMED, HF_E_NOTFOUND },
		{ "field 0",           BYTES("\x00\x00"),                   HF_E_MALFORMED, HF_E_NOTFOUND },
		{ "another's detail",  BYTES("\x1a\x05\x0a\x03" "a/b"),     HF_OK,          HF_E_NOTFOUND },
		{ "bad inside",        BYTES("\x1a\x2e\x0a\x28" INFO "\x12\x02\x0a\x7f"), HF_E_MALFORMED, HF_E_NOTFOUND },
		{ "another domain",    BYTES("\x1a\x39\x0a\x28" INFO "\x12\x0d\x0a\x06" "FROZEN" "\x12\x03" "foo"), HF_OK, HF_E_NOTFOUND },
		{ "another status",    BYTES("\x1a\x3d\x0a\x28" INFO "\x12\x11\x0a\x06" "FROZEN" "\x12\x07" "hashfed"), HF_OK, HF_E_NOTFOUND },
		{ "says it is fine",   BYTES("\x1a\x39\x0a\x28" INFO "\x12\x0d\x0a\x02" "OK" "\x12\x07" "hashfed"), HF_OK, HF_E_NOTFOUND },
		{ "too large",         { large, sizeof(large) },            HF_E_LIMIT,     HF_E_NOTFOUND },
		/* clang-format on */
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_rpc_status heard;
		enum hf_err err = hf_rpc_status_parse(5, hf_span_of("gone"),
						      rows[i].details, &heard);

		if (err != rows[i].want || heard.err != rows[i].heard ||
		    strcmp(heard.why.text, "gone") != 0)
			fail_msg("%s: %s, heard %s '%s'", rows[i].name,
				 hf_err_name(err), hf_err_name(heard.err),
				 heard.why.text);
	}
}

static void text_of_others_is_cleaned(void **state)
{
	static char endless[1000];
	const struct {
		const char *name;
		struct hf_span message;
		const char *want;
	} rows[] = {
		/* clang-format off */
		{ "plain",          BYTES("it failed"),           "it failed" },
		{ "accents",        BYTES("\xc3\xa9t\xc3\xa9"),   "\xc3\xa9t\xc3\xa9" },
		{ "an escape",      BYTES("\x1b[2Jhi"),           "?[2Jhi" },
		{ "a line",         BYTES("a\nerror: b"),         "a?error: b" },
		{ "a zero",         BYTES("a\0b"),                "a?b" },
		{ "half a letter",  BYTES("a\xc3"),               "a?" },
		{ "nothing",        BYTES(""),                    "internal error" },
		/* clang-format on */
	};
	struct hf_rpc_status heard;

	for (size_t i = 0; i < ROWS(rows); i++) {
		(void)hf_rpc_status_parse(13, rows[i].message, hf_span("", 0),
					  &heard);
		if (strcmp(heard.why.text, rows[i].want) != 0)
			fail_msg("%s: '%s'", rows[i].name, heard.why.text);
	}
	/* Cut between characters, not within one. */
	for (size_t i = 0; i + 1 < sizeof(endless); i += 2)
		memcpy(endless + i, "\xc3\xa9", 2);
	(void)hf_rpc_status_parse(13, hf_span(endless, sizeof(endless)),
				  hf_span("", 0), &heard);
	assert_int_equal(strlen(heard.why.text), 254);
	assert_memory_equal(heard.why.text, endless, 254);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_said_is_understood),
		cmocka_unit_test(every_error_keeps_its_name),
		cmocka_unit_test(hostile_details_add_nothing),
		cmocka_unit_test(text_of_others_is_cleaned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
