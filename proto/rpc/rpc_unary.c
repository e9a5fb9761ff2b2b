#include <pthread.h>

#include "rpc_client.h"

/* One waiting caller. */
struct waiter {
	struct hf_span request; /* borrowed */
	struct hf_buf *reply;   /* borrowed */
	pthread_mutex_t lock;   /* guards the rest */
	pthread_cond_t finished;
	bool is_finished;
	bool has_reply;
	enum hf_err err;
	struct hf_why why;
};

static void on_open(struct hf_rpc_call *call)
{
	const struct waiter *waiter = hf_rpc_arg(call);

	(void)hf_rpc_send(call, waiter->request);
	hf_rpc_finish(call, HF_OK, NULL);
}

static void on_recv(struct hf_rpc_call *call, struct hf_span message)
{
	struct waiter *waiter = hf_rpc_arg(call);

	waiter->has_reply = true;
	hf_buf_put(waiter->reply, message);
	if (hf_buf_failed(waiter->reply) != HF_OK)
		hf_rpc_cut(call, hf_buf_failed(waiter->reply));
}

static void on_done(struct hf_rpc_call *call, enum hf_err err)
{
	struct waiter *waiter = hf_rpc_arg(call);

	pthread_mutex_lock(&waiter->lock);
	waiter->err = err;
	waiter->why = *hf_rpc_why(call);
	waiter->is_finished = true;
	pthread_cond_signal(&waiter->finished);
	pthread_mutex_unlock(&waiter->lock);
}

enum hf_err hf_rpc_unary(struct hf_rpc_channel *channel, const char *path,
			 struct hf_span request, int64_t deadline_ms,
			 struct hf_buf *out_reply, struct hf_why *why)
{
	static const struct hf_rpc_events events = { .open = on_open,
						     .recv = on_recv,
						     .done = on_done };
	struct waiter waiter = { .request = request, .reply = out_reply };
	enum hf_err err;

	pthread_mutex_init(&waiter.lock, NULL);
	pthread_cond_init(&waiter.finished, NULL);
	err = hf_rpc_call_start(channel, path, &events, &waiter, deadline_ms,
				NULL, why);
	if (err != HF_OK)
		goto out_destroy;
	pthread_mutex_lock(&waiter.lock);
	while (!waiter.is_finished)
		pthread_cond_wait(&waiter.finished, &waiter.lock);
	pthread_mutex_unlock(&waiter.lock);
	err = waiter.err;
	if (err == HF_OK && !waiter.has_reply)
		err = hf_why(why, HF_E_INTERNAL, "the server sent no reply");
	else if (err != HF_OK)
		(void)hf_why(why, err, "%s", waiter.why.text);
out_destroy:
	pthread_cond_destroy(&waiter.finished);
	pthread_mutex_destroy(&waiter.lock);
	return err;
}
