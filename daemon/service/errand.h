/*
 * errand.h -- work that may wait for disk or signer, on threads of its own,
 * so that the worker loop never does.
 *
 * Units    none.
 * Owns     hf_errands_start() gives the caller the threads, hf_errands_stop()
 *          takes them back after what was posted ran.
 * Threads  post from any; errands begin one after the other, and run so where
 *          there is one thread.
 * Errors   SYSTEM, NOMEM.
 * Source   daemon/DESIGN.md.
 */
#ifndef HF_ERRAND_H
#define HF_ERRAND_H

#include <stddef.h>

#include "err.h"

/* The poster's memory until run is called; run may free it. */
struct hf_errand {
	void (*run)(struct hf_errand *errand);
	struct hf_errand *next; /* the thread's */
};

struct hf_errands;

#define HF_ERRAND_THREADS_MAX 16

/* name: of the threads, as a debugger shows it. */
HF_MUST enum hf_err hf_errands_start(const char *name, size_t threads,
				     struct hf_errands **out_errands,
				     struct hf_why *why);
void hf_errands_stop(struct hf_errands *errands);
void hf_errand_post(struct hf_errands *errands, struct hf_errand *errand);

#endif /* HF_ERRAND_H */
