/*
 * codec_admin.h -- the messages of those who run a node.
 *
 * Where an answer has no field there is no struct: its message is empty
 * (HF_CODEC_EMPTY).
 *
 * Units    _ms since 1970-01-01 UTC; tree sizes count entries.
 * Owns     see codec.h.
 * Threads  any; no state.
 * Errors   see codec.h.
 * Source   proto/hashfed/v1/admin.proto.
 */
#ifndef HF_CODEC_ADMIN_H
#define HF_CODEC_ADMIN_H

#include "codec.h"
#include "codec_federation.h"

/* GetStatusRequest, FollowSetResponse, RemovePeerResponse, GetInviteRequest,
 * ThawSetResponse:
 * nothing to encode, and what a newer peer may put there is ignored. */
#define HF_CODEC_EMPTY ((struct hf_span){ NULL, 0 })

struct hf_wire_migration {
	const char *from;
	const char *to;
	uint32_t step;
	uint32_t steps;
	bool is_keeping;
	uint64_t done;
	uint64_t total;
	bool is_opening;
	const char *lookups_wait;
	const char *sentence;
};

struct hf_get_status_response {
	const char *organisation;
	struct hf_span organisation_id; /* HF_HASH_BYTES or none */
	const char *version;
	uint64_t started_ms;
	uint64_t manifest_version;
	uint64_t manifest_expires_ms;
	const char *listen;
	uint32_t peers;
	uint32_t peers_connected;
	uint32_t sets;
	uint64_t entries;
	uint64_t indexed;
	const char *const *warnings; /* HF_WARNINGS_MAX */
	size_t warnings_count;
	const char *cosigner_vkey;
	uint32_t sets_stale;
	uint32_t sets_expired;
	const char *policy_version;
	const struct hf_wire_migration *migration; /* NULL: none */
};

struct hf_list_sets_request {
	int32_t page_size; /* 0 to HF_PAGE_SIZE_MAX */
	const char *page_token;
};

struct hf_wire_set_info {
	const char *origin;
	bool is_own;
	enum hf_set_state state;
	uint64_t seen;
	uint64_t applied;
	uint64_t live;
	uint64_t checkpoint_ms;
	enum hf_freshness freshness;
	const char *const *members; /* HF_AUDIENCE_MAX */
	size_t members_count;
	enum hf_relay relay;
	uint64_t agreement_version;
	uint64_t agreement_expires_ms;
	enum hf_set_kind kind; /* 0: items */
	const char *frozen_reason;
	bool has_evidence;
	const char *const *cosigners; /* HF_NOTE_MAX_SIGNATURES */
	size_t cosigners_count;
	uint32_t quorum;
	uint64_t missing;                /* payloads */
	const uint64_t *missing_entries; /* HF_MISSING_MAX */
	size_t missing_entries_count;
	const char *succeeded_by; /* "": nothing */
	uint64_t void_from;
	const char *succeeds; /* likewise */
};

struct hf_list_sets_response {
	const struct hf_wire_set_info *sets; /* HF_PAGE_SIZE_MAX */
	size_t sets_count;
	const char *next_page_token;
};

struct hf_open_set_request {
	const char *name; /* a set name; "" only with is_restricted */
	const char *purpose;
	const enum hf_class *classes;
	size_t classes_count;
	bool is_restricted;
};

struct hf_open_set_response {
	const char *origin;
};

struct hf_next_epoch_request {
	const char *set;
	uint64_t from_size_plus_one; /* 0: all that are held count */
	uint32_t epoch;              /* 0: the next number */
};

struct hf_next_epoch_response {
	const char *origin;
	const char *predecessor;
	uint64_t void_from;
};

struct hf_share_set_request {
	const char *set;
	const char *peer;
	bool may_relay;
	bool is_removal;
	bool is_witness;
};

struct hf_share_set_response {
	const char *origin;
	uint64_t agreement_version;
};

struct hf_follow_set_request {
	const char *origin;
	bool is_removal;
};

struct hf_get_note_request {
	const char *set;
};

struct hf_get_note_response {
	struct hf_span note;
	const char *log_vkey;
	const char *cosigner_vkey;
};

struct hf_prove_entry_request {
	const char *set;
	uint64_t index;
};

struct hf_prove_entry_response {
	struct hf_span proof;  /* HF_LOGPROOF_MAX_BYTES */
	struct hf_span header; /* HF_HEADER_BYTES */
};

struct hf_list_peers_request {
	int32_t page_size; /* 0 to HF_PAGE_SIZE_MAX */
	const char *page_token;
};

struct hf_wire_peer_info {
	const char *name;
	struct hf_span organisation_id; /* HF_HASH_BYTES */
	const char *country;
	uint64_t manifest_version;
	uint64_t manifest_expires_ms;
	const char *endpoint;
	bool is_connected;
	uint64_t seen_ms;
	const char *problem;
	uint32_t sets_behind;
	uint64_t entries_received;
	uint64_t refused;
};

struct hf_list_peers_response {
	const struct hf_wire_peer_info *peers; /* HF_PAGE_SIZE_MAX */
	size_t peers_count;
	const char *next_page_token;
};

struct hf_add_peer_request {
	struct hf_span invite;
	const char *fingerprint;
	bool is_silent;
	const char *endpoint;
};

struct hf_add_peer_response {
	const char *name;
	const char *fingerprint;
	bool is_enrolled;
};

struct hf_remove_peer_request {
	const char *name;
};

struct hf_get_invite_response {
	struct hf_span invite;
};

struct hf_verify_set_request {
	const char *set;
};

struct hf_verify_set_response {
	uint64_t size;
	uint64_t payloads;
	uint64_t missing;
};

struct hf_get_evidence_request {
	const char *set;
};

struct hf_get_evidence_response {
	struct hf_span evidence; /* HF_EVIDENCE_MAX_BYTES */
};

struct hf_list_receipts_request {
	const char *set;
};

struct hf_member_receipt {
	const char *member;
	struct hf_span organisation_id;           /* HF_HASH_BYTES */
	const struct hf_applied_receipt *receipt; /* NULL: none came */
	uint64_t retractions;
};

struct hf_list_receipts_response {
	const char *origin;
	uint64_t size;
	const struct hf_member_receipt *members; /* HF_AUDIENCE_MAX */
	size_t members_count;
};

struct hf_thaw_set_request {
	const char *set;
};

struct hf_size_info {
	const char *part;
	const char *table; /* at most HF_ORIGIN_MAX_BYTES */
	uint64_t bytes;
	uint64_t count;
	uint64_t bytes_max;
};

struct hf_get_sizes_response {
	const struct hf_size_info *disk; /* HF_SIZES_MAX, of each */
	size_t disk_count;
	const struct hf_size_info *sets;
	size_t sets_count;
	const struct hf_size_info *memory;
	size_t memory_count;
	uint64_t disk_bytes;
	uint64_t reserve_bytes;
	uint64_t resident_bytes;
	uint64_t mapped_bytes;
};

struct hf_store_fault {
	const char *problem; /* HF_SENTENCE_MAX_BYTES */
	uint64_t first;
	uint64_t end;
};

struct hf_set_check {
	const char *origin;
	uint64_t size;
	uint64_t payloads;
	uint64_t erased;
	uint64_t missing;
	const struct hf_store_fault *faults; /* HF_FAULTS_MAX */
	size_t faults_count;
	uint64_t problems; /* of which the first are told */
};

struct hf_verify_store_response {
	const struct hf_set_check *sets; /* HF_CHECKS_MAX */
	size_t sets_count;
};

struct hf_make_backup_request {
	const char *directory; /* HF_DIRECTORY_MAX_BYTES */
};

struct hf_make_backup_response {
	uint64_t bytes;
	uint64_t sets;
	uint64_t entries;
};

HF_CODEC_MESSAGE(wire_migration);
HF_CODEC_MESSAGE(get_status_response);
HF_CODEC_MESSAGE(list_sets_request);
HF_CODEC_MESSAGE(wire_set_info);
HF_CODEC_MESSAGE(list_sets_response);
HF_CODEC_MESSAGE(open_set_request);
HF_CODEC_MESSAGE(open_set_response);
HF_CODEC_MESSAGE(next_epoch_request);
HF_CODEC_MESSAGE(next_epoch_response);
HF_CODEC_MESSAGE(share_set_request);
HF_CODEC_MESSAGE(share_set_response);
HF_CODEC_MESSAGE(follow_set_request);
HF_CODEC_MESSAGE(get_note_request);
HF_CODEC_MESSAGE(get_note_response);
HF_CODEC_MESSAGE(prove_entry_request);
HF_CODEC_MESSAGE(prove_entry_response);
HF_CODEC_MESSAGE(list_peers_request);
HF_CODEC_MESSAGE(wire_peer_info);
HF_CODEC_MESSAGE(list_peers_response);
HF_CODEC_MESSAGE(add_peer_request);
HF_CODEC_MESSAGE(add_peer_response);
HF_CODEC_MESSAGE(remove_peer_request);
HF_CODEC_MESSAGE(get_invite_response);
HF_CODEC_MESSAGE(verify_set_request);
HF_CODEC_MESSAGE(verify_set_response);
HF_CODEC_MESSAGE(get_evidence_request);
HF_CODEC_MESSAGE(get_evidence_response);
HF_CODEC_MESSAGE(list_receipts_request);
HF_CODEC_MESSAGE(member_receipt);
HF_CODEC_MESSAGE(list_receipts_response);
HF_CODEC_MESSAGE(thaw_set_request);
HF_CODEC_MESSAGE(size_info);
HF_CODEC_MESSAGE(get_sizes_response);
HF_CODEC_MESSAGE(store_fault);
HF_CODEC_MESSAGE(set_check);
HF_CODEC_MESSAGE(verify_store_response);
HF_CODEC_MESSAGE(make_backup_request);
HF_CODEC_MESSAGE(make_backup_response);

#endif /* HF_CODEC_ADMIN_H */
