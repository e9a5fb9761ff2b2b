/*
 * agent_wire.h -- what crosses the signer's socket: one message asks, one
 * answers, typed fields in a fixed order.
 *
 * Units    as agent.h; bytes.
 * Owns     nothing.  A parsed message borrows from the bytes it came in.
 * Threads  any; no state.
 * Errors   MALFORMED for what is no message of ours, LIMIT for counts and
 *          lengths out of range.  Encoders stick in the buf.
 * Source   keys/agent/DESIGN.md, section 2.
 */
#ifndef HF_AGENT_WIRE_H
#define HF_AGENT_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent.h"
#include "buf.h"
#include "err.h"
#include "span.h"

/* Below what a socket takes in one message by default (212,992). */
#define HF_AGENT_MESSAGE_MAX_BYTES ((size_t)192 * 1024)
#define HF_AGENT_PURPOSE_MAX_BYTES 1024
#define HF_AGENT_CLASSES_MAX       32

/* Name and number.  Append only: an old signer refuses what it does not
 * know. */
/* clang-format off */
#define HF_AGENT_VERB_TABLE(X) \
	X(STATUS,     1)       \
	X(LAST,       2)       \
	X(CHECKPOINT, 3)       \
	X(REPORT,     4)       \
	X(AGREEMENT,  5)       \
	X(VOUCH,      6)       \
	X(SEAL,       7)       \
	X(OPEN,       8)       \
	X(READ,       9)       \
	X(STORE,      10)      \
	X(RECEIVE_KEY, 11)     \
	X(COSIGN,     12)      \
	X(APPLIED,    13)      \
	X(CHECKPOINTS, 14)
/* clang-format on */

enum hf_agent_verb {
#define HF_AGENT_VERB_ENUM(name, number) HF_AGENT_##name = (number),
	HF_AGENT_VERB_TABLE(HF_AGENT_VERB_ENUM)
#undef HF_AGENT_VERB_ENUM
};

/* What the agreement before says of a key; the sizes as there. */
struct hf_agent_set_key {
	struct hf_public_key key;
	bool is_cosigner;
	uint64_t first_size;
	bool is_void;
	uint64_t last_size;
};

/* With the two in force. */
#define HF_AGENT_HELD_MAX (HF_SET_KEYS_MAX + 2)

/* The fields of an agreement that are not the signer's own.  Lists of ids are
 * HF_HASH_BYTES each, one behind the other; classes one byte each. */
struct hf_agent_wish {
	struct hf_span origin;
	uint64_t version;
	struct hf_span organisation_id;
	uint64_t expires_ms;
	uint8_t relay;
	struct hf_span audience;
	struct hf_span relays;
	struct hf_span witnesses;
	struct hf_span classes;
	struct hf_span purpose;
	uint8_t kind;
	struct hf_span predecessor; /* its origin; empty: none */
	uint64_t predecessor_size;
	uint8_t predecessor_root[HF_HASH_BYTES];
	uint64_t carried_plus_one;
	struct hf_agent_set_key keys[HF_AGENT_HELD_MAX];
	size_t keys_count;
};

/* What hf_agent_receive_key() asks for. */
struct hf_agent_key_wish {
	uint8_t organisation_id[HF_HASH_BYTES];
	uint64_t rotate_ms;
	uint64_t keep_ms;
	uint8_t named_key[HF_PUBLIC_KEY_BYTES]; /* zeros: none */
};

/* Only what the verb names means anything. */
struct hf_agent_request {
	enum hf_agent_verb verb;
	struct hf_span origin;                 /* LAST, VOUCH */
	bool is_by_peer;                       /* VOUCH */
	struct hf_agent_checkpoint checkpoint; /* CHECKPOINT, COSIGN */
	struct hf_span note;                   /* REPORT */
	struct hf_agent_wish wish;             /* AGREEMENT */
	struct hf_agent_seal seal;             /* SEAL */
	struct hf_agent_open open;             /* OPEN */
	struct hf_span record;                 /* READ */
	struct hf_span text;                   /* STORE */
	struct hf_agent_key_wish key_wish;     /* RECEIVE_KEY */
	struct hf_agent_applied applied;       /* APPLIED */
	/* CHECKPOINTS */
	struct hf_agent_checkpoint checkpoints[HF_AGENT_CHECKPOINTS_MAX];
	size_t checkpoints_count;
};

struct hf_agent_reply {
	enum hf_err err;
	struct hf_span body; /* HF_OK: the answer; else the sentence */
};

void hf_agent_request_encode(const struct hf_agent_request *request,
			     struct hf_buf *buf);

HF_MUST enum hf_err hf_agent_request_parse(struct hf_span bytes,
					   struct hf_agent_request *out_request,
					   struct hf_why *why);

/* The first bytes of a reply; the body follows. */
void hf_agent_reply_begin(enum hf_err err, struct hf_buf *buf);

HF_MUST enum hf_err hf_agent_reply_parse(struct hf_span bytes,
					 struct hf_agent_reply *out_reply,
					 struct hf_why *why);

/* The bodies of STATUS and LAST. */
void hf_agent_status_encode(const struct hf_agent_status *status,
			    struct hf_buf *buf);
HF_MUST enum hf_err hf_agent_status_parse(struct hf_span bytes,
					  struct hf_agent_status *out_status,
					  struct hf_why *why);
void hf_agent_last_encode(uint64_t size, const struct hf_tree_hash *root,
			  struct hf_buf *buf);
HF_MUST enum hf_err hf_agent_last_parse(struct hf_span bytes,
					uint64_t *out_size,
					struct hf_tree_hash *out_root,
					struct hf_why *why);

/* Answers of SEAL (envelope, record, text), OPEN (record, text), STORE (record)
 * and CHECKPOINTS (a note for each): so many strings of bytes, each behind its
 * length. */
void hf_agent_put_bytes(struct hf_buf *buf, struct hf_span bytes);
HF_MUST enum hf_err hf_agent_bytes_parse(struct hf_span body,
					 struct hf_span *out_strings,
					 size_t count, struct hf_why *why);

/* The answer of READ.  ephemeral is NULL where we did not seal it. */
void hf_agent_record_encode(
	const uint8_t header[static HF_ENVELOPE_HEADER_BYTES],
	const uint8_t signature[static HF_SIGNATURE_BYTES],
	const uint8_t *ephemeral, struct hf_span text, struct hf_buf *buf);
/* Appends to the record's text. */
HF_MUST enum hf_err hf_agent_record_parse(struct hf_span body,
					  struct hf_agent_record *out_record,
					  struct hf_why *why);

#endif /* HF_AGENT_WIRE_H */
