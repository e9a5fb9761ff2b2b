#include "unit.h"

#include "cases_steps.h"

/*
 * What whoever watches is told.
 */

struct ear {
	uint8_t position[HF_CASES_POSITION_BYTES];
	char words[128]; /* of clocks, in turn, each with a blank behind it */
	size_t changes;  /* all of them */
};

static void ear_init(struct ear *ear, struct party *party)
{
	struct hf_why why = { "" };

	memset(ear, 0, sizeof(*ear));
	assert_ok(hf_cases_mark(party->cases, ear->position, &why), &why);
}

/* What was told since the last time. */
static const char *hear(struct ear *ear, struct party *party)
{
	struct hf_watch_cases_response news;
	struct hf_arena arena;
	struct hf_why why = { "" };
	uint8_t position[HF_CASES_POSITION_BYTES];

	ear->words[0] = '\0';
	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	while (hf_cases_next_change(
		       party->cases,
		       hf_span(ear->position, sizeof(ear->position)), &arena,
		       position, &news, &why) == HF_OK) {
		memcpy(ear->position, position, sizeof(position));
		ear->changes++;
		if (news.clock[0] != '\0') {
			strcat(ear->words, news.clock);
			strcat(ear->words, " ");
		}
	}
	hf_arena_release(&arena);
	return ear->words;
}

/* At this time by everybody's clock, the party's watcher is told this. */
static void assert_told(struct world *world, struct party *party,
			struct ear *ear, uint64_t at_ms, const char *words)
{
	clock_at(world, at_ms);
	assert_string_equal(hear(ear, party), words);
}

static uint64_t due_of(struct party *party, const char *id)
{
	struct seen seen;
	uint64_t due_ms;

	see_case(party, id, &seen);
	due_ms = seen.summary->due_ms;
	seen_release(&seen);
	return due_ms;
}

static bool is_overdue(struct party *party, const char *id)
{
	struct seen seen;
	bool is;

	see_case(party, id, &seen);
	is = seen.summary->is_overdue;
	seen_release(&seen);
	return is;
}

static size_t reminders(struct party *party, const char *id)
{
	return count_of(party, id, HF_CASE_EVENT_RENOTIFY);
}

static struct hf_conf_regime regime_of(enum hf_regime regime)
{
	return (struct hf_conf_regime){
		.regime = regime,
		.rules = *hf_case_rules_default(regime),
	};
}

static void set_regime(struct party *party, struct hf_conf_regime regime)
{
	party->regimes[0] = regime;
	party->conf.regimes = party->regimes;
	party->conf.regimes_count = 1;
}

/* A notice that was acknowledged, and is due then. */
static uint64_t begin_noticed(struct world *world, enum hf_regime regime,
			      char *out_id)
{
	begin_world(world);
	notify_of(&world->parties[HOTLINE], "provider.example", regime, out_id);
	pass_all(world);
	return due_of(&world->parties[HOTLINE], out_id);
}

static void warnings_come_before_and_overdue_at_the_deadline(void **state)
{
	struct world *world = *state;
	struct party *hotline = &world->parties[HOTLINE];
	struct party *provider = &world->parties[PROVIDER];
	struct ear ours, theirs;
	char id[CASE_ID_SIZE];
	uint64_t due_ms = begin_noticed(world, HF_REGIME_NTD, id);

	assert_true(due_ms == NOW_MS + 24 * HOUR_MS);
	ear_init(&ours, hotline);
	ear_init(&theirs, provider);
	assert_told(world, hotline, &ours, due_ms - 6 * HOUR_MS - 1, "");
	assert_told(world, hotline, &ours, due_ms - 6 * HOUR_MS, "warning ");
	assert_string_equal(hear(&theirs, provider), "warning ");
	assert_told(world, hotline, &ours, due_ms - HOUR_MS - 1, "");
	assert_told(world, hotline, &ours, due_ms - HOUR_MS, "warning ");
	assert_told(world, hotline, &ours, due_ms - 1, "");
	assert_false(is_overdue(hotline, id));
	assert_int_equal(reminders(hotline, id), 0);
	assert_told(world, hotline, &ours, due_ms, "overdue ");
	assert_true(is_overdue(hotline, id));
	/* Who was away hears the last word alone. */
	assert_string_equal(hear(&theirs, provider), "overdue ");
	assert_int_equal(reminders(hotline, id), 1);
	/* Nothing comes of looking again. */
	assert_told(world, hotline, &ours, due_ms + 1, "");
	assert_int_equal(reminders(hotline, id), 1);
}

static void
a_silent_provider_is_reminded_and_the_authority_told_once(void **state)
{
	struct world *world = *state;
	struct party *hotline = &world->parties[HOTLINE];
	struct party *authority = &world->parties[AUTHORITY];
	static char name[] = "authority.example";
	struct hf_conf_regime regime = regime_of(HF_REGIME_NTD);
	char id[CASE_ID_SIZE];
	uint64_t due_ms;

	regime.escalate_to = name;
	set_regime(hotline, regime);
	due_ms = begin_noticed(world, HF_REGIME_NTD, id);
	clock_at(world, due_ms);
	for (uint64_t day = 1; day <= 2; day++) {
		clock_at(world, due_ms + day * 24 * HOUR_MS - 1);
		assert_int_equal(reminders(hotline, id), day);
		clock_at(world, due_ms + day * 24 * HOUR_MS);
		assert_int_equal(reminders(hotline, id), day + 1);
		restart(hotline);
		assert_int_equal(reminders(hotline, id), day + 1);
	}
	clock_at(world, due_ms + 72 * HOUR_MS - 1);
	assert_int_equal(
		count_of(hotline, id, HF_CASE_EVENT_ESCALATE_AUTHORITY), 0);
	clock_at(world, due_ms + 72 * HOUR_MS);
	restart(hotline);
	clock_at(world, due_ms + 80 * HOUR_MS);
	assert_int_equal(
		count_of(hotline, id, HF_CASE_EVENT_ESCALATE_AUTHORITY), 1);
	/* It has the whole case by what was quoted to it. */
	pass_all(world);
	assert_int_equal(state_of(authority, id), HF_CASE_ESCALATED_AUTHORITY);
	assert_agree(hotline, authority, id);
	assert_agree(hotline, &world->parties[PROVIDER], id);
}

/* The authority is enrolled only later: it is told then. */
static void an_escalation_waits_for_who_is_not_enrolled_yet(void **state)
{
	struct world *world = *state;
	struct party *hotline = &world->parties[HOTLINE];
	static char name[] = "authority.example";
	struct hf_conf_regime regime = regime_of(HF_REGIME_NTD);
	char id[CASE_ID_SIZE];
	struct hf_why why = { "" };
	uint64_t due_ms;

	regime.escalate_to = name;
	set_regime(hotline, regime);
	due_ms = begin_noticed(world, HF_REGIME_NTD, id);
	assert_ok(hf_ring_remove_peer(hotline->ring_dir, BYTES(name), &why),
		  &why);
	assert_ok(hf_ring_holder_reload(hotline->ring, &why), &why);
	set_clock(world, due_ms + 72 * HOUR_MS);
	assert_int_equal(hf_cases_settle(hotline->cases, &why),
			 HF_E_UNAVAILABLE);
	assert_int_equal(
		count_of(hotline, id, HF_CASE_EVENT_ESCALATE_AUTHORITY), 0);
	assert_ok(party_enrol(hotline, &world->parties[AUTHORITY], &why), &why);
	assert_ok(hf_ring_holder_reload(hotline->ring, &why), &why);
	settle(hotline);
	assert_int_equal(
		count_of(hotline, id, HF_CASE_EVENT_ESCALATE_AUTHORITY), 1);
}

static void what_nobody_acknowledges_counts_as_undelivered(void **state)
{
	struct world *world = *state;
	struct party *hotline = &world->parties[HOTLINE];
	struct ear ear;
	char id[CASE_ID_SIZE];

	begin_world(world);
	notify_of(hotline, "provider.example", HF_REGIME_NTD, id);
	settle(hotline);
	ear_init(&ear, hotline);
	assert_told(world, hotline, &ear, NOW_MS + 4 * HOUR_MS - 1, "");
	assert_int_equal(state_of(hotline, id), HF_CASE_NOTICED);
	assert_told(world, hotline, &ear, NOW_MS + 4 * HOUR_MS, "undelivered ");
	assert_int_equal(state_of(hotline, id), HF_CASE_DELIVERY_FAILED);
	restart(hotline);
	assert_told(world, hotline, &ear, NOW_MS + 5 * HOUR_MS, "");
	/* Late is not never. */
	pass_all(world);
	assert_int_equal(state_of(hotline, id), HF_CASE_ACKNOWLEDGED);
	assert_true(due_of(hotline, id) == NOW_MS + 29 * HOUR_MS);
}

/* Orders. */

static const struct hf_order an_order = {
	.reference = "2026/17",
	.issuing_state = "NL",
	.authority = "The authority",
	.addressee = "The provider",
	.host_state = "NL",
	.identification = "the post at the address named",
	.grounds = (const char *const[]){ "article 2(7)(a)" },
	.grounds_count = 1,
	.redress = "the court at The Hague",
};

static void order(struct party *authority, enum hf_regime regime, char *out_id)
{
	struct asked asked;
	struct hf_why why = { "" };

	asked_init(&asked, "provider.example", regime);
	asked.notice.content_class =
		regime == HF_REGIME_TCO ? HF_CLASS_TERRORIST : HF_CLASS_CSAM;
	asked.notice.order = &an_order;
	asked.request.kind = HF_CASE_EVENT_ORDER;
	assert_ok(try_send(authority, &asked.request, out_id, &why), &why);
}

static void begin_ordered(struct world *world, enum hf_regime regime,
			  char *out_id)
{
	struct party *authority = &world->parties[AUTHORITY];

	begin_world(world);
	attest(authority, authority, HF_ROLE_AUTHORITY, NOW_MS, 0);
	attest(&world->parties[PROVIDER], authority, HF_ROLE_AUTHORITY, NOW_MS,
	       0);
	order(authority, regime, out_id);
	pass_all(world);
}

static void an_order_of_an_authority_has_its_own_time(void **state)
{
	struct world *world = *state;
	struct party *authority = &world->parties[AUTHORITY];
	struct ear ear;
	char id[CASE_ID_SIZE];
	uint64_t due_ms = NOW_MS + 12 * HOUR_MS;

	begin_ordered(world, HF_REGIME_CSAM_ORDER, id);
	assert_true(due_of(authority, id) == due_ms);
	ear_init(&ear, authority);
	assert_told(world, authority, &ear, due_ms - 4 * HOUR_MS, "warning ");
	assert_told(world, authority, &ear, due_ms - 15 * MINUTE_MS,
		    "warning ");
	assert_told(world, authority, &ear, due_ms - 1, "");
	assert_told(world, authority, &ear, due_ms, "overdue ");
}

/* The hour of Regulation (EU) 2021/784 stands still while the provider needs
 * information, and while it cannot. */
static void the_hour_of_a_terrorist_content_order_pauses(void **state)
{
	struct world *world = *state;
	struct party *authority = &world->parties[AUTHORITY];
	struct party *provider = &world->parties[PROVIDER];
	struct ear ear;
	char id[CASE_ID_SIZE];
	uint64_t due_ms;

	begin_ordered(world, HF_REGIME_TCO, id);
	due_ms = due_of(provider, id);
	assert_true(due_ms == NOW_MS + HOUR_MS);
	ear_init(&ear, authority);
	assert_told(world, authority, &ear, NOW_MS + 30 * MINUTE_MS,
		    "warning ");
	say(provider, id, HF_CASE_EVENT_NEEDS_INFO,
	    HF_CASE_REASON_MANIFEST_ERROR);
	pass_all(world);
	/* Two hours later nothing is late. */
	assert_told(world, authority, &ear, NOW_MS + 150 * MINUTE_MS, "");
	assert_false(is_overdue(authority, id));
	say(authority, id, HF_CASE_EVENT_INFO, 0);
	pass_all(world);
	due_ms += 120 * MINUTE_MS;
	assert_true(due_of(authority, id) == due_ms);
	assert_true(due_of(provider, id) == due_ms);
	/* Ten minutes on, it cannot for a day. */
	clock_at(world, NOW_MS + 160 * MINUTE_MS);
	say(provider, id, HF_CASE_EVENT_IMPOSSIBLE,
	    HF_CASE_REASON_FORCE_MAJEURE);
	pass_all(world);
	clock_at(world, NOW_MS + 160 * MINUTE_MS + 24 * HOUR_MS);
	restart(authority);
	assert_false(is_overdue(authority, id));
	say(provider, id, HF_CASE_EVENT_REVIEW, 0);
	pass_all(world);
	due_ms += 24 * HOUR_MS;
	assert_true(due_of(authority, id) == due_ms);
	(void)hear(&ear, authority);
	assert_told(world, authority, &ear, due_ms - 10 * MINUTE_MS - 1, "");
	assert_told(world, authority, &ear, due_ms - 10 * MINUTE_MS,
		    "warning ");
	assert_told(world, authority, &ear, due_ms - 1, "");
	assert_told(world, authority, &ear, due_ms, "overdue ");
	pass_all(world);
	assert_agree(authority, provider, id);
}

/* The order comes before the directory that says who gives it. */
static void an_order_counts_once_its_author_is_known(void **state)
{
	struct world *world = *state;
	struct party *authority = &world->parties[AUTHORITY];
	struct party *provider = &world->parties[PROVIDER];
	char id[CASE_ID_SIZE];

	begin_world(world);
	attest(authority, authority, HF_ROLE_AUTHORITY, NOW_MS, 0);
	order(authority, HF_REGIME_CSAM_ORDER, id);
	pass_all(world);
	assert_false(knows_case(provider, id));
	attest(provider, authority, HF_ROLE_AUTHORITY, NOW_MS, 0);
	pass_all(world);
	assert_int_equal(state_of(provider, id), HF_CASE_ORDERED);
	assert_true(due_of(authority, id) == NOW_MS + 12 * HOUR_MS);
	assert_agree(authority, provider, id);
}

static void a_trusted_flagger_is_answered_sooner(void **state)
{
	struct world *world = *state;
	struct party *hotline = &world->parties[HOTLINE];
	struct party *provider = &world->parties[PROVIDER];
	char before[CASE_ID_SIZE], id[CASE_ID_SIZE];
	uint64_t until_ms = NOW_MS + 10 * DAY_MS;
	struct seen seen;

	begin_world(world);
	notify_of(hotline, "provider.example", HF_REGIME_DSA, before);
	clock_at(world, NOW_MS + 1);
	attest(hotline, hotline, HF_ROLE_TRUSTED_FLAGGER, NOW_MS + 1, 0);
	attest(provider, hotline, HF_ROLE_TRUSTED_FLAGGER, NOW_MS + 1,
	       until_ms);
	notify_of(hotline, "provider.example", HF_REGIME_DSA, id);
	pass_all(world);
	assert_true(due_of(provider, before) == NOW_MS + 1 + 7 * DAY_MS);
	assert_true(due_of(provider, id) == NOW_MS + 1 + DAY_MS);
	see_case(provider, id, &seen);
	assert_true(seen.summary->is_priority);
	seen_release(&seen);
	see_case(provider, before, &seen);
	assert_false(seen.summary->is_priority);
	seen_release(&seen);
	/* The status ends: the content of the notice does not. */
	clock_at(world, until_ms);
	see_case(provider, id, &seen);
	assert_false(seen.summary->is_priority);
	assert_true(seen.summary->due_ms == NOW_MS + 1 + DAY_MS);
	seen_release(&seen);
}

/*
 * Clocks and programs that are not always there.
 */

static void a_clock_that_steps_tells_nothing_twice(void **state)
{
	struct world *world = *state;
	struct party *hotline = &world->parties[HOTLINE];
	struct party *provider = &world->parties[PROVIDER];
	struct ear ear;
	char id[CASE_ID_SIZE];
	uint64_t due_ms = begin_noticed(world, HF_REGIME_NTD, id);

	ear_init(&ear, hotline);
	/* Forward past everything: the strongest word is said. */
	assert_told(world, hotline, &ear, due_ms + HOUR_MS, "overdue ");
	assert_int_equal(reminders(hotline, id), 1);
	pass_all(world);
	(void)hear(&ear, hotline);
	/* Back by hours, and a move is made, which is folded by that clock. */
	clock_at(world, due_ms - 8 * HOUR_MS);
	say(provider, id, HF_CASE_EVENT_REVIEW, 0);
	pass_all(world);
	restart(hotline);
	assert_string_equal(hear(&ear, hotline), "");
	assert_told(world, hotline, &ear, due_ms - 6 * HOUR_MS, "");
	assert_told(world, hotline, &ear, due_ms - HOUR_MS, "");
	assert_told(world, hotline, &ear, due_ms, "");
	assert_told(world, hotline, &ear, due_ms + HOUR_MS, "");
	assert_int_equal(reminders(hotline, id), 1);
	/* A day behind the reminder comes the next. */
	assert_told(world, hotline, &ear, due_ms + 25 * HOUR_MS - 1, "");
	assert_int_equal(reminders(hotline, id), 1);
	clock_at(world, due_ms + 25 * HOUR_MS);
	assert_int_equal(reminders(hotline, id), 2);
}

/* Sunday 2027-03-28 has 23 hours in Amsterdam, not in UTC. */
static void daylight_saving_moves_no_deadline(void **state)
{
	const uint64_t saturday_ms = 1806186600000; /* 22:30 UTC */
	struct world *world = *state;
	struct party *hotline = &world->parties[HOTLINE];
	char id[CASE_ID_SIZE];
	struct ear ear;

	begin_world(world);
	setenv("TZ", "Europe/Amsterdam", 1);
	clock_at(world, saturday_ms);
	notify_of(hotline, "provider.example", HF_REGIME_NTD, id);
	pass_all(world);
	ear_init(&ear, hotline);
	clock_at(world, saturday_ms + 20 * HOUR_MS);
	(void)hear(&ear, hotline);
	assert_told(world, hotline, &ear, saturday_ms + 23 * HOUR_MS - 1, "");
	assert_told(world, hotline, &ear, saturday_ms + 24 * HOUR_MS - 1,
		    "warning ");
	assert_told(world, hotline, &ear, saturday_ms + 24 * HOUR_MS,
		    "overdue ");
	unsetenv("TZ");
}

/* Whatever was lost but ledger and keys: what was said is not said again. */
static void views_that_are_built_again_remind_nobody_twice(void **state)
{
	struct world *world = *state;
	struct party *hotline = &world->parties[HOTLINE];
	struct party *provider = &world->parties[PROVIDER];
	char id[CASE_ID_SIZE];
	struct seen before, after;
	struct hf_why why = { "" };
	uint64_t due_ms = begin_noticed(world, HF_REGIME_NTD, id);

	clock_at(world, due_ms + HOUR_MS);
	pass_all(world);
	see_case(hotline, id, &before);
	for (int i = 0; i < 2; i++) {
		party_stop(hotline);
		party_forget_views(hotline);
		assert_ok(party_start(hotline, &why), &why);
		settle(hotline);
	}
	assert_int_equal(pass(hotline, provider), 0);
	see_case(hotline, id, &after);
	assert_int_equal(reminders(hotline, id), 1);
	assert_int_equal(before.summary->state, after.summary->state);
	assert_int_equal(before.summary->events, after.summary->events);
	assert_true(before.summary->due_ms == after.summary->due_ms);
	seen_release(&before);
	seen_release(&after);
	assert_agree(hotline, provider, id);
}

/* A notice that had expired when it came does not open a case later. */
static void
what_had_expired_stays_refused_when_views_are_built_again(void **state)
{
	struct world *world = *state;
	struct party *hotline = &world->parties[HOTLINE];
	struct party *provider = &world->parties[PROVIDER];
	struct hf_why why = { "" };
	char id[CASE_ID_SIZE], late[CASE_ID_SIZE];

	begin_world(world);
	notify_of(hotline, "provider.example", HF_REGIME_NTD, id);
	pass_all(world);
	notify_of(hotline, "provider.example", HF_REGIME_NTD, late);
	clock_at(world, NOW_MS + 30 * DAY_MS);
	pass_all(world);
	for (int i = 0; i < 2; i++) {
		assert_true(knows_case(provider, id));
		assert_false(knows_case(provider, late));
		party_stop(provider);
		party_forget_views(provider);
		assert_ok(party_start(provider, &why), &why);
		settle(provider);
	}
	assert_int_equal(state_of(hotline, late), HF_CASE_DELIVERY_FAILED);
}

static void rules_that_changed_hold_for_cases_that_are_there(void **state)
{
	struct world *world = *state;
	struct party *hotline = &world->parties[HOTLINE];
	struct hf_conf_regime regime = regime_of(HF_REGIME_NTD);
	char id[CASE_ID_SIZE];
	struct ear ear;
	uint64_t due_ms = begin_noticed(world, HF_REGIME_NTD, id);

	ear_init(&ear, hotline);
	regime.rules.warn_count = 1;
	regime.rules.warn_ms[0] = 12 * HOUR_MS;
	regime.rules.renotify_ms = 2 * HOUR_MS;
	set_regime(hotline, regime);
	restart(hotline);
	assert_told(world, hotline, &ear, due_ms - 12 * HOUR_MS - 1, "");
	assert_told(world, hotline, &ear, due_ms - 12 * HOUR_MS, "warning ");
	assert_told(world, hotline, &ear, due_ms - 6 * HOUR_MS, "");
	assert_told(world, hotline, &ear, due_ms, "overdue ");
	clock_at(world, due_ms + 2 * HOUR_MS);
	assert_int_equal(reminders(hotline, id), 2);
	/* What the deadline itself is was signed. */
	regime.rules.deadline_ms = HOUR_MS;
	set_regime(hotline, regime);
	restart(hotline);
	assert_true(due_of(hotline, id) == due_ms);
}

/* One that has no node is reminded by hand: whoever watches is told when. */
static void reminders_by_hand_are_asked_for_each_time(void **state)
{
	struct world *world = *state;
	struct party *hotline = &world->parties[HOTLINE];
	const struct hf_delivery delivery = {
		.means = "mail",
		.address = "abuse@elsewhere.example",
		.sent_ms = NOW_MS,
	};
	const struct hf_case_event sent = { .kind = HF_CASE_EVENT_DELIVERY,
					    .delivery = &delivery };
	char id[CASE_ID_SIZE];
	struct hf_why why = { "" };
	struct ear ear;
	uint64_t due_ms;

	begin_world(world);
	notify_of(hotline, "elsewhere.example", HF_REGIME_NTD, id);
	assert_ok(try_update(hotline, id, &sent, "", &why), &why);
	settle(hotline);
	due_ms = due_of(hotline, id);
	ear_init(&ear, hotline);
	assert_told(world, hotline, &ear, due_ms, "overdue ");
	assert_told(world, hotline, &ear, due_ms + 24 * HOUR_MS - 1, "");
	assert_told(world, hotline, &ear, due_ms + 24 * HOUR_MS, "overdue ");
	restart(hotline);
	assert_told(world, hotline, &ear, due_ms + 30 * HOUR_MS, "");
	say(hotline, id, HF_CASE_EVENT_RENOTIFY, 0);
	(void)hear(&ear, hotline);
	assert_told(world, hotline, &ear, due_ms + 54 * HOUR_MS - 1, "");
	assert_told(world, hotline, &ear, due_ms + 54 * HOUR_MS, "overdue ");
	assert_int_equal(reminders(hotline, id), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASES_TEST(warnings_come_before_and_overdue_at_the_deadline),
		CASES_TEST(
			a_silent_provider_is_reminded_and_the_authority_told_once),
		CASES_TEST(an_escalation_waits_for_who_is_not_enrolled_yet),
		CASES_TEST(what_nobody_acknowledges_counts_as_undelivered),
		CASES_TEST(an_order_of_an_authority_has_its_own_time),
		CASES_TEST(the_hour_of_a_terrorist_content_order_pauses),
		CASES_TEST(an_order_counts_once_its_author_is_known),
		CASES_TEST(a_trusted_flagger_is_answered_sooner),
		CASES_TEST(a_clock_that_steps_tells_nothing_twice),
		CASES_TEST(daylight_saving_moves_no_deadline),
		CASES_TEST(views_that_are_built_again_remind_nobody_twice),
		CASES_TEST(
			what_had_expired_stays_refused_when_views_are_built_again),
		CASES_TEST(rules_that_changed_hold_for_cases_that_are_there),
		CASES_TEST(reminders_by_hand_are_asked_for_each_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
