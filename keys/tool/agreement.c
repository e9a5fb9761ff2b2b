/*
 * hashfed-key agreement: show and sign; vkey.
 *
 * Signing here uses the agreement key's file itself: for a machine without a
 * daemon.  Where one runs, `hashfed sets share` asks the signer.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "codec_document.h"
#include "note.h"
#include "ringdir.h"
#include "text.h"
#include "trust.h"

#include "tool.h"

#define LIFE_DAYS 396 /* 13 months */

static enum hf_err show_file(struct hf_tool *tool, const struct hf_ring *ring,
			     struct hf_why *why)
{
	const struct hf_agreement *agreement;
	const struct hf_organisation *publisher;
	struct hf_signed_document opened;
	struct hf_span text, document;
	struct hf_agreement claim;
	enum hf_err err;

	err = hf_tool_read(tool, tool->args[0], &text, why);
	if (err == HF_OK)
		err = hf_trust_agreement_read(text, &tool->arena, &document,
					      why);
	if (err == HF_OK)
		err = hf_signed_document_parse(document, &tool->arena, &opened,
					       why);
	if (err == HF_OK)
		err = hf_agreement_parse(opened.body, &tool->arena, &claim,
					 why);
	if (err != HF_OK)
		return err;
	publisher = hf_ring_by_id(ring, claim.organisation_id.at);
	if (publisher == NULL) {
		hf_tool_print_agreement(ring, &claim);
		printf("%-14s not checked: the publisher is not enrolled\n",
		       "signature");
		tool->is_worried = true;
		return HF_OK;
	}
	err = hf_trust_agreement(document, publisher->manifest, &tool->arena,
				 &agreement, why);
	if (err == HF_OK)
		hf_tool_print_agreement(ring, agreement);
	return err;
}

enum hf_err hf_tool_agreement_show(struct hf_tool *tool, struct hf_why *why)
{
	const struct hf_ring_set *set = NULL;
	char origin[HF_TOOL_ORIGIN_SIZE];
	struct hf_ring *ring;
	enum hf_err err;

	err = hf_ring_load(tool->ring, &ring, why);
	if (err != HF_OK)
		return err;
	if (hf_tool_origin(ring, tool->args[0], origin, NULL) == HF_OK)
		set = hf_ring_set(ring, hf_span_of(origin));
	if (set != NULL)
		hf_tool_print_agreement(ring, set->agreement);
	else
		err = show_file(tool, ring, why);
	if (err == HF_E_NOTFOUND)
		err = hf_why(why, HF_E_NOTFOUND,
			     "'%.100s' is neither a set that we know nor a "
			     "file",
			     tool->args[0]);
	hf_ring_release(ring);
	return err;
}

/* --- Signing. ------------------------------------------------------------ */

/* Organisation ids that grow and shrink. */
struct parties {
	struct hf_span *at; /* owned */
	size_t count;
};

static enum hf_err parties_copy(struct parties *parties,
				const struct hf_span *from, size_t count,
				struct hf_why *why)
{
	parties->at = calloc(count + HF_TOOL_VALUES_MAX, sizeof(*parties->at));
	if (parties->at == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	if (count > 0)
		memcpy(parties->at, from, count * sizeof(*from));
	parties->count = count;
	return HF_OK;
}

static bool parties_drop(struct parties *parties, struct hf_span id)
{
	for (size_t i = 0; i < parties->count; i++) {
		if (!hf_span_equal(parties->at[i], id))
			continue;
		memmove(&parties->at[i], &parties->at[i + 1],
			(parties->count - i - 1) * sizeof(id));
		parties->count--;
		return true;
	}
	return false;
}

static void parties_add(struct parties *parties, struct hf_span id)
{
	parties_drop(parties, id);
	parties->at[parties->count++] = id;
}

/* An enrolled peer's domain, or an organisation id in hex. */
static enum hf_err party_of(struct hf_tool *tool, const struct hf_ring *ring,
			    const char *text, struct hf_span *out_id,
			    struct hf_why *why)
{
	const struct hf_organisation *peer =
		hf_ring_by_name(ring, hf_span_of(text));
	uint8_t *id;

	if (peer != NULL && peer->is_self)
		return hf_why(why, HF_E_ARGUMENT,
			      "we publish the set, so we have it");
	if (peer != NULL) {
		*out_id = hf_span(peer->id, sizeof(peer->id));
		return HF_OK;
	}
	id = hf_arena_alloc(&tool->arena, HF_HASH_BYTES);
	if (id == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	if (strlen(text) != 2 * HF_HASH_BYTES ||
	    hf_hex_parse(hf_span_of(text), id, HF_HASH_BYTES) != HF_OK)
		return hf_why(why, HF_E_NOTFOUND,
			      "'%.60s' is no enrolled peer, and no "
			      "organisation id of 64 hex digits",
			      text);
	*out_id = hf_span(id, HF_HASH_BYTES);
	return HF_OK;
}

/* Put in, or take out, whom this option names. */
static enum hf_err change_parties(struct hf_tool *tool,
				  const struct hf_ring *ring,
				  enum hf_tool_option option,
				  struct parties *parties, struct hf_why *why)
{
	const struct hf_tool_values *values = &tool->options[option];
	bool is_removal = option == HF_TOOL_REMOVE;

	for (size_t i = 0; i < values->count; i++) {
		struct hf_span id;
		enum hf_err err = party_of(tool, ring, values->at[i], &id, why);

		if (err != HF_OK)
			return err;
		if (!is_removal)
			parties_add(parties, id);
		else if (!parties_drop(parties, id))
			return hf_why(why, HF_E_NOTFOUND,
				      "'%.60s' is not in the audience",
				      values->at[i]);
	}
	return HF_OK;
}

static enum hf_err change_classes(struct hf_tool *tool,
				  struct hf_agreement *agreement,
				  struct hf_why *why)
{
	static enum hf_class classes[HF_TOOL_VALUES_MAX];
	const struct hf_tool_values *values = &tool->options[HF_TOOL_CLASS];

	if (values->count == 0)
		return HF_OK;
	for (size_t i = 0; i < values->count; i++) {
		classes[i] = hf_class_parse(hf_span_of(values->at[i]));
		if (classes[i] == 0)
			return hf_why(
				why, HF_E_ARGUMENT,
				"'%.40s' is no class: csam, "
				"csam-suspected, ncii, terrorist or other",
				values->at[i]);
	}
	agreement->classes = classes;
	agreement->classes_count = values->count;
	return HF_OK;
}

static enum hf_err change_relay(struct hf_tool *tool,
				struct hf_agreement *agreement,
				struct parties *relays, struct hf_why *why)
{
	const char *word = hf_tool_option(tool, HF_TOOL_RELAY);

	if (word != NULL)
		agreement->relay = hf_relay_parse(hf_span_of(word));
	if (agreement->relay == 0)
		return hf_why(why, HF_E_ARGUMENT, "--relay takes one of %s",
			      hf_relay_words());
	if (agreement->relay != HF_RELAY_LISTED) {
		if (tool->options[HF_TOOL_RELAY_BY].count > 0)
			return hf_why(why, HF_E_ARGUMENT,
				      "--relay-by goes with --relay listed");
		relays->count = 0;
	}
	return HF_OK;
}

static enum hf_err sign_and_save(struct hf_tool *tool,
				 const struct hf_agreement *agreement,
				 const struct hf_key *key, struct hf_why *why)
{
	struct hf_buf document;
	enum hf_err err;

	hf_buf_init(&document, HF_AGREEMENT_MAX_BYTES);
	err = hf_trust_agreement_make(agreement, key->secret, &document, why);
	if (err == HF_OK)
		err = hf_ring_save_agreement(tool->ring, hf_buf_span(&document),
					     why);
	hf_buf_release(&document);
	return err;
}

/* The keys of a set that we open, or of one that we have. */
struct set_keys {
	struct hf_key *log, *cosigner, *agreement; /* owned */
};

static enum hf_err load_keys(const struct hf_tool *tool, struct set_keys *keys,
			     struct hf_why *why)
{
	enum hf_err err;

	err = hf_tool_online_key(tool, HF_KEY_LOG, &keys->log, why);
	if (err == HF_OK)
		err = hf_tool_online_key(tool, HF_KEY_COSIGNER, &keys->cosigner,
					 why);
	if (err == HF_OK)
		err = hf_tool_online_key(tool, HF_KEY_AGREEMENT,
					 &keys->agreement, why);
	return err;
}

static enum hf_err sign_set(struct hf_tool *tool, const struct hf_ring *ring,
			    const char *origin, const struct set_keys *keys,
			    struct hf_why *why)
{
	const struct hf_ring_set *held = hf_ring_set(ring, hf_span_of(origin));
	const char *purpose = hf_tool_option(tool, HF_TOOL_PURPOSE);
	struct parties audience = { NULL, 0 }, relays = { NULL, 0 },
		       witnesses = { NULL, 0 };
	char cosigner[HF_COSIGNER_MAX_BYTES + 1];
	struct hf_agreement agreement = {
		.relay = HF_RELAY_NONE,
		.purpose = "",
	};
	uint64_t days = 0;
	enum hf_err err;

	if (held != NULL)
		agreement = *held->agreement;
	snprintf(cosigner, sizeof(cosigner), "%s/cosigner",
		 hf_ring_self(ring)->name);
	agreement.origin = origin;
	agreement.version = held != NULL ? held->agreement->version + 1 : 1;
	agreement.organisation_id =
		hf_span(hf_ring_self(ring)->id, HF_HASH_BYTES);
	/* Of a set that is open the keys stay: the daemon, whose signer knows
	 * how far each has signed, names others. */
	if (held == NULL) {
		agreement.log_key = hf_span(keys->log->public_key.bytes,
					    HF_PUBLIC_KEY_BYTES);
		agreement.cosigner_key = hf_span(
			keys->cosigner->public_key.bytes, HF_PUBLIC_KEY_BYTES);
	}
	agreement.cosigner_name = cosigner;
	if (purpose != NULL)
		agreement.purpose = purpose;

	if (strlen(agreement.purpose) > HF_REMARK_MAX_BYTES)
		return hf_why(why, HF_E_LIMIT,
			      "the purpose is longer than %d bytes",
			      HF_REMARK_MAX_BYTES);
	err = hf_tool_number(tool, HF_TOOL_DAYS, 1, LIFE_DAYS, LIFE_DAYS, &days,
			     why);
	agreement.issued_ms = tool->now_ms;
	agreement.expires_ms = tool->now_ms + days * HF_TOOL_DAY_MS;
	if (err == HF_OK)
		err = parties_copy(&audience, agreement.audience,
				   agreement.audience_count, why);
	if (err == HF_OK)
		err = parties_copy(&relays, agreement.relays,
				   agreement.relays_count, why);
	if (err == HF_OK)
		err = parties_copy(&witnesses, agreement.witnesses,
				   agreement.witnesses_count, why);
	if (err == HF_OK)
		err = change_relay(tool, &agreement, &relays, why);
	if (err == HF_OK)
		err = change_parties(tool, ring, HF_TOOL_ADD, &audience, why);
	if (err == HF_OK)
		err = change_parties(tool, ring, HF_TOOL_REMOVE, &audience,
				     why);
	if (err == HF_OK)
		err = change_parties(tool, ring, HF_TOOL_RELAY_BY, &relays,
				     why);
	if (err == HF_OK)
		err = change_parties(tool, ring, HF_TOOL_WITNESS, &witnesses,
				     why);
	if (err == HF_OK)
		err = change_classes(tool, &agreement, why);
	agreement.audience = audience.at;
	agreement.audience_count = audience.count;
	agreement.relays = relays.at;
	agreement.relays_count = relays.count;
	agreement.witnesses = witnesses.at;
	agreement.witnesses_count = witnesses.count;
	if (err == HF_OK)
		err = sign_and_save(tool, &agreement, keys->agreement, why);
	if (err == HF_OK)
		hf_tool_print_agreement(ring, &agreement);
	free(audience.at);
	free(relays.at);
	free(witnesses.at);
	return err;
}

enum hf_err hf_tool_agreement_sign(struct hf_tool *tool, struct hf_why *why)
{
	struct set_keys keys = { NULL, NULL, NULL };
	char origin[HF_TOOL_ORIGIN_SIZE];
	struct hf_ring *ring;
	enum hf_err err;

	err = hf_ring_load(tool->ring, &ring, why);
	if (err != HF_OK)
		return err;
	err = hf_tool_origin(ring, tool->args[0], origin, why);
	if (err == HF_OK &&
	    !hf_span_is(hf_text_origin_domain(hf_span_of(origin)),
			hf_ring_self(ring)->name))
		err = hf_why(why, HF_E_DENIED,
			     "'%.100s' is not a set of %s: only its publisher "
			     "signs its agreement",
			     origin, hf_ring_self(ring)->name);
	if (err == HF_OK)
		err = load_keys(tool, &keys, why);
	if (err == HF_OK)
		err = sign_set(tool, ring, origin, &keys, why);
	hf_key_free(keys.log);
	hf_key_free(keys.cosigner);
	hf_key_free(keys.agreement);
	hf_ring_release(ring);
	return err;
}

static enum hf_err print_vkey(enum hf_note_kind kind, const char *name,
			      const struct hf_public_key *key,
			      struct hf_why *why)
{
	char text[HF_NOTE_VKEY_MAX_BYTES + 1];
	struct hf_note_key note_key;
	enum hf_err err =
		hf_note_key_init(kind, hf_span_of(name), key, &note_key, why);

	if (err != HF_OK)
		return err;
	hf_note_key_text(&note_key, text);
	printf("%s\n", text);
	return HF_OK;
}

/* The two in force, then those that follow. */
static enum hf_err print_vkeys(const struct hf_ring_set *set,
			       struct hf_why *why)
{
	enum hf_err err =
		print_vkey(HF_NOTE_LOG, set->origin, &set->log_key, why);

	if (err == HF_OK)
		err = print_vkey(HF_NOTE_COSIGNER, set->cosigner_name,
				 &set->cosigner_key, why);
	for (size_t i = 0; i < set->agreement->keys_count && err == HF_OK;
	     i++) {
		const struct hf_set_key *row = &set->agreement->keys[i];
		struct hf_public_key key;

		memcpy(key.bytes, row->key.at, sizeof(key.bytes));
		if (row->is_void || memcmp(&key,
					   row->is_cosigner ? &set->cosigner_key
							    : &set->log_key,
					   sizeof(key)) == 0)
			continue;
		err = print_vkey(
			row->is_cosigner ? HF_NOTE_COSIGNER : HF_NOTE_LOG,
			row->is_cosigner ? set->cosigner_name : set->origin,
			&key, why);
	}
	return err;
}

enum hf_err hf_tool_vkey(struct hf_tool *tool, struct hf_why *why)
{
	char origin[HF_TOOL_ORIGIN_SIZE];
	const struct hf_ring_set *set;
	struct hf_ring *ring;
	enum hf_err err;

	err = hf_ring_load(tool->ring, &ring, why);
	if (err != HF_OK)
		return err;
	err = hf_tool_origin(ring, tool->args[0], origin, why);
	set = err == HF_OK ? hf_ring_set(ring, hf_span_of(origin)) : NULL;
	if (err == HF_OK && set == NULL)
		err = hf_why(why, HF_E_NOTFOUND, "no set '%.100s'", origin);
	if (err == HF_OK)
		err = print_vkeys(set, why);
	hf_ring_release(ring);
	return err;
}
