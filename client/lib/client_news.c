#include "client_inside.h"
#include "client_news.h"
#include "exchange.h"

#define DEADLINE_MS     600000
#define ARENA_MAX_BYTES ((size_t)16 * 1024 * 1024)

static enum hf_err ask(struct hf_exchange *exchange,
		       const struct hf_get_news_request *request,
		       struct hf_why *why)
{
	struct hf_buf message;
	enum hf_err err;

	hf_buf_init(&message, HF_MESSAGE_MAX_BYTES);
	err = hf_get_news_request_encode(request, &message);
	if (err != HF_OK)
		err = hf_why(why, err, "GetNews: no positions that can be");
	else
		err = hf_exchange_send(exchange, &message, why);
	hf_buf_release(&message);
	if (err == HF_OK)
		hf_exchange_close(exchange);
	return err;
}

enum hf_err hf_client_news(struct hf_client *client,
			   const struct hf_get_news_request *request,
			   hf_client_on_news *on_news, void *arg,
			   struct hf_why *why)
{
	struct hf_exchange *exchange;
	struct hf_get_news_response news;
	struct hf_arena arena;
	bool is_first = true;
	enum hf_err err =
		hf_exchange_begin(client->channel, "/hashfed.v1.Match/GetNews",
				  DEADLINE_MS, &exchange, why);

	if (err != HF_OK)
		return err;
	hf_arena_init(&arena, ARENA_MAX_BYTES);
	err = ask(exchange, request, why);
	while (err == HF_OK) {
		struct hf_buf message;

		hf_buf_init(&message, HF_MESSAGE_MAX_BYTES);
		err = hf_exchange_take(exchange, true, &message, why);
		if (err == HF_OK) {
			hf_arena_reset(&arena);
			err = hf_get_news_response_parse(hf_buf_span(&message),
							 &arena, &news, why);
			if (err == HF_OK)
				err = on_news(arg, is_first, &news, why);
			is_first = false;
		} else if (err != HF_E_NOTFOUND) {
			err = hf_client_worded(client, err, why);
		} else if (is_first) {
			err = hf_why(why, HF_E_INTERNAL,
				     "the daemon ended the call before it "
				     "answered");
		}
		hf_buf_release(&message);
	}
	hf_arena_release(&arena);
	hf_exchange_end(exchange);
	return err == HF_E_NOTFOUND ? HF_OK : err;
}
