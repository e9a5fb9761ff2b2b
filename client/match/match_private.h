/*
 * match_private.h -- an index begun where the disk has no room for the files
 * that other processes read: what they would read is in memory of our own.
 *
 * Lookups through the index are the same.  Who follows its files finds names
 * without files, and knows that it is behind.  Once there is room the files
 * are made, and it is as any other.
 *
 * Units    none.
 * Owns     nothing.
 * Threads  whoever holds the index's lock.
 * Errors   FULL and others as match_map.h.
 * Source   client/match/FORMAT.md.
 */
#ifndef HF_MATCH_PRIVATE_H
#define HF_MATCH_PRIVATE_H

#include "match_state.h"

/* Another table of the index's marks. */
struct hf_match_table_change {
	size_t more;      /* so many more have room in it */
	uint64_t but_set; /* whose marks stay behind; or HF_MATCH_MARKS_ALL */
	const struct hf_match_drop *drops;
	size_t drops_count;
};

/* In a file; or, when readers see nothing of this index anyway and the disk
 * has no room for one, in memory alone. */
HF_MUST enum hf_err
hf_match_private_table(struct hf_index *index,
		       const struct hf_match_table_change *change,
		       struct hf_match_marks **out_marks, struct hf_why *why);

/* The same for the part that is filled next. */
HF_MUST enum hf_err hf_match_private_memory(struct hf_index *index,
					    uint64_t sequence,
					    struct hf_match_memory **out_memory,
					    struct hf_why *why);

/* Whether that happened to anything that is in use. */
bool hf_match_private_is(struct hf_index *index);

/* match_tell.c: a file for what is told of sets, where it has none. */
HF_MUST enum hf_err hf_match_tell_in_file(struct hf_index *index,
					  struct hf_why *why);

/* Make files for all of it, as far as there is room. */
HF_MUST enum hf_err hf_match_private_end(struct hf_index *index,
					 struct hf_why *why);

#endif /* HF_MATCH_PRIVATE_H */
