#include "unit.h"

#include "cases_steps.h"

/*
 * Events that the ledger has no room for: they act in memory, are said to, and
 * nobody is told that they are kept.
 */

/* The hotline's set for the provider, at the provider. */
static void find_passage(struct world *world, struct passage *out)
{
	struct hf_ledger_info info = { .set = 0 };
	struct hf_ledger_view *view;
	struct hf_why why = { "" };

	*out = (struct passage){ .from = &world->parties[HOTLINE],
				 .to = &world->parties[PROVIDER] };
	assert_ok(hf_ledger_view_begin(out->from->rig.ledger, &view, &why),
		  &why);
	while (hf_ledger_next(view, info.set, &info, NULL) == HF_OK) {
		struct passage passage = *out;

		passage.source = info;
		if (info.kind == HF_LEDGER_OWN &&
		    passage_find(&passage, NULL) == HF_OK)
			*out = passage;
	}
	hf_ledger_view_end(view);
	assert_true(out->target != 0);
}

/* Entries [first, end) of the hotline's set, as a peek would tell of them. */
static void tell(const struct passage *passage, uint64_t first, uint64_t end)
{
	struct hf_ledger_view *view;
	struct hf_why why = { "" };

	assert_ok(hf_ledger_view_begin(passage->from->rig.ledger, &view, &why),
		  &why);
	for (uint64_t i = first; i < end; i++) {
		struct hf_ledger_entry entry;

		assert_ok(hf_ledger_entry(view, passage->source.set, i, &entry,
					  &why),
			  &why);
		hf_cases_ahead(passage->to->cases, passage->target, i,
			       hf_span(entry.header, HF_HEADER_BYTES),
			       entry.payload);
	}
	hf_ledger_view_end(view);
	settle(passage->to);
}

/* One open case at both, and two more events that the provider has not: that it
 * is withdrawn, and another notice. */
static void begin(struct world *world, struct passage *passage, char *first,
		  char *second)
{
	begin_world(world);
	notify_of(&world->parties[HOTLINE], "provider.example", HF_REGIME_NTD,
		  first);
	pass_all(world);
	say(&world->parties[HOTLINE], first, HF_CASE_EVENT_WITHDRAW,
	    HF_CASE_REASON_ERROR);
	notify_of(&world->parties[HOTLINE], "provider.example", HF_REGIME_NTD,
		  second);
	settle(&world->parties[HOTLINE]);
	find_passage(world, passage);
	assert_true(passage->source.size >= passage->have + 2);
}

static uint32_t in_memory(struct party *party, const char *id)
{
	struct seen seen;
	uint32_t count, flagged = 0;

	see_case(party, id, &seen);
	count = seen.summary->in_memory;
	for (size_t i = 0; i < seen.got.events_count; i++)
		flagged += seen.got.events[i].is_in_memory;
	assert_int_equal(flagged, count);
	seen_release(&seen);
	return count;
}

static void it_acts_is_said_to_and_is_kept_when_the_ledger_has_it(void **state)
{
	struct world *world = *state;
	struct party *provider = &world->parties[PROVIDER];
	char first[CASE_ID_SIZE], second[CASE_ID_SIZE];
	struct passage passage;
	struct seen seen;

	begin(world, &passage, first, second);
	assert_false(knows_case(provider, second));
	assert_int_equal(hf_cases_ahead_count(provider->cases), 0);
	tell(&passage, passage.have, passage.source.size);

	assert_int_equal(state_of(provider, first), HF_CASE_WITHDRAWN);
	assert_int_equal(in_memory(provider, first), 1);
	assert_int_equal(in_memory(provider, second), 1);
	assert_int_equal(hf_cases_ahead_count(provider->cases), 2);
	see_case(provider, second, &seen);
	assert_string_equal(seen.got.events[0].event->notice->explanation,
			    "published without consent");
	assert_int_equal(seen.got.events_count, 1);
	seen_release(&seen);

	/* Nothing was said of it: no entry came into being. */
	assert_int_equal(pass(provider, passage.from), 0);
	/* Looked at often, it is the same. */
	for (int i = 0; i < 100; i++)
		assert_int_equal(in_memory(provider, second), 1);

	pass_all(world);
	assert_int_equal(in_memory(provider, first), 0);
	assert_int_equal(in_memory(provider, second), 0);
	assert_int_equal(hf_cases_ahead_count(provider->cases), 0);
	assert_agree(passage.from, provider, first);
	assert_agree(passage.from, provider, second);
}

static void of_a_daemon_that_ends_nothing_of_it_is_left(void **state)
{
	struct world *world = *state;
	struct party *provider = &world->parties[PROVIDER];
	char first[CASE_ID_SIZE], second[CASE_ID_SIZE];
	struct passage passage;

	begin(world, &passage, first, second);
	tell(&passage, passage.have, passage.source.size);
	assert_int_equal(state_of(provider, first), HF_CASE_WITHDRAWN);
	party_stop(provider);
	assert_ok(party_start(provider, &world->why), &world->why);
	settle(provider);
	assert_int_equal(state_of(provider, first), HF_CASE_ACKNOWLEDGED);
	assert_false(knows_case(provider, second));
	pass_all(world);
	assert_agree(passage.from, provider, first);
	assert_agree(passage.from, provider, second);
}

static void
what_comes_out_of_order_waits_and_what_is_no_event_is_none(void **state)
{
	static const uint8_t noise[4000] = { 7 };
	struct world *world = *state;
	struct party *provider = &world->parties[PROVIDER];
	char first[CASE_ID_SIZE], second[CASE_ID_SIZE];
	struct hf_header header = { .op = HF_OP_STATUS,
				    .payload_len_bytes = sizeof(noise) };
	uint8_t bytes[HF_HEADER_BYTES];
	struct passage passage;
	uint64_t end;

	begin(world, &passage, first, second);
	end = passage.source.size;
	hf_header_encode(&header, bytes);
	/* Of a set that is not there, of our own, of entries that are kept. */
	hf_cases_ahead(provider->cases, 4711, 0, hf_span(bytes, sizeof(bytes)),
		       hf_span(noise, sizeof(noise)));
	hf_cases_ahead(provider->cases, passage.target, 0,
		       hf_span(bytes, sizeof(bytes)),
		       hf_span(noise, sizeof(noise)));
	/* Behind a gap. */
	tell(&passage, end - 1, end);
	assert_false(knows_case(provider, second));
	assert_int_equal(hf_cases_ahead_count(provider->cases), 0);
	/* The same twice, and the gap. */
	tell(&passage, passage.have, end);
	tell(&passage, passage.have, end);
	assert_int_equal(hf_cases_ahead_count(provider->cases), 2);
	/* More than is kept, all of it noise: what was there goes on. */
	for (uint64_t i = 0; i < 5000; i++)
		hf_cases_ahead(provider->cases, passage.target, end + i,
			       hf_span(bytes, sizeof(bytes)),
			       hf_span(noise, sizeof(noise)));
	settle(provider);
	assert_int_equal(hf_cases_ahead_count(provider->cases), 2);
	assert_int_equal(state_of(provider, first), HF_CASE_WITHDRAWN);
	hf_cases_ahead(NULL, 1, 0, hf_span(bytes, sizeof(bytes)),
		       hf_span(noise, sizeof(noise)));
	assert_int_equal(hf_cases_ahead_count(NULL), 0);
	pass_all(world);
	assert_agree(passage.from, provider, first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASES_TEST(
			it_acts_is_said_to_and_is_kept_when_the_ledger_has_it),
		CASES_TEST(of_a_daemon_that_ends_nothing_of_it_is_left),
		CASES_TEST(
			what_comes_out_of_order_waits_and_what_is_no_event_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
