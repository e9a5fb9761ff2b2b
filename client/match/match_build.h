/*
 * match_build.h -- segment files made out of sorted runs: the mutable part's,
 * or other segments'.
 *
 * Units    as in match_segment.h.
 * Owns     the caller owns the runs and what they point at.
 * Threads  a large file is made by two: the caller's, and one that ends before
 *          the call does.
 * Errors   FULL, SYSTEM, NOMEM; LIMIT for more than 2^32 - 1 refs of one
 *          algorithm; CORRUPT for a run that is no run.  A failed build
 *          leaves no file.
 * Source   client/match/FORMAT.md.
 */
#ifndef HF_MATCH_BUILD_H
#define HF_MATCH_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "match_segment.h"

/* Digests of one algorithm in order, each once, with its refs in order: of
 * the part the keys, what is beside them, and the refs. */
struct hf_match_run {
	uint64_t sequence;
	const struct hf_match_segment_part *part; /* borrowed */
};

struct hf_match_build {
	const char *dir;
	uint64_t number;
	uint64_t sequence;
	/* By algorithm, oldest first. */
	const struct hf_match_run *runs[HF_ALGORITHM_COUNT];
	size_t runs_count[HF_ALGORITHM_COUNT];
	/* Whether a ref of a run is still wanted: the same answer each time.
	 * NULL: every one is. */
	bool (*is_live)(void *arg, uint64_t sequence,
			const struct hf_match_ref *ref);
	/* Asked now and then; true ends the build with CANCELLED.  May be
	 * NULL. */
	bool (*is_cancelled)(void *arg);
	void *arg;     /* of both, which any of the threads may call */
	bool is_alone; /* no other thread, however large */
};

/* Write the file, synced, under its name.  The directory is not synced. */
HF_MUST enum hf_err hf_match_build_segment(const struct hf_match_build *build,
					   struct hf_why *why);

/* The checksums of a segment file in memory, put into its header. */
void hf_match_build_seal(uint8_t *file, size_t file_bytes);

#endif /* HF_MATCH_BUILD_H */
