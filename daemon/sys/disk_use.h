/*
 * disk_use.h -- what a directory takes of the disk, and the process of memory.
 *
 * Units    bytes, as du(1) counts them: whole blocks, directories included.
 * Owns     nothing.
 * Threads  any; no state.
 * Errors   SYSTEM, DENIED of the operating system, NOTFOUND for a directory
 *          that is not there.  What goes away meanwhile is left out.
 * Source   stat(2), proc_pid_status(5).
 */
#ifndef HF_DISK_USE_H
#define HF_DISK_USE_H

#include <stdint.h>

#include "err.h"

/* Tell of each name in dir what it and all below takes, by name, and of dir
 * itself as ".".  What each returns ends it, if it is an error; it may be
 * NULL. */
HF_MUST enum hf_err
hf_disk_use(const char *dir,
	    enum hf_err (*each)(void *arg, const char *name, uint64_t bytes,
				struct hf_why *why),
	    void *arg, uint64_t *out_bytes, struct hf_why *why);

/* Resident memory: our own, and pages of mapped files. */
HF_MUST enum hf_err hf_memory_use(uint64_t *out_own_bytes,
				  uint64_t *out_mapped_bytes,
				  struct hf_why *why);

#endif /* HF_DISK_USE_H */
