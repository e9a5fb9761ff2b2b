#include <string.h>

#include "agent.h"
#include "codec_document.h"
#include "conf.h"
#include "leaf.h"
#include "log.h"
#include "receive_key.h"

#include "cases_in.h"

/* A receive key is used for so long, and its secret kept for so long behind
 * that: whoever was away for less is still understood. */
#define DAY_MS         ((uint64_t)24 * 3600 * 1000)
#define KEY_ROTATE_MS  (30 * DAY_MS)
#define KEY_KEEP_MS    (90 * DAY_MS)
#define KEY_BYTES_MOST 1024

bool hf_cases_is_zero(const uint8_t id[static HF_HASH_BYTES])
{
	static const uint8_t zeros[HF_HASH_BYTES];

	return memcmp(id, zeros, HF_HASH_BYTES) == 0;
}

/* Is this our set for that party: of kind CASES, for it and nobody else? */
static bool is_for(const struct hf_ring_set *set, const uint8_t *party)
{
	const struct hf_agreement *agreement = set->agreement;

	if (!set->is_own || agreement->kind != HF_SET_KIND_CASES)
		return false;
	if (party == NULL)
		return agreement->audience_count == 0;
	return agreement->audience_count == 1 &&
	       hf_span_equal(agreement->audience[0],
			     hf_span(party, HF_HASH_BYTES));
}

static bool find_set(const struct hf_ring *ring, const uint8_t *party,
		     char *out_origin)
{
	const struct hf_ring_set *sets;
	size_t count = hf_ring_sets(ring, &sets);

	for (size_t i = 0; i < count; i++) {
		if (is_for(&sets[i], party)) {
			strcpy(out_origin, sets[i].origin);
			return true;
		}
	}
	return false;
}

/* Relays of ours by configuration, and those that the party chose for what it
 * writes for us: it can be reached through them. */
static size_t choose_relays(const struct hf_cases *cases,
			    const struct hf_ring *ring, const uint8_t *party,
			    struct hf_span *out, size_t most)
{
	const struct hf_conf *conf = cases->options.conf;
	const struct hf_ring_set *sets;
	size_t sets_count = hf_ring_sets(ring, &sets), count = 0;

	for (size_t i = 0; i < conf->case_relays.count && count < most; i++) {
		const struct hf_organisation *relay = hf_ring_by_name(
			ring, hf_span_of(conf->case_relays.at[i]));

		if (relay != NULL && !relay->is_self &&
		    memcmp(relay->id, party, HF_HASH_BYTES) != 0)
			out[count++] = hf_span(relay->id, HF_HASH_BYTES);
	}
	for (size_t i = 0; i < sets_count && count == 0; i++) {
		const struct hf_agreement *theirs = sets[i].agreement;

		if (sets[i].is_own || theirs->kind != HF_SET_KIND_CASES ||
		    memcmp(sets[i].publisher->id, party, HF_HASH_BYTES) != 0)
			continue;
		for (size_t j = 0; j < theirs->relays_count && count < most;
		     j++) {
			if (hf_ring_by_id(ring, theirs->relays[j].at) != NULL)
				out[count++] = theirs->relays[j];
		}
	}
	return count;
}

static enum hf_err open_set(struct hf_cases *cases, const struct hf_ring *ring,
			    const uint8_t *party, char *out_origin,
			    struct hf_why *why)
{
	struct hf_span member = hf_span(party, HF_HASH_BYTES);
	struct hf_span relays[HF_CONF_CASE_RELAYS_MAX];
	size_t relays_count =
		party == NULL ? 0
			      : choose_relays(cases, ring, party, relays,
					      HF_CONF_CASE_RELAYS_MAX);

	return cases->options.open_set(cases->options.arg, &member,
				       party == NULL ? 0 : 1, relays,
				       relays_count, out_origin, why);
}

/* The newest key that the party announced to us, else its manifest's. */
static enum hf_err find_key(struct hf_cases *cases, const struct hf_ring *ring,
			    const struct hf_organisation *party,
			    uint8_t *out_key, struct hf_why *why)
{
	const struct hf_ring_set *sets;
	size_t count = hf_ring_sets(ring, &sets);
	uint64_t newest_ms = 0;
	struct hf_ledger_view *ledger;
	struct hf_store_txn *view;
	enum hf_err err = hf_store_view_begin(cases->views, &view, why);

	memcpy(out_key, party->manifest->receive_key.at, HF_PUBLIC_KEY_BYTES);
	if (err != HF_OK)
		return err;
	err = hf_ledger_view_begin(cases->options.ledger, &ledger, why);
	if (err != HF_OK) {
		hf_store_view_end(view);
		return err;
	}
	for (size_t i = 0; i < count && err == HF_OK; i++) {
		struct hf_case_set_row row;
		uint32_t number;

		if (sets[i].publisher != party ||
		    sets[i].agreement->kind != HF_SET_KIND_CASES ||
		    hf_ledger_find(ledger, hf_span_of(sets[i].origin), &number,
				   NULL) != HF_OK)
			continue;
		err = hf_case_set_get(view, number, &row, why);
		if (err == HF_OK && row.has_key &&
		    row.key_from_ms >= newest_ms) {
			newest_ms = row.key_from_ms;
			memcpy(out_key, row.receive_key, HF_PUBLIC_KEY_BYTES);
		}
	}
	hf_ledger_view_end(ledger);
	hf_store_view_end(view);
	return err;
}

/* Our receive key as the signer has it now, signed. */
static enum hf_err own_key(struct hf_cases *cases, const struct hf_ring *ring,
			   struct hf_buf *wire, struct hf_why *why)
{
	return hf_cases_signer_err(hf_agent_receive_key(
		cases->options.agent, hf_ring_self(ring)->id, KEY_ROTATE_MS,
		KEY_KEEP_MS, hf_ring_self(ring)->manifest->receive_key.at, wire,
		why));
}

static enum hf_err parse_own_key(struct hf_span wire, uint8_t *out_key,
				 struct hf_why *why)
{
	struct hf_receive_key key;
	struct hf_arena arena;
	enum hf_err err;

	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	err = hf_receive_key_parse(wire, &arena, &key, why);
	if (err == HF_OK)
		memcpy(out_key, key.key.at, HF_PUBLIC_KEY_BYTES);
	hf_arena_release(&arena);
	return err;
}

static enum hf_err target_key(struct hf_cases *cases,
			      const struct hf_ring *ring,
			      const struct hf_organisation *party,
			      uint8_t *out_key, struct hf_why *why)
{
	struct hf_buf wire;
	enum hf_err err;

	if (!party->is_self)
		return find_key(cases, ring, party, out_key, why);
	hf_buf_init(&wire, KEY_BYTES_MOST);
	err = own_key(cases, ring, &wire, why);
	if (err == HF_OK)
		err = parse_own_key(hf_buf_span(&wire), out_key, why);
	hf_buf_release(&wire);
	return err;
}

static enum hf_err number_of(struct hf_cases *cases, const char *origin,
			     uint32_t *out_set, struct hf_why *why)
{
	struct hf_ledger_view *view;
	enum hf_err err =
		hf_ledger_view_begin(cases->options.ledger, &view, why);

	if (err != HF_OK)
		return err;
	err = hf_ledger_find(view, hf_span_of(origin), out_set, why);
	hf_ledger_view_end(view);
	return err;
}

/* The first entry of a set for somebody is the key to write back with. */
static enum hf_err announce(struct hf_cases *cases, uint32_t set,
			    struct hf_span key, struct hf_why *why)
{
	const struct hf_ledger_draft draft = {
		.op = HF_OP_KEY,
		.time_ms = hf_cases_now(cases),
		.target = HF_LEDGER_SELF,
		.payload = key,
	};
	struct hf_ledger_batch batch = {
		.set = set,
		.drafts = &draft,
		.drafts_count = 1,
	};
	enum hf_err err;

	hf_cases_derive_id("key", key.at, key.len_bytes, NULL, 0, batch.id);
	err = hf_ledger_append(cases->options.ledger, &batch,
			       hf_ledger_wait_done(cases->wait), why);
	return err == HF_OK ? hf_ledger_wait_for(cases->wait, NULL, why) : err;
}

static enum hf_err announce_in(struct hf_cases *cases,
			       const struct hf_ring *ring, uint32_t set,
			       struct hf_why *why)
{
	struct hf_buf wire;
	enum hf_err err;

	hf_buf_init(&wire, KEY_BYTES_MOST);
	err = own_key(cases, ring, &wire, why);
	if (err == HF_OK)
		err = announce(cases, set, hf_buf_span(&wire), why);
	hf_buf_release(&wire);
	return err;
}

enum hf_err hf_cases_target(struct hf_cases *cases,
			    const uint8_t party[static HF_HASH_BYTES],
			    struct hf_cases_target *out, struct hf_why *why)
{
	struct hf_ring *ring = hf_ring_holder_get(cases->options.ring);
	const struct hf_organisation *self = hf_ring_self(ring);
	const struct hf_organisation *who =
		hf_cases_is_zero(party) ? self : hf_ring_by_id(ring, party);
	const uint8_t *audience;
	bool is_new = false;
	enum hf_err err = HF_OK;

	if (who == NULL) {
		hf_ring_release(ring);
		return hf_why(why, HF_E_NOTFOUND,
			      "a party of this case is not enrolled here");
	}
	audience = who->is_self ? NULL : who->id;
	memcpy(out->recipient, who->id, HF_HASH_BYTES);
	if (!find_set(ring, audience, out->origin)) {
		is_new = true;
		err = open_set(cases, ring, audience, out->origin, why);
	}
	if (err == HF_OK)
		err = number_of(cases, out->origin, &out->set, why);
	if (err == HF_OK && is_new && audience != NULL)
		err = announce_in(cases, ring, out->set, why);
	if (err == HF_OK)
		err = target_key(cases, ring, who, out->receive_key, why);
	hf_ring_release(ring);
	return err;
}

/* Is the newest key in our own set this one? */
static bool has_key(struct hf_cases *cases, uint32_t set, const uint8_t *key)
{
	struct hf_case_set_row row = { .has_key = false };
	struct hf_store_txn *view;

	if (hf_store_view_begin(cases->views, &view, NULL) != HF_OK)
		return true;
	if (hf_case_set_get(view, set, &row, NULL) != HF_OK)
		row.has_key = false;
	hf_store_view_end(view);
	return row.has_key &&
	       memcmp(row.receive_key, key, HF_PUBLIC_KEY_BYTES) == 0;
}

enum hf_err hf_cases_announce_keys(struct hf_cases *cases, struct hf_why *why)
{
	struct hf_ring *ring = hf_ring_holder_get(cases->options.ring);
	const struct hf_ring_set *sets;
	size_t count = hf_ring_sets(ring, &sets);
	uint8_t key[HF_PUBLIC_KEY_BYTES];
	struct hf_buf wire;
	enum hf_err err = HF_OK;

	hf_buf_init(&wire, KEY_BYTES_MOST);
	for (size_t i = 0; i < count && err == HF_OK; i++) {
		uint32_t set;

		if (!sets[i].is_own ||
		    sets[i].agreement->kind != HF_SET_KIND_CASES ||
		    sets[i].agreement->audience_count == 0 ||
		    number_of(cases, sets[i].origin, &set, NULL) != HF_OK)
			continue;
		if (wire.len_bytes == 0)
			err = own_key(cases, ring, &wire, why);
		if (err == HF_OK)
			err = parse_own_key(hf_buf_span(&wire), key, why);
		if (err == HF_OK && !has_key(cases, set, key))
			err = announce(cases, set, hf_buf_span(&wire), why);
	}
	hf_buf_release(&wire);
	hf_ring_release(ring);
	return err;
}
