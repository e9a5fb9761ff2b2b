/*
 * codec_words.h -- the protocol's enumerations that only messages use, and
 * the words users write; kind.h has the ones that files and programs share.
 *
 * Units    digest lengths are bytes.
 * Owns     nothing: words are constants.
 * Threads  any; no state.
 * Errors   0 for a word that is in no list.
 * Source   proto/hashfed/v1/types.proto and payload.proto; append only, 0 is
 *          never a member.
 */
#ifndef HF_CODEC_WORDS_H
#define HF_CODEC_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "kind.h"
#include "span.h"

/* Name, number, word. */
/* clang-format off */
#define HF_ITEM_KIND_TABLE(X)                                                 \
	X(ITEM_KIND_IMAGE, 1, "image")                                        \
	X(ITEM_KIND_VIDEO, 2, "video")                                        \
	X(ITEM_KIND_OTHER, 3, "other")

#define HF_ITEM_FLAG_TABLE(X)                                                 \
	X(ITEM_FLAG_AI_GENERATED, 1, "ai-generated")                          \
	X(ITEM_FLAG_MANIPULATED,  2, "manipulated")                           \
	X(ITEM_FLAG_MINOR,        3, "minor")                                 \
	X(ITEM_FLAG_PREVENTIVE,   4, "preventive")

#define HF_RETRACT_REASON_TABLE(X)                                            \
	X(RETRACT_REASON_WRONG,        1, "wrong")                            \
	X(RETRACT_REASON_WITHDRAWN,    2, "withdrawn")                        \
	X(RETRACT_REASON_OUT_OF_SCOPE, 3, "out-of-scope")                     \
	X(RETRACT_REASON_BATCH,        4, "batch")                            \
	X(RETRACT_REASON_ORDERED,      5, "ordered")

#define HF_RELAY_TABLE(X)                                                     \
	X(RELAY_NONE,    1, "none")                                           \
	X(RELAY_MEMBERS, 2, "members")                                        \
	X(RELAY_LISTED,  3, "listed")

#define HF_SET_STATE_TABLE(X)                                                 \
	X(SET_STATE_COMPLETE,    1, "complete")                               \
	X(SET_STATE_INCOMPLETE,  2, "incomplete")                             \
	X(SET_STATE_FROZEN,      3, "frozen")                                 \
	X(SET_STATE_UNSUPPORTED, 4, "unsupported")                            \
	X(SET_STATE_ENDED,       5, "ended")                                  \
	X(SET_STATE_OFFERED,     6, "offered")

/* The lists above: type, table. */
#define HF_WORDS_TABLE(X)                                                     \
	X(item_kind,      HF_ITEM_KIND_TABLE)                                 \
	X(item_flag,      HF_ITEM_FLAG_TABLE)                                 \
	X(retract_reason, HF_RETRACT_REASON_TABLE)                            \
	X(relay,          HF_RELAY_TABLE)                                     \
	X(set_state,      HF_SET_STATE_TABLE)

#define HF_WORDS_MEMBER(name, number, word) HF_##name = (number),
#define HF_WORDS_ENUM(type, table) enum hf_##type { table(HF_WORDS_MEMBER) };
HF_WORDS_TABLE(HF_WORDS_ENUM)
#undef HF_WORDS_ENUM
#undef HF_WORDS_MEMBER
/* clang-format on */

/* For each enum hf_x:
 *
 *   const char *hf_x_word(unsigned value);
 *       "members"; "unknown" for a number in no list.
 *   unsigned hf_x_parse(struct hf_span word);
 *       The number, 0 when the word names none.  Case matters.
 *   const char *hf_x_words(void);
 *       "none, members, listed": what is accepted, for messages. */
#define HF_WORDS_DECLARE(type, table)                                          \
	const char *hf_##type##_word(unsigned value);                          \
	unsigned hf_##type##_parse(struct hf_span word);                       \
	const char *hf_##type##_words(void);
HF_WORDS_TABLE(HF_WORDS_DECLARE)
#undef HF_WORDS_DECLARE

/* True when a digest of that many bytes can be of this algorithm: VPDQ takes
 * 1 to HF_VPDQ_MAX_FRAMES frames of HF_PDQ_BYTES, one behind the other. */
bool hf_algorithm_takes(unsigned algorithm, size_t len_bytes);

#endif /* HF_CODEC_WORDS_H */
