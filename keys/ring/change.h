/*
 * change.h -- one change of lib/ring under way: the directory locked, and the
 * ring as it stands.
 *
 * Units    paths within the ring read "peers/x.peer".
 * Owns     hf_ring_change_begin() gives the caller a change;
 *          hf_ring_change_end() takes it back and lets go of the lock.
 * Threads  one at a time.
 * Errors   as ringdir.h.
 * Source   flock(2); proto/SPEC.md section 7.
 */
#ifndef HF_CHANGE_H
#define HF_CHANGE_H

#include <stdint.h>
#include <sys/stat.h>

#include "arena.h"
#include "err.h"
#include "span.h"

#include "ring_inside.h"

#define HF_RING_RELATIVE_SIZE (2 * HF_RING_NAME_SIZE)

struct hf_ring_change {
	const char *dir;      /* borrowed */
	int fd;               /* owned; holds the lock */
	struct hf_ring *ring; /* owned */
	struct hf_arena arena;
	struct stat owner; /* whose directory it is */
};

HF_MUST enum hf_err hf_ring_change_begin(const char *dir,
					 struct hf_ring_change *out,
					 struct hf_why *why);
void hf_ring_change_end(struct hf_ring_change *change);

/* Replace a file, making its folder where it is missing. */
HF_MUST enum hf_err hf_ring_put_file(const struct hf_ring_change *change,
				     const char *path, struct hf_span text,
				     struct hf_why *why);

/* Remove a file, durably; one that is not there is fine. */
HF_MUST enum hf_err hf_ring_drop_file(const struct hf_ring_change *change,
				      const char *path, struct hf_why *why);

/* "peers/north.example.peer" */
void hf_ring_path_of(const char *folder, struct hf_span text, uint64_t version,
		     const char *suffix,
		     char out_path[static HF_RING_RELATIVE_SIZE]);

#endif /* HF_CHANGE_H */
