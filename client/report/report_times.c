#include <stdlib.h>
#include <string.h>

#include "report_times.h"

#define BITS       5
#define BINS_FIRST 8

/* A hundred years: sums of as many as there can be still fit. */
#define MOST_MS ((uint64_t)100 * 366 * 24 * 3600 * 1000)

static uint32_t code_of(uint64_t ms)
{
	uint64_t seconds = ms / 1000;
	unsigned shift = 0;

	while (seconds >> shift >= (uint64_t)2 << BITS)
		shift++;
	return (shift << BITS) + (uint32_t)(seconds >> shift);
}

/* Where the bin is, or would be. */
static size_t place_of(const struct hf_report_times *times, uint32_t code)
{
	size_t low = 0, high = times->bins_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (times->bins[middle].code < code)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static enum hf_err grow(struct hf_report_times *times, struct hf_why *why)
{
	size_t size = times->bins_size > 0 ? 2 * times->bins_size : BINS_FIRST;
	struct hf_report_bin *bins =
		realloc(times->bins, size * sizeof(*times->bins));

	if (bins == NULL)
		return hf_why(why, HF_E_NOMEM, "report: no memory for times");
	times->bins = bins;
	times->bins_size = size;
	return HF_OK;
}

enum hf_err hf_report_times_add(struct hf_report_times *times, uint64_t ms,
				struct hf_why *why)
{
	uint32_t code;
	size_t place;

	if (ms > MOST_MS)
		ms = MOST_MS;
	code = code_of(ms);
	place = place_of(times, code);
	if (place == times->bins_count || times->bins[place].code != code) {
		if (times->bins_count == times->bins_size) {
			enum hf_err err = grow(times, why);

			if (err != HF_OK)
				return err;
		}
		memmove(&times->bins[place + 1], &times->bins[place],
			(times->bins_count - place) * sizeof(*times->bins));
		times->bins[place] = (struct hf_report_bin){ .code = code };
		times->bins_count++;
	}
	times->bins[place].count++;
	times->bins[place].sum_ms += ms;
	times->count++;
	times->sum_ms += ms;
	return HF_OK;
}

uint64_t hf_report_times_at(const struct hf_report_times *times,
			    unsigned percent)
{
	uint64_t rank = (times->count * percent + 99) / 100, before = 0;

	if (rank == 0)
		rank = 1;
	for (size_t i = 0; i < times->bins_count; i++) {
		const struct hf_report_bin *bin = &times->bins[i];

		before += bin->count;
		if (before >= rank)
			return bin->sum_ms / bin->count;
	}
	return HF_REPORT_TIME_NONE;
}

uint64_t hf_report_times_mean(const struct hf_report_times *times)
{
	return times->count > 0 ? times->sum_ms / times->count
				: HF_REPORT_TIME_NONE;
}

void hf_report_times_release(struct hf_report_times *times)
{
	free(times->bins);
	*times = (struct hf_report_times){ 0 };
}
