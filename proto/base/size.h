/*
 * size.h -- what something takes, told table by table.
 *
 * Units    bytes; count of whatever the table holds, 0 where it is not told;
 *          most is what it never takes more than, 0 where it grows.
 * Owns     nothing: names are borrowed until the call returns.
 * Threads  any; no state.
 * Errors   none.
 * Source   none.
 */
#ifndef HF_SIZE_H
#define HF_SIZE_H

#include <stdint.h>

struct hf_size {
	const char *table;
	uint64_t bytes;
	uint64_t count;
	uint64_t most;
};

typedef void hf_size_each(void *arg, const struct hf_size *size);

#endif /* HF_SIZE_H */
