#include <stdlib.h>
#include <string.h>

#include "match_lookup.h"
#include "match_probe.h"

/*
 * A lookup of an unknown digest touches one line of each segment, a known one
 * also its key, with the entry behind it: each is a cache miss in a large
 * index.  So a block of queries takes each step together: while one waits for
 * its line, the others' are on their way.
 */
#define BLOCK HF_MATCH_PROBE_BLOCK

struct match {
	uint32_t key;
	uint16_t next; /* of the same query, by number + 1 */
	uint8_t segment;
};

struct hf_match_exact_work {
	const struct hf_match_probe *probe;
	/* The mutable parts that have something. */
	size_t memories_count;
	const struct hf_match_memory *memories[HF_MATCH_FROZEN_MAX + 1];
	/* Of each query. */
	uint64_t mixed[BLOCK];
	uint64_t order[BLOCK];
	uint16_t tags[BLOCK];
	const struct hf_match_line *lines[BLOCK];
	uint16_t first[BLOCK]; /* match, by number + 1 */
	struct hf_match_passed passed[BLOCK];
	size_t matches_count;
	struct match matches[BLOCK * HF_MATCH_SEGMENTS_MAX];
};

_Static_assert(BLOCK *HF_MATCH_SEGMENTS_MAX < UINT16_MAX,
	       "a match's number fits");

enum hf_err hf_match_exact_work_new(struct hf_match_exact_work **out_work,
				    struct hf_why *why)
{
	struct hf_match_exact_work *work = calloc(1, sizeof(*work));

	if (work == NULL)
		return hf_why(why, HF_E_NOMEM, "index: no memory to look up");
	work->probe = hf_match_probe();
	*out_work = work;
	return HF_OK;
}

void hf_match_exact_work_free(struct hf_match_exact_work *work)
{
	free(work);
}

/* The number of a key in a crowded line, or of the next larger: digests that
 * begin alike cost a few steps, not a walk. */
static uint32_t halve(const struct hf_match_segment_part *part,
		      const struct hf_match_line *line, uint64_t order,
		      const uint8_t *digest)
{
	size_t bytes = part->digest_bytes;
	uint32_t low = line[0].base, high = line[1].base;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const uint8_t *key = hf_match_key(part, middle);
		uint64_t key_order = hf_match_digest_order(
			key, bytes,
			bytes > 32 ? hf_match_digest_mix(key, bytes) : 0);

		if (key_order < order ||
		    (key_order == order && memcmp(key, digest, bytes) < 0))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_key(const struct hf_match_segment_part *part, uint32_t key,
		   const uint8_t *digest)
{
	const uint8_t *have = hf_match_key(part, key);

	return key < part->keys_count && memcmp(have, digest, 8) == 0 &&
	       memcmp(have, digest, part->digest_bytes) == 0;
}

/* The key that is this digest, by the places of its line; keys_count when
 * there is none. */
static uint32_t find_key(const struct hf_match_segment_part *part,
			 const struct hf_match_line *line, uint32_t places,
			 uint64_t order, const uint8_t *digest)
{
	if (places == HF_MATCH_PROBE_CROWDED) {
		uint32_t key = halve(part, line, order, digest);

		return is_key(part, key, digest) ? key : part->keys_count;
	}
	for (; places != 0; places &= places - 1) {
		uint32_t key = line->base + (uint32_t)__builtin_ctz(places);

		if (is_key(part, key, digest))
			return key;
	}
	return part->keys_count;
}

/* Key and entry, which stand in one line or two.  Inlined always: GCC takes a
 * function that only prefetches for one without effect, and drops the call. */
static inline __attribute__((always_inline)) void
prefetch_key(const struct hf_match_segment_part *part, uint32_t key)
{
	const uint8_t *at = hf_match_key(part, key);

	__builtin_prefetch(at);
	__builtin_prefetch(at + part->key_stride_bytes - 1);
	if (part->key_stride_bytes == part->digest_bytes)
		__builtin_prefetch(part->beside +
				   key * part->beside_stride_bytes);
}

/* Which of a block's queries a segment knows. */
static void search_segment(struct hf_match_exact_work *work,
			   const struct hf_match_segment *segment,
			   size_t number, const struct hf_index_query *queries,
			   size_t count)
{
	static const struct hf_match_line nothing;
	size_t passed;

	for (size_t i = 0; i < count; i++) {
		const struct hf_match_segment_part *part =
			&segment->parts[queries[i].algorithm];

		work->lines[i] =
			part->keys_count == 0
				? &nothing
				: &part->lines[hf_match_line_of(
					  work->order[i], part->lines_count)];
		__builtin_prefetch(work->lines[i]);
	}
	passed =
		work->probe->pass(work->lines, work->tags, count, work->passed);
	for (size_t p = 0; p < passed; p++) {
		const struct hf_match_passed *one = &work->passed[p];

		if (one->places != HF_MATCH_PROBE_CROWDED)
			prefetch_key(
				&segment->parts[queries[one->number].algorithm],
				work->lines[one->number]->base +
					(uint32_t)__builtin_ctz(one->places));
	}
	for (size_t p = 0; p < passed; p++) {
		uint32_t i = work->passed[p].number;
		const struct hf_match_segment_part *part =
			&segment->parts[queries[i].algorithm];
		uint32_t key =
			find_key(part, work->lines[i], work->passed[p].places,
				 work->order[i], queries[i].digest);

		if (key == part->keys_count)
			continue;
		work->matches[work->matches_count++] =
			(struct match){ key, work->first[i], (uint8_t)number };
		work->first[i] = (uint16_t)work->matches_count;
	}
}

static void tell_memories(struct hf_index_view *view,
			  const struct hf_index_query *query, uint64_t mixed,
			  const struct hf_index_sink *sink,
			  struct hf_match_finding *finding)
{
	const struct hf_match_exact_work *work = view->exact;

	for (size_t m = 0; m < work->memories_count; m++) {
		const struct hf_match_memory *memory = work->memories[m];
		uint32_t row = hf_match_memory_find(memory, query->algorithm,
						    query->digest, mixed);

		finding->sequence = memory->sequence;
		while (row != HF_MATCH_MEMORY_NO_ROW) {
			finding->ref = &memory->rows[row].ref;
			finding->digest = hf_match_memory_digest(
				memory, &memory->rows[row]);
			if (!hf_match_tell(view, sink, finding))
				return;
			row = hf_match_memory_find_next(memory, row);
		}
	}
}

static void tell_query(struct hf_index_view *view, size_t number, size_t begin,
		       const struct hf_index_query *query,
		       const struct hf_index_sink *sink)
{
	const struct hf_match_snapshot *snapshot = view->snapshot;
	struct hf_match_exact_work *work = view->exact;
	uint16_t at = work->first[number];
	struct hf_match_finding finding = {
		.query = begin + number,
		.algorithm = query->algorithm,
	};

	hf_match_tell_begin(view);
	tell_memories(view, query, work->mixed[number], sink, &finding);
	/* One key of one segment has no entry twice. */
	finding.is_news = view->told_count == 0 && at != 0 &&
			  work->matches[at - 1].next == 0;
	for (; at != 0; at = work->matches[at - 1].next) {
		const struct match *match = &work->matches[at - 1];
		const struct hf_match_segment *segment =
			snapshot->segments[match->segment];

		finding.sequence = segment->sequence;
		if (!hf_match_tell_key(view, sink,
				       &segment->parts[query->algorithm],
				       match->key, &finding))
			return;
	}
}

static void look_up_block(struct hf_index_view *view,
			  const struct hf_index_query *queries, size_t begin,
			  size_t count, const struct hf_index_sink *sink)
{
	const struct hf_match_snapshot *snapshot = view->snapshot;
	struct hf_match_exact_work *work = view->exact;

	work->matches_count = 0;
	memset(work->first, 0, sizeof(work->first));
	for (size_t i = 0; i < count; i++) {
		size_t bytes = hf_algorithm_bytes(queries[i].algorithm);
		const uint8_t *digest = queries[i].digest;
		uint64_t mixed = hf_match_digest_mix(digest, bytes);

		work->mixed[i] = mixed;
		work->order[i] = hf_match_digest_order(digest, bytes, mixed);
		work->tags[i] = hf_match_digest_tag(mixed);
		for (size_t m = 0; m < work->memories_count; m++)
			hf_match_memory_prefetch(work->memories[m],
						 queries[i].algorithm, mixed);
	}
	for (size_t s = 0; s < snapshot->segments_count; s++)
		search_segment(work, snapshot->segments[s], s, queries, count);
	for (size_t i = 0; i < count; i++) {
		if (work->first[i] != 0 || work->memories_count > 0)
			tell_query(view, i, begin, &queries[i], sink);
	}
}

enum hf_err hf_index_lookup_exact(struct hf_index_view *view,
				  const struct hf_index_query *queries,
				  size_t queries_count,
				  const struct hf_index_sink *sink,
				  struct hf_why *why)
{
	const struct hf_match_snapshot *snapshot = view->snapshot;
	struct hf_match_exact_work *work = view->exact;

	for (size_t i = 0; i < queries_count; i++) {
		if (hf_algorithm_bytes(queries[i].algorithm) == 0)
			return hf_why(why, HF_E_ARGUMENT,
				      "algorithm %u is not one the index holds",
				      queries[i].algorithm);
	}
	work->memories_count = 0;
	for (size_t m = 0; m < snapshot->memories_count; m++) {
		if (hf_match_memory_rows(snapshot->memories[m]) > 0)
			work->memories[work->memories_count++] =
				snapshot->memories[m];
	}
	for (size_t done = 0; done < queries_count; done += BLOCK) {
		size_t left = queries_count - done;

		look_up_block(view, queries + done, done,
			      left < BLOCK ? left : BLOCK, sink);
	}
	return HF_OK;
}
