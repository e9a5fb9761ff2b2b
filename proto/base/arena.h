/*
 * arena.h -- memory that is freed in one stroke, with a ceiling.
 *
 * One arena serves one call or one message.  The ceiling is what keeps a
 * hostile message from costing more than it was allowed (1 MiB of empty
 * sub-messages costs 68 MiB with malloc).
 *
 * Units    bytes.
 * Owns     the arena owns every block it gave out until hf_arena_reset() or
 *          hf_arena_release().
 * Threads  one thread at a time.
 * Errors   hf_arena_alloc() and friends return NULL when memory or the
 *          ceiling is reached.
 * Source   measured: proto/SPEC.md section 10.
 */
#ifndef HF_ARENA_H
#define HF_ARENA_H

#include <stddef.h>
#include <stdint.h>

#include "span.h"

struct hf_arena_block;

struct hf_arena {
	struct hf_arena_block *blocks; /* owned, newest first */
	size_t used_bytes;             /* of the newest block */
	size_t total_bytes;            /* of all blocks */
	size_t ceiling_bytes;
};

void hf_arena_init(struct hf_arena *arena, size_t ceiling_bytes);

/* Aligned to 16, not zeroed. */
void *hf_arena_alloc(struct hf_arena *arena, size_t size_bytes);

/* Zeroed; count * size_bytes is checked. */
void *hf_arena_calloc(struct hf_arena *arena, size_t count, size_t size_bytes);

/* A copy with a zero byte behind it, so that text can be used as a string. */
char *hf_arena_text(struct hf_arena *arena, struct hf_span text);

/* A copy; an empty span copies to an empty span with a non-NULL pointer.
 * out->at is NULL when there is no memory. */
struct hf_span hf_arena_copy(struct hf_arena *arena, struct hf_span bytes);

/* Forget everything given out, keep the newest block for reuse. */
void hf_arena_reset(struct hf_arena *arena);

void hf_arena_release(struct hf_arena *arena);

/* Zeros over everything given out so far; it can still be released. */
void hf_arena_wipe(struct hf_arena *arena);

#endif /* HF_ARENA_H */
