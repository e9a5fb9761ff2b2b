/*
 * buf.h -- bytes that grow, up to a ceiling, with an error that sticks.
 *
 * Encoders write without looking and ask once at the end.
 *
 * Units    bytes.
 * Owns     a buf owns its memory until hf_buf_release().
 * Threads  one thread at a time.
 * Errors   after the first failure nothing more is written and
 *          hf_buf_failed() says so: NOMEM, or LIMIT past the ceiling.
 * Source   none.
 */
#ifndef HF_BUF_H
#define HF_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "span.h"

struct hf_buf {
	uint8_t *at; /* owned */
	size_t len_bytes;
	size_t size_bytes;
	size_t ceiling_bytes;
	enum hf_err failed;
};

void hf_buf_init(struct hf_buf *buf, size_t ceiling_bytes);
void hf_buf_release(struct hf_buf *buf);

/* Empty it and clear the error; keep the memory. */
void hf_buf_reset(struct hf_buf *buf);

/* Room for len_bytes more, so that they are put without moving what is there.
 * False when failed. */
bool hf_buf_reserve(struct hf_buf *buf, size_t len_bytes);

/* Room for len_bytes more at the end, counted as written; NULL when failed. */
uint8_t *hf_buf_grow(struct hf_buf *buf, size_t len_bytes);

void hf_buf_put(struct hf_buf *buf, struct hf_span bytes);
void hf_buf_put_text(struct hf_buf *buf, const char *text);
void hf_buf_printf(struct hf_buf *buf, const char *format, ...) HF_PRINTF(2, 3);
void hf_buf_put_u8(struct hf_buf *buf, uint8_t value);
void hf_buf_put_u16(struct hf_buf *buf, uint16_t value); /* big-endian */
void hf_buf_put_u32(struct hf_buf *buf, uint32_t value);
void hf_buf_put_u64(struct hf_buf *buf, uint64_t value);

/* What is in it; valid until the next write. */
static inline struct hf_span hf_buf_span(const struct hf_buf *buf)
{
	return hf_span(buf->at, buf->len_bytes);
}

/* HF_OK, or the first error. */
HF_MUST static inline enum hf_err hf_buf_failed(const struct hf_buf *buf)
{
	return buf->failed;
}

#endif /* HF_BUF_H */
