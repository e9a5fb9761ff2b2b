/*
 * rpc_core.h -- what the files of this folder share; nobody else includes it.
 *
 * Units    _bytes, _ms as named.
 * Owns     see the fields.
 * Threads  all of a call belongs to its loop's thread, but for refs.
 * Errors   none of its own.
 * Source   grpc/grpc.h: a tag comes back once for each batch, and a batch may
 *          hold one operation of each kind.
 */
#ifndef HF_RPC_CORE_H
#define HF_RPC_CORE_H

#include <pthread.h>
#include <stdatomic.h>

#include <grpc/grpc.h>

#include "rpc.h"
#include "rpc_server.h"
#include "rpc_status.h"

/*
 * libgrpc is not built for ThreadSanitizer, which therefore misses that what
 * was written before a batch started is seen by whoever takes its tag.
 */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define HF_RPC_TSAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__) || defined(HF_RPC_TSAN)
void __tsan_acquire(void *at);
void __tsan_release(void *at);
#define HF_RPC_HANDS_OVER(tag) __tsan_release(tag)
#define HF_RPC_TAKES_OVER(tag) __tsan_acquire(tag)
#else
#define HF_RPC_HANDS_OVER(tag) ((void)(tag))
#define HF_RPC_TAKES_OVER(tag) ((void)(tag))
#endif

/* What comes out of a completion queue. */
struct hf_rpc_tag {
	void (*run)(void *self, bool ok);
	void *self;
};

struct hf_rpc_loop {
	enum hf_rpc_loop_kind kind;
	grpc_completion_queue *queue; /* owned */
	pthread_t thread;

	/* The doorbell: an empty batch on a call that goes nowhere comes out
	 * of the queue at once, on any kind of queue and from any thread. */
	grpc_channel *bell_channel; /* owned */
	grpc_call *bell;            /* owned */
	struct hf_rpc_tag bell_tag;

	pthread_mutex_t lock; /* guards the next five */
	pthread_cond_t idle;
	struct hf_rpc_task *tasks;
	struct hf_rpc_task **tasks_tail;
	bool is_rung;
	size_t live_count; /* calls and channels */

	struct hf_rpc_timer *timers; /* soonest first; borrowed */
	struct hf_rpc_timer *timers_tail;
	uint8_t *flat; /* owned: where pieces of a message are put together */
	size_t flat_size_bytes;
};

/* Something lives on the loop, or does no more; any thread. */
void hf_rpc_loop_hold(struct hf_rpc_loop *loop);
void hf_rpc_loop_drop(struct hf_rpc_loop *loop);

struct hf_rpc_queued {
	struct hf_rpc_queued *next;
	grpc_byte_buffer *bytes; /* owned */
	size_t len_bytes;
};

/* One organisation or client with calls in flight. */
struct hf_rpc_caller;

/* How a server ended a call. */
struct hf_rpc_answer {
	grpc_metadata_array trailing;
	grpc_status_code status;
	grpc_slice text;
};

struct hf_rpc_call {
	grpc_call *core;                    /* owned */
	struct hf_rpc_loop *loop;           /* borrowed */
	struct hf_rpc_server *server;       /* borrowed; NULL on the client */
	struct hf_rpc_channel *channel;     /* referenced; NULL on the server */
	const struct hf_rpc_method *method; /* borrowed; NULL on the client */
	const struct hf_rpc_events *events; /* borrowed */
	char *path;                         /* owned; client only */
	void *arg;
	void *data;
	atomic_int refs;

	struct hf_rpc_tag accept_tag;
	struct hf_rpc_tag recv_tag;
	struct hf_rpc_tag send_tag;
	struct hf_rpc_tag close_tag;
	struct hf_rpc_tag fence_tag;
	struct hf_rpc_task begin_task;
	struct hf_rpc_timer deadline;

	grpc_call_details details; /* server */
	grpc_metadata_array initial;
	grpc_byte_buffer *received;
	struct hf_rpc_answer answer; /* client */
	int cancelled;               /* server: the caller left */

	struct hf_rpc_queued *queue;
	struct hf_rpc_queued **queue_tail;
	size_t queued_bytes;
	grpc_byte_buffer *in_flight;
	size_t in_flight_bytes;

	enum hf_err finish_err; /* what is being said */
	enum hf_err cut_err;    /* we ended it, for this reason */
	struct hf_why why;
	struct hf_rpc_violation *violations; /* owned; NULL mostly */
	size_t violations_count;

	struct hf_rpc_identity identity; /* server */
	struct hf_rpc_caller *caller;    /* its count; NULL: not counted */
	struct hf_rpc_call *prev;        /* open calls of server or channel */
	struct hf_rpc_call *next;
	bool is_listed;

	bool initial_sent;
	bool is_sending;
	bool is_reading;
	bool is_paused;
	bool is_ended; /* the other end says no more */
	bool has_message;
	bool is_finishing; /* the end is queued */
	bool is_finished;  /* the end is sent, or on its way */
	bool close_armed;
	bool is_closed;
	bool is_done;
};

/* A call with one reference, its tags set, counted in by its loop; NULL
 * without memory. */
struct hf_rpc_call *hf_rpc_call_new(struct hf_rpc_loop *loop);

/* Start a batch; the call stays until tag has run. */
void hf_rpc_call_batch(struct hf_rpc_call *call, const grpc_op *ops,
		       size_t count, struct hf_rpc_tag *tag);

/* Ask for the next message, unless paused or ended. */
void hf_rpc_call_read(struct hf_rpc_call *call);

/* Server: ask to be told when the call ends.  Once. */
void hf_rpc_call_watch_close(struct hf_rpc_call *call);

/* Send what can be sent: the head of the queue, and the end. */
void hf_rpc_call_flush(struct hf_rpc_call *call);

void hf_rpc_call_drop_queue(struct hf_rpc_call *call);

/* Run done if everything that was started has come back. */
void hf_rpc_call_settle(struct hf_rpc_call *call);

/* What the close tag of a client runs, and the send tag of either. */
void hf_rpc_call_on_close(void *self, bool ok);
void hf_rpc_call_on_send(void *self, bool ok);

/* What the owner of a call does when it is over: once, before done. */
void hf_rpc_server_leave(struct hf_rpc_call *call);
void hf_rpc_channel_leave(struct hf_rpc_call *call);

/* What the owner does when its memory goes. */
void hf_rpc_server_forget(struct hf_rpc_server *server);
void hf_rpc_channel_unref(struct hf_rpc_channel *channel);

void hf_rpc_answer_init(struct hf_rpc_answer *answer);
void hf_rpc_answer_release(struct hf_rpc_answer *answer);

/* The operation that waits for it. */
grpc_op hf_rpc_answer_op(struct hf_rpc_answer *answer);

/* Once it came: the error, and the sentence. */
enum hf_err hf_rpc_answer_read(const struct hf_rpc_answer *answer,
			       struct hf_why *out_why);

/* A fresh call, whose tags come out of the channel's loop. */
grpc_call *hf_rpc_channel_call(struct hf_rpc_channel *channel, const char *path,
			       int64_t deadline_ms);

#define HF_RPC_DETAILS_KEY "grpc-status-details-bin"

#endif /* HF_RPC_CORE_H */
