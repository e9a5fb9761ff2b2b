/*
 * behind.h -- peers that tell older checkpoints of a set than others do: they
 * are cut off from its publisher, or keep what is new to themselves.
 *
 * Units    _ms since 1970 UTC.
 * Owns     rows are in the caller's arena.
 * Threads  any.
 * Errors   what there is no memory for is left out.
 * Source   proto/SPEC.md section 6.9.
 */
#ifndef HF_BEHIND_H
#define HF_BEHIND_H

#include <stddef.h>
#include <stdint.h>

struct hf_arena;
struct hf_ledger_view;
struct hf_node;

/* A relay that works tells of a checkpoint within seconds. */
#define HF_BEHIND_MS ((uint64_t)3600 * 1000)

struct hf_behind {
	const char *peer; /* its domain */
	const char *origin;
	uint64_t said_ms; /* the signed time of what it told last */
};

/* Their number. */
size_t hf_behind_list(const struct hf_node *node, struct hf_ledger_view *view,
		      struct hf_arena *arena,
		      const struct hf_behind **out_rows);

#endif /* HF_BEHIND_H */
