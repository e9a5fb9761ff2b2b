#include <stdlib.h>

#include "client_inside.h"
#include "client_later.h"
#include "exchange.h"

#define DEADLINE_MS 60000

struct hf_client_later {
	struct hf_client *client;
	struct hf_exchange *exchange;
};

static enum hf_err ask(struct hf_client_later *later,
		       const struct hf_send_notice_request *request,
		       struct hf_why *why)
{
	struct hf_buf message;
	enum hf_err err;

	hf_buf_init(&message, HF_MESSAGE_MAX_BYTES);
	err = hf_send_notice_request_encode(request, &message);
	if (err != HF_OK)
		err = hf_why(why, err, "SendNotice: the request is %s",
			     err == HF_E_LIMIT
				     ? "larger than the protocol allows"
				     : "not acceptable");
	else
		err = hf_exchange_send(later->exchange, &message, why);
	hf_buf_release(&message);
	if (err == HF_OK)
		hf_exchange_close(later->exchange);
	return err;
}

enum hf_err hf_client_notice_begin(struct hf_client *client,
				   const struct hf_send_notice_request *request,
				   struct hf_client_later **out_later,
				   struct hf_why *why)
{
	struct hf_client_later *later = calloc(1, sizeof(*later));
	enum hf_err err;

	if (later == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory for a call");
	later->client = client;
	err = hf_exchange_begin(client->channel,
				"/hashfed.v1.Takedown/SendNotice", DEADLINE_MS,
				&later->exchange, why);
	if (err == HF_OK)
		err = ask(later, request, why);
	if (err != HF_OK) {
		hf_client_later_drop(later);
		return hf_client_worded(client, err, why);
	}
	*out_later = later;
	return HF_OK;
}

enum hf_err hf_client_notice_end(struct hf_client_later *later,
				 struct hf_arena *arena,
				 struct hf_send_notice_response *out,
				 struct hf_why *why)
{
	struct hf_buf reply;
	enum hf_err err;

	hf_buf_init(&reply, HF_MESSAGE_MAX_BYTES);
	err = hf_exchange_finish(later->exchange, &reply, why);
	if (err != HF_OK)
		err = hf_client_worded(later->client, err, why);
	else
		err = hf_send_notice_response_parse(hf_buf_span(&reply), arena,
						    out, why);
	hf_buf_release(&reply);
	hf_client_later_drop(later);
	return err;
}

void hf_client_later_drop(struct hf_client_later *later)
{
	if (later == NULL)
		return;
	hf_exchange_end(later->exchange);
	free(later);
}
