/*
 * agent_ask.h -- one question to the signer, for the files of this folder that
 * ask.
 *
 * Units    none.
 * Owns     an answer's body is borrowed until the agent is unlocked.
 * Threads  as agent.h: the agent is locked from asking until unlocked.
 * Errors   those of agent.h.
 * Source   keys/agent/DESIGN.md, section 2.
 */
#ifndef HF_AGENT_ASK_H
#define HF_AGENT_ASK_H

#include "agent.h"
#include "agent_wire.h"
#include "buf.h"
#include "err.h"
#include "span.h"

/* Take the lock, ask, and leave the reply's body in *out_body, borrowed until
 * unlock.  The lock is held when this returns, whatever it returns. */
HF_MUST enum hf_err hf_agent_ask(struct hf_agent *agent,
				 const struct hf_agent_request *request,
				 struct hf_span *out_body, struct hf_why *why);

void hf_agent_unlock(struct hf_agent *agent);

/* The same, and the answer is wiped: it held a secret. */
void hf_agent_unlock_wiped(struct hf_agent *agent);

/* Ask for something whose body is the answer, and append it to out, which may
 * be NULL. */
HF_MUST enum hf_err hf_agent_ask_bytes(struct hf_agent *agent,
				       const struct hf_agent_request *request,
				       struct hf_buf *out, struct hf_why *why);

#endif /* HF_AGENT_ASK_H */
