#include "case.h"

#define MINUTE ((uint64_t)60 * 1000)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)
#define NEVER  UINT64_MAX

/* Times of others may be anything. */
static uint64_t plus(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static uint64_t minus(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* What of a pause moves the deadline, until now. */
static uint64_t pause_ms(const struct hf_case_pause *pause, bool counts,
			 uint64_t now_ms)
{
	uint64_t open_ms =
		pause->since_ms != 0 ? minus(now_ms, pause->since_ms) : 0;

	return counts ? plus(pause->total_ms, open_ms) : 0;
}

/* Say whether at_ms has come; if not, that is something to wait for. */
static bool has_come(uint64_t at_ms, uint64_t now_ms, uint64_t *next_ms)
{
	if (at_ms <= now_ms)
		return true;
	*next_ms = earlier(*next_ms, at_ms);
	return false;
}

static void look_at_delivery(const struct hf_case *now,
			     const struct hf_case_rules *rules, uint64_t now_ms,
			     struct hf_case_clock *out)
{
	uint64_t since_ms;

	if (rules->deliver_ms == 0 || now->is_over)
		return;
	if (now->is_order_open && !now->is_order_clock)
		since_ms = now->ordered_ms;
	else if (now->delivered_ms == 0 && now->stopped_ms == 0)
		since_ms = now->published_ms;
	else
		return;
	out->is_undelivered = has_come(plus(since_ms, rules->deliver_ms),
				       now_ms, &out->next_ms);
}

/* While it runs and is not paused. */
static void look_at_deadline(const struct hf_case *now,
			     const struct hf_case_rules *rules, uint64_t now_ms,
			     struct hf_case_clock *out)
{
	for (size_t i = 0; i < rules->warn_count; i++) {
		uint64_t warn_ms = rules->warn_ms[i];

		if (warn_ms < now->deadline_ms &&
		    has_come(minus(out->due_ms, warn_ms), now_ms,
			     &out->next_ms))
			out->warnings++;
	}
	out->is_overdue = has_come(out->due_ms, now_ms, &out->next_ms);
	if (!out->is_overdue)
		return;
	if (rules->renotify_ms != 0) {
		uint64_t again_ms =
			now->renotified_ms == 0
				? 0
				: plus(now->renotified_ms, rules->renotify_ms);

		out->should_renotify =
			has_come(again_ms, now_ms, &out->next_ms);
	}
	if (rules->escalate_ms != 0 && !now->is_escalated)
		out->should_escalate =
			has_come(plus(out->due_ms, rules->escalate_ms), now_ms,
				 &out->next_ms);
}

void hf_case_clock(const struct hf_case *now, const struct hf_case_rules *rules,
		   uint64_t now_ms, struct hf_case_clock *out_clock)
{
	struct hf_case_clock out = { .next_ms = NEVER };
	bool is_set = now->clock_ms != 0 && now->deadline_ms != 0;
	bool runs = now->clock_ms != 0 && now->stopped_ms == 0;

	look_at_delivery(now, rules, now_ms, &out);
	out.is_paused =
		runs &&
		((rules->pauses_needs_info && now->needs_info.since_ms != 0) ||
		 (rules->pauses_impossible && now->impossible.since_ms != 0));
	if (is_set) {
		out.limit_ms =
			plus(plus(now->clock_ms, now->deadline_ms),
			     plus(pause_ms(&now->needs_info,
					   rules->pauses_needs_info, now_ms),
				  pause_ms(&now->impossible,
					   rules->pauses_impossible, now_ms)));
		out.is_late =
			now->stopped_ms != 0 && now->stopped_ms >= out.limit_ms;
	}
	if (is_set && runs) {
		out.due_ms = out.limit_ms;
		if (out.is_paused)
			out.is_overdue = out.due_ms <= now_ms;
		else
			look_at_deadline(now, rules, now_ms, &out);
		out.is_late = out.is_overdue;
	}
	*out_clock = out;
}

/* Sources: SPEC section 12.6.  Configuration, not constants of law. */
static const struct hf_case_rules none;

static const struct hf_case_rules rules_default[] = {
	[HF_REGIME_NTD] = {
		.deadline_ms = 24 * HOUR,
		.warn_ms = { 6 * HOUR, HOUR },
		.warn_count = 2,
		.deliver_ms = 4 * HOUR,
		.renotify_ms = 24 * HOUR,
		.escalate_ms = 72 * HOUR,
	},
	[HF_REGIME_DSA] = {
		.deadline_ms = 7 * DAY,
		.priority_deadline_ms = 24 * HOUR,
		.warn_ms = { 24 * HOUR, 6 * HOUR, HOUR },
		.warn_count = 3,
		.deliver_ms = 24 * HOUR,
		.renotify_ms = 24 * HOUR,
		.escalate_ms = 72 * HOUR,
	},
	[HF_REGIME_CSAM_ORDER] = {
		.deadline_ms = 12 * HOUR,
		.warn_ms = { 4 * HOUR, HOUR, 15 * MINUTE },
		.warn_count = 3,
		.deliver_ms = HOUR,
		.renotify_ms = 12 * HOUR,
		.escalate_ms = 24 * HOUR,
	},
	[HF_REGIME_TCO] = {
		.deadline_ms = HOUR,
		.warn_ms = { 30 * MINUTE, 10 * MINUTE },
		.warn_count = 2,
		.deliver_ms = 15 * MINUTE,
		.renotify_ms = HOUR,
		.escalate_ms = 4 * HOUR,
		.pauses_needs_info = true,
		.pauses_impossible = true,
	},
	[HF_REGIME_CRIMINAL_ORDER] = {
		.deadline_ms = 24 * HOUR,
		.warn_ms = { 6 * HOUR, HOUR },
		.warn_count = 2,
		.deliver_ms = 4 * HOUR,
		.renotify_ms = 24 * HOUR,
		.escalate_ms = 24 * HOUR,
	},
	[HF_REGIME_FORWARD] = {
		.deadline_ms = 72 * HOUR,
		.warn_ms = { 24 * HOUR, 6 * HOUR },
		.warn_count = 2,
		.deliver_ms = 24 * HOUR,
		.renotify_ms = 24 * HOUR,
		.escalate_ms = 0,
	},
	[HF_REGIME_VOLUNTARY] = { 0 },
};

const struct hf_case_rules *hf_case_rules_default(enum hf_regime regime)
{
	unsigned number = regime;

	return number < sizeof(rules_default) / sizeof(rules_default[0])
		       ? &rules_default[number]
		       : &none;
}
