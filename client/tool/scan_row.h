/*
 * scan_row.h -- between a file, its row in the inventory and what was read of
 * it.
 *
 * Units    see inventory_row.h.
 * Owns     what is made borrows from what it was made of.
 * Threads  any; no state.
 * Errors   none.
 * Source   hashfed(1), scan.
 */
#ifndef HF_SCAN_ROW_H
#define HF_SCAN_ROW_H

#include <stdbool.h>
#include <sys/stat.h>

#include "media.h"
#include "inventory_row.h"

/* What tells that a file was not changed: 32 bits of its size, its time to the
 * nanosecond and its inode.  A file that was changed within the last two
 * seconds gets a stamp that none has: it may change once more without showing
 * it. */
uint32_t hf_scan_stamp_of(const struct stat *is, uint64_t now_s);

/* How closely files are looked at. */
enum hf_scan_depth {
	HF_SCAN_QUICK,    /* exact hashes only */
	HF_SCAN_PICTURES, /* there is nothing to decode videos with */
	HF_SCAN_FULL,
};

/* Is the file as it was, and was it looked at that closely? */
bool hf_scan_row_holds(const struct hf_row *row, const struct stat *is,
		       enum hf_scan_depth depth);

/* digests: room for the row's. */
struct hf_row hf_scan_row_of(const char *path,
			     const struct hf_media_result *result,
			     uint32_t stamp, enum hf_scan_depth depth,
			     uint8_t digests[static HF_ROW_ALL_BYTES]);

/* As if the file had been read. */
void hf_scan_result_of(const struct hf_row *row, const char *path,
		       struct hf_media_result *out_result);

#endif /* HF_SCAN_ROW_H */
