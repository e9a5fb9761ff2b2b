/*
 * codec_case.h -- what the parties of a takedown case tell each other: the
 * text of an envelope, receive keys, and the claims of a directory set.
 *
 * Bytes and fields only: who may say what, and when, is proto/case; whose
 * signature it is, keys/notice.
 *
 * Units    _ms since 1970-01-01 UTC, deadline_ms a duration; ids and keys raw.
 * Owns     see codec.h.
 * Threads  any; no state.
 * Errors   see codec.h.
 * Source   proto/hashfed/v1/case.proto, proto/SPEC.md section 12.
 */
#ifndef HF_CODEC_CASE_H
#define HF_CODEC_CASE_H

#include "codec.h"
#include "codec_item.h"

struct hf_locator {
	const char *url; /* at most HF_URL_MAX_BYTES */
	const char *ip;  /* at most 64 */
	uint64_t first_seen_ms;
	uint64_t last_seen_ms;
	const char *note; /* at most HF_REMARK_MAX_BYTES */
};

struct hf_contact {
	const char *name;  /* at most HF_LABEL_MAX_BYTES */
	const char *email; /* at most 320 */
	const char *phone; /* at most 64 */
};

struct hf_order {
	const char *reference; /* at most HF_LABEL_MAX_BYTES */
	const char *issuing_state;
	const char *authority; /* at most HF_LABEL_MAX_BYTES */
	const char *addressee; /* at most HF_REMARK_MAX_BYTES */
	const char *host_state;
	const char *identification; /* at most HF_REMARK_MAX_BYTES */
	const char *const *grounds;
	size_t grounds_count; /* at most 16 */
	const char *series;   /* at most HF_LABEL_MAX_BYTES */
	bool covers_similar;
	const char *penalty; /* at most HF_REMARK_MAX_BYTES */
	const char *redress; /* at most HF_REMARK_MAX_BYTES */
	bool was_informed;
	bool is_emergency;
};

/* In place of a domain where nobody knows who hosts it. */
#define HF_NOTICE_NO_PROVIDER "UNKNOWN"

struct hf_notice {
	const char *provider;       /* a domain, or HF_NOTICE_NO_PROVIDER */
	struct hf_span provider_id; /* HF_HASH_BYTES, or empty */
	enum hf_regime regime;
	enum hf_class content_class;
	const struct hf_label *labels;
	size_t labels_count; /* at most HF_ITEM_MAX_LABELS */
	const struct hf_hash *hashes;
	size_t hashes_count; /* at most HF_ITEM_MAX_HASHES */
	const struct hf_entry_ref *entries;
	size_t entries_count; /* at most HF_ITEM_MAX_REFS */
	const struct hf_locator *locators;
	size_t locators_count;   /* at most HF_CASE_LOCATORS_MAX */
	const char *explanation; /* at most HF_EXPLANATION_MAX_BYTES */
	const struct hf_contact *contact;
	bool is_good_faith;
	const char *jurisdiction;
	const char *legal_basis; /* at most HF_LABEL_MAX_BYTES */
	const char *reference;   /* at most HF_LABEL_MAX_BYTES */
	uint64_t deadline_ms;
	const struct hf_order *order;
	const struct hf_entry_ref *continues;
};

struct hf_case_receipt {
	const char *origin;
	uint64_t index;
	struct hf_span leaf_hash; /* HF_HASH_BYTES */
	struct hf_span text_hash; /* HF_HASH_BYTES */
};

struct hf_delivery {
	const char *means;     /* at most 64 */
	const char *address;   /* at most HF_LABEL_MAX_BYTES */
	const char *reference; /* at most HF_LABEL_MAX_BYTES */
	uint64_t sent_ms;
	bool has_failed;
};

struct hf_log_mark {
	const char *origin;
	uint64_t size;
	struct hf_span root; /* HF_HASH_BYTES */
};

struct hf_quoted_event {
	struct hf_span header;            /* HF_ENVELOPE_HEADER_BYTES */
	struct hf_span text;              /* HF_CASE_TEXT_MAX_BYTES */
	struct hf_span signature;         /* HF_SIGNATURE_BYTES */
	const struct hf_entry_ref *entry; /* required */
};

struct hf_case_event {
	enum hf_case_event_kind kind;
	struct hf_span event_id; /* HF_EVENT_ID_BYTES, or empty */
	const struct hf_entry_ref *case_ref;
	const struct hf_span *after;
	size_t after_count; /* at most HF_CASE_AFTER_MAX */
	const struct hf_log_mark *saw;
	size_t saw_count; /* at most HF_CASE_SAW_MAX */
	uint64_t at_ms;
	enum hf_case_reason reason;
	const char *text; /* at most HF_CASE_REMARK_MAX_BYTES */
	uint64_t acted_ms;
	const struct hf_notice *notice;
	const struct hf_case_receipt *receipt;
	const struct hf_delivery *delivery;
	const struct hf_quoted_event *quoted;
	const char *moved_host; /* at most HF_DOMAIN_MAX_BYTES */
	const char *moved_country;
	struct hf_span to_id; /* HF_HASH_BYTES, or empty */
	const struct hf_locator *locators;
	size_t locators_count; /* at most HF_CASE_LOCATORS_MAX */
	bool is_automatic;
};

struct hf_receive_key {
	struct hf_span key;             /* HF_PUBLIC_KEY_BYTES */
	struct hf_span organisation_id; /* HF_HASH_BYTES */
	uint64_t from_ms;
	uint64_t until_ms;
	struct hf_span signature; /* HF_SIGNATURE_BYTES */
};

struct hf_attestation {
	struct hf_span organisation_id; /* HF_HASH_BYTES, or empty */
	const char *name;
	enum hf_role role;
	const enum hf_power *powers;
	size_t powers_count; /* at most 16 */
	const char *jurisdiction;
	uint64_t from_ms;
	uint64_t until_ms;
	const char *note; /* at most HF_REMARK_MAX_BYTES */
};

HF_CODEC_MESSAGE(locator);
HF_CODEC_MESSAGE(contact);
HF_CODEC_MESSAGE(order);
HF_CODEC_MESSAGE(notice);
HF_CODEC_MESSAGE(case_receipt);
HF_CODEC_MESSAGE(delivery);
HF_CODEC_MESSAGE(log_mark);
HF_CODEC_MESSAGE(quoted_event);
HF_CODEC_MESSAGE(case_event);
HF_CODEC_MESSAGE(receive_key);
HF_CODEC_MESSAGE(attestation);

/* What no single field says, for one who signs or reads: a kind that is known,
 * ids where they must be, and with each kind the fields that belong to it, and
 * no others.  ARGUMENT, with the field. */
HF_MUST enum hf_err hf_case_event_check(const struct hf_case_event *event,
					struct hf_why *why);

/* A claim that can be signed: a known role, powers for an AUTHORITY only. */
HF_MUST enum hf_err hf_attestation_check(const struct hf_attestation *claim,
					 struct hf_why *why);

#endif /* HF_CODEC_CASE_H */
