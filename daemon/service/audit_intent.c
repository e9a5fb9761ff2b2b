#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "arena.h"
#include "bytes.h"
#include "codec_audit.h"
#include "codec_publish.h"
#include "ledger_view.h"
#include "log.h"

#include "audit_intent.h"
#include "node.h"
#include "own_set.h"

#define TIME_BYTES 8

#define ARENA_MAX_BYTES (4 * HF_UNPACK_MAX_BYTES)

void hf_audit_intent_encode(uint64_t time_ms, struct hf_span payload,
			    struct hf_buf *buf)
{
	hf_buf_put_u64(buf, time_ms);
	hf_buf_put(buf, payload);
}

enum hf_err hf_audit_intent_put(struct hf_node *node, uint64_t number,
				struct hf_span intent, struct hf_why *why)
{
	struct hf_ledger_wait *wait;
	enum hf_err err = hf_ledger_wait_new(&wait, why);

	if (err != HF_OK)
		return err;
	err = hf_ledger_keep(node->ledger, HF_LEDGER_INTENTS, number, intent,
			     hf_ledger_wait_done(wait), why);
	if (err == HF_OK)
		err = hf_ledger_wait_for(wait, NULL, why);
	hf_ledger_wait_free(wait);
	return err;
}

void hf_audit_intent_drop(struct hf_node *node, uint64_t number)
{
	const struct hf_ledger_done nobody = { .call = NULL };

	if (hf_ledger_keep(node->ledger, HF_LEDGER_INTENTS, number,
			   hf_span(NULL, 0), nobody, NULL) != HF_OK)
		hf_log(HF_LOG_DEBUG, "audit",
		       "an intent stays until the next start",
		       "number=%" PRIu64, number);
}

/* A copy of the first one at or above a number.  NOTFOUND. */
static enum hf_err copy_next(struct hf_node *node, uint64_t from,
			     uint64_t *out_number, struct hf_buf *out,
			     struct hf_why *why)
{
	struct hf_ledger_view *view;
	struct hf_span intent;
	enum hf_err err = hf_ledger_view_begin(node->ledger, &view, why);

	if (err != HF_OK)
		return err;
	err = hf_ledger_record_next(view, HF_LEDGER_INTENTS, from, out_number,
				    &intent, why);
	if (err == HF_OK) {
		hf_buf_reset(out);
		hf_buf_put(out, intent);
		err = hf_buf_failed(out);
	}
	hf_ledger_view_end(view);
	return err;
}

enum hf_err hf_audit_intents_last(struct hf_node *node, uint64_t *out_number,
				  struct hf_why *why)
{
	uint64_t number, last = 0;
	struct hf_buf intent;
	enum hf_err err;

	hf_buf_init(&intent, HF_LEDGER_RECORD_MAX_BYTES);
	while ((err = copy_next(node, last + 1, &number, &intent, why)) ==
	       HF_OK)
		last = number;
	hf_buf_release(&intent);
	if (err != HF_E_NOTFOUND)
		return err;
	*out_number = last;
	return HF_OK;
}

/*
 * An Append says of the messages before its last one which batch they are of:
 * the ledger knows which entries that became.
 */

/* Messages of an Append, as far as they are there. */
struct parts {
	uint32_t set;
	struct hf_appended_range *at; /* in the arena */
	size_t count;
};

static void gather_batch(struct hf_ledger_view *view, const char *batch,
			 struct parts *parts)
{
	uint8_t id[HF_BATCH_ID_BYTES];
	struct hf_ledger_receipt receipt;
	uint64_t sequence = 0;

	if (hf_hex_parse(hf_span_of(batch), id, sizeof(id)) != HF_OK)
		return;
	while (parts->count < HF_APPEND_RANGES_MAX &&
	       hf_ledger_batch_next(view, parts->set, id, sequence, &sequence,
				    &receipt, NULL) == HF_OK) {
		parts->at[parts->count++] = (struct hf_appended_range){
			.sequence = sequence,
			.first = receipt.first,
			.count = (uint32_t)receipt.count,
		};
		if (sequence++ == UINT64_MAX)
			break;
	}
}

/* What a view shows is signed. */
static bool have_signed(struct hf_node *node, const char *origin)
{
	struct hf_ledger_view *view;
	struct hf_ledger_wait *wait;
	uint32_t set = 0;
	enum hf_err err = hf_ledger_view_begin(node->ledger, &view, NULL);

	if (err != HF_OK)
		return false;
	err = hf_ledger_find(view, hf_span_of(origin), &set, NULL);
	hf_ledger_view_end(view);
	if (err != HF_OK || hf_ledger_wait_new(&wait, NULL) != HF_OK)
		return false;
	err = hf_ledger_refresh(node->ledger, set, hf_ledger_wait_done(wait),
				NULL);
	if (err == HF_OK)
		err = hf_ledger_wait_for(wait, NULL, NULL);
	hf_ledger_wait_free(wait);
	return err == HF_OK;
}

static const char *fact_of(const struct hf_audit_record *record,
			   const char *name)
{
	for (size_t i = 0; i < record->facts_count; i++) {
		if (strcmp(record->facts[i].name, name) == 0)
			return record->facts[i].value;
	}
	return "";
}

static void gather(struct hf_node *node, const struct hf_audit_record *record,
		   const char *origin, struct parts *parts)
{
	struct hf_ledger_view *view;

	if (hf_ledger_view_begin(node->ledger, &view, NULL) != HF_OK)
		return;
	if (hf_ledger_find(view, hf_span_of(origin), &parts->set, NULL) ==
	    HF_OK) {
		for (size_t i = 0; i < record->facts_count; i++) {
			if (strcmp(record->facts[i].name, "batch_id") == 0)
				gather_batch(view, record->facts[i].value,
					     parts);
		}
	}
	hf_ledger_view_end(view);
}

/* The same record with the entries that are there now. */
static enum hf_err add_entries(struct hf_node *node,
			       const struct hf_audit_record *record,
			       struct hf_arena *arena, struct hf_buf *payload,
			       struct hf_why *why)
{
	struct parts parts = { .at = hf_arena_calloc(arena,
						     HF_APPEND_RANGES_MAX,
						     sizeof(*parts.at)) };
	struct hf_audit_facts facts = { .arena = arena };
	struct hf_append_response appended = { 0 };
	struct hf_audit_record whole = *record;

	if (parts.at == NULL)
		return hf_why(why, HF_E_NOMEM, "audit: no memory");
	appended.origin = fact_of(record, "origin");
	/* Else the batch has to do. */
	if (!have_signed(node, appended.origin))
		return HF_OK;
	gather(node, record, appended.origin, &parts);
	appended.ranges = parts.at;
	appended.ranges_count = parts.count;
	for (size_t i = 0; i < record->facts_count; i++)
		hf_audit_facts_add(&facts, record->facts[i].name,
				   record->facts[i].value);
	hf_audit_facts_of_appended(&facts, &appended);
	whole.facts = facts.at;
	whole.facts_count = facts.count;
	hf_buf_reset(payload);
	return hf_audit_record_encode(&whole, payload);
}

/* The payload of the entry: what was kept, or more where that is known now. */
static enum hf_err complete(struct hf_node *node, struct hf_span kept,
			    struct hf_buf *payload, struct hf_why *why)
{
	struct hf_audit_record record;
	struct hf_arena arena;
	enum hf_err err;

	hf_buf_reset(payload);
	hf_buf_put(payload, kept);
	hf_arena_init(&arena, ARENA_MAX_BYTES);
	err = hf_audit_record_parse(kept, &arena, &record, why);
	if (err == HF_OK && strcmp(fact_of(&record, "batch_id"), "") != 0 &&
	    strcmp(record.outcome, HF_AUDIT_UNFINISHED) == 0 &&
	    strcmp(record.method, "Publish/Append") == 0)
		err = add_entries(node, &record, &arena, payload, why);
	hf_arena_release(&arena);
	return err;
}

static enum hf_err say(struct hf_node *node, uint32_t set, uint64_t number,
		       struct hf_span intent, struct hf_why *why)
{
	const struct hf_ledger_along end = { .forget = number };
	struct hf_ledger_receipt receipt;
	struct hf_ledger_draft draft = { .op = HF_OP_STATUS,
					 .target = HF_LEDGER_SELF };
	struct hf_buf payload;
	enum hf_err err = HF_E_MALFORMED;

	hf_buf_init(&payload, HF_PAYLOAD_MAX_BYTES);
	if (intent.len_bytes > TIME_BYTES)
		err = complete(node,
			       hf_span(intent.at + TIME_BYTES,
				       intent.len_bytes - TIME_BYTES),
			       &payload, why);
	if (err != HF_OK && err != HF_E_NOMEM) {
		/* Not as we wrote it: no reason never to begin. */
		hf_log(HF_LOG_ERROR, "audit", "damaged intent",
		       "number=%" PRIu64, number);
		hf_audit_intent_drop(node, number);
		err = HF_OK;
	} else if (err == HF_OK) {
		draft.time_ms = hf_be64(intent.at);
		draft.payload = hf_buf_span(&payload);
		err = hf_own_set_say_along(node, set, &draft, &end, &receipt,
					   why);
	}
	hf_buf_release(&payload);
	return err;
}

enum hf_err hf_audit_intents_say(struct hf_node *node, uint32_t set,
				 uint64_t from, uint64_t below,
				 struct hf_why *why)
{
	struct hf_buf intent;
	enum hf_err err = HF_OK;

	hf_buf_init(&intent, HF_LEDGER_RECORD_MAX_BYTES);
	while (err == HF_OK) {
		uint64_t number;

		err = copy_next(node, from, &number, &intent, why);
		if (err == HF_E_NOTFOUND || (err == HF_OK && number >= below)) {
			err = HF_OK;
			break;
		}
		if (err == HF_OK)
			err = say(node, set, number, hf_buf_span(&intent), why);
		from = number + 1;
	}
	hf_buf_release(&intent);
	return err;
}
