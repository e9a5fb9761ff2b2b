/*
 * confine.h -- give up everything that decoding an image does not need.
 *
 * Two steps, because the process that starts decoders must fork and answer,
 * and the one that decodes must do neither: the first limits both, the second
 * leaves memory, reading the one file that is open, and ending.
 *
 * Built with a sanitizer, neither limits memory nor filters calls: sanitizers
 * need terabytes of addresses and calls of their own.
 *
 * Units    media_limit.h.
 * Owns     nothing; there is no way back.
 * Threads  before any, and in a process of one thread.
 * Errors   SYSTEM when the kernel refuses: then nothing may be decoded.
 * Source   setrlimit(2), seccomp(2), prctl(2).
 */
#ifndef HF_CONFINE_H
#define HF_CONFINE_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"

/* False where a sanitizer makes the limits above impossible. */
bool hf_confine_is_whole(void);

/* Memory, no core file, no new privileges, not to be traced. */
HF_MUST enum hf_err hf_confine_limits(size_t memory_bytes, struct hf_why *why);

/* Processor time, and from here only the calls of a decoder.  A call that is
 * not among them ends the process with SIGSYS. */
HF_MUST enum hf_err hf_confine_calls(unsigned cpu_s, struct hf_why *why);

#endif /* HF_CONFINE_H */
