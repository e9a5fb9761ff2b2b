#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "bytes.h"
#include "clock.h"
#include "codec_audit.h"
#include "duty.h"
#include "log.h"

#include "audit.h"
#include "audit_begin.h"
#include "audit_intent.h"
#include "errand.h"
#include "node.h"
#include "own_set.h"
#include "serve.h"

/* A request of 4 MiB may be among what is told of. */
#define ARENA_MAX_BYTES (4 * HF_UNPACK_MAX_BYTES)

struct hf_audit {
	struct hf_errand errand;     /* first */
	struct hf_node *node;        /* borrowed */
	atomic_bool has_failed;      /* logged */
	atomic_bool cannot_intend;   /* likewise */
	atomic_uint_fast64_t number; /* of the next intent */
	uint64_t first_number;       /* those below are of earlier starts */
	pthread_mutex_t begin;       /* one begins at a time */
	pthread_mutex_t lock;        /* guards the rest */
	bool is_begun;
	bool is_waking;
	uint32_t set;
	uint64_t *left; /* owned; intents to be tried again */
	size_t left_count;
	size_t left_size;
};

bool hf_audit_set(struct hf_audit *audit, uint32_t *out_set)
{
	bool is;

	pthread_mutex_lock(&audit->lock);
	is = audit->is_begun;
	*out_set = audit->set;
	pthread_mutex_unlock(&audit->lock);
	return is;
}

/* ---- beginning ---- */

/* What the end of the run before cut off, and then that we start. */
static enum hf_err say_earlier(struct hf_audit *audit, uint32_t set,
			       struct hf_why *why)
{
	enum hf_err err = hf_audit_intents_say(audit->node, set, 1,
					       audit->first_number, why);

	return err == HF_OK ? hf_audit_say_start(audit->node, set, why) : err;
}

/* A store that is older than what the signer signed is not gone on with, and
 * nobody else has what it lost: the next epoch begins, and the old one shows
 * that it has no end. */
static enum hf_err find_and_say(struct hf_audit *audit, uint32_t *out_set,
				struct hf_why *why)
{
	struct hf_node *node = audit->node;
	enum hf_err err = hf_audit_find(node, out_set, why);

	if (err == HF_OK) {
		err = say_earlier(audit, *out_set, why);
		if (err != HF_E_CONFLICT && err != HF_E_FROZEN)
			return err;
		hf_log(HF_LOG_WARNING, "audit", "goes on in another set",
		       "why=\"%s\"", why->text);
	} else if (err != HF_E_NOTFOUND) {
		return err;
	}
	err = hf_audit_open_next(node, out_set, why);
	return err == HF_OK ? say_earlier(audit, *out_set, why) : err;
}

/* Begin, unless that is done. */
static enum hf_err begin(struct hf_audit *audit, uint32_t *out_set,
			 struct hf_why *why)
{
	enum hf_err err = HF_OK;

	if (hf_audit_set(audit, out_set))
		return HF_OK;
	pthread_mutex_lock(&audit->begin);
	if (!hf_audit_set(audit, out_set)) {
		err = find_and_say(audit, out_set, why);
		pthread_mutex_lock(&audit->lock);
		audit->is_begun = err == HF_OK;
		audit->set = *out_set;
		pthread_mutex_unlock(&audit->lock);
	}
	pthread_mutex_unlock(&audit->begin);
	if (err != HF_OK)
		hf_why_prefix(why, "audit: ");
	return err;
}

static void begin_or_log(struct hf_audit *audit)
{
	struct hf_why why = { "" };
	uint32_t set;
	enum hf_err err = begin(audit, &set, &why);

	if (err != HF_OK && !atomic_exchange(&audit->has_failed, true))
		hf_log(HF_LOG_WARNING, "audit", "cannot begin",
		       "err=%s why=\"%s\"", hf_err_name(err), why.text);
}

void hf_audit_leave(struct hf_audit *audit, uint64_t intent)
{
	uint64_t *grown;

	if (intent == 0)
		return;
	pthread_mutex_lock(&audit->lock);
	if (audit->left_count == audit->left_size) {
		size_t size = audit->left_size * 2 + 16;

		grown = realloc(audit->left, size * sizeof(*grown));
		if (grown != NULL) {
			audit->left = grown;
			audit->left_size = size;
		}
	}
	/* Without memory the next start finds it. */
	if (audit->left_count < audit->left_size)
		audit->left[audit->left_count++] = intent;
	pthread_mutex_unlock(&audit->lock);
}

/* What could not be said when it was done, until it can. */
static void say_left(struct hf_audit *audit)
{
	struct hf_why why = { "" };
	uint64_t intent;
	uint32_t set;

	while (hf_audit_set(audit, &set)) {
		bool has_more;

		pthread_mutex_lock(&audit->lock);
		has_more = audit->left_count > 0;
		intent = has_more ? audit->left[0] : 0;
		pthread_mutex_unlock(&audit->lock);
		if (!has_more ||
		    hf_audit_intents_say(audit->node, set, intent, intent + 1,
					 &why) != HF_OK)
			break;
		pthread_mutex_lock(&audit->lock);
		audit->left_count--;
		memmove(audit->left, audit->left + 1,
			audit->left_count * sizeof(*audit->left));
		pthread_mutex_unlock(&audit->lock);
	}
}

static void run_begin(struct hf_errand *errand)
{
	struct hf_audit *audit = (struct hf_audit *)(void *)errand;

	begin_or_log(audit);
	say_left(audit);
	pthread_mutex_lock(&audit->lock);
	audit->is_waking = false;
	pthread_mutex_unlock(&audit->lock);
}

void hf_audit_wake(struct hf_audit *audit)
{
	bool is_wanted;

	if (audit == NULL)
		return;
	pthread_mutex_lock(&audit->lock);
	is_wanted = (!audit->is_begun || audit->left_count > 0) &&
		    !audit->is_waking;
	audit->is_waking |= is_wanted;
	pthread_mutex_unlock(&audit->lock);
	if (is_wanted)
		hf_errand_post(audit->node->errands, &audit->errand);
}

enum hf_err hf_audit_start(struct hf_node *node, struct hf_audit **out_audit,
			   struct hf_why *why)
{
	struct hf_audit *audit;
	uint64_t last;
	enum hf_err err = hf_audit_intents_last(node, &last, why);

	if (err != HF_OK)
		return err;
	audit = calloc(1, sizeof(*audit));
	if (audit == NULL)
		return hf_why(why, HF_E_NOMEM, "audit: no memory");
	audit->node = node;
	audit->first_number = last + 1;
	atomic_init(&audit->number, last + 1);
	audit->errand.run = run_begin;
	pthread_mutex_init(&audit->begin, NULL);
	pthread_mutex_init(&audit->lock, NULL);
	*out_audit = audit;
	begin_or_log(audit);
	return HF_OK;
}

void hf_audit_stop(struct hf_audit *audit)
{
	struct hf_why why = { "" };
	uint32_t set;
	enum hf_err err;

	if (audit == NULL || !hf_audit_set(audit, &set))
		return;
	err = hf_audit_say_stop(audit->node, set, &why);
	if (err != HF_OK)
		hf_log(HF_LOG_WARNING, "audit", "cannot end",
		       "err=%s why=\"%s\"", hf_err_name(err), why.text);
}

void hf_audit_free(struct hf_audit *audit)
{
	if (audit == NULL)
		return;
	pthread_mutex_destroy(&audit->lock);
	pthread_mutex_destroy(&audit->begin);
	free(audit->left);
	free(audit);
}

/* ---- calls ---- */

bool hf_audit_wants(const struct hf_audit *audit, const char *path,
		    enum hf_err outcome)
{
	return audit != NULL && outcome != HF_E_BUSY && outcome != HF_E_FULL &&
	       outcome != HF_E_CANCELLED && hf_method_writes(path);
}

/* "operator,analyst" */
static void name_duties(uint32_t duties, char *out_text, size_t size)
{
	size_t used = 0;

	out_text[0] = '\0';
	for (uint32_t bit = 1; bit != 0 && used < size; bit <<= 1) {
		if ((duties & bit) != 0)
			used += (size_t)snprintf(out_text + used, size - used,
						 "%s%s", used > 0 ? "," : "",
						 hf_duty_name(bit));
	}
}

static void add_batches(struct hf_audit_facts *facts, struct hf_span batches)
{
	char text[2 * HF_BATCH_ID_BYTES + 1];

	for (size_t i = 0; i < batches.len_bytes; i += HF_BATCH_ID_BYTES) {
		hf_hex(batches.at + i, HF_BATCH_ID_BYTES, text);
		hf_audit_facts_add(facts, "batch_id", text);
	}
}

static enum hf_err encode(const struct hf_audit_call *call, const char *outcome,
			  struct hf_span batches, struct hf_buf *payload,
			  struct hf_why *why)
{
	/* Behind "/hashfed.v1." */
	const char *method = strrchr(call->path, '.');
	struct hf_audit_record record = {
		.method = method != NULL ? method + 1 : call->path,
		.who = call->who->name,
		.serial = call->who->serial,
		.outcome = outcome,
	};
	struct hf_audit_facts facts;
	struct hf_arena arena;
	char duties[64];
	enum hf_err err;

	hf_arena_init(&arena, ARENA_MAX_BYTES);
	facts = (struct hf_audit_facts){ .arena = &arena };
	hf_audit_facts_of_request(&facts, call->path, call->request);
	hf_audit_facts_of_answer(&facts, call->path, call->answer);
	if (batches.len_bytes > 0)
		hf_audit_facts_add(&facts, "origin", call->appended->origin);
	else if (call->appended != NULL)
		hf_audit_facts_of_appended(&facts, call->appended);
	add_batches(&facts, batches);
	name_duties(call->who->duties, duties, sizeof(duties));
	record.duty = duties;
	record.facts = facts.at;
	record.facts_count = facts.count;
	err = hf_audit_record_encode(&record, payload);
	hf_arena_release(&arena);
	return err == HF_OK ? HF_OK
			    : hf_why(why, err,
				     "audit: what is to be said of "
				     "it is too long");
}

enum hf_err hf_audit_put_entry(const struct hf_audit_call *call,
			       struct hf_buf *out, struct hf_why *why)
{
	return encode(call, hf_err_name(call->outcome), hf_span(NULL, 0), out,
		      why);
}

enum hf_err hf_audit_put_intent(const struct hf_audit_call *call,
				struct hf_span batches, struct hf_buf *out,
				struct hf_why *why)
{
	struct hf_buf payload;
	enum hf_err err;

	hf_buf_init(&payload, HF_PAYLOAD_MAX_BYTES);
	err = encode(call, HF_AUDIT_UNFINISHED, batches, &payload, why);
	if (err == HF_OK) {
		hf_audit_intent_encode(hf_clock_wall_ms(),
				       hf_buf_span(&payload), out);
		err = hf_buf_failed(out);
	}
	hf_buf_release(&payload);
	return err;
}

uint64_t hf_audit_number(struct hf_audit *audit)
{
	return atomic_fetch_add(&audit->number, 1);
}

static enum hf_err keep(struct hf_audit *audit, uint64_t number,
			const struct hf_audit_call *call, struct hf_why *why)
{
	struct hf_buf intent;
	enum hf_err err;

	hf_buf_init(&intent, HF_LEDGER_RECORD_MAX_BYTES);
	err = hf_audit_put_intent(call, hf_span(NULL, 0), &intent, why);
	if (err == HF_OK)
		err = hf_audit_intent_put(audit->node, number,
					  hf_buf_span(&intent), why);
	hf_buf_release(&intent);
	return err;
}

void hf_audit_intend(struct hf_audit *audit, const struct hf_audit_call *call,
		     uint64_t *out_intent)
{
	struct hf_why why = { "" };
	enum hf_err err;

	*out_intent = 0;
	if (audit == NULL || !hf_method_writes(call->path))
		return;
	*out_intent = hf_audit_number(audit);
	/* Whether one that failed is there is not known: it ends as others. */
	err = keep(audit, *out_intent, call, &why);
	if (err == HF_OK)
		atomic_store(&audit->cannot_intend, false);
	else if (!atomic_exchange(&audit->cannot_intend, true))
		hf_log(HF_LOG_WARNING, "audit", "cannot keep an intent",
		       "err=%s why=\"%s\"", hf_err_name(err), why.text);
}

void hf_audit_drop(struct hf_audit *audit, uint64_t intent)
{
	if (intent != 0)
		hf_audit_intent_drop(audit->node, intent);
}

static enum hf_err append(struct hf_audit *audit, uint32_t set,
			  struct hf_span payload, uint64_t intent,
			  struct hf_ledger_done done, struct hf_why *why)
{
	const struct hf_ledger_along end = { .forget = intent };
	const struct hf_ledger_draft draft = {
		.op = HF_OP_STATUS,
		.time_ms = hf_clock_wall_ms(),
		.target = HF_LEDGER_SELF,
		.payload = payload,
	};
	const struct hf_ledger_batch batch = {
		.set = set,
		.drafts = &draft,
		.drafts_count = 1,
		.along = &end,
	};

	return hf_ledger_append(audit->node->ledger, &batch, done, why);
}

enum hf_err hf_audit_say(struct hf_audit *audit,
			 const struct hf_audit_call *call, struct hf_why *why)
{
	struct hf_ledger_wait *wait;
	struct hf_buf payload;
	uint32_t set;
	enum hf_err err = hf_ledger_wait_new(&wait, why);

	if (err != HF_OK) {
		hf_audit_leave(audit, call->intent);
		return err;
	}
	hf_buf_init(&payload, HF_PAYLOAD_MAX_BYTES);
	err = hf_audit_put_entry(call, &payload, why);
	if (err == HF_OK)
		err = begin(audit, &set, why);
	if (err == HF_OK)
		err = append(audit, set, hf_buf_span(&payload), call->intent,
			     hf_ledger_wait_done(wait), why);
	if (err == HF_OK)
		err = hf_ledger_wait_for(wait, NULL, why);
	if (err != HF_OK)
		hf_audit_leave(audit, call->intent);
	hf_buf_release(&payload);
	hf_ledger_wait_free(wait);
	return err;
}

/* A call that came before the audit had begun. */
struct early {
	struct hf_errand errand; /* first */
	struct hf_audit *audit;
	struct hf_ledger_done done;
	struct hf_buf payload;
	uint64_t intent;
};

static void run_early(struct hf_errand *errand)
{
	struct early *early = (struct early *)(void *)errand;
	const struct hf_ledger_receipt none = { .set = 0 };
	struct hf_why why = { "" };
	uint32_t set;
	enum hf_err err = begin(early->audit, &set, &why);

	if (err == HF_OK)
		err = append(early->audit, set, hf_buf_span(&early->payload),
			     early->intent, early->done, &why);
	if (err != HF_OK)
		early->done.call(early->done.arg, err, &none, &why);
	hf_buf_release(&early->payload);
	free(early);
}

/* Takes the payload, also where it fails. */
static enum hf_err queue_early(struct hf_audit *audit, struct hf_buf *payload,
			       uint64_t intent, struct hf_ledger_done done,
			       struct hf_why *why)
{
	struct early *early = calloc(1, sizeof(*early));

	if (early == NULL) {
		hf_buf_release(payload);
		return hf_why(why, HF_E_NOMEM, "audit: no memory");
	}
	early->errand.run = run_early;
	early->audit = audit;
	early->done = done;
	early->payload = *payload;
	early->intent = intent;
	hf_errand_post(audit->node->errands, &early->errand);
	return HF_OK;
}

enum hf_err hf_audit_queue(struct hf_audit *audit,
			   const struct hf_audit_call *call,
			   struct hf_ledger_done done, struct hf_why *why)
{
	struct hf_buf payload;
	uint32_t set;
	enum hf_err err;

	hf_buf_init(&payload, HF_PAYLOAD_MAX_BYTES);
	err = hf_audit_put_entry(call, &payload, why);
	if (err == HF_OK && !hf_audit_set(audit, &set))
		return queue_early(audit, &payload, call->intent, done, why);
	if (err == HF_OK)
		err = append(audit, set, hf_buf_span(&payload), call->intent,
			     done, why);
	hf_buf_release(&payload);
	return err;
}
