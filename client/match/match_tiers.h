/*
 * match_tiers.h -- which segments become one, by their sizes alone.
 *
 * Segments of the same tier become one, with all smaller ones.  Rewriting often
 * costs feeding, many segments cost lookups: of small ones two are enough when
 * there is nothing else to do, four when there is.  Of those that a bulk
 * becomes many are merged at once, so that each hash of a burst is rewritten
 * once.  Large ones stay until there are many of a size: what comes on top of
 * millions costs no more than it did on nothing.
 *
 * Units    bytes of a segment's file; a tier is four times as large as the one
 *          before it.
 * Owns     nothing.
 * Threads  any; no state.
 * Errors   none.
 * Source   none.
 */
#ifndef HF_MATCH_TIERS_H
#define HF_MATCH_TIERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HF_MATCH_TIERS           32
#define HF_MATCH_TIER_LEAST      ((uint64_t)1024 * 1024) /* of the second */
#define HF_MATCH_TIER_BULK       3                       /* from 16 MiB */
#define HF_MATCH_TIER_LARGE      6                       /* from 1 GiB */
#define HF_MATCH_TIERS_IDLE      2  /* so many of one tier are merged */
#define HF_MATCH_TIERS_BUSY      4  /* while there is something else to do */
#define HF_MATCH_TIERS_LARGE     6  /* of large ones */
#define HF_MATCH_TIERS_BULK_MANY 32 /* of what bulks become, while so */

/* Below HF_MATCH_TIERS. */
int hf_match_tier_of(uint64_t bytes);

/* Up to which tier they are merged now: the lowest that has enough of its own
 * while there is something else to do, else the highest, so that what is left
 * is rewritten once.  -1: none is. */
int hf_match_tiers_top(const uint64_t *sizes_bytes, size_t count, bool is_busy);

#endif /* HF_MATCH_TIERS_H */
