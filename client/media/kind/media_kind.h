/*
 * media_kind.h -- what sort of file this is, by its first bytes.
 *
 * The name of a file is never asked.  A kind says only that the file begins
 * like one: whether the rest of it decodes is another matter.
 *
 * Units    bytes.
 * Owns     nothing.
 * Threads  any; no state.
 * Errors   none: what is not known is HF_MEDIA_OTHER.
 * Source   JPEG: ITU-T T.81 annex B.  PNG: ISO/IEC 15948 section 5.2.  WebP:
 *          RFC 9649 section 2.4.  GIF89a.  BMP: Windows' BITMAPFILEHEADER.
 *          TIFF 6.0 section 2.  HEIF, AVIF, MP4: ISO/IEC 14496-12 section 4.3.
 *          Matroska: RFC 8794 section 8.1.  AVI: RIFF, as WebP.
 */
#ifndef HF_MEDIA_KIND_H
#define HF_MEDIA_KIND_H

#include <stdbool.h>

#include "span.h"

/* Name, word, is an image, has a PDQ hash here. */
/* clang-format off */
#define HF_MEDIA_KIND_TABLE(X)                                                \
	X(OTHER,    "other",    false, false)                                 \
	X(JPEG,     "jpeg",     true,  true)                                  \
	X(PNG,      "png",      true,  true)                                  \
	X(WEBP,     "webp",     true,  true)                                  \
	X(GIF,      "gif",      true,  false)                                 \
	X(BMP,      "bmp",      true,  false)                                 \
	X(TIFF,     "tiff",     true,  false)                                 \
	X(HEIF,     "heif",     true,  false)                                 \
	X(AVIF,     "avif",     true,  false)                                 \
	X(MP4,      "mp4",      false, false)                                 \
	X(MATROSKA, "matroska", false, false)                                 \
	X(AVI,      "avi",      false, false)
/* clang-format on */

enum hf_media_kind {
#define HF_MEDIA_KIND_ENUM(name, word, image, pdq) HF_MEDIA_##name,
	HF_MEDIA_KIND_TABLE(HF_MEDIA_KIND_ENUM)
#undef HF_MEDIA_KIND_ENUM
		HF_MEDIA_KIND_COUNT
};

/* As many first bytes as a kind can need; fewer are fine. */
#define HF_MEDIA_KIND_BYTES 32

enum hf_media_kind hf_media_kind(struct hf_span first_bytes);

/* "jpeg" */
const char *hf_media_kind_word(enum hf_media_kind kind);

bool hf_media_kind_is_image(enum hf_media_kind kind);

/* MP4, Matroska (WebM), AVI: a list of frames where hashfed-video is. */
bool hf_media_kind_is_video(enum hf_media_kind kind);

/* We decode it, so an intact file of this kind gets a PDQ hash. */
bool hf_media_kind_has_pdq(enum hf_media_kind kind);

#endif /* HF_MEDIA_KIND_H */
