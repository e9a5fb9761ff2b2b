/*
 * codec.h -- wire bytes <-> plain structs: the shape all messages share.
 *
 * Every message of proto/hashfed/v1 has a struct with the same field names
 * and a pair of functions.  The codec checks sizes, counts, lengths and
 * texts; it never checks signatures, proofs or who is calling.
 *
 * Units    as in the .proto files: _ms since 1970-01-01 UTC, digests raw.
 * Owns     nothing.  Whatever a parsed struct points to lives in the arena
 *          given to parse, never in the wire bytes: these may be freed.
 *          Encode reads what the struct points to and keeps nothing.
 * Threads  any; no state.
 * Errors   parse: MALFORMED (does not decode, text not clean UTF-8, a zero
 *          byte in a text), LIMIT (too many, too long, or past the arena's
 *          ceiling), ARGUMENT (a value that no sender may use), NOMEM.  The
 *          sentence names the field, what was found and what would be right.
 *          On failure the out struct is left alone; the arena holds garbage
 *          until it is reset.
 *          encode: the same checks, so what it writes always parses; the
 *          error also sticks to the buf (LIMIT, NOMEM).
 * Source   proto/hashfed/v1, proto/SPEC.md sections 4, 7 and 10.
 */
#ifndef HF_CODEC_H
#define HF_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "buf.h"
#include "codec_words.h"
#include "err.h"
#include "limit.h"
#include "span.h"

/*
 * How a field looks in a struct:
 *
 *   string           const char *x: ends with a zero byte; parse never gives
 *                    NULL ("" when absent), encode takes NULL for "".
 *   bytes            struct hf_span x: empty when absent.
 *   message          const struct hf_y *x: NULL when absent.
 *   repeated         const T *x and size_t x_count.
 *   oneof            an enum named after it and its members side by side;
 *                    only the member that the enum names means anything.
 *   enum             may hold a number that this version has no word for.
 *
 * Fields that this version does not know are ignored.  A ceiling for the
 * arena of HF_UNPACK_MAX_BYTES holds any message of up to
 * HF_CHUNK_MESSAGE_BYTES; a larger one may need more.
 */

/* For message `name`:
 *
 *   enum hf_err hf_<name>_parse(struct hf_span wire, struct hf_arena *arena,
 *                               struct hf_<name> *out, struct hf_why *why);
 *   enum hf_err hf_<name>_encode(const struct hf_<name> *in,
 *                                struct hf_buf *buf);
 *
 * parse takes all of wire as one message.  encode appends to buf. */
#define HF_CODEC_MESSAGE(name)                                                 \
	HF_MUST enum hf_err hf_##name##_parse(                                 \
		struct hf_span wire, struct hf_arena *arena,                   \
		struct hf_##name *out, struct hf_why *why);                    \
	HF_MUST enum hf_err hf_##name##_encode(const struct hf_##name *in,     \
					       struct hf_buf *buf)

#endif /* HF_CODEC_H */
