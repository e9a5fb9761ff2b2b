#include "match_band.h"
#include "match_join.h"
#include "match_lookup.h"

/* False when it is there. */
static bool put_told(struct hf_index_view *view, uint64_t what)
{
	size_t at = (size_t)(what >> 40) % HF_MATCH_TOLD_SLOTS;

	while (view->told[at].round == view->round) {
		if (view->told[at].what == what)
			return false;
		at = (at + 1) % HF_MATCH_TOLD_SLOTS;
	}
	view->told[at] = (struct hf_match_told){ what, view->round };
	return true;
}

/* Whether this entry was not yet told with this digest; then it is now.  Two
 * digests of one entry that mix to the same number cost it one of two hits. */
static bool is_news(struct hf_index_view *view,
		    const struct hf_match_finding *finding)
{
	uint64_t what = hf_match_digest_mix(
		finding->digest, hf_algorithm_bytes(finding->algorithm));

	what = (what ^ finding->ref->entry) * 0x9e3779b97f4a7c15u;
	what = (what ^ what >> 32 ^ (uint64_t)finding->ref->set << 8 ^
		finding->algorithm) *
	       0xff51afd7ed558ccdu;
	if (view->told_count < HF_MATCH_TOLD_FIRST) {
		for (size_t i = 0; i < view->told_count; i++) {
			if (view->told_first[i] == what)
				return false;
		}
		view->told_first[view->told_count] = what;
		return true;
	}
	if (view->told_count == HF_MATCH_TOLD_FIRST) {
		for (size_t i = 0; i < HF_MATCH_TOLD_FIRST; i++)
			put_told(view, view->told_first[i]);
	}
	return put_told(view, what);
}

bool hf_match_tell(struct hf_index_view *view, const struct hf_index_sink *sink,
		   const struct hf_match_finding *finding)
{
	const struct hf_match_snapshot *snapshot = view->snapshot;
	const struct hf_match_ref *ref = finding->ref;
	struct hf_index_hit hit;
	uint32_t bits;

	if (view->has_more)
		return false;
	if (snapshot->drops_count > 0 &&
	    hf_match_drops_cover(snapshot->drops, snapshot->drops_count,
				 ref->set, finding->sequence))
		return true;
	bits = hf_match_marks_get(snapshot->marks, ref->set, ref->entry);
	if ((bits & (HF_MATCH_MARK_REMOVED | HF_MATCH_MARK_WITHHELD)) != 0)
		return true;
	if (view->told_count == HF_INDEX_HITS_MAX) {
		view->has_more = true;
		if (sink->more != NULL)
			sink->more(sink->arg, finding->query);
		return false;
	}
	if (!finding->is_news && !is_news(view, finding))
		return true;
	view->told_count++;
	hit = (struct hf_index_hit){
		.query = finding->query,
		.set = ref->set,
		.entry = ref->entry,
		.algorithm = (uint8_t)finding->algorithm,
		.content_class = ref->content_class,
		.quality = ref->quality,
		.is_demoted = (bits & HF_MATCH_MARK_DEMOTED) != 0,
		.is_expired = (bits & HF_MATCH_MARK_EXPIRED) != 0,
		.is_derived = ref->is_derived,
		.doubts = (uint8_t)(bits & HF_INDEX_DOUBTS),
		.affirmed = hf_match_affirmed(bits),
		.distance = (uint16_t)finding->distance,
		.digest = finding->digest,
	};
	if ((bits & HF_MATCH_MARK_CLASS_MASK) != 0)
		hit.content_class =
			(uint8_t)((bits & HF_MATCH_MARK_CLASS_MASK) >>
				  HF_MATCH_MARK_CLASS_SHIFT);
	sink->hit(sink->arg, &hit);
	return true;
}

bool hf_match_tell_key(struct hf_index_view *view,
		       const struct hf_index_sink *sink,
		       const struct hf_match_segment_part *part, uint32_t key,
		       struct hf_match_finding *finding)
{
	uint32_t count;
	const struct hf_match_ref *refs = hf_match_refs(part, key, &count);

	finding->digest = hf_match_key(part, key);
	for (uint32_t i = 0; i < count; i++) {
		finding->ref = &refs[i];
		if (!hf_match_tell(view, sink, finding))
			return false;
	}
	return true;
}

/*
 * Near lookups.
 */
struct near {
	struct hf_index_view *view;
	const struct hf_index_sink *sink;
	unsigned distance;
};

static bool on_key(void *arg, const struct hf_match_near_job *job, uint32_t key,
		   unsigned distance)
{
	struct near *near = arg;
	const struct hf_match_snapshot *snapshot = near->view->snapshot;
	struct hf_match_finding finding = {
		.sequence = snapshot->segments[job->segment]->sequence,
		.query = job->query,
		.algorithm = HF_ALGORITHM_PDQ,
		.distance = distance,
	};

	return hf_match_tell_key(near->view, near->sink, job->part, key,
				 &finding);
}

struct near_memory {
	struct near *near;
	const struct hf_match_memory *memory;
	size_t query;
};

static bool on_row(void *arg, uint32_t row, unsigned distance)
{
	const struct near_memory *in = arg;
	const struct hf_match_memory_row *found = &in->memory->rows[row];

	return hf_match_tell(
		in->near->view, in->near->sink,
		&(struct hf_match_finding){
			.ref = &found->ref,
			.sequence = in->memory->sequence,
			.query = in->query,
			.algorithm = HF_ALGORITHM_PDQ,
			.distance = distance,
			.digest = hf_match_memory_digest(in->memory, found),
		});
}

/* After a query's last segment: its answers are complete with these. */
static void tell_memories(struct near *near, size_t query,
			  const uint8_t *digest)
{
	const struct hf_match_snapshot *snapshot = near->view->snapshot;

	/* New hashes are few: each is compared. */
	for (size_t i = 0; i < snapshot->memories_count; i++) {
		struct near_memory in = { near, snapshot->memories[i], query };

		hf_match_memory_near(
			in.memory, near->view->index->kernel, HF_ALGORITHM_PDQ,
			digest, near->distance,
			&(struct hf_match_memory_sink){ on_row, &in });
	}
	hf_match_tell_begin(near->view);
}

static void on_done(void *arg, const struct hf_match_near_job *job)
{
	struct near *near = arg;

	if (job->segment + 1 == near->view->snapshot->segments_count)
		tell_memories(near, job->query, job->digest);
}

static const struct hf_match_segment_part *pdq_part(const struct near *near,
						    size_t segment)
{
	return &near->view->snapshot->segments[segment]
			->parts[HF_ALGORITHM_PDQ];
}

/* One search after the other: queries begin to end. */
static void look_up_each(struct near *near, const uint8_t *digests,
			 size_t begin, size_t end)
{
	const struct hf_match_near_sink keys = { on_key, on_done, near };
	struct hf_match_near_work *work = near->view->near;
	size_t segments_count = near->view->snapshot->segments_count;

	for (size_t s = 0; s < segments_count; s++)
		hf_match_near_prefetch(pdq_part(near, s), digests + 32 * begin,
				       near->distance);
	for (size_t i = begin; i < end; i++) {
		for (size_t s = 0; s < segments_count; s++) {
			struct hf_match_near_job job = {
				.part = pdq_part(near, s),
				.digest = digests + 32 * i,
				.distance = near->distance,
				.query = i,
				.segment = s,
			};

			/* The next query's first misses run beside this. */
			if (i + 1 < end)
				hf_match_near_prefetch(job.part,
						       job.digest + 32,
						       near->distance);
			hf_match_near_push(near->view->index->kernel, work,
					   &job, &keys);
		}
		if (segments_count == 0)
			tell_memories(near, i, digests + 32 * i);
	}
	hf_match_near_drain(work, &keys);
}

/* All segments with bands at once, as far as that goes. */
static bool join_segments(struct near *near, const uint8_t *digests,
			  size_t count)
{
	struct hf_index_view *view = near->view;

	if (view->join == NULL && hf_match_join_new(&view->join, NULL) != HF_OK)
		return false;
	hf_match_join_begin(view->join, digests, count, near->distance);
	for (size_t s = 0; s < view->snapshot->segments_count; s++) {
		if (hf_match_bands_serve(pdq_part(near, s), near->distance) &&
		    !hf_match_join_part(view->join, view->index->kernel,
					pdq_part(near, s), (unsigned)s))
			return false;
	}
	return true;
}

static void on_small_done(void *arg, const struct hf_match_near_job *job)
{
}

/* What was joined for a query, and what segments without bands have. */
static void tell_joined(struct near *near, const uint8_t *digest, size_t query,
			size_t number)
{
	const struct hf_match_near_sink keys = { on_key, on_small_done, near };
	const struct hf_match_join *join = near->view->join;
	const struct hf_match_joined *joined =
		hf_match_join_first(join, number);
	struct hf_match_near_job job = { .digest = digest,
					 .distance = near->distance,
					 .query = query };
	bool is_wanted = true;

	for (; joined != NULL && is_wanted;
	     joined = hf_match_join_next(join, joined)) {
		job.segment = joined->segment;
		job.part = pdq_part(near, job.segment);
		is_wanted = on_key(near, &job, joined->key, joined->distance);
	}
	for (size_t s = 0; s < near->view->snapshot->segments_count; s++) {
		job.segment = s;
		job.part = pdq_part(near, s);
		if (is_wanted &&
		    !hf_match_bands_serve(job.part, near->distance))
			hf_match_near_push(near->view->index->kernel,
					   near->view->near, &job, &keys);
	}
	tell_memories(near, query, digest);
}

static void look_up_batch(struct near *near, const uint8_t *digests,
			  size_t begin, size_t end)
{
	if (end - begin < HF_MATCH_JOIN_MIN ||
	    !join_segments(near, digests + 32 * begin, end - begin)) {
		look_up_each(near, digests, begin, end);
		return;
	}
	for (size_t i = begin; i < end; i++) {
		if (hf_match_join_is_left(near->view->join, i - begin))
			look_up_each(near, digests, i, i + 1);
		else
			tell_joined(near, digests + 32 * i, i, i - begin);
	}
}

enum hf_err hf_index_lookup_near(struct hf_index_view *view,
				 const uint8_t *digests, size_t digests_count,
				 unsigned distance,
				 const struct hf_index_sink *sink,
				 struct hf_why *why)
{
	struct near near = { view, sink, distance };

	if (distance > HF_PDQ_DISTANCE_MAX)
		return hf_why(why, HF_E_ARGUMENT,
			      "a PDQ distance of %u is over %d", distance,
			      HF_PDQ_DISTANCE_MAX);
	hf_match_tell_begin(view);
	for (size_t i = 0; i < digests_count; i += HF_MATCH_JOIN_MAX) {
		size_t left = digests_count - i;

		look_up_batch(&near, digests, i,
			      i + (left < HF_MATCH_JOIN_MAX
					   ? left
					   : HF_MATCH_JOIN_MAX));
	}
	return HF_OK;
}
