#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <grpc/byte_buffer.h>

#include "rpc_core.h"

/* ---- the queue ---- */

void hf_rpc_call_drop_queue(struct hf_rpc_call *call)
{
	while (call->queue != NULL) {
		struct hf_rpc_queued *first = call->queue;

		call->queue = first->next;
		call->queued_bytes -= first->len_bytes;
		grpc_byte_buffer_destroy(first->bytes);
		free(first);
	}
	call->queue_tail = &call->queue;
}

size_t hf_rpc_queued(const struct hf_rpc_call *call)
{
	return call->queued_bytes;
}

/* Takes the slice, whatever happens. */
static bool enqueue(struct hf_rpc_call *call, grpc_slice slice)
{
	size_t len_bytes = GRPC_SLICE_LENGTH(slice);
	struct hf_rpc_queued *queued = NULL;

	if (hf_rpc_is_over(call))
		goto out_drop;
	if (len_bytes > HF_RPC_QUEUED_MAX_BYTES - call->queued_bytes) {
		hf_rpc_cut(call, HF_E_QUOTA);
		goto out_drop;
	}
	queued = malloc(sizeof(*queued));
	if (queued == NULL) {
		hf_rpc_cut(call, HF_E_NOMEM);
		goto out_drop;
	}
	queued->next = NULL;
	queued->len_bytes = len_bytes;
	queued->bytes = grpc_raw_byte_buffer_create(&slice, 1);
	*call->queue_tail = queued;
	call->queue_tail = &queued->next;
	call->queued_bytes += len_bytes;
	grpc_slice_unref(slice);
	return true;

out_drop:
	grpc_slice_unref(slice);
	return false;
}

static grpc_slice slice_of(struct hf_span bytes)
{
	return bytes.len_bytes == 0
		       ? grpc_empty_slice()
		       : grpc_slice_from_copied_buffer((const char *)bytes.at,
						       bytes.len_bytes);
}

/* The memory of message, which is empty afterwards; false when it has failed
 * and the call was cut for that. */
static bool slice_of_buf(struct hf_rpc_call *call, struct hf_buf *message,
			 grpc_slice *out_slice)
{
	enum hf_err err = hf_buf_failed(message);
	size_t ceiling_bytes = message->ceiling_bytes;

	if (err != HF_OK) {
		hf_buf_release(message);
		hf_rpc_cut(call, err);
		return false;
	}
	*out_slice =
		message->len_bytes == 0
			? grpc_empty_slice()
			: grpc_slice_new(message->at, message->len_bytes, free);
	if (message->len_bytes == 0)
		hf_buf_release(message);
	hf_buf_init(message, ceiling_bytes);
	return true;
}

bool hf_rpc_send(struct hf_rpc_call *call, struct hf_span message)
{
	if (!enqueue(call, slice_of(message)))
		return false;
	hf_rpc_call_flush(call);
	return true;
}

bool hf_rpc_send_buf(struct hf_rpc_call *call, struct hf_buf *message)
{
	grpc_slice slice;

	if (!slice_of_buf(call, message, &slice) || !enqueue(call, slice))
		return false;
	hf_rpc_call_flush(call);
	return true;
}

void hf_rpc_reply(struct hf_rpc_call *call, struct hf_span message)
{
	/* Not flushed between the two, so that both go in one batch. */
	if (enqueue(call, slice_of(message)))
		hf_rpc_finish(call, HF_OK, NULL);
}

void hf_rpc_reply_buf(struct hf_rpc_call *call, struct hf_buf *message)
{
	grpc_slice slice;

	if (slice_of_buf(call, message, &slice) && enqueue(call, slice))
		hf_rpc_finish(call, HF_OK, NULL);
}

/* ---- the end ---- */

void hf_rpc_blame(struct hf_rpc_call *call, const char *field, const char *text)
{
	struct hf_rpc_violation *violation;

	if (call->violations_count == HF_RPC_VIOLATIONS_MAX)
		return;
	if (call->violations == NULL) {
		call->violations = calloc(HF_RPC_VIOLATIONS_MAX,
					  sizeof(*call->violations));
		/* The error itself says enough without its fields. */
		if (call->violations == NULL)
			return;
	}
	violation = &call->violations[call->violations_count++];
	snprintf(violation->field, sizeof(violation->field), "%s", field);
	snprintf(violation->text, sizeof(violation->text), "%s", text);
}

void hf_rpc_finish(struct hf_rpc_call *call, enum hf_err err,
		   const struct hf_why *why)
{
	if (call->is_finishing || call->is_done)
		return;
	if (call->server == NULL && err != HF_OK) {
		hf_rpc_cut(call, err);
		return;
	}
	call->is_finishing = true;
	call->finish_err = err;
	/* Sentences may hold paths and names of others: not for peers. */
	(void)hf_why(&call->why, err, "%s",
		     why != NULL && why->text[0] != '\0' &&
				     call->identity.kind != HF_RPC_PEER
			     ? why->text
			     : hf_err_words(err));
	hf_rpc_call_flush(call);
}

/* The details as a trailer; an empty slice when there are none. */
static grpc_slice details_of(const struct hf_rpc_call *call)
{
	struct hf_rpc_status status = { .err = call->finish_err,
					.why = call->why };
	grpc_slice slice = grpc_empty_slice();
	struct hf_buf buf;

	if (call->finish_err == HF_OK)
		return slice;
	for (size_t i = 0; i < call->violations_count; i++) {
		status.violations[i] = call->violations[i];
		if (call->identity.kind == HF_RPC_PEER)
			snprintf(status.violations[i].text,
				 sizeof(status.violations[i].text), "%s",
				 hf_err_words(call->finish_err));
	}
	status.violations_count = call->violations_count;
	hf_buf_init(&buf, HF_RPC_DETAILS_MAX_BYTES);
	if (hf_rpc_status_encode(&status, &buf) == HF_OK)
		slice = slice_of(hf_buf_span(&buf));
	hf_buf_release(&buf);
	return slice;
}

/* ---- batches ---- */

/* What a batch borrows until it has started. */
struct ending {
	grpc_slice text;
	grpc_metadata trailer;
	bool is_used;
};

static void on_send_close(void *self, bool ok)
{
	struct hf_rpc_call *call = self;

	call->is_closed = true;
	hf_rpc_call_on_send(self, ok);
}

static size_t add_message(struct hf_rpc_call *call, grpc_op *op)
{
	struct hf_rpc_queued *first = call->queue;

	if (first == NULL)
		return 0;
	call->queue = first->next;
	if (call->queue == NULL)
		call->queue_tail = &call->queue;
	call->in_flight = first->bytes;
	call->in_flight_bytes = first->len_bytes;
	free(first);
	op->op = GRPC_OP_SEND_MESSAGE;
	op->flags = call->queue != NULL ? GRPC_WRITE_BUFFER_HINT : 0;
	op->data.send_message.send_message = call->in_flight;
	return 1;
}

static size_t add_end(struct hf_rpc_call *call, grpc_op *ops,
		      struct ending *ending)
{
	size_t count = 0;

	if (!call->is_finishing || call->queue != NULL)
		return 0;
	call->is_finished = true;
	if (call->server == NULL) {
		ops[count++].op = GRPC_OP_SEND_CLOSE_FROM_CLIENT;
		return count;
	}
	ending->is_used = true;
	ending->text = grpc_slice_from_copied_string(
		call->finish_err != HF_OK ? call->why.text : "");
	ending->trailer = (grpc_metadata){ .key = grpc_slice_from_static_string(
						   HF_RPC_DETAILS_KEY),
					   .value = details_of(call) };
	ops[count].op = GRPC_OP_SEND_STATUS_FROM_SERVER;
	ops[count].data.send_status_from_server.status =
		(grpc_status_code)hf_err_status(call->finish_err);
	ops[count].data.send_status_from_server.status_details = &ending->text;
	if (GRPC_SLICE_LENGTH(ending->trailer.value) > 0) {
		ops[count].data.send_status_from_server.trailing_metadata =
			&ending->trailer;
		ops[count]
			.data.send_status_from_server.trailing_metadata_count =
			1;
	}
	count++;
	if (!call->close_armed) {
		call->close_armed = true;
		ops[count].op = GRPC_OP_RECV_CLOSE_ON_SERVER;
		ops[count].data.recv_close_on_server.cancelled =
			&call->cancelled;
		count++;
		call->send_tag.run = on_send_close;
	}
	return count;
}

/* A client's headers wait for nothing; a server's for what it has to say. */
static bool has_to_send(const struct hf_rpc_call *call)
{
	return call->queue != NULL || call->is_finishing ||
	       (call->server == NULL && !call->initial_sent);
}

void hf_rpc_call_flush(struct hf_rpc_call *call)
{
	struct ending ending = { .is_used = false };
	grpc_op ops[4];
	size_t count = 0;

	if (call->is_sending || call->is_finished || call->cut_err != HF_OK ||
	    !has_to_send(call))
		return;
	memset(ops, 0, sizeof(ops));
	if (!call->initial_sent) {
		call->initial_sent = true;
		ops[count++].op = GRPC_OP_SEND_INITIAL_METADATA;
	}
	count += add_message(call, &ops[count]);
	count += add_end(call, &ops[count], &ending);
	call->is_sending = true;
	hf_rpc_call_batch(call, ops, count, &call->send_tag);
	if (ending.is_used) {
		grpc_slice_unref(ending.text);
		grpc_slice_unref(ending.trailer.value);
	}
}

void hf_rpc_call_on_send(void *self, bool ok)
{
	struct hf_rpc_call *call = self;
	bool has_sent = call->in_flight != NULL;

	call->is_sending = false;
	if (has_sent) {
		grpc_byte_buffer_destroy(call->in_flight);
		call->in_flight = NULL;
		call->queued_bytes -= call->in_flight_bytes;
		call->in_flight_bytes = 0;
	}
	if (!ok)
		hf_rpc_call_drop_queue(call);
	else
		hf_rpc_call_flush(call);
	if (ok && has_sent && !call->is_sending && !hf_rpc_is_over(call) &&
	    call->events->sent != NULL)
		call->events->sent(call);
	hf_rpc_call_settle(call);
	hf_rpc_unref(call);
}
