/*
 * found.h -- items that are here become takedown cases: looked up, and a case
 * for each that policy blocks or wants reviewed.
 *
 * Nobody has to be believed that something was found: the lookup is done here,
 * so who may only scan can open no case about what matches nothing.
 *
 * Units    item numbers are the caller's.
 * Owns     answers live in the caller's arena.
 * Threads  any that may wait for the disk and the signer.
 * Errors   of the lookup and of the cases; what was done before stays done,
 *          and the same once more does the rest.
 * Source   proto/SPEC.md section 12.9.
 */
#ifndef HF_FOUND_H
#define HF_FOUND_H

#include <stdbool.h>

#include "arena.h"
#include "codec_takedown.h"
#include "err.h"

struct hf_node;

/* What of a lookup is to become cases. */
struct hf_found_options {
	const char *text; /* how it was found, for the other party */
	/* Only hits that this wants; NULL for all. */
	bool (*is_wanted)(void *arg, const struct hf_wire_match_hit *hit);
	/* Asked before each item; false: leave the rest.  NULL: go on. */
	bool (*goes_on)(void *arg);
	/* Each case, at once.  NULL is fine. */
	void (*made)(void *arg, const struct hf_found_case *found);
	/* No case could be made of one item; true: go on with the others.
	 * NULL: never. */
	bool (*failed)(void *arg, enum hf_err err, const struct hf_why *why);
	void *arg;
};

/* Room in found for one of each item that the request has. */
HF_MUST enum hf_err hf_found_report(struct hf_node *node,
				    const struct hf_wire_match_request *request,
				    const struct hf_found_options *options,
				    struct hf_arena *arena,
				    struct hf_found_case *out_found,
				    size_t *out_count, struct hf_why *why);

#endif /* HF_FOUND_H */
