/*
 * video.h -- a video into the list of its frames' PDQ hashes (vPDQ).
 *
 * This is where strangers' bytes are decoded, so it runs in the confined
 * program hashfed-video and nowhere else but in its tests.  One frame for
 * each second: frames are counted, and each whose number is a multiple of the
 * whole frames in a second is hashed, as the reference does.  A frame with a
 * side over 512 is scaled to 512 x 512 by area, its aspect ratio dropped.
 * Frames of a quality below HF_MEDIA_FRAME_QUALITY_MIN and those that repeat
 * an earlier one are left out; after HF_VPDQ_MAX_FRAMES the list ends.
 *
 * Units    bytes, frames.
 * Owns     nothing: the source stays the caller's.
 * Threads  any, each with its own source and picture.
 * Errors   MALFORMED for what is damaged, cut off or no video at all, LIMIT
 *          for too much memory or too many pixels, UNSUPPORTED for a codec
 *          that no decoder here knows, NOMEM.
 * Source   libavformat, libavcodec, libswscale; facebook/ThreatExchange, vpdq:
 *          secondsPerHash 1, SWS_AREA into RGB24.
 */
#ifndef HF_VIDEO_H
#define HF_VIDEO_H

#include "image.h"

#include "media_ask.h"

/* Fills in width, height, frames_count and frames of the answer. */
HF_MUST enum hf_err hf_video_decode(struct hf_image_source *source,
				    struct hf_picture *picture,
				    struct hf_answer *out_answer,
				    struct hf_why *why);

#endif /* HF_VIDEO_H */
