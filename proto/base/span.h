/*
 * span.h -- bytes that somebody else owns.
 *
 * Units    len_bytes is a count of bytes.
 * Owns     nothing.  A span is valid as long as what it was borrowed from;
 *          the header that hands one out says how long that is.
 * Threads  a value; any.
 * Errors   none.
 * Source   house style: borrowed bytes are a span, never pointer and length
 *          apart.
 */
#ifndef HF_SPAN_H
#define HF_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct hf_span {
	const uint8_t *at;
	size_t len_bytes;
};

/* The bytes of a string without its end. */
static inline struct hf_span hf_span_of(const char *text)
{
	return (struct hf_span){ (const uint8_t *)text,
				 text != NULL ? strlen(text) : 0 };
}

static inline struct hf_span hf_span(const void *at, size_t len_bytes)
{
	return (struct hf_span){ (const uint8_t *)at, len_bytes };
}

static inline bool hf_span_equal(struct hf_span a, struct hf_span b)
{
	return a.len_bytes == b.len_bytes &&
	       (a.len_bytes == 0 || memcmp(a.at, b.at, a.len_bytes) == 0);
}

static inline bool hf_span_is(struct hf_span a, const char *text)
{
	return hf_span_equal(a, hf_span_of(text));
}

/* For printf's "%.*s". */
#define HF_SPAN_ARGS(span) (int)(span).len_bytes, (const char *)(span).at

#endif /* HF_SPAN_H */
