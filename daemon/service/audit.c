#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "clock.h"
#include "codec_audit.h"
#include "duty.h"
#include "log.h"

#include "audit.h"
#include "audit_begin.h"
#include "errand.h"
#include "node.h"
#include "own_set.h"
#include "serve.h"

/* A request of 4 MiB may be among what is told of. */
#define ARENA_MAX_BYTES (4 * HF_UNPACK_MAX_BYTES)

struct hf_audit {
	struct hf_errand errand; /* first */
	struct hf_node *node;    /* borrowed */
	atomic_bool has_failed;  /* logged */
	pthread_mutex_t begin;   /* one begins at a time */
	pthread_mutex_t lock;    /* guards the rest */
	bool is_begun;
	bool is_waking;
	uint32_t set;
};

static bool is_begun(struct hf_audit *audit, uint32_t *out_set)
{
	bool is;

	pthread_mutex_lock(&audit->lock);
	is = audit->is_begun;
	*out_set = audit->set;
	pthread_mutex_unlock(&audit->lock);
	return is;
}

/* ---- beginning ---- */

/* A store that is older than what the signer signed is not gone on with, and
 * nobody else has what it lost: the next epoch begins, and the old one shows
 * that it has no end. */
static enum hf_err find_and_say(struct hf_node *node, uint32_t *out_set,
				struct hf_why *why)
{
	enum hf_err err = hf_audit_find(node, out_set, why);

	if (err == HF_OK) {
		err = hf_audit_say_start(node, *out_set, why);
		if (err != HF_E_CONFLICT && err != HF_E_FROZEN)
			return err;
		hf_log(HF_LOG_WARNING, "audit", "goes on in another set",
		       "why=\"%s\"", why->text);
	} else if (err != HF_E_NOTFOUND) {
		return err;
	}
	err = hf_audit_open_next(node, out_set, why);
	return err == HF_OK ? hf_audit_say_start(node, *out_set, why) : err;
}

/* Begin, unless that is done. */
static enum hf_err begin(struct hf_audit *audit, uint32_t *out_set,
			 struct hf_why *why)
{
	enum hf_err err = HF_OK;

	if (is_begun(audit, out_set))
		return HF_OK;
	pthread_mutex_lock(&audit->begin);
	if (!is_begun(audit, out_set)) {
		err = find_and_say(audit->node, out_set, why);
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

static void run_begin(struct hf_errand *errand)
{
	struct hf_audit *audit = (struct hf_audit *)(void *)errand;

	begin_or_log(audit);
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
	is_wanted = !audit->is_begun && !audit->is_waking;
	audit->is_waking |= is_wanted;
	pthread_mutex_unlock(&audit->lock);
	if (is_wanted)
		hf_errand_post(audit->node->errands, &audit->errand);
}

enum hf_err hf_audit_start(struct hf_node *node, struct hf_audit **out_audit,
			   struct hf_why *why)
{
	struct hf_audit *audit = calloc(1, sizeof(*audit));

	if (audit == NULL)
		return hf_why(why, HF_E_NOMEM, "audit: no memory");
	audit->node = node;
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

	if (audit == NULL || !is_begun(audit, &set))
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

static enum hf_err encode(const struct hf_audit_call *call,
			  struct hf_buf *payload, struct hf_why *why)
{
	/* Behind "/hashfed.v1." */
	const char *method = strrchr(call->path, '.');
	struct hf_audit_record record = {
		.method = method != NULL ? method + 1 : call->path,
		.who = call->who->name,
		.serial = call->who->serial,
		.outcome = hf_err_name(call->outcome),
	};
	struct hf_audit_facts facts;
	struct hf_arena arena;
	char duties[64];
	enum hf_err err;

	hf_arena_init(&arena, ARENA_MAX_BYTES);
	facts = (struct hf_audit_facts){ .arena = &arena };
	hf_audit_facts_of_request(&facts, call->path, call->request);
	hf_audit_facts_of_answer(&facts, call->path, call->answer);
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

static enum hf_err append(struct hf_audit *audit, uint32_t set,
			  struct hf_span payload, struct hf_ledger_done done,
			  struct hf_why *why)
{
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
	};

	return hf_ledger_append(audit->node->ledger, &batch, done, why);
}

enum hf_err hf_audit_say(struct hf_audit *audit,
			 const struct hf_audit_call *call, struct hf_why *why)
{
	struct hf_ledger_receipt receipt;
	struct hf_ledger_wait *wait;
	struct hf_buf payload;
	uint32_t set;
	enum hf_err err = hf_ledger_wait_new(&wait, why);

	if (err != HF_OK)
		return err;
	hf_buf_init(&payload, HF_PAYLOAD_MAX_BYTES);
	err = encode(call, &payload, why);
	if (err == HF_OK)
		err = begin(audit, &set, why);
	if (err == HF_OK)
		err = append(audit, set, hf_buf_span(&payload),
			     hf_ledger_wait_done(wait), why);
	if (err == HF_OK)
		err = hf_ledger_wait_for(wait, &receipt, why);
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
			     early->done, &why);
	if (err != HF_OK)
		early->done.call(early->done.arg, err, &none, &why);
	hf_buf_release(&early->payload);
	free(early);
}

/* Takes the payload, also where it fails. */
static enum hf_err queue_early(struct hf_audit *audit, struct hf_buf *payload,
			       struct hf_ledger_done done, struct hf_why *why)
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
	err = encode(call, &payload, why);
	if (err == HF_OK && !is_begun(audit, &set))
		return queue_early(audit, &payload, done, why);
	if (err == HF_OK)
		err = append(audit, set, hf_buf_span(&payload), done, why);
	hf_buf_release(&payload);
	return err;
}
