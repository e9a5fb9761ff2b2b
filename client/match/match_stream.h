/*
 * match_stream.h -- one section of a file that is being made, written from
 * its beginning to its end and summed on the way.
 *
 * write(2) of whole buffers: a full disk is an error here and no signal, and
 * sums are of what is still in the cache.
 *
 * Units    bytes; positions are of the file.
 * Owns     nothing: the buffer is the caller's until end.
 * Threads  one writes one stream; several streams of one file are fine.
 * Errors   the first one stays; end tells it.
 * Source   none.
 */
#ifndef HF_MATCH_STREAM_H
#define HF_MATCH_STREAM_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "err.h"

#define HF_MATCH_STREAM_BYTES ((size_t)256 * 1024)

struct hf_match_stream {
	int fd;
	const char *path; /* borrowed: for the reason of a failure */
	uint64_t at;      /* where the buffer goes */
	uint32_t sum;
	int failed; /* errno, or 0 */
	size_t used;
	uint8_t *buffer; /* borrowed: HF_MATCH_STREAM_BYTES */
};

void hf_match_stream_begin(struct hf_match_stream *stream, int fd,
			   const char *path, uint64_t at, uint8_t *buffer);

/* Of any length. */
void hf_match_stream_put(struct hf_match_stream *stream, const void *bytes,
			 size_t len_bytes);

/* Write the buffer out. */
void hf_match_stream_flush(struct hf_match_stream *stream);

/* Fill with zeros up to until, and write what is left. */
HF_MUST enum hf_err hf_match_stream_end(struct hf_match_stream *stream,
					uint64_t until, uint32_t *out_sum,
					struct hf_why *why);

/* A few bytes, far fewer than a buffer. */
static inline void hf_match_stream_put_few(struct hf_match_stream *stream,
					   const void *bytes, size_t len_bytes)
{
	if (HF_MATCH_STREAM_BYTES - stream->used < len_bytes)
		hf_match_stream_flush(stream);
	memcpy(stream->buffer + stream->used, bytes, len_bytes);
	stream->used += len_bytes;
}

static inline void hf_match_stream_put32(struct hf_match_stream *stream,
					 uint32_t number)
{
	hf_match_stream_put_few(stream, &number, sizeof(number));
}

static inline void hf_match_stream_put16(struct hf_match_stream *stream,
					 uint16_t number)
{
	hf_match_stream_put_few(stream, &number, sizeof(number));
}

#endif /* HF_MATCH_STREAM_H */
