/*
 * retro_item.h -- an item that was looked up, as bytes: its digests and what
 * the caller calls it.
 *
 * Layout, numbers big-endian: digests (1), bytes of the name (2); of each
 * digest the algorithm (1), the quality (1) and the digest, before the frames
 * of a video how many there are (2); the name.  An upload with four hashes and
 * a name of 50 bytes is 161 bytes.
 *
 * Units    quality 0 to 100, or HF_QUALITY_NONE.
 * Owns     what is taken borrows from the bytes.
 * Threads  any; no state.
 * Errors   CORRUPT for bytes that we cannot have written.
 * Source   daemon/DESIGN.md, "Found later".
 */
#ifndef HF_RETRO_ITEM_H
#define HF_RETRO_ITEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "codec_match.h"
#include "err.h"
#include "limit.h"
#include "match_sieve.h"
#include "retro_gone.h"
#include "span.h"

struct hf_retro_digest {
	uint8_t algorithm; /* one that is looked up by */
	uint8_t quality;
	const uint8_t *at;
	size_t len_bytes;
};

struct hf_retro_item {
	struct hf_retro_digest digests[HF_ITEM_MAX_HASHES];
	size_t count;        /* 1 at least */
	struct hf_span name; /* at most HF_ITEM_NAME_MAX_BYTES */
};

void hf_retro_item_put(struct hf_buf *buf, const struct hf_retro_item *item);

/* The next item off rest. */
HF_MUST enum hf_err hf_retro_item_take(struct hf_span *rest,
				       struct hf_retro_item *out,
				       struct hf_why *why);

/* Could one of its digests match one in the sieve? */
bool hf_retro_item_passes(const struct hf_retro_item *item,
			  const struct hf_match_sieve *sieve);

enum hf_retro_left {
	HF_RETRO_ALL_LEFT,
	HF_RETRO_SOME_LEFT,
	HF_RETRO_NONE_LEFT, /* nothing was put */
};

/* Put what is left of it without the digests, and frames of videos, that are to
 * be gone. */
enum hf_retro_left hf_retro_item_put_without(struct hf_buf *buf,
					     const struct hf_retro_item *item,
					     const struct hf_retro_gone *gone);

/* Every item of a lookup, in the order of their numbers, but those that are
 * marked in left_out (by number; NULL: none); of one with very many digests the
 * first HF_ITEM_MAX_HASHES, and of videos as many as have together at most
 * HF_VPDQ_MAX_FRAMES frames.  NOMEM. */
HF_MUST enum hf_err
hf_retro_items_put(struct hf_buf *buf,
		   const struct hf_wire_match_request *request,
		   const bool *left_out, size_t *out_count, struct hf_why *why);

#endif /* HF_RETRO_ITEM_H */
