#include <stdlib.h>
#include <string.h>

#include "match_video.h"

static int compare_frames(const void *a, const void *b)
{
	return memcmp(a, b, HF_PDQ_BYTES);
}

size_t hf_index_frames_distinct(const uint8_t *frames, size_t frames_count,
				uint8_t *out_frames)
{
	size_t count = 0;

	memcpy(out_frames, frames, frames_count * HF_PDQ_BYTES);
	qsort(out_frames, frames_count, HF_PDQ_BYTES, compare_frames);
	for (size_t i = 0; i < frames_count; i++) {
		const uint8_t *frame = out_frames + i * HF_PDQ_BYTES;
		uint8_t *next = out_frames + count * HF_PDQ_BYTES;

		if (count > 0 &&
		    memcmp(next - HF_PDQ_BYTES, frame, HF_PDQ_BYTES) == 0)
			continue;
		memmove(next, frame, HF_PDQ_BYTES);
		count++;
	}
	return count;
}

/*
 * Answers.
 */

static struct hf_index_video_hit hit_of(const struct hf_video *video,
					size_t number)
{
	const struct hf_video_record *record = &video->records[number];
	const uint64_t *bits = video->matched + number * video->words_count;
	uint32_t marks = hf_video_marks(video, &record->ref);
	struct hf_index_video_hit hit = {
		.set = record->ref.set,
		.entry = record->ref.entry,
		.list = record->ref.quality,
		.content_class = record->ref.content_class,
		.is_demoted = (marks & HF_MATCH_MARK_DEMOTED) != 0,
		.is_derived = record->ref.is_derived,
		.doubts = (uint8_t)(marks & HF_INDEX_DOUBTS),
		.affirmed = hf_match_affirmed(marks),
		.looked_up_frames = (uint16_t)video->frames_count,
		.listed_frames = record->ref.frames_count,
		.listed_matched = record->matched,
	};

	for (size_t w = 0; w < video->words_count; w++)
		hit.looked_up_matched +=
			(uint16_t)__builtin_popcountll(bits[w]);
	/* Only a damaged file has more than there are. */
	if (hit.listed_matched > hit.listed_frames)
		hit.listed_matched = hit.listed_frames;
	if ((marks & HF_MATCH_MARK_CLASS_MASK) != 0)
		hit.content_class =
			(uint8_t)((marks & HF_MATCH_MARK_CLASS_MASK) >>
				  HF_MATCH_MARK_CLASS_SHIFT);
	return hit;
}

static bool is_match(const struct hf_video *video,
		     const struct hf_index_video_hit *hit)
{
	return hit->looked_up_matched > 0 &&
	       hf_index_percent(hit->looked_up_matched,
				hit->looked_up_frames) >=
		       video->asked->looked_up_min &&
	       hf_index_percent(hit->listed_matched, hit->listed_frames) >=
		       video->asked->listed_min;
}

/* Could it be, if all frames that were cut match?  How many of the list's do
 * then, nobody knows. */
static bool may_match(const struct hf_video *video, size_t number)
{
	const uint64_t *bits = video->matched + number * video->words_count;
	unsigned most = 0, known = 0;

	for (size_t w = 0; w < video->words_count; w++) {
		most += (unsigned)__builtin_popcountll(bits[w] | video->cut[w]);
		known += (unsigned)__builtin_popcountll(bits[w]);
	}
	return most > known &&
	       hf_index_percent(most, (unsigned)video->frames_count) >=
		       video->asked->looked_up_min;
}

static void tell(struct hf_video *video, const struct hf_index_video_sink *sink)
{
	struct hf_index_video_hit unsure = { .is_unsure = false };
	size_t told = 0;
	bool has_more = false;

	for (size_t i = 0; i < video->records_count && !has_more; i++) {
		struct hf_index_video_hit hit = hit_of(video, i);

		if (is_match(video, &hit)) {
			has_more = told == HF_INDEX_HITS_MAX;
			if (!has_more)
				sink->hit(sink->arg, &hit);
			told += !has_more;
		} else if (!video->asked->is_complete &&
			   (video->is_missing || may_match(video, i)) &&
			   (!unsure.is_unsure ||
			    hit.looked_up_matched > unsure.looked_up_matched)) {
			unsure = hit;
			unsure.is_unsure = true;
		}
	}
	if (unsure.is_unsure && !has_more)
		sink->hit(sink->arg, &unsure);
	if ((has_more || video->is_missing || unsure.is_unsure) &&
	    sink->more != NULL)
		sink->more(sink->arg);
}

static enum hf_err prepare(struct hf_video *video, struct hf_why *why)
{
	size_t count = video->asked->frames_count;

	video->frames = malloc(count * HF_PDQ_BYTES);
	video->weights = calloc(count, sizeof(*video->weights));
	video->pairs_of = calloc(count, sizeof(*video->pairs_of));
	video->slots = calloc(HF_VIDEO_SLOTS, sizeof(*video->slots));
	video->words_count = (count + 63) / 64;
	video->cut = calloc(video->words_count, sizeof(*video->cut));
	video->of_group = calloc(video->words_count, sizeof(*video->of_group));
	if (video->frames == NULL || video->weights == NULL ||
	    video->pairs_of == NULL || video->slots == NULL ||
	    video->cut == NULL || video->of_group == NULL)
		return hf_why(why, HF_E_NOMEM, "index: no memory to look up");
	video->frames_count = hf_index_frames_distinct(video->asked->frames,
						       count, video->frames);
	for (size_t i = 0; i < video->frames_count; i++)
		video->weights[i].frame = (uint32_t)i;
	return HF_OK;
}

/* Each step has its own number of refs that it may visit. */
static void begin_step(struct hf_video *video)
{
	video->refs_left = HF_VIDEO_REFS_MAX;
}

static enum hf_err look_up(struct hf_video *video, struct hf_why *why)
{
	enum hf_err err = prepare(video, why);

	if (err == HF_OK)
		err = hf_video_search(video, why);
	if (err != HF_OK)
		return err;
	begin_step(video);
	err = hf_video_make_records(video, why);
	/* Something has to be told that leads to what was not compared. */
	if (video->is_missing && video->records_count == 0 &&
	    video->has_passed_over)
		hf_video_make_records_of(video, &video->passed_over);
	if (err == HF_OK && video->is_crowded && video->records_count > 0) {
		video->is_second = true;
		begin_step(video);
		err = hf_video_search(video, why);
	}
	if (err == HF_OK && video->is_out_of_memory)
		err = hf_why(why, HF_E_NOMEM, "index: no memory to look up");
	begin_step(video);
	for (uint32_t g = 0; err == HF_OK && g < video->groups_count; g++)
		hf_video_count_group(video, g);
	return err;
}

enum hf_err hf_index_lookup_video(struct hf_index_view *view,
				  const struct hf_index_video *asked,
				  const struct hf_index_video_sink *sink,
				  struct hf_why *why)
{
	struct hf_video video = { .view = view, .asked = asked };
	enum hf_err err;

	if (asked->frames_count == 0 ||
	    asked->frames_count > HF_VPDQ_MAX_FRAMES)
		return hf_why(why, HF_E_ARGUMENT,
			      "a video of %zu frames, must be 1 to %d",
			      asked->frames_count, HF_VPDQ_MAX_FRAMES);
	if (asked->distance > HF_PDQ_DISTANCE_MAX ||
	    asked->looked_up_min > 100 || asked->listed_min > 100)
		return hf_why(why, HF_E_ARGUMENT,
			      "a distance of %u is over %d, or %u or %u "
			      "percent over 100",
			      asked->distance, HF_PDQ_DISTANCE_MAX,
			      asked->looked_up_min, asked->listed_min);
	err = look_up(&video, why);
	if (err == HF_OK)
		tell(&video, sink);
	free(video.frames);
	free(video.weights);
	free(video.pairs_of);
	free(video.pairs);
	free(video.groups);
	free(video.records);
	free(video.matched);
	free(video.slots);
	free(video.cut);
	free(video.of_group);
	return err;
}
