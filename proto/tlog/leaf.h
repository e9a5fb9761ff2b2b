/*
 * leaf.h -- one entry of a set as a leaf of its tree: the 64-byte header, its
 * hash, and the commitment that ties a payload to it.
 *
 * It knows bytes and indexes, never what a payload means (proto/codec) and
 * never which entries came before (daemon/ledger).
 *
 * Units    time_ms is milliseconds since 1970-01-01 UTC as the publisher
 *          claims them.  index and target count entries of the set from 0.
 *          _bytes is a count of bytes.
 * Owns     nothing: values and the caller's buffers.
 * Threads  any; a struct hf_commit may be read by many at once.
 * Errors   MALFORMED for a header that breaks the format, LIMIT for one that
 *          announces too much, PROOF for a payload that is not the one
 *          committed to, UNSUPPORTED for a commitment of a kind we do not
 *          know.  On failure no out_ argument changes.
 * Source   proto/SPEC.md sections 3 and 4; tests/vectors/leaf.json.
 */
#ifndef HF_LEAF_H
#define HF_LEAF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "limit.h"
#include "sha256.h"
#include "span.h"
#include "tree.h"

/* What an entry does.  Number, name, whose index its target is, and whether
 * it must have a payload.  SPEC section 3.2. */
/* clang-format off */
#define HF_OP_TABLE(X)                            \
	X(1, ADD,      OWN,            true)      \
	X(2, AMEND,    EARLIER,        true)      \
	X(3, RETRACT,  EARLIER,        false)     \
	X(4, STATUS,   OWN_OR_EARLIER, true)      \
	X(5, ERASE,    EARLIER,        false)     \
	X(6, KEY,      OWN,            true)      \
	X(7, SNAPSHOT, OWN,            true)      \
	X(8, END,      OWN,            false)
/* clang-format on */

enum hf_op {
#define HF_OP_ENUM(number, name, target, needs_payload) HF_OP_##name = number,
	HF_OP_TABLE(HF_OP_ENUM)
#undef HF_OP_ENUM
};

/* Ops from here up may be ignored by whoever does not know them. */
#define HF_OP_IGNORABLE 128

/* How a payload is committed to. */
enum hf_commit_kind {
	HF_COMMIT_NONE = 0, /* there is no payload */
	HF_COMMIT_HMAC_SHA256 = 1,
};

struct hf_header {
	uint8_t op;          /* enum hf_op, or one we do not know */
	uint8_t commit_kind; /* enum hf_commit_kind, or likewise */
	uint16_t flags;      /* none is defined: 0 */
	uint64_t time_ms;
	uint64_t target;
	uint32_t payload_len_bytes;
	uint32_t code; /* reason of a retraction, erasure or status */
	uint8_t commitment[HF_HASH_BYTES];
};

/* What a reader of this version does with an entry. */
enum hf_header_use {
	HF_HEADER_APPLY,       /* all of it is known */
	HF_HEADER_IGNORE,      /* keep, prove, relay, ignore: ops from 128 */
	HF_HEADER_UNSUPPORTED, /* keep, prove, relay; the set is UNSUPPORTED
				* from here: an unknown op below 128, an
				* unknown flag or commitment */
};

/* "RETRACT"; NULL for an op that we do not know. */
const char *hf_op_name(uint8_t op);

void hf_header_encode(const struct hf_header *header,
		      uint8_t out_bytes[static HF_HEADER_BYTES]);

/* Fails with MALFORMED for other magic, or bytes where "no payload" asks for
 * zero; with LIMIT for a payload above HF_PAYLOAD_MAX_BYTES.  What we merely
 * do not know parses: ask hf_header_use(). */
HF_MUST enum hf_err hf_header_parse(const uint8_t bytes[static HF_HEADER_BYTES],
				    struct hf_header *out_header,
				    struct hf_why *why);

enum hf_header_use hf_header_use(const struct hf_header *header);

/* Whether a known entry may stand at index: its target is its own index, or
 * an earlier one, as its op asks, and there is a payload where one must be.
 * MALFORMED means that the publisher broke the format.  Always HF_OK for one
 * that is not HF_HEADER_APPLY: its rules are not ours to know. */
HF_MUST enum hf_err hf_header_check(const struct hf_header *header,
				    uint64_t index, struct hf_why *why);

/* SHA-256(0x00 || header). */
void hf_leaf_hash(const uint8_t header[static HF_HEADER_BYTES],
		  struct hf_tree_hash *out_hash);

/* The same for count headers that lie one behind the other. */
void hf_leaf_hashes(const uint8_t *headers, size_t count,
		    struct hf_tree_hash *out_hashes);

/* The key of all commitments, made ready once. */
struct hf_commit {
	struct hf_hmac ready;
};

void hf_commit_init(struct hf_commit *commit);

/* HMAC-SHA-256(key, opening || payload). */
void hf_commit_make(const struct hf_commit *commit,
		    const uint8_t opening[static HF_OPENING_BYTES],
		    struct hf_span payload,
		    uint8_t out_commitment[static HF_HASH_BYTES]);

/* Set kind, length and commitment of a header from its payload. */
void hf_commit_payload(const struct hf_commit *commit,
		       const uint8_t opening[static HF_OPENING_BYTES],
		       struct hf_span payload, struct hf_header *header);

/* Whether opening and payload are the ones committed to; both are empty where
 * the header says that there is none.  PROOF, UNSUPPORTED. */
HF_MUST enum hf_err hf_commit_verify(const struct hf_commit *commit,
				     const struct hf_header *header,
				     struct hf_span opening,
				     struct hf_span payload,
				     struct hf_why *why);

#endif /* HF_LEAF_H */
