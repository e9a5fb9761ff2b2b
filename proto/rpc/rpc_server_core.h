/*
 * rpc_server_core.h -- a server's insides, for the files that share them.
 *
 * Units    none.
 * Owns     see the fields.
 * Threads  what is below "worker" belongs to the worker's thread.
 * Errors   none of its own.
 * Source   none.
 */
#ifndef HF_RPC_SERVER_CORE_H
#define HF_RPC_SERVER_CORE_H

#include "rpc_core.h"
#include "rpc_flood.h"
#include "rpc_descriptor.h"
#include "rpc_trust.h"

/* Calls that may wait to be accepted at once.  Each is a slot that takes any
 * method: registered methods would need slots for each of them, and unknown
 * ones would hang. */
#define HF_RPC_ACCEPT_SLOTS 64

#define HF_RPC_CALLER_BUCKETS 64

#define HF_RPC_LISTENERS_MAX 16

/* Where we listen, for the probe and for giving it back. */
struct hf_rpc_listener {
	char address[160]; /* "host:port" or a path */
	bool is_unix;
	int lock_fd; /* owned; -1 over TCP */
};

struct hf_rpc_watcher {
	struct hf_rpc_call *call; /* borrowed until its done */
	struct hf_rpc_watcher *prev;
	struct hf_rpc_watcher *next;
};

struct hf_rpc_server {
	struct hf_rpc_server_options options; /* pointers borrowed */
	grpc_server *core;                    /* owned */
	grpc_server_credentials *credentials; /* owned; NULL: unix sockets */
	struct hf_rpc_descriptor *descriptor; /* owned */
	const struct hf_rpc_method **methods; /* owned: open-addressed table */
	size_t methods_mask;
	struct hf_rpc_listener listeners[HF_RPC_LISTENERS_MAX];
	size_t listeners_count;
	bool is_started;
	atomic_bool is_draining;

	pthread_mutex_t lock; /* guards the next three */
	pthread_cond_t changed;
	size_t live_count; /* calls in memory, waiting slots included */
	bool is_stopped;
	bool is_gone; /* the last task has run */

	struct hf_rpc_tag stop_tag;
	struct hf_rpc_task trust_task;
	struct hf_rpc_task serving_task;
	struct hf_rpc_task gone_task;
	struct hf_rpc_trust_user trust_user;
	atomic_bool wants_serving;

	/* worker */
	struct hf_rpc_timer trust_timer;
	struct hf_rpc_call *calls;
	struct hf_rpc_caller *callers[HF_RPC_CALLER_BUCKETS];
	struct hf_rpc_watcher *watchers;
	struct hf_rpc_flood flood;
	bool is_serving;
};

/* Fill the table of methods, the built-in ones included. */
HF_MUST enum hf_err hf_rpc_table_make(struct hf_rpc_server *server,
				      struct hf_why *why);
const struct hf_rpc_method *
hf_rpc_table_find(const struct hf_rpc_server *server, struct hf_span path);

/* Offer one more slot; false without memory. */
bool hf_rpc_accept(struct hf_rpc_server *server);

/* Worker: look again at every open call's caller. */
void hf_rpc_recheck(struct hf_rpc_server *server);

/* Worker: tell every open call that the server goes down. */
void hf_rpc_drain_calls(struct hf_rpc_server *server);

/* Built-in methods: rows for the table. */
extern const struct hf_rpc_method hf_rpc_health_methods[2];
extern const struct hf_rpc_method hf_rpc_reflection_methods[2];

/* Worker: tell everyone who watches. */
void hf_rpc_health_changed(struct hf_rpc_server *server);

/* Give back lock files. */
void hf_rpc_listeners_close(struct hf_rpc_server *server);

#endif /* HF_RPC_SERVER_CORE_H */
