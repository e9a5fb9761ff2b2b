#include <stdio.h>

#include "match_state.h"

/* Sections of a part, as in FORMAT.md. */
enum section { KEYS, REFS, LINES, BANDS, SECTIONS };

static const char *const section_names[] = {
	[KEYS] = "keys",
	[REFS] = "refs",
	[LINES] = "lines",
	[BANDS] = "bands",
};

/* Of one algorithm, in all segments. */
struct sum {
	uint64_t bytes[SECTIONS];
	uint64_t hashes;
};

static void add(struct sum *sum, const struct hf_match_segment_part *part)
{
	uint64_t keys = part->keys_count;

	sum->bytes[KEYS] += keys * part->digest_bytes;
	/* The one beside each key, and those of keys that have several. */
	sum->bytes[REFS] +=
		(keys + part->refs_count) * sizeof(struct hf_match_ref);
	sum->bytes[LINES] += ((uint64_t)part->lines_count + 1) *
			     sizeof(struct hf_match_line);
	if (part->has_bands)
		sum->bytes[BANDS] +=
			HF_MATCH_PDQ_BANDS *
			(((uint64_t)HF_MATCH_PDQ_BAND_VALUES + 1) * 4 +
			 keys * (2 + 4));
	sum->hashes += part->hashes_count;
}

static void tell_mapped(struct hf_index *index, hf_size_each *each, void *arg)
{
	struct hf_index_stats stats;

	hf_index_stats(index, &stats);
	each(arg,
	     &(struct hf_size){ .table = "mutable part",
				.bytes = stats.memory_bytes - stats.marks_bytes,
				.count = stats.mutable_count,
				.most = (HF_MATCH_FROZEN_MAX + 1) *
					hf_match_memory_bytes() });
	each(arg, &(struct hf_size){ .table = "marks",
				     .bytes = stats.marks_bytes,
				     .count = stats.marks_count });
}

void hf_index_sizes(struct hf_index *index, hf_size_each *each, void *arg)
{
	struct sum sums[HF_ALGORITHM_COUNT] = { 0 };
	char name[64];

	tell_mapped(index, each, arg);
	pthread_mutex_lock(&index->lock);
	for (size_t i = 0; i < index->segments_count; i++) {
		for (unsigned a = 0; a < HF_ALGORITHM_COUNT; a++) {
			if (index->segments[i]->parts[a].keys_count > 0)
				add(&sums[a], &index->segments[i]->parts[a]);
		}
	}
	pthread_mutex_unlock(&index->lock);
	for (unsigned a = 0; a < HF_ALGORITHM_COUNT; a++) {
		for (int s = 0; s < SECTIONS; s++) {
			if (sums[a].bytes[s] == 0)
				continue;
			snprintf(name, sizeof(name), "%s %s",
				 hf_algorithm_word(a), section_names[s]);
			each(arg, &(struct hf_size){ .table = name,
						     .bytes = sums[a].bytes[s],
						     .count = sums[a].hashes });
		}
	}
}

/* What a bulk has, if it is one: no snapshot does. */
static void count_bulk(const struct hf_match_memory *memory,
		       struct hf_index_stats *stats)
{
	const struct hf_match_bulk *bulk = memory != NULL ? memory->bulk : NULL;

	if (bulk == NULL)
		return;
	stats->mutable_count += bulk->rows_count;
	stats->memory_bytes += bulk->used_bytes;
	for (unsigned a = 0; a < HF_ALGORITHM_COUNT; a++)
		stats->hashes_count[a] += bulk->columns[a].count;
}

bool hf_index_finds_all(struct hf_index *index)
{
	bool finds_all;

	pthread_mutex_lock(&index->lock);
	finds_all = index->bulk == NULL && hf_match_state_bulks(index) == 0;
	pthread_mutex_unlock(&index->lock);
	return finds_all;
}

void hf_index_stats(struct hf_index *index, struct hf_index_stats *out_stats)
{
	struct hf_index_stats stats = { 0 };
	struct hf_match_snapshot *snapshot;

	pthread_mutex_lock(&index->lock);
	for (size_t i = 0; i < index->frozen_count; i++)
		count_bulk(index->frozen[i].memory, &stats);
	count_bulk(index->bulk, &stats);
	stats.seals_count = index->seals_count;
	stats.merges_count = index->merges_count;
	stats.is_failing = index->failed != HF_OK;
	stats.failed_why = index->failed_why;
	pthread_mutex_lock(&index->view_lock);
	snapshot = hf_match_snapshot_ref(index->snapshot);
	pthread_mutex_unlock(&index->view_lock);
	stats.marks_count = snapshot->marks->used_count;
	pthread_mutex_unlock(&index->lock);

	stats.segments_count = snapshot->segments_count;
	for (size_t i = 0; i < snapshot->segments_count; i++) {
		const struct hf_match_segment *segment = snapshot->segments[i];

		stats.segments_bytes += segment->file_bytes;
		for (unsigned a = 0; a < HF_ALGORITHM_COUNT; a++)
			stats.hashes_count[a] += segment->parts[a].hashes_count;
	}
	for (size_t i = 0; i < snapshot->memories_count; i++) {
		const struct hf_match_memory *memory = snapshot->memories[i];
		uint32_t count = hf_match_memory_rows(memory);

		stats.mutable_count += count;
		stats.memory_bytes += hf_match_memory_bytes();
		for (uint32_t row = 0; row < count; row++) {
			uint8_t algorithm = memory->rows[row].algorithm;

			if (algorithm < HF_ALGORITHM_COUNT)
				stats.hashes_count[algorithm]++;
		}
	}
	stats.marks_bytes =
		snapshot->marks->slots_count * sizeof(struct hf_match_mark);
	stats.memory_bytes += stats.marks_bytes;
	hf_match_snapshot_unref(snapshot);
	*out_stats = stats;
}
