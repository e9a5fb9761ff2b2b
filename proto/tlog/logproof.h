/*
 * logproof.h -- one file that proves to a third party, offline, that an entry
 * is in a set: index, inclusion proof and checkpoint as text.
 *
 * Units    index counts entries of the set from 0.
 * Owns     nothing.  A struct hf_logproof borrows from the bytes it was
 *          parsed from.
 * Threads  any; no state.
 * Errors   MALFORMED, LIMIT for a file that is not one; PROOF, SIGNATURE when
 *          it does not verify.  On failure no out_ argument changes.
 * Source   c2sp.org/tlog-proof@v1; proto/SPEC.md section 5.5.
 */
#ifndef HF_LOGPROOF_H
#define HF_LOGPROOF_H

#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "err.h"
#include "limit.h"
#include "note.h"
#include "span.h"
#include "tree.h"

struct hf_logproof {
	uint64_t index;
	/* Base64 of what the file adds, unauthenticated; empty without any.
	 * Ours has the entry's header there.  Borrowed, known to decode. */
	struct hf_span extra_base64;
	struct hf_tree_proof proof;
	struct hf_span note; /* the checkpoint, verbatim; borrowed */
};

/* extra is the bytes to add, or an empty span.  Sticks in the buf when memory
 * is short: ask hf_buf_failed(). */
void hf_logproof_put(struct hf_buf *buf, uint64_t index, struct hf_span extra,
		     const struct hf_tree_proof *proof, struct hf_span note);

/* Take a file apart without believing any of it; the note is looked at by
 * hf_logproof_verify().  bytes must stay where they are. */
HF_MUST enum hf_err hf_logproof_parse(struct hf_span bytes,
				      struct hf_logproof *out_proof,
				      struct hf_why *why);

/* That the leaf is at the index, under a checkpoint signed by log and, unless
 * it is NULL, by cosigner.  The note goes to out_note, the cosigner's time to
 * out_time_s; either may be NULL. */
HF_MUST enum hf_err hf_logproof_verify(
	const struct hf_logproof *proof, const struct hf_tree_hash *leaf,
	const struct hf_note_key *log, const struct hf_note_key *cosigner,
	struct hf_note *out_note, uint64_t *out_time_s, struct hf_why *why);

#endif /* HF_LOGPROOF_H */
