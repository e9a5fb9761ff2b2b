#include <string.h>

#include "case_letter.h"
#include "codec_document.h"
#include "ring.h"
#include "roles.h"
#include "text.h"

#include "cases_in.h"

/* How long a notice that could not be delivered is of use. */
#define NOTICE_LIFE_MS ((uint64_t)30 * 24 * 3600 * 1000)

/*
 * Opening.
 */

/* One notice on its way out. */
struct sending {
	struct hf_cases *cases;
	const struct hf_ring *ring;
	const struct hf_organisation *self;
	struct hf_notice notice; /* as it will be signed */
	uint8_t provider_id[HF_HASH_BYTES];
	uint8_t party[HF_HASH_BYTES]; /* zeros: ourselves */
	const char *text; /* a program found it, and says how; else NULL */
	struct hf_arena *arena;
};

static enum hf_err find_provider(struct sending *sending, struct hf_why *why)
{
	struct hf_notice *notice = &sending->notice;
	struct hf_span name = hf_span_of(notice->provider);
	const struct hf_organisation *provider =
		hf_ring_by_name(sending->ring, name);

	notice->provider_id = hf_span(NULL, 0);
	if (provider == NULL && !hf_span_is(name, HF_NOTICE_NO_PROVIDER) &&
	    !hf_text_is_domain(name))
		return hf_why(why, HF_E_ARGUMENT,
			      "provider '%.80s': give a lower-case domain, "
			      "or " HF_NOTICE_NO_PROVIDER,
			      notice->provider);
	if (provider == NULL)
		return HF_OK;
	if (provider->is_self && notice->regime != HF_REGIME_VOLUNTARY)
		return hf_why(why, HF_E_ARGUMENT,
			      "%s is ourselves: what one found by oneself is "
			      "regime voluntary",
			      notice->provider);
	memcpy(sending->provider_id, provider->id, HF_HASH_BYTES);
	notice->provider_id = hf_span(sending->provider_id, HF_HASH_BYTES);
	if (!provider->is_self)
		memcpy(sending->party, provider->id, HF_HASH_BYTES);
	return HF_OK;
}

/* What a provider found by itself is told to the one whose hash it was. */
static void find_publisher(struct sending *sending)
{
	const struct hf_notice *notice = &sending->notice;

	if (!hf_cases_is_zero(sending->party) ||
	    notice->provider_id.len_bytes == 0)
		return;
	for (size_t i = 0; i < notice->entries_count; i++) {
		const struct hf_organisation *publisher = hf_ring_by_name(
			sending->ring, hf_text_origin_domain(hf_span_of(
					       notice->entries[i].origin)));

		if (publisher != NULL && !publisher->is_self) {
			memcpy(sending->party, publisher->id, HF_HASH_BYTES);
			return;
		}
	}
}

static void propose_deadline(struct sending *sending)
{
	const struct hf_case_row like = { .now.regime =
						  sending->notice.regime };
	const struct hf_case_rules *rules =
		hf_cases_rules(sending->cases, &like);
	struct hf_cases *cases = sending->cases;

	if (sending->notice.deadline_ms != 0 || rules == NULL)
		return;
	sending->notice.deadline_ms = rules->deadline_ms;
	if (rules->priority_deadline_ms != 0 &&
	    hf_roles_has(cases->options.roles, sending->self->id,
			 HF_ROLE_TRUSTED_FLAGGER, hf_cases_now(cases)))
		sending->notice.deadline_ms = rules->priority_deadline_ms;
}

static enum hf_err load_row(struct hf_cases *cases, const uint8_t *key,
			    const char *id, struct hf_arena *arena,
			    struct hf_case_row *out, struct hf_why *why)
{
	struct hf_store_txn *view;
	enum hf_err err = hf_store_view_begin(cases->views, &view, why);

	if (err != HF_OK)
		return err;
	err = id != NULL ? hf_case_find(view, id, arena, out, why)
			 : hf_case_get(view, key, arena, out, why);
	hf_store_view_end(view);
	return err;
}

static enum hf_err summarise(struct hf_cases *cases, const uint8_t *key,
			     struct hf_arena *arena,
			     const struct hf_case_summary **out,
			     struct hf_why *why)
{
	struct hf_ring *ring = hf_ring_holder_get(cases->options.ring);
	struct hf_case_summary *summary =
		hf_arena_calloc(arena, 1, sizeof(*summary));
	struct hf_store_txn *view = NULL;
	struct hf_case_row row;
	enum hf_err err =
		summary == NULL ? hf_why(why, HF_E_NOMEM, "no memory")
				: hf_store_view_begin(cases->views, &view, why);

	if (err == HF_OK)
		err = hf_case_get(view, key, arena, &row, why);
	if (err == HF_OK)
		err = hf_cases_summary(cases, view, ring, &row, arena, summary,
				       why);
	hf_store_view_end(view);
	hf_ring_release(ring);
	*out = summary;
	return err;
}

static enum hf_case_event_kind
kind_of(const struct hf_send_notice_request *request)
{
	return request->kind != 0 ? request->kind : HF_CASE_EVENT_NOTICE;
}

/* has_lock: it is held; otherwise the notice goes with those of others. */
static enum hf_err open_case(struct sending *sending,
			     const struct hf_send_notice_request *request,
			     bool has_lock, uint8_t *out_key,
			     struct hf_why *why)
{
	struct hf_cases_making making = {
		.party = sending->party,
		.event = { .kind = kind_of(request),
			   .notice = &sending->notice,
			   .text = sending->text,
			   .is_automatic = sending->text != NULL },
		.expires_ms = hf_cases_now(sending->cases) + NOTICE_LIFE_MS,
	};

	memcpy(making.event_id, request->request_id.at, HF_EVENT_ID_BYTES);
	return has_lock ? hf_cases_open_locked(sending->cases, &making, out_key,
					       why)
			: hf_cases_open(sending->cases, &making, out_key, why);
}

static enum hf_err refused(enum hf_case_fate fate,
			   const struct hf_case_row *row, const char *word,
			   struct hf_why *why)
{
	switch (fate) {
	case HF_CASE_FATE_NOT_PARTY:
		return hf_why(why, HF_E_CONFLICT,
			      "'%s' is not ours to say in this case", word);
	case HF_CASE_FATE_NO_POWER:
		return hf_why(why, HF_E_DENIED,
			      "we have no attested power to do '%s' under %s",
			      word, hf_regime_word(row->now.regime));
	default:
		return hf_why(why, HF_E_CONFLICT,
			      "'%s' cannot follow on %s: hashfed cases show "
			      "tells how it came to that",
			      word, hf_case_state_word(row->now.state));
	}
}

/* What every fold would refuse is not signed. */
static enum hf_err check_move(struct sending *sending,
			      const struct hf_case_row *row,
			      const struct hf_case_event *event,
			      struct hf_why *why)
{
	struct hf_cases *cases = sending->cases;
	struct hf_case_fact fact = {
		.kind = event->kind,
		.reason = event->reason,
		.at_ms = hf_cases_now(cases),
		.acted_ms = event->acted_ms,
		.has_failed =
			event->delivery != NULL && event->delivery->has_failed,
		.powers = hf_cases_powers(
			cases, sending->self->id,
			event->notice != NULL && event->notice->order != NULL
				? event->notice->order->issuing_state
				: "",
			hf_cases_now(cases)),
	};
	enum hf_case_fate fate;

	if (event->notice != NULL) {
		fact.regime = event->notice->regime;
		fact.deadline_ms = event->notice->deadline_ms;
	}
	memcpy(fact.author, sending->self->id, HF_HASH_BYTES);
	fate = hf_case_may(&row->parties, &row->now, &fact);
	if (fate == HF_CASE_FATE_APPLIED)
		return HF_OK;
	return refused(fate, row, hf_case_event_kind_word(event->kind), why);
}

static enum hf_err load_events(struct sending *sending,
			       const struct hf_case_row *row,
			       struct hf_case_event_row **out_rows,
			       size_t *out_count, struct hf_why *why)
{
	struct hf_store_txn *view;
	enum hf_err err =
		hf_store_view_begin(sending->cases->views, &view, why);

	if (err != HF_OK)
		return err;
	err = hf_case_events(view, row->key, sending->arena, out_rows,
			     out_count, why);
	hf_store_view_end(view);
	return err;
}

/* A retry of what was said already is the same move once more. */
static enum hf_err was_said(struct sending *sending,
			    const struct hf_case_row *row,
			    struct hf_span request_id, bool *out_was,
			    struct hf_why *why)
{
	struct hf_case_event_row *rows;
	size_t count;
	enum hf_err err = load_events(sending, row, &rows, &count, why);

	*out_was = false;
	for (size_t i = 0; err == HF_OK && i < count; i++)
		*out_was |= memcmp(rows[i].fact.event_id, request_id.at,
				   HF_EVENT_ID_BYTES) == 0 &&
			    memcmp(rows[i].fact.author, sending->self->id,
				   HF_HASH_BYTES) == 0;
	return err;
}

static enum hf_err order_in_case(struct sending *sending,
				 const struct hf_send_notice_request *request,
				 uint8_t *out_key, struct hf_why *why)
{
	struct hf_cases_making making = {
		.event = { .kind = HF_CASE_EVENT_ORDER,
			   .notice = &sending->notice },
	};
	struct hf_case_row row;
	uint64_t index;
	uint32_t set;
	bool was;
	enum hf_err err = load_row(sending->cases, NULL, request->case_id,
				   sending->arena, &row, why);

	if (err != HF_OK)
		return err;
	memcpy(out_key, row.key, HF_CASE_KEY_BYTES);
	err = was_said(sending, &row, request->request_id, &was, why);
	if (err != HF_OK || was)
		return err;
	err = check_move(sending, &row, &making.event, why);
	if (err != HF_OK)
		return err;
	making.row = &row;
	/* The provider itself where we can reach it, else the notifier. */
	making.party =
		hf_cases_is_zero(row.parties.provider) ||
				hf_ring_by_id(sending->ring,
					      row.parties.provider) == NULL
			? row.parties.notifier
			: row.parties.provider;
	memcpy(making.event_id, request->request_id.at, HF_EVENT_ID_BYTES);
	return hf_cases_make(sending->cases, &making, &set, &index, why);
}

static enum hf_err check_request(const struct hf_send_notice_request *request,
				 struct hf_why *why)
{
	if (request->kind != 0 && request->kind != HF_CASE_EVENT_NOTICE &&
	    request->kind != HF_CASE_EVENT_ORDER)
		return hf_why(why, HF_E_ARGUMENT, "kind: a notice or an order");
	if (request->hold != 0 && !hf_case_state_is_local(request->hold))
		return hf_why(why, HF_E_ARGUMENT,
			      "hold: draft or held-police, or nothing");
	if (request->case_id[0] != '\0' && request->kind != HF_CASE_EVENT_ORDER)
		return hf_why(why, HF_E_ARGUMENT,
			      "case_id: only an order goes into a case that is "
			      "open");
	return HF_OK;
}

static enum hf_err prepare(struct sending *sending,
			   const struct hf_send_notice_request *request,
			   struct hf_why *why)
{
	enum hf_err err = check_request(request, why);

	if (err != HF_OK)
		return err;
	sending->notice = *request->notice;
	err = find_provider(sending, why);
	if (err == HF_OK) {
		find_publisher(sending);
		propose_deadline(sending);
	}
	return err;
}

/* A notice that only stays here is checked as if it were sent. */
static enum hf_err check_held(const struct sending *sending,
			      const struct hf_send_notice_request *request,
			      struct hf_why *why)
{
	const struct hf_case_event event = {
		.kind = kind_of(request),
		.event_id = request->request_id,
		.at_ms = 1,
		.notice = &sending->notice,
	};

	return hf_case_event_check(&event, why);
}

static enum hf_err hold_back(struct sending *sending,
			     const struct hf_send_notice_request *request,
			     uint8_t *out_key, struct hf_why *why)
{
	struct hf_send_notice_request held = *request;
	enum hf_err err = hf_cases_find_opened(
		sending->cases, request->request_id.at, out_key, why);

	/* It was sent since. */
	if (err != HF_E_NOTFOUND)
		return err;
	err = check_held(sending, request, why);
	held.notice = &sending->notice;
	held.kind = kind_of(request);
	return err == HF_OK
		       ? hf_cases_draft_put(sending->cases, &held, out_key, why)
		       : err;
}

static enum hf_err send_locked(struct sending *sending,
			       const struct hf_send_notice_request *request,
			       uint8_t *out_key, struct hf_why *why)
{
	enum hf_err err = prepare(sending, request, why);

	if (err == HF_OK)
		err = hf_cases_catch_up(sending->cases, why);
	if (err != HF_OK)
		return err;
	if (request->hold != 0)
		return hold_back(sending, request, out_key, why);
	if (request->case_id[0] != '\0')
		return order_in_case(sending, request, out_key, why);
	return open_case(sending, request, true, out_key, why);
}

/* What only opens a case goes with what others send at the time. */
static enum hf_err send(struct sending *sending,
			const struct hf_send_notice_request *request,
			uint8_t *out_key, struct hf_why *why)
{
	enum hf_err err;

	if (request->hold == 0 && request->case_id[0] == '\0') {
		err = prepare(sending, request, why);
		return err == HF_OK ? open_case(sending, request, false,
						out_key, why)
				    : err;
	}
	err = hf_cases_enter(sending->cases, why);
	if (err != HF_OK)
		return err;
	err = send_locked(sending, request, out_key, why);
	hf_cases_leave(sending->cases);
	return err;
}

/* With text: found by a program. */
static enum hf_err send_as(struct hf_cases *cases,
			   const struct hf_send_notice_request *request,
			   const char *text, struct hf_arena *arena,
			   struct hf_send_notice_response *out,
			   struct hf_buf *out_mail, struct hf_why *why)
{
	struct hf_ring *ring = hf_ring_holder_get(cases->options.ring);
	struct sending sending = {
		.cases = cases,
		.ring = ring,
		.self = hf_ring_self(ring),
		.text = text,
		.arena = arena,
	};
	uint8_t key[HF_CASE_KEY_BYTES];
	enum hf_err err;

	*out = (struct hf_send_notice_response){ .summary = NULL };
	err = send(&sending, request, key, why);
	if (err == HF_OK)
		err = summarise(cases, key, arena, &out->summary, why);
	if (err == HF_OK && out->summary->is_not_member && request->hold == 0)
		err = hf_case_letter(sending.self, &sending.notice,
				     out->summary, hf_cases_now(cases),
				     out_mail, why);
	out->mail = hf_buf_span(out_mail);
	hf_ring_release(ring);
	return err;
}

enum hf_err hf_cases_send(struct hf_cases *cases,
			  const struct hf_send_notice_request *request,
			  struct hf_arena *arena,
			  struct hf_send_notice_response *out,
			  struct hf_buf *out_mail, struct hf_why *why)
{
	return send_as(cases, request, NULL, arena, out, out_mail, why);
}

enum hf_err hf_cases_send_found(struct hf_cases *cases,
				const struct hf_send_notice_request *request,
				const char *text, struct hf_arena *arena,
				struct hf_send_notice_response *out,
				struct hf_why *why)
{
	struct hf_buf mail;
	enum hf_err err;

	/* We have a node: there is none. */
	hf_buf_init(&mail, HF_MAIL_MAX_BYTES);
	err = send_as(cases, request, text, arena, out, &mail, why);
	out->mail = hf_span(NULL, 0);
	hf_buf_release(&mail);
	return err;
}

/*
 * Going on.
 */

/* What a caller may say by UpdateCase: all but what opens, acknowledges or
 * quotes. */
static bool is_sayable(enum hf_case_event_kind kind)
{
	return kind > HF_CASE_EVENT_RECEIPT && kind < HF_CASE_EVENT_QUOTE &&
	       kind != HF_CASE_EVENT_ORDER;
}

static enum hf_err find_to(struct sending *sending, const char *name,
			   struct hf_case_event *event, struct hf_why *why)
{
	const struct hf_organisation *to =
		hf_ring_by_name(sending->ring, hf_span_of(name));
	uint8_t *id;

	if (event->kind != HF_CASE_EVENT_ESCALATE_AUTHORITY &&
	    event->kind != HF_CASE_EVENT_FORWARD)
		return HF_OK;
	if (to == NULL || to->is_self)
		return hf_why(why, HF_E_NOTFOUND,
			      "no peer '%.80s'; hashfed peers lists them",
			      name);
	id = hf_arena_alloc(sending->arena, HF_HASH_BYTES);
	if (id == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	memcpy(id, to->id, HF_HASH_BYTES);
	event->to_id = hf_span(id, HF_HASH_BYTES);
	if (event->moved_country == NULL || event->moved_country[0] == '\0')
		event->moved_country = event->kind == HF_CASE_EVENT_FORWARD
					       ? to->manifest->country
					       : event->moved_country;
	return HF_OK;
}

static enum hf_err opening_notice(struct sending *sending,
				  const struct hf_case_row *row,
				  struct hf_case_event *out, struct hf_why *why)
{
	struct hf_case_event_row *rows;
	struct hf_buf text;
	size_t count;
	enum hf_err err = load_events(sending, row, &rows, &count, why);

	for (size_t i = 0; err == HF_OK && i < count; i++) {
		if (rows[i].opening.len_bytes == 0 ||
		    memcmp(rows[i].fact.event_id, row->opening_id,
			   HF_EVENT_ID_BYTES) != 0)
			continue;
		hf_buf_init(&text, HF_CASE_TEXT_MAX_BYTES);
		err = hf_cases_read(sending->cases, rows[i].set, rows[i].index,
				    &text, why);
		if (err == HF_OK)
			err = hf_case_event_parse(hf_buf_span(&text),
						  sending->arena, out, why);
		if (err == HF_OK && out->quoted != NULL)
			err = hf_case_event_parse(out->quoted->text,
						  sending->arena, out, why);
		hf_buf_release(&text);
		return err;
	}
	return err != HF_OK ? err
			    : hf_why(why, HF_E_NOTFOUND, "no opening event");
}

/* The same notice to the hotline of another country: a case of its own, which
 * goes on from this one. */
static enum hf_err forward(struct sending *sending,
			   const struct hf_case_row *row,
			   const struct hf_update_case_request *update,
			   struct hf_why *why)
{
	struct sending onward = *sending;
	struct hf_send_notice_request request = { .kind = HF_CASE_EVENT_NOTICE,
						  .case_id = "" };
	struct hf_case_summary fixed;
	struct hf_case_event opening;
	uint8_t id[HF_EVENT_ID_BYTES], key[HF_CASE_KEY_BYTES];
	struct hf_notice notice;
	enum hf_err err = opening_notice(sending, row, &opening, why);

	if (err == HF_OK)
		err = hf_case_summary_parse(row->opening, sending->arena,
					    &fixed, why);
	if (err != HF_OK)
		return err;
	notice = *opening.notice;
	notice.provider = update->to;
	notice.regime = HF_REGIME_FORWARD;
	notice.deadline_ms = 0;
	notice.order = NULL;
	notice.continues = fixed.opening;
	hf_cases_derive_id("forward", update->request_id.at,
			   update->request_id.len_bytes, NULL, 0, id);
	request.request_id = hf_span(id, sizeof(id));
	request.notice = &notice;
	memset(onward.party, 0, sizeof(onward.party));
	return send_locked(&onward, &request, key, why);
}

static enum hf_err say(struct sending *sending, const struct hf_case_row *row,
		       const struct hf_update_case_request *request,
		       struct hf_why *why)
{
	struct hf_cases_making making = { .row = row,
					  .event = *request->event };
	uint64_t index;
	uint32_t set;
	enum hf_err err;

	if (!is_sayable(making.event.kind))
		return hf_why(why, HF_E_ARGUMENT,
			      "kind: %u is nothing that is said of a case by "
			      "hand",
			      (unsigned)making.event.kind);
	err = find_to(sending, request->to, &making.event, why);
	if (err == HF_OK)
		err = check_move(sending, row, &making.event, why);
	if (err == HF_OK && making.event.kind == HF_CASE_EVENT_FORWARD)
		err = forward(sending, row, request, why);
	if (err != HF_OK)
		return err;
	making.party = hf_cases_counterpart(row, sending->self->id);
	memcpy(making.event_id, request->request_id.at, HF_EVENT_ID_BYTES);
	return hf_cases_make(sending->cases, &making, &set, &index, why);
}

static enum hf_err release(struct sending *sending,
			   const struct hf_case_row *row, uint8_t *out_key,
			   struct hf_why *why)
{
	struct hf_send_notice_request request;
	enum hf_err err;

	if (row->hold == 0)
		return hf_why(why, HF_E_CONFLICT,
			      "this case is not held back: it was sent");
	err = hf_cases_draft_get(sending->cases, row, sending->arena, &request,
				 why);
	request.hold = 0;
	if (err == HF_OK)
		err = send_locked(sending, &request, out_key, why);
	return err == HF_OK ? hf_cases_draft_del(sending->cases, row, why)
			    : err;
}

static enum hf_err drop_draft(struct sending *sending,
			      const struct hf_case_row *row,
			      const struct hf_update_case_request *request,
			      struct hf_why *why)
{
	if (request->event->kind != HF_CASE_EVENT_WITHDRAW)
		return hf_why(why, HF_E_CONFLICT,
			      "it was not sent: release it, or withdraw it");
	return hf_cases_draft_del(sending->cases, row, why);
}

static enum hf_err update_locked(struct sending *sending,
				 const struct hf_update_case_request *request,
				 uint8_t *out_key, bool *out_is_gone,
				 struct hf_why *why)
{
	struct hf_case_row row;
	bool was;
	enum hf_err err = hf_cases_catch_up(sending->cases, why);

	if (err == HF_OK)
		err = load_row(sending->cases, NULL, request->case_id,
			       sending->arena, &row, why);
	/* A release that was not answered, once more. */
	if (err == HF_E_NOTFOUND && request->is_release &&
	    hf_cases_draft_case(sending->cases, request->case_id, out_key,
				NULL) == HF_OK)
		return HF_OK;
	if (err != HF_OK)
		return err;
	memcpy(out_key, row.key, HF_CASE_KEY_BYTES);
	if (request->is_release)
		return release(sending, &row, out_key, why);
	if (request->event == NULL)
		return hf_why(why, HF_E_ARGUMENT, "event: nothing is said");
	if (row.hold != 0) {
		*out_is_gone = true;
		return drop_draft(sending, &row, request, why);
	}
	err = was_said(sending, &row, request->request_id, &was, why);
	return err != HF_OK || was ? err : say(sending, &row, request, why);
}

/* A reminder to a provider without a node is a mail as well. */
static enum hf_err remind(struct sending *sending, const uint8_t *key,
			  const struct hf_case_summary *summary,
			  struct hf_buf *out_mail, struct hf_why *why)
{
	struct hf_case_event opening;
	struct hf_case_row row;
	enum hf_err err =
		load_row(sending->cases, key, NULL, sending->arena, &row, why);

	if (err == HF_OK)
		err = opening_notice(sending, &row, &opening, why);
	return err == HF_OK
		       ? hf_case_letter(sending->self, opening.notice, summary,
					hf_cases_now(sending->cases), out_mail,
					why)
		       : err;
}

enum hf_err hf_cases_update(struct hf_cases *cases,
			    const struct hf_update_case_request *request,
			    struct hf_arena *arena,
			    struct hf_update_case_response *out,
			    struct hf_buf *out_mail, struct hf_why *why)
{
	struct hf_ring *ring = hf_ring_holder_get(cases->options.ring);
	struct sending sending = {
		.cases = cases,
		.ring = ring,
		.self = hf_ring_self(ring),
		.arena = arena,
	};
	uint8_t key[HF_CASE_KEY_BYTES];
	bool is_gone = false;
	enum hf_err err;

	*out = (struct hf_update_case_response){ .summary = NULL };
	err = hf_cases_enter(cases, why);
	if (err == HF_OK) {
		err = update_locked(&sending, request, key, &is_gone, why);
		hf_cases_leave(cases);
	}
	if (err == HF_OK && !is_gone)
		err = summarise(cases, key, arena, &out->summary, why);
	if (err == HF_OK && !is_gone && out->summary->is_not_member &&
	    (request->is_release ||
	     request->event->kind == HF_CASE_EVENT_RENOTIFY))
		err = remind(&sending, key, out->summary, out_mail, why);
	out->mail = hf_buf_span(out_mail);
	hf_ring_release(ring);
	return err;
}
