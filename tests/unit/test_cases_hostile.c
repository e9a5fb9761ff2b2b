#include "unit.h"

#include "case_row.h"
#include "cases_forge.h"

struct row {
	const char *name;
	void (*spoil)(struct forged *forged);
	const char *err;
	const char *why;
};

static void wrong_recipient(struct forged *forged)
{
	memset(forged->header.recipient_id, 7, HF_HASH_BYTES);
}

static void another_sender(struct forged *forged)
{
	struct party *authority = &forged->from->world->parties[AUTHORITY];

	memcpy(forged->header.sender_id, authority->org.id, HF_HASH_BYTES);
	forged->signs = authority->org.notice;
}

/* What a relay, or the hotline itself, can do with what another signed. */
static void signed_by_another(struct forged *forged)
{
	forged->signs = forged->from->world->parties[AUTHORITY].org.notice;
}

static void expired(struct forged *forged)
{
	forged->header.expires_ms = NOW_MS;
}

static void never_valid(struct forged *forged)
{
	forged->header.expires_ms = 0;
}

static void two_event_ids(struct forged *forged)
{
	forged->header.event_id[0] ^= 1;
}

static void an_unknown_kind(struct forged *forged)
{
	forged->event.kind = 200;
	forged->event.notice = NULL;
}

static void no_case(struct forged *forged)
{
	forged->event.kind = HF_CASE_EVENT_REMOVED;
	forged->event.notice = NULL;
}

static void a_hash_of_another_length(struct forged *forged)
{
	forged->asked.hash.digest.len_bytes = 31;
}

static void an_order_without_power(struct forged *forged)
{
	static const struct hf_order order = {
		.reference = "2026/1",
		.issuing_state = "NL",
		.authority = "somebody",
		.addressee = "you",
	};

	forged->event.kind = HF_CASE_EVENT_ORDER;
	forged->asked.notice.regime = HF_REGIME_CSAM_ORDER;
	forged->asked.notice.content_class = HF_CLASS_CSAM;
	forged->asked.notice.order = &order;
}

static void called_by_anothers_name(struct forged *forged)
{
	forged->asked.notice.provider = "authority.example";
}

static void a_provider_that_is_a_formula(struct forged *forged)
{
	forged->asked.notice.provider = "=cmd|x";
}

static const struct row rows[] = {
	{ "for somebody else", wrong_recipient, "DENIED",
	  "it is for somebody else" },
	{ "an envelope of another sender", another_sender, "DENIED",
	  "another sender than the set's writer" },
	{ "signed by another", signed_by_another, "SIGNATURE", "signature" },
	{ "expired", expired, "EXPIRED", "the notice has expired" },
	{ "never valid", never_valid, "EXPIRED", "the notice has expired" },
	{ "two event ids", two_event_ids, "MALFORMED",
	  "text and envelope name different events" },
	{ "a kind that is unknown", an_unknown_kind, "ARGUMENT", "kind" },
	{ "an event in no case", no_case, "ARGUMENT", "case_ref" },
	{ "a digest of another length", a_hash_of_another_length, "ARGUMENT",
	  "no digest of algorithm" },
	{ "called by another's name", called_by_anothers_name, "DENIED",
	  "it calls 'authority.example' what by its id is provider.example" },
	{ "a provider that is no domain", a_provider_that_is_a_formula,
	  "ARGUMENT", "neither a domain in lower case nor UNKNOWN" },
	{ "an order by one who may not", an_order_without_power, "DENIED",
	  "may not open it" },
};

static void what_a_sender_gets_wrong_is_refused_with_the_reason(void **state)
{
	struct world *world = *state;
	struct party *hotline = &world->parties[HOTLINE];
	struct party *provider = &world->parties[PROVIDER];
	char id[CASE_ID_SIZE];

	begin_with_case(world, id);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct forged forged;

		forged_init(&forged, hotline, provider);
		forged_notice(&forged);
		rows[i].spoil(&forged);
		forge(&forged);
		assert_refused(world, hotline, provider, rows[i].err,
			       rows[i].why);
	}
}

/* Payloads that are no envelope at all. */
static void garbage_is_refused(void **state)
{
	struct world *world = *state;
	struct party *hotline = &world->parties[HOTLINE];
	struct party *provider = &world->parties[PROVIDER];
	static uint8_t big[HF_ENVELOPE_MAX_BYTES + 1];
	struct forged forged;
	struct hf_buf envelope;
	struct hf_why why = { "" };
	char id[CASE_ID_SIZE];

	begin_with_case(world, id);
	forge_entry(hotline, provider, HF_OP_STATUS, BYTES("nonsense"));
	assert_refused(world, hotline, provider, "MALFORMED", "cut short");
	memset(big, 1, sizeof(big));
	forge_entry(hotline, provider, HF_OP_STATUS, hf_span(big, sizeof(big)));
	assert_refused(world, hotline, provider, "LIMIT", "");

	/* A whole one that was changed on its way, one of another version, one
	 * that is cut short. */
	forged_init(&forged, hotline, provider);
	hf_buf_init(&envelope, HF_PAYLOAD_MAX_BYTES);
	forge_envelope(&forged, BYTES("text"), &envelope);
	forge_entry(hotline, provider, HF_OP_STATUS,
		    hf_span(envelope.at, envelope.len_bytes - 1));
	assert_refused(world, hotline, provider, "MALFORMED", "");
	envelope.at[200] ^= 1;
	forge_entry(hotline, provider, HF_OP_STATUS, hf_buf_span(&envelope));
	assert_refused(world, hotline, provider, "SIGNATURE", "");
	envelope.at[200] ^= 1;
	envelope.at[0] = 2;
	forge_entry(hotline, provider, HF_OP_STATUS, hf_buf_span(&envelope));
	assert_refused(world, hotline, provider, "UNSUPPORTED", "version");
	hf_buf_release(&envelope);
	forge_text(&forged, BYTES("no event"));
	assert_refused(world, hotline, provider, "MALFORMED", "");
	/* It is refused, not lost: the daemon counts on. */
	assert_ok(hf_cases_settle(provider->cases, &why), &why);
}

/* The receive key that one announces is its own and is signed. */
static void only_an_own_key_is_believed(void **state)
{
	struct world *world = *state;
	struct party *hotline = &world->parties[HOTLINE];
	struct party *provider = &world->parties[PROVIDER];
	struct party *authority = &world->parties[AUTHORITY];
	const struct {
		struct party *who;
		const struct hf_secret *signs;
		const char *err;
	} keys[] = {
		{ authority, authority->org.notice, "CONFLICT" },
		{ provider, authority->org.notice, "SIGNATURE" },
	};
	char id[CASE_ID_SIZE];

	begin_with_case(world, id);
	for (size_t i = 0; i < ROWS(keys); i++) {
		struct hf_receive_key key = {
			.key = hf_span(authority->org.receive, 32),
			.organisation_id = party_id(keys[i].who),
			.from_ms = NOW_MS + DAY_MS,
			.until_ms = 0,
		};
		const struct hf_secret *signs =
			i == 0 ? authority->org.notice : hotline->org.notice;
		struct hf_buf wire;
		struct hf_why why = { "" };

		hf_buf_init(&wire, 1024);
		assert_ok(hf_receive_key_make(&key, signs, &wire, &why), &why);
		forge_entry(provider, hotline, HF_OP_KEY, hf_buf_span(&wire));
		hf_buf_release(&wire);
		assert_refused(world, provider, hotline, keys[i].err, "");
	}
}

/*
 * Replays.
 */

static void a_notice_opens_one_case_however_often_it_is_written(void **state)
{
	struct world *world = *state;
	struct party *hotline = &world->parties[HOTLINE];
	struct party *provider = &world->parties[PROVIDER];
	char id[CASE_ID_SIZE];
	struct hf_buf envelope, text;
	struct forged forged;

	begin_with_case(world, id);
	forged_init(&forged, hotline, provider);
	forged_notice(&forged);
	hf_buf_init(&text, HF_CASE_TEXT_MAX_BYTES);
	hf_buf_init(&envelope, HF_PAYLOAD_MAX_BYTES);
	assert_int_equal(hf_case_event_encode(&forged.event, &text), HF_OK);
	forge_envelope(&forged, hf_buf_span(&text), &envelope);
	forge_entry(hotline, provider, HF_OP_STATUS, hf_buf_span(&envelope));
	pass_all(world);
	assert_int_equal(count_cases(provider), 2);

	/* In the same set once more. */
	forge_entry(hotline, provider, HF_OP_STATUS, hf_buf_span(&envelope));
	assert_refused(world, hotline, provider, "EXISTS", "once more");

	/* In another set of the same writer. */
	forge_into(hotline, forge_new_set(hotline, provider), HF_OP_STATUS,
		   hf_buf_span(&envelope));
	assert_refused(world, hotline, provider, "EXISTS", "once more");
	hf_buf_release(&envelope);
	hf_buf_release(&text);
}

/* The same answer twice is one answer. */
static void an_event_that_comes_twice_counts_once(void **state)
{
	struct world *world = *state;
	struct party *hotline = &world->parties[HOTLINE];
	struct party *provider = &world->parties[PROVIDER];
	struct forged forged;
	char id[CASE_ID_SIZE];
	struct seen before, after;

	begin_with_case(world, id);
	forged_init(&forged, provider, hotline);
	forged_in(&forged, HF_CASE_EVENT_REMOVED, good_origin, 1);
	forge(&forged);
	pass(provider, hotline);
	settle(hotline);
	see_case(hotline, id, &before);
	forge(&forged);
	pass(provider, hotline);
	settle(hotline);
	see_case(hotline, id, &after);
	assert_int_equal(before.summary->state, HF_CASE_REMOVED);
	assert_int_equal(after.summary->state, HF_CASE_REMOVED);
	assert_int_equal(before.summary->events, after.summary->events);
	assert_int_equal(before.got.events_count, after.got.events_count);
	seen_release(&before);
	seen_release(&after);
}

/* Two texts with one id: neither is dropped, one counts at most, and the other
 * party goes on as before. */
static void one_who_says_two_things_stops_nobody(void **state)
{
	struct world *world = *state;
	struct party *hotline = &world->parties[HOTLINE];
	struct party *provider = &world->parties[PROVIDER];
	struct forged forged;
	char id[CASE_ID_SIZE];

	begin_with_case(world, id);
	forged_init(&forged, provider, hotline);
	forged_in(&forged, HF_CASE_EVENT_DISABLED, good_origin, 1);
	forge(&forged);
	forged.event.kind = HF_CASE_EVENT_REMOVED;
	forge(&forged);
	pass(provider, hotline);
	settle(hotline);
	say(hotline, id, HF_CASE_EVENT_OFFLINE, 0);
	assert_int_equal(state_of(hotline, id), HF_CASE_VERIFIED_OFFLINE);
	assert_int_equal(heard("work stopped"), 0);
}

/* An id that follows from what another knows: the receipt's. */
static void nobody_takes_the_place_of_a_receipt(void **state)
{
	struct world *world = *state;
	struct party *hotline = &world->parties[HOTLINE];
	struct party *provider = &world->parties[PROVIDER];
	struct forged notice, taken;
	struct seen seen;
	char id[CASE_ID_SIZE], key[CASE_ID_SIZE];
	uint8_t raw[HF_CASE_KEY_BYTES];
	uint64_t index;

	begin_with_case(world, id);
	forged_init(&notice, hotline, provider);
	forged_notice(&notice);
	index = forge(&notice);
	pass_all(world);
	/* What the provider's receipt for it is called. */
	hf_case_key(hf_span_of(good_origin), index, raw);
	hf_hex(raw, sizeof(raw), key);
	see_case(provider, key, &seen);
	assert_int_equal(count_of(provider, key, HF_CASE_EVENT_RECEIPT), 1);
	for (size_t i = 0; i < seen.got.events_count; i++) {
		if (seen.got.events[i].event->kind != HF_CASE_EVENT_RECEIPT)
			continue;
		forged_init(&taken, hotline, provider);
		forged_in(&taken, HF_CASE_EVENT_RENOTIFY, good_origin, index);
		memcpy(taken.id, seen.got.events[i].event->event_id.at,
		       HF_EVENT_ID_BYTES);
		memcpy(taken.header.event_id, taken.id, HF_EVENT_ID_BYTES);
		forge(&taken);
	}
	seen_release(&seen);
	/* The provider lost everything but its ledger: it acknowledges what it
	 * acknowledged, and says nothing twice. */
	pass(hotline, provider);
	settle(provider);
	party_stop(provider);
	party_forget_views(provider);
	assert_ok(party_start(provider, &world->why), &world->why);
	pass_all(world);
	assert_int_equal(count_of(provider, key, HF_CASE_EVENT_RECEIPT), 1);
	say(provider, key, HF_CASE_EVENT_REMOVED, 0);
	pass_all(world);
	assert_int_equal(state_of(provider, key), HF_CASE_REMOVED);
}

/* It would spoil what the case is to prove: that the provider had this text. */
static void a_receipt_for_something_else_is_refused(void **state)
{
	struct world *world = *state;
	struct party *hotline = &world->parties[HOTLINE];
	struct party *provider = &world->parties[PROVIDER];
	uint8_t leaf[HF_HASH_BYTES], other[HF_HASH_BYTES] = { 7 };
	char id[CASE_ID_SIZE];
	uint64_t index;
	struct seen seen;

	begin_with_case(world, id);
	see_case(hotline, id, &seen);
	index = seen.summary->opening->index;
	memcpy(leaf, seen.summary->opening->leaf_hash.at, HF_HASH_BYTES);
	seen_release(&seen);
	for (int is_text = 0; is_text < 2; is_text++) {
		const struct hf_case_receipt receipt = {
			.origin = good_origin,
			.index = index,
			.leaf_hash =
				hf_span(is_text ? leaf : other, HF_HASH_BYTES),
			.text_hash = hf_span(other, HF_HASH_BYTES),
		};
		struct forged forged;

		forged_init(&forged, provider, hotline);
		forged_in(&forged, HF_CASE_EVENT_RECEIPT, good_origin, index);
		forged.event.receipt = &receipt;
		forge(&forged);
		assert_refused(world, provider, hotline, "PROOF",
			       "another text than the one that was sent");
	}
	assert_int_equal(count_of(hotline, id, HF_CASE_EVENT_RECEIPT), 1);
}

/*
 * In cases that are not the sender's.
 */

static void an_event_for_a_case_that_never_opened_waits_for_ever(void **state)
{
	struct world *world = *state;
	struct party *hotline = &world->parties[HOTLINE];
	struct party *provider = &world->parties[PROVIDER];
	struct forged forged;
	char id[CASE_ID_SIZE];

	begin_with_case(world, id);
	forged_init(&forged, provider, hotline);
	forged_in(&forged, HF_CASE_EVENT_REMOVED, good_origin, 500);
	forge(&forged);
	pass(provider, hotline);
	settle(hotline);
	assert_int_equal(count_cases(hotline), 1);
	assert_int_equal(heard("work stopped"), 0);
	assert_int_equal(state_of(hotline, id), HF_CASE_ACKNOWLEDGED);
}

static void a_stranger_changes_nothing_in_a_case(void **state)
{
	struct world *world = *state;
	struct party *hotline = &world->parties[HOTLINE];
	struct party *provider = &world->parties[PROVIDER];
	struct party *authority = &world->parties[AUTHORITY];
	char id[CASE_ID_SIZE];
	struct forged forged;

	begin_with_case(world, id);
	forged_init(&forged, authority, hotline);
	forged_in(&forged, HF_CASE_EVENT_WITHDRAW, good_origin, 1);
	forged.event.reason = HF_CASE_REASON_ERROR;
	forge(&forged);
	forged_init(&forged, authority, provider);
	forged_in(&forged, HF_CASE_EVENT_WITHDRAW, good_origin, 1);
	forged.event.reason = HF_CASE_REASON_ERROR;
	forge(&forged);
	pass_all(world);
	assert_int_equal(state_of(hotline, id), HF_CASE_ACKNOWLEDGED);
	assert_int_equal(state_of(provider, id), HF_CASE_ACKNOWLEDGED);
	say(provider, id, HF_CASE_EVENT_REMOVED, 0);
	pass_all(world);
	assert_int_equal(state_of(hotline, id), HF_CASE_REMOVED);
}

/* Another repeats word by word what a party said, under the same id: both
 * stay, and only the party's counts. */
static void nobody_replaces_anothers_event_by_repeating_it(void **state)
{
	struct world *world = *state;
	struct party *hotline = &world->parties[HOTLINE];
	struct party *provider = &world->parties[PROVIDER];
	struct party *authority = &world->parties[AUTHORITY];
	struct forged forged, copy;
	char id[CASE_ID_SIZE];

	begin_with_case(world, id);
	forged_init(&forged, provider, hotline);
	forged_in(&forged, HF_CASE_EVENT_REMOVED, good_origin, 1);
	forge(&forged);
	pass(provider, hotline);
	settle(hotline);
	assert_int_equal(state_of(hotline, id), HF_CASE_REMOVED);
	copy = forged;
	copy.from = authority;
	copy.signs = authority->org.notice;
	copy.event.case_ref = &forged.opening;
	copy.event.event_id = hf_span(forged.id, HF_EVENT_ID_BYTES);
	memcpy(copy.header.sender_id, authority->org.id, HF_HASH_BYTES);
	forge(&copy);
	pass(authority, hotline);
	settle(hotline);
	assert_int_equal(state_of(hotline, id), HF_CASE_REMOVED);
	assert_int_equal(count_of(hotline, id, HF_CASE_EVENT_REMOVED), 1);
}

/* Times and sizes as large as they can be written. */
static void numbers_at_the_edge_stop_nothing(void **state)
{
	struct world *world = *state;
	struct party *hotline = &world->parties[HOTLINE];
	struct party *provider = &world->parties[PROVIDER];
	static const uint8_t root[HF_HASH_BYTES] = { 3 };
	const struct hf_log_mark mark = {
		.origin = "provider.example/cases-0/1",
		.size = UINT64_MAX,
		.root = hf_span(root, sizeof(root)),
	};
	struct forged forged;
	char id[CASE_ID_SIZE];

	begin_with_case(world, id);
	forged_init(&forged, hotline, provider);
	forged_notice(&forged);
	forged.event.at_ms = UINT64_MAX;
	forged.asked.notice.deadline_ms = UINT64_MAX;
	forged.header.expires_ms = UINT64_MAX;
	forge(&forged);
	forged_init(&forged, hotline, provider);
	forged_in(&forged, HF_CASE_EVENT_RENOTIFY, good_origin, 1);
	forged.event.at_ms = UINT64_MAX;
	forged.event.saw = &mark;
	forged.event.saw_count = 1;
	forge(&forged);
	forged_init(&forged, hotline, provider);
	forged_in(&forged, HF_CASE_EVENT_INFO, good_origin, UINT64_MAX);
	forged.event.at_ms = 0;
	forge(&forged);
	pass(hotline, provider);
	settle(provider);
	assert_int_equal(count_cases(provider), 2);
	clock_at(world, NOW_MS + 20 * DAY_MS);
	restart(provider);
	assert_int_equal(heard("work stopped"), 0);
	assert_int_equal(count_of(provider, id, HF_CASE_EVENT_RENOTIFY), 0);
	say(provider, id, HF_CASE_EVENT_REMOVED, 0);
	pass(provider, hotline);
	settle(hotline);
	assert_int_equal(state_of(hotline, id), HF_CASE_REMOVED);
}

/*
 * Too much.
 */

/* A provider that writes without end loses what it writes, nothing else. */
static void nobody_fills_a_case(void **state)
{
	struct world *world = *state;
	struct party *hotline = &world->parties[HOTLINE];
	struct party *provider = &world->parties[PROVIDER];
	char id[CASE_ID_SIZE];
	struct seen seen;

	begin_with_case(world, id);
	for (int i = 0; i < HF_CASE_EVENTS_MAX + 100; i++) {
		struct forged forged;

		forged_init(&forged, provider, hotline);
		forged_in(&forged, HF_CASE_EVENT_REVIEW, good_origin, 1);
		forge(&forged);
	}
	settle(provider);
	forget_log();
	pass(provider, hotline);
	settle(hotline);
	assert_int_equal(heard("work stopped"), 0);
	assert_true(heard_refused() > 0);
	assert_true(heard_refused() < 40);
	see_case(hotline, id, &seen);
	assert_int_equal(seen.summary->state, HF_CASE_UNDER_REVIEW);
	assert_true(seen.got.events_count <= HF_CASE_EVENTS_MAX);
	seen_release(&seen);
	/* The hotline has its places still. */
	say_to(hotline, id, HF_CASE_EVENT_ESCALATE_AUTHORITY,
	       "authority.example");
	assert_int_equal(state_of(hotline, id), HF_CASE_ESCALATED_AUTHORITY);
	{
		struct hf_why why = { "" };
		struct hf_buf bundle;

		hf_buf_init(&bundle, HF_MESSAGE_MAX_BYTES);
		assert_ok(hf_cases_bundle(hotline->cases, id, &bundle, &why),
			  &why);
		hf_buf_release(&bundle);
	}
}

static void refusals_do_not_fill_the_log(void **state)
{
	enum { COUNT = 10000, BATCH = 500 };
	struct world *world = *state;
	struct party *hotline = &world->parties[HOTLINE];
	struct party *provider = &world->parties[PROVIDER];
	uint32_t set;
	char id[CASE_ID_SIZE];

	begin_with_case(world, id);
	set = forge_set(hotline, provider, NULL);
	for (int i = 0; i < COUNT; i += BATCH) {
		static struct hf_ledger_draft drafts[BATCH];
		struct hf_ledger_batch batch = { .set = set,
						 .drafts = drafts,
						 .drafts_count = BATCH };
		struct hf_why why = { "" };

		for (int j = 0; j < BATCH; j++)
			drafts[j] = (struct hf_ledger_draft){
				.op = HF_OP_STATUS,
				.time_ms = NOW_MS,
				.target = HF_LEDGER_SELF,
				.payload = BYTES("nonsense"),
			};
		assert_ok(rig_append(&hotline->rig, &batch, NULL, &why), &why);
	}
	settle(hotline);
	forget_log();
	pass(hotline, provider);
	settle(provider);
	assert_true(heard_refused() >= 16);
	assert_true(heard_refused() <= 32);
	assert_int_equal(heard("refused=8192"), 1);
	notify_of(hotline, "provider.example", HF_REGIME_NTD, id);
	pass_all(world);
	assert_int_equal(state_of(hotline, id), HF_CASE_ACKNOWLEDGED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HOSTILE_TEST(
			what_a_sender_gets_wrong_is_refused_with_the_reason),
		HOSTILE_TEST(garbage_is_refused),
		HOSTILE_TEST(only_an_own_key_is_believed),
		HOSTILE_TEST(
			a_notice_opens_one_case_however_often_it_is_written),
		HOSTILE_TEST(an_event_that_comes_twice_counts_once),
		HOSTILE_TEST(one_who_says_two_things_stops_nobody),
		HOSTILE_TEST(nobody_takes_the_place_of_a_receipt),
		HOSTILE_TEST(a_receipt_for_something_else_is_refused),
		HOSTILE_TEST(
			an_event_for_a_case_that_never_opened_waits_for_ever),
		HOSTILE_TEST(a_stranger_changes_nothing_in_a_case),
		HOSTILE_TEST(nobody_replaces_anothers_event_by_repeating_it),
		HOSTILE_TEST(numbers_at_the_edge_stop_nothing),
		HOSTILE_TEST(nobody_fills_a_case),
		HOSTILE_TEST(refusals_do_not_fill_the_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
