/*
 * applied.h -- a member's word that it has applied a set so far: what the
 * publisher knows of who still matches what it took back.
 *
 * Units    size counts entries; _ms since 1970 UTC.
 * Owns     nothing: the caller's buffers.
 * Threads  any; no state.
 * Errors   make: LIMIT, NOMEM.  check: SIGNATURE.
 * Source   proto/SPEC.md section 8.6.
 */
#ifndef HF_APPLIED_H
#define HF_APPLIED_H

#include "buf.h"
#include "codec_federation.h"
#include "err.h"
#include "sign.h"

/* Sign with the notice key and append the encoded receipt.  The signature in
 * receipt is ignored. */
HF_MUST enum hf_err hf_applied_make(const struct hf_applied_receipt *receipt,
				    const struct hf_secret *notice,
				    struct hf_buf *out_receipt,
				    struct hf_why *why);

/* Is it signed with this notice key? */
HF_MUST enum hf_err hf_applied_check(const struct hf_applied_receipt *receipt,
				     const struct hf_public_key *notice_key,
				     struct hf_why *why);

#endif /* HF_APPLIED_H */
