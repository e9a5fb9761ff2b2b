/*
 * signer_work.h -- one question about sealed events at work: the keys, and
 * memory that is wiped when it is answered.
 *
 * Units    _ms since 1970 UTC.
 * Owns     hf_signer_notice_answer() makes a work and takes it back.
 * Threads  one.
 * Errors   those of agent.h.
 * Source   keys/agent/DESIGN.md, section 4.
 */
#ifndef HF_SIGNER_WORK_H
#define HF_SIGNER_WORK_H

#include <stdint.h>

#include "agent_wire.h"
#include "arena.h"
#include "buf.h"
#include "err.h"
#include "keyfile.h"
#include "receiveset.h"

struct hf_signer_notice {
	char domain[HF_DOMAIN_MAX_BYTES + 1];
	struct hf_key *notice;         /* owned; NULL: missing */
	struct hf_receiveset *receive; /* owned; may hold none */
	uint8_t *record_key;           /* owned, locked; NULL: missing */
	struct hf_why warning;
};

/* An answer at work: what it opened is wiped when it ends. */
struct hf_signer_work {
	struct hf_signer_notice *notice; /* borrowed, as the next */
	struct hf_buf *reply;
	uint64_t now_ms;
	struct hf_why *also;
	struct hf_arena arena;
	struct hf_buf plain; /* an opened record */
	struct hf_buf text;  /* of an event */
	struct hf_buf bytes; /* an envelope or a record to be answered */
};

/* NOTFOUND where there is no notice key. */
HF_MUST enum hf_err hf_signer_need_notice(const struct hf_signer_work *work,
					  struct hf_why *why);

/* The verbs that seal, open and keep: append the answer to work->reply. */
HF_MUST enum hf_err hf_signer_seal(struct hf_signer_work *work,
				   const struct hf_agent_seal *ask,
				   struct hf_why *why);
HF_MUST enum hf_err hf_signer_open_sealed(struct hf_signer_work *work,
					  const struct hf_agent_open *ask,
					  struct hf_why *why);
HF_MUST enum hf_err hf_signer_read(struct hf_signer_work *work,
				   struct hf_span record, struct hf_why *why);
HF_MUST enum hf_err hf_signer_store(struct hf_signer_work *work,
				    struct hf_span text, struct hf_why *why);

#endif /* HF_SIGNER_WORK_H */
