#include <stdlib.h>
#include <string.h>

#include "match_lookup.h"
#include "match_probe.h"

/*
 * A lookup of an unknown digest touches one line of each segment, a known one
 * also its key, with the entry behind it: each is a cache miss in a large
 * index.  So queries go through the segments in small blocks, one behind the
 * other: while one block is told, the keys of the next are on their way, and
 * the lines of the one after.  The processor can wait for some twenty lines at
 * a time; more at once make it wait for room to wait in.
 */
#define BLOCK       16
#define LINES_AHEAD 1 /* blocks whose lines are on their way */
#define KEYS_AHEAD  1
#define RING        4 /* more than both; a power of two */

struct match {
	uint32_t key;
	uint16_t next; /* of the same query, by number + 1 */
	uint8_t segment;
};

/* Queries, what follows from each, and what was found. */
struct block {
	const struct hf_index_query *queries;
	size_t begin; /* number of the first */
	size_t count;
	uint64_t order[BLOCK];
	uint32_t chains[HF_MATCH_FROZEN_MAX + 1][BLOCK]; /* of each memory */
	uint16_t tags[BLOCK];
	uint16_t first[BLOCK]; /* match, by number + 1 */
	size_t matches_count;
	struct match matches[BLOCK * HF_MATCH_SEGMENTS_MAX];
};

/* A block in a segment: the line of each query there, and who passed. */
struct step {
	struct block *block;
	size_t number; /* of the segment */
	const struct hf_match_segment *segment;
	const struct hf_match_line *lines[BLOCK];
	size_t passed_count;
	struct hf_match_passed passed[BLOCK];
};

struct hf_match_exact_work {
	const struct hf_match_probe *probe;
	/* The mutable parts that have something. */
	size_t memories_count;
	const struct hf_match_memory *memories[HF_MATCH_FROZEN_MAX + 1];
	struct block blocks[RING];
	struct step steps[RING];
};

_Static_assert(BLOCK *HF_MATCH_SEGMENTS_MAX < UINT16_MAX,
	       "a match's number fits");
_Static_assert(LINES_AHEAD + KEYS_AHEAD < RING, "no step before its time");

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

/* The next queries, up to a block. */
static void block_begin(const struct hf_match_exact_work *work,
			struct block *block,
			const struct hf_index_query *queries, size_t begin,
			size_t queries_count)
{
	size_t left = queries_count - begin;

	block->queries = queries + begin;
	block->begin = begin;
	block->count = left < BLOCK ? left : BLOCK;
	block->matches_count = 0;
	for (size_t i = 0; i < block->count; i++) {
		unsigned algorithm = block->queries[i].algorithm;
		const uint8_t *digest = block->queries[i].digest;
		size_t bytes = hf_algorithm_bytes(algorithm);
		uint64_t mixed = hf_match_digest_mix(digest, bytes);

		block->order[i] = hf_match_digest_order(digest, bytes, mixed);
		block->tags[i] = hf_match_digest_tag(mixed);
		block->first[i] = 0;
		for (size_t m = 0; m < work->memories_count; m++)
			block->chains[m][i] = hf_match_memory_chain(
				work->memories[m], algorithm, digest);
	}
}

static void step_begin(struct step *step, struct block *block, size_t number,
		       const struct hf_match_segment *segment)
{
	static const struct hf_match_line nothing;

	step->block = block;
	step->number = number;
	step->segment = segment;
	for (size_t i = 0; i < block->count; i++) {
		const struct hf_match_segment_part *part =
			&segment->parts[block->queries[i].algorithm];

		step->lines[i] =
			part->keys_count == 0
				? &nothing
				: &part->lines[hf_match_line_of(
					  block->order[i], part->lines_count)];
		__builtin_prefetch(step->lines[i]);
	}
}

/* Which of the block's queries the segment may know. */
static void step_probe(const struct hf_match_probe *probe, struct step *step)
{
	const struct block *block = step->block;

	step->passed_count = probe->pass(step->lines, block->tags, block->count,
					 step->passed);
	for (size_t p = 0; p < step->passed_count; p++) {
		const struct hf_match_passed *one = &step->passed[p];
		unsigned algorithm = block->queries[one->number].algorithm;

		if (one->places != HF_MATCH_PROBE_CROWDED)
			prefetch_key(
				&step->segment->parts[algorithm],
				step->lines[one->number]->base +
					(uint32_t)__builtin_ctz(one->places));
	}
}

/* Which it knows. */
static void step_find(const struct step *step)
{
	struct block *block = step->block;

	for (size_t p = 0; p < step->passed_count; p++) {
		uint32_t i = step->passed[p].number;
		const struct hf_index_query *query = &block->queries[i];
		const struct hf_match_segment_part *part =
			&step->segment->parts[query->algorithm];
		uint32_t key =
			find_key(part, step->lines[i], step->passed[p].places,
				 block->order[i], query->digest);

		if (key == part->keys_count)
			continue;
		block->matches[block->matches_count++] =
			(struct match){ key, block->first[i],
					(uint8_t)step->number };
		block->first[i] = (uint16_t)block->matches_count;
	}
}

static void tell_memories(struct hf_index_view *view, const struct block *block,
			  size_t number, const struct hf_index_sink *sink,
			  struct hf_match_finding *finding)
{
	const struct hf_match_exact_work *work = view->exact;
	const struct hf_index_query *query = &block->queries[number];

	for (size_t m = 0; m < work->memories_count; m++) {
		const struct hf_match_memory *memory = work->memories[m];
		uint32_t row = hf_match_memory_find(memory, query->algorithm,
						    query->digest,
						    block->chains[m][number]);

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

static void tell_query(struct hf_index_view *view, const struct block *block,
		       size_t number, const struct hf_index_sink *sink)
{
	const struct hf_match_snapshot *snapshot = view->snapshot;
	const struct hf_index_query *query = &block->queries[number];
	uint16_t at = block->first[number];
	struct hf_match_finding finding = {
		.query = block->begin + number,
		.algorithm = query->algorithm,
	};

	hf_match_tell_begin(view);
	tell_memories(view, block, number, sink, &finding);
	/* One key of one segment has no entry twice. */
	finding.is_news = view->told_count == 0 && at != 0 &&
			  block->matches[at - 1].next == 0;
	for (; at != 0; at = block->matches[at - 1].next) {
		const struct match *match = &block->matches[at - 1];
		const struct hf_match_segment *segment =
			snapshot->segments[match->segment];

		finding.sequence = segment->sequence;
		if (!hf_match_tell_key(view, sink,
				       &segment->parts[query->algorithm],
				       match->key, &finding))
			return;
	}
}

static void tell_block(struct hf_index_view *view, const struct block *block,
		       const struct hf_index_sink *sink)
{
	for (size_t i = 0; i < block->count; i++) {
		if (block->first[i] != 0 || view->exact->memories_count > 0)
			tell_query(view, block, i, sink);
	}
}

/* Every block goes through every segment; a step is one block in one. */
static void look_up(struct hf_index_view *view,
		    const struct hf_index_query *queries, size_t queries_count,
		    const struct hf_index_sink *sink)
{
	const struct hf_match_snapshot *snapshot = view->snapshot;
	struct hf_match_exact_work *work = view->exact;
	size_t segments_count = snapshot->segments_count;
	size_t steps_count =
		(queries_count + BLOCK - 1) / BLOCK * segments_count;
	size_t begun = 0, probed = 0, found = 0;

	while (found < steps_count) {
		if (begun < steps_count) {
			size_t number = begun % segments_count;
			size_t turn = begun / segments_count;
			struct block *block = &work->blocks[turn % RING];

			if (number == 0)
				block_begin(work, block, queries, turn * BLOCK,
					    queries_count);
			step_begin(&work->steps[begun++ % RING], block, number,
				   snapshot->segments[number]);
		}
		if (probed < begun &&
		    (begun - probed > LINES_AHEAD || begun == steps_count))
			step_probe(work->probe, &work->steps[probed++ % RING]);
		if (found < probed &&
		    (probed - found > KEYS_AHEAD || probed == steps_count)) {
			const struct step *step = &work->steps[found++ % RING];

			step_find(step);
			if (step->number + 1 == segments_count)
				tell_block(view, step->block, sink);
		}
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
	if (snapshot->segments_count > 0) {
		look_up(view, queries, queries_count, sink);
		return HF_OK;
	}
	for (size_t done = 0; done < queries_count; done += BLOCK) {
		block_begin(work, &work->blocks[0], queries, done,
			    queries_count);
		tell_block(view, &work->blocks[0], sink);
	}
	return HF_OK;
}
