#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "match_memory.h"

#define KIND  "memory"
#define MAGIC "HFMEMRY1"

/* Where what begins in the file; each at a multiple of 64. */
#define HEAD_BYTES   4096
#define ROWS_BYTES   (HF_MATCH_MEMORY_ROWS * sizeof(struct hf_match_memory_row))
#define HEADS_BYTES  (HF_MATCH_MEMORY_HEADS * sizeof(uint32_t))
#define NEAR_BYTES   ((size_t)HF_MATCH_MEMORY_NEAR_ROWS * 32)
#define HEADS_AT     (HEAD_BYTES + ROWS_BYTES)
#define POOL_AT      (HEADS_AT + HEADS_BYTES)
#define NEAR_AT      (POOL_AT + HF_MATCH_MEMORY_POOL_BYTES)
#define NEAR_ROWS_AT (NEAR_AT + NEAR_BYTES)
#define FILE_BYTES   (NEAR_ROWS_AT + HF_MATCH_MEMORY_NEAR_ROWS * sizeof(uint32_t))

static enum hf_err memory_new(uint64_t sequence,
			      struct hf_match_memory **out_memory,
			      struct hf_why *why)
{
	struct hf_match_memory *memory = calloc(1, sizeof(*memory));

	if (memory == NULL)
		return hf_why(why, HF_E_NOMEM, "index: no memory");
	memory->references = 1;
	memory->sequence = sequence;
	*out_memory = memory;
	return HF_OK;
}

static void point(struct hf_match_memory *memory)
{
	uint8_t *at = memory->map.at;

	memory->head = (struct hf_match_memory_head *)at;
	memory->rows = (struct hf_match_memory_row *)(at + HEAD_BYTES);
	memory->heads = (uint32_t *)(at + HEADS_AT);
	memory->pool = at + POOL_AT;
	memory->near = at + NEAR_AT;
	memory->near_rows = (uint32_t *)(at + NEAR_ROWS_AT);
}

/* From the kernel itself: who links the library needs no other for it. */
static enum hf_err draw_keys(struct hf_match_memory_head *head,
			     struct hf_why *why)
{
	uint8_t *keys = (uint8_t *)head->keys;
	size_t at = 0;

	while (at < sizeof(head->keys)) {
		ssize_t got = getrandom(keys + at, sizeof(head->keys) - at, 0);

		if (got < 0 && errno != EINTR)
			return hf_why_errno(why, "index: draw random keys");
		at += got > 0 ? (size_t)got : 0;
	}
	return HF_OK;
}

enum hf_err hf_match_memory_create(const char *dir, uint64_t sequence,
				   struct hf_match_memory **out_memory,
				   struct hf_why *why)
{
	struct hf_match_memory *memory;
	enum hf_err err = memory_new(sequence, &memory, why);

	if (err != HF_OK)
		return err;
	err = hf_match_map_create(dir, KIND, sequence, MAGIC, FILE_BYTES,
				  &memory->map, why);
	if (err == HF_OK) {
		point(memory);
		memory->head->sequence = sequence;
		err = draw_keys(memory->head, why);
	}
	if (err != HF_OK) {
		hf_match_memory_unref(memory);
		return err;
	}
	*out_memory = memory;
	return HF_OK;
}

enum hf_err hf_match_memory_open(const char *dir, uint64_t sequence,
				 struct hf_match_memory **out_memory,
				 struct hf_why *why)
{
	struct hf_match_memory *memory;
	enum hf_err err = memory_new(sequence, &memory, why);

	if (err != HF_OK)
		return err;
	err = hf_match_map_open(dir, KIND, sequence, MAGIC, FILE_BYTES,
				&memory->map, why);
	if (err == HF_OK) {
		point(memory);
		if (memory->map.len_bytes != FILE_BYTES ||
		    memory->head->sequence != sequence)
			err = hf_why(why, HF_E_CORRUPT,
				     "index file '%s/" KIND "-%08" PRIx64
				     "' is damaged: it is of another size or "
				     "time",
				     dir, sequence);
	}
	if (err != HF_OK) {
		hf_match_memory_unref(memory);
		return err;
	}
	*out_memory = memory;
	return HF_OK;
}

enum hf_err hf_match_memory_new_bulk(uint64_t sequence,
				     struct hf_match_memory **out_memory,
				     struct hf_why *why)
{
	struct hf_match_memory *memory;
	enum hf_err err = memory_new(sequence, &memory, why);

	if (err != HF_OK)
		return err;
	memory->bulk = calloc(1, sizeof(*memory->bulk));
	if (memory->bulk == NULL) {
		hf_match_memory_unref(memory);
		return hf_why(why, HF_E_NOMEM, "index: no memory");
	}
	*out_memory = memory;
	return HF_OK;
}

void hf_match_memory_remove(const char *dir, uint64_t sequence)
{
	hf_match_map_remove(dir, KIND, sequence);
}

size_t hf_match_memory_bytes(void)
{
	return FILE_BYTES;
}

static uint32_t count_of(const uint32_t *count, uint32_t most)
{
	uint32_t value = __atomic_load_n(count, __ATOMIC_ACQUIRE);

	return value < most ? value : most;
}

uint32_t hf_match_memory_rows(const struct hf_match_memory *memory)
{
	return memory->bulk != NULL ? 0
				    : count_of(&memory->head->rows_count,
					       HF_MATCH_MEMORY_ROWS);
}

struct hf_match_memory *hf_match_memory_ref(struct hf_match_memory *memory)
{
	__atomic_fetch_add(&memory->references, 1, __ATOMIC_RELAXED);
	return memory;
}

void hf_match_memory_unref(struct hf_match_memory *memory)
{
	if (memory == NULL ||
	    __atomic_fetch_sub(&memory->references, 1, __ATOMIC_ACQ_REL) != 1)
		return;
	if (memory->bulk != NULL)
		hf_match_bulk_release(memory->bulk);
	free(memory->bulk);
	hf_match_map_release(&memory->map);
	free(memory);
}

static uint32_t chain_of(const struct hf_match_memory *memory,
			 unsigned algorithm, const uint8_t *digest)
{
	const uint64_t *keys = memory->head->keys;
	size_t bytes = hf_match_key_bytes(algorithm);
	uint64_t sum = keys[0] + algorithm * keys[1];
	uint32_t chain;

	/* Lengths are multiples of four. */
	for (size_t at = 0; at < bytes; at += 8) {
		uint32_t pair[2] = { 0 };

		keys += 2;
		memcpy(pair, digest + at, bytes - at < 8 ? 4 : 8);
		sum += (keys[0] + pair[0]) * (keys[1] + pair[1]);
	}
	/* Digests in even steps give sums in even steps: not after this, which
	 * brings no two together. */
	chain = (uint32_t)(sum >> 32);
	chain = (chain ^ chain >> 16) * 0x85ebca6bu;
	return chain / (UINT32_MAX / HF_MATCH_MEMORY_HEADS + 1);
}

uint32_t hf_match_memory_chain(const struct hf_match_memory *memory,
			       unsigned algorithm, const uint8_t *digest)
{
	uint32_t chain = chain_of(memory, algorithm, digest);

	__builtin_prefetch(&memory->heads[chain]);
	return chain;
}

struct hf_match_ref hf_match_memory_ref_of(const struct hf_index_hash *hash)
{
	return (struct hf_match_ref){
		.entry = hash->entry,
		.set = hash->set,
		.content_class = hash->content_class,
		.quality = hash->quality,
		.is_derived = hash->is_derived,
		.frames_count = hash->frames_count & 0x3fff,
	};
}

bool hf_match_memory_put(struct hf_match_memory *memory,
			 const struct hf_index_hash *hash)
{
	size_t bytes = hf_match_key_bytes(hash->algorithm);
	bool is_near = hf_match_is_near(hash->algorithm);
	uint32_t row = memory->head->rows_count;
	uint32_t *head =
		&memory->heads[chain_of(memory, hash->algorithm, hash->digest)];
	uint32_t digest =
		is_near ? memory->head->near_count : memory->pool_bytes;

	if (row == HF_MATCH_MEMORY_ROWS ||
	    (is_near ? digest == HF_MATCH_MEMORY_NEAR_ROWS
		     : HF_MATCH_MEMORY_POOL_BYTES - digest < bytes))
		return false;
	memcpy(is_near ? memory->near + (size_t)32 * digest
		       : memory->pool + digest,
	       hash->digest, bytes);
	memory->rows[row] = (struct hf_match_memory_row){
		.ref = hf_match_memory_ref_of(hash),
		.digest = digest,
		.next = *head,
		.algorithm = hash->algorithm,
	};
	if (is_near) {
		memory->near_rows[digest] = row;
		__atomic_store_n(&memory->head->near_count, digest + 1,
				 __ATOMIC_RELEASE);
	} else {
		memory->pool_bytes += (uint32_t)bytes;
	}
	__atomic_store_n(&memory->head->rows_count, row + 1, __ATOMIC_RELEASE);
	__atomic_store_n(head, row + 1, __ATOMIC_RELEASE);
	return true;
}

const uint8_t *hf_match_memory_digest(const struct hf_match_memory *memory,
				      const struct hf_match_memory_row *row)
{
	uint32_t digest = row->digest;

	if (hf_match_is_near(row->algorithm))
		return memory->near + (digest < HF_MATCH_MEMORY_NEAR_ROWS
					       ? (size_t)32 * digest
					       : 0);
	/* What stands behind the pool is longer than any digest. */
	return memory->pool +
	       (digest < HF_MATCH_MEMORY_POOL_BYTES ? digest : 0);
}

/* The first of a chain that has the digest.  A row's link is to an earlier
 * one, below end: what is not is damaged, and ends the chain. */
static uint32_t walk(const struct hf_match_memory *memory, uint32_t link,
		     uint32_t end, unsigned algorithm, const uint8_t *digest)
{
	size_t bytes = hf_match_key_bytes(algorithm);

	while (link != 0 && link <= end) {
		const struct hf_match_memory_row *row = &memory->rows[link - 1];

		if (row->algorithm == algorithm &&
		    memcmp(hf_match_memory_digest(memory, row), digest,
			   bytes) == 0)
			return link - 1;
		end = link - 1;
		link = row->next;
	}
	return HF_MATCH_MEMORY_NO_ROW;
}

uint32_t hf_match_memory_find(const struct hf_match_memory *memory,
			      unsigned algorithm, const uint8_t *digest,
			      uint32_t chain)
{
	return walk(memory,
		    __atomic_load_n(&memory->heads[chain], __ATOMIC_ACQUIRE),
		    HF_MATCH_MEMORY_ROWS, algorithm, digest);
}

uint32_t hf_match_memory_find_next(const struct hf_match_memory *memory,
				   uint32_t row)
{
	const struct hf_match_memory_row *from = &memory->rows[row];

	return walk(memory, from->next, row, from->algorithm,
		    hf_match_memory_digest(memory, from));
}

void hf_match_memory_near(const struct hf_match_memory *memory,
			  const struct hf_match_kernel *kernel,
			  unsigned algorithm, const uint8_t *digest,
			  unsigned distance,
			  const struct hf_match_memory_sink *sink)
{
	uint32_t count =
		count_of(&memory->head->near_count, HF_MATCH_MEMORY_NEAR_ROWS);
	struct hf_match_pdq want = hf_match_pdq_load(digest);
	uint32_t positions[HF_MATCH_KERNEL_BLOCK];

	for (uint32_t done = 0; done < count; done += HF_MATCH_KERNEL_BLOCK) {
		const uint8_t *digests = memory->near + (size_t)32 * done;
		uint32_t left = count - done;
		size_t found = kernel->scan_digests(
			digests,
			left < HF_MATCH_KERNEL_BLOCK ? left
						     : HF_MATCH_KERNEL_BLOCK,
			&want, distance, positions);

		for (size_t i = 0; i < found; i++) {
			uint32_t row = memory->near_rows[done + positions[i]];
			struct hf_match_pdq have = hf_match_pdq_load(
				digests + (size_t)32 * positions[i]);

			if (row < HF_MATCH_MEMORY_ROWS &&
			    memory->rows[row].algorithm == algorithm &&
			    !sink->row(sink->arg, row,
				       hf_match_pdq_distance(&have, &want)))
				return;
		}
	}
}

enum hf_err hf_match_memory_sort(const struct hf_match_memory *memory,
				 struct hf_match_sorted *out_sorted,
				 struct hf_why *why)
{
	struct hf_match_bulk bulk = { 0 };
	uint32_t count = hf_match_memory_rows(memory);
	enum hf_err err = HF_OK;

	if (memory->bulk != NULL)
		return hf_match_bulk_sort(memory->bulk, out_sorted, why);
	for (uint32_t i = 0; err == HF_OK && i < count; i++) {
		const struct hf_match_memory_row *row = &memory->rows[i];

		err = hf_match_bulk_put(&bulk, row->algorithm,
					hf_match_memory_digest(memory, row),
					&row->ref, why);
	}
	if (err == HF_OK)
		err = hf_match_bulk_sort(&bulk, out_sorted, why);
	hf_match_bulk_release(&bulk);
	return err;
}
