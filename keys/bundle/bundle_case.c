#include <string.h>

#include "sha256.h"

#include "bundle_inside.h"

static bool is_id(const uint8_t a[static HF_HASH_BYTES],
		  const uint8_t b[static HF_HASH_BYTES])
{
	return memcmp(a, b, HF_HASH_BYTES) == 0;
}

/* --- One case. ----------------------------------------------------------- */

/* What stands at this place, after start; NULL for nothing in the bundle. */
static struct hf_bundle_event *at_place(const struct hf_bundle_work *work,
					const char *origin, uint64_t index,
					size_t start)
{
	for (size_t i = start; i < work->events_count; i++) {
		struct hf_bundle_event *event = &work->events[i];

		if (event->index == index && strcmp(event->origin, origin) == 0)
			return event;
	}
	return NULL;
}

static bool is_leaf(struct hf_span leaf_hash,
		    const struct hf_bundle_event *event)
{
	return hf_span_equal(leaf_hash,
			     hf_span(event->leaf_hash, HF_HASH_BYTES));
}

static enum hf_err find_opening(struct hf_bundle_work *work, struct hf_why *why)
{
	const struct hf_entry_ref *ref = work->bundle->opening;
	const struct hf_bundle_event *opening =
		at_place(work, ref->origin, ref->index, 0);

	if (opening == NULL)
		return hf_why(why, HF_E_NOTFOUND,
			      "the case's opening entry, %llu of %.100s, is "
			      "not in it",
			      (unsigned long long)ref->index, ref->origin);
	if (!is_leaf(ref->leaf_hash, opening))
		return hf_why(why, HF_E_PROOF,
			      "opening: entry %llu of %.100s has another leaf "
			      "hash",
			      (unsigned long long)ref->index, ref->origin);
	if (opening->event->notice == NULL || opening->event->case_ref != NULL)
		return hf_why(why, HF_E_ARGUMENT,
			      "opening: entry %llu of %.100s opens no case",
			      (unsigned long long)ref->index, ref->origin);
	work->report->opening = opening;
	hf_bundle_case_id(ref->origin, ref->index, work->report->case_id);
	return HF_OK;
}

/* Is it of this case?  The opening event may be there again, in its author's
 * set for another party. */
static bool is_of_case(const struct hf_bundle_work *work,
		       const struct hf_bundle_event *event)
{
	const struct hf_entry_ref *opening = work->bundle->opening;
	const struct hf_entry_ref *ref = event->event->case_ref;

	if (ref == NULL)
		return event->author == work->report->opening->author &&
		       hf_span_equal(event->event->event_id,
				     work->report->opening->event->event_id);
	return ref->index == opening->index &&
	       strcmp(ref->origin, opening->origin) == 0 &&
	       hf_span_equal(ref->leaf_hash, opening->leaf_hash);
}

static enum hf_err refuse_others(const struct hf_bundle_work *work,
				 struct hf_why *why)
{
	for (size_t i = 0; i < work->events_count; i++) {
		const struct hf_bundle_event *event = &work->events[i];

		if (!is_of_case(work, event))
			return hf_why(why, HF_E_CONFLICT,
				      "entry %llu of %.100s is of another case",
				      (unsigned long long)event->index,
				      event->origin);
	}
	return HF_OK;
}

/* An entry that is both here and quoted is one entry. */
static enum hf_err compare_places(const struct hf_bundle_work *work,
				  struct hf_why *why)
{
	for (size_t i = 0; i < work->events_count; i++) {
		const struct hf_bundle_event *one = &work->events[i];
		const struct hf_bundle_event *other =
			at_place(work, one->origin, one->index, i + 1);

		if (other != NULL &&
		    (!is_id(one->leaf_hash, other->leaf_hash) ||
		     !is_id(one->text_hash, other->text_hash) ||
		     !is_id(one->recipient_id, other->recipient_id)))
			return hf_why(why, HF_E_PROOF,
				      "entry %llu of %.100s is quoted as "
				      "another than it is",
				      (unsigned long long)one->index,
				      one->origin);
	}
	return HF_OK;
}

/* --- Receipts. ----------------------------------------------------------- */

/* A receipt for something else than what is in the bundle shows that one of
 * the two is not what it is said to be. */
static enum hf_err match_receipt(struct hf_bundle_work *work,
				 struct hf_bundle_event *receipt,
				 struct hf_why *why)
{
	const struct hf_case_receipt *says = receipt->event->receipt;
	struct hf_bundle_event *of =
		at_place(work, says->origin, says->index, 0);

	if (of == NULL)
		return hf_bundle_find(work, why,
				      "%s signed a receipt for entry %llu of "
				      "%s, which is not in the bundle.",
				      receipt->author->name,
				      (unsigned long long)says->index,
				      says->origin);
	if (!is_leaf(says->leaf_hash, of) ||
	    !hf_span_equal(says->text_hash,
			   hf_span(of->text_hash, HF_HASH_BYTES)))
		return hf_why(why, HF_E_PROOF,
			      "the receipt by %.100s is for another text than "
			      "that of entry %llu of %.60s",
			      receipt->author->name,
			      (unsigned long long)says->index, says->origin);
	if (!is_id(receipt->author->id, of->recipient_id))
		return hf_bundle_find(work, why,
				      "%s signed a receipt for entry %llu of "
				      "%s, which was sent to somebody else.",
				      receipt->author->name,
				      (unsigned long long)says->index,
				      says->origin);
	receipt->receipt_of = of;
	of->receipt = receipt;
	return HF_OK;
}

/* The same event for the same reader: quoted as well, or sealed again because
 * a receive key had ended. */
static bool is_same(const struct hf_bundle_event *one,
		    const struct hf_bundle_event *other)
{
	return one->author == other->author &&
	       is_id(one->text_hash, other->text_hash) &&
	       is_id(one->recipient_id, other->recipient_id);
}

static void share_receipt(struct hf_bundle_work *work,
			  const struct hf_bundle_event *of)
{
	for (size_t i = 0; i < work->events_count; i++) {
		struct hf_bundle_event *event = &work->events[i];

		if (event->receipt == NULL && is_same(event, of))
			event->receipt = of->receipt;
	}
}

static enum hf_err match_receipts(struct hf_bundle_work *work,
				  struct hf_why *why)
{
	for (size_t i = 0; i < work->events_count; i++) {
		struct hf_bundle_event *event = &work->events[i];
		enum hf_err err;

		if (event->event->kind != HF_CASE_EVENT_RECEIPT)
			continue;
		err = match_receipt(work, event, why);
		if (err != HF_OK)
			return err;
		if (event->receipt_of != NULL)
			share_receipt(work, event->receipt_of);
	}
	return HF_OK;
}

/* --- The fold. ----------------------------------------------------------- */

static bool covers_opening(const struct hf_bundle_work *work,
			   const struct hf_case_event *event)
{
	const struct hf_entry_ref *opening = work->bundle->opening;

	if (event->receipt != NULL && event->receipt->index == opening->index &&
	    strcmp(event->receipt->origin, opening->origin) == 0)
		return true;
	for (size_t i = 0; i < event->saw_count; i++) {
		if (event->saw[i].size > opening->index &&
		    strcmp(event->saw[i].origin, opening->origin) == 0)
			return true;
	}
	return false;
}

static uint32_t powers_of(const struct hf_bundle_work *work,
			  const struct hf_bundle_event *event)
{
	const struct hf_bundle_options *options = work->options;

	if (options == NULL || options->powers == NULL)
		return UINT32_MAX;
	return options->powers(options->context, event->author->id,
			       event->event->at_ms);
}

/* What is the same in every copy of an event: all but how far its author held
 * the logs that it shares with a reader. */
static enum hf_err hash_of_event(const struct hf_case_event *event,
				 uint8_t out_hash[static HF_HASH_BYTES],
				 struct hf_why *why)
{
	struct hf_case_event same = *event;
	struct hf_buf text;
	enum hf_err err;

	same.saw = NULL;
	same.saw_count = 0;
	hf_buf_init(&text, HF_CASE_TEXT_MAX_BYTES);
	err = hf_case_event_encode(&same, &text);
	if (err == HF_OK)
		hf_sha256(text.at, text.len_bytes, out_hash);
	else
		err = hf_why(why, err, "event: %s", hf_err_words(err));
	hf_buf_release(&text);
	return err;
}

/* When it was done, if that is not when it was said. */
static uint64_t done_ms(const struct hf_case_event *event)
{
	return event->delivery != NULL ? event->delivery->sent_ms
				       : event->acted_ms;
}

/* The author's own words, as the fold wants them. */
static enum hf_err make_fact(const struct hf_bundle_work *work,
			     const struct hf_bundle_event *from,
			     struct hf_case_fact *out, struct hf_why *why)
{
	const struct hf_case_event *event = from->event;
	uint8_t(*after)[HF_EVENT_ID_BYTES];

	after = hf_arena_calloc(work->arena, event->after_count + 1,
				sizeof(*after));
	if (after == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	for (size_t i = 0; i < event->after_count; i++)
		memcpy(after[i], event->after[i].at, HF_EVENT_ID_BYTES);
	*out = (struct hf_case_fact){
		.kind = event->kind,
		.reason = event->reason,
		.at_ms = event->at_ms,
		.acted_ms = done_ms(event),
		.covers_opening = covers_opening(work, event),
		.has_failed =
			event->delivery != NULL && event->delivery->has_failed,
		.powers = powers_of(work, from),
		.after = (const uint8_t(*)[HF_EVENT_ID_BYTES])after,
		.after_count = event->after_count,
	};
	memcpy(out->event_id, event->event_id.at, HF_EVENT_ID_BYTES);
	memcpy(out->author, from->author->id, HF_HASH_BYTES);
	if (event->to_id.len_bytes == HF_HASH_BYTES)
		memcpy(out->to_id, event->to_id.at, HF_HASH_BYTES);
	if (event->notice != NULL) {
		out->regime = event->notice->regime;
		out->deadline_ms = event->notice->deadline_ms;
	}
	return hash_of_event(event, out->text_hash, why);
}

static struct hf_case_parties parties_of(const struct hf_bundle_event *opening)
{
	struct hf_span provider = opening->event->notice->provider_id;
	struct hf_case_parties parties = { { 0 }, { 0 } };

	memcpy(parties.notifier, opening->author->id, HF_HASH_BYTES);
	if (provider.len_bytes == HF_HASH_BYTES)
		memcpy(parties.provider, provider.at, HF_HASH_BYTES);
	return parties;
}

static enum hf_err fold(struct hf_bundle_work *work, struct hf_why *why)
{
	struct hf_case_parties parties = parties_of(work->report->opening);
	const struct hf_bundle_event **events;
	size_t count = work->events_count;
	enum hf_case_fate *fates;
	struct hf_case_fact *facts;
	size_t *order;
	enum hf_err err = HF_OK;

	events = hf_arena_calloc(work->arena, count, sizeof(*events));
	fates = hf_arena_calloc(work->arena, count, sizeof(*fates));
	facts = hf_arena_calloc(work->arena, count, sizeof(*facts));
	order = hf_arena_calloc(work->arena, count, sizeof(*order));
	if (events == NULL || fates == NULL || facts == NULL || order == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	for (size_t i = 0; i < count && err == HF_OK; i++)
		err = make_fact(work, &work->events[i], &facts[i], why);
	if (err == HF_OK)
		err = hf_case_fold(&parties, facts, count, work->arena,
				   &work->report->now, fates, order, why);
	if (err != HF_OK)
		return err;
	for (size_t i = 0; i < count; i++) {
		work->events[i].fate = fates[i];
		events[i] = &work->events[order[i]];
	}
	work->report->events = events;
	work->report->events_count = count;
	return HF_OK;
}

enum hf_err hf_bundle_case(struct hf_bundle_work *work, struct hf_why *why)
{
	enum hf_err err = find_opening(work, why);

	if (err == HF_OK)
		err = refuse_others(work, why);
	if (err == HF_OK)
		err = compare_places(work, why);
	if (err == HF_OK)
		err = match_receipts(work, why);
	if (err == HF_OK)
		err = fold(work, why);
	if (err == HF_OK)
		err = hf_bundle_look(work, why);
	return err;
}
