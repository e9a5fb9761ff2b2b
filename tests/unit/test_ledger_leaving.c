#include "unit.h"

#include "store.h"

#include "ledger_steps.h"

/* The number, and "set/index/payload" of the next that is leaving; "" for none.
 */
static uint64_t leaving(struct rig *rig, uint64_t after, char out[64])
{
	struct hf_ledger_leaving next = { .number = 0 };
	struct hf_ledger_view *view;
	struct hf_why why = { "" };

	assert_ok(hf_ledger_view_begin(rig->ledger, &view, &why), &why);
	out[0] = '\0';
	if (hf_ledger_leaving_next(view, after, &next, NULL) == HF_OK)
		snprintf(out, 64, "%u/%llu/%.*s", next.set,
			 (unsigned long long)next.index,
			 HF_SPAN_ARGS(next.payload));
	hf_ledger_view_end(view);
	return next.number;
}

static void what_is_erased_stays_for_who_must_forget_it(void **state)
{
	struct rig *rig = *state;
	uint32_t set = own_set(rig);
	struct hf_why why = { "" };
	char said[64], wanted[64];

	append(rig, set, rig_add("of before"), 0);
	append(rig, set, rig_about(HF_OP_ERASE, 0, ""), 1);
	assert_int_equal(leaving(rig, 0, said), 0);

	rig->options.keeps_leaving = true;
	assert_ok(rig_reopen(rig, &why), &why);
	append(rig, set, rig_add("a"), 2);
	append(rig, set, rig_about(HF_OP_AMEND, 2, "no ADD"), 3);
	append(rig, set, rig_add("b"), 4);
	append(rig, set, rig_about(HF_OP_ERASE, 3, ""), 5);
	append(rig, set, rig_about(HF_OP_ERASE, 4, ""), 6);
	append(rig, set, rig_about(HF_OP_ERASE, 4, ""), 7);
	append(rig, set, rig_about(HF_OP_ERASE, 2, ""), 8);
	rig->options.keeps_leaving = false;
	assert_ok(rig_reopen(rig, &why), &why);
	assert_int_equal(erasing(rig), 4);
	assert_int_equal(leaving(rig, 0, said), 3);
	snprintf(wanted, sizeof(wanted), "%u/4/b", set);
	assert_string_equal(said, wanted);
	assert_int_equal(leaving(rig, 3, said), 4);
	snprintf(wanted, sizeof(wanted), "%u/2/a", set);
	assert_string_equal(said, wanted);
	assert_int_equal(leaving(rig, 4, said), 0);

	/* Until it was read it is not done, however often the file is written
	 * anew. */
	for (int i = 0; i < 2; i++) {
		assert_ok(hf_ledger_compact(rig->ledger, NULL, &why), &why);
		assert_int_equal(erasing(rig), 2);
		assert_int_equal(leaving(rig, 0, said), 3);
	}
	assert_ok(hf_ledger_leaving_drop(rig->ledger, 3, &why), &why);
	assert_int_equal(leaving(rig, 0, said), 4);
	assert_ok(hf_ledger_compact(rig->ledger, NULL, &why), &why);
	assert_int_equal(erasing(rig), 1);
	assert_ok(hf_ledger_leaving_drop(rig->ledger, 1000, &why), &why);
	assert_int_equal(leaving(rig, 0, said), 0);
	assert_int_equal(erasing(rig), 1);
	assert_ok(hf_ledger_compact(rig->ledger, NULL, &why), &why);
	assert_int_equal(erasing(rig), 0);
	assert_ok(rig_reopen(rig, &why), &why);
	assert_int_equal(erasing(rig), 0);
}

static void many_that_are_leaving_go_together(void **state)
{
	struct hf_ledger_draft drafts[600];
	struct rig *rig = *state;
	uint32_t set = own_set(rig);
	struct hf_ledger_batch batch = { .set = set,
					 .drafts = drafts,
					 .drafts_count = 600 };
	struct hf_why why = { "" };
	char said[64];

	rig->options.keeps_leaving = true;
	assert_ok(rig_reopen(rig, &why), &why);
	for (uint64_t i = 0; i < 600; i++)
		drafts[i] = rig_add("one of many");
	assert_ok(rig_append(rig, &batch, NULL, &why), &why);
	for (uint64_t i = 0; i < 600; i++)
		drafts[i] = rig_about(HF_OP_ERASE, i, "");
	assert_ok(rig_append(rig, &batch, NULL, &why), &why);
	assert_int_equal(leaving(rig, 599, said), 600);
	assert_ok(hf_ledger_leaving_drop(rig->ledger, 599, &why), &why);
	assert_int_equal(leaving(rig, 0, said), 600);
	assert_ok(hf_ledger_leaving_drop(rig->ledger, 600, &why), &why);
	assert_int_equal(leaving(rig, 0, said), 0);
}

static void erase_earlier(struct rig *rig, uint32_t set, uint64_t index)
{
	struct hf_why why = { "" };

	assert_ok(hf_ledger_erase_earlier(rig->ledger, set, index, &why), &why);
}

static void what_a_later_epoch_erased_leaves_without_an_erase_here(void **state)
{
	struct rig *rig = *state;
	uint32_t set = own_set(rig);
	struct hf_ledger_entry entry;
	struct hf_ledger_view *view;
	struct hf_why why = { "" };
	char said[64], wanted[64];

	rig->options.keeps_leaving = true;
	assert_ok(rig_reopen(rig, &why), &why);
	append(rig, set, rig_add("a"), 0);
	append(rig, set, rig_add("b"), 1);
	append(rig, set, rig_about(HF_OP_RETRACT, 0, ""), 2);
	assert_ok(hf_ledger_freeze(rig->ledger, set, "it goes on", &why), &why);
	/* Twice is once; what has no payload, or is not here, is let be. */
	erase_earlier(rig, set, 0);
	erase_earlier(rig, set, 0);
	erase_earlier(rig, set, 2);
	erase_earlier(rig, set, 3);
	assert_ok(rig_reopen(rig, &why), &why);
	assert_int_equal(erasing(rig), 1);
	assert_int_equal(leaving(rig, 0, said), 1);
	snprintf(wanted, sizeof(wanted), "%u/0/a", set);
	assert_string_equal(said, wanted);

	assert_ok(hf_ledger_view_begin(rig->ledger, &view, &why), &why);
	assert_ok(hf_ledger_entry(view, set, 0, &entry, &why), &why);
	assert_int_equal(entry.state, HF_LEDGER_ERASED);
	assert_true(entry.erased_by == HF_LEDGER_NONE);
	assert_ok(hf_ledger_entry(view, set, 1, &entry, &why), &why);
	assert_int_equal(entry.state, HF_LEDGER_HELD);
	hf_ledger_view_end(view);
	/* Nothing is missing or damaged, and the tree is what it was. */
	assert_int_equal(info_of(rig, set).missing_count, 0);
	verify(rig, set, 3);
}

static enum hf_err damage(void *arg, struct hf_store_txn *txn,
			  struct hf_why *why)
{
	static const uint8_t first[8] = { [7] = 1 };
	size_t table;
	enum hf_err err = hf_store_table(txn, "leaving", &table, why);

	return err == HF_OK
		       ? hf_store_put(txn, table, hf_span(first, sizeof(first)),
				      BYTES("\1too short"), why)
		       : err;
}

static void what_is_damaged_holds_nothing_up(void **state)
{
	struct rig *rig = *state;
	struct hf_store_options options = { .dir = rig->dir,
					    .format = "hashfed-ledger/1",
					    .tables_max_count = 16 };
	uint32_t set = own_set(rig);
	struct hf_store *store;
	struct hf_why why = { "" };
	char said[64];

	rig->options.keeps_leaving = true;
	assert_ok(rig_reopen(rig, &why), &why);
	append(rig, set, rig_add("a"), 0);
	append(rig, set, rig_add("b"), 1);
	append(rig, set, rig_about(HF_OP_ERASE, 0, ""), 2);
	append(rig, set, rig_about(HF_OP_ERASE, 1, ""), 3);
	rig_close(rig);
	assert_ok(hf_store_open(&options, &store, &why), &why);
	assert_ok(hf_store_write(store, damage, NULL, &why), &why);
	hf_store_close(store);

	assert_ok(rig_reopen(rig, &why), &why);
	assert_int_equal(leaving(rig, 0, said), 1);
	assert_string_equal(said, "0/0/");
	assert_int_equal(leaving(rig, 1, said), 2);
	assert_ok(hf_ledger_leaving_drop(rig->ledger, 2, &why), &why);
	assert_ok(hf_ledger_compact(rig->ledger, NULL, &why), &why);
	assert_int_equal(erasing(rig), 0);
	append(rig, set, rig_add("c"), 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(what_is_erased_stays_for_who_must_forget_it),
		RIG_TEST(
			what_a_later_epoch_erased_leaves_without_an_erase_here),
		RIG_TEST(many_that_are_leaving_go_together),
		RIG_TEST(what_is_damaged_holds_nothing_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
