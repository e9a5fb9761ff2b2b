/*
 * match_kernel_all.h -- the kernels there are; for match_kernel.c, which
 * chooses among them.
 *
 * Units, Owns, Threads, Errors  as in match_kernel.h.
 * Source   none.
 */
#ifndef HF_MATCH_KERNEL_ALL_H
#define HF_MATCH_KERNEL_ALL_H

#include "match_kernel.h"

extern const struct hf_match_kernel hf_match_kernel_portable;

/* Compiled on x86-64 only, and run where the processor has them. */
extern const struct hf_match_kernel hf_match_kernel_avx2;
extern const struct hf_match_kernel hf_match_kernel_avx512;

#endif /* HF_MATCH_KERNEL_ALL_H */
