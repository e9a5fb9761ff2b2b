/*
 * codec_document.h -- signed documents: manifest, agreement, invite.
 *
 * Bytes and fields only: whether the signatures are good, and whose keys
 * those are, is keys/ring's business.  hf_signed_document_parse() trusts
 * nothing; decode the body only once its signatures verified (or to find the
 * keys that a first manifest claims).
 *
 * Units    _ms since 1970-01-01 UTC; keys and ids raw bytes.
 * Owns     see codec.h.
 * Threads  any; no state.
 * Errors   see codec.h.
 * Source   proto/hashfed/v1/documents.proto, proto/SPEC.md section 7.
 */
#ifndef HF_CODEC_DOCUMENT_H
#define HF_CODEC_DOCUMENT_H

#include "codec.h"

/* Kind, domain string that is signed before the body. */
/* clang-format off */
#define HF_DOCUMENT_TABLE(X)                                                  \
	X(MANIFEST,  "hashfed/manifest/v1",  HF_MANIFEST_MAX_BYTES)           \
	X(AGREEMENT, "hashfed/agreement/v1", HF_AGREEMENT_MAX_BYTES)
/* clang-format on */

enum hf_document_kind {
#define HF_DOCUMENT_ENUM(name, domain, most) HF_DOCUMENT_##name,
	HF_DOCUMENT_TABLE(HF_DOCUMENT_ENUM)
#undef HF_DOCUMENT_ENUM
};

struct hf_document_signature {
	struct hf_span key_id;    /* HF_KEY_ID_BYTES */
	struct hf_span signature; /* HF_SIGNATURE_BYTES */
};

struct hf_signed_document {
	struct hf_span body; /* what is signed: an encoded body, verbatim */
	const struct hf_document_signature *signatures;
	size_t signatures_count; /* at most HF_DOCUMENT_MAX_SIGNATURES */
};

/* Parse and encode demand: ids and keys of their lengths, 1 to 8 different
 * root keys and a threshold among them, a domain name, a country, 1 to 8
 * pins, "host:port" endpoints, a version from 1, expiry after issue. */
struct hf_manifest {
	struct hf_span organisation_id; /* HF_HASH_BYTES */
	uint64_t version;
	const char *name;
	const char *country;
	const struct hf_span *root_keys; /* HF_PUBLIC_KEY_BYTES each */
	size_t root_keys_count;
	uint32_t threshold;
	struct hf_span agreement_key; /* HF_PUBLIC_KEY_BYTES, as the next two */
	struct hf_span notice_key;
	struct hf_span receive_key;
	const struct hf_span *tls_pins; /* HF_HASH_BYTES each */
	size_t tls_pins_count;
	const char *const *endpoints;
	size_t endpoints_count;
	uint64_t issued_ms;
	uint64_t expires_ms;
};

/* Parse and encode demand: an origin, a root of its length. */
struct hf_predecessor {
	const char *origin;
	uint64_t size;
	struct hf_span root;       /* HF_HASH_BYTES */
	uint64_t carried_plus_one; /* 0: not yet */
};

/* A key of a set, and the trees that it counts for. */
struct hf_set_key {
	struct hf_span key; /* HF_PUBLIC_KEY_BYTES */
	bool is_cosigner;
	uint64_t first_size;
	bool is_void;
	uint64_t last_size; /* of one that is void; else 0 */
};

/* Parse and encode demand: an origin, ids and keys of their lengths, nobody
 * twice in the audience nor the publisher in it, a known relay value, relays
 * only with RELAY_LISTED, known classes once each, a version from 1, expiry
 * after issue, each of `keys` once. */
struct hf_agreement {
	const char *origin;
	uint64_t version;
	struct hf_span organisation_id; /* HF_HASH_BYTES */
	struct hf_span log_key;         /* HF_PUBLIC_KEY_BYTES */
	struct hf_span cosigner_key;    /* HF_PUBLIC_KEY_BYTES */
	const char *cosigner_name;      /* 1 to HF_COSIGNER_MAX_BYTES */
	const struct hf_span *audience; /* HF_HASH_BYTES each */
	size_t audience_count;
	enum hf_relay relay;
	const struct hf_span *relays; /* HF_HASH_BYTES each */
	size_t relays_count;
	const struct hf_span *witnesses; /* HF_HASH_BYTES each */
	size_t witnesses_count;
	const enum hf_class *classes; /* none: any class */
	size_t classes_count;
	const char *purpose; /* at most HF_REMARK_MAX_BYTES */
	uint64_t issued_ms;
	uint64_t expires_ms;
	enum hf_set_kind kind;                    /* 0: items */
	const struct hf_predecessor *predecessor; /* NULL: the first epoch */
	const struct hf_set_key *keys;
	size_t keys_count; /* at most HF_SET_KEYS_MAX */
};

/* What is left of HF_INVITE_MAX_BYTES behind base64 and its newlines. */
#define HF_INVITE_WIRE_MAX_BYTES (HF_INVITE_MAX_BYTES / 100 * 72)

struct hf_invite {
	struct hf_span manifest;       /* an encoded SignedDocument */
	const struct hf_span *history; /* older ones, HF_HISTORY_MAX */
	size_t history_count;
};

HF_CODEC_MESSAGE(document_signature);
HF_CODEC_MESSAGE(signed_document);
HF_CODEC_MESSAGE(manifest);
HF_CODEC_MESSAGE(predecessor);
HF_CODEC_MESSAGE(set_key);
HF_CODEC_MESSAGE(agreement);
HF_CODEC_MESSAGE(invite);

/* The domain string: "hashfed/manifest/v1". */
const char *hf_document_domain(enum hf_document_kind kind);

/* Append the bytes that are signed: domain string, a zero byte, body.  LIMIT
 * when the body is longer than its kind may be. */
HF_MUST enum hf_err hf_document_sign_text(enum hf_document_kind kind,
					  struct hf_span body,
					  struct hf_buf *buf);

/* The invite as a file: one block of armour.h with the label HASHFED INVITE,
 * at most HF_INVITE_MAX_BYTES of text and HF_INVITE_WIRE_MAX_BYTES within. */
HF_MUST enum hf_err hf_invite_text_parse(struct hf_span text,
					 struct hf_arena *arena,
					 struct hf_invite *out,
					 struct hf_why *why);
HF_MUST enum hf_err hf_invite_text_encode(const struct hf_invite *in,
					  struct hf_buf *buf);

#endif /* HF_CODEC_DOCUMENT_H */
