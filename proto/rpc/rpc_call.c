#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <grpc/byte_buffer.h>
#include <grpc/support/time.h>

#include "rpc_core.h"

/* A buffer for putting pieces together is kept up to this size. */
#define FLAT_KEEP_BYTES ((size_t)1024 * 1024)

/* ---- memory ---- */

static void on_recv(void *self, bool ok);
static void on_fence(void *self, bool ok);

struct hf_rpc_call *hf_rpc_call_new(struct hf_rpc_loop *loop)
{
	struct hf_rpc_call *call = calloc(1, sizeof(*call));

	if (call == NULL)
		return NULL;
	call->loop = loop;
	atomic_init(&call->refs, 1);
	call->queue_tail = &call->queue;
	call->recv_tag = (struct hf_rpc_tag){ on_recv, call };
	call->send_tag = (struct hf_rpc_tag){ hf_rpc_call_on_send, call };
	call->close_tag = (struct hf_rpc_tag){ hf_rpc_call_on_close, call };
	call->fence_tag = (struct hf_rpc_tag){ on_fence, call };
	hf_rpc_answer_init(&call->answer);
	grpc_metadata_array_init(&call->initial);
	grpc_call_details_init(&call->details);
	hf_rpc_loop_hold(loop);
	return call;
}

static void call_free(struct hf_rpc_call *call)
{
	struct hf_rpc_loop *loop = call->loop;

	hf_rpc_call_drop_queue(call);
	if (call->in_flight != NULL)
		grpc_byte_buffer_destroy(call->in_flight);
	if (call->received != NULL)
		grpc_byte_buffer_destroy(call->received);
	grpc_metadata_array_destroy(&call->initial);
	grpc_call_details_destroy(&call->details);
	hf_rpc_answer_release(&call->answer);
	if (call->core != NULL)
		grpc_call_unref(call->core);
	if (call->server != NULL)
		hf_rpc_server_forget(call->server);
	if (call->channel != NULL)
		hf_rpc_channel_unref(call->channel);
	free(call->violations);
	free(call->path);
	free(call);
	hf_rpc_loop_drop(loop);
}

void hf_rpc_ref(struct hf_rpc_call *call)
{
	atomic_fetch_add_explicit(&call->refs, 1, memory_order_relaxed);
}

void hf_rpc_unref(struct hf_rpc_call *call)
{
	if (call != NULL && atomic_fetch_sub(&call->refs, 1) == 1)
		call_free(call);
}

void hf_rpc_call_batch(struct hf_rpc_call *call, const grpc_op *ops,
		       size_t count, struct hf_rpc_tag *tag)
{
	grpc_call_error err;

	hf_rpc_ref(call);
	HF_RPC_HANDS_OVER(tag);
	err = grpc_call_start_batch(call->core, ops, count, tag, NULL);
	assert(err == GRPC_CALL_OK);
	(void)err;
}

/* ---- receiving ---- */

static bool more_may_come(const struct hf_rpc_call *call)
{
	if (call->server == NULL)
		return true;
	return !call->is_finished && call->method != NULL &&
	       (call->method->client_streams || !call->has_message);
}

void hf_rpc_call_read(struct hf_rpc_call *call)
{
	grpc_op op = { .op = GRPC_OP_RECV_MESSAGE };

	if (call->is_reading || call->is_paused || call->is_ended ||
	    call->is_done || !more_may_come(call))
		return;
	call->is_reading = true;
	op.data.recv_message.recv_message = &call->received;
	hf_rpc_call_batch(call, &op, 1, &call->recv_tag);
}

/* One run of bytes out of what may be several; false without memory. */
static bool flatten(struct hf_rpc_loop *loop, const grpc_byte_buffer *bytes,
		    size_t len_bytes, struct hf_span *out_message)
{
	const grpc_slice_buffer *pieces = &bytes->data.raw.slice_buffer;
	size_t done_bytes = 0;

	if (len_bytes == 0) {
		*out_message = hf_span("", 0);
		return true;
	}
	if (pieces->count == 1) {
		*out_message = hf_span(GRPC_SLICE_START_PTR(pieces->slices[0]),
				       len_bytes);
		return true;
	}
	if (len_bytes > loop->flat_size_bytes) {
		uint8_t *larger = realloc(loop->flat, len_bytes);

		if (larger == NULL)
			return false;
		loop->flat = larger;
		loop->flat_size_bytes = len_bytes;
	}
	for (size_t i = 0; i < pieces->count; i++) {
		size_t piece_bytes = GRPC_SLICE_LENGTH(pieces->slices[i]);

		memcpy(loop->flat + done_bytes,
		       GRPC_SLICE_START_PTR(pieces->slices[i]), piece_bytes);
		done_bytes += piece_bytes;
	}
	*out_message = hf_span(loop->flat, done_bytes);
	return true;
}

static void deliver(struct hf_rpc_call *call, const grpc_byte_buffer *bytes)
{
	size_t len_bytes = grpc_byte_buffer_length((grpc_byte_buffer *)bytes);
	struct hf_rpc_loop *loop = call->loop;
	struct hf_span message;
	struct hf_why why;

	call->has_message = true;
	if (call->cut_err != HF_OK ||
	    (call->server != NULL && (call->is_finishing || call->is_closed)))
		return;
	if (call->method != NULL &&
	    len_bytes > call->method->max_request_bytes) {
		(void)hf_why(&why, HF_E_LIMIT,
			     "request of %zu bytes; %zu are allowed", len_bytes,
			     call->method->max_request_bytes);
		hf_rpc_finish(call, HF_E_LIMIT, &why);
		return;
	}
	if (bytes->data.raw.compression != GRPC_COMPRESS_NONE) {
		hf_rpc_cut(call, HF_E_MALFORMED);
		return;
	}
	if (!flatten(loop, bytes, len_bytes, &message)) {
		hf_rpc_cut(call, HF_E_NOMEM);
		return;
	}
	if (call->events->recv != NULL)
		call->events->recv(call, message);
	if (loop->flat_size_bytes > FLAT_KEEP_BYTES) {
		free(loop->flat);
		loop->flat = NULL;
		loop->flat_size_bytes = 0;
	}
}

static void half_closed(struct hf_rpc_call *call)
{
	if (call->cut_err == HF_OK && !call->is_finishing && !call->is_closed &&
	    call->events->recv != NULL)
		call->events->recv(call, (struct hf_span){ NULL, 0 });
}

/*
 * The client said no more, or its stream was reset: both look the same here,
 * and only the first may let an upload be taken as complete.  Sending on a
 * reset stream fails, so the headers, which have to go out anyway, tell.
 */
static void fence(struct hf_rpc_call *call)
{
	grpc_op op = { .op = GRPC_OP_SEND_INITIAL_METADATA };

	if (call->initial_sent || call->is_sending) {
		half_closed(call);
		return;
	}
	call->initial_sent = true;
	call->is_sending = true;
	hf_rpc_call_batch(call, &op, 1, &call->fence_tag);
}

static void on_fence(void *self, bool ok)
{
	struct hf_rpc_call *call = self;

	call->is_sending = false;
	if (ok)
		half_closed(call);
	hf_rpc_call_flush(call);
	hf_rpc_call_settle(call);
	hf_rpc_unref(call);
}

static void no_more_came(struct hf_rpc_call *call)
{
	const struct hf_why why = { "request message is missing" };

	call->is_ended = true;
	if (call->server == NULL || call->is_finishing || call->is_closed)
		return;
	if (call->method->client_streams)
		fence(call);
	else if (!call->has_message)
		hf_rpc_finish(call, HF_E_ARGUMENT, &why);
}

static void on_recv(void *self, bool ok)
{
	struct hf_rpc_call *call = self;
	grpc_byte_buffer *bytes = call->received;

	call->is_reading = false;
	call->received = NULL;
	if (ok && bytes != NULL)
		deliver(call, bytes);
	else
		no_more_came(call);
	if (bytes != NULL)
		grpc_byte_buffer_destroy(bytes);
	hf_rpc_call_read(call);
	/* A handler that answers later wants to hear if the caller leaves; one
	 * that answered at once had that in the same batch. */
	if (call->server != NULL && !call->is_finished)
		hf_rpc_call_watch_close(call);
	hf_rpc_call_settle(call);
	hf_rpc_unref(call);
}

void hf_rpc_pause(struct hf_rpc_call *call)
{
	call->is_paused = true;
}

void hf_rpc_resume(struct hf_rpc_call *call)
{
	call->is_paused = false;
	hf_rpc_call_read(call);
}

/* ---- the end ---- */

void hf_rpc_call_watch_close(struct hf_rpc_call *call)
{
	grpc_op op = { .op = GRPC_OP_RECV_CLOSE_ON_SERVER };

	if (call->close_armed)
		return;
	call->close_armed = true;
	op.data.recv_close_on_server.cancelled = &call->cancelled;
	hf_rpc_call_batch(call, &op, 1, &call->close_tag);
}

void hf_rpc_call_on_close(void *self, bool ok)
{
	struct hf_rpc_call *call = self;

	call->is_closed = true;
	hf_rpc_call_settle(call);
	hf_rpc_unref(call);
}

static enum hf_err outcome(struct hf_rpc_call *call)
{
	if (call->server == NULL) {
		enum hf_err err = hf_rpc_answer_read(&call->answer, &call->why);

		if (call->cut_err == HF_OK)
			return err;
		(void)hf_why(&call->why, call->cut_err, "%s",
			     hf_err_words(call->cut_err));
	}
	if (call->cut_err != HF_OK)
		return call->cut_err;
	if (!call->cancelled)
		return HF_OK;
	return gpr_time_cmp(call->details.deadline,
			    gpr_now(call->details.deadline.clock_type)) <= 0
		       ? HF_E_DEADLINE
		       : HF_E_CANCELLED;
}

void hf_rpc_call_settle(struct hf_rpc_call *call)
{
	enum hf_err err;

	if (call->is_done || !call->is_closed || call->is_sending ||
	    call->is_reading)
		return;
	call->is_done = true;
	hf_rpc_timer_stop(call->loop, &call->deadline);
	hf_rpc_call_drop_queue(call);
	err = outcome(call);
	if (call->server != NULL)
		hf_rpc_server_leave(call);
	else
		hf_rpc_channel_leave(call);
	if (call->events->done != NULL)
		call->events->done(call, err);
	/* The layer's own reference. */
	hf_rpc_unref(call);
}

void hf_rpc_cut(struct hf_rpc_call *call, enum hf_err err)
{
	if (call->is_done || call->cut_err != HF_OK)
		return;
	call->cut_err = err != HF_OK ? err : HF_E_CANCELLED;
	hf_rpc_call_drop_queue(call);
	(void)grpc_call_cancel_with_status(
		call->core, (grpc_status_code)hf_err_status(call->cut_err),
		hf_err_words(call->cut_err), NULL);
	if (call->server != NULL)
		hf_rpc_call_watch_close(call);
}

void hf_rpc_cancel(struct hf_rpc_call *call)
{
	(void)grpc_call_cancel(call->core, NULL);
}

/* ---- from other threads ---- */

struct letter {
	struct hf_rpc_task task;
	struct hf_rpc_call *call; /* referenced */
	void (*fn)(struct hf_rpc_call *call);
};

static void on_letter(void *arg)
{
	struct letter *letter = arg;

	letter->fn(letter->call);
	hf_rpc_unref(letter->call);
	free(letter);
}

enum hf_err hf_rpc_post(struct hf_rpc_call *call,
			void (*fn)(struct hf_rpc_call *call))
{
	struct letter *letter = calloc(1, sizeof(*letter));

	if (letter == NULL)
		return HF_E_NOMEM;
	letter->task = (struct hf_rpc_task){ .run = on_letter, .arg = letter };
	letter->call = call;
	letter->fn = fn;
	hf_rpc_ref(call);
	hf_rpc_loop_post(call->loop, &letter->task);
	return HF_OK;
}

/* ---- what handlers ask ---- */

bool hf_rpc_is_over(const struct hf_rpc_call *call)
{
	return call->is_done || call->is_finishing || call->is_closed ||
	       call->cut_err != HF_OK;
}

void *hf_rpc_arg(const struct hf_rpc_call *call)
{
	return call->arg;
}

void *hf_rpc_data(const struct hf_rpc_call *call)
{
	return call->data;
}

void hf_rpc_set_data(struct hf_rpc_call *call, void *data)
{
	call->data = data;
}

struct hf_rpc_loop *hf_rpc_loop_of(const struct hf_rpc_call *call)
{
	return call->loop;
}

const char *hf_rpc_path(const struct hf_rpc_call *call)
{
	return call->method != NULL ? call->method->path
	       : call->path != NULL ? call->path
				    : "";
}

const struct hf_rpc_identity *hf_rpc_caller(const struct hf_rpc_call *call)
{
	return call->server != NULL ? &call->identity : NULL;
}

const struct hf_why *hf_rpc_why(const struct hf_rpc_call *call)
{
	return &call->why;
}
