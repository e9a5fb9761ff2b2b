/*
 * duty.h -- what a caller is here for: a peer organisation's node, or a
 * person or program of our own with one duty.
 *
 * Units    bits, so that a method can admit several.
 * Owns     nothing.
 * Threads  any; no state.
 * Errors   0 for a name that is no duty.
 * Source   proto/SPEC.md section 11.3.  The names are part of the protocol: a
 *          client certificate says "hashfed:duty:analyst".
 */
#ifndef HF_DUTY_H
#define HF_DUTY_H

#include "span.h"

/* Name, bit, word.  Append only. */
/* clang-format off */
#define HF_DUTY_TABLE(X)              \
	X(PEER,     1, "peer")        \
	X(ANALYST,  2, "analyst")     \
	X(SCANNER,  4, "scanner")     \
	X(OPERATOR, 8, "operator")    \
	X(READER,  16, "reader")
/* clang-format on */

enum hf_duty {
#define HF_DUTY_ENUM(name, bit, word) HF_DUTY_##name = (bit),
	HF_DUTY_TABLE(HF_DUTY_ENUM)
#undef HF_DUTY_ENUM
};

/* "analyst"; "none" for what is not exactly one duty. */
const char *hf_duty_name(unsigned duty);

/* One duty, 0 when the word names none. */
unsigned hf_duty_parse(struct hf_span word);

#endif /* HF_DUTY_H */
