#include <string.h>

#include "bytes.h"
#include "conf.h"
#include "ring.h"
#include "roles.h"

#include "cases_in.h"

enum hf_err hf_cases_plan_one(struct hf_store_txn *txn,
			      const struct hf_case_task *task,
			      struct hf_why *why)
{
	uint8_t key[HF_CASE_TASK_BYTES];

	hf_case_task_key(task, key);
	return hf_case_mark_put(txn, HF_CASE_TODO, hf_span(key, sizeof(key)),
				why);
}

void hf_cases_follow_id(const char *what, const struct hf_case_fact *fact,
			const uint8_t whom[static HF_HASH_BYTES],
			uint8_t out_id[static HF_EVENT_ID_BYTES])
{
	uint8_t name[HF_CASE_NAME_BYTES];

	hf_case_event_name(fact, name);
	hf_cases_derive_id(what, name, sizeof(name), whom, HF_HASH_BYTES,
			   out_id);
}

/* What one fold is looked at for. */
struct planning {
	struct hf_cases *cases;
	struct hf_store_txn *txn;
	const struct hf_case_row *row;
	const struct hf_case_event_row *events;
	size_t count;
	const enum hf_case_fate *fates;
	const struct hf_ring *ring;
	const uint8_t *self;
};

static bool is_self(const struct planning *planning, const uint8_t *id)
{
	return memcmp(id, planning->self, HF_HASH_BYTES) == 0;
}

/* Did we say that already?  Others can take an id that follows from what they
 * know. */
static bool has_said(const struct planning *planning, const uint8_t *event_id)
{
	for (size_t i = 0; i < planning->count; i++) {
		const struct hf_case_fact *fact = &planning->events[i].fact;

		if (memcmp(fact->event_id, event_id, HF_EVENT_ID_BYTES) == 0 &&
		    is_self(planning, fact->author))
			return true;
	}
	return false;
}

static enum hf_err plan(const struct planning *planning, enum hf_case_todo what,
			const struct hf_case_fact *fact, const uint8_t *party,
			struct hf_why *why)
{
	struct hf_case_task task = { .what = what };

	memcpy(task.key, planning->row->key, HF_CASE_KEY_BYTES);
	hf_case_event_name(fact, task.name);
	if (party != NULL)
		memcpy(task.party, party, HF_HASH_BYTES);
	return hf_cases_plan_one(planning->txn, &task, why);
}

/* Whom we take notices from, beside orders, which have a rule of their own. */
static bool is_accepted(const struct planning *planning,
			const struct hf_case_fact *fact)
{
	static const enum hf_role roles[] = { HF_ROLE_HOTLINE,
					      HF_ROLE_TRUSTED_FLAGGER,
					      HF_ROLE_AUTHORITY,
					      HF_ROLE_PARTNER };
	const struct hf_cases_options *options = &planning->cases->options;

	if (!options->conf->cases_need_role ||
	    fact->kind != HF_CASE_EVENT_NOTICE)
		return true;
	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
		if (hf_roles_has(options->roles, fact->author, roles[i],
				 fact->at_ms))
			return true;
	}
	return false;
}

/* What is asked of us as the provider is acknowledged, whatever becomes of it
 * then. */
static enum hf_err plan_receipts(const struct planning *planning,
				 struct hf_why *why)
{
	enum hf_err err = HF_OK;

	if (!is_self(planning, planning->row->parties.provider))
		return HF_OK;
	for (size_t i = 0; i < planning->count && err == HF_OK; i++) {
		const struct hf_case_event_row *event = &planning->events[i];
		const struct hf_case_fact *fact = &event->fact;
		uint8_t id[HF_EVENT_ID_BYTES];

		if ((fact->kind != HF_CASE_EVENT_NOTICE &&
		     fact->kind != HF_CASE_EVENT_ORDER) ||
		    event->is_quoted || is_self(planning, fact->author) ||
		    planning->fates[i] != HF_CASE_FATE_APPLIED)
			continue;
		hf_cases_follow_id("receipt", fact, planning->self, id);
		if (has_said(planning, id))
			continue;
		err = plan(planning, HF_CASE_DO_RECEIPT, fact, NULL, why);
		if (err == HF_OK && !is_accepted(planning, fact))
			err = plan(planning, HF_CASE_DO_REFUSE, fact, NULL,
				   why);
	}
	return err;
}

/* Is it ours to pass on?  What we said; what a third party told us alone, since
 * our own events follow it; and for the one who opened the case, everything. */
static bool is_ours(const struct planning *planning,
		    const struct hf_case_event_row *event)
{
	const struct hf_case_parties *parties = &planning->row->parties;
	const uint8_t *author = event->fact.author;

	return is_self(planning, author) ||
	       is_self(planning, parties->notifier) ||
	       (!event->is_quoted &&
		memcmp(author, parties->notifier, HF_HASH_BYTES) != 0 &&
		memcmp(author, parties->provider, HF_HASH_BYTES) != 0);
}

/* Does this party have that event, as far as we can know? */
static bool has_it(const struct hf_case_event_row *event, const uint8_t *party)
{
	return memcmp(event->fact.author, party, HF_HASH_BYTES) == 0 ||
	       memcmp(event->recipient, party, HF_HASH_BYTES) == 0;
}

/* What was passed on once is not passed on again: kept among the links. */
static enum hf_err remember(const struct planning *planning,
			    const struct hf_case_fact *fact,
			    const uint8_t *party, bool *out_is_new,
			    struct hf_why *why)
{
	uint8_t way[HF_CASE_KEY_BYTES + HF_CASE_NAME_BYTES + HF_HASH_BYTES];
	struct hf_span known;
	enum hf_err err;

	memcpy(way, planning->row->key, HF_CASE_KEY_BYTES);
	hf_case_event_name(fact, way + HF_CASE_KEY_BYTES);
	memcpy(way + HF_CASE_KEY_BYTES + HF_CASE_NAME_BYTES, party,
	       HF_HASH_BYTES);
	err = hf_store_get(planning->txn, HF_CASE_LINKS,
			   hf_span(way, sizeof(way)), &known, NULL);
	*out_is_new = err == HF_E_NOTFOUND;
	if (err == HF_E_NOTFOUND)
		err = hf_case_mark_put(planning->txn, HF_CASE_LINKS,
				       hf_span(way, sizeof(way)), why);
	return err;
}

static enum hf_err quote_to(const struct planning *planning,
			    const uint8_t *party, struct hf_why *why)
{
	enum hf_err err = HF_OK;

	if (hf_cases_is_zero(party) || is_self(planning, party) ||
	    hf_ring_by_id(planning->ring, party) == NULL)
		return HF_OK;
	for (size_t i = 0; i < planning->count && err == HF_OK; i++) {
		const struct hf_case_event_row *event = &planning->events[i];
		bool is_new;

		if (!hf_cases_is_shared(planning->fates[i]) ||
		    has_it(event, party) || !is_ours(planning, event))
			continue;
		err = remember(planning, &event->fact, party, &is_new, why);
		if (err == HF_OK && is_new)
			err = plan(planning, HF_CASE_DO_QUOTE, &event->fact,
				   party, why);
	}
	return err;
}

/* Two parties write for each other; every other one is told what it has not
 * heard: our own events, and as the one who opened the case those of the
 * others too. */
static enum hf_err plan_quotes(const struct planning *planning,
			       struct hf_why *why)
{
	const struct hf_case_row *row = planning->row;
	enum hf_err err = HF_OK;

	if (row->others_count == 0)
		return HF_OK;
	for (uint32_t i = 0; i < row->others_count && err == HF_OK; i++)
		err = quote_to(planning, row->others[i], why);
	if (err == HF_OK)
		err = quote_to(planning, row->parties.provider, why);
	if (err == HF_OK)
		err = quote_to(planning, row->parties.notifier, why);
	return err;
}

/* What a hotline abroad is told of the case that it passed on to us. */
static bool is_mirrored(enum hf_case_event_kind kind)
{
	return kind == HF_CASE_EVENT_REMOVED ||
	       kind == HF_CASE_EVENT_DISABLED ||
	       kind == HF_CASE_EVENT_UNAVAILABLE ||
	       kind == HF_CASE_EVENT_REJECTED ||
	       kind == HF_CASE_EVENT_OFFLINE ||
	       kind == HF_CASE_EVENT_COMPLIED || kind == HF_CASE_EVENT_NOTICE;
}

static enum hf_err plan_mirror(const struct planning *planning,
			       struct hf_arena *arena, struct hf_why *why)
{
	const struct hf_case_row *row = planning->row;
	struct hf_case_summary fixed;
	struct hf_case_row from;
	enum hf_err err;

	if (!is_self(planning, row->parties.notifier))
		return HF_OK;
	err = hf_case_summary_parse(row->opening, arena, &fixed, why);
	if (err != HF_OK || fixed.continues[0] == '\0')
		return err;
	err = hf_case_find(planning->txn, fixed.continues, arena, &from, NULL);
	if (err != HF_OK || from.now.regime != HF_REGIME_FORWARD ||
	    !is_self(planning, from.parties.provider))
		return HF_OK;
	for (size_t i = 0; i < planning->count; i++) {
		struct hf_case_task task = { .what = HF_CASE_DO_MIRROR };
		uint8_t target[HF_HASH_BYTES] = { 0 };
		bool is_new;

		if (planning->fates[i] != HF_CASE_FATE_APPLIED ||
		    !is_mirrored(planning->events[i].fact.kind))
			continue;
		memcpy(target, from.key, HF_CASE_KEY_BYTES);
		err = remember(planning, &planning->events[i].fact, target,
			       &is_new, why);
		if (err != HF_OK)
			return err;
		if (!is_new)
			continue;
		memcpy(task.key, from.key, HF_CASE_KEY_BYTES);
		hf_case_event_name(&planning->events[i].fact, task.name);
		memcpy(task.party, row->key, HF_CASE_KEY_BYTES);
		err = hf_cases_plan_one(planning->txn, &task, why);
		if (err != HF_OK)
			return err;
	}
	return HF_OK;
}

enum hf_err hf_cases_plan(struct hf_cases *cases, struct hf_store_txn *txn,
			  const struct hf_case_row *row,
			  const struct hf_cases_history *history,
			  struct hf_arena *arena, struct hf_why *why)
{
	struct hf_ring *ring = hf_ring_holder_get(cases->options.ring);
	const struct planning planning = {
		.cases = cases,
		.txn = txn,
		.row = row,
		.events = history->rows,
		.count = history->folded,
		.fates = history->fates,
		.ring = ring,
		.self = hf_ring_self(ring)->id,
	};
	enum hf_err err = plan_receipts(&planning, why);

	if (err == HF_OK)
		err = plan_quotes(&planning, why);
	if (err == HF_OK)
		err = plan_mirror(&planning, arena, why);
	hf_ring_release(ring);
	return err;
}
