#include <stdlib.h>
#include <string.h>

#include "bytes.h"

#include "ledger_impl.h"
#include "ledger_view_impl.h"

/*
 * What we keep beside entries, for ourselves: no part of them, of the tree, or
 * of what anybody is served.
 */

enum hf_err hf_ledger_record_check(struct hf_span record, struct hf_why *why)
{
	if (record.len_bytes > HF_LEDGER_RECORD_MAX_BYTES)
		return hf_why(why, HF_E_LIMIT,
			      "record of %zu bytes, at most %zu",
			      record.len_bytes, HF_LEDGER_RECORD_MAX_BYTES);
	return HF_OK;
}

enum hf_err hf_ledger_record_put(struct hf_ledger *ledger, uint32_t set,
				 uint64_t index, struct hf_span record,
				 struct hf_why *why)
{
	struct hf_ledger_key key = hf_ledger_key_record(set, index);
	struct hf_span at = hf_ledger_key_span(&key), old;
	enum hf_err err;

	if (record.len_bytes > 0)
		return hf_store_put(ledger->txn, TABLE_RECORDS, at, record,
				    why);
	/* A failed write spoils the transaction: look before. */
	err = hf_store_get(ledger->txn, TABLE_RECORDS, at, &old, why);
	if (err == HF_E_NOTFOUND)
		return HF_OK;
	return err != HF_OK ? err
			    : hf_store_del(ledger->txn, TABLE_RECORDS, at, why);
}

static bool is_shelf(uint32_t set)
{
	return set == 0 || set == HF_LEDGER_INTENTS;
}

struct keep_job {
	struct job job;
	uint32_t shelf; /* where it is beside no entry */
	uint64_t index;
	struct hf_span record; /* in this allocation */
};

static enum hf_err keep_run(struct hf_ledger *ledger, struct job *job,
			    struct hf_why *why)
{
	struct keep_job *keep = (struct keep_job *)job;
	const struct set *set = job->set;
	const struct set_state *state;

	job->receipt = (struct hf_ledger_receipt){ .first = keep->index };
	if (set != NULL) {
		state = set->is_staged ? &set->staged : &set->state;
		job->receipt.set = set->id;
		if (keep->index >= state->marks.stored) {
			hf_ledger_job_fail(job, HF_E_NOTFOUND,
					   "ledger: '%s' has no entry %llu",
					   set->origin,
					   (unsigned long long)keep->index);
			return HF_OK;
		}
	}
	return hf_ledger_record_put(ledger, set != NULL ? set->id : keep->shelf,
				    keep->index, keep->record, why);
}

enum hf_err hf_ledger_keep(struct hf_ledger *ledger, uint32_t set_id,
			   uint64_t index, struct hf_span record,
			   struct hf_ledger_done done, struct hf_why *why)
{
	static const struct job_kind keep_kind = { .run = keep_run };
	struct set *set = NULL;
	struct keep_job *keep;
	enum hf_err err;

	if (!is_shelf(set_id)) {
		err = hf_ledger_set_need(ledger, set_id, &set, why);
		if (err != HF_OK)
			return err;
	}
	err = hf_ledger_record_check(record, why);
	if (err != HF_OK) {
		hf_why_prefix(why, "ledger: ");
		return err;
	}
	keep = malloc(sizeof(*keep) + record.len_bytes);
	if (keep == NULL)
		return hf_why(why, HF_E_NOMEM, "ledger: no memory");
	*keep = (struct keep_job){
		.job = { .kind = &keep_kind,
			 .set = set,
			 .bytes = sizeof(*keep) + record.len_bytes,
			 .done = done },
		.shelf = set_id,
		.index = index,
		.record = hf_span(keep + 1, record.len_bytes),
	};
	if (record.len_bytes > 0)
		memcpy(keep + 1, record.at, record.len_bytes);
	err = hf_ledger_queue(ledger, &keep->job, why);
	if (err != HF_OK)
		free(keep);
	return err;
}

/*
 * Reading.
 */

/* How many entries of a set the view shows: a record is shown with its entry.
 * Of a shelf, every number. */
static enum hf_err end_of(struct hf_ledger_view *view, uint32_t set,
			  uint64_t *out_end, struct hf_why *why)
{
	enum hf_err err;

	*out_end = UINT64_MAX;
	if (is_shelf(set))
		return HF_OK;
	err = hf_ledger_view_set(view, set, why);
	if (err == HF_OK)
		*out_end = view->size;
	return err;
}

static enum hf_err none(uint32_t set, struct hf_why *why)
{
	return hf_why(why, HF_E_NOTFOUND, "ledger: no such record of set %u",
		      set);
}

enum hf_err hf_ledger_record(struct hf_ledger_view *view, uint32_t set,
			     uint64_t index, struct hf_span *out_record,
			     struct hf_why *why)
{
	struct hf_ledger_key key = hf_ledger_key_record(set, index);
	struct hf_span record;
	uint64_t end;
	enum hf_err err;

	err = end_of(view, set, &end, why);
	if (err != HF_OK)
		return err;
	if (!is_shelf(set) && index >= end)
		return none(set, why);
	err = hf_store_get(view->txn, TABLE_RECORDS, hf_ledger_key_span(&key),
			   &record, why);
	if (err == HF_E_NOTFOUND)
		return none(set, why);
	if (err == HF_OK)
		*out_record = record;
	return err;
}

enum hf_err hf_ledger_record_next(struct hf_ledger_view *view, uint32_t set,
				  uint64_t from, uint64_t *out_index,
				  struct hf_span *out_record,
				  struct hf_why *why)
{
	struct hf_ledger_key first = hf_ledger_key_record(set, from);
	struct hf_store_cursor *cursor;
	struct hf_span key, record;
	uint64_t end, index;
	enum hf_err err;

	err = end_of(view, set, &end, why);
	if (err == HF_OK)
		err = hf_store_cursor_open(view->txn, TABLE_RECORDS, &cursor,
					   why);
	if (err != HF_OK)
		return err;
	err = hf_store_cursor_seek(cursor, hf_ledger_key_span(&first), &key,
				   &record, why);
	hf_store_cursor_close(cursor);
	if (err == HF_OK && key.len_bytes != first.len_bytes)
		return hf_why(why, HF_E_CORRUPT,
			      "ledger: damaged key of a record");
	if (err == HF_E_NOTFOUND || (err == HF_OK && hf_be32(key.at) != set))
		return none(set, why);
	if (err != HF_OK)
		return err;
	index = hf_be64(key.at + 4);
	if (!is_shelf(set) && index >= end)
		return none(set, why);
	*out_index = index;
	*out_record = record;
	return HF_OK;
}
