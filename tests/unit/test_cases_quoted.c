#include "unit.h"

#include "case_row.h"
#include "cases_forge.h"

/*
 * Quotations.
 */

struct quoted {
	struct hf_quoted_event event;
	struct hf_entry_ref entry;
	struct hf_buf text;
	struct hf_buf envelope;
	uint8_t signature[HF_SIGNATURE_BYTES];
};

/* What the author of `said` signed for its reader, as found at (origin,
 * index). */
static void quoted_init(struct quoted *quoted, struct forged *said,
			const char *origin, uint64_t index)
{
	static const uint8_t seed[HF_SEED_BYTES] = { 0x55 };
	struct hf_why why = { "" };

	memset(quoted, 0, sizeof(*quoted));
	hf_buf_init(&quoted->text, HF_CASE_TEXT_MAX_BYTES);
	hf_buf_init(&quoted->envelope, HF_PAYLOAD_MAX_BYTES);
	assert_int_equal(hf_case_event_encode(&said->event, &quoted->text),
			 HF_OK);
	assert_ok(hf_envelope_seal(&said->header, hf_buf_span(&quoted->text),
				   said->signs, said->to->org.receive, seed,
				   &quoted->envelope, quoted->signature, &why),
		  &why);
	quoted->entry = (struct hf_entry_ref){
		.origin = origin,
		.index = index,
		.leaf_hash = hf_span(said->leaf, HF_HASH_BYTES),
	};
	quoted->event = (struct hf_quoted_event){
		.header =
			hf_span(quoted->envelope.at, HF_ENVELOPE_HEADER_BYTES),
		.text = hf_buf_span(&quoted->text),
		.signature = hf_span(quoted->signature, HF_SIGNATURE_BYTES),
		.entry = &quoted->entry,
	};
}

static void quoted_release(struct quoted *quoted)
{
	hf_buf_release(&quoted->text);
	hf_buf_release(&quoted->envelope);
}

static void forge_quote(struct party *from, struct party *to,
			struct quoted *quoted, uint64_t index)
{
	struct forged forged;

	forged_init(&forged, from, to);
	forged_in(&forged, HF_CASE_EVENT_QUOTE, good_origin, index);
	forged.event.quoted = &quoted->event;
	forge(&forged);
}

static void a_quotation_must_be_what_its_author_signed(void **state)
{
	struct world *world = *state;
	struct party *hotline = &world->parties[HOTLINE];
	struct party *provider = &world->parties[PROVIDER];
	struct party *authority = &world->parties[AUTHORITY];
	struct forged said, inner;
	struct quoted quoted, twice;
	char id[CASE_ID_SIZE];

	begin_with_case(world, id);
	forged_init(&said, provider, hotline);
	forged_in(&said, HF_CASE_EVENT_REMOVED, good_origin, 1);

	/* An author that nobody here knows. */
	quoted_init(&quoted, &said, "provider.example/cases-0/1", 4);
	quoted.envelope.at[1] ^= 1;
	forge_quote(hotline, authority, &quoted, 1);
	assert_refused(world, hotline, authority, "NOTFOUND", "not enrolled");
	quoted_release(&quoted);

	/* Another text. */
	quoted_init(&quoted, &said, "provider.example/cases-0/1", 4);
	quoted.text.at[quoted.text.len_bytes - 1] ^= 1;
	forge_quote(hotline, authority, &quoted, 1);
	assert_refused(world, hotline, authority, "SIGNATURE", "");
	quoted_release(&quoted);

	/* Another's opening: out of a set that is not its author's. */
	quoted_init(&quoted, &said, good_origin, 1);
	forge_quote(hotline, authority, &quoted, 1);
	assert_refused(world, hotline, authority, "DENIED", "not its author's");
	quoted_release(&quoted);

	/* A quotation of a quotation. */
	quoted_init(&quoted, &said, "provider.example/cases-0/1", 4);
	forged_init(&inner, provider, hotline);
	forged_in(&inner, HF_CASE_EVENT_QUOTE, good_origin, 1);
	inner.event.quoted = &quoted.event;
	quoted_init(&twice, &inner, "provider.example/cases-0/1", 5);
	forge_quote(hotline, authority, &twice, 1);
	assert_refused(world, hotline, authority, "MALFORMED",
		       "a quote of a quote");
	quoted_release(&twice);
	quoted_release(&quoted);
}

/* A notice that the authority knows already cannot be shown to it as a second
 * case by one who quotes it at another place. */
static void a_quoted_notice_opens_one_case(void **state)
{
	struct world *world = *state;
	struct party *hotline = &world->parties[HOTLINE];
	struct party *authority = &world->parties[AUTHORITY];
	struct forged said;
	struct quoted quoted;
	char id[CASE_ID_SIZE];

	begin_with_case(world, id);
	forged_init(&said, hotline, &world->parties[PROVIDER]);
	forged_notice(&said);
	quoted_init(&quoted, &said, good_origin, 7);
	forge_quote(hotline, authority, &quoted, 7);
	pass(hotline, authority);
	settle(authority);
	assert_int_equal(count_cases(authority), 1);
	quoted.entry.index = 8;
	forge_quote(hotline, authority, &quoted, 8);
	assert_refused(world, hotline, authority, "EXISTS", "once more");
	quoted_release(&quoted);
}

/* Put the provider out of the authority's ring, or in again. */
static void meet(struct world *world, bool is_enrolled)
{
	struct party *authority = &world->parties[AUTHORITY];
	static char name[] = "provider.example";
	struct hf_why why = { "" };

	if (is_enrolled)
		assert_ok(
			party_enrol(authority, &world->parties[PROVIDER], &why),
			&why);
	else
		assert_ok(hf_ring_remove_peer(authority->ring_dir, BYTES(name),
					      &why),
			  &why);
	assert_ok(hf_ring_holder_reload(authority->ring, &why), &why);
}

static void begin_again(struct party *party)
{
	struct hf_why why = { "" };

	party_stop(party);
	party_forget_views(party);
	assert_ok(party_start(party, &why), &why);
	settle(party);
}

/* Whether they count or not. */
static size_t events_of(struct party *party, const char *id)
{
	struct seen seen;
	size_t count;

	see_case(party, id, &seen);
	count = seen.got.events_count;
	seen_release(&seen);
	return count;
}

/* More than one round. */
#define QUOTES 70

/* The authority hears of a case whose provider it does not know yet: what is
 * quoted of it counts as soon as it does, whatever happened in between. */
static void what_a_stranger_said_counts_once_he_is_enrolled(void **state)
{
	struct world *world = *state;
	struct party *hotline = &world->parties[HOTLINE];
	struct party *provider = &world->parties[PROVIDER];
	struct party *authority = &world->parties[AUTHORITY];
	uint8_t key[HF_CASE_KEY_BYTES];
	char id[CASE_ID_SIZE];
	struct quoted quoted;
	struct forged said;

	begin_with_case(world, id);
	forged_init(&said, hotline, provider);
	forged_notice(&said);
	quoted_init(&quoted, &said, good_origin, 7);
	forge_quote(hotline, authority, &quoted, 7);
	quoted_release(&quoted);
	hf_case_key(hf_span_of(good_origin), 7, key);
	hf_hex(key, sizeof(key), id);
	meet(world, false);
	for (uint64_t i = 0; i < QUOTES; i++) {
		forged_init(&said, provider, hotline);
		forged_in(&said,
			  i == 0 ? HF_CASE_EVENT_REMOVED : HF_CASE_EVENT_INFO,
			  good_origin, 7);
		quoted_init(&quoted, &said, "provider.example/cases-0/1",
			    4 + i);
		forge_quote(hotline, authority, &quoted, 7);
		quoted_release(&quoted);
	}
	/* The hotline, too, says what it thinks of its set. */
	settle(hotline);
	forget_log();
	pass(hotline, authority);
	settle(authority);
	assert_int_not_equal(heard_refused(), 0);
	assert_int_equal(
		heard("not enrolled here, out of a set of provider.example"),
		heard("err=NOTFOUND "));
	assert_int_equal(state_of(authority, id), HF_CASE_NOTICED);

	begin_again(authority);
	assert_int_equal(state_of(authority, id), HF_CASE_NOTICED);
	forget_log();
	meet(world, true);
	settle(authority);
	assert_int_equal(state_of(authority, id), HF_CASE_REMOVED);
	assert_int_equal(count_of(authority, id, HF_CASE_EVENT_REMOVED), 1);
	assert_int_equal(events_of(authority, id), 1 + QUOTES);
	assert_int_equal(heard_refused(), 0);
	begin_again(authority);
	assert_int_equal(state_of(authority, id), HF_CASE_REMOVED);
	assert_int_equal(events_of(authority, id), 1 + QUOTES);
}

/* Whom the authority meets later calls himself otherwise than the notice did:
 * that is asked when a case is first read, and no case is taken back. */
static void a_case_that_counted_is_not_put_in_question_later(void **state)
{
	struct world *world = *state;
	struct party *hotline = &world->parties[HOTLINE];
	struct party *authority = &world->parties[AUTHORITY];
	uint8_t key[HF_CASE_KEY_BYTES];
	char id[CASE_ID_SIZE];
	struct quoted quoted;
	struct forged said;

	begin_with_case(world, id);
	meet(world, false);
	forged_init(&said, hotline, &world->parties[PROVIDER]);
	forged_notice(&said);
	said.asked.notice.provider = "another.example";
	quoted_init(&quoted, &said, good_origin, 7);
	forge_quote(hotline, authority, &quoted, 7);
	quoted_release(&quoted);
	pass(hotline, authority);
	settle(authority);
	hf_case_key(hf_span_of(good_origin), 7, key);
	hf_hex(key, sizeof(key), id);
	assert_true(knows_case(authority, id));
	meet(world, true);
	begin_again(authority);
	assert_true(knows_case(authority, id));
}

/*
 * What is said of logs.
 */

/* The hotline says how far it saw the provider's log. */
static void forge_mark(struct world *world, enum hf_case_event_kind kind,
		       const char *origin, uint64_t size, const uint8_t *root)
{
	struct hf_log_mark mark = {
		.origin = origin,
		.size = size,
		.root = hf_span(root, HF_HASH_BYTES),
	};
	struct forged forged;

	forged_init(&forged, &world->parties[HOTLINE],
		    &world->parties[PROVIDER]);
	forged_in(&forged, kind, good_origin, 1);
	forged.event.reason = HF_CASE_REASON_ERROR;
	forged.event.saw = &mark;
	forged.event.saw_count = 1;
	forge(&forged);
}

static void a_mark_with_another_root_shows_a_fork(void **state)
{
	struct world *world = *state;
	struct party *hotline = &world->parties[HOTLINE];
	struct party *provider = &world->parties[PROVIDER];
	static const uint8_t root[HF_HASH_BYTES] = { 9 };
	char id[CASE_ID_SIZE];
	struct seen seen;
	bool is_there = false;

	begin_with_case(world, id);
	forge_mark(world, HF_CASE_EVENT_WITHDRAW, "provider.example/cases-0/1",
		   1, root);
	pass(hotline, provider);
	settle(provider);
	see_case(provider, id, &seen);
	assert_int_equal(seen.summary->state, HF_CASE_ACKNOWLEDGED);
	for (size_t i = 0; i < seen.got.events_count; i++) {
		if (seen.got.events[i].event->kind != HF_CASE_EVENT_WITHDRAW)
			continue;
		is_there = true;
		assert_string_equal(seen.got.events[i].refused, "equivocal");
	}
	assert_true(is_there);
	seen_release(&seen);
	/* It is not what the next event of ours follows. */
	say(provider, id, HF_CASE_EVENT_REMOVED, 0);
	pass_all(world);
	assert_int_equal(state_of(hotline, id), HF_CASE_REMOVED);
}

/* How far a log has come. */
static void mark_of(struct party *who, const char *origin,
		    struct hf_tree_hash *root, struct hf_log_mark *out)
{
	struct hf_ledger_info info;
	struct hf_ledger_view *view;
	struct hf_why why = { "" };
	uint32_t set;

	assert_ok(hf_ledger_view_begin(who->rig.ledger, &view, &why), &why);
	assert_ok(hf_ledger_find(view, hf_span_of(origin), &set, &why), &why);
	assert_ok(hf_ledger_info(view, set, &info, &why), &why);
	assert_ok(hf_ledger_root(view, set, info.size, root, &why), &why);
	hf_ledger_view_end(view);
	*out = (struct hf_log_mark){
		.origin = origin,
		.size = info.size,
		.root = hf_span(root->bytes, HF_HASH_BYTES),
	};
}

/* Hand over this one set. */
static void pass_only(struct party *from, struct party *to, uint32_t set)
{
	struct passage passage = { .from = from, .to = to };
	struct hf_ledger_view *view;
	struct hf_why why = { "" };
	uint64_t passed = 0;

	assert_ok(hf_ledger_view_begin(from->rig.ledger, &view, &why), &why);
	assert_ok(hf_ledger_info(view, set, &passage.source, &why), &why);
	hf_ledger_view_end(view);
	assert_ok(pass_set(&passage, UINT64_MAX, &passed, &why), &why);
	assert_true(passed > 0);
}

/* Marks of two logs that the reader does not have so far: the event waits for
 * both of them. */
static void a_mark_that_is_ahead_waits(void **state)
{
	struct world *world = *state;
	struct party *hotline = &world->parties[HOTLINE];
	struct party *provider = &world->parties[PROVIDER];
	struct party *authority = &world->parties[AUTHORITY];
	struct hf_log_mark marks[2];
	struct hf_tree_hash roots[2];
	char id[CASE_ID_SIZE], other[CASE_ID_SIZE];
	struct hf_buf text, envelope;
	struct forged forged;
	uint32_t set;

	begin_with_case(world, id);
	/* Both write more for the provider than it gets. */
	notify_of(hotline, "provider.example", HF_REGIME_NTD, other);
	notify_of(authority, "provider.example", HF_REGIME_NTD, other);
	mark_of(hotline, good_origin, &roots[0], &marks[0]);
	mark_of(authority, "authority.example/cases-0/1", &roots[1], &marks[1]);
	forged_init(&forged, hotline, provider);
	forged_in(&forged, HF_CASE_EVENT_INFO, good_origin, 1);
	forged.event.saw = marks;
	forged.event.saw_count = 2;
	hf_buf_init(&text, HF_CASE_TEXT_MAX_BYTES);
	hf_buf_init(&envelope, HF_PAYLOAD_MAX_BYTES);
	assert_int_equal(hf_case_event_encode(&forged.event, &text), HF_OK);
	forge_envelope(&forged, hf_buf_span(&text), &envelope);
	/* In a set of its own, so that it comes before what it speaks of. */
	set = forge_new_set(hotline, provider);
	forge_into(hotline, set, HF_OP_STATUS, hf_buf_span(&envelope));
	pass_only(hotline, provider, set);
	hf_buf_release(&text);
	hf_buf_release(&envelope);

	settle(provider);
	assert_int_equal(count_of(provider, id, HF_CASE_EVENT_INFO), 0);
	pass(hotline, provider);
	settle(provider);
	assert_int_equal(count_of(provider, id, HF_CASE_EVENT_INFO), 0);
	/* What is said meanwhile does not depend on it. */
	say(provider, id, HF_CASE_EVENT_REVIEW, 0);
	assert_int_equal(state_of(provider, id), HF_CASE_UNDER_REVIEW);
	pass(authority, provider);
	settle(provider);
	assert_int_equal(count_of(provider, id, HF_CASE_EVENT_INFO), 1);
}

/* The party holds this set of the other's for somebody else. */
static void carry(struct party *party, struct party *writer, const char *origin)
{
	struct hf_ring *ring = hf_ring_holder_get(writer->ring);
	const struct hf_ring_set *set = hf_ring_set(ring, hf_span_of(origin));
	struct hf_why why = { "" };

	assert_non_null(set);
	assert_ok(
		make_set(party, HF_LEDGER_FOREIGN, origin, set->document, &why),
		&why);
	hf_ring_release(ring);
}

/* A case that the hotline quotes, opened at this place of its log, and an event
 * in it that saw more of that log than the reader has. */
static void quote_ahead(struct party *hotline, struct party *reader,
			uint64_t index, const struct hf_log_mark *mark)
{
	struct quoted quoted;
	struct forged said;

	forged_init(&said, hotline, &hotline->world->parties[PROVIDER]);
	forged_notice(&said);
	quoted_init(&quoted, &said, good_origin, index);
	forge_quote(hotline, reader, &quoted, index);
	quoted_release(&quoted);
	forged_init(&said, hotline, reader);
	forged_in(&said, HF_CASE_EVENT_INFO, good_origin, index);
	said.event.saw = mark;
	said.event.saw_count = 1;
	forge(&said);
}

/* How many of these cases have their event. */
static size_t count_informed(struct party *party, uint64_t first, size_t count)
{
	size_t informed = 0;

	for (size_t i = 0; i < count; i++) {
		uint8_t key[HF_CASE_KEY_BYTES];
		char id[CASE_ID_SIZE];

		hf_case_key(hf_span_of(good_origin), first + i, key);
		hf_hex(key, sizeof(key), id);
		informed += count_of(party, id, HF_CASE_EVENT_INFO);
	}
	return informed;
}

/* More cases than the few turns that follow a passage look at, of 64 each. */
#define WAITING 400

static void a_mark_of_a_log_that_is_only_carried_is_waited_for(void **state)
{
	struct world *world = *state;
	struct party *hotline = &world->parties[HOTLINE];
	struct party *authority = &world->parties[AUTHORITY];
	struct hf_log_mark mark;
	struct hf_tree_hash root;
	char id[CASE_ID_SIZE];

	begin_with_case(world, id);
	carry(authority, hotline, good_origin);
	mark_of(hotline, good_origin, &root, &mark);
	for (uint64_t i = 0; i < WAITING; i++)
		quote_ahead(hotline, authority, 7 + i, &mark);
	pass_only(hotline, authority, forge_set(hotline, authority, NULL));
	settle(authority);
	assert_int_equal(count_informed(authority, 7, WAITING), 0);
	pass(hotline, authority);
	settle(authority);
	assert_int_equal(count_informed(authority, 7, WAITING), WAITING);
	/* It was carried, and not read. */
	assert_false(knows_case(authority, id));
}

/* A hotline quotes an order to the provider before that has it from the
 * authority: it is acknowledged all the same. */
static void
an_original_that_comes_after_its_quotation_is_acknowledged(void **state)
{
	struct world *world = *state;
	struct party *hotline = &world->parties[HOTLINE];
	struct party *provider = &world->parties[PROVIDER];
	struct party *authority = &world->parties[AUTHORITY];
	static const struct hf_order an_order = {
		.reference = "2026/17",
		.issuing_state = "NL",
		.authority = "The authority",
		.addressee = "The provider",
	};
	struct forged said;
	struct quoted quoted;
	char id[CASE_ID_SIZE];
	uint64_t index;

	begin_with_case(world, id);
	attest(provider, authority, HF_ROLE_AUTHORITY, NOW_MS, 0);
	forged_init(&said, authority, provider);
	forged_notice(&said);
	forged_in(&said, HF_CASE_EVENT_ORDER, good_origin, 1);
	said.asked.notice.regime = HF_REGIME_CSAM_ORDER;
	said.asked.notice.content_class = HF_CLASS_CSAM;
	said.asked.notice.order = &an_order;
	index = forge(&said);
	quoted_init(&quoted, &said, "authority.example/cases-0/1", index);
	forge_quote(hotline, provider, &quoted, 1);
	pass(hotline, provider);
	settle(provider);
	assert_int_equal(state_of(provider, id), HF_CASE_ORDERED);
	assert_int_equal(count_of(provider, id, HF_CASE_EVENT_RECEIPT), 1);
	pass(authority, provider);
	settle(provider);
	assert_int_equal(state_of(provider, id), HF_CASE_ORDERED);
	assert_int_equal(count_of(provider, id, HF_CASE_EVENT_ORDER), 1);
	assert_int_equal(count_of(provider, id, HF_CASE_EVENT_RECEIPT), 2);
	quoted_release(&quoted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HOSTILE_TEST(a_quotation_must_be_what_its_author_signed),
		HOSTILE_TEST(a_quoted_notice_opens_one_case),
		HOSTILE_TEST(what_a_stranger_said_counts_once_he_is_enrolled),
		HOSTILE_TEST(a_case_that_counted_is_not_put_in_question_later),
		HOSTILE_TEST(a_mark_with_another_root_shows_a_fork),
		HOSTILE_TEST(a_mark_that_is_ahead_waits),
		HOSTILE_TEST(
			a_mark_of_a_log_that_is_only_carried_is_waited_for),
		HOSTILE_TEST(
			an_original_that_comes_after_its_quotation_is_acknowledged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
