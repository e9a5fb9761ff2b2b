/*
 * moment.h -- points in time and lengths of time as people write them.
 *
 * Units    _ms since 1970-01-01 UTC; lengths in milliseconds.
 * Owns     nothing.
 * Threads  any; no state.
 * Errors   MALFORMED, with what is accepted.
 * Source   hashfed(1), TIMES.
 */
#ifndef HF_MOMENT_H
#define HF_MOMENT_H

#include <stdint.h>

#include "err.h"
#include "span.h"

/* What hf_moment_parse() takes, for messages. */
#define HF_MOMENT_ACCEPTED                                                     \
	"2026-01-31, 2026-01-31 14:05, 2026-01-31T14:05:09Z or 31-01-2026 "    \
	"14:05 (UTC unless it ends in Z or +01:00)"

/* ISO 8601, and a day first as Dutch forms and spreadsheets have it: a date,
 * then perhaps a time, then perhaps a zone.  Years from 1970. */
HF_MUST enum hf_err hf_moment_parse(struct hf_span text, uint64_t *out_ms,
				    struct hf_why *why);

/* "90s", "30min", "12h", "2d": at least 1 s, at most a year. */
HF_MUST enum hf_err hf_moment_length_parse(struct hf_span text,
					   uint64_t *out_ms,
					   struct hf_why *why);

#endif /* HF_MOMENT_H */
