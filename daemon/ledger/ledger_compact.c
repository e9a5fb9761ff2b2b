#include <stdlib.h>

#include "bytes.h"
#include "clock.h"

#include "ledger_impl.h"
#include "ledger_view_impl.h"

/*
 * An erasure deletes payload and opening at once; LMDB leaves the bytes in
 * what is free of the file until it is written anew.  How many wait for that
 * is known in the same transaction, so that a crash forgets none.
 */

static enum hf_err erasures_get(struct hf_store_txn *txn,
				struct hf_ledger_erasures *out,
				struct hf_why *why)
{
	struct hf_ledger_key key = hf_ledger_key_set(0);
	struct hf_span value;
	enum hf_err err = hf_store_get(txn, TABLE_MARKS,
				       hf_ledger_key_span(&key), &value, NULL);

	*out = (struct hf_ledger_erasures){ 0 };
	if (err == HF_E_NOTFOUND)
		return HF_OK;
	if (err != HF_OK)
		return hf_why(why, err, "ledger: cannot read the erasures");
	return hf_ledger_erasures_parse(value, out, why);
}

static enum hf_err erasures_put(struct hf_ledger *ledger,
				const struct hf_ledger_erasures *erasures,
				struct hf_why *why)
{
	struct hf_ledger_key key = hf_ledger_key_set(0);
	uint8_t bytes[HF_LEDGER_ERASURES_BYTES];

	hf_ledger_erasures_encode(erasures, bytes);
	return hf_store_put(ledger->txn, TABLE_MARKS, hf_ledger_key_span(&key),
			    hf_span(bytes, sizeof(bytes)), why);
}

enum hf_err hf_ledger_erasure_count(struct hf_ledger *ledger,
				    uint64_t *out_number, struct hf_why *why)
{
	struct hf_ledger_erasures erasures;
	enum hf_err err = erasures_get(ledger->txn, &erasures, why);

	if (err != HF_OK)
		return err;
	if (erasures.asked == erasures.done)
		erasures.since_ms = hf_clock_wall_ms();
	*out_number = ++erasures.asked;
	return erasures_put(ledger, &erasures, why);
}

enum hf_err hf_ledger_erasing(struct hf_ledger_view *view, uint64_t *out_count,
			      uint64_t *out_since_ms, struct hf_why *why)
{
	struct hf_ledger_erasures erasures;
	enum hf_err err = erasures_get(view->txn, &erasures, why);

	if (err != HF_OK)
		return err;
	*out_count = erasures.asked - erasures.done;
	*out_since_ms = *out_count > 0 ? erasures.since_ms : 0;
	return HF_OK;
}

/* How many are in a copy that begins with this view no more: not those that
 * somebody has still to read. */
static enum hf_err settled(struct hf_store_txn *view, uint64_t *out_count,
			   struct hf_why *why)
{
	struct hf_ledger_erasures erasures;
	struct hf_ledger_leaving first;
	enum hf_err err = erasures_get(view, &erasures, why);

	if (err != HF_OK)
		return err;
	*out_count = erasures.asked;
	err = hf_ledger_leaving_first(view, 0, &first, why);
	if (err == HF_OK && first.number <= erasures.asked)
		*out_count = first.number - 1;
	return err == HF_E_NOTFOUND ? HF_OK : err;
}

/* These many are in the file no more. */
struct done_job {
	struct job job;
	uint64_t done;
	uint64_t began_ms;
};

static enum hf_err done_run(struct hf_ledger *ledger, struct job *job,
			    struct hf_why *why)
{
	struct done_job *done = (struct done_job *)job;
	struct hf_ledger_erasures erasures;
	enum hf_err err = erasures_get(ledger->txn, &erasures, why);

	if (err != HF_OK)
		return err;
	erasures.done = done->done;
	/* Those that are left came since. */
	erasures.since_ms = done->began_ms;
	return erasures_put(ledger, &erasures, why);
}

static enum hf_err note_done(struct hf_ledger *ledger, uint64_t done,
			     uint64_t began_ms, struct hf_why *why)
{
	static const struct job_kind done_kind = { .run = done_run };
	struct done_job *job = calloc(1, sizeof(*job));

	if (job == NULL)
		return hf_why(why, HF_E_NOMEM, "ledger: no memory");
	*job = (struct done_job){
		.job = { .kind = &done_kind, .bytes = sizeof(*job) },
		.done = done,
		.began_ms = began_ms,
	};
	return hf_ledger_queue_and_wait(ledger, &job->job, NULL, why);
}

enum hf_err hf_ledger_compact(struct hf_ledger *ledger,
			      const atomic_bool *is_over, struct hf_why *why)
{
	uint64_t began_ms = hf_clock_wall_ms();
	struct hf_store_txn *view;
	uint64_t count;
	enum hf_err err = hf_store_view_begin(ledger->store, &view, why);

	if (err != HF_OK)
		return err;
	err = settled(view, &count, why);
	hf_store_view_end(view);
	if (err == HF_OK)
		err = hf_store_compact(ledger->store, is_over, why);
	if (err == HF_OK)
		err = note_done(ledger, count, began_ms, why);
	return err;
}

/*
 * Payloads that are missing.
 */

enum hf_err hf_ledger_missing_set(struct hf_ledger *ledger, struct set *set,
				  uint64_t index, bool is_missing,
				  struct hf_why *why)
{
	struct hf_ledger_marks *marks = &hf_ledger_stage(ledger, set)->marks;
	struct hf_ledger_key key = hf_ledger_key_record(set->id, index);
	struct hf_span at = hf_ledger_key_span(&key);

	if (is_missing) {
		marks->missing++;
		return hf_store_put(ledger->txn, TABLE_MISSING, at,
				    hf_span_of(""), why);
	}
	marks->missing--;
	return hf_store_del(ledger->txn, TABLE_MISSING, at, why);
}

enum hf_err hf_ledger_missing_came(struct hf_ledger *ledger, struct set *set,
				   uint64_t index, struct hf_why *why)
{
	struct hf_ledger_key key = hf_ledger_key_record(set->id, index);
	enum hf_err err = hf_ledger_missing_set(ledger, set, index, false, why);

	return err == HF_OK ? hf_store_put(ledger->txn, TABLE_LATE,
					   hf_ledger_key_span(&key),
					   hf_span_of(""), why)
			    : err;
}

/* The first entry at or above from that is in one of the two tables. */
static enum hf_err next_in(struct hf_ledger_view *view, enum ledger_table table,
			   uint32_t set, uint64_t from, uint64_t *out_index,
			   struct hf_why *why)
{
	struct hf_ledger_key first = hf_ledger_key_record(set, from);
	struct hf_store_cursor *cursor;
	struct hf_span key, value;
	enum hf_err err = hf_ledger_view_set(view, set, why);

	if (err == HF_OK)
		err = hf_store_cursor_open(view->txn, table, &cursor, why);
	if (err != HF_OK)
		return err;
	err = hf_store_cursor_seek(cursor, hf_ledger_key_span(&first), &key,
				   &value, NULL);
	hf_store_cursor_close(cursor);
	if (err == HF_OK &&
	    (key.len_bytes != first.len_bytes || hf_be32(key.at) != set ||
	     hf_be64(key.at + 4) >= view->size))
		err = HF_E_NOTFOUND;
	if (err != HF_OK)
		return hf_why(why, err, "ledger: no payload of set %u is %s",
			      set, table == TABLE_LATE ? "late" : "missing");
	*out_index = hf_be64(key.at + 4);
	return HF_OK;
}

enum hf_err hf_ledger_missing_next(struct hf_ledger_view *view, uint32_t set,
				   uint64_t from, uint64_t *out_index,
				   struct hf_why *why)
{
	return next_in(view, TABLE_MISSING, set, from, out_index, why);
}

enum hf_err hf_ledger_late_next(struct hf_ledger_view *view, uint32_t set,
				uint64_t from, uint64_t *out_index,
				struct hf_why *why)
{
	return next_in(view, TABLE_LATE, set, from, out_index, why);
}
