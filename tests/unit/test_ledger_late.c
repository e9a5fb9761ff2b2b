/*
 * Payloads that did not come with their entries: missing, named, and taken when
 * they come.
 */
#include "unit.h"

#include "ledger_pair.h"

static void what_is_withheld_is_missing_until_it_comes(void **state)
{
	struct pair *pair = *state;
	struct hf_ledger_entry entry;
	struct hf_ledger_view *view;
	struct hf_why why = { "" };
	uint8_t opening[HF_OPENING_BYTES];
	uint64_t missing;

	subscribe(pair);
	assert_ok(rig_append_many(&pair->from, pair->own, 0, 6, &why), &why);
	assert_ok(see(pair, 0, 6, &why), &why);
	assert_ok(send(pair, 0, 6, HARM_WITHHOLD, &why), &why);
	assert_int_equal(info_of(&pair->to, pair->foreign).missing_count, 3);
	/* One comes later; a wrong one does not count. */
	assert_ok(hf_ledger_view_begin(pair->from.ledger, &view, &why), &why);
	assert_ok(hf_ledger_entry(view, pair->own, 2, &entry, &why), &why);
	memcpy(opening, entry.opening.at, sizeof(opening));
	hf_ledger_view_end(view);
	for (int round = 0; round < 3; round++) {
		static const enum hf_err want[] = { HF_E_PROOF, HF_OK,
						    HF_E_EXISTS };

		opening[0] ^= round == 0;
		assert_ok(hf_ledger_fill(pair->to.ledger, pair->foreign, 2,
					 hf_span(opening, sizeof(opening)),
					 BYTES("entry 2"),
					 hf_ledger_wait_done(pair->to.wait),
					 &why),
			  &why);
		assert_int_equal(hf_ledger_wait_for(pair->to.wait, NULL, &why),
				 want[round]);
		opening[0] ^= round == 0;
	}
	assert_int_equal(info_of(&pair->to, pair->foreign).missing_count, 2);
	/* An ERASE says that another never will. */
	append(&pair->from, pair->own, rig_about(HF_OP_ERASE, 0, ""), 6);
	sync_to(pair, 7);
	assert_int_equal(info_of(&pair->to, pair->foreign).missing_count, 1);
	assert_ok(hf_ledger_view_begin(pair->to.ledger, &view, &why), &why);
	assert_ok(hf_ledger_entry(view, pair->foreign, 0, &entry, &why), &why);
	assert_int_equal(entry.state, HF_LEDGER_ERASED);
	assert_int_equal(entry.erased_by, 6);
	assert_ok(hf_ledger_entry(view, pair->foreign, 4, &entry, &why), &why);
	assert_int_equal(entry.state, HF_LEDGER_MISSING);
	assert_ok(hf_ledger_entry(view, pair->foreign, 2, &entry, &why), &why);
	assert_true(hf_span_is(entry.payload, "entry 2"));
	hf_ledger_view_end(view);
	/* And which one is missing is known. */
	assert_ok(hf_ledger_view_begin(pair->to.ledger, &view, &why), &why);
	assert_ok(
		hf_ledger_missing_next(view, pair->foreign, 0, &missing, &why),
		&why);
	assert_int_equal(missing, 4);
	assert_int_equal(
		hf_ledger_missing_next(view, pair->foreign, 5, &missing, NULL),
		HF_E_NOTFOUND);
	hf_ledger_view_end(view);
	verify(&pair->to, pair->foreign, 7);
}

static void count_wake(void *arg, uint32_t set, uint64_t size)
{
	(*(unsigned *)arg)++;
}

/* The first that is late, HF_LEDGER_NONE without one. */
static uint64_t late_of(struct pair *pair)
{
	struct hf_ledger_view *view;
	struct hf_why why = { "" };
	uint64_t index = HF_LEDGER_NONE;

	assert_ok(hf_ledger_view_begin(pair->to.ledger, &view, &why), &why);
	if (hf_ledger_late_next(view, pair->foreign, 0, &index, NULL) != HF_OK)
		index = HF_LEDGER_NONE;
	hf_ledger_view_end(view);
	return index;
}

static void what_comes_late_is_news_and_late_until_it_is_known(void **state)
{
	static const uint64_t nobody[] = { 2, 99 };
	struct pair *pair = *state;
	struct hf_ledger_follower *follower;
	struct hf_ledger_entry entry;
	struct hf_ledger_view *view;
	struct hf_why why = { "" };
	uint8_t opening[HF_OPENING_BYTES];
	unsigned wakes = 0, before;

	subscribe(pair);
	assert_ok(rig_append_many(&pair->from, pair->own, 0, 6, &why), &why);
	assert_ok(see(pair, 0, 6, &why), &why);
	assert_ok(send(pair, 0, 6, HARM_WITHHOLD, &why), &why);
	assert_int_equal(late_of(pair), HF_LEDGER_NONE);
	assert_ok(hf_ledger_view_begin(pair->from.ledger, &view, &why), &why);
	assert_ok(hf_ledger_entry(view, pair->own, 2, &entry, &why), &why);
	memcpy(opening, entry.opening.at, sizeof(opening));
	hf_ledger_view_end(view);
	assert_ok(hf_ledger_follow(pair->to.ledger, pair->foreign, 0,
				   count_wake, &wakes, &follower, &why),
		  &why);
	before = wakes;
	assert_ok(hf_ledger_fill(pair->to.ledger, pair->foreign, 2,
				 hf_span(opening, sizeof(opening)),
				 BYTES("entry 2"),
				 hf_ledger_wait_done(pair->to.wait), &why),
		  &why);
	assert_ok(hf_ledger_wait_for(pair->to.wait, NULL, &why), &why);
	assert_int_equal(late_of(pair), 2);
	/* Of several, and of what never was, each is late no longer. */
	assert_ok(hf_ledger_late_done(pair->to.ledger, pair->foreign, nobody, 2,
				      hf_ledger_wait_done(pair->to.wait), &why),
		  &why);
	assert_ok(hf_ledger_wait_for(pair->to.wait, NULL, &why), &why);
	assert_int_equal(late_of(pair), HF_LEDGER_NONE);
	hf_ledger_unfollow(follower);
	assert_true(wakes > before);
	verify(&pair->to, pair->foreign, 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PAIR_TEST(what_is_withheld_is_missing_until_it_comes),
		PAIR_TEST(what_comes_late_is_news_and_late_until_it_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
