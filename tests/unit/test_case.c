/*
 * Stories, what happens side by side, and facts that are not as they should be.
 */
#include "unit.h"

#include <string.h>

#include "case_rig.h"

static void its_own_complaint_it_decides_itself(void **state)
{
	struct rig rig;

	rig_init(&rig, 'P', 'P');
	SAY(&rig, 'P', NOTICE, T0, 0)->regime = HF_REGIME_VOLUNTARY;
	SAY(&rig, 'P', REMOVED, T0 + 1, 1);
	SAY(&rig, 'P', CONTEST, T0 + 2, 2);
	SAY(&rig, 'P', REJECTED, T0 + 3, 3)->reason =
		HF_CASE_REASON_COMPLAINT_REJECTED;
	assert_int_equal(rig_fold(&rig), HF_OK);
	assert_int_equal(rig.now.state, HF_CASE_REMOVED);
	assert_int_equal(rig.now.delivered_ms, T0);
	assert_int_equal(rig.now.refused, 0);
	SAY(&rig, 'P', CONTEST, T0 + 4, 4);
	SAY(&rig, 'P', REINSTATED, T0 + 5, 5);
	assert_int_equal(rig_fold(&rig), HF_OK);
	assert_int_equal(rig.now.state, HF_CASE_REINSTATED);
	assert_int_equal(rig.now.acted_ms, 0);
	hf_arena_release(&rig.arena);
}

/*
 * Side by side.
 */

struct said {
	char author;
	enum hf_case_event_kind kind;
};

#define S(author, kind)                                                        \
	{                                                                      \
		author, HF_CASE_EVENT_##kind                                   \
	}

static const struct beside {
	const char *why;
	struct said base[3]; /* after NOTICE and RECEIPT */
	struct said one, two;
	enum hf_case_state state;
	bool both; /* count; else `two` is refused */
} besides[] = {
	{ "the wish to take it back stands, what was done is known",
	  { { 0 } },
	  S('P', REMOVED),
	  S('N', WITHDRAW),
	  HF_CASE_WITHDRAWN,
	  1 },
	{ "a reminder does not hide a removal",
	  { { 0 } },
	  S('P', REMOVED),
	  S('N', RENOTIFY),
	  HF_CASE_REMOVED,
	  1 },
	{ "nor does an escalation",
	  { { 0 } },
	  S('P', DISABLED),
	  S('N', ESCALATE_AUTHORITY),
	  HF_CASE_DISABLED,
	  1 },
	{ "nor an order, which can be answered",
	  { { 0 } },
	  S('P', REMOVED),
	  S('O', ORDER),
	  HF_CASE_REMOVED,
	  1 },
	{ "nor a penalty",
	  { S('O', ORDER) },
	  S('P', COMPLIED),
	  S('O', PENALTY),
	  HF_CASE_COMPLIED,
	  1 },
	{ "a check made before the removal was known says nothing against it",
	  { { 0 } },
	  S('P', REMOVED),
	  S('N', ONLINE),
	  HF_CASE_REMOVED,
	  1 },
	{ "one that finds it offline agrees",
	  { { 0 } },
	  S('P', REMOVED),
	  S('N', OFFLINE),
	  HF_CASE_VERIFIED_OFFLINE,
	  1 },
	{ "a receipt moves nothing back",
	  { S('N', ESCALATE_LEA) },
	  S('P', RECEIPT),
	  S('N', ESCALATE_AUTHORITY),
	  HF_CASE_ESCALATED_AUTHORITY,
	  1 },
	{ "a review is not hidden by a reminder",
	  { { 0 } },
	  S('P', REVIEW),
	  S('N', RENOTIFY),
	  HF_CASE_UNDER_REVIEW,
	  1 },
	{ "information that nobody had asked for answers no question",
	  { { 0 } },
	  S('P', NEEDS_INFO),
	  S('N', INFO),
	  HF_CASE_NEEDS_INFO,
	  1 },
	{ "a question does not stop an escalation",
	  { { 0 } },
	  S('P', NEEDS_INFO),
	  S('N', ESCALATE_AUTHORITY),
	  HF_CASE_ESCALATED_AUTHORITY,
	  1 },
	{ "a rejection does not stop one either",
	  { { 0 } },
	  S('P', REJECTED),
	  S('N', ESCALATE_AUTHORITY),
	  HF_CASE_ESCALATED_AUTHORITY,
	  1 },
	{ "a rejection does not stop an order",
	  { { 0 } },
	  S('P', REJECTED),
	  S('O', ORDER),
	  HF_CASE_ORDERED,
	  1 },
	{ "a rejection answers a reminder",
	  { { 0 } },
	  S('P', REJECTED),
	  S('N', RENOTIFY),
	  HF_CASE_REJECTED,
	  1 },
	{ "nobody closes an order of somebody else",
	  { { 0 } },
	  S('O', ORDER),
	  S('N', CLOSE),
	  HF_CASE_ORDERED,
	  0 },
	{ "nor takes it back",
	  { { 0 } },
	  S('O', ORDER),
	  S('N', WITHDRAW),
	  HF_CASE_ORDERED,
	  0 },
	{ "a complaint outlives a penalty",
	  { S('O', ORDER) },
	  S('P', CONTEST),
	  S('O', PENALTY),
	  HF_CASE_CONTESTED,
	  1 },
	{ "and a closing that did not know of it",
	  { S('P', REMOVED) },
	  S('P', CONTEST),
	  S('N', CLOSE),
	  HF_CASE_CONTESTED,
	  0 },
	{ "a removal settles the other's complaint",
	  { S('P', REJECTED) },
	  S('P', REMOVED),
	  S('N', CONTEST),
	  HF_CASE_REMOVED,
	  1 },
	{ "it is back on purpose: the provider's word, and his to contest",
	  { S('P', REMOVED) },
	  S('P', REINSTATED),
	  S('N', REAPPEARED),
	  HF_CASE_REINSTATED,
	  1 },
	{ "the same of a check",
	  { S('P', REMOVED) },
	  S('P', REINSTATED),
	  S('N', ONLINE),
	  HF_CASE_REINSTATED,
	  1 },
	{ "it came back after an earlier removal: asked once more",
	  { S('P', DISABLED) },
	  S('P', REMOVED),
	  S('N', REAPPEARED),
	  HF_CASE_REAPPEARED,
	  1 },
	{ "reinstated, and taken back",
	  { S('P', REMOVED) },
	  S('P', REINSTATED),
	  S('N', WITHDRAW),
	  HF_CASE_WITHDRAWN,
	  1 },
	{ "a receipt answers a reminder",
	  { { 0 } },
	  S('P', RECEIPT),
	  S('N', RENOTIFY),
	  HF_CASE_ACKNOWLEDGED,
	  1 },
	{ "a rejection does not keep the police out",
	  { { 0 } },
	  S('P', REJECTED),
	  S('N', ESCALATE_LEA),
	  HF_CASE_ESCALATED_LEA,
	  1 },
	{ "an order answers the notifier's complaint",
	  { S('P', REJECTED) },
	  S('N', CONTEST),
	  S('O', ORDER),
	  HF_CASE_ORDERED,
	  1 },
	{ "a penalty outweighs another order",
	  { S('O', ORDER) },
	  S('A', PENALTY),
	  S('O', ORDER),
	  HF_CASE_PENALTY,
	  1 },
	{ "it is elsewhere, whatever was imposed",
	  { S('O', ORDER) },
	  S('P', MOVED),
	  S('O', PENALTY),
	  HF_CASE_MOVED,
	  1 },
	{ "moved, and seen offline",
	  { { 0 } },
	  S('P', MOVED),
	  S('N', OFFLINE),
	  HF_CASE_VERIFIED_OFFLINE,
	  1 },
	{ "two who close it",
	  { S('P', REMOVED), S('N', OFFLINE) },
	  S('N', CLOSE),
	  S('N', CLOSE),
	  HF_CASE_CLOSED,
	  0 },
};

static unsigned base_say(struct rig *rig, const struct said *base)
{
	unsigned last = 2;

	SAY(rig, 'N', NOTICE, T0, 0);
	SAY(rig, 'P', RECEIPT, T0 + 1, 1);
	for (size_t i = 0; i < 3 && base[i].author != 0; i++, last++)
		rig_say(rig, base[i].author, base[i].kind, T0 + last,
			(const unsigned[]){ last, 0 })
			->powers = UINT32_MAX;
	return last;
}

static void what_happens_side_by_side_ends_sensibly(void **state)
{
	for (size_t i = 0; i < ROWS(besides); i++) {
		const struct beside *row = &besides[i];

		for (int swapped = 0; swapped < 2; swapped++) {
			const struct said *first =
				swapped ? &row->two : &row->one;
			const struct said *second =
				swapped ? &row->one : &row->two;
			struct rig rig;
			unsigned last;

			rig_init(&rig, 'N', 'P');
			last = base_say(&rig, row->base);
			/* Times say the opposite of the ids. */
			rig_say(&rig, first->author, first->kind, T0 + 100,
				(const unsigned[]){ last, 0 })
				->powers = UINT32_MAX;
			rig_say(&rig, second->author, second->kind, T0 + 50,
				(const unsigned[]){ last, 0 })
				->powers = UINT32_MAX;
			assert_int_equal(rig_fold(&rig), HF_OK);
			if (rig.now.state != row->state ||
			    rig.now.refused != (row->both ? 0 : 1))
				fail_msg("%s: %s, %u refused", row->why,
					 hf_case_state_word(rig.now.state),
					 rig.now.refused);
			hf_arena_release(&rig.arena);
		}
	}
}

static void
a_withdrawn_case_whose_content_is_gone_can_be_reinstated(void **state)
{
	struct rig rig;

	rig_init(&rig, 'N', 'P');
	SAY(&rig, 'N', NOTICE, T0, 0);
	SAY(&rig, 'P', REMOVED, T0 + 10, 1);
	SAY(&rig, 'N', WITHDRAW, T0 + 5, 1);
	assert_int_equal(rig_fold(&rig), HF_OK);
	assert_int_equal(rig.now.state, HF_CASE_WITHDRAWN);
	assert_int_equal(rig.now.acted_ms, T0 + 10);
	assert_true(rig.now.is_over);
	SAY(&rig, 'P', REINSTATED, T0 + 20, 2, 3);
	assert_int_equal(rig_fold(&rig), HF_OK);
	assert_int_equal(rig.now.state, HF_CASE_REINSTATED);
	assert_int_equal(rig.now.acted_ms, 0);
	assert_true(rig.now.is_over);
	hf_arena_release(&rig.arena);
}

static void the_whole_story_of_a_silent_provider(void **state)
{
	struct rig rig;
	struct hf_case_fact *fact;

	rig_init(&rig, 'N', 'P');
	SAY(&rig, 'N', NOTICE, T0, 0)->deadline_ms = 24 * HOUR;
	SAY(&rig, 'P', RECEIPT, T0 + HOUR, 1);
	SAY(&rig, 'N', RENOTIFY, T0 + 25 * HOUR, 2);
	fact = SAY(&rig, 'N', ESCALATE_AUTHORITY, T0 + 97 * HOUR, 3);
	rig_author('A', fact->to_id);
	assert_int_equal(rig_fold(&rig), HF_OK);
	assert_int_equal(rig.now.state, HF_CASE_ESCALATED_AUTHORITY);
	assert_int_equal(rig.now.authority[0], 'A');
	assert_true(rig.now.is_escalated);
	fact = SAY(&rig, 'A', ORDER, T0 + 99 * HOUR, 4);
	fact->powers = 1u << HF_POWER_ORDER_CSAM;
	fact->deadline_ms = 12 * HOUR;
	assert_int_equal(rig_fold(&rig), HF_OK);
	assert_int_equal(rig.now.state, HF_CASE_ORDERED);
	assert_int_equal(rig.now.clock_ms, T0 + HOUR); /* still the notice's */
	SAY(&rig, 'P', RECEIPT, T0 + 100 * HOUR, 5);
	assert_int_equal(rig_fold(&rig), HF_OK);
	assert_int_equal(rig.now.state, HF_CASE_ORDERED);
	assert_int_equal(rig.now.clock_ms, T0 + 100 * HOUR);
	assert_int_equal(rig.now.deadline_ms, 12 * HOUR);
	SAY(&rig, 'P', COMPLIED, T0 + 101 * HOUR, 6)->acted_ms =
		T0 + 100 * HOUR + MINUTE;
	SAY(&rig, 'N', OFFLINE, T0 + 102 * HOUR, 7);
	assert_int_equal(rig_fold(&rig), HF_OK);
	assert_int_equal(rig.now.state, HF_CASE_VERIFIED_OFFLINE);
	assert_int_equal(rig.now.acted_ms, T0 + 100 * HOUR + MINUTE);
	assert_int_equal(rig.now.stopped_ms, T0 + 100 * HOUR + MINUTE);
	assert_true(rig.now.is_over);
	assert_int_equal(rig.now.events, 8);
	hf_arena_release(&rig.arena);
}

static void only_its_authority_ends_an_order(void **state)
{
	struct rig rig;

	rig_init(&rig, 'N', 'P');
	SAY(&rig, 'N', NOTICE, T0, 0);
	SAY(&rig, 'O', ORDER, T0 + 1, 1)->powers = UINT32_MAX;
	SAY(&rig, 'P', COMPLIED, T0 + 2, 2);
	/* Without a decision it may not put it back: ordered again. */
	SAY(&rig, 'P', REINSTATED, T0 + 3, 3);
	assert_int_equal(rig_fold(&rig), HF_OK);
	assert_int_equal(rig.now.state, HF_CASE_ORDERED);
	assert_true(rig.now.is_order_open);
	SAY(&rig, 'P', COMPLIED, T0 + 4, 4);
	SAY(&rig, 'P', CONTEST, T0 + 5, 5);
	SAY(&rig, 'O', CLOSE, T0 + 6, 6)->reason =
		HF_CASE_REASON_COMPLAINT_UPHELD;
	SAY(&rig, 'P', REINSTATED, T0 + 7, 7);
	assert_int_equal(rig_fold(&rig), HF_OK);
	assert_int_equal(rig.now.state, HF_CASE_REINSTATED);
	assert_false(rig.now.is_ordered);
	/* Ordered after it was removed, and put back all the same. */
	rig.count = 1;
	SAY(&rig, 'P', REMOVED, T0 + 1, 1);
	SAY(&rig, 'O', ORDER, T0 + 2, 2)->powers = UINT32_MAX;
	SAY(&rig, 'P', REINSTATED, T0 + 3, 3);
	assert_int_equal(rig_fold(&rig), HF_OK);
	assert_int_equal(rig.now.state, HF_CASE_ORDERED);
	assert_int_equal(rig.now.acted_ms, 0);
	assert_int_equal(rig.now.refused, 0);
	hf_arena_release(&rig.arena);
}

static void an_authority_opens_a_case_of_its_own(void **state)
{
	struct rig rig;

	rig_init(&rig, 'A', 'P');
	SAY(&rig, 'A', ORDER, T0, 0)->deadline_ms = HOUR;
	assert_int_equal(rig_fold(&rig), HF_E_NOTFOUND);
	rig.facts[0].powers = 1u << HF_POWER_ORDER_CSAM;
	SAY(&rig, 'P', RECEIPT, T0 + MINUTE, 1);
	SAY(&rig, 'P', REMOVED, T0 + 2 * MINUTE, 2);
	SAY(&rig, 'P', COMPLIED, T0 + 3 * MINUTE, 3);
	SAY(&rig, 'A', OFFLINE, T0 + 4 * MINUTE, 4);
	SAY(&rig, 'A', CLOSE, T0 + 5 * MINUTE, 5);
	assert_int_equal(rig_fold(&rig), HF_OK);
	assert_int_equal(rig.now.state, HF_CASE_CLOSED);
	assert_int_equal(rig.now.refused, 0);
	assert_int_equal(rig.now.clock_ms, T0 + MINUTE);
	assert_false(rig.now.is_ordered);
	hf_arena_release(&rig.arena);
}

/*
 * Facts that are not as they should be.
 */

static void an_event_waits_for_what_it_names(void **state)
{
	struct rig rig;

	rig_init(&rig, 'N', 'P');
	SAY(&rig, 'N', NOTICE, T0, 0);
	SAY(&rig, 'P', REMOVED, T0 + 2, 9);
	SAY(&rig, 'N', OFFLINE, T0 + 3, 2);
	assert_int_equal(rig_fold(&rig), HF_OK);
	assert_int_equal(rig.now.state, HF_CASE_NOTICED);
	assert_int_equal(rig.now.waiting, 2);
	assert_int_equal(rig.fates[1], HF_CASE_FATE_WAITING);
	assert_int_equal(rig.fates[2], HF_CASE_FATE_WAITING);
	assert_int_equal(rig.order[0], 0);
	hf_arena_release(&rig.arena);
}

static void a_refused_event_is_still_an_event_to_follow(void **state)
{
	struct rig rig;

	rig_init(&rig, 'N', 'P');
	SAY(&rig, 'N', NOTICE, T0, 0);
	SAY(&rig, 'P', WITHDRAW, T0 + 2, 1);
	SAY(&rig, 'P', REMOVED, T0 + 3, 2);
	assert_int_equal(rig_fold(&rig), HF_OK);
	assert_int_equal(rig.fates[1], HF_CASE_FATE_NOT_PARTY);
	assert_int_equal(rig.fates[2], HF_CASE_FATE_APPLIED);
	assert_int_equal(rig.now.state, HF_CASE_REMOVED);
	hf_arena_release(&rig.arena);
}

static void a_circle_waits(void **state)
{
	struct rig rig;

	rig_init(&rig, 'N', 'P');
	SAY(&rig, 'N', NOTICE, T0, 0);
	SAY(&rig, 'P', REVIEW, T0, 1, 3);
	SAY(&rig, 'P', REMOVED, T0, 2);
	SAY(&rig, 'P', RECEIPT, T0, 4); /* itself */
	assert_int_equal(rig_fold(&rig), HF_OK);
	assert_int_equal(rig.now.state, HF_CASE_NOTICED);
	assert_int_equal(rig.now.waiting, 3);
	hf_arena_release(&rig.arena);
}

static void copies_count_once_and_may_tell_that_it_was_delivered(void **state)
{
	struct rig rig;

	rig_init(&rig, 'N', 'P');
	SAY(&rig, 'N', NOTICE, T0, 0);
	SAY(&rig, 'P', REVIEW, T0 + 5, 0);
	rig.facts[2] = rig.facts[1];
	rig.facts[2].covers_opening = true;
	rig.count = 3;
	assert_int_equal(rig_fold(&rig), HF_OK);
	assert_int_equal(rig.fates[1], HF_CASE_FATE_APPLIED);
	assert_int_equal(rig.fates[2], HF_CASE_FATE_DUPLICATE);
	assert_int_equal(rig.now.delivered_ms, T0 + 5);
	assert_int_equal(rig.now.events, 2);
	assert_int_equal(rig.now.refused, 0);
	hf_arena_release(&rig.arena);
}

static void of_two_texts_with_one_id_the_lower_counts(void **state)
{
	for (int swapped = 0; swapped < 2; swapped++) {
		struct rig rig;
		struct hf_case_fact swap;

		rig_init(&rig, 'N', 'P');
		SAY(&rig, 'N', NOTICE, T0, 0);
		SAY(&rig, 'P', REMOVED, T0 + 5, 1);
		SAY(&rig, 'P', REJECTED, T0 + 6, 1);
		memcpy(rig.facts[2].event_id, rig.facts[1].event_id, 16);
		if (swapped) {
			swap = rig.facts[1];
			rig.facts[1] = rig.facts[2];
			rig.facts[2] = swap;
		}
		assert_int_equal(rig_fold(&rig), HF_OK);
		assert_int_equal(rig.now.state, HF_CASE_REMOVED);
		assert_int_equal(rig.now.refused, 1);
		assert_int_equal(rig.fates[swapped ? 1 : 2],
				 HF_CASE_FATE_EQUIVOCAL);
		hf_arena_release(&rig.arena);
	}
}

/* Else anybody could void a notice by signing something under its id. */
static void nobody_can_push_anothers_event_aside_with_its_id(void **state)
{
	struct rig rig;

	rig_init(&rig, 'N', 'P');
	SAY(&rig, 'N', NOTICE, T0, 0);
	SAY(&rig, 'P', RECEIPT, T0 + 1, 1);
	SAY(&rig, 'N', OFFLINE, T0 + 2, 2);
	/* The provider takes the ids of the notifier's two events, with lower
	 * texts; one waits for ever, one names what follows it. */
	SAY(&rig, 'P', REVIEW, T0, 55);
	memcpy(rig.facts[3].event_id, rig.facts[0].event_id, 16);
	SAY(&rig, 'P', REVIEW, T0, 6);
	memcpy(rig.facts[4].event_id, rig.facts[2].event_id, 16);
	memset(rig.facts[3].text_hash, 0, HF_HASH_BYTES);
	memset(rig.facts[4].text_hash, 0, HF_HASH_BYTES);
	SAY(&rig, 'N', CLOSE, T0 + 3, 3);
	assert_int_equal(rig_fold(&rig), HF_OK);
	assert_int_equal(rig.now.state, HF_CASE_CLOSED);
	assert_int_equal(rig.fates[0], HF_CASE_FATE_APPLIED);
	assert_int_equal(rig.fates[1], HF_CASE_FATE_APPLIED);
	assert_int_equal(rig.fates[2], HF_CASE_FATE_APPLIED);
	assert_int_equal(rig.fates[3], HF_CASE_FATE_WAITING);
	assert_int_equal(rig.fates[5], HF_CASE_FATE_APPLIED);
	hf_arena_release(&rig.arena);
}

static void nobody_can_crowd_the_others_out(void **state)
{
	enum { MANY = 3000 };
	static struct hf_case_fact facts[MANY + 2];
	static enum hf_case_fate fates[MANY + 2];
	static uint8_t first[1][HF_EVENT_ID_BYTES];
	struct hf_case_parties parties = rig_parties('N', 'P');
	struct hf_arena arena;
	struct hf_case now;
	struct hf_why why = { "" };

	memset(facts, 0, sizeof(facts));
	for (size_t i = 0; i < MANY + 2; i++) {
		rig_author(i == 0 || i > MANY ? 'N' : 'P', facts[i].author);
		facts[i].event_id[0] = (uint8_t)(i >> 8);
		facts[i].event_id[1] = (uint8_t)i;
		facts[i].kind = i == 0     ? HF_CASE_EVENT_NOTICE
				: i > MANY ? HF_CASE_EVENT_OFFLINE
					   : HF_CASE_EVENT_QUOTE;
		facts[i].regime = HF_REGIME_NTD;
		facts[i].after = (const uint8_t(*)[HF_EVENT_ID_BYTES])first;
		facts[i].after_count = i > 0;
	}
	hf_arena_init(&arena, (size_t)16 * 1024 * 1024);
	assert_ok(hf_case_fold(&parties, facts, MANY + 2, &arena, &now, fates,
			       NULL, &why),
		  &why);
	assert_int_equal(now.state, HF_CASE_VERIFIED_OFFLINE);
	assert_int_equal(now.events, 2 + HF_CASE_EVENTS_MAX / 3);
	assert_int_equal(now.refused, MANY - HF_CASE_EVENTS_MAX / 3);
	assert_int_equal(fates[1], HF_CASE_FATE_APPLIED);
	assert_int_equal(fates[MANY], HF_CASE_FATE_TOO_MANY);
	hf_arena_release(&arena);
}

static void without_an_opening_there_is_no_case(void **state)
{
	struct rig rig;

	rig_init(&rig, 'N', 'P');
	assert_int_equal(rig_fold(&rig), HF_E_NOTFOUND);
	SAY(&rig, 'P', NOTICE, T0, 0); /* not the notifier's */
	SAY(&rig, 'N', NOTICE, T0, 1); /* after another */
	SAY(&rig, 'N', REMOVED, T0, 0);
	assert_int_equal(rig_fold(&rig), HF_E_NOTFOUND);
	hf_arena_release(&rig.arena);
}

static void memory_and_limits_are_errors(void **state)
{
	struct rig rig;
	struct hf_why why = { "" };

	rig_init(&rig, 'N', 'P');
	SAY(&rig, 'N', NOTICE, T0, 0);
	hf_arena_release(&rig.arena);
	hf_arena_init(&rig.arena, 64);
	assert_int_equal(rig_fold(&rig), HF_E_NOMEM);
	assert_int_equal(hf_case_fold(&rig.parties, rig.facts,
				      HF_CASE_FACTS_MAX + 1, &rig.arena,
				      &rig.now, rig.fates, NULL, &why),
			 HF_E_LIMIT);
	hf_arena_release(&rig.arena);
}

static void kinds_and_states_that_nobody_knows_do_no_harm(void **state)
{
	struct rig rig;

	rig_init(&rig, 'N', 'P');
	SAY(&rig, 'N', NOTICE, T0, 0);
	SAY(&rig, 'P', REVIEW, T0, 1)->kind = (enum hf_case_event_kind)9999;
	SAY(&rig, 'P', REVIEW, T0, 1)->kind = (enum hf_case_event_kind)0;
	assert_int_equal(rig_fold(&rig), HF_OK);
	assert_int_equal(rig.now.refused, 2);
	assert_true(hf_case_state_is_local(HF_CASE_DRAFT));
	assert_true(hf_case_state_is_local(HF_CASE_HELD_POLICE));
	assert_false(hf_case_state_is_local(HF_CASE_NOTICED));
	assert_string_equal(hf_case_fate_word(HF_CASE_FATE_TOO_MANY),
			    "too-many");
	assert_string_equal(hf_case_fate_word(99), "unknown");
	hf_arena_release(&rig.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(its_own_complaint_it_decides_itself),
		cmocka_unit_test(what_happens_side_by_side_ends_sensibly),
		cmocka_unit_test(
			a_withdrawn_case_whose_content_is_gone_can_be_reinstated),
		cmocka_unit_test(the_whole_story_of_a_silent_provider),
		cmocka_unit_test(only_its_authority_ends_an_order),
		cmocka_unit_test(an_authority_opens_a_case_of_its_own),
		cmocka_unit_test(an_event_waits_for_what_it_names),
		cmocka_unit_test(a_refused_event_is_still_an_event_to_follow),
		cmocka_unit_test(a_circle_waits),
		cmocka_unit_test(
			copies_count_once_and_may_tell_that_it_was_delivered),
		cmocka_unit_test(of_two_texts_with_one_id_the_lower_counts),
		cmocka_unit_test(
			nobody_can_push_anothers_event_aside_with_its_id),
		cmocka_unit_test(nobody_can_crowd_the_others_out),
		cmocka_unit_test(without_an_opening_there_is_no_case),
		cmocka_unit_test(memory_and_limits_are_errors),
		cmocka_unit_test(kinds_and_states_that_nobody_knows_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
