/*
 * match_kernel.h -- the inner loops of near lookups, for what the processor
 * can do.
 *
 * All versions give the same answers in the same order; tests hold them
 * against each other.
 *
 * Units    distances in bits; positions count from the start of the input.
 * Owns     nothing.
 * Threads  any; the choice is made once.
 * Errors   none.
 * Source   Counting bits with a table in a register: Mula, Kurz, Lemire,
 *          "Faster Population Counts Using AVX2 Instructions".
 */
#ifndef HF_MATCH_KERNEL_H
#define HF_MATCH_KERNEL_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Digests of one call: callers split longer ones. */
#define HF_MATCH_KERNEL_BLOCK 1024

/* Readable bytes that a sketch array must have behind its last element. */
#define HF_MATCH_KERNEL_SLACK_BYTES 64

/* A PDQ hash as four words; only distances are taken from it. */
struct hf_match_pdq {
	uint64_t word[4];
};

/* A bucket to look through: those of its sketches that differ from want in at
 * most limit bits. */
struct hf_match_bucket {
	const uint16_t *sketches; /* the bucket's */
	const uint32_t *keys;     /* likewise; only prefetched */
	uint32_t begin;           /* the place of its first */
	uint32_t count;
	uint32_t tag; /* the caller's; below 2^24 */
	uint16_t want;
	uint16_t limit;
};

/* What passed. */
struct hf_match_candidate {
	uint32_t place; /* the bucket's begin, and how far from there */
	uint32_t tag;   /* of the bucket */
};

/* Candidates whose keys are to be compared in full. */
struct hf_match_comparison {
	const uint8_t *digests; /* 32 bytes each */
	const uint32_t *keys;   /* which of them, for each candidate */
	const struct hf_match_candidate *candidates;
	size_t count;
	const struct hf_match_pdq *wants;
	uint32_t tag_mask; /* of a tag, to find its want */
	unsigned distance;
};

/* The first halves of eight digests, word by word: most others are told from
 * them by that, without a look at the rest. */
#define HF_MATCH_HEADS 8
struct hf_match_heads {
	uint64_t words[2][HF_MATCH_HEADS];
};

struct hf_match_kernel {
	const char *name;

	/* Bucket after bucket, up to the first that has more sketches than
	 * there is room left for.  Returns how many were scanned whole. */
	size_t (*scan_buckets)(const struct hf_match_bucket *buckets,
			       size_t buckets_count, size_t room,
			       struct hf_match_candidate *out_candidates,
			       size_t *out_candidates_count);

	/* Positions of candidates that are within distance of their wants; as
	 * many as there are candidates may be written. */
	size_t (*compare)(const struct hf_match_comparison *comparison,
			  uint32_t *out_positions);

	/* Positions of digests, 32 bytes each, within distance of want. */
	size_t (*scan_digests)(const uint8_t *digests, size_t count,
			       const struct hf_match_pdq *want,
			       unsigned distance,
			       uint32_t out_positions[HF_MATCH_KERNEL_BLOCK]);

	/* Positions of heads that differ in at most distance bits from that
	 * of want.  There is room for count of them, rounded up to eight. */
	size_t (*scan_heads)(const struct hf_match_heads *heads, size_t count,
			     const struct hf_match_pdq *want, unsigned distance,
			     uint32_t out_positions[HF_MATCH_KERNEL_BLOCK]);
};

/* The best for this processor. */
const struct hf_match_kernel *hf_match_kernel(void);

/* Each that this processor can run, portable first; NULL past the last. */
const struct hf_match_kernel *hf_match_kernel_at(size_t number);

static inline struct hf_match_pdq
hf_match_pdq_load(const uint8_t digest[static 32])
{
	struct hf_match_pdq pdq;

	memcpy(&pdq, digest, sizeof(pdq));
	return pdq;
}

/* Bytes 2 * band and the next, as one number. */
static inline uint16_t hf_match_pdq_band(const uint8_t digest[static 32],
					 unsigned band)
{
	return (uint16_t)(digest[2 * band] << 8 | digest[2 * band + 1]);
}

static inline unsigned hf_match_pdq_distance(const struct hf_match_pdq *a,
					     const struct hf_match_pdq *b)
{
	unsigned distance = 0;

	for (int i = 0; i < 4; i++)
		distance +=
			(unsigned)__builtin_popcountll(a->word[i] ^ b->word[i]);
	return distance;
}

#endif /* HF_MATCH_KERNEL_H */
