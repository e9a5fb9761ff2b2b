/*
 * torture.h -- how much memory our own code asked for.
 */
#ifndef HF_TORTURE_H
#define HF_TORTURE_H

/* Allocations that the calling thread made so far. */
long hf_torture_made(void);

#endif /* HF_TORTURE_H */
