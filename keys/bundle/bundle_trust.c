#include <stdio.h>
#include <string.h>

#include "set_keys.h"
#include "text.h"
#include "trust.h"

#include "bundle_inside.h"

/* --- Manifests. ---------------------------------------------------------- */

const struct hf_bundle_party *
hf_bundle_party(const struct hf_bundle_work *work,
		const uint8_t id[static HF_HASH_BYTES])
{
	for (size_t i = 0; i < work->parties_count; i++) {
		if (memcmp(work->parties[i].id, id, HF_HASH_BYTES) == 0)
			return &work->parties[i];
	}
	return NULL;
}

static enum hf_err no_memory(struct hf_why *why)
{
	return hf_why(why, HF_E_NOMEM, "no memory");
}

/* The party of this manifest, a new one when there is none.  Nobody has two
 * names, and no name stands for two: a reader would take one for the other. */
static enum hf_err party_of(struct hf_bundle_work *work,
			    const struct hf_manifest *manifest,
			    struct hf_bundle_party **out_party,
			    struct hf_why *why)
{
	struct hf_bundle_party *party;

	for (size_t i = 0; i < work->parties_count; i++) {
		bool is_id, is_name;

		party = &work->parties[i];
		is_id = hf_span_equal(manifest->organisation_id,
				      hf_span(party->id, HF_HASH_BYTES));
		is_name = strcmp(party->name, manifest->name) == 0;
		if (is_id != is_name)
			return hf_why(why, HF_E_CONFLICT,
				      "'%s' and '%s' are two organisations of "
				      "one name, or one of two",
				      party->name, manifest->name);
		if (is_id) {
			*out_party = party;
			return HF_OK;
		}
	}
	party = &work->parties[work->parties_count];
	party->manifests =
		hf_arena_calloc(work->arena, work->bundle->manifests_count,
				sizeof(*party->manifests));
	if (party->manifests == NULL)
		return no_memory(why);
	memcpy(party->id, manifest->organisation_id.at, HF_HASH_BYTES);
	party->name = manifest->name;
	work->parties_count++;
	*out_party = party;
	return HF_OK;
}

/* Newest first; none twice. */
static enum hf_err add_version(struct hf_bundle_party *party,
			       const struct hf_manifest *manifest,
			       struct hf_why *why)
{
	size_t at = party->manifests_count;

	for (size_t i = 0; i < party->manifests_count; i++) {
		if (party->manifests[i]->version == manifest->version)
			return hf_why(why, HF_E_CONFLICT,
				      "version %llu of '%s' is there twice",
				      (unsigned long long)manifest->version,
				      party->name);
	}
	while (at > 0 && party->manifests[at - 1]->version < manifest->version)
		at--;
	memmove(&party->manifests[at + 1], &party->manifests[at],
		(party->manifests_count - at) * sizeof(*party->manifests));
	party->manifests[at] = manifest;
	party->manifests_count++;
	party->country = party->manifests[0]->country;
	return HF_OK;
}

static enum hf_err take_manifest(struct hf_bundle_work *work,
				 struct hf_span bytes, struct hf_why *why)
{
	const struct hf_manifest *manifest;
	struct hf_bundle_party *party;
	struct hf_invite invite;
	enum hf_err err;

	err = hf_invite_parse(bytes, work->arena, &invite, why);
	if (err == HF_OK)
		err = hf_trust_manifest_chain(
			invite.history, invite.history_count, invite.manifest,
			work->arena, &manifest, why);
	if (err == HF_OK)
		err = party_of(work, manifest, &party, why);
	if (err == HF_OK)
		err = add_version(party, manifest, why);
	return err;
}

static void take_receive_keys(struct hf_bundle_work *work)
{
	for (size_t i = 0; i < work->parties_count; i++) {
		const struct hf_bundle_party *party = &work->parties[i];

		for (size_t j = 0; j < party->manifests_count; j++) {
			struct hf_bundle_key *key =
				&work->keys[work->keys_count++];

			key->owner = party;
			memcpy(key->key, party->manifests[j]->receive_key.at,
			       HF_PUBLIC_KEY_BYTES);
		}
	}
}

/* Expiry takes nothing back: what was signed was signed. */
static enum hf_err look_at_expiry(struct hf_bundle_work *work,
				  struct hf_why *why)
{
	uint64_t now_ms = work->options != NULL ? work->options->now_ms : 0;

	for (size_t i = 0; i < work->parties_count; i++) {
		struct hf_bundle_party *party = &work->parties[i];
		enum hf_err err;

		party->is_expired = now_ms != 0 &&
				    party->manifests[0]->expires_ms <= now_ms;
		if (!party->is_expired)
			continue;
		err = hf_bundle_find(work, why,
				     "The manifest of %s has expired since: "
				     "there may be a newer one.",
				     party->name);
		if (err != HF_OK)
			return err;
	}
	return HF_OK;
}

enum hf_err hf_bundle_parties(struct hf_bundle_work *work, struct hf_why *why)
{
	const struct hf_bundle *bundle = work->bundle;

	if (bundle->manifests_count == 0)
		return hf_why(why, HF_E_NOTFOUND, "has no manifest");
	work->parties = hf_arena_calloc(work->arena, bundle->manifests_count,
					sizeof(*work->parties));
	work->keys = hf_arena_calloc(
		work->arena, bundle->manifests_count + bundle->entries_count,
		sizeof(*work->keys));
	if (work->parties == NULL || work->keys == NULL)
		return no_memory(why);
	for (size_t i = 0; i < bundle->manifests_count; i++) {
		enum hf_err err =
			take_manifest(work, bundle->manifests[i], why);

		if (err != HF_OK) {
			hf_why_prefix(why, "manifest %zu: ", i);
			return err;
		}
	}
	take_receive_keys(work);
	return look_at_expiry(work, why);
}

/* --- Logs. --------------------------------------------------------------- */

static const struct hf_bundle_party *
publisher_of(const struct hf_bundle_work *work, const char *origin)
{
	struct hf_span domain = hf_text_origin_domain(hf_span_of(origin));

	for (size_t i = 0; i < work->parties_count; i++) {
		if (hf_span_is(domain, work->parties[i].name))
			return &work->parties[i];
	}
	return NULL;
}

/* Any version of the publisher's manifest will do: an agreement is not signed
 * again because a key changed. */
static enum hf_err read_agreement(struct hf_bundle_work *work,
				  const struct hf_bundle_log *log,
				  const struct hf_bundle_party *publisher,
				  const struct hf_agreement **out_agreement,
				  struct hf_why *why)
{
	const struct hf_agreement *agreement = NULL;
	enum hf_err err = HF_E_SIGNATURE;

	for (size_t i = 0; i < publisher->manifests_count && err != HF_OK; i++)
		err = hf_trust_agreement(log->agreement,
					 publisher->manifests[i], work->arena,
					 &agreement, why);
	if (err != HF_OK)
		return err;
	if (strcmp(agreement->origin, log->origin) != 0)
		return hf_why(why, HF_E_CONFLICT,
			      "the agreement is about %.200s",
			      agreement->origin);
	if (agreement->kind != HF_SET_KIND_CASES)
		return hf_why(why, HF_E_ARGUMENT,
			      "by its agreement not a set of cases");
	*out_agreement = agreement;
	return HF_OK;
}

/* A log's agreement: whose it is, who may read it, the keys that count for its
 * note. */
static enum hf_err take_agreement(struct hf_bundle_work *work, size_t number,
				  struct hf_set_pair *out_keys,
				  struct hf_why *why)
{
	const struct hf_bundle_log *log = &work->bundle->logs[number];
	struct hf_bundle_set *set = &work->sets[number];
	const struct hf_agreement *agreement;
	struct hf_note note;
	enum hf_err err;

	for (size_t i = 0; i < number; i++) {
		if (strcmp(work->sets[i].origin, log->origin) == 0)
			return hf_why(why, HF_E_CONFLICT,
				      "is log %zu once more", i);
	}
	set->origin = log->origin;
	set->publisher = publisher_of(work, log->origin);
	if (set->publisher == NULL)
		return hf_why(why, HF_E_NOTFOUND,
			      "the manifest of its publisher is not in the "
			      "bundle");
	err = read_agreement(work, log, set->publisher, &agreement, why);
	if (err != HF_OK)
		return err;
	set->audience = agreement->audience;
	set->audience_count = agreement->audience_count;
	err = hf_note_parse(log->note, &note, why);
	return err == HF_OK ? hf_set_keys_for(agreement, &note, out_keys, why)
			    : err;
}

/* Which log's cosigner key has this name and id; logs_count for none. */
static size_t cosigner_of(const struct hf_set_pair *keys, size_t logs_count,
			  const struct hf_note_line *line)
{
	size_t i = 0;

	while (i < logs_count &&
	       (keys[i].cosigner.id != line->id ||
		!hf_span_is(line->name, keys[i].cosigner.name)))
		i++;
	return i;
}

/* A line that is neither the log's nor its publisher's: verified where an
 * agreement in the bundle has the key, else only named. */
static enum hf_err
take_cosigner(struct hf_bundle_work *work, const struct hf_note *note,
	      const struct hf_note_line *line, const struct hf_set_pair *keys,
	      struct hf_bundle_cosigner *out, struct hf_why *why)
{
	size_t logs_count = work->bundle->logs_count;
	size_t whose = cosigner_of(keys, logs_count, line);
	struct hf_note_mark mark;
	enum hf_err err;

	out->name = hf_arena_text(work->arena, line->name);
	if (out->name == NULL)
		return no_memory(why);
	out->key_id = line->id;
	if (whose == logs_count)
		return HF_OK;
	err = hf_note_verify(note, &keys[whose].cosigner, 1, &mark, why);
	if (err != HF_OK)
		return err;
	out->party = work->sets[whose].publisher;
	out->time_s = mark.time_s;
	return HF_OK;
}

static bool is_line_of(const struct hf_note_line *line,
		       const struct hf_note_key *key)
{
	return line->id == key->id && hf_span_is(line->name, key->name);
}

/* Of several lines by one key the first stands for all. */
static bool is_repeated(const struct hf_note *note, size_t number)
{
	for (size_t i = 0; i < number; i++) {
		if (note->lines[i].id == note->lines[number].id &&
		    hf_span_equal(note->lines[i].name,
				  note->lines[number].name))
			return true;
	}
	return false;
}

static enum hf_err take_note(struct hf_bundle_work *work, size_t number,
			     const struct hf_set_pair *keys, struct hf_why *why)
{
	struct hf_bundle_set *set = &work->sets[number];
	struct hf_bundle_cosigner *cosigners;
	struct hf_note note;
	enum hf_err err;

	err = hf_note_open(work->bundle->logs[number].note, &keys[number].log,
			   &keys[number].cosigner, &note, &set->time_s, why);
	if (err != HF_OK)
		return err;
	set->size = note.checkpoint.size;
	set->root = note.checkpoint.root;
	cosigners = hf_arena_calloc(work->arena, note.lines_count,
				    sizeof(*cosigners));
	if (cosigners == NULL)
		return no_memory(why);
	set->cosigners = cosigners;
	for (size_t i = 0; i < note.lines_count; i++) {
		const struct hf_note_line *line = &note.lines[i];

		if (is_line_of(line, &keys[number].log) ||
		    is_line_of(line, &keys[number].cosigner) ||
		    is_repeated(&note, i))
			continue;
		err = take_cosigner(work, &note, line, keys,
				    &cosigners[set->cosigners_count], why);
		if (err != HF_OK)
			return err;
		set->cosigners_count++;
	}
	return HF_OK;
}

enum hf_err hf_bundle_sets(struct hf_bundle_work *work, struct hf_why *why)
{
	const struct hf_bundle *bundle = work->bundle;
	struct hf_set_pair *keys;
	enum hf_err err = HF_OK;
	size_t i;

	if (bundle->logs_count == 0)
		return hf_why(why, HF_E_NOTFOUND, "has no log");
	work->sets = hf_arena_calloc(work->arena, bundle->logs_count,
				     sizeof(*work->sets));
	keys = hf_arena_calloc(work->arena, bundle->logs_count, sizeof(*keys));
	if (work->sets == NULL || keys == NULL)
		return no_memory(why);
	/* All agreements first: they have the keys of those who cosign each
	 * other's notes. */
	for (i = 0; i < bundle->logs_count && err == HF_OK; i++)
		err = take_agreement(work, i, &keys[i], why);
	if (err == HF_OK) {
		for (i = 0; i < bundle->logs_count && err == HF_OK; i++)
			err = take_note(work, i, keys, why);
	}
	if (err != HF_OK)
		hf_why_prefix(why, "log %zu (%.100s): ", i - 1,
			      bundle->logs[i - 1].origin);
	return err;
}
