/*
 * order_file.h -- what an authority's order says beside its notice: a small
 * file of lines "key: value".
 *
 * A line that begins with a blank goes on with the value above it; "#" begins
 * a comment line.  `ground` may stand up to 16 times, every other key once.
 *
 *     reference: ATKM-2026-114
 *     issuing-state: NL
 *     authority: Autoriteit online Terroristisch en Kinderporno Materiaal
 *     ground: it shows a minor in a sexual act
 *     deadline: 12h
 *
 * Units    deadline_ms a duration.
 * Owns     nothing: texts live in the caller's arena.
 * Threads  any; no state.
 * Errors   MALFORMED and LIMIT, with the line, the key and what would be
 *          right; NOMEM.
 * Source   hashfed(1), ORDERS; Regulation (EU) 2021/784, Annex I.
 */
#ifndef HF_ORDER_FILE_H
#define HF_ORDER_FILE_H

#include "arena.h"
#include "codec_case.h"
#include "err.h"
#include "span.h"

#define HF_ORDER_FILE_MAX_BYTES ((size_t)64 * 1024)
#define HF_ORDER_FILE_GROUNDS   16

/* Key, field, longest text. */
/* clang-format off */
#define HF_ORDER_TEXT_TABLE(X)                                                \
	X("reference",      reference,      HF_LABEL_MAX_BYTES)               \
	X("issuing-state",  issuing_state,  2)                                \
	X("authority",      authority,      HF_LABEL_MAX_BYTES)               \
	X("addressee",      addressee,      HF_REMARK_MAX_BYTES)              \
	X("host-state",     host_state,     2)                                \
	X("identification", identification, HF_REMARK_MAX_BYTES)              \
	X("series",         series,         HF_LABEL_MAX_BYTES)               \
	X("penalty",        penalty,        HF_REMARK_MAX_BYTES)              \
	X("redress",        redress,        HF_REMARK_MAX_BYTES)

/* Key, field: "yes" or "no". */
#define HF_ORDER_FLAG_TABLE(X)                                                \
	X("covers-similar", covers_similar)                                   \
	X("was-informed",   was_informed)                                     \
	X("emergency",      is_emergency)
/* clang-format on */

/* deadline_ms is 0 when the file names none.  reference, issuing-state,
 * authority and a ground have to be there. */
HF_MUST enum hf_err hf_order_file_parse(struct hf_span text,
					struct hf_arena *arena,
					struct hf_order *out_order,
					uint64_t *out_deadline_ms,
					struct hf_why *why);

#endif /* HF_ORDER_FILE_H */
