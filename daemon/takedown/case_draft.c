#include <string.h>

#include "agent.h"
#include "bytes.h"
#include "codec_takedown.h"

#include "cases_in.h"

/*
 * Drafts and what is held for the police stay on this machine: a record of the
 * ledger's own environment (set 0), sealed by the signer as all others, of the
 * whole request.  They are cases of the list until they are sent.
 */

static void draft_key(struct hf_span request_id, uint8_t *out_key)
{
	hf_cases_derive_id("draft", request_id.at, request_id.len_bytes, NULL,
			   0, out_key);
}

/* The same request once more takes the place of its draft. */
static enum hf_err write_row(void *arg, struct hf_store_txn *txn,
			     struct hf_why *why)
{
	struct hf_case_row *row = arg, known;
	struct hf_arena arena;
	enum hf_err err;

	hf_arena_init(&arena, HF_CASES_ARENA_BYTES);
	err = hf_case_get(txn, row->key, &arena, &known, why);
	if (err == HF_OK) {
		row->change = known.change;
		row->first_change = known.first_change;
	}
	hf_arena_release(&arena);
	if (err != HF_OK && err != HF_E_NOTFOUND)
		return err;
	return hf_case_put(txn, row, 0, HF_CASE_CLOCK_EVENT, why);
}

static enum hf_err put_row(struct hf_cases *cases,
			   const struct hf_send_notice_request *request,
			   uint8_t *key, struct hf_why *why)
{
	struct hf_ring *ring = hf_ring_holder_get(cases->options.ring);
	const struct hf_organisation *self = hf_ring_self(ring);
	struct hf_case_row row = { .hold = request->hold };
	struct hf_case_summary fixed;
	struct hf_arena arena;
	struct hf_buf wire;
	enum hf_err err;

	hf_arena_init(&arena, HF_CASES_ARENA_BYTES);
	hf_buf_init(&wire, HF_MESSAGE_MAX_BYTES);
	draft_key(request->request_id, row.key);
	row.draft = hf_be64(row.key);
	row.now.state = request->hold;
	row.now.regime = request->notice->regime;
	row.now.changed_ms = hf_cases_now(cases);
	memcpy(row.parties.notifier, self->id, HF_HASH_BYTES);
	err = hf_cases_describe(request->notice, self->name, &arena, &fixed,
				why);
	if (err == HF_OK)
		err = hf_case_summary_encode(&fixed, &wire);
	row.opening = hf_buf_span(&wire);
	if (err == HF_OK)
		err = hf_store_write(cases->views, write_row, &row, why);
	cases->has_changed |= err == HF_OK;
	memcpy(key, row.key, HF_CASE_KEY_BYTES);
	hf_buf_release(&wire);
	hf_arena_release(&arena);
	hf_ring_release(ring);
	return err;
}

static enum hf_err keep(struct hf_cases *cases, uint64_t number,
			struct hf_span record, struct hf_why *why)
{
	enum hf_err err =
		hf_ledger_keep(cases->options.ledger, 0, number, record,
			       hf_ledger_wait_done(cases->wait), why);

	return err == HF_OK ? hf_ledger_wait_for(cases->wait, NULL, why) : err;
}

enum hf_err hf_cases_draft_put(struct hf_cases *cases,
			       const struct hf_send_notice_request *request,
			       uint8_t out_key[static HF_CASE_KEY_BYTES],
			       struct hf_why *why)
{
	uint8_t key[HF_CASE_KEY_BYTES];
	struct hf_buf wire, record;
	enum hf_err err;

	draft_key(request->request_id, key);
	hf_buf_init(&wire, HF_CASE_TEXT_MAX_BYTES);
	hf_buf_init(&record, HF_LEDGER_RECORD_MAX_BYTES);
	err = hf_send_notice_request_encode(request, &wire);
	if (err != HF_OK)
		hf_why(why, err, "the notice is larger than %d bytes",
		       HF_CASE_TEXT_MAX_BYTES);
	if (err == HF_OK)
		err = hf_agent_store(cases->options.agent, hf_buf_span(&wire),
				     &record, why);
	if (err == HF_OK)
		err = keep(cases, hf_be64(key), hf_buf_span(&record), why);
	if (err == HF_OK)
		err = put_row(cases, request, out_key, why);
	hf_buf_release(&wire);
	hf_buf_release(&record);
	return err;
}

static enum hf_err read_draft(struct hf_cases *cases, struct hf_span record,
			      struct hf_arena *arena,
			      struct hf_send_notice_request *out,
			      struct hf_why *why)
{
	struct hf_agent_record read;
	enum hf_err err;

	hf_buf_init(&read.text, HF_CASE_TEXT_MAX_BYTES);
	err = hf_agent_read(cases->options.agent, record, &read, why);
	if (err == HF_OK)
		err = hf_send_notice_request_parse(hf_buf_span(&read.text),
						   arena, out, why);
	hf_buf_release(&read.text);
	return err;
}

/* A copy of the first record of set 0 at or above a number; NOTFOUND. */
static enum hf_err copy_record(struct hf_cases *cases, uint64_t from,
			       uint64_t *out_number, struct hf_buf *out,
			       struct hf_why *why)
{
	struct hf_ledger_view *view;
	struct hf_span record;
	enum hf_err err =
		hf_ledger_view_begin(cases->options.ledger, &view, why);

	if (err != HF_OK)
		return err;
	err = hf_ledger_record_next(view, 0, from, out_number, &record, why);
	if (err == HF_OK) {
		hf_buf_reset(out);
		hf_buf_put(out, record);
		err = hf_buf_failed(out);
	}
	hf_ledger_view_end(view);
	return err;
}

enum hf_err hf_cases_draft_get(struct hf_cases *cases,
			       const struct hf_case_row *row,
			       struct hf_arena *arena,
			       struct hf_send_notice_request *out,
			       struct hf_why *why)
{
	struct hf_buf record;
	uint64_t number;
	enum hf_err err;

	hf_buf_init(&record, HF_LEDGER_RECORD_MAX_BYTES);
	err = copy_record(cases, row->draft, &number, &record, why);
	if (err == HF_OK && number != row->draft)
		err = hf_why(why, HF_E_NOTFOUND, "the draft is gone");
	if (err == HF_OK)
		err = read_draft(cases, hf_buf_span(&record), arena, out, why);
	hf_buf_release(&record);
	return err;
}

static enum hf_err delete_row(void *arg, struct hf_store_txn *txn,
			      struct hf_why *why)
{
	return hf_case_del(txn, arg, why);
}

/* The record last: a start makes the row again from it, so that whoever was
 * not answered can ask again. */
enum hf_err hf_cases_draft_del(struct hf_cases *cases,
			       const struct hf_case_row *row,
			       struct hf_why *why)
{
	struct hf_case_row gone = *row;
	enum hf_err err = hf_store_write(cases->views, delete_row, &gone, why);

	return err == HF_OK ? keep(cases, row->draft, hf_span(NULL, 0), why)
			    : err;
}

enum hf_err
hf_cases_draft_became(struct hf_store_txn *txn,
		      const uint8_t request_id[static HF_EVENT_ID_BYTES],
		      const uint8_t key[static HF_CASE_KEY_BYTES],
		      struct hf_arena *arena, struct hf_why *why)
{
	uint8_t draft[HF_CASE_KEY_BYTES];
	struct hf_case_row row;
	enum hf_err err;

	draft_key(hf_span(request_id, HF_EVENT_ID_BYTES), draft);
	err = hf_case_get(txn, draft, arena, &row, NULL);
	if (err != HF_OK && err != HF_E_NOTFOUND)
		return hf_why(why, err, "views: a draft cannot be read");
	if (err == HF_OK)
		err = hf_case_del(txn, &row, why);
	else
		err = HF_OK;
	/* Views that are new have no draft, and it may be asked for again. */
	return err == HF_OK ? hf_case_draft_put(txn, draft, key, why) : err;
}

enum hf_err hf_cases_draft_case(struct hf_cases *cases, const char *draft_id,
				uint8_t out_key[static HF_CASE_KEY_BYTES],
				struct hf_why *why)
{
	struct hf_store_txn *view;
	enum hf_err err = hf_store_view_begin(cases->views, &view, why);

	if (err != HF_OK)
		return err;
	err = hf_case_draft_find(view, draft_id, out_key, why);
	hf_store_view_end(view);
	return err;
}

static bool has_row(struct hf_cases *cases, uint64_t number, bool *out_has)
{
	struct hf_store_cursor *cursor;
	struct hf_store_txn *view;
	struct hf_span key, value;
	uint8_t from[8];

	hf_be64_put(from, number);
	if (hf_store_view_begin(cases->views, &view, NULL) != HF_OK)
		return false;
	*out_has = false;
	if (hf_store_cursor_open(view, HF_CASE_CASES, &cursor, NULL) == HF_OK) {
		*out_has = hf_store_cursor_seek(cursor,
						hf_span(from, sizeof(from)),
						&key, &value, NULL) == HF_OK &&
			   memcmp(key.at, from, sizeof(from)) == 0;
		hf_store_cursor_close(cursor);
	}
	hf_store_view_end(view);
	return true;
}

/* A record without a row is of a draft that views which are new know nothing
 * of, or of one that was sent, and nobody came to delete it. */
static enum hf_err load_one(struct hf_cases *cases, uint64_t number,
			    const struct hf_send_notice_request *request,
			    struct hf_why *why)
{
	uint8_t key[HF_CASE_KEY_BYTES];
	enum hf_err err =
		hf_cases_find_sent(cases, request->request_id.at, key, why);

	if (err == HF_E_NOTFOUND)
		return put_row(cases, request, key, why);
	return err == HF_OK ? keep(cases, number, hf_span(NULL, 0), why) : err;
}

/* Without a signer they wait for the next start. */
enum hf_err hf_cases_drafts_load(struct hf_cases *cases, struct hf_why *why)
{
	uint64_t from = 0, number;
	struct hf_arena arena;
	struct hf_buf record;
	enum hf_err err = HF_OK;

	hf_arena_init(&arena, HF_CASES_ARENA_BYTES);
	hf_buf_init(&record, HF_LEDGER_RECORD_MAX_BYTES);
	while (err == HF_OK &&
	       copy_record(cases, from, &number, &record, NULL) == HF_OK) {
		struct hf_send_notice_request request;
		bool has = true;

		from = number + 1;
		if (!has_row(cases, number, &has))
			err = hf_why(why, HF_E_NOMEM, "no memory");
		if (err == HF_OK && !has &&
		    read_draft(cases, hf_buf_span(&record), &arena, &request,
			       NULL) == HF_OK)
			err = load_one(cases, number, &request, why);
		hf_arena_reset(&arena);
		if (number == UINT64_MAX)
			break;
	}
	hf_buf_release(&record);
	hf_arena_release(&arena);
	return err;
}
