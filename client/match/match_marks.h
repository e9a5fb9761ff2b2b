/*
 * match_marks.h -- what was said of entries after they were added: removed,
 * demoted, of another class.
 *
 * Units    a mark is bits: HF_MATCH_MARK_REMOVED, HF_MATCH_MARK_DEMOTED, and a
 * class in bits 8 to 11 when it was amended; 0 is no mark. Owns
 * hf_match_marks_new() gives the caller one reference. Threads  one thread
 * sets, any number gets, without a lock.  A table that is full is replaced by a
 * larger one, which readers find in their next view. Errors   NOMEM. Source
 * none.
 */
#ifndef HF_MATCH_MARKS_H
#define HF_MATCH_MARKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

#define HF_MATCH_MARK_REMOVED     1u
#define HF_MATCH_MARK_DEMOTED     2u
#define HF_MATCH_MARK_CLASS_SHIFT 8
#define HF_MATCH_MARK_CLASS_MASK  (15u << HF_MATCH_MARK_CLASS_SHIFT)
#define HF_MATCH_MARK_BITS                                                     \
	(HF_MATCH_MARK_REMOVED | HF_MATCH_MARK_DEMOTED |                       \
	 HF_MATCH_MARK_CLASS_MASK)

/* As in a marks file. */
struct hf_match_mark {
	uint64_t entry;
	uint32_t set;
	uint32_t bits;
};

struct hf_match_marks {
	uint32_t references;  /* atomic */
	uint32_t slots_count; /* a power of two */
	uint32_t used_count;  /* the setting thread's */
	struct hf_match_mark slots[];
};

/* Empty, with room for count marks. */
HF_MUST enum hf_err hf_match_marks_new(size_t count,
				       struct hf_match_marks **out_marks,
				       struct hf_why *why);

struct hf_match_marks *hf_match_marks_ref(struct hf_match_marks *marks);

/* NULL is fine. */
void hf_match_marks_unref(struct hf_match_marks *marks);

uint32_t hf_match_marks_get(const struct hf_match_marks *marks, uint32_t set,
			    uint64_t entry);

/* Whether another mark fits, whatever it is. */
bool hf_match_marks_has_room(const struct hf_match_marks *marks);

/* Needs room. */
void hf_match_marks_set(struct hf_match_marks *marks, uint32_t set,
			uint64_t entry, uint32_t bits);

/* A copy with room for count more, without the marks of set but_set; give
 * HF_MATCH_MARKS_ALL for all. */
#define HF_MATCH_MARKS_ALL UINT64_MAX
HF_MUST enum hf_err hf_match_marks_copy(const struct hf_match_marks *marks,
					size_t more, uint64_t but_set,
					struct hf_match_marks **out_marks,
					struct hf_why *why);

#endif /* HF_MATCH_MARKS_H */
