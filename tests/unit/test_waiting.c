#include "unit.h"

#include <string.h>

#include "waiting.h"

static const struct hf_waiting_target targets[] = { { 1, 5 }, { 1, 7 } };

/* False under torture only. */
static bool keep(struct hf_waiting *waiting, const char *wire,
		 const char *intent)
{
	struct hf_waiting_row *row;

	if (hf_waiting_row_new(hf_span_of(wire), targets, ROWS(targets), intent,
			       &row, NULL) != HF_OK)
		return false;
	row->err = HF_E_FULL;
	strcpy(row->why.text, "no room");
	assert_int_equal(hf_waiting_keep(waiting, row, NULL), HF_OK);
	return true;
}

static void what_waits_is_told_in_order_until_it_is_dropped(void **state)
{
	struct hf_waiting *waiting;
	const struct hf_waiting_row *row;
	struct hf_waiting_count count;
	struct hf_why why = { "" };

	if (hf_waiting_new(&waiting, NULL) != HF_OK)
		return;
	assert_null(hf_waiting_next(waiting, NULL));
	hf_waiting_count(waiting, &count);
	assert_int_equal(count.entries, 0);
	if (!keep(waiting, "one", "") || !keep(waiting, "two", "/intents/2"))
		goto out_free;
	hf_waiting_count(waiting, &count);
	assert_int_equal(count.entries, 4);
	assert_int_equal(count.in_memory, 2);
	assert_string_equal(count.why.text, "no room");

	assert_int_equal(hf_waiting_find(waiting, hf_span_of("three"), &why),
			 HF_OK);
	assert_int_equal(hf_waiting_find(waiting, hf_span_of("one"), &why),
			 HF_E_FULL);
	assert_string_equal(why.text, HF_WAITING_IN_MEMORY "no room");
	assert_int_equal(hf_waiting_find(waiting, hf_span_of("two"), &why),
			 HF_E_FULL);
	assert_string_equal(why.text, HF_WAITING_KEPT "no room");
	assert_true(hf_waiting_has_intent(waiting, "/intents/2"));
	assert_false(hf_waiting_has_intent(waiting, "/intents/3"));

	row = hf_waiting_next(waiting, NULL);
	assert_memory_equal(row->wire, "one", 3);
	assert_int_equal(row->targets[1].entry, 7);
	strcpy(why.text, "no signer");
	hf_waiting_tried(waiting, row, HF_E_UNAVAILABLE, &why);
	hf_waiting_count(waiting, &count);
	assert_int_equal(count.entries, 4);
	assert_string_equal(count.why.text, "no signer");
	row = hf_waiting_next(waiting, row);
	assert_memory_equal(row->wire, "two", 3);
	assert_null(hf_waiting_next(waiting, row));
	/* The last one goes, and another comes behind the first. */
	hf_waiting_drop(waiting, row);
	if (!keep(waiting, "three", ""))
		goto out_free;
	row = hf_waiting_next(waiting, NULL);
	hf_waiting_drop(waiting, row);
	row = hf_waiting_next(waiting, NULL);
	assert_memory_equal(row->wire, "three", 5);
	hf_waiting_count(waiting, &count);
	assert_int_equal(count.entries, 2);
out_free:
	hf_waiting_free(waiting);
}

static void no_more_wait_than_may(void **state)
{
	struct hf_waiting *waiting;
	struct hf_waiting_row *row;

	if (hf_waiting_new(&waiting, NULL) != HF_OK)
		return;
	for (size_t i = 0; i < HF_WAITING_MAX; i++) {
		if (!keep(waiting, "x", ""))
			goto out_free;
	}
	if (hf_waiting_row_new(hf_span_of("y"), targets, 1, "", &row, NULL) !=
	    HF_OK)
		goto out_free;
	assert_int_equal(hf_waiting_keep(waiting, row, NULL), HF_E_LIMIT);
	hf_waiting_row_free(row);
out_free:
	hf_waiting_free(waiting);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			what_waits_is_told_in_order_until_it_is_dropped),
		cmocka_unit_test(no_more_wait_than_may),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
