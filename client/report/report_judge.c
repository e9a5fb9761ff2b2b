#include "case.h"
#include "report_day.h"

#include "report_judge.h"

static uint64_t earlier(uint64_t a, uint64_t b)
{
	if (a == 0 || b == 0)
		return a != 0 ? a : b;
	return a < b ? a : b;
}

/* What the others wait for as a rule is a proposal (SPEC 12.6), nothing that a
 * provider was late for. */
uint64_t hf_report_deadline_ms(enum hf_regime regime)
{
	switch (regime) {
	case HF_REGIME_NTD:
	case HF_REGIME_CSAM_ORDER:
	case HF_REGIME_TCO:
		return hf_case_rules_default(regime)->deadline_ms;
	case HF_REGIME_DSA:
	case HF_REGIME_CRIMINAL_ORDER:
	case HF_REGIME_FORWARD:
	case HF_REGIME_VOLUNTARY:
		break;
	}
	return 0;
}

/* When it was gone; 0 while it is not.  What came back is not gone. */
static uint64_t gone_ms(const struct hf_case_summary *summary)
{
	uint64_t at_ms = earlier(summary->acted_ms, summary->offline_ms);

	switch (summary->state) {
	case HF_CASE_STILL_ONLINE:
	case HF_CASE_REAPPEARED:
	case HF_CASE_REINSTATED:
	case HF_CASE_REJECTED:
	case HF_CASE_WITHDRAWN:
	case HF_CASE_MOVED:
		return 0;
	case HF_CASE_REMOVED:
	case HF_CASE_DISABLED:
	case HF_CASE_UNAVAILABLE:
	case HF_CASE_VERIFIED_OFFLINE:
	case HF_CASE_COMPLIED:
		/* The state says that it is gone, whatever the times say. */
		return at_ms != 0 ? at_ms : summary->changed_ms;
	case HF_CASE_CLOSED:
		if (at_ms == 0 && summary->reason == HF_CASE_REASON_DONE)
			return earlier(summary->closed_ms, summary->changed_ms);
		return at_ms;
	default:
		return at_ms;
	}
}

static enum hf_report_outcome outcome_of(const struct hf_case_summary *summary,
					 const struct hf_report_judgement *is)
{
	if (is->gone_ms != 0) {
		if (is->duration_ms <= HF_DAY_MS)
			return HF_OUTCOME_WITHIN_24H;
		return is->duration_ms <= 2 * HF_DAY_MS ? HF_OUTCOME_WITHIN_48H
							: HF_OUTCOME_LATER;
	}
	switch (summary->state) {
	case HF_CASE_REJECTED:
		return HF_OUTCOME_REJECTED;
	case HF_CASE_WITHDRAWN:
		return HF_OUTCOME_WITHDRAWN;
	case HF_CASE_DELIVERY_FAILED:
		return HF_OUTCOME_UNDELIVERED;
	case HF_CASE_MOVED:
		return HF_OUTCOME_MOVED;
	case HF_CASE_REINSTATED:
		return HF_OUTCOME_REINSTATED;
	case HF_CASE_CLOSED:
		/* Given up on: nobody took it down. */
		return summary->reason == HF_CASE_REASON_GIVEN_UP
			       ? HF_OUTCOME_ONLINE
			       : HF_OUTCOME_CLOSED;
	default:
		return HF_OUTCOME_ONLINE;
	}
}

static enum hf_report_action action_of(const struct hf_case_summary *summary,
				       const struct hf_report_judgement *is)
{
	switch (is->outcome) {
	case HF_OUTCOME_REJECTED:
		return HF_ACTION_REJECTED;
	case HF_OUTCOME_WITHDRAWN:
		return HF_ACTION_WITHDRAWN;
	case HF_OUTCOME_UNDELIVERED:
		return HF_ACTION_UNDELIVERED;
	case HF_OUTCOME_MOVED:
		return HF_ACTION_MOVED;
	case HF_OUTCOME_REINSTATED:
		return HF_ACTION_REINSTATED;
	case HF_OUTCOME_CLOSED:
		return HF_ACTION_CLOSED;
	case HF_OUTCOME_ONLINE:
		break;
	default:
		return summary->acted_ms != 0 ? HF_ACTION_ACTED
					      : HF_ACTION_GONE;
	}
	switch (summary->state) {
	case HF_CASE_STILL_ONLINE:
		return HF_ACTION_UNTRUE;
	case HF_CASE_NEEDS_INFO:
		return HF_ACTION_ASKED;
	case HF_CASE_IMPOSSIBLE:
		return HF_ACTION_IMPOSSIBLE;
	default:
		return HF_ACTION_NONE;
	}
}

/* Did a person at the provider say anything that is still its last word?  A
 * receipt is made by a program and is no answer. */
static bool is_answered(const struct hf_case_summary *summary)
{
	switch (summary->state) {
	case HF_CASE_UNDER_REVIEW:
	case HF_CASE_NEEDS_INFO:
	case HF_CASE_IMPOSSIBLE:
	case HF_CASE_CONTESTED:
	case HF_CASE_REAPPEARED:
		return true;
	default:
		return false;
	}
}

static enum hf_report_answer answer_of(const struct hf_case_summary *summary,
				       uint64_t as_of_ms,
				       const struct hf_report_judgement *is)
{
	if (is->gone_ms != 0)
		return is->due_ms != 0 && is->gone_ms >= is->due_ms
			       ? HF_ANSWER_LATE
			       : HF_ANSWER_IN_TIME;
	switch (is->outcome) {
	case HF_OUTCOME_REJECTED:
		return summary->reason == 0 ? HF_ANSWER_UNREASONED
					    : HF_ANSWER_REASONED;
	case HF_OUTCOME_ONLINE:
		break;
	default:
		return HF_ANSWER_NOT_ASKED;
	}
	if (summary->state == HF_CASE_STILL_ONLINE)
		return HF_ANSWER_UNTRUE;
	if (summary->is_paused ||
	    !(summary->is_overdue ||
	      (is->due_ms != 0 && as_of_ms >= is->due_ms)))
		return HF_ANSWER_RUNNING;
	return is_answered(summary) ? HF_ANSWER_OVERDUE : HF_ANSWER_SILENT;
}

static uint64_t late_of(uint64_t as_of_ms, const struct hf_report_judgement *is)
{
	uint64_t from_ms = is->due_ms != 0 ? is->due_ms : is->start_ms;
	uint64_t until_ms =
		is->answer == HF_ANSWER_LATE ? is->gone_ms : as_of_ms;

	if (is->answer >= HF_REPORT_FAILINGS ||
	    is->answer == HF_ANSWER_UNREASONED || until_ms <= from_ms)
		return 0;
	return until_ms - from_ms;
}

void hf_report_judge(const struct hf_case_summary *summary, uint64_t as_of_ms,
		     uint64_t deadline_ms, struct hf_report_judgement *out)
{
	struct hf_report_judgement is = { 0 };

	is.start_ms = earlier(earlier(summary->clock_ms, summary->delivered_ms),
			      summary->acknowledged_ms);
	if (is.start_ms == 0) {
		is.start_ms = summary->published_ms;
		is.is_from_published = true;
	}
	is.due_ms = summary->due_ms;
	if (is.due_ms == 0 && deadline_ms != 0)
		is.due_ms = is.start_ms + deadline_ms;
	is.gone_ms = gone_ms(summary);
	if (is.gone_ms > as_of_ms)
		is.gone_ms = 0;
	if (is.gone_ms > is.start_ms)
		is.duration_ms = is.gone_ms - is.start_ms;
	is.outcome = outcome_of(summary, &is);
	is.action = action_of(summary, &is);
	is.answer = answer_of(summary, as_of_ms, &is);
	is.late_ms = late_of(as_of_ms, &is);
	*out = is;
}
