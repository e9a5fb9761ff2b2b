/*
 * match_probe.h -- which lines may have a digest, for what the processor can
 * do.
 *
 * All versions give the same answers; tests hold them against each other.
 *
 * Units    places count from a line's base.
 * Owns     nothing.
 * Threads  any; no state.
 * Errors   none.
 * Source   none.
 */
#ifndef HF_MATCH_PROBE_H
#define HF_MATCH_PROBE_H

#include "match_segment.h"

/* In places: the line is crowded, and its keys have to be halved. */
#define HF_MATCH_PROBE_CROWDED 0x80000000u

struct hf_match_passed {
	uint32_t number; /* which of the lines */
	uint32_t places; /* bit i: the tag is that of key base + i */
};

struct hf_match_probe {
	const char *name;

	/* Those of lines in which some key has the tag beside it; returns how
	 * many.  There is room for count of them. */
	size_t (*pass)(const struct hf_match_line *const *lines,
		       const uint16_t *tags, size_t count,
		       struct hf_match_passed *out_passed);
};

/* The best for this processor. */
const struct hf_match_probe *hf_match_probe(void);

/* Each that this processor can run, portable first; NULL past the last. */
const struct hf_match_probe *hf_match_probe_at(size_t number);

#endif /* HF_MATCH_PROBE_H */
