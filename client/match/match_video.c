#include <stdlib.h>
#include <string.h>

#include "match_state.h"

/*
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
 */

/* Keys that frames of one query are near.  Where one frame has more than its
 * share, a second search takes only keys that lead to a record. */
#define PAIRS_MAX   ((size_t)262144)
#define RECORDS_MAX ((size_t)16384)
#define SLOTS       (2 * RECORDS_MAX)

struct pair {
	const uint8_t *digest; /* in the segment or memory */
	uint32_t key;          /* number of it; row of a memory */
	uint32_t group;
	uint16_t source; /* a segment's number, or a memory's behind those */
	uint16_t frame;  /* of the query */
};

/* Those who have a key, in the order of hf_match_ref_compare(). */
struct refs {
	const struct hf_match_ref *at;
	size_t count;
	uint64_t sequence;
};

struct record {
	struct hf_match_ref ref;
	uint32_t group; /* counted last, by number + 1 */
	uint16_t matched;
};

struct weight {
	uint64_t refs;
	uint32_t frame;
};

struct video {
	struct hf_index_view *view;
	const struct hf_index_video *asked;
	uint8_t *frames; /* owned; distinct */
	size_t frames_count;
	size_t words_count; /* of 64 frames each */
	struct weight *weights;
	uint32_t *pairs_of; /* owned: found for each frame */

	struct pair *pairs; /* owned */
	size_t pairs_count;
	size_t pairs_size;
	uint32_t *groups; /* owned: where each begins, and the end */
	size_t groups_count;

	struct record *records; /* owned */
	uint64_t *matched;      /* owned: words_count for each record */
	size_t records_count;
	size_t records_size;
	uint32_t *slots; /* owned: record + 1 */

	bool is_second; /* search */
	bool is_crowded;
	bool has_more;
	bool is_out_of_memory;
};

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

static struct refs refs_of(const struct video *video, const struct pair *pair)
{
	const struct hf_match_snapshot *snapshot = video->view->snapshot;
	const struct hf_match_segment_part *part;
	const struct hf_match_memory *memory;
	const struct hf_match_ref *refs;
	uint32_t count;

	if (pair->source >= snapshot->segments_count) {
		memory = snapshot->memories[pair->source -
					    snapshot->segments_count];
		return (struct refs){ &memory->rows[pair->key].ref, 1,
				      memory->sequence };
	}
	part = &snapshot->segments[pair->source]->parts[HF_ALGORITHM_VPDQ];
	refs = hf_match_refs(part, pair->key, &count);
	return (struct refs){ refs, count,
			      snapshot->segments[pair->source]->sequence };
}

static bool is_dropped(const struct video *video,
		       const struct hf_match_ref *ref, uint64_t sequence)
{
	const struct hf_match_snapshot *snapshot = video->view->snapshot;

	return snapshot->drops_count > 0 &&
	       hf_match_drops_cover(snapshot->drops, snapshot->drops_count,
				    ref->set, sequence);
}

static uint32_t marks_of(const struct video *video,
			 const struct hf_match_ref *ref)
{
	return hf_match_marks_get(video->view->snapshot->marks, ref->set,
				  ref->entry);
}

/*
 * Records.
 */

/* The slot that has it, or where it belongs. */
static uint32_t *slot_of(const struct video *video,
			 const struct hf_match_ref *ref)
{
	uint64_t mixed =
		(ref->entry << 16 ^ (uint64_t)ref->set << 8 ^ ref->quality) *
		0x9e3779b97f4a7c15u;
	size_t at = (size_t)(mixed >> 32) % SLOTS;

	while (video->slots[at] != 0 &&
	       hf_match_ref_compare(&video->records[video->slots[at] - 1].ref,
				    ref, HF_ALGORITHM_VPDQ) != 0)
		at = (at + 1) % SLOTS;
	return &video->slots[at];
}

static bool grow_records(struct video *video)
{
	size_t size = video->records_size > 0 ? 2 * video->records_size : 64;
	struct record *records;
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

static void make_record(struct video *video, const struct hf_match_ref *ref)
{
	uint32_t *slot = slot_of(video, ref);

	if (*slot != 0 || (marks_of(video, ref) & HF_MATCH_MARK_HIDDEN) != 0)
		return;
	if (video->records_count == RECORDS_MAX) {
		video->has_more = true;
		return;
	}
	if (!grow_records(video)) {
		video->is_out_of_memory = true;
		return;
	}
	video->records[video->records_count] = (struct record){ .ref = *ref };
	memset(video->matched + video->records_count * video->words_count, 0,
	       video->words_count * sizeof(*video->matched));
	*slot = (uint32_t)++video->records_count;
}

/* Calls visit for each record that is among the refs, by whichever way is
 * shorter; until it says that it is enough. */
static bool each_record(struct video *video, const struct refs *refs,
			bool (*visit)(struct video *video, size_t record,
				      uint32_t group),
			uint32_t group)
{
	if (refs->count / 32 < video->records_count) {
		for (size_t i = 0; i < refs->count; i++) {
			uint32_t record = *slot_of(video, &refs->at[i]);

			if (record != 0 &&
			    !is_dropped(video, &refs->at[i], refs->sequence) &&
			    !visit(video, record - 1, group))
				return false;
		}
		return true;
	}
	for (size_t r = 0; r < video->records_count; r++) {
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
		    !visit(video, r, group))
			return false;
	}
	return true;
}

/*
 * Searching.
 */

static bool stop(struct video *video, size_t record, uint32_t group)
{
	return false;
}

/* Whether a pair is kept; false for "enough of this frame" in *out_more. */
static bool is_wanted(struct video *video, const struct pair *pair,
		      bool *out_goes_on)
{
	struct refs refs = refs_of(video, pair);
	size_t share = PAIRS_MAX / video->frames_count;

	*out_goes_on = true;
	if (video->is_second) {
		if (each_record(video, &refs, stop, 0))
			return false;
		if (video->pairs_count < PAIRS_MAX)
			return true;
		video->has_more = true;
		*out_goes_on = false;
		return false;
	}
	video->weights[pair->frame].refs += refs.count;
	if (video->pairs_of[pair->frame]++ < share)
		return true;
	video->is_crowded = true;
	video->weights[pair->frame].refs = UINT64_MAX;
	*out_goes_on = false;
	return false;
}

static bool put_pair(struct video *video, const struct pair *pair)
{
	bool goes_on;

	if (!is_wanted(video, pair, &goes_on))
		return goes_on;
	if (video->pairs_count == video->pairs_size) {
		size_t size =
			video->pairs_size > 0 ? 2 * video->pairs_size : 256;
		struct pair *pairs =
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
	return put_pair(arg, &(struct pair){
				     .digest = job->part->keys +
					       (size_t)HF_PDQ_BYTES * key,
				     .key = key,
				     .source = (uint16_t)job->segment,
				     .frame = (uint16_t)job->query,
			     });
}

static void on_done(void *arg, const struct hf_match_near_job *job)
{
}

struct in_memory {
	struct video *video;
	const struct hf_match_memory *memory;
	uint16_t source;
	uint16_t frame;
};

static bool on_row(void *arg, uint32_t row, unsigned distance)
{
	const struct in_memory *in = arg;

	return put_pair(in->video,
			&(struct pair){
				.digest = hf_match_memory_digest(
					in->memory, &in->memory->rows[row]),
				.key = row,
				.source = in->source,
				.frame = in->frame,
			});
}

static void search_memories(struct video *video, size_t frame)
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

static void search(struct video *video)
{
	const struct hf_match_snapshot *snapshot = video->view->snapshot;
	const struct hf_match_near_sink sink = { on_key, on_done, video };

	video->pairs_count = 0;
	for (size_t i = 0; i < video->frames_count; i++) {
		for (size_t s = 0; s < snapshot->segments_count; s++) {
			const struct hf_match_near_job job = {
				.part = &snapshot->segments[s]
						 ->parts[HF_ALGORITHM_VPDQ],
				.digest = video->frames +
					  (size_t)HF_PDQ_BYTES * i,
				.distance = video->asked->distance,
				.query = i,
				.segment = s,
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
	const struct pair *a = one, *b = other;
	int order = memcmp(a->digest, b->digest, HF_PDQ_BYTES);

	if (order != 0)
		return order;
	if (a->source != b->source)
		return a->source < b->source ? -1 : 1;
	return (a->key > b->key) - (a->key < b->key);
}

/* The first pair of each key of a group stands for it. */
static bool is_same_key(const struct pair *a, const struct pair *b)
{
	return a->source == b->source && a->key == b->key;
}

static enum hf_err group_pairs(struct video *video, struct hf_why *why)
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
		struct pair *pair = &video->pairs[i];

		if (i == 0 ||
		    memcmp(pair[-1].digest, pair->digest, HF_PDQ_BYTES) != 0)
			groups[video->groups_count++] = (uint32_t)i;
		pair->group = (uint32_t)video->groups_count - 1;
	}
	groups[video->groups_count] = (uint32_t)video->pairs_count;
	return HF_OK;
}

/* Those who have the group's frame become records. */
static void make_records_of(struct video *video, uint32_t group)
{
	const struct pair *pair = video->pairs + video->groups[group];
	const struct pair *end = video->pairs + video->groups[group + 1];

	for (const struct pair *last = NULL; pair < end; last = pair++) {
		struct refs refs;

		if (last != NULL && is_same_key(last, pair))
			continue;
		refs = refs_of(video, pair);
		for (size_t i = 0; i < refs.count; i++) {
			if (!is_dropped(video, &refs.at[i], refs.sequence))
				make_record(video, &refs.at[i]);
		}
	}
}

static int compare_weights(const void *one, const void *other)
{
	const struct weight *a = one, *b = other;

	if (a->refs != b->refs)
		return a->refs < b->refs ? -1 : 1;
	return (a->frame > b->frame) - (a->frame < b->frame);
}

/* The rarest frames, as many as it takes. */
static enum hf_err make_records(struct video *video, struct hf_why *why)
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
	qsort(video->weights, n, sizeof(*video->weights), compare_weights);
	for (size_t i = 0; i < makers; i++) {
		uint32_t frame = video->weights[i].frame;

		/* Not all who have it are known. */
		video->has_more |= video->weights[i].refs == UINT64_MAX;
		for (uint32_t p = frame > 0 ? of_frame[frame - 1] : 0;
		     p < of_frame[frame]; p++) {
			if (!is_made[places[p]])
				make_records_of(video, places[p]);
			is_made[places[p]] = true;
		}
	}

out_free:
	free(of_frame);
	free(places);
	free(is_made);
	return err;
}

static bool count_key(struct video *video, size_t number, uint32_t group)
{
	struct record *record = &video->records[number];
	uint64_t *bits = video->matched + number * video->words_count;

	if (record->group == group + 1)
		return true;
	record->group = group + 1;
	record->matched++;
	for (uint32_t i = video->groups[group]; i < video->groups[group + 1];
	     i++)
		bits[video->pairs[i].frame / 64] |=
			(uint64_t)1 << video->pairs[i].frame % 64;
	return true;
}

static void count_group(struct video *video, uint32_t group)
{
	const struct pair *pair = video->pairs + video->groups[group];
	const struct pair *end = video->pairs + video->groups[group + 1];

	for (const struct pair *last = NULL; pair < end; last = pair++) {
		struct refs refs;

		if (last != NULL && is_same_key(last, pair))
			continue;
		refs = refs_of(video, pair);
		each_record(video, &refs, count_key, group);
	}
}

/*
 * Answers.
 */

static bool tell_record(const struct video *video, size_t number,
			const struct hf_index_video_sink *sink)
{
	const struct record *record = &video->records[number];
	const uint64_t *bits = video->matched + number * video->words_count;
	uint32_t marks = marks_of(video, &record->ref);
	struct hf_index_video_hit hit = {
		.set = record->ref.set,
		.entry = record->ref.entry,
		.list = record->ref.quality,
		.content_class = record->ref.content_class,
		.is_demoted = (marks & HF_MATCH_MARK_DEMOTED) != 0,
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
	if (hit.looked_up_matched == 0 ||
	    hf_index_percent(hit.looked_up_matched, hit.looked_up_frames) <
		    video->asked->looked_up_min ||
	    hf_index_percent(hit.listed_matched, hit.listed_frames) <
		    video->asked->listed_min)
		return false;
	if ((marks & HF_MATCH_MARK_CLASS_MASK) != 0)
		hit.content_class =
			(uint8_t)((marks & HF_MATCH_MARK_CLASS_MASK) >>
				  HF_MATCH_MARK_CLASS_SHIFT);
	sink->hit(sink->arg, &hit);
	return true;
}

static void tell(struct video *video, const struct hf_index_video_sink *sink)
{
	size_t told = 0;

	for (size_t i = 0; i < video->records_count; i++) {
		if (told == HF_INDEX_HITS_MAX) {
			video->has_more = true;
			break;
		}
		told += tell_record(video, i, sink);
	}
	if (video->has_more && sink->more != NULL)
		sink->more(sink->arg);
}

static enum hf_err prepare(struct video *video, struct hf_why *why)
{
	size_t count = video->asked->frames_count;

	video->frames = malloc(count * HF_PDQ_BYTES);
	video->weights = calloc(count, sizeof(*video->weights));
	video->pairs_of = calloc(count, sizeof(*video->pairs_of));
	video->slots = calloc(SLOTS, sizeof(*video->slots));
	if (video->frames == NULL || video->weights == NULL ||
	    video->pairs_of == NULL || video->slots == NULL)
		return hf_why(why, HF_E_NOMEM, "index: no memory to look up");
	video->frames_count = hf_index_frames_distinct(video->asked->frames,
						       count, video->frames);
	video->words_count = (video->frames_count + 63) / 64;
	for (size_t i = 0; i < video->frames_count; i++)
		video->weights[i].frame = (uint32_t)i;
	return HF_OK;
}

static enum hf_err look_up(struct video *video, struct hf_why *why)
{
	enum hf_err err = prepare(video, why);

	if (err != HF_OK)
		return err;
	search(video);
	err = group_pairs(video, why);
	if (err == HF_OK)
		err = make_records(video, why);
	if (err == HF_OK && video->is_crowded) {
		video->is_second = true;
		search(video);
		err = group_pairs(video, why);
	}
	if (err == HF_OK && video->is_out_of_memory)
		err = hf_why(why, HF_E_NOMEM, "index: no memory to look up");
	for (uint32_t g = 0; err == HF_OK && g < video->groups_count; g++)
		count_group(video, g);
	return err;
}

enum hf_err hf_index_lookup_video(struct hf_index_view *view,
				  const struct hf_index_video *asked,
				  const struct hf_index_video_sink *sink,
				  struct hf_why *why)
{
	struct video video = { .view = view, .asked = asked };
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
	return err;
}
