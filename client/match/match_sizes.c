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
