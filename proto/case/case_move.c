#include <string.h>

#include "case_move.h"

static bool is_same(const uint8_t *a, const uint8_t *b)
{
	return memcmp(a, b, HF_HASH_BYTES) == 0;
}

static bool has_node(const struct hf_case_parties *parties)
{
	static const uint8_t nobody[HF_HASH_BYTES];

	return !is_same(parties->provider, nobody);
}

/* Its own notifier: a provider's own finding. */
static bool is_alone(const struct hf_case_parties *parties)
{
	return is_same(parties->provider, parties->notifier);
}

static bool is_notifier(const struct hf_case_parties *parties,
			const uint8_t *author)
{
	return is_same(parties->notifier, author);
}

static bool is_provider(const struct hf_case_parties *parties,
			const uint8_t *author)
{
	return has_node(parties) && is_same(parties->provider, author);
}

unsigned hf_case_role(const struct hf_case_parties *parties,
		      const uint8_t author[static HF_HASH_BYTES])
{
	if (is_notifier(parties, author))
		return 0;
	return is_provider(parties, author) ? 1 : 2;
}

/*
 * May it be?
 */

static bool is_authority(const struct hf_case *now, const uint8_t *author)
{
	if (now->ordered_ms != 0 && is_same(now->ordered_by, author))
		return true;
	for (size_t i = 0; i < now->authorities_count; i++) {
		if (is_same(now->authorities[i], author))
			return true;
	}
	return false;
}

static unsigned who_is(const struct hf_case_parties *parties,
		       const struct hf_case *now, const uint8_t *author)
{
	unsigned who = HF_CASE_WHO_ANYBODY;

	if (is_notifier(parties, author))
		who |= HF_CASE_WHO_NOTIFIER;
	if (is_provider(parties, author))
		who |= HF_CASE_WHO_PROVIDER;
	if (is_authority(now, author))
		who |= HF_CASE_WHO_AUTHORITY;
	return who;
}

/* The power that an order under a regime takes, as a bit; 0: no order is given
 * under it. */
static uint32_t power_for(enum hf_regime regime)
{
	switch (regime) {
	case HF_REGIME_CSAM_ORDER:
		return 1u << HF_POWER_ORDER_CSAM;
	case HF_REGIME_TCO:
		return 1u << HF_POWER_ORDER_TERRORIST;
	case HF_REGIME_CRIMINAL_ORDER:
		return 1u << HF_POWER_ORDER_CRIMINAL;
	default:
		return 0;
	}
}

bool hf_case_needs_power(enum hf_case_event_kind kind)
{
	return kind == HF_CASE_EVENT_ORDER || kind == HF_CASE_EVENT_PENALTY;
}

static bool has_power(const struct hf_case *now,
		      const struct hf_case_fact *next)
{
	switch (next->kind) {
	case HF_CASE_EVENT_NOTICE:
		return power_for(next->regime) == 0;
	case HF_CASE_EVENT_ORDER:
		return (next->powers & power_for(next->regime)) != 0;
	case HF_CASE_EVENT_PENALTY:
		return (next->powers & (power_for(now->regime) |
					1u << HF_POWER_SUPERVISE_DSA)) != 0;
	default:
		return true;
	}
}

static bool decides(enum hf_case_reason reason)
{
	return reason == HF_CASE_REASON_COMPLAINT_UPHELD ||
	       reason == HF_CASE_REASON_COMPLAINT_REJECTED;
}

/* The conditions that hold, as bits.  POWER was asked before. */
static uint32_t what_holds(const struct hf_case_parties *parties,
			   const struct hf_case *now,
			   const struct hf_case_fact *next)
{
	bool alone = is_alone(parties);
	bool own_order =
		now->is_ordered && is_same(now->ordered_by, next->author);
	bool own = is_same(now->contested_by, next->author);
	uint32_t holds = HF_CASE_WHEN_POWER | HF_CASE_WHEN_KEEP;

	holds |= !alone ? HF_CASE_WHEN_TWO : 0;
	holds |= next->has_failed     ? HF_CASE_WHEN_FAILED
		 : !has_node(parties) ? HF_CASE_WHEN_SENT
				      : 0;
	holds |= now->is_ordered ? HF_CASE_WHEN_IN_FORCE
				 : HF_CASE_WHEN_NOT_BOUND;
	holds |= now->is_order_open ? HF_CASE_WHEN_OPEN_ORDER
				    : HF_CASE_WHEN_NO_ORDER;
	if (now->is_ordered && now->complied_ms == 0)
		holds |= HF_CASE_WHEN_UNREPORTED;
	if (own_order)
		holds |= HF_CASE_WHEN_OWN_ORDER;
	if (own_order || !now->is_order_open)
		holds |= HF_CASE_WHEN_FREE;
	if (now->acted_ms != 0)
		holds |= HF_CASE_WHEN_ACTED;
	if (now->acted_ms != 0 || now->offline_ms != 0)
		holds |= HF_CASE_WHEN_DONE;
	if (own || alone)
		holds |= HF_CASE_WHEN_OWN;
	if (!own || alone)
		holds |= HF_CASE_WHEN_OTHERS;
	if (decides(next->reason))
		holds |= HF_CASE_WHEN_DECIDES;
	return holds;
}

/* A third of the places each, so that nobody can fill the case with his own
 * and keep the others out. */
static bool is_full(const struct hf_case_parties *parties,
		    const struct hf_case *now, const uint8_t *author)
{
	return now->shares_used[hf_case_role(parties, author)] >=
	       HF_CASE_EVENTS_MAX / 3;
}

enum hf_case_fate hf_case_judge(const struct hf_case_parties *parties,
				const struct hf_case *now,
				const struct hf_case_fact *next,
				const struct hf_case_row **out_row)
{
	unsigned who = who_is(parties, now, next->author);
	uint32_t holds = what_holds(parties, now, next);
	enum hf_case_fate fate = HF_CASE_FATE_NOT_PARTY;
	size_t count;
	const struct hf_case_row *row = hf_case_rows(next->kind, &count);

	for (; count > 0; count--, row++) {
		/* Alone, an organisation does not remind itself. */
		if ((row->who & who) == 0 ||
		    (row->when & HF_CASE_WHEN_TWO & ~holds) != 0)
			continue;
		if (!has_power(now, next))
			return HF_CASE_FATE_NO_POWER;
		fate = HF_CASE_FATE_NOT_NOW;
		if ((row->from & 1u << now->state) == 0 ||
		    (row->when & ~holds) != 0)
			continue;
		if (is_full(parties, now, next->author))
			return HF_CASE_FATE_TOO_MANY;
		*out_row = row;
		return HF_CASE_FATE_APPLIED;
	}
	return fate;
}

enum hf_case_fate hf_case_may(const struct hf_case_parties *parties,
			      const struct hf_case *now,
			      const struct hf_case_fact *next)
{
	const struct hf_case_row *row;

	return hf_case_judge(parties, now, next, &row);
}

/*
 * What it does: clocks.
 */

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static void pause_begin(const struct hf_case *now, struct hf_case_pause *pause,
			uint64_t at_ms)
{
	if (now->clock_ms != 0 && now->stopped_ms == 0 && pause->since_ms == 0)
		pause->since_ms = later(at_ms, now->clock_ms);
}

/* Clocks of others step back: time that passed is never less than none. */
static void pause_end(struct hf_case_pause *pause, uint64_t at_ms)
{
	if (pause->since_ms != 0 && at_ms > pause->since_ms) {
		uint64_t passed_ms = at_ms - pause->since_ms;

		pause->total_ms = passed_ms > UINT64_MAX - pause->total_ms
					  ? UINT64_MAX
					  : pause->total_ms + passed_ms;
	}
	pause->since_ms = 0;
}

static void clock_begin(struct hf_case *now, uint64_t at_ms,
			uint64_t deadline_ms)
{
	now->clock_ms = at_ms;
	now->deadline_ms = deadline_ms;
	now->stopped_ms = 0;
	now->needs_info = now->impossible = (struct hf_case_pause){ 0 };
}

static void clock_stop(struct hf_case *now, uint64_t at_ms)
{
	now->is_order_open = false;
	if (now->stopped_ms != 0)
		return;
	pause_end(&now->needs_info, at_ms);
	pause_end(&now->impossible, at_ms);
	/* At least 1: 0 says that it runs. */
	now->stopped_ms = later(later(at_ms, now->clock_ms), 1);
}

/* As if it had not been stopped: the answer was not true, or is undone. */
static void clock_resume(struct hf_case *now)
{
	now->stopped_ms = 0;
	now->is_order_open = now->is_ordered;
}

/* The notice reached the provider. */
static void deliver(struct hf_case *now, uint64_t at_ms)
{
	if (now->delivered_ms != 0)
		return;
	now->delivered_ms = later(later(at_ms, now->published_ms), 1);
	if (now->clock_ms == 0) {
		now->clock_ms = now->delivered_ms;
		now->stopped_ms = now->stopped_ms != 0 ? later(now->stopped_ms,
							       now->clock_ms)
						       : 0;
	}
}

static void deliver_order(struct hf_case *now, uint64_t at_ms)
{
	if (!now->is_order_open || now->is_order_clock)
		return;
	clock_begin(now, later(at_ms, now->ordered_ms), now->order_deadline_ms);
	now->is_order_clock = true;
}

/*
 * What it does: kinds.
 */

static void authority_join(struct hf_case *now, const uint8_t *id)
{
	static const uint8_t nobody[HF_HASH_BYTES];

	if (is_same(id, nobody) || is_authority(now, id) ||
	    now->authorities_count == HF_CASE_AUTHORITIES_MAX)
		return;
	memcpy(now->authorities[now->authorities_count++], id, HF_HASH_BYTES);
}

static void undo(struct hf_case *now)
{
	now->acted_ms = 0;
	now->offline_ms = 0;
	now->complied_ms = 0;
}

static void on_delivery(const struct hf_case_parties *parties,
			struct hf_case *now, const struct hf_case_fact *fact,
			uint64_t did_ms)
{
	now->is_delivery_failed = fact->has_failed;
	if (has_node(parties))
		return;
	if (!fact->has_failed) {
		deliver(now, did_ms);
	} else if (now->state == HF_CASE_DELIVERED) {
		/* It came back: it never was there. */
		now->delivered_ms = 0;
		now->clock_ms = 0;
	}
}

static void on_order(const struct hf_case_parties *parties, struct hf_case *now,
		     const struct hf_case_fact *fact)
{
	authority_join(now, fact->author);
	memcpy(now->ordered_by, fact->author, HF_HASH_BYTES);
	memcpy(now->authority, fact->author, HF_HASH_BYTES);
	now->ordered_ms = later(fact->at_ms, 1);
	now->regime = fact->regime;
	now->order_deadline_ms = fact->deadline_ms;
	now->complied_ms = 0;
	now->is_ordered = now->is_order_open = true;
	now->is_order_clock = false;
	now->is_escalated = true;
	if (!has_node(parties) || is_alone(parties))
		deliver_order(now, fact->at_ms);
}

static void on_escalate(const struct hf_case_parties *parties,
			struct hf_case *now, const struct hf_case_fact *fact)
{
	authority_join(now, fact->to_id);
	if (!is_notifier(parties, fact->author))
		return;
	now->escalated_ms = fact->at_ms;
	now->is_escalated = true;
	if (!now->is_ordered)
		memcpy(now->authority, fact->to_id, HF_HASH_BYTES);
}

static void on_reappeared(struct hf_case *now, uint64_t at_ms)
{
	undo(now);
	clock_resume(now);
	clock_begin(now, later(at_ms, 1), now->deadline_ms);
	now->is_escalated = false;
	now->reappeared++;
}

/* Its author takes an order back, or an authority that decides does. */
static void on_end(const struct hf_case_parties *parties, struct hf_case *now,
		   const struct hf_case_fact *fact)
{
	bool upheld = fact->reason == HF_CASE_REASON_COMPLAINT_UPHELD &&
		      is_authority(now, fact->author);

	if (now->is_ordered &&
	    (upheld || is_same(now->ordered_by, fact->author)))
		now->is_ordered = false;
	clock_stop(now, fact->at_ms);
}

/* The provider acted: time of its word, not of our hearing it. */
static void on_acted(struct hf_case *now, uint64_t did_ms)
{
	if (now->acted_ms == 0)
		now->acted_ms = later(did_ms, 1);
	clock_stop(now, did_ms);
}

/* What the provider says beyond "received" ends whatever it waited for. */
static bool is_action(enum hf_case_event_kind kind)
{
	return kind != HF_CASE_EVENT_RECEIPT && kind != HF_CASE_EVENT_QUOTE &&
	       kind != HF_CASE_EVENT_CONTEST &&
	       kind != HF_CASE_EVENT_ESCALATE_LEA &&
	       kind != HF_CASE_EVENT_ESCALATE_AUTHORITY;
}

static void provider_spoke(struct hf_case *now, const struct hf_case_fact *fact,
			   const struct hf_case_sight *sight)
{
	if (fact->kind == HF_CASE_EVENT_RECEIPT && now->acknowledged_ms == 0)
		now->acknowledged_ms = later(fact->at_ms, 1);
	if (fact->kind == HF_CASE_EVENT_RECEIPT || fact->covers_opening ||
	    sight->has_opening)
		deliver(now, fact->at_ms);
	if (sight->has_order)
		deliver_order(now, fact->at_ms);
	if (!is_action(fact->kind))
		return;
	if (fact->kind != HF_CASE_EVENT_NEEDS_INFO)
		pause_end(&now->needs_info, fact->at_ms);
	if (fact->kind != HF_CASE_EVENT_IMPOSSIBLE)
		pause_end(&now->impossible, fact->at_ms);
}

static void on_kind(const struct hf_case_parties *parties, struct hf_case *now,
		    const struct hf_case_fact *fact,
		    const struct hf_case_row *row, uint64_t did_ms)
{
	bool is_move = row->to != HF_CASE_SAME;

	switch (fact->kind) {
	case HF_CASE_EVENT_DELIVERY:
		on_delivery(parties, now, fact, did_ms);
		break;
	case HF_CASE_EVENT_RENOTIFY:
		now->renotified_ms = fact->at_ms;
		now->renotified++;
		break;
	case HF_CASE_EVENT_INFO:
		pause_end(&now->needs_info, fact->at_ms);
		break;
	case HF_CASE_EVENT_NEEDS_INFO:
		pause_begin(now, &now->needs_info, fact->at_ms);
		break;
	case HF_CASE_EVENT_IMPOSSIBLE:
		pause_begin(now, &now->impossible, fact->at_ms);
		break;
	case HF_CASE_EVENT_ONLINE:
		if (row->to == HF_CASE_STILL_ONLINE || now->acted_ms != 0 ||
		    now->offline_ms != 0)
			clock_resume(now);
		undo(now);
		break;
	case HF_CASE_EVENT_REAPPEARED:
		on_reappeared(now, fact->at_ms);
		break;
	case HF_CASE_EVENT_ESCALATE_LEA:
		if (is_notifier(parties, fact->author))
			now->escalated_ms = fact->at_ms;
		break;
	case HF_CASE_EVENT_ESCALATE_AUTHORITY:
		on_escalate(parties, now, fact);
		break;
	case HF_CASE_EVENT_ORDER:
		on_order(parties, now, fact);
		break;
	case HF_CASE_EVENT_PENALTY:
		now->penalty_ms = fact->at_ms;
		break;
	case HF_CASE_EVENT_CONTEST:
		if (is_move)
			memcpy(now->contested_by, fact->author, HF_HASH_BYTES);
		break;
	case HF_CASE_EVENT_REJECTED:
		if (row->to == HF_CASE_REJECTED)
			clock_stop(now, fact->at_ms);
		break;
	case HF_CASE_EVENT_MOVED:
		if (is_move)
			clock_stop(now, did_ms);
		break;
	case HF_CASE_EVENT_COMPLIED:
		now->complied_ms = later(did_ms, 1);
		on_acted(now, did_ms);
		break;
	case HF_CASE_EVENT_UNAVAILABLE:
	case HF_CASE_EVENT_DISABLED:
	case HF_CASE_EVENT_REMOVED:
		on_acted(now, did_ms);
		break;
	case HF_CASE_EVENT_OFFLINE:
		if (now->offline_ms == 0)
			now->offline_ms = later(did_ms, 1);
		clock_stop(now, did_ms);
		break;
	case HF_CASE_EVENT_REINSTATED:
		undo(now);
		if (now->is_ordered)
			clock_resume(now);
		else
			clock_stop(now, fact->at_ms);
		break;
	case HF_CASE_EVENT_WITHDRAW:
	case HF_CASE_EVENT_CLOSE:
		on_end(parties, now, fact);
		break;
	default:
		break;
	}
}

/*
 * What it does: the state.
 */

static void go(struct hf_case *now, enum hf_case_state to, uint64_t at_ms)
{
	enum hf_case_state from = now->state;

	if (to == HF_CASE_CONTESTED)
		now->contested_state = from;
	if (hf_case_is_stuck(to) && !hf_case_is_stuck(from))
		now->stuck_state =
			hf_case_is_begun(from) ? HF_CASE_ACKNOWLEDGED : from;
	if (to == HF_CASE_WITHDRAWN || to == HF_CASE_CLOSED)
		now->closed_ms = later(at_ms, 1);
	else if (to != HF_CASE_REINSTATED)
		now->closed_ms = 0;
	now->state = to;
}

static void move(struct hf_case *now, const struct hf_case_fact *fact,
		 const struct hf_case_row *row)
{
	unsigned to = row->to;

	if (to == HF_CASE_SAME)
		return;
	if (to == HF_CASE_BACK)
		to = now->stuck_state;
	else if (to == HF_CASE_BEFORE)
		to = now->contested_state;
	now->reason = fact->reason;
	if ((row->when & HF_CASE_WHEN_KEEP) != 0)
		now->contested_state = (enum hf_case_state)to;
	else
		go(now, (enum hf_case_state)to, fact->at_ms);
	now->is_over =
		now->state == HF_CASE_VERIFIED_OFFLINE ||
		now->state == HF_CASE_WITHDRAWN ||
		now->state == HF_CASE_CLOSED ||
		(now->state == HF_CASE_REINSTATED && now->closed_ms != 0);
}

static void open_case(const struct hf_case_parties *parties,
		      struct hf_case *now, const struct hf_case_fact *fact)
{
	now->published_ms = fact->at_ms;
	now->regime = fact->regime;
	now->deadline_ms = fact->deadline_ms;
	if (is_alone(parties))
		deliver(now, fact->at_ms);
}

void hf_case_apply(const struct hf_case_parties *parties, struct hf_case *now,
		   const struct hf_case_fact *fact,
		   const struct hf_case_row *row,
		   const struct hf_case_sight *sight)
{
	/* Nobody can have acted after he said so. */
	uint64_t did_ms = fact->acted_ms != 0 && fact->acted_ms < fact->at_ms
				  ? fact->acted_ms
				  : fact->at_ms;

	if (now->state == 0)
		open_case(parties, now, fact);
	else if (is_provider(parties, fact->author))
		provider_spoke(now, fact, sight);
	on_kind(parties, now, fact, row, did_ms);
	move(now, fact, row);
	now->changed_ms = later(now->changed_ms, fact->at_ms);
	now->shares_used[hf_case_role(parties, fact->author)]++;
	now->events++;
}
