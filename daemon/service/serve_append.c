#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "clock.h"
#include "codec_publish.h"
#include "leaf.h"
#include "ledger_view.h"
#include "peers.h"
#include "ring.h"
#include "rpc.h"

#include "audit.h"
#include "node.h"
#include "own_check.h"
#include "own_set.h"
#include "replicas.h"
#include "serve.h"

/* Messages of one call that may wait for the disk before we stop reading. */
#define PARTS_IN_FLIGHT 8

/* Between two looks at what peers have stored. */
#define REPLICAS_GAP_LEAST_MS ((int64_t)10)
#define REPLICAS_GAP_MOST_MS  ((int64_t)500)

#define ARENA_MAX_BYTES ((size_t)64 * 1024 * 1024)

/* One Append call.  It lives until the call is done and the last of its parts
 * came back from the writer. */
struct append {
	struct hf_node *node;
	struct hf_rpc_call *call; /* a reference */
	char origin[HF_ORIGIN_MAX_BYTES + 1];
	uint32_t set;
	uint64_t size; /* of the tree that covers everything so far */
	struct hf_appended_range *ranges; /* owned */
	size_t ranges_count;
	size_t ranges_size;
	unsigned parts_count; /* away at the writer */
	struct hf_rpc_task told_task;
	struct hf_buf answer;
	bool is_telling; /* the audit is being told of it */
	bool is_told;
	bool has_set;
	bool is_half_closed;
	bool is_done;
	/* Everything is durable here; peers are to have it too. */
	struct hf_rpc_timer replicas;
	uint64_t waits_since_us; /* 0: not yet */
	int64_t gap_ms;
	enum hf_err failed;
	struct hf_why why;
};

/* One message of it at the writer. */
struct part {
	struct hf_rpc_task back;
	struct append *append;
	size_t range;
	enum hf_err err;
	struct hf_ledger_receipt receipt;
	struct hf_why why;
};

static bool is_away(const struct append *append)
{
	return append->parts_count > 0 || append->is_telling;
}

static void free_when_over(struct append *append)
{
	if (!append->is_done || is_away(append))
		return;
	hf_rpc_unref(append->call);
	hf_buf_release(&append->answer);
	free(append->ranges);
	free(append);
}

static void fail(struct append *append, enum hf_err err,
		 const struct hf_why *why)
{
	if (append->failed != HF_OK)
		return;
	append->failed = err;
	append->why = *why;
}

static void make_answer(struct append *append)
{
	const struct hf_append_response response = {
		.origin = append->origin,
		.ranges = append->ranges,
		.ranges_count = append->ranges_count,
		.size = append->size,
	};

	hf_buf_init(&append->answer, HF_MESSAGE_MAX_BYTES);
	if (append->has_set &&
	    hf_append_response_encode(&response, &append->answer) != HF_OK)
		fail(append, HF_E_LIMIT, &(struct hf_why){ "" });
}

static void reply(struct append *append)
{
	hf_rpc_reply_buf(append->call, &append->answer);
}

/* Behind the last entry of this call. */
static uint64_t end_of(const struct append *append)
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
	struct append *append = arg;
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

static void acknowledge(struct append *append)
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

static void answer(struct append *append)
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
	struct append *append = arg;

	append->is_telling = false;
	answer(append);
	free_when_over(append);
}

static void fail_told(struct append *append, enum hf_err err,
		      const struct hf_why *why)
{
	struct hf_why prefixed = *why;

	hf_why_prefix(&prefixed, "done, but not in the audit: ");
	fail(append, err, &prefixed);
}

/* On the ledger's writer thread. */
static void on_recorded(void *arg, enum hf_err err,
			const struct hf_ledger_receipt *receipt,
			const struct hf_why *why)
{
	struct append *append = arg;

	if (err != HF_OK)
		fail_told(append, err, why);
	hf_rpc_loop_post(append->node->worker, &append->told_task);
}

/* Did it append anything, or find that an earlier call had? */
static bool has_entries(const struct append *append)
{
	for (size_t i = 0; i < append->ranges_count; i++) {
		if (append->ranges[i].count > 0)
			return true;
	}
	return false;
}

/* All that it does is done: one entry in the audit, then the answer. */
static void conclude(struct append *append)
{
	const struct hf_ledger_done done = { on_recorded, append };
	struct hf_audit_call told = {
		.path = hf_rpc_path(append->call),
		.who = hf_rpc_caller(append->call),
		.outcome = append->failed,
	};
	struct hf_why why = { "" };
	enum hf_err err;

	append->is_told = true;
	make_answer(append);
	told.answer = hf_buf_span(&append->answer);
	if (append->failed == HF_OK && !append->is_half_closed)
		told.outcome = HF_E_CANCELLED;
	if (append->node->audit == NULL ||
	    (!hf_audit_wants(append->node->audit, told.path, told.outcome) &&
	     !has_entries(append))) {
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
	fail_told(append, err, &why);
	answer(append);
}

/* Answer once nothing is away: with everything, or with the first error.
 * What was appended before an error stays, and the batch id finds it. */
static void settle(struct append *append)
{
	if (is_away(append) || append->is_told)
		return;
	if (append->failed != HF_OK || append->is_half_closed ||
	    append->is_done)
		conclude(append);
}

/* On the worker loop. */
static void on_back(void *arg)
{
	struct part *part = arg;
	struct append *append = part->append;

	append->parts_count--;
	if (part->err != HF_OK) {
		fail(append, part->err, &part->why);
	} else {
		struct hf_appended_range *range = &append->ranges[part->range];

		range->first = part->receipt.first;
		range->count = (uint32_t)part->receipt.count;
		if (part->receipt.size > append->size)
			append->size = part->receipt.size;
	}
	free(part);
	if (!append->is_done && append->failed == HF_OK)
		hf_rpc_resume(append->call);
	settle(append);
	free_when_over(append);
}

/* On the ledger's writer thread. */
static void on_written(void *arg, enum hf_err err,
		       const struct hf_ledger_receipt *receipt,
		       const struct hf_why *why)
{
	struct part *part = arg;

	part->err = err;
	if (err == HF_OK)
		part->receipt = *receipt;
	else
		part->why = *why;
	part->back.run = on_back;
	part->back.arg = part;
	hf_rpc_loop_post(part->append->node->worker, &part->back);
}

static enum hf_err add_range(struct append *append, uint64_t sequence,
			     struct hf_appended_range **out_range,
			     struct hf_why *why)
{
	if (append->ranges_count >= HF_APPEND_RANGES_MAX)
		return hf_why(why, HF_E_LIMIT,
			      "more than %d messages in one call",
			      HF_APPEND_RANGES_MAX);
	if (append->ranges_count == append->ranges_size) {
		size_t size = append->ranges_size * 2 + 16;
		struct hf_appended_range *ranges =
			realloc(append->ranges, size * sizeof(*ranges));

		if (ranges == NULL)
			return hf_why(why, HF_E_NOMEM, "no memory");
		append->ranges = ranges;
		append->ranges_size = size;
	}
	*out_range = &append->ranges[append->ranges_count++];
	**out_range = (struct hf_appended_range){ .sequence = sequence };
	return HF_OK;
}

/* Are the entries of an earlier part these items, all of them or, where what
 * is known is skipped, some of them in this order?  An erased payload can no
 * longer be compared: the count has to do. */
static enum hf_err check_repeat(struct hf_ledger_view *view,
				const struct hf_ledger_receipt *receipt,
				const struct hf_append_request *request,
				struct hf_why *why)
{
	struct hf_ledger_scan *scan;
	struct hf_ledger_entry entry;
	uint64_t same = 0;
	enum hf_err err = hf_ledger_scan_begin(view, receipt->set,
					       receipt->first, &scan, why);

	if (err == HF_OK)
		err = hf_ledger_scan_next(scan, &entry, why);
	for (size_t i = 0;
	     i < request->items_count && err == HF_OK && same < receipt->count;
	     i++) {
		if (entry.state == HF_LEDGER_HELD &&
		    !hf_span_equal(entry.payload, request->items[i]))
			continue;
		same++;
		if (same < receipt->count)
			err = hf_ledger_scan_next(scan, &entry, why);
	}
	hf_ledger_scan_end(scan);
	if (err == HF_OK &&
	    (same != receipt->count ||
	     (!request->skip_known && receipt->count != request->items_count)))
		err = hf_why(why, HF_E_CONFLICT,
			     "part %llu of this batch was appended before, "
			     "with other items",
			     (unsigned long long)request->sequence);
	return err;
}

/* Did an earlier call append this message?  Then its indexes are the answer,
 * whatever is known by now. */
static enum hf_err find_earlier(struct append *append,
				const struct hf_append_request *request,
				struct hf_appended_range *range,
				bool *out_is_found, struct hf_why *why)
{
	struct hf_ledger_receipt receipt;
	struct hf_ledger_info info;
	struct hf_ledger_view *view;
	uint64_t sequence;
	enum hf_err err;

	*out_is_found = false;
	err = hf_ledger_view_begin(append->node->ledger, &view, why);
	if (err != HF_OK)
		return err;
	if (hf_ledger_batch_next(view, append->set, request->batch_id.at,
				 request->sequence, &sequence, &receipt,
				 NULL) == HF_OK &&
	    sequence == request->sequence) {
		*out_is_found = true;
		receipt.set = append->set;
		err = hf_ledger_info(view, append->set, &info, why);
		if (err == HF_OK)
			err = check_repeat(view, &receipt, request, why);
	}
	hf_ledger_view_end(view);
	if (err != HF_OK || !*out_is_found)
		return err;
	range->first = receipt.first;
	range->count = (uint32_t)receipt.count;
	range->known = (uint32_t)(request->items_count - receipt.count);
	if (info.size > append->size)
		append->size = info.size;
	return HF_OK;
}

/* Whose fault, in the words of the request. */
static void blame(struct append *append, size_t item, struct hf_why *why)
{
	char field[32];

	snprintf(field, sizeof(field), "items[%zu]", item);
	hf_rpc_blame(append->call, field, why->text);
	hf_why_prefix(why, "%s: ", field);
}

/* Every item checked; out_known, unless NULL, says which are in the set
 * already. */
static enum hf_err check_items(struct append *append,
			       const struct hf_append_request *request,
			       struct hf_arena *arena, bool *out_known,
			       struct hf_why *why)
{
	struct hf_ring *ring = hf_ring_holder_get(append->node->ring);
	struct hf_own_check check;
	size_t bad = 0;
	enum hf_err err;

	err = hf_own_check_begin(append->node, append->set,
				 hf_ring_set(ring, hf_span_of(append->origin)),
				 &check, why);
	if (err == HF_OK) {
		err = hf_own_check_items(&check, request->items,
					 request->items_count, HF_OP_ADD, arena,
					 out_known, &bad, why);
		if (err != HF_OK)
			blame(append, bad, why);
		hf_own_check_end(&check);
	}
	hf_ring_release(ring);
	return err;
}

/* The drafts of a message, without what is known where that is asked for. */
static enum hf_err make_drafts(struct append *append,
			       const struct hf_append_request *request,
			       struct hf_arena *arena,
			       struct hf_ledger_draft *drafts,
			       size_t *out_count, struct hf_why *why)
{
	uint64_t now_ms = hf_clock_wall_ms();
	bool *known = NULL;
	size_t count = 0;
	enum hf_err err;

	if (request->skip_known) {
		known = hf_arena_calloc(arena, request->items_count,
					sizeof(*known));
		if (known == NULL)
			return hf_why(why, HF_E_LIMIT,
				      "too many items at once");
	}
	err = check_items(append, request, arena, known, why);
	if (err != HF_OK)
		return err;
	for (size_t i = 0; i < request->items_count; i++) {
		if (known != NULL && known[i])
			continue;
		drafts[count++] = (struct hf_ledger_draft){
			.op = HF_OP_ADD,
			.time_ms = now_ms,
			.target = HF_LEDGER_SELF,
			.payload = request->items[i],
		};
	}
	*out_count = count;
	return HF_OK;
}

static enum hf_err write_part(struct append *append,
			      const struct hf_append_request *request,
			      const struct hf_ledger_draft *drafts,
			      size_t drafts_count, struct hf_why *why)
{
	struct hf_ledger_batch batch = {
		.set = append->set,
		.sequence = request->sequence,
		.drafts = drafts,
		.drafts_count = drafts_count,
	};
	struct part *part = calloc(1, sizeof(*part));
	enum hf_err err;

	if (part == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	memcpy(batch.id, request->batch_id.at, sizeof(batch.id));
	part->append = append;
	part->range = append->ranges_count - 1;
	append->parts_count++;
	err = hf_ledger_append(
		append->node->ledger, &batch,
		(struct hf_ledger_done){ .call = on_written, .arg = part },
		why);
	if (err != HF_OK) {
		append->parts_count--;
		free(part);
	}
	return err;
}

static enum hf_err take_message(struct append *append,
				const struct hf_append_request *request,
				struct hf_arena *arena, struct hf_why *why)
{
	struct hf_appended_range *range;
	struct hf_ledger_draft *drafts;
	char origin[HF_ORIGIN_MAX_BYTES + 1];
	size_t count = 0;
	bool is_earlier;
	uint32_t set;
	enum hf_err err;

	err = hf_node_own_set(append->node, request->set, origin, &set, why);
	if (err != HF_OK)
		return err;
	if (append->has_set && set != append->set)
		return hf_why(why, HF_E_ARGUMENT,
			      "one call appends to one set only");
	append->has_set = true;
	append->set = set;
	strcpy(append->origin, origin);
	err = add_range(append, request->sequence, &range, why);
	if (err == HF_OK)
		err = find_earlier(append, request, range, &is_earlier, why);
	if (err != HF_OK || is_earlier)
		return err;
	drafts = hf_arena_calloc(arena, request->items_count, sizeof(*drafts));
	if (drafts == NULL)
		return hf_why(why, HF_E_LIMIT, "too many items at once");
	err = make_drafts(append, request, arena, drafts, &count, why);
	if (err != HF_OK)
		return err;
	range->known = (uint32_t)(request->items_count - count);
	return count > 0 ? write_part(append, request, drafts, count, why)
			 : HF_OK;
}

static void on_open(struct hf_rpc_call *call)
{
	struct append *append = calloc(1, sizeof(*append));

	if (append == NULL) {
		hf_rpc_finish(call, HF_E_NOMEM, NULL);
		return;
	}
	append->node = hf_node_of(call);
	append->call = call;
	hf_rpc_ref(call);
	hf_rpc_set_data(call, append);
}

static void on_recv(struct hf_rpc_call *call, struct hf_span message)
{
	struct append *append = hf_rpc_data(call);
	struct hf_append_request request;
	struct hf_why why = { "" };
	struct hf_arena arena;
	enum hf_err err;

	if (append == NULL || append->failed != HF_OK)
		return;
	if (message.at == NULL) {
		append->is_half_closed = true;
		if (!append->has_set) {
			hf_why(&why, HF_E_ARGUMENT, "nothing to append");
			fail(append, HF_E_ARGUMENT, &why);
		}
		settle(append);
		return;
	}
	hf_arena_init(&arena, ARENA_MAX_BYTES);
	err = hf_append_request_parse(message, &arena, &request, &why);
	if (err == HF_OK)
		err = take_message(append, &request, &arena, &why);
	hf_arena_release(&arena);
	if (err != HF_OK) {
		hf_why_prefix(&why, "message %zu: ",
			      append->ranges_count > 0
				      ? append->ranges_count - 1
				      : 0);
		fail(append, err, &why);
		settle(append);
	} else if (append->parts_count >= PARTS_IN_FLIGHT) {
		hf_rpc_pause(call);
	}
}

static void on_done(struct hf_rpc_call *call, enum hf_err err)
{
	struct append *append = hf_rpc_data(call);

	if (append == NULL)
		return;
	append->is_done = true;
	hf_rpc_timer_stop(append->node->worker, &append->replicas);
	settle(append);
	free_when_over(append);
}

const struct hf_rpc_events hf_serve_append = {
	.open = on_open,
	.recv = on_recv,
	.done = on_done,
};
