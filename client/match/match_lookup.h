/*
 * match_lookup.h -- telling hits: of one query each entry once, none that was
 * removed, no more than the limit.
 *
 * Units    as in match_index.h.
 * Owns     nothing.
 * Threads  the view's.
 * Errors   none.
 * Source   none.
 */
#ifndef HF_MATCH_LOOKUP_H
#define HF_MATCH_LOOKUP_H

#include "match_state.h"

/* A quarter full at most. */
#define HF_MATCH_TOLD_SLOTS (4 * HF_INDEX_HITS_MAX)

HF_MUST enum hf_err
hf_match_exact_work_new(struct hf_match_exact_work **out_work,
			struct hf_why *why);
void hf_match_exact_work_free(struct hf_match_exact_work *work);

/* Begin the answer to another query. */
static inline void hf_match_tell_begin(struct hf_index_view *view)
{
	view->round++;
	view->told_count = 0;
	view->has_more = false;
}

/* Something that was found. */
struct hf_match_finding {
	const struct hf_match_ref *ref;
	uint64_t sequence; /* of where it was found */
	size_t query;
	unsigned algorithm;
	unsigned distance;
	const uint8_t *digest;
	bool is_news; /* cannot have been told yet */
};

/* False when the query has enough. */
bool hf_match_tell(struct hf_index_view *view, const struct hf_index_sink *sink,
		   const struct hf_match_finding *finding);

/* All refs of a key; the same. */
bool hf_match_tell_key(struct hf_index_view *view,
		       const struct hf_index_sink *sink,
		       const struct hf_match_segment_part *part, uint32_t key,
		       struct hf_match_finding *finding);

#endif /* HF_MATCH_LOOKUP_H */
