#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "codec_item.h"
#include "codec_match.h"
#include "feed.h"
#include "leaf.h"
#include "ledger_view.h"
#include "match_policy.h"
#include "rpc.h"

#include "node.h"
#include "serve.h"

/* Entries of one answer: what the worker does between two other calls; or so
 * many bytes, and those of one entry. */
#define STEP_ENTRIES 2048
#define STEP_BYTES   ((size_t)512 * 1024)

/* Entries of one set that are new to the caller. */
struct range {
	char origin[HF_ORIGIN_MAX_BYTES + 1];
	uint32_t set;
	uint64_t from, to;
};

/* One GetNews call. */
struct news {
	struct range *ranges; /* owned; every set that is matched on */
	size_t ranges_count;
	size_t ranges_size;
	size_t at; /* the range that is being read, from its `from` on */
	uint64_t frames_left; /* that are told yet */
};

static void news_free(struct news *news)
{
	if (news == NULL)
		return;
	free(news->ranges);
	free(news);
}

/* ---- what is new ---- */

/* Where the caller stands: an index that is made again has not come so far
 * yet, but whoever asks then is told to wait. */
static uint64_t since_of(const struct hf_get_news_request *request,
			 const char *origin)
{
	for (size_t i = 0; i < request->since_count; i++) {
		if (strcmp(request->since[i].origin, origin) == 0)
			return request->since[i].position;
	}
	return 0;
}

static enum hf_err add_range(struct news *news,
			     const struct hf_get_news_request *request,
			     const struct hf_feed_set *is, struct hf_why *why)
{
	struct range *range;

	if (news->ranges_count == news->ranges_size) {
		size_t size = news->ranges_size * 2 + 16;
		struct range *ranges =
			realloc(news->ranges, size * sizeof(*ranges));

		if (ranges == NULL)
			return hf_why(why, HF_E_NOMEM, "news: no memory");
		news->ranges = ranges;
		news->ranges_size = size;
	}
	range = &news->ranges[news->ranges_count++];
	memcpy(range->origin, is->origin, sizeof(range->origin));
	range->set = is->set;
	range->from = since_of(request, is->origin);
	range->to = is->fed;
	/* A copy of a ledger that was put back may be shorter than what the
	 * caller saw. */
	if (range->from > range->to)
		range->from = range->to;
	return HF_OK;
}

static enum hf_err plan(struct hf_node *node, struct news *news,
			const struct hf_get_news_request *request,
			struct hf_why *why)
{
	struct hf_ledger_info info = { .set = 0 };
	struct hf_ledger_view *view;
	enum hf_err err;

	if (!hf_feed_is_caught_up(node->feed))
		return hf_why(why, HF_E_UNAVAILABLE,
			      "the index is still being read");
	err = hf_ledger_view_begin(node->ledger, &view, why);
	if (err != HF_OK)
		return err;
	while (err == HF_OK &&
	       hf_ledger_next(view, info.set, &info, NULL) == HF_OK) {
		struct hf_feed_set is;

		if (hf_feed_get(node->feed, info.set, &is) == HF_OK &&
		    is.is_matchable)
			err = add_range(news, request, &is, why);
	}
	hf_ledger_view_end(view);
	return err;
}

/* ---- answers ---- */

static enum hf_err send(struct hf_rpc_call *call,
			const struct hf_get_news_response *answer)
{
	struct hf_buf wire;
	enum hf_err err;

	hf_buf_init(&wire, HF_MESSAGE_MAX_BYTES);
	err = hf_get_news_response_encode(answer, &wire);
	if (err == HF_OK)
		(void)hf_rpc_send_buf(call, &wire);
	hf_buf_release(&wire);
	return err;
}

/* Where everything stands.  *out_is_all: nothing comes behind it. */
static enum hf_err begin(struct hf_rpc_call *call, const struct news *news,
			 const struct hf_get_news_request *request,
			 bool *out_is_all, struct hf_why *why)
{
	const struct hf_policy *policy = hf_node_of(call)->policy;
	struct hf_get_news_response answer = {
		.until_count = news->ranges_count,
		.near_plus_one =
			(uint32_t)(hf_policy_near_distance(policy) + 1),
		.policy = hf_policy_mark(policy),
	};
	struct hf_set_position *until =
		calloc(news->ranges_count + 1, sizeof(*until));
	unsigned looked_up;
	enum hf_err err;

	if (until == NULL)
		return hf_why(why, HF_E_NOMEM, "news: no memory");
	for (size_t i = 0; i < news->ranges_count; i++) {
		const struct range *range = &news->ranges[i];

		until[i] = (struct hf_set_position){ range->origin, range->to };
		answer.entries += range->to - range->from;
	}
	answer.frame_near_plus_one =
		(uint32_t)(hf_policy_video_distance(policy, &looked_up) + 1);
	answer.looked_up_percent_least = looked_up;
	answer.until = until;
	answer.is_cut = answer.entries > request->entries_most;
	*out_is_all = answer.is_cut || answer.entries == 0;
	err = send(call, &answer);
	free(until);
	return err;
}

struct parts {
	const struct hf_policy *policy;
	const struct range *range;
	uint64_t *frames_left; /* the call's */
	bool are_frames_cut;
	struct hf_buf exact, near, frames;
};

/* All frames of a list, or none of this one and of those behind it. */
static void put_frames(struct parts *parts, struct hf_span list)
{
	size_t count = list.len_bytes / HF_PDQ_BYTES;

	if (count > *parts->frames_left) {
		*parts->frames_left = 0;
		parts->are_frames_cut = true;
		return;
	}
	*parts->frames_left -= count;
	for (size_t i = 0; i < count; i++)
		hf_buf_put(&parts->frames, hf_span(list.at + i * HF_PDQ_BYTES,
						   HF_NEWS_NEAR_BYTES));
}

static size_t bytes_of(const struct parts *parts)
{
	return parts->exact.len_bytes + parts->near.len_bytes +
	       parts->frames.len_bytes;
}

/* What policy leaves out is not in the index either. */
static void put_hashes(struct parts *parts, const struct hf_item *item)
{
	for (size_t i = 0; i < item->hashes_count; i++) {
		const struct hf_hash *hash = &item->hashes[i];

		if (!hf_algorithm_takes(hash->algorithm,
					hash->digest.len_bytes) ||
		    !hf_policy_indexes(parts->policy,
				       hf_span_of(parts->range->origin),
				       item->content_class, hash->algorithm,
				       HF_QUALITY_NONE))
			continue;
		if (hash->algorithm == HF_ALGORITHM_PDQ)
			hf_buf_put(&parts->near, hf_span(hash->digest.at,
							 HF_NEWS_NEAR_BYTES));
		else if (hash->algorithm == HF_ALGORITHM_VPDQ)
			put_frames(parts, hash->digest);
		else
			hf_buf_put(&parts->exact, hf_span(hash->digest.at,
							  HF_NEWS_EXACT_BYTES));
	}
}

static enum hf_err put_entry(struct parts *parts,
			     const struct hf_ledger_entry *entry,
			     struct hf_arena *scratch, struct hf_why *why)
{
	struct hf_header header;
	struct hf_item item;
	enum hf_err err;

	if (entry->state != HF_LEDGER_HELD ||
	    hf_header_parse(entry->header, &header, NULL) != HF_OK ||
	    header.op != HF_OP_ADD)
		return HF_OK;
	hf_arena_reset(scratch);
	err = hf_item_parse(entry->payload, scratch, &item, why);
	if (err == HF_OK)
		put_hashes(parts, &item);
	/* What does not decode is not in the index either. */
	return err == HF_E_NOMEM ? err : HF_OK;
}

/* *from is where the next answer begins. */
static enum hf_err put_entries(struct hf_node *node, struct parts *parts,
			       uint64_t *from, uint64_t to, struct hf_why *why)
{
	struct hf_ledger_view *view;
	struct hf_ledger_scan *scan;
	struct hf_ledger_entry entry;
	struct hf_arena scratch;
	enum hf_err err = hf_ledger_view_begin(node->ledger, &view, why);

	if (err != HF_OK)
		return err;
	hf_arena_init(&scratch, HF_UNPACK_MAX_BYTES);
	err = hf_ledger_scan_begin(view, parts->range->set, *from, &scan, why);
	if (err == HF_OK) {
		while (err == HF_OK && *from < to &&
		       bytes_of(parts) < STEP_BYTES) {
			err = hf_ledger_scan_next(scan, &entry, why);
			if (err == HF_OK)
				err = put_entry(parts, &entry, &scratch, why);
			(*from)++;
		}
		hf_ledger_scan_end(scan);
	}
	hf_arena_release(&scratch);
	hf_ledger_view_end(view);
	return err;
}

/* One answer; the next when the transport took it. */
static void go_on(struct hf_rpc_call *call, struct news *news)
{
	struct hf_node *node = hf_node_of(call);
	struct hf_get_news_response answer = { 0 };
	struct parts parts = { .policy = node->policy,
			       .frames_left = &news->frames_left };
	struct hf_why why = { "" };
	struct range *range;
	uint64_t to;
	enum hf_err err;

	while (news->at < news->ranges_count &&
	       news->ranges[news->at].from == news->ranges[news->at].to)
		news->at++;
	if (news->at == news->ranges_count) {
		hf_rpc_finish(call, HF_OK, NULL);
		return;
	}
	range = &news->ranges[news->at];
	to = range->to - range->from > STEP_ENTRIES ? range->from + STEP_ENTRIES
						    : range->to;
	parts.range = range;
	hf_buf_init(&parts.exact, 2 * STEP_BYTES);
	hf_buf_init(&parts.near, 2 * STEP_BYTES);
	hf_buf_init(&parts.frames, 2 * STEP_BYTES);
	err = put_entries(node, &parts, &range->from, to, &why);
	if (err == HF_OK && (hf_buf_failed(&parts.exact) != HF_OK ||
			     hf_buf_failed(&parts.near) != HF_OK ||
			     hf_buf_failed(&parts.frames) != HF_OK))
		err = hf_why(&why, HF_E_NOMEM, "news: no memory");
	answer.exact = hf_buf_span(&parts.exact);
	answer.near = hf_buf_span(&parts.near);
	answer.frames = hf_buf_span(&parts.frames);
	answer.are_frames_cut = parts.are_frames_cut;
	if (err == HF_OK)
		err = send(call, &answer);
	hf_buf_release(&parts.exact);
	hf_buf_release(&parts.near);
	hf_buf_release(&parts.frames);
	if (err != HF_OK)
		hf_rpc_finish(call, err, &why);
}

static void on_recv(struct hf_rpc_call *call, struct hf_span message)
{
	struct news *news = calloc(1, sizeof(*news));
	struct hf_get_news_request request;
	struct hf_why why = { "" };
	struct hf_arena arena;
	bool is_all = false;
	enum hf_err err;

	if (news == NULL) {
		hf_rpc_finish(call, HF_E_NOMEM, NULL);
		return;
	}
	hf_rpc_set_data(call, news);
	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	err = hf_get_news_request_parse(message, &arena, &request, &why);
	if (err == HF_OK)
		err = plan(hf_node_of(call), news, &request, &why);
	if (err == HF_OK) {
		news->frames_left = request.frames_most;
		err = begin(call, news, &request, &is_all, &why);
	}
	hf_arena_release(&arena);
	if (err != HF_OK)
		hf_rpc_finish(call, err, &why);
	else if (is_all)
		hf_rpc_finish(call, HF_OK, NULL);
}

static void on_sent(struct hf_rpc_call *call)
{
	struct news *news = hf_rpc_data(call);

	if (news != NULL && !hf_rpc_is_over(call))
		go_on(call, news);
}

static void on_done(struct hf_rpc_call *call, enum hf_err err)
{
	news_free(hf_rpc_data(call));
}

static void on_drain(struct hf_rpc_call *call)
{
	hf_rpc_finish(call, HF_E_UNAVAILABLE, NULL);
}

const struct hf_rpc_events hf_serve_get_news = {
	.recv = on_recv,
	.sent = on_sent,
	.done = on_done,
	.drain = on_drain,
};
