#include "unit.h"

#include "cases_steps.h"

/*
 * Two honest parties, whatever comes when.
 */

/* xorshift64*: the same rounds for the same seed. */
struct dice {
	uint64_t state;
};

static uint32_t roll(struct dice *dice, uint32_t sides)
{
	dice->state ^= dice->state >> 12;
	dice->state ^= dice->state << 25;
	dice->state ^= dice->state >> 27;
	return (uint32_t)((dice->state * 0x2545f4914f6cdd1dull) >> 33) % sides;
}

/* What either may try to say; most of it may not be said then, and is not. */
static const struct {
	enum hf_case_event_kind kind;
	enum hf_case_reason reason;
} moves[] = {
	{ HF_CASE_EVENT_REVIEW, 0 },
	{ HF_CASE_EVENT_REMOVED, 0 },
	{ HF_CASE_EVENT_DISABLED, 0 },
	{ HF_CASE_EVENT_UNAVAILABLE, 0 },
	{ HF_CASE_EVENT_REJECTED, HF_CASE_REASON_NOT_ILLEGAL },
	{ HF_CASE_EVENT_NEEDS_INFO, HF_CASE_REASON_NOT_PRECISE },
	{ HF_CASE_EVENT_IMPOSSIBLE, HF_CASE_REASON_FORCE_MAJEURE },
	{ HF_CASE_EVENT_REINSTATED, HF_CASE_REASON_COMPLAINT_UPHELD },
	{ HF_CASE_EVENT_INFO, 0 },
	{ HF_CASE_EVENT_RENOTIFY, 0 },
	{ HF_CASE_EVENT_OFFLINE, 0 },
	{ HF_CASE_EVENT_ONLINE, 0 },
	{ HF_CASE_EVENT_REAPPEARED, 0 },
	{ HF_CASE_EVENT_CONTEST, HF_CASE_REASON_NOT_ILLEGAL },
	{ HF_CASE_EVENT_WITHDRAW, HF_CASE_REASON_ERROR },
	{ HF_CASE_EVENT_CLOSE, HF_CASE_REASON_DONE },
	{ HF_CASE_EVENT_ESCALATE_LEA, 0 },
};

enum { ROUNDS = 60, STEPS = 14 };

/* One round is a case of its own.  Returns how many events were said. */
static size_t play(struct world *world, struct dice *dice, char *out_id)
{
	struct party *parties[] = { &world->parties[HOTLINE],
				    &world->parties[PROVIDER] };
	size_t said = 0;

	notify_of(parties[0], "provider.example", HF_REGIME_NTD, out_id);
	for (int step = 0; step < STEPS; step++) {
		struct party *one = parties[roll(dice, 2)];
		size_t move = roll(dice, ROWS(moves));

		switch (roll(dice, 8)) {
		case 0: /* a little arrives */
			pass_some(parties[0], parties[1], 1 + roll(dice, 2));
			break;
		case 1:
			pass_some(parties[1], parties[0], 1 + roll(dice, 2));
			break;
		case 2: /* all of it, of one side */
			pass(one, one == parties[0] ? parties[1] : parties[0]);
			break;
		case 3: /* time goes on, somewhere past a deadline */
			set_clock(world, atomic_load(&world->now_ms) +
						 roll(dice, 30) * HOUR_MS);
			settle(one);
			break;
		default:
			if (!knows_case(one, out_id))
				break;
			said += try_say(one, out_id, moves[move].kind,
					moves[move].reason) == HF_OK;
			break;
		}
		if (roll(dice, 3) == 0)
			settle(one);
	}
	return said;
}

static void honest_parties_agree_however_it_was_delivered(void **state)
{
	struct world *world = *state;
	struct party *hotline = &world->parties[HOTLINE];
	struct party *provider = &world->parties[PROVIDER];
	const char *seed = getenv("HF_CASES_SEED");
	struct dice dice = { seed != NULL ? strtoull(seed, NULL, 10)
					  : 20270101 };
	static char ids[ROUNDS][CASE_ID_SIZE];
	size_t said = 0;

	begin_world(world);
	for (int i = 0; i < ROUNDS; i++)
		said += play(world, &dice, ids[i]);
	pass_all(world);
	/* That something was tried at all. */
	assert_true(said > ROUNDS);
	for (int i = 0; i < ROUNDS; i++) {
		if (knows_case(provider, ids[i]))
			assert_agree(hotline, provider, ids[i]);
		else /* it came when it had expired */
			assert_int_equal(state_of(hotline, ids[i]),
					 HF_CASE_DELIVERY_FAILED);
	}
	/* And it is what the ledger says: both forget their views. */
	for (int i = 0; i < 2; i++) {
		struct party *party = i == 0 ? hotline : provider;

		party_stop(party);
		party_forget_views(party);
		assert_ok(party_start(party, &world->why), &world->why);
	}
	assert_int_equal(pass(hotline, provider) + pass(provider, hotline), 0);
	pass_all(world);
	for (int i = 0; i < ROUNDS; i++) {
		if (knows_case(provider, ids[i]))
			assert_agree(hotline, provider, ids[i]);
	}
}

/* Three, of whom no two exchange what the third is told but by quoting it. */
static void three_agree_on_an_escalated_case(void **state)
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
	struct asked asked;
	struct hf_why why = { "" };
	char id[CASE_ID_SIZE], same[CASE_ID_SIZE];

	begin_world(world);
	for (size_t i = 0; i < PARTIES; i++)
		attest(&world->parties[i], authority, HF_ROLE_AUTHORITY, NOW_MS,
		       0);
	notify_of(hotline, "provider.example", HF_REGIME_NTD, id);
	pass_all(world);
	say(provider, id, HF_CASE_EVENT_REJECTED, HF_CASE_REASON_NOT_ILLEGAL);
	pass_all(world);
	say_to(hotline, id, HF_CASE_EVENT_ESCALATE_AUTHORITY,
	       "authority.example");
	pass_all(world);
	assert_int_equal(state_of(authority, id), HF_CASE_ESCALATED_AUTHORITY);
	asked_init(&asked, "provider.example", HF_REGIME_CSAM_ORDER);
	asked.notice.content_class = HF_CLASS_CSAM;
	asked.notice.order = &an_order;
	asked.request.kind = HF_CASE_EVENT_ORDER;
	asked.request.case_id = id;
	assert_ok(try_send(authority, &asked.request, same, &why), &why);
	assert_string_equal(same, id);
	/* The provider has it, complies, and the hotline hears of that before
	 * it hears of the order. */
	settle(authority);
	pass(authority, provider);
	settle(provider);
	assert_int_equal(state_of(provider, id), HF_CASE_ORDERED);
	say(provider, id, HF_CASE_EVENT_COMPLIED, 0);
	settle(provider);
	pass(provider, hotline);
	settle(hotline);
	/* With what the provider passed on, it understands both. */
	assert_int_equal(state_of(hotline, id), HF_CASE_COMPLIED);
	pass_all(world);
	say(hotline, id, HF_CASE_EVENT_OFFLINE, 0);
	pass_all(world);
	assert_int_equal(state_of(authority, id), HF_CASE_VERIFIED_OFFLINE);
	assert_agree(hotline, provider, id);
	assert_agree(hotline, authority, id);
}

/*
 * What is not there when it is needed.
 */

static void what_the_signer_missed_is_done_when_it_is_back(void **state)
{
	struct world *world = *state;
	struct party *hotline = &world->parties[HOTLINE];
	struct party *provider = &world->parties[PROVIDER];
	struct hf_why why = { "" };
	struct asked asked;
	char id[CASE_ID_SIZE];

	begin_world(world);
	notify_of(hotline, "provider.example", HF_REGIME_NTD, id);
	pass(hotline, provider);
	settle(provider);
	notify_of(hotline, "provider.example", HF_REGIME_NTD, id);
	played_stop(&provider->signer);
	pass(hotline, provider);
	assert_int_equal(hf_cases_settle(provider->cases, &why),
			 HF_E_UNAVAILABLE);
	assert_false(knows_case(provider, id));
	assert_ok(played_start(&provider->signer, &why), &why);
	pass_all(world);
	assert_int_equal(state_of(hotline, id), HF_CASE_ACKNOWLEDGED);

	/* The notifier's own is away: nothing is sent, and the same request
	 * opens one case later. */
	asked_init(&asked, "provider.example", HF_REGIME_NTD);
	played_stop(&hotline->signer);
	assert_int_equal(try_send(hotline, &asked.request, id, &why),
			 HF_E_UNAVAILABLE);
	assert_ok(played_start(&hotline->signer, &why), &why);
	assert_ok(try_send(hotline, &asked.request, id, &why), &why);
	assert_ok(try_send(hotline, &asked.request, id, &why), &why);
	pass_all(world);
	assert_int_equal(count_cases(provider), 3);
	assert_int_equal(count_cases(hotline), 3);
}

/* The same request once more, for somebody else: the case that there is. */
static void a_request_opens_one_case(void **state)
{
	struct world *world = *state;
	struct party *hotline = &world->parties[HOTLINE];
	struct hf_why why = { "" };
	struct asked asked;
	char id[CASE_ID_SIZE], again[CASE_ID_SIZE];

	begin_world(world);
	asked_init(&asked, "provider.example", HF_REGIME_NTD);
	assert_ok(try_send(hotline, &asked.request, id, &why), &why);
	asked.notice.provider = "authority.example";
	assert_ok(try_send(hotline, &asked.request, again, &why), &why);
	assert_string_equal(id, again);
	pass_all(world);
	assert_int_equal(count_cases(&world->parties[AUTHORITY]), 0);
	assert_int_equal(count_cases(hotline), 1);
}

/* Agreement and entries come late, in whatever order. */
static void a_reader_that_learns_of_a_set_late_misses_nothing(void **state)
{
	struct world *world = *state;
	struct party *hotline = &world->parties[HOTLINE];
	struct party *provider = &world->parties[PROVIDER];
	struct hf_why why = { "" };
	char id[CASE_ID_SIZE];

	begin_world(world);
	world->holds_agreements = true;
	notify_of(hotline, "provider.example", HF_REGIME_NTD, id);
	assert_int_equal(pass(hotline, provider), 0);
	assert_ok(introduce(hotline, &why), &why);
	world->holds_agreements = false;
	pass_all(world);
	assert_int_equal(state_of(hotline, id), HF_CASE_ACKNOWLEDGED);
	assert_agree(hotline, provider, id);
}

/*
 * Drafts.
 */

static void a_draft_stays_here_until_it_is_released(void **state)
{
	struct world *world = *state;
	struct party *hotline = &world->parties[HOTLINE];
	struct party *provider = &world->parties[PROVIDER];
	struct hf_update_case_request release = { .is_release = true,
						  .to = "" };
	struct hf_update_case_response response;
	struct hf_why why = { "" };
	struct hf_arena arena;
	struct hf_buf mail;
	struct asked asked;
	char draft[CASE_ID_SIZE], id[CASE_ID_SIZE];
	struct seen seen;

	begin_world(world);
	asked_init(&asked, "provider.example", HF_REGIME_NTD);
	asked.request.hold = HF_CASE_HELD_POLICE;
	assert_ok(try_send(hotline, &asked.request, draft, &why), &why);
	assert_ok(try_send(hotline, &asked.request, draft, &why), &why);
	pass_all(world);
	assert_int_equal(count_cases(provider), 0);
	assert_int_equal(count_cases(hotline), 1);
	/* It is there with views that are new. */
	party_stop(hotline);
	party_forget_views(hotline);
	assert_ok(party_start(hotline, &why), &why);
	settle(hotline);
	see_case(hotline, draft, &seen);
	assert_int_equal(seen.summary->state, HF_CASE_HELD_POLICE);
	assert_int_equal(seen.got.events_count, 1);
	seen_release(&seen);

	release.case_id = draft;
	release.request_id = hf_span(asked.id, sizeof(asked.id));
	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	hf_buf_init(&mail, HF_MAIL_MAX_BYTES);
	assert_ok(hf_cases_update(hotline->cases, &release, &arena, &response,
				  &mail, &why),
		  &why);
	strcpy(id, response.summary->case_id);
	hf_buf_release(&mail);
	hf_arena_release(&arena);
	assert_false(knows_case(hotline, draft));
	pass_all(world);
	assert_int_equal(state_of(provider, id), HF_CASE_ACKNOWLEDGED);
	assert_int_equal(count_cases(hotline), 1);
}

/*
 * Many at once.
 */

enum { SENDERS = 3, EACH = 25 };

struct sender {
	struct party *party;
	struct asked asked[EACH];
	size_t sent;
	pthread_t thread;
	bool is_running;
};

static void *send_all(void *arg)
{
	struct sender *sender = arg;
	char id[CASE_ID_SIZE];

	for (size_t i = 0; i < EACH; i++)
		sender->sent +=
			try_send(sender->party, &sender->asked[i].request, id,
				 NULL) == HF_OK;
	return NULL;
}

struct lister {
	struct party *party;
	_Atomic bool must_end;
	size_t failed;
	pthread_t thread;
	bool is_running;
};

static void *list_all(void *arg)
{
	const struct hf_list_cases_request request = { .page_token = "",
						       .provider = "" };
	struct hf_list_cases_response response;
	struct lister *lister = arg;
	struct hf_arena arena;

	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	while (!atomic_load(&lister->must_end)) {
		lister->failed +=
			hf_cases_list(lister->party->cases, &request, &arena,
				      &response, NULL) != HF_OK;
		hf_arena_reset(&arena);
	}
	hf_arena_release(&arena);
	return NULL;
}

static struct sender senders[SENDERS];
static struct lister lister;

static void begin_calling(struct party *party)
{
	for (size_t i = 0; i < SENDERS; i++) {
		struct sender *sender = &senders[i];

		*sender = (struct sender){ .party = party };
		for (size_t j = 0; j < EACH; j++)
			asked_init(&sender->asked[j], "provider.example",
				   HF_REGIME_NTD);
		sender->is_running = pthread_create(&sender->thread, NULL,
						    send_all, sender) == 0;
		assert_true(sender->is_running);
	}
	lister.party = party;
	lister.failed = 0;
	atomic_store(&lister.must_end, false);
	lister.is_running =
		pthread_create(&lister.thread, NULL, list_all, &lister) == 0;
	assert_true(lister.is_running);
}

/* How many notices were sent. */
static size_t end_calling(void)
{
	size_t sent = 0;

	for (size_t i = 0; i < SENDERS; i++) {
		if (senders[i].is_running)
			pthread_join(senders[i].thread, NULL);
		senders[i].is_running = false;
		sent += senders[i].sent;
	}
	atomic_store(&lister.must_end, true);
	if (lister.is_running)
		pthread_join(lister.thread, NULL);
	lister.is_running = false;
	return sent;
}

/* Also where the test failed. */
static int callers_down(void **state)
{
	end_calling();
	return world_down(state);
}

/* Callers, the thread of the cases and what arrives get on beside each other:
 * every notice is there once, and answered. */
static void many_call_while_events_arrive(void **state)
{
	struct world *world = *state;
	struct party *hotline = &world->parties[HOTLINE];
	struct party *provider = &world->parties[PROVIDER];

	begin_world(world);
	begin_calling(hotline);
	for (int i = 0; i < 20; i++) {
		pass(hotline, provider);
		settle(provider);
		pass(provider, hotline);
	}
	assert_int_equal(end_calling(), SENDERS * EACH);
	assert_int_equal(lister.failed, 0);
	pass_all(world);
	assert_int_equal(count_cases(hotline), SENDERS * EACH);
	assert_int_equal(count_cases(provider), SENDERS * EACH);
}

/*
 * Room.
 */

/* The map of the views begins small and has to grow under everything that
 * writes to it. */
static void views_grow_under_whatever_writes_to_them(void **state)
{
	enum { CASES = 150 };
	struct world *world = *state;
	struct party *hotline = &world->parties[HOTLINE];
	struct party *provider = &world->parties[PROVIDER];
	static char ids[CASES][CASE_ID_SIZE];
	struct asked draft;
	struct hf_why why = { "" };
	char id[CASE_ID_SIZE];

	for (size_t i = 0; i < PARTIES; i++)
		world->parties[i].views_map_bytes = 128 * 1024;
	begin_world(world);
	for (int i = 0; i < CASES; i++) {
		notify_of(hotline, "provider.example", HF_REGIME_NTD, ids[i]);
		if (i % 50 == 0) {
			asked_init(&draft, "provider.example", HF_REGIME_NTD);
			draft.request.hold = HF_CASE_DRAFT;
			assert_ok(try_send(hotline, &draft.request, id, &why),
				  &why);
		}
	}
	pass_all(world);
	clock_at(world, NOW_MS + 30 * HOUR_MS);
	pass_all(world);
	for (int i = 0; i < CASES; i++) {
		assert_agree(hotline, provider, ids[i]);
		assert_int_equal(
			count_of(provider, ids[i], HF_CASE_EVENT_RENOTIFY), 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASES_TEST(honest_parties_agree_however_it_was_delivered),
		CASES_TEST(three_agree_on_an_escalated_case),
		CASES_TEST(what_the_signer_missed_is_done_when_it_is_back),
		CASES_TEST(a_request_opens_one_case),
		CASES_TEST(a_reader_that_learns_of_a_set_late_misses_nothing),
		CASES_TEST(a_draft_stays_here_until_it_is_released),
		cmocka_unit_test_setup_teardown(many_call_while_events_arrive,
						world_up, callers_down),
		CASES_TEST(views_grow_under_whatever_writes_to_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
