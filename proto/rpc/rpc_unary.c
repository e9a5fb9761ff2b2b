#include <assert.h>
#include <errno.h>
#include <semaphore.h>
#include <string.h>

#include <grpc/byte_buffer.h>

#include "rpc_client.h"
#include "rpc_core.h"

/*
 * All of a call in one batch, started by the thread that waits for it: so the
 * request goes out without waking the loop, which only takes what comes back.
 */
struct unary {
	struct hf_rpc_tag tag;
	sem_t finished; /* the rest is the waiting thread's, before and after */
	grpc_metadata_array initial;
	grpc_byte_buffer *sent;
	grpc_byte_buffer *received;
	struct hf_rpc_answer answer;
};

static void on_finished(void *self, bool ok)
{
	struct unary *unary = self;

	/* Not a condition: that would be signalled with its lock held, and wake
	 * the waiting thread only to let it wait for the lock. */
	sem_post(&unary->finished);
}

static void unary_init(struct unary *unary, struct hf_span request)
{
	grpc_slice slice = grpc_slice_from_copied_buffer(
		(const char *)request.at, request.len_bytes);

	unary->tag = (struct hf_rpc_tag){ on_finished, unary };
	unary->sent = grpc_raw_byte_buffer_create(&slice, 1);
	unary->received = NULL;
	grpc_slice_unref(slice);
	grpc_metadata_array_init(&unary->initial);
	hf_rpc_answer_init(&unary->answer);
}

static void unary_release(struct unary *unary)
{
	grpc_byte_buffer_destroy(unary->sent);
	if (unary->received != NULL)
		grpc_byte_buffer_destroy(unary->received);
	grpc_metadata_array_destroy(&unary->initial);
	hf_rpc_answer_release(&unary->answer);
	sem_destroy(&unary->finished);
}

static void start(struct unary *unary, grpc_call *call)
{
	grpc_call_error err;
	grpc_op ops[6];

	memset(ops, 0, sizeof(ops));
	ops[0].op = GRPC_OP_SEND_INITIAL_METADATA;
	ops[1].op = GRPC_OP_SEND_MESSAGE;
	ops[1].data.send_message.send_message = unary->sent;
	ops[2].op = GRPC_OP_SEND_CLOSE_FROM_CLIENT;
	ops[3].op = GRPC_OP_RECV_INITIAL_METADATA;
	ops[3].data.recv_initial_metadata.recv_initial_metadata =
		&unary->initial;
	ops[4].op = GRPC_OP_RECV_MESSAGE;
	ops[4].data.recv_message.recv_message = &unary->received;
	ops[5] = hf_rpc_answer_op(&unary->answer);
	HF_RPC_HANDS_OVER(&unary->tag);
	err = grpc_call_start_batch(call, ops, 6, &unary->tag, NULL);
	assert(err == GRPC_CALL_OK);
	(void)err;
}

static enum hf_err reply_take(const grpc_byte_buffer *bytes,
			      struct hf_buf *out_reply, struct hf_why *why)
{
	const grpc_slice_buffer *pieces;

	if (bytes == NULL)
		return hf_why(why, HF_E_INTERNAL, "the server sent no reply");
	if (bytes->data.raw.compression != GRPC_COMPRESS_NONE)
		return hf_why(why, HF_E_MALFORMED,
			      "the server compressed its reply");
	pieces = &bytes->data.raw.slice_buffer;
	for (size_t i = 0; i < pieces->count; i++)
		hf_buf_put(out_reply,
			   hf_span(GRPC_SLICE_START_PTR(pieces->slices[i]),
				   GRPC_SLICE_LENGTH(pieces->slices[i])));
	if (hf_buf_failed(out_reply) != HF_OK)
		return hf_why(why, hf_buf_failed(out_reply), "%s",
			      hf_err_words(hf_buf_failed(out_reply)));
	return HF_OK;
}

enum hf_err hf_rpc_unary(struct hf_rpc_channel *channel, const char *path,
			 struct hf_span request, int64_t deadline_ms,
			 struct hf_buf *out_reply, struct hf_why *why)
{
	struct hf_why said;
	struct unary unary;
	grpc_call *call;
	enum hf_err err;

	if (sem_init(&unary.finished, 0, 0) != 0)
		return hf_why_errno(why, "rpc: semaphore");
	unary_init(&unary, request);
	call = hf_rpc_channel_call(channel, path, deadline_ms);
	start(&unary, call);
	while (sem_wait(&unary.finished) != 0 && errno == EINTR)
		;
	err = hf_rpc_answer_read(&unary.answer, &said);
	if (err == HF_OK)
		err = reply_take(unary.received, out_reply, why);
	else
		(void)hf_why(why, err, "%s", said.text);
	grpc_call_unref(call);
	unary_release(&unary);
	return err;
}
