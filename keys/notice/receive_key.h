/*
 * receive_key.h -- a receive key that its owner vouches for: what is sealed
 * for, from when, and until when.
 *
 * Units    _ms since 1970 UTC.
 * Owns     nothing: the caller's buffers.
 * Threads  any; no state.
 * Errors   make: LIMIT, NOMEM.  check: SIGNATURE; CONFLICT for another
 *          organisation's; ARGUMENT for a key of small order or an end before
 *          its beginning; MALFORMED for a field of the wrong length.
 * Source   proto/SPEC.md section 12.3.
 */
#ifndef HF_RECEIVE_KEY_H
#define HF_RECEIVE_KEY_H

#include <stdint.h>

#include "buf.h"
#include "codec_case.h"
#include "err.h"
#include "limit.h"
#include "sign.h"

/* Sign with the notice key and append the encoded ReceiveKey.  The signature
 * in key is ignored. */
HF_MUST enum hf_err hf_receive_key_make(const struct hf_receive_key *key,
					const struct hf_secret *notice,
					struct hf_buf *out_key,
					struct hf_why *why);

/* Is it this organisation's, signed with its notice key?  Whether it is the
 * time for it is for the caller, who has a clock: from from_ms until until_ms,
 * or without an end where that is 0. */
HF_MUST enum hf_err
hf_receive_key_check(const struct hf_receive_key *key,
		     const struct hf_public_key *notice_key,
		     const uint8_t organisation_id[static HF_HASH_BYTES],
		     struct hf_why *why);

#endif /* HF_RECEIVE_KEY_H */
