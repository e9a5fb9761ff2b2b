#include <stdlib.h>
#include <string.h>

#include "match_video.h"

/*
 * Searching.
 */

/* The first time each frame has its share. */
static bool is_wanted_first(struct hf_video *video,
			    const struct hf_video_pair *pair, bool *out_goes_on)
{
	video->weights[pair->frame].refs += hf_video_refs_of(video, pair).count;
	*out_goes_on = video->pairs_of[pair->frame]++ <
		       HF_VIDEO_PAIRS_MAX / video->frames_count;
	return *out_goes_on;
}

static bool is_wanted_second(struct hf_video *video,
			     const struct hf_video_pair *pair,
			     bool *out_goes_on)
{
	struct hf_video_refs refs = hf_video_refs_of(video, pair);
	bool has_record = false;

	*out_goes_on =
		hf_video_has_record(video, &refs, &has_record) == HF_OK &&
		(!has_record || video->pairs_count < HF_VIDEO_PAIRS_MAX);
	return *out_goes_on && has_record;
}

/* Whether a pair is kept; *out_goes_on is false for enough of its frame, which
 * is cut then. */
static bool is_wanted(struct hf_video *video, const struct hf_video_pair *pair,
		      bool *out_goes_on)
{
	bool is = video->is_second ? is_wanted_second(video, pair, out_goes_on)
				   : is_wanted_first(video, pair, out_goes_on);

	if (!*out_goes_on)
		hf_video_cut(video, pair->frame);
	return is;
}

static bool put_pair(struct hf_video *video, const struct hf_video_pair *pair)
{
	bool goes_on;

	if (!is_wanted(video, pair, &goes_on))
		return goes_on;
	if (video->pairs_count == video->pairs_size) {
		size_t size =
			video->pairs_size > 0 ? 2 * video->pairs_size : 256;
		struct hf_video_pair *pairs =
			realloc(video->pairs, size * sizeof(*pairs));

		if (pairs == NULL) {
			video->is_out_of_memory = true;
			return false;
		}
		video->pairs = pairs;
		video->pairs_size = size;
	}
	video->pairs[video->pairs_count++] = *pair;
	return true;
}

static bool on_key(void *arg, const struct hf_match_near_job *job, uint32_t key,
		   unsigned distance)
{
	return put_pair(arg, &(struct hf_video_pair){
				     .digest = job->part->keys +
					       (size_t)HF_PDQ_BYTES * key,
				     .key = key,
				     .source = (uint16_t)job->segment,
				     .frame = (uint16_t)job->query,
			     });
}

static void on_done(void *arg, const struct hf_match_near_job *job)
{
	struct hf_video *video = arg;

	if (!job->is_cut)
		return;
	hf_video_cut(video, job->query);
	video->has_passed_over = true;
	video->passed_over = (struct hf_video_pair){
		.key = job->passed_over,
		.source = (uint16_t)job->segment,
	};
}

struct in_memory {
	struct hf_video *video;
	const struct hf_match_memory *memory;
	uint16_t source;
	uint16_t frame;
};

static bool on_row(void *arg, uint32_t row, unsigned distance)
{
	const struct in_memory *in = arg;

	return put_pair(in->video,
			&(struct hf_video_pair){
				.digest = hf_match_memory_digest(
					in->memory, &in->memory->rows[row]),
				.key = row,
				.source = in->source,
				.frame = in->frame,
			});
}

static void search_memories(struct hf_video *video, size_t frame)
{
	const struct hf_match_snapshot *snapshot = video->view->snapshot;

	for (size_t m = 0; m < snapshot->memories_count; m++) {
		struct in_memory in = {
			.video = video,
			.memory = snapshot->memories[m],
			.source = (uint16_t)(snapshot->segments_count + m),
			.frame = (uint16_t)frame,
		};

		hf_match_memory_near(
			in.memory, video->view->index->kernel,
			HF_ALGORITHM_VPDQ,
			video->frames + (size_t)HF_PDQ_BYTES * frame,
			video->asked->distance,
			&(struct hf_match_memory_sink){ on_row, &in });
	}
}

/* A frame compares no more than its share of all, and of a large part so much
 * that what is spread evenly never comes to it. */
static uint64_t most_of(const struct hf_video *video,
			const struct hf_match_segment_part *part)
{
	if (video->asked->is_complete)
		return 0;
	return HF_VIDEO_COMPARED_MAX / video->frames_count /
		       video->view->snapshot->segments_count +
	       part->keys_count / HF_VIDEO_COMPARED_PART;
}

static void search(struct hf_video *video)
{
	const struct hf_match_snapshot *snapshot = video->view->snapshot;
	const struct hf_match_near_sink sink = { on_key, on_done, video };

	video->pairs_count = 0;
	memset(video->cut, 0, video->words_count * sizeof(*video->cut));
	for (size_t i = 0; i < video->frames_count; i++) {
		for (size_t s = 0; s < snapshot->segments_count; s++) {
			const struct hf_match_segment_part *part =
				&snapshot->segments[s]
					 ->parts[HF_ALGORITHM_VPDQ];
			const struct hf_match_near_job job = {
				.part = part,
				.digest = video->frames +
					  (size_t)HF_PDQ_BYTES * i,
				.distance = video->asked->distance,
				.query = i,
				.segment = s,
				.most = most_of(video, part),
			};

			if (job.part->keys_count > 0)
				hf_match_near_push(video->view->index->kernel,
						   video->view->near, &job,
						   &sink);
		}
		search_memories(video, i);
	}
	hf_match_near_drain(video->view->near, &sink);
}

/*
 * Groups.
 */

static int compare_pairs(const void *one, const void *other)
{
	const struct hf_video_pair *a = one, *b = other;
	int order = memcmp(a->digest, b->digest, HF_PDQ_BYTES);

	if (order != 0)
		return order;
	if (a->source != b->source)
		return a->source < b->source ? -1 : 1;
	return (a->key > b->key) - (a->key < b->key);
}

static enum hf_err group_pairs(struct hf_video *video, struct hf_why *why)
{
	uint32_t *groups;

	groups = realloc(video->groups,
			 (video->pairs_count + 1) * sizeof(*groups));
	if (groups == NULL)
		return hf_why(why, HF_E_NOMEM, "index: no memory to look up");
	video->groups = groups;
	video->groups_count = 0;
	if (video->pairs_count > 0)
		qsort(video->pairs, video->pairs_count, sizeof(*video->pairs),
		      compare_pairs);
	for (size_t i = 0; i < video->pairs_count; i++) {
		struct hf_video_pair *pair = &video->pairs[i];

		if (i == 0 ||
		    memcmp(pair[-1].digest, pair->digest, HF_PDQ_BYTES) != 0)
			groups[video->groups_count++] = (uint32_t)i;
		pair->group = (uint32_t)video->groups_count - 1;
	}
	groups[video->groups_count] = (uint32_t)video->pairs_count;
	return HF_OK;
}

enum hf_err hf_video_search(struct hf_video *video, struct hf_why *why)
{
	search(video);
	for (size_t w = 0; w < video->words_count && !video->is_second; w++)
		video->is_crowded |= video->cut[w] != 0;
	return group_pairs(video, why);
}
