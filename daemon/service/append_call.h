/*
 * append_call.h -- one Append call between its messages and its answer: what is
 * on its way to the ledger, and the audit's entry that goes along.
 *
 * The entry of a call is written in the transaction of its last message, so
 * that one commit is enough.  A message is therefore held until the next one
 * comes, or the end, or too much time has passed; those that were not the last
 * keep an intent (audit_intent.h) in their transactions.
 *
 * Units    none.
 * Owns     hf_append_hold() takes a part, and a call owns what it holds.
 * Threads  the worker loop; what the ledger calls runs on its writer thread.
 * Errors   go into the call: the first one is what its caller learns.
 * Source   proto/SPEC.md sections 9 and 13; daemon/DESIGN.md, "Audit".
 */
#ifndef HF_APPEND_CALL_H
#define HF_APPEND_CALL_H

#include "arena.h"
#include "buf.h"
#include "codec_publish.h"
#include "err.h"
#include "ledger.h"
#include "rpc.h"

struct hf_node;

/* Batches of one call that the audit names where it ends in a crash. */
#define HF_APPEND_BATCHES_TOLD 16

/* Messages of one call that may wait for the disk before we stop reading. */
#define HF_APPEND_PARTS_IN_FLIGHT 8

/* One Append call.  It lives until the call is done and the last of its parts
 * came back from the writer. */
struct hf_append {
	struct hf_node *node;
	struct hf_rpc_call *call; /* a reference */
	char origin[HF_ORIGIN_MAX_BYTES + 1];
	uint32_t set;
	uint64_t size; /* of the tree that covers everything so far */
	struct hf_appended_range *ranges; /* owned */
	size_t ranges_count;
	size_t ranges_size;
	unsigned parts_count;        /* away at the writer */
	struct hf_append_part *held; /* owned; perhaps the last one */
	struct hf_rpc_timer held_timer;
	uint64_t intent; /* of messages before the last; 0: none yet */
	uint8_t batches[HF_APPEND_BATCHES_TOLD][HF_BATCH_ID_BYTES];
	size_t batches_count;
	struct hf_rpc_task told_task;
	struct hf_buf answer;
	bool is_telling; /* the audit is being told of it */
	bool is_told;    /* its entry went along with the last message */
	bool is_over;
	bool has_set;
	bool is_half_closed;
	bool is_done;
	/* Everything is durable here; peers are to have it too. */
	struct hf_rpc_timer replicas;
	uint64_t waits_since_us; /* 0: not yet */
	int64_t gap_ms;
	enum hf_err failed;
	struct hf_why why;
};

/* One message of it, held or at the writer. */
struct hf_append_part {
	struct hf_rpc_task back;
	struct hf_append *append;
	size_t range;
	bool is_last;          /* the audit's entry goes along */
	struct hf_arena arena; /* has what follows */
	struct hf_ledger_draft *drafts;
	size_t drafts_count;
	uint8_t batch[HF_BATCH_ID_BYTES];
	uint64_t sequence;
	struct hf_buf intent; /* what it says from here on */
	enum hf_err err;
	struct hf_ledger_receipt receipt;
	struct hf_why why;
};

/* The first error counts. */
void hf_append_fail(struct hf_append *append, enum hf_err err,
		    const struct hf_why *why);

/* It may be the last message. */
void hf_append_hold(struct hf_append *append, struct hf_append_part *part);

/* There is no hurry any more to know whether it is. */
void hf_append_unhold(struct hf_append *append);

/* It was not: append what is held, if anything. */
void hf_append_go_on(struct hf_append *append);

/* Answer, if it is time to.  Of a call that was broken off, a message that is
 * still held is not appended. */
void hf_append_settle(struct hf_append *append);

/* Free it once the call is done and nothing is away. */
void hf_append_end(struct hf_append *append);

#endif /* HF_APPEND_CALL_H */
