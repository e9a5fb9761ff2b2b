/*
 * match_commit.h -- changing what the index is made of: the manifest first,
 * then the state, then the files that neither names any more.
 *
 * Units    as in match_state.h.
 * Owns     a change borrows what it names; the segment that was added is the
 *          index's own once the change is committed.
 * Threads  any; one commit at a time, by commit_lock.
 * Errors   FULL, SYSTEM, NOMEM.  After a failure the state is as it was.
 * Source   none.
 */
#ifndef HF_MATCH_COMMIT_H
#define HF_MATCH_COMMIT_H

#include "match_build.h"
#include "match_state.h"

struct hf_match_change {
	struct hf_match_segment *added; /* NULL: none */
	struct hf_match_segment *removed[HF_MATCH_SEGMENTS_MAX];
	size_t removed_count;
	size_t sealed_count; /* of the oldest frozen memories */
	uint64_t sealed[HF_MATCH_FROZEN_MAX]; /* their sequences, once made */
};

/* Build a segment, open it, and commit the change with it. */
HF_MUST enum hf_err hf_match_commit_build(struct hf_index *index,
					  struct hf_match_build *build,
					  struct hf_match_change *change,
					  struct hf_why *why);

#endif /* HF_MATCH_COMMIT_H */
