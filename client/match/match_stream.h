/*
 * match_stream.h -- one section of a file that is being made, written from
 * its beginning to its end and summed on the way.
 *
 * write(2) of whole buffers: a full disk is an error here and no signal.  A
 * buffer ends where a large page of the file does, so that the system keeps
 * the file in large pages, and is on its way to the disk while the next one is
 * filled.
 *
 * Units    bytes; positions are of the file.
 * Owns     nothing: the buffer is the caller's until end.
 * Threads  one writes one stream; several streams of one file are fine.
 * Errors   the first one stays; end tells it.
 * Source   none.
 */
#ifndef HF_MATCH_STREAM_H
#define HF_MATCH_STREAM_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "err.h"

/* A large page of the processors that there are. */
#define HF_MATCH_STREAM_BYTES ((size_t)2 * 1024 * 1024)

struct hf_match_stream {
	int fd;
	/* Held while the system copies, which one thread can do at a time for
	 * a file; others would not sleep, but spin.  Borrowed; may be NULL. */
	pthread_mutex_t *lock;
	const char *path; /* borrowed: for the reason of a failure */
	uint64_t at;      /* where the buffer goes */
	uint32_t sum;
	int failed; /* errno, or 0 */
	size_t used;
	size_t size;     /* up to the end of a page */
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

/* The same for a few bytes, which fit nearly always. */
static inline void hf_match_stream_put_few(struct hf_match_stream *stream,
					   const void *bytes, size_t len_bytes)
{
	if (stream->size - stream->used < len_bytes) {
		hf_match_stream_put(stream, bytes, len_bytes);
		return;
	}
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
