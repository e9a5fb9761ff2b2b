#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "limit.h"

#include "audit.h"
#include "errand.h"
#include "node.h"
#include "serve.h"
#include "unary.h"

/* Several times the largest message that any of these takes or gives. */
#define ARENA_MAX_BYTES (4 * HF_UNPACK_MAX_BYTES)

static enum hf_err work_once(hf_unary_work *work, struct hf_node *node,
			     const struct hf_rpc_identity *caller,
			     struct hf_span request, struct hf_buf *reply,
			     struct hf_why *why)
{
	struct hf_arena arena;
	struct hf_unary unary = {
		.node = node,
		.caller = caller,
		.request = request,
		.arena = &arena,
		.reply = reply,
	};
	enum hf_err err;

	hf_arena_init(&arena, ARENA_MAX_BYTES);
	err = work(&unary, why);
	hf_arena_release(&arena);
	return err;
}

static void answer(struct hf_rpc_call *call, enum hf_err err,
		   const struct hf_why *why, struct hf_buf *reply)
{
	if (err == HF_OK && reply->len_bytes > 0)
		hf_rpc_reply_buf(call, reply);
	else if (err == HF_OK)
		hf_rpc_reply(call, hf_span("", 0));
	else
		hf_rpc_finish(call, err, why);
}

void hf_unary_inline(struct hf_rpc_call *call, struct hf_span message,
		     hf_unary_work *work)
{
	struct hf_why why = { "" };
	struct hf_buf reply;
	enum hf_err err;

	/* What writes is told to the audit, which waits for the disk. */
	assert(!hf_method_writes(hf_rpc_path(call)));
	hf_buf_init(&reply, HF_MESSAGE_MAX_BYTES);
	err = work_once(work, hf_node_of(call), hf_rpc_caller(call), message,
			&reply, &why);
	answer(call, err, &why, &reply);
	hf_buf_release(&reply);
}

/* One call away on its errand. */
struct trip {
	struct hf_errand errand; /* first */
	struct hf_rpc_task back;
	struct hf_rpc_call *call; /* a reference */
	struct hf_node *node;
	hf_unary_work *work;
	enum hf_err err;
	struct hf_why why;
	struct hf_buf reply;
	size_t request_len_bytes;
	uint8_t request[];
};

/* On the worker loop again. */
static void come_back(void *arg)
{
	struct trip *trip = arg;

	if (!hf_rpc_is_over(trip->call))
		answer(trip->call, trip->err, &trip->why, &trip->reply);
	hf_rpc_unref(trip->call);
	hf_buf_release(&trip->reply);
	free(trip);
}

/* It was done, or tried; it is acknowledged only when the audit has it. */
static void tell_audit(struct trip *trip, struct hf_audit_call *told)
{
	struct hf_why why = { "" };
	enum hf_err err;

	told->answer = hf_buf_span(&trip->reply);
	told->outcome = trip->err;
	if (!hf_audit_wants(trip->node->audit, told->path, told->outcome)) {
		hf_audit_drop(trip->node->audit, told->intent);
		return;
	}
	err = hf_audit_say(trip->node->audit, told, &why);
	if (err == HF_OK || trip->err != HF_OK)
		return;
	trip->err = err;
	trip->why = why;
	hf_why_prefix(&trip->why, "done, but not in the audit: ");
}

static void run_trip(struct hf_errand *errand)
{
	struct trip *trip = (struct trip *)(void *)errand;
	const struct hf_span request =
		hf_span(trip->request, trip->request_len_bytes);
	struct hf_audit_call told = {
		.path = hf_rpc_path(trip->call),
		.who = hf_rpc_caller(trip->call),
		.request = request,
	};

	hf_audit_intend(trip->node->audit, &told, &told.intent);
	trip->err = work_once(trip->work, trip->node, hf_rpc_caller(trip->call),
			      request, &trip->reply, &trip->why);
	tell_audit(trip, &told);
	trip->back.run = come_back;
	trip->back.arg = trip;
	hf_rpc_loop_post(hf_rpc_loop_of(trip->call), &trip->back);
}

static void post(struct hf_errands *errands, struct hf_rpc_call *call,
		 struct hf_span message, hf_unary_work *work)
{
	struct trip *trip = calloc(1, sizeof(*trip) + message.len_bytes);

	if (trip == NULL) {
		hf_rpc_finish(call, HF_E_NOMEM, NULL);
		return;
	}
	trip->errand.run = run_trip;
	trip->call = call;
	trip->node = hf_node_of(call);
	trip->work = work;
	hf_buf_init(&trip->reply, HF_MESSAGE_MAX_BYTES);
	trip->request_len_bytes = message.len_bytes;
	if (message.len_bytes > 0)
		memcpy(trip->request, message.at, message.len_bytes);
	hf_rpc_ref(call);
	hf_errand_post(errands, &trip->errand);
}

void hf_unary_errand(struct hf_rpc_call *call, struct hf_span message,
		     hf_unary_work *work)
{
	post(hf_node_of(call)->errands, call, message, work);
}

void hf_unary_case(struct hf_rpc_call *call, struct hf_span message,
		   hf_unary_work *work)
{
	post(hf_node_of(call)->case_errands, call, message, work);
}
