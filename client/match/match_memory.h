/*
 * match_memory.h -- the mutable part: new hashes, found at once, by every
 * process that has the index open.
 *
 * It is a mapped file of a fixed size and only grows until it is full: then
 * it is sealed into a segment and another takes its place.  One thread puts,
 * any number looks, without a lock: a row is whole before its number is
 * published.  Whoever looks trusts no number in the file.
 *
 * Digests are in chains by a hash with a random key, another one for each
 * file: whoever makes digests that are alike, or that some other hash puts
 * together, makes no long chain of them.
 *
 * Units    rows count hashes, whatever their algorithm.
 * Owns     create and open give the caller one reference; the file is removed
 *          by hf_match_memory_remove() alone.
 * Threads  put by one thread at a time, everything else by any.
 * Errors   those of match_map.h and NOMEM when it is made; afterwards only
 *          "full".
 * Source   client/match/FORMAT.md, memory.  PDQ hashes and frames of
 *          videos are compared one by one, so there are few: 8,192 take about
 *          6 microseconds.  The hash: Thorup, "High Speed Hashing for
 *          Integers and Strings", pair-multiply-shift.
 */
#ifndef HF_MATCH_MEMORY_H
#define HF_MATCH_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "match_bulk.h"
#include "match_index.h"
#include "match_kernel.h"
#include "match_map.h"

#define HF_MATCH_MEMORY_ROWS       65536
#define HF_MATCH_MEMORY_NEAR_ROWS  8192
#define HF_MATCH_MEMORY_POOL_BYTES ((size_t)2 * 1024 * 1024)
#define HF_MATCH_MEMORY_HEADS      131072
#define HF_MATCH_MEMORY_NO_ROW     UINT32_MAX

/* Two, and one for each four bytes of a digest. */
#define HF_MATCH_MEMORY_KEYS (2 + HF_DIGEST_MAX_BYTES / 4)

struct hf_match_memory_row {
	struct hf_match_ref ref;
	uint32_t digest; /* byte of the pool; number in near */
	uint32_t next;   /* row of the same chain */
	uint8_t algorithm;
};

/* The file begins with this. */
struct hf_match_memory_head {
	struct hf_match_map_header header;
	uint64_t sequence;
	uint32_t rows_count; /* atomic */
	uint32_t near_count; /* atomic */
	uint64_t keys[HF_MATCH_MEMORY_KEYS];
};

struct hf_match_memory {
	uint32_t references; /* atomic */
	uint32_t pool_bytes; /* the putting thread's */
	uint64_t sequence;   /* as of the segment it becomes; in the name */
	struct hf_match_map map;
	struct hf_match_memory_head *head; /* all in map */
	struct hf_match_memory_row *rows;
	uint32_t *heads;     /* atomic: row + 1 */
	uint8_t *pool;       /* digests but PDQ */
	uint8_t *near;       /* PDQ and frames, 32 bytes each */
	uint32_t *near_rows; /* the row of each of those */
	/* Owned; NULL: none.  It has no file and no rows then, and nobody
	 * looks. */
	struct hf_match_bulk *bulk;
};

/* An empty one, in a new file in dir. */
HF_MUST enum hf_err hf_match_memory_create(const char *dir, uint64_t sequence,
					   struct hf_match_memory **out_memory,
					   struct hf_why *why);

/* One that has a bulk. */
HF_MUST enum hf_err
hf_match_memory_new_bulk(uint64_t sequence, struct hf_match_memory **out_memory,
			 struct hf_why *why);

/* What another process fills. */
HF_MUST enum hf_err hf_match_memory_open(const char *dir, uint64_t sequence,
					 struct hf_match_memory **out_memory,
					 struct hf_why *why);

/* Remove the file of one that nobody is to find any more. */
void hf_match_memory_remove(const char *dir, uint64_t sequence);

struct hf_match_memory *hf_match_memory_ref(struct hf_match_memory *memory);

/* NULL is fine. */
void hf_match_memory_unref(struct hf_match_memory *memory);

/* Bytes of its file. */
size_t hf_match_memory_bytes(void);

/* Rows there are. */
uint32_t hf_match_memory_rows(const struct hf_match_memory *memory);

/* The ref of a hash as it is added. */
struct hf_match_ref hf_match_memory_ref_of(const struct hf_index_hash *hash);

/* False when there is no room for it. */
bool hf_match_memory_put(struct hf_match_memory *memory,
			 const struct hf_index_hash *hash);

/* Always in the file, whatever the row says. */
const uint8_t *hf_match_memory_digest(const struct hf_match_memory *memory,
				      const struct hf_match_memory_row *row);

/* The chain that a digest is in if it is there; what a find reads first is
 * brought nearer. */
uint32_t hf_match_memory_chain(const struct hf_match_memory *memory,
			       unsigned algorithm, const uint8_t *digest);

/* The first row with this digest, which is in that chain, and the next after
 * one; NO_ROW at the end. */
uint32_t hf_match_memory_find(const struct hf_match_memory *memory,
			      unsigned algorithm, const uint8_t *digest,
			      uint32_t chain);
uint32_t hf_match_memory_find_next(const struct hf_match_memory *memory,
				   uint32_t row);

/* Rows of an algorithm with distances, within distance of digest, until row
 * says that it is enough. */
struct hf_match_memory_sink {
	bool (*row)(void *arg, uint32_t row, unsigned distance);
	void *arg;
};

void hf_match_memory_near(const struct hf_match_memory *memory,
			  const struct hf_match_kernel *kernel,
			  unsigned algorithm, const uint8_t *digest,
			  unsigned distance,
			  const struct hf_match_memory_sink *sink);

/* One that nobody puts into any more, in order, as parts to build from;
 * borrowed until released. */
HF_MUST enum hf_err hf_match_memory_sort(const struct hf_match_memory *memory,
					 struct hf_match_sorted *out_sorted,
					 struct hf_why *why);

#endif /* HF_MATCH_MEMORY_H */
