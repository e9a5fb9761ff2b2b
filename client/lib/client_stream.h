/*
 * client_stream.h -- one MatchStream call: batches of lookups, several under
 * way, answered in order.
 *
 * Units    counts of batches.
 * Owns     hf_client_stream_begin() gives the caller a stream;
 *          hf_client_stream_end() takes it back.  The client has to outlive
 *          it.  An answer is borrowed until the callback returns.
 * Threads  the client's; the callback runs on it, inside send, poll and
 *          finish.
 * Errors   the daemon's; the callback's error ends the run and is returned.
 * Source   proto/hashfed/v1/match.proto, MatchStream.
 */
#ifndef HF_CLIENT_STREAM_H
#define HF_CLIENT_STREAM_H

#include "client.h"

/* Batches without an answer, at most. */
#define HF_CLIENT_STREAM_WINDOW 8

struct hf_client_stream;

/* The answer to the oldest batch; tag is what was sent with it. */
typedef enum hf_err
hf_client_on_answer(void *arg, void *tag,
		    const struct hf_wire_match_response *answer,
		    struct hf_why *why);

HF_MUST enum hf_err hf_client_stream_begin(struct hf_client *client,
					   hf_client_on_answer *on_answer,
					   void *arg,
					   struct hf_client_stream **out_stream,
					   struct hf_why *why);

/* An eventfd that becomes readable when there may be something to take.  It has
 * to outlive the stream. */
void hf_client_stream_wake(struct hf_client_stream *stream, int eventfd);

/* Batches without an answer. */
size_t hf_client_stream_count(const struct hf_client_stream *stream);

/* Waits, and takes answers, while HF_CLIENT_STREAM_WINDOW are under way. */
HF_MUST enum hf_err
hf_client_stream_send(struct hf_client_stream *stream,
		      const struct hf_wire_match_request *request, void *tag,
		      struct hf_why *why);

/* Take the answers that are there, without waiting. */
HF_MUST enum hf_err hf_client_stream_poll(struct hf_client_stream *stream,
					  struct hf_why *why);

/* Wait for every answer; more may be sent afterwards. */
HF_MUST enum hf_err hf_client_stream_finish(struct hf_client_stream *stream,
					    struct hf_why *why);

/* Tags of batches without an answer are forgotten.  NULL is fine. */
void hf_client_stream_end(struct hf_client_stream *stream);

#endif /* HF_CLIENT_STREAM_H */
