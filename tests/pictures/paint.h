/*
 * paint.h -- pictures of nothing, that look like something to a hash, and what
 * people do to pictures.
 *
 * Every picture is made from numbers: clouds of value noise in three colours,
 * a slope of light, discs, bars and triangles with soft edges and a grain of
 * their own.  The same seed makes the same picture.
 *
 * Units    pixels.
 * Owns     every canvas handed out is the caller's to release.
 * Threads  any.
 * Errors   NOMEM.
 * Source   Perlin, "An image synthesizer", 1985, for octaves of noise;
 *          splitmix64 for numbers.
 */
#ifndef HF_PAINT_H
#define HF_PAINT_H

#include <stdint.h>

#include "canvas.h"
#include "err.h"

/* Sides of 320 to 640, or 320 to 448 when it is to be small. */
HF_MUST enum hf_err hf_paint(uint64_t seed, int is_small,
			     struct hf_canvas *out_canvas, struct hf_why *why);

/* A new canvas each: three fifths of the size; 1 % off every side; brighter
 * by a sixth; grey; with a logo in a corner; sharpened. */
HF_MUST enum hf_err hf_paint_resized(const struct hf_canvas *from,
				     struct hf_canvas *out, struct hf_why *why);
HF_MUST enum hf_err hf_paint_cropped(const struct hf_canvas *from,
				     struct hf_canvas *out, struct hf_why *why);
HF_MUST enum hf_err hf_paint_brighter(const struct hf_canvas *from,
				      struct hf_canvas *out,
				      struct hf_why *why);
HF_MUST enum hf_err hf_paint_grey(const struct hf_canvas *from,
				  struct hf_canvas *out, struct hf_why *why);
HF_MUST enum hf_err hf_paint_logo(const struct hf_canvas *from,
				  struct hf_canvas *out, struct hf_why *why);
HF_MUST enum hf_err hf_paint_sharpened(const struct hf_canvas *from,
				       struct hf_canvas *out,
				       struct hf_why *why);

#endif /* HF_PAINT_H */
