/*
 * match_manifest.h -- the one file that says which files make the index, and
 * which position of each set they stand for.
 *
 * Units    numbers name files, sequences order hashes in time.
 * Owns     hf_match_manifest_release() frees what parse and read filled.
 * Threads  none of its own.
 * Errors   CORRUPT names the file; UNSUPPORTED for another version; NOTFOUND
 *          where there is none.
 * Source   client/match/FORMAT.md.
 */
#ifndef HF_MATCH_MANIFEST_H
#define HF_MATCH_MANIFEST_H

#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "err.h"
#include "match_marks.h"
#include "span.h"

/* More are never made: sealing waits for merging before that. */
#define HF_MATCH_SEGMENTS_MAX 64

#define HF_MATCH_MANIFEST_MAX_BYTES ((size_t)64 * 1024 * 1024)
#define HF_MATCH_MARKS_MAX_BYTES    ((size_t)1024 * 1024 * 1024)

/* How far a set was fed. */
struct hf_match_position {
	uint32_t set;
	uint64_t position;
};

struct hf_match_manifest {
	uint64_t next_number;
	uint64_t next_sequence;
	uint64_t marks_number; /* 0: no marks */
	size_t segments_count;
	uint64_t segments[HF_MATCH_SEGMENTS_MAX];
	size_t positions_count;
	struct hf_match_position *positions; /* owned; by set, each once */
	size_t drops_count;
	struct hf_match_drop *drops; /* owned; by set, each once */
};

void hf_match_manifest_release(struct hf_match_manifest *manifest);

/* What encode wrote. */
HF_MUST enum hf_err
hf_match_manifest_parse(struct hf_span text,
			struct hf_match_manifest *out_manifest,
			struct hf_why *why);
void hf_match_manifest_encode(const struct hf_match_manifest *manifest,
			      struct hf_buf *buf);

/* dir/manifest. */
HF_MUST enum hf_err
hf_match_manifest_read(const char *dir, struct hf_match_manifest *out_manifest,
		       struct hf_why *why);
HF_MUST enum hf_err
hf_match_manifest_write(const char *dir,
			const struct hf_match_manifest *manifest,
			struct hf_why *why);

/* dir/marks-NUMBER. */
HF_MUST enum hf_err hf_match_marks_file_path(char *out_path, size_t size_bytes,
					     const char *dir, uint64_t number,
					     struct hf_why *why);
HF_MUST enum hf_err hf_match_marks_file_read(const char *dir, uint64_t number,
					     struct hf_match_marks **out_marks,
					     struct hf_why *why);
HF_MUST enum hf_err
hf_match_marks_file_write(const char *dir, uint64_t number,
			  const struct hf_match_marks *marks,
			  struct hf_why *why);

#endif /* HF_MATCH_MANIFEST_H */
