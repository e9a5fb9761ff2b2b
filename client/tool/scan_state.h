/*
 * scan_state.h -- how far a scan came, in a small file, so that one that was
 * interrupted goes on.
 *
 * Units    _ms since 1970-01-01 UTC; counts of files.
 * Owns     nothing: a value.
 * Threads  a value.
 * Errors   NOTFOUND when there is no file; MALFORMED when it is no state, or
 *          one of another scan.
 * Source   hashfed(1), scan.
 */
#ifndef HF_SCAN_STATE_H
#define HF_SCAN_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "kind.h"
#include "limit.h"

#include "scan_walk.h"

struct hf_scan_state {
	uint8_t key[HF_HASH_BYTES]; /* which scan it is of */
	struct hf_scan_place place; /* everything up to it is done */
	bool has_place;
	uint64_t saved_ms;
	uint64_t files;
	uint64_t failed;
	uint64_t verdicts[HF_VERDICT_COUNT]; /* files, by the worst of each */
};

/* What makes it the same scan: the directories, and what is done with what is
 * in them: one that makes cases does not go on from one that made none. */
enum { HF_SCAN_QUICK = 1, HF_SCAN_CASES = 2, HF_SCAN_REMEMBER = 4 };
HF_MUST enum hf_err hf_scan_state_key(char *const *roots, size_t roots_count,
				      unsigned how,
				      uint8_t out_key[static HF_HASH_BYTES],
				      struct hf_why *why);

/* The state of the scan with this key. */
HF_MUST enum hf_err hf_scan_state_load(const char *path,
				       const uint8_t key[static HF_HASH_BYTES],
				       struct hf_scan_state *out_state,
				       struct hf_why *why);

HF_MUST enum hf_err hf_scan_state_save(const char *path,
				       const struct hf_scan_state *state,
				       struct hf_why *why);

#endif /* HF_SCAN_STATE_H */
