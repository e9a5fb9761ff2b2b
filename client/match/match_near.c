#include <stdlib.h>
#include <string.h>

#include "match_state.h"

/*
 * Multi-index hashing.  Split 256 bits into 16 bands of 16.  If two hashes
 * differ in at most d bits, some band of theirs differs in at most d / 16,
 * and, going round the bands as a ring, one such band together with its
 * neighbour differs in at most 2 d / 16 (were it not so for any band, the
 * differences would sum up to more than d).  So it is enough to look into
 * the buckets of values within d / 16 of each of the query's bands, and to
 * fetch only what passes the neighbour's test, whose 16 bits stand beside the
 * key in the bucket.
 */

/* Bits that a band's value is probed within: 1, 17, or 137 buckets a band. */
#define RADIUS_MAX 2
#define MASKS_MAX  (1 + 16 + 120)
#define PROBES_MAX (HF_PDQ_BANDS * MASKS_MAX)
#define CANDIDATES 4096
#define SEEN       1024

/* How many buckets ahead of the scan to fetch, and of each how many lines:
 * longer buckets are found by the processor itself. */
#define AHEAD_BUCKETS 16
#define AHEAD_LINES   4
#define LINE_BYTES    64

struct probe {
	uint32_t begin;
	uint32_t count;
	uint8_t band;
	uint8_t limit; /* for the neighbour */
};

struct hf_near_work {
	uint16_t masks[MASKS_MAX]; /* fewest bits first */
	struct probe probes[PROBES_MAX];
	uint32_t places[CANDIDATES]; /* in the band's arrays */
	uint32_t keys[CANDIDATES];
	uint8_t bands[CANDIDATES];
	size_t candidates_count;
	uint64_t seen[SEEN]; /* round and key: compared in this search */
	uint32_t round;
};

/* What stays the same during one search. */
struct search {
	const struct hf_kernel *kernel;
	struct hf_near_work *work;
	const struct hf_segment_part *part;
	const struct hf_near_sink *sink;
	struct hf_pdq pdq;
	uint16_t bands[HF_PDQ_BANDS];
	unsigned distance;
	unsigned radius;     /* of a band */
	unsigned pair_limit; /* of a band and its neighbour */
};

static const unsigned masks_count[RADIUS_MAX + 1] = { 1, 17, 137 };

enum hf_err hf_near_work_new(struct hf_near_work **out_work, struct hf_why *why)
{
	struct hf_near_work *work = calloc(1, sizeof(*work));
	size_t count = 1;

	if (work == NULL)
		return hf_why(why, HF_E_NOMEM, "index: no memory to look up");
	for (unsigned i = 0; i < 16; i++)
		work->masks[count++] = (uint16_t)(1u << i);
	for (unsigned i = 0; i < 16; i++) {
		for (unsigned j = 0; j < i; j++)
			work->masks[count++] = (uint16_t)(1u << i | 1u << j);
	}
	*out_work = work;
	return HF_OK;
}

void hf_near_work_free(struct hf_near_work *work)
{
	free(work);
}

static unsigned differ(uint16_t a, uint16_t b)
{
	return (unsigned)__builtin_popcount((unsigned)(a ^ b));
}

/* A key is found through every band that qualifies; the first reports it. */
static bool is_first_band(const struct search *search, const uint8_t *digest,
			  unsigned band)
{
	for (unsigned b = 0; b < band; b++) {
		unsigned here =
			differ(search->bands[b], hf_pdq_band(digest, b));
		unsigned next = (b + 1) % HF_PDQ_BANDS;

		if (here <= search->radius &&
		    here + differ(search->bands[next],
				  hf_pdq_band(digest, next)) <=
			    search->pair_limit)
			return false;
	}
	return true;
}

static void compare_candidates(const struct search *search)
{
	const struct hf_segment_part *part = search->part;
	struct hf_near_work *work = search->work;
	size_t count = 0;

	/* Of near-duplicates one query finds the same key through a dozen
	 * bands: it is fetched once. */
	for (size_t i = 0; i < work->candidates_count; i++) {
		uint8_t band = work->bands[i];
		uint32_t key = part->bands[band].keys[work->places[i]];
		uint64_t mark = (uint64_t)work->round << 32 | key;

		if (key >= part->keys_count || work->seen[key % SEEN] == mark)
			continue;
		work->seen[key % SEEN] = mark;
		__builtin_prefetch(part->keys + (size_t)32 * key);
		work->keys[count] = key;
		work->bands[count++] = band;
	}
	for (size_t i = 0; i < count; i++) {
		const uint8_t *digest = part->keys + (size_t)32 * work->keys[i];
		struct hf_pdq have = hf_pdq_load(digest);
		unsigned distance = hf_pdq_distance(&have, &search->pdq);

		if (distance <= search->distance &&
		    is_first_band(search, digest, work->bands[i]))
			search->sink->key(search->sink->arg, work->keys[i],
					  distance);
	}
	work->candidates_count = 0;
}

static size_t list_probes(const struct search *search)
{
	struct hf_near_work *work = search->work;
	size_t count = 0;

	for (unsigned b = 0; b < HF_PDQ_BANDS; b++) {
		const uint32_t *offsets = search->part->bands[b].offsets;

		for (unsigned m = 0; m < masks_count[search->radius]; m++) {
			uint16_t mask = work->masks[m];
			unsigned value = search->bands[b] ^ mask;
			uint32_t begin = offsets[value];
			uint32_t end = offsets[value + 1];

			work->probes[count] = (struct probe){
				.begin = begin,
				.count = end - begin,
				.band = (uint8_t)b,
				.limit = (uint8_t)(search->pair_limit -
						   differ(mask, 0)),
			};
			count += begin < end;
		}
	}
	return count;
}

static void prefetch_probe(const struct search *search,
			   const struct probe *probe)
{
	const uint16_t *nexts =
		search->part->bands[probe->band].nexts + probe->begin;
	size_t bytes = (size_t)probe->count * sizeof(*nexts);

	for (size_t at = 0; at < bytes && at < AHEAD_LINES * LINE_BYTES;
	     at += LINE_BYTES)
		__builtin_prefetch((const uint8_t *)nexts + at);
}

static void scan_probe(const struct search *search, const struct probe *probe)
{
	const struct hf_segment_band *band = &search->part->bands[probe->band];
	uint16_t want = search->bands[(probe->band + 1u) % HF_PDQ_BANDS];
	struct hf_near_work *work = search->work;

	for (uint32_t done = 0; done < probe->count; done += HF_KERNEL_BLOCK) {
		uint32_t begin = probe->begin + done;
		uint32_t left = probe->count - done;
		uint32_t *places;
		size_t found;

		if (CANDIDATES - work->candidates_count < HF_KERNEL_BLOCK)
			compare_candidates(search);
		places = work->places + work->candidates_count;
		found = search->kernel->scan_sketches(
			band->nexts + begin,
			left < HF_KERNEL_BLOCK ? left : HF_KERNEL_BLOCK, want,
			probe->limit, places);
		for (size_t i = 0; i < found; i++) {
			places[i] += begin;
			work->bands[work->candidates_count + i] = probe->band;
			__builtin_prefetch(&band->keys[places[i]]);
		}
		work->candidates_count += found;
	}
}

void hf_near_search(const struct hf_kernel *kernel, struct hf_near_work *work,
		    const struct hf_segment_part *part, const uint8_t *digest,
		    unsigned distance, const struct hf_near_sink *sink)
{
	struct search search = {
		.kernel = kernel,
		.work = work,
		.part = part,
		.sink = sink,
		.pdq = hf_pdq_load(digest),
		.distance = distance,
		.radius = distance / HF_PDQ_BANDS,
		.pair_limit = 2 * distance / HF_PDQ_BANDS,
	};
	size_t count;

	if (!part->has_bands || search.radius > RADIUS_MAX) {
		hf_near_scan(kernel, part->keys, part->keys_count, digest,
			     distance, sink);
		return;
	}
	for (unsigned b = 0; b < HF_PDQ_BANDS; b++)
		search.bands[b] = hf_pdq_band(digest, b);
	/* Rounds begin at 1, and forget everything when they come round. */
	if (++work->round == 0) {
		memset(work->seen, 0, sizeof(work->seen));
		work->round = 1;
	}
	count = list_probes(&search);
	for (size_t i = 0; i < count && i < AHEAD_BUCKETS; i++)
		prefetch_probe(&search, &work->probes[i]);
	for (size_t i = 0; i < count; i++) {
		if (i + AHEAD_BUCKETS < count)
			prefetch_probe(&search,
				       &work->probes[i + AHEAD_BUCKETS]);
		scan_probe(&search, &work->probes[i]);
	}
	compare_candidates(&search);
}

void hf_near_prefetch(const struct hf_segment_part *part, const uint8_t *digest,
		      unsigned distance)
{
	if (!part->has_bands || distance / HF_PDQ_BANDS > RADIUS_MAX)
		return;
	for (unsigned b = 0; b < HF_PDQ_BANDS; b++) {
		const uint32_t *offsets = part->bands[b].offsets;
		unsigned value = hf_pdq_band(digest, b);

		__builtin_prefetch(&offsets[value]);
		/* Sixteen offsets to a line: flips of the lower bits stay. */
		for (unsigned i = 4; distance >= HF_PDQ_BANDS && i < 16; i++)
			__builtin_prefetch(&offsets[value ^ 1u << i]);
	}
}

void hf_near_scan(const struct hf_kernel *kernel, const uint8_t *digests,
		  uint32_t digests_count, const uint8_t *digest,
		  unsigned distance, const struct hf_near_sink *sink)
{
	struct hf_pdq want = hf_pdq_load(digest);
	uint32_t positions[HF_KERNEL_BLOCK];

	for (uint32_t done = 0; done < digests_count; done += HF_KERNEL_BLOCK) {
		uint32_t left = digests_count - done;
		size_t found = kernel->scan_digests(
			digests + (size_t)32 * done,
			left < HF_KERNEL_BLOCK ? left : HF_KERNEL_BLOCK, &want,
			distance, positions);

		for (size_t i = 0; i < found; i++) {
			uint32_t key = done + positions[i];
			struct hf_pdq have =
				hf_pdq_load(digests + (size_t)32 * key);

			sink->key(sink->arg, key,
				  hf_pdq_distance(&have, &want));
		}
	}
}
