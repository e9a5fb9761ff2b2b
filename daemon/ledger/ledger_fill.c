#include <stdlib.h>
#include <string.h>

#include "ledger_impl.h"

/*
 * A payload that comes later, and those who have read past its entry.
 */

struct fill_job {
	struct job job;
	uint64_t index;
	uint8_t opening[HF_OPENING_BYTES];
	size_t payload_len_bytes;
	uint8_t payload[];
};

static enum hf_err fill_run(struct hf_ledger *ledger, struct job *job,
			    struct hf_why *why)
{
	struct fill_job *fill = (struct fill_job *)job;
	struct hf_span opening = hf_span(fill->opening, HF_OPENING_BYTES);
	struct hf_span payload =
		hf_span(fill->payload, fill->payload_len_bytes);
	struct hf_ledger_key key = hf_ledger_key_entry(fill->index);
	struct hf_ledger_entry entry;
	struct hf_header header;
	struct hf_span value;
	uint8_t *bytes, copy[HF_HEADER_BYTES];
	enum hf_err err;
	size_t len;

	err = hf_store_get(ledger->txn, job->set->table,
			   hf_ledger_key_span(&key), &value, &job->why);
	if (err == HF_E_NOTFOUND) {
		job->err = err;
		return HF_OK;
	}
	if (err == HF_OK)
		err = hf_ledger_entry_parse(value, fill->index, &entry, why);
	if (err == HF_OK)
		err = hf_header_parse(entry.header, &header, why);
	if (err != HF_OK)
		return err;
	if (entry.state != HF_LEDGER_MISSING) {
		hf_ledger_job_fail(job, HF_E_EXISTS,
				   "ledger: entry %llu misses no payload",
				   (unsigned long long)fill->index);
		return HF_OK;
	}
	job->err = hf_commit_verify(&ledger->commit, &header, opening, payload,
				    &job->why);
	if (job->err != HF_OK ||
	    hf_ledger_refuse_reserved(ledger, job, &header, 1))
		return HF_OK;
	memcpy(copy, entry.header, sizeof(copy));
	entry = (struct hf_ledger_entry){ .index = fill->index,
					  .state = HF_LEDGER_HELD,
					  .header = copy,
					  .opening = opening,
					  .payload = payload };
	len = hf_ledger_entry_len(&entry);
	bytes = malloc(len);
	if (bytes == NULL)
		return hf_why(why, HF_E_NOMEM, "ledger: no memory");
	hf_ledger_entry_encode(&entry, bytes);
	err = hf_store_put(ledger->txn, job->set->table,
			   hf_ledger_key_span(&key), hf_span(bytes, len), why);
	free(bytes);
	if (err == HF_OK)
		err = hf_ledger_missing_came(ledger, job->set, fill->index,
					     why);
	job->receipt = (struct hf_ledger_receipt){
		.set = job->set->id,
		.first = fill->index,
		.count = 1,
		.size = hf_ledger_stage(ledger, job->set)->marks.stored,
	};
	return err;
}

enum hf_err hf_ledger_fill(struct hf_ledger *ledger, uint32_t set_id,
			   uint64_t index, struct hf_span opening,
			   struct hf_span payload, struct hf_ledger_done done,
			   struct hf_why *why)
{
	static const struct job_kind fill_kind = { .run = fill_run };
	struct fill_job *fill;
	struct set *set;
	enum hf_err err;

	err = hf_ledger_set_need(ledger, set_id, &set, why);
	if (err != HF_OK)
		return err;
	if (opening.len_bytes != HF_OPENING_BYTES ||
	    payload.len_bytes > HF_PAYLOAD_MAX_BYTES)
		return hf_why(why, HF_E_PROOF,
			      "ledger: opening or payload of a wrong size");
	fill = malloc(sizeof(*fill) + payload.len_bytes);
	if (fill == NULL)
		return hf_why(why, HF_E_NOMEM, "ledger: no memory");
	memset(fill, 0, sizeof(*fill));
	fill->job.kind = &fill_kind;
	fill->job.set = set;
	fill->job.bytes = sizeof(*fill) + payload.len_bytes;
	fill->job.done = done;
	fill->index = index;
	memcpy(fill->opening, opening.at, HF_OPENING_BYTES);
	fill->payload_len_bytes = payload.len_bytes;
	if (payload.len_bytes > 0)
		memcpy(fill->payload, payload.at, payload.len_bytes);
	err = hf_ledger_queue(ledger, &fill->job, why);
	if (err != HF_OK)
		free(fill);
	return err;
}

struct late_job {
	struct job job;
	size_t count;
	uint64_t indexes[];
};

static enum hf_err late_run(struct hf_ledger *ledger, struct job *job,
			    struct hf_why *why)
{
	struct late_job *late = (struct late_job *)job;
	enum hf_err err = HF_OK;

	for (size_t i = 0; i < late->count && err == HF_OK; i++) {
		struct hf_ledger_key key =
			hf_ledger_key_record(job->set->id, late->indexes[i]);
		struct hf_span at = hf_ledger_key_span(&key), value;

		/* A failed write spoils the transaction: look before. */
		err = hf_store_get(ledger->txn, TABLE_LATE, at, &value, why);
		if (err == HF_OK)
			err = hf_store_del(ledger->txn, TABLE_LATE, at, why);
		else if (err == HF_E_NOTFOUND)
			err = HF_OK;
	}
	return err;
}

enum hf_err hf_ledger_late_done(struct hf_ledger *ledger, uint32_t set_id,
				const uint64_t *indexes, size_t count,
				struct hf_ledger_done done, struct hf_why *why)
{
	static const struct job_kind late_kind = { .run = late_run };
	size_t bytes = count * sizeof(indexes[0]);
	struct late_job *late;
	struct set *set;
	enum hf_err err = hf_ledger_set_need(ledger, set_id, &set, why);

	if (err != HF_OK)
		return err;
	late = malloc(sizeof(*late) + bytes);
	if (late == NULL)
		return hf_why(why, HF_E_NOMEM, "ledger: no memory");
	*late = (struct late_job){ .job = { .kind = &late_kind,
					    .set = set,
					    .bytes = sizeof(*late) + bytes,
					    .done = done },
				   .count = count };
	if (count > 0)
		memcpy(late->indexes, indexes, bytes);
	err = hf_ledger_queue(ledger, &late->job, why);
	if (err != HF_OK)
		free(late);
	return err;
}
