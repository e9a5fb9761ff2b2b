/*
 * retro_pass.h -- the kept items against the entries of some ranges, once.
 *
 * Few entries are put into a filter that every item is held against; many are
 * dearer than looking every item up.  Either way an item that may match is
 * looked up, and only hits in the ranges count.
 *
 * Units    positions count entries.
 * Owns     nothing.
 * Threads  one that may wait for the disk and the signer; no view is open while
 *          it waits.
 * Errors   UNAVAILABLE and others that pass by themselves: nothing is lost when
 *          the same pass is made again.  What is wrong with one item is logged,
 *          and the others go on.
 * Source   daemon/DESIGN.md, "Found later".
 */
#ifndef HF_RETRO_PASS_H
#define HF_RETRO_PASS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "limit.h"
#include "retro_store.h"

struct hf_node;

/* New entries of one set. */
struct hf_retro_range {
	uint32_t set;
	char origin[HF_ORIGIN_MAX_BYTES + 1];
	uint64_t from;
	uint64_t to;
};

/* Entries that go through the filter; above, items are looked up. */
#define HF_RETRO_FILTER_ENTRIES 16384

/* Cases that one pass opens: a hash of something that everybody has must not
 * make a case of all that is here. */
#define HF_RETRO_CASES_MAX 1000

struct hf_retro_pass {
	struct hf_node *node;
	struct hf_retro_store *store;
	const struct hf_retro_range *ranges;
	size_t ranges_count;
	uint64_t last; /* frame to stop at */
	/* Called now and then: false stops it (CANCELLED). */
	bool (*goes_on)(void *arg);
	void *arg;
	/* What it did. */
	size_t looked_up;
	size_t cases; /* opened, joined, or back */
	bool is_cut;  /* HF_RETRO_CASES_MAX was reached */
};

HF_MUST enum hf_err hf_retro_pass(struct hf_retro_pass *pass,
				  struct hf_why *why);

#endif /* HF_RETRO_PASS_H */
