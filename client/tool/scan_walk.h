/*
 * scan_walk.h -- the regular files under directories, in an order that is the
 * same every time.
 *
 * Names in a directory come in the order of their bytes.  Symbolic links are
 * not followed; what is no regular file is passed over.
 *
 * Units    roots count from 0.
 * Owns     nothing past a call.  The path a callback gets is borrowed.
 * Threads  one.
 * Errors   LIMIT for paths longer than HF_SCAN_PATH_SIZE or deeper than
 *          HF_SCAN_DEPTH_MAX are reported as a directory that cannot be read;
 *          what a callback returns ends the walk and is returned.
 * Source   none.
 */
#ifndef HF_SCAN_WALK_H
#define HF_SCAN_WALK_H

#include <stddef.h>
#include <sys/stat.h>

#include "err.h"

#define HF_SCAN_PATH_SIZE 4096
#define HF_SCAN_DEPTH_MAX 256

struct hf_scan_visitor {
	/* A file. */
	enum hf_err (*visit)(void *arg, size_t root, const char *path,
			     const struct stat *is, struct hf_why *why);
	/* A directory that cannot be read; the walk goes on. */
	enum hf_err (*fail)(void *arg, size_t root, const char *path,
			    const char *sentence, struct hf_why *why);
	/* Nothing more will come of this root. */
	enum hf_err (*leave)(void *arg, size_t root, struct hf_why *why);
	void *arg;
};

HF_MUST enum hf_err hf_scan_walk(char *const *roots, size_t roots_count,
				 const struct hf_scan_visitor *visitor,
				 struct hf_why *why);

#endif /* HF_SCAN_WALK_H */
