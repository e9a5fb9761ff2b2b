#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "peers.h"

#include "append_call.h"
#include "audit.h"
#include "node.h"
#include "replicas.h"

/* Between two looks at what peers have stored. */
#define REPLICAS_GAP_LEAST_MS ((int64_t)10)
#define REPLICAS_GAP_MOST_MS  ((int64_t)500)

/* How long a message waits for the one after it, or for the end of the call. */
#define LAST_WAIT_MS ((int64_t)20)

static void free_part(struct hf_append_part *part)
{
	if (part == NULL)
		return;
	hf_arena_release(&part->arena);
	hf_buf_release(&part->intent);
	free(part);
}

static bool is_away(const struct hf_append *append)
{
	return append->parts_count > 0 || append->is_telling;
}

void hf_append_end(struct hf_append *append)
{
	if (!append->is_done || is_away(append))
		return;
	hf_rpc_unref(append->call);
	hf_buf_release(&append->answer);
	free_part(append->held);
	free(append->ranges);
	free(append);
}

void hf_append_fail(struct hf_append *append, enum hf_err err,
		    const struct hf_why *why)
{
	if (append->failed != HF_OK)
		return;
	append->failed = err;
	append->why = *why;
}

static struct hf_append_response answer_of(const struct hf_append *append)
{
	return (struct hf_append_response){
		.origin = append->origin,
		.ranges = append->ranges,
		.ranges_count = append->ranges_count,
		.size = append->size,
	};
}

static void make_answer(struct hf_append *append)
{
	const struct hf_append_response response = answer_of(append);

	hf_buf_init(&append->answer, HF_MESSAGE_MAX_BYTES);
	if (append->has_set &&
	    hf_append_response_encode(&response, &append->answer) != HF_OK)
		hf_append_fail(append, HF_E_LIMIT, &(struct hf_why){ "" });
}

static void reply(struct hf_append *append)
{
	hf_rpc_reply_buf(append->call, &append->answer);
}

/* Behind the last entry of this call. */
static uint64_t end_of(const struct hf_append *append)
{
	uint64_t end = 0;

	for (size_t i = 0; i < append->ranges_count; i++) {
		const struct hf_appended_range *range = &append->ranges[i];

		if (range->count > 0 && range->first + range->count > end)
			end = range->first + range->count;
	}
	return end;
}

/* As many peers as are asked for have stored it, or it takes too long: then
 * it stays here, is fetched when they come, and is acknowledged to whoever
 * sends it again. */
static void look_at_replicas(void *arg)
{
	struct hf_append *append = arg;
	const struct hf_conf *conf = append->node->conf;
	uint64_t now_us = hf_clock_mono_us();
	size_t count;

	if (append->is_done)
		return;
	count = hf_replicas_count(append->node->replicas, append->origin,
				  end_of(append));
	if (count >= conf->min_replicas_count) {
		reply(append);
		return;
	}
	if (now_us - append->waits_since_us >=
	    conf->min_replicas_wait_ms * 1000) {
		(void)hf_why(&append->why, HF_E_UNAVAILABLE,
			     "it is durable here, and %zu of the %llu peers of "
			     "min-replicas have stored it so far; send the "
			     "same batch again to have it acknowledged",
			     count,
			     (unsigned long long)conf->min_replicas_count);
		hf_rpc_finish(append->call, HF_E_UNAVAILABLE, &append->why);
		return;
	}
	hf_peers_ask_held(append->node->peers, append->set);
	hf_rpc_timer_start(append->node->worker, &append->replicas,
			   append->gap_ms);
	if (append->gap_ms < REPLICAS_GAP_MOST_MS)
		append->gap_ms *= 2;
}

static void acknowledge(struct hf_append *append)
{
	if (append->node->conf->min_replicas_count == 0 ||
	    end_of(append) == 0) {
		reply(append);
		return;
	}
	if (append->waits_since_us > 0)
		return;
	append->waits_since_us = hf_clock_mono_us();
	append->gap_ms = REPLICAS_GAP_LEAST_MS;
	append->replicas.run = look_at_replicas;
	append->replicas.arg = append;
	look_at_replicas(append);
}

static void answer(struct hf_append *append)
{
	if (append->is_done)
		return;
	if (append->failed != HF_OK)
		hf_rpc_finish(append->call, append->failed, &append->why);
	else
		acknowledge(append);
}

/* On the worker loop. */
static void on_told(void *arg)
{
	struct hf_append *append = arg;

	append->is_telling = false;
	answer(append);
	hf_append_end(append);
}

static void fail_told(struct hf_append *append, enum hf_err err,
		      const struct hf_why *why)
{
	struct hf_why prefixed = *why;

	hf_why_prefix(&prefixed, "done, but not in the audit: ");
	hf_append_fail(append, err, &prefixed);
}

/* On the ledger's writer thread. */
static void on_recorded(void *arg, enum hf_err err,
			const struct hf_ledger_receipt *receipt,
			const struct hf_why *why)
{
	struct hf_append *append = arg;

	if (err != HF_OK) {
		hf_audit_leave(append->node->audit, append->intent);
		fail_told(append, err, why);
	}
	hf_rpc_loop_post(append->node->worker, &append->told_task);
}

/* Did it append anything, or find that an earlier call had? */
static bool has_entries(const struct hf_append *append)
{
	for (size_t i = 0; i < append->ranges_count; i++) {
		if (append->ranges[i].count > 0)
			return true;
	}
	return false;
}

static bool wants_entry(const struct hf_append *append,
			const struct hf_audit_call *call)
{
	return append->node->audit != NULL && !append->is_told &&
	       (hf_audit_wants(append->node->audit, call->path,
			       call->outcome) ||
		has_entries(append));
}

/* All that it does is done: one entry in the audit, if the last message did not
 * take it along, then the answer. */
static void conclude(struct hf_append *append)
{
	const struct hf_ledger_done done = { on_recorded, append };
	const struct hf_append_response response = answer_of(append);
	struct hf_audit_call told = {
		.path = hf_rpc_path(append->call),
		.who = hf_rpc_caller(append->call),
		.appended = append->has_set ? &response : NULL,
		.outcome = append->failed,
		.intent = append->intent,
	};
	struct hf_why why = { "" };
	enum hf_err err;

	append->is_over = true;
	make_answer(append);
	if (append->failed == HF_OK && !append->is_half_closed)
		told.outcome = HF_E_CANCELLED;
	if (!wants_entry(append, &told)) {
		answer(append);
		return;
	}
	append->told_task =
		(struct hf_rpc_task){ .run = on_told, .arg = append };
	append->is_telling = true;
	err = hf_audit_queue(append->node->audit, &told, done, &why);
	if (err == HF_OK)
		return;
	append->is_telling = false;
	hf_audit_leave(append->node->audit, append->intent);
	fail_told(append, err, &why);
	answer(append);
}

static void queue_last(struct hf_append *append);

/* Answer once nothing is away: with everything, or with the first error.
 * What was appended before an error stays, and the batch id finds it. */
void hf_append_settle(struct hf_append *append)
{
	if (is_away(append) || append->is_over)
		return;
	if (append->held != NULL && append->failed == HF_OK &&
	    append->is_half_closed)
		queue_last(append);
	if (is_away(append))
		return;
	if (append->failed != HF_OK || append->is_half_closed ||
	    append->is_done)
		conclude(append);
}

/* On the worker loop. */
static void on_back(void *arg)
{
	struct hf_append_part *part = arg;
	struct hf_append *append = part->append;
	struct hf_appended_range *range;

	append->parts_count--;
	append->is_told |= part->is_last && part->receipt.is_told;
	range = &append->ranges[part->range];
	*range = (struct hf_appended_range){ .sequence = part->sequence,
					     .known = range->known };
	if (part->err != HF_OK)
		hf_append_fail(append, part->err, &part->why);
	if (part->err == HF_OK || part->receipt.is_told) {
		range->first = part->receipt.first;
		range->count = (uint32_t)part->receipt.count;
		if (part->receipt.size > append->size)
			append->size = part->receipt.size;
	}
	free_part(part);
	if (!append->is_done && append->failed == HF_OK)
		hf_rpc_resume(append->call);
	hf_append_settle(append);
	hf_append_end(append);
}

/* On the ledger's writer thread. */
static void on_written(void *arg, enum hf_err err,
		       const struct hf_ledger_receipt *receipt,
		       const struct hf_why *why)
{
	struct hf_append_part *part = arg;

	part->err = err;
	part->receipt = *receipt;
	if (err != HF_OK)
		part->why = *why;
	part->back.run = on_back;
	part->back.arg = part;
	hf_rpc_loop_post(part->append->node->worker, &part->back);
}

/* ---- messages on their way to the ledger ---- */

/* Takes the part. */
static void queue_part(struct hf_append *append, struct hf_append_part *part,
		       const struct hf_ledger_along *along)
{
	const struct hf_ledger_done done = { on_written, part };
	struct hf_ledger_batch batch = {
		.set = append->set,
		.sequence = part->sequence,
		.drafts = part->drafts,
		.drafts_count = part->drafts_count,
		.along = along,
	};
	struct hf_why why = { "" };
	enum hf_err err;

	memcpy(batch.id, part->batch, sizeof(batch.id));
	append->parts_count++;
	err = hf_ledger_append(append->node->ledger, &batch, done, &why);
	/* The ledger has its own copy. */
	hf_arena_release(&part->arena);
	if (err == HF_OK)
		return;
	append->parts_count--;
	hf_why_prefix(&why, "message %zu: ", part->range);
	hf_append_fail(append, err, &why);
	free_part(part);
}

void hf_append_unhold(struct hf_append *append)
{
	hf_rpc_timer_stop(append->node->worker, &append->held_timer);
}

static struct hf_append_part *take_held(struct hf_append *append)
{
	struct hf_append_part *part = append->held;

	hf_append_unhold(append);
	append->held = NULL;
	return part;
}

static void tell_batch(struct hf_append *append,
		       const struct hf_append_part *part)
{
	for (size_t i = 0; i < append->batches_count; i++) {
		if (memcmp(append->batches[i], part->batch,
			   HF_BATCH_ID_BYTES) == 0)
			return;
	}
	if (append->batches_count < HF_APPEND_BATCHES_TOLD)
		memcpy(append->batches[append->batches_count++], part->batch,
		       HF_BATCH_ID_BYTES);
}

/* On the ledger's writer thread. */
static enum hf_err tell_intent(void *arg,
			       const struct hf_ledger_receipt *receipt,
			       struct hf_buf *out, struct hf_why *why)
{
	const struct hf_append_part *part = arg;

	hf_buf_put(out, hf_buf_span(&part->intent));
	return HF_OK;
}

/* There may be more: what was appended so far is kept as an intent. */
void hf_append_go_on(struct hf_append *append)
{
	struct hf_append_part *part = take_held(append);
	const struct hf_append_response response = answer_of(append);
	const struct hf_audit_call call = {
		.path = hf_rpc_path(append->call),
		.who = hf_rpc_caller(append->call),
		.appended = &response,
	};
	struct hf_ledger_along along = { .tell = tell_intent, .arg = part };
	struct hf_why why = { "" };
	enum hf_err err;

	if (part == NULL)
		return;
	if (append->node->audit == NULL) {
		queue_part(append, part, NULL);
		return;
	}
	if (append->intent == 0)
		append->intent = hf_audit_number(append->node->audit);
	along.keep = append->intent;
	tell_batch(append, part);
	err = hf_audit_put_intent(
		&call,
		hf_span(append->batches,
			append->batches_count * HF_BATCH_ID_BYTES),
		&part->intent, &why);
	if (err == HF_OK) {
		queue_part(append, part, &along);
		return;
	}
	hf_append_fail(append, err, &why);
	free_part(part);
}

/* On the ledger's writer thread, while the worker leaves the ranges alone. */
static enum hf_err tell_entry(void *arg,
			      const struct hf_ledger_receipt *receipt,
			      struct hf_buf *out, struct hf_why *why)
{
	struct hf_append_part *part = arg;
	struct hf_append *append = part->append;
	struct hf_append_response response = answer_of(append);
	const struct hf_audit_call call = {
		.path = hf_rpc_path(append->call),
		.who = hf_rpc_caller(append->call),
		.appended = &response,
		.outcome = HF_OK,
	};

	append->ranges[part->range].first = receipt->first;
	append->ranges[part->range].count = (uint32_t)receipt->count;
	return hf_audit_put_entry(&call, out, why);
}

/* All others are back, and there is no more: what the audit says of the whole
 * call goes along. */
static void queue_last(struct hf_append *append)
{
	struct hf_ledger_along along = {
		.tell = tell_entry,
		.arg = append->held,
		.time_ms = hf_clock_wall_ms(),
		.forget = append->intent,
	};

	append->held->is_last = append->node->audit != NULL &&
				hf_audit_set(append->node->audit, &along.set);
	if (!append->held->is_last)
		hf_append_go_on(append);
	else
		queue_part(append, take_held(append), &along);
}

static void on_held_long(void *arg)
{
	struct hf_append *append = arg;

	if (append->failed == HF_OK)
		hf_append_go_on(append);
	hf_append_settle(append);
}

void hf_append_hold(struct hf_append *append, struct hf_append_part *part)
{
	append->held = part;
	append->held_timer.run = on_held_long;
	append->held_timer.arg = append;
	hf_rpc_timer_start(append->node->worker, &append->held_timer,
			   LAST_WAIT_MS);
}
