/*
 * bench_ingest_input.h -- a set as its publisher would send it, in a file:
 * chunk after chunk of headers, payload lengths, openings and payloads, behind
 * them the roots of the chunks.  Made once, read by as many runs as one likes.
 */
#ifndef HF_BENCH_INGEST_INPUT_H
#define HF_BENCH_INGEST_INPUT_H

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chunk.h"
#include "leaf.h"
#include "sign.h"

#include "bench_item.h"

/* Every item encodes to as many bytes. */
#define INPUT_ITEM_BYTES 144
#define INPUT_LEVELS     40

struct input_chunk {
	uint8_t headers[HF_CHUNK_ENTRIES * HF_HEADER_BYTES];
	uint8_t openings[HF_CHUNK_ENTRIES * HF_OPENING_BYTES];
	uint8_t payloads[HF_CHUNK_ENTRIES * INPUT_ITEM_BYTES];
};

struct input {
	size_t chunks_count;
	size_t map_bytes;
	const struct input_chunk *chunks; /* mapped */
	/* Roots of the subtrees of 1 << level chunks; [0] is mapped. */
	struct hf_tree_hash *levels[INPUT_LEVELS];
};

static inline void input_make_chunk(const struct hf_commit *commit,
				    uint64_t first, struct input_chunk *chunk)
{
	struct hf_buf item;

	hf_random(chunk->openings, sizeof(chunk->openings));
	hf_buf_init(&item, HF_PAYLOAD_MAX_BYTES);
	for (size_t i = 0; i < HF_CHUNK_ENTRIES; i++) {
		struct hf_header header = {
			.op = HF_OP_ADD,
			.time_ms = 1700000000000,
			.target = first + i,
		};

		hf_buf_reset(&item);
		bench_item(first + i, &item);
		if (item.len_bytes != INPUT_ITEM_BYTES) {
			fprintf(stderr, "an item has %zu bytes\n",
				item.len_bytes);
			exit(1);
		}
		memcpy(chunk->payloads + i * INPUT_ITEM_BYTES, item.at,
		       INPUT_ITEM_BYTES);
		hf_commit_payload(commit,
				  chunk->openings + i * HF_OPENING_BYTES,
				  hf_buf_span(&item), &header);
		hf_header_encode(&header, chunk->headers + i * HF_HEADER_BYTES);
	}
	hf_buf_release(&item);
}

/* False: the disk did not take it. */
static inline bool input_make(const char *path, size_t chunks_count)
{
	struct hf_tree_hash *roots = calloc(chunks_count, sizeof(*roots));
	struct input_chunk *chunk = malloc(sizeof(*chunk));
	FILE *file = fopen(path, "w");
	struct hf_commit commit;
	bool is_well = file != NULL && chunk != NULL && roots != NULL;

	hf_commit_init(&commit);
	for (size_t i = 0; i < chunks_count && is_well; i++) {
		input_make_chunk(&commit, i * HF_CHUNK_ENTRIES, chunk);
		hf_chunk_root(chunk->headers, HF_CHUNK_ENTRIES, &roots[i]);
		is_well = fwrite(chunk, sizeof(*chunk), 1, file) == 1;
	}
	is_well = is_well && fwrite(roots, sizeof(*roots), chunks_count,
				    file) == chunks_count;
	is_well = file != NULL && fclose(file) == 0 && is_well;
	free(chunk);
	free(roots);
	return is_well;
}

static inline bool input_open(const char *path, struct input *out)
{
	struct input input = { 0 };
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t one = sizeof(struct input_chunk) + sizeof(struct hf_tree_hash);
	struct stat st;
	void *map;

	if (fd < 0 || fstat(fd, &st) != 0 || (size_t)st.st_size % one != 0)
		return false;
	input.map_bytes = (size_t)st.st_size;
	input.chunks_count = input.map_bytes / one;
	map = mmap(NULL, input.map_bytes, PROT_READ, MAP_SHARED | MAP_POPULATE,
		   fd, 0);
	close(fd);
	if (map == MAP_FAILED || input.chunks_count == 0)
		return false;
	input.chunks = map;
	input.levels[0] =
		(void *)((struct input_chunk *)map + input.chunks_count);
	for (unsigned level = 1; input.chunks_count >> level > 0; level++) {
		const struct hf_tree_hash *below = input.levels[level - 1];
		size_t count = input.chunks_count >> level;

		input.levels[level] = calloc(count, sizeof(*below));
		for (size_t i = 0; i < count; i++)
			hf_tree_node(&below[2 * i], &below[2 * i + 1],
				     &input.levels[level][i]);
	}
	*out = input;
	return true;
}

static inline void input_close(struct input *input)
{
	for (unsigned level = 1; level < INPUT_LEVELS; level++)
		free(input->levels[level]);
	munmap((void *)input->chunks, input->map_bytes);
}

/* Sizes are of whole chunks, so nobody asks for what is below. */
static inline enum hf_err input_get(void *context, unsigned level,
				    uint64_t index,
				    struct hf_tree_hash *out_hash,
				    struct hf_why *why)
{
	const struct input *input = context;

	if (level < HF_CHUNK_LEVEL)
		return hf_why(why, HF_E_INTERNAL, "input: no such hash");
	*out_hash = input->levels[level - HF_CHUNK_LEVEL][index];
	return HF_OK;
}

static inline struct hf_tree_reader input_reader(struct input *input)
{
	return (struct hf_tree_reader){ .get = input_get, .context = input };
}

#endif /* HF_BENCH_INGEST_INPUT_H */
