/*
 * cases_forge.h -- what a party that is not honest puts into its own sets: any
 * payload, events and envelopes that its own node would not make, and what
 * the other's log says of that.
 */
#ifndef HF_CASES_FORGE_H
#define HF_CASES_FORGE_H

#include <sys/mman.h>

#include "cases_steps.h"
#include "envelope.h"
#include "receive_key.h"

/* What an envelope is made of; forged_init() fills it in honestly. */
struct forged {
	struct party *from, *to;
	struct hf_envelope_header header;
	struct hf_case_event event;
	uint8_t id[HF_EVENT_ID_BYTES];
	struct asked asked; /* of a notice */
	struct hf_entry_ref opening;
	uint8_t leaf[HF_HASH_BYTES];
	const struct hf_secret *signs; /* who signs; from's notice key */
};

static inline void forged_init(struct forged *forged, struct party *from,
			       struct party *to)
{
	uint64_t now_ms = atomic_load(&from->world->now_ms);

	memset(forged, 0, sizeof(*forged));
	forged->from = from;
	forged->to = to;
	forged->signs = from->org.notice;
	next_id(forged->id);
	memcpy(forged->header.sender_id, from->org.id, HF_HASH_BYTES);
	memcpy(forged->header.recipient_id, to->org.id, HF_HASH_BYTES);
	memcpy(forged->header.event_id, forged->id, HF_EVENT_ID_BYTES);
	forged->header.issued_ms = now_ms;
	forged->header.expires_ms = now_ms + DAY_MS;
	forged->event.event_id = hf_span(forged->id, HF_EVENT_ID_BYTES);
	forged->event.at_ms = now_ms;
}

static inline void forged_notice(struct forged *forged)
{
	asked_init(&forged->asked, party_names[forged->to->name],
		   HF_REGIME_NTD);
	forged->asked.notice.provider_id = party_id(forged->to);
	forged->event.kind = HF_CASE_EVENT_NOTICE;
	forged->event.notice = &forged->asked.notice;
}

/* An event in the case that this entry opened. */
static inline void forged_in(struct forged *forged,
			     enum hf_case_event_kind kind, const char *origin,
			     uint64_t index)
{
	forged->opening = (struct hf_entry_ref){
		.origin = origin,
		.index = index,
		.leaf_hash = hf_span(forged->leaf, HF_HASH_BYTES),
	};
	forged->event.kind = kind;
	forged->event.case_ref = &forged->opening;
}

/* Our set for that party, opened where there is none. */
static inline uint32_t forge_set(struct party *from, struct party *to,
				 char *out_origin)
{
	struct hf_span member = party_id(to);
	char origin[HF_ORIGIN_MAX_BYTES + 1] = "";
	struct hf_ring *ring = hf_ring_holder_get(from->ring);
	const struct hf_ring_set *sets;
	size_t count = hf_ring_sets(ring, &sets);
	struct hf_ledger_view *view;
	struct hf_why why = { "" };
	uint32_t set = 0;

	for (size_t i = 0; i < count; i++) {
		if (sets[i].is_own && sets[i].agreement->audience_count == 1 &&
		    hf_span_equal(sets[i].agreement->audience[0], member))
			strcpy(origin, sets[i].origin);
	}
	hf_ring_release(ring);
	if (origin[0] == '\0')
		assert_ok(
			party_open_set(from, &member, 1, NULL, 0, origin, &why),
			&why);
	assert_ok(hf_ledger_view_begin(from->rig.ledger, &view, &why), &why);
	assert_ok(hf_ledger_find(view, hf_span_of(origin), &set, &why), &why);
	hf_ledger_view_end(view);
	if (out_origin != NULL)
		strcpy(out_origin, origin);
	return set;
}

static inline uint64_t forge_into(struct party *from, uint32_t set,
				  enum hf_op op, struct hf_span payload)
{
	const struct hf_ledger_draft draft = {
		.op = (uint8_t)op,
		.time_ms = NOW_MS,
		.target = HF_LEDGER_SELF,
		.payload = payload,
	};
	struct hf_ledger_receipt receipt = { 0 };
	struct hf_why why = { "" };

	assert_ok(rig_append_one(&from->rig, set, draft, &receipt, &why), &why);
	return receipt.first;
}

static inline uint64_t forge_entry(struct party *from, struct party *to,
				   enum hf_op op, struct hf_span payload)
{
	return forge_into(from, forge_set(from, to, NULL), op, payload);
}

/* One more set for that party, beside the one there is. */
static inline uint32_t forge_new_set(struct party *from, struct party *to)
{
	struct hf_span member = party_id(to);
	char origin[HF_ORIGIN_MAX_BYTES + 1];
	struct hf_ledger_view *view;
	struct hf_why why = { "" };
	uint32_t set = 0;

	assert_ok(party_open_set(from, &member, 1, NULL, 0, origin, &why),
		  &why);
	assert_ok(hf_ledger_view_begin(from->rig.ledger, &view, &why), &why);
	assert_ok(hf_ledger_find(view, hf_span_of(origin), &set, &why), &why);
	hf_ledger_view_end(view);
	return set;
}

static inline void forge_envelope(struct forged *forged, struct hf_span text,
				  struct hf_buf *out)
{
	static const uint8_t seed[HF_SEED_BYTES] = { 0x77 };
	uint8_t inner[HF_SIGNATURE_BYTES];
	struct hf_why why = { "" };

	assert_ok(hf_envelope_seal(&forged->header, text, forged->signs,
				   forged->to->org.receive, seed, out, inner,
				   &why),
		  &why);
}

/* Into the set of `from` for `to`, or into that set; the entry's index. */
static inline uint64_t forge_text(struct forged *forged, struct hf_span text)
{
	struct hf_buf envelope;
	uint64_t index;

	hf_buf_init(&envelope, HF_PAYLOAD_MAX_BYTES);
	forge_envelope(forged, text, &envelope);
	index = forge_entry(forged->from, forged->to, HF_OP_STATUS,
			    hf_buf_span(&envelope));
	hf_buf_release(&envelope);
	return index;
}

/* Into the set of `from` for `to`; the entry's index. */
static inline uint64_t forge(struct forged *forged)
{
	struct hf_buf text;
	uint64_t index;

	hf_buf_init(&text, HF_CASE_TEXT_MAX_BYTES);
	assert_int_equal(hf_case_event_encode(&forged->event, &text), HF_OK);
	index = forge_text(forged, hf_buf_span(&text));
	hf_buf_release(&text);
	return index;
}

/*
 * What is said of it.
 */

static int heard_fd = -1, heard_real = -1;

/* From now on the log goes where the test can read it. */
static inline void listen_to_log(void)
{
	hf_log_set_level(HF_LOG_WARNING);
	heard_fd = memfd_create("log", MFD_CLOEXEC);
	heard_real = dup(2);
	assert_true(heard_fd >= 0 && heard_real >= 0);
	assert_int_equal(dup2(heard_fd, 2), 2);
}

static inline void stop_listening(void)
{
	char text[4096];
	ssize_t got;

	if (heard_fd < 0)
		return;
	dup2(heard_real, 2);
	close(heard_real);
	/* A test that failed has its sentence in there. */
	while ((got = pread(heard_fd, text, sizeof(text), 0)) > 0 &&
	       write(2, text, (size_t)got) == got &&
	       ftruncate(heard_fd, 0) == 0)
		;
	close(heard_fd);
	heard_fd = -1;
}

/* Lines so far with this in them, all of them with "". */
static inline size_t heard(const char *what)
{
	struct hf_buf all;
	uint8_t text[4096];
	size_t count = 0;
	ssize_t got;
	off_t at = 0;
	char *line;

	hf_buf_init(&all, (size_t)16 << 20);
	while ((got = pread(heard_fd, text, sizeof(text), at)) > 0) {
		hf_buf_put(&all, hf_span(text, (size_t)got));
		at += got;
	}
	hf_buf_put_u8(&all, 0);
	line = strtok((char *)all.at, "\n");
	for (; line != NULL; line = strtok(NULL, "\n"))
		count += strstr(line, what) != NULL;
	hf_buf_release(&all);
	return count;
}

static inline void forget_log(void)
{
	assert_int_equal(ftruncate(heard_fd, 0), 0);
	lseek(heard_fd, 0, SEEK_SET);
}

/* The first set that the hotline opens. */
static const char good_origin[] = "hotline.example/cases-0/1";

/* A world in which the hotline has one case with the provider, acknowledged;
 * the log is heard from then on. */
static inline void begin_with_case(struct world *world, char *out_id)
{
	begin_world(world);
	notify_of(&world->parties[HOTLINE], "provider.example", HF_REGIME_NTD,
		  out_id);
	pass_all(world);
	listen_to_log();
}

static inline size_t heard_refused(void)
{
	return heard("event refused");
}

/* Hand over what was forged, and see that one line says so, with these words,
 * and that nothing else suffered. */
static inline void assert_refused(struct world *world, struct party *from,
				  struct party *to, const char *err,
				  const char *why)
{
	char id[CASE_ID_SIZE], code[32];
	size_t cases = count_cases(to);

	/* The forger's own node has something to say of it as well. */
	settle(from);
	forget_log();
	pass(from, to);
	settle(to);
	snprintf(code, sizeof(code), "err=%s ", err);
	if (heard_refused() != 1 || heard(code) != 1 || heard(why) != 1)
		fail_msg("not refused once with %s '%s'", err, why);
	assert_int_equal(count_cases(to), cases);
	/* It is not told twice, and what comes behind it is taken. */
	settle(to);
	assert_int_equal(heard_refused(), 1);
	notify_of(&world->parties[HOTLINE], "provider.example", HF_REGIME_NTD,
		  id);
	pass_all(world);
	assert_int_equal(state_of(&world->parties[HOTLINE], id),
			 HF_CASE_ACKNOWLEDGED);
	assert_int_equal(heard("work stopped"), 0);
}

static inline int hostile_down(void **state)
{
	stop_listening();
	return world_down(state);
}

#define HOSTILE_TEST(name)                                                     \
	cmocka_unit_test_setup_teardown(name, world_up, hostile_down)

#endif /* HF_CASES_FORGE_H */
