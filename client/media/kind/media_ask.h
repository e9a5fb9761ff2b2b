/*
 * media_ask.h -- what the hashing program and hashfed-media say to each other,
 * or hashfed-video, which is for videos what that is for images.
 *
 * A socket of whole packets (SOCK_SEQPACKET) is descriptor 3 of hashfed-media.
 * It first sends one answer: it is confined, or why it could not be.  Then an
 * answer follows each question.  A question carries the file as a descriptor;
 * the file's offset is not moved.  Both are always of the same build, so these
 * are plain structs.
 *
 * Units    bytes, pixels.
 * Owns     nothing.
 * Threads  values.
 * Errors   err of an answer; the asker checks every field before it believes
 *          it, for an image may have taken over who wrote it.
 * Source   none: private to one build.
 */
#ifndef HF_MEDIA_ASK_H
#define HF_MEDIA_ASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "limit.h"

#define HF_ASK_MAGIC  0x68666d31u /* "hfm1" */
#define HF_ASK_SOCKET 3

struct hf_ask {
	uint32_t magic;
	uint32_t kind; /* enum hf_media_kind */
	uint64_t size_bytes;
};

struct hf_answer {
	uint32_t magic;
	uint32_t err; /* enum hf_err */
	uint32_t width;
	uint32_t height;
	uint32_t quality;
	uint8_t pdq[HF_PDQ_BYTES];
	char why[200]; /* ends with a zero byte */
	/* Of a video; no more than there are is sent. */
	uint32_t frames_count;
	uint8_t frames[HF_VPDQ_MAX_FRAMES][HF_PDQ_BYTES];
};

/* Bytes of an answer that are sent. */
static inline size_t hf_answer_bytes(const struct hf_answer *answer)
{
	return offsetof(struct hf_answer, frames) +
	       (size_t)answer->frames_count * HF_PDQ_BYTES;
}

/* Whether what came, len_bytes of it, is an answer: a decoder that a file took
 * over writes what it likes. */
bool hf_answer_is_sane(const struct hf_answer *answer, size_t len_bytes);

#endif /* HF_MEDIA_ASK_H */
