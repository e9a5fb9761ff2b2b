#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "cases.h"
#include "rpc.h"

#include "node.h"
#include "serve.h"
#include "serve_watch.h"

/* What a call may have on its way: a reader that is slow gets the rest once it
 * has taken these. */
#define QUEUED_MOST ((size_t)256 * 1024)

#define ARENA_MAX_BYTES ((size_t)1024 * 1024)

/* One open call. */
struct watch {
	struct watch *next;
	struct hf_rpc_call *call; /* borrowed until done */
	struct hf_watches *watches;
	uint8_t position[HF_CASES_POSITION_BYTES];
	size_t position_len_bytes; /* 0: from the beginning */
	bool is_marked;            /* it was told that it has heard all */
};

struct hf_watches {
	struct hf_node *node; /* borrowed */
	struct watch *first;  /* the worker loop's */
	struct hf_rpc_task look;
};

static bool send(struct watch *watch,
		 const struct hf_watch_cases_response *news)
{
	struct hf_buf wire;
	bool goes_on = false;

	hf_buf_init(&wire, HF_MESSAGE_MAX_BYTES);
	if (hf_watch_cases_response_encode(news, &wire) == HF_OK)
		goes_on = hf_rpc_send_buf(watch->call, &wire);
	else
		hf_rpc_finish(watch->call, HF_E_INTERNAL, NULL);
	hf_buf_release(&wire);
	return goes_on;
}

/* Once, when everything that was there has been said: where "now" is. */
static bool mark(struct watch *watch)
{
	struct hf_watch_cases_response news = { .is_mark = true };

	if (watch->is_marked)
		return true;
	watch->is_marked = true;
	news.position = hf_span(watch->position, watch->position_len_bytes);
	return send(watch, &news);
}

static void go_on(struct watch *watch)
{
	struct hf_cases *cases = watch->watches->node->cases;
	struct hf_arena arena;
	bool goes_on = true;

	hf_arena_init(&arena, ARENA_MAX_BYTES);
	while (goes_on && !hf_rpc_is_over(watch->call) &&
	       hf_rpc_queued(watch->call) < QUEUED_MOST) {
		uint8_t position[HF_CASES_POSITION_BYTES];
		struct hf_watch_cases_response news;
		struct hf_why why = { "" };
		enum hf_err err = hf_cases_next_change(
			cases,
			hf_span(watch->position, watch->position_len_bytes),
			&arena, position, &news, &why);

		if (err != HF_OK && err != HF_E_NOTFOUND) {
			hf_rpc_finish(watch->call, err, &why);
			break;
		}
		memcpy(watch->position, position, sizeof(position));
		watch->position_len_bytes = sizeof(position);
		goes_on = err == HF_OK && send(watch, &news);
		if (err == HF_E_NOTFOUND)
			mark(watch);
		hf_arena_reset(&arena);
	}
	hf_arena_release(&arena);
}

/* On the worker loop. */
static void look(void *arg)
{
	struct hf_watches *watches = arg;

	struct watch *next;

	/* One that ends is taken out of the list. */
	for (struct watch *watch = watches->first; watch != NULL;
	     watch = next) {
		next = watch->next;
		if (!hf_rpc_is_over(watch->call))
			go_on(watch);
	}
}

void hf_watches_changed(struct hf_watches *watches)
{
	if (watches != NULL)
		hf_rpc_loop_post(watches->node->worker, &watches->look);
}

enum hf_err hf_watches_new(struct hf_node *node,
			   struct hf_watches **out_watches, struct hf_why *why)
{
	struct hf_watches *watches = calloc(1, sizeof(*watches));

	if (watches == NULL)
		return hf_why(why, HF_E_NOMEM, "watches: no memory");
	watches->node = node;
	watches->look.run = look;
	watches->look.arg = watches;
	*out_watches = watches;
	return HF_OK;
}

void hf_watches_free(struct hf_watches *watches)
{
	free(watches);
}

/* Where to begin.  One who wants news only is told where "now" is, so that it
 * can go on from there after a break. */
static enum hf_err begin(struct watch *watch,
			 const struct hf_watch_cases_request *request,
			 struct hf_why *why)
{
	enum hf_err err;

	if (request->position.len_bytes == HF_CASES_POSITION_BYTES) {
		memcpy(watch->position, request->position.at,
		       HF_CASES_POSITION_BYTES);
		watch->position_len_bytes = HF_CASES_POSITION_BYTES;
		return HF_OK;
	}
	if (request->position.len_bytes != 0)
		return hf_why(why, HF_E_ARGUMENT, "position: none of ours");
	if (!request->only_new)
		return HF_OK;
	err = hf_cases_mark(watch->watches->node->cases, watch->position, why);
	if (err != HF_OK)
		return err;
	watch->position_len_bytes = HF_CASES_POSITION_BYTES;
	return mark(watch) ? HF_OK : HF_E_UNAVAILABLE;
}

static void on_recv(struct hf_rpc_call *call, struct hf_span message)
{
	struct hf_watches *watches = hf_node_of(call)->watches;
	struct watch *watch = calloc(1, sizeof(*watch));
	struct hf_watch_cases_request request;
	struct hf_why why = { "" };
	struct hf_arena arena;
	enum hf_err err;

	if (watch == NULL) {
		hf_rpc_finish(call, HF_E_NOMEM, NULL);
		return;
	}
	watch->call = call;
	watch->watches = watches;
	watch->next = watches->first;
	watches->first = watch;
	hf_rpc_set_data(call, watch);
	hf_arena_init(&arena, ARENA_MAX_BYTES);
	err = hf_watch_cases_request_parse(message, &arena, &request, &why);
	if (err == HF_OK)
		err = begin(watch, &request, &why);
	hf_arena_release(&arena);
	if (err == HF_OK)
		go_on(watch);
	else
		hf_rpc_finish(call, err, &why);
}

static void on_sent(struct hf_rpc_call *call)
{
	struct watch *watch = hf_rpc_data(call);

	if (watch != NULL && !hf_rpc_is_over(call))
		go_on(watch);
}

static void on_done(struct hf_rpc_call *call, enum hf_err err)
{
	struct watch *watch = hf_rpc_data(call);
	struct watch **at;

	if (watch == NULL)
		return;
	for (at = &watch->watches->first; *at != watch; at = &(*at)->next)
		;
	*at = watch->next;
	free(watch);
}

static void on_drain(struct hf_rpc_call *call)
{
	hf_rpc_finish(call, HF_E_UNAVAILABLE, NULL);
}

const struct hf_rpc_events hf_serve_watch_cases = {
	.recv = on_recv,
	.sent = on_sent,
	.done = on_done,
	.drain = on_drain,
};
