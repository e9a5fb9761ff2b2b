#include <string.h>

#include "agent.h"
#include "bytes.h"
#include "conf.h"
#include "leaf.h"
#include "ring.h"

#include "cases_in.h"

struct doing {
	struct hf_cases *cases;
	struct hf_cases_flight *flight;
	const struct hf_case_task *task;
	struct hf_case_row row;
	struct hf_case_event_row event; /* that it is about */
	uint8_t self[HF_HASH_BYTES];
	struct hf_arena *arena;
};

/* Or about the case as a whole. */
static bool is_about_event(enum hf_case_todo what)
{
	return what != HF_CASE_DO_RENOTIFY && what != HF_CASE_DO_ESCALATE;
}

static enum hf_err load(struct doing *doing, struct hf_why *why)
{
	const struct hf_case_task *task = doing->task;
	const uint8_t *where =
		task->what == HF_CASE_DO_MIRROR ? task->party : task->key;
	struct hf_ring *ring = hf_ring_holder_get(doing->cases->options.ring);
	struct hf_store_txn *view;
	enum hf_err err = hf_store_view_begin(doing->cases->views, &view, why);

	memcpy(doing->self, hf_ring_self(ring)->id, HF_HASH_BYTES);
	hf_ring_release(ring);
	if (err != HF_OK)
		return err;
	err = hf_case_get(view, task->key, doing->arena, &doing->row, why);
	if (err == HF_OK && is_about_event(task->what))
		err = hf_case_event_get(view, where, task->name, doing->arena,
					&doing->event, why);
	hf_store_view_end(view);
	return err;
}

static enum hf_err record_of(struct doing *doing, struct hf_buf *out,
			     uint8_t *out_leaf, struct hf_why *why)
{
	struct hf_ledger_view *view;
	struct hf_ledger_entry entry;
	struct hf_tree_hash leaf;
	struct hf_span record;
	enum hf_err err =
		hf_ledger_view_begin(doing->cases->options.ledger, &view, why);

	if (err != HF_OK)
		return err;
	err = hf_ledger_record(view, doing->event.set, doing->event.index,
			       &record, why);
	if (err == HF_OK)
		err = hf_ledger_entry(view, doing->event.set,
				      doing->event.index, &entry, why);
	if (err == HF_OK) {
		hf_leaf_hash(entry.header, &leaf);
		memcpy(out_leaf, leaf.bytes, HF_HASH_BYTES);
		hf_buf_put(out, record);
		err = hf_buf_failed(out);
	}
	hf_ledger_view_end(view);
	return err;
}

static enum hf_err make(struct doing *doing, struct hf_cases_making *making,
			struct hf_why *why)
{
	making->row = &doing->row;
	making->event.is_automatic = making->event.kind != HF_CASE_EVENT_QUOTE;
	return hf_cases_make_begin(doing->cases, making, doing->flight, why);
}

static enum hf_err do_receipt(struct doing *doing, struct hf_why *why)
{
	struct hf_cases_making making = {
		.party = doing->event.fact.author,
		.event = { .kind = HF_CASE_EVENT_RECEIPT },
	};
	static const uint8_t nothing[HF_HASH_BYTES];
	/* The signer fills it in; the codec wants a whole one. */
	const struct hf_case_receipt blank = {
		.origin = "receipt.example/none/1",
		.leaf_hash = { nothing, HF_HASH_BYTES },
		.text_hash = { nothing, HF_HASH_BYTES },
	};
	uint8_t leaf[HF_HASH_BYTES];
	struct hf_buf record;
	enum hf_err err;

	hf_cases_follow_id("receipt", &doing->event.fact, doing->self,
			   making.event_id);
	making.event.receipt = &blank;
	hf_buf_init(&record, HF_LEDGER_RECORD_MAX_BYTES);
	err = record_of(doing, &record, leaf, why);
	making.receipt_of = hf_buf_span(&record);
	if (err == HF_OK)
		err = make(doing, &making, why);
	hf_buf_release(&record);
	return err;
}

/* What was dealt with before is not refused now: views that are built again
 * look at every notice once more, maybe under another policy. */
static bool is_untouched(enum hf_case_state state)
{
	return state == HF_CASE_NOTICED || state == HF_CASE_DELIVERED ||
	       state == HF_CASE_ACKNOWLEDGED;
}

static enum hf_err do_refuse(struct doing *doing, struct hf_why *why)
{
	struct hf_cases_making making = {
		.party = doing->event.fact.author,
		.event = {
			.kind = HF_CASE_EVENT_REJECTED,
			.reason = HF_CASE_REASON_OTHER,
			.text = "Notices are taken from attested hotlines, "
				"trusted flaggers, partners and authorities "
				"only.",
		},
	};

	if (!is_untouched(doing->row.now.state))
		return HF_OK;
	hf_cases_follow_id("refuse", &doing->event.fact, doing->self,
			   making.event_id);
	return make(doing, &making, why);
}

/* Another's event with the author's signature: taken from the record, or out
 * of the quote that it came in. */
static enum hf_err fill_quote(struct doing *doing,
			      const struct hf_agent_record *read,
			      const uint8_t *leaf,
			      struct hf_quoted_event *quote,
			      struct hf_entry_ref *entry, struct hf_why *why)
{
	struct hf_ledger_view *view;
	struct hf_ledger_info info;
	struct hf_case_event outer;
	enum hf_err err;

	if (doing->event.is_quoted) {
		err = hf_case_event_parse(hf_buf_span(&read->text),
					  doing->arena, &outer, why);
		if (err == HF_OK && outer.quoted == NULL)
			err = hf_why(why, HF_E_CORRUPT, "no quote");
		if (err == HF_OK)
			*quote = *outer.quoted;
		return err;
	}
	err = hf_ledger_view_begin(doing->cases->options.ledger, &view, why);
	if (err != HF_OK)
		return err;
	err = hf_ledger_info(view, doing->event.set, &info, why);
	hf_ledger_view_end(view);
	if (err != HF_OK)
		return err;
	*entry = (struct hf_entry_ref){
		.origin = hf_arena_text(doing->arena, hf_span_of(info.origin)),
		.index = doing->event.index,
		.leaf_hash = hf_span(leaf, HF_HASH_BYTES),
	};
	*quote = (struct hf_quoted_event){
		.header = hf_span(read->header, sizeof(read->header)),
		.text = hf_buf_span(&read->text),
		.signature = hf_span(read->signature, sizeof(read->signature)),
		.entry = entry,
	};
	return entry->origin != NULL ? HF_OK
				     : hf_why(why, HF_E_NOMEM, "no memory");
}

static enum hf_err do_quote(struct doing *doing, struct hf_why *why)
{
	struct hf_cases_making making = {
		.party = doing->task->party,
		.event = { .kind = HF_CASE_EVENT_QUOTE },
	};
	struct hf_quoted_event quote = { .entry = NULL };
	struct hf_entry_ref entry;
	struct hf_agent_record read;
	uint8_t leaf[HF_HASH_BYTES];
	struct hf_buf record;
	enum hf_err err;

	hf_cases_follow_id("quote", &doing->event.fact, doing->task->party,
			   making.event_id);
	making.event.quoted = &quote;
	hf_buf_init(&record, HF_LEDGER_RECORD_MAX_BYTES);
	hf_buf_init(&read.text, HF_CASE_TEXT_MAX_BYTES);
	err = record_of(doing, &record, leaf, why);
	if (err == HF_OK)
		err = hf_cases_signer_err(
			hf_agent_read(doing->cases->options.agent,
				      hf_buf_span(&record), &read, why));
	if (err == HF_OK)
		err = fill_quote(doing, &read, leaf, &quote, &entry, why);
	if (err == HF_OK)
		err = make(doing, &making, why);
	hf_wipe(read.ephemeral, sizeof(read.ephemeral));
	hf_buf_release(&read.text);
	hf_buf_release(&record);
	return err;
}

/* Where the clock stands by now: what was planned may have been done by hand,
 * or before a crash, or may not be wanted any more. */
static struct hf_case_clock clock_of(const struct doing *doing)
{
	struct hf_case_clock clock;

	hf_case_clock(&doing->row.now,
		      hf_cases_rules(doing->cases, &doing->row),
		      hf_cases_now(doing->cases), &clock);
	return clock;
}

/* May we still make this move? */
static bool may_still(const struct doing *doing, enum hf_case_event_kind kind)
{
	struct hf_case_fact fact = { .kind = kind };

	memcpy(fact.author, doing->self, HF_HASH_BYTES);
	return hf_case_may(&doing->row.parties, &doing->row.now, &fact) ==
	       HF_CASE_FATE_APPLIED;
}

static enum hf_err do_renotify(struct doing *doing, struct hf_why *why)
{
	struct hf_cases_making making = {
		.party = hf_cases_counterpart(&doing->row, doing->self),
		.event = { .kind = HF_CASE_EVENT_RENOTIFY },
	};
	uint8_t number[8];

	if (!clock_of(doing).should_renotify ||
	    !may_still(doing, HF_CASE_EVENT_RENOTIFY))
		return HF_OK;
	hf_be32_put(number, doing->row.now.renotified);
	hf_be32_put(number + 4, doing->row.now.events);
	hf_cases_derive_id("renotify", doing->row.opening_id, HF_EVENT_ID_BYTES,
			   number, sizeof(number), making.event_id);
	return make(doing, &making, why);
}

static enum hf_err do_escalate(struct doing *doing, struct hf_why *why)
{
	const struct hf_conf *conf = doing->cases->options.conf;
	struct hf_ring *ring = hf_ring_holder_get(doing->cases->options.ring);
	const struct hf_organisation *authority = NULL;
	struct hf_cases_making making = {
		.party = hf_cases_counterpart(&doing->row, doing->self),
		.event = { .kind = HF_CASE_EVENT_ESCALATE_AUTHORITY },
	};
	uint8_t number[4];
	uint8_t id[HF_HASH_BYTES];

	if (!clock_of(doing).should_escalate ||
	    !may_still(doing, HF_CASE_EVENT_ESCALATE_AUTHORITY)) {
		hf_ring_release(ring);
		return HF_OK;
	}
	for (size_t i = 0; i < conf->regimes_count; i++) {
		if (conf->regimes[i].regime == doing->row.now.regime &&
		    conf->regimes[i].escalate_to != NULL)
			authority = hf_ring_by_name(
				ring, hf_span_of(conf->regimes[i].escalate_to));
	}
	if (authority != NULL)
		memcpy(id, authority->id, HF_HASH_BYTES);
	hf_ring_release(ring);
	if (authority == NULL)
		return hf_why(why, HF_E_UNAVAILABLE,
			      "the authority to escalate to is not enrolled "
			      "yet");
	making.event.to_id = hf_span(id, HF_HASH_BYTES);
	hf_be32_put(number, doing->row.now.events);
	hf_cases_derive_id("escalate", doing->row.opening_id, HF_EVENT_ID_BYTES,
			   number, sizeof(number), making.event_id);
	return make(doing, &making, why);
}

static enum hf_err do_mirror(struct doing *doing, struct hf_why *why)
{
	struct hf_cases_making making = {
		.party = hf_cases_counterpart(&doing->row, doing->self),
		.event = {
			.kind = doing->event.fact.kind,
			.reason = doing->event.fact.reason,
			.acted_ms = doing->event.fact.acted_ms != 0
					    ? doing->event.fact.acted_ms
					    : doing->event.fact.at_ms,
		},
	};

	uint8_t target[HF_HASH_BYTES] = { 0 };

	if (making.event.kind == HF_CASE_EVENT_NOTICE) {
		making.event.kind = HF_CASE_EVENT_REVIEW;
		making.event.acted_ms = 0;
	} else if (making.event.kind == HF_CASE_EVENT_OFFLINE) {
		making.event.kind = HF_CASE_EVENT_UNAVAILABLE;
	} else if (making.event.kind == HF_CASE_EVENT_COMPLIED) {
		making.event.kind = HF_CASE_EVENT_REMOVED;
	}
	memcpy(target, doing->row.key, HF_CASE_KEY_BYTES);
	hf_cases_follow_id("mirror", &doing->event.fact, target,
			   making.event_id);
	return make(doing, &making, why);
}

static enum hf_err do_nothing(struct doing *doing, struct hf_why *why)
{
	return HF_OK;
}

typedef enum hf_err do_fn(struct doing *doing, struct hf_why *why);

static do_fn *const doers[] = {
	[0] = do_nothing,
	[HF_CASE_DO_RECEIPT] = do_receipt,
	[HF_CASE_DO_QUOTE] = do_quote,
	[HF_CASE_DO_RENOTIFY] = do_renotify,
	[HF_CASE_DO_ESCALATE] = do_escalate,
	[HF_CASE_DO_MIRROR] = do_mirror,
	[HF_CASE_DO_REFUSE] = do_refuse,
};

#define DOERS (sizeof(doers) / sizeof(doers[0]))

enum hf_err hf_cases_do_begin(struct hf_cases *cases,
			      const struct hf_case_task *task,
			      struct hf_cases_flight *flight,
			      struct hf_why *why)
{
	struct hf_arena arena;
	struct doing doing = {
		.cases = cases,
		.flight = flight,
		.task = task,
		.arena = &arena,
	};
	enum hf_err err;

	hf_arena_init(&arena, HF_CASES_ARENA_BYTES);
	err = load(&doing, why);
	if (err == HF_OK && (unsigned)task->what < DOERS)
		err = doers[task->what](&doing, why);
	hf_arena_release(&arena);
	return err;
}
