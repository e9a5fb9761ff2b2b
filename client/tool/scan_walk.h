/*
 * scan_walk.h -- the regular files under directories, in an order that is the
 * same every time, and from any place in it on.
 *
 * Names in a directory come in the order of their bytes.  Symbolic links are
 * not followed; what is no regular file is passed over.
 *
 * Units    roots count from 0.
 * Owns     nothing past a call.  The path a callback gets is borrowed.
 * Threads  one.
 * Errors   LIMIT for paths longer than HF_SCAN_PATH_SIZE or deeper than
 *          HF_SCAN_DEPTH_MAX are reported as a directory that cannot be read;
 *          what visit returns ends the walk and is returned.
 * Source   none.
 */
#ifndef HF_SCAN_WALK_H
#define HF_SCAN_WALK_H

#include <stddef.h>

#include "err.h"

#define HF_SCAN_PATH_SIZE 4096
#define HF_SCAN_DEPTH_MAX 256

/* A place in a walk: the last file that is done with.  path is what follows
 * the root and its slash, "" for a root that is itself a file. */
struct hf_scan_place {
	size_t root;
	char path[HF_SCAN_PATH_SIZE];
};

struct hf_scan_visitor {
	/* A file.  rest is its path below the root. */
	enum hf_err (*visit)(void *arg, size_t root, const char *path,
			     const char *rest, struct hf_why *why);
	/* A directory that cannot be read; the walk goes on. */
	void (*fail)(void *arg, const char *path, const char *sentence);
	void *arg;
};

/* after is NULL, or where to go on: what comes behind it is visited. */
HF_MUST enum hf_err hf_scan_walk(char *const *roots, size_t roots_count,
				 const struct hf_scan_place *after,
				 const struct hf_scan_visitor *visitor,
				 struct hf_why *why);

#endif /* HF_SCAN_WALK_H */
