/*
 * cases_steps.h -- what the tests of cases do over and over: say something in
 * a case, look where it stands, set the clock.
 */
#ifndef HF_CASES_STEPS_H
#define HF_CASES_STEPS_H

#include "bytes.h"
#include "cases_sync.h"

#define CASE_ID_SIZE 33

static inline void begin_world(struct world *world)
{
	enum hf_err err = world_make(world);

	assert_ok(err, &world->why);
}

/* Ids of requests: another one each time. */
static inline void next_id(uint8_t *out_id)
{
	static uint64_t number;

	memset(out_id, 0xa5, HF_EVENT_ID_BYTES);
	hf_be64_put(out_id, ++number);
}

/* A notice about one URL and one hash. */
struct asked {
	uint8_t id[HF_EVENT_ID_BYTES];
	uint8_t digest[32];
	struct hf_hash hash;
	struct hf_locator place;
	struct hf_notice notice;
	struct hf_send_notice_request request;
};

static inline void asked_init(struct asked *asked, const char *provider,
			      enum hf_regime regime)
{
	static const struct hf_contact contact = {
		.name = "Hotline",
		.email = "notices@hotline.example",
	};

	memset(asked, 0, sizeof(*asked));
	next_id(asked->id);
	memcpy(asked->digest, asked->id, sizeof(asked->id));
	asked->hash = (struct hf_hash){
		.algorithm = HF_ALGORITHM_SHA256,
		.digest = hf_span(asked->digest, sizeof(asked->digest)),
	};
	asked->place = (struct hf_locator){ .url = "https://img.example/a" };
	asked->notice = (struct hf_notice){
		.provider = provider,
		.regime = regime,
		.content_class = HF_CLASS_NCII,
		.locators = &asked->place,
		.locators_count = 1,
		.hashes = &asked->hash,
		.hashes_count = 1,
		.explanation = "published without consent",
		.contact = &contact,
		.is_good_faith = true,
	};
	asked->request = (struct hf_send_notice_request){
		.request_id = hf_span(asked->id, sizeof(asked->id)),
		.notice = &asked->notice,
		.case_id = "",
	};
}

static inline enum hf_err try_send(struct party *party,
				   const struct hf_send_notice_request *request,
				   char *out_id, struct hf_why *why)
{
	struct hf_send_notice_response response;
	struct hf_arena arena;
	struct hf_buf mail;
	enum hf_err err;

	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	hf_buf_init(&mail, HF_MAIL_MAX_BYTES);
	err = hf_cases_send(party->cases, request, &arena, &response, &mail,
			    why);
	if (err == HF_OK)
		snprintf(out_id, CASE_ID_SIZE, "%s", response.summary->case_id);
	hf_buf_release(&mail);
	hf_arena_release(&arena);
	return err;
}

/* The id of the case goes to out_id. */
static inline void notify_of(struct party *party, const char *provider,
			     enum hf_regime regime, char *out_id)
{
	struct asked asked;
	struct hf_why why = { "" };

	asked_init(&asked, provider, regime);
	assert_ok(try_send(party, &asked.request, out_id, &why), &why);
}

static inline enum hf_err try_update(struct party *party, const char *id,
				     const struct hf_case_event *event,
				     const char *to, struct hf_why *why)
{
	uint8_t request_id[HF_EVENT_ID_BYTES] = { 0 };
	struct hf_update_case_request request = {
		.case_id = id,
		.request_id = hf_span(request_id, sizeof(request_id)),
		.event = event,
		.to = to,
	};
	struct hf_update_case_response response;
	struct hf_arena arena;
	struct hf_buf mail;
	enum hf_err err;

	next_id(request_id);
	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	hf_buf_init(&mail, HF_MAIL_MAX_BYTES);
	err = hf_cases_update(party->cases, &request, &arena, &response, &mail,
			      why);
	hf_buf_release(&mail);
	hf_arena_release(&arena);
	return err;
}

static inline enum hf_err try_say(struct party *party, const char *id,
				  enum hf_case_event_kind kind,
				  enum hf_case_reason reason)
{
	const struct hf_case_event event = { .kind = kind, .reason = reason };
	struct hf_why why = { "" };

	return try_update(party, id, &event, "", &why);
}

static inline void say(struct party *party, const char *id,
		       enum hf_case_event_kind kind, enum hf_case_reason reason)
{
	const struct hf_case_event event = { .kind = kind, .reason = reason };
	struct hf_why why = { "" };

	assert_ok(try_update(party, id, &event, "", &why), &why);
}

static inline void say_to(struct party *party, const char *id,
			  enum hf_case_event_kind kind, const char *to)
{
	const struct hf_case_event event = { .kind = kind };
	struct hf_why why = { "" };

	assert_ok(try_update(party, id, &event, to, &why), &why);
}

/*
 * Looking.
 */

/* A case with its events, until seen_release(). */
struct seen {
	struct hf_arena arena;
	struct hf_get_case_response got;
	const struct hf_case_summary *summary;
};

static inline enum hf_err try_see(struct party *party, const char *id,
				  struct seen *seen, struct hf_why *why)
{
	enum hf_err err;

	hf_arena_init(&seen->arena, HF_UNPACK_MAX_BYTES);
	err = hf_cases_get(party->cases, id, &seen->arena, &seen->got, why);
	seen->summary = seen->got.summary;
	if (err != HF_OK)
		hf_arena_release(&seen->arena);
	return err;
}

static inline void see_case(struct party *party, const char *id,
			    struct seen *seen)
{
	struct hf_why why = { "" };

	assert_ok(try_see(party, id, seen, &why), &why);
}

static inline void seen_release(struct seen *seen)
{
	hf_arena_release(&seen->arena);
}

static inline bool knows_case(struct party *party, const char *id)
{
	struct hf_why why = { "" };
	struct seen seen;
	enum hf_err err = try_see(party, id, &seen, &why);

	if (err == HF_OK)
		seen_release(&seen);
	else
		assert_int_equal(err, HF_E_NOTFOUND);
	return err == HF_OK;
}

static inline enum hf_case_state state_of(struct party *party, const char *id)
{
	enum hf_case_state state;
	struct seen seen;

	see_case(party, id, &seen);
	state = seen.summary->state;
	seen_release(&seen);
	return state;
}

/* How many events of this kind count. */
static inline size_t count_of(struct party *party, const char *id,
			      enum hf_case_event_kind kind)
{
	size_t count = 0;
	struct seen seen;

	see_case(party, id, &seen);
	for (size_t i = 0; i < seen.got.events_count; i++)
		count += seen.got.events[i].is_applied &&
			 seen.got.events[i].event->kind == kind;
	seen_release(&seen);
	return count;
}

/* How many cases a party has. */
static inline size_t count_cases(struct party *party)
{
	const struct hf_list_cases_request request = { .page_token = "",
						       .provider = "" };
	struct hf_list_cases_response response;
	struct hf_why why = { "" };
	struct hf_arena arena;
	size_t count;

	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	assert_ok(
		hf_cases_list(party->cases, &request, &arena, &response, &why),
		&why);
	count = response.cases_count;
	hf_arena_release(&arena);
	return count;
}

/* Both see the same: the state and the events that count, in one order. */
static inline void assert_agree(struct party *one, struct party *other,
				const char *id)
{
	struct seen left, right;

	see_case(one, id, &left);
	see_case(other, id, &right);
	assert_string_equal(hf_case_state_word(left.summary->state),
			    hf_case_state_word(right.summary->state));
	assert_int_equal(left.summary->reason, right.summary->reason);
	assert_int_equal(left.summary->regime, right.summary->regime);
	assert_int_equal(left.summary->events, right.summary->events);
	assert_int_equal(left.summary->refused, right.summary->refused);
	assert_true(left.summary->due_ms == right.summary->due_ms);
	assert_true(left.summary->clock_ms == right.summary->clock_ms);
	assert_true(left.summary->acted_ms == right.summary->acted_ms);
	assert_true(left.summary->offline_ms == right.summary->offline_ms);
	assert_true(left.summary->changed_ms == right.summary->changed_ms);
	assert_int_equal(left.got.events_count, right.got.events_count);
	for (size_t i = 0; i < left.got.events_count; i++) {
		const struct hf_case_event_info *a = &left.got.events[i];
		const struct hf_case_event_info *b = &right.got.events[i];

		assert_true(
			hf_span_equal(a->event->event_id, b->event->event_id));
		assert_int_equal(a->is_applied, b->is_applied);
		assert_string_equal(a->refused, b->refused);
		assert_string_equal(a->author, b->author);
	}
	seen_release(&left);
	seen_release(&right);
}

/*
 * Time.
 */

static inline void set_clock(struct world *world, uint64_t now_ms)
{
	atomic_store(&world->now_ms, now_ms);
}

/* Set the clock and let everybody look at it; nothing is carried. */
static inline void clock_at(struct world *world, uint64_t now_ms)
{
	set_clock(world, now_ms);
	for (size_t i = 0; i < PARTIES; i++)
		settle(&world->parties[i]);
}

/* Stop and start again, as a daemon. */
static inline void restart(struct party *party)
{
	struct hf_why why = { "" };

	party_stop(party);
	assert_ok(party_start(party, &why), &why);
	settle(party);
}

/*
 * Who is what.
 */

/* The party's own directory says that the other has this role from now on;
 * of an authority, with all powers. */
static inline void attest(struct party *party, const struct party *other,
			  enum hf_role role, uint64_t from_ms,
			  uint64_t until_ms)
{
	static const enum hf_power powers[] = {
		HF_POWER_ORDER_CSAM,
		HF_POWER_ORDER_TERRORIST,
		HF_POWER_ORDER_CRIMINAL,
	};
	bool is_authority = role == HF_ROLE_AUTHORITY;
	const struct hf_attestation claim = {
		.organisation_id = party_id(other),
		.name = party_names[other->name],
		.role = role,
		.powers = powers,
		.powers_count = is_authority ? ROWS(powers) : 0,
		.jurisdiction = is_authority ? "NL" : "",
		.from_ms = from_ms,
		.until_ms = until_ms,
	};
	struct hf_ledger_draft draft = { .op = HF_OP_STATUS,
					 .time_ms = from_ms,
					 .target = HF_LEDGER_SELF };
	struct hf_ledger_receipt receipt = { 0 };
	char origin[HF_ORIGIN_MAX_BYTES + 1];
	struct hf_buf document, payload;
	struct hf_why why = { "" };
	uint32_t set = 0;

	snprintf(origin, sizeof(origin), "%s/directory/1",
		 party_names[party->name]);
	hf_buf_init(&document, HF_AGREEMENT_MAX_BYTES);
	hf_buf_init(&payload, HF_PAYLOAD_MAX_BYTES);
	assert_ok(hf_ledger_create(party->rig.ledger, HF_LEDGER_OWN,
				   hf_span_of(origin), &set, &why),
		  &why);
	assert_ok(sign_agreement(party, origin, HF_SET_KIND_DIRECTORY, NULL, 0,
				 &document, &why),
		  &why);
	/* A second time it is there already, with another date. */
	if (make_set(party, HF_LEDGER_OWN, origin, hf_buf_span(&document),
		     &why) == HF_OK)
		hf_roles_changed(party->roles);
	assert_int_equal(hf_attestation_encode(&claim, &payload), HF_OK);
	draft.payload = hf_buf_span(&payload);
	assert_ok(rig_append_one(&party->rig, set, draft, &receipt, &why),
		  &why);
	assert_int_equal(
		hf_roles_wait(party->roles, set, receipt.size, patience_ms()),
		HF_OK);
	hf_buf_release(&document);
	hf_buf_release(&payload);
}

#endif /* HF_CASES_STEPS_H */
