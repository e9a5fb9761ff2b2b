/*
 * picture.h -- the grey, small picture that a PDQ hash is made of.
 *
 * Decoders hand in rows of the image as they come, in any order; the picture
 * keeps the samples it needs, so that no decoder holds an image in memory for
 * our sake.  An image with both sides up to 512 is kept whole; any other
 * becomes 512 x 512 nearest samples, its aspect ratio dropped.
 *
 * Units    pixels, rows and columns; luma 0 to 255.
 * Owns     nothing: a picture is 1 MiB of the caller's.
 * Threads  one at a time.
 * Errors   LIMIT for an image with too many pixels, MALFORMED without any.
 * Source   the reference program of PDQ: 0.299 R + 0.587 G + 0.114 B in single
 *          precision; sample i of n of a side s is at floor(i * s / n).
 */
#ifndef HF_PICTURE_H
#define HF_PICTURE_H

#include <stdint.h>

#include "err.h"

#define HF_PICTURE_SIDE_MAX 512

struct hf_picture {
	uint32_t width; /* of the image */
	uint32_t height;
	unsigned columns; /* of the samples */
	unsigned rows;
	uint16_t column_at[HF_PICTURE_SIDE_MAX]; /* where in the image */
	uint16_t row_at[HF_PICTURE_SIDE_MAX];
	float weight[3][256]; /* of each value of red, green and blue */
	/* rows x columns, one row behind the other */
	float luma[HF_PICTURE_SIDE_MAX * HF_PICTURE_SIDE_MAX];
};

/* Every x from first in steps of step: what one pass of an interlaced image
 * has of a row. */
struct hf_picture_part {
	uint32_t first;
	uint32_t step;
};

#define HF_PICTURE_WHOLE_ROW ((struct hf_picture_part){ 0, 1 })

/* Checks the sides; nothing is sampled yet, and all is black. */
HF_MUST enum hf_err hf_picture_begin(struct hf_picture *picture, uint32_t width,
				     uint32_t height, struct hf_why *why);

/* Row y of the image.  rgb has pixel_bytes a pixel (3 or 4), red first. */
void hf_picture_put_rgb(struct hf_picture *picture, uint32_t y,
			const uint8_t *rgb, unsigned pixel_bytes,
			struct hf_picture_part part);

/* The same with one byte a pixel. */
void hf_picture_put_grey(struct hf_picture *picture, uint32_t y,
			 const uint8_t *grey);

#endif /* HF_PICTURE_H */
