/*
 * envelope.h -- a text for one recipient: signed inside for him, signed
 * outside for everybody on the way, sealed between.
 *
 * Inside the signature stand sender and recipient, so that a recipient cannot
 * pass a text on as if it had been for somebody else.  Sizes come in three
 * classes, so that a length tells next to nothing.
 *
 * Units    _ms since 1970 UTC; bytes.
 * Owns     nothing: results go to the caller's buffers, spans borrow.
 * Threads  any; no state.
 * Errors   parse: MALFORMED, UNSUPPORTED (another version), LIMIT.  check:
 *          SIGNATURE.  open: DENIED (another recipient or key), SIGNATURE
 *          (changed on the way, or not the sender's), MALFORMED.
 * Source   proto/SPEC.md section 12.2; RFC 9180 (base mode, X25519,
 *          HKDF-SHA256, ChaCha20-Poly1305).
 */
#ifndef HF_ENVELOPE_H
#define HF_ENVELOPE_H

#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "err.h"
#include "limit.h"
#include "sign.h"
#include "span.h"

/* Bytes of ciphertext, smallest first: 4, 16 and 56 KiB. */
#define HF_ENVELOPE_CLASSES                                                    \
	{                                                                      \
		4096, 16384, 57344                                             \
	}
/* The largest envelope: header, encapsulated key, ciphertext, signature. */
#define HF_ENVELOPE_MAX_BYTES                                                  \
	(HF_ENVELOPE_HEADER_BYTES + 32 + 57344 + HF_SIGNATURE_BYTES)

/* The first 8 bytes of the SHA-256 of a receive key. */
#define HF_RECEIVE_KEY_ID_BYTES 8

void hf_receive_key_id(const uint8_t key[static HF_PUBLIC_KEY_BYTES],
		       uint8_t out_id[static HF_RECEIVE_KEY_ID_BYTES]);

/* The clear header, HF_ENVELOPE_HEADER_BYTES on the wire. */
struct hf_envelope_header {
	uint8_t sender_id[HF_HASH_BYTES];
	uint8_t recipient_id[HF_HASH_BYTES];
	uint8_t receive_key_id[HF_RECEIVE_KEY_ID_BYTES];
	uint8_t event_id[HF_EVENT_ID_BYTES];
	uint64_t issued_ms;
	uint64_t expires_ms;
	uint32_t class_bytes; /* of the ciphertext */
};

/* An envelope taken apart; borrows from its bytes. */
struct hf_envelope {
	struct hf_envelope_header header;
	struct hf_span header_bytes; /* HF_ENVELOPE_HEADER_BYTES */
	struct hf_span enc;          /* 32: the encapsulated key */
	struct hf_span sealed;       /* class_bytes */
	struct hf_span signature;    /* outer, HF_SIGNATURE_BYTES */
};

HF_MUST enum hf_err hf_envelope_parse(struct hf_span bytes,
				      struct hf_envelope *out_envelope,
				      struct hf_why *why);

/* The clear header alone, as a quoted event carries it. */
HF_MUST enum hf_err hf_envelope_header_parse(struct hf_span bytes,
					     struct hf_envelope_header *out,
					     struct hf_why *why);

/* Was it sent by whoever has this notice key?  What a relay can check. */
HF_MUST enum hf_err hf_envelope_check(const struct hf_envelope *envelope,
				      const struct hf_public_key *sender,
				      struct hf_why *why);

/* Seal text (at most HF_CASE_TEXT_MAX_BYTES), which header describes (its
 * class_bytes and receive_key_id are filled in here), append the envelope,
 * and give the inner signature.  ephemeral_seed must be fresh random bytes:
 * whoever keeps them can show later what was sealed.  LIMIT. */
HF_MUST enum hf_err
hf_envelope_seal(struct hf_envelope_header *header, struct hf_span text,
		 const struct hf_secret *sender,
		 const uint8_t recipient_key[static HF_PUBLIC_KEY_BYTES],
		 const uint8_t ephemeral_seed[static HF_SEED_BYTES],
		 struct hf_buf *out_envelope,
		 uint8_t out_inner_signature[static HF_SIGNATURE_BYTES],
		 struct hf_why *why);

/* Open with the secret of a receive key; text is appended to out_text.  Both
 * signatures are checked. */
HF_MUST enum hf_err
hf_envelope_open(const struct hf_envelope *envelope,
		 const struct hf_public_key *sender,
		 const uint8_t receive_seed[static HF_SEED_BYTES],
		 struct hf_buf *out_text,
		 uint8_t out_inner_signature[static HF_SIGNATURE_BYTES],
		 struct hf_why *why);

/* Did this sender sign this text under this header?  For quoted events and
 * bundles. */
HF_MUST enum hf_err
hf_envelope_check_inner(struct hf_span header_bytes, struct hf_span text,
			const struct hf_public_key *sender,
			const uint8_t signature[static HF_SIGNATURE_BYTES],
			struct hf_why *why);

/* Is this text, and nothing else, what the envelope holds?  Shown with the
 * seed of its ephemeral key, without the recipient's secret: PROOF when it is
 * not. */
HF_MUST enum hf_err
hf_envelope_prove(const struct hf_envelope *envelope, struct hf_span text,
		  const uint8_t inner_signature[static HF_SIGNATURE_BYTES],
		  const uint8_t recipient_key[static HF_PUBLIC_KEY_BYTES],
		  const uint8_t ephemeral_seed[static HF_SEED_BYTES],
		  struct hf_why *why);

#endif /* HF_ENVELOPE_H */
