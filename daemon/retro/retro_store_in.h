/*
 * retro_store_in.h -- what the files of the retro store share; nobody else's.
 *
 * Units    as retro_store.h.
 * Owns     as said with each field.
 * Threads  lock is held while frames, and what is counted of them, change.
 * Errors   none.
 * Source   none.
 */
#ifndef HF_RETRO_STORE_IN_H
#define HF_RETRO_STORE_IN_H

#include <pthread.h>

#include "store.h"

#include "retro_store.h"

enum { HF_RETRO_FRAMES, HF_RETRO_SETS };

/* Of a frame's number. */
#define HF_RETRO_KEY_BYTES 8

/* Frames that are read at once, and one more. */
#define HF_RETRO_READ_BYTES ((size_t)1024 * 1024)

struct hf_retro_store {
	struct hf_store *store; /* owned */
	struct hf_retro_limits limits;
	pthread_mutex_t lock;
	struct hf_retro_stats stats; /* under it */
};

#endif /* HF_RETRO_STORE_IN_H */
