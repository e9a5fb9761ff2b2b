/*
 * match_map.h -- files of the index that one process writes through a map
 * while others read them: the mutable part, the marks as they are now, the
 * sets.
 *
 * A file has all its blocks before it is mapped, so that a full disk is an
 * error here and never a signal later.  It is never used for anything else
 * afterwards: whoever has it mapped keeps what it was.
 *
 * Units    bytes.
 * Owns     hf_match_map_release() takes back what create and open mapped; a
 *          file is removed by its name alone.
 * Threads  none of its own.
 * Errors   FULL, SYSTEM, NOTFOUND; CORRUPT for a file that does not begin as
 *          it should; UNSUPPORTED for one of another version.
 * Source   client/match/FORMAT.md.
 */
#ifndef HF_MATCH_MAP_H
#define HF_MATCH_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

#define HF_MATCH_MAP_VERSION 2
#define HF_MATCH_MAP_ORDER   0x01020304u

/* What every such file begins with. */
struct hf_match_map_header {
	char magic[8];
	uint32_t version;
	uint32_t order;
	uint64_t file_bytes;
};

struct hf_match_map {
	uint8_t *at; /* NULL: nothing is mapped */
	size_t len_bytes;
	bool is_private; /* in no file: nobody else can read it */
};

/* "memory-00000012", with that magic, mapped for writing; zeros but for the
 * header.  What has the name already is removed first.  Without a dir it is in
 * no file: for a disk that has no room. */
HF_MUST enum hf_err hf_match_map_create(const char *dir, const char *kind,
					uint64_t number, const char magic[8],
					size_t len_bytes,
					struct hf_match_map *out_map,
					struct hf_why *why);

/* The same, mapped for reading, when it is at least least_bytes long. */
HF_MUST enum hf_err hf_match_map_open(const char *dir, const char *kind,
				      uint64_t number, const char magic[8],
				      size_t least_bytes,
				      struct hf_match_map *out_map,
				      struct hf_why *why);

/* Map an open file of that magic; name is for errors. */
HF_MUST enum hf_err hf_match_map_fd(int fd, bool is_writer, const char magic[8],
				    size_t least_bytes, const char *name,
				    struct hf_match_map *out_map,
				    struct hf_why *why);

/* Give a new file of that size its blocks and its header, and map it. */
HF_MUST enum hf_err hf_match_map_fill(int fd, const char magic[8],
				      size_t len_bytes, const char *name,
				      struct hf_match_map *out_map,
				      struct hf_why *why);

void hf_match_map_release(struct hf_match_map *map);

/* Remove the file; it need not be there. */
void hf_match_map_remove(const char *dir, const char *kind, uint64_t number);

#endif /* HF_MATCH_MAP_H */
