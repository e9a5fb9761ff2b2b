/*
 * rpc_client.h -- calling: a channel to one server, calls on it.
 *
 * Units    _ms as named.
 * Owns     hf_rpc_channel_open() gives the caller a channel;
 *          hf_rpc_channel_close() takes it back, and calls that still run
 *          end (UNAVAILABLE).
 * Threads  open, close, hurry, call and unary from any thread; unary never
 *          from a loop.  Events of a call, and the channel's state, come on
 *          its loop.
 * Errors   a call that does not reach the server ends with UNAVAILABLE.
 * Source   gRPC C core 1.51: a channel is polled only while a call or a
 *          connectivity watch is attached, so it keeps a watch and reconnects
 *          at once (0.04 to 1.25 s instead of 5 to 10).
 */
#ifndef HF_RPC_CLIENT_H
#define HF_RPC_CLIENT_H

#include "rpc.h"
#include "rpc_tls.h"

struct hf_rpc_channel;

struct hf_rpc_channel_options {
	struct hf_rpc_loop *loop; /* POLLS; borrowed, outlives the channel */

	/* "host:port" for TLS, "unix:/path" without. */
	const char *target;

	/* TLS: our certificate, and who the server has to be. */
	struct hf_rpc_keypair keypair;
	hf_rpc_admit *admit;
	void *arg; /* of admit and state; outlives the channel */

	/* May be NULL: the connection came up, went away, or could not be made
	 * (once, until it comes up). */
	void (*state)(void *arg, bool is_up);

	/* First and longest wait between attempts to connect; 0: 250 ms and
	 * 10 s. */
	int64_t backoff_min_ms;
	int64_t backoff_max_ms;
};

HF_MUST enum hf_err
hf_rpc_channel_open(const struct hf_rpc_channel_options *options,
		    struct hf_rpc_channel **out_channel, struct hf_why *why);

/* state may be running on the loop while this returns, unless called there;
 * hf_rpc_loop_free() waits for the last of it. */
void hf_rpc_channel_close(struct hf_rpc_channel *channel);

/* The server is heard of to be there: if the next attempt to connect waits, it
 * is made now, and waits begin with the first again.  From any thread. */
void hf_rpc_channel_hurry(struct hf_rpc_channel *channel);

/*
 * Begin a call.  open follows on the loop.  deadline_ms 0: none.  out_call may
 * be NULL; otherwise it is the caller's reference, to be given back with
 * hf_rpc_unref().
 */
HF_MUST enum hf_err hf_rpc_call_start(struct hf_rpc_channel *channel,
				      const char *path,
				      const struct hf_rpc_events *events,
				      void *arg, int64_t deadline_ms,
				      struct hf_rpc_call **out_call,
				      struct hf_why *why);

/*
 * One request, one reply appended to out_reply (up to its ceiling, else
 * LIMIT), waiting for it.  The error and the sentence are the server's.
 */
HF_MUST enum hf_err hf_rpc_unary(struct hf_rpc_channel *channel,
				 const char *path, struct hf_span request,
				 int64_t deadline_ms, struct hf_buf *out_reply,
				 struct hf_why *why);

#endif /* HF_RPC_CLIENT_H */
