/*
 * report_times.h -- many durations in little memory, for medians and
 * percentiles.
 *
 * Durations lie in bins whose width is at most 1/32 of the time itself (one
 * second below 64 s), each with its number and its sum.  A percentile is the
 * mean of the bin it falls into: within 3 % of the true one, and exact where
 * the times of that bin are equal.  Only bins that are used take memory.
 *
 * Units    milliseconds.
 * Owns     a times owns its bins until hf_report_times_release().
 * Threads  one.
 * Errors   NOMEM, and nothing was added.
 * Source   the bins are those of HdrHistogram, with five bits.
 */
#ifndef HF_REPORT_TIMES_H
#define HF_REPORT_TIMES_H

#include <stdint.h>

#include "err.h"

#define HF_REPORT_TIME_NONE UINT64_MAX

struct hf_report_bin {
	uint32_t code;
	uint32_t count;
	uint64_t sum_ms;
};

struct hf_report_times {
	struct hf_report_bin *bins; /* owned, by code */
	size_t bins_count, bins_size;
	uint64_t count;
	uint64_t sum_ms;
};

HF_MUST enum hf_err hf_report_times_add(struct hf_report_times *times,
					uint64_t ms, struct hf_why *why);

/* The time that percent of them do not exceed (nearest rank: of four, the
 * median is the second); HF_REPORT_TIME_NONE of none. */
uint64_t hf_report_times_at(const struct hf_report_times *times,
			    unsigned percent);

/* HF_REPORT_TIME_NONE of none. */
uint64_t hf_report_times_mean(const struct hf_report_times *times);

void hf_report_times_release(struct hf_report_times *times);

#endif /* HF_REPORT_TIMES_H */
