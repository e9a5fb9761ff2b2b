/*
 * match_marks.h -- what was said of entries after they were added: removed,
 * demoted, of another class; and of which sets older hashes are gone.
 *
 * A table in the writer's own memory (a copy, for a file or a merge), or in a
 * mapped file that other processes look into, where a mark is seen at once.
 *
 * Units    a mark is bits: HF_MATCH_MARK_REMOVED, _DEMOTED, _EXPIRED, and a
 *          class in bits 8 to 11 when it was amended; 0 is no mark.  Doubts
 *          (match_index.h) in bits 3 to 5, HF_MATCH_MARK_WITHHELD and
 *          affirmations in 12 to 15 are of this run alone: no file of marks has
 *          them.
 * Owns     new, copy, create and open give the caller one reference; the file
 *          of a table is removed by hf_match_marks_remove() alone.
 * Threads  one thread sets, any number gets, without a lock.  A table that is
 *          full is replaced by a larger one, which readers find in their next
 *          view.
 * Errors   NOMEM; of a file those of match_map.h.
 * Source   client/match/FORMAT.md, table.
 */
#ifndef HF_MATCH_MARKS_H
#define HF_MATCH_MARKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "match_index.h"
#include "match_map.h"

#define HF_MATCH_MARK_REMOVED      1u
#define HF_MATCH_MARK_DEMOTED      2u
#define HF_MATCH_MARK_EXPIRED      4u
#define HF_MATCH_MARK_WITHHELD     128u
#define HF_MATCH_MARK_CLASS_SHIFT  8
#define HF_MATCH_MARK_CLASS_MASK   (15u << HF_MATCH_MARK_CLASS_SHIFT)
#define HF_MATCH_MARK_AFFIRM_SHIFT 12
#define HF_MATCH_MARK_AFFIRM_MASK                                              \
	((uint32_t)HF_INDEX_AFFIRMED_MAX << HF_MATCH_MARK_AFFIRM_SHIFT)

/* What a file of marks keeps. */
#define HF_MATCH_MARK_KEPT                                                     \
	(HF_MATCH_MARK_REMOVED | HF_MATCH_MARK_DEMOTED |                       \
	 HF_MATCH_MARK_EXPIRED | HF_MATCH_MARK_CLASS_MASK)
#define HF_MATCH_MARK_BITS                                                     \
	(HF_MATCH_MARK_KEPT | HF_INDEX_DOUBTS | HF_MATCH_MARK_WITHHELD |       \
	 HF_MATCH_MARK_AFFIRM_MASK)

/* With one of these bits an entry has no hits. */
#define HF_MATCH_MARK_HIDDEN                                                   \
	(HF_MATCH_MARK_REMOVED | HF_MATCH_MARK_EXPIRED | HF_MATCH_MARK_WITHHELD)

static inline uint8_t hf_match_affirmed(uint32_t bits)
{
	return (uint8_t)((bits & HF_MATCH_MARK_AFFIRM_MASK) >>
			 HF_MATCH_MARK_AFFIRM_SHIFT);
}

/* As in a marks file. */
struct hf_match_mark {
	uint64_t entry;
	uint32_t set;
	uint32_t bits;
};

/* Hashes of the set with that sequence or an older one are gone. */
struct hf_match_drop {
	uint32_t set;
	uint64_t sequence;
};

struct hf_match_marks {
	uint32_t references;         /* atomic */
	uint32_t slots_count;        /* a power of two */
	uint32_t used_count;         /* the setting thread's */
	struct hf_match_mark *slots; /* behind this, or in map */
	uint64_t number;             /* of the file */
	struct hf_match_map map;     /* of a table in a file */
	/* In map, by set; more than the index has any more do no harm. */
	const struct hf_match_drop *drops;
	uint32_t drops_count;
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

/* Whether another mark fits and probes stay short; and whether one fits at
 * all, when there is no room for a larger table. */
bool hf_match_marks_has_room(const struct hf_match_marks *marks);
bool hf_match_marks_has_reserve(const struct hf_match_marks *marks);

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

/* The same as a table in dir's file of that number, with drops. */
struct hf_match_marks_file {
	const char *dir;
	uint64_t number;
	const struct hf_match_drop *drops; /* by set */
	size_t drops_count;
};
HF_MUST enum hf_err
hf_match_marks_create(const struct hf_match_marks_file *file,
		      const struct hf_match_marks *marks, size_t more,
		      uint64_t but_set, struct hf_match_marks **out_marks,
		      struct hf_why *why);

/* What another process writes. */
HF_MUST enum hf_err hf_match_marks_open(const char *dir, uint64_t number,
					struct hf_match_marks **out_marks,
					struct hf_why *why);

/* Remove the file of a table that nobody is to find any more. */
void hf_match_marks_remove(const char *dir, const struct hf_match_marks *marks);

#endif /* HF_MATCH_MARKS_H */
