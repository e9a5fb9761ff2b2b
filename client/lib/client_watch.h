/*
 * client_watch.h -- one WatchCases call: every new or changed case, until
 * somebody ends it.
 *
 * Units    positions are the daemon's bytes.
 * Owns     hf_client_watch_begin() gives the caller a watch;
 *          hf_client_watch_end() takes it back.  The client and the eventfd
 *          have to outlive it.  An answer lives in the caller's arena.
 * Threads  the client's.
 * Errors   the daemon's; UNAVAILABLE also when it ended the call without an
 *          error, as one that stops does.
 * Source   proto/hashfed/v1/takedown.proto, WatchCases.
 */
#ifndef HF_CLIENT_WATCH_H
#define HF_CLIENT_WATCH_H

#include "client.h"

struct hf_client_watch;

/* wake_fd: an eventfd that becomes readable when there may be something to
 * take. */
HF_MUST enum hf_err
hf_client_watch_begin(struct hf_client *client,
		      const struct hf_watch_cases_request *request, int wake_fd,
		      struct hf_client_watch **out_watch, struct hf_why *why);

/* NOTFOUND: nothing is there now.  Any other error is the end of it. */
HF_MUST enum hf_err hf_client_watch_take(struct hf_client_watch *watch,
					 struct hf_arena *arena,
					 struct hf_watch_cases_response *out,
					 struct hf_why *why);

/* NULL is fine. */
void hf_client_watch_end(struct hf_client_watch *watch);

#endif /* HF_CLIENT_WATCH_H */
