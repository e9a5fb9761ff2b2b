#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "clock.h"
#include "codec_publish.h"
#include "leaf.h"
#include "ledger_view.h"
#include "ring.h"
#include "rpc.h"

#include "append_call.h"
#include "epoch.h"
#include "node.h"
#include "own_check.h"
#include "own_set.h"
#include "serve.h"

#define ARENA_MAX_BYTES ((size_t)64 * 1024 * 1024)

static enum hf_err add_range(struct hf_append *append, uint64_t sequence,
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
static enum hf_err find_earlier(struct hf_append *append,
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
static void blame(struct hf_append *append, size_t item, struct hf_why *why)
{
	char field[32];

	snprintf(field, sizeof(field), "items[%zu]", item);
	hf_rpc_blame(append->call, field, why->text);
	hf_why_prefix(why, "%s: ", field);
}

/* Every item checked; out_known, unless NULL, says which are in the set
 * already. */
static enum hf_err check_items(struct hf_append *append,
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
static enum hf_err make_drafts(struct hf_append *append,
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

/* Takes the arena, which has the drafts, where it succeeds. */
static enum hf_err new_part(struct hf_append *append,
			    const struct hf_append_request *request,
			    struct hf_arena *arena,
			    struct hf_ledger_draft *drafts, size_t drafts_count,
			    struct hf_why *why)
{
	struct hf_append_part *part = calloc(1, sizeof(*part));

	if (part == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	part->append = append;
	part->range = append->ranges_count - 1;
	part->arena = *arena;
	hf_arena_init(arena, ARENA_MAX_BYTES);
	part->drafts = drafts;
	part->drafts_count = drafts_count;
	memcpy(part->batch, request->batch_id.at, sizeof(part->batch));
	part->sequence = request->sequence;
	hf_buf_init(&part->intent, HF_LEDGER_RECORD_MAX_BYTES);
	hf_append_hold(append, part);
	return HF_OK;
}

static enum hf_err take_message(struct hf_append *append,
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
	if (err == HF_OK)
		err = hf_epoch_check_latest(append->node, origin, why);
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
	return count > 0 ? new_part(append, request, arena, drafts, count, why)
			 : HF_OK;
}

static void on_open(struct hf_rpc_call *call)
{
	struct hf_append *append = calloc(1, sizeof(*append));

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
	struct hf_append *append = hf_rpc_data(call);
	struct hf_append_request request;
	struct hf_why why = { "" };
	struct hf_arena arena;
	enum hf_err err;

	if (append == NULL || append->failed != HF_OK)
		return;
	if (message.at == NULL) {
		append->is_half_closed = true;
		hf_append_unhold(append);
		if (!append->has_set) {
			hf_why(&why, HF_E_ARGUMENT, "nothing to append");
			hf_append_fail(append, HF_E_ARGUMENT, &why);
		}
		hf_append_settle(append);
		return;
	}
	hf_append_go_on(append);
	if (append->failed != HF_OK) {
		hf_append_settle(append);
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
		hf_append_fail(append, err, &why);
		hf_append_settle(append);
	} else if (append->parts_count >= HF_APPEND_PARTS_IN_FLIGHT) {
		hf_rpc_pause(call);
	}
}

static void on_done(struct hf_rpc_call *call, enum hf_err err)
{
	struct hf_append *append = hf_rpc_data(call);

	if (append == NULL)
		return;
	append->is_done = true;
	hf_rpc_timer_stop(append->node->worker, &append->replicas);
	hf_append_unhold(append);
	hf_append_settle(append);
	hf_append_end(append);
}

const struct hf_rpc_events hf_serve_append = {
	.open = on_open,
	.recv = on_recv,
	.done = on_done,
};
