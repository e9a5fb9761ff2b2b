#include <string.h>

#include "agent.h"
#include "codec_document.h"
#include "leaf.h"
#include "sha256.h"

#include "cases_in.h"

/* How long a relay may keep an event before it is of no use any more. */
#define EXPIRES_MS ((uint64_t)365 * 24 * 3600 * 1000)

/* What stands around a text that is quoted: header, signature, two places. */
#define QUOTE_ROOM_BYTES 1200

void hf_cases_derive_id(const char *what, const uint8_t *a, size_t a_len,
			const uint8_t *b, size_t b_len,
			uint8_t out_id[static HF_EVENT_ID_BYTES])
{
	uint8_t digest[HF_SHA256_BYTES];
	struct hf_sha256 hash;

	hf_sha256_init(&hash);
	hf_sha256_update(&hash, "hashfed/derived-event", 22);
	hf_sha256_update(&hash, what, strlen(what) + 1);
	hf_sha256_update(&hash, a, a_len);
	if (b_len > 0)
		hf_sha256_update(&hash, b, b_len);
	hf_sha256_final(&hash, digest);
	memcpy(out_id, digest, HF_EVENT_ID_BYTES);
}

const uint8_t *hf_cases_counterpart(const struct hf_case_row *row,
				    const uint8_t self[static HF_HASH_BYTES])
{
	const struct hf_case_parties *parties = &row->parties;
	bool has_provider = !hf_cases_is_zero(parties->provider);
	bool is_notifier = memcmp(parties->notifier, self, HF_HASH_BYTES) == 0;
	bool is_provider = memcmp(parties->provider, self, HF_HASH_BYTES) == 0;

	/* What a provider found by itself goes to the one whose hash it was. */
	if (is_notifier && (is_provider || !has_provider))
		return is_provider && row->others_count > 0 ? row->others[0]
							    : NULL;
	return is_notifier ? parties->provider : parties->notifier;
}

enum hf_err
hf_cases_find_sent(struct hf_cases *cases,
		   const uint8_t request_id[static HF_EVENT_ID_BYTES],
		   uint8_t out_key[static HF_CASE_KEY_BYTES],
		   struct hf_why *why)
{
	struct hf_ring *ring = hf_ring_holder_get(cases->options.ring);
	const struct hf_ring_set *sets;
	size_t count = hf_ring_sets(ring, &sets);
	struct hf_ledger_view *view = NULL;
	bool is_there = false;
	enum hf_err err =
		hf_ledger_view_begin(cases->options.ledger, &view, why);

	for (size_t i = 0; err == HF_OK && i < count && !is_there; i++) {
		struct hf_span origin = hf_span_of(sets[i].origin);
		struct hf_ledger_receipt part;
		uint64_t sequence;
		uint32_t set;

		is_there =
			sets[i].is_own &&
			sets[i].agreement->kind == HF_SET_KIND_CASES &&
			hf_ledger_find(view, origin, &set, NULL) == HF_OK &&
			hf_ledger_batch_next(view, set, request_id, 0,
					     &sequence, &part, NULL) == HF_OK;
		if (is_there)
			hf_case_key(origin, part.first, out_key);
	}
	hf_ledger_view_end(view);
	hf_ring_release(ring);
	if (err == HF_OK && !is_there)
		err = hf_why(why, HF_E_NOTFOUND, "nothing was sent by it");
	return err;
}

/* Is it there already?  Then where. */
static bool is_appended(struct hf_cases *cases, uint32_t set,
			const uint8_t *event_id, uint64_t *out_index)
{
	struct hf_ledger_receipt part;
	struct hf_ledger_view *view;
	uint64_t sequence;
	bool is = false;

	if (hf_ledger_view_begin(cases->options.ledger, &view, NULL) != HF_OK)
		return false;
	if (hf_ledger_batch_next(view, set, event_id, 0, &sequence, &part,
				 NULL) == HF_OK) {
		*out_index = part.first;
		is = true;
	}
	hf_ledger_view_end(view);
	return is;
}

/* What the event says of the case so far. */
struct context {
	struct hf_entry_ref opening;
	struct hf_span after[HF_CASE_AFTER_MAX];
	size_t after_count;
	struct hf_log_mark saw[HF_CASE_SAW_MAX];
	size_t saw_count;
};

static enum hf_err add_mark(struct context *context,
			    struct hf_ledger_view *view, const char *origin,
			    struct hf_arena *arena, struct hf_why *why)
{
	struct hf_ledger_info info;
	struct hf_tree_hash root;
	struct hf_log_mark *mark = &context->saw[context->saw_count];
	uint32_t set;
	enum hf_err err = hf_ledger_find(view, hf_span_of(origin), &set, NULL);

	if (err != HF_OK)
		return HF_OK;
	err = hf_ledger_info(view, set, &info, why);
	if (err == HF_OK)
		err = hf_ledger_root(view, set, info.size, &root, why);
	if (err != HF_OK)
		return err;
	mark->origin = hf_arena_text(arena, hf_span_of(origin));
	mark->size = info.size;
	mark->root = hf_arena_copy(arena, hf_span(root.bytes, HF_HASH_BYTES));
	if (mark->origin == NULL || mark->root.at == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	context->saw_count++;
	return HF_OK;
}

/* The logs that the reader of this event writes for us. */
static enum hf_err mark_logs(struct hf_cases *cases, struct context *context,
			     const uint8_t *reader, struct hf_arena *arena,
			     struct hf_why *why)
{
	struct hf_ring *ring = hf_ring_holder_get(cases->options.ring);
	const struct hf_ring_set *sets;
	size_t count = hf_ring_sets(ring, &sets);
	struct hf_ledger_view *view = NULL;
	enum hf_err err =
		hf_ledger_view_begin(cases->options.ledger, &view, why);

	for (size_t i = 0;
	     err == HF_OK && i < count && context->saw_count < HF_CASE_SAW_MAX;
	     i++) {
		if (!sets[i].is_own && sets[i].is_followed &&
		    sets[i].agreement->kind == HF_SET_KIND_CASES &&
		    memcmp(sets[i].publisher->id, reader, HF_HASH_BYTES) == 0)
			err = add_mark(context, view, sets[i].origin, arena,
				       why);
	}
	hf_ledger_view_end(view);
	hf_ring_release(ring);
	return err;
}

static enum hf_err look_back(struct hf_cases *cases,
			     const struct hf_cases_making *making,
			     struct context *context, struct hf_arena *arena,
			     struct hf_why *why)
{
	struct hf_cases_history history;
	struct hf_case_summary fixed;
	struct hf_store_txn *view;
	enum hf_err err;

	if (making->row == NULL)
		return HF_OK;
	err = hf_case_summary_parse(making->row->opening, arena, &fixed, why);
	if (err != HF_OK)
		return err;
	context->opening = *fixed.opening;
	err = hf_store_view_begin(cases->views, &view, why);
	if (err != HF_OK)
		return err;
	err = hf_cases_history(cases, view, making->row, arena, &history, why);
	hf_store_view_end(view);
	if (err == HF_OK)
		context->after_count = hf_cases_heads(
			&history, making->event_id, context->after);
	return err;
}

/* Everything of an event that is not its maker's to say. */
static enum hf_err complete(struct hf_cases *cases,
			    const struct hf_cases_making *making,
			    const struct hf_cases_target *target,
			    struct context *context, struct hf_arena *arena,
			    struct hf_case_event *out, struct hf_why *why)
{
	enum hf_err err = look_back(cases, making, context, arena, why);

	if (err == HF_OK && !hf_cases_is_zero(target->recipient))
		err = mark_logs(cases, context, target->recipient, arena, why);
	if (err != HF_OK)
		return err;
	*out = making->event;
	out->event_id = hf_span(making->event_id, HF_EVENT_ID_BYTES);
	out->case_ref = making->row != NULL ? &context->opening : NULL;
	out->after = context->after;
	out->after_count = context->after_count;
	out->saw = context->saw;
	out->saw_count = context->saw_count;
	out->at_ms = hf_cases_now(cases);
	/* A quote carries its own. */
	if (out->kind == HF_CASE_EVENT_QUOTE) {
		out->after_count = 0;
		out->saw_count = 0;
	}
	return HF_OK;
}

/* The flight's next one: whoever waits for it does so at the end. */
static enum hf_err append(struct hf_cases *cases, uint32_t set,
			  const uint8_t *event_id, struct hf_span envelope,
			  struct hf_span record, struct hf_cases_flight *flight,
			  struct hf_why *why)
{
	const struct hf_ledger_draft draft = {
		.op = HF_OP_STATUS,
		.time_ms = hf_cases_now(cases),
		.target = HF_LEDGER_SELF,
		.payload = envelope,
		.record = record,
	};
	struct hf_ledger_batch batch = {
		.set = set,
		.drafts = &draft,
		.drafts_count = 1,
	};
	struct hf_cases_made *made = &flight->made[flight->count];
	enum hf_err err;

	memcpy(batch.id, event_id, HF_EVENT_ID_BYTES);
	err = hf_ledger_append(cases->options.ledger, &batch,
			       hf_ledger_wait_done(cases->waits[flight->count]),
			       why);
	if (err != HF_OK)
		return err;
	*made = (struct hf_cases_made){ .set = set, .is_awaited = true };
	memcpy(made->event_id, event_id, HF_EVENT_ID_BYTES);
	flight->count++;
	return HF_OK;
}

static enum hf_err seal(struct hf_cases *cases,
			const struct hf_cases_making *making,
			const struct hf_cases_target *target,
			const struct hf_case_event *event,
			struct hf_cases_flight *flight, struct hf_why *why)
{
	struct hf_agent_seal request = {
		.expires_ms = making->expires_ms != 0
				      ? making->expires_ms
				      : hf_cases_now(cases) + EXPIRES_MS,
		.receipt_of = making->receipt_of,
	};
	struct hf_ring *ring = hf_ring_holder_get(cases->options.ring);
	struct hf_buf text, envelope, record, signed_text;
	enum hf_err err;

	memcpy(request.sender_id, hf_ring_self(ring)->id, HF_HASH_BYTES);
	hf_ring_release(ring);
	memcpy(request.recipient_id, target->recipient, HF_HASH_BYTES);
	memcpy(request.recipient_key, target->receive_key, HF_PUBLIC_KEY_BYTES);
	hf_buf_init(&text, HF_CASE_TEXT_MAX_BYTES);
	hf_buf_init(&envelope, HF_PAYLOAD_MAX_BYTES);
	hf_buf_init(&record, HF_LEDGER_RECORD_MAX_BYTES);
	hf_buf_init(&signed_text, HF_CASE_TEXT_MAX_BYTES);
	err = hf_case_event_encode(event, &text);
	/* What is sent can be quoted to others later. */
	if (err == HF_OK && event->kind != HF_CASE_EVENT_QUOTE &&
	    text.len_bytes > HF_CASE_TEXT_MAX_BYTES - QUOTE_ROOM_BYTES)
		err = HF_E_LIMIT;
	if (err != HF_OK)
		hf_why(why, err,
		       "the event is larger than %d bytes, or a field of it is",
		       HF_CASE_TEXT_MAX_BYTES - QUOTE_ROOM_BYTES);
	request.event = hf_buf_span(&text);
	if (err == HF_OK)
		err = hf_cases_signer_err(
			hf_agent_seal(cases->options.agent, &request, &envelope,
				      &record, &signed_text, why));
	if (err == HF_OK)
		err = append(cases, target->set, making->event_id,
			     hf_buf_span(&envelope), hf_buf_span(&record),
			     flight, why);
	hf_buf_release(&text);
	hf_buf_release(&envelope);
	hf_buf_release(&record);
	hf_buf_release(&signed_text);
	return err;
}

/* Is it on its way there? */
static bool is_in_flight(const struct hf_cases_flight *flight, uint32_t set,
			 const uint8_t *event_id)
{
	for (size_t i = 0; i < flight->count; i++) {
		if (flight->made[i].set == set &&
		    memcmp(flight->made[i].event_id, event_id,
			   HF_EVENT_ID_BYTES) == 0)
			return true;
	}
	return false;
}

enum hf_err hf_cases_make_begin(struct hf_cases *cases,
				const struct hf_cases_making *making,
				struct hf_cases_flight *flight,
				struct hf_why *why)
{
	static const uint8_t nobody[HF_HASH_BYTES];
	struct context context = { .after_count = 0 };
	struct hf_cases_made there = { .is_awaited = false };
	struct hf_cases_target target;
	struct hf_case_event event;
	struct hf_arena arena;
	enum hf_err err = hf_cases_target(
		cases, making->party != NULL ? making->party : nobody, &target,
		why);

	if (err != HF_OK)
		return err;
	if (is_in_flight(flight, target.set, making->event_id))
		return hf_why(why, HF_E_BUSY, "the event is being made");
	there.set = target.set;
	memcpy(there.event_id, making->event_id, HF_EVENT_ID_BYTES);
	if (is_appended(cases, target.set, making->event_id, &there.index)) {
		flight->made[flight->count++] = there;
		return HF_OK;
	}
	hf_arena_init(&arena, HF_CASES_ARENA_BYTES);
	err = complete(cases, making, &target, &context, &arena, &event, why);
	if (err == HF_OK)
		err = hf_case_event_check(&event, why);
	if (err == HF_OK)
		err = seal(cases, making, &target, &event, flight, why);
	hf_arena_release(&arena);
	return err;
}

static void await(struct hf_cases *cases, struct hf_cases_flight *flight)
{
	for (size_t i = 0; i < flight->count; i++) {
		struct hf_cases_made *made = &flight->made[i];
		struct hf_ledger_receipt receipt;

		if (!made->is_awaited)
			continue;
		made->err = hf_ledger_wait_for(cases->waits[i], &receipt,
					       &made->why);
		if (made->err == HF_OK)
			made->index = receipt.first;
		made->is_settled = made->err != HF_OK;
	}
}

/* Fold what the set of this one got: that is the last word on all that are in
 * it. */
static void fold(struct hf_cases *cases, struct hf_cases_flight *flight,
		 size_t first)
{
	uint32_t set = flight->made[first].set;
	struct hf_why why = { "" };
	enum hf_err err = hf_cases_take_set(cases, set, &why);

	for (size_t i = first; i < flight->count; i++) {
		struct hf_cases_made *made = &flight->made[i];

		if (made->set != set || made->is_settled)
			continue;
		made->err = err;
		made->why = why;
		made->is_settled = true;
	}
}

void hf_cases_make_end(struct hf_cases *cases, struct hf_cases_flight *flight)
{
	await(cases, flight);
	for (size_t i = 0; i < flight->count; i++) {
		if (!flight->made[i].is_settled)
			fold(cases, flight, i);
	}
	for (size_t i = 0; i < flight->count; i++)
		cases->is_behind |= flight->made[i].err != HF_OK;
}

enum hf_err hf_cases_make(struct hf_cases *cases,
			  const struct hf_cases_making *making,
			  uint32_t *out_set, uint64_t *out_index,
			  struct hf_why *why)
{
	struct hf_cases_flight flight = { .count = 0 };
	const struct hf_cases_made *made = &flight.made[0];
	enum hf_err err = hf_cases_make_begin(cases, making, &flight, why);

	if (err != HF_OK)
		return err;
	hf_cases_make_end(cases, &flight);
	if (made->err != HF_OK)
		return hf_why(why, made->err, "%s", made->why.text);
	*out_set = made->set;
	*out_index = made->index;
	return HF_OK;
}
