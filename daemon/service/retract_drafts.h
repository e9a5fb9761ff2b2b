/*
 * retract_drafts.h -- the entries that take others back: RETRACTs, and ERASEs
 * where payloads are to go as well.
 *
 * Units    counts of entries.
 * Owns     the caller frees rows.
 * Threads  any.
 * Errors   NOMEM; of the ledger.
 * Source   proto/SPEC.md sections 3.2 and 8.3.
 */
#ifndef HF_RETRACT_DRAFTS_H
#define HF_RETRACT_DRAFTS_H

#include "codec_publish.h"
#include "err.h"
#include "ledger_view.h"

struct hf_retract_drafts {
	const struct hf_retract_request *request; /* borrowed */
	struct hf_span note;                      /* of RETRACTs; borrowed */
	struct hf_ledger_draft *rows;             /* the caller's to free */
	size_t count;
	size_t size;
};

/* What is still to be said about an entry of our own.  One that is not there
 * gets a RETRACT, which the ledger refuses. */
HF_MUST enum hf_err hf_retract_drafts_add(struct hf_retract_drafts *drafts,
					  struct hf_ledger_view *view,
					  uint32_t set, uint64_t entry,
					  struct hf_why *why);

#endif /* HF_RETRACT_DRAFTS_H */
