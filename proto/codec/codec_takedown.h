/*
 * codec_takedown.h -- the messages of those who work on takedown cases, and
 * the bundle that proves one.
 *
 * Units    _ms since 1970-01-01 UTC.
 * Owns     see codec.h.
 * Threads  any; no state.
 * Errors   see codec.h.
 * Source   proto/hashfed/v1/takedown.proto.
 */
#ifndef HF_CODEC_TAKEDOWN_H
#define HF_CODEC_TAKEDOWN_H

#include "codec.h"
#include "codec_case.h"
#include "codec_match.h"

struct hf_case_summary {
	const char *case_id; /* at most 32 */
	const struct hf_entry_ref *opening;
	enum hf_case_side side;
	const char *notifier;  /* at most HF_DOMAIN_MAX_BYTES */
	const char *provider;  /* at most HF_DOMAIN_MAX_BYTES */
	const char *authority; /* at most HF_DOMAIN_MAX_BYTES */
	bool is_not_member;
	enum hf_regime regime;
	enum hf_class content_class;
	enum hf_case_state state;
	enum hf_case_reason reason;
	bool is_overdue;
	bool is_paused;
	bool is_priority;
	uint64_t published_ms;
	uint64_t delivered_ms;
	uint64_t acknowledged_ms;
	uint64_t clock_ms;
	uint64_t due_ms;
	uint64_t acted_ms;
	uint64_t offline_ms;
	uint64_t ordered_ms;
	uint64_t closed_ms;
	uint64_t changed_ms;
	uint32_t events;
	uint32_t refused;
	uint32_t renotified;
	uint32_t reappeared;
	uint32_t locators;
	uint32_t hashes;
	const char *const *sites;
	size_t sites_count;    /* at most 16 */
	const char *continues; /* at most 32 */
	const char *const *continued_by;
	size_t continued_by_count; /* at most 16 */
	const char *reference;     /* at most HF_LABEL_MAX_BYTES */
	/* Ours alone; at most HF_ITEM_NAME_MAX_BYTES each. */
	const char *const *names;
	size_t names_count; /* at most HF_CASE_NAMES_MAX */
	uint32_t in_memory;
};

struct hf_case_event_info {
	const struct hf_entry_ref *entry;
	const char *author;                /* at most HF_DOMAIN_MAX_BYTES */
	const struct hf_case_event *event; /* required */
	bool is_applied;
	const char *refused; /* at most 64 */
	bool is_in_memory;
};

struct hf_send_notice_request {
	struct hf_span request_id;      /* HF_EVENT_ID_BYTES */
	const struct hf_notice *notice; /* required */
	enum hf_case_event_kind kind;
	const char *case_id; /* at most 32 */
	enum hf_case_state hold;
};

struct hf_send_notice_response {
	const struct hf_case_summary *summary;
	struct hf_span mail; /* HF_MAIL_MAX_BYTES */
};

struct hf_report_found_request {
	/* Required; that it has at most HF_FOUND_ITEMS_MAX items is for who
	 * looks them up. */
	const struct hf_wire_match_request *batch;
};

struct hf_found_case {
	uint32_t item;
	enum hf_found_how how;
	const char *case_id; /* at most 32 */
};

struct hf_report_found_response {
	const struct hf_found_case *found;
	size_t found_count; /* at most HF_FOUND_ITEMS_MAX */
};

struct hf_update_case_request {
	const char *case_id;       /* at most 32 */
	struct hf_span request_id; /* HF_EVENT_ID_BYTES */
	const struct hf_case_event *event;
	const char *to; /* at most HF_DOMAIN_MAX_BYTES */
	bool is_release;
};

struct hf_update_case_response {
	const struct hf_case_summary *summary;
	struct hf_span mail; /* HF_MAIL_MAX_BYTES */
};

struct hf_get_case_request {
	const char *case_id; /* at most 32 */
};

struct hf_get_case_response {
	const struct hf_case_summary *summary;
	const struct hf_case_event_info *events;
	size_t events_count; /* at most HF_CASE_EVENTS_MAX */
};

struct hf_list_cases_request {
	int32_t page_size;
	const char *page_token; /* at most HF_PAGE_TOKEN_MAX_BYTES */
	const enum hf_case_state *states;
	size_t states_count; /* at most 32 */
	bool only_overdue;
	bool only_open;
	const char *provider; /* at most HF_DOMAIN_MAX_BYTES */
	const struct hf_hash *hash;
	uint64_t from_ms;
	uint64_t to_ms;
};

struct hf_list_cases_response {
	const struct hf_case_summary *cases;
	size_t cases_count;          /* at most HF_PAGE_SIZE_MAX */
	const char *next_page_token; /* at most HF_PAGE_TOKEN_MAX_BYTES */
};

struct hf_watch_cases_request {
	struct hf_span position; /* 64 */
	bool only_new;
};

struct hf_watch_cases_response {
	struct hf_span position; /* 64 */
	const struct hf_case_summary *summary;
	const char *clock; /* at most 32 */
	bool is_mark;
	bool is_new;
};

struct hf_get_bundle_request {
	const char *case_id; /* at most 32 */
};

struct hf_get_bundle_response {
	struct hf_span bundle; /* HF_MESSAGE_MAX_BYTES */
};

struct hf_bundle_entry {
	uint32_t log;
	uint64_t index;
	struct hf_span header;    /* HF_HEADER_BYTES */
	struct hf_span opening;   /* HF_OPENING_BYTES */
	struct hf_span payload;   /* HF_PAYLOAD_MAX_BYTES */
	struct hf_span proof;     /* HF_HASH_BYTES each */
	struct hf_span text;      /* HF_CASE_TEXT_MAX_BYTES */
	struct hf_span signature; /* HF_SIGNATURE_BYTES, or empty */
	struct hf_span ephemeral; /* HF_PUBLIC_KEY_BYTES, or empty */
};

struct hf_bundle_log {
	const char *origin;
	struct hf_span agreement; /* HF_AGREEMENT_MAX_BYTES */
	struct hf_span note;      /* HF_NOTE_MAX_BYTES */
};

struct hf_bundle {
	uint32_t version;
	const struct hf_entry_ref *opening; /* required */
	const struct hf_span *manifests;
	size_t manifests_count; /* at most 16 */
	const struct hf_bundle_log *logs;
	size_t logs_count; /* at most 16 */
	const struct hf_bundle_entry *entries;
	size_t entries_count; /* at most HF_CASE_EVENTS_MAX */
	uint64_t made_ms;
	struct hf_span made_by; /* HF_HASH_BYTES */
};

struct hf_attest_role_request {
	const struct hf_attestation *claim; /* required */
	bool is_end;
};

struct hf_attest_role_response {
	const char *origin;
	uint64_t index;
};

struct hf_list_roles_request {
	int32_t page_size;
	const char *page_token; /* at most HF_PAGE_TOKEN_MAX_BYTES */
};

struct hf_role_info {
	const char *attester;               /* at most HF_DOMAIN_MAX_BYTES */
	const struct hf_attestation *claim; /* required */
	bool counts;
	const char *why_not; /* at most HF_SENTENCE_MAX_BYTES */
};

struct hf_list_roles_response {
	const struct hf_role_info *roles;
	size_t roles_count;          /* at most HF_PAGE_SIZE_MAX */
	const char *next_page_token; /* at most HF_PAGE_TOKEN_MAX_BYTES */
};

HF_CODEC_MESSAGE(case_summary);
HF_CODEC_MESSAGE(case_event_info);
HF_CODEC_MESSAGE(send_notice_request);
HF_CODEC_MESSAGE(send_notice_response);
HF_CODEC_MESSAGE(report_found_request);
HF_CODEC_MESSAGE(found_case);
HF_CODEC_MESSAGE(report_found_response);
HF_CODEC_MESSAGE(update_case_request);
HF_CODEC_MESSAGE(update_case_response);
HF_CODEC_MESSAGE(get_case_request);
HF_CODEC_MESSAGE(get_case_response);
HF_CODEC_MESSAGE(list_cases_request);
HF_CODEC_MESSAGE(list_cases_response);
HF_CODEC_MESSAGE(watch_cases_request);
HF_CODEC_MESSAGE(watch_cases_response);
HF_CODEC_MESSAGE(get_bundle_request);
HF_CODEC_MESSAGE(get_bundle_response);
HF_CODEC_MESSAGE(bundle_entry);
HF_CODEC_MESSAGE(bundle_log);
HF_CODEC_MESSAGE(bundle);
HF_CODEC_MESSAGE(attest_role_request);
HF_CODEC_MESSAGE(attest_role_response);
HF_CODEC_MESSAGE(list_roles_request);
HF_CODEC_MESSAGE(role_info);
HF_CODEC_MESSAGE(list_roles_response);

#endif /* HF_CODEC_TAKEDOWN_H */
