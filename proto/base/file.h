/*
 * file.h -- whole files: read with a ceiling, replace so that a crash leaves
 * the old or the new, never a mixture.
 *
 * Units    bytes; mode as in chmod(2).
 * Owns     hf_file_read() fills a buf that the caller releases.
 * Threads  any.
 * Errors   NOTFOUND, DENIED, FULL, SYSTEM; LIMIT when a file is larger than
 *          the ceiling.  The sentence names the path.
 * Source   rename(2), fsync(2): a rename is durable once the directory is.
 */
#ifndef HF_FILE_H
#define HF_FILE_H

#include <stddef.h>
#include <sys/types.h>

#include "buf.h"
#include "err.h"
#include "span.h"

/* Append the file's bytes to buf, up to its ceiling. */
HF_MUST enum hf_err hf_file_read(const char *path, struct hf_buf *buf,
				 struct hf_why *why);

/* Write "<path>.new", sync it, rename it to path, sync the directory. */
HF_MUST enum hf_err hf_file_replace(const char *path, struct hf_span bytes,
				    mode_t mode, struct hf_why *why);

/* Make a file that must not exist yet (EXISTS), synced, with its directory. */
HF_MUST enum hf_err hf_file_create(const char *path, struct hf_span bytes,
				   mode_t mode, struct hf_why *why);

/* mkdir, with the parents that are missing; one that is there is fine. */
HF_MUST enum hf_err hf_file_mkdirs(const char *path, mode_t mode,
				   struct hf_why *why);

/* Make the names in a directory durable. */
HF_MUST enum hf_err hf_file_sync_dir(const char *path, struct hf_why *why);

/* "a/b": LIMIT when it does not fit. */
HF_MUST enum hf_err hf_file_join(char *out_path, size_t size_bytes,
				 const char *dir, const char *name,
				 struct hf_why *why);

#endif /* HF_FILE_H */
