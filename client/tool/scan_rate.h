/*
 * scan_rate.h -- no more files, or bytes, in a second than somebody wants: a
 * bucket that fills by the clock and holds a second's worth.
 *
 * Units    files or bytes; _us.
 * Owns     nothing: a value.
 * Threads  a value.
 * Errors   ARGUMENT with what is accepted.
 * Source   hashfed(1), scan.
 */
#ifndef HF_SCAN_RATE_H
#define HF_SCAN_RATE_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "span.h"

struct hf_scan_rate {
	uint64_t per_second; /* 0: as fast as it goes */
	bool is_bytes;
	double tokens; /* below 0: what was taken ahead */
	uint64_t filled_us;
};

/* "200/s" files, "20MiB/s" bytes; KiB, MiB, GiB. */
HF_MUST enum hf_err hf_scan_rate_parse(struct hf_span text, uint64_t now_us,
				       struct hf_scan_rate *out_rate,
				       struct hf_why *why);

/* May a file be read now?  0: yes.  Else how long to wait before asking
 * again. */
uint64_t hf_scan_rate_wait_us(struct hf_scan_rate *rate, uint64_t now_us);

/* A file of this size is read: a large one is paid off afterwards. */
void hf_scan_rate_take(struct hf_scan_rate *rate, uint64_t size_bytes);

#endif /* HF_SCAN_RATE_H */
