#include <string.h>

#include "bytes.h"
#include "envelope.h"
#include "text.h"

#include "agent_wire.h"

/* In front of every message, so that a stray client is told apart. */
static const uint8_t magic[4] = { 'H', 'F', 'A', 1 };

/* Reading: after the first failure everything reads as zero and empty. */
struct cursor {
	struct hf_span left;
	enum hf_err failed;
};

static void fail(struct cursor *cursor, enum hf_err err)
{
	if (cursor->failed == HF_OK)
		cursor->failed = err;
	cursor->left.len_bytes = 0;
}

static struct hf_span take(struct cursor *cursor, size_t len_bytes)
{
	struct hf_span taken = hf_span(cursor->left.at, len_bytes);

	if (len_bytes > cursor->left.len_bytes) {
		fail(cursor, HF_E_MALFORMED);
		return hf_span(NULL, 0);
	}
	cursor->left.at += len_bytes;
	cursor->left.len_bytes -= len_bytes;
	return taken;
}

static uint8_t take_u8(struct cursor *cursor)
{
	struct hf_span at = take(cursor, 1);

	return at.len_bytes > 0 ? at.at[0] : 0;
}

/* Anything but 0 and 1 would be a second spelling of "yes". */
static bool take_bool(struct cursor *cursor)
{
	uint8_t yes = take_u8(cursor);

	if (yes > 1)
		fail(cursor, HF_E_MALFORMED);
	return yes == 1;
}

static uint16_t take_u16(struct cursor *cursor)
{
	struct hf_span at = take(cursor, 2);

	return at.len_bytes > 0 ? hf_be16(at.at) : 0;
}

static uint64_t take_u64(struct cursor *cursor)
{
	struct hf_span at = take(cursor, 8);

	return at.len_bytes > 0 ? hf_be64(at.at) : 0;
}

static void take_hash(struct cursor *cursor, uint8_t out[static HF_HASH_BYTES])
{
	struct hf_span at = take(cursor, HF_HASH_BYTES);

	if (at.len_bytes > 0)
		memcpy(out, at.at, HF_HASH_BYTES);
}

/* count things of unit_bytes, at most most of them. */
static struct hf_span take_list(struct cursor *cursor, size_t unit_bytes,
				size_t most)
{
	size_t count = take_u16(cursor);

	if (count > most) {
		fail(cursor, HF_E_LIMIT);
		return hf_span(NULL, 0);
	}
	return take(cursor, count * unit_bytes);
}

static struct hf_span take_origin(struct cursor *cursor)
{
	struct hf_span origin = take_list(cursor, 1, HF_ORIGIN_MAX_BYTES);

	if (cursor->failed == HF_OK && !hf_text_is_origin(origin))
		fail(cursor, HF_E_ARGUMENT);
	return origin;
}

static void put_list(struct hf_buf *buf, struct hf_span list, size_t unit_bytes)
{
	size_t count = list.len_bytes / unit_bytes;

	if (count > UINT16_MAX)
		buf->failed = HF_E_LIMIT;
	hf_buf_put_u16(buf, (uint16_t)count);
	hf_buf_put(buf, list);
}

static void put_checkpoint(struct hf_buf *buf,
			   const struct hf_agent_checkpoint *checkpoint)
{
	put_list(buf, checkpoint->origin, 1);
	hf_buf_put_u64(buf, checkpoint->old_size);
	hf_buf_put_u64(buf, checkpoint->size);
	hf_buf_put(buf, hf_span(checkpoint->root.bytes, HF_HASH_BYTES));
	put_list(buf, hf_tree_proof_span(&checkpoint->proof), HF_HASH_BYTES);
}

static void take_checkpoint(struct cursor *cursor,
			    struct hf_agent_checkpoint *out)
{
	struct hf_span proof;

	out->origin = take_origin(cursor);
	out->old_size = take_u64(cursor);
	out->size = take_u64(cursor);
	take_hash(cursor, out->root.bytes);
	proof = take_list(cursor, HF_HASH_BYTES, HF_PROOF_MAX_HASHES);
	out->proof.hashes_count = proof.len_bytes / HF_HASH_BYTES;
	if (proof.len_bytes > 0)
		memcpy(out->proof.hashes, proof.at, proof.len_bytes);
}

static void put_checkpoints(struct hf_buf *buf,
			    const struct hf_agent_request *request)
{
	hf_buf_put_u16(buf, (uint16_t)request->checkpoints_count);
	for (size_t i = 0; i < request->checkpoints_count; i++)
		put_checkpoint(buf, &request->checkpoints[i]);
}

static void take_checkpoints(struct cursor *cursor,
			     struct hf_agent_request *out)
{
	size_t count = take_u16(cursor);

	if (count == 0 || count > HF_AGENT_CHECKPOINTS_MAX) {
		fail(cursor, HF_E_LIMIT);
		return;
	}
	for (size_t i = 0; i < count; i++)
		take_checkpoint(cursor, &out->checkpoints[i]);
	out->checkpoints_count = count;
}

static void put_set_keys(struct hf_buf *buf, const struct hf_agent_wish *wish)
{
	hf_buf_put_u16(buf, (uint16_t)wish->keys_count);
	for (size_t i = 0; i < wish->keys_count; i++) {
		const struct hf_agent_set_key *key = &wish->keys[i];

		hf_buf_put(buf, hf_span(key->key.bytes, HF_PUBLIC_KEY_BYTES));
		hf_buf_put_u8(buf, key->is_cosigner);
		hf_buf_put_u64(buf, key->first_size);
		hf_buf_put_u8(buf, key->is_void);
		hf_buf_put_u64(buf, key->last_size);
	}
}

static void take_set_keys(struct cursor *cursor, struct hf_agent_wish *out)
{
	size_t count = take_u16(cursor);

	if (count > HF_AGENT_HELD_MAX) {
		fail(cursor, HF_E_LIMIT);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		struct hf_agent_set_key *key = &out->keys[i];

		take_hash(cursor, key->key.bytes);
		key->is_cosigner = take_bool(cursor);
		key->first_size = take_u64(cursor);
		key->is_void = take_bool(cursor);
		key->last_size = take_u64(cursor);
	}
	out->keys_count = count;
}

static void put_wish(struct hf_buf *buf, const struct hf_agent_wish *wish)
{
	put_list(buf, wish->origin, 1);
	hf_buf_put_u64(buf, wish->version);
	hf_buf_put(buf, wish->organisation_id);
	hf_buf_put_u64(buf, wish->expires_ms);
	hf_buf_put_u8(buf, wish->relay);
	put_list(buf, wish->audience, HF_HASH_BYTES);
	put_list(buf, wish->relays, HF_HASH_BYTES);
	put_list(buf, wish->witnesses, HF_HASH_BYTES);
	put_list(buf, wish->classes, 1);
	put_list(buf, wish->purpose, 1);
	hf_buf_put_u8(buf, wish->kind);
	put_set_keys(buf, wish);
	put_list(buf, wish->predecessor, 1);
	if (wish->predecessor.len_bytes == 0)
		return;
	hf_buf_put_u64(buf, wish->predecessor_size);
	hf_buf_put(buf, hf_span(wish->predecessor_root, HF_HASH_BYTES));
	hf_buf_put_u64(buf, wish->carried_plus_one);
}

static void take_wish(struct cursor *cursor, struct hf_agent_wish *out)
{
	out->origin = take_origin(cursor);
	out->version = take_u64(cursor);
	out->organisation_id = take(cursor, HF_HASH_BYTES);
	out->expires_ms = take_u64(cursor);
	out->relay = take_u8(cursor);
	out->audience = take_list(cursor, HF_HASH_BYTES, HF_AUDIENCE_MAX);
	out->relays = take_list(cursor, HF_HASH_BYTES, HF_AUDIENCE_MAX);
	out->witnesses = take_list(cursor, HF_HASH_BYTES, HF_AUDIENCE_MAX);
	out->classes = take_list(cursor, 1, HF_AGENT_CLASSES_MAX);
	out->purpose = take_list(cursor, 1, HF_AGENT_PURPOSE_MAX_BYTES);
	out->kind = take_u8(cursor);
	take_set_keys(cursor, out);
	out->predecessor = take_list(cursor, 1, HF_ORIGIN_MAX_BYTES);
	if (out->predecessor.len_bytes == 0)
		return;
	if (!hf_text_is_origin(out->predecessor))
		fail(cursor, HF_E_ARGUMENT);
	out->predecessor_size = take_u64(cursor);
	take_hash(cursor, out->predecessor_root);
	out->carried_plus_one = take_u64(cursor);
}

/* Bytes behind their length, at most most of them. */
static struct hf_span take_bytes(struct cursor *cursor, size_t most)
{
	struct hf_span at = take(cursor, 4);
	size_t len_bytes = at.len_bytes > 0 ? hf_be32(at.at) : 0;

	if (len_bytes > most) {
		fail(cursor, HF_E_LIMIT);
		return hf_span(NULL, 0);
	}
	return take(cursor, len_bytes);
}

static void put_id(struct hf_buf *buf, const uint8_t id[static HF_HASH_BYTES])
{
	hf_buf_put(buf, hf_span(id, HF_HASH_BYTES));
}

void hf_agent_put_bytes(struct hf_buf *buf, struct hf_span bytes)
{
	hf_buf_put_u32(buf, (uint32_t)bytes.len_bytes);
	hf_buf_put(buf, bytes);
}

static void put_seal(struct hf_buf *buf, const struct hf_agent_seal *seal)
{
	put_id(buf, seal->sender_id);
	put_id(buf, seal->recipient_id);
	put_id(buf, seal->recipient_key);
	hf_buf_put_u64(buf, seal->expires_ms);
	hf_agent_put_bytes(buf, seal->event);
	hf_agent_put_bytes(buf, seal->receipt_of);
}

static void take_seal(struct cursor *cursor, struct hf_agent_seal *out)
{
	take_hash(cursor, out->sender_id);
	take_hash(cursor, out->recipient_id);
	take_hash(cursor, out->recipient_key);
	out->expires_ms = take_u64(cursor);
	out->event = take_bytes(cursor, HF_CASE_TEXT_MAX_BYTES);
	out->receipt_of = take_bytes(cursor, HF_AGENT_RECORD_MAX_BYTES);
}

static void put_open(struct hf_buf *buf, const struct hf_agent_open *open)
{
	put_list(buf, open->origin, 1);
	hf_buf_put_u64(buf, open->index);
	put_id(buf, open->leaf_hash);
	put_id(buf, open->recipient_id);
	put_id(buf, open->sender.bytes);
	hf_agent_put_bytes(buf, open->envelope);
}

static void take_open(struct cursor *cursor, struct hf_agent_open *out)
{
	out->origin = take_origin(cursor);
	out->index = take_u64(cursor);
	take_hash(cursor, out->leaf_hash);
	take_hash(cursor, out->recipient_id);
	take_hash(cursor, out->sender.bytes);
	out->envelope = take_bytes(cursor, HF_ENVELOPE_MAX_BYTES);
}

static void put_key_wish(struct hf_buf *buf,
			 const struct hf_agent_key_wish *wish)
{
	put_id(buf, wish->organisation_id);
	hf_buf_put_u64(buf, wish->rotate_ms);
	hf_buf_put_u64(buf, wish->keep_ms);
	put_id(buf, wish->named_key);
}

static void take_key_wish(struct cursor *cursor, struct hf_agent_key_wish *out)
{
	take_hash(cursor, out->organisation_id);
	out->rotate_ms = take_u64(cursor);
	out->keep_ms = take_u64(cursor);
	take_hash(cursor, out->named_key);
}

static void put_applied(struct hf_buf *buf,
			const struct hf_agent_applied *applied)
{
	put_list(buf, applied->origin, 1);
	put_id(buf, applied->organisation_id);
	hf_buf_put_u64(buf, applied->size);
	put_id(buf, applied->root.bytes);
}

static void take_applied(struct cursor *cursor, struct hf_agent_applied *out)
{
	out->origin = take_origin(cursor);
	take_hash(cursor, out->organisation_id);
	out->size = take_u64(cursor);
	take_hash(cursor, out->root.bytes);
}

static struct cursor begin(struct hf_span bytes, uint16_t *out_number)
{
	struct cursor cursor = { bytes, HF_OK };
	struct hf_span head = take(&cursor, sizeof(magic));

	if (head.len_bytes > 0 && memcmp(head.at, magic, sizeof(magic)) != 0)
		fail(&cursor, HF_E_MALFORMED);
	*out_number = take_u16(&cursor);
	return cursor;
}

static enum hf_err finish(const struct cursor *cursor, const char *what,
			  struct hf_why *why)
{
	if (cursor->failed == HF_OK && cursor->left.len_bytes == 0)
		return HF_OK;
	return hf_why(why,
		      cursor->failed != HF_OK ? cursor->failed : HF_E_MALFORMED,
		      "signer: a %s that does not decode", what);
}

static void put_head(struct hf_buf *buf, uint16_t number)
{
	hf_buf_put(buf, hf_span(magic, sizeof(magic)));
	hf_buf_put_u16(buf, number);
}

void hf_agent_request_encode(const struct hf_agent_request *request,
			     struct hf_buf *buf)
{
	put_head(buf, (uint16_t)request->verb);
	switch (request->verb) {
	case HF_AGENT_STATUS:
		break;
	case HF_AGENT_LAST:
		put_list(buf, request->origin, 1);
		break;
	case HF_AGENT_CHECKPOINT:
	case HF_AGENT_COSIGN:
		put_checkpoint(buf, &request->checkpoint);
		break;
	case HF_AGENT_REPORT:
		hf_buf_put(buf, request->note);
		break;
	case HF_AGENT_AGREEMENT:
		put_wish(buf, &request->wish);
		break;
	case HF_AGENT_VOUCH:
		put_list(buf, request->origin, 1);
		hf_buf_put_u8(buf, request->is_by_peer);
		break;
	case HF_AGENT_SEAL:
		put_seal(buf, &request->seal);
		break;
	case HF_AGENT_OPEN:
		put_open(buf, &request->open);
		break;
	case HF_AGENT_READ:
		hf_agent_put_bytes(buf, request->record);
		break;
	case HF_AGENT_STORE:
		hf_agent_put_bytes(buf, request->text);
		break;
	case HF_AGENT_RECEIVE_KEY:
		put_key_wish(buf, &request->key_wish);
		break;
	case HF_AGENT_APPLIED:
		put_applied(buf, &request->applied);
		break;
	case HF_AGENT_CHECKPOINTS:
		put_checkpoints(buf, request);
		break;
	}
}

enum hf_err hf_agent_request_parse(struct hf_span bytes,
				   struct hf_agent_request *out_request,
				   struct hf_why *why)
{
	struct hf_agent_request request = { .verb = HF_AGENT_STATUS };
	enum hf_err err;
	uint16_t verb;
	struct cursor cursor = begin(bytes, &verb);

	switch (verb) {
	case HF_AGENT_STATUS:
		break;
	case HF_AGENT_LAST:
		request.origin = take_origin(&cursor);
		break;
	case HF_AGENT_CHECKPOINT:
	case HF_AGENT_COSIGN:
		take_checkpoint(&cursor, &request.checkpoint);
		break;
	case HF_AGENT_REPORT:
		request.note = take(&cursor, cursor.left.len_bytes);
		break;
	case HF_AGENT_AGREEMENT:
		take_wish(&cursor, &request.wish);
		break;
	case HF_AGENT_VOUCH:
		request.origin = take_origin(&cursor);
		request.is_by_peer = take_bool(&cursor);
		break;
	case HF_AGENT_SEAL:
		take_seal(&cursor, &request.seal);
		break;
	case HF_AGENT_OPEN:
		take_open(&cursor, &request.open);
		break;
	case HF_AGENT_READ:
		request.record = take_bytes(&cursor, HF_AGENT_RECORD_MAX_BYTES);
		break;
	case HF_AGENT_STORE:
		request.text = take_bytes(&cursor, HF_CASE_TEXT_MAX_BYTES);
		break;
	case HF_AGENT_RECEIVE_KEY:
		take_key_wish(&cursor, &request.key_wish);
		break;
	case HF_AGENT_APPLIED:
		take_applied(&cursor, &request.applied);
		break;
	case HF_AGENT_CHECKPOINTS:
		take_checkpoints(&cursor, &request);
		break;
	default:
		fail(&cursor, HF_E_UNSUPPORTED);
	}
	err = finish(&cursor, "request", why);
	if (err != HF_OK)
		return err;
	request.verb = (enum hf_agent_verb)verb;
	*out_request = request;
	return HF_OK;
}

void hf_agent_reply_begin(enum hf_err err, struct hf_buf *buf)
{
	put_head(buf, (uint16_t)err);
}

enum hf_err hf_agent_reply_parse(struct hf_span bytes,
				 struct hf_agent_reply *out_reply,
				 struct hf_why *why)
{
	uint16_t number;
	struct cursor cursor = begin(bytes, &number);

	if (cursor.failed != HF_OK || number >= HF_ERR_COUNT)
		return hf_why(why, HF_E_MALFORMED,
			      "signer: an answer that does not decode");
	out_reply->err = (enum hf_err)number;
	out_reply->body = cursor.left;
	return HF_OK;
}

void hf_agent_status_encode(const struct hf_agent_status *status,
			    struct hf_buf *buf)
{
	put_list(buf, hf_span_of(status->domain), 1);
	hf_buf_put(buf, hf_span(status->log_key.bytes, HF_PUBLIC_KEY_BYTES));
	hf_buf_put(buf,
		   hf_span(status->cosigner_key.bytes, HF_PUBLIC_KEY_BYTES));
	hf_buf_put(buf,
		   hf_span(status->agreement_key.bytes, HF_PUBLIC_KEY_BYTES));
	hf_buf_put_u64(buf, status->origins_count);
	hf_buf_put_u8(buf, status->is_record_new);
	hf_buf_put_u16(buf, (uint16_t)status->keys_count);
	for (size_t i = 0; i < status->keys_count; i++) {
		hf_buf_put(buf, hf_span(status->keys[i].key.bytes,
					HF_PUBLIC_KEY_BYTES));
		hf_buf_put_u8(buf, status->keys[i].is_cosigner);
		hf_buf_put_u8(buf, (uint8_t)status->keys[i].state);
	}
}

static void take_signs(struct cursor *cursor, struct hf_agent_status *out)
{
	size_t count = take_u16(cursor);

	if (count > HF_SET_KEYS_MAX) {
		fail(cursor, HF_E_LIMIT);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		uint8_t state;

		take_hash(cursor, out->keys[i].key.bytes);
		out->keys[i].is_cosigner = take_bool(cursor);
		state = take_u8(cursor);
		if (state > HF_AGENT_KEY_PAST)
			fail(cursor, HF_E_MALFORMED);
		out->keys[i].state = (enum hf_agent_key_state)state;
	}
	out->keys_count = count;
}

enum hf_err hf_agent_status_parse(struct hf_span bytes,
				  struct hf_agent_status *out_status,
				  struct hf_why *why)
{
	struct hf_agent_status status = { .domain = "" };
	struct cursor cursor = { bytes, HF_OK };
	struct hf_span domain = take_list(&cursor, 1, HF_DOMAIN_MAX_BYTES);
	enum hf_err err;

	if (domain.len_bytes > 0)
		memcpy(status.domain, domain.at, domain.len_bytes);
	take_hash(&cursor, status.log_key.bytes);
	take_hash(&cursor, status.cosigner_key.bytes);
	take_hash(&cursor, status.agreement_key.bytes);
	status.origins_count = (uint32_t)take_u64(&cursor);
	status.is_record_new = take_bool(&cursor);
	take_signs(&cursor, &status);
	err = finish(&cursor, "status", why);
	if (err == HF_OK)
		*out_status = status;
	return err;
}

void hf_agent_last_encode(uint64_t size, const struct hf_tree_hash *root,
			  struct hf_buf *buf)
{
	hf_buf_put_u64(buf, size);
	hf_buf_put(buf, hf_span(root->bytes, HF_HASH_BYTES));
}

enum hf_err hf_agent_last_parse(struct hf_span bytes, uint64_t *out_size,
				struct hf_tree_hash *out_root,
				struct hf_why *why)
{
	struct cursor cursor = { bytes, HF_OK };
	uint64_t size = take_u64(&cursor);
	struct hf_tree_hash root;
	enum hf_err err;

	take_hash(&cursor, root.bytes);
	err = finish(&cursor, "last checkpoint", why);
	if (err != HF_OK)
		return err;
	*out_size = size;
	*out_root = root;
	return HF_OK;
}

enum hf_err hf_agent_bytes_parse(struct hf_span body,
				 struct hf_span *out_strings, size_t count,
				 struct hf_why *why)
{
	struct cursor cursor = { body, HF_OK };

	for (size_t i = 0; i < count; i++)
		out_strings[i] = take_bytes(&cursor, body.len_bytes);
	return finish(&cursor, "answer", why);
}

void hf_agent_record_encode(
	const uint8_t header[static HF_ENVELOPE_HEADER_BYTES],
	const uint8_t signature[static HF_SIGNATURE_BYTES],
	const uint8_t *ephemeral, struct hf_span text, struct hf_buf *buf)
{
	hf_buf_put(buf, hf_span(header, HF_ENVELOPE_HEADER_BYTES));
	hf_buf_put(buf, hf_span(signature, HF_SIGNATURE_BYTES));
	hf_buf_put_u8(buf, ephemeral != NULL);
	if (ephemeral != NULL)
		hf_buf_put(buf, hf_span(ephemeral, HF_SEED_BYTES));
	hf_agent_put_bytes(buf, text);
}

enum hf_err hf_agent_record_parse(struct hf_span body,
				  struct hf_agent_record *out_record,
				  struct hf_why *why)
{
	struct cursor cursor = { body, HF_OK };
	struct hf_span header = take(&cursor, HF_ENVELOPE_HEADER_BYTES);
	struct hf_span signature = take(&cursor, HF_SIGNATURE_BYTES);
	bool has_ephemeral = take_bool(&cursor);
	struct hf_span ephemeral =
		take(&cursor, has_ephemeral ? HF_SEED_BYTES : 0);
	struct hf_span text = take_bytes(&cursor, HF_CASE_TEXT_MAX_BYTES);
	enum hf_err err = finish(&cursor, "record", why);

	if (err != HF_OK)
		return err;
	hf_buf_put(&out_record->text, text);
	err = hf_buf_failed(&out_record->text);
	if (err != HF_OK)
		return hf_why(why, err, "signer: text: %s", hf_err_words(err));
	memcpy(out_record->header, header.at, header.len_bytes);
	memcpy(out_record->signature, signature.at, signature.len_bytes);
	out_record->has_ephemeral = has_ephemeral;
	if (has_ephemeral)
		memcpy(out_record->ephemeral, ephemeral.at, HF_SEED_BYTES);
	return HF_OK;
}
