/*
 * random64.h -- numbers that are the same on every machine and in every run:
 * xorshift64*, for tests and benches.
 */
#ifndef HF_TEST_RANDOM64_H
#define HF_TEST_RANDOM64_H

#include <stdint.h>

static uint64_t random_state = 88172645463325252u;

static inline uint64_t random64(void)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return random_state * 2685821657736338717u;
}

#endif /* HF_TEST_RANDOM64_H */
