#include "match_lookup.h"

/* Whether this entry was not yet told with this digest; then it is now.  Two
 * digests of one entry that mix to the same number cost it one of two hits. */
static bool is_news(struct hf_index_view *view,
		    const struct hf_finding *finding)
{
	uint64_t what = hf_digest_mix(finding->digest,
				      hf_algorithm_bytes(finding->algorithm));
	size_t at;

	what = (what ^ finding->ref->entry) * 0x9e3779b97f4a7c15u;
	what = (what ^ what >> 32 ^ (uint64_t)finding->ref->set << 8 ^
		finding->algorithm) *
	       0xff51afd7ed558ccdu;
	at = (size_t)(what >> 40) % HF_TOLD_SLOTS;
	while (view->told[at].round == view->round) {
		if (view->told[at].what == what)
			return false;
		at = (at + 1) % HF_TOLD_SLOTS;
	}
	view->told[at] = (struct hf_told){ what, view->round };
	return true;
}

bool hf_tell(struct hf_index_view *view, const struct hf_index_sink *sink,
	     const struct hf_finding *finding)
{
	const struct hf_snapshot *snapshot = view->snapshot;
	const struct hf_ref *ref = finding->ref;
	struct hf_index_hit hit;
	uint32_t bits;

	if (view->has_more)
		return false;
	if (snapshot->drops_count > 0 &&
	    hf_drops_cover(snapshot->drops, snapshot->drops_count, ref->set,
			   finding->sequence))
		return true;
	bits = hf_marks_get(snapshot->marks, ref->set, ref->entry);
	if ((bits & HF_MARK_REMOVED) != 0)
		return true;
	if (view->told_count == HF_INDEX_HITS_MAX) {
		view->has_more = true;
		if (sink->more != NULL)
			sink->more(sink->arg, finding->query);
		return false;
	}
	if (!is_news(view, finding))
		return true;
	view->told_count++;
	hit = (struct hf_index_hit){
		.query = finding->query,
		.set = ref->set,
		.entry = ref->entry,
		.algorithm = (uint8_t)finding->algorithm,
		.content_class = ref->content_class,
		.quality = ref->quality,
		.is_demoted = (bits & HF_MARK_DEMOTED) != 0,
		.distance = (uint16_t)finding->distance,
		.digest = finding->digest,
	};
	if ((bits & HF_MARK_CLASS_MASK) != 0)
		hit.content_class = (uint8_t)((bits & HF_MARK_CLASS_MASK) >>
					      HF_MARK_CLASS_SHIFT);
	sink->hit(sink->arg, &hit);
	return true;
}

bool hf_tell_key(struct hf_index_view *view, const struct hf_index_sink *sink,
		 const struct hf_segment_part *part, uint32_t key,
		 struct hf_finding *finding)
{
	uint32_t end = part->firsts[key + 1];

	finding->digest = part->keys + (size_t)key * part->digest_bytes;
	for (uint32_t i = part->firsts[key]; i < end && i < part->refs_count;
	     i++) {
		finding->ref = &part->refs[i];
		if (!hf_tell(view, sink, finding))
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
	size_t query;
	const struct hf_segment *segment; /* of the search that runs, or */
	const struct hf_memory *memory;   /* this */
};

static void on_key(void *arg, uint32_t key, unsigned distance)
{
	struct near *near = arg;
	struct hf_finding finding = {
		.sequence = near->segment->sequence,
		.query = near->query,
		.algorithm = HF_ALGORITHM_PDQ,
		.distance = distance,
	};

	hf_tell_key(near->view, near->sink,
		    &near->segment->parts[HF_ALGORITHM_PDQ], key, &finding);
}

static void on_row(void *arg, uint32_t number, unsigned distance)
{
	struct near *near = arg;
	const struct hf_memory *memory = near->memory;
	const struct hf_memory_row *row =
		&memory->rows[memory->pdq_rows[number]];
	struct hf_finding finding = {
		.ref = &row->ref,
		.sequence = memory->sequence,
		.query = near->query,
		.algorithm = HF_ALGORITHM_PDQ,
		.distance = distance,
		.digest = memory->pdq + (size_t)32 * number,
	};

	hf_tell(near->view, near->sink, &finding);
}

static void near_one(struct near *near, const uint8_t *digest,
		     unsigned distance)
{
	const struct hf_snapshot *snapshot = near->view->snapshot;
	const struct hf_kernel *kernel = near->view->index->kernel;
	const struct hf_near_sink keys = { on_key, near };
	const struct hf_near_sink rows = { on_row, near };

	for (size_t i = 0; i < snapshot->segments_count; i++) {
		near->segment = snapshot->segments[i];
		hf_near_search(kernel, near->view->near,
			       &near->segment->parts[HF_ALGORITHM_PDQ], digest,
			       distance, &keys);
	}
	for (size_t i = 0; i < snapshot->memories_count; i++) {
		near->memory = snapshot->memories[i];
		hf_near_scan(kernel, near->memory->pdq,
			     __atomic_load_n(&near->memory->pdq_count,
					     __ATOMIC_ACQUIRE),
			     digest, distance, &rows);
	}
}

enum hf_err hf_index_lookup_near(struct hf_index_view *view,
				 const uint8_t *digests, size_t digests_count,
				 unsigned distance,
				 const struct hf_index_sink *sink,
				 struct hf_why *why)
{
	const struct hf_snapshot *snapshot = view->snapshot;
	struct near near = { .view = view, .sink = sink };

	if (distance > HF_PDQ_DISTANCE_MAX)
		return hf_why(why, HF_E_ARGUMENT,
			      "a PDQ distance of %u is over %d", distance,
			      HF_PDQ_DISTANCE_MAX);
	for (size_t i = 0; i < digests_count; i++) {
		/* The next query's first misses run beside this one. */
		for (size_t s = 0;
		     i + 1 < digests_count && s < snapshot->segments_count; s++)
			hf_near_prefetch(
				&snapshot->segments[s]->parts[HF_ALGORITHM_PDQ],
				digests + 32 * (i + 1), distance);
		hf_tell_begin(view);
		near.query = i;
		near_one(&near, digests + 32 * i, distance);
	}
	return HF_OK;
}
