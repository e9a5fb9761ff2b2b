/*
 * match_line.h -- a line that hashfed match --stdin is asked: the path of a
 * file, or a JSON object.
 *
 *     {"id": 17, "path": "/srv/a.jpg"}
 *     {"id": "a", "hashes": ["sha256:<hex>", "pdq:<hex>:<quality>"]}
 *     {"id": "v", "hashes": ["vpdq:<hex of all frames>"]}
 *
 * Units    quality 0 to 100.
 * Owns     hf_match_line_release() frees what a line holds; a line that was
 *          refused holds its id, where it had one.
 * Threads  any; no state.
 * Errors   MALFORMED and LIMIT with a sentence for whoever wrote the line.
 * Source   hashfed(1), match.
 */
#ifndef HF_MATCH_LINE_H
#define HF_MATCH_LINE_H

#include <jansson.h>
#include <stddef.h>

#include "err.h"
#include "limit.h"
#include "span.h"

/* The longest list of frames has 115,200 digits. */
#define HF_MATCH_LINE_MAX_BYTES ((size_t)256 * 1024)
#define HF_MATCH_ID_MAX_BYTES   256
#define HF_MATCH_PATH_MAX_BYTES 4095

struct hf_match_hash {
	unsigned algorithm; /* of enum hf_algorithm */
	unsigned quality;   /* HF_QUALITY_MAX where there is none */
	uint8_t *digest;    /* owned */
	size_t len_bytes;
};

struct hf_match_line {
	json_t *id;                   /* owned: text or a whole number; NULL */
	char *path;                   /* owned; NULL: hashes instead */
	struct hf_match_hash *hashes; /* owned */
	size_t hashes_count;          /* HF_ITEM_MAX_HASHES at most */
	size_t lookups_count;         /* each frame of a video is one */
};

/* Sets all of out_line, whatever it returns. */
HF_MUST enum hf_err hf_match_line_parse(struct hf_span text,
					struct hf_match_line *out_line,
					struct hf_why *why);

void hf_match_line_release(struct hf_match_line *line);

#endif /* HF_MATCH_LINE_H */
