/*
 * codec_opinion.h -- what is thought of entries: the payload of a set of
 * opinions, and the messages that say, explain and release.
 *
 * Units    _ms since 1970-01-01 UTC; indexes count entries.
 * Owns     see codec.h.
 * Threads  any; no state.
 * Errors   see codec.h.
 * Source   proto/hashfed/v1/opinion.proto, proto/SPEC.md section 12.10.
 */
#ifndef HF_CODEC_OPINION_H
#define HF_CODEC_OPINION_H

#include "codec.h"
#include "codec_item.h"

/* A kind or reason that this version does not know keeps its number: parse
 * takes it, hf_opinion_check() does not. */
struct hf_opinion {
	enum hf_opinion_kind kind;
	const struct hf_entry_ref *entry; /* or NULL */
	const struct hf_hash *hashes;
	size_t hashes_count; /* at most HF_ITEM_MAX_HASHES */
	enum hf_opinion_reason reason;
	const char *note; /* at most HF_REMARK_MAX_BYTES */
	uint64_t until_ms;
};

enum hf_opine_subject {
	HF_OPINE_NOTHING = 0,
	HF_OPINE_ENTRY = 1,
	HF_OPINE_HASH = 2,
};

struct hf_opine_request {
	enum hf_opine_subject subject; /* NOTHING is refused */
	const struct hf_entry_ref *entry;
	const struct hf_hash *hash;
	enum hf_opinion_kind kind;
	enum hf_opinion_reason reason;
	const char *note;
	uint64_t until_ms;
	const char *set;
};

struct hf_opine_response {
	const char *origin;
	uint64_t index;
	const char *why_hashes;
};

enum hf_explain_what {
	HF_EXPLAIN_NOTHING = 0,
	HF_EXPLAIN_ENTRY = 1,
	HF_EXPLAIN_HASH = 2,
};

struct hf_explain_request {
	enum hf_explain_what what; /* NOTHING is refused */
	const struct hf_entry_ref *entry;
	const struct hf_hash *hash;
};

struct hf_stated_opinion {
	const char *organisation;
	enum hf_opinion_kind kind;
	enum hf_opinion_reason reason;
	const char *note;
	uint64_t said_ms;
	uint64_t until_ms;
	const char *origin;
	uint64_t index;
	bool is_by_hash;
	bool counts;
	const char *why_not;
};

struct hf_explained_entry {
	const char *origin;
	uint64_t index;
	const char *publisher;
	enum hf_algorithm algorithm; /* 0: asked for by its place */
	uint32_t distance;
	enum hf_verdict verdict; /* 0: no hit */
	const char *rule;
	enum hf_class content_class;
	const struct hf_label *labels;
	size_t labels_count;
	enum hf_freshness freshness;
	uint64_t checkpoint_ms;
	uint64_t added_ms;
	uint32_t assessors;
	const struct hf_entry_ref *derived_from;
	size_t derived_from_count;
	const char *const *remarks;
	size_t remarks_count; /* at most HF_EXPLAIN_REMARKS_MAX */
	const struct hf_stated_opinion *opinions;
	size_t opinions_count; /* at most HF_EXPLAIN_OPINIONS_MAX */
};

struct hf_explain_response {
	const struct hf_explained_entry *entries;
	size_t entries_count; /* at most HF_MATCH_HITS_PER_ITEM */
	bool more;
	enum hf_verdict verdict;
	uint32_t organisations;
};

struct hf_release_request {
	const char *set;
	uint64_t index_plus_one;
};

struct hf_release_response {
	uint64_t count;
};

HF_CODEC_MESSAGE(opinion);
HF_CODEC_MESSAGE(opine_request);
HF_CODEC_MESSAGE(opine_response);
HF_CODEC_MESSAGE(explain_request);
HF_CODEC_MESSAGE(stated_opinion);
HF_CODEC_MESSAGE(explained_entry);
HF_CODEC_MESSAGE(explain_response);
HF_CODEC_MESSAGE(release_request);
HF_CODEC_MESSAGE(release_response);

/* May it be signed, and does it count where it was?  Kind and reason known,
 * one subject, an entry with its leaf hash, digests of their lengths, an end
 * where IGNORE needs one. */
HF_MUST enum hf_err hf_opinion_check(const struct hf_opinion *opinion,
				     struct hf_why *why);

#endif /* HF_CODEC_OPINION_H */
