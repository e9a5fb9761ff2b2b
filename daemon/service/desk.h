/*
 * desk.h -- a batch of lookups from its message to its answer: what is cheap
 * at once, what is dear on threads of its own, so that no batch keeps other
 * calls waiting.
 *
 * A batch has one arena, which the next one uses again: once the first few
 * were answered, no memory is asked for however many digests there are.
 *
 * Units    costs in exact lookups; _bytes.
 * Owns     hf_desk_start() gives the caller a desk, hf_desk_free() takes it
 *          back.  The node is borrowed.
 * Threads  hf_desk_take() and hf_desk_drain() on the worker loop; a dear batch
 *          is looked up on the desk's threads and answered on the loop.  What
 *          has to do with batches alone from any thread, one at a time.
 * Errors   BUSY when too much waits already; those of the codec and of
 *          lookup.h end the call, with their sentence.
 * Source   daemon/DESIGN.md, "Lookups".
 */
#ifndef HF_DESK_H
#define HF_DESK_H

#include <stdbool.h>

#include "buf.h"
#include "codec_match.h"
#include "err.h"
#include "rpc.h"

struct hf_desk;
struct hf_desk_batch;
struct hf_node;

/* Dear batches that are looked up beside each other. */
#define HF_DESK_THREADS 2

/* What Match and MatchStream differ in. */
struct hf_desk_form {
	enum hf_err (*parse)(struct hf_span message, struct hf_arena *arena,
			     struct hf_wire_match_request *out,
			     struct hf_why *why);
	enum hf_err (*encode)(const struct hf_wire_match_response *response,
			      struct hf_buf *reply);
	/* Give the answer, or end the call with an error.  is_last: the server
	 * goes down, end it after this one. */
	void (*answer)(struct hf_rpc_call *call, enum hf_err err,
		       const struct hf_why *why, struct hf_buf *reply,
		       bool is_last);
};

HF_MUST enum hf_err hf_desk_start(struct hf_node *node,
				  struct hf_desk **out_desk,
				  struct hf_why *why);

/* Waits for what is being looked up; its answers are then on their way to the
 * loop.  NULL is fine. */
void hf_desk_stop(struct hf_desk *desk);

/* Once the loop is gone.  NULL is fine. */
void hf_desk_free(struct hf_desk *desk);

/* What arenas hold that wait, or wait to be used again; and what all of them
 * can come to hold.  From any thread. */
uint64_t hf_desk_bytes(struct hf_desk *desk);
uint64_t hf_desk_bytes_most(void);

/*
 * Calls.
 */

/* Look the message's batch up and answer, now or later; until then nothing
 * more is read from the call, whose sent event resumes.  Uses hf_rpc_data(). */
void hf_desk_take(struct hf_desk *desk, struct hf_rpc_call *call,
		  struct hf_span message, const struct hf_desk_form *form);

/* Is the call's batch still to be answered? */
bool hf_desk_has(const struct hf_rpc_call *call);

/* From the call's drain event: true when its end comes with the answer. */
bool hf_desk_drain(struct hf_rpc_call *call);

/* The call's done event. */
void hf_desk_done(struct hf_rpc_call *call, enum hf_err err);

/*
 * Batches, step by step.
 */

HF_MUST enum hf_err hf_desk_open(struct hf_desk *desk,
				 struct hf_desk_batch **out_batch);
void hf_desk_close(struct hf_desk_batch *batch);

/* Read the message, which is needed no more afterwards. */
HF_MUST enum hf_err hf_desk_read(struct hf_desk_batch *batch,
				 struct hf_span message,
				 const struct hf_desk_form *form,
				 struct hf_why *why);

/* Does it take long enough to be looked up elsewhere? */
bool hf_desk_is_dear(const struct hf_desk_batch *batch);

/* Look it up.  The reply is borrowed until the batch is closed; who takes its
 * memory leaves it empty. */
HF_MUST enum hf_err hf_desk_look(struct hf_desk_batch *batch,
				 struct hf_buf **out_reply, struct hf_why *why);

#endif /* HF_DESK_H */
