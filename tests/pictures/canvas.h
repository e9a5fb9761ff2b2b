/*
 * canvas.h -- pictures to test with: bytes of red, green and blue.
 *
 * Units    pixels; three bytes each, rows without gaps.
 * Owns     hf_canvas_init() gives the caller pixels; hf_canvas_release()
 *          takes them back.
 * Threads  any; a canvas is used by one at a time.
 * Errors   NOMEM.
 * Source   none.
 */
#ifndef HF_CANVAS_H
#define HF_CANVAS_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"

struct hf_canvas {
	unsigned width;
	unsigned height;
	uint8_t *rgb; /* owned */
};

/* Black. */
HF_MUST enum hf_err hf_canvas_init(struct hf_canvas *canvas, unsigned width,
				   unsigned height, struct hf_why *why);
void hf_canvas_release(struct hf_canvas *canvas);

static inline uint8_t *hf_canvas_at(const struct hf_canvas *canvas, unsigned x,
				    unsigned y)
{
	return canvas->rgb + ((size_t)y * canvas->width + x) * 3;
}

#endif /* HF_CANVAS_H */
