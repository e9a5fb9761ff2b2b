/*
 * evidence.h -- one file that proves to a third party, offline, that a set was
 * forked: two notes under its log keys that no single tree explains.
 *
 * Units    sizes count entries.
 * Owns     nothing.  A struct hf_evidence borrows from the bytes it was parsed
 *          from.
 * Threads  any; no state.
 * Errors   MALFORMED, LIMIT for a file that is not one; SIGNATURE when its
 *          key did not sign a note; PROOF when both notes can be true.  On
 *          failure no out_ argument changes.
 * Source   proto/SPEC.md section 6.7.
 */
#ifndef HF_EVIDENCE_H
#define HF_EVIDENCE_H

#include <stdbool.h>

#include "buf.h"
#include "err.h"
#include "limit.h"
#include "note.h"
#include "span.h"
#include "tree.h"

struct hf_evidence {
	/* By note: the log key that signed it, as the file says. */
	struct hf_note_key keys[2];
	/* Verbatim, borrowed: the smaller size first, of two equal ones the
	 * smaller root. */
	struct hf_span notes[2];
	/* Where sizes differ: the root that the larger note's tree has at the
	 * smaller size, and its consistency proof. */
	bool has_root;
	struct hf_tree_hash root;
	struct hf_tree_proof proof;
};

/* A note and the log key that signed it. */
struct hf_evidence_side {
	const struct hf_note *note;
	const struct hf_note_key *key;
};

/* Write the file for two notes of one origin, in whatever order; root and
 * proof are NULL where their sizes are equal.  Nothing is verified.  Sticks in
 * the buf when memory is short. */
void hf_evidence_put(struct hf_buf *buf, const struct hf_evidence_side *one,
		     const struct hf_evidence_side *other,
		     const struct hf_tree_hash *root,
		     const struct hf_tree_proof *proof);

/* Take a file apart without believing any of it.  bytes must stay where they
 * are. */
HF_MUST enum hf_err hf_evidence_parse(struct hf_span bytes,
				      struct hf_evidence *out_evidence,
				      struct hf_why *why);

/* That it proves what it says, under its own keys: whose they are the caller
 * has to know. */
HF_MUST enum hf_err hf_evidence_verify(const struct hf_evidence *evidence,
				       struct hf_note out_notes[static 2],
				       struct hf_why *why);

#endif /* HF_EVIDENCE_H */
