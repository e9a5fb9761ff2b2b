#include <stdlib.h>
#include <string.h>

#include "match_video.h"

struct hf_video_refs hf_video_refs_of(const struct hf_video *video,
				      const struct hf_video_pair *pair)
{
	const struct hf_match_snapshot *snapshot = video->view->snapshot;
	const struct hf_match_segment_part *part;
	const struct hf_match_memory *memory;
	const struct hf_match_ref *refs;
	uint32_t count;

	if (pair->source >= snapshot->segments_count) {
		memory = snapshot->memories[pair->source -
					    snapshot->segments_count];
		return (struct hf_video_refs){ &memory->rows[pair->key].ref, 1,
					       memory->sequence };
	}
	part = &snapshot->segments[pair->source]->parts[HF_ALGORITHM_VPDQ];
	refs = hf_match_refs(part, pair->key, &count);
	return (struct hf_video_refs){
		refs, count, snapshot->segments[pair->source]->sequence
	};
}

static bool is_dropped(const struct hf_video *video,
		       const struct hf_match_ref *ref, uint64_t sequence)
{
	const struct hf_match_snapshot *snapshot = video->view->snapshot;

	return snapshot->drops_count > 0 &&
	       hf_match_drops_cover(snapshot->drops, snapshot->drops_count,
				    ref->set, sequence);
}

/* The slot that has it, or where it belongs. */
static uint32_t *slot_of(const struct hf_video *video,
			 const struct hf_match_ref *ref)
{
	uint64_t mixed =
		(ref->entry << 16 ^ (uint64_t)ref->set << 8 ^ ref->quality) *
		0x9e3779b97f4a7c15u;
	size_t at = (size_t)(mixed >> 32) % HF_VIDEO_SLOTS;

	while (video->slots[at] != 0 &&
	       hf_match_ref_compare(&video->records[video->slots[at] - 1].ref,
				    ref, HF_ALGORITHM_VPDQ) != 0)
		at = (at + 1) % HF_VIDEO_SLOTS;
	return &video->slots[at];
}

static bool grow_records(struct hf_video *video)
{
	size_t size = video->records_size > 0 ? 2 * video->records_size : 64;
	struct hf_video_record *records;
	uint64_t *matched;

	if (video->records_count < video->records_size)
		return true;
	records = realloc(video->records, size * sizeof(*records));
	if (records == NULL)
		return false;
	video->records = records;
	matched = realloc(video->matched,
			  size * video->words_count * sizeof(*matched));
	if (matched == NULL)
		return false;
	video->matched = matched;
	video->records_size = size;
	return true;
}

/* False: there is no room for it. */
static bool make_record(struct hf_video *video, const struct hf_match_ref *ref)
{
	uint32_t *slot = slot_of(video, ref);

	if (*slot != 0 ||
	    (hf_video_marks(video, ref) & HF_MATCH_MARK_HIDDEN) != 0)
		return true;
	if (video->records_count == HF_VIDEO_LISTS_MAX)
		return false;
	if (!grow_records(video)) {
		video->is_out_of_memory = true;
		return false;
	}
	video->records[video->records_count] =
		(struct hf_video_record){ .ref = *ref };
	memset(video->matched + video->records_count * video->words_count, 0,
	       video->words_count * sizeof(*video->matched));
	*slot = (uint32_t)++video->records_count;
	return true;
}

/* Refs that are as long to go through as one record is to be looked for among
 * many. */
#define SEARCH 32

/* Calls visit for each record that is among the refs, by whichever way is
 * shorter; until it says that it is enough.  LIMIT: either is too long. */
static enum hf_err
each_record(struct hf_video *video, const struct hf_video_refs *refs,
	    bool (*visit)(struct hf_video *video, size_t record))
{
	bool is_walk = refs->count / SEARCH < video->records_count;

	if (!hf_video_visit(video, is_walk ? refs->count
					   : SEARCH * video->records_count))
		return HF_E_LIMIT;
	for (size_t i = 0; is_walk && i < refs->count; i++) {
		uint32_t record = *slot_of(video, &refs->at[i]);

		if (record != 0 &&
		    !is_dropped(video, &refs->at[i], refs->sequence) &&
		    !visit(video, record - 1))
			return HF_OK;
	}
	for (size_t r = 0; !is_walk && r < video->records_count; r++) {
		const struct hf_match_ref *want = &video->records[r].ref;
		size_t low = 0, high = refs->count;

		while (low < high) {
			size_t middle = low + (high - low) / 2;

			if (hf_match_ref_compare(&refs->at[middle], want,
						 HF_ALGORITHM_VPDQ) < 0)
				low = middle + 1;
			else
				high = middle;
		}
		if (low < refs->count &&
		    hf_match_ref_compare(&refs->at[low], want,
					 HF_ALGORITHM_VPDQ) == 0 &&
		    !is_dropped(video, want, refs->sequence) &&
		    !visit(video, r))
			return HF_OK;
	}
	return HF_OK;
}

static bool note_one(struct hf_video *video, size_t record)
{
	video->has_record = true;
	return false;
}

enum hf_err hf_video_has_record(struct hf_video *video,
				const struct hf_video_refs *refs, bool *out_has)
{
	enum hf_err err;

	video->has_record = false;
	err = each_record(video, refs, note_one);
	*out_has = video->has_record;
	return err;
}

/*
 * Making them.
 */

void hf_video_make_records_of(struct hf_video *video,
			      const struct hf_video_pair *pair)
{
	struct hf_video_refs refs = hf_video_refs_of(video, pair);

	for (size_t i = 0; i < refs.count && !video->is_full; i++)
		video->is_full =
			!hf_video_visit(video, 1) ||
			(!is_dropped(video, &refs.at[i], refs.sequence) &&
			 !make_record(video, &refs.at[i]));
	video->is_missing |= video->is_full;
}

/* Those who have the group's frame become records. */
static void make_records_of_group(struct hf_video *video, uint32_t group)
{
	const struct hf_video_pair *pair = video->pairs + video->groups[group];
	const struct hf_video_pair *end =
		video->pairs + video->groups[group + 1];

	for (const struct hf_video_pair *last = NULL; pair < end;
	     last = pair++) {
		if (last == NULL || !hf_video_is_same_key(last, pair))
			hf_video_make_records_of(video, pair);
	}
}

static int compare_weights(const void *one, const void *other)
{
	const struct hf_video_weight *a = one, *b = other;

	if (a->refs != b->refs)
		return a->refs < b->refs ? -1 : 1;
	return (a->frame > b->frame) - (a->frame < b->frame);
}

/* The rarest frames, as many as it takes. */
enum hf_err hf_video_make_records(struct hf_video *video, struct hf_why *why)
{
	size_t n = video->frames_count;
	size_t least = (video->asked->looked_up_min * n + 99) / 100;
	size_t makers = n - (least > 0 ? least : 1) + 1;
	/* Pairs by their frames, and whether a group was gone through. */
	uint32_t *of_frame = calloc(n + 1, sizeof(*of_frame));
	uint32_t *places = calloc(video->pairs_count + 1, sizeof(*places));
	bool *is_made = calloc(video->groups_count + 1, sizeof(*is_made));
	enum hf_err err = HF_OK;

	if (of_frame == NULL || places == NULL || is_made == NULL) {
		err = hf_why(why, HF_E_NOMEM, "index: no memory to look up");
		goto out_free;
	}
	for (size_t i = 0; i < video->pairs_count; i++)
		of_frame[video->pairs[i].frame + 1]++;
	for (size_t i = 0; i < n; i++)
		of_frame[i + 1] += of_frame[i];
	for (size_t i = 0; i < video->pairs_count; i++)
		places[of_frame[video->pairs[i].frame]++] =
			video->pairs[i].group;
	for (size_t i = 0; i < n; i++) {
		if (hf_video_is_cut(video, i))
			video->weights[i].refs = UINT64_MAX;
	}
	qsort(video->weights, n, sizeof(*video->weights), compare_weights);
	for (size_t i = 0; i < makers; i++) {
		uint32_t frame = video->weights[i].frame;

		/* Not all who have it are known. */
		video->is_missing |= hf_video_is_cut(video, frame);
		for (uint32_t p = frame > 0 ? of_frame[frame - 1] : 0;
		     p < of_frame[frame]; p++) {
			if (!is_made[places[p]])
				make_records_of_group(video, places[p]);
			is_made[places[p]] = true;
		}
	}

out_free:
	free(of_frame);
	free(places);
	free(is_made);
	return err;
}

/*
 * Counting.
 */

static bool count_key(struct hf_video *video, size_t number)
{
	struct hf_video_record *record = &video->records[number];
	uint64_t *bits = video->matched + number * video->words_count;

	if (record->group == video->counted)
		return true;
	record->group = video->counted;
	record->matched++;
	for (size_t w = 0; w < video->words_count; w++)
		bits[w] |= video->of_group[w];
	return true;
}

void hf_video_count_group(struct hf_video *video, uint32_t group)
{
	const struct hf_video_pair *begin = video->pairs + video->groups[group];
	const struct hf_video_pair *end =
		video->pairs + video->groups[group + 1];

	video->counted = group + 1;
	memset(video->of_group, 0,
	       video->words_count * sizeof(*video->of_group));
	for (const struct hf_video_pair *pair = begin; pair < end; pair++)
		video->of_group[pair->frame / 64] |= (uint64_t)1
						     << pair->frame % 64;
	for (const struct hf_video_pair *pair = begin; pair < end; pair++) {
		struct hf_video_refs refs;

		if (pair > begin && hf_video_is_same_key(pair - 1, pair))
			continue;
		refs = hf_video_refs_of(video, pair);
		if (each_record(video, &refs, count_key) == HF_OK)
			continue;
		for (size_t w = 0; w < video->words_count; w++)
			video->cut[w] |= video->of_group[w];
	}
}
