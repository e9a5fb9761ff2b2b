/*
 * rpc_server.h -- answering calls out of one table, on one port or socket.
 *
 * Before a handler runs the layer has checked, in this order: who calls, that
 * the method exists, that the caller has one of its duties, that it has not
 * too many calls in flight, that the method can be answered now; then the size
 * of each message.  Health
 * (grpc.health.v1) and reflection (v1, v1alpha) are built in.
 *
 * Units    _bytes, _ms as named.
 * Owns     hf_rpc_server_new() gives the caller a server.  Loops, table,
 *          schema and trust are borrowed and outlive it.
 * Threads  new, listen, start, stop and free on one thread that is no loop;
 *          handlers run on the worker loop.
 * Errors   EXISTS when somebody listens there already; ARGUMENT when table
 *          and schema disagree; DENIED, SYSTEM from the operating system.
 * Source   proto/SPEC.md sections 8 and 10.  Channel arguments: rpc_server.c,
 *          with their reasons in DESIGN.md.
 */
#ifndef HF_RPC_SERVER_H
#define HF_RPC_SERVER_H

#include "duty.h"
#include "rpc.h"
#include "rpc_tls.h"

/* Duties of a method that every admitted caller may use. */
#define HF_RPC_ANYONE UINT32_MAX

/* What a method does to whoever answers it; the layer only carries it. */
enum hf_rpc_effect {
	HF_RPC_READS = 1,
	HF_RPC_WRITES,
};

/* One row for each method that is answered; const and static. */
struct hf_rpc_method {
	const char *path;         /* "/hashfed.v1.Match/Match" */
	uint32_t duties;          /* any of these; 0: nobody */
	size_t max_request_bytes; /* of each message; larger ones are LIMIT */
	int64_t deadline_ms;      /* of the whole call; 0: none (streams) */
	bool client_streams;
	bool server_streams;
	const struct hf_rpc_events *events;
	enum hf_rpc_effect effect; /* 0: not said */
};

struct hf_rpc_server;

struct hf_rpc_server_options {
	struct hf_rpc_loop *poller; /* POLLS: does I/O and TLS */
	struct hf_rpc_loop *worker; /* WORKS: runs the handlers */
	const struct hf_rpc_method *methods;
	size_t methods_count;
	struct hf_span schema; /* a FileDescriptorSet: rpc_schema.h */
	void *arg;             /* hf_rpc_arg() of every call */

	/* Calls that one caller may have open; 0: HF_CALLS_PER_PEER_MAX.  Those
	 * on unix sockets are not counted. */
	size_t calls_per_caller;

	/* Over TLS: all three.  Over a unix socket: none. */
	struct hf_rpc_trust *trust;
	struct hf_rpc_keypair keypair;

	/* Over a unix socket: every caller is LOCAL, has these duties and our
	 * own organisation. */
	uint32_t local_duties;
	const char *local_name; /* what callers are called; NULL: "local" */
	uint8_t organisation_id[HF_HASH_BYTES];

	/* May be NULL.  Can the table's method be answered now?  An error ends
	 * the call before its handler, with the sentence.  On the worker
	 * loop. */
	enum hf_err (*can_serve)(void *arg, const struct hf_rpc_method *method,
				 struct hf_why *why);
	/* May be NULL.  A call was refused before its handler: for counting,
	 * logging, suspending.  On the worker loop; who is NULL when not known,
	 * path is the caller's text, at most 128 characters of it. */
	void (*refused)(void *arg, struct hf_span path,
			const struct hf_rpc_identity *who, enum hf_err err);
	/* May be NULL.  A connection was cut, because it went on calling past
	 * what its caller may have open.  On the worker loop. */
	void (*flooded)(void *arg, const struct hf_rpc_identity *who);
};

/* Fails with ARGUMENT when a row names a method that the schema has not, or
 * with other streaming; the sentence names it. */
HF_MUST enum hf_err
hf_rpc_server_new(const struct hf_rpc_server_options *options,
		  struct hf_rpc_server **out_server, struct hf_why *why);

/* TLS on "host:port", "[::]:port", "*:port"; port 0 takes a free one.  Several
 * are possible.  out_port may be NULL.  EXISTS when the port is in use. */
HF_MUST enum hf_err hf_rpc_server_listen(struct hf_rpc_server *server,
					 const char *address, int *out_port,
					 struct hf_why *why);

/* A unix socket with mode 0660 (sets the umask for a moment: call it before
 * other threads make files).  "<path>.lock" is held while the server lives.  A
 * stale socket is replaced, a live one never (EXISTS). */
HF_MUST enum hf_err hf_rpc_server_listen_unix(struct hf_rpc_server *server,
					      const char *path,
					      struct hf_why *why);

/* Answer from now on. */
HF_MUST enum hf_err hf_rpc_server_start(struct hf_rpc_server *server,
					struct hf_why *why);

/* What health says; true after start.  From any thread. */
void hf_rpc_server_set_serving(struct hf_rpc_server *server, bool is_serving);

/* Take no more calls and let the running ones end; returns at once. */
void hf_rpc_server_drain(struct hf_rpc_server *server);

/* hf_rpc_server_drain(), wait at most grace_ms, then cancel what still runs
 * and wait for its done.  false: something had to be cancelled. */
bool hf_rpc_server_stop(struct hf_rpc_server *server, int64_t grace_ms);

/* Stops it if that has not happened; waits for calls still referenced. */
void hf_rpc_server_free(struct hf_rpc_server *server);

/*
 * Connect to our own listeners and see that somebody accepts.  gRPC 1.51 never
 * accepts again after it has once run out of file descriptors, with the
 * process healthy otherwise: who gets UNAVAILABLE here should end the process
 * for its supervisor to start it anew.  SYSTEM: could not look.  Blocks for
 * timeout_ms at most; any thread.
 */
HF_MUST enum hf_err hf_rpc_server_probe(const struct hf_rpc_server *server,
					int timeout_ms, struct hf_why *why);

#endif /* HF_RPC_SERVER_H */
