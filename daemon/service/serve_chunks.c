#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "outgo.h"
#include "ring.h"
#include "rpc.h"

#include "node.h"
#include "serve.h"
#include "visible.h"

/* Queued ahead of a reader before we wait for `sent`. */
#define QUEUED_BYTES ((size_t)4 * 1024 * 1024)

/* One GetChunks call. */
struct sending {
	char origin[HF_ORIGIN_MAX_BYTES + 1];
	struct hf_outgo outgo;
};

static enum hf_err send_some(struct hf_rpc_call *call, struct sending *sending,
			     const struct hf_visible *visible,
			     struct hf_ledger_view *view, struct hf_why *why)
{
	enum hf_err err = HF_OK;

	while (err == HF_OK && !hf_outgo_is_over(&sending->outgo) &&
	       !hf_rpc_is_over(call) && hf_rpc_queued(call) < QUEUED_BYTES) {
		struct hf_get_chunks_response message;
		struct hf_buf wire;

		hf_buf_init(&wire, HF_CHUNK_MESSAGE_BYTES);
		err = hf_outgo_next(&sending->outgo, view, visible->info.set,
				    &message, why);
		if (err == HF_OK)
			err = hf_get_chunks_response_encode(&message, &wire);
		if (err == HF_OK)
			(void)hf_rpc_send_buf(call, &wire);
		hf_buf_release(&wire);
	}
	return err;
}

/* Everything is looked up anew each time: the caller may have lost the set
 * meanwhile, and a view is never held across a wait. */
static void produce(struct hf_rpc_call *call)
{
	struct sending *sending = hf_rpc_data(call);
	struct hf_node *node = hf_node_of(call);
	struct hf_why why = { "" };
	struct hf_visible visible;
	struct hf_ledger_view *view;
	struct hf_ring *ring;
	enum hf_err err;

	if (sending == NULL || hf_rpc_is_over(call))
		return;
	err = hf_ledger_view_begin(node->ledger, &view, &why);
	if (err != HF_OK) {
		hf_rpc_finish(call, err, &why);
		return;
	}
	ring = hf_ring_holder_get(node->ring);
	err = hf_visible(ring, view, hf_rpc_caller(call), sending->origin,
			 HF_RIGHT_RELAY, &visible, &why);
	if (err == HF_OK && sending->outgo.size > visible.info.note_size)
		err = hf_why(&why, HF_E_ARGUMENT,
			     "size is beyond the latest checkpoint");
	if (err == HF_OK)
		err = send_some(call, sending, &visible, view, &why);
	hf_ring_release(ring);
	hf_ledger_view_end(view);
	if (err != HF_OK || hf_outgo_is_over(&sending->outgo))
		hf_rpc_finish(call, err, &why);
}

static void on_recv(struct hf_rpc_call *call, struct hf_span message)
{
	struct sending *sending = calloc(1, sizeof(*sending));
	struct hf_get_chunks_request request;
	struct hf_why why = { "" };
	struct hf_arena arena;
	enum hf_err err;

	if (sending == NULL) {
		hf_rpc_finish(call, HF_E_NOMEM, NULL);
		return;
	}
	hf_rpc_set_data(call, sending);
	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	err = hf_get_chunks_request_parse(message, &arena, &request, &why);
	if (err == HF_OK) {
		strcpy(sending->origin, request.origin);
		hf_outgo_begin(&sending->outgo, request.size, request.first,
			       request.end);
		sending->outgo.is_headers_only = request.headers_only;
	}
	hf_arena_release(&arena);
	if (err != HF_OK)
		hf_rpc_finish(call, err, &why);
	else
		produce(call);
}

static void on_done(struct hf_rpc_call *call, enum hf_err err)
{
	struct sending *sending = hf_rpc_data(call);

	if (sending != NULL)
		hf_outgo_end(&sending->outgo);
	free(sending);
}

const struct hf_rpc_events hf_serve_get_chunks = {
	.recv = on_recv,
	.sent = produce,
	.done = on_done,
};
