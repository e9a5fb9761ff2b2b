/*
 * notice_record.h -- what was sent, opened or written down, sealed with the
 * storage key: kept by the daemon, readable by this signer alone.
 *
 * A sender cannot open its own envelope, and receive keys die; so this is what
 * stays of an event.
 *
 * Units    bytes.
 * Owns     a record that was opened borrows from the plain buf given, which
 *          the caller wipes and releases.
 * Threads  any; no state.
 * Errors   SIGNATURE for a record of another storage key, or altered;
 *          UNSUPPORTED for another version; MALFORMED; LIMIT, NOMEM.
 * Source   keys/agent/DESIGN.md, section 4.
 */
#ifndef HF_NOTICE_RECORD_H
#define HF_NOTICE_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "err.h"
#include "limit.h"
#include "seal.h"
#include "sign.h"
#include "span.h"

enum hf_notice_record_kind {
	HF_NOTICE_SENT = 1,   /* header, signature, ephemeral, text */
	HF_NOTICE_OPENED = 2, /* origin, index, leaf_hash, header, signature,
			       * text */
	HF_NOTICE_STORED = 3, /* text */
};

struct hf_notice_record {
	enum hf_notice_record_kind kind;
	struct hf_span origin;
	uint64_t index;
	uint8_t leaf_hash[HF_HASH_BYTES];
	uint8_t header[HF_ENVELOPE_HEADER_BYTES];
	uint8_t signature[HF_SIGNATURE_BYTES];
	uint8_t ephemeral[HF_SEED_BYTES];
	struct hf_span text;
};

/* The key of records, out of the storage key's seed. */
void hf_notice_record_key(const uint8_t storage_seed[static HF_SEED_BYTES],
			  uint8_t out_key[static HF_SEAL_KEY_BYTES]);

/* Append the sealed record to out. */
HF_MUST enum hf_err
hf_notice_record_close(const struct hf_notice_record *record,
		       const uint8_t key[static HF_SEAL_KEY_BYTES],
		       struct hf_buf *out, struct hf_why *why);

/* Open into plain, which is reset, and take it apart. */
HF_MUST enum hf_err
hf_notice_record_open(struct hf_span sealed,
		      const uint8_t key[static HF_SEAL_KEY_BYTES],
		      struct hf_buf *plain, struct hf_notice_record *out_record,
		      struct hf_why *why);

#endif /* HF_NOTICE_RECORD_H */
