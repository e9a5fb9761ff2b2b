/*
 * notice_sides.h -- for the tests of sealed events: a hotline and a provider,
 * each with a signer of its own, and what they ask it.
 */
#ifndef HF_NOTICE_SIDES_H
#define HF_NOTICE_SIDES_H

#include <stdio.h>
#include <string.h>

#include "arena.h"
#include "codec_case.h"
#include "envelope.h"
#include "receive_key.h"
#include "signer.h"
#include "signer_home.h"

#define NOW_MS ((uint64_t)1800000000000)
#define DAY_MS ((uint64_t)24 * 3600 * 1000)
#define ROTATE (30 * DAY_MS)
#define KEEP   (90 * DAY_MS)
#define SET    "hotline.example/7d8e9f/1"

/* Two organisations, each with a signer of its own in a directory. */
struct side {
	char dir[64];
	uint8_t id[HF_HASH_BYTES];
	struct hf_signer *signer; /* NULL: closed */
	struct hf_signer_remark said;
};

static struct side hotline = { .dir = "/tmp/hf-notice-a-XXXXXX" };
static struct side provider = { .dir = "/tmp/hf-notice-b-XXXXXX" };

static inline void remove_all(const char *dir)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	assert_int_equal(system(command), 0);
}

static inline void side_close(struct side *side)
{
	hf_signer_close(side->signer);
	side->signer = NULL;
}

static inline void side_open_with(struct side *side, struct hf_span passphrase)
{
	const struct hf_signer_options options = { side->dir, NULL, passphrase,
						   false };
	struct hf_why why = { "" };

	side_close(side);
	assert_ok(hf_signer_open(&options, &side->signer, &why), &why);
}

static inline void side_open(struct side *side)
{
	side_open_with(side, hf_span(NULL, 0));
}

/* All keys of a side, other ones for each side. */
static inline void side_fill(struct side *side, uint8_t number)
{
	for (int role = HF_KEY_LOG; role <= HF_KEY_STORAGE; role++) {
		const struct hf_key_facts facts = {
			.role = (enum hf_key_role)role,
			.domain = BYTES(HOME_DOMAIN),
			.created_ms = NOW_MS,
		};
		uint8_t seed[HF_SEED_BYTES];
		struct hf_key *key = NULL;
		struct hf_why why = { "" };

		memset(seed, number + role, sizeof(seed));
		if (role == HF_KEY_CLIENTS)
			continue;
		assert_ok(hf_key_from_seed(&facts, seed, &key, &why), &why);
		home_put_key(side->dir, key);
		hf_key_free(key);
	}
	memset(side->id, number, sizeof(side->id));
}

static inline int begin(void **state)
{
	strcpy(hotline.dir, "/tmp/hf-notice-a-XXXXXX");
	strcpy(provider.dir, "/tmp/hf-notice-b-XXXXXX");
	if (mkdtemp(hotline.dir) == NULL || mkdtemp(provider.dir) == NULL)
		return -1;
	side_fill(&hotline, 0x10);
	side_fill(&provider, 0x40);
	side_open(&hotline);
	side_open(&provider);
	return 0;
}

static inline int end(void **state)
{
	side_close(&hotline);
	side_close(&provider);
	remove_all(hotline.dir);
	remove_all(provider.dir);
	return 0;
}

/*
 * Asking.
 */

static inline enum hf_err ask(struct side *side,
			      const struct hf_agent_request *request,
			      uint64_t now_ms, struct hf_buf *out_body)
{
	struct hf_agent_request parsed;
	struct hf_agent_reply answer;
	struct hf_buf bytes, reply;
	struct hf_why why = { "" };

	hf_buf_init(&bytes, HF_AGENT_MESSAGE_MAX_BYTES);
	hf_buf_init(&reply, HF_AGENT_MESSAGE_MAX_BYTES);
	hf_agent_request_encode(request, &bytes);
	assert_int_equal(hf_buf_failed(&bytes), HF_OK);
	assert_ok(hf_agent_request_parse(hf_buf_span(&bytes), &parsed, &why),
		  &why);
	hf_signer_answer(side->signer, hf_buf_span(&bytes), now_ms, &reply,
			 &side->said);
	assert_ok(hf_agent_reply_parse(hf_buf_span(&reply), &answer, &why),
		  &why);
	hf_buf_reset(out_body);
	hf_buf_put(out_body, answer.body);
	if (answer.err != HF_OK)
		assert_true(side->said.why.text[0] != '\0');
	hf_buf_release(&bytes);
	hf_buf_release(&reply);
	return answer.err;
}

/* An answer of up to three strings; the buf is what they lie in. */
struct answer {
	struct hf_buf body;
	struct hf_span strings[3];
};

static inline void answer_init(struct answer *answer)
{
	hf_buf_init(&answer->body, HF_AGENT_MESSAGE_MAX_BYTES);
	memset(answer->strings, 0, sizeof(answer->strings));
}

static inline void answer_release(struct answer *answer)
{
	hf_buf_release(&answer->body);
}

static inline enum hf_err ask_strings(struct side *side,
				      const struct hf_agent_request *request,
				      uint64_t now_ms, size_t count,
				      struct answer *answer)
{
	struct hf_why why = { "" };
	enum hf_err err = ask(side, request, now_ms, &answer->body);

	if (err == HF_OK)
		assert_ok(hf_agent_bytes_parse(hf_buf_span(&answer->body),
					       answer->strings, count, &why),
			  &why);
	return err;
}

/* SEAL: envelope, record, text. */
static inline enum hf_err seal(struct side *from, const struct side *to,
			       const uint8_t *key, struct hf_span event,
			       struct hf_span receipt_of, struct answer *answer)
{
	struct hf_agent_request request = {
		.verb = HF_AGENT_SEAL,
		.seal = { .expires_ms = NOW_MS + DAY_MS,
			  .event = event,
			  .receipt_of = receipt_of },
	};

	memcpy(request.seal.sender_id, from->id, HF_HASH_BYTES);
	memcpy(request.seal.recipient_id, to->id, HF_HASH_BYTES);
	memcpy(request.seal.recipient_key, key, HF_PUBLIC_KEY_BYTES);
	return ask_strings(from, &request, NOW_MS, 3, answer);
}

static inline struct hf_public_key notice_key_of(const struct side *side)
{
	uint8_t seed[HF_SEED_BYTES];
	struct hf_secret *secret = NULL;
	struct hf_public_key key;
	struct hf_why why = { "" };

	memset(seed, side->id[0] + HF_KEY_NOTICE, sizeof(seed));
	assert_ok(hf_secret_from_seed(seed, &secret, &why), &why);
	key = *hf_secret_public(secret);
	hf_secret_free(secret);
	return key;
}

/* OPEN: record, text. */
static inline enum hf_err open_sealed(struct side *to, const struct side *from,
				      struct hf_span envelope,
				      struct answer *answer)
{
	struct hf_agent_request request = {
		.verb = HF_AGENT_OPEN,
		.open = { .origin = BYTES(SET),
			  .index = 77,
			  .sender = notice_key_of(from),
			  .envelope = envelope },
	};

	memset(request.open.leaf_hash, 0x1f, HF_HASH_BYTES);
	memcpy(request.open.recipient_id, to->id, HF_HASH_BYTES);
	return ask_strings(to, &request, NOW_MS, 2, answer);
}

/* RECEIVE_KEY: checked as whoever is given it would. */
static inline enum hf_err
receive_key(struct side *side, uint64_t now_ms, uint64_t rotate_ms,
	    uint64_t keep_ms, uint8_t out_key[static HF_PUBLIC_KEY_BYTES],
	    uint64_t *out_from_ms)
{
	struct hf_agent_request request = {
		.verb = HF_AGENT_RECEIVE_KEY,
		.key_wish = { .rotate_ms = rotate_ms, .keep_ms = keep_ms },
	};
	const struct hf_public_key notice = notice_key_of(side);
	struct hf_receive_key key;
	struct hf_why why = { "" };
	struct hf_arena arena;
	struct hf_buf body;
	enum hf_err err;

	memcpy(request.key_wish.organisation_id, side->id, HF_HASH_BYTES);
	hf_arena_init(&arena, 1 << 16);
	hf_buf_init(&body, HF_AGENT_MESSAGE_MAX_BYTES);
	err = ask(side, &request, now_ms, &body);
	if (err == HF_OK) {
		assert_ok(hf_receive_key_parse(hf_buf_span(&body), &arena, &key,
					       &why),
			  &why);
		assert_ok(hf_receive_key_check(&key, &notice, side->id, &why),
			  &why);
		memcpy(out_key, key.key.at, HF_PUBLIC_KEY_BYTES);
		*out_from_ms = key.from_ms;
		/* The first, made by hashfed-key, has no end. */
		if (key.from_ms > NOW_MS)
			assert_true(key.until_ms > key.from_ms);
		else
			assert_true(key.until_ms == 0);
	}
	hf_buf_release(&body);
	hf_arena_release(&arena);
	return err;
}

static inline void first_key(struct side *side,
			     uint8_t out_key[static HF_PUBLIC_KEY_BYTES])
{
	uint64_t from_ms;

	assert_int_equal(
		receive_key(side, NOW_MS, ROTATE, KEEP, out_key, &from_ms),
		HF_OK);
}

/*
 * Events.
 */

static const uint8_t event_id[HF_EVENT_ID_BYTES] = { 0xe1, 0xe2 };
static const uint8_t opening_leaf[HF_HASH_BYTES] = { 0x1e, 0xaf };

static inline void put_event(enum hf_case_event_kind kind, struct hf_buf *out)
{
	const struct hf_locator place = { .url = "https://host.example/x" };
	const struct hf_contact desk = { .name = "desk",
					 .email = "desk@hotline.example" };
	const struct hf_entry_ref opening = {
		.origin = "hotline.example/cases/1",
		.leaf_hash = hf_span(opening_leaf, sizeof(opening_leaf)),
	};
	const struct hf_notice notice = {
		.provider = "host.example",
		.regime = HF_REGIME_NTD,
		.content_class = HF_CLASS_NCII,
		.locators = &place,
		.locators_count = 1,
		.explanation = "published without consent",
		.contact = &desk,
		.is_good_faith = true,
	};
	const struct hf_case_event event = {
		.kind = kind,
		.event_id = hf_span(event_id, sizeof(event_id)),
		.at_ms = 1, /* the signer knows better */
		.case_ref = kind == HF_CASE_EVENT_NOTICE ? NULL : &opening,
		.notice = kind == HF_CASE_EVENT_NOTICE ? &notice : NULL,
	};

	hf_buf_reset(out);
	assert_int_equal(hf_case_event_encode(&event, out), HF_OK);
}

/* A notice sealed by the hotline and opened by the provider. */
struct passed {
	uint8_t key[HF_PUBLIC_KEY_BYTES]; /* the provider's */
	struct hf_buf event;
	struct answer sealed, opened;
};

static inline void passed_init(struct passed *passed)
{
	hf_buf_init(&passed->event, HF_CASE_TEXT_MAX_BYTES);
	answer_init(&passed->sealed);
	answer_init(&passed->opened);
	first_key(&provider, passed->key);
	put_event(HF_CASE_EVENT_NOTICE, &passed->event);
	assert_int_equal(seal(&hotline, &provider, passed->key,
			      hf_buf_span(&passed->event), hf_span(NULL, 0),
			      &passed->sealed),
			 HF_OK);
	assert_int_equal(open_sealed(&provider, &hotline,
				     passed->sealed.strings[0],
				     &passed->opened),
			 HF_OK);
}

static inline void passed_release(struct passed *passed)
{
	hf_buf_release(&passed->event);
	answer_release(&passed->sealed);
	answer_release(&passed->opened);
}

/* READ, into a record whose text the caller releases. */
static inline enum hf_err read_record(struct side *side, struct hf_span sealed,
				      struct hf_agent_record *out)
{
	const struct hf_agent_request request = { .verb = HF_AGENT_READ,
						  .record = sealed };
	struct hf_why why = { "" };
	struct hf_buf body;
	enum hf_err err;

	memset(out, 0, sizeof(*out));
	hf_buf_init(&out->text, HF_CASE_TEXT_MAX_BYTES);
	hf_buf_init(&body, HF_AGENT_MESSAGE_MAX_BYTES);
	err = ask(side, &request, NOW_MS, &body);
	if (err == HF_OK)
		assert_ok(hf_agent_record_parse(hf_buf_span(&body), out, &why),
			  &why);
	hf_buf_release(&body);
	return err;
}

#endif /* HF_NOTICE_SIDES_H */
