#include <string.h>

#include "codec_case.h"
#include "envelope.h"
#include "sha256.h"
#include "sign.h"

#include "notice_record.h"
#include "signer_work.h"

/*
 * Rules.
 */

static enum hf_err need_storage(const struct hf_signer_work *work,
				struct hf_why *why)
{
	if (work->notice->record_key != NULL)
		return HF_OK;
	return hf_why(why, HF_E_NOTFOUND,
		      "signer: storage.key is missing, which keeps what cases "
		      "say: bring it back from a backup or, where there never "
		      "was one, 'hashfed-key storage new' makes it");
}

/* The key that an envelope was sealed for. */
static enum hf_err find_key(const struct hf_signer_work *work,
			    const uint8_t id[static HF_RECEIVE_KEY_ID_BYTES],
			    const struct hf_key **out_key, struct hf_why *why)
{
	const struct hf_receiveset *set = work->notice->receive;

	for (size_t i = 0; i < hf_receiveset_count(set); i++) {
		const struct hf_key *key = hf_receiveset_at(set, i);

		/* Both are the beginning of the SHA-256 of the key. */
		if (memcmp(key->id, id, HF_RECEIVE_KEY_ID_BYTES) == 0) {
			*out_key = key;
			return HF_OK;
		}
	}
	return hf_why(why, HF_E_DENIED,
		      "signer: it was sealed for a receive key that is not "
		      "here: it was destroyed after another had followed it, "
		      "or never was ours; the sender has to seal it again for "
		      "the present one");
}

static enum hf_err open_record(struct hf_signer_work *work,
			       struct hf_span sealed,
			       struct hf_notice_record *out_record,
			       struct hf_why *why)
{
	enum hf_err err = need_storage(work, why);

	if (err == HF_OK)
		err = hf_notice_record_open(sealed, work->notice->record_key,
					    &work->plain, out_record, why);
	return err;
}

/* Append a record to the answer. */
static enum hf_err put_record(struct hf_signer_work *work,
			      const struct hf_notice_record *record,
			      struct hf_why *why)
{
	enum hf_err err;

	hf_buf_reset(&work->bytes);
	err = hf_notice_record_close(record, work->notice->record_key,
				     &work->bytes, why);
	if (err == HF_OK)
		hf_agent_put_bytes(work->reply, hf_buf_span(&work->bytes));
	return err;
}

/*
 * Sealing.
 */

/* What a RECEIPT says comes out of the record, which only we could write. */
static enum hf_err receipt_of(struct hf_signer_work *work,
			      const struct hf_agent_seal *ask,
			      struct hf_case_receipt *out,
			      uint8_t text_hash[static HF_SHA256_BYTES],
			      struct hf_why *why)
{
	struct hf_envelope_header header;
	struct hf_notice_record record = { 0 };
	enum hf_err err;

	if (ask->receipt_of.len_bytes == 0)
		return hf_why(why, HF_E_ARGUMENT,
			      "signer: a RECEIPT needs the record of what it "
			      "acknowledges");
	err = open_record(work, ask->receipt_of, &record, why);
	if (err == HF_OK && record.kind != HF_NOTICE_OPENED)
		err = hf_why(why, HF_E_ARGUMENT,
			     "signer: a receipt is for what was opened here");
	if (err == HF_OK)
		err = hf_envelope_header_parse(
			hf_span(record.header, sizeof(record.header)), &header,
			why);
	if (err == HF_OK &&
	    memcmp(header.recipient_id, ask->sender_id, HF_HASH_BYTES) != 0)
		err = hf_why(why, HF_E_ARGUMENT,
			     "signer: a receipt is by whoever the event was "
			     "sealed for");
	/* That of one we sent has a seed. */
	hf_wipe(record.ephemeral, sizeof(record.ephemeral));
	if (err != HF_OK)
		return err;
	hf_sha256(record.text.at, record.text.len_bytes, text_hash);
	out->origin = hf_arena_text(&work->arena, record.origin);
	out->index = record.index;
	out->leaf_hash = hf_arena_copy(
		&work->arena, hf_span(record.leaf_hash, HF_HASH_BYTES));
	out->text_hash = hf_span(text_hash, HF_SHA256_BYTES);
	if (out->origin == NULL || out->leaf_hash.at == NULL)
		return hf_why(why, HF_E_NOMEM, "signer: no memory");
	return HF_OK;
}

/* The text to sign, made here from the event's fields and our own clock. */
static enum hf_err make_text(struct hf_signer_work *work,
			     const struct hf_agent_seal *ask,
			     uint8_t event_id[static HF_EVENT_ID_BYTES],
			     struct hf_why *why)
{
	uint8_t text_hash[HF_SHA256_BYTES];
	struct hf_case_receipt receipt = { .origin = NULL };
	struct hf_case_event event;
	enum hf_err err;

	err = hf_case_event_parse(ask->event, &work->arena, &event, why);
	if (err != HF_OK)
		return err;
	event.at_ms = work->now_ms;
	if (event.kind == HF_CASE_EVENT_RECEIPT) {
		err = receipt_of(work, ask, &receipt, text_hash, why);
		event.receipt = &receipt;
	} else if (ask->receipt_of.len_bytes > 0) {
		err = hf_why(why, HF_E_ARGUMENT,
			     "signer: only a RECEIPT acknowledges a record");
	}
	if (err == HF_OK)
		err = hf_case_event_check(&event, why);
	if (err != HF_OK)
		return err;
	err = hf_case_event_encode(&event, &work->text);
	if (err != HF_OK)
		return hf_why(why, err, "signer: event: %s", hf_err_words(err));
	memcpy(event_id, event.event_id.at, HF_EVENT_ID_BYTES);
	return HF_OK;
}

enum hf_err hf_signer_seal(struct hf_signer_work *work,
			   const struct hf_agent_seal *ask, struct hf_why *why)
{
	struct hf_notice_record record = { .kind = HF_NOTICE_SENT };
	struct hf_envelope_header header = { .issued_ms = work->now_ms,
					     .expires_ms = ask->expires_ms };
	enum hf_err err = hf_signer_need_notice(work, why);

	if (err == HF_OK)
		err = need_storage(work, why);
	if (err == HF_OK && ask->expires_ms <= work->now_ms)
		err = hf_why(why, HF_E_ARGUMENT,
			     "signer: an envelope expires after now");
	if (err == HF_OK)
		err = make_text(work, ask, header.event_id, why);
	if (err != HF_OK)
		return err;
	memcpy(header.sender_id, ask->sender_id, HF_HASH_BYTES);
	memcpy(header.recipient_id, ask->recipient_id, HF_HASH_BYTES);
	hf_random(record.ephemeral, sizeof(record.ephemeral));
	record.text = hf_buf_span(&work->text);
	err = hf_envelope_seal(&header, record.text,
			       work->notice->notice->secret, ask->recipient_key,
			       record.ephemeral, &work->bytes, record.signature,
			       why);
	if (err == HF_OK) {
		memcpy(record.header, work->bytes.at, sizeof(record.header));
		hf_agent_put_bytes(work->reply, hf_buf_span(&work->bytes));
		err = put_record(work, &record, why);
	}
	if (err == HF_OK)
		hf_agent_put_bytes(work->reply, record.text);
	hf_wipe(record.ephemeral, sizeof(record.ephemeral));
	return err;
}

/*
 * Opening, reading, storing.
 */

enum hf_err hf_signer_open_sealed(struct hf_signer_work *work,
				  const struct hf_agent_open *ask,
				  struct hf_why *why)
{
	struct hf_notice_record record = { .kind = HF_NOTICE_OPENED,
					   .origin = ask->origin,
					   .index = ask->index };
	struct hf_envelope envelope;
	const struct hf_key *key;
	enum hf_err err = need_storage(work, why);

	if (err == HF_OK)
		err = hf_envelope_parse(ask->envelope, &envelope, why);
	if (err == HF_OK && memcmp(envelope.header.recipient_id,
				   ask->recipient_id, HF_HASH_BYTES) != 0)
		err = hf_why(why, HF_E_DENIED,
			     "signer: the envelope is for another recipient");
	if (err == HF_OK)
		err = find_key(work, envelope.header.receive_key_id, &key, why);
	if (err == HF_OK)
		err = hf_envelope_open(&envelope, &ask->sender,
				       hf_secret_seed(key->secret), &work->text,
				       record.signature, why);
	if (err != HF_OK)
		return err;
	memcpy(record.leaf_hash, ask->leaf_hash, HF_HASH_BYTES);
	memcpy(record.header, envelope.header_bytes.at, sizeof(record.header));
	record.text = hf_buf_span(&work->text);
	err = put_record(work, &record, why);
	if (err == HF_OK)
		hf_agent_put_bytes(work->reply, record.text);
	return err;
}

enum hf_err hf_signer_read(struct hf_signer_work *work, struct hf_span sealed,
			   struct hf_why *why)
{
	struct hf_notice_record record;
	enum hf_err err = open_record(work, sealed, &record, why);

	if (err == HF_OK)
		hf_agent_record_encode(
			record.header, record.signature,
			record.kind == HF_NOTICE_SENT ? record.ephemeral : NULL,
			record.text, work->reply);
	hf_wipe(record.ephemeral, sizeof(record.ephemeral));
	return err;
}

enum hf_err hf_signer_store(struct hf_signer_work *work, struct hf_span text,
			    struct hf_why *why)
{
	const struct hf_notice_record record = { .kind = HF_NOTICE_STORED,
						 .text = text };
	enum hf_err err = need_storage(work, why);

	if (err == HF_OK)
		err = put_record(work, &record, why);
	return err;
}
