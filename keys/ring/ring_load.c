/*
 * Reading lib/ring.  Each file stands for itself: one that does not verify is
 * left out and said so, and the rest of the ring works.
 */
#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "codec_document.h"
#include "file.h"
#include "sha256.h"
#include "text.h"

#include "ring.h"
#include "ring_inside.h"

#define TABLE_MAX_BYTES ((size_t)64 * 1024 * 1024)

/* A ring under construction. */
struct load {
	struct hf_ring *ring;
	const char *dir;
	struct hf_buf peers; /* struct loaded_peer; owned */
};

/* A peer and the invite it came with, until both are sorted. */
struct loaded_peer {
	struct hf_organisation organisation;
	struct hf_invite_read invite;
};

static enum hf_err no_memory(struct hf_why *why)
{
	return hf_why(why, HF_E_NOMEM, "ring: no memory");
}

static enum hf_err add_row(struct hf_buf *table, const void *row,
			   size_t row_bytes, struct hf_why *why)
{
	hf_buf_put(table, hf_span(row, row_bytes));
	return hf_buf_failed(table) == HF_OK ? HF_OK : no_memory(why);
}

/* Leave a file out, saying why. */
static enum hf_err warn(struct load *load, const char *path,
			const struct hf_why *reason, struct hf_why *why)
{
	struct hf_why text;
	const char *kept;

	hf_why(&text, HF_OK, "ring: '%.100s' is left out: %s", path,
	       reason->text);
	kept = hf_arena_text(&load->ring->arena, hf_span_of(text.text));
	if (kept == NULL)
		return no_memory(why);
	return add_row(&load->ring->warnings, &kept, sizeof(kept), why);
}

/* A failure of one file is a warning; of memory, of the whole load. */
static enum hf_err forgive(struct load *load, const char *path, enum hf_err err,
			   const struct hf_why *reason, struct hf_why *why)
{
	if (err == HF_OK)
		return HF_OK;
	if (err == HF_E_NOMEM)
		return no_memory(why);
	return warn(load, path, reason, why);
}

/* A file's bytes, kept in the arena. */
static enum hf_err read_kept(struct load *load, const char *path,
			     size_t most_bytes, struct hf_span *out_text,
			     struct hf_why *why)
{
	char full[HF_RING_PATH_SIZE];
	struct hf_buf buf;
	enum hf_err err;

	err = hf_file_join(full, sizeof(full), load->dir, path, why);
	if (err != HF_OK)
		return err;
	hf_buf_init(&buf, most_bytes);
	err = hf_file_read(full, &buf, why);
	if (err == HF_OK) {
		*out_text =
			hf_arena_copy(&load->ring->arena, hf_buf_span(&buf));
		if (out_text->at == NULL)
			err = no_memory(why);
	}
	hf_buf_release(&buf);
	return err;
}

/* Call each() for every file of this folder with this suffix, in the order of
 * their names. */
static enum hf_err
each_file(struct load *load, const char *folder, const char *suffix,
	  enum hf_err (*each)(struct load *, const char *path, struct hf_why *),
	  struct hf_why *why)
{
	char full[HF_RING_PATH_SIZE], path[2 * HF_RING_NAME_SIZE];
	struct dirent **names;
	enum hf_err err;
	int count;

	err = hf_file_join(full, sizeof(full), load->dir, folder, why);
	if (err != HF_OK)
		return err;
	count = scandir(full, &names, NULL, alphasort);
	if (count < 0)
		return errno == ENOENT
			       ? HF_OK
			       : hf_why_errno(why, "ring: read '%s'", full);
	for (int i = 0; i < count; i++) {
		const char *name = names[i]->d_name;
		size_t len = strlen(name);

		if (err == HF_OK && name[0] != '.' && len > strlen(suffix) &&
		    strcmp(name + len - strlen(suffix), suffix) == 0) {
			snprintf(path, sizeof(path), "%s/%s", folder, name);
			err = each(load, path, why);
		}
		free(names[i]);
	}
	free(names);
	return err;
}

static void organisation_of(const struct hf_invite_read *invite,
			    struct hf_organisation *out)
{
	memset(out, 0, sizeof(*out));
	memcpy(out->id, invite->manifest->organisation_id.at, HF_HASH_BYTES);
	out->name = invite->manifest->name;
	out->manifest = invite->manifest;
	out->document = invite->document;
	hf_sha256(out->document.at, out->document.len_bytes,
		  out->document_hash);
}

static enum hf_err load_self(struct load *load, struct hf_why *why)
{
	struct hf_ring *ring = load->ring;
	struct hf_invite_read invite;
	struct hf_span text;
	enum hf_err err;

	err = read_kept(load, "self.manifest", HF_RING_INVITE_BYTES, &text,
			why);
	if (err == HF_OK)
		err = hf_trust_invite(text, &ring->arena, &invite, why);
	if (err != HF_OK) {
		hf_why_prefix(why, "ring: our own self.manifest: ");
		return err;
	}
	organisation_of(&invite, &ring->self);
	ring->self.is_self = true;
	ring->self_history = invite.history;
	ring->self_history_count = invite.history_count;
	return HF_OK;
}

/* --- Peers. -------------------------------------------------------------- */

/* Two files may not name the same organisation or name. */
static enum hf_err check_unique(const struct load *load,
				const struct hf_organisation *one,
				struct hf_why *why)
{
	const struct loaded_peer *peers =
		HF_RING_ROWS(const struct loaded_peer, load->peers);
	size_t count = HF_RING_COUNT(struct loaded_peer, load->peers);

	for (size_t i = 0; i <= count; i++) {
		const struct hf_organisation *other =
			i < count ? &peers[i].organisation : &load->ring->self;

		if (memcmp(one->id, other->id, HF_HASH_BYTES) == 0 ||
		    strcmp(one->name, other->name) == 0)
			return hf_why(why, HF_E_CONFLICT, "%s is there already",
				      one->name);
	}
	return HF_OK;
}

static enum hf_err read_peer(struct load *load, const char *path,
			     struct loaded_peer *out_peer, struct hf_why *why)
{
	struct hf_arena *arena = &load->ring->arena;
	char expected[HF_RING_NAME_SIZE];
	struct hf_peer_file file;
	struct loaded_peer peer;
	struct hf_span text;
	enum hf_err err;

	err = read_kept(load, path, HF_RING_PEER_BYTES, &text, why);
	if (err == HF_OK)
		err = hf_peer_file_parse(text, &file, why);
	if (err == HF_OK)
		err = hf_trust_invite(file.invite, arena, &peer.invite, why);
	if (err != HF_OK)
		return err;
	organisation_of(&peer.invite, &peer.organisation);
	hf_ring_file_name(hf_span_of(peer.organisation.name), 0, ".peer",
			  expected);
	if (strcmp(strrchr(path, '/') + 1, expected) != 0)
		return hf_why(why, HF_E_CONFLICT, "it holds the invite of %s",
			      peer.organisation.name);
	peer.organisation.added_ms = file.added_ms;
	peer.organisation.is_silent = file.is_silent;
	if (file.endpoint.len_bytes > 0) {
		peer.organisation.endpoint =
			hf_arena_text(arena, file.endpoint);
		if (peer.organisation.endpoint == NULL)
			return no_memory(why);
	}
	err = check_unique(load, &peer.organisation, why);
	if (err == HF_OK)
		*out_peer = peer;
	return err;
}

static enum hf_err load_peer(struct load *load, const char *path,
			     struct hf_why *why)
{
	struct hf_why reason = { "" };
	struct loaded_peer peer;
	enum hf_err err;

	err = read_peer(load, path, &peer, &reason);
	if (err != HF_OK)
		return forgive(load, path, err, &reason, why);
	return add_row(&load->peers, &peer, sizeof(peer), why);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct loaded_peer *)a)->organisation.name,
		      ((const struct loaded_peer *)b)->organisation.name);
}

static int by_pin(const void *a, const void *b)
{
	return memcmp(((const struct hf_ring_pin *)a)->pin,
		      ((const struct hf_ring_pin *)b)->pin, HF_CERT_PIN_BYTES);
}

/* Whoever claims our own key: nobody at the other end has it. */
static bool is_own_pin(const struct hf_ring *ring, struct hf_span pin)
{
	const struct hf_manifest *self = ring->self.manifest;

	for (size_t i = 0; i < self->tls_pins_count; i++) {
		if (hf_span_equal(self->tls_pins[i], pin))
			return true;
	}
	return false;
}

/* From here on peers stay where they are: sets point to them. */
static enum hf_err settle_peers(struct load *load, struct hf_why *why)
{
	struct loaded_peer *peers =
		HF_RING_ROWS(struct loaded_peer, load->peers);
	size_t count = HF_RING_COUNT(struct loaded_peer, load->peers);
	struct hf_ring *ring = load->ring;
	enum hf_err err = HF_OK;

	if (count > 1)
		qsort(peers, count, sizeof(*peers), by_name);
	for (size_t i = 0; i < count && err == HF_OK; i++) {
		const struct hf_manifest *manifest =
			peers[i].organisation.manifest;

		err = add_row(&ring->peers, &peers[i].organisation,
			      sizeof(peers[i].organisation), why);
		if (err == HF_OK)
			err = add_row(&ring->invites, &peers[i].invite,
				      sizeof(peers[i].invite), why);
		for (size_t j = 0; j < manifest->tls_pins_count && err == HF_OK;
		     j++) {
			struct hf_ring_pin pin = { .peer = (uint32_t)i };

			if (is_own_pin(ring, manifest->tls_pins[j]))
				continue;
			memcpy(pin.pin, manifest->tls_pins[j].at,
			       sizeof(pin.pin));
			err = add_row(&ring->pins, &pin, sizeof(pin), why);
		}
	}
	count = HF_RING_COUNT(struct hf_ring_pin, ring->pins);
	if (count > 1)
		qsort(ring->pins.at, count, sizeof(struct hf_ring_pin), by_pin);
	return err;
}

/* --- Earlier manifests, agreements, follows. ----------------------------- */

static enum hf_err load_past(struct load *load, const char *path,
			     struct hf_why *why)
{
	struct hf_why reason = { "" };
	struct hf_invite_read invite;
	struct hf_ring_past past;
	struct hf_span text;
	enum hf_err err;

	err = read_kept(load, path, HF_RING_INVITE_BYTES, &text, &reason);
	if (err == HF_OK)
		err = hf_trust_invite(text, &load->ring->arena, &invite,
				      &reason);
	if (err != HF_OK)
		return forgive(load, path, err, &reason, why);
	memcpy(past.id, invite.manifest->organisation_id.at, sizeof(past.id));
	past.version = invite.manifest->version;
	past.document = invite.document;
	return add_row(&load->ring->past, &past, sizeof(past), why);
}

enum hf_err hf_ring_peek_agreement(struct hf_span document,
				   struct hf_arena *arena,
				   const struct hf_agreement **out_claim,
				   struct hf_why *why)
{
	struct hf_signed_document opened;
	struct hf_agreement *claim;
	enum hf_err err;

	if (document.len_bytes > HF_AGREEMENT_MAX_BYTES)
		return hf_why(why, HF_E_LIMIT,
			      "agreement: larger than %zu bytes",
			      HF_AGREEMENT_MAX_BYTES);
	claim = hf_arena_calloc(arena, 1, sizeof(*claim));
	if (claim == NULL)
		return no_memory(why);
	err = hf_signed_document_parse(document, arena, &opened, why);
	if (err == HF_OK)
		err = hf_agreement_parse(opened.body, arena, claim, why);
	if (err != HF_OK) {
		hf_why_prefix(why, "agreement: ");
		return err;
	}
	*out_claim = claim;
	return HF_OK;
}

static enum hf_err read_agreement(struct load *load, const char *path,
				  struct hf_ring_set *out_set,
				  struct hf_why *why)
{
	struct hf_ring_set set = { 0 };
	const struct hf_agreement *claim;
	char expected[HF_RING_NAME_SIZE];
	struct hf_span text;
	enum hf_err err;

	err = read_kept(load, path, HF_RING_AGREEMENT_BYTES, &text, why);
	if (err == HF_OK)
		err = hf_trust_agreement_read(text, &load->ring->arena,
					      &set.document, why);
	if (err == HF_OK)
		err = hf_ring_peek_agreement(set.document, &load->ring->arena,
					     &claim, why);
	if (err != HF_OK)
		return err;
	set.publisher = hf_ring_by_id(load->ring, claim->organisation_id.at);
	if (set.publisher == NULL)
		return hf_why(why, HF_E_UNAUTHENTICATED,
			      "the publisher of '%.100s' is not enrolled",
			      claim->origin);
	err = hf_trust_agreement(set.document, set.publisher->manifest,
				 &load->ring->arena, &set.agreement, why);
	if (err != HF_OK)
		return err;
	hf_ring_file_name(hf_span_of(set.agreement->origin), 0, ".agreement",
			  expected);
	if (strcmp(strrchr(path, '/') + 1, expected) != 0)
		return hf_why(why, HF_E_CONFLICT,
			      "it holds the agreement of '%.100s'",
			      set.agreement->origin);
	set.origin = set.agreement->origin;
	memcpy(set.log_key.bytes, set.agreement->log_key.at,
	       sizeof(set.log_key.bytes));
	memcpy(set.cosigner_key.bytes, set.agreement->cosigner_key.at,
	       sizeof(set.cosigner_key.bytes));
	set.cosigner_name = set.agreement->cosigner_name;
	set.is_own = set.publisher->is_self;
	set.is_followed =
		set.is_own ||
		hf_ring_is_followed(load->ring, hf_span_of(set.origin));
	*out_set = set;
	return HF_OK;
}

static enum hf_err load_agreement(struct load *load, const char *path,
				  struct hf_why *why)
{
	struct hf_why reason = { "" };
	struct hf_ring_set set;
	enum hf_err err;

	err = read_agreement(load, path, &set, &reason);
	if (err != HF_OK)
		return forgive(load, path, err, &reason, why);
	return add_row(&load->ring->sets, &set, sizeof(set), why);
}

static int by_origin(const void *a, const void *b)
{
	return strcmp(((const struct hf_ring_set *)a)->origin,
		      ((const struct hf_ring_set *)b)->origin);
}

static enum hf_err load_follows(struct load *load, struct hf_why *why)
{
	struct hf_why reason = { "" };
	struct hf_span text;
	enum hf_err err;

	err = read_kept(load, "follows", HF_RING_FOLLOWS_BYTES, &text, &reason);
	if (err == HF_E_NOTFOUND)
		return HF_OK;
	if (err == HF_OK)
		err = hf_follows_parse(text, &load->ring->arena,
				       &load->ring->follows, &reason);
	if (err != HF_OK)
		load->ring->follows.len_bytes = 0;
	return forgive(load, "follows", err, &reason, why);
}

/* --- Clients. ------------------------------------------------------------ */

static enum hf_err load_issuer(struct load *load, struct hf_why *why)
{
	struct hf_why reason = { "" };
	struct hf_cert_info info;
	struct hf_span text;
	enum hf_err err;

	err = read_kept(load, "clients-ca.crt", HF_CERT_PEM_MAX_BYTES, &text,
			&reason);
	if (err == HF_E_NOTFOUND)
		return HF_OK;
	if (err == HF_OK)
		err = hf_cert_inspect(text, &info, &reason);
	if (err == HF_OK && !info.is_issuer)
		err = hf_why(&reason, HF_E_DENIED, "it cannot issue others");
	if (err != HF_OK)
		return forgive(load, "clients-ca.crt", err, &reason, why);
	load->ring->issuer_pem = text;
	memcpy(load->ring->issuer_fingerprint, info.fingerprint,
	       sizeof(info.fingerprint));
	return HF_OK;
}

/* The name of the file is enough: a revocation never fails to be read. */
static enum hf_err load_revoked(struct load *load, const char *path,
				struct hf_why *why)
{
	const char *name = strrchr(path, '/') + 1;
	struct hf_span digits = hf_span(name, strcspn(name, "."));
	struct hf_why reason = { "" };
	struct hf_ring_serial row = { .len_bytes = digits.len_bytes / 2 };
	struct hf_span text;
	enum hf_err err;

	if (row.len_bytes == 0 || row.len_bytes > sizeof(row.bytes) ||
	    hf_hex_parse(digits, row.bytes, row.len_bytes) != HF_OK) {
		hf_why(&reason, HF_OK, "its name is no serial number");
		return warn(load, path, &reason, why);
	}
	err = read_kept(load, path, 64, &text, &reason);
	if (err == HF_E_NOMEM)
		return no_memory(why);
	if (err == HF_OK && text.len_bytes > 0 &&
	    text.at[text.len_bytes - 1] == '\n')
		text.len_bytes--;
	if (err != HF_OK ||
	    hf_text_u64(text, INT64_MAX, &row.revoked_ms) != HF_OK)
		row.revoked_ms = 0;
	return add_row(&load->ring->revoked, &row, sizeof(row), why);
}

static enum hf_err load_client(struct load *load, const char *path,
			       struct hf_why *why)
{
	struct hf_ring_client client = { 0 };
	const struct hf_ring_serial *revoked;
	struct hf_why reason = { "" };
	struct hf_span text;
	enum hf_err err;

	err = read_kept(load, path, HF_CERT_PEM_MAX_BYTES, &text, &reason);
	if (err == HF_OK)
		err = hf_cert_inspect(text, &client.info, &reason);
	if (err != HF_OK)
		return forgive(load, path, err, &reason, why);
	revoked = hf_ring_revoked(load->ring, client.info.serial,
				  client.info.serial_len_bytes);
	client.is_revoked = revoked != NULL;
	client.revoked_ms = revoked != NULL ? revoked->revoked_ms : 0;
	return add_row(&load->ring->clients, &client, sizeof(client), why);
}

static int by_client(const void *a, const void *b)
{
	const struct hf_ring_client *one = a, *other = b;
	int order = strcmp(one->info.name, other->info.name);

	if (order != 0)
		return order;
	return one->info.not_after_ms < other->info.not_after_ms
		       ? -1
		       : one->info.not_after_ms > other->info.not_after_ms;
}

/* --- All of it. ---------------------------------------------------------- */

static enum hf_err load_all(struct load *load, struct hf_why *why)
{
	struct hf_ring *ring = load->ring;
	enum hf_err err;

	err = load_self(load, why);
	if (err == HF_OK)
		err = each_file(load, "peers", ".peer", load_peer, why);
	if (err == HF_OK)
		err = settle_peers(load, why);
	if (err == HF_OK)
		err = each_file(load, "history", ".manifest", load_past, why);
	if (err == HF_OK)
		err = load_follows(load, why);
	if (err == HF_OK)
		err = each_file(load, "agreements", ".agreement",
				load_agreement, why);
	if (err == HF_OK)
		err = load_issuer(load, why);
	if (err == HF_OK)
		err = each_file(load, "clients", ".revoked", load_revoked, why);
	if (err == HF_OK)
		err = each_file(load, "clients", ".crt", load_client, why);
	if (err != HF_OK)
		return err;
	if (ring->sets.len_bytes > 0)
		qsort(ring->sets.at,
		      HF_RING_COUNT(struct hf_ring_set, ring->sets),
		      sizeof(struct hf_ring_set), by_origin);
	if (ring->clients.len_bytes > 0)
		qsort(ring->clients.at,
		      HF_RING_COUNT(struct hf_ring_client, ring->clients),
		      sizeof(struct hf_ring_client), by_client);
	return HF_OK;
}

enum hf_err hf_ring_load(const char *dir, struct hf_ring **out_ring,
			 struct hf_why *why)
{
	struct hf_ring *ring = calloc(1, sizeof(*ring));
	struct load load = { .ring = ring, .dir = dir };
	enum hf_err err;

	if (ring == NULL)
		return no_memory(why);
	atomic_init(&ring->references, 1);
	hf_arena_init(&ring->arena, HF_RING_MEMORY_MAX_BYTES);
	hf_buf_init(&ring->peers, TABLE_MAX_BYTES);
	hf_buf_init(&ring->invites, TABLE_MAX_BYTES);
	hf_buf_init(&ring->pins, TABLE_MAX_BYTES);
	hf_buf_init(&ring->past, TABLE_MAX_BYTES);
	hf_buf_init(&ring->sets, TABLE_MAX_BYTES);
	hf_buf_init(&ring->follows, TABLE_MAX_BYTES);
	hf_buf_init(&ring->clients, TABLE_MAX_BYTES);
	hf_buf_init(&ring->revoked, TABLE_MAX_BYTES);
	hf_buf_init(&ring->warnings, TABLE_MAX_BYTES);
	hf_buf_init(&load.peers, TABLE_MAX_BYTES);
	err = load_all(&load, why);
	hf_buf_release(&load.peers);
	if (err != HF_OK) {
		hf_ring_release(ring);
		return err;
	}
	*out_ring = ring;
	return HF_OK;
}
