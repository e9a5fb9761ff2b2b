/*
 * image.h -- a JPEG, PNG or WebP image into a picture to be hashed.
 *
 * This is where strangers' bytes are decoded, so it runs in the confined
 * program hashfed-media and nowhere else but in its tests.  Images are read
 * row by row where the format allows it; only interlaced sampling, progressive
 * JPEG and WebP keep more.  Colour profiles, gamma, transparency (the colour
 * under it counts) and EXIF orientation are ignored, as the reference program
 * of PDQ does.  Of 16 bits the upper 8 count.  Of an animation the first frame
 * counts.
 *
 * Units    bytes, pixels.
 * Owns     nothing: the source stays the caller's.
 * Threads  any, each with its own source and picture.
 * Errors   MALFORMED for what is corrupt or truncated, LIMIT for too many
 *          pixels or too much memory, UNSUPPORTED for a variant that no
 *          decoder here knows, NOMEM, SYSTEM when the file cannot be read.
 * Source   media_limit.h; the manuals of libjpeg-turbo, libspng and libwebp.
 */
#ifndef HF_IMAGE_H
#define HF_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "media_kind.h"
#include "picture.h"

/* Where the bytes are: in memory, or in a file that is read at offset. */
struct hf_image_source {
	const uint8_t *bytes; /* borrowed; NULL: read fd */
	int fd;
	uint64_t size_bytes;
	uint64_t offset;
};

/* Up to size_bytes more bytes; 0 at the end.  -1 with errno when the file
 * cannot be read. */
ptrdiff_t hf_image_read(struct hf_image_source *source, void *at,
			size_t size_bytes);

/* Decode it into picture, which is begun here.  On failure the picture holds
 * nothing of use. */
HF_MUST enum hf_err hf_image_decode(struct hf_image_source *source,
				    enum hf_media_kind kind,
				    struct hf_picture *picture,
				    struct hf_why *why);

/* The three of them; hf_image_decode() chooses. */
HF_MUST enum hf_err hf_image_jpeg(struct hf_image_source *source,
				  struct hf_picture *picture,
				  struct hf_why *why);
HF_MUST enum hf_err hf_image_png(struct hf_image_source *source,
				 struct hf_picture *picture,
				 struct hf_why *why);
HF_MUST enum hf_err hf_image_webp(struct hf_image_source *source,
				  struct hf_picture *picture,
				  struct hf_why *why);

#endif /* HF_IMAGE_H */
