#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "codec_document.h"
#include "file.h"
#include "text.h"

#include "change.h"
#include "ring.h"
#include "ring_inside.h"
#include "ringdir.h"

enum hf_err hf_ring_create(const char *dir, struct hf_span manifest,
			   struct hf_span clients_ca_pem, struct hf_why *why)
{
	static const char *const folders[] = { "peers", "history", "agreements",
					       "clients" };
	struct hf_ring_change change = { .dir = dir };
	struct hf_invite_read invite;
	struct hf_buf text;
	enum hf_err err;

	if (mkdir(dir, HF_RING_DIR_MODE) != 0)
		return hf_why_errno(why, "ring: make '%s'", dir);
	if (stat(dir, &change.owner) != 0)
		return hf_why_errno(why, "ring: look at '%s'", dir);
	hf_buf_init(&text, HF_RING_INVITE_BYTES);
	hf_arena_init(&change.arena, HF_UNPACK_MAX_BYTES);
	err = hf_trust_invite_make(manifest, NULL, 0, &text, why);
	/* What we could not read back must not be written. */
	if (err == HF_OK)
		err = hf_trust_invite(hf_buf_span(&text), &change.arena,
				      &invite, why);
	for (size_t i = 0;
	     i < sizeof(folders) / sizeof(folders[0]) && err == HF_OK; i++) {
		char full[HF_RING_PATH_SIZE];

		err = hf_file_join(full, sizeof(full), dir, folders[i], why);
		if (err == HF_OK)
			err = hf_file_mkdirs(full, HF_RING_DIR_MODE, why);
	}
	if (err == HF_OK)
		err = hf_ring_put_file(&change, "clients-ca.crt",
				       clients_ca_pem, why);
	if (err == HF_OK)
		err = hf_ring_put_file(&change, "self.manifest",
				       hf_buf_span(&text), why);
	hf_arena_release(&change.arena);
	hf_buf_release(&text);
	return err;
}

/* --- Peers. -------------------------------------------------------------- */

static void fingerprint_with(const struct hf_ring *ring,
			     const struct hf_invite_read *invite,
			     char out_text[static HF_FINGERPRINT_SIZE])
{
	const struct hf_organisation *self = hf_ring_self(ring);

	hf_trust_fingerprint(self->id, self->document,
			     invite->manifest->organisation_id.at,
			     invite->document, out_text);
}

enum hf_err
hf_ring_invite_fingerprint(const char *dir, struct hf_span invite_text,
			   char out_fingerprint[static HF_FINGERPRINT_SIZE],
			   char out_name[static HF_DOMAIN_MAX_BYTES + 1],
			   struct hf_why *why)
{
	struct hf_invite_read invite;
	struct hf_arena arena;
	struct hf_ring *ring;
	enum hf_err err;

	err = hf_ring_load(dir, &ring, why);
	if (err != HF_OK)
		return err;
	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	err = hf_trust_invite(invite_text, &arena, &invite, why);
	if (err == HF_OK) {
		fingerprint_with(ring, &invite, out_fingerprint);
		strcpy(out_name, invite.manifest->name);
	}
	hf_arena_release(&arena);
	hf_ring_release(ring);
	return err;
}

/* Nobody enrols with a TLS key that is another's: a person finds out whose it
 * is.  Later manifests come without one, and who claims another's next key
 * would keep that other's manifest away: hf_ring_by_pin() tells the two apart.
 */
static enum hf_err check_pins(const struct hf_ring *ring,
			      const struct hf_manifest *manifest,
			      const struct hf_organisation *owner,
			      struct hf_why *why)
{
	const struct hf_organisation *self = hf_ring_self(ring), *other;

	for (size_t i = 0; i < manifest->tls_pins_count; i++) {
		other = hf_ring_by_pin(ring, manifest->tls_pins[i].at,
				       manifest->name);
		for (size_t j = 0; j < self->manifest->tls_pins_count; j++) {
			if (hf_span_equal(manifest->tls_pins[i],
					  self->manifest->tls_pins[j]))
				other = self;
		}
		if (other != NULL && other != owner)
			return hf_why(why, HF_E_CONFLICT,
				      "ring: '%s' claims a TLS key of '%s'",
				      manifest->name, other->name);
	}
	return HF_OK;
}

/* May this invite come into the ring? */
static enum hf_err check_new_peer(const struct hf_ring *ring,
				  const struct hf_invite_read *invite,
				  const struct hf_ring_peer_options *options,
				  struct hf_why *why)
{
	const struct hf_manifest *manifest = invite->manifest;
	struct hf_span name = hf_span_of(manifest->name);
	const struct hf_organisation *same_id, *same_name, *self;

	self = hf_ring_self(ring);
	same_id = hf_ring_by_id(ring, manifest->organisation_id.at);
	same_name = hf_ring_by_name(ring, name);
	if (same_id == self || same_name == self)
		return hf_why(why, HF_E_CONFLICT,
			      "ring: this is our own invite, or claims our "
			      "name");
	if (same_id != same_name && same_id != NULL)
		return hf_why(why, HF_E_CONFLICT,
			      "ring: %s is enrolled as '%s'", manifest->name,
			      same_id->name);
	if (same_name != NULL && same_id == NULL && !options->replaces)
		return hf_why(why, HF_E_CONFLICT,
			      "ring: '%s' is enrolled with other root keys; "
			      "only when it lost them, and said so, let this "
			      "invite replace it",
			      manifest->name);
	if (same_id != NULL && manifest->version < same_id->manifest->version)
		return hf_why(why, HF_E_CONFLICT,
			      "ring: version %llu of '%s' is held already, "
			      "this invite has %llu",
			      (unsigned long long)same_id->manifest->version,
			      manifest->name,
			      (unsigned long long)manifest->version);
	return check_pins(ring, manifest, same_name, why);
}

/* The dates that an enrolment needs; later they only warn. */
static enum hf_err check_dates(const struct hf_manifest *manifest,
			       const char *whose, uint64_t now_ms,
			       struct hf_why *why)
{
	if (now_ms >= manifest->expires_ms)
		return hf_why(why, HF_E_EXPIRED,
			      "ring: the manifest of %s has expired", whose);
	if (manifest->issued_ms > now_ms + HF_FUTURE_MAX_MS)
		return hf_why(why, HF_E_EXPIRED,
			      "ring: the manifest of %s is dated in the "
			      "future: look at both clocks",
			      whose);
	return HF_OK;
}

static enum hf_err put_peer(const struct hf_ring_change *change,
			    struct hf_span name,
			    const struct hf_peer_file *file, struct hf_why *why)
{
	char path[HF_RING_RELATIVE_SIZE];
	struct hf_buf text;
	enum hf_err err;

	hf_buf_init(&text, HF_RING_PEER_BYTES);
	err = hf_peer_file_encode(file, &text);
	if (err != HF_OK)
		err = hf_why(why, err, "ring: %s", hf_err_words(err));
	hf_ring_path_of("peers", name, 0, ".peer", path);
	if (err == HF_OK)
		err = hf_ring_put_file(change, path, hf_buf_span(&text), why);
	hf_buf_release(&text);
	return err;
}

/* Keep the manifest that is held now for those who missed it. */
static enum hf_err put_past(const struct hf_ring_change *change,
			    const struct hf_organisation *held,
			    struct hf_why *why)
{
	char path[HF_RING_RELATIVE_SIZE];
	const struct hf_span *history;
	size_t history_count;
	struct hf_buf text;
	enum hf_err err;

	hf_ring_invite_of(change->ring, held, &history, &history_count);
	hf_buf_init(&text, HF_RING_INVITE_BYTES);
	err = hf_trust_invite_make(held->document, history, history_count,
				   &text, why);
	hf_ring_path_of("history", hf_span_of(held->name),
			held->manifest->version, ".manifest", path);
	if (err == HF_OK)
		err = hf_ring_put_file(change, path, hf_buf_span(&text), why);
	hf_buf_release(&text);
	return err;
}

/* Drop what was kept about a peer besides its own file: agreements by it and
 * its earlier manifests. */
static enum hf_err forget(const struct hf_ring_change *change,
			  const struct hf_organisation *peer,
			  struct hf_why *why)
{
	char path[HF_RING_RELATIVE_SIZE];
	const struct hf_ring_past *past;
	const struct hf_ring_set *sets;
	enum hf_err err = HF_OK;
	size_t count;

	count = hf_ring_sets(change->ring, &sets);
	for (size_t i = 0; i < count && err == HF_OK; i++) {
		if (sets[i].publisher != peer)
			continue;
		hf_ring_path_of("agreements", hf_span_of(sets[i].origin), 0,
				".agreement", path);
		err = hf_ring_drop_file(change, path, why);
	}
	past = HF_RING_ROWS(const struct hf_ring_past, change->ring->past);
	count = HF_RING_COUNT(struct hf_ring_past, change->ring->past);
	for (size_t i = 0; i < count && err == HF_OK; i++) {
		if (memcmp(past[i].id, peer->id, HF_HASH_BYTES) != 0)
			continue;
		hf_ring_path_of("history", hf_span_of(peer->name),
				past[i].version, ".manifest", path);
		err = hf_ring_drop_file(change, path, why);
	}
	return err;
}

enum hf_err hf_ring_save_peer(const char *dir, struct hf_span invite_text,
			      struct hf_span typed,
			      const struct hf_ring_peer_options *options,
			      struct hf_why *why)
{
	struct hf_span endpoint = hf_span_of(options->endpoint);
	char fingerprint[HF_FINGERPRINT_SIZE];
	const struct hf_organisation *held, *lost;
	struct hf_invite_read invite;
	struct hf_peer_file file;
	struct hf_ring_change change;
	enum hf_err err;

	if (endpoint.len_bytes > 0 && !hf_text_is_endpoint(endpoint))
		return hf_why(why, HF_E_ARGUMENT,
			      "ring: the endpoint is not host:port");
	err = hf_ring_change_begin(dir, &change, why);
	if (err != HF_OK)
		return err;
	err = hf_trust_invite(invite_text, &change.arena, &invite, why);
	if (err != HF_OK)
		goto out;
	fingerprint_with(change.ring, &invite, fingerprint);
	if (!hf_trust_fingerprint_is(fingerprint, typed)) {
		err = hf_why(why, HF_E_DENIED,
			     "ring: that is not the fingerprint of this pair: "
			     "'%s' is not enrolled",
			     invite.manifest->name);
		goto out;
	}
	err = check_dates(invite.manifest, invite.manifest->name,
			  options->now_ms, why);
	if (err == HF_OK)
		err = check_dates(hf_ring_self(change.ring)->manifest,
				  "our own organisation", options->now_ms, why);
	if (err == HF_OK)
		err = check_new_peer(change.ring, &invite, options, why);
	if (err != HF_OK)
		goto out;
	held = hf_ring_by_id(change.ring, invite.manifest->organisation_id.at);
	file = (struct hf_peer_file){
		.added_ms = held != NULL ? held->added_ms : options->now_ms,
		.is_silent = options->is_silent,
		.endpoint = endpoint,
		.invite = invite_text,
	};
	lost = hf_ring_by_name(change.ring, hf_span_of(invite.manifest->name));
	if (held == NULL && lost != NULL)
		err = forget(&change, lost, why);
	if (held != NULL && held->manifest->version < invite.manifest->version)
		err = put_past(&change, held, why);
	if (err == HF_OK)
		err = put_peer(&change, hf_span_of(invite.manifest->name),
			       &file, why);
out:
	hf_ring_change_end(&change);
	return err;
}

enum hf_err hf_ring_remove_peer(const char *dir, struct hf_span name,
				struct hf_why *why)
{
	char path[HF_RING_RELATIVE_SIZE];
	const struct hf_organisation *peer;
	struct hf_ring_change change;
	enum hf_err err;

	if (!hf_text_is_domain(name))
		return hf_why(why, HF_E_ARGUMENT, "ring: no peer's name");
	err = hf_ring_change_begin(dir, &change, why);
	if (err != HF_OK)
		return err;
	/* A peer whose file is damaged can be removed too. */
	hf_ring_path_of("peers", name, 0, ".peer", path);
	peer = hf_ring_by_name(change.ring, name);
	if (peer == NULL || peer->is_self) {
		char full[HF_RING_PATH_SIZE];

		err = hf_file_join(full, sizeof(full), dir, path, why);
		if (err == HF_OK && access(full, F_OK) != 0)
			err = hf_why(why, HF_E_NOTFOUND, "ring: no peer '%.*s'",
				     HF_SPAN_ARGS(name));
	}
	/* First what admits it; then what only takes up room. */
	if (err == HF_OK)
		err = hf_ring_drop_file(&change, path, why);
	if (peer == NULL || peer->is_self)
		goto out;
	if (err == HF_OK)
		err = forget(&change, peer, why);
out:
	hf_ring_change_end(&change);
	return err;
}

/* --- Manifests. ---------------------------------------------------------- */

/* The invite of the next manifest: the history as it is where that proves
 * it, and with the manifest held until now where the root keys changed. */
static enum hf_err invite_of_next(struct hf_ring_change *change,
				  const struct hf_organisation *held,
				  struct hf_span document,
				  struct hf_buf *out_text, struct hf_why *why)
{
	struct hf_span longer[HF_HISTORY_MAX];
	const struct hf_manifest *manifest;
	const struct hf_span *history;
	size_t count;
	enum hf_err err;

	hf_ring_invite_of(change->ring, held, &history, &count);
	err = hf_trust_manifest_chain(history, count, document, &change->arena,
				      &manifest, why);
	if (err == HF_E_SIGNATURE || err == HF_E_ARGUMENT) {
		if (count == HF_HISTORY_MAX)
			return hf_why(why, HF_E_LIMIT,
				      "ring: the root keys of '%s' changed "
				      "more than %d times",
				      held->name, HF_HISTORY_MAX);
		if (count > 0)
			memcpy(longer, history, count * sizeof(*longer));
		longer[count++] = held->document;
		history = longer;
		err = hf_trust_manifest_chain(history, count, document,
					      &change->arena, &manifest, why);
	}
	if (err != HF_OK)
		return err;
	return hf_trust_invite_make(document, history, count, out_text, why);
}

static enum hf_err put_next(struct hf_ring_change *change,
			    const struct hf_organisation *held,
			    struct hf_span document, struct hf_why *why)
{
	struct hf_buf text;
	enum hf_err err;

	hf_buf_init(&text, HF_RING_INVITE_BYTES);
	err = invite_of_next(change, held, document, &text, why);
	if (err == HF_OK)
		err = put_past(change, held, why);
	if (err == HF_OK && held->is_self) {
		err = hf_ring_put_file(change, "self.manifest",
				       hf_buf_span(&text), why);
	} else if (err == HF_OK) {
		const struct hf_peer_file file = {
			.added_ms = held->added_ms,
			.is_silent = held->is_silent,
			.endpoint = hf_span_of(held->endpoint),
			.invite = hf_buf_span(&text),
		};

		err = put_peer(change, hf_span_of(held->name), &file, why);
	}
	hf_buf_release(&text);
	return err;
}

static enum hf_err save_manifest(struct hf_ring_change *change,
				 struct hf_span document, struct hf_why *why)
{
	const struct hf_organisation *held;
	const struct hf_manifest *manifest;
	bool is_id_proved;
	enum hf_err err;

	err = hf_trust_manifest(document, &change->arena, &manifest,
				&is_id_proved, why);
	if (err != HF_OK)
		return err;
	held = hf_ring_by_id(change->ring, manifest->organisation_id.at);
	if (held == NULL)
		return hf_why(why, HF_E_UNAUTHENTICATED,
			      "ring: '%s' is not enrolled", manifest->name);
	if (hf_span_equal(held->document, document))
		return HF_OK;
	if (manifest->version > held->manifest->version + 1)
		return hf_why(why, HF_E_UNAVAILABLE,
			      "ring: version %llu of '%s' is held, the ones "
			      "up to %llu are missing",
			      (unsigned long long)held->manifest->version,
			      held->name,
			      (unsigned long long)manifest->version);
	err = hf_trust_manifest_next(held->manifest, document, &change->arena,
				     &manifest, why);
	return err == HF_OK ? put_next(change, held, document, why) : err;
}

enum hf_err hf_ring_save_manifest(const char *dir, struct hf_span document,
				  struct hf_why *why)
{
	struct hf_ring_change change;
	enum hf_err err;

	err = hf_ring_change_begin(dir, &change, why);
	if (err != HF_OK)
		return err;
	err = save_manifest(&change, document, why);
	hf_ring_change_end(&change);
	return err;
}
