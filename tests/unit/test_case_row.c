#include "unit.h"

#include <string.h>

#include "case_row.h"

static struct hf_arena arena;
static struct hf_buf wire;

static int fresh(void **state)
{
	hf_arena_init(&arena, 1024 * 1024);
	hf_buf_init(&wire, 1024 * 1024);
	return 0;
}

static int cleared(void **state)
{
	hf_arena_release(&arena);
	hf_buf_release(&wire);
	return 0;
}

/* Every byte that is not a pointer's set to this value, or zero. */
static struct hf_case_event_row event_of(uint8_t value)
{
	static uint8_t after[2][HF_EVENT_ID_BYTES] = { { 1 }, { 2 } };
	static const struct hf_case_mark waits[] = { { .set = 1, .size = 7 },
						     { .set = 2, .size = 9 } };
	struct hf_case_event_row row;

	memset(&row, value, sizeof(row));
	row.waits = waits;
	row.waits_count = value == 0 ? 0 : ROWS(waits);
	row.fact.covers_opening = row.fact.has_failed = value != 0;
	row.is_quoted = row.is_contradicted = value != 0;
	row.fact.after = (const uint8_t(*)[HF_EVENT_ID_BYTES])after;
	row.fact.after_count = value == 0 ? 0 : 2;
	row.opening = value == 0 ? hf_span(NULL, 0) : BYTES("an opening");
	return row;
}

static struct hf_case_row case_of(uint8_t value)
{
	struct hf_case_row row;

	memset(&row, value, sizeof(row));
	row.is_overdue_told = row.is_undelivered_told = value != 0;
	row.is_escalation_told = value != 0;
	row.now.is_over = row.now.is_escalated = value != 0;
	row.now.is_delivery_failed = row.now.is_ordered = value != 0;
	row.now.is_order_open = row.now.is_order_clock = value != 0;
	row.others_count = value == 0 ? 0 : HF_CASE_OTHERS_MAX;
	row.opening = value == 0 ? hf_span(NULL, 0) : BYTES("an opening");
	return row;
}

static void an_event_comes_back_as_it_was_put(void **state)
{
	static const uint8_t values[] = { 0, 1, 255 };

	for (size_t i = 0; i < ROWS(values); i++) {
		struct hf_case_event_row row = event_of(values[i]), back;
		struct hf_why why = { "" };

		hf_buf_reset(&wire);
		assert_int_equal(hf_case_event_row_encode(&row, &wire), HF_OK);
		assert_ok(hf_case_event_row_parse(hf_buf_span(&wire), &arena,
						  &back, &why),
			  &why);
		assert_int_equal(back.fact.after_count, row.fact.after_count);
		assert_memory_equal(back.fact.after, row.fact.after,
				    row.fact.after_count * HF_EVENT_ID_BYTES);
		assert_true(hf_span_equal(back.opening, row.opening));
		assert_int_equal(back.waits_count, row.waits_count);
		assert_memory_equal(back.waits, row.waits,
				    row.waits_count * sizeof(*row.waits));
		back.fact.after = row.fact.after;
		back.waits = row.waits;
		back.opening = row.opening;
		assert_memory_equal(&back, &row, sizeof(row));
	}
}

static void a_case_comes_back_as_it_was_put(void **state)
{
	static const uint8_t values[] = { 0, 1, 255 };

	for (size_t i = 0; i < ROWS(values); i++) {
		struct hf_case_row row = case_of(values[i]), back;
		struct hf_why why = { "" };

		hf_buf_reset(&wire);
		assert_int_equal(hf_case_row_encode(&row, &wire), HF_OK);
		assert_ok(hf_case_row_parse(hf_buf_span(&wire), &arena, &back,
					    &why),
			  &why);
		assert_true(hf_span_equal(back.opening, row.opening));
		back.opening = row.opening;
		assert_memory_equal(&back, &row, sizeof(row));
	}
}

static void zeros_of_a_row_take_no_room(void **state)
{
	struct hf_case_event_row event = event_of(0);
	struct hf_case_row row = case_of(0);

	assert_int_equal(hf_case_event_row_encode(&event, &wire), HF_OK);
	assert_in_range(wire.len_bytes, 1, 8);
	hf_buf_reset(&wire);
	assert_int_equal(hf_case_row_encode(&row, &wire), HF_OK);
	assert_in_range(wire.len_bytes, 1, 16);
}

/* Under ASan a read outside of these would show. */
static void a_row_that_was_cut_or_grew_is_damaged(void **state)
{
	struct hf_case_event_row event = event_of(3), event_back;
	struct hf_case_row row = case_of(3), back;
	struct hf_buf other;

	hf_buf_init(&other, 1024 * 1024);
	assert_int_equal(hf_case_event_row_encode(&event, &wire), HF_OK);
	assert_int_equal(hf_case_row_encode(&row, &other), HF_OK);
	for (size_t len = 0; len < wire.len_bytes; len++) {
		uint8_t *cut = malloc(len + 1);

		assert_non_null(cut);
		memcpy(cut, wire.at, len);
		assert_int_equal(hf_case_event_row_parse(hf_span(cut, len),
							 &arena, &event_back,
							 NULL),
				 HF_E_CORRUPT);
		free(cut);
	}
	for (size_t len = 0; len < other.len_bytes; len++)
		assert_int_equal(hf_case_row_parse(hf_span(other.at, len),
						   &arena, &back, NULL),
				 HF_E_CORRUPT);
	hf_buf_put(&wire, BYTES("x"));
	hf_buf_put(&other, BYTES("x"));
	assert_int_equal(hf_case_event_row_parse(hf_buf_span(&wire), &arena,
						 &event_back, NULL),
			 HF_E_CORRUPT);
	assert_int_equal(
		hf_case_row_parse(hf_buf_span(&other), &arena, &back, NULL),
		HF_E_CORRUPT);
	hf_buf_release(&other);
}

#define ROW_TEST(name) cmocka_unit_test_setup_teardown(name, fresh, cleared)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW_TEST(an_event_comes_back_as_it_was_put),
		ROW_TEST(a_case_comes_back_as_it_was_put),
		ROW_TEST(zeros_of_a_row_take_no_room),
		ROW_TEST(a_row_that_was_cut_or_grew_is_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
