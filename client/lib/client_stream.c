#include <stdlib.h>

#include "client_inside.h"
#include "client_stream.h"
#include "exchange.h"

/* An answer of HF_MESSAGE_MAX_BYTES, its hits and their labels. */
#define ARENA_MAX_BYTES ((size_t)64 * 1024 * 1024)

struct hf_client_stream {
	struct hf_client *client;
	struct hf_exchange *exchange;
	hf_client_on_answer *on_answer;
	void *arg;
	void *tags[HF_CLIENT_STREAM_WINDOW]; /* of batches under way, a ring */
	size_t first;
	size_t count;
	struct hf_arena arena; /* of one answer */
};

enum hf_err hf_client_stream_begin(struct hf_client *client,
				   hf_client_on_answer *on_answer, void *arg,
				   struct hf_client_stream **out_stream,
				   struct hf_why *why)
{
	struct hf_client_stream *stream = calloc(1, sizeof(*stream));
	enum hf_err err;

	if (stream == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory for a call");
	stream->client = client;
	stream->on_answer = on_answer;
	stream->arg = arg;
	hf_arena_init(&stream->arena, ARENA_MAX_BYTES);
	err = hf_exchange_begin(client->channel,
				"/hashfed.v1.Match/MatchStream", 0,
				&stream->exchange, why);
	if (err != HF_OK) {
		free(stream);
		return err;
	}
	*out_stream = stream;
	return HF_OK;
}

void hf_client_stream_wake(struct hf_client_stream *stream, int eventfd)
{
	hf_exchange_wake(stream->exchange, eventfd);
}

size_t hf_client_stream_count(const struct hf_client_stream *stream)
{
	return stream->count;
}

/* One answer.  NOTFOUND: none is there. */
static enum hf_err take(struct hf_client_stream *stream, bool may_wait,
			struct hf_why *why)
{
	struct hf_wire_match_stream_response response;
	struct hf_buf message;
	enum hf_err err;
	void *tag;

	hf_buf_init(&message, HF_MESSAGE_MAX_BYTES);
	err = hf_exchange_take(stream->exchange, may_wait, &message, why);
	if (err == HF_E_NOTFOUND && may_wait)
		err = hf_why(why, HF_E_INTERNAL,
			     "the daemon ended the call before it answered");
	else if (err != HF_OK && err != HF_E_NOTFOUND)
		err = hf_client_worded(stream->client, err, why);
	if (err != HF_OK)
		goto out_release;
	hf_arena_reset(&stream->arena);
	err = hf_wire_match_stream_response_parse(
		hf_buf_span(&message), &stream->arena, &response, why);
	if (err != HF_OK)
		goto out_release;
	if (stream->count == 0) {
		err = hf_why(why, HF_E_INTERNAL,
			     "the daemon answered what was not asked");
		goto out_release;
	}
	tag = stream->tags[stream->first];
	stream->first = (stream->first + 1) % HF_CLIENT_STREAM_WINDOW;
	stream->count--;
	err = stream->on_answer(stream->arg, tag, response.batch, why);
out_release:
	hf_buf_release(&message);
	return err;
}

enum hf_err hf_client_stream_send(struct hf_client_stream *stream,
				  const struct hf_wire_match_request *request,
				  void *tag, struct hf_why *why)
{
	const struct hf_wire_match_stream_request batch = { .batch = request };
	struct hf_buf message;
	enum hf_err err;

	while (stream->count == HF_CLIENT_STREAM_WINDOW) {
		err = take(stream, true, why);
		if (err != HF_OK)
			return err;
	}
	hf_buf_init(&message, HF_MESSAGE_MAX_BYTES);
	err = hf_wire_match_stream_request_encode(&batch, &message);
	if (err != HF_OK) {
		err = hf_why(why, err, "match: the batch is not acceptable");
	} else {
		err = hf_exchange_send(stream->exchange, &message, why);
		if (err != HF_OK)
			err = hf_client_worded(stream->client, err, why);
	}
	hf_buf_release(&message);
	if (err != HF_OK)
		return err;
	stream->tags[(stream->first + stream->count) %
		     HF_CLIENT_STREAM_WINDOW] = tag;
	stream->count++;
	return HF_OK;
}

enum hf_err hf_client_stream_poll(struct hf_client_stream *stream,
				  struct hf_why *why)
{
	enum hf_err err = HF_OK;

	while (err == HF_OK && stream->count > 0)
		err = take(stream, false, why);
	return err == HF_E_NOTFOUND ? HF_OK : err;
}

enum hf_err hf_client_stream_finish(struct hf_client_stream *stream,
				    struct hf_why *why)
{
	enum hf_err err = HF_OK;

	while (err == HF_OK && stream->count > 0)
		err = take(stream, true, why);
	return err;
}

void hf_client_stream_end(struct hf_client_stream *stream)
{
	if (stream == NULL)
		return;
	hf_exchange_close(stream->exchange);
	hf_exchange_end(stream->exchange);
	hf_arena_release(&stream->arena);
	free(stream);
}
