#include <stdlib.h>

#include "client_inside.h"
#include "client_watch.h"
#include "exchange.h"

struct hf_client_watch {
	struct hf_client *client;
	struct hf_exchange *exchange;
};

static enum hf_err ask(struct hf_client_watch *watch,
		       const struct hf_watch_cases_request *request,
		       struct hf_why *why)
{
	struct hf_buf message;
	enum hf_err err;

	hf_buf_init(&message, HF_MESSAGE_MAX_BYTES);
	err = hf_watch_cases_request_encode(request, &message);
	if (err != HF_OK)
		err = hf_why(why, err, "WatchCases: no position that can be");
	else
		err = hf_exchange_send(watch->exchange, &message, why);
	hf_buf_release(&message);
	if (err == HF_OK)
		hf_exchange_close(watch->exchange);
	return err;
}

enum hf_err hf_client_watch_begin(struct hf_client *client,
				  const struct hf_watch_cases_request *request,
				  int wake_fd,
				  struct hf_client_watch **out_watch,
				  struct hf_why *why)
{
	struct hf_client_watch *watch = calloc(1, sizeof(*watch));
	enum hf_err err;

	if (watch == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory for a call");
	watch->client = client;
	err = hf_exchange_begin(client->channel,
				"/hashfed.v1.Takedown/WatchCases", 0,
				&watch->exchange, why);
	if (err == HF_OK) {
		hf_exchange_wake(watch->exchange, wake_fd);
		err = ask(watch, request, why);
	}
	if (err != HF_OK) {
		hf_client_watch_end(watch);
		return hf_client_worded(client, err, why);
	}
	*out_watch = watch;
	return HF_OK;
}

enum hf_err hf_client_watch_take(struct hf_client_watch *watch,
				 struct hf_arena *arena,
				 struct hf_watch_cases_response *out,
				 struct hf_why *why)
{
	/* Before the look: what ends in between is found next time. */
	bool is_over = hf_exchange_is_over(watch->exchange);
	struct hf_buf message;
	enum hf_err err;

	hf_buf_init(&message, HF_MESSAGE_MAX_BYTES);
	err = hf_exchange_take(watch->exchange, false, &message, why);
	if (err == HF_OK)
		err = hf_watch_cases_response_parse(hf_buf_span(&message),
						    arena, out, why);
	else if (err == HF_E_NOTFOUND && is_over)
		err = hf_why(why, HF_E_UNAVAILABLE,
			     "the daemon at %s ended the call",
			     hf_client_place(watch->client));
	else if (err != HF_E_NOTFOUND)
		err = hf_client_worded(watch->client, err, why);
	hf_buf_release(&message);
	return err;
}

void hf_client_watch_end(struct hf_client_watch *watch)
{
	if (watch == NULL)
		return;
	hf_exchange_end(watch->exchange);
	free(watch);
}
