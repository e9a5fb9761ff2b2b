/*
 * bytes.h -- numbers as bytes, bytes as text: big-endian, hex, base64.
 *
 * Units    bytes; characters of text, without an end unless said.
 * Owns     nothing: the caller's buffers.
 * Threads  any; no state.
 * Errors   MALFORMED for text that is not what it should be.
 * Source   base64: RFC 4648 section 4, strict (padding there, no stray bits,
 *          no white space), as C2SP signed-note asks for.
 */
#ifndef HF_BYTES_H
#define HF_BYTES_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "err.h"
#include "span.h"

static inline void hf_be16_put(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* One store each: byte by byte whoever reads the whole waits for all. */
static inline void hf_be32_put(uint8_t *at, uint32_t value)
{
	value = htobe32(value);
	memcpy(at, &value, sizeof(value));
}

static inline void hf_be64_put(uint8_t *at, uint64_t value)
{
	value = htobe64(value);
	memcpy(at, &value, sizeof(value));
}

static inline uint16_t hf_be16(const uint8_t *at)
{
	return (uint16_t)((unsigned)at[0] << 8 | at[1]);
}

static inline uint32_t hf_be32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 |
	       (uint32_t)at[2] << 8 | at[3];
}

static inline uint64_t hf_be64(const uint8_t *at)
{
	return (uint64_t)hf_be32(at) << 32 | hf_be32(at + 4);
}

/* 2 * len_bytes lower-case digits and a zero byte. */
void hf_hex(const void *bytes, size_t len_bytes, char *out_text);

/* Exactly len_bytes bytes out of 2 * len_bytes digits of either case. */
HF_MUST enum hf_err hf_hex_parse(struct hf_span text, uint8_t *out_bytes,
				 size_t len_bytes);

/* Characters of the base64 of len_bytes bytes, without a zero byte. */
#define HF_BASE64_LEN(len_bytes) (((size_t)(len_bytes) + 2) / 3 * 4)

/* HF_BASE64_LEN() characters and a zero byte. */
void hf_base64(const void *bytes, size_t len_bytes, char *out_text);

/* At most size_bytes bytes; their number goes to *out_len_bytes. */
HF_MUST enum hf_err hf_base64_parse(struct hf_span text, uint8_t *out_bytes,
				    size_t size_bytes, size_t *out_len_bytes);

/* Equal without telling by its time where they differ. */
bool hf_bytes_equal_secret(const void *a, const void *b, size_t len_bytes);

#endif /* HF_BYTES_H */
