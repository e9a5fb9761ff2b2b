/*
 * scan_run.h -- one scan into one inventory: files that are new or changed are
 * read and looked up, rows of the others are held against what is new at the
 * daemon.
 *
 * Units    none.
 * Owns     nothing past a call.
 * Threads  one.
 * Errors   what is wrong with a file is told and the run goes on; what was done
 *          before an error stays done.
 * Source   hashfed(1), scan.
 */
#ifndef HF_SCAN_RUN_H
#define HF_SCAN_RUN_H

#include "cmd.h"

/* A directory, or file, that was named, and what it really is. */
struct hf_scan_root {
	char *given; /* borrowed */
	char *real;  /* owned by whoever has the root */
};

/* roots: in the order of rows, none below another; none at all with --update
 * and --files-from.  dir: the inventory's. */
HF_MUST enum hf_err hf_scan_run(struct hf_cmd *cmd,
				const struct hf_scan_root *roots,
				size_t roots_count, const char *dir,
				struct hf_why *why);

#endif /* HF_SCAN_RUN_H */
