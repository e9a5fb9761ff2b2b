#include <string.h>

#include "bytes.h"

#include "case_store.h"

#define EVENT_KEY_BYTES (HF_CASE_KEY_BYTES + HF_CASE_NAME_BYTES)

static void event_key(const uint8_t *key, const struct hf_case_event_row *row,
		      uint8_t *out)
{
	memcpy(out, key, HF_CASE_KEY_BYTES);
	hf_case_event_name(&row->fact, out + HF_CASE_KEY_BYTES);
}

enum hf_err hf_case_event_replace(struct hf_store_txn *txn,
				  const uint8_t key[static HF_CASE_KEY_BYTES],
				  const struct hf_case_event_row *row,
				  struct hf_why *why)
{
	uint8_t at[EVENT_KEY_BYTES];
	struct hf_buf value;
	enum hf_err err;

	event_key(key, row, at);
	hf_buf_init(&value, HF_MESSAGE_MAX_BYTES);
	err = hf_case_event_row_encode(row, &value);
	if (err != HF_OK)
		hf_why(why, err, "views: no memory for an event");
	else
		err = hf_store_put(txn, HF_CASE_EVENTS, hf_span(at, sizeof(at)),
				   hf_buf_span(&value), why);
	hf_buf_release(&value);
	return err;
}

/* One more event of this author (NULL: of anybody), if there is room.  What
 * others quote of it has places of its own: whoever fills up his keeps nobody
 * from following what he told them. */
static enum hf_err count_event(struct hf_store_txn *txn, const uint8_t *key,
			       const uint8_t *author, bool is_quoted,
			       uint32_t most, struct hf_why *why)
{
	uint8_t at[HF_CASE_KEY_BYTES + HF_HASH_BYTES + 1] = { 0 }, number[4];
	struct hf_span value;
	uint32_t count = 0;
	enum hf_err err;

	memcpy(at, key, HF_CASE_KEY_BYTES);
	if (author != NULL)
		memcpy(at + HF_CASE_KEY_BYTES, author, HF_HASH_BYTES);
	at[sizeof(at) - 1] = is_quoted;
	err = hf_store_get(txn, HF_CASE_COUNTS, hf_span(at, sizeof(at)), &value,
			   why);
	if (err == HF_OK && value.len_bytes != sizeof(number))
		err = hf_why(why, HF_E_CORRUPT, "views: a count of events");
	if (err != HF_OK && err != HF_E_NOTFOUND)
		return err;
	if (err == HF_OK)
		count = hf_be32(value.at);
	if (count >= most)
		return hf_why(why, HF_E_LIMIT,
			      "there are %u events of %s in this case already",
			      (unsigned)count,
			      author != NULL ? "this author" : "all authors");
	hf_be32_put(number, count + 1);
	return hf_store_put(txn, HF_CASE_COUNTS, hf_span(at, sizeof(at)),
			    hf_span(number, sizeof(number)), why);
}

#define OPENED_KEY_BYTES (HF_HASH_BYTES + HF_EVENT_ID_BYTES)

static void opened_key(const uint8_t *author, const uint8_t *event_id,
		       uint8_t *out)
{
	memcpy(out, author, HF_HASH_BYTES);
	memcpy(out + HF_HASH_BYTES, event_id, HF_EVENT_ID_BYTES);
}

enum hf_err hf_case_opened(struct hf_store_txn *txn,
			   const uint8_t author[static HF_HASH_BYTES],
			   const uint8_t event_id[static HF_EVENT_ID_BYTES],
			   uint8_t out_key[static HF_CASE_KEY_BYTES],
			   bool *out_is_quoted, struct hf_why *why)
{
	uint8_t at[OPENED_KEY_BYTES];
	struct hf_span value;
	enum hf_err err;

	opened_key(author, event_id, at);
	err = hf_store_get(txn, HF_CASE_OPENED, hf_span(at, sizeof(at)), &value,
			   why);
	if (err == HF_OK && value.len_bytes != HF_CASE_KEY_BYTES + 1)
		err = hf_why(why, HF_E_CORRUPT, "views: an opened case");
	if (err != HF_OK)
		return err;
	memcpy(out_key, value.at, HF_CASE_KEY_BYTES);
	if (out_is_quoted != NULL)
		*out_is_quoted = value.at[HF_CASE_KEY_BYTES] != 0;
	return HF_OK;
}

enum hf_err hf_case_opened_put(struct hf_store_txn *txn,
			       const struct hf_case_fact *fact,
			       const uint8_t key[static HF_CASE_KEY_BYTES],
			       bool is_quoted, struct hf_why *why)
{
	uint8_t at[OPENED_KEY_BYTES], value[HF_CASE_KEY_BYTES + 1];

	opened_key(fact->author, fact->event_id, at);
	memcpy(value, key, HF_CASE_KEY_BYTES);
	value[HF_CASE_KEY_BYTES] = is_quoted;
	return hf_store_put(txn, HF_CASE_OPENED, hf_span(at, sizeof(at)),
			    hf_span(value, sizeof(value)), why);
}

enum hf_err hf_case_event_get(struct hf_store_txn *txn,
			      const uint8_t key[static HF_CASE_KEY_BYTES],
			      const uint8_t name[static HF_CASE_NAME_BYTES],
			      struct hf_arena *arena,
			      struct hf_case_event_row *out, struct hf_why *why)
{
	uint8_t at[EVENT_KEY_BYTES];
	struct hf_span value;
	enum hf_err err;

	memcpy(at, key, HF_CASE_KEY_BYTES);
	memcpy(at + HF_CASE_KEY_BYTES, name, HF_CASE_NAME_BYTES);
	err = hf_store_get(txn, HF_CASE_EVENTS, hf_span(at, sizeof(at)), &value,
			   why);
	return err == HF_OK ? hf_case_event_row_parse(value, arena, out, why)
			    : err;
}

/* Is there nothing new about it? */
static enum hf_err is_known(struct hf_store_txn *txn, const uint8_t *key,
			    const struct hf_case_event_row *row,
			    bool *out_is_there, bool *out_is_known,
			    struct hf_why *why)
{
	struct hf_case_event_row known;
	uint8_t name[HF_CASE_NAME_BYTES];
	struct hf_arena arena;
	enum hf_err err;

	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	hf_case_event_name(&row->fact, name);
	err = hf_case_event_get(txn, key, name, &arena, &known, why);
	*out_is_there = err == HF_OK;
	/* The original says more than a copy of it, and comes later at times.
	 */
	*out_is_known = err == HF_OK && (row->is_quoted || !known.is_quoted);
	hf_arena_release(&arena);
	return err == HF_E_NOTFOUND ? HF_OK : err;
}

enum hf_err hf_case_event_put(struct hf_store_txn *txn,
			      const uint8_t key[static HF_CASE_KEY_BYTES],
			      const struct hf_case_event_row *row,
			      bool has_place, bool *out_is_new,
			      struct hf_why *why)
{
	bool is_there, known;
	enum hf_err err = is_known(txn, key, row, &is_there, &known, why);

	*out_is_new = err == HF_OK && !known;
	if (err == HF_OK && !is_there)
		err = count_event(txn, key, row->fact.author, row->is_quoted,
				  HF_CASE_KEPT_OF_ONE, why);
	if (err == HF_OK && !is_there && !has_place)
		err = count_event(txn, key, NULL, row->is_quoted,
				  HF_CASE_KEPT_OF_ALL, why);
	if (err == HF_OK && !known)
		err = hf_case_event_replace(txn, key, row, why);
	return err;
}

enum hf_err hf_case_events(struct hf_store_txn *txn,
			   const uint8_t key[static HF_CASE_KEY_BYTES],
			   struct hf_arena *arena,
			   struct hf_case_event_row **out_rows,
			   size_t *out_count, struct hf_why *why)
{
	struct hf_case_event_row *rows = NULL;
	struct hf_store_cursor *cursor;
	struct hf_span name, value;
	size_t count = 0, size = 0;
	enum hf_err err =
		hf_store_cursor_open(txn, HF_CASE_EVENTS, &cursor, why);

	if (err != HF_OK)
		return err;
	err = hf_store_cursor_seek(cursor, hf_span(key, HF_CASE_KEY_BYTES),
				   &name, &value, NULL);
	while (err == HF_OK && memcmp(name.at, key, HF_CASE_KEY_BYTES) == 0) {
		if (count == size) {
			struct hf_case_event_row *grown;

			size = size * 2 + 8;
			grown = hf_arena_calloc(arena, size, sizeof(*grown));
			if (grown == NULL) {
				err = hf_why(why, HF_E_NOMEM, "no memory");
				break;
			}
			if (count > 0)
				memcpy(grown, rows, count * sizeof(*rows));
			rows = grown;
		}
		err = hf_case_event_row_parse(value, arena, &rows[count], why);
		if (err != HF_OK)
			break;
		count++;
		err = hf_store_cursor_next(cursor, &name, &value, NULL);
	}
	hf_store_cursor_close(cursor);
	if (err != HF_OK && err != HF_E_NOTFOUND)
		return err;
	*out_rows = rows;
	*out_count = count;
	return HF_OK;
}
