/*
 * trust_fields.h -- what the fields of a manifest and of an agreement may be,
 * the same for those who sign and those who verify.  The codec has looked at
 * lengths, counts and texts; here are the rules between fields, and whether a
 * key is one to check signatures with.
 *
 * Units    milliseconds since 1970 UTC.
 * Owns     nothing.
 * Threads  any; no state.
 * Errors   ARGUMENT, and CONFLICT for an agreement of another publisher; the
 *          sentence names the field.
 * Source   proto/SPEC.md section 7.
 */
#ifndef HF_TRUST_FIELDS_H
#define HF_TRUST_FIELDS_H

#include <stdbool.h>

#include "err.h"

struct hf_manifest;
struct hf_agreement;

HF_MUST enum hf_err hf_trust_manifest_fields(const struct hf_manifest *manifest,
					     struct hf_why *why);

/* Is the organisation id the one that these root keys and this threshold
 * make? */
bool hf_trust_is_id_proved(const struct hf_manifest *manifest);

/* publisher NULL: not compared. */
HF_MUST enum hf_err
hf_trust_agreement_fields(const struct hf_agreement *agreement,
			  const struct hf_manifest *publisher,
			  struct hf_why *why);

#endif /* HF_TRUST_FIELDS_H */
