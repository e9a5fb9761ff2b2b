#include <string.h>

#include "envelope.h"
#include "receive_key.h"
#include "sha256.h"
#include "text.h"

#include "bundle_inside.h"

/* --- Whose notice key. --------------------------------------------------- */

/* What may be signed with a notice key. */
struct signed_bytes {
	const struct hf_envelope *envelope; /* the outer signature, or */
	const struct hf_receive_key *key;   /* a receive key, or */
	struct hf_span header;              /* the inner signature */
	struct hf_span text;
	struct hf_span signature;
};

static enum hf_err check_one(const struct signed_bytes *bytes,
			     const struct hf_bundle_party *party,
			     const struct hf_public_key *key,
			     struct hf_why *why)
{
	if (bytes->envelope != NULL)
		return hf_envelope_check(bytes->envelope, key, why);
	if (bytes->key != NULL)
		return hf_receive_key_check(bytes->key, key, party->id, why);
	return hf_envelope_check_inner(bytes->header, bytes->text, key,
				       bytes->signature.at, why);
}

/* Which of the party's manifests has the notice key that signed; the error is
 * that of the newest. */
static enum hf_err signed_by(const struct hf_bundle_party *party,
			     const struct signed_bytes *bytes,
			     const struct hf_manifest **out_manifest,
			     struct hf_why *why)
{
	enum hf_err first = HF_OK;

	for (size_t i = 0; i < party->manifests_count; i++) {
		struct hf_public_key key;
		enum hf_err err;

		memcpy(key.bytes, party->manifests[i]->notice_key.at,
		       sizeof(key.bytes));
		err = check_one(bytes, party, &key, i == 0 ? why : NULL);
		if (err == HF_OK) {
			*out_manifest = party->manifests[i];
			return HF_OK;
		}
		if (err == HF_E_NOMEM)
			return hf_why(why, err, "no memory");
		if (i == 0)
			first = err;
	}
	hf_why_prefix(why, "by %s: ", party->name);
	return first;
}

enum hf_err hf_bundle_check_key(const struct hf_bundle_party *owner,
				const struct hf_receive_key *key,
				struct hf_why *why)
{
	const struct signed_bytes bytes = { .key = key };
	const struct hf_manifest *manifest;

	return signed_by(owner, &bytes, &manifest, why);
}

/* A key that had been replaced when it was used may have been in other
 * hands. */
static enum hf_err look_at_rotation(struct hf_bundle_work *work,
				    const struct hf_bundle_party *party,
				    const struct hf_manifest *used,
				    uint64_t issued_ms, struct hf_why *why)
{
	for (size_t i = 0; i < party->manifests_count &&
			   party->manifests[i]->version > used->version;
	     i++) {
		const struct hf_manifest *newer = party->manifests[i];

		if (newer->issued_ms < issued_ms &&
		    !hf_span_equal(newer->notice_key, used->notice_key))
			return hf_bundle_find(
				work, why,
				"%s signed with the notice key of version "
				"%llu of its manifest after version %llu had "
				"replaced it.",
				party->name, (unsigned long long)used->version,
				(unsigned long long)newer->version);
	}
	return HF_OK;
}

/* --- What an event says. ------------------------------------------------- */

/* Where a signed text comes from: an entry, or a quotation. */
struct source {
	struct hf_span header;
	struct hf_span text;
	struct hf_span signature;
	struct hf_envelope_header fields; /* of header */
	const struct hf_bundle_party *author;
};

static bool is_id(struct hf_span span, const uint8_t *id, size_t len_bytes)
{
	return hf_span_equal(span, hf_span(id, len_bytes));
}

/* Signed by its author, an event that may be, and the one that the header
 * names. */
static enum hf_err read_text(struct hf_bundle_work *work,
			     const struct source *source,
			     struct hf_bundle_event *out, struct hf_why *why)
{
	const struct signed_bytes bytes = {
		.header = source->header,
		.text = source->text,
		.signature = source->signature,
	};
	const struct hf_manifest *manifest;
	struct hf_case_event *event;
	enum hf_err err;

	event = hf_arena_calloc(work->arena, 1, sizeof(*event));
	if (event == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	err = signed_by(source->author, &bytes, &manifest, why);
	if (err == HF_OK)
		err = hf_case_event_parse(source->text, work->arena, event,
					  why);
	if (err == HF_OK)
		err = hf_case_event_check(event, why);
	if (err != HF_OK) {
		hf_why_prefix(why, "text: ");
		return err;
	}
	if (!is_id(event->event_id, source->fields.event_id, HF_EVENT_ID_BYTES))
		return hf_why(why, HF_E_CONFLICT,
			      "text: another event than the envelope names");
	out->event = event;
	out->text = source->text;
	hf_sha256(source->text.at, source->text.len_bytes, out->text_hash);
	out->author = source->author;
	memcpy(out->recipient_id, source->fields.recipient_id, HF_HASH_BYTES);
	out->recipient = hf_bundle_party(work, out->recipient_id);
	out->sealed_ms = source->fields.issued_ms;
	out->shown = HF_BUNDLE_SIGNED;
	return look_at_rotation(work, source->author, manifest,
				source->fields.issued_ms, why);
}

/* --- What was sealed. ---------------------------------------------------- */

/* The receive key that the envelope names, of the one it names; where it is
 * for nobody (a provider without a node), the sender's own. */
static const struct hf_bundle_key *
receive_key_of(const struct hf_bundle_work *work,
	       const struct hf_envelope_header *header)
{
	static const uint8_t nobody[HF_HASH_BYTES];
	const uint8_t *owner = header->recipient_id;

	if (memcmp(owner, nobody, HF_HASH_BYTES) == 0)
		owner = header->sender_id;
	for (size_t i = 0; i < work->keys_count; i++) {
		const struct hf_bundle_key *key = &work->keys[i];
		uint8_t id[HF_RECEIVE_KEY_ID_BYTES];

		hf_receive_key_id(key->key, id);
		if (memcmp(id, header->receive_key_id, sizeof(id)) == 0 &&
		    memcmp(key->owner->id, owner, HF_HASH_BYTES) == 0)
			return key;
	}
	return NULL;
}

/* Had it ended, or been followed by another long enough ago to know? */
static bool is_old(const struct hf_bundle_work *work,
		   const struct hf_bundle_key *used, uint64_t issued_ms)
{
	if (used->until_ms != 0 && issued_ms > used->until_ms)
		return true;
	for (size_t i = 0; i < work->keys_count; i++) {
		const struct hf_bundle_key *key = &work->keys[i];

		if (key->owner == used->owner && key->from_ms > used->from_ms &&
		    key->from_ms < issued_ms &&
		    issued_ms - key->from_ms > HF_FUTURE_MAX_MS)
			return true;
	}
	return false;
}

/* With the seed of the ephemeral key the text is sealed once more: the same
 * bytes, or the bundle is refused. */
static enum hf_err prove_sealed(struct hf_bundle_work *work,
				const struct hf_bundle_entry *entry,
				const struct hf_envelope *envelope,
				struct hf_bundle_event *event,
				struct hf_why *why)
{
	const struct hf_bundle_key *key;
	enum hf_err err;

	if (entry->ephemeral.len_bytes == 0)
		return HF_OK;
	key = receive_key_of(work, &envelope->header);
	if (key == NULL)
		return hf_bundle_find(
			work, why,
			"Entry %llu of %s: the receive key that it was sealed "
			"with is not in the bundle, so it is not shown that "
			"this is what was sealed.",
			(unsigned long long)entry->index, event->origin);
	err = hf_envelope_prove(envelope, entry->text, entry->signature.at,
				key->key, entry->ephemeral.at, why);
	if (err != HF_OK) {
		hf_why_prefix(why, "text: ");
		return err;
	}
	event->shown = HF_BUNDLE_SEALED;
	if (is_old(work, key, envelope->header.issued_ms))
		return hf_bundle_find(
			work, why,
			"Entry %llu of %s was sealed with a receive key of %s "
			"that had ended or been followed by another: it may "
			"not have been able to open it.",
			(unsigned long long)entry->index, event->origin,
			key->owner->name);
	return HF_OK;
}

/* --- Quotations. --------------------------------------------------------- */

static enum hf_err read_quoted(struct hf_bundle_work *work,
			       const struct hf_bundle_event *quote,
			       struct hf_why *why)
{
	const struct hf_quoted_event *quoted = quote->event->quoted;
	struct hf_bundle_event *out = &work->events[work->events_count];
	struct source source = {
		.header = quoted->header,
		.text = quoted->text,
		.signature = quoted->signature,
	};
	enum hf_err err;

	err = hf_envelope_header_parse(quoted->header, &source.fields, why);
	if (err != HF_OK)
		return err;
	source.author = hf_bundle_party(work, source.fields.sender_id);
	if (source.author == NULL)
		return hf_why(why, HF_E_NOTFOUND,
			      "the manifest of its author is not in the "
			      "bundle");
	err = read_text(work, &source, out, why);
	if (err != HF_OK)
		return err;
	if (out->event->kind == HF_CASE_EVENT_QUOTE)
		return hf_why(why, HF_E_ARGUMENT, "itself quotes another");
	if (!hf_span_is(
		    hf_text_origin_domain(hf_span_of(quoted->entry->origin)),
		    source.author->name))
		return hf_why(why, HF_E_CONFLICT,
			      "stands in %.100s, and %s writes no sets there",
			      quoted->entry->origin, source.author->name);
	if (quoted->entry->leaf_hash.len_bytes != HF_HASH_BYTES)
		return hf_why(why, HF_E_ARGUMENT,
			      "where it stands has no leaf hash");
	out->origin = quoted->entry->origin;
	out->index = quoted->entry->index;
	memcpy(out->leaf_hash, quoted->entry->leaf_hash.at, HF_HASH_BYTES);
	out->quote = quote;
	work->events_count++;
	return HF_OK;
}

/* Whoever cosigned a checkpoint was given the tree below it. */
static uint64_t cosigned_by(const struct hf_bundle_set *set,
			    const struct hf_bundle_party *party)
{
	for (size_t i = 0; i < set->cosigners_count && party != NULL; i++) {
		if (set->cosigners[i].party == party)
			return set->cosigners[i].time_s;
	}
	return 0;
}

/* --- One entry. ---------------------------------------------------------- */

/* Its envelope, sent by the set's publisher. */
static enum hf_err read_envelope(const struct hf_bundle_entry *entry,
				 const struct hf_bundle_party *publisher,
				 struct hf_envelope *out_envelope,
				 struct hf_why *why)
{
	struct signed_bytes bytes = { .envelope = out_envelope };
	const struct hf_manifest *manifest;
	enum hf_err err = hf_envelope_parse(entry->payload, out_envelope, why);

	if (err == HF_OK && memcmp(out_envelope->header.sender_id,
				   publisher->id, HF_HASH_BYTES) != 0)
		err = hf_why(why, HF_E_CONFLICT,
			     "names another sender than %s, who writes the "
			     "set",
			     publisher->name);
	if (err == HF_OK)
		err = signed_by(publisher, &bytes, &manifest, why);
	if (err != HF_OK)
		hf_why_prefix(why, "envelope: ");
	return err;
}

enum hf_err hf_bundle_text(struct hf_bundle_work *work,
			   const struct hf_bundle_entry *entry,
			   const struct hf_tree_hash *leaf, struct hf_why *why)
{
	const struct hf_bundle_set *set = &work->sets[entry->log];
	struct hf_bundle_event *out = &work->events[work->events_count];
	struct source source = {
		.text = entry->text,
		.signature = entry->signature,
		.author = set->publisher,
	};
	struct hf_envelope envelope;
	enum hf_err err;

	err = read_envelope(entry, set->publisher, &envelope, why);
	if (err != HF_OK)
		return err;
	if (entry->text.len_bytes == 0 || entry->signature.len_bytes == 0)
		return hf_why(why, HF_E_NOTFOUND,
			      "text and signature are not beside it");
	source.header = envelope.header_bytes;
	source.fields = envelope.header;
	err = read_text(work, &source, out, why);
	if (err != HF_OK)
		return err;
	out->origin = set->origin;
	out->index = entry->index;
	memcpy(out->leaf_hash, leaf->bytes, HF_HASH_BYTES);
	out->set = set;
	out->cosigned_s = cosigned_by(set, out->recipient);
	err = prove_sealed(work, entry, &envelope, out, why);
	if (err != HF_OK)
		return err;
	work->events_count++;
	if (out->event->kind != HF_CASE_EVENT_QUOTE)
		return HF_OK;
	err = read_quoted(work, out, why);
	if (err != HF_OK)
		hf_why_prefix(why, "quoted event: ");
	return err;
}
