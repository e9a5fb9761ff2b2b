/*
 * retro_frame.h -- items that came together, as one value of the store.
 *
 * Layout, numbers big-endian: when (8), items (4), a checksum of what follows
 * (8), the items.  The checksum is against what a disk does, not against
 * anybody.
 *
 * Units    _ms since 1970 UTC.
 * Owns     what is read borrows from the bytes.
 * Threads  any; no state.
 * Errors   none.
 * Source   daemon/DESIGN.md, "Found later".
 */
#ifndef HF_RETRO_FRAME_H
#define HF_RETRO_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "span.h"

#define HF_RETRO_FRAME_HEAD_BYTES 20

/* Bytes of items in one frame: what is put at once is cut into these. */
#define HF_RETRO_FRAME_MAX_BYTES ((size_t)128 * 1024)

struct hf_retro_frame {
	uint64_t made_ms;
	uint32_t items_count;
	struct hf_span items;
};

/* False for what we cannot have written. */
bool hf_retro_frame_read(struct hf_span bytes, struct hf_retro_frame *out);

/* Are the items what was written? */
bool hf_retro_frame_is_whole(struct hf_span bytes,
			     const struct hf_retro_frame *frame);

/* What is in front of the items. */
void hf_retro_frame_head(uint8_t out[static HF_RETRO_FRAME_HEAD_BYTES],
			 uint64_t made_ms, uint32_t count,
			 struct hf_span items);

#endif /* HF_RETRO_FRAME_H */
