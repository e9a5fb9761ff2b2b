#include <stdlib.h>
#include <string.h>

#include "hashfed/v1/documents.pb-c.h"

#include "text.h"
#include "codec_document.h"
#include "codec_shape.h"

static enum hf_err check_life(uint64_t version, uint64_t issued_ms,
			      uint64_t expires_ms, struct hf_why *why)
{
	if (version == 0)
		return hf_why(why, HF_E_ARGUMENT,
			      "version: must be 1 or larger");
	if (issued_ms == 0 || expires_ms <= issued_ms)
		return hf_why(why, HF_E_ARGUMENT,
			      "expires_ms: must be later than issued_ms");
	return HF_OK;
}

/* Ids and keys are all of one length: compare in place. */
static enum hf_err check_once(const char *name, const struct hf_span *list,
			      size_t count, struct hf_why *why)
{
	for (size_t i = 1; i < count; i++) {
		for (size_t j = 0; j < i; j++) {
			if (hf_span_equal(list[i], list[j]))
				return hf_why(why, HF_E_ARGUMENT,
					      "%s[%zu]: the same as %s[%zu]",
					      name, i, name, j);
		}
	}
	return HF_OK;
}

static enum hf_err check_manifest(const void *ours, struct hf_why *why)
{
	const struct hf_manifest *manifest = ours;
	enum hf_err err;

	if (manifest->root_keys_count == 0)
		return hf_why(why, HF_E_ARGUMENT, "root_keys: none");
	if (manifest->tls_pins_count == 0)
		return hf_why(why, HF_E_ARGUMENT, "tls_pins: none");
	if (manifest->threshold == 0 ||
	    manifest->threshold > manifest->root_keys_count)
		return hf_why(why, HF_E_ARGUMENT,
			      "threshold: %u, must be 1 to %zu",
			      manifest->threshold, manifest->root_keys_count);
	err = check_once("root_keys", manifest->root_keys,
			 manifest->root_keys_count, why);
	if (err == HF_OK)
		err = check_once("tls_pins", manifest->tls_pins,
				 manifest->tls_pins_count, why);
	if (err != HF_OK)
		return err;
	return check_life(manifest->version, manifest->issued_ms,
			  manifest->expires_ms, why);
}

static int by_bytes(const void *a, const void *b)
{
	const struct hf_span *const *one = a, *const *other = b;

	return memcmp((*one)->at, (*other)->at, HF_HASH_BYTES);
}

/* Organisations: too many to compare all pairs of. */
static enum hf_err check_organisations(const char *name,
				       const struct hf_span *list, size_t count,
				       struct hf_span publisher,
				       struct hf_why *why)
{
	const struct hf_span *sorted[HF_AUDIENCE_MAX];

	for (size_t i = 0; i < count; i++) {
		sorted[i] = &list[i];
		if (hf_span_equal(list[i], publisher))
			return hf_why(why, HF_E_ARGUMENT,
				      "%s[%zu]: the publisher itself", name, i);
	}
	qsort(sorted, count, sizeof(sorted[0]), by_bytes);
	for (size_t i = 1; i < count; i++) {
		if (hf_span_equal(*sorted[i - 1], *sorted[i]))
			return hf_why(why, HF_E_ARGUMENT,
				      "%s: an organisation is there twice",
				      name);
	}
	return HF_OK;
}

static enum hf_err check_classes(const struct hf_agreement *agreement,
				 struct hf_why *why)
{
	unsigned seen = 0;

	for (size_t i = 0; i < agreement->classes_count; i++) {
		unsigned class = agreement->classes[i];

		if (class == 0 || class >= HF_CLASS_COUNT)
			return hf_why(why, HF_E_ARGUMENT,
				      "classes[%zu]: %u is no known class", i,
				      class);
		if ((seen & 1u << class) != 0)
			return hf_why(why, HF_E_ARGUMENT,
				      "classes[%zu]: %s is there twice", i,
				      hf_class_word(class));
		seen |= 1u << class;
	}
	return HF_OK;
}

static enum hf_err check_keys(const struct hf_agreement *agreement,
			      struct hf_why *why)
{
	for (size_t i = 1; i < agreement->keys_count; i++) {
		for (size_t j = 0; j < i; j++) {
			if (hf_span_equal(agreement->keys[i].key,
					  agreement->keys[j].key))
				return hf_why(why, HF_E_ARGUMENT,
					      "keys[%zu]: the same as "
					      "keys[%zu]",
					      i, j);
		}
	}
	return HF_OK;
}

static enum hf_err check_agreement(const void *ours, struct hf_why *why)
{
	const struct hf_agreement *agreement = ours;
	const struct {
		const char *name;
		const struct hf_span *list;
		size_t count;
	} lists[] = {
		{ "audience", agreement->audience, agreement->audience_count },
		{ "relays", agreement->relays, agreement->relays_count },
		{ "witnesses", agreement->witnesses,
		  agreement->witnesses_count },
	};
	unsigned relay = agreement->relay;
	enum hf_err err = HF_OK;

	if (relay == 0 || relay > HF_RELAY_LISTED)
		return hf_why(why, HF_E_ARGUMENT, "relay: %u is none of %s",
			      relay, hf_relay_words());
	if (relay != HF_RELAY_LISTED && agreement->relays_count > 0)
		return hf_why(why, HF_E_ARGUMENT,
			      "relays: only where relay is listed");
	for (size_t i = 0; err == HF_OK && i < 3; i++)
		err = check_organisations(lists[i].name, lists[i].list,
					  lists[i].count,
					  agreement->organisation_id, why);
	if (err == HF_OK)
		err = check_classes(agreement, why);
	if (err == HF_OK)
		err = check_keys(agreement, why);
	if (err != HF_OK)
		return err;
	return check_life(agreement->version, agreement->issued_ms,
			  agreement->expires_ms, why);
}

/* clang-format off */
HF_SHAPE(document_signature, Hashfed__V1__DocumentSignature,
	 hashfed__v1__document_signature, HF_MESSAGE_MAX_BYTES, NULL,
	HF_BYTES(key_id, HF_KEY_ID_BYTES, HF_KEY_ID_BYTES),
	HF_BYTES(signature, HF_SIGNATURE_BYTES, HF_SIGNATURE_BYTES))

HF_SHAPE(signed_document, Hashfed__V1__SignedDocument,
	 hashfed__v1__signed_document, HF_AGREEMENT_MAX_BYTES, NULL,
	HF_BYTES(body, 1, HF_AGREEMENT_MAX_BYTES),
	HF_MANY(signatures, document_signature, HF_DOCUMENT_MAX_SIGNATURES))

HF_SHAPE(manifest, Hashfed__V1__Manifest, hashfed__v1__manifest,
	 HF_MANIFEST_MAX_BYTES, check_manifest,
	HF_BYTES(organisation_id, HF_HASH_BYTES, HF_HASH_BYTES),
	HF_U64(version),
	HF_WORD(name, hf_grammar_domain),
	HF_WORD(country, hf_grammar_country),
	HF_BYTESES(root_keys, HF_PUBLIC_KEY_BYTES, HF_PUBLIC_KEY_BYTES,
		   HF_ROOT_KEYS_MAX),
	HF_U32(threshold, HF_ROOT_KEYS_MAX),
	HF_BYTES(agreement_key, HF_PUBLIC_KEY_BYTES, HF_PUBLIC_KEY_BYTES),
	HF_BYTES(notice_key, HF_PUBLIC_KEY_BYTES, HF_PUBLIC_KEY_BYTES),
	HF_BYTES(receive_key, HF_PUBLIC_KEY_BYTES, HF_PUBLIC_KEY_BYTES),
	HF_BYTESES(tls_pins, HF_HASH_BYTES, HF_HASH_BYTES, HF_PINS_MAX),
	HF_WORDS(endpoints, hf_grammar_endpoint, HF_ENDPOINTS_MAX),
	HF_U64(issued_ms),
	HF_U64(expires_ms))

HF_SHAPE(predecessor, Hashfed__V1__Predecessor, hashfed__v1__predecessor,
	 HF_AGREEMENT_MAX_BYTES, NULL,
	HF_WORD(origin, hf_grammar_origin),
	HF_U64(size),
	HF_BYTES(root, HF_HASH_BYTES, HF_HASH_BYTES),
	HF_U64(carried_plus_one))

HF_SHAPE(set_key, Hashfed__V1__SetKey, hashfed__v1__set_key,
	 HF_AGREEMENT_MAX_BYTES, NULL,
	HF_BYTES(key, HF_PUBLIC_KEY_BYTES, HF_PUBLIC_KEY_BYTES),
	HF_FLAG(is_cosigner),
	HF_U64(first_size),
	HF_FLAG(is_void),
	HF_U64(last_size))

HF_SHAPE(agreement, Hashfed__V1__Agreement, hashfed__v1__agreement,
	 HF_AGREEMENT_MAX_BYTES, check_agreement,
	HF_WORD(origin, hf_grammar_origin),
	HF_U64(version),
	HF_BYTES(organisation_id, HF_HASH_BYTES, HF_HASH_BYTES),
	HF_BYTES(log_key, HF_PUBLIC_KEY_BYTES, HF_PUBLIC_KEY_BYTES),
	HF_BYTES(cosigner_key, HF_PUBLIC_KEY_BYTES, HF_PUBLIC_KEY_BYTES),
	HF_TEXT(cosigner_name, 1, HF_COSIGNER_MAX_BYTES),
	HF_BYTESES(audience, HF_HASH_BYTES, HF_HASH_BYTES, HF_AUDIENCE_MAX),
	HF_ENUM(relay, hf_relay),
	HF_BYTESES(relays, HF_HASH_BYTES, HF_HASH_BYTES, HF_AUDIENCE_MAX),
	HF_BYTESES(witnesses, HF_HASH_BYTES, HF_HASH_BYTES, HF_AUDIENCE_MAX),
	HF_ENUMS(classes, hf_class, HF_CLASSES_MAX),
	HF_TEXT(purpose, 0, HF_REMARK_MAX_BYTES),
	HF_U64(issued_ms),
	HF_U64(expires_ms),
	HF_ENUM(kind, hf_set_kind),
	HF_ONE(predecessor, predecessor, 0),
	HF_MANY(keys, set_key, HF_SET_KEYS_MAX))

HF_SHAPE(invite, Hashfed__V1__Invite, hashfed__v1__invite,
	 HF_INVITE_WIRE_MAX_BYTES, NULL,
	HF_BYTES(manifest, 1, HF_MANIFEST_MAX_BYTES),
	HF_BYTESES(history, 1, HF_MANIFEST_MAX_BYTES, HF_HISTORY_MAX))
/* clang-format on */

static const struct {
	const char *domain;
	size_t most_bytes;
} kinds[] = {
#define KIND_ROW(name, domain, most) [HF_DOCUMENT_##name] = { domain, most },
	HF_DOCUMENT_TABLE(KIND_ROW)
#undef KIND_ROW
};

const char *hf_document_domain(enum hf_document_kind kind)
{
	return kinds[kind].domain;
}

enum hf_err hf_document_sign_text(enum hf_document_kind kind,
				  struct hf_span body, struct hf_buf *buf)
{
	if (body.len_bytes > kinds[kind].most_bytes)
		return HF_E_LIMIT;
	hf_buf_put_text(buf, kinds[kind].domain);
	hf_buf_put_u8(buf, 0);
	hf_buf_put(buf, body);
	return hf_buf_failed(buf);
}
