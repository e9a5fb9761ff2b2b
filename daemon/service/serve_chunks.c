#include <stdlib.h>
#include <string.h>

#include "chunk.h"
#include "codec_federation.h"
#include "ledger_view.h"
#include "ring.h"
#include "rpc.h"

#include "node.h"
#include "serve.h"
#include "visible.h"

/* A message with a chunk's headers (16 KiB), its proof, and payloads up to
 * here; further payloads of the chunk follow in messages of their own.  256
 * KiB messages stream fastest. */
#define MESSAGE_BYTES ((size_t)256 * 1024)

/* Queued ahead of a reader before we wait for `sent`. */
#define QUEUED_BYTES ((size_t)4 * 1024 * 1024)

/* One GetChunks call. */
struct sending {
	char origin[HF_ORIGIN_MAX_BYTES + 1];
	uint64_t size;
	uint64_t next;         /* the entry that is sent next */
	uint64_t end;          /* one past the last */
	uint64_t with_headers; /* first entry whose header was not yet sent */
};

/* One message being filled. */
struct filling {
	struct hf_buf openings;
	struct hf_buf payloads;
	uint32_t lengths[HF_CHUNK_ENTRIES];
	size_t lengths_count;
	uint64_t erased[HF_CHUNK_ENTRIES];
	size_t erased_count;
};

/* Entries of one chunk from sending->next on, until the message is full. */
static enum hf_err fill(struct sending *sending, struct hf_ledger_view *view,
			uint32_t set, uint64_t chunk_end,
			struct filling *filling, struct hf_why *why)
{
	struct hf_ledger_scan *scan;
	enum hf_err err =
		hf_ledger_scan_begin(view, set, sending->next, &scan, why);

	if (err != HF_OK)
		return err;
	while (sending->next < chunk_end &&
	       filling->payloads.len_bytes < MESSAGE_BYTES) {
		struct hf_ledger_entry entry;

		err = hf_ledger_scan_next(scan, &entry, why);
		if (err != HF_OK)
			break;
		filling->lengths[filling->lengths_count++] =
			(uint32_t)entry.payload.len_bytes;
		hf_buf_put(&filling->openings, entry.opening);
		hf_buf_put(&filling->payloads, entry.payload);
		if (entry.state == HF_LEDGER_ERASED)
			filling->erased[filling->erased_count++] = entry.index;
		sending->next++;
	}
	hf_ledger_scan_end(scan);
	if (err == HF_OK)
		err = hf_buf_failed(&filling->payloads);
	return err != HF_OK ? err : hf_buf_failed(&filling->openings);
}

/* The headers up to the end of the chunk, and the proof of the whole of it. */
static enum hf_err
put_headers(struct sending *sending, struct hf_ledger_view *view, uint32_t set,
	    uint64_t chunk_end, uint8_t *headers, struct hf_tree_proof *proof,
	    struct hf_get_chunks_response *message, struct hf_why *why)
{
	size_t count = (size_t)(chunk_end - sending->next);
	enum hf_err err = hf_ledger_headers(view, set, sending->next, count,
					    headers, why);

	if (err == HF_OK)
		err = hf_ledger_prove_chunk(view, set,
					    sending->next / HF_CHUNK_ENTRIES,
					    sending->size, proof, why);
	if (err != HF_OK)
		return err;
	message->headers = hf_span(headers, count * HF_HEADER_BYTES);
	message->proof =
		hf_span(proof->hashes, proof->hashes_count * HF_HASH_BYTES);
	sending->with_headers = chunk_end;
	return HF_OK;
}

static enum hf_err send_message(struct hf_rpc_call *call,
				struct sending *sending,
				struct hf_ledger_view *view, uint32_t set,
				struct filling *filling, struct hf_why *why)
{
	uint64_t chunk_end =
		(sending->next / HF_CHUNK_ENTRIES + 1) * HF_CHUNK_ENTRIES;
	struct hf_get_chunks_response message = { .first = sending->next };
	uint8_t headers[HF_CHUNK_ENTRIES * HF_HEADER_BYTES];
	struct hf_tree_proof proof;
	struct hf_buf wire;
	enum hf_err err = HF_OK;

	if (chunk_end > sending->size)
		chunk_end = sending->size;
	if (sending->next >= sending->with_headers)
		err = put_headers(sending, view, set, chunk_end, headers,
				  &proof, &message, why);
	if (err == HF_OK)
		err = fill(sending, view, set, chunk_end, filling, why);
	if (err != HF_OK)
		return err;
	message.openings = hf_buf_span(&filling->openings);
	message.payload_lengths = filling->lengths;
	message.payload_lengths_count = filling->lengths_count;
	message.payloads = hf_buf_span(&filling->payloads);
	message.erased = filling->erased;
	message.erased_count = filling->erased_count;
	hf_buf_init(&wire, HF_CHUNK_MESSAGE_BYTES);
	err = hf_get_chunks_response_encode(&message, &wire);
	if (err == HF_OK)
		(void)hf_rpc_send_buf(call, &wire);
	hf_buf_release(&wire);
	return err;
}

static enum hf_err send_some(struct hf_rpc_call *call, struct sending *sending,
			     const struct hf_visible *visible,
			     struct hf_ledger_view *view, struct hf_why *why)
{
	struct filling filling = { 0 };
	enum hf_err err = HF_OK;

	hf_buf_init(&filling.openings, HF_CHUNK_ENTRIES * HF_OPENING_BYTES);
	hf_buf_init(&filling.payloads, MESSAGE_BYTES + HF_PAYLOAD_MAX_BYTES);
	while (err == HF_OK && sending->next < sending->end &&
	       !hf_rpc_is_over(call) && hf_rpc_queued(call) < QUEUED_BYTES) {
		hf_buf_reset(&filling.openings);
		hf_buf_reset(&filling.payloads);
		filling.lengths_count = 0;
		filling.erased_count = 0;
		err = send_message(call, sending, view, visible->info.set,
				   &filling, why);
	}
	hf_buf_release(&filling.payloads);
	hf_buf_release(&filling.openings);
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
	if (err == HF_OK && sending->size > visible.info.note_size)
		err = hf_why(&why, HF_E_ARGUMENT,
			     "size is beyond the latest checkpoint");
	if (err == HF_OK)
		err = send_some(call, sending, &visible, view, &why);
	hf_ring_release(ring);
	hf_ledger_view_end(view);
	if (err != HF_OK || sending->next >= sending->end)
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
	if (err == HF_OK && strlen(request.origin) > HF_ORIGIN_MAX_BYTES)
		err = HF_E_NOTFOUND;
	if (err == HF_OK) {
		strcpy(sending->origin, request.origin);
		sending->size = request.size;
		sending->next = request.first;
		sending->end = request.end;
	}
	hf_arena_release(&arena);
	if (err != HF_OK)
		hf_rpc_finish(call, err, &why);
	else
		produce(call);
}

static void on_done(struct hf_rpc_call *call, enum hf_err err)
{
	free(hf_rpc_data(call));
}

const struct hf_rpc_events hf_serve_get_chunks = {
	.recv = on_recv,
	.sent = produce,
	.done = on_done,
};
