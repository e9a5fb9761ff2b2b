#include <stdio.h>
#include <string.h>

#include "codec_document.h"
#include "hpke.h"
#include "limit.h"
#include "sign.h"
#include "text.h"

#include "trust.h"
#include "trust_fields.h"
#include "verified.h"

static enum hf_err check_key(struct hf_span bytes, const char *what,
			     struct hf_why *why)
{
	struct hf_public_key key;

	if (bytes.len_bytes != HF_PUBLIC_KEY_BYTES)
		return hf_why(why, HF_E_ARGUMENT, "%s has %zu bytes, not %d",
			      what, bytes.len_bytes, HF_PUBLIC_KEY_BYTES);
	memcpy(key.bytes, bytes.at, sizeof(key.bytes));
	if (hf_verified_key(&key) != HF_OK)
		return hf_why(why, HF_E_ARGUMENT,
			      "%s is no key to check a signature with", what);
	return HF_OK;
}

static bool is_root(const struct hf_manifest *manifest, struct hf_span key)
{
	for (size_t i = 0; i < manifest->root_keys_count; i++) {
		if (hf_span_equal(manifest->root_keys[i], key))
			return true;
	}
	return false;
}

static enum hf_err check_life(uint64_t issued_ms, uint64_t expires_ms,
			      struct hf_why *why)
{
	if (issued_ms == 0 || expires_ms <= issued_ms)
		return hf_why(why, HF_E_ARGUMENT,
			      "expires before it was issued");
	if (expires_ms - issued_ms > HF_DOCUMENT_LIFE_MS)
		return hf_why(why, HF_E_ARGUMENT,
			      "is valid for more than 13 months");
	return HF_OK;
}

bool hf_trust_is_id_proved(const struct hf_manifest *manifest)
{
	struct hf_public_key keys[HF_ROOT_KEYS_MAX];
	uint8_t id[HF_HASH_BYTES];

	for (size_t i = 0; i < manifest->root_keys_count; i++)
		memcpy(keys[i].bytes, manifest->root_keys[i].at,
		       sizeof(keys[i].bytes));
	hf_trust_organisation_id(manifest->threshold, keys,
				 manifest->root_keys_count, id);
	return hf_span_equal(manifest->organisation_id,
			     hf_span(id, sizeof(id)));
}

enum hf_err hf_trust_manifest_fields(const struct hf_manifest *manifest,
				     struct hf_why *why)
{
	enum hf_err err = HF_OK;

	if (manifest->root_keys_count == 0 ||
	    manifest->root_keys_count > HF_ROOT_KEYS_MAX ||
	    manifest->threshold == 0 ||
	    manifest->threshold > manifest->root_keys_count)
		return hf_why(why, HF_E_ARGUMENT,
			      "threshold %u with %zu root keys",
			      manifest->threshold, manifest->root_keys_count);
	for (size_t i = 0; i < manifest->root_keys_count && err == HF_OK; i++)
		err = check_key(manifest->root_keys[i], "a root key", why);
	if (err == HF_OK)
		err = check_key(manifest->agreement_key, "the agreement key",
				why);
	if (err == HF_OK)
		err = check_key(manifest->notice_key, "the notice key", why);
	if (err != HF_OK)
		return err;
	if (manifest->version == 1 && !hf_trust_is_id_proved(manifest))
		return hf_why(why, HF_E_ARGUMENT,
			      "its organisation id is not that of its root "
			      "keys");
	if (hf_span_equal(manifest->agreement_key, manifest->notice_key) ||
	    is_root(manifest, manifest->agreement_key) ||
	    is_root(manifest, manifest->notice_key))
		return hf_why(why, HF_E_ARGUMENT, "one key has two uses");
	if (hf_hpke_key_check(manifest->receive_key.at) != HF_OK)
		return hf_why(why, HF_E_ARGUMENT,
			      "the receive key is no X25519 key to seal with");
	return check_life(manifest->issued_ms, manifest->expires_ms, why);
}

/* "<domain>/cosigner": the only name we give to a publisher's cosigner. */
static bool is_cosigner_name(const char *name, struct hf_span domain)
{
	return strlen(name) == domain.len_bytes + strlen("/cosigner") &&
	       memcmp(name, domain.at, domain.len_bytes) == 0 &&
	       strcmp(name + domain.len_bytes, "/cosigner") == 0;
}

/* An earlier epoch of the same set, with all that counts of it. */
static enum hf_err check_predecessor(const struct hf_agreement *agreement,
				     struct hf_why *why)
{
	const struct hf_predecessor *predecessor = agreement->predecessor;
	struct hf_span origin = hf_span_of(agreement->origin), earlier;

	if (predecessor == NULL)
		return HF_OK;
	earlier = hf_span_of(predecessor->origin);
	if (!hf_span_equal(hf_text_origin_stem(origin),
			   hf_text_origin_stem(earlier)) ||
	    hf_text_origin_epoch(earlier) >= hf_text_origin_epoch(origin))
		return hf_why(why, HF_E_ARGUMENT,
			      "'%s' is no earlier epoch of '%s'",
			      predecessor->origin, agreement->origin);
	if (predecessor->size > INT64_MAX)
		return hf_why(why, HF_E_ARGUMENT,
			      "the predecessor's size is too large");
	return HF_OK;
}

/* A key signs as one thing only: the log, or who says that it is the newest. */
static enum hf_err check_set_keys(const struct hf_agreement *agreement,
				  struct hf_why *why)
{
	for (size_t i = 0; i < agreement->keys_count; i++) {
		const struct hf_set_key *key = &agreement->keys[i];
		enum hf_err err =
			check_key(key->key,
				  key->is_cosigner ? "another cosigner key"
						   : "another log key",
				  why);

		if (err != HF_OK)
			return err;
		if (hf_span_equal(key->key, key->is_cosigner
						    ? agreement->log_key
						    : agreement->cosigner_key))
			return hf_why(why, HF_E_ARGUMENT,
				      "a log key is a cosigner key, too");
		if (key->is_void ? key->last_size < key->first_size
				 : key->last_size > 0)
			return hf_why(why, HF_E_ARGUMENT,
				      "the last size of a key is not below its "
				      "first, and only one that is void has "
				      "one");
	}
	return HF_OK;
}

enum hf_err hf_trust_agreement_fields(const struct hf_agreement *agreement,
				      const struct hf_manifest *publisher,
				      struct hf_why *why)
{
	struct hf_span domain =
		hf_text_origin_domain(hf_span_of(agreement->origin));
	enum hf_err err;

	if (publisher != NULL && !hf_span_equal(agreement->organisation_id,
						publisher->organisation_id))
		return hf_why(why, HF_E_CONFLICT,
			      "names another publisher than %s",
			      publisher->name);
	if (publisher != NULL && !hf_span_is(domain, publisher->name))
		return hf_why(why, HF_E_CONFLICT,
			      "'%s' is not in the domain of %s",
			      agreement->origin, publisher->name);
	err = check_key(agreement->log_key, "the log key", why);
	if (err == HF_OK)
		err = check_key(agreement->cosigner_key, "the cosigner key",
				why);
	if (err == HF_OK)
		err = check_set_keys(agreement, why);
	if (err != HF_OK)
		return err;
	if (hf_span_equal(agreement->log_key, agreement->cosigner_key))
		return hf_why(why, HF_E_ARGUMENT,
			      "log key and cosigner key are the same");
	if (!is_cosigner_name(agreement->cosigner_name, domain))
		return hf_why(why, HF_E_ARGUMENT,
			      "the cosigner is not named '%.*s/cosigner'",
			      HF_SPAN_ARGS(domain));
	err = check_predecessor(agreement, why);
	if (err != HF_OK)
		return err;
	return check_life(agreement->issued_ms, agreement->expires_ms, why);
}
