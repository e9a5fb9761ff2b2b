/*
 * client_append.h -- one Append call: message after message of items, some
 * under way while the next are made, one answer at the end.
 *
 * Units    counts of items.
 * Owns     hf_client_append_begin() gives the caller an append;
 *          hf_client_append_end() takes it back.  The client has to outlive
 *          it.
 * Threads  the client's.
 * Errors   the daemon's, from whichever of the calls comes next: what was
 *          appended before an error stays, and the same batch id and sequence
 *          sent again finds it.
 * Source   proto/hashfed/v1/publish.proto, Append.
 */
#ifndef HF_CLIENT_APPEND_H
#define HF_CLIENT_APPEND_H

#include "client.h"

struct hf_client_append;

/* A batch id that nobody else has.  It begins with the time, so that the
 * daemon's records of batches made one after another lie side by side: a
 * commit then writes fewer pages. */
void hf_client_batch_id(uint8_t out_id[static HF_BATCH_ID_BYTES]);

HF_MUST enum hf_err hf_client_append_begin(struct hf_client *client,
					   struct hf_client_append **out_append,
					   struct hf_why *why);

/* Waits while the daemon is behind by more than a few messages. */
HF_MUST enum hf_err
hf_client_append_send(struct hf_client_append *append,
		      const struct hf_append_request *request,
		      struct hf_why *why);

/* No more messages: wait until all of it is durable and signed. */
HF_MUST enum hf_err hf_client_append_finish(struct hf_client_append *append,
					    struct hf_arena *arena,
					    struct hf_append_response *out,
					    struct hf_why *why);

/* Cancels what is not finished.  NULL is fine. */
void hf_client_append_end(struct hf_client_append *append);

#endif /* HF_CLIENT_APPEND_H */
