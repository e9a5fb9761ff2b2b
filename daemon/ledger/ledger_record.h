/*
 * ledger_record.h -- what the ledger's records and keys look like on disk,
 * written and read back in one place.
 *
 * The disk is trusted to be ours, not to be whole: every record is checked
 * for its size and its numbers when it is read.
 *
 * Units    as ledger.h.  All numbers are big-endian, so that keys sort.
 * Owns     nothing.  What is parsed borrows from the record.
 * Threads  any; no state.
 * Errors   CORRUPT for bytes that we cannot have written.
 * Source   daemon/ledger/DESIGN.md, "Records".
 */
#ifndef HF_LEDGER_RECORD_H
#define HF_LEDGER_RECORD_H

#include "err.h"
#include "ledger.h"
#include "ledger_view.h"
#include "limit.h"
#include "span.h"
#include "tree.h"

/*
 * Keys.
 */

struct hf_ledger_key {
	uint8_t bytes[32];
	size_t len_bytes;
};

/* Borrowed from the key. */
static inline struct hf_span hf_ledger_key_span(const struct hf_ledger_key *key)
{
	return hf_span(key->bytes, key->len_bytes);
}

/* Tables "sets" and "marks": the set. */
struct hf_ledger_key hf_ledger_key_set(uint32_t set);

/* Table "notes": the set, and which. */
struct hf_ledger_key hf_ledger_key_note(uint32_t set,
					enum hf_ledger_which which);

/* Table "batches": the set, the client's batch id, the part. */
struct hf_ledger_key
hf_ledger_key_batch(uint32_t set, const uint8_t id[static HF_BATCH_ID_BYTES],
		    uint64_t sequence);

/* Table "abouts": the set, the entry it is about, the entry that says it. */
struct hf_ledger_key hf_ledger_key_about(uint32_t set, uint64_t target,
					 uint64_t index);

/* Table "records": the set, or 0; the entry, or the caller's number.  Tables
 * "missing" and "late", which have no values: the set, the entry. */
struct hf_ledger_key hf_ledger_key_record(uint32_t set, uint64_t index);

/* A set's own table, entries: the index.  Hashes of complete subtrees: the
 * index of their last entry and their level, which sorts each behind the
 * entry that completed it.  So the table only ever grows at its end. */
#define HF_LEDGER_ENTRY_KEY_BYTES 8
#define HF_LEDGER_NODE_KEY_BYTES  9
struct hf_ledger_key hf_ledger_key_entry(uint64_t index);
struct hf_ledger_key hf_ledger_key_node(unsigned level, uint64_t index);

/*
 * Records.
 */

/* Table "sets"; never changes. */
struct hf_ledger_set_record {
	enum hf_ledger_kind kind;
	struct hf_span origin;
};

#define HF_LEDGER_SET_RECORD_MAX (2 + HF_ORIGIN_MAX_BYTES)
size_t hf_ledger_set_encode(const struct hf_ledger_set_record *record,
			    uint8_t out[static HF_LEDGER_SET_RECORD_MAX]);
HF_MUST enum hf_err hf_ledger_set_parse(struct hf_span bytes,
					struct hf_ledger_set_record *out_record,
					struct hf_why *why);

/* Table "marks": how far a set has come. */
struct hf_ledger_marks {
	uint64_t stored;  /* entries on disk */
	uint64_t missing; /* of these, without the payload they should have */
	uint64_t unsupported_from; /* or HF_LEDGER_NONE */
	uint64_t ended_at;         /* or HF_LEDGER_NONE */
	char frozen_reason[HF_LEDGER_REASON_MAX_BYTES + 1]; /* "": it is not */
};

#define HF_LEDGER_MARKS_MAX (1 + 4 * 8 + HF_LEDGER_REASON_MAX_BYTES)
size_t hf_ledger_marks_encode(const struct hf_ledger_marks *marks,
			      uint8_t out[static HF_LEDGER_MARKS_MAX]);
HF_MUST enum hf_err hf_ledger_marks_parse(struct hf_span bytes,
					  struct hf_ledger_marks *out_marks,
					  struct hf_why *why);

/* Table "marks", set 0: erasures since ever. */
struct hf_ledger_erasures {
	uint64_t asked;    /* payloads deleted */
	uint64_t done;     /* of these, that are in the file no more */
	uint64_t since_ms; /* when the first of the others was deleted */
};

#define HF_LEDGER_ERASURES_BYTES (1 + 3 * 8)
void hf_ledger_erasures_encode(const struct hf_ledger_erasures *erasures,
			       uint8_t out[static HF_LEDGER_ERASURES_BYTES]);
HF_MUST enum hf_err
hf_ledger_erasures_parse(struct hf_span bytes,
			 struct hf_ledger_erasures *out_erasures,
			 struct hf_why *why);

/* Table "leaving": in front of the payload, the set and index of its entry. */
#define HF_LEDGER_LEAVING_HEAD_BYTES (1 + 4 + 8)
void hf_ledger_leaving_put(struct hf_buf *buf,
			   const struct hf_ledger_leaving *leaving);
/* All but its number; nothing where it is damaged. */
void hf_ledger_leaving_parse(struct hf_span bytes,
			     struct hf_ledger_leaving *leaving);

/* Table "notes". */
struct hf_ledger_note_record {
	uint64_t size;
	struct hf_tree_hash root;
	uint64_t time_s; /* of the publisher's cosignature; 0 for our own */
	struct hf_span note;
};

#define HF_LEDGER_NOTE_HEAD_BYTES (1 + 8 + HF_HASH_BYTES + 8)
#define HF_LEDGER_NOTE_RECORD_MAX                                              \
	(HF_LEDGER_NOTE_HEAD_BYTES + HF_NOTE_MAX_BYTES)
void hf_ledger_note_put(struct hf_buf *buf,
			const struct hf_ledger_note_record *record);
HF_MUST enum hf_err
hf_ledger_note_parse(struct hf_span bytes,
		     struct hf_ledger_note_record *out_record,
		     struct hf_why *why);

/* Table "batches".  16 bytes of the digest are enough: it protects a client
 * from its own mistakes. */
#define HF_LEDGER_DIGEST_BYTES 16

struct hf_ledger_batch_record {
	uint64_t first;
	uint32_t count;
	uint8_t digest[HF_LEDGER_DIGEST_BYTES];
};

#define HF_LEDGER_BATCH_RECORD_BYTES (1 + 8 + 4 + HF_LEDGER_DIGEST_BYTES)
void hf_ledger_batch_encode(const struct hf_ledger_batch_record *record,
			    uint8_t out[static HF_LEDGER_BATCH_RECORD_BYTES]);
HF_MUST enum hf_err
hf_ledger_batch_parse(struct hf_span bytes,
		      struct hf_ledger_batch_record *out_record,
		      struct hf_why *why);

/* Table "abouts". */
struct hf_ledger_about_record {
	uint8_t op;
	uint32_t code;
};

#define HF_LEDGER_ABOUT_RECORD_BYTES 5
void hf_ledger_about_encode(const struct hf_ledger_about_record *record,
			    uint8_t out[static HF_LEDGER_ABOUT_RECORD_BYTES]);
HF_MUST enum hf_err
hf_ledger_about_parse(struct hf_span bytes,
		      struct hf_ledger_about_record *out_record,
		      struct hf_why *why);

/* A set's own table.  state, header, then by state: opening and payload,
 * nothing, nothing, or the index of the ERASE entry. */
size_t hf_ledger_entry_len(const struct hf_ledger_entry *entry);
void hf_ledger_entry_encode(const struct hf_ledger_entry *entry, uint8_t *out);

/* Also checks that the length is the one that the header announces.  index is
 * that of the key. */
HF_MUST enum hf_err hf_ledger_entry_parse(struct hf_span bytes, uint64_t index,
					  struct hf_ledger_entry *out_entry,
					  struct hf_why *why);

#endif /* HF_LEDGER_RECORD_H */
