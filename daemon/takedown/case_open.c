#include <assert.h>
#include <string.h>

#include "agent.h"
#include "bytes.h"
#include "codec_document.h"
#include "envelope.h"
#include "receive_key.h"
#include "sha256.h"
#include "text.h"

#include "case_intake.h"

static const uint8_t *self_id(const struct hf_case_round *round)
{
	return hf_ring_self(round->ring)->id;
}

static enum hf_err notice_key(const struct hf_organisation *who,
			      struct hf_public_key *out)
{
	memcpy(out->bytes, who->manifest->notice_key.at, HF_PUBLIC_KEY_BYTES);
	return hf_public_key_check(out);
}

/*
 * Texts.
 */

/* An entry's text, and what is to be kept beside it. */
struct opened {
	struct hf_envelope_header header;
	struct hf_span text;  /* in the round's arena */
	struct hf_buf record; /* empty: it is kept already */
};

static enum hf_err put_text(struct hf_case_round *round,
			    const struct hf_buf *text, struct opened *out,
			    struct hf_why *why)
{
	out->text = hf_arena_copy(&round->arena, hf_buf_span(text));
	return out->text.at != NULL ? HF_OK
				    : hf_why(why, HF_E_NOMEM, "no memory");
}

static enum hf_err read_record(struct hf_case_round *round,
			       struct hf_span record, struct opened *out,
			       struct hf_why *why)
{
	struct hf_agent_record read;
	enum hf_err err;

	hf_buf_init(&read.text, HF_CASE_TEXT_MAX_BYTES);
	err = hf_cases_signer_err(
		hf_agent_read(round->cases->options.agent, record, &read, why));
	if (err == HF_OK)
		err = hf_envelope_header_parse(
			hf_span(read.header, sizeof(read.header)), &out->header,
			why);
	if (err == HF_OK)
		err = put_text(round, &read.text, out, why);
	hf_wipe(read.ephemeral, sizeof(read.ephemeral));
	hf_buf_release(&read.text);
	return err;
}

/* Keep what was opened before anything follows from it: hf_case_await_kept()
 * comes before the views learn of the round. */
static enum hf_err keep(struct hf_case_round *round,
			struct hf_case_entry *entry, struct hf_span record,
			struct hf_why *why)
{
	struct hf_cases *cases = round->cases;
	enum hf_err err = HF_OK;

	/* Their waits are also those of a flight, which goes to own sets. */
	assert(!round->about->is_own);
	entry->record = hf_arena_copy(&round->arena, record);
	if (entry->record.at == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	if (!round->is_ahead)
		err = hf_ledger_keep(
			cases->options.ledger, round->info.set, entry->index,
			record,
			hf_ledger_wait_done(cases->waits[round->kept_count]),
			why);
	if (err == HF_OK)
		round->kept[round->kept_count++] =
			(size_t)(entry - round->entries);
	return err;
}

static enum hf_err check_header(const struct hf_case_round *round,
				const struct hf_envelope_header *header,
				struct hf_why *why)
{
	if (memcmp(header->sender_id, round->about->publisher->id,
		   HF_HASH_BYTES) != 0)
		return hf_why(why, HF_E_DENIED,
			      "it names another sender than the set's writer");
	if (memcmp(header->recipient_id, self_id(round), HF_HASH_BYTES) != 0 &&
	    !round->about->is_own)
		return hf_why(why, HF_E_DENIED, "it is for somebody else");
	return HF_OK;
}

static enum hf_err open_entry(struct hf_case_round *round,
			      struct hf_case_entry *entry, struct opened *out,
			      struct hf_why *why)
{
	struct hf_agent_open request = {
		.origin = hf_span_of(round->about->origin),
		.index = entry->index,
		.envelope = entry->payload,
	};
	struct hf_envelope envelope;
	struct hf_tree_hash leaf;
	struct hf_buf text;
	enum hf_err err = hf_envelope_parse(entry->payload, &envelope, why);

	if (err == HF_OK)
		err = check_header(round, &envelope.header, why);
	/* It was sealed for somebody else: only its record can be read. */
	if (err == HF_OK && round->about->is_own)
		err = hf_why(why, HF_E_NOTFOUND,
			     "its record is gone: this set was restored from "
			     "a copy without records");
	if (err == HF_OK)
		err = notice_key(round->about->publisher, &request.sender);
	if (err != HF_OK)
		return err;
	out->header = envelope.header;
	hf_leaf_hash(entry->header, &leaf);
	memcpy(request.leaf_hash, leaf.bytes, HF_HASH_BYTES);
	memcpy(request.recipient_id, self_id(round), HF_HASH_BYTES);
	hf_buf_init(&text, HF_CASE_TEXT_MAX_BYTES);
	err = hf_cases_signer_err(
		hf_agent_open_sealed(round->cases->options.agent, &request,
				     &out->record, &text, why));
	if (err == HF_OK)
		err = put_text(round, &text, out, why);
	hf_buf_release(&text);
	return err;
}

/*
 * Events.
 */

/* Does the event say that its author had the opening entry? */
static bool covers(const struct hf_case_event *event)
{
	const struct hf_entry_ref *opening = event->case_ref;

	if (opening == NULL)
		return false;
	if (event->kind == HF_CASE_EVENT_RECEIPT && event->receipt != NULL &&
	    strcmp(event->receipt->origin, opening->origin) == 0 &&
	    event->receipt->index == opening->index)
		return true;
	for (size_t i = 0; i < event->saw_count; i++) {
		if (strcmp(event->saw[i].origin, opening->origin) == 0 &&
		    event->saw[i].size > opening->index)
			return true;
	}
	return false;
}

/* Marks differ by reader; all else of an event is what was said. */
static enum hf_err hash_text(const struct hf_case_event *event,
			     uint8_t *out_hash, struct hf_why *why)
{
	struct hf_case_event said = *event;
	struct hf_buf text;
	enum hf_err err;

	said.saw = NULL;
	said.saw_count = 0;
	hf_buf_init(&text, HF_CASE_TEXT_MAX_BYTES);
	err = hf_case_event_encode(&said, &text);
	if (err == HF_OK)
		hf_sha256(text.at, text.len_bytes, out_hash);
	hf_buf_release(&text);
	return err == HF_OK ? HF_OK : hf_why(why, err, "cannot be hashed");
}

static enum hf_err fill_fact(struct hf_case_round *round,
			     const struct hf_case_event *event,
			     const uint8_t *author, struct hf_case_fact *fact,
			     struct hf_why *why)
{
	uint8_t(*after)[HF_EVENT_ID_BYTES] = hf_arena_calloc(
		&round->arena, event->after_count + 1, sizeof(*after));

	if (after == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	*fact = (struct hf_case_fact){
		.kind = event->kind,
		.reason = event->reason,
		.at_ms = event->at_ms,
		.acted_ms = event->acted_ms,
		.covers_opening = covers(event),
		.after_count = event->after_count,
	};
	for (size_t i = 0; i < event->after_count; i++)
		memcpy(after[i], event->after[i].at, HF_EVENT_ID_BYTES);
	fact->after = (const uint8_t(*)[HF_EVENT_ID_BYTES])after;
	memcpy(fact->event_id, event->event_id.at, HF_EVENT_ID_BYTES);
	memcpy(fact->author, author, HF_HASH_BYTES);
	if (event->notice != NULL) {
		fact->regime = event->notice->regime;
		fact->deadline_ms = event->notice->deadline_ms;
	}
	if (event->delivery != NULL) {
		fact->has_failed = event->delivery->has_failed;
		fact->acted_ms = event->delivery->sent_ms;
	}
	if (event->to_id.len_bytes == HF_HASH_BYTES)
		memcpy(fact->to_id, event->to_id.at, HF_HASH_BYTES);
	return hash_text(event, fact->text_hash, why);
}

/* Who is named by one's id and called by another's name would be two in every
 * table.  Asked once: whom we know by then decides, and a case that counted is
 * not put in question by those whom we met later. */
static enum hf_err check_called(const struct hf_case_round *round,
				const struct hf_notice *notice,
				struct hf_why *why)
{
	const struct hf_organisation *known =
		notice->provider_id.len_bytes == HF_HASH_BYTES
			? hf_ring_by_id(round->ring, notice->provider_id.at)
			: NULL;

	if (known == NULL || strcmp(known->name, notice->provider) == 0)
		return HF_OK;
	return hf_why(why, HF_E_DENIED,
		      "it calls '%.80s' what by its id is %.80s",
		      notice->provider, known->name);
}

static const char *name_of(const struct hf_case_round *round, const uint8_t *id)
{
	const struct hf_organisation *known = hf_ring_by_id(round->ring, id);

	return known != NULL ? known->name : "";
}

/* What never changes of a case, with where it began. */
static enum hf_err describe(struct hf_case_round *round,
			    const struct hf_case_event *event,
			    const uint8_t *author,
			    const struct hf_entry_ref *where,
			    struct hf_case_event_row *row, struct hf_why *why)
{
	struct hf_case_summary fixed;
	struct hf_buf wire;
	enum hf_err err =
		hf_cases_describe(event->notice, name_of(round, author),
				  &round->arena, &fixed, why);

	if (err != HF_OK)
		return err;
	fixed.opening = where;
	hf_buf_init(&wire, HF_MESSAGE_MAX_BYTES);
	err = hf_case_summary_encode(&fixed, &wire);
	if (err == HF_OK) {
		row->opening = hf_arena_copy(&round->arena, hf_buf_span(&wire));
		if (row->opening.at == NULL)
			err = HF_E_NOMEM;
	}
	hf_buf_release(&wire);
	return err == HF_OK ? HF_OK
			    : hf_why(why, err, "a case cannot be described");
}

/* One of this round in front of the one that is looked at, whose record may not
 * be kept yet. */
static const struct hf_case_entry *in_round(const struct hf_case_round *round,
					    const char *origin, uint64_t index)
{
	for (size_t i = 0; i < round->kept_count; i++) {
		const struct hf_case_entry *entry =
			&round->entries[round->kept[i]];

		if (entry->index == index &&
		    strcmp(origin, round->about->origin) == 0)
			return entry;
	}
	return NULL;
}

/* The record beside an entry that we hold, and its leaf hash.  NOTFOUND. */
static enum hf_err copy_record(struct hf_case_round *round, const char *origin,
			       uint64_t index, struct hf_span *out_record,
			       struct hf_tree_hash *out_leaf,
			       struct hf_why *why)
{
	struct hf_ledger_view *view;
	struct hf_ledger_entry entry;
	struct hf_span record;
	uint32_t set;
	const struct hf_case_entry *near = in_round(round, origin, index);
	enum hf_err err;

	if (near != NULL) {
		hf_leaf_hash(near->header, out_leaf);
		*out_record = near->record;
		return HF_OK;
	}
	err = hf_ledger_view_begin(round->cases->options.ledger, &view, why);
	if (err != HF_OK)
		return err;
	err = hf_ledger_find(view, hf_span_of(origin), &set, NULL);
	if (err == HF_OK)
		err = hf_ledger_entry(view, set, index, &entry, NULL);
	if (err == HF_OK)
		err = hf_ledger_record(view, set, index, &record, NULL);
	if (err == HF_OK) {
		hf_leaf_hash(entry.header, out_leaf);
		*out_record = hf_arena_copy(&round->arena, record);
		if (out_record->at == NULL)
			err = HF_E_NOMEM;
	}
	hf_ledger_view_end(view);
	return err == HF_OK ? HF_OK : hf_why(why, err, "no record is there");
}

/* A receipt for something else than what stands there would spoil what the
 * case is to prove.  What we do not hold we cannot compare. */
static enum hf_err check_receipt(struct hf_case_round *round,
				 const struct hf_case_receipt *receipt,
				 struct hf_why *why)
{
	uint8_t text_hash[HF_SHA256_BYTES];
	struct hf_tree_hash leaf;
	struct hf_span record;
	struct opened opened;
	enum hf_err err;

	if (receipt == NULL)
		return HF_OK;
	err = copy_record(round, receipt->origin, receipt->index, &record,
			  &leaf, why);
	if (err == HF_E_NOTFOUND)
		return HF_OK;
	if (err == HF_OK)
		err = read_record(round, record, &opened, why);
	if (err != HF_OK)
		return err;
	hf_sha256(opened.text.at, opened.text.len_bytes, text_hash);
	if (memcmp(leaf.bytes, receipt->leaf_hash.at, HF_HASH_BYTES) == 0 &&
	    memcmp(text_hash, receipt->text_hash.at, HF_HASH_BYTES) == 0)
		return HF_OK;
	return hf_why(why, HF_E_PROOF,
		      "the receipt is for another text than the one that was "
		      "sent");
}

/* A parsed and checked event of this author, found here. */
static enum hf_err take_event(struct hf_case_round *round,
			      const struct hf_case_event *event,
			      const uint8_t *author,
			      const struct hf_entry_ref *where,
			      struct hf_case_taken *taken, struct hf_why *why)
{
	const struct hf_entry_ref *opening =
		event->case_ref != NULL ? event->case_ref : where;
	enum hf_err err = check_receipt(round, event->receipt, why);

	if (err == HF_OK)
		err = fill_fact(round, event, author, &taken->row.fact, why);
	if (err == HF_OK)
		err = hf_case_check_marks(round, event, &taken->row, why);
	if (err == HF_OK && event->case_ref == NULL)
		err = describe(round, event, author, where, &taken->row, why);
	if (err != HF_OK)
		return err;
	if (event->notice != NULL && event->notice->order != NULL)
		memcpy(taken->row.state, event->notice->order->issuing_state,
		       2);
	if (event->case_ref == NULL) {
		taken->opens = event->notice;
		if (event->notice->provider_id.len_bytes == HF_HASH_BYTES)
			memcpy(taken->row.provider,
			       event->notice->provider_id.at, HF_HASH_BYTES);
	}
	hf_case_key(hf_span_of(opening->origin), opening->index, taken->key);
	taken->row.set = round->info.set;
	taken->is_event = true;
	return HF_OK;
}

static enum hf_err parse_event(struct hf_case_round *round, struct hf_span text,
			       const struct hf_envelope_header *header,
			       struct hf_case_event *event, struct hf_why *why)
{
	enum hf_err err = hf_case_event_parse(text, &round->arena, event, why);

	if (err == HF_OK)
		err = hf_case_event_check(event, why);
	if (err == HF_OK && (event->event_id.len_bytes != HF_EVENT_ID_BYTES ||
			     memcmp(event->event_id.at, header->event_id,
				    HF_EVENT_ID_BYTES) != 0))
		err = hf_why(why, HF_E_MALFORMED,
			     "text and envelope name different events");
	return err;
}

static enum hf_err take_quote(struct hf_case_round *round,
			      const struct hf_case_event *outer,
			      struct hf_case_taken *taken, struct hf_why *why)
{
	const struct hf_quoted_event *quoted = outer->quoted;
	const struct hf_organisation *author;
	struct hf_envelope_header header;
	struct hf_case_event event;
	struct hf_public_key key;
	enum hf_err err =
		hf_envelope_header_parse(quoted->header, &header, why);

	if (err != HF_OK)
		return err;
	author = hf_ring_by_id(round->ring, header.sender_id);
	if (author == NULL) {
		struct hf_span domain = hf_text_origin_domain(
			hf_span_of(quoted->entry->origin));

		memcpy(taken->awaits, header.sender_id, HF_HASH_BYTES);
		return hf_why(why, HF_E_NOTFOUND,
			      "it quotes somebody who is not enrolled here, "
			      "out of a set of %.*s; it is read again once he "
			      "is",
			      HF_SPAN_ARGS(domain));
	}
	/* Or it could be put into the place of an opening of somebody else's.
	 */
	if (!hf_span_equal(
		    hf_text_origin_domain(hf_span_of(quoted->entry->origin)),
		    hf_span_of(author->name)))
		return hf_why(why, HF_E_DENIED,
			      "it quotes out of a set that is not its "
			      "author's");
	err = notice_key(author, &key);
	if (err == HF_OK)
		err = hf_envelope_check_inner(quoted->header, quoted->text,
					      &key, quoted->signature.at, why);
	if (err == HF_OK)
		err = parse_event(round, quoted->text, &header, &event, why);
	if (err == HF_OK && event.kind == HF_CASE_EVENT_QUOTE)
		err = hf_why(why, HF_E_MALFORMED, "a quote of a quote");
	if (err == HF_OK)
		err = take_event(round, &event, author->id, quoted->entry,
				 taken, why);
	if (err != HF_OK)
		return err;
	taken->row.is_quoted = true;
	memcpy(taken->row.recipient, header.recipient_id, HF_HASH_BYTES);
	return HF_OK;
}

/* An opening event that comes too late is not acted on; everything else is a
 * fact, however old. */
static enum hf_err check_expiry(const struct hf_case_round *round,
				const struct opened *opened,
				const struct hf_case_event *event,
				struct hf_why *why)
{
	bool is_kept = opened->record.len_bytes == 0;
	uint64_t expires_ms = opened->header.expires_ms;

	if (event->notice == NULL || is_kept ||
	    expires_ms > hf_cases_now(round->cases))
		return HF_OK;
	return hf_why(why, HF_E_EXPIRED, "the notice has expired");
}

static enum hf_err understand(struct hf_case_round *round,
			      const struct hf_case_entry *entry,
			      const struct opened *opened,
			      struct hf_case_taken *taken, struct hf_why *why)
{
	struct hf_entry_ref where = {
		.origin = round->about->origin,
		.index = entry->index,
	};
	struct hf_case_event event;
	struct hf_tree_hash leaf;
	enum hf_err err =
		parse_event(round, opened->text, &opened->header, &event, why);

	if (err == HF_OK)
		err = check_expiry(round, opened, &event, why);
	if (err != HF_OK)
		return err;
	hf_leaf_hash(entry->header, &leaf);
	where.leaf_hash = hf_span(leaf.bytes, HF_HASH_BYTES);
	taken->row.index = entry->index;
	if (event.kind == HF_CASE_EVENT_QUOTE)
		return take_quote(round, &event, taken, why);
	memcpy(taken->row.recipient, opened->header.recipient_id,
	       HF_HASH_BYTES);
	return take_event(round, &event, opened->header.sender_id, &where,
			  taken, why);
}

static enum hf_err take_status(struct hf_case_round *round,
			       struct hf_case_entry *entry,
			       struct hf_case_taken *taken, struct hf_why *why)
{
	struct opened opened;
	enum hf_err err, kept = HF_OK;

	hf_buf_init(&opened.record, HF_LEDGER_RECORD_MAX_BYTES);
	err = entry->record.len_bytes > 0
		      ? read_record(round, entry->record, &opened, why)
		      : open_entry(round, entry, &opened, why);
	if (err == HF_OK)
		err = understand(round, entry, &opened, taken, why);
	if (err == HF_OK && opened.record.len_bytes > 0 && taken->opens != NULL)
		err = check_called(round, taken->opens, why);
	/* What is refused now is refused whenever the views are built again:
	 * only what counts, or will, has a record. */
	if ((err == HF_OK || !hf_cases_is_zero(taken->awaits)) &&
	    opened.record.len_bytes > 0)
		kept = keep(round, entry, hf_buf_span(&opened.record), why);
	hf_buf_release(&opened.record);
	return kept == HF_OK ? err : kept;
}

static enum hf_err take_key(struct hf_case_round *round,
			    const struct hf_case_entry *entry,
			    struct hf_case_taken *taken, struct hf_why *why)
{
	struct hf_receive_key key;
	struct hf_public_key signer;
	enum hf_err err =
		hf_receive_key_parse(entry->payload, &round->arena, &key, why);

	if (err == HF_OK)
		err = notice_key(round->about->publisher, &signer);
	if (err == HF_OK)
		err = hf_receive_key_check(&key, &signer,
					   round->about->publisher->id, why);
	if (err != HF_OK)
		return err;
	taken->is_key = true;
	taken->key_from_ms = key.from_ms;
	memcpy(taken->receive_key, key.key.at, HF_PUBLIC_KEY_BYTES);
	return HF_OK;
}

/* Whose fault it is: ours (try again) or the sender's (never again). */
static bool is_ours(enum hf_err err)
{
	return err == HF_E_UNAVAILABLE || err == HF_E_NOMEM ||
	       err == HF_E_SYSTEM || err == HF_E_FULL || err == HF_E_BUSY ||
	       err == HF_E_CORRUPT;
}

enum hf_err hf_case_take_entry(struct hf_case_round *round,
			       struct hf_case_entry *entry,
			       struct hf_case_taken *taken, struct hf_why *why)
{
	struct hf_header header;
	struct hf_why said = { "" };
	enum hf_err err = hf_header_parse(entry->header, &header, &said);

	*taken = (struct hf_case_taken){ .is_event = false };
	if (err != HF_OK || entry->payload.at == NULL)
		return HF_OK;
	if (header.op == HF_OP_STATUS)
		err = take_status(round, entry, taken, &said);
	else if (header.op == HF_OP_KEY)
		err = take_key(round, entry, taken, &said);
	if (err == HF_OK)
		return HF_OK;
	if (is_ours(err))
		return hf_why(why, err, "%s, entry %llu: %s",
			      round->about->origin,
			      (unsigned long long)entry->index, said.text);
	taken->is_event = false;
	taken->refused = err;
	taken->why = said;
	return HF_OK;
}

enum hf_err hf_case_await_kept(struct hf_case_round *round, size_t *taken,
			       struct hf_why *why)
{
	enum hf_err err = HF_OK;

	for (size_t i = 0; i < round->kept_count; i++) {
		struct hf_case_taken *of = &round->taken[round->kept[i]];
		struct hf_why said = { "" };
		enum hf_err is =
			hf_ledger_wait_for(round->cases->waits[i], NULL, &said);

		if (is == HF_OK || round->kept[i] >= *taken)
			continue;
		if (!is_ours(is)) {
			*of = (struct hf_case_taken){ .refused = is,
						      .why = said };
			continue;
		}
		*taken = round->kept[i];
		err = hf_why(why, is, "%s, entry %llu: %s",
			     round->about->origin,
			     (unsigned long long)round->entries[*taken].index,
			     said.text);
	}
	round->kept_count = 0;
	return err;
}
