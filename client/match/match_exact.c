#include <stdlib.h>
#include <string.h>

#include "match_lookup.h"

/*
 * A lookup of an unknown digest touches one line of a filter, a known one
 * also one of a directory and one or two of keys; each is a cache miss in a
 * large index.  So a block of queries takes each step together: while one
 * waits for its line, the others' are on their way.
 */
#define BLOCK 64

struct match {
	uint32_t key;
	uint16_t next; /* of the same query, by number + 1 */
	uint8_t segment;
};

struct hf_match_exact_work {
	uint64_t mixed[BLOCK];
	uint32_t low[BLOCK];
	uint32_t high[BLOCK];
	uint8_t pending[BLOCK];
	uint16_t first[BLOCK]; /* match of a query, by number + 1 */
	size_t matches_count;
	struct match matches[BLOCK * HF_MATCH_SEGMENTS_MAX];
};

enum hf_err hf_match_exact_work_new(struct hf_match_exact_work **out_work,
				    struct hf_why *why)
{
	struct hf_match_exact_work *work = calloc(1, sizeof(*work));

	if (work == NULL)
		return hf_why(why, HF_E_NOMEM, "index: no memory to look up");
	*out_work = work;
	return HF_OK;
}

void hf_match_exact_work_free(struct hf_match_exact_work *work)
{
	free(work);
}

static bool passes_filter(const struct hf_match_segment_part *part,
			  uint64_t mixed)
{
	const uint32_t *block;

	if (part->filter_blocks == 0)
		return true;
	block = part->filter +
		(size_t)8 * hf_match_filter_block(mixed, part->filter_blocks);
	for (unsigned w = 0; w < 8; w++) {
		if ((block[w] & hf_match_filter_bit(mixed, w)) == 0)
			return false;
	}
	return true;
}

/* The key in [low, high) that is this digest; high when there is none. */
static uint32_t find_key(const struct hf_match_segment_part *part, uint32_t low,
			 uint32_t high, const uint8_t *digest)
{
	size_t bytes = part->digest_bytes;
	uint32_t end = high;

	/* Digests that begin alike make long buckets: those are halved. */
	while (high - low > 8) {
		uint32_t middle = low + (high - low) / 2;

		if (memcmp(part->keys + middle * bytes, digest, bytes) <= 0)
			low = middle;
		else
			high = middle;
	}
	for (; low < high; low++) {
		const uint8_t *key = part->keys + low * bytes;

		if (memcmp(key, digest, 8) == 0 &&
		    memcmp(key, digest, bytes) == 0)
			return low;
	}
	return end;
}

/* Which of a block's queries a segment knows. */
static void search_segment(struct hf_match_exact_work *work,
			   const struct hf_match_segment *segment,
			   size_t number, const struct hf_index_query *queries,
			   size_t count)
{
	size_t pending = 0, passed = 0;

	for (size_t i = 0; i < count; i++) {
		const struct hf_match_segment_part *part =
			&segment->parts[queries[i].algorithm];

		if (part->keys_count == 0)
			continue;
		if (part->filter_blocks > 0)
			__builtin_prefetch(
				part->filter +
				(size_t)8 * hf_match_filter_block(
						    work->mixed[i],
						    part->filter_blocks));
		work->pending[pending++] = (uint8_t)i;
	}
	for (size_t p = 0; p < pending; p++) {
		uint8_t i = work->pending[p];
		const struct hf_match_segment_part *part =
			&segment->parts[queries[i].algorithm];

		if (!passes_filter(part, work->mixed[i]))
			continue;
		work->low[i] = hf_match_digest_prefix(queries[i].digest,
						      part->directory_bits);
		__builtin_prefetch(&part->directory[work->low[i]]);
		work->pending[passed++] = i;
	}
	for (size_t p = 0; p < passed; p++) {
		uint8_t i = work->pending[p];
		const struct hf_match_segment_part *part =
			&segment->parts[queries[i].algorithm];
		const uint32_t *bounds = &part->directory[work->low[i]];

		work->low[i] = bounds[0];
		work->high[i] = bounds[1];
		__builtin_prefetch(part->keys + bounds[0] * part->digest_bytes);
		__builtin_prefetch(part->keys + bounds[0] * part->digest_bytes +
				   64);
	}
	for (size_t p = 0; p < passed; p++) {
		uint8_t i = work->pending[p];
		uint32_t key = find_key(&segment->parts[queries[i].algorithm],
					work->low[i], work->high[i],
					queries[i].digest);

		if (key == work->high[i])
			continue;
		work->matches[work->matches_count++] =
			(struct match){ key, work->first[i], (uint8_t)number };
		work->first[i] = (uint16_t)work->matches_count;
		__builtin_prefetch(
			&segment->parts[queries[i].algorithm].firsts[key]);
	}
}

/* The entries of what was found, before they are told. */
static void prefetch_refs(const struct hf_match_exact_work *work,
			  const struct hf_match_snapshot *snapshot,
			  const struct hf_index_query *queries, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		for (uint16_t at = work->first[i]; at != 0;
		     at = work->matches[at - 1].next) {
			const struct match *match = &work->matches[at - 1];
			const struct hf_match_segment_part *part =
				&snapshot->segments[match->segment]
					 ->parts[queries[i].algorithm];

			__builtin_prefetch(
				&part->refs[part->firsts[match->key]]);
		}
	}
}

static void tell_memories(struct hf_index_view *view,
			  const struct hf_index_query *query, uint64_t mixed,
			  const struct hf_index_sink *sink,
			  struct hf_match_finding *finding)
{
	const struct hf_match_snapshot *snapshot = view->snapshot;

	for (size_t m = 0; m < snapshot->memories_count; m++) {
		const struct hf_match_memory *memory = snapshot->memories[m];
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
	struct hf_match_finding finding = {
		.query = begin + number,
		.algorithm = query->algorithm,
	};

	hf_match_tell_begin(view);
	tell_memories(view, query, work->mixed[number], sink, &finding);
	for (uint16_t at = work->first[number]; at != 0;
	     at = work->matches[at - 1].next) {
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
		work->mixed[i] = hf_match_digest_mix(
			queries[i].digest,
			hf_algorithm_bytes(queries[i].algorithm));
		for (size_t m = 0; m < snapshot->memories_count; m++)
			hf_match_memory_prefetch(snapshot->memories[m],
						 queries[i].algorithm,
						 work->mixed[i]);
	}
	for (size_t s = 0; s < snapshot->segments_count; s++)
		search_segment(work, snapshot->segments[s], s, queries, count);
	prefetch_refs(work, snapshot, queries, count);
	for (size_t i = 0; i < count; i++)
		tell_query(view, i, begin, &queries[i], sink);
}

enum hf_err hf_index_lookup_exact(struct hf_index_view *view,
				  const struct hf_index_query *queries,
				  size_t queries_count,
				  const struct hf_index_sink *sink,
				  struct hf_why *why)
{
	for (size_t i = 0; i < queries_count; i++) {
		if (hf_algorithm_bytes(queries[i].algorithm) == 0)
			return hf_why(why, HF_E_ARGUMENT,
				      "algorithm %u is not one the index holds",
				      queries[i].algorithm);
	}
	for (size_t done = 0; done < queries_count; done += BLOCK) {
		size_t left = queries_count - done;

		look_up_block(view, queries + done, done,
			      left < BLOCK ? left : BLOCK, sink);
	}
	return HF_OK;
}
