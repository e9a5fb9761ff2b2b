/*
 * trust.h -- signed documents: is this manifest its organisation's, this
 * agreement its publisher's; and how to make one.
 *
 * Pure: no files (ring.h and ringdir.h have those), and nothing here looks at
 * the clock: expiry is a field that the caller compares with its own.
 *
 * Units    milliseconds since 1970 UTC; bytes.
 * Owns     what comes out lives in the caller's arena, and its spans borrow
 *          from the document: keep both as long.
 * Threads  any; no state.
 * Errors   MALFORMED for what does not decode, ARGUMENT for a field that may
 *          not be (a key of small order, a name that is no domain, an
 *          organisation id that its keys do not make), SIGNATURE when too few
 *          distinct keys signed, CONFLICT for the wrong version, organisation
 *          or publisher, LIMIT, NOMEM.
 * Source   proto/SPEC.md section 7.
 */
#ifndef HF_TRUST_H
#define HF_TRUST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "buf.h"
#include "err.h"
#include "limit.h"
#include "sign.h"
#include "span.h"

struct hf_manifest;  /* proto/codec */
struct hf_agreement; /* proto/codec */

/* SHA-256 over the root keys of manifest version 1 and their threshold, in
 * any order of the keys: what an organisation is called in audiences, for
 * ever.  keys_count is at most HF_ROOT_KEYS_MAX. */
void hf_trust_organisation_id(uint32_t threshold,
			      const struct hf_public_key *keys,
			      size_t keys_count,
			      uint8_t out_id[static HF_HASH_BYTES]);

/* A manifest that its own root keys signed, every field as it must be.  Its
 * organisation id is proved only where version is 1 or the root keys are
 * still those of version 1: out_is_id_proved says so; otherwise ask for its
 * history (hf_trust_manifest_chain()). */
HF_MUST enum hf_err hf_trust_manifest(struct hf_span document,
				      struct hf_arena *arena,
				      const struct hf_manifest **out_manifest,
				      bool *out_is_id_proved,
				      struct hf_why *why);

/* The manifest that comes right after held: the same organisation, version
 * one more, signed by enough root keys of held and enough of its own. */
HF_MUST enum hf_err
hf_trust_manifest_next(const struct hf_manifest *held, struct hf_span document,
		       struct hf_arena *arena,
		       const struct hf_manifest **out_manifest,
		       struct hf_why *why);

/* A manifest with what proves its organisation id: history begins with
 * version 1 and has every manifest that brought new root keys, oldest first.
 * Each is signed by the root keys of the one before it.  An empty history is
 * enough where the root keys never changed. */
HF_MUST enum hf_err
hf_trust_manifest_chain(const struct hf_span *history, size_t history_count,
			struct hf_span document, struct hf_arena *arena,
			const struct hf_manifest **out_manifest,
			struct hf_why *why);

/* An agreement signed by the agreement key of its publisher's manifest, for
 * an origin in that publisher's domain. */
HF_MUST enum hf_err
hf_trust_agreement(struct hf_span document, const struct hf_manifest *publisher,
		   struct hf_arena *arena,
		   const struct hf_agreement **out_agreement,
		   struct hf_why *why);

/* Sign a manifest with root keys: those of its own list, and for a version
 * above 1 those of the version before.  The document is appended.  ARGUMENT
 * when a field may not be so; whether enough keys signed is for
 * hf_trust_manifest_next() to say. */
HF_MUST enum hf_err hf_trust_manifest_make(const struct hf_manifest *manifest,
					   const struct hf_secret *const *roots,
					   size_t roots_count,
					   struct hf_buf *out_document,
					   struct hf_why *why);

/* Sign an agreement (the signer and hashfed-key do). */
HF_MUST enum hf_err
hf_trust_agreement_make(const struct hf_agreement *agreement,
			const struct hf_secret *agreement_key,
			struct hf_buf *out_document, struct hf_why *why);

/* What an invite file holds, borrowed from the arena. */
struct hf_invite_read {
	struct hf_span document; /* the signed manifest, verbatim */
	const struct hf_span *history;
	size_t history_count;
	const struct hf_manifest *manifest; /* verified, id proved */
};

/* Read an invite file's text. */
HF_MUST enum hf_err hf_trust_invite(struct hf_span text, struct hf_arena *arena,
				    struct hf_invite_read *out_invite,
				    struct hf_why *why);

/* An invite file's text, appended. */
HF_MUST enum hf_err hf_trust_invite_make(struct hf_span document,
					 const struct hf_span *history,
					 size_t history_count,
					 struct hf_buf *out_text,
					 struct hf_why *why);

/* A signed agreement as a file's text, armoured, and back. */
HF_MUST enum hf_err hf_trust_agreement_read(struct hf_span text,
					    struct hf_arena *arena,
					    struct hf_span *out_document,
					    struct hf_why *why);
HF_MUST enum hf_err hf_trust_agreement_write(struct hf_span document,
					     struct hf_buf *out_text,
					     struct hf_why *why);

/* "01234 56789 ..." and a zero byte: 40 digits in 8 groups. */
#define HF_FINGERPRINT_DIGITS 40
#define HF_FINGERPRINT_SIZE   48

/* The fingerprint of a pair of organisations, the same from either side: over
 * both ids and both current manifest documents. */
void hf_trust_fingerprint(const uint8_t one_id[static HF_HASH_BYTES],
			  struct hf_span one_document,
			  const uint8_t other_id[static HF_HASH_BYTES],
			  struct hf_span other_document,
			  char out_text[static HF_FINGERPRINT_SIZE]);

/* The same digits, whatever blanks the person typed? */
bool hf_trust_fingerprint_is(const char *fingerprint, struct hf_span typed);

#endif /* HF_TRUST_H */
