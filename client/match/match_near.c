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
#define SEEN       1024

/* Candidates that wait to be compared, and sketches scanned in one go: the
 * second must find room behind the first. */
#define CANDIDATES 8192
#define SCAN_MOST  4096

/* Of a bucket that is scanned soon, so many lines are fetched: of longer ones
 * the processor finds the rest itself. */
#define AHEAD_LINES 4
#define LINE_BYTES  64

/*
 * A search waits for memory in three places: the buckets, the numbers of the
 * keys that passed, the keys.  So three searches run abreast: while one scans
 * its buckets, the keys' numbers of the one before and the keys of the one
 * before that are on their way.
 */
#define STAGES 3

struct slot {
	struct hf_match_near_job job;
	struct hf_match_pdq pdq;
	uint16_t bands[HF_MATCH_PDQ_BANDS];
	unsigned radius;     /* of a band */
	unsigned pair_limit; /* of a band and its neighbour */
	bool is_used;
	bool is_fetched;
	bool is_over; /* nothing more is to be scanned or told */
	size_t compared;
	/* The band that is being scanned: its first candidate, the sketches
	 * scanned and to scan, and whether none of it was compared yet. */
	size_t band_from;
	uint64_t band_done;
	uint64_t band_size;
	bool is_band_whole;
	size_t count;
	uint32_t places[CANDIDATES]; /* in the band's arrays */
	uint32_t keys[CANDIDATES];
	uint8_t of_bands[CANDIDATES];
};

struct hf_match_near_work {
	uint16_t masks[MASKS_MAX]; /* fewest bits first */
	struct hf_match_bucket buckets[2][MASKS_MAX];
	uint64_t seen[SEEN]; /* round and key: compared in this search */
	uint32_t round;
	unsigned next; /* slot */
	struct slot slots[STAGES];
};

static const unsigned masks_count[RADIUS_MAX + 1] = { 1, 17, 137 };

enum hf_err hf_match_near_work_new(struct hf_match_near_work **out_work,
				   struct hf_why *why)
{
	struct hf_match_near_work *work = calloc(1, sizeof(*work));
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

void hf_match_near_work_free(struct hf_match_near_work *work)
{
	free(work);
}

static unsigned differ(uint16_t a, uint16_t b)
{
	return (unsigned)__builtin_popcount((unsigned)(a ^ b));
}

/* A key is found through every band that qualifies; the first reports it. */
static bool is_first_band(const struct slot *slot, const uint8_t *digest,
			  unsigned band)
{
	for (unsigned b = 0; b < band; b++) {
		unsigned here =
			differ(slot->bands[b], hf_match_pdq_band(digest, b));
		unsigned next = (b + 1) % HF_MATCH_PDQ_BANDS;

		if (here <= slot->radius &&
		    here + differ(slot->bands[next],
				  hf_match_pdq_band(digest, next)) <=
			    slot->pair_limit)
			return false;
	}
	return true;
}

/* The second stage: which keys the candidates are. */
static void fetch_keys(struct slot *slot)
{
	const struct hf_match_segment_part *part = slot->job.part;

	slot->is_fetched = true;
	for (size_t i = 0; i < slot->count; i++) {
		uint32_t key =
			part->bands[slot->of_bands[i]].keys[slot->places[i]];

		/* Only a damaged file has others. */
		if (key >= part->keys_count)
			key = 0;
		slot->keys[i] = key;
		__builtin_prefetch(part->keys + (size_t)32 * key);
	}
}

/* The third: compare them. */
static void compare_keys(struct hf_match_near_work *work, struct slot *slot,
			 const struct hf_match_near_sink *sink)
{
	const struct hf_match_near_job *job = &slot->job;

	if (!slot->is_fetched)
		fetch_keys(slot);
	/* Rounds begin at 1, and forget everything when they come round. */
	if (++work->round == 0) {
		memset(work->seen, 0, sizeof(work->seen));
		work->round = 1;
	}
	for (size_t i = 0; i < slot->count; i++) {
		uint32_t key = slot->keys[i];
		const uint8_t *digest = job->part->keys + (size_t)32 * key;
		uint64_t mark = (uint64_t)work->round << 32 | key;
		struct hf_match_pdq have;
		unsigned distance;

		/* Of near-duplicates one search finds the same key through a
		 * dozen bands: it is compared once. */
		if (work->seen[key % SEEN] == mark)
			continue;
		work->seen[key % SEEN] = mark;
		have = hf_match_pdq_load(digest);
		distance = hf_match_pdq_distance(&have, &slot->pdq);
		if (distance <= job->distance &&
		    is_first_band(slot, digest, slot->of_bands[i]) &&
		    !sink->key(sink->arg, job, key, distance)) {
			slot->is_over = true;
			break;
		}
	}
	slot->compared += slot->count;
	slot->count = 0;
	slot->is_fetched = false;
}

/* A search's answers are complete. */
static void end_slot(struct hf_match_near_work *work, struct slot *slot,
		     const struct hf_match_near_sink *sink)
{
	if (!slot->is_used)
		return;
	compare_keys(work, slot, sink);
	sink->done(sink->arg, &slot->job);
	slot->is_used = false;
}

/* The slot that was pushed so many before the newest. */
static struct slot *slot_before(struct hf_match_near_work *work,
				unsigned before)
{
	return &work->slots[(work->next + STAGES - 1 - before) % STAGES];
}

/* Where a band's buckets are, and their first lines on the way. */
static size_t list_buckets(struct hf_match_near_work *work,
			   const struct slot *slot, unsigned band,
			   struct hf_match_bucket *out_buckets)
{
	const struct hf_match_segment_band *table =
		&slot->job.part->bands[band];
	size_t count = 0;

	for (unsigned m = 0; m < masks_count[slot->radius]; m++) {
		unsigned value = slot->bands[band] ^ work->masks[m];
		uint32_t begin = table->offsets[value];
		uint32_t end = table->offsets[value + 1];
		const uint8_t *from = (const uint8_t *)(table->nexts + begin);
		size_t bytes = (size_t)(end - begin) * sizeof(uint16_t);

		out_buckets[count] = (struct hf_match_bucket){
			.begin = begin,
			.count = end - begin,
			.limit = slot->pair_limit - (m > 0) - (m > 16),
		};
		count += begin < end;
		for (size_t at = 0; at < bytes && at < AHEAD_LINES * LINE_BYTES;
		     at += LINE_BYTES)
			__builtin_prefetch(from + at);
	}
	return count;
}

/* Without waiting for the stages: older searches are told first. */
static void compare_now(struct hf_match_near_work *work, struct slot *slot,
			const struct hf_match_near_sink *sink)
{
	end_slot(work, slot_before(work, 2), sink);
	end_slot(work, slot_before(work, 1), sink);
	compare_keys(work, slot, sink);
}

/* Compare with every digest, one behind the other.  With a slot, only those
 * that no band before this one gives away are told. */
static void scan_all(const struct hf_match_kernel *kernel,
		     const struct hf_match_near_job *job,
		     const struct slot *slot, unsigned band,
		     const struct hf_match_near_sink *sink)
{
	const uint8_t *digests = job->part->keys;
	struct hf_match_pdq want = hf_match_pdq_load(job->digest);
	uint32_t positions[HF_MATCH_KERNEL_BLOCK];

	for (uint32_t done = 0; done < job->part->keys_count;
	     done += HF_MATCH_KERNEL_BLOCK) {
		uint32_t left = job->part->keys_count - done;
		size_t found = kernel->scan_digests(
			digests + (size_t)32 * done,
			left < HF_MATCH_KERNEL_BLOCK ? left
						     : HF_MATCH_KERNEL_BLOCK,
			&want, job->distance, positions);

		for (size_t i = 0; i < found; i++) {
			uint32_t key = done + positions[i];
			const uint8_t *digest = digests + (size_t)32 * key;
			struct hf_match_pdq have = hf_match_pdq_load(digest);

			if (slot != NULL && !is_first_band(slot, digest, band))
				continue;
			if (!sink->key(sink->arg, job, key,
				       hf_match_pdq_distance(&have, &want)))
				return;
		}
	}
}

/*
 * Where bands have few values, most of what they give passes and is fetched
 * at random.  Sixteen digests in a row are compared in the time of one such,
 * so with more than that many the rest is better searched in a row.  What a
 * band will give is guessed from the part of it that was scanned.
 */
static bool is_crowded(const struct slot *slot)
{
	uint64_t most = slot->job.part->keys_count / 16 + SCAN_MOST;
	uint64_t given = slot->count - slot->band_from;

	if (slot->band_done > 0)
		given = given * slot->band_size / slot->band_done;
	return slot->compared + slot->band_from + given > most;
}

/* Room for SCAN_MOST candidates.  False when the search is over. */
static bool make_room(const struct hf_match_kernel *kernel,
		      struct hf_match_near_work *work, struct slot *slot,
		      unsigned band, const struct hf_match_near_sink *sink)
{
	if (slot->is_band_whole && is_crowded(slot)) {
		slot->count = slot->band_from;
		compare_now(work, slot, sink);
		if (!slot->is_over)
			scan_all(kernel, &slot->job, slot, band, sink);
		slot->is_over = true;
	} else {
		slot->is_band_whole =
			slot->is_band_whole && slot->count == slot->band_from;
		compare_now(work, slot, sink);
		slot->band_from = 0;
	}
	return !slot->is_over;
}

/* Buckets of together SCAN_MOST sketches at most. */
static void scan_some(const struct hf_match_kernel *kernel,
		      struct hf_match_near_work *work, struct slot *slot,
		      unsigned band, const struct hf_match_bucket *buckets,
		      size_t count, const struct hf_match_near_sink *sink)
{
	const struct hf_match_segment_band *table =
		&slot->job.part->bands[band];
	uint16_t want = slot->bands[(band + 1) % HF_MATCH_PDQ_BANDS];
	uint32_t *places;
	size_t found;

	if (slot->is_over || (CANDIDATES - slot->count < SCAN_MOST &&
			      !make_room(kernel, work, slot, band, sink)))
		return;
	places = slot->places + slot->count;
	found = kernel->scan_buckets(table->nexts, buckets, count, want,
				     places);
	memset(slot->of_bands + slot->count, (int)band, found);
	for (size_t i = 0; i < found; i++)
		__builtin_prefetch(&table->keys[places[i]]);
	slot->count += found;
	for (size_t i = 0; i < count; i++)
		slot->band_done += buckets[i].count;
}

/* All of a band's, as many at a time as may be. */
static void scan_band(const struct hf_match_kernel *kernel,
		      struct hf_match_near_work *work, struct slot *slot,
		      unsigned band, const struct hf_match_bucket *buckets,
		      size_t count, const struct hf_match_near_sink *sink)
{
	size_t begin = 0, sum = 0;

	for (size_t i = 0; i < count; i++) {
		struct hf_match_bucket piece = buckets[i];

		if (sum + piece.count <= SCAN_MOST) {
			sum += piece.count;
			continue;
		}
		scan_some(kernel, work, slot, band, buckets + begin, i - begin,
			  sink);
		begin = i;
		sum = piece.count;
		if (piece.count <= SCAN_MOST)
			continue;
		/* One bucket that is too large by itself. */
		for (uint32_t left = piece.count; left > 0;
		     left -= piece.count) {
			piece.count = left < SCAN_MOST ? left : SCAN_MOST;
			scan_some(kernel, work, slot, band, &piece, 1, sink);
			piece.begin += piece.count;
		}
		begin = i + 1;
		sum = 0;
	}
	scan_some(kernel, work, slot, band, buckets + begin, count - begin,
		  sink);
}

static void begin_band(struct slot *slot, const struct hf_match_bucket *buckets,
		       size_t count)
{
	slot->band_from = slot->count;
	slot->band_done = 0;
	slot->band_size = 0;
	slot->is_band_whole = true;
	for (size_t i = 0; i < count; i++)
		slot->band_size += buckets[i].count;
}

/* The first stage: each band's buckets are listed while the one before is
 * scanned. */
static void scan_bands(const struct hf_match_kernel *kernel,
		       struct hf_match_near_work *work, struct slot *slot,
		       const struct hf_match_near_sink *sink)
{
	size_t counts[2] = { 0 };

	for (unsigned b = 0; b <= HF_MATCH_PDQ_BANDS && !slot->is_over; b++) {
		const struct hf_match_bucket *buckets =
			work->buckets[(b + 1) % 2];
		size_t count = counts[(b + 1) % 2];

		if (b < HF_MATCH_PDQ_BANDS)
			counts[b % 2] = list_buckets(work, slot, b,
						     work->buckets[b % 2]);
		if (b == 0)
			continue;
		begin_band(slot, buckets, count);
		scan_band(kernel, work, slot, b - 1, buckets, count, sink);
	}
}

void hf_match_near_push(const struct hf_match_kernel *kernel,
			struct hf_match_near_work *work,
			const struct hf_match_near_job *job,
			const struct hf_match_near_sink *sink)
{
	struct slot *slot = &work->slots[work->next];

	if (!job->part->has_bands ||
	    job->distance / HF_MATCH_PDQ_BANDS > RADIUS_MAX) {
		/* Few hashes, or a distance that bands do not serve. */
		hf_match_near_drain(work, sink);
		scan_all(kernel, job, NULL, 0, sink);
		sink->done(sink->arg, job);
		return;
	}
	work->next = (work->next + 1) % STAGES;
	slot->job = *job;
	slot->pdq = hf_match_pdq_load(job->digest);
	for (unsigned b = 0; b < HF_MATCH_PDQ_BANDS; b++)
		slot->bands[b] = hf_match_pdq_band(job->digest, b);
	slot->radius = job->distance / HF_MATCH_PDQ_BANDS;
	slot->pair_limit = 2 * job->distance / HF_MATCH_PDQ_BANDS;
	slot->count = 0;
	slot->is_used = true;
	slot->is_fetched = false;
	slot->is_over = false;
	slot->compared = 0;
	scan_bands(kernel, work, slot, sink);
	if (slot_before(work, 1)->is_used)
		fetch_keys(slot_before(work, 1));
	end_slot(work, slot_before(work, 2), sink);
}

void hf_match_near_drain(struct hf_match_near_work *work,
			 const struct hf_match_near_sink *sink)
{
	for (unsigned before = STAGES; before > 0; before--)
		end_slot(work, slot_before(work, before - 1), sink);
}

void hf_match_near_prefetch(const struct hf_match_segment_part *part,
			    const uint8_t *digest, unsigned distance)
{
	if (!part->has_bands || distance / HF_MATCH_PDQ_BANDS > RADIUS_MAX)
		return;
	for (unsigned b = 0; b < HF_MATCH_PDQ_BANDS; b++) {
		const uint32_t *offsets = part->bands[b].offsets;
		unsigned value = hf_match_pdq_band(digest, b);

		__builtin_prefetch(&offsets[value]);
		/* Sixteen offsets to a line: flips of the lower bits stay. */
		for (unsigned i = 4; distance >= HF_MATCH_PDQ_BANDS && i < 16;
		     i++)
			__builtin_prefetch(&offsets[value ^ 1u << i]);
	}
}
