/*
 * errand.h -- work that may wait for disk or signer, on a thread of its own,
 * so that the worker loop never does.
 *
 * Units    none.
 * Owns     hf_errands_start() gives the caller the thread, hf_errands_stop()
 *          takes it back after what was posted ran.
 * Threads  post from any; errands run one after the other.
 * Errors   SYSTEM, NOMEM.
 * Source   daemon/DESIGN.md.
 */
#ifndef HF_ERRAND_H
#define HF_ERRAND_H

#include "err.h"

/* The poster's memory until run is called; run may free it. */
struct hf_errand {
	void (*run)(struct hf_errand *errand);
	struct hf_errand *next; /* the thread's */
};

struct hf_errands;

HF_MUST enum hf_err hf_errands_start(struct hf_errands **out_errands,
				     struct hf_why *why);
void hf_errands_stop(struct hf_errands *errands);
void hf_errand_post(struct hf_errands *errands, struct hf_errand *errand);

#endif /* HF_ERRAND_H */
