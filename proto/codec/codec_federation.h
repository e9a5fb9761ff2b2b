/*
 * codec_federation.h -- the messages between nodes.
 *
 * Units    _ms since 1970-01-01 UTC; tree sizes count entries.
 * Owns     see codec.h.
 * Threads  any; no state.
 * Errors   see codec.h.
 * Source   proto/hashfed/v1/federation.proto.
 */
#ifndef HF_CODEC_FEDERATION_H
#define HF_CODEC_FEDERATION_H

#include "codec.h"

struct hf_manifest_mark {
	struct hf_span organisation_id; /* HF_HASH_BYTES */
	uint64_t version;
	struct hf_span hash; /* HF_HASH_BYTES */
};

struct hf_hello_request {
	uint32_t version_min;
	uint32_t version_max;
	uint32_t format_min;
	uint32_t format_max;
	const struct hf_manifest_mark *manifests; /* HF_MARKS_MAX */
	size_t manifests_count;
};

struct hf_hello_response {
	uint32_t version_min;
	uint32_t version_max;
	uint32_t format_min;
	uint32_t format_max;
	const struct hf_manifest_mark *manifests; /* HF_MARKS_MAX */
	size_t manifests_count;
	uint64_t time_ms;
};

struct hf_get_manifest_request {
	struct hf_span organisation_id; /* HF_HASH_BYTES */
	uint64_t version;
};

struct hf_get_manifest_response {
	struct hf_span manifest;
};

struct hf_get_checkpoint_request {
	const char *origin;
};

struct hf_get_checkpoint_response {
	struct hf_span note;
	struct hf_span agreement;
};

struct hf_set_mark {
	const char *origin;
	uint64_t size;
	uint64_t agreement_version;
};

struct hf_tail_request {
	const struct hf_set_mark *held; /* HF_TAIL_SETS_MAX */
	size_t held_count;
};

struct hf_tail_response {
	const char *origin; /* "" in a first round without any set */
	struct hf_span note;
	uint64_t agreement_version;
	bool caught_up;
	bool ended;
	struct hf_span agreement; /* a SignedDocument, or empty */
	struct hf_span cosigned;
	const struct hf_manifest_mark *manifests; /* HF_MARKS_MAX */
	size_t manifests_count;
};

/* first < end <= size is checked. */
struct hf_get_chunks_request {
	const char *origin;
	uint64_t size;
	uint64_t first;
	uint64_t end;
	bool headers_only;
};

/* Whole headers, hashes and openings; at most a chunk of each; the lengths
 * add up to the payloads, one opening for each payload: checked.  Where the
 * entries belong in the tree, and the proof, is for the receiver to check. */
struct hf_get_chunks_response {
	uint64_t first;
	struct hf_span headers;  /* HF_HEADER_BYTES each */
	struct hf_span proof;    /* HF_HASH_BYTES each */
	struct hf_span openings; /* HF_OPENING_BYTES each */
	const uint32_t *payload_lengths;
	size_t payload_lengths_count;
	struct hf_span payloads;
	const uint64_t *erased;
	size_t erased_count;
};

enum hf_get_proof_kind {
	HF_GET_PROOF_NOTHING = 0,
	HF_GET_PROOF_INDEX = 3,
	HF_GET_PROOF_OLD_SIZE = 4,
};

struct hf_get_proof_request {
	const char *origin;
	uint64_t size;
	enum hf_get_proof_kind kind; /* NOTHING is refused */
	uint64_t index;
	uint64_t old_size;
};

struct hf_get_proof_response {
	struct hf_span hashes;   /* HF_HASH_BYTES each */
	struct hf_span header;   /* HF_HEADER_BYTES or none */
	struct hf_span old_root; /* HF_HASH_BYTES or none */
};

/* A member's word of how far it has applied a set; keys/notice signs and
 * checks it. */
struct hf_applied_receipt {
	const char *origin;
	struct hf_span organisation_id; /* HF_HASH_BYTES */
	uint64_t size;
	struct hf_span root; /* HF_HASH_BYTES */
	uint64_t at_ms;
	struct hf_span signature; /* HF_SIGNATURE_BYTES */
};

struct hf_gossip_request {
	const struct hf_span *notes; /* HF_GOSSIP_NOTES_MAX */
	size_t notes_count;
	const struct hf_span *evidence; /* HF_GOSSIP_EVIDENCE_MAX */
	size_t evidence_count;
	const struct hf_applied_receipt *receipts; /* HF_GOSSIP_RECEIPTS_MAX */
	size_t receipts_count;
};

struct hf_gossip_response {
	const struct hf_span *notes;
	size_t notes_count;
	const struct hf_span *evidence;
	size_t evidence_count;
};

struct hf_offer_request {
	const char *origin; /* "" in all but the first message */
	struct hf_span note;
	struct hf_span agreement;
	const struct hf_get_chunks_response *chunk;
	struct hf_span growth; /* HF_HASH_BYTES each */
};

struct hf_offer_response {
	uint64_t applied;
	uint64_t seen;
};

HF_CODEC_MESSAGE(manifest_mark);
HF_CODEC_MESSAGE(hello_request);
HF_CODEC_MESSAGE(hello_response);
HF_CODEC_MESSAGE(get_manifest_request);
HF_CODEC_MESSAGE(get_manifest_response);
HF_CODEC_MESSAGE(get_checkpoint_request);
HF_CODEC_MESSAGE(get_checkpoint_response);
HF_CODEC_MESSAGE(set_mark);
HF_CODEC_MESSAGE(tail_request);
HF_CODEC_MESSAGE(tail_response);
HF_CODEC_MESSAGE(get_chunks_request);
HF_CODEC_MESSAGE(get_chunks_response);
HF_CODEC_MESSAGE(get_proof_request);
HF_CODEC_MESSAGE(get_proof_response);
HF_CODEC_MESSAGE(applied_receipt);
HF_CODEC_MESSAGE(gossip_request);
HF_CODEC_MESSAGE(gossip_response);
HF_CODEC_MESSAGE(offer_request);
HF_CODEC_MESSAGE(offer_response);

#endif /* HF_CODEC_FEDERATION_H */
