/*
 * fill_source.h -- when somebody who may have payloads that are missing here is
 * asked for them, and when again.
 *
 * A round goes over everything that is missing of a set, in looks of a bounded
 * size.  One in vain makes the next wait twice as long, up to the most; one
 * that brought something begins anew.  What went missing since is asked for at
 * once, each entry once, whatever the wait.  It is in memory alone: a daemon
 * that is started again asks once more, which costs less than writing down
 * each look.
 *
 * Units    _us: the monotonic clock.  Positions count entries.
 * Owns     nothing.
 * Threads  one at a time.
 * Errors   none.
 * Source   daemon/DESIGN.md, "What is withheld".
 */
#ifndef HF_FILL_SOURCE_H
#define HF_FILL_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "limit.h"

/* The first wait, and the longest: 2 s, 4, 8, and so on. */
#define HF_FILL_WAIT_LEAST_US ((uint64_t)2 * 1000 * 1000)
#define HF_FILL_WAIT_MOST_US  ((uint64_t)3600 * 1000 * 1000)

struct hf_fill_source {
	struct hf_fill_source *next;
	uint8_t organisation_id[HF_HASH_BYTES];
	unsigned vain;     /* rounds, one after another */
	uint64_t due_us;   /* not asked before, but for what is new */
	uint64_t from;     /* where the look that is due begins */
	uint64_t asked_to; /* each entry below was asked for */
	uint64_t asked_us; /* when a look began last: others come first */
	bool has_brought;  /* something, in this round */
};

/* A look that is over. */
struct hf_fill_result {
	bool was_due;     /* else for what is new alone */
	uint64_t reached; /* entries below this were asked for */
	uint64_t end;     /* entries below this may be */
	bool is_round;    /* nothing is missing between these two */
	size_t brought;   /* payloads */
	bool has_failed;  /* it lied, or did not answer */
};

/* How long after so many rounds in vain. */
uint64_t hf_fill_wait_us(unsigned vain);

/* Where a look that begins now starts, and whether one is due. */
uint64_t hf_fill_begin(const struct hf_fill_source *source, uint64_t now_us,
		       bool *out_is_due);

void hf_fill_end(struct hf_fill_source *source,
		 const struct hf_fill_result *result, uint64_t now_us);

/* It gave entries below `end` for the first time, some without payload. */
void hf_fill_withheld(struct hf_fill_source *source, uint64_t end,
		      uint64_t now_us);

#endif /* HF_FILL_SOURCE_H */
