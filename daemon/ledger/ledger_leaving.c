#include <stdlib.h>
#include <string.h>

#include "bytes.h"

#include "ledger_impl.h"
#include "ledger_view_impl.h"

/*
 * What is erased is gone from its set at once.  Where somebody remembers what
 * follows from payloads, he has to be told what to forget, and nothing but the
 * payload says it: so it moves, in the transaction of its ERASE, to a table of
 * its own, by the number of the erasure, and stays there until he has read it.
 */

/* Let go of in one transaction. */
#define DROP_MOST 256

static bool is_add(const struct hf_ledger_entry *entry)
{
	struct hf_header header;

	return hf_header_parse(entry->header, &header, NULL) == HF_OK &&
	       header.op == HF_OP_ADD;
}

enum hf_err hf_ledger_leave(struct hf_ledger *ledger, const struct set *set,
			    const struct hf_ledger_entry *entry,
			    struct hf_why *why)
{
	bool is_kept = ledger->options.keeps_leaving && is_add(entry);
	struct hf_buf buf;
	uint64_t number;
	uint8_t key[8];
	enum hf_err err = HF_OK;

	/* A copy: what is written next may move it. */
	hf_buf_init(&buf, HF_LEDGER_LEAVING_HEAD_BYTES + HF_PAYLOAD_MAX_BYTES);
	if (is_kept)
		hf_ledger_leaving_put(&buf, &(struct hf_ledger_leaving){
						    .set = set->id,
						    .index = entry->index,
						    .payload = entry->payload,
					    });
	if (hf_buf_failed(&buf) != HF_OK)
		err = hf_why(why, HF_E_NOMEM, "ledger: no memory");
	if (err == HF_OK)
		err = hf_ledger_erasure_count(ledger, &number, why);
	if (err == HF_OK && is_kept) {
		hf_be64_put(key, number);
		err = hf_store_put(ledger->txn, TABLE_LEAVING,
				   hf_span(key, sizeof(key)), hf_buf_span(&buf),
				   why);
	}
	hf_buf_release(&buf);
	return err;
}

enum hf_err hf_ledger_leaving_first(struct hf_store_txn *txn, uint64_t after,
				    struct hf_ledger_leaving *out,
				    struct hf_why *why)
{
	struct hf_store_cursor *cursor;
	struct hf_span key, value;
	uint8_t from[8];
	enum hf_err err;

	err = hf_store_cursor_open(txn, TABLE_LEAVING, &cursor, why);
	if (err != HF_OK)
		return err;
	hf_be64_put(from, after + 1);
	err = hf_store_cursor_seek(cursor, hf_span(from, sizeof(from)), &key,
				   &value, NULL);
	hf_store_cursor_close(cursor);
	if (err != HF_OK)
		return hf_why(why, err, "ledger: nothing more is leaving");
	if (key.len_bytes != sizeof(from))
		return hf_why(why, HF_E_CORRUPT,
			      "ledger: damaged key of what was erased");
	*out = (struct hf_ledger_leaving){ .number = hf_be64(key.at) };
	hf_ledger_leaving_parse(value, out);
	return HF_OK;
}

enum hf_err hf_ledger_leaving_next(struct hf_ledger_view *view, uint64_t after,
				   struct hf_ledger_leaving *out,
				   struct hf_why *why)
{
	return hf_ledger_leaving_first(view->txn, after, out, why);
}

/*
 * Letting go.
 */

struct drop_job {
	struct job job;
	uint64_t through;
	bool *out_has_more;
};

static enum hf_err drop_run(struct hf_ledger *ledger, struct job *job,
			    struct hf_why *why)
{
	const struct drop_job *drop = (struct drop_job *)job;

	*drop->out_has_more = false;
	for (size_t i = 0;; i++) {
		struct hf_ledger_leaving first;
		uint8_t key[8];
		enum hf_err err =
			hf_ledger_leaving_first(ledger->txn, 0, &first, why);

		if (err == HF_E_NOTFOUND ||
		    (err == HF_OK && first.number > drop->through))
			return HF_OK;
		if (err != HF_OK)
			return err;
		if (i == DROP_MOST) {
			*drop->out_has_more = true;
			return HF_OK;
		}
		hf_be64_put(key, first.number);
		err = hf_store_del(ledger->txn, TABLE_LEAVING,
				   hf_span(key, sizeof(key)), why);
		if (err != HF_OK)
			return err;
	}
}

static enum hf_err drop_some(struct hf_ledger *ledger, uint64_t through,
			     bool *out_has_more, struct hf_why *why)
{
	static const struct job_kind drop_kind = { .run = drop_run };
	struct drop_job *job = calloc(1, sizeof(*job));

	if (job == NULL)
		return hf_why(why, HF_E_NOMEM, "ledger: no memory");
	*job = (struct drop_job){
		.job = { .kind = &drop_kind, .bytes = sizeof(*job) },
		.through = through,
		.out_has_more = out_has_more,
	};
	return hf_ledger_queue_and_wait(ledger, &job->job, NULL, why);
}

enum hf_err hf_ledger_leaving_drop(struct hf_ledger *ledger, uint64_t through,
				   struct hf_why *why)
{
	bool has_more = true;
	enum hf_err err = HF_OK;

	while (err == HF_OK && has_more)
		err = drop_some(ledger, through, &has_more, why);
	return err;
}

/*
 * Erased in a later epoch.
 */

struct erase_job {
	struct job job;
	uint64_t index;
};

static enum hf_err erase_run(struct hf_ledger *ledger, struct job *job,
			     struct hf_why *why)
{
	const struct erase_job *erase = (struct erase_job *)job;

	if (erase->index >= hf_ledger_stage(ledger, job->set)->marks.stored)
		return HF_OK;
	return hf_ledger_entry_erase(ledger, job->set, erase->index,
				     HF_LEDGER_NONE, why);
}

enum hf_err hf_ledger_erase_earlier(struct hf_ledger *ledger, uint32_t set_id,
				    uint64_t index, struct hf_why *why)
{
	static const struct job_kind erase_kind = { .run = erase_run };
	struct erase_job *job;
	struct set *set;
	enum hf_err err = hf_ledger_set_need(ledger, set_id, &set, why);

	if (err != HF_OK)
		return err;
	job = calloc(1, sizeof(*job));
	if (job == NULL)
		return hf_why(why, HF_E_NOMEM, "ledger: no memory");
	*job = (struct erase_job){
		.job = { .kind = &erase_kind,
			 .set = set,
			 .bytes = sizeof(*job) },
		.index = index,
	};
	return hf_ledger_queue_and_wait(ledger, &job->job, NULL, why);
}
