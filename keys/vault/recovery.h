/*
 * recovery.h -- a seed on paper: four lines that a person can print and type
 * back, each with a check character that finds a slip in that line.
 *
 *	1: 0C3T7 9YKQM 4FJXA H
 *
 * Units    characters; a line is 15 characters of data and one check
 *          character, in groups of five.
 * Owns     nothing: the caller's buffers, which hold a secret: use
 *          hf_secret_bytes_new() or hf_wipe().
 * Threads  any; no state.
 * Errors   MALFORMED; the sentence names the line.
 * Source   proto/SPEC.md section 11.2.  Alphabet: Crockford's base32, so that
 *          o and O read as 0, i, l, I and L as 1, and case does not matter.
 *          The check character is a weighted sum over GF(32): it finds every
 *          single wrong character and every two that changed places.
 */
#ifndef HF_RECOVERY_H
#define HF_RECOVERY_H

#include "err.h"
#include "keyfile.h"
#include "sign.h"
#include "span.h"

#define HF_RECOVERY_LINES     4
#define HF_RECOVERY_TEXT_SIZE 128

/* Four lines and a zero byte. */
void hf_recovery_encode(enum hf_key_role role,
			const uint8_t seed[static HF_SEED_BYTES],
			char out_text[static HF_RECOVERY_TEXT_SIZE]);

/* Does this line, 1 to 4, hold together?  The number and colon in front may
 * be left out, and so may white space and hyphens: for a tool that reads one
 * line at a time and can ask again. */
HF_MUST enum hf_err hf_recovery_check_line(unsigned line_number,
					   struct hf_span line,
					   struct hf_why *why);

/* All four lines, empty ones between them ignored. */
HF_MUST enum hf_err hf_recovery_parse(struct hf_span text,
				      enum hf_key_role *out_role,
				      uint8_t out_seed[static HF_SEED_BYTES],
				      struct hf_why *why);

#endif /* HF_RECOVERY_H */
