#include <stdlib.h>

#include "client_append.h"
#include "client_inside.h"
#include "exchange.h"

/* The daemon's own limit for a call, and some for the way. */
#define DEADLINE_MS 660000

struct hf_client_append {
	struct hf_client *client;
	struct hf_exchange *exchange;
};

enum hf_err hf_client_append_begin(struct hf_client *client,
				   struct hf_client_append **out_append,
				   struct hf_why *why)
{
	struct hf_client_append *append = calloc(1, sizeof(*append));
	enum hf_err err;

	if (append == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory for a call");
	append->client = client;
	err = hf_exchange_begin(client->channel, "/hashfed.v1.Publish/Append",
				DEADLINE_MS, &append->exchange, why);
	if (err != HF_OK) {
		free(append);
		return err;
	}
	*out_append = append;
	return HF_OK;
}

enum hf_err hf_client_append_send(struct hf_client_append *append,
				  const struct hf_append_request *request,
				  struct hf_why *why)
{
	struct hf_buf message;
	enum hf_err err;

	hf_buf_init(&message, HF_MESSAGE_MAX_BYTES);
	err = hf_append_request_encode(request, &message);
	if (err != HF_OK) {
		err = hf_why(why, err, "append: message %llu: %s",
			     (unsigned long long)request->sequence,
			     hf_err_words(err));
	} else {
		err = hf_exchange_send(append->exchange, &message, why);
		if (err != HF_OK)
			err = hf_client_explain(append->client, err, why);
	}
	hf_buf_release(&message);
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
	hf_exchange_close(append->exchange);
	err = hf_exchange_take(append->exchange, true, &reply, why);
	if (err == HF_E_NOTFOUND)
		err = hf_why(why, HF_E_INTERNAL, "the daemon sent no answer");
	else if (err != HF_OK)
		err = hf_client_explain(append->client, err, why);
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
	free(append);
}
