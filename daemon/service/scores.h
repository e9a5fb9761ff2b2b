/*
 * scores.h -- callers that brought what is false: said once, and not listened
 * to for a while, twice as long each time.
 *
 * Units    none.
 * Owns     hf_scores_new() gives the caller scores; hf_scores_free() takes
 *          them back.
 * Threads  any.
 * Errors   QUOTA: not to be listened to now.
 * Source   proto/SPEC.md section 9.
 */
#ifndef HF_SCORES_H
#define HF_SCORES_H

#include <stdint.h>

#include "err.h"
#include "limit.h"

struct hf_rpc_identity;
struct hf_scores;

HF_MUST enum hf_err hf_scores_new(struct hf_scores **out_scores,
				  struct hf_why *why);

/* NULL is fine. */
void hf_scores_free(struct hf_scores *scores);

/* QUOTA while the caller has to wait. */
HF_MUST enum hf_err hf_scores_check(struct hf_scores *scores,
				    const struct hf_rpc_identity *caller,
				    struct hf_why *why);

/* It brought something false. */
void hf_scores_bad(struct hf_scores *scores,
		   const struct hf_rpc_identity *caller, enum hf_err err,
		   const struct hf_why *why);

#endif /* HF_SCORES_H */
