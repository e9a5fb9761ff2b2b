#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "letter.h"
#include "notice_rows.h"
#include "order_file.h"

#define ORDER "reference: 7\nissuing-state: NL\nauthority: A\nground: one\n"

static struct hf_arena arena;

/* ---- orders ---- */

static void an_order_is_read_from_lines(void **state)
{
	struct hf_order order;
	struct hf_why why = { "" };
	uint64_t deadline_ms = 9;
	enum hf_err err = hf_order_file_parse(
		BYTES("\xef\xbb\xbf# comment\n\n" ORDER
		      "ground: two\r\n  goes on\n\tand on\n"
		      "covers-similar: yes\nwas-informed: no\nemergency: yes\n"
		      "deadline: 1h\nhost-state: DE\nredress: court\n"),
		&arena, &order, &deadline_ms, &why);

	if (err == HF_E_NOMEM)
		return;
	assert_ok(err, &why);
	assert_string_equal(order.reference, "7");
	assert_string_equal(order.issuing_state, "NL");
	assert_int_equal(order.grounds_count, 2);
	assert_string_equal(order.grounds[1], "two goes on and on");
	assert_true(order.covers_similar && order.is_emergency &&
		    !order.was_informed);
	assert_string_equal(order.host_state, "DE");
	assert_int_equal(deadline_ms, 3600000);
}

static void an_order_that_is_wrong_is_refused_with_its_line(void **state)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
		{ "", "no line 'reference: ...'" },
		{ "reference: 7\nissuing-state: NL\nauthority: A\n",
		  "no line 'ground" },
		{ ORDER "frob: x\n", "line 5: frob: no such key" },
		{ ORDER "\nreference: 8\n", "line 6: reference: it is there" },
		{ ORDER "covers-similar: maybe\n", "give yes or no" },
		{ ORDER "emergency: yes\nemergency: no\n",
		  "line 6: emergency" },
		{ ORDER "deadline: soon\n", "'soon' is no length of time" },
		{ ORDER "deadline: 1h\ndeadline: 2h\n", "it is there twice" },
		{ ORDER "host-state: nl\n", "two capitals" },
		{ ORDER "redress:\n", "redress: no value" },
		{ ORDER "a line\n", "'a line' is no line 'key: value'" },
		{ ORDER "redress: \x01\n", "not UTF-8" },
		{ ORDER "redress: \xff\n", "not UTF-8" },
		{ "  x: y\n", "no such key" },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_order order;
		struct hf_why why = { "" };
		uint64_t deadline_ms;
		enum hf_err err =
			hf_order_file_parse(hf_span_of(rows[i].text), &arena,
					    &order, &deadline_ms, &why);

		if (err == HF_E_NOMEM)
			return;
		if (err == HF_OK || strstr(why.text, rows[i].says) == NULL)
			fail_msg("'%s': %s", rows[i].text, why.text);
	}
}

static void hostile_orders_are_refused(void **state)
{
	size_t size = HF_ORDER_FILE_MAX_BYTES + 1;
	char *text = malloc(size);
	struct hf_order order;
	uint64_t deadline_ms;
	enum hf_err err;

	if (text == NULL)
		return;
	memset(text, 'a', size);
	assert_int_equal(hf_order_file_parse(hf_span(text, size), &arena,
					     &order, &deadline_ms, NULL),
			 HF_E_LIMIT);
	text[1] = ':';
	for (size_t i = 2; i < size; i += 2)
		text[i] = '\n';
	err = hf_order_file_parse(hf_span(text, size - 1), &arena, &order,
				  &deadline_ms, NULL);
	assert_int_not_equal(err, HF_OK);
	memcpy(text, "reference:", 10);
	memset(text + 10, 'a', size - 11);
	err = hf_order_file_parse(hf_span(text, size - 1), &arena, &order,
				  &deadline_ms, NULL);
	if (err != HF_E_NOMEM)
		assert_int_equal(err, HF_E_LIMIT);
	memset(text + 10, 0, size - 11);
	err = hf_order_file_parse(hf_span(text, size - 1), &arena, &order,
				  &deadline_ms, NULL);
	if (err != HF_E_NOMEM)
		assert_int_equal(err, HF_E_MALFORMED);
	free(text);
}

/* ---- rows into notices ---- */

static struct hf_case_csv_row row_of(const char *url, uint64_t line)
{
	return (struct hf_case_csv_row){
		.line = line,
		.has_locator = true,
		.locator = { .url = url, .ip = "", .note = "" },
		.provider = "",
		.reference = "",
		.explanation = "",
		.group = "",
	};
}

static const struct hf_notice base = { .provider = "host.example",
				       .regime = HF_REGIME_NTD,
				       .content_class = HF_CLASS_NCII };

/* Every notice of the rows; false under torture. */
static bool cut(struct hf_notice_rows *rows, size_t *sizes, size_t most,
		size_t *out_count)
{
	struct hf_arena part_arena;
	size_t at = 0, count = 0;
	struct hf_notice_part part;
	enum hf_err err;

	hf_arena_init(&part_arena, HF_UNPACK_MAX_BYTES);
	for (;;) {
		struct hf_why why = { "" };

		hf_arena_reset(&part_arena);
		err = hf_notice_rows_next(rows, &at, &part_arena, &part, &why);
		if (err != HF_OK)
			break;
		assert_true(count < most);
		sizes[count++] = part.notice.locators_count;
		err = hf_notice_check(&part.notice, &why);
		if (err != HF_OK) {
			if (err != HF_E_NOMEM)
				fail_msg("%s", why.text);
			break;
		}
	}
	hf_arena_release(&part_arena);
	*out_count = count;
	return err == HF_E_NOTFOUND;
}

static void a_notice_that_is_full_is_followed_by_another(void **state)
{
	static char urls[600][4000];
	size_t sizes[64], count;
	struct hf_notice_rows rows;

	for (size_t i = 0; i < ROWS(urls); i++) {
		memset(urls[i], 'x', sizeof(urls[i]) - 1);
		memcpy(urls[i], "https://a.example/", 18);
		snprintf(urls[i] + 18, 8, "%06zu", i);
	}
	hf_arena_reset(&arena);
	hf_notice_rows_init(&rows, &arena, &base);
	for (size_t i = 0; i < ROWS(urls); i++) {
		struct hf_case_csv_row row = row_of(urls[i], i + 1);

		if (hf_notice_rows_add(&rows, &row, NULL) != HF_OK)
			return;
	}
	/* snprintf() ended them behind the number: by 256. */
	if (cut(&rows, sizes, ROWS(sizes), &count)) {
		assert_int_equal(count, 3);
		assert_int_equal(sizes[0], HF_CASE_LOCATORS_MAX);
		assert_int_equal(sizes[2], 600 - 2 * HF_CASE_LOCATORS_MAX);
	}
	for (size_t i = 0; i < ROWS(urls); i++)
		urls[i][24] = 'y';
	hf_arena_reset(&arena);
	hf_notice_rows_init(&rows, &arena, &base);
	for (size_t i = 0; i < 100; i++) {
		struct hf_case_csv_row row = row_of(urls[i], i + 1);

		if (hf_notice_rows_add(&rows, &row, NULL) != HF_OK)
			return;
	}
	/* Thirteen places of 4,000 bytes fit into one. */
	if (cut(&rows, sizes, ROWS(sizes), &count)) {
		assert_int_equal(count, 8);
		assert_int_equal(sizes[0], 13);
	}
}

static void rows_are_told_apart_and_ids_follow_from_them(void **state)
{
	static const uint8_t file[HF_HASH_BYTES] = { 1 },
			     other[HF_HASH_BYTES] = { 2 };
	uint8_t id[HF_EVENT_ID_BYTES], same[HF_EVENT_ID_BYTES],
		another[HF_EVENT_ID_BYTES];
	struct hf_notice_rows rows;
	struct hf_case_csv_row row = row_of("https://a.example/1", 1);
	size_t sizes[8], count;
	struct hf_notice notice = base;

	hf_arena_reset(&arena);
	hf_notice_rows_init(&rows, &arena, &base);
	for (size_t i = 0; i < 6; i++) {
		row.line = i + 1;
		row.group = i == 4 ? "b" : "";
		row.content_class = i == 5 ? HF_CLASS_CSAM : 0;
		row.locator.url = i % 2 == 0 ? "https://a.example/1"
					     : "https://a.example/2";
		if (hf_notice_rows_add(&rows, &row, NULL) != HF_OK)
			return;
	}
	/* Of one place twice only one is told. */
	if (cut(&rows, sizes, ROWS(sizes), &count)) {
		assert_int_equal(count, 3);
		assert_int_equal(sizes[0] + sizes[1] + sizes[2], 4);
	}
	if (hf_notice_rows_id(file, &notice, 0, id, NULL) != HF_OK ||
	    hf_notice_rows_id(file, &notice, 0, same, NULL) != HF_OK)
		return;
	assert_memory_equal(id, same, sizeof(id));
	if (hf_notice_rows_id(other, &notice, 0, another, NULL) == HF_OK)
		assert_memory_not_equal(id, another, sizeof(id));
	if (hf_notice_rows_id(file, &notice, HF_CASE_DRAFT, another, NULL) ==
	    HF_OK)
		assert_memory_not_equal(id, another, sizeof(id));
	notice.reference = "2";
	if (hf_notice_rows_id(file, &notice, 0, another, NULL) == HF_OK)
		assert_memory_not_equal(id, another, sizeof(id));
}

static void a_row_needs_a_provider_and_a_class(void **state)
{
	static const struct hf_notice nobody = { .content_class =
							 HF_CLASS_NCII },
				      nothing = { .provider = "a.example" };
	struct hf_case_csv_row row = row_of("https://a.example/1", 1);
	struct hf_notice_rows rows;
	struct hf_why why = { "" };
	enum hf_err err;

	hf_arena_reset(&arena);
	hf_notice_rows_init(&rows, &arena, &nobody);
	err = hf_notice_rows_add(&rows, &row, &why);
	if (err != HF_E_NOMEM) {
		assert_int_equal(err, HF_E_MALFORMED);
		assert_non_null(strstr(why.text, "--provider"));
	}
	hf_notice_rows_init(&rows, &arena, &nothing);
	err = hf_notice_rows_add(&rows, &row, &why);
	if (err != HF_E_NOMEM) {
		assert_int_equal(err, HF_E_MALFORMED);
		assert_non_null(strstr(why.text, "--class"));
	}
}

/* ---- letters ---- */

static void a_letter_is_about_places_and_the_law(void **state)
{
	static const struct {
		const char *language;
		enum hf_class content_class;
		const char *has, *has_not;
	} rows[] = {
		{ "en", HF_CLASS_NCII, "254ba", "Article 252" },
		{ "nl", HF_CLASS_NCII, "254ba", "artikel 252" },
		{ "en", HF_CLASS_CSAM, "Article 252", "254ba" },
		{ "nl", HF_CLASS_CSAM_SUSPECTED, "artikel 252", "254ba" },
		{ "en", 0, "Article 17", "Article 252" },
		{ "en", HF_CLASS_TERRORIST, NULL, NULL },
		{ "fr", HF_CLASS_NCII, NULL, NULL },
	};
	static const struct hf_locator place = { .url = "https://a.example/1" };

	for (size_t i = 0; i < ROWS(rows); i++) {
		const struct hf_notice notice = {
			.content_class = rows[i].content_class,
			.locators = &place,
			.locators_count = 1,
		};
		struct hf_buf buf;
		enum hf_err err;

		hf_buf_init(&buf, HF_LETTER_MAX_BYTES);
		err = hf_letter_write(&notice, rows[i].language, &buf, NULL);
		hf_buf_put_u8(&buf, 0);
		if (err == HF_OK && hf_buf_failed(&buf) == HF_OK) {
			assert_non_null(rows[i].has);
			assert_non_null(strstr((char *)buf.at, rows[i].has));
			assert_null(strstr((char *)buf.at, rows[i].has_not));
			assert_non_null(strstr((char *)buf.at, place.url));
		} else if (err != HF_OK && err != HF_E_NOMEM) {
			assert_int_equal(err, HF_E_ARGUMENT);
			assert_null(rows[i].has);
		}
		hf_buf_release(&buf);
	}
}

static int set(void **state)
{
	hf_arena_init(&arena, (size_t)16 * 1024 * 1024);
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
		cmocka_unit_test(an_order_is_read_from_lines),
		cmocka_unit_test(
			an_order_that_is_wrong_is_refused_with_its_line),
		cmocka_unit_test(hostile_orders_are_refused),
		cmocka_unit_test(a_notice_that_is_full_is_followed_by_another),
		cmocka_unit_test(rows_are_told_apart_and_ids_follow_from_them),
		cmocka_unit_test(a_row_needs_a_provider_and_a_class),
		cmocka_unit_test(a_letter_is_about_places_and_the_law),
	};

	return cmocka_run_group_tests(tests, set, clear);
}
