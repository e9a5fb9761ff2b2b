/*
 * note_witness.h -- what witnesses add to a note: their lines counted, and the
 * lines of two copies of one checkpoint brought together.
 *
 * Units    time_s is seconds since 1970-01-01 UTC.
 * Owns     nothing; who makes a struct hf_note_witnesses owns its keys.
 * Threads  any; no state.
 * Errors   as note.h.
 * Source   c2sp.org/tlog-cosignature; proto/SPEC.md section 6.8.
 */
#ifndef HF_NOTE_WITNESS_H
#define HF_NOTE_WITNESS_H

#include "note.h"

#define HF_NOTE_WITNESSES_MAX (HF_NOTE_MAX_SIGNATURES - 2)

/* Whose cosignatures count, and how many there must be. */
struct hf_note_witnesses {
	struct hf_note_key *keys;
	size_t keys_count; /* at most HF_NOTE_WITNESSES_MAX */
	unsigned need;     /* 0: none; they are only collected */
};

/* How many witnesses these are: keys of one name are of one, who changes from
 * the one to the other. */
size_t hf_note_witnesses_count(const struct hf_note_witnesses *witnesses);

/* As hf_note_open(), and a line of a witness must verify too; out_count is how
 * many of them have cosigned.  witnesses NULL: nobody's count. */
HF_MUST enum hf_err
hf_note_open_witnessed(struct hf_span bytes, const struct hf_note_key *log,
		       const struct hf_note_key *cosigner,
		       const struct hf_note_witnesses *witnesses,
		       struct hf_note *out_note, uint64_t *out_time_s,
		       size_t *out_count, struct hf_why *why);

/* The newest line of each key out of two notes with one text, both opened with
 * these keys: log, cosigner, witnesses in their order.  Lines of other keys
 * are those of the note that the publisher cosigned last; where that is the
 * same, of the one with more lines; and then of `held`.  So copies that go
 * round in circles come to rest.  A time after latest_s is older than any
 * other: a clock that was ahead must not outlast the time itself. */
void hf_note_merge(const struct hf_note *held, const struct hf_note *other,
		   const struct hf_note_key *log,
		   const struct hf_note_key *cosigner,
		   const struct hf_note_witnesses *witnesses, uint64_t latest_s,
		   struct hf_buf *out);

#endif /* HF_NOTE_WITNESS_H */
