#include <stdlib.h>
#include <string.h>

#include "match_kernel.h"

#include "match_bands.h"

#define VALUES HF_MATCH_PDQ_BAND_VALUES

/* Keys ahead of the one that is translated: no more than the slack behind
 * them in their file. */
#define AHEAD_KEYS 16

_Static_assert(AHEAD_KEYS * sizeof(uint32_t) <= HF_MATCH_KERNEL_SLACK_BYTES,
	       "keys ahead are in the slack");

/* Numbers of four bytes, then those of two, an even number of them. */
static size_t room_bytes(size_t loose, size_t banded)
{
	return (2 * VALUES + 1 + loose + banded) * sizeof(uint32_t) +
	       (loose + loose % 2) * sizeof(uint16_t);
}

static void make_room(struct hf_match_band_room *room, uint8_t *at,
		      size_t loose, size_t banded)
{
	room->offsets = (uint32_t *)at;
	room->places = room->offsets + VALUES + 1;
	room->keys = room->places + VALUES;
	room->translated = room->keys + loose;
	room->nexts = (uint16_t *)(room->translated + banded);
}

enum hf_err hf_match_bands_begin(struct hf_match_bands *bands,
				 struct hf_match_merge *merge, unsigned workers,
				 struct hf_why *why)
{
	size_t loose = 0, banded = 0;
	uint8_t *at;

	*bands = (struct hf_match_bands){ .merge = merge };
	for (unsigned r = 0; r < merge->runs_count; r++) {
		if (merge->runs[r].part->has_bands) {
			enum hf_err err = hf_match_merge_map(merge, r, why);

			if (err != HF_OK)
				return err;
			banded += merge->runs[r].part->keys_count;
			continue;
		}
		loose += merge->runs[r].part->keys_count;
	}
	if (loose > merge->keys_count)
		loose = merge->keys_count;
	at = malloc(loose * (sizeof(uint32_t) +
			     HF_MATCH_PDQ_BANDS * sizeof(uint16_t)) +
		    workers * room_bytes(loose, banded));
	if (at == NULL)
		return hf_why(why, HF_E_NOMEM, "index: no memory to merge");
	bands->loose_keys = (uint32_t *)at;
	at += loose * sizeof(uint32_t);
	for (unsigned w = 0; w < workers; w++) {
		make_room(&bands->rooms[w], at, loose, banded);
		at += room_bytes(loose, banded);
	}
	for (unsigned b = 0; b < HF_MATCH_PDQ_BANDS; b++)
		bands->values[b] = (uint16_t *)at + b * loose;
	return HF_OK;
}

void hf_match_bands_note(struct hf_match_bands *bands,
			 const struct hf_match_merged *merged, uint32_t number)
{
	uint32_t at = bands->loose_count;

	if (bands->merge->runs[merged->run].part->has_bands)
		return;
	bands->loose_keys[at] = number;
	for (unsigned b = 0; b < HF_MATCH_PDQ_BANDS; b++)
		bands->values[b][at] = hf_match_pdq_band(merged->digest, b);
	bands->loose_count = at + 1;
}

/* The keys that a key's value of this band brings along, summed over all
 * keys; those that several runs have count for each. */
static double weigh(const struct hf_match_bands *bands, unsigned band,
		    uint32_t *counts)
{
	const struct hf_match_merge *merge = bands->merge;
	double weight = 0;

	memset(counts, 0, VALUES * sizeof(counts[0]));
	for (uint32_t i = 0; i < bands->loose_count; i++)
		counts[bands->values[band][i]]++;
	for (unsigned r = 0; r < merge->runs_count; r++) {
		const struct hf_match_segment_part *part = merge->runs[r].part;
		const uint32_t *offsets = part->bands[band].offsets;

		for (unsigned v = 0; part->has_bands && v < VALUES; v++)
			counts[v] += offsets[v + 1] - offsets[v];
	}
	for (unsigned v = 0; v < VALUES; v++)
		weight += (double)counts[v] * counts[v];
	return weight;
}

/* The heaviest band is followed by the lightest, that by the second heaviest,
 * and so on. */
static void best_ring(const double *weights, uint8_t *out_ring)
{
	uint8_t order[HF_MATCH_PDQ_BANDS], around[HF_MATCH_PDQ_BANDS];

	for (unsigned b = 0; b < HF_MATCH_PDQ_BANDS; b++) {
		unsigned at = b;

		for (; at > 0 && weights[order[at - 1]] < weights[b]; at--)
			order[at] = order[at - 1];
		order[at] = (uint8_t)b;
	}
	for (unsigned i = 0; i < HF_MATCH_PDQ_BANDS; i++)
		around[i] = order[i % 2 == 0 ? i / 2
					     : HF_MATCH_PDQ_BANDS - 1 - i / 2];
	for (unsigned i = 0; i < HF_MATCH_PDQ_BANDS; i++)
		out_ring[around[i]] = around[(i + 1) % HF_MATCH_PDQ_BANDS];
}

/* What passes, more or less. */
static double cost_of(const double *weights, const uint8_t *ring)
{
	double cost = 0;

	for (unsigned b = 0; b < HF_MATCH_PDQ_BANDS; b++)
		cost += weights[b] * weights[ring[b]];
	return cost;
}

/* That of the largest run, or bands in order. */
static void usual_ring(const struct hf_match_merge *merge, uint8_t *out_ring)
{
	const struct hf_match_segment_part *largest = NULL;

	for (unsigned r = 0; r < merge->runs_count; r++) {
		const struct hf_match_segment_part *part = merge->runs[r].part;

		if (part->has_bands &&
		    (largest == NULL || part->keys_count > largest->keys_count))
			largest = part;
	}
	for (unsigned b = 0; b < HF_MATCH_PDQ_BANDS; b++)
		out_ring[b] = (uint8_t)(largest != NULL
						? largest->bands[b].next
						: (b + 1) % HF_MATCH_PDQ_BANDS);
}

/* A ring that costs no more than so many times the best one stays. */
#define WORSE_MOST 2

void hf_match_bands_order(struct hf_match_bands *bands)
{
	double weights[HF_MATCH_PDQ_BANDS];
	uint8_t usual[HF_MATCH_PDQ_BANDS];

	for (unsigned b = 0; b < HF_MATCH_PDQ_BANDS; b++)
		weights[b] = weigh(bands, b, bands->rooms[0].places);
	usual_ring(bands->merge, usual);
	best_ring(weights, bands->ring);
	if (cost_of(weights, usual) <=
	    WORSE_MOST * cost_of(weights, bands->ring))
		memcpy(bands->ring, usual, sizeof(usual));
}

/* The loose keys by their values of one band. */
static void sort_loose(const struct hf_match_bands *bands, unsigned band,
		       const struct hf_match_band_room *room)
{
	const uint16_t *values = bands->values[band];
	const uint16_t *nexts = bands->values[bands->ring[band]];
	uint32_t sum = 0;

	memset(room->places, 0, VALUES * sizeof(room->places[0]));
	for (uint32_t i = 0; i < bands->loose_count; i++)
		room->places[values[i]]++;
	for (unsigned v = 0; v < VALUES; v++) {
		uint32_t count = room->places[v];

		room->offsets[v] = sum;
		room->places[v] = sum;
		sum += count;
	}
	room->offsets[VALUES] = sum;
	for (uint32_t i = 0; i < bands->loose_count; i++) {
		uint32_t place = room->places[values[i]]++;

		room->nexts[place] = nexts[i];
		room->keys[place] = bands->loose_keys[i];
	}
}

/* One run with bands, as it is gone through. */
struct cursor {
	const struct hf_match_segment_part *part;
	const struct hf_match_segment_band *band;
	const uint32_t *keys; /* in the band's order, as in the output */
	bool is_whole;        /* none is gone, and the ring is the same */
	uint32_t at;
};

/* A band's keys as they are numbered in the output.  Done run by run, so that
 * its map stays in the cache.  False for keys that the run does not have. */
static bool translate(const struct hf_match_bands *bands, unsigned run,
		      unsigned band, uint32_t *out_keys,
		      struct cursor *out_cursor)
{
	const struct hf_match_segment_part *part = bands->merge->runs[run].part;
	const uint32_t *map = bands->merge->maps[run];
	const uint32_t *keys = part->bands[band].keys;
	uint32_t count = part->keys_count;
	bool is_whole = part->bands[band].next == bands->ring[band];

	for (uint32_t i = 0; i < count; i++) {
		if (keys[i] >= count)
			return false;
		/* Behind the last ones are others' bytes: never read. */
		__builtin_prefetch(&map[keys[i + AHEAD_KEYS]]);
		out_keys[i] = map[keys[i]];
		is_whole &= out_keys[i] != HF_MATCH_MERGE_NO_KEY;
	}
	*out_cursor = (struct cursor){ .part = part,
				       .band = &part->bands[band],
				       .keys = out_keys,
				       .is_whole = is_whole };
	return true;
}

/* What stands beside a key of its own, when band next follows. */
static uint16_t next_of(const struct cursor *cursor, uint32_t at, unsigned next)
{
	const struct hf_match_segment_band *band = cursor->band;

	return band->next == next
		       ? band->nexts[at]
		       : hf_match_pdq_band(
				 hf_match_key(cursor->part, band->keys[at]),
				 next);
}

/* What a run has in one bucket; returns how many. */
static uint32_t put_bucket(struct cursor *cursor, unsigned value, unsigned next,
			   struct hf_match_band_streams *streams)
{
	uint32_t begin = cursor->at, end = cursor->band->offsets[value + 1];
	const uint16_t *nexts = cursor->band->nexts;
	uint32_t count = 0;

	cursor->at = end;
	if (cursor->is_whole) {
		hf_match_stream_put_few(&streams->nexts, nexts + begin,
					(end - begin) * sizeof(*nexts));
		hf_match_stream_put_few(&streams->keys, cursor->keys + begin,
					(end - begin) * sizeof(*cursor->keys));
		return end - begin;
	}
	for (uint32_t i = begin; i < end; i++) {
		if (cursor->keys[i] == HF_MATCH_MERGE_NO_KEY)
			continue;
		count++;
		hf_match_stream_put16(&streams->nexts,
				      next_of(cursor, i, next));
		hf_match_stream_put32(&streams->keys, cursor->keys[i]);
	}
	return count;
}

/* The loose keys of one bucket. */
static uint32_t put_loose(const struct hf_match_band_room *room, unsigned value,
			  struct hf_match_band_streams *streams)
{
	uint32_t begin = room->offsets[value];
	uint32_t count = room->offsets[value + 1] - begin;

	hf_match_stream_put_few(&streams->nexts, room->nexts + begin,
				count * sizeof(room->nexts[0]));
	hf_match_stream_put_few(&streams->keys, room->keys + begin,
				count * sizeof(room->keys[0]));
	return count;
}

static enum hf_err damaged(struct hf_why *why)
{
	return hf_why(why, HF_E_CORRUPT,
		      "index: a segment that is merged has damaged bands");
}

/* The runs that have bands, as they are gone through. */
struct cursors {
	struct cursor each[HF_MATCH_MERGE_RUNS_MAX];
	size_t count;
};

/* Bucket by bucket, what each run has in it. */
static enum hf_err merge_band(const struct hf_match_bands *bands, unsigned next,
			      struct cursors *cursors,
			      const struct hf_match_band_room *room,
			      struct hf_match_band_streams *streams,
			      struct hf_why *why)
{
	uint32_t keys_count = bands->merge->keys_count;
	uint64_t sum = 0;

	for (unsigned v = 0; v < VALUES; v++) {
		hf_match_stream_put32(&streams->offsets, (uint32_t)sum);
		for (size_t c = 0; c < cursors->count; c++)
			sum += put_bucket(&cursors->each[c], v, next, streams);
		if (bands->loose_count > 0)
			sum += put_loose(room, v, streams);
		/* Never on into the next section. */
		if (sum > keys_count)
			return damaged(why);
	}
	hf_match_stream_put32(&streams->offsets, (uint32_t)sum);
	return sum == keys_count ? HF_OK : damaged(why);
}

enum hf_err hf_match_bands_put(const struct hf_match_bands *bands,
			       unsigned band, unsigned worker,
			       struct hf_match_band_streams *streams,
			       struct hf_why *why)
{
	const struct hf_match_band_room *room = &bands->rooms[worker];
	const struct hf_match_merge *merge = bands->merge;
	uint32_t *translated = room->translated;
	struct cursors cursors = { .count = 0 };

	if (bands->loose_count > 0)
		sort_loose(bands, band, room);
	for (unsigned r = 0; r < merge->runs_count; r++) {
		const struct hf_match_segment_part *part = merge->runs[r].part;

		if (!part->has_bands)
			continue;
		if (!translate(bands, r, band, translated,
			       &cursors.each[cursors.count++]))
			return damaged(why);
		translated += part->keys_count;
	}
	if (cursors.count > 0)
		return merge_band(bands, bands->ring[band], &cursors, room,
				  streams, why);
	hf_match_stream_put(&streams->offsets, room->offsets,
			    (VALUES + (size_t)1) * sizeof(room->offsets[0]));
	hf_match_stream_put(&streams->nexts, room->nexts,
			    bands->loose_count * sizeof(room->nexts[0]));
	hf_match_stream_put(&streams->keys, room->keys,
			    bands->loose_count * sizeof(room->keys[0]));
	return HF_OK;
}

void hf_match_bands_release(struct hf_match_bands *bands)
{
	free(bands->loose_keys);
	*bands = (struct hf_match_bands){ 0 };
}
