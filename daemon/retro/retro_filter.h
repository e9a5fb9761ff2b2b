/*
 * retro_filter.h -- a few new hashes, and which of many kept items could match
 * one of them.
 *
 * It says yes too often and never no to what matches: whoever is told yes looks
 * the item up.  So neither policy nor what became of an entry is its business.
 *
 * Units    distances in bits.
 * Owns     hf_retro_filter_new() gives the caller a filter,
 *          hf_retro_filter_free() takes it back.
 * Threads  one adds; then any ask.
 * Errors   NOMEM.
 * Source   daemon/DESIGN.md, "Found later".
 */
#ifndef HF_RETRO_FILTER_H
#define HF_RETRO_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "retro_item.h"

struct hf_retro_filter;

/* PDQ hashes match within distance, frames of videos within frame_distance;
 * below 0, none does. */
HF_MUST enum hf_err hf_retro_filter_new(int distance, int frame_distance,
					struct hf_retro_filter **out_filter,
					struct hf_why *why);

/* NULL is fine. */
void hf_retro_filter_free(struct hf_retro_filter *filter);

/* A digest of an algorithm that is looked up by; of VPDQ one frame. */
HF_MUST enum hf_err hf_retro_filter_add(struct hf_retro_filter *filter,
					unsigned algorithm,
					const uint8_t *digest,
					struct hf_why *why);

/* Hashes in it. */
size_t hf_retro_filter_count(const struct hf_retro_filter *filter);

bool hf_retro_filter_passes(const struct hf_retro_filter *filter,
			    const struct hf_retro_item *item);

#endif /* HF_RETRO_FILTER_H */
