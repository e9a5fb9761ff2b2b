/*
 * match_video.h -- the lookup of a video, as far as its parts share it.
 *
 * A video is looked up by its frames: those near one of the query's give
 * pairs (frame of the query, key), pairs with the same key give groups, and
 * the refs behind a group's key are the lists that have that frame.  Of each
 * list a record counts its keys and notes the query's frames.
 *
 * Everybody's black screen and opening title would make a record of every
 * list there is.  So records are made by the rarest frames first and, where
 * most of the query's frames must match, by no more of them than it takes: a
 * list that has at least m of n frames has one of any n - m + 1.  The others
 * only count for the records there are.
 *
 * No lookup goes on for ever: HF_VIDEO_ limits bound what is compared, kept
 * and visited, by counts and not by clocks.  A frame at which one of them was
 * reached is cut: its weight is the highest, and it counts as one that may
 * match any list.  What cannot be told apart for that is told as unsure.
 *
 * Units    frames are numbers in the query's order, groups and records in
 *          that of their making.
 * Owns     everything is of the one lookup and freed at its end.
 * Threads  one.
 * Errors   NOMEM.
 * Source   client/match/FORMAT.md for what stands behind a frame.
 */
#ifndef HF_MATCH_VIDEO_H
#define HF_MATCH_VIDEO_H

#include "match_state.h"

#define HF_VIDEO_SLOTS (2 * HF_VIDEO_LISTS_MAX)

struct hf_video_pair {
	const uint8_t *digest; /* in the segment or memory */
	uint32_t key;          /* number of it; row of a memory */
	uint32_t group;
	uint16_t source; /* a segment's number, or a memory's behind those */
	uint16_t frame;  /* of the query */
};

/* Those who have a key, in the order of hf_match_ref_compare(). */
struct hf_video_refs {
	const struct hf_match_ref *at;
	size_t count;
	uint64_t sequence;
};

/* A list. */
struct hf_video_record {
	struct hf_match_ref ref;
	uint32_t group; /* counted last, by number + 1 */
	uint16_t matched;
};

struct hf_video_weight {
	uint64_t refs; /* of its pairs */
	uint32_t frame;
};

struct hf_video {
	struct hf_index_view *view;
	const struct hf_index_video *asked;
	uint8_t *frames; /* owned; distinct */
	size_t frames_count;
	size_t words_count; /* of 64 frames each */
	struct hf_video_weight *weights;
	uint32_t *pairs_of; /* owned: found for each frame */

	struct hf_video_pair *pairs; /* owned */
	size_t pairs_count;
	size_t pairs_size;
	uint32_t *groups; /* owned: where each begins, and the end */
	size_t groups_count;

	struct hf_video_record *records; /* owned */
	uint64_t *matched; /* owned: words_count for each record */
	size_t records_count;
	size_t records_size;
	uint32_t *slots; /* owned: record + 1; HF_VIDEO_SLOTS */

	/* What may still be visited, and the frames of which not all is known,
	 * a bit each. */
	uint64_t refs_left;
	uint64_t *cut;      /* owned: words_count */
	uint64_t *of_group; /* owned: the frames of the one that is counted */
	uint32_t counted;   /* by number + 1 */

	bool has_record; /* what was asked last */
	bool is_full;    /* no more records are made */
	bool is_second;  /* search */
	bool is_crowded; /* it takes a second search */
	bool is_missing; /* a list that may match may have no record */
	bool has_passed_over;
	struct hf_video_pair passed_over; /* a key that was not compared */
	bool is_out_of_memory;
};

static inline void hf_video_cut(struct hf_video *video, size_t frame)
{
	video->cut[frame / 64] |= (uint64_t)1 << frame % 64;
}

static inline bool hf_video_is_cut(const struct hf_video *video, size_t frame)
{
	return (video->cut[frame / 64] >> frame % 64 & 1) != 0;
}

/* False when so many refs are more than may still be visited: no more are. */
static inline bool hf_video_visit(struct hf_video *video, uint64_t refs)
{
	if (video->asked->is_complete)
		return true;
	if (refs > video->refs_left) {
		video->refs_left = 0;
		return false;
	}
	video->refs_left -= refs;
	return true;
}

/* The first pair of each key of a group stands for it. */
static inline bool hf_video_is_same_key(const struct hf_video_pair *a,
					const struct hf_video_pair *b)
{
	return a->source == b->source && a->key == b->key;
}

/* Those who have a pair's key. */
struct hf_video_refs hf_video_refs_of(const struct hf_video *video,
				      const struct hf_video_pair *pair);

/* ---- match_video_pairs.c ---- */

/* Pairs and their weights; the second time only of keys that lead to a record,
 * or may.  Then the groups of equal ones. */
HF_MUST enum hf_err hf_video_search(struct hf_video *video, struct hf_why *why);

/* ---- match_video_records.c ---- */

/* Of the rarest frames. */
HF_MUST enum hf_err hf_video_make_records(struct hf_video *video,
					  struct hf_why *why);

/* Of those who have the pair's key. */
void hf_video_make_records_of(struct hf_video *video,
			      const struct hf_video_pair *pair);

/* Has one of the refs a record?  LIMIT: that would take too long. */
HF_MUST enum hf_err hf_video_has_record(struct hf_video *video,
					const struct hf_video_refs *refs,
					bool *out_has);

/* The group's frames and keys count for the records that have them. */
void hf_video_count_group(struct hf_video *video, uint32_t group);

static inline uint32_t hf_video_marks(const struct hf_video *video,
				      const struct hf_match_ref *ref)
{
	return hf_match_marks_get(video->view->snapshot->marks, ref->set,
				  ref->entry);
}

#endif /* HF_MATCH_VIDEO_H */
