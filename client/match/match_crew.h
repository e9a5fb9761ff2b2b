/*
 * match_crew.h -- the same work on many numbers, by several threads.
 *
 * Units    numbers count from 0; workers likewise.
 * Owns     nothing: the threads end before the call returns.
 * Threads  the caller is one of the workers.  A thread that cannot be had is
 *          done without.
 * Errors   of the work: the first one stays, and nothing is begun after it.
 * Source   none.
 */
#ifndef HF_MATCH_CREW_H
#define HF_MATCH_CREW_H

#include <stddef.h>

#include "err.h"

#define HF_MATCH_CREW_MAX 2

/* Each number below count once, in no order, by so many threads: at least one,
 * at most HF_MATCH_CREW_MAX.  No two of them are the same worker, so that each
 * has room of its own to work in. */
HF_MUST enum hf_err
hf_match_crew_run(unsigned threads, size_t count,
		  enum hf_err (*work)(void *arg, unsigned worker, size_t number,
				      struct hf_why *why),
		  void *arg, struct hf_why *why);

#endif /* HF_MATCH_CREW_H */
