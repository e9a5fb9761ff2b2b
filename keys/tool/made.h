/*
 * made.h -- what a command has made on disk so far, to be taken back when it
 * fails halfway.
 *
 * Units    mode as in chmod(2).
 * Owns     copies of the paths.
 * Threads  one.
 * Errors   EXISTS for what is there already; LIMIT past HF_MADE_MAX; those of
 *          file.h.
 * Source   none.
 */
#ifndef HF_MADE_H
#define HF_MADE_H

#include <stddef.h>
#include <sys/types.h>

#include "err.h"
#include "span.h"

#include "tool.h"

#define HF_MADE_MAX 64

struct hf_made {
	char paths[HF_MADE_MAX][HF_TOOL_PATH_SIZE];
	size_t count;
};

/* Make a directory and those above it that are missing; one that is there
 * already stays as it is. */
HF_MUST enum hf_err hf_made_dir(struct hf_made *made, const char *path,
				mode_t mode, struct hf_why *why);

/* Make a file. */
HF_MUST enum hf_err hf_made_file(struct hf_made *made, const char *path,
				 struct hf_span bytes, mode_t mode,
				 struct hf_why *why);

/* Somebody else is about to make this file or tree: take it back too. */
HF_MUST enum hf_err hf_made_note(struct hf_made *made, const char *path,
				 struct hf_why *why);

/* Remove all of it, the last first. */
void hf_made_undo(const struct hf_made *made);

#endif /* HF_MADE_H */
