/*
 * client_later.h -- SendNotice calls whose answers are taken later, so that
 * several are under way: a daemon appends what it is given meanwhile together.
 *
 * Units    none.
 * Owns     hf_client_notice_begin() gives the caller a call;
 *          hf_client_notice_end() and hf_client_later_drop() take it back.  The
 *          client has to outlive it.  The answer lives in the caller's arena.
 * Threads  the client's.
 * Errors   see client.h.
 * Source   proto/hashfed/v1/takedown.proto, SendNotice.
 */
#ifndef HF_CLIENT_LATER_H
#define HF_CLIENT_LATER_H

#include "client.h"

struct hf_client_later;

/* The request is not needed any more when this returns. */
HF_MUST enum hf_err
hf_client_notice_begin(struct hf_client *client,
		       const struct hf_send_notice_request *request,
		       struct hf_client_later **out_later, struct hf_why *why);

/* Wait for the answer. */
HF_MUST enum hf_err hf_client_notice_end(struct hf_client_later *later,
					 struct hf_arena *arena,
					 struct hf_send_notice_response *out,
					 struct hf_why *why);

/* Do not wait: it may be done all the same.  NULL is fine. */
void hf_client_later_drop(struct hf_client_later *later);

#endif /* HF_CLIENT_LATER_H */
