/*
 * armour.h -- bytes as a block of text that survives mail and paper:
 *
 *	-----BEGIN HASHFED KEY-----
 *	base64, 64 characters a line
 *	-----END HASHFED KEY-----
 *
 * Units    bytes; characters of text, without an end unless said.
 * Owns     nothing: the caller's buffers, so that a secret is never copied
 *          to where nobody wipes it.
 * Threads  any; no state.
 * Errors   MALFORMED for text that is not exactly one such block, LIMIT when
 *          the buffer is too small.
 * Source   RFC 7468 section 3, the strict grammar, with white space allowed
 *          only before and behind the block; lines end in LF or CRLF.
 */
#ifndef HF_ARMOUR_H
#define HF_ARMOUR_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "span.h"

#define HF_ARMOUR_LABEL_MAX_BYTES 32

/* Enough characters, the zero byte included, for the armour of len_bytes. */
#define HF_ARMOUR_SIZE(len_bytes)                                              \
	(((size_t)(len_bytes) + 47) / 48 * 65 +                                \
	 2 * (HF_ARMOUR_LABEL_MAX_BYTES + 16) + 1)

/* Text with a newline behind it and a zero byte; returns its length.  The
 * buffer has HF_ARMOUR_SIZE(bytes.len_bytes) characters. */
size_t hf_armour_encode(const char *label, struct hf_span bytes,
			char *out_text);

/* The bytes of the one block in text. */
HF_MUST enum hf_err hf_armour_parse(const char *label, struct hf_span text,
				    uint8_t *out_bytes, size_t size_bytes,
				    size_t *out_len_bytes, struct hf_why *why);

#endif /* HF_ARMOUR_H */
