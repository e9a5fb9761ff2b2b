/*
 * ring_inside.h -- what a ring is made of; for the files of this folder.
 *
 * Units    milliseconds since 1970 UTC.
 * Owns     a ring owns its arena and its tables; everything else in it lives
 *          in the arena.
 * Threads  built by one thread, then never changed.
 * Errors   as ring.h.
 * Source   none.
 */
#ifndef HF_RING_INSIDE_H
#define HF_RING_INSIDE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "armour.h"
#include "buf.h"
#include "ring.h"
#include "trust.h"

/* What all documents of a ring may cost in memory: 10,000 peers with a
 * manifest of 1 KiB and sets with full audiences stay far below. */
#define HF_RING_MEMORY_MAX_BYTES ((size_t)512 * 1024 * 1024)

/* The largest files we read. */
#define HF_RING_INVITE_BYTES    HF_ARMOUR_SIZE(HF_INVITE_MAX_BYTES)
#define HF_RING_PEER_BYTES      (HF_RING_INVITE_BYTES + 4096)
#define HF_RING_AGREEMENT_BYTES HF_ARMOUR_SIZE(HF_AGREEMENT_MAX_BYTES)
#define HF_RING_FOLLOWS_BYTES   ((size_t)16 * 1024 * 1024)

#define HF_RING_PATH_SIZE 4096
#define HF_RING_NAME_SIZE 256

/* A TLS pin and whose it is. */
struct hf_ring_pin {
	uint8_t pin[HF_CERT_PIN_BYTES];
	uint32_t peer; /* index into peers */
};

/* An earlier manifest. */
struct hf_ring_past {
	uint8_t id[HF_HASH_BYTES];
	uint64_t version;
	struct hf_span document;
};

/* A serial that was revoked. */
struct hf_ring_serial {
	uint8_t bytes[HF_CERT_SERIAL_MAX_BYTES];
	size_t len_bytes;
	uint64_t revoked_ms;
};

/* A table of rows of one type, in a buf. */
#define HF_RING_ROWS(type, table)  ((type *)(void *)(table).at)
#define HF_RING_COUNT(type, table) ((table).len_bytes / sizeof(type))

struct hf_ring {
	atomic_uint references;
	struct hf_arena arena; /* owned, like all tables */
	struct hf_organisation self;
	const struct hf_span *self_history; /* of our invite */
	size_t self_history_count;
	struct hf_buf peers;    /* struct hf_organisation, by name */
	struct hf_buf invites;  /* struct hf_invite_read, row by row of peers */
	struct hf_buf pins;     /* struct hf_ring_pin, by pin */
	struct hf_buf past;     /* struct hf_ring_past */
	struct hf_buf sets;     /* struct hf_ring_set, by origin */
	struct hf_buf follows;  /* const char *, sorted */
	struct hf_buf clients;  /* struct hf_ring_client, by name */
	struct hf_buf revoked;  /* struct hf_ring_serial */
	struct hf_buf warnings; /* const char * */
	struct hf_span issuer_pem; /* empty: no clients */
	uint8_t issuer_fingerprint[HF_CERT_PIN_BYTES];
};

/* What a .peer file says. */
struct hf_peer_file {
	uint64_t added_ms;
	bool is_silent;
	struct hf_span endpoint; /* empty for none */
	struct hf_span invite;   /* armoured */
};

/* Spans borrow from text. */
HF_MUST enum hf_err hf_peer_file_parse(struct hf_span text,
				       struct hf_peer_file *out_file,
				       struct hf_why *why);
HF_MUST enum hf_err hf_peer_file_encode(const struct hf_peer_file *file,
					struct hf_buf *out_text);

/* Origins, one a line, into table (const char *), sorted, each once. */
HF_MUST enum hf_err hf_follows_parse(struct hf_span text,
				     struct hf_arena *arena,
				     struct hf_buf *table, struct hf_why *why);

/* The file for a domain or an origin: what may be in one but not in a file
 * name becomes _, and what is too long becomes a hash.  version 0: none. */
void hf_ring_file_name(struct hf_span text, uint64_t version,
		       const char *suffix,
		       char out_name[static HF_RING_NAME_SIZE]);

/* The publisher's organisation id and the origin that an agreement claims,
 * before anything is verified. */
HF_MUST enum hf_err
hf_ring_peek_agreement(struct hf_span document, struct hf_arena *arena,
		       const struct hf_agreement **out_claim,
		       struct hf_why *why);

/* NULL unless it was revoked. */
const struct hf_ring_serial *hf_ring_revoked(const struct hf_ring *ring,
					     const uint8_t *serial,
					     size_t len_bytes);

/* Whose invite this organisation came with: document and history. */
void hf_ring_invite_of(const struct hf_ring *ring,
		       const struct hf_organisation *organisation,
		       const struct hf_span **out_history,
		       size_t *out_history_count);

#endif /* HF_RING_INSIDE_H */
