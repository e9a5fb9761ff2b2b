/*
 * signer.h -- what is signed and what is refused: keys, record and rules,
 * without sockets.
 *
 * Every text is built here, from typed fields and the signer's own clock; no
 * bytes that somebody else composed are ever signed.
 *
 * Units    _ms since 1970 UTC.
 * Owns     hf_signer_open() gives the caller a signer; hf_signer_close() wipes
 *          its keys and takes it back.
 * Threads  one.
 * Errors   those of vault.h and signer_record.h when opening; answers carry
 *          those of agent.h inside the reply.
 * Source   keys/agent/DESIGN.md.
 */
#ifndef HF_SIGNER_H
#define HF_SIGNER_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "err.h"
#include "signer_record.h"
#include "span.h"

/* A clock may be behind the last signature by this much: then that time is
 * used again.  Further back, nothing is signed. */
#define HF_SIGNER_STEP_BACK_MAX_S 5

struct hf_signer;

struct hf_signer_options {
	const char *dir;           /* log.key, cosigner.key, agreement.key and
				    * record/ are in it; notice.key,
				    * receive*.key and storage.key may be */
	const char *credentials;   /* keys from here instead; NULL: none */
	struct hf_span passphrase; /* for keys that have one; may be empty */
	bool awaits_report; /* sign an origin that is not new only once VOUCH
			     * named it */
};

/* What the operator should read in the log about an answer. */
struct hf_signer_remark {
	enum hf_err err;    /* of the answer */
	struct hf_why why;  /* with err */
	struct hf_why also; /* a warning; empty without one */
};

HF_MUST enum hf_err hf_signer_open(const struct hf_signer_options *options,
				   struct hf_signer **out_signer,
				   struct hf_why *why);

/* NULL is fine. */
void hf_signer_close(struct hf_signer *signer);

const char *hf_signer_domain(const struct hf_signer *signer);

struct hf_record_state hf_signer_record(const struct hf_signer *signer);

/* What the operator should know of the keys for cases; empty when all is
 * well. */
const char *hf_signer_warning(const struct hf_signer *signer);

/* Answer one message (agent_wire.h), whatever it holds: reply is reset and
 * filled.  It is empty only when memory is short. */
void hf_signer_answer(struct hf_signer *signer, struct hf_span request,
		      uint64_t now_ms, struct hf_buf *reply,
		      struct hf_signer_remark *out_remark);

#endif /* HF_SIGNER_H */
