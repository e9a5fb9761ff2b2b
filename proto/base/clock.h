/*
 * clock.h -- what time it is, in two senses.
 *
 * Units    milliseconds, microseconds; wall times since 1970-01-01 UTC.
 * Owns     nothing.
 * Threads  any.
 * Errors   none.
 * Source   clock_gettime(2), pthread_condattr_setclock(3).
 */
#ifndef HF_CLOCK_H
#define HF_CLOCK_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* For people, signatures and expiry.  Can step. */
uint64_t hf_clock_wall_ms(void);

/* For durations.  Never goes back. */
uint64_t hf_clock_mono_us(void);

/* That moment, for a timed wait on a condition of hf_clock_cond_init(). */
struct timespec hf_clock_moment(uint64_t mono_us);

/* A condition whose timed waits do not go by the wall clock, which can step. */
void hf_clock_cond_init(pthread_cond_t *out_cond);

/* "2026-01-10T05:25:01.412Z" and a zero byte. */
#define HF_CLOCK_TEXT_SIZE 25
void hf_clock_text(uint64_t wall_ms, char out_text[HF_CLOCK_TEXT_SIZE]);

#endif /* HF_CLOCK_H */
