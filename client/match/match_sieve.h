/*
 * match_sieve.h -- a few new hashes, and which of many kept ones could match
 * one of them.
 *
 * It says yes too often and never no to what matches: whoever is told yes looks
 * it up.  So neither policy nor what became of an entry is its business.
 *
 * Units    distances in bits.
 * Owns     hf_match_sieve_new() gives the caller a sieve, hf_match_sieve_free()
 *          takes it back.
 * Threads  one adds; then any ask.
 * Errors   NOMEM.
 * Source   daemon/DESIGN.md, "Found later".
 */
#ifndef HF_MATCH_SIEVE_H
#define HF_MATCH_SIEVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "kind.h"

struct hf_match_sieve;

/* PDQ hashes match within distance, frames of videos within frame_distance;
 * below 0, none does. */
HF_MUST enum hf_err hf_match_sieve_new(int distance, int frame_distance,
				       struct hf_match_sieve **out_sieve,
				       struct hf_why *why);

/* NULL is fine. */
void hf_match_sieve_free(struct hf_match_sieve *sieve);

/* A digest of an algorithm that is looked up by; of VPDQ one frame.  Of exact
 * ones the first HF_MATCH_SIEVE_BYTES are read. */
#define HF_MATCH_SIEVE_BYTES 8
HF_MUST enum hf_err hf_match_sieve_add(struct hf_match_sieve *sieve,
				       unsigned algorithm,
				       const uint8_t *digest,
				       struct hf_why *why);

/* Hashes in it. */
size_t hf_match_sieve_count(const struct hf_match_sieve *sieve);

bool hf_match_sieve_has(const struct hf_match_sieve *sieve, unsigned algorithm,
			const uint8_t *digest);

/* Could a video of these distinct frames, 32 bytes each, match, where at least
 * so many percent of them have to be near those of one list?  All that were
 * added count as one.  Of each frame the first near_bytes are compared: those
 * that were added are 0 behind them. */
bool hf_match_sieve_has_video(const struct hf_match_sieve *sieve,
			      const uint8_t *frames, size_t frames_count,
			      size_t near_bytes, unsigned percent_least);

#endif /* HF_MATCH_SIEVE_H */
