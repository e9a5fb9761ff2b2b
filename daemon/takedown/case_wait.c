#include <string.h>

#include "bytes.h"

#include "case_intake.h"

#define WAIT_KEY_BYTES (4 + 8 + HF_CASE_KEY_BYTES)

/* Look at one mark of a log that we have. */
static enum hf_err check_mark(struct hf_ledger_view *view, uint32_t set,
			      uint64_t size, const uint8_t *root,
			      bool *out_is_ahead, bool *out_is_wrong,
			      struct hf_why *why)
{
	struct hf_ledger_info info;
	struct hf_tree_hash held;
	enum hf_err err = hf_ledger_info(view, set, &info, why);

	*out_is_ahead = err == HF_OK && info.size < size;
	if (err == HF_OK && !*out_is_ahead)
		err = hf_ledger_root(view, set, size, &held, why);
	*out_is_wrong = err == HF_OK && !*out_is_ahead &&
			memcmp(held.bytes, root, HF_HASH_BYTES) != 0;
	return err;
}

enum hf_err hf_case_check_marks(struct hf_case_round *round,
				const struct hf_case_event *event,
				struct hf_case_event_row *row,
				struct hf_why *why)
{
	struct hf_case_mark *waits = hf_arena_calloc(
		&round->arena, event->saw_count + 1, sizeof(*waits));
	struct hf_ledger_view *view;
	enum hf_err err;

	if (waits == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	err = hf_ledger_view_begin(round->cases->options.ledger, &view, why);
	if (err != HF_OK)
		return err;
	row->waits = waits;
	for (size_t i = 0; i < event->saw_count && err == HF_OK; i++) {
		const struct hf_log_mark *mark = &event->saw[i];
		bool is_ahead, is_wrong;
		uint32_t set;

		if (hf_ledger_find(view, hf_span_of(mark->origin), &set,
				   NULL) != HF_OK)
			continue;
		err = check_mark(view, set, mark->size, mark->root.at,
				 &is_ahead, &is_wrong, why);
		row->is_contradicted |= is_wrong;
		if (!is_ahead)
			continue;
		waits[row->waits_count].set = set;
		waits[row->waits_count].size = mark->size;
		memcpy(waits[row->waits_count++].root, mark->root.at,
		       HF_HASH_BYTES);
	}
	hf_ledger_view_end(view);
	return err;
}

enum hf_err hf_case_put_waits(struct hf_store_txn *txn,
			      const struct hf_case_taken *taken,
			      struct hf_why *why)
{
	enum hf_err err = HF_OK;

	for (size_t i = 0; i < taken->row.waits_count && err == HF_OK; i++) {
		const struct hf_case_mark *mark = &taken->row.waits[i];
		uint8_t key[WAIT_KEY_BYTES];

		hf_be32_put(key, mark->set);
		hf_be64_put(key + 4, mark->size);
		memcpy(key + 12, taken->key, HF_CASE_KEY_BYTES);
		err = hf_case_mark_put(txn, HF_CASE_WAITS,
				       hf_span(key, sizeof(key)), why);
	}
	return err;
}

/*
 * When they came.
 */

/* The marks that are still ahead. */
static enum hf_err look_again(struct hf_ledger_view *view, uint32_t set,
			      uint64_t size, struct hf_case_event_row *row,
			      struct hf_arena *arena, bool *out_has_changed,
			      struct hf_why *why)
{
	struct hf_case_mark *left =
		hf_arena_calloc(arena, row->waits_count + 1, sizeof(*left));
	size_t count = 0;
	enum hf_err err = HF_OK;

	if (left == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	for (size_t i = 0; i < row->waits_count && err == HF_OK; i++) {
		const struct hf_case_mark *mark = &row->waits[i];
		bool is_ahead = true, is_wrong = false;

		if (mark->set == set && mark->size <= size)
			err = check_mark(view, set, mark->size, mark->root,
					 &is_ahead, &is_wrong, why);
		row->is_contradicted |= is_wrong;
		if (is_ahead)
			left[count++] = *mark;
	}
	*out_has_changed = count < row->waits_count;
	row->waits = left;
	row->waits_count = count;
	return err;
}

static enum hf_err recheck(struct hf_cases *cases, struct hf_store_txn *txn,
			   const uint8_t *key, uint32_t set, uint64_t size,
			   struct hf_arena *arena, struct hf_why *why)
{
	struct hf_case_event_row *rows;
	struct hf_ledger_view *view;
	bool has_news = false;
	size_t count;
	enum hf_err err = hf_case_events(txn, key, arena, &rows, &count, why);

	if (err == HF_OK)
		err = hf_ledger_view_begin(cases->options.ledger, &view, why);
	if (err != HF_OK)
		return err;
	for (size_t i = 0; i < count && err == HF_OK; i++) {
		bool has_changed = false;

		if (rows[i].waits_count > 0)
			err = look_again(view, set, size, &rows[i], arena,
					 &has_changed, why);
		if (err == HF_OK && has_changed)
			err = hf_case_event_replace(txn, key, &rows[i], why);
		has_news |= has_changed;
	}
	hf_ledger_view_end(view);
	return err == HF_OK && has_news
		       ? hf_cases_refold(cases, txn, key, arena, why)
		       : err;
}

/* The first wait for this set at or below size, copied. */
static enum hf_err next_wait(struct hf_store_txn *txn, uint32_t set,
			     uint64_t size, uint8_t *out_key,
			     struct hf_why *why)
{
	struct hf_store_cursor *cursor;
	struct hf_span key, value;
	uint8_t from[4];
	enum hf_err err =
		hf_store_cursor_open(txn, HF_CASE_WAITS, &cursor, why);

	if (err != HF_OK)
		return err;
	hf_be32_put(from, set);
	err = hf_store_cursor_seek(cursor, hf_span(from, sizeof(from)), &key,
				   &value, why);
	if (err == HF_OK && (key.len_bytes != WAIT_KEY_BYTES ||
			     memcmp(key.at, from, sizeof(from)) != 0 ||
			     hf_be64(key.at + 4) > size))
		err = HF_E_NOTFOUND;
	if (err == HF_OK)
		memcpy(out_key, key.at, WAIT_KEY_BYTES);
	hf_store_cursor_close(cursor);
	return err;
}

/* In one transaction: whoever waits for the lock gets his turn between them. */
#define SETTLE_TOGETHER 64

struct settling {
	struct hf_cases *cases;
	uint32_t set;
	uint64_t size;
	bool has_more;
};

static enum hf_err settle(void *arg, struct hf_store_txn *txn,
			  struct hf_why *why)
{
	struct settling *settling = arg;
	uint8_t key[WAIT_KEY_BYTES];
	struct hf_arena arena;
	enum hf_err err = HF_OK;

	hf_arena_init(&arena, HF_CASES_ARENA_BYTES);
	for (size_t i = 0; i < SETTLE_TOGETHER && err == HF_OK; i++) {
		err = next_wait(txn, settling->set, settling->size, key, why);
		if (err == HF_OK)
			err = hf_case_mark_del(txn, HF_CASE_WAITS,
					       hf_span(key, sizeof(key)), why);
		if (err == HF_OK)
			err = recheck(settling->cases, txn, key + 12,
				      settling->set, settling->size, &arena,
				      why);
		/* Whether it counts now is another matter. */
		if (err == HF_E_DENIED)
			err = HF_OK;
		hf_arena_reset(&arena);
	}
	hf_arena_release(&arena);
	settling->has_more = err == HF_OK;
	return err == HF_E_NOTFOUND ? HF_OK : err;
}

enum hf_err hf_case_settle_waits(struct hf_cases *cases, uint32_t set,
				 uint64_t size, bool *out_has_more,
				 struct hf_why *why)
{
	struct settling settling = { cases, set, size, false };
	uint8_t key[WAIT_KEY_BYTES];
	struct hf_store_txn *view;
	enum hf_err err = hf_store_view_begin(cases->views, &view, why);

	if (err != HF_OK)
		return err;
	err = next_wait(view, set, size, key, why);
	hf_store_view_end(view);
	if (err != HF_OK)
		return err == HF_E_NOTFOUND ? HF_OK : err;
	err = hf_store_write(cases->views, settle, &settling, why);
	*out_has_more |= err == HF_OK && settling.has_more;
	return err;
}
