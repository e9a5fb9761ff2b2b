#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "armour.h"
#include "duty.h"

#define BEGIN "-----BEGIN HASHFED TEST-----\n"
#define END   "-----END HASHFED TEST-----\n"
#define L64   "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB\n"

static void every_length_comes_back(void **state)
{
	uint8_t bytes[200], back[200];
	char text[HF_ARMOUR_SIZE(200)];
	struct hf_why why = { "" };

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7);
	for (size_t len = 0; len <= sizeof(bytes); len++) {
		size_t text_len, got = 999;

		text_len = hf_armour_encode("HASHFED TEST", hf_span(bytes, len),
					    text);
		assert_int_equal(text_len, strlen(text));
		assert_true(text_len < HF_ARMOUR_SIZE(len));
		assert_ok(hf_armour_parse("HASHFED TEST", hf_span_of(text),
					  back, len, &got, &why),
			  &why);
		assert_int_equal(got, len);
		assert_memory_equal(back, bytes, len);
	}
}

static void what_is_not_exactly_one_block_is_refused(void **state)
{
	const struct {
		const char *name;
		const char *text;
		enum hf_err want;
	} rows[] = {
		{ "fine", BEGIN "QUFB\n" END, HF_OK },
		{ "white space around it", "\r\n " BEGIN "QUFB\n" END "\n\t",
		  HF_OK },
		{ "carriage returns",
		  "-----BEGIN HASHFED TEST-----\r\nQUFB\r\n"
		  "-----END HASHFED TEST-----\r\n",
		  HF_OK },
		{ "no newline at the end",
		  BEGIN "QUFB\n-----END HASHFED TEST-----", HF_OK },
		{ "a full line only", BEGIN L64 END, HF_OK },
		{ "nothing", "", HF_E_MALFORMED },
		{ "begin only", BEGIN, HF_E_MALFORMED },
		{ "no end", BEGIN "QUFB\n", HF_E_MALFORMED },
		{ "no begin", "QUFB\n" END, HF_E_MALFORMED },
		{ "another label", "-----BEGIN HASHFED KEY-----\nQUFB\n" END,
		  HF_E_MALFORMED },
		{ "another end", BEGIN "QUFB\n-----END HASHFED KEY-----\n",
		  HF_E_MALFORMED },
		{ "text before it", "hello\n" BEGIN "QUFB\n" END,
		  HF_E_MALFORMED },
		{ "text behind it", BEGIN "QUFB\n" END "hello\n",
		  HF_E_MALFORMED },
		{ "two blocks", BEGIN "QUFB\n" END BEGIN "QUFB\n" END,
		  HF_E_MALFORMED },
		{ "an empty line inside", BEGIN "\nQUFB\n" END,
		  HF_E_MALFORMED },
		{ "a short line first", BEGIN "QUFB\nQUFB\n" END,
		  HF_E_MALFORMED },
		{ "a padded line first", BEGIN "QUE=\nQUFB\n" END,
		  HF_E_MALFORMED },
		{ "a long line",
		  BEGIN "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQ"
			"UFBQUFBQUFBQUFB\n" END,
		  HF_E_MALFORMED },
		{ "stray bits", BEGIN "QUF=\n" END, HF_E_MALFORMED },
		{ "not base64", BEGIN "QU*B\n" END, HF_E_MALFORMED },
		{ "space inside", BEGIN "QU FB\n" END, HF_E_MALFORMED },
		{ "more than fits", BEGIN L64 "QUFB\n" END, HF_E_LIMIT },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		uint8_t back[48];
		size_t len;
		enum hf_err err;
		/* Without a zero byte behind it, for the sanitizer. */
		struct hf_span text = hf_span_of(rows[i].text);
		uint8_t *copy = malloc(text.len_bytes + 1);

		if (copy == NULL)
			return;
		memcpy(copy, text.at, text.len_bytes);
		copy = realloc(copy, text.len_bytes > 0 ? text.len_bytes : 1);
		if (copy == NULL)
			return;
		err = hf_armour_parse("HASHFED TEST",
				      hf_span(copy, text.len_bytes), back,
				      sizeof(back), &len, NULL);
		if (err != rows[i].want)
			fail_msg("%s: %s", rows[i].name, hf_err_name(err));
		free(copy);
	}
}

static void every_duty_has_one_name(void **state)
{
	assert_int_equal(hf_duty_parse(BYTES("analyst")), HF_DUTY_ANALYST);
	assert_int_equal(hf_duty_parse(BYTES("Analyst")), 0);
	assert_int_equal(hf_duty_parse(BYTES("none")), 0);
	assert_int_equal(hf_duty_parse(BYTES("")), 0);
	assert_string_equal(hf_duty_name(HF_DUTY_READER), "reader");
	assert_string_equal(hf_duty_name(HF_DUTY_READER | HF_DUTY_SCANNER),
			    "none");
	assert_string_equal(hf_duty_name(0), "none");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_length_comes_back),
		cmocka_unit_test(what_is_not_exactly_one_block_is_refused),
		cmocka_unit_test(every_duty_has_one_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
