/*
 * rpc.h -- a call, its four events, and the loop it lives on.
 *
 * One loop is one completion queue and one thread.  A call lives on one loop
 * from its first event to its last, so its handlers never run at the same
 * time and need no locks.  Server and client see the same four events.
 * Messages are bytes here; proto/codec knows what they mean.
 *
 * Units    _bytes, _ms as named.
 * Owns     a call belongs to the layer, from open to done; hf_rpc_ref() keeps
 *          it in memory longer, for hf_rpc_post() from another thread.  A
 *          received message is borrowed until the handler returns.
 * Threads  everything on a call, a timer or a loop happens on the loop's
 *          thread, except hf_rpc_post(), hf_rpc_loop_post(), hf_rpc_cancel(),
 *          hf_rpc_ref() and hf_rpc_unref(): those from any thread.
 * Errors   a call that cannot go on ends by itself, and done says why:
 *          handlers need not look at what sending returns.
 * Source   proto/SPEC.md section 8; gRPC C core 1.51, as measured in
 *          DESIGN.md beside this.
 */
#ifndef HF_RPC_H
#define HF_RPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "err.h"
#include "limit.h"
#include "span.h"

struct hf_rpc_call;
struct hf_rpc_loop;

/* What a caller is.  The order is that of trust in what it may be told. */
enum hf_rpc_kind {
	HF_RPC_PEER,   /* an enrolled node, by the pin of its key */
	HF_RPC_CLIENT, /* a person or program of ours, by certificate */
	HF_RPC_LOCAL,  /* came over a unix socket: its file's group decided */
};

struct hf_rpc_identity {
	enum hf_rpc_kind kind;
	uint32_t duties; /* of duty.h */
	uint8_t organisation_id[HF_HASH_BYTES];
	char name[HF_DOMAIN_MAX_BYTES + 1]; /* for logs and audit */
	char serial[41]; /* of a certificate, in hexadecimal; for audit */
};

/*
 * Decide about a certificate: HF_OK and who it is, or an error.  Has to look
 * at the certificate's dates as well.  Called inside TLS handshakes and again
 * on calls (the answer is kept for a while, see rpc_tls.h), on any thread and
 * on several at once; must not block on anything that waits for a call.
 */
typedef enum hf_err hf_rpc_admit(void *arg, struct hf_span pem,
				 struct hf_rpc_identity *out_identity);

/* Any of them may be NULL. */
struct hf_rpc_events {
	/* Server: an admitted call came in.  Client: the call has begun; the
	 * place for the first hf_rpc_send(). */
	void (*open)(struct hf_rpc_call *call);
	/* A message (at is never NULL, an empty message is 0 bytes long), or
	 * at == NULL: the client has no more to say.  That comes once, only on
	 * the server, and only where the client streams; other methods get
	 * exactly one message.  Where nothing has been sent yet it is never a
	 * stream that broke off, so that an upload is whole; later in a
	 * conversation it may be, and done follows with CANCELLED. */
	void (*recv)(struct hf_rpc_call *call, struct hf_span message);
	/* Everything queued was taken: produce more. */
	void (*sent)(struct hf_rpc_call *call);
	/* Always the last.  Server: HF_OK when the status went out, CANCELLED
	 * when the caller left, else why the layer cut the call.  Client: the
	 * server's answer, hf_rpc_why() has the sentence. */
	void (*done)(struct hf_rpc_call *call, enum hf_err err);
	/* Server: no more calls are taken, and this one should end soon: for
	 * those that would go on for ever, and hold up the stop for all of its
	 * grace.  At most once. */
	void (*drain)(struct hf_rpc_call *call);
};

/* ---- once a process ---- */

/* Make gRPC ready and give its own messages to log (NULL: nowhere).  After
 * the last fork, before anything else here. */
void hf_rpc_start(void (*log)(const char *text));

/* After the last loop, server and channel is gone. */
void hf_rpc_stop(void);

/* ---- loops ---- */

enum hf_rpc_loop_kind {
	/* Does I/O and runs handlers: the server's poller, and every loop with
	 * outbound calls, because nothing else polls a channel. */
	HF_RPC_LOOP_POLLS,
	/* Runs handlers while a poller does the I/O: a server's worker.  That
	 * bounds memory under a flood of resets (22 MB instead of 2.5 GB). */
	HF_RPC_LOOP_WORKS,
};

/* Starts the thread; it inherits the signal mask. */
HF_MUST enum hf_err hf_rpc_loop_new(enum hf_rpc_loop_kind kind,
				    struct hf_rpc_loop **out_loop,
				    struct hf_why *why);

/* Wait until every call and channel on it is gone, run what was posted, end
 * the thread.  Servers that use it must be freed before. */
void hf_rpc_loop_free(struct hf_rpc_loop *loop);

/* Is this the loop's thread? */
bool hf_rpc_loop_is_here(const struct hf_rpc_loop *loop);

/* Something to run on a loop's thread; the caller's memory, zeroed but for
 * the first two fields. */
struct hf_rpc_task {
	void (*run)(void *arg);
	void *arg;
	struct hf_rpc_task *next; /* the loop's */
	bool is_waiting;          /* the loop's */
};

/* Run it soon, in the order of posting.  Cannot fail.  A task that is still
 * waiting runs once only; it may be posted again, or freed, from run on. */
void hf_rpc_loop_post(struct hf_rpc_loop *loop, struct hf_rpc_task *task);

/* Something to run on the loop's thread later, once; the caller's memory,
 * zeroed but for the first two fields.  Only on the loop's thread. */
struct hf_rpc_timer {
	void (*run)(void *arg);
	void *arg;
	uint64_t due_us;           /* the loop's */
	struct hf_rpc_timer *prev; /* the loop's */
	struct hf_rpc_timer *next; /* the loop's */
	bool is_armed;             /* the loop's */
};

/* Again while armed: the new time counts. */
void hf_rpc_timer_start(struct hf_rpc_loop *loop, struct hf_rpc_timer *timer,
			int64_t delay_ms);
void hf_rpc_timer_stop(struct hf_rpc_loop *loop, struct hf_rpc_timer *timer);

/* ---- calls, both ends ---- */

/* Nothing below runs a handler before it returns: it is safe to send, finish
 * or cut while going through one's own list of calls. */

/* A call that is not read by its other end is cut (QUOTA) once this much is
 * queued.  Produce in sent, or look at hf_rpc_queued(), and never meet it. */
#define HF_RPC_QUEUED_MAX_BYTES ((size_t)16 * 1024 * 1024)

/* Queue a copy.  false: the call is over or could not go on, done follows. */
bool hf_rpc_send(struct hf_rpc_call *call, struct hf_span message);

/* The same without copying: takes the memory out of message, which is empty
 * afterwards, and frees it also when it returns false.  A buf that has
 * failed cuts the call with its error. */
bool hf_rpc_send_buf(struct hf_rpc_call *call, struct hf_buf *message);

/* Bytes queued that the other end has not yet allowed us to send. */
size_t hf_rpc_queued(const struct hf_rpc_call *call);

/* Stop reading, so that the other end has to stop sending; go on.  One
 * message that is already asked for may still come. */
void hf_rpc_pause(struct hf_rpc_call *call);
void hf_rpc_resume(struct hf_rpc_call *call);

/*
 * Server: end the call after what is queued, with err and, for callers that
 * are not peers, the sentence (why may be NULL; peers get the words of err
 * alone).  Client: HF_OK says that no more will be sent, anything else
 * cancels.  Only the first counts.
 */
void hf_rpc_finish(struct hf_rpc_call *call, enum hf_err err,
		   const struct hf_why *why);

/* Server, before hf_rpc_finish(): a field of the request that is wrong, by
 * its path as in the .proto ("items[3].hashes").  At most
 * HF_RPC_VIOLATIONS_MAX are kept.  text goes to callers that are not peers. */
void hf_rpc_blame(struct hf_rpc_call *call, const char *field,
		  const char *text);

/* Send, and finish with HF_OK, in one stroke: a server's only reply, a
 * client's last message. */
void hf_rpc_reply(struct hf_rpc_call *call, struct hf_span message);
void hf_rpc_reply_buf(struct hf_rpc_call *call, struct hf_buf *message);

/* End it now, whatever is queued; the other end sees CANCELLED. */
void hf_rpc_cancel(struct hf_rpc_call *call);

/* End it now; done gets err, and so does the other end where that is the
 * client.  For a server's own reasons: UNAVAILABLE, DENIED, DEADLINE. */
void hf_rpc_cut(struct hf_rpc_call *call, enum hf_err err);

/* Run fn on the call's loop; the call stays in memory until then.  Check
 * hf_rpc_is_over() there.  NOMEM. */
HF_MUST enum hf_err hf_rpc_post(struct hf_rpc_call *call,
				void (*fn)(struct hf_rpc_call *call));

void hf_rpc_ref(struct hf_rpc_call *call);
void hf_rpc_unref(struct hf_rpc_call *call);

/* Nothing more can be sent: finished, cancelled or done. */
bool hf_rpc_is_over(const struct hf_rpc_call *call);

/* The pointer given with the server's options or with the call's start. */
void *hf_rpc_arg(const struct hf_rpc_call *call);

/* One pointer of the handlers' own, NULL at first; freed by them in done. */
void *hf_rpc_data(const struct hf_rpc_call *call);
void hf_rpc_set_data(struct hf_rpc_call *call, void *data);

struct hf_rpc_loop *hf_rpc_loop_of(const struct hf_rpc_call *call);

/* "/hashfed.v1.Match/Match"; borrowed for the call's life. */
const char *hf_rpc_path(const struct hf_rpc_call *call);

/* Server: who called, as of then; borrowed for the call's life, immutable, for
 * any thread that holds a reference.  Client: NULL. */
const struct hf_rpc_identity *hf_rpc_caller(const struct hf_rpc_call *call);

/* Client, in done: the server's sentence, cleaned of control characters.
 * Borrowed for the call's life. */
const struct hf_why *hf_rpc_why(const struct hf_rpc_call *call);

#endif /* HF_RPC_H */
