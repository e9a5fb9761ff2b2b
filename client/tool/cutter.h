/*
 * cutter.h -- what comes in at a descriptor, cut into lines or other pieces
 * as it comes: none waits for the next one.
 *
 * Units    bytes; a piece is without its separator.
 * Owns     hf_cutter_init() takes memory, hf_cutter_release() gives it back.
 *          A piece is borrowed until the next call.
 * Threads  one.
 * Errors   SYSTEM of read(); LIMIT for a piece that is too long, of which
 *          nothing is kept: the next call gives the one behind it.
 * Source   none.
 */
#ifndef HF_CUTTER_H
#define HF_CUTTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "span.h"

struct hf_cutter {
	uint8_t separator;
	size_t most_bytes; /* of a piece */
	uint8_t *at;       /* owned */
	size_t size_bytes;
	size_t begin, end; /* what is not yet taken */
	size_t looked;     /* up to here there is no separator */
	bool is_skipping;  /* the rest of a piece that is too long */
	bool is_over;      /* no more will come */
};

HF_MUST enum hf_err hf_cutter_init(struct hf_cutter *cutter, uint8_t separator,
				   size_t most_bytes, struct hf_why *why);
void hf_cutter_release(struct hf_cutter *cutter);

/* One read(), which waits if the descriptor does.  Take all pieces first. */
HF_MUST enum hf_err hf_cutter_read(struct hf_cutter *cutter, int fd,
				   struct hf_why *why);

/* The next piece.  NOTFOUND: read more, or, when is_over, that was all.  What
 * is behind the last separator is a piece, unless it is empty. */
HF_MUST enum hf_err hf_cutter_take(struct hf_cutter *cutter,
				   struct hf_span *out_piece);

#endif /* HF_CUTTER_H */
