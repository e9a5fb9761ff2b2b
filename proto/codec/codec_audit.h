/*
 * codec_audit.h -- who did what here: the record of a call, made out of its
 * request and answer, and the messages of those who read such records.
 *
 * Units    _ms since 1970-01-01 UTC.
 * Owns     see codec.h.
 * Threads  any; no state.
 * Errors   see codec.h.
 * Source   proto/hashfed/v1/payload.proto, admin.proto; proto/SPEC.md section
 *          13.
 */
#ifndef HF_CODEC_AUDIT_H
#define HF_CODEC_AUDIT_H

#include "codec.h"
#include "codec_item.h"
#include "codec_publish.h"
#include "codec_takedown.h"

struct hf_audit_fact {
	const char *name;
	const char *value; /* HF_AUDIT_FACT_MAX_BYTES */
};

struct hf_audit_record {
	const char *method;
	const char *who;
	const char *duty;
	const char *serial;
	const char *outcome;
	const struct hf_audit_fact *facts; /* HF_AUDIT_FACTS_MAX */
	size_t facts_count;
};

struct hf_list_audit_request {
	int32_t page_size; /* 0 to HF_PAGE_SIZE_MAX */
	const char *page_token;
	uint64_t from_ms;
	uint64_t to_ms;
	const char *who;
	const char *method;
};

struct hf_audit_entry {
	const struct hf_entry_ref *entry;
	uint64_t at_ms;
	const struct hf_audit_record *record;
};

struct hf_list_audit_response {
	const struct hf_audit_entry *entries; /* HF_PAGE_SIZE_MAX */
	size_t entries_count;
	const char *next_page_token;
};

enum hf_affected_what {
	HF_AFFECTED_NOTHING = 0,
	HF_AFFECTED_ENTRY = 1,
	HF_AFFECTED_HASH = 2,
};

struct hf_get_affected_request {
	enum hf_affected_what what;
	const struct hf_entry_ref *entry;
	const struct hf_hash *hash;
	int32_t page_size; /* 0 to HF_PAGE_SIZE_MAX */
	const char *page_token;
};

struct hf_given_verdict {
	uint64_t at_ms;
	enum hf_verdict verdict;
	const struct hf_entry_ref *entry;
	const char *rule;
	const char *policy_version;
	enum hf_algorithm algorithm;
	uint32_t distance;
	const char *who;
	const char *item; /* HF_ITEM_NAME_MAX_BYTES */
};

struct hf_get_affected_response {
	const struct hf_given_verdict *verdicts; /* HF_PAGE_SIZE_MAX */
	size_t verdicts_count;
	const struct hf_case_summary *cases; /* HF_PAGE_SIZE_MAX */
	size_t cases_count;
	const char *next_page_token;
};

HF_CODEC_MESSAGE(audit_fact);
HF_CODEC_MESSAGE(audit_record);
HF_CODEC_MESSAGE(list_audit_request);
HF_CODEC_MESSAGE(audit_entry);
HF_CODEC_MESSAGE(list_audit_response);
HF_CODEC_MESSAGE(get_affected_request);
HF_CODEC_MESSAGE(given_verdict);
HF_CODEC_MESSAGE(get_affected_response);

/* What calls concerned, being gathered. */
struct hf_audit_facts {
	struct hf_arena *arena;
	struct hf_audit_fact at[HF_AUDIT_FACTS_MAX];
	size_t count;
};

/* One more, unless it is there already; a value that is too long is cut, and
 * one that does not fit any more is left out. */
void hf_audit_facts_add(struct hf_audit_facts *facts, const char *name,
			const char *value);

/* Those of a message of the method "/hashfed.v1.Publish/Append": of its fields
 * those that say which set, entry, case or peer is meant and what is to be done
 * with it, by their names.  A message that does not parse has none. */
void hf_audit_facts_of_request(struct hf_audit_facts *facts, const char *path,
			       struct hf_span request);
void hf_audit_facts_of_answer(struct hf_audit_facts *facts, const char *path,
			      struct hf_span answer);

/* The same of an answer of Append before it is one. */
void hf_audit_facts_of_appended(struct hf_audit_facts *facts,
				const struct hf_append_response *appended);

#endif /* HF_CODEC_AUDIT_H */
