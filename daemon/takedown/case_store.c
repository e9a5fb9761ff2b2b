#include <stdio.h>
#include <string.h>

#include "bytes.h"
#include "sha256.h"
#include "sign.h"

#include "case_store.h"

#define RUN    "run"
#define CHANGE "change"

static const char *const tables[HF_CASE_TABLES] = {
	"sets",  "cases", "events", "changes", "due",    "hashes", "links",
	"waits", "todo",  "meta",   "counts",  "opened", "powers", "later",
};

#define VIEWS_MAP_BYTES ((size_t)1 << 30)

/* Numbers that were given by a run: 'r' and its id. */
#define RUN_KEY_BYTES (1 + HF_CASE_RUN_BYTES)

static void run_key(const uint8_t *run, uint8_t *out_key)
{
	out_key[0] = 'r';
	memcpy(out_key + 1, run, HF_CASE_RUN_BYTES);
}

static enum hf_err put_run(struct hf_store_txn *txn, const uint8_t *run,
			   uint64_t end, struct hf_why *why)
{
	uint8_t key[RUN_KEY_BYTES], value[8];

	run_key(run, key);
	hf_be64_put(value, end);
	return hf_store_put(txn, HF_CASE_META, hf_span(key, sizeof(key)),
			    hf_span(value, sizeof(value)), why);
}

static enum hf_err last_change(struct hf_store_txn *txn, uint64_t *out_number,
			       struct hf_why *why)
{
	struct hf_span value;
	enum hf_err err = hf_store_get(txn, HF_CASE_META, hf_span_of(CHANGE),
				       &value, why);

	if (err != HF_OK && err != HF_E_NOTFOUND)
		return err;
	*out_number =
		err == HF_OK && value.len_bytes == 8 ? hf_be64(value.at) : 0;
	return HF_OK;
}

static enum hf_err begin_run(void *arg, struct hf_store_txn *txn,
			     struct hf_why *why)
{
	uint8_t before[HF_CASE_RUN_BYTES], run[HF_CASE_RUN_BYTES];
	uint64_t number;
	enum hf_err err = hf_case_run(txn, before, NULL);

	(void)arg;
	if (err == HF_OK) {
		err = last_change(txn, &number, why);
		if (err == HF_OK)
			err = put_run(txn, before, number, why);
	} else if (err == HF_E_NOTFOUND) {
		err = HF_OK;
	}
	hf_random(run, sizeof(run));
	if (err == HF_OK)
		err = put_run(txn, run, UINT64_MAX, why);
	if (err == HF_OK)
		err = hf_store_put(txn, HF_CASE_META, hf_span_of(RUN),
				   hf_span(run, sizeof(run)), why);
	return err;
}

static bool has_run(struct hf_store *store)
{
	uint8_t run[HF_CASE_RUN_BYTES];
	struct hf_store_txn *view;
	enum hf_err err = hf_store_view_begin(store, &view, NULL);

	if (err != HF_OK)
		return false;
	err = hf_case_run(view, run, NULL);
	hf_store_view_end(view);
	return err == HF_OK;
}

enum hf_err hf_case_store_open(const char *dir, size_t map_bytes,
			       struct hf_store **out_store, struct hf_why *why)
{
	char format[64];
	const struct hf_store_options options = {
		.dir = dir,
		.format = format,
		.tables = tables,
		.tables_count = HF_CASE_TABLES,
		.replaces_others = true,
		.map_bytes = map_bytes != 0 ? map_bytes : VIEWS_MAP_BYTES,
	};
	struct hf_store *store;
	enum hf_err err;

	snprintf(format, sizeof(format), "hashfed-views/4/%zu",
		 hf_case_rows_size());
	err = hf_store_open(&options, &store, why);
	if (err != HF_OK)
		return err;
	err = hf_store_write(store, begin_run, NULL, why);
	/* The last run goes on: every number that it gave is still there. */
	if (err == HF_E_FULL && has_run(store))
		err = HF_OK;
	if (err != HF_OK) {
		hf_store_close(store);
		return err;
	}
	*out_store = store;
	return HF_OK;
}

enum hf_err hf_case_run(struct hf_store_txn *txn,
			uint8_t out[static HF_CASE_RUN_BYTES],
			struct hf_why *why)
{
	struct hf_span value;
	enum hf_err err =
		hf_store_get(txn, HF_CASE_META, hf_span_of(RUN), &value, why);

	if (err == HF_OK && value.len_bytes != HF_CASE_RUN_BYTES)
		err = hf_why(why, HF_E_CORRUPT, "views: no run");
	if (err == HF_OK)
		memcpy(out, value.at, HF_CASE_RUN_BYTES);
	return err;
}

uint64_t hf_case_run_shared(struct hf_store_txn *txn,
			    const uint8_t run[static HF_CASE_RUN_BYTES],
			    uint64_t number)
{
	uint8_t key[RUN_KEY_BYTES];
	struct hf_span value;

	run_key(run, key);
	if (hf_store_get(txn, HF_CASE_META, hf_span(key, sizeof(key)), &value,
			 NULL) != HF_OK ||
	    value.len_bytes != 8)
		return 0;
	return number < hf_be64(value.at) ? number : hf_be64(value.at);
}

enum hf_err hf_case_set_get(struct hf_store_txn *txn, uint32_t set,
			    struct hf_case_set_row *out, struct hf_why *why)
{
	uint8_t key[4];
	struct hf_span value;
	enum hf_err err;

	hf_be32_put(key, set);
	err = hf_store_get(txn, HF_CASE_SETS, hf_span(key, sizeof(key)), &value,
			   why);
	if (err == HF_E_NOTFOUND) {
		*out = (struct hf_case_set_row){ .position = 0 };
		return HF_OK;
	}
	if (err == HF_OK && value.len_bytes != sizeof(*out))
		err = hf_why(why, HF_E_CORRUPT, "views: a set's row");
	if (err == HF_OK)
		memcpy(out, value.at, sizeof(*out));
	return err;
}

enum hf_err hf_case_set_put(struct hf_store_txn *txn, uint32_t set,
			    const struct hf_case_set_row *row,
			    struct hf_why *why)
{
	struct hf_case_set_row stored;
	uint8_t key[4];

	memset(&stored, 0, sizeof(stored));
	stored = *row;
	hf_be32_put(key, set);
	return hf_store_put(txn, HF_CASE_SETS, hf_span(key, sizeof(key)),
			    hf_span(&stored, sizeof(stored)), why);
}

enum hf_err hf_case_get(struct hf_store_txn *txn,
			const uint8_t key[static HF_CASE_KEY_BYTES],
			struct hf_arena *arena, struct hf_case_row *out,
			struct hf_why *why)
{
	struct hf_span value;
	enum hf_err err =
		hf_store_get(txn, HF_CASE_CASES,
			     hf_span(key, HF_CASE_KEY_BYTES), &value, why);

	return err == HF_OK ? hf_case_row_parse(value, arena, out, why) : err;
}

enum hf_err hf_case_next(struct hf_store_txn *txn,
			 const uint8_t from[static HF_CASE_KEY_BYTES],
			 struct hf_arena *arena, struct hf_case_row *out,
			 struct hf_why *why)
{
	struct hf_store_cursor *cursor;
	struct hf_span key, value;
	enum hf_err err =
		hf_store_cursor_open(txn, HF_CASE_CASES, &cursor, why);

	if (err != HF_OK)
		return err;
	err = hf_store_cursor_seek(cursor, hf_span(from, HF_CASE_KEY_BYTES),
				   &key, &value, NULL);
	if (err == HF_OK)
		err = hf_case_row_parse(value, arena, out, why);
	hf_store_cursor_close(cursor);
	return err;
}

bool hf_case_key_next(uint8_t key[static HF_CASE_KEY_BYTES])
{
	for (size_t i = HF_CASE_KEY_BYTES; i-- > 0;) {
		if (++key[i] != 0)
			return true;
	}
	return false;
}

/* The bytes that the digits begin with; a last single digit is compared
 * apart. */
static enum hf_err parse_prefix(const char *text, uint8_t *out, size_t *out_len,
				struct hf_why *why)
{
	char digits[2 * HF_CASE_KEY_BYTES + 1];
	size_t len = strlen(text);

	*out_len = len;
	if (len > 0 && len <= 2 * HF_CASE_KEY_BYTES) {
		memcpy(digits, text, len + 1);
		if (len % 2 == 1) {
			digits[len] = '0';
			len++;
		}
		if (hf_hex_parse(hf_span(digits, len), out, len / 2) == HF_OK)
			return HF_OK;
	}
	return hf_why(why, HF_E_ARGUMENT,
		      "'%.40s' is not the beginning of a case id: up to 32 "
		      "hexadecimal digits",
		      text);
}

static bool begins_with(struct hf_span key, const uint8_t *prefix,
			size_t digits_count)
{
	if (key.len_bytes < HF_CASE_KEY_BYTES ||
	    memcmp(key.at, prefix, digits_count / 2) != 0)
		return false;
	return digits_count % 2 == 0 ||
	       key.at[digits_count / 2] >> 4 == prefix[digits_count / 2] >> 4;
}

enum hf_err hf_case_find(struct hf_store_txn *txn, const char *text,
			 struct hf_arena *arena, struct hf_case_row *out,
			 struct hf_why *why)
{
	uint8_t prefix[HF_CASE_KEY_BYTES] = { 0 };
	struct hf_store_cursor *cursor;
	struct hf_span key, value;
	size_t digits_count;
	enum hf_err err = parse_prefix(text, prefix, &digits_count, why);

	if (err == HF_OK)
		err = hf_store_cursor_open(txn, HF_CASE_CASES, &cursor, why);
	if (err != HF_OK)
		return err;
	err = hf_store_cursor_seek(cursor,
				   hf_span(prefix, (digits_count + 1) / 2),
				   &key, &value, why);
	if (err == HF_E_NOTFOUND ||
	    (err == HF_OK && !begins_with(key, prefix, digits_count)))
		err = hf_why(why, HF_E_NOTFOUND,
			     "no case %s here; hashfed cases lists them", text);
	if (err == HF_OK)
		err = hf_case_row_parse(value, arena, out, why);
	if (err == HF_OK &&
	    hf_store_cursor_next(cursor, &key, &value, NULL) == HF_OK &&
	    begins_with(key, prefix, digits_count))
		err = hf_why(why, HF_E_CONFLICT,
			     "more than one case begins with %s: give more "
			     "digits",
			     text);
	hf_store_cursor_close(cursor);
	return err;
}

/* What drafts became: 'd' and the draft's key: the case's. */
#define DRAFT_KEY_BYTES (1 + HF_CASE_KEY_BYTES)

enum hf_err hf_case_draft_put(struct hf_store_txn *txn,
			      const uint8_t draft[static HF_CASE_KEY_BYTES],
			      const uint8_t key[static HF_CASE_KEY_BYTES],
			      struct hf_why *why)
{
	uint8_t name[DRAFT_KEY_BYTES] = { 'd' };

	memcpy(name + 1, draft, HF_CASE_KEY_BYTES);
	return hf_store_put(txn, HF_CASE_META, hf_span(name, sizeof(name)),
			    hf_span(key, HF_CASE_KEY_BYTES), why);
}

static bool is_draft(struct hf_span name, const uint8_t *prefix,
		     size_t digits_count)
{
	return name.len_bytes == DRAFT_KEY_BYTES && name.at[0] == 'd' &&
	       begins_with(hf_span(name.at + 1, name.len_bytes - 1), prefix,
			   digits_count);
}

enum hf_err hf_case_draft_find(struct hf_store_txn *txn, const char *text,
			       uint8_t out_key[static HF_CASE_KEY_BYTES],
			       struct hf_why *why)
{
	uint8_t from[DRAFT_KEY_BYTES] = { 'd' };
	struct hf_store_cursor *cursor;
	struct hf_span name, value;
	size_t digits_count;
	enum hf_err err = parse_prefix(text, from + 1, &digits_count, why);

	if (err == HF_OK)
		err = hf_store_cursor_open(txn, HF_CASE_META, &cursor, why);
	if (err != HF_OK)
		return err;
	err = hf_store_cursor_seek(cursor,
				   hf_span(from, 1 + (digits_count + 1) / 2),
				   &name, &value, why);
	if (err == HF_OK && (!is_draft(name, from + 1, digits_count) ||
			     value.len_bytes != HF_CASE_KEY_BYTES))
		err = hf_why(why, HF_E_NOTFOUND, "no such draft");
	if (err == HF_OK)
		memcpy(out_key, value.at, HF_CASE_KEY_BYTES);
	if (err == HF_OK &&
	    hf_store_cursor_next(cursor, &name, &value, NULL) == HF_OK &&
	    is_draft(name, from + 1, digits_count))
		err = hf_why(why, HF_E_CONFLICT,
			     "more than one draft begins with %s", text);
	hf_store_cursor_close(cursor);
	return err;
}

static enum hf_err next_change(struct hf_store_txn *txn, uint64_t *out_number,
			       struct hf_why *why)
{
	uint8_t number[8];
	enum hf_err err = last_change(txn, out_number, why);

	if (err != HF_OK)
		return err;
	hf_be64_put(number, ++*out_number);
	return hf_store_put(txn, HF_CASE_META, hf_span_of(CHANGE),
			    hf_span(number, sizeof(number)), why);
}

static enum hf_err forget_change(struct hf_store_txn *txn, uint64_t change,
				 struct hf_why *why)
{
	uint8_t number[8];
	enum hf_err err;

	if (change == 0)
		return HF_OK;
	hf_be64_put(number, change);
	err = hf_store_del(txn, HF_CASE_CHANGES,
			   hf_span(number, sizeof(number)), why);
	return err == HF_E_NOTFOUND ? HF_OK : err;
}

/* Of one case only the latest change is kept, since a watcher that was away
 * sees where it stands, and the latest that a clock made: that a deadline
 * passed is not undone by what happens then. */
static enum hf_err put_change(struct hf_store_txn *txn, struct hf_case_row *row,
			      int clock, struct hf_why *why)
{
	uint8_t number[8], value[HF_CASE_KEY_BYTES + 1];
	enum hf_err err = HF_OK;

	if (clock != HF_CASE_CLOCK_EVENT)
		err = forget_change(txn, row->clock_change, why);
	if (err == HF_OK &&
	    (clock != HF_CASE_CLOCK_EVENT || row->change != row->clock_change))
		err = forget_change(txn, row->change, why);
	if (err == HF_OK)
		err = next_change(txn, &row->change, why);
	if (err != HF_OK)
		return err;
	if (row->first_change == 0)
		row->first_change = row->change;
	if (clock != HF_CASE_CLOCK_EVENT)
		row->clock_change = row->change;
	hf_be64_put(number, row->change);
	memcpy(value, row->key, HF_CASE_KEY_BYTES);
	value[HF_CASE_KEY_BYTES] = (uint8_t)clock;
	return hf_store_put(txn, HF_CASE_CHANGES,
			    hf_span(number, sizeof(number)),
			    hf_span(value, sizeof(value)), why);
}

static void due_key(uint64_t due_ms, const uint8_t *key, uint8_t *out)
{
	hf_be64_put(out, due_ms);
	memcpy(out + 8, key, HF_CASE_KEY_BYTES);
}

static enum hf_err move_due(struct hf_store_txn *txn,
			    const struct hf_case_row *row, uint64_t old_due_ms,
			    uint64_t due_ms, struct hf_why *why)
{
	uint8_t key[8 + HF_CASE_KEY_BYTES];
	enum hf_err err = HF_OK;

	if (old_due_ms == due_ms)
		return HF_OK;
	if (old_due_ms != 0) {
		due_key(old_due_ms, row->key, key);
		err = hf_case_mark_del(txn, HF_CASE_DUE,
				       hf_span(key, sizeof(key)), why);
	}
	if (err == HF_OK && due_ms != 0) {
		due_key(due_ms, row->key, key);
		err = hf_case_mark_put(txn, HF_CASE_DUE,
				       hf_span(key, sizeof(key)), why);
	}
	return err;
}

enum hf_err hf_case_put(struct hf_store_txn *txn, struct hf_case_row *row,
			uint64_t old_due_ms, int clock, struct hf_why *why)
{
	struct hf_buf value;
	enum hf_err err = HF_OK;

	if (clock >= 0)
		err = put_change(txn, row, clock, why);
	if (err == HF_OK)
		err = move_due(txn, row, old_due_ms, row->due_ms, why);
	if (err != HF_OK)
		return err;
	hf_buf_init(&value, HF_MESSAGE_MAX_BYTES);
	err = hf_case_row_encode(row, &value);
	if (err != HF_OK)
		hf_why(why, err, "views: no memory for a case");
	else
		err = hf_store_put(txn, HF_CASE_CASES,
				   hf_span(row->key, HF_CASE_KEY_BYTES),
				   hf_buf_span(&value), why);
	hf_buf_release(&value);
	return err;
}

enum hf_err hf_case_del(struct hf_store_txn *txn, const struct hf_case_row *row,
			struct hf_why *why)
{
	enum hf_err err = forget_change(txn, row->change, why);

	if (err == HF_OK)
		err = forget_change(txn, row->clock_change, why);
	if (err == HF_OK)
		err = move_due(txn, row, row->due_ms, 0, why);
	return err == HF_OK
		       ? hf_case_mark_del(txn, HF_CASE_CASES,
					  hf_span(row->key, HF_CASE_KEY_BYTES),
					  why)
		       : err;
}

const char *hf_case_clock_word(unsigned number)
{
	static const char *const words[] = {
#define WORD(name, at, word) [at] = (word),
		HF_CASE_CLOCK_WORD_TABLE(WORD)
#undef WORD
	};

	return number < sizeof(words) / sizeof(words[0]) ? words[number] : "";
}

enum hf_err hf_case_mark_put(struct hf_store_txn *txn, enum hf_case_table table,
			     struct hf_span key, struct hf_why *why)
{
	return hf_store_put(txn, table, key, hf_span("", 1), why);
}

enum hf_err hf_case_mark_del(struct hf_store_txn *txn, enum hf_case_table table,
			     struct hf_span key, struct hf_why *why)
{
	enum hf_err err = hf_store_del(txn, table, key, why);

	return err == HF_E_NOTFOUND ? HF_OK : err;
}

void hf_case_hash_key(const struct hf_hash *hash,
		      uint8_t out_key[static HF_CASE_HASH_KEY_BYTES])
{
	uint8_t digest[HF_SHA256_BYTES];

	out_key[0] = (uint8_t)hash->algorithm;
	hf_sha256(hash->digest.at, hash->digest.len_bytes, digest);
	memcpy(out_key + 1, digest, HF_CASE_HASH_KEY_BYTES - 1);
}

void hf_case_task_key(const struct hf_case_task *task,
		      uint8_t out_key[static HF_CASE_TASK_BYTES])
{
	uint8_t *at = out_key;

	*at++ = (uint8_t)task->what;
	memcpy(at, task->key, HF_CASE_KEY_BYTES);
	at += HF_CASE_KEY_BYTES;
	memcpy(at, task->name, HF_CASE_NAME_BYTES);
	at += HF_CASE_NAME_BYTES;
	memcpy(at, task->party, HF_HASH_BYTES);
}

void hf_case_task_parse(const uint8_t key[static HF_CASE_TASK_BYTES],
			struct hf_case_task *out)
{
	out->what = (enum hf_case_todo) * key++;
	memcpy(out->key, key, HF_CASE_KEY_BYTES);
	key += HF_CASE_KEY_BYTES;
	memcpy(out->name, key, HF_CASE_NAME_BYTES);
	key += HF_CASE_NAME_BYTES;
	memcpy(out->party, key, HF_HASH_BYTES);
}
