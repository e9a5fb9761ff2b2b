/*
 * serve.h -- the answering end of a decoder's process: it confines itself,
 * then forks for every file; the child takes the last rights from itself,
 * decodes, leaves the answer in memory both see, and ends.  So nothing a file
 * does lasts longer than the file, and what reads the next request has never
 * seen one.
 *
 * Units    bytes, seconds.
 * Owns     the process: hf_serve() is all that main() does.
 * Threads  none.
 * Errors   to the asker, in answers; the exit status is 1 when it cannot be
 *          asked.
 * Source   media_ask.h, confine.h.
 */
#ifndef HF_SERVE_H
#define HF_SERVE_H

#include "media_ask.h"
#include "media_limit.h"

#include "err.h"
#include "picture.h"

#define HF_SERVE_NO_FILE (-1)

struct hf_serve {
	const char *words; /* "hashfed-media: decodes images" */
	size_t memory_bytes;
	unsigned cpu_s;
	/* In the child: confine the calls, decode the file, or something to
	 * try it on where there is none, and answer. */
	void (*decode)(const struct hf_ask *ask, int fd,
		       struct hf_answer *answer);
};

int hf_serve(const struct hf_serve *serve);

void hf_serve_answer(struct hf_answer *answer, enum hf_err err,
		     const struct hf_why *why);

/* Memory for a picture; NULL when there is none. */
struct hf_picture *hf_serve_picture(void);

#endif /* HF_SERVE_H */
