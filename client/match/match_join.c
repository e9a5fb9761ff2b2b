#include <stdlib.h>
#include <string.h>

#include "match_band.h"
#include "match_index.h"
#include "match_join.h"

/* Buckets that are listed at a time, and what may pass in them: a larger
 * bucket is not for a join. */
#define BUCKETS    1024
#define CANDIDATES 16384

/* Results of a batch: more are not kept in memory. */
#define RESULTS_MAX ((size_t)4 * 1024 * 1024)

/* Candidates of a query that are compared: of one that has more, as near a
 * crowd, a search alone finds out what is best. */
#define COMPARED_MAX 65536

struct query {
	struct hf_match_wanted wanted;
	uint32_t compared;
	uint32_t told;  /* results */
	uint32_t first; /* result, by number + 1 */
};

struct hf_match_join {
	uint16_t masks[HF_MATCH_MASKS_MAX];
	size_t count;
	unsigned distance;
	struct query queries[HF_MATCH_JOIN_MAX];
	/* What is read for every bucket stands together: of each query, and
	 * of the band at hand. */
	struct hf_match_pdq pdqs[HF_MATCH_JOIN_MAX];
	bool is_left[HF_MATCH_JOIN_MAX];
	uint16_t values[HF_MATCH_JOIN_MAX];
	uint16_t wants[HF_MATCH_JOIN_MAX];
	/* Of one band: a bucket's value above, a query's number below; and
	 * room to sort them. */
	uint32_t *probes; /* owned, with the next */
	uint32_t *sorted;
	struct hf_match_bucket buckets[BUCKETS];
	struct hf_match_candidate candidates[CANDIDATES];
	uint32_t keys[CANDIDATES];
	uint32_t positions[CANDIDATES];
	struct hf_match_joined *results; /* owned */
	size_t results_count;
	size_t results_size;
};

#define PROBES_MAX ((size_t)HF_MATCH_JOIN_MAX * HF_MATCH_MASKS_MAX)

enum hf_err hf_match_join_new(struct hf_match_join **out_join,
			      struct hf_why *why)
{
	struct hf_match_join *join = calloc(1, sizeof(*join));

	if (join == NULL)
		return hf_why(why, HF_E_NOMEM, "index: no memory to look up");
	/* The system gives pages as they are touched: the usual distance
	 * takes an eighth of it. */
	join->probes = malloc(2 * PROBES_MAX * sizeof(join->probes[0]));
	if (join->probes == NULL) {
		free(join);
		return hf_why(why, HF_E_NOMEM, "index: no memory to look up");
	}
	join->sorted = join->probes + PROBES_MAX;
	hf_match_masks_fill(join->masks);
	*out_join = join;
	return HF_OK;
}

void hf_match_join_free(struct hf_match_join *join)
{
	if (join == NULL)
		return;
	free(join->probes);
	free(join->results);
	free(join);
}

void hf_match_join_begin(struct hf_match_join *join, const uint8_t *digests,
			 size_t count, unsigned distance)
{
	join->count = count;
	join->distance = distance;
	join->results_count = 0;
	memset(join->is_left, 0, sizeof(join->is_left));
	for (size_t i = 0; i < count; i++) {
		struct query *query = &join->queries[i];

		*query = (struct query){ .compared = 0 };
		hf_match_wanted_init(&query->wanted, digests + 32 * i,
				     distance);
		join->pdqs[i] = query->wanted.pdq;
	}
}

/* By eight bits of the value. */
static void sort_pass(const uint32_t *from, size_t count, unsigned shift,
		      uint32_t *to)
{
	size_t begins[256] = { 0 }, sum = 0;

	for (size_t i = 0; i < count; i++)
		begins[from[i] >> shift & 255]++;
	for (size_t v = 0; v < 256; v++) {
		size_t count_of = begins[v];

		begins[v] = sum;
		sum += count_of;
	}
	for (size_t i = 0; i < count; i++)
		to[begins[from[i] >> shift & 255]++] = from[i];
}

/* The buckets of all queries in one band, in order of their values. */
static size_t list_probes(struct hf_match_join *join, unsigned band,
			  unsigned next)
{
	unsigned masks =
		hf_match_masks_count[join->distance / HF_MATCH_PDQ_BANDS];
	size_t count = 0;

	for (size_t i = 0; i < join->count; i++) {
		const struct query *query = &join->queries[i];

		join->values[i] = query->wanted.bands[band];
		join->wants[i] = query->wanted.bands[next];
		for (unsigned m = 0; m < masks && !join->is_left[i]; m++)
			join->probes[count++] =
				(unsigned)(join->values[i] ^ join->masks[m])
					<< 16 |
				(uint32_t)i;
	}
	sort_pass(join->probes, count, 16, join->sorted);
	sort_pass(join->sorted, count, 24, join->probes);
	return count;
}

static bool put_result(struct hf_match_join *join, size_t number, uint32_t key,
		       unsigned segment, unsigned distance)
{
	struct query *query = &join->queries[number];

	if (join->results_count == join->results_size) {
		size_t size =
			join->results_size > 0 ? 2 * join->results_size : 16384;
		struct hf_match_joined *results;

		if (size > RESULTS_MAX)
			return false;
		results = realloc(join->results, size * sizeof(*results));
		if (results == NULL)
			return false;
		join->results = results;
		join->results_size = size;
	}
	join->results[join->results_count++] = (struct hf_match_joined){
		.key = key,
		.next = query->first,
		.query = (uint16_t)number,
		.segment = (uint8_t)segment,
		.distance = (uint8_t)distance,
	};
	query->first = (uint32_t)join->results_count;
	query->told++;
	return true;
}

/* Compare what passed. */
static bool compare_keys(struct hf_match_join *join,
			 const struct hf_match_kernel *kernel, size_t count,
			 const struct hf_match_segment_part *part,
			 unsigned band, unsigned segment)
{
	const struct hf_match_comparison comparison = {
		.digests = part->keys,
		.keys = join->keys,
		.candidates = join->candidates,
		.count = count,
		.wants = join->pdqs,
		.tag_mask = HF_MATCH_JOIN_MAX - 1,
		.distance = join->distance,
	};
	size_t found;

	for (size_t i = 0; i < count; i++) {
		const struct hf_match_candidate *candidate =
			&join->candidates[i];
		uint32_t key = part->bands[band].keys[candidate->place];

		/* Only a damaged file has others. */
		join->keys[i] = key < part->keys_count ? key : 0;
		if (++join->queries[candidate->tag].compared > COMPARED_MAX)
			join->is_left[candidate->tag] = true;
	}
	found = kernel->compare(&comparison, join->positions);
	for (size_t i = 0; i < found; i++) {
		uint32_t at = join->positions[i], key = join->keys[at];
		uint32_t number = join->candidates[at].tag;
		struct query *query = &join->queries[number];
		const uint8_t *digest = part->keys + (size_t)32 * key;
		struct hf_match_pdq have = hf_match_pdq_load(digest);

		if (query->told > HF_INDEX_HITS_MAX)
			join->is_left[number] = true;
		if (!join->is_left[number] &&
		    hf_match_wanted_order(&query->wanted, part->bands, digest) /
				    HF_MATCH_MASKS_MAX ==
			    band &&
		    !put_result(
			    join, number, key, segment,
			    hf_match_pdq_distance(&have, &join->pdqs[number])))
			return false;
	}
	return true;
}

/* The next probes' buckets, without empty ones; *at moves on. */
static size_t list_buckets(struct hf_match_join *join, size_t *at,
			   size_t probes_count,
			   const struct hf_match_segment_band *band)
{
	unsigned pair_limit = 2 * join->distance / HF_MATCH_PDQ_BANDS;
	size_t count = 0;

	for (; *at < probes_count && count < BUCKETS; ++*at) {
		unsigned value = join->probes[*at] >> 16;
		uint32_t number = join->probes[*at] & 0xffff;
		unsigned differ = value ^ join->values[number];
		uint32_t begin = band->offsets[value];
		struct hf_match_bucket *bucket = &join->buckets[count];

		/* At most two bits. */
		differ = (differ != 0) + ((differ & (differ - 1)) != 0);
		*bucket = (struct hf_match_bucket){
			.sketches = band->nexts + begin,
			.keys = band->keys + begin,
			.begin = begin,
			.count = band->offsets[value + 1] - begin,
			.tag = number,
			.want = join->wants[number],
			.limit = (uint16_t)(pair_limit - differ),
		};
		if (bucket->count > CANDIDATES)
			join->is_left[number] = true;
		count += bucket->count > 0 && !join->is_left[number];
	}
	return count;
}

static bool join_band(struct hf_match_join *join,
		      const struct hf_match_kernel *kernel,
		      const struct hf_match_segment_part *part, unsigned band,
		      unsigned segment)
{
	size_t probes_count = list_probes(join, band, part->bands[band].next);
	size_t at = 0;

	while (at < probes_count) {
		size_t count = list_buckets(join, &at, probes_count,
					    &part->bands[band]);

		for (size_t done = 0; done < count;) {
			size_t found;

			done += kernel->scan_buckets(join->buckets + done,
						     count - done, CANDIDATES,
						     join->candidates, &found);
			if (!compare_keys(join, kernel, found, part, band,
					  segment))
				return false;
		}
	}
	return true;
}

bool hf_match_join_part(struct hf_match_join *join,
			const struct hf_match_kernel *kernel,
			const struct hf_match_segment_part *part,
			unsigned segment)
{
	for (unsigned b = 0; b < HF_MATCH_PDQ_BANDS; b++) {
		if (!join_band(join, kernel, part, b, segment))
			return false;
	}
	return true;
}

bool hf_match_join_is_left(const struct hf_match_join *join, size_t query)
{
	return join->is_left[query];
}

static const struct hf_match_joined *at_link(const struct hf_match_join *join,
					     uint32_t link)
{
	return link == 0 ? NULL : &join->results[link - 1];
}

const struct hf_match_joined *
hf_match_join_first(const struct hf_match_join *join, size_t query)
{
	return at_link(join, join->queries[query].first);
}

const struct hf_match_joined *
hf_match_join_next(const struct hf_match_join *join,
		   const struct hf_match_joined *joined)
{
	return at_link(join, joined->next);
}
