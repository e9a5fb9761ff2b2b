/*
 * signer_notice.h -- sealed events: the keys for them, and the answers to
 * the verbs about them.
 *
 * Where an organisation has not all of the keys, the verbs that need them
 * are answered with NOTFOUND and a sentence; all else works.
 *
 * Units    _ms since 1970 UTC.
 * Owns     hf_signer_notice_open() gives the caller one;
 *          hf_signer_notice_close() wipes the keys and takes it back.
 * Threads  one.
 * Errors   opening: those of vault.h for a key that is there and cannot be
 *          used.  Answers: those of agent.h.
 * Source   keys/agent/DESIGN.md, section 4; proto/SPEC.md sections 12.2 and
 *          12.3.
 */
#ifndef HF_SIGNER_NOTICE_H
#define HF_SIGNER_NOTICE_H

#include <stdint.h>

#include "agent_wire.h"
#include "buf.h"
#include "err.h"
#include "signer.h"

struct hf_signer_notice;

/* domain is the organisation's, which all keys must be of. */
HF_MUST enum hf_err
hf_signer_notice_open(const struct hf_signer_options *options,
		      const char *domain, struct hf_signer_notice **out_notice,
		      struct hf_why *why);

/* NULL is fine. */
void hf_signer_notice_close(struct hf_signer_notice *notice);

/* What an operator should know from the start; empty when all is there. */
const char *hf_signer_notice_warning(const struct hf_signer_notice *notice);

/* One of the verbs SEAL to RECEIVE_KEY, or APPLIED: append the answer to reply.
 */
HF_MUST enum hf_err
hf_signer_notice_answer(struct hf_signer_notice *notice,
			const struct hf_agent_request *request, uint64_t now_ms,
			struct hf_buf *reply, struct hf_why *also,
			struct hf_why *why);

#endif /* HF_SIGNER_NOTICE_H */
