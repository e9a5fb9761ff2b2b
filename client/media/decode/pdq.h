/*
 * pdq.h -- the PDQ hash of a grey picture.
 *
 * Written from the published description and compared with the reference
 * program; sums are taken in its order and precision, so that a picture's
 * bits come out the same and not only near.
 *
 * Units    luma 0 to 255; quality 0 to 100.
 * Owns     nothing; it takes 200 KiB of stack.
 * Threads  any, each with its own picture.
 * Errors   none.  A picture with a side under 5 hashes to zeros, quality 0.
 * Source   "PDQ & TMK + PDQF", Meta, 2019; Jarosz, "Fast image convolutions",
 *          2001; the reference program's treatment of edges, medians and bits.
 */
#ifndef HF_PDQ_H
#define HF_PDQ_H

#include <stdint.h>

#include "limit.h"
#include "picture.h"

/* The first byte has the highest frequencies: in hex it is the usual text.
 * The picture's luma is used up. */
void hf_pdq(struct hf_picture *picture, uint8_t out_hash[static HF_PDQ_BYTES],
	    unsigned *out_quality);

#endif /* HF_PDQ_H */
