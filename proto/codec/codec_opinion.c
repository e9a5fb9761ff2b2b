#include "hashfed/v1/opinion.pb-c.h"

#include "text.h"

#include "codec_opinion.h"
#include "codec_shape.h"

static enum hf_err check_subject(const void *ours, struct hf_why *why)
{
	const struct hf_opine_request *request = ours;

	if (request->subject < HF_OPINE_ENTRY ||
	    request->subject > HF_OPINE_HASH)
		return hf_why(why, HF_E_ARGUMENT,
			      "subject: one of entry and hash must be there");
	return HF_OK;
}

static enum hf_err check_what(const void *ours, struct hf_why *why)
{
	const struct hf_explain_request *request = ours;

	if (request->what < HF_EXPLAIN_ENTRY || request->what > HF_EXPLAIN_HASH)
		return hf_why(why, HF_E_ARGUMENT,
			      "what: one of entry and hash must be there");
	return HF_OK;
}

/* clang-format off */
HF_SHAPE(opinion, Hashfed__V1__Opinion, hashfed__v1__opinion,
	 HF_PAYLOAD_MAX_BYTES, NULL,
	HF_ENUM(kind, hf_opinion_kind),
	HF_ONE(entry, entry_ref, 0),
	HF_MANY(hashes, hash, HF_ITEM_MAX_HASHES),
	HF_ENUM(reason, hf_opinion_reason),
	HF_TEXT(note, 0, HF_REMARK_MAX_BYTES),
	HF_U64(until_ms))

HF_SHAPE(opine_request, Hashfed__V1__OpineRequest,
	 hashfed__v1__opine_request, HF_MESSAGE_MAX_BYTES, check_subject,
	HF_CASE_ONE(subject, HF_OPINE_ENTRY, entry, entry_ref),
	HF_CASE_ONE(subject, HF_OPINE_HASH, hash, hash),
	HF_ENUM(kind, hf_opinion_kind),
	HF_ENUM(reason, hf_opinion_reason),
	HF_TEXT(note, 0, HF_REMARK_MAX_BYTES),
	HF_U64(until_ms),
	HF_WORD(set, hf_grammar_set_name_or_none))

HF_SHAPE(opine_response, Hashfed__V1__OpineResponse,
	 hashfed__v1__opine_response, HF_MESSAGE_MAX_BYTES, NULL,
	HF_WORD(origin, hf_grammar_origin),
	HF_U64(index),
	HF_TEXT(why_hashes, 0, HF_SENTENCE_MAX_BYTES))

HF_SHAPE(explain_request, Hashfed__V1__ExplainRequest,
	 hashfed__v1__explain_request, HF_MESSAGE_MAX_BYTES, check_what,
	HF_CASE_ONE(what, HF_EXPLAIN_ENTRY, entry, entry_ref),
	HF_CASE_ONE(what, HF_EXPLAIN_HASH, hash, hash))

HF_SHAPE(stated_opinion, Hashfed__V1__StatedOpinion,
	 hashfed__v1__stated_opinion, HF_MESSAGE_MAX_BYTES, NULL,
	HF_WORD(organisation, hf_grammar_domain),
	HF_ENUM(kind, hf_opinion_kind),
	HF_ENUM(reason, hf_opinion_reason),
	HF_TEXT(note, 0, HF_REMARK_MAX_BYTES),
	HF_U64(said_ms),
	HF_U64(until_ms),
	HF_WORD(origin, hf_grammar_origin),
	HF_U64(index),
	HF_FLAG(is_by_hash),
	HF_FLAG(counts),
	HF_TEXT(why_not, 0, HF_SENTENCE_MAX_BYTES))

HF_SHAPE(explained_entry, Hashfed__V1__ExplainedEntry,
	 hashfed__v1__explained_entry, HF_MESSAGE_MAX_BYTES, NULL,
	HF_WORD(origin, hf_grammar_origin),
	HF_U64(index),
	HF_WORD(publisher, hf_grammar_domain),
	HF_ENUM(algorithm, hf_algorithm),
	HF_U32(distance, 256),
	HF_ENUM(verdict, hf_verdict),
	HF_TEXT(rule, 0, HF_SENTENCE_MAX_BYTES),
	HF_ENUM(content_class, hf_class),
	HF_MANY(labels, label, HF_ITEM_MAX_LABELS),
	HF_ENUM(freshness, hf_freshness),
	HF_U64(checkpoint_ms),
	HF_U64(added_ms),
	HF_U32(assessors, UINT32_MAX),
	HF_MANY(derived_from, entry_ref, HF_ITEM_MAX_REFS),
	HF_TEXTS(remarks, 1, HF_SENTENCE_MAX_BYTES, HF_EXPLAIN_REMARKS_MAX),
	HF_MANY(opinions, stated_opinion, HF_EXPLAIN_OPINIONS_MAX))

HF_SHAPE(explain_response, Hashfed__V1__ExplainResponse,
	 hashfed__v1__explain_response, HF_MESSAGE_MAX_BYTES, NULL,
	HF_MANY(entries, explained_entry, HF_MATCH_HITS_PER_ITEM),
	HF_FLAG(more),
	HF_ENUM(verdict, hf_verdict),
	HF_U32(organisations, UINT32_MAX))

HF_SHAPE(release_request, Hashfed__V1__ReleaseRequest,
	 hashfed__v1__release_request, HF_MESSAGE_MAX_BYTES, NULL,
	HF_WORD(set, hf_grammar_set),
	HF_U64(index_plus_one))

HF_SHAPE(release_response, Hashfed__V1__ReleaseResponse,
	 hashfed__v1__release_response, HF_MESSAGE_MAX_BYTES, NULL,
	HF_U64(count))
/* clang-format on */

static enum hf_err check_hash(const struct hf_hash *hash, size_t i,
			      struct hf_why *why)
{
	if (hash->algorithm == HF_ALGORITHM_VPDQ ||
	    !hf_algorithm_takes(hash->algorithm, hash->digest.len_bytes))
		return hf_why(why, HF_E_ARGUMENT,
			      "hashes[%zu]: %zu bytes are no digest of "
			      "algorithm %u",
			      i, hash->digest.len_bytes,
			      (unsigned)hash->algorithm);
	return HF_OK;
}

/* What the rows of the shape do not say. */
static enum hf_err check_sense(const struct hf_opinion *opinion,
			       struct hf_why *why)
{
	unsigned kind = opinion->kind, reason = opinion->reason;
	enum hf_err err = HF_OK;

	if (kind == 0 || kind > HF_OPINION_IGNORE)
		return hf_why(why, HF_E_ARGUMENT, "kind: %u is none of %s",
			      kind, hf_opinion_kind_words());
	if (reason > HF_OPINION_ORDERED)
		return hf_why(why, HF_E_ARGUMENT, "reason: %u is none of %s",
			      reason, hf_opinion_reason_words());
	if (kind == HF_OPINION_IGNORE && opinion->until_ms == 0)
		return hf_why(
			why, HF_E_ARGUMENT,
			"until_ms: none, and nothing is ignored for ever");
	if ((opinion->entry != NULL) == (opinion->hashes_count > 0))
		return hf_why(why, HF_E_ARGUMENT,
			      "entry, hashes: one of the two is the subject");
	if (opinion->entry != NULL &&
	    opinion->entry->leaf_hash.len_bytes != HF_HASH_BYTES)
		return hf_why(why, HF_E_ARGUMENT, "entry.leaf_hash: missing");
	if (opinion->entry != NULL &&
	    !hf_text_is_origin(hf_span_of(opinion->entry->origin)))
		return hf_why(why, HF_E_ARGUMENT, "entry.origin: none");
	for (size_t i = 0; i < opinion->hashes_count && err == HF_OK; i++)
		err = check_hash(&opinion->hashes[i], i, why);
	return err;
}

enum hf_err hf_opinion_check(const struct hf_opinion *opinion,
			     struct hf_why *why)
{
	enum hf_err err = hf_shape_check(hf_opinion_shape(), opinion, why);

	if (err == HF_OK)
		err = check_sense(opinion, why);
	if (err != HF_OK)
		hf_why_prefix(why, "opinion: ");
	return err;
}
