/*
 * Changes of lib/ring that concern sets and our own clients.
 */
#include <stdio.h>
#include <string.h>

#include "bytes.h"
#include "codec_document.h"
#include "text.h"

#include "change.h"
#include "ring.h"
#include "ring_inside.h"
#include "ringdir.h"

/* --- Agreements and follows. --------------------------------------------- */

/* Where a set goes on from never changes; that it was carried over is said
 * once. */
static bool is_same_epoch(const struct hf_agreement *held,
			  const struct hf_agreement *newer)
{
	const struct hf_predecessor *was = held->predecessor;
	const struct hf_predecessor *is = newer->predecessor;

	if (was == NULL || is == NULL)
		return was == is;
	return strcmp(was->origin, is->origin) == 0 && was->size == is->size &&
	       hf_span_equal(was->root, is->root) &&
	       (was->carried_plus_one == 0 ||
		was->carried_plus_one == is->carried_plus_one);
}

/* origin, unless it is NULL, is the one that was asked for. */
static enum hf_err save_agreement(struct hf_ring_change *change,
				  const char *origin, struct hf_span document,
				  struct hf_why *why)
{
	const struct hf_agreement *agreement;
	const struct hf_organisation *publisher;
	char path[HF_RING_RELATIVE_SIZE];
	const struct hf_ring_set *held;
	struct hf_buf text;
	enum hf_err err;

	err = hf_ring_peek_agreement(document, &change->arena, &agreement, why);
	if (err == HF_OK && origin != NULL &&
	    strcmp(agreement->origin, origin) != 0)
		err = hf_why(why, HF_E_ARGUMENT,
			     "ring: an agreement of '%.100s', not of '%.100s'",
			     agreement->origin, origin);
	if (err != HF_OK)
		return err;
	publisher = hf_ring_by_id(change->ring, agreement->organisation_id.at);
	if (publisher == NULL)
		return hf_why(why, HF_E_UNAUTHENTICATED,
			      "ring: the publisher of '%.100s' is not enrolled",
			      agreement->origin);
	err = hf_trust_agreement(document, publisher->manifest, &change->arena,
				 &agreement, why);
	if (err != HF_OK)
		return err;
	held = hf_ring_set(change->ring, hf_span_of(agreement->origin));
	if (held != NULL && hf_span_equal(held->document, document))
		return HF_OK;
	if (held != NULL && agreement->version <= held->agreement->version)
		return hf_why(why, HF_E_CONFLICT,
			      "ring: version %llu of the agreement of '%.100s' "
			      "is held, this is %llu%s",
			      (unsigned long long)held->agreement->version,
			      agreement->origin,
			      (unsigned long long)agreement->version,
			      agreement->version == held->agreement->version
				      ? " with another text"
				      : "");
	if (held != NULL && agreement->kind != held->agreement->kind)
		return hf_why(why, HF_E_CONFLICT,
			      "ring: '%.100s' is a set of kind %u, version "
			      "%llu of its agreement says %u; what a set is "
			      "never changes",
			      agreement->origin,
			      (unsigned)held->agreement->kind,
			      (unsigned long long)agreement->version,
			      (unsigned)agreement->kind);
	if (held != NULL && !is_same_epoch(held->agreement, agreement))
		return hf_why(why, HF_E_CONFLICT,
			      "ring: version %llu of the agreement of '%.100s' "
			      "says something else of the epoch before it",
			      (unsigned long long)agreement->version,
			      agreement->origin);
	hf_buf_init(&text, HF_RING_AGREEMENT_BYTES);
	err = hf_trust_agreement_write(document, &text, why);
	hf_ring_path_of("agreements", hf_span_of(agreement->origin), 0,
			".agreement", path);
	if (err == HF_OK)
		err = hf_ring_put_file(change, path, hf_buf_span(&text), why);
	hf_buf_release(&text);
	return err;
}

enum hf_err hf_ring_save_agreement(const char *dir, struct hf_span document,
				   struct hf_why *why)
{
	return hf_ring_save_agreement_of(dir, NULL, document, why);
}

enum hf_err hf_ring_save_agreement_of(const char *dir, const char *origin,
				      struct hf_span document,
				      struct hf_why *why)
{
	struct hf_ring_change change;
	enum hf_err err;

	err = hf_ring_change_begin(dir, &change, why);
	if (err != HF_OK)
		return err;
	err = save_agreement(&change, origin, document, why);
	hf_ring_change_end(&change);
	return err;
}

static enum hf_err set_follow(const char *dir, struct hf_span origin,
			      bool is_wanted, struct hf_why *why)
{
	const char *const *origins;
	struct hf_ring_change change;
	struct hf_buf text;
	enum hf_err err;
	size_t count;

	if (!hf_text_is_origin(origin))
		return hf_why(why, HF_E_ARGUMENT,
			      "ring: an origin reads domain/set/epoch");
	err = hf_ring_change_begin(dir, &change, why);
	if (err != HF_OK)
		return err;
	hf_buf_init(&text, HF_RING_FOLLOWS_BYTES);
	count = hf_ring_follows(change.ring, &origins);
	for (size_t i = 0; i < count; i++) {
		if (!hf_span_is(origin, origins[i]))
			hf_buf_printf(&text, "%s\n", origins[i]);
	}
	if (is_wanted)
		hf_buf_printf(&text, "%.*s\n", HF_SPAN_ARGS(origin));
	err = hf_buf_failed(&text);
	if (err != HF_OK)
		err = hf_why(why, err, "ring: follows: %s", hf_err_words(err));
	else if (is_wanted != hf_ring_is_followed(change.ring, origin))
		err = hf_ring_put_file(&change, "follows", hf_buf_span(&text),
				       why);
	hf_buf_release(&text);
	hf_ring_change_end(&change);
	return err;
}

enum hf_err hf_ring_follow(const char *dir, struct hf_span origin,
			   struct hf_why *why)
{
	return set_follow(dir, origin, true, why);
}

enum hf_err hf_ring_unfollow(const char *dir, struct hf_span origin,
			     struct hf_why *why)
{
	return set_follow(dir, origin, false, why);
}

enum hf_err hf_ring_invite(const char *dir, struct hf_buf *out_text,
			   struct hf_why *why)
{
	const struct hf_span *history;
	size_t history_count;
	struct hf_ring *ring;
	enum hf_err err;

	err = hf_ring_load(dir, &ring, why);
	if (err != HF_OK)
		return err;
	hf_ring_invite_of(ring, hf_ring_self(ring), &history, &history_count);
	err = hf_trust_invite_make(hf_ring_self(ring)->document, history,
				   history_count, out_text, why);
	hf_ring_release(ring);
	return err;
}

/* --- Clients. ------------------------------------------------------------ */

static void client_path(const uint8_t *serial, size_t len_bytes,
			const char *suffix,
			char out_path[HF_RING_RELATIVE_SIZE])
{
	char hex[2 * HF_CERT_SERIAL_MAX_BYTES + 1];

	hf_hex(serial, len_bytes, hex);
	snprintf(out_path, HF_RING_RELATIVE_SIZE, "clients/%s%s", hex, suffix);
}

enum hf_err hf_ring_save_client(const char *dir, struct hf_span pem,
				struct hf_why *why)
{
	char path[HF_RING_RELATIVE_SIZE];
	struct hf_cert_info info;
	struct hf_ring_change change;
	enum hf_err err;

	err = hf_ring_change_begin(dir, &change, why);
	if (err != HF_OK)
		return err;
	if (!hf_ring_has_clients(change.ring)) {
		err = hf_why(why, HF_E_NOTFOUND,
			     "ring: no certificate of a client-issuing key");
		goto out;
	}
	err = hf_cert_inspect(pem, &info, why);
	/* Whatever its dates: ours it must be. */
	if (err == HF_OK)
		err = hf_cert_client_verify(change.ring->issuer_pem, pem,
					    info.not_before_ms, &info, why);
	if (err != HF_OK)
		goto out;
	client_path(info.serial, info.serial_len_bytes, ".crt", path);
	err = hf_ring_put_file(&change, path, pem, why);
out:
	hf_ring_change_end(&change);
	return err;
}

enum hf_err hf_ring_revoke_client(const char *dir, struct hf_span serial,
				  uint64_t now_ms, struct hf_why *why)
{
	char path[HF_RING_RELATIVE_SIZE], when[32];
	const struct hf_ring_client *clients;
	struct hf_ring_change change;
	bool is_known = false;
	enum hf_err err;
	size_t count;

	err = hf_ring_change_begin(dir, &change, why);
	if (err != HF_OK)
		return err;
	count = hf_ring_clients(change.ring, &clients);
	for (size_t i = 0; i < count && !is_known; i++)
		is_known = hf_span_equal(
			serial, hf_span(clients[i].info.serial,
					clients[i].info.serial_len_bytes));
	if (!is_known) {
		err = hf_why(why, HF_E_NOTFOUND,
			     "ring: no client certificate with that serial");
	} else if (hf_ring_revoked(change.ring, serial.at, serial.len_bytes) ==
		   NULL) {
		client_path(serial.at, serial.len_bytes, ".revoked", path);
		snprintf(when, sizeof(when), "%llu\n",
			 (unsigned long long)now_ms);
		err = hf_ring_put_file(&change, path, hf_span_of(when), why);
	}
	hf_ring_change_end(&change);
	return err;
}
