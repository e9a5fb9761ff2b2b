#include <stdlib.h>

#include "bytes.h"
#include "clock.h"
#include "sign.h"

#include "client_append.h"
#include "client_inside.h"
#include "exchange.h"

/* The daemon's own limit for a call, and some for the way. */
#define DEADLINE_MS 660000

struct hf_client_append {
	struct hf_client *client;     /* borrowed */
	struct hf_exchange *exchange; /* owned; NULL before a second message */
	struct hf_buf first;          /* the first message, until then */
	bool has_first;
};

#define PATH "/hashfed.v1.Publish/Append"

void hf_client_batch_id(uint8_t out_id[static HF_BATCH_ID_BYTES])
{
	/* 48 bits of milliseconds last until the year 10889. */
	hf_be64_put(out_id, hf_clock_wall_ms() << 16);
	hf_random(out_id + 6, HF_BATCH_ID_BYTES - 6);
}

enum hf_err hf_client_append_begin(struct hf_client *client,
				   struct hf_client_append **out_append,
				   struct hf_why *why)
{
	struct hf_client_append *append = calloc(1, sizeof(*append));

	if (append == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory for a call");
	append->client = client;
	hf_buf_init(&append->first, HF_MESSAGE_MAX_BYTES);
	*out_append = append;
	return HF_OK;
}

/* The call and its first message, if there is one, are on their way. */
static enum hf_err call_begin(struct hf_client_append *append,
			      struct hf_why *why)
{
	enum hf_err err;

	if (append->exchange != NULL)
		return HF_OK;
	err = hf_exchange_begin(append->client->channel, PATH, DEADLINE_MS,
				&append->exchange, why);
	if (err != HF_OK || !append->has_first)
		return err;
	append->has_first = false;
	return hf_exchange_send(append->exchange, &append->first, why);
}

static enum hf_err message_send(struct hf_client_append *append,
				struct hf_buf *message, struct hf_why *why)
{
	enum hf_err err;

	/* It may be the only one: then it is a call like any other, which costs
	 * less than a stream. */
	if (append->exchange == NULL && !append->has_first) {
		append->first = *message;
		append->has_first = true;
		hf_buf_init(message, message->ceiling_bytes);
		return HF_OK;
	}
	err = call_begin(append, why);
	if (err == HF_OK)
		err = hf_exchange_send(append->exchange, message, why);
	return err == HF_OK ? HF_OK
			    : hf_client_worded(append->client, err, why);
}

enum hf_err hf_client_append_send(struct hf_client_append *append,
				  const struct hf_append_request *request,
				  struct hf_why *why)
{
	struct hf_buf message;
	enum hf_err err;

	hf_buf_init(&message, HF_MESSAGE_MAX_BYTES);
	err = hf_append_request_encode(request, &message);
	if (err != HF_OK)
		err = hf_why(why, err, "append: message %llu: %s",
			     (unsigned long long)request->sequence,
			     hf_err_words(err));
	else
		err = message_send(append, &message, why);
	hf_buf_release(&message);
	return err;
}

static enum hf_err answer_await(struct hf_client_append *append,
				struct hf_buf *reply, struct hf_why *why)
{
	enum hf_err err;

	if (append->has_first)
		return hf_rpc_unary(append->client->channel, PATH,
				    hf_buf_span(&append->first), DEADLINE_MS,
				    reply, why);
	err = call_begin(append, why);
	if (err == HF_OK)
		err = hf_exchange_finish(append->exchange, reply, why);
	return err;
}

enum hf_err hf_client_append_finish(struct hf_client_append *append,
				    struct hf_arena *arena,
				    struct hf_append_response *out,
				    struct hf_why *why)
{
	struct hf_buf reply;
	enum hf_err err;

	hf_buf_init(&reply, HF_MESSAGE_MAX_BYTES);
	err = answer_await(append, &reply, why);
	if (err != HF_OK)
		err = hf_client_worded(append->client, err, why);
	else
		err = hf_append_response_parse(hf_buf_span(&reply), arena, out,
					       why);
	hf_buf_release(&reply);
	return err;
}

void hf_client_append_end(struct hf_client_append *append)
{
	if (append == NULL)
		return;
	hf_exchange_end(append->exchange);
	hf_buf_release(&append->first);
	free(append);
}
