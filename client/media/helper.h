/*
 * helper.h -- the asking end of a hashfed-media process.
 *
 * Units    milliseconds.
 * Owns     the process and the socket, until hf_helper_stop().
 * Threads  one at a time for each helper; starting is safe with threads, for
 *          it is posix_spawn() and no plain fork.
 * Errors   NOTFOUND when there is no such program, SYSTEM.  What an answer
 *          says is checked, not believed.
 * Source   media_ask.h.
 */
#ifndef HF_HELPER_H
#define HF_HELPER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "err.h"
#include "media_ask.h"
#include "media_kind.h"

struct hf_helper {
	pid_t pid; /* 0: not running */
	int fd;
};

/* Where hashfed-media is: beside this program, in ../libexec/hashfed, or where
 * it is installed. */
HF_MUST enum hf_err hf_helper_find(char *out_path, size_t size_bytes,
				   struct hf_why *why);

/* Start it and wait until it says that it is confined. */
HF_MUST enum hf_err hf_helper_start(struct hf_helper *helper, const char *path,
				    struct hf_why *why);

/* Send it an image: the file open at fd. */
HF_MUST enum hf_err hf_helper_ask(struct hf_helper *helper,
				  enum hf_media_kind kind, int fd,
				  uint64_t size_bytes, struct hf_why *why);

/* Wait for the answer, at most max_ms and only while *give_up is false.  Fails
 * with DEADLINE, CANCELLED or UNAVAILABLE, and then the helper is stopped;
 * else out_answer->err says what became of the image. */
HF_MUST enum hf_err hf_helper_answer(struct hf_helper *helper, uint32_t max_ms,
				     atomic_bool *give_up,
				     struct hf_answer *out_answer,
				     struct hf_why *why);

/* End it and what it started, now.  Fine when it does not run. */
void hf_helper_stop(struct hf_helper *helper);

#endif /* HF_HELPER_H */
