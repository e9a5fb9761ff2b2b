/*
 * case_letter.h -- the mail that takes a notice to a provider without a node.
 *
 * Units    now_ms since 1970 UTC.
 * Owns     nothing.
 * Threads  any; no state.
 * Errors   those of case_mail.h.
 * Source   daemon/takedown/DESIGN.md.
 */
#ifndef HF_CASE_LETTER_H
#define HF_CASE_LETTER_H

#include "buf.h"
#include "codec_takedown.h"
#include "err.h"

struct hf_organisation; /* keys/ring */

/* The whole message, appended; a reminder where the case was reminded of. */
HF_MUST enum hf_err hf_case_letter(const struct hf_organisation *self,
				   const struct hf_notice *notice,
				   const struct hf_case_summary *summary,
				   uint64_t now_ms, struct hf_buf *out,
				   struct hf_why *why);

#endif /* HF_CASE_LETTER_H */
