/*
 * report_day.h -- days and months of UTC as people write them.
 *
 * A report counts in UTC: parties in several countries must get the same
 * numbers, and no hour may come twice.
 *
 * Units    _ms since 1970-01-01 UTC.
 * Owns     nothing.
 * Threads  any; no state.
 * Errors   ARGUMENT for text that is no day.
 * Source   ISO 8601; the civil calendar counts as in clock.c of libc, but
 *          without its time zones.
 */
#ifndef HF_REPORT_DAY_H
#define HF_REPORT_DAY_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"

#define HF_DAY_MS  ((uint64_t)24 * 3600 * 1000)
#define HF_HOUR_MS ((uint64_t)3600 * 1000)

#define HF_DAY_TEXT_SIZE   11 /* "2026-01-31" */
#define HF_MONTH_TEXT_SIZE 8  /* "2026-01" */

/* The first millisecond of a day, from 1970 to 9999; false when there is no
 * such day. */
bool hf_day_of(unsigned year, unsigned month, unsigned day, uint64_t *out_ms);

/* "2026-01-31", from 1970 to 9999: the first millisecond of that day. */
HF_MUST enum hf_err hf_day_parse(const char *text, uint64_t *out_ms,
				 struct hf_why *why);

/* Past the year 9999 it stays there. */
void hf_day_text(uint64_t ms, char out_text[static HF_DAY_TEXT_SIZE]);
void hf_month_text(uint64_t ms, char out_text[static HF_MONTH_TEXT_SIZE]);

/* The first millisecond of the month that ms is in, of the next one, and of its
 * year. */
uint64_t hf_month_begin(uint64_t ms);
uint64_t hf_month_next(uint64_t ms);
uint64_t hf_year_begin(uint64_t ms);

#endif /* HF_REPORT_DAY_H */
