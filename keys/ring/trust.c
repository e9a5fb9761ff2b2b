#include <string.h>

#include "codec_document.h"

#include "trust.h"
#include "trust_fields.h"
#include "verified.h"

/* The domain string and its zero byte, before the body. */
#define SIGN_TEXT_EXTRA_BYTES 64

/* How many of these keys signed.  A key counts once however often it signed,
 * and a signature that does not verify counts for nothing. */
static size_t count_signers(const struct hf_signed_document *document,
			    struct hf_span text, const struct hf_span *keys,
			    size_t keys_count)
{
	size_t signers = 0;

	for (size_t i = 0; i < keys_count; i++) {
		struct hf_public_key key;
		uint8_t id[HF_KEY_ID_BYTES];

		memcpy(key.bytes, keys[i].at, sizeof(key.bytes));
		hf_key_id(&key, id);
		for (size_t j = 0; j < document->signatures_count; j++) {
			const struct hf_document_signature *one =
				&document->signatures[j];

			if (one->signature.len_bytes == HF_SIGNATURE_BYTES &&
			    hf_span_equal(one->key_id,
					  hf_span(id, sizeof(id))) &&
			    hf_verified_check(&key, text, one->signature.at) ==
				    HF_OK) {
				signers++;
				break;
			}
		}
	}
	return signers;
}

/* A document taken apart, with the bytes its signatures are over. */
struct opened {
	struct hf_signed_document document;
	struct hf_buf text; /* owned */
};

static enum hf_err open_document(struct hf_span bytes,
				 enum hf_document_kind kind, size_t most_bytes,
				 struct hf_arena *arena, struct opened *out,
				 struct hf_why *why)
{
	enum hf_err err;

	if (bytes.len_bytes > most_bytes)
		return hf_why(why, HF_E_LIMIT, "larger than %zu bytes",
			      most_bytes);
	err = hf_signed_document_parse(bytes, arena, &out->document, why);
	if (err != HF_OK)
		return err;
	hf_buf_init(&out->text, most_bytes + SIGN_TEXT_EXTRA_BYTES);
	err = hf_document_sign_text(kind, out->document.body, &out->text);
	if (err != HF_OK) {
		hf_buf_release(&out->text);
		return hf_why(why, err, "%s", hf_err_words(err));
	}
	return HF_OK;
}

static enum hf_err enough_roots(const struct opened *opened,
				const struct hf_manifest *whose,
				struct hf_why *why)
{
	size_t signers =
		count_signers(&opened->document, hf_buf_span(&opened->text),
			      whose->root_keys, whose->root_keys_count);

	if (signers >= whose->threshold)
		return HF_OK;
	return hf_why(why, HF_E_SIGNATURE,
		      "signed by %zu of the root keys of version %llu, "
		      "which asks for %u",
		      signers, (unsigned long long)whose->version,
		      whose->threshold);
}

/* One manifest with its fields checked, signed by its own roots and, where
 * there is one before it, by that one's. */
static enum hf_err read_manifest(struct hf_span bytes,
				 const struct hf_manifest *before,
				 struct hf_arena *arena,
				 const struct hf_manifest **out_manifest,
				 struct hf_why *why)
{
	struct hf_manifest *manifest;
	struct opened opened;
	enum hf_err err;

	manifest = hf_arena_calloc(arena, 1, sizeof(*manifest));
	if (manifest == NULL)
		return hf_why(why, HF_E_NOMEM, "manifest: no memory");
	err = open_document(bytes, HF_DOCUMENT_MANIFEST, HF_MANIFEST_MAX_BYTES,
			    arena, &opened, why);
	if (err != HF_OK)
		goto out_prefix;
	err = hf_manifest_parse(opened.document.body, arena, manifest, why);
	if (err != HF_OK)
		goto out_release;
	/* Fields first: no signature is checked with a key that verifies
	 * anything. */
	err = hf_trust_manifest_fields(manifest, why);
	if (err != HF_OK)
		goto out_release;
	err = enough_roots(&opened, manifest, why);
	if (err == HF_OK && before != NULL)
		err = enough_roots(&opened, before, why);
	if (err == HF_OK)
		*out_manifest = manifest;
out_release:
	hf_buf_release(&opened.text);
out_prefix:
	if (err != HF_OK)
		hf_why_prefix(why, "manifest: ");
	return err;
}

enum hf_err hf_trust_manifest(struct hf_span document, struct hf_arena *arena,
			      const struct hf_manifest **out_manifest,
			      bool *out_is_id_proved, struct hf_why *why)
{
	const struct hf_manifest *manifest;
	enum hf_err err;

	err = read_manifest(document, NULL, arena, &manifest, why);
	if (err != HF_OK)
		return err;
	*out_is_id_proved = hf_trust_is_id_proved(manifest);
	*out_manifest = manifest;
	return HF_OK;
}

/* The same organisation later on? */
static enum hf_err check_later(const struct hf_manifest *held,
			       const struct hf_manifest *next,
			       struct hf_why *why)
{
	if (!hf_span_equal(held->organisation_id, next->organisation_id))
		return hf_why(why, HF_E_CONFLICT,
			      "manifest: of another organisation");
	if (strcmp(held->name, next->name) != 0)
		return hf_why(why, HF_E_CONFLICT,
			      "manifest: renames '%s' to '%s'", held->name,
			      next->name);
	if (next->issued_ms < held->issued_ms)
		return hf_why(why, HF_E_CONFLICT,
			      "manifest: version %llu is dated before %llu",
			      (unsigned long long)next->version,
			      (unsigned long long)held->version);
	return HF_OK;
}

enum hf_err hf_trust_manifest_next(const struct hf_manifest *held,
				   struct hf_span document,
				   struct hf_arena *arena,
				   const struct hf_manifest **out_manifest,
				   struct hf_why *why)
{
	const struct hf_manifest *next;
	enum hf_err err;

	err = read_manifest(document, held, arena, &next, why);
	if (err == HF_OK)
		err = check_later(held, next, why);
	if (err != HF_OK)
		return err;
	if (next->version != held->version + 1)
		return hf_why(why, HF_E_CONFLICT,
			      "manifest: version %llu does not come after %llu",
			      (unsigned long long)next->version,
			      (unsigned long long)held->version);
	*out_manifest = next;
	return HF_OK;
}

enum hf_err hf_trust_manifest_chain(const struct hf_span *history,
				    size_t history_count,
				    struct hf_span document,
				    struct hf_arena *arena,
				    const struct hf_manifest **out_manifest,
				    struct hf_why *why)
{
	const struct hf_manifest *before = NULL, *manifest;
	enum hf_err err;

	if (history_count > HF_HISTORY_MAX)
		return hf_why(why, HF_E_LIMIT,
			      "manifest: more than %d earlier ones",
			      HF_HISTORY_MAX);
	for (size_t i = 0; i <= history_count; i++) {
		err = read_manifest(i < history_count ? history[i] : document,
				    before, arena, &manifest, why);
		if (err == HF_OK && before != NULL)
			err = check_later(before, manifest, why);
		if (err != HF_OK)
			return err;
		if (before == NULL && !hf_trust_is_id_proved(manifest))
			return hf_why(why, HF_E_ARGUMENT,
				      "manifest: its root keys do not prove "
				      "the organisation id of '%s'",
				      manifest->name);
		if (before != NULL && manifest->version <= before->version)
			return hf_why(why, HF_E_CONFLICT,
				      "manifest: earlier versions are out of "
				      "order");
		before = manifest;
	}
	*out_manifest = manifest;
	return HF_OK;
}

enum hf_err hf_trust_agreement(struct hf_span document,
			       const struct hf_manifest *publisher,
			       struct hf_arena *arena,
			       const struct hf_agreement **out_agreement,
			       struct hf_why *why)
{
	struct hf_agreement *agreement;
	struct opened opened;
	enum hf_err err;

	agreement = hf_arena_calloc(arena, 1, sizeof(*agreement));
	if (agreement == NULL)
		return hf_why(why, HF_E_NOMEM, "agreement: no memory");
	err = open_document(document, HF_DOCUMENT_AGREEMENT,
			    HF_AGREEMENT_MAX_BYTES, arena, &opened, why);
	if (err != HF_OK)
		goto out_prefix;
	if (count_signers(&opened.document, hf_buf_span(&opened.text),
			  &publisher->agreement_key, 1) != 1) {
		err = hf_why(why, HF_E_SIGNATURE,
			     "not signed by the agreement key of %s",
			     publisher->name);
		goto out_release;
	}
	err = hf_agreement_parse(opened.document.body, arena, agreement, why);
	if (err != HF_OK)
		goto out_release;
	err = hf_trust_agreement_fields(agreement, publisher, why);
	if (err == HF_OK)
		*out_agreement = agreement;
out_release:
	hf_buf_release(&opened.text);
out_prefix:
	if (err != HF_OK)
		hf_why_prefix(why, "agreement: ");
	return err;
}

/* --- Making. ------------------------------------------------------------- */

/* Signers of one document: as many as two versions' root keys. */
#define SIGNERS_MAX (2 * HF_ROOT_KEYS_MAX)

static enum hf_err
make_document(enum hf_document_kind kind, struct hf_span body,
	      const struct hf_secret *const *secrets, size_t secrets_count,
	      struct hf_buf *out_document, struct hf_why *why)
{
	struct hf_document_signature signatures[SIGNERS_MAX];
	uint8_t bytes[SIGNERS_MAX][HF_SIGNATURE_BYTES];
	uint8_t ids[SIGNERS_MAX][HF_KEY_ID_BYTES];
	struct hf_signed_document document = {
		.body = body,
		.signatures = signatures,
		.signatures_count = secrets_count,
	};
	struct hf_buf text;
	enum hf_err err;

	if (secrets_count == 0 || secrets_count > SIGNERS_MAX)
		return hf_why(why, HF_E_ARGUMENT, "1 to %d keys sign, not %zu",
			      SIGNERS_MAX, secrets_count);
	hf_buf_init(&text, body.len_bytes + SIGN_TEXT_EXTRA_BYTES);
	err = hf_document_sign_text(kind, body, &text);
	if (err == HF_OK) {
		for (size_t i = 0; i < secrets_count; i++) {
			hf_key_id(hf_secret_public(secrets[i]), ids[i]);
			hf_sign(secrets[i], hf_buf_span(&text), bytes[i]);
			signatures[i].key_id = hf_span(ids[i], HF_KEY_ID_BYTES);
			signatures[i].signature =
				hf_span(bytes[i], HF_SIGNATURE_BYTES);
		}
		err = hf_signed_document_encode(&document, out_document);
	}
	hf_buf_release(&text);
	if (err != HF_OK)
		return hf_why(why, err, "sign: %s", hf_err_words(err));
	return HF_OK;
}

enum hf_err hf_trust_manifest_make(const struct hf_manifest *manifest,
				   const struct hf_secret *const *roots,
				   size_t roots_count,
				   struct hf_buf *out_document,
				   struct hf_why *why)
{
	struct hf_buf body;
	enum hf_err err;

	err = hf_trust_manifest_fields(manifest, why);
	if (err != HF_OK) {
		hf_why_prefix(why, "manifest: ");
		return err;
	}
	hf_buf_init(&body, HF_MANIFEST_MAX_BYTES);
	err = hf_manifest_encode(manifest, &body);
	if (err != HF_OK)
		err = hf_why(why, err, "manifest: %s", hf_err_words(err));
	else
		err = make_document(HF_DOCUMENT_MANIFEST, hf_buf_span(&body),
				    roots, roots_count, out_document, why);
	hf_buf_release(&body);
	return err;
}

enum hf_err hf_trust_agreement_make(const struct hf_agreement *agreement,
				    const struct hf_secret *agreement_key,
				    struct hf_buf *out_document,
				    struct hf_why *why)
{
	struct hf_buf body;
	enum hf_err err;

	err = hf_trust_agreement_fields(agreement, NULL, why);
	if (err != HF_OK) {
		hf_why_prefix(why, "agreement: ");
		return err;
	}
	hf_buf_init(&body, HF_AGREEMENT_MAX_BYTES);
	err = hf_agreement_encode(agreement, &body);
	if (err != HF_OK)
		err = hf_why(why, err, "agreement: %s", hf_err_words(err));
	else
		err = make_document(HF_DOCUMENT_AGREEMENT, hf_buf_span(&body),
				    &agreement_key, 1, out_document, why);
	hf_buf_release(&body);
	return err;
}
