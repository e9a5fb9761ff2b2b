/*
 * kind.h -- the short lists that programs, files and the wire share: hash
 * algorithms, classes of content, verdicts, how fresh a set is.
 *
 * Units    a digest's length in bytes.
 * Owns     nothing.
 * Threads  any; no state.
 * Errors   0 for a word that is in no list.
 * Source   The numbers are those of hashfed/v1/types.proto and of the match
 *          index's files; append only.  0 is never a member.
 */
#ifndef HF_KIND_H
#define HF_KIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "span.h"

/* Name, number, bytes of a digest (0: varies), word.  PDQ is matched within
 * a distance; PhotoDNA is opaque here and matched exactly; VPDQ is a list of
 * frames, each a PDQ digest, matched by how many are shared. */
/* clang-format off */
#define HF_ALGORITHM_TABLE(X)              \
	X(MD5,      1,  16, "md5")         \
	X(SHA1,     2,  20, "sha1")        \
	X(SHA256,   3,  32, "sha256")      \
	X(PDQ,      4,  32, "pdq")         \
	X(PHOTODNA, 5, 144, "photodna")    \
	X(VPDQ,     6,   0, "vpdq")

/* Name, number, word. */
#define HF_CLASS_TABLE(X)                             \
	X(CSAM,           1, "csam")                  \
	X(CSAM_SUSPECTED, 2, "csam-suspected")        \
	X(NCII,           3, "ncii")                  \
	X(TERRORIST,      4, "terrorist")             \
	X(OTHER,          5, "other")

/* Name, number, word; the larger is the more severe, and of several matches
 * of one item the most severe counts. */
#define HF_VERDICT_TABLE(X)                \
	X(IGNORE, 1, "ignore")             \
	X(REVIEW, 2, "review")             \
	X(BLOCK,  3, "block")

/* Name, number, word. */
#define HF_FRESHNESS_TABLE(X)              \
	X(FRESH,   1, "fresh")             \
	X(STALE,   2, "stale")             \
	X(EXPIRED, 3, "expired")
/* clang-format on */

enum hf_algorithm {
#define HF_ALGORITHM_ENUM(name, number, bytes, word)                           \
	HF_ALGORITHM_##name = (number),
	HF_ALGORITHM_TABLE(HF_ALGORITHM_ENUM)
#undef HF_ALGORITHM_ENUM
};

enum hf_class {
#define HF_CLASS_ENUM(name, number, word) HF_CLASS_##name = (number),
	HF_CLASS_TABLE(HF_CLASS_ENUM)
#undef HF_CLASS_ENUM
};

enum hf_verdict {
#define HF_VERDICT_ENUM(name, number, word) HF_VERDICT_##name = (number),
	HF_VERDICT_TABLE(HF_VERDICT_ENUM)
#undef HF_VERDICT_ENUM
};

enum hf_freshness {
#define HF_FRESHNESS_ENUM(name, number, word) HF_FRESHNESS_##name = (number),
	HF_FRESHNESS_TABLE(HF_FRESHNESS_ENUM)
#undef HF_FRESHNESS_ENUM
};

/* One more than the largest number of the list. */
#define HF_ALGORITHM_COUNT 7
#define HF_CLASS_COUNT     6
#define HF_VERDICT_COUNT   4
#define HF_FRESHNESS_COUNT 4

/* "sha256"; "unknown" for a number in no list. */
const char *hf_algorithm_word(unsigned algorithm);
const char *hf_class_word(unsigned content_class);

/* Child sexual abuse material, known or suspected. */
static inline bool hf_class_is_csam(unsigned content_class)
{
	return content_class == HF_CLASS_CSAM ||
	       content_class == HF_CLASS_CSAM_SUSPECTED;
}
const char *hf_verdict_word(unsigned verdict);
const char *hf_freshness_word(unsigned freshness);

/* Matched by likeness: two files that look alike, not one file twice. */
static inline bool hf_algorithm_is_near(unsigned algorithm)
{
	return algorithm == HF_ALGORITHM_PDQ || algorithm == HF_ALGORITHM_VPDQ;
}

/* The number, 0 when the word names none.  Case matters. */
unsigned hf_algorithm_parse(struct hf_span word);
unsigned hf_class_parse(struct hf_span word);
unsigned hf_verdict_parse(struct hf_span word);
unsigned hf_freshness_parse(struct hf_span word);

/* Bytes of a digest; 0 when they vary or the number is in no list. */
static inline size_t hf_algorithm_bytes(unsigned algorithm)
{
	static const uint8_t digest_bytes[HF_ALGORITHM_COUNT] = {
#define HF_ALGORITHM_BYTES(name, number, bytes, word) [number] = (bytes),
		HF_ALGORITHM_TABLE(HF_ALGORITHM_BYTES)
#undef HF_ALGORITHM_BYTES
	};

	return algorithm < HF_ALGORITHM_COUNT ? digest_bytes[algorithm] : 0;
}

#endif /* HF_KIND_H */
