#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "buf.h"

#define LEAST_BYTES ((size_t)256)

void hf_buf_init(struct hf_buf *buf, size_t ceiling_bytes)
{
	memset(buf, 0, sizeof(*buf));
	buf->ceiling_bytes = ceiling_bytes;
}

void hf_buf_release(struct hf_buf *buf)
{
	if (buf == NULL)
		return;
	free(buf->at);
	hf_buf_init(buf, buf->ceiling_bytes);
}

void hf_buf_reset(struct hf_buf *buf)
{
	buf->len_bytes = 0;
	buf->failed = HF_OK;
}

bool hf_buf_reserve(struct hf_buf *buf, size_t len_bytes)
{
	size_t need, size;
	uint8_t *at;

	if (buf->failed != HF_OK)
		return false;
	if (len_bytes > buf->ceiling_bytes - buf->len_bytes) {
		buf->failed = HF_E_LIMIT;
		return false;
	}
	need = buf->len_bytes + len_bytes;
	if (need <= buf->size_bytes && buf->at != NULL)
		return true;
	size = buf->size_bytes > 0 ? buf->size_bytes : LEAST_BYTES;
	while (size < need)
		size = size > buf->ceiling_bytes / 2 ? need : size * 2;
	at = realloc(buf->at, size);
	if (at == NULL) {
		buf->failed = HF_E_NOMEM;
		return false;
	}
	buf->at = at;
	buf->size_bytes = size;
	return true;
}

uint8_t *hf_buf_grow(struct hf_buf *buf, size_t len_bytes)
{
	uint8_t *at;

	if (!hf_buf_reserve(buf, len_bytes))
		return NULL;
	at = buf->at + buf->len_bytes;
	buf->len_bytes += len_bytes;
	return at;
}

void hf_buf_put(struct hf_buf *buf, struct hf_span bytes)
{
	uint8_t *at = hf_buf_grow(buf, bytes.len_bytes);

	if (at != NULL && bytes.len_bytes > 0)
		memcpy(at, bytes.at, bytes.len_bytes);
}

void hf_buf_put_text(struct hf_buf *buf, const char *text)
{
	hf_buf_put(buf, hf_span_of(text));
}

void hf_buf_printf(struct hf_buf *buf, const char *format, ...)
{
	va_list args, again;
	int len;

	va_start(args, format);
	va_copy(again, args);
	len = vsnprintf(NULL, 0, format, args);
	/* vsnprintf() ends the text with a zero byte: reserve it, drop it. */
	if (len >= 0 && hf_buf_reserve(buf, (size_t)len + 1)) {
		vsnprintf((char *)buf->at + buf->len_bytes, (size_t)len + 1,
			  format, again);
		buf->len_bytes += (size_t)len;
	}
	va_end(again);
	va_end(args);
}

void hf_buf_put_u8(struct hf_buf *buf, uint8_t value)
{
	hf_buf_put(buf, hf_span(&value, 1));
}

void hf_buf_put_u16(struct hf_buf *buf, uint16_t value)
{
	uint8_t *at = hf_buf_grow(buf, 2);

	if (at != NULL)
		hf_be16_put(at, value);
}

void hf_buf_put_u32(struct hf_buf *buf, uint32_t value)
{
	uint8_t *at = hf_buf_grow(buf, 4);

	if (at != NULL)
		hf_be32_put(at, value);
}

void hf_buf_put_u64(struct hf_buf *buf, uint64_t value)
{
	uint8_t *at = hf_buf_grow(buf, 8);

	if (at != NULL)
		hf_be64_put(at, value);
}
