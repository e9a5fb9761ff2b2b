#include "arena.h"
#include "codec_match.h"
#include "rpc.h"

#include "lookup.h"
#include "node.h"
#include "retro.h"
#include "serve.h"

/* A batch of 10,000 digests, its hits and their labels. */
#define ARENA_MAX_BYTES ((size_t)64 * 1024 * 1024)

/* Answers that wait for a scanner that does not read. */
#define QUEUED_MAX_BYTES ((size_t)4 * 1024 * 1024)

/* A check of new entries begins every tenth of a second at most, and a lookup
 * is over sooner: twice is enough. */
#define LOOK_MOST 3

static enum hf_err look_up(struct hf_node *node,
			   const struct hf_wire_match_request *request,
			   struct hf_arena *arena,
			   struct hf_wire_match_response *response,
			   struct hf_why *why)
{
	enum hf_err err = HF_OK;

	for (int i = 0; i < LOOK_MOST; i++) {
		uint64_t began = hf_retro_begin(node->retro);

		err = hf_lookup(node, request, arena, response, why);
		if (err != HF_OK ||
		    hf_retro_keep(node->retro, began, request, response))
			break;
	}
	return err;
}

static void on_match(struct hf_rpc_call *call, struct hf_span message)
{
	struct hf_wire_match_request request;
	struct hf_wire_match_response response;
	struct hf_why why = { "" };
	struct hf_arena arena;
	struct hf_buf buf;
	enum hf_err err;

	hf_arena_init(&arena, ARENA_MAX_BYTES);
	hf_buf_init(&buf, HF_MESSAGE_MAX_BYTES);
	err = hf_wire_match_request_parse(message, &arena, &request, &why);
	if (err == HF_OK)
		err = look_up(hf_node_of(call), &request, &arena, &response,
			      &why);
	if (err == HF_OK)
		err = hf_wire_match_response_encode(&response, &buf);
	if (err == HF_OK)
		hf_rpc_reply_buf(call, &buf);
	else
		hf_rpc_finish(call, err, &why);
	hf_buf_release(&buf);
	hf_arena_release(&arena);
}

const struct hf_rpc_events hf_serve_match = { .recv = on_match };

static void on_batch(struct hf_rpc_call *call, struct hf_span message)
{
	struct hf_wire_match_stream_request request;
	struct hf_wire_match_response response;
	struct hf_why why = { "" };
	struct hf_arena arena;
	struct hf_buf buf;
	enum hf_err err;

	if (message.at == NULL) {
		hf_rpc_finish(call, HF_OK, NULL);
		return;
	}
	hf_arena_init(&arena, ARENA_MAX_BYTES);
	hf_buf_init(&buf, HF_MESSAGE_MAX_BYTES);
	err = hf_wire_match_stream_request_parse(message, &arena, &request,
						 &why);
	if (err == HF_OK)
		err = look_up(hf_node_of(call), request.batch, &arena,
			      &response, &why);
	if (err == HF_OK)
		err = hf_wire_match_stream_response_encode(
			&(struct hf_wire_match_stream_response){ &response },
			&buf);
	if (err != HF_OK)
		hf_rpc_finish(call, err, &why);
	else if (hf_rpc_send_buf(call, &buf) &&
		 hf_rpc_queued(call) > QUEUED_MAX_BYTES)
		hf_rpc_pause(call);
	hf_buf_release(&buf);
	hf_arena_release(&arena);
}

/* Batches that were read are answered; a scanner sends the others again. */
static void on_drain(struct hf_rpc_call *call)
{
	hf_rpc_finish(call, HF_E_UNAVAILABLE, NULL);
}

const struct hf_rpc_events hf_serve_match_stream = {
	.recv = on_batch,
	.sent = hf_rpc_resume,
	.drain = on_drain,
};
