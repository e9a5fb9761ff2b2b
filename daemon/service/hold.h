/*
 * hold.h -- floods: a set that brings far more than so many entries in an hour
 * is held from there on, until an operator looked and released it.
 *
 * Counted by the signed times of its checkpoints, so that who was away for a
 * day is given a day's entries; what a set had when it was first applied is no
 * flood, whatever it was.
 *
 * Units    sizes and counts are entries; _ms since 1970-01-01 UTC.
 * Owns     hf_hold_open() gives the caller a hold, hf_hold_close() takes it
 *          back.
 * Threads  any.  look and release write a small file when something changes.
 * Errors   SYSTEM, NOMEM; CORRUPT names the line of a file that is no list of
 *          held sets.
 * Source   none.
 */
#ifndef HF_HOLD_H
#define HF_HOLD_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"

struct hf_hold;

/* The file has what is held. */
HF_MUST enum hf_err hf_hold_open(const char *path, struct hf_hold **out_hold,
				 struct hf_why *why);

/* NULL is fine. */
void hf_hold_close(struct hf_hold *hold);

/* The set has that size by a checkpoint of that time, and may grow by most in
 * an hour (0: as it likes).  Where it is held from plus one, 0 when it is not;
 * *out_is_new says that this is new. */
uint64_t hf_hold_look(struct hf_hold *hold, const char *origin, uint64_t size,
		      uint64_t note_ms, uint64_t most, bool *out_is_new);

/* The same, as it was last looked at. */
uint64_t hf_hold_from(struct hf_hold *hold, const char *origin);

/* Let what is held count.  NOTFOUND when nothing is. */
HF_MUST enum hf_err hf_hold_release(struct hf_hold *hold, const char *origin,
				    uint64_t *out_count, struct hf_why *why);

/* Call for each set that is held. */
void hf_hold_each(struct hf_hold *hold,
		  void (*each)(void *arg, const char *origin, uint64_t from,
			       uint64_t count),
		  void *arg);

#endif /* HF_HOLD_H */
