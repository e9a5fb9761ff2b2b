/*
 * breaker.h -- entries that hit far too often: counted as lookups find them,
 * marked HOT past a limit, and so until somebody looked.
 *
 * A mark makes a review of near matches alone: an uploader with many accounts
 * must not unblock real material by sending it often.
 *
 * Units    hits are items looked up that the entry matched; an hour is one by
 *          the monotonic clock.
 * Owns     hf_breaker_new() gives the caller a breaker, hf_breaker_free()
 *          takes it back.
 * Threads  any.  Counting waits for a short lock alone; trip() is called
 *          without it, on the counting thread, and must be quick.
 * Errors   NOMEM.
 * Source   none.
 */
#ifndef HF_BREAKER_H
#define HF_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"

struct hf_breaker;

/* most hits an hour; 0: any number. */
HF_MUST enum hf_err
hf_breaker_new(uint64_t most,
	       void (*trip)(void *arg, uint32_t set, uint64_t entry), void *arg,
	       struct hf_breaker **out_breaker, struct hf_why *why);

/* NULL is fine. */
void hf_breaker_free(struct hf_breaker *breaker);

/* An item hit the entry.  Of entries that are counted at a time the ones with
 * the fewest hits are forgotten.  NULL is fine. */
void hf_breaker_count(struct hf_breaker *breaker, uint32_t set, uint64_t entry,
		      uint64_t now_us);

/* Is it over the limit, and by what count? */
bool hf_breaker_is_hot(struct hf_breaker *breaker, uint32_t set, uint64_t entry,
		       uint64_t *out_count);

/* Count it from nothing; false when it was not hot. */
bool hf_breaker_reset(struct hf_breaker *breaker, uint32_t set, uint64_t entry,
		      uint64_t *out_count);

/* Call for every hot one. */
void hf_breaker_each(struct hf_breaker *breaker,
		     void (*each)(void *arg, uint32_t set, uint64_t entry,
				  uint64_t count),
		     void *arg);

#endif /* HF_BREAKER_H */
