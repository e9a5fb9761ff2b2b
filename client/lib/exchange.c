#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "exchange.h"

/* What may wait inside the transport before we hand it more. */
#define QUEUED_MAX_BYTES ((size_t)2 * 1024 * 1024)

/* What the server may send before anybody takes it: a window of answers. */
#define TAKEN_MAX 64

struct message {
	struct hf_buf buf;
	struct message *next;
};

struct queue {
	struct message *first;
	struct message **last;
	size_t count;
};

struct hf_exchange {
	struct hf_rpc_call *call; /* a reference */
	pthread_mutex_t lock;     /* guards the rest */
	pthread_cond_t changed;
	struct queue out;
	struct queue in;
	unsigned posts_count; /* of pump(), not yet run */
	bool is_closing;      /* the caller has no more */
	bool is_closed;       /* and the server was told */
	bool is_paused;
	bool is_done;
	int wake_fd; /* borrowed; -1: nobody waits so */
	enum hf_err err;
	struct hf_why why;
};

static void queue_init(struct queue *queue)
{
	*queue = (struct queue){ .last = &queue->first };
}

static void queue_put(struct queue *queue, struct message *message)
{
	message->next = NULL;
	*queue->last = message;
	queue->last = &message->next;
	queue->count++;
}

static struct message *queue_take(struct queue *queue)
{
	struct message *message = queue->first;

	if (message == NULL)
		return NULL;
	queue->first = message->next;
	if (queue->first == NULL)
		queue->last = &queue->first;
	queue->count--;
	return message;
}

static void message_free(struct message *message)
{
	hf_buf_release(&message->buf);
	free(message);
}

static void queue_release(struct queue *queue)
{
	struct message *message;

	while ((message = queue_take(queue)) != NULL)
		message_free(message);
}

/* With the lock held.  An eventfd that is full has woken everybody. */
static void wake(const struct hf_exchange *exchange)
{
	static const uint64_t one = 1;

	if (exchange->wake_fd >= 0 &&
	    write(exchange->wake_fd, &one, sizeof(one)) < 0)
		return;
}

/* ---- on the loop's thread ---- */

/* Hand over what the transport has room for.  With the lock held. */
static void feed(struct hf_exchange *exchange)
{
	struct hf_rpc_call *call = exchange->call;

	while (!hf_rpc_is_over(call) &&
	       hf_rpc_queued(call) < QUEUED_MAX_BYTES) {
		struct message *message = queue_take(&exchange->out);

		if (message == NULL)
			break;
		if (exchange->is_closing && exchange->out.count == 0) {
			/* The last one and the end go out together. */
			exchange->is_closed = true;
			hf_rpc_reply_buf(call, &message->buf);
		} else {
			(void)hf_rpc_send_buf(call, &message->buf);
		}
		message_free(message);
		pthread_cond_signal(&exchange->changed);
	}
	if (exchange->is_closing && !exchange->is_closed &&
	    exchange->out.count == 0) {
		exchange->is_closed = true;
		hf_rpc_finish(call, HF_OK, NULL);
	}
	if (exchange->is_paused && exchange->in.count < TAKEN_MAX / 2) {
		exchange->is_paused = false;
		hf_rpc_resume(call);
	}
}

/* The call has begun, or took what it was given. */
static void on_ready(struct hf_rpc_call *call)
{
	struct hf_exchange *exchange = hf_rpc_arg(call);

	pthread_mutex_lock(&exchange->lock);
	feed(exchange);
	pthread_mutex_unlock(&exchange->lock);
}

static void pump(struct hf_rpc_call *call)
{
	struct hf_exchange *exchange = hf_rpc_arg(call);

	pthread_mutex_lock(&exchange->lock);
	exchange->posts_count--;
	if (!exchange->is_done)
		feed(exchange);
	pthread_cond_signal(&exchange->changed);
	pthread_mutex_unlock(&exchange->lock);
}

static void on_recv(struct hf_rpc_call *call, struct hf_span bytes)
{
	struct hf_exchange *exchange = hf_rpc_arg(call);
	struct message *message = calloc(1, sizeof(*message));

	if (message == NULL) {
		hf_rpc_cut(call, HF_E_NOMEM);
		return;
	}
	hf_buf_init(&message->buf, HF_MESSAGE_MAX_BYTES + 65536);
	hf_buf_put(&message->buf, bytes);
	if (hf_buf_failed(&message->buf) != HF_OK) {
		hf_rpc_cut(call, hf_buf_failed(&message->buf));
		message_free(message);
		return;
	}
	pthread_mutex_lock(&exchange->lock);
	queue_put(&exchange->in, message);
	wake(exchange);
	if (exchange->in.count >= TAKEN_MAX) {
		exchange->is_paused = true;
		hf_rpc_pause(call);
	}
	pthread_mutex_unlock(&exchange->lock);
	/* Nobody who wakes up has to wait for the lock.  The exchange is still
	 * there: done has not come. */
	pthread_cond_signal(&exchange->changed);
}

static void on_done(struct hf_rpc_call *call, enum hf_err err)
{
	struct hf_exchange *exchange = hf_rpc_arg(call);

	pthread_mutex_lock(&exchange->lock);
	exchange->err = err;
	exchange->why = *hf_rpc_why(call);
	exchange->is_done = true;
	wake(exchange);
	pthread_cond_signal(&exchange->changed);
	pthread_mutex_unlock(&exchange->lock);
}

/* ---- on the caller's ---- */

static const struct hf_rpc_events events = { .open = on_ready,
					     .recv = on_recv,
					     .sent = on_ready,
					     .done = on_done };

enum hf_err hf_exchange_begin(struct hf_rpc_channel *channel, const char *path,
			      int64_t deadline_ms,
			      struct hf_exchange **out_exchange,
			      struct hf_why *why)
{
	struct hf_exchange *exchange = calloc(1, sizeof(*exchange));
	enum hf_err err;

	if (exchange == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory for a call");
	pthread_mutex_init(&exchange->lock, NULL);
	pthread_cond_init(&exchange->changed, NULL);
	exchange->wake_fd = -1;
	queue_init(&exchange->out);
	queue_init(&exchange->in);
	/* exchange->call is there before the first event. */
	err = hf_rpc_call_start(channel, path, &events, exchange, deadline_ms,
				&exchange->call, why);
	if (err != HF_OK) {
		pthread_cond_destroy(&exchange->changed);
		pthread_mutex_destroy(&exchange->lock);
		free(exchange);
		return err;
	}
	*out_exchange = exchange;
	return HF_OK;
}

void hf_exchange_wake(struct hf_exchange *exchange, int eventfd)
{
	pthread_mutex_lock(&exchange->lock);
	exchange->wake_fd = eventfd;
	if (exchange->is_done || exchange->in.count > 0)
		wake(exchange);
	pthread_mutex_unlock(&exchange->lock);
}

bool hf_exchange_is_over(struct hf_exchange *exchange)
{
	bool is_over;

	pthread_mutex_lock(&exchange->lock);
	is_over = exchange->is_done && exchange->in.count == 0;
	pthread_mutex_unlock(&exchange->lock);
	return is_over;
}

/* With the lock held.  A post that fails leaves the message in the queue, for
 * the next event of the call. */
static enum hf_err post(struct hf_exchange *exchange, struct hf_why *why)
{
	if (hf_rpc_post(exchange->call, pump) != HF_OK)
		return hf_why(why, HF_E_NOMEM, "no memory for a call");
	exchange->posts_count++;
	return HF_OK;
}

static enum hf_err outcome(const struct hf_exchange *exchange,
			   struct hf_why *why)
{
	return hf_why(why, exchange->err, "%s", exchange->why.text);
}

enum hf_err hf_exchange_send(struct hf_exchange *exchange,
			     struct hf_buf *message, struct hf_why *why)
{
	struct message *queued = calloc(1, sizeof(*queued));
	enum hf_err err;

	if (queued == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory for a message");
	pthread_mutex_lock(&exchange->lock);
	while (!exchange->is_done && exchange->out.count >= HF_EXCHANGE_QUEUE)
		pthread_cond_wait(&exchange->changed, &exchange->lock);
	if (exchange->is_done) {
		err = exchange->err != HF_OK
			      ? outcome(exchange, why)
			      : hf_why(why, HF_E_INTERNAL,
				       "the daemon ended the call early");
		free(queued);
	} else {
		queued->buf = *message;
		hf_buf_init(message, queued->buf.ceiling_bytes);
		queue_put(&exchange->out, queued);
		err = post(exchange, why);
	}
	pthread_mutex_unlock(&exchange->lock);
	return err;
}

enum hf_err hf_exchange_take(struct hf_exchange *exchange, bool may_wait,
			     struct hf_buf *out_message, struct hf_why *why)
{
	struct message *message;
	enum hf_err err = HF_OK;

	pthread_mutex_lock(&exchange->lock);
	while (may_wait && !exchange->is_done && exchange->in.count == 0)
		pthread_cond_wait(&exchange->changed, &exchange->lock);
	message = queue_take(&exchange->in);
	if (message == NULL)
		err = exchange->is_done && exchange->err != HF_OK
			      ? outcome(exchange, why)
			      : HF_E_NOTFOUND;
	else if (exchange->is_paused && !exchange->is_done)
		err = post(exchange, why);
	pthread_mutex_unlock(&exchange->lock);
	if (message != NULL && err == HF_OK) {
		hf_buf_release(out_message);
		*out_message = message->buf;
		message->buf = (struct hf_buf){ 0 };
	}
	if (message != NULL)
		message_free(message);
	return err;
}

enum hf_err hf_exchange_finish(struct hf_exchange *exchange,
			       struct hf_buf *out_message, struct hf_why *why)
{
	enum hf_err err;

	hf_exchange_close(exchange);
	pthread_mutex_lock(&exchange->lock);
	while (!exchange->is_done)
		pthread_cond_wait(&exchange->changed, &exchange->lock);
	err = exchange->err != HF_OK ? outcome(exchange, why) : HF_OK;
	pthread_mutex_unlock(&exchange->lock);
	if (err != HF_OK)
		return err;
	err = hf_exchange_take(exchange, false, out_message, why);
	return err != HF_E_NOTFOUND ? err
				    : hf_why(why, HF_E_INTERNAL,
					     "the daemon sent no answer");
}

void hf_exchange_close(struct hf_exchange *exchange)
{
	pthread_mutex_lock(&exchange->lock);
	exchange->is_closing = true;
	if (!exchange->is_done && post(exchange, NULL) != HF_OK)
		hf_rpc_cancel(exchange->call);
	pthread_mutex_unlock(&exchange->lock);
}

void hf_exchange_end(struct hf_exchange *exchange)
{
	if (exchange == NULL)
		return;
	pthread_mutex_lock(&exchange->lock);
	if (!exchange->is_done)
		hf_rpc_cancel(exchange->call);
	/* The loop lets go of it with done and with the last pump. */
	while (!exchange->is_done || exchange->posts_count > 0)
		pthread_cond_wait(&exchange->changed, &exchange->lock);
	pthread_mutex_unlock(&exchange->lock);
	hf_rpc_unref(exchange->call);
	queue_release(&exchange->out);
	queue_release(&exchange->in);
	pthread_cond_destroy(&exchange->changed);
	pthread_mutex_destroy(&exchange->lock);
	free(exchange);
}
