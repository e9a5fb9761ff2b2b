#include <string.h>

#include "bytes.h"
#include "text.h"

#include "ledger_record.h"

/* First byte of every record but entries and abouts, which are many. */
#define VERSION 1

/*
 * Keys.
 */

struct hf_ledger_key hf_ledger_key_set(uint32_t set)
{
	struct hf_ledger_key key = { .len_bytes = 4 };

	hf_be32_put(key.bytes, set);
	return key;
}

struct hf_ledger_key hf_ledger_key_note(uint32_t set,
					enum hf_ledger_which which)
{
	struct hf_ledger_key key = { .len_bytes = 5 };

	hf_be32_put(key.bytes, set);
	key.bytes[4] = (uint8_t)which;
	return key;
}

struct hf_ledger_key
hf_ledger_key_batch(uint32_t set, const uint8_t id[static HF_BATCH_ID_BYTES],
		    uint64_t sequence)
{
	struct hf_ledger_key key = { .len_bytes = 4 + HF_BATCH_ID_BYTES + 8 };

	hf_be32_put(key.bytes, set);
	memcpy(key.bytes + 4, id, HF_BATCH_ID_BYTES);
	hf_be64_put(key.bytes + 4 + HF_BATCH_ID_BYTES, sequence);
	return key;
}

struct hf_ledger_key hf_ledger_key_about(uint32_t set, uint64_t target,
					 uint64_t index)
{
	struct hf_ledger_key key = { .len_bytes = 4 + 8 + 8 };

	hf_be32_put(key.bytes, set);
	hf_be64_put(key.bytes + 4, target);
	hf_be64_put(key.bytes + 12, index);
	return key;
}

struct hf_ledger_key hf_ledger_key_record(uint32_t set, uint64_t index)
{
	struct hf_ledger_key key = { .len_bytes = 4 + 8 };

	hf_be32_put(key.bytes, set);
	hf_be64_put(key.bytes + 4, index);
	return key;
}

struct hf_ledger_key hf_ledger_key_entry(uint64_t index)
{
	struct hf_ledger_key key = { .len_bytes = HF_LEDGER_ENTRY_KEY_BYTES };

	hf_be64_put(key.bytes, index);
	return key;
}

struct hf_ledger_key hf_ledger_key_node(unsigned level, uint64_t index)
{
	struct hf_ledger_key key = { .len_bytes = HF_LEDGER_NODE_KEY_BYTES };

	hf_be64_put(key.bytes, ((index + 1) << level) - 1);
	key.bytes[8] = (uint8_t)level;
	return key;
}

/*
 * Records.
 */

static enum hf_err corrupt(const char *what, struct hf_why *why)
{
	return hf_why(why, HF_E_CORRUPT, "ledger: damaged record of %s", what);
}

size_t hf_ledger_set_encode(const struct hf_ledger_set_record *record,
			    uint8_t out[static HF_LEDGER_SET_RECORD_MAX])
{
	out[0] = VERSION;
	out[1] = (uint8_t)record->kind;
	memcpy(out + 2, record->origin.at, record->origin.len_bytes);
	return 2 + record->origin.len_bytes;
}

enum hf_err hf_ledger_set_parse(struct hf_span bytes,
				struct hf_ledger_set_record *out_record,
				struct hf_why *why)
{
	struct hf_span origin;

	if (bytes.len_bytes < 2 || bytes.len_bytes > HF_LEDGER_SET_RECORD_MAX ||
	    bytes.at[0] != VERSION ||
	    (bytes.at[1] != HF_LEDGER_OWN && bytes.at[1] != HF_LEDGER_FOREIGN))
		return corrupt("a set", why);
	origin = hf_span(bytes.at + 2, bytes.len_bytes - 2);
	if (!hf_text_is_origin(origin))
		return corrupt("a set", why);
	out_record->kind = (enum hf_ledger_kind)bytes.at[1];
	out_record->origin = origin;
	return HF_OK;
}

size_t hf_ledger_marks_encode(const struct hf_ledger_marks *marks,
			      uint8_t out[static HF_LEDGER_MARKS_MAX])
{
	size_t reason_len = strlen(marks->frozen_reason);

	out[0] = VERSION;
	hf_be64_put(out + 1, marks->stored);
	hf_be64_put(out + 9, marks->missing);
	hf_be64_put(out + 17, marks->unsupported_from);
	hf_be64_put(out + 25, marks->ended_at);
	memcpy(out + 33, marks->frozen_reason, reason_len);
	return 33 + reason_len;
}

/* An index below stored, or none. */
static bool is_index(uint64_t index, uint64_t stored)
{
	return index == HF_LEDGER_NONE || index < stored;
}

enum hf_err hf_ledger_marks_parse(struct hf_span bytes,
				  struct hf_ledger_marks *out_marks,
				  struct hf_why *why)
{
	struct hf_ledger_marks marks = { 0 };

	if (bytes.len_bytes < 33 || bytes.len_bytes > HF_LEDGER_MARKS_MAX ||
	    bytes.at[0] != VERSION)
		return corrupt("a set's marks", why);
	marks.stored = hf_be64(bytes.at + 1);
	marks.missing = hf_be64(bytes.at + 9);
	marks.unsupported_from = hf_be64(bytes.at + 17);
	marks.ended_at = hf_be64(bytes.at + 25);
	memcpy(marks.frozen_reason, bytes.at + 33, bytes.len_bytes - 33);
	if (marks.stored > HF_TREE_MAX_SIZE || marks.missing > marks.stored ||
	    !is_index(marks.unsupported_from, marks.stored) ||
	    !is_index(marks.ended_at, marks.stored) ||
	    strlen(marks.frozen_reason) != bytes.len_bytes - 33)
		return corrupt("a set's marks", why);
	*out_marks = marks;
	return HF_OK;
}

void hf_ledger_erasures_encode(const struct hf_ledger_erasures *erasures,
			       uint8_t out[static HF_LEDGER_ERASURES_BYTES])
{
	out[0] = VERSION;
	hf_be64_put(out + 1, erasures->asked);
	hf_be64_put(out + 9, erasures->done);
	hf_be64_put(out + 17, erasures->since_ms);
}

enum hf_err hf_ledger_erasures_parse(struct hf_span bytes,
				     struct hf_ledger_erasures *out_erasures,
				     struct hf_why *why)
{
	struct hf_ledger_erasures erasures;

	if (bytes.len_bytes != HF_LEDGER_ERASURES_BYTES ||
	    bytes.at[0] != VERSION)
		return corrupt("erasures", why);
	erasures.asked = hf_be64(bytes.at + 1);
	erasures.done = hf_be64(bytes.at + 9);
	erasures.since_ms = hf_be64(bytes.at + 17);
	if (erasures.done > erasures.asked)
		return corrupt("erasures", why);
	*out_erasures = erasures;
	return HF_OK;
}

void hf_ledger_leaving_put(struct hf_buf *buf,
			   const struct hf_ledger_leaving *leaving)
{
	hf_buf_put_u8(buf, VERSION);
	hf_buf_put_u32(buf, leaving->set);
	hf_buf_put_u64(buf, leaving->index);
	hf_buf_put(buf, leaving->payload);
}

void hf_ledger_leaving_parse(struct hf_span bytes,
			     struct hf_ledger_leaving *leaving)
{
	if (bytes.len_bytes < HF_LEDGER_LEAVING_HEAD_BYTES ||
	    bytes.at[0] != VERSION)
		return;
	leaving->set = hf_be32(bytes.at + 1);
	leaving->index = hf_be64(bytes.at + 5);
	leaving->payload =
		hf_span(bytes.at + HF_LEDGER_LEAVING_HEAD_BYTES,
			bytes.len_bytes - HF_LEDGER_LEAVING_HEAD_BYTES);
}

void hf_ledger_note_put(struct hf_buf *buf,
			const struct hf_ledger_note_record *record)
{
	hf_buf_put_u8(buf, VERSION);
	hf_buf_put_u64(buf, record->size);
	hf_buf_put(buf, hf_span(record->root.bytes, HF_HASH_BYTES));
	hf_buf_put_u64(buf, record->time_s);
	hf_buf_put(buf, record->note);
}

enum hf_err hf_ledger_note_parse(struct hf_span bytes,
				 struct hf_ledger_note_record *out_record,
				 struct hf_why *why)
{
	const size_t head = HF_LEDGER_NOTE_HEAD_BYTES;
	uint64_t size;

	if (bytes.len_bytes <= head ||
	    bytes.len_bytes > HF_LEDGER_NOTE_RECORD_MAX ||
	    bytes.at[0] != VERSION)
		return corrupt("a note", why);
	size = hf_be64(bytes.at + 1);
	if (size > HF_TREE_MAX_SIZE)
		return corrupt("a note", why);
	out_record->size = size;
	memcpy(out_record->root.bytes, bytes.at + 9, HF_HASH_BYTES);
	out_record->time_s = hf_be64(bytes.at + 9 + HF_HASH_BYTES);
	out_record->note = hf_span(bytes.at + head, bytes.len_bytes - head);
	return HF_OK;
}

void hf_ledger_batch_encode(const struct hf_ledger_batch_record *record,
			    uint8_t out[static HF_LEDGER_BATCH_RECORD_BYTES])
{
	out[0] = VERSION;
	hf_be64_put(out + 1, record->first);
	hf_be32_put(out + 9, record->count);
	memcpy(out + 13, record->digest, HF_LEDGER_DIGEST_BYTES);
}

enum hf_err hf_ledger_batch_parse(struct hf_span bytes,
				  struct hf_ledger_batch_record *out_record,
				  struct hf_why *why)
{
	struct hf_ledger_batch_record record;

	if (bytes.len_bytes != HF_LEDGER_BATCH_RECORD_BYTES ||
	    bytes.at[0] != VERSION)
		return corrupt("a batch", why);
	record.first = hf_be64(bytes.at + 1);
	record.count = hf_be32(bytes.at + 9);
	memcpy(record.digest, bytes.at + 13, HF_LEDGER_DIGEST_BYTES);
	if (record.count == 0 || record.count > HF_APPEND_BATCH_MAX ||
	    record.first > HF_TREE_MAX_SIZE - record.count)
		return corrupt("a batch", why);
	*out_record = record;
	return HF_OK;
}

void hf_ledger_about_encode(const struct hf_ledger_about_record *record,
			    uint8_t out[static HF_LEDGER_ABOUT_RECORD_BYTES])
{
	out[0] = record->op;
	hf_be32_put(out + 1, record->code);
}

enum hf_err hf_ledger_about_parse(struct hf_span bytes,
				  struct hf_ledger_about_record *out_record,
				  struct hf_why *why)
{
	if (bytes.len_bytes != HF_LEDGER_ABOUT_RECORD_BYTES)
		return corrupt("what an entry is about", why);
	out_record->op = bytes.at[0];
	out_record->code = hf_be32(bytes.at + 1);
	return HF_OK;
}

/*
 * Entries.
 */

#define ENTRY_HEAD (1 + HF_HEADER_BYTES)

size_t hf_ledger_entry_len(const struct hf_ledger_entry *entry)
{
	switch (entry->state) {
	case HF_LEDGER_HELD:
		return ENTRY_HEAD + HF_OPENING_BYTES + entry->payload.len_bytes;
	case HF_LEDGER_ERASED:
		return ENTRY_HEAD + 8;
	case HF_LEDGER_BARE:
	case HF_LEDGER_MISSING:
		break;
	}
	return ENTRY_HEAD;
}

void hf_ledger_entry_encode(const struct hf_ledger_entry *entry, uint8_t *out)
{
	out[0] = (uint8_t)entry->state;
	memcpy(out + 1, entry->header, HF_HEADER_BYTES);
	out += ENTRY_HEAD;
	if (entry->state == HF_LEDGER_HELD) {
		memcpy(out, entry->opening.at, HF_OPENING_BYTES);
		if (entry->payload.len_bytes > 0)
			memcpy(out + HF_OPENING_BYTES, entry->payload.at,
			       entry->payload.len_bytes);
	} else if (entry->state == HF_LEDGER_ERASED) {
		hf_be64_put(out, entry->erased_by);
	}
}

enum hf_err hf_ledger_entry_parse(struct hf_span bytes, uint64_t index,
				  struct hf_ledger_entry *out_entry,
				  struct hf_why *why)
{
	struct hf_ledger_entry entry = { .index = index,
					 .erased_by = HF_LEDGER_NONE };
	struct hf_header header;
	const uint8_t *body;
	size_t body_len;

	if (bytes.len_bytes < ENTRY_HEAD ||
	    hf_header_parse(bytes.at + 1, &header, NULL) != HF_OK)
		return corrupt("an entry", why);
	entry.header = bytes.at + 1;
	body = bytes.at + ENTRY_HEAD;
	body_len = bytes.len_bytes - ENTRY_HEAD;
	switch (bytes.at[0]) {
	case HF_LEDGER_HELD:
		if (header.commit_kind == HF_COMMIT_NONE ||
		    body_len != HF_OPENING_BYTES + header.payload_len_bytes)
			return corrupt("an entry", why);
		entry.opening = hf_span(body, HF_OPENING_BYTES);
		entry.payload = hf_span(body + HF_OPENING_BYTES,
					header.payload_len_bytes);
		break;
	case HF_LEDGER_BARE:
		if (header.commit_kind != HF_COMMIT_NONE || body_len != 0)
			return corrupt("an entry", why);
		break;
	case HF_LEDGER_MISSING:
		if (header.commit_kind == HF_COMMIT_NONE || body_len != 0)
			return corrupt("an entry", why);
		break;
	case HF_LEDGER_ERASED:
		if (header.commit_kind == HF_COMMIT_NONE || body_len != 8)
			return corrupt("an entry", why);
		entry.erased_by = hf_be64(body);
		if (entry.erased_by <= index)
			return corrupt("an entry", why);
		break;
	default:
		return corrupt("an entry", why);
	}
	entry.state = (enum hf_ledger_state)bytes.at[0];
	*out_entry = entry;
	return HF_OK;
}
