/*
 * fresh.h -- what the times on checkpoints are worth: how fresh a set is, which
 * of two times is newer, when an idle set is to be signed again.
 *
 * All of it is arithmetic on times that are given: no clock is read here.
 *
 * Units    _ms since 1970-01-01 UTC; ages in milliseconds.
 * Owns     nothing.
 * Threads  any.
 * Errors   none.
 * Source   proto/SPEC.md section 6.9.
 */
#ifndef HF_FRESH_H
#define HF_FRESH_H

#include <stdbool.h>
#include <stdint.h>

#include "kind.h"
#include "span.h"

/* After this long a set is stale, expired. */
struct hf_fresh_ages {
	uint64_t stale_ms;
	uint64_t expired_ms;
};

/* The seconds of a cosignature; what is past the end of time stays there. */
uint64_t hf_fresh_ms(uint64_t time_s);

/* What a signed time counts as now: itself, or 0 (none) when it is further
 * ahead than clocks may differ. */
uint64_t hf_fresh_counted(uint64_t signed_ms, uint64_t now_ms);

/* The last second that counts now. */
uint64_t hf_fresh_latest_s(uint64_t now_ms);

/* A set whose latest checkpoint has this time; 0 when it has none. */
enum hf_freshness hf_fresh_of(const struct hf_fresh_ages *ages,
			      uint64_t signed_ms, uint64_t now_ms);

/* When a set that did not change is signed again: every_ms after it was last,
 * or up to a quarter sooner, so that sets and publishers do not keep step. */
uint64_t hf_fresh_due_ms(struct hf_span origin, uint64_t signed_ms,
			 uint64_t every_ms);

#endif /* HF_FRESH_H */
