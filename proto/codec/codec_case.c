#include "hashfed/v1/case.pb-c.h"

#include "codec_case.h"
#include "codec_shape.h"

/* clang-format off */
HF_SHAPE(locator, Hashfed__V1__Locator,
	 hashfed__v1__locator, HF_CASE_TEXT_MAX_BYTES, NULL,
	HF_TEXT(url, 1, HF_URL_MAX_BYTES),
	HF_TEXT(ip, 0, 64),
	HF_U64(first_seen_ms),
	HF_U64(last_seen_ms),
	HF_TEXT(note, 0, HF_REMARK_MAX_BYTES))

HF_SHAPE(contact, Hashfed__V1__Contact,
	 hashfed__v1__contact, HF_CASE_TEXT_MAX_BYTES, NULL,
	HF_TEXT(name, 1, HF_LABEL_MAX_BYTES),
	HF_TEXT(email, 0, 320),
	HF_TEXT(phone, 0, 64))

HF_SHAPE(order, Hashfed__V1__Order,
	 hashfed__v1__order, HF_CASE_TEXT_MAX_BYTES, NULL,
	HF_TEXT(reference, 1, HF_LABEL_MAX_BYTES),
	HF_WORD(issuing_state, hf_grammar_country),
	HF_TEXT(authority, 1, HF_LABEL_MAX_BYTES),
	HF_TEXT(addressee, 0, HF_REMARK_MAX_BYTES),
	HF_WORD(host_state, hf_grammar_country_or_none),
	HF_TEXT(identification, 0, HF_REMARK_MAX_BYTES),
	HF_TEXTS(grounds, 1, HF_REMARK_MAX_BYTES, 16),
	HF_TEXT(series, 0, HF_LABEL_MAX_BYTES),
	HF_FLAG(covers_similar),
	HF_TEXT(penalty, 0, HF_REMARK_MAX_BYTES),
	HF_TEXT(redress, 0, HF_REMARK_MAX_BYTES),
	HF_FLAG(was_informed),
	HF_FLAG(is_emergency))

HF_SHAPE(notice, Hashfed__V1__Notice,
	 hashfed__v1__notice, HF_CASE_TEXT_MAX_BYTES, NULL,
	HF_TEXT(provider, 1, HF_DOMAIN_MAX_BYTES),
	HF_PIECES(provider_id, HF_HASH_BYTES, 1),
	HF_ENUM(regime, hf_regime),
	HF_ENUM(content_class, hf_class),
	HF_MANY(labels, label, HF_ITEM_MAX_LABELS),
	HF_MANY(hashes, hash, HF_ITEM_MAX_HASHES),
	HF_MANY(entries, entry_ref, HF_ITEM_MAX_REFS),
	HF_MANY(locators, locator, HF_CASE_LOCATORS_MAX),
	HF_TEXT(explanation, 0, HF_EXPLANATION_MAX_BYTES),
	HF_ONE(contact, contact, 0),
	HF_FLAG(is_good_faith),
	HF_WORD(jurisdiction, hf_grammar_country_or_none),
	HF_TEXT(legal_basis, 0, HF_LABEL_MAX_BYTES),
	HF_TEXT(reference, 0, HF_LABEL_MAX_BYTES),
	HF_U64(deadline_ms),
	HF_ONE(order, order, 0),
	HF_ONE(continues, entry_ref, 0))

HF_SHAPE(case_receipt, Hashfed__V1__CaseReceipt,
	 hashfed__v1__case_receipt, HF_CASE_TEXT_MAX_BYTES, NULL,
	HF_WORD(origin, hf_grammar_origin),
	HF_U64(index),
	HF_BYTES(leaf_hash, HF_HASH_BYTES, HF_HASH_BYTES),
	HF_BYTES(text_hash, HF_HASH_BYTES, HF_HASH_BYTES))

HF_SHAPE(delivery, Hashfed__V1__Delivery,
	 hashfed__v1__delivery, HF_CASE_TEXT_MAX_BYTES, NULL,
	HF_TEXT(means, 1, 64),
	HF_TEXT(address, 0, HF_LABEL_MAX_BYTES),
	HF_TEXT(reference, 0, HF_LABEL_MAX_BYTES),
	HF_U64(sent_ms),
	HF_FLAG(has_failed))

HF_SHAPE(log_mark, Hashfed__V1__LogMark,
	 hashfed__v1__log_mark, HF_CASE_TEXT_MAX_BYTES, NULL,
	HF_WORD(origin, hf_grammar_origin),
	HF_U64(size),
	HF_BYTES(root, HF_HASH_BYTES, HF_HASH_BYTES))

HF_SHAPE(quoted_event, Hashfed__V1__QuotedEvent,
	 hashfed__v1__quoted_event, HF_CASE_TEXT_MAX_BYTES, NULL,
	HF_BYTES(header, HF_ENVELOPE_HEADER_BYTES, HF_ENVELOPE_HEADER_BYTES),
	HF_BYTES(text, 1, HF_CASE_TEXT_MAX_BYTES),
	HF_BYTES(signature, HF_SIGNATURE_BYTES, HF_SIGNATURE_BYTES),
	HF_ONE(entry, entry_ref, 1))

HF_SHAPE(case_event, Hashfed__V1__CaseEvent,
	 hashfed__v1__case_event, HF_CASE_TEXT_MAX_BYTES, NULL,
	HF_ENUM(kind, hf_case_event_kind),
	HF_PIECES(event_id, HF_EVENT_ID_BYTES, 1),
	HF_ONE(case_ref, entry_ref, 0),
	HF_BYTESES(after, HF_EVENT_ID_BYTES, HF_EVENT_ID_BYTES, HF_CASE_AFTER_MAX),
	HF_MANY(saw, log_mark, HF_CASE_SAW_MAX),
	HF_U64(at_ms),
	HF_ENUM(reason, hf_case_reason),
	HF_TEXT(text, 0, HF_CASE_REMARK_MAX_BYTES),
	HF_U64(acted_ms),
	HF_ONE(notice, notice, 0),
	HF_ONE(receipt, case_receipt, 0),
	HF_ONE(delivery, delivery, 0),
	HF_ONE(quoted, quoted_event, 0),
	HF_TEXT(moved_host, 0, HF_DOMAIN_MAX_BYTES),
	HF_WORD(moved_country, hf_grammar_country_or_none),
	HF_PIECES(to_id, HF_HASH_BYTES, 1),
	HF_MANY(locators, locator, HF_CASE_LOCATORS_MAX),
	HF_FLAG(is_automatic))

HF_SHAPE(receive_key, Hashfed__V1__ReceiveKey,
	 hashfed__v1__receive_key, HF_CASE_TEXT_MAX_BYTES, NULL,
	HF_BYTES(key, HF_PUBLIC_KEY_BYTES, HF_PUBLIC_KEY_BYTES),
	HF_BYTES(organisation_id, HF_HASH_BYTES, HF_HASH_BYTES),
	HF_U64(from_ms),
	HF_U64(until_ms),
	HF_BYTES(signature, HF_SIGNATURE_BYTES, HF_SIGNATURE_BYTES))

HF_SHAPE(attestation, Hashfed__V1__Attestation,
	 hashfed__v1__attestation, HF_CASE_TEXT_MAX_BYTES, NULL,
	HF_PIECES(organisation_id, HF_HASH_BYTES, 1),
	HF_WORD(name, hf_grammar_domain),
	HF_ENUM(role, hf_role),
	HF_ENUMS(powers, hf_power, 16),
	HF_WORD(jurisdiction, hf_grammar_country_or_none),
	HF_U64(from_ms),
	HF_U64(until_ms),
	HF_TEXT(note, 0, HF_REMARK_MAX_BYTES))
/* clang-format on */
