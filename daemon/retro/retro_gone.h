/*
 * retro_gone.h -- digests that no kept item may have any more.
 *
 * Digests are bytes here, whatever algorithm made them: of a video each frame
 * is one, and a frame is the same bytes as the PDQ hash of a picture.
 *
 * Units    counts of digests.
 * Owns     hf_retro_gone_new() gives the caller one, hf_retro_gone_free() takes
 *          it back; digests are copied.
 * Threads  one adds and seals; then any ask.
 * Errors   NOMEM.
 * Source   daemon/DESIGN.md, "What an erasure reaches".
 */
#ifndef HF_RETRO_GONE_H
#define HF_RETRO_GONE_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"
#include "span.h"

struct hf_retro_gone;

HF_MUST enum hf_err hf_retro_gone_new(struct hf_retro_gone **out_gone,
				      struct hf_why *why);

/* NULL is fine. */
void hf_retro_gone_free(struct hf_retro_gone *gone);

/* One of HF_RETRO_GONE_LEAST_BYTES at least; shorter ones are none, and are
 * passed over. */
#define HF_RETRO_GONE_LEAST_BYTES 16
HF_MUST enum hf_err hf_retro_gone_add(struct hf_retro_gone *gone,
				      struct hf_span digest,
				      struct hf_why *why);

/* All were added. */
void hf_retro_gone_seal(struct hf_retro_gone *gone);

/* How many were added, the same one twice included. */
size_t hf_retro_gone_count(const struct hf_retro_gone *gone);

/* Once it is sealed. */
bool hf_retro_gone_has(const struct hf_retro_gone *gone, struct hf_span digest);

#endif /* HF_RETRO_GONE_H */
