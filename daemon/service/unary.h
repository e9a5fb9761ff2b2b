/*
 * unary.h -- handlers that take one message and give one answer: parse, work,
 * encode, with the memory and the ending of the call in one place.
 *
 * Units    none.
 * Owns     arena and reply belong to the frame around the work.
 * Threads  inline work runs on the worker loop and must not wait; an errand
 *          runs on the errand thread and may, and so may a case's, which runs
 *          beside others on threads of their own.
 * Errors   whatever the work returns ends the call, with its sentence.
 * Source   daemon/DESIGN.md.
 */
#ifndef HF_UNARY_H
#define HF_UNARY_H

#include "arena.h"
#include "buf.h"
#include "err.h"
#include "rpc.h"

struct hf_node;

/* What the work gets; everything is borrowed until it returns. */
struct hf_unary {
	struct hf_node *node;
	const struct hf_rpc_identity *caller;
	struct hf_span request;
	struct hf_arena *arena;
	struct hf_buf *reply;
};

typedef enum hf_err hf_unary_work(struct hf_unary *unary, struct hf_why *why);

void hf_unary_inline(struct hf_rpc_call *call, struct hf_span message,
		     hf_unary_work *work);
void hf_unary_errand(struct hf_rpc_call *call, struct hf_span message,
		     hf_unary_work *work);
void hf_unary_case(struct hf_rpc_call *call, struct hf_span message,
		   hf_unary_work *work);

/* HF_UNARY_INLINE(get_status) defines hf_serve_get_status around a static
 * work function get_status(); the others likewise. */
#define HF_UNARY_INLINE(name) HF_UNARY(name, hf_unary_inline)
#define HF_UNARY_ERRAND(name) HF_UNARY(name, hf_unary_errand)
#define HF_UNARY_CASE(name)   HF_UNARY(name, hf_unary_case)
#define HF_UNARY(name, how)                                                    \
	static void name##_recv(struct hf_rpc_call *call,                      \
				struct hf_span message)                        \
	{                                                                      \
		how(call, message, name);                                      \
	}                                                                      \
	const struct hf_rpc_events hf_serve_##name = { .recv = name##_recv }

#endif /* HF_UNARY_H */
