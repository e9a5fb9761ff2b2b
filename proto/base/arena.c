#include <stdlib.h>
#include <string.h>

#include "arena.h"

#define ALIGN             ((size_t)16)
#define BLOCK_LEAST_BYTES ((size_t)4096)

struct hf_arena_block {
	struct hf_arena_block *older;
	size_t size_bytes; /* behind this header */
};

/* The header rounded up, so that what follows it is aligned. */
#define HEADER ((sizeof(struct hf_arena_block) + ALIGN - 1) & ~(ALIGN - 1))

void hf_arena_init(struct hf_arena *arena, size_t ceiling_bytes)
{
	memset(arena, 0, sizeof(*arena));
	arena->ceiling_bytes = ceiling_bytes;
}

static size_t left_bytes(const struct hf_arena *arena)
{
	return arena->blocks != NULL
		       ? arena->blocks->size_bytes - arena->used_bytes
		       : 0;
}

static int grow(struct hf_arena *arena, size_t need_bytes)
{
	size_t size = arena->blocks != NULL ? arena->blocks->size_bytes * 2
					    : BLOCK_LEAST_BYTES;
	struct hf_arena_block *block;

	if (need_bytes > arena->ceiling_bytes - arena->total_bytes)
		return -1;
	if (size < need_bytes)
		size = need_bytes;
	if (size > arena->ceiling_bytes - arena->total_bytes)
		size = arena->ceiling_bytes - arena->total_bytes;

	block = malloc(HEADER + size);
	if (block == NULL)
		return -1;
	block->older = arena->blocks;
	block->size_bytes = size;
	arena->blocks = block;
	arena->total_bytes += size;
	arena->used_bytes = 0;
	return 0;
}

void *hf_arena_alloc(struct hf_arena *arena, size_t size_bytes)
{
	uint8_t *at;

	if (size_bytes > SIZE_MAX - ALIGN)
		return NULL;
	size_bytes = (size_bytes + ALIGN - 1) & ~(ALIGN - 1);
	if (size_bytes == 0)
		size_bytes = ALIGN;
	if (size_bytes > left_bytes(arena) && grow(arena, size_bytes) != 0)
		return NULL;
	at = (uint8_t *)arena->blocks + HEADER + arena->used_bytes;
	arena->used_bytes += size_bytes;
	return at;
}

void *hf_arena_calloc(struct hf_arena *arena, size_t count, size_t size_bytes)
{
	void *at;

	if (size_bytes != 0 && count > SIZE_MAX / size_bytes)
		return NULL;
	at = hf_arena_alloc(arena, count * size_bytes);
	if (at != NULL)
		memset(at, 0, count * size_bytes);
	return at;
}

char *hf_arena_text(struct hf_arena *arena, struct hf_span text)
{
	char *at;

	if (text.len_bytes == SIZE_MAX)
		return NULL;
	at = hf_arena_alloc(arena, text.len_bytes + 1);
	if (at == NULL)
		return NULL;
	if (text.len_bytes > 0)
		memcpy(at, text.at, text.len_bytes);
	at[text.len_bytes] = '\0';
	return at;
}

struct hf_span hf_arena_copy(struct hf_arena *arena, struct hf_span bytes)
{
	uint8_t *at = hf_arena_alloc(arena, bytes.len_bytes);

	if (at == NULL)
		return hf_span(NULL, 0);
	if (bytes.len_bytes > 0)
		memcpy(at, bytes.at, bytes.len_bytes);
	return hf_span(at, bytes.len_bytes);
}

static void free_blocks(struct hf_arena_block *block)
{
	while (block != NULL) {
		struct hf_arena_block *older = block->older;

		free(block);
		block = older;
	}
}

void hf_arena_reset(struct hf_arena *arena)
{
	arena->used_bytes = 0;
	if (arena->blocks == NULL)
		return;
	free_blocks(arena->blocks->older);
	arena->blocks->older = NULL;
	arena->total_bytes = arena->blocks->size_bytes;
}

void hf_arena_release(struct hf_arena *arena)
{
	free_blocks(arena->blocks);
	hf_arena_init(arena, arena->ceiling_bytes);
}

void hf_arena_wipe(struct hf_arena *arena)
{
	for (struct hf_arena_block *block = arena->blocks; block != NULL;
	     block = block->older)
		explicit_bzero((uint8_t *)block + HEADER, block->size_bytes);
}
