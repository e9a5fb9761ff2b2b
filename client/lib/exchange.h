/*
 * exchange.h -- a streaming call seen from a thread that waits: messages are
 * handed to the loop's thread and taken from it.
 *
 * Units    counts of messages.
 * Owns     hf_exchange_begin() gives the caller an exchange;
 *          hf_exchange_end() takes it back.  A message that was taken is the
 *          caller's buf.
 * Threads  one, never the loop's.
 * Errors   the server's, with its sentence.
 * Source   rpc.h: a call's events come on its loop.
 */
#ifndef HF_EXCHANGE_H
#define HF_EXCHANGE_H

#include <stdbool.h>

#include "buf.h"
#include "err.h"
#include "rpc_client.h"

struct hf_exchange;

/* deadline_ms 0: none. */
HF_MUST enum hf_err hf_exchange_begin(struct hf_rpc_channel *channel,
				      const char *path, int64_t deadline_ms,
				      struct hf_exchange **out_exchange,
				      struct hf_why *why);

/* Write to this eventfd whenever there may be something to take, also the
 * end: for one who waits for other things as well.  It has to outlive the
 * exchange. */
void hf_exchange_wake(struct hf_exchange *exchange, int eventfd);

/* The server ended it, and every message was taken: hf_exchange_take() says
 * how. */
bool hf_exchange_is_over(struct hf_exchange *exchange);

/* Takes the memory out of message.  Waits while HF_EXCHANGE_QUEUE messages
 * wait for the transport. */
#define HF_EXCHANGE_QUEUE 4
HF_MUST enum hf_err hf_exchange_send(struct hf_exchange *exchange,
				     struct hf_buf *message,
				     struct hf_why *why);

/* The next message, into an empty buf that the caller releases.  NOTFOUND:
 * none is there (and may_wait is false), or the server ended with HF_OK. */
HF_MUST enum hf_err hf_exchange_take(struct hf_exchange *exchange,
				     bool may_wait, struct hf_buf *out_message,
				     struct hf_why *why);

/* Close, wait until the call is over, and take its only answer.  Waking up
 * once for answer and status is cheaper than twice.  INTERNAL: there was
 * none. */
HF_MUST enum hf_err hf_exchange_finish(struct hf_exchange *exchange,
				       struct hf_buf *out_message,
				       struct hf_why *why);

/* Nothing more will be sent. */
void hf_exchange_close(struct hf_exchange *exchange);

/* Cancels a call that is not over.  NULL is fine. */
void hf_exchange_end(struct hf_exchange *exchange);

#endif /* HF_EXCHANGE_H */
