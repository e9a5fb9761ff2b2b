#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "recovery.h"
#include "sign.h"

static const char symbols[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
static uint8_t seed[HF_SEED_BYTES];
static char good[HF_RECOVERY_TEXT_SIZE];

static int start(void **state)
{
	if (hf_sign_start(NULL) != HF_OK)
		return -1;
	for (size_t i = 0; i < sizeof(seed); i++)
		seed[i] = (uint8_t)(i * 37 + 11);
	hf_recovery_encode(HF_KEY_ROOT, seed, good);
	return 0;
}

static enum hf_err parse(const char *text, struct hf_why *why)
{
	enum hf_key_role role = (enum hf_key_role)0;
	uint8_t back[HF_SEED_BYTES];
	enum hf_err err = hf_recovery_parse(hf_span_of(text), &role, back, why);

	if (err == HF_OK) {
		assert_int_equal(role, HF_KEY_ROOT);
		assert_memory_equal(back, seed, sizeof(back));
	}
	return err;
}

static void the_text_is_what_the_specification_shows(void **state)
{
	/* Computed in another language from the words of SPEC 11.2. */
	assert_string_equal(good, "1: 045K0 NBTKZ 2EJ3H 6\n"
				  "2: KB1YT 5HZC2 4V5Q0 Z\n"
				  "3: 55SBQ H8EAY GEMCV 7\n"
				  "4: WGQ7H GRC63 WSE7G G\n");
}

static void a_seed_comes_back(void **state)
{
	struct hf_why why = { "" };

	assert_ok(parse(good, &why), &why);
	for (unsigned i = 0; i < 64; i++) {
		enum hf_key_role role;
		uint8_t any[HF_SEED_BYTES], back[HF_SEED_BYTES];
		char text[HF_RECOVERY_TEXT_SIZE];

		hf_random(any, sizeof(any));
		hf_recovery_encode(HF_KEY_NOTICE, any, text);
		assert_true(strlen(text) < HF_RECOVERY_TEXT_SIZE);
		assert_ok(
			hf_recovery_parse(hf_span_of(text), &role, back, &why),
			&why);
		assert_int_equal(role, HF_KEY_NOTICE);
		assert_memory_equal(back, any, sizeof(any));
	}
}

static char folded(char c)
{
	if (c >= 'a' && c <= 'z')
		c = (char)(c - 'a' + 'A');
	return c == 'O' ? '0' : c == 'I' || c == 'L' ? '1' : c;
}

static void every_wrong_character_is_found_in_its_line(void **state)
{
	unsigned line = 1;
	char text[HF_RECOVERY_TEXT_SIZE];

	for (size_t at = 0; good[at] != '\0'; at++) {
		struct hf_why why = { "" };
		char want[32];

		snprintf(want, sizeof(want), "recovery line %u: ", line);
		if (good[at] == '\n')
			line++;
		if (strchr(symbols, good[at]) == NULL || good[at + 1] == ':')
			continue;
		for (int c = 33; c < 127; c++) {
			strcpy(text, good);
			text[at] = (char)c;
			if (folded((char)c) == good[at])
				continue;
			if (c == ':' || c == '-')
				continue; /* rows of their own below */
			assert_int_equal(parse(text, &why), HF_E_MALFORMED);
			assert_memory_equal(why.text, want, strlen(want));
		}
	}
	assert_int_equal(line, 5);
}

static void two_characters_that_changed_places_are_found(void **state)
{
	for (size_t at = 0; good[at] != '\0'; at++) {
		for (size_t to = at + 1; good[to] != '\n' && good[to] != '\0';
		     to++) {
			char text[HF_RECOVERY_TEXT_SIZE];

			if (strchr(symbols, good[at]) == NULL ||
			    strchr(symbols, good[to]) == NULL ||
			    good[at] == good[to] || good[at + 1] == ':')
				continue;
			strcpy(text, good);
			text[at] = good[to];
			text[to] = good[at];
			assert_int_equal(parse(text, NULL), HF_E_MALFORMED);
		}
	}
}

static void a_missing_or_extra_character_is_found(void **state)
{
	for (size_t at = 0; good[at] != '\0'; at++) {
		char text[HF_RECOVERY_TEXT_SIZE + 1];

		if (strchr(symbols, good[at]) == NULL || good[at + 1] == ':')
			continue;
		strcpy(text, good);
		memmove(text + at, good + at + 1, strlen(good + at));
		assert_int_equal(parse(text, NULL), HF_E_MALFORMED);
		memmove(text + at + 1, good + at, strlen(good + at) + 1);
		text[at] = '7';
		assert_int_equal(parse(text, NULL), HF_E_MALFORMED);
	}
}

static void people_may_type_it_their_way(void **state)
{
	char text[2 * HF_RECOVERY_TEXT_SIZE];
	struct hf_why why = { "" };
	size_t len = 0;

	/* Small letters, o for 0, l for 1, no numbers, hyphens, blank lines. */
	for (const char *at = good; *at != '\0'; at++) {
		if (at[1] == ':') {
			at++;
			continue;
		}
		text[len++] = *at == '0'                 ? 'o'
			      : *at == '1'               ? 'l'
			      : *at >= 'A' && *at <= 'Z' ? (char)(*at + 32)
			      : *at == ' '               ? '-'
							 : *at;
		if (*at == '\n')
			text[len++] = '\n';
	}
	text[len] = '\0';
	assert_ok(parse(text, &why), &why);
}

static void what_is_no_recovery_copy_is_refused(void **state)
{
	char three[HF_RECOVERY_TEXT_SIZE], five[2 * HF_RECOVERY_TEXT_SIZE];
	char swapped[HF_RECOVERY_TEXT_SIZE], bare[HF_RECOVERY_TEXT_SIZE];
	size_t line = strlen(good) / 4;
	const char *const rows[] = {
		"",    "\n\n\n", ":",     "1:", "11: 00000 00000 00000 0\n",
		three, five,     swapped, bare, "2: 00000 00000 00000 0\n"
	};

	snprintf(three, sizeof(three), "%.*s", (int)(3 * line), good);
	snprintf(five, sizeof(five), "%s%s", good, good);
	snprintf(swapped, sizeof(swapped), "%.*s%.*s%s", (int)line, good + line,
		 (int)line, good, good + 2 * line);
	/* Without the numbers the check characters know the place. */
	snprintf(bare, sizeof(bare), "%.*s%.*s%s", (int)line - 3,
		 good + line + 3, (int)line - 3, good + 3, good + 2 * line);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_why why = { "" };

		assert_int_equal(parse(rows[i], &why), HF_E_MALFORMED);
		assert_memory_equal(why.text, "recovery", 8);
	}
}

static void a_line_can_be_checked_alone(void **state)
{
	size_t line = strlen(good) / 4;

	for (unsigned i = 0; i < 4; i++) {
		struct hf_span one = hf_span(good + i * line, line - 1);

		for (unsigned n = 1; n <= 4; n++)
			assert_int_equal(hf_recovery_check_line(n, one, NULL),
					 n == i + 1 ? HF_OK : HF_E_MALFORMED);
		one = hf_span(one.at + 2, one.len_bytes - 2);
		assert_int_equal(hf_recovery_check_line(i + 1, one, NULL),
				 HF_OK);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_text_is_what_the_specification_shows),
		cmocka_unit_test(a_seed_comes_back),
		cmocka_unit_test(every_wrong_character_is_found_in_its_line),
		cmocka_unit_test(two_characters_that_changed_places_are_found),
		cmocka_unit_test(a_missing_or_extra_character_is_found),
		cmocka_unit_test(people_may_type_it_their_way),
		cmocka_unit_test(what_is_no_recovery_copy_is_refused),
		cmocka_unit_test(a_line_can_be_checked_alone),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
