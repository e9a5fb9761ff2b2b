/*
 * set_keys.h -- which of a set's keys count for a checkpoint.
 *
 * An agreement names the log key and the cosigner key in force; beside them
 * the ones that follow, that were, or that were revoked, each with the sizes
 * of the trees that it counts for.  Both keys of a rotation sign for a while:
 * a reader needs one pair that counts, and passes over the other lines.
 *
 * Units    size counts entries.
 * Owns     nothing.  Keys are values.
 * Threads  any; no state.
 * Errors   SIGNATURE for a note that only keys signed which count for no tree
 *          of its size.  Whether a signature verifies is for note.h to say.
 * Source   proto/SPEC.md section 7.4.
 */
#ifndef HF_SET_KEYS_H
#define HF_SET_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "note.h"
#include "sign.h"

struct hf_agreement; /* proto/codec */

/* The pair to open one note with. */
struct hf_set_pair {
	struct hf_note_key log;
	struct hf_note_key cosigner;
};

/* The pair that counts for this note: of each kind the key in force where it
 * has a line, else another that has one.  Where none has, the one in force.
 * A pair that *pair holds already is not made again: begin with zeros. */
HF_MUST enum hf_err hf_set_keys_for(const struct hf_agreement *agreement,
				    const struct hf_note *note,
				    struct hf_set_pair *pair,
				    struct hf_why *why);

/* Is this a log key of the set that counts for a tree of this size? */
bool hf_set_keys_has_log(const struct hf_agreement *agreement,
			 const struct hf_public_key *key, uint64_t size);

/* Is it one of the set's log keys, whatever tree it counts for? */
bool hf_set_keys_names_log(const struct hf_agreement *agreement,
			   const struct hf_public_key *key);

/* Has the note lines of a log key and of a cosigner key of this agreement, true
 * or not?  One that has not is by another agreement. */
bool hf_set_keys_are_meant(const struct hf_agreement *agreement,
			   const struct hf_note *note);

#endif /* HF_SET_KEYS_H */
