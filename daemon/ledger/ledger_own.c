#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "sign.h"

#include "ledger_impl.h"

/*
 * A batch, made ready on the calling thread: openings drawn, payloads copied
 * and committed to.  What depends on the index is left to the writer.
 */
struct append_job {
	struct job job;
	bool is_remembered; /* has a batch id */
	uint8_t id[HF_BATCH_ID_BYTES];
	uint64_t sequence;
	uint8_t digest[HF_LEDGER_DIGEST_BYTES];
	size_t count;
	struct hf_header *headers; /* count, in this allocation */
	struct hf_span *payloads;  /* count, likewise */
	struct hf_span *records;   /* count, likewise */
	bool *is_self;             /* count, likewise: its own target */
	uint8_t *openings;         /* count * HF_OPENING_BYTES, likewise */
	/* What goes along; tell is NULL where nothing is told. */
	struct hf_ledger_along along;
	uint8_t told_opening[HF_OPENING_BYTES];
	struct hf_buf told; /* by the transaction that is under way */
};

/* What makes two batches the same: everything but when. */
static void digest_make(const struct hf_ledger_batch *batch,
			uint8_t out_digest[static HF_LEDGER_DIGEST_BYTES])
{
	uint8_t full[HF_SHA256_BYTES], head[1 + 4 + 8 + 4];
	struct hf_sha256 hash;

	hf_sha256_init(&hash);
	for (size_t i = 0; i < batch->drafts_count; i++) {
		const struct hf_ledger_draft *draft = &batch->drafts[i];

		head[0] = draft->op;
		hf_be32_put(head + 1, draft->code);
		hf_be64_put(head + 5, draft->target);
		hf_be32_put(head + 13, (uint32_t)draft->payload.len_bytes);
		hf_sha256_update(&hash, head, sizeof(head));
		hf_sha256_update(&hash, draft->payload.at,
				 draft->payload.len_bytes);
	}
	hf_sha256_final(&hash, full);
	memcpy(out_digest, full, HF_LEDGER_DIGEST_BYTES);
}

static enum hf_err draft_check(const struct hf_ledger *ledger,
			       const struct hf_ledger_draft *draft,
			       struct hf_why *why)
{
	enum hf_err err;

	if (hf_op_name(draft->op) == NULL)
		return hf_why(why, HF_E_ARGUMENT, "no such op: %u", draft->op);
	if (draft->payload.len_bytes > HF_PAYLOAD_MAX_BYTES)
		return hf_why(why, HF_E_LIMIT,
			      "payload of %zu bytes, at most %zu",
			      draft->payload.len_bytes, HF_PAYLOAD_MAX_BYTES);
	err = hf_ledger_record_check(draft->record, why);
	if (err != HF_OK || ledger->options.check == NULL)
		return err;
	return ledger->options.check(ledger->options.check_arg, draft, why);
}

static enum hf_err batch_check(const struct hf_ledger *ledger,
			       const struct hf_ledger_batch *batch,
			       size_t *out_bytes, struct hf_why *why)
{
	size_t bytes = 0;

	if (batch->drafts_count == 0)
		return hf_why(why, HF_E_ARGUMENT, "ledger: empty batch");
	if (batch->drafts_count > HF_APPEND_BATCH_MAX)
		return hf_why(why, HF_E_LIMIT,
			      "ledger: %zu entries in a batch, at most %d",
			      batch->drafts_count, HF_APPEND_BATCH_MAX);
	for (size_t i = 0; i < batch->drafts_count; i++) {
		enum hf_err err = draft_check(ledger, &batch->drafts[i], why);

		if (err != HF_OK) {
			hf_why_prefix(why, "ledger: entry %zu: ", i);
			return err;
		}
		bytes += batch->drafts[i].payload.len_bytes +
			 batch->drafts[i].record.len_bytes;
	}
	*out_bytes = bytes;
	return HF_OK;
}

/* One allocation: the job, spans, headers, openings, and the bytes of payloads
 * and records. */
static struct append_job *append_new(size_t count, size_t draft_bytes,
				     uint8_t **out_bytes)
{
	size_t bytes =
		sizeof(struct append_job) +
		count * (sizeof(struct hf_header) + 2 * sizeof(struct hf_span) +
			 sizeof(bool) + HF_OPENING_BYTES) +
		draft_bytes;
	struct append_job *append = malloc(bytes);

	if (append == NULL)
		return NULL;
	memset(append, 0, sizeof(*append));
	append->job.bytes = bytes;
	append->count = count;
	append->payloads = (struct hf_span *)(append + 1);
	append->records = append->payloads + count;
	append->headers = (struct hf_header *)(append->records + count);
	append->is_self = (bool *)(append->headers + count);
	append->openings = (uint8_t *)(append->is_self + count);
	*out_bytes = append->openings + count * HF_OPENING_BYTES;
	return append;
}

/* A copy at the next free byte. */
static struct hf_span bytes_take(struct hf_span from, uint8_t **bytes)
{
	struct hf_span copy = hf_span(*bytes, from.len_bytes);

	if (from.len_bytes > 0)
		memcpy(*bytes, from.at, from.len_bytes);
	*bytes += from.len_bytes;
	return copy;
}

static void drafts_prepare(const struct hf_ledger *ledger,
			   struct append_job *append,
			   const struct hf_ledger_batch *batch, uint8_t *bytes)
{
	hf_random(append->openings, append->count * HF_OPENING_BYTES);
	for (size_t i = 0; i < append->count; i++) {
		const struct hf_ledger_draft *draft = &batch->drafts[i];
		struct hf_header *header = &append->headers[i];

		*header = (struct hf_header){ .op = draft->op,
					      .time_ms = draft->time_ms,
					      .target = draft->target,
					      .code = draft->code };
		append->is_self[i] = draft->target == HF_LEDGER_SELF;
		append->payloads[i] = bytes_take(draft->payload, &bytes);
		append->records[i] = bytes_take(draft->record, &bytes);
		if (draft->payload.len_bytes == 0)
			continue;
		hf_commit_payload(&ledger->commit,
				  append->openings + i * HF_OPENING_BYTES,
				  append->payloads[i], header);
	}
}

/*
 * On the writer.
 */

/* Whether the batch is there already; then the job is settled. */
static enum hf_err batch_look(struct hf_ledger *ledger,
			      struct append_job *append, bool *out_is_there,
			      struct hf_why *why)
{
	struct hf_ledger_batch_record record;
	struct job *job = &append->job;
	struct hf_ledger_key key;
	struct hf_span value;
	enum hf_err err;

	*out_is_there = false;
	if (!append->is_remembered)
		return HF_OK;
	key = hf_ledger_key_batch(job->set->id, append->id, append->sequence);
	err = hf_store_get(ledger->txn, TABLE_BATCHES, hf_ledger_key_span(&key),
			   &value, NULL);
	if (err == HF_E_NOTFOUND)
		return HF_OK;
	if (err != HF_OK)
		return hf_why(why, err, "ledger: cannot read the batches");
	err = hf_ledger_batch_parse(value, &record, why);
	if (err != HF_OK)
		return err;
	*out_is_there = true;
	if (record.count != append->count ||
	    memcmp(record.digest, append->digest, sizeof(record.digest)) != 0) {
		hf_ledger_job_fail(job, HF_E_CONFLICT,
				   "ledger: part %llu of this batch was "
				   "appended before, with other entries",
				   (unsigned long long)append->sequence);
		return HF_OK;
	}
	job->receipt.first = record.first;
	job->receipt.count = record.count;
	job->receipt.is_repeat = true;
	return HF_OK;
}

static void signer_blame(struct job *job, const struct set *set)
{
	hf_ledger_job_fail(job,
			   set->signer_err != HF_OK ? set->signer_err
						    : HF_E_UNAVAILABLE,
			   "%s", set->signer_why.text);
}

/* The last of the disk is for what cannot wait: taking back, and the events
 * and keys of cases. */
bool hf_ledger_refuse_reserved(struct hf_ledger *ledger, struct job *job,
			       const struct hf_header *headers, size_t count)
{
	bool only_urgent = true;

	for (size_t i = 0; i < count && only_urgent; i++)
		only_urgent = headers[i].op == HF_OP_RETRACT ||
			      headers[i].op == HF_OP_ERASE ||
			      headers[i].op == HF_OP_STATUS ||
			      headers[i].op == HF_OP_KEY;
	if (only_urgent ||
	    hf_store_room(ledger->store) >= ledger->options.reserve_bytes)
		return false;
	hf_ledger_job_fail(
		job, HF_E_FULL,
		"ledger: the disk has less than %llu MiB left, which are kept "
		"for retractions and cases; make room, or lower disk-reserve",
		(unsigned long long)ledger->options.reserve_bytes >> 20);
	return true;
}

/* Whether a set takes these entries now; the job fails otherwise. */
static void set_look(struct hf_ledger *ledger, struct job *job, struct set *set,
		     const struct hf_header *headers, size_t count)
{
	const struct set_state *state = hf_ledger_stage(ledger, set);

	if (state->marks.frozen_reason[0] != '\0')
		hf_ledger_job_fail(job, HF_E_FROZEN,
				   "ledger: '%s' is frozen: %s", set->origin,
				   state->marks.frozen_reason);
	else if (state->marks.ended_at != HF_LEDGER_NONE)
		hf_ledger_job_fail(job, HF_E_FROZEN,
				   "ledger: '%s' has ended, with entry %llu",
				   set->origin,
				   (unsigned long long)state->marks.ended_at);
	else if (state->marks.stored > HF_TREE_MAX_SIZE - count)
		hf_ledger_job_fail(job, HF_E_LIMIT, "ledger: '%s' is full",
				   set->origin);
	else if (hf_ledger_refuse_reserved(ledger, job, headers, count))
		return;
	else if (hf_ledger_signer_agrees(ledger, set) != HF_OK ||
		 set_is_unsigned(set))
		/* Nothing more is stored while the signer is away: clients
		 * that cannot be answered must not fill the disk. */
		signer_blame(job, set);
}

/* Whether the set that is to tell of it does. */
static void teller_look(struct hf_ledger *ledger, struct job *job)
{
	const struct hf_header header = { .op = HF_OP_STATUS };

	if (job->err == HF_OK && job->teller != NULL)
		set_look(ledger, job, job->teller, &header, 1);
}

/* Whether every entry may stand where it will; the job fails otherwise. */
static enum hf_err entries_look(struct hf_ledger *ledger,
				struct append_job *append, struct hf_why *why)
{
	struct set *set = append->job.set;
	struct coming coming = { .first = set->staged.marks.stored,
				 .count = append->count,
				 .headers = append->headers };
	struct hf_why rule_why = { "" };
	enum hf_err err;

	for (size_t i = 0; i < append->count; i++)
		if (append->is_self[i])
			append->headers[i].target = coming.first + i;
	err = hf_ledger_rules(ledger, set, &coming, &rule_why);
	if (err == HF_E_MALFORMED)
		err = HF_E_ARGUMENT;
	if (err == HF_E_ARGUMENT || err == HF_E_NOTFOUND)
		hf_ledger_job_fail(&append->job, err, "%s", rule_why.text);
	else if (err != HF_OK)
		return hf_why(why, err, "%s", rule_why.text);
	return HF_OK;
}

/* One entry and its leaf; out_index may be NULL. */
static enum hf_err entry_put(struct hf_ledger *ledger, struct set *set,
			     const struct hf_header *header,
			     const uint8_t *opening, struct hf_span payload,
			     uint64_t *out_index, struct hf_why *why)
{
	uint8_t bytes[HF_HEADER_BYTES];
	struct hf_ledger_entry entry = {
		.state = header->commit_kind == HF_COMMIT_NONE ? HF_LEDGER_BARE
							       : HF_LEDGER_HELD,
		.header = bytes,
		.opening = hf_span(opening, HF_OPENING_BYTES),
		.payload = payload,
	};
	struct hf_tree_hash leaf;
	enum hf_err err;

	hf_header_encode(header, bytes);
	hf_leaf_hash(bytes, &leaf);
	err = hf_ledger_entry_append(ledger, set, header, &entry, why);
	if (err == HF_OK)
		err = hf_ledger_leaf_append(ledger, set, &leaf, why);
	if (err == HF_OK && out_index != NULL)
		*out_index = entry.index;
	return err;
}

static enum hf_err entries_append(struct hf_ledger *ledger,
				  struct append_job *append, struct hf_why *why)
{
	enum hf_err err = HF_OK;

	for (size_t i = 0; i < append->count && err == HF_OK; i++) {
		uint64_t index;

		err = entry_put(ledger, append->job.set, &append->headers[i],
				append->openings + i * HF_OPENING_BYTES,
				append->payloads[i], &index, why);
		if (err == HF_OK && append->records[i].len_bytes > 0)
			err = hf_ledger_record_put(ledger, append->job.set->id,
						   index, append->records[i],
						   why);
	}
	return err;
}

/*
 * What goes along.
 */

/* Ask what is to be told, before anything is written; the job fails where that
 * cannot be said. */
static void along_ask(struct append_job *append)
{
	const struct hf_ledger_along *along = &append->along;
	struct job *job = &append->job;
	struct hf_why why = { "" };
	enum hf_err err;

	if (along->tell == NULL)
		return;
	hf_buf_release(&append->told);
	hf_buf_init(&append->told, HF_PAYLOAD_MAX_BYTES);
	err = along->tell(along->arg, &job->receipt, &append->told, &why);
	if (err == HF_OK)
		err = hf_buf_failed(&append->told);
	if (err != HF_OK)
		hf_ledger_job_fail(job, err, "%s", why.text);
}

/* It is written behind what it tells of. */
static enum hf_err along_write(struct hf_ledger *ledger,
			       struct append_job *append, struct hf_why *why)
{
	const struct hf_ledger_along *along = &append->along;
	struct hf_span told = hf_buf_span(&append->told);
	struct set *teller = append->job.teller;
	enum hf_err err = HF_OK;

	if (teller != NULL) {
		struct hf_header header = {
			.op = HF_OP_STATUS,
			.time_ms = along->time_ms,
			.target = hf_ledger_stage(ledger, teller)->marks.stored,
		};

		if (told.len_bytes > 0)
			hf_commit_payload(&ledger->commit, append->told_opening,
					  told, &header);
		err = entry_put(ledger, teller, &header, append->told_opening,
				told, NULL, why);
	}
	if (err == HF_OK && along->keep != 0)
		err = hf_ledger_record_put(ledger, HF_LEDGER_INTENTS,
					   along->keep, told, why);
	if (err == HF_OK && along->forget != 0)
		err = hf_ledger_record_put(ledger, HF_LEDGER_INTENTS,
					   along->forget, hf_span(NULL, 0),
					   why);
	append->job.receipt.is_told = err == HF_OK;
	return err;
}

static enum hf_err batch_store(struct hf_ledger *ledger,
			       const struct append_job *append,
			       struct hf_why *why)
{
	struct hf_ledger_batch_record record = {
		.first = append->job.receipt.first,
		.count = (uint32_t)append->count,
	};
	uint8_t bytes[HF_LEDGER_BATCH_RECORD_BYTES];
	struct hf_ledger_key key;

	if (!append->is_remembered)
		return HF_OK;
	memcpy(record.digest, append->digest, sizeof(record.digest));
	hf_ledger_batch_encode(&record, bytes);
	key = hf_ledger_key_batch(append->job.set->id, append->id,
				  append->sequence);
	return hf_store_put(ledger->txn, TABLE_BATCHES,
			    hf_ledger_key_span(&key),
			    hf_span(bytes, sizeof(bytes)), why);
}

/* The entries are there already; what goes along tells of this call. */
static enum hf_err repeat_run(struct hf_ledger *ledger,
			      struct append_job *append, struct hf_why *why)
{
	struct job *job = &append->job;
	const struct set_state *state = &job->set->staged;
	uint64_t end = job->receipt.first + job->receipt.count;

	job->wants_note = !state->has_note || state->note_size < end;
	job->receipt.size = state->note_size;
	if (job->wants_note && set_is_unsigned(job->set))
		signer_blame(job, job->set);
	teller_look(ledger, job);
	if (job->err == HF_OK)
		along_ask(append);
	if (job->err != HF_OK)
		return HF_OK;
	job->wants_note |= job->teller != NULL;
	return along_write(ledger, append, why);
}

static enum hf_err append_run(struct hf_ledger *ledger, struct job *job,
			      struct hf_why *why)
{
	struct append_job *append = (struct append_job *)job;
	struct set_state *state = hf_ledger_stage(ledger, job->set);
	bool is_there;
	enum hf_err err;

	job->receipt = (struct hf_ledger_receipt){ .set = job->set->id };
	job->wants_note = true;
	err = batch_look(ledger, append, &is_there, why);
	if (err != HF_OK || job->err != HF_OK)
		return err;
	if (is_there)
		return repeat_run(ledger, append, why);
	set_look(ledger, job, job->set, append->headers, append->count);
	teller_look(ledger, job);
	if (job->err != HF_OK)
		return HF_OK;
	err = entries_look(ledger, append, why);
	if (err != HF_OK || job->err != HF_OK)
		return err;
	job->receipt.first = state->marks.stored;
	job->receipt.count = append->count;
	along_ask(append);
	if (job->err != HF_OK)
		return HF_OK;
	err = entries_append(ledger, append, why);
	if (err == HF_OK)
		err = batch_store(ledger, append, why);
	return err == HF_OK ? along_write(ledger, append, why) : err;
}

static void append_free(struct job *job)
{
	struct append_job *append = (struct append_job *)job;

	hf_buf_release(&append->told);
	free(append);
}

static enum hf_err own_need(struct hf_ledger *ledger, uint32_t id,
			    struct set **out_set, struct hf_why *why)
{
	enum hf_err err = hf_ledger_set_need(ledger, id, out_set, why);

	if (err == HF_OK && (*out_set)->kind != HF_LEDGER_OWN)
		return hf_why(why, HF_E_ARGUMENT,
			      "ledger: '%s' is not ours to write",
			      (*out_set)->origin);
	return err;
}

static enum hf_err along_take(struct hf_ledger *ledger,
			      struct append_job *append,
			      const struct hf_ledger_along *along,
			      struct hf_why *why)
{
	struct job *job = &append->job;
	enum hf_err err;

	if (along == NULL)
		return HF_OK;
	append->along = *along;
	if (along->set == 0)
		return HF_OK;
	err = own_need(ledger, along->set, &job->teller, why);
	if (err == HF_OK && (along->tell == NULL || job->teller == job->set))
		err = hf_why(why, HF_E_ARGUMENT,
			     "ledger: '%s' cannot tell of this",
			     job->teller->origin);
	job->appends++;
	hf_random(append->told_opening, sizeof(append->told_opening));
	return err;
}

enum hf_err hf_ledger_append(struct hf_ledger *ledger,
			     const struct hf_ledger_batch *batch,
			     struct hf_ledger_done done, struct hf_why *why)
{
	static const struct job_kind append_kind = { .run = append_run,
						     .free = append_free };
	static const uint8_t no_id[HF_BATCH_ID_BYTES];
	struct append_job *append;
	size_t draft_bytes;
	uint8_t *bytes;
	struct set *set;
	enum hf_err err;

	err = own_need(ledger, batch->set, &set, why);
	if (err == HF_OK)
		err = batch_check(ledger, batch, &draft_bytes, why);
	if (err != HF_OK)
		return err;
	append = append_new(batch->drafts_count, draft_bytes, &bytes);
	if (append == NULL)
		return hf_why(why, HF_E_NOMEM, "ledger: no memory");
	append->job.kind = &append_kind;
	append->job.set = set;
	append->job.appends = append->count;
	append->job.done = done;
	err = along_take(ledger, append, batch->along, why);
	if (err != HF_OK) {
		free(append);
		return err;
	}
	append->is_remembered = memcmp(batch->id, no_id, sizeof(no_id)) != 0;
	memcpy(append->id, batch->id, sizeof(append->id));
	append->sequence = batch->sequence;
	if (append->is_remembered)
		digest_make(batch, append->digest);
	drafts_prepare(ledger, append, batch, bytes);
	err = hf_ledger_queue(ledger, &append->job, why);
	if (err != HF_OK)
		free(append);
	return err;
}

/*
 * A fresh time on an old tree.
 */

static enum hf_err refresh_run(struct hf_ledger *ledger, struct job *job,
			       struct hf_why *why)
{
	struct set_state *state = hf_ledger_stage(ledger, job->set);

	job->receipt =
		(struct hf_ledger_receipt){ .set = job->set->id,
					    .first = state->marks.stored };
	job->wants_note = true;
	job->set->is_refresh_due = true;
	return HF_OK;
}

enum hf_err hf_ledger_refresh(struct hf_ledger *ledger, uint32_t set_id,
			      struct hf_ledger_done done, struct hf_why *why)
{
	static const struct job_kind refresh_kind = { .run = refresh_run };
	struct set *set;
	struct job *job;
	enum hf_err err;

	err = own_need(ledger, set_id, &set, why);
	if (err != HF_OK)
		return err;
	job = calloc(1, sizeof(*job));
	if (job == NULL)
		return hf_why(why, HF_E_NOMEM, "ledger: no memory");
	job->kind = &refresh_kind;
	job->set = set;
	job->bytes = sizeof(*job);
	job->done = done;
	err = hf_ledger_queue(ledger, job, why);
	if (err != HF_OK)
		free(job);
	return err;
}
