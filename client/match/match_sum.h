/*
 * match_sum.h -- checksums of bulk data: CRC-32C, as fast as it is read.
 *
 * They tell a file that a disk or a crash damaged from a whole one.  They do
 * not tell who wrote it: whoever may write into the index directory may write
 * another index.
 *
 * Units    bytes.
 * Owns     nothing.
 * Threads  any; no state.
 * Errors   none.
 * Source   RFC 3720 appendix B.4 (Castagnoli's polynomial, reflected).
 *          SHA-256 of a segment took a tenth of all the time of feeding.
 */
#ifndef HF_MATCH_SUM_H
#define HF_MATCH_SUM_H

#include <stddef.h>
#include <stdint.h>

/* The sum of what sum is of and of these bytes behind it; of nothing it is
 * 0. */
uint32_t hf_match_sum(uint32_t sum, const void *bytes, size_t len_bytes);

/* The same without the processor's instruction, which tests compare. */
uint32_t hf_match_sum_portable(uint32_t sum, const void *bytes,
			       size_t len_bytes);

#endif /* HF_MATCH_SUM_H */
