#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "text.h"

#include "ledger_impl.h"

/*
 * Making a set.
 */

struct create_job {
	struct job job;
	enum hf_ledger_kind kind;
	char origin[HF_ORIGIN_MAX_BYTES + 1];
};

/* Whether the origin is there already; then the job is settled. */
static enum hf_err origin_look(struct hf_ledger *ledger,
			       struct create_job *create, bool *out_is_there,
			       struct hf_why *why)
{
	struct hf_span value;
	struct set *set;
	enum hf_err err;

	*out_is_there = false;
	err = hf_store_get(ledger->txn, TABLE_ORIGINS,
			   hf_span_of(create->origin), &value, NULL);
	if (err == HF_E_NOTFOUND)
		return HF_OK;
	if (err != HF_OK)
		return hf_why(why, err, "ledger: cannot read the origins");
	*out_is_there = true;
	set = value.len_bytes == 4 ? hf_ledger_set(ledger, hf_be32(value.at))
				   : NULL;
	if (set == NULL)
		return hf_why(why, HF_E_CORRUPT,
			      "ledger: damaged record of an origin");
	create->job.receipt.set = set->id;
	if (set->kind != create->kind)
		hf_ledger_job_fail(&create->job, HF_E_EXISTS,
				   "ledger: '%s' is %s already", set->origin,
				   set->kind == HF_LEDGER_OWN
					   ? "a set of our own"
					   : "a set of somebody else");
	return HF_OK;
}

static enum hf_err records_put(struct hf_ledger *ledger, const struct set *set,
			       struct hf_why *why)
{
	struct hf_ledger_set_record record = {
		.kind = set->kind, .origin = hf_span_of(set->origin)
	};
	struct hf_ledger_key key = hf_ledger_key_set(set->id);
	uint8_t bytes[HF_LEDGER_SET_RECORD_MAX];
	size_t len = hf_ledger_set_encode(&record, bytes);
	enum hf_err err;

	err = hf_store_put(ledger->txn, TABLE_SETS, hf_ledger_key_span(&key),
			   hf_span(bytes, len), why);
	if (err != HF_OK)
		return err;
	return hf_store_put(ledger->txn, TABLE_ORIGINS, record.origin,
			    hf_ledger_key_span(&key), why);
}

static struct set *set_new(const struct create_job *create, uint32_t id)
{
	struct set *set = calloc(1, sizeof(*set));

	if (set == NULL)
		return NULL;
	set->id = id;
	set->kind = create->kind;
	memcpy(set->origin, create->origin, sizeof(set->origin));
	set->state.marks.unsupported_from = HF_LEDGER_NONE;
	set->state.marks.ended_at = HF_LEDGER_NONE;
	hf_frontier_init(&set->state.frontier);
	set->is_new = true;
	return set;
}

static enum hf_err create_run(struct hf_ledger *ledger, struct job *job,
			      struct hf_why *why)
{
	struct create_job *create = (struct create_job *)job;
	char name[32];
	struct set *set;
	bool is_there;
	enum hf_err err;

	err = origin_look(ledger, create, &is_there, why);
	if (err != HF_OK || is_there)
		return err;
	if (ledger->sets_count == HF_LEDGER_SETS_MAX) {
		hf_ledger_job_fail(job, HF_E_LIMIT,
				   "ledger: there are %d sets already",
				   HF_LEDGER_SETS_MAX);
		return HF_OK;
	}
	set = set_new(create, ledger->sets_count + 1);
	if (set == NULL)
		return hf_why(why, HF_E_NOMEM, "ledger: no memory");
	snprintf(name, sizeof(name), "set-%08x", set->id);
	err = hf_store_table(ledger->txn, name, &set->table, why);
	if (err == HF_OK)
		err = records_put(ledger, set, why);
	if (err != HF_OK) {
		hf_ledger_set_free(set);
		return err;
	}
	/* Others find it from here, and find it empty until the commit; if
	 * that fails it is taken out again. */
	hf_ledger_stage(ledger, set);
	pthread_mutex_lock(&ledger->lock);
	ledger->sets[++ledger->sets_count] = set;
	pthread_mutex_unlock(&ledger->lock);
	job->receipt.set = set->id;
	return HF_OK;
}

enum hf_err hf_ledger_create(struct hf_ledger *ledger, enum hf_ledger_kind kind,
			     struct hf_span origin, uint32_t *out_set,
			     struct hf_why *why)
{
	static const struct job_kind create_kind = { .run = create_run };
	struct hf_ledger_receipt receipt;
	struct create_job *create;
	enum hf_err err;

	if (!hf_text_is_origin(origin) ||
	    (kind != HF_LEDGER_OWN && kind != HF_LEDGER_FOREIGN))
		return hf_why(
			why, HF_E_ARGUMENT,
			"ledger: '%.*s' is no origin: "
			"<domain>/<set>/<epoch>",
			(int)(origin.len_bytes < 64 ? origin.len_bytes : 64),
			(const char *)origin.at);
	create = calloc(1, sizeof(*create));
	if (create == NULL)
		return hf_why(why, HF_E_NOMEM, "ledger: no memory");
	create->job.kind = &create_kind;
	create->job.bytes = sizeof(*create);
	create->kind = kind;
	memcpy(create->origin, origin.at, origin.len_bytes);
	err = hf_ledger_queue_and_wait(ledger, &create->job, &receipt, why);
	if (err == HF_OK)
		*out_set = receipt.set;
	return err;
}

/*
 * Freezing one.
 */

struct freeze_job {
	struct job job;
	char reason[HF_LEDGER_REASON_MAX_BYTES + 1];
};

static enum hf_err freeze_run(struct hf_ledger *ledger, struct job *job,
			      struct hf_why *why)
{
	struct freeze_job *freeze = (struct freeze_job *)job;
	struct set_state *state = hf_ledger_stage(ledger, job->set);

	memcpy(state->marks.frozen_reason, freeze->reason,
	       sizeof(state->marks.frozen_reason));
	return HF_OK;
}

static struct freeze_job *freeze_new(struct set *set, const char *reason)
{
	static const struct job_kind freeze_kind = { .run = freeze_run };
	struct freeze_job *freeze = calloc(1, sizeof(*freeze));

	if (freeze == NULL)
		return NULL;
	freeze->job.kind = &freeze_kind;
	freeze->job.bytes = sizeof(*freeze);
	freeze->job.set = set;
	snprintf(freeze->reason, sizeof(freeze->reason), "%s", reason);
	return freeze;
}

enum hf_err hf_ledger_freeze(struct hf_ledger *ledger, uint32_t set_id,
			     const char *reason, struct hf_why *why)
{
	struct freeze_job *freeze;
	struct set *set;
	enum hf_err err;

	err = hf_ledger_set_need(ledger, set_id, &set, why);
	if (err != HF_OK)
		return err;
	freeze = freeze_new(set, reason);
	if (freeze == NULL)
		return hf_why(why, HF_E_NOMEM, "ledger: no memory");
	return hf_ledger_queue_and_wait(ledger, &freeze->job, NULL, why);
}

void hf_ledger_freeze_soon(struct hf_ledger *ledger, struct set *set,
			   const char *reason)
{
	struct freeze_job *freeze = freeze_new(set, reason);

	if (freeze != NULL &&
	    hf_ledger_queue(ledger, &freeze->job, NULL) != HF_OK)
		free(freeze);
}
