/*
 * encode.h -- canvases into JPEG, PNG and WebP files, in all their variants.
 *
 * Units    quality 1 to 100.
 * Owns     the bytes go into a buf of the caller's.
 * Threads  any.
 * Errors   NOMEM, INTERNAL when a library says no.
 * Source   the manuals of libjpeg-turbo, libspng and libwebp.
 */
#ifndef HF_ENCODE_H
#define HF_ENCODE_H

#include <stdbool.h>

#include "buf.h"
#include "canvas.h"
#include "err.h"

enum hf_encode_colour {
	HF_ENCODE_RGB,
	HF_ENCODE_GREY,    /* the green of each pixel */
	HF_ENCODE_CMYK,    /* JPEG: as Adobe writes it, upside down */
	HF_ENCODE_PALETTE, /* PNG: 256 greys, of the green */
	HF_ENCODE_ALPHA,   /* PNG: the left half transparent */
	HF_ENCODE_DEEP,    /* PNG: 16 bits, the lower 8 noise */
};

struct hf_encode_how {
	enum hf_encode_colour colour;
	unsigned quality;
	bool is_interlaced; /* PNG: Adam7; JPEG: progressive */
	bool is_lossless;   /* WebP */
};

HF_MUST enum hf_err hf_encode_jpeg(const struct hf_canvas *canvas,
				   const struct hf_encode_how *how,
				   struct hf_buf *buf, struct hf_why *why);
HF_MUST enum hf_err hf_encode_png(const struct hf_canvas *canvas,
				  const struct hf_encode_how *how,
				  struct hf_buf *buf, struct hf_why *why);
HF_MUST enum hf_err hf_encode_webp(const struct hf_canvas *canvas,
				   const struct hf_encode_how *how,
				   struct hf_buf *buf, struct hf_why *why);

#endif /* HF_ENCODE_H */
