#include <string.h>

#include "bundle_inside.h"

#define FUTURE_MAX_S (HF_FUTURE_MAX_MS / 1000)

static bool is_in_audience(const struct hf_bundle_set *set,
			   const uint8_t id[static HF_HASH_BYTES])
{
	for (size_t i = 0; i < set->audience_count; i++) {
		if (hf_span_equal(set->audience[i], hf_span(id, HF_HASH_BYTES)))
			return true;
	}
	return false;
}

static bool is_provider(const struct hf_notice *notice,
			const struct hf_bundle_event *event)
{
	return hf_span_equal(notice->provider_id,
			     hf_span(event->recipient_id, HF_HASH_BYTES));
}

/* The copy of an event that was sent to the provider it names, the one that
 * is best shown; NULL. */
static const struct hf_bundle_event *
sent_to_provider(const struct hf_bundle_work *work,
		 const struct hf_bundle_event *event)
{
	const struct hf_bundle_event *best = NULL;

	for (size_t i = 0; i < work->events_count; i++) {
		const struct hf_bundle_event *copy = &work->events[i];

		if (copy->author == event->author &&
		    hf_span_equal(copy->event->event_id,
				  event->event->event_id) &&
		    is_provider(event->event->notice, copy) &&
		    (best == NULL || copy->shown > best->shown))
			best = copy;
	}
	return best;
}

/* What its author holds against the provider: could it read the set, did it
 * sign a receipt, is this what was sealed? */
static enum hf_err look_at_sent(struct hf_bundle_work *work,
				const struct hf_bundle_event *event,
				struct hf_why *why)
{
	const char *word = hf_case_event_kind_word(event->event->kind);
	const char *provider = event->event->notice->provider;
	enum hf_err err = HF_OK;

	if (event->set != NULL && event->recipient != event->author &&
	    !is_in_audience(event->set, event->recipient_id))
		err = hf_bundle_find(work, why,
				     "The %s is for %s, who by the agreement "
				     "of %s may not read that set.",
				     word, provider, event->set->origin);
	if (err != HF_OK || event->receipt != NULL)
		return err;
	err = hf_bundle_find(work, why,
			     "No receipt by %s for the %s is in the bundle%s.",
			     provider, word,
			     event->cosigned_s != 0
				     ? "; it cosigned the checkpoint that has "
				       "the entry"
				     : "");
	if (err == HF_OK && event->shown != HF_BUNDLE_SEALED)
		err = hf_bundle_find(
			work, why,
			"Nothing shows that the text of the %s is what %s was "
			"sent: %s signed it, no more.",
			word, provider, event->author->name);
	return err;
}

static enum hf_err look_at_demand(struct hf_bundle_work *work,
				  const struct hf_bundle_event *event,
				  struct hf_why *why)
{
	const struct hf_notice *notice = event->event->notice;
	const struct hf_bundle_event *sent;

	if (notice->provider_id.len_bytes == 0)
		return hf_bundle_find(work, why,
				      "%s has no node: what it was sent, and "
				      "whether it arrived, is the word of %s.",
				      notice->provider, event->author->name);
	sent = sent_to_provider(work, event);
	if (sent == NULL)
		return hf_bundle_find(
			work, why,
			"The %s in entry %llu of %s names %s and "
			"was sent to somebody else.",
			hf_case_event_kind_word(event->event->kind),
			(unsigned long long)event->index, event->origin,
			notice->provider);
	return look_at_sent(work, sent, why);
}

/* A log as its readers held it, and as it is: two trees of one size are a
 * fork, by one of the two. */
static enum hf_err look_at_marks(struct hf_bundle_work *work,
				 const struct hf_bundle_event *event,
				 struct hf_why *why)
{
	enum hf_err err = HF_OK;

	for (size_t i = 0; i < event->event->saw_count && err == HF_OK; i++) {
		const struct hf_log_mark *mark = &event->event->saw[i];

		for (size_t j = 0; j < work->bundle->logs_count; j++) {
			const struct hf_bundle_set *set = &work->sets[j];

			if (mark->size != set->size ||
			    strcmp(mark->origin, set->origin) != 0 ||
			    hf_span_equal(mark->root, hf_span(set->root.bytes,
							      HF_HASH_BYTES)))
				continue;
			err = hf_bundle_find(
				work, why,
				"%s saw another tree of %s at size %llu than "
				"its checkpoint here has: a fork was shown, or "
				"that is not true.",
				event->author->name, mark->origin,
				(unsigned long long)mark->size);
		}
	}
	return err;
}

static bool needs_power(const struct hf_bundle_event *event)
{
	return event->fate == HF_CASE_FATE_APPLIED &&
	       (event->event->kind == HF_CASE_EVENT_ORDER ||
		event->event->kind == HF_CASE_EVENT_PENALTY);
}

static enum hf_err look_at_event(struct hf_bundle_work *work,
				 const struct hf_bundle_event *event,
				 struct hf_why *why)
{
	const char *word = hf_case_event_kind_word(event->event->kind);
	enum hf_err err = HF_OK;

	if (event->fate != HF_CASE_FATE_APPLIED &&
	    event->fate != HF_CASE_FATE_DUPLICATE)
		err = hf_bundle_find(
			work, why, "The %s by %s does not count: %s.", word,
			event->author->name, hf_case_fate_word(event->fate));
	if (err == HF_OK && event->set != NULL &&
	    event->event->at_ms / 1000 > event->set->time_s + FUTURE_MAX_S)
		err = hf_bundle_find(work, why,
				     "The %s by %s is dated after the "
				     "checkpoint that has it.",
				     word, event->author->name);
	if (err == HF_OK && event->event->notice != NULL &&
	    event->fate == HF_CASE_FATE_APPLIED)
		err = look_at_demand(work, event, why);
	if (err == HF_OK)
		err = look_at_marks(work, event, why);
	if (err == HF_OK && needs_power(event) &&
	    !work->report->are_powers_checked)
		err = hf_bundle_find(work, why,
				     "That %s has the power for the %s is not "
				     "shown: powers were not checked.",
				     event->author->name, word);
	return err;
}

/* A checkpoint of tomorrow bounds nothing. */
static enum hf_err look_at_time(struct hf_bundle_work *work,
				const struct hf_bundle_set *set,
				struct hf_why *why)
{
	uint64_t now_ms = work->options != NULL ? work->options->now_ms : 0;

	if (now_ms == 0 || set->time_s <= now_ms / 1000 + FUTURE_MAX_S)
		return HF_OK;
	return hf_bundle_find(work, why,
			      "The checkpoint of %s is dated in the future: "
			      "its time shows nothing.",
			      set->origin);
}

enum hf_err hf_bundle_look(struct hf_bundle_work *work, struct hf_why *why)
{
	struct hf_bundle_report *report = work->report;
	enum hf_err err = HF_OK;

	report->are_powers_checked =
		work->options != NULL && work->options->powers != NULL;
	for (size_t i = 0; i < work->bundle->logs_count && err == HF_OK; i++)
		err = look_at_time(work, &work->sets[i], why);
	for (size_t i = 0; i < report->events_count && err == HF_OK; i++)
		err = look_at_event(work, report->events[i], why);
	return err;
}
