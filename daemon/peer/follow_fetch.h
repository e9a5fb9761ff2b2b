/*
 * follow_fetch.h -- one fetch: from a checkpoint that a link told of to the
 * last entry under it, stored.
 *
 * proof of growth -> checkpoint seen -> chunks, a range at a time -> over.
 *
 * Units    sizes count entries.
 * Owns     as peers_in.h.
 * Threads  the outbound loop.
 * Errors   a fetch that fails ends in hf_follow_over(), and what was stored
 *          stays: the next one goes on behind it.
 * Source   proto/SPEC.md section 5.6.
 */
#ifndef HF_FOLLOW_FETCH_H
#define HF_FOLLOW_FETCH_H

#include "ledger_view.h"
#include "peers_in.h"

/* Begin.  note is verified, time_s its cosigner's; info is what is held. */
HF_MUST enum hf_err hf_follow_fetch(struct hf_follow *follow,
				    struct hf_link *link,
				    const struct hf_note *note, uint64_t time_s,
				    const struct hf_ledger_info *info);

/* Something that was away for the follow came back. */
void hf_follow_back(struct hf_follow *follow);

/* The fetch cannot go on. */
void hf_follow_fail(struct hf_follow *follow, enum hf_err err,
		    const struct hf_why *why);

/* What a call to the source ended with, as the source's doing: its status must
 * not pass for trouble of our own. */
enum hf_err hf_follow_theirs(enum hf_err err);

/* Ask the source for what comes next, in a GetChunks call that was opened and
 * whose argument is the follow: at most 1,024 chunks. */
void hf_follow_ask(struct hf_rpc_call *call, bool headers_only);

/* The source sends nothing any more; arg is the follow. */
void hf_follow_stalled(void *arg);

/* Read on where we stopped, if ledger and index have come nearer; likewise. */
void hf_follow_go_on(void *arg);

/* The fetch ended, well or not, and nothing is away. */
void hf_follow_over(struct hf_follow *follow);

#endif /* HF_FOLLOW_FETCH_H */
