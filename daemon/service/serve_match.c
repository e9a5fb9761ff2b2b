#include "codec_match.h"
#include "rpc.h"

#include "desk.h"
#include "node.h"
#include "serve.h"

/* Answers that wait for a scanner that does not read. */
#define QUEUED_MAX_BYTES ((size_t)4 * 1024 * 1024)

/* ---- Match ---- */

static void answer_call(struct hf_rpc_call *call, enum hf_err err,
			const struct hf_why *why, struct hf_buf *reply,
			bool is_last)
{
	if (err == HF_OK)
		hf_rpc_reply_buf(call, reply);
	else
		hf_rpc_finish(call, err, why);
}

static const struct hf_desk_form call_form = {
	.parse = hf_wire_match_request_parse,
	.encode = hf_wire_match_response_encode,
	.answer = answer_call,
};

static void on_match(struct hf_rpc_call *call, struct hf_span message)
{
	hf_desk_take(hf_node_of(call)->desk, call, message, &call_form);
}

const struct hf_rpc_events hf_serve_match = {
	.recv = on_match,
	.done = hf_desk_done,
};

/* ---- MatchStream ---- */

static enum hf_err parse_batch(struct hf_span message, struct hf_arena *arena,
			       struct hf_wire_match_request *out,
			       struct hf_why *why)
{
	struct hf_wire_match_stream_request request;
	enum hf_err err = hf_wire_match_stream_request_parse(message, arena,
							     &request, why);

	if (err == HF_OK)
		*out = *request.batch;
	return err;
}

static enum hf_err encode_batch(const struct hf_wire_match_response *response,
				struct hf_buf *reply)
{
	return hf_wire_match_stream_response_encode(
		&(struct hf_wire_match_stream_response){ response }, reply);
}

/* Batches that were read are answered; a scanner sends the others again. */
static void answer_batch(struct hf_rpc_call *call, enum hf_err err,
			 const struct hf_why *why, struct hf_buf *reply,
			 bool is_last)
{
	if (err != HF_OK)
		hf_rpc_finish(call, err, why);
	else if (hf_rpc_send_buf(call, reply) &&
		 hf_rpc_queued(call) > QUEUED_MAX_BYTES)
		hf_rpc_pause(call);
	if (is_last)
		hf_rpc_finish(call, HF_E_UNAVAILABLE, NULL);
}

static const struct hf_desk_form batch_form = {
	.parse = parse_batch,
	.encode = encode_batch,
	.answer = answer_batch,
};

static void on_batch(struct hf_rpc_call *call, struct hf_span message)
{
	if (message.at == NULL)
		hf_rpc_finish(call, HF_OK, NULL);
	else
		hf_desk_take(hf_node_of(call)->desk, call, message,
			     &batch_form);
}

/* Answers come in the order of the batches: one at a time. */
static void on_sent(struct hf_rpc_call *call)
{
	if (!hf_desk_has(call))
		hf_rpc_resume(call);
}

static void on_drain(struct hf_rpc_call *call)
{
	if (!hf_desk_drain(call))
		hf_rpc_finish(call, HF_E_UNAVAILABLE, NULL);
}

const struct hf_rpc_events hf_serve_match_stream = {
	.recv = on_batch,
	.sent = on_sent,
	.done = hf_desk_done,
	.drain = on_drain,
};
