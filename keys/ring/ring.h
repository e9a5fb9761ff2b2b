/*
 * ring.h -- whom to trust, and who may have what: one immutable snapshot of
 * lib/ring, read as a whole and replaced as a whole.
 *
 * The ring answers questions.  It never dials, never listens and never writes
 * (ringdir.h does); default deny: what is not in it does not exist.
 *
 * Files, below lib/ring:
 *
 * - self.manifest: our own invite, the manifest and its history;
 * - peers/<domain>.peer: a peer's invite and what we decided about it;
 * - history/<domain>_<n>.manifest: earlier versions, for those who missed one;
 * - agreements/<origin, _ for />.agreement: the newest of each set;
 * - clients-ca.crt: the certificate of our client-issuing key;
 * - clients/<serial>.crt: issued; <serial>.revoked beside it ends it;
 * - follows: origins that we take from others, one a line.
 *
 * Units    milliseconds since 1970 UTC.
 * Owns     hf_ring_load() and hf_ring_holder_get() give the caller a
 *          reference; hf_ring_release() takes it back.  All that a ring hands
 *          out is borrowed until then.
 * Threads  a ring does not change: any number of threads.  A holder has its
 *          own lock.
 * Errors   a damaged file is left out and named by hf_ring_warnings(); only a
 *          self.manifest that does not verify fails the load (CORRUPT,
 *          SIGNATURE, NOTFOUND).
 * Source   proto/SPEC.md sections 7 and 8.
 */
#ifndef HF_RING_H
#define HF_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cert.h"
#include "duty.h"
#include "err.h"
#include "limit.h"
#include "sign.h"
#include "span.h"

struct hf_manifest;  /* proto/codec */
struct hf_agreement; /* proto/codec */
struct hf_ring;

/* Ourselves, or an enrolled peer. */
struct hf_organisation {
	uint8_t id[HF_HASH_BYTES];
	const char *name; /* its domain */
	const struct hf_manifest *manifest;
	struct hf_span document; /* the signed manifest, verbatim */
	uint8_t document_hash[HF_HASH_BYTES];
	bool is_self;
	bool is_silent; /* never dialled */
	const char
		*endpoint; /* dial this instead; NULL: as the manifest says */
	uint64_t added_ms;
};

/* A set that some valid agreement describes, ours or a peer's. */
struct hf_ring_set {
	const char *origin;
	const struct hf_organisation *publisher;
	const struct hf_agreement *agreement;
	struct hf_span document; /* the signed agreement, verbatim */
	struct hf_public_key log_key;
	struct hf_public_key cosigner_key;
	const char *cosigner_name;
	bool is_own;
	bool is_followed; /* always for our own */
};

/* What an organisation may do with a set, weakest first. */
enum hf_right {
	HF_RIGHT_NONE,      /* to it, the set does not exist */
	HF_RIGHT_WITNESS,   /* origin, size and root, no entry */
	HF_RIGHT_RELAY,     /* have it only to pass it on */
	HF_RIGHT_MEMBER,    /* have and match it */
	HF_RIGHT_PUBLISHER, /* it is its own, expired agreement or not */
};

/* Who is at the other end of a connection. */
struct hf_identity {
	unsigned duty; /* exactly one of enum hf_duty */
	uint8_t organisation_id[HF_HASH_BYTES]; /* ours for a client */
	char name[HF_DOMAIN_MAX_BYTES + 1];     /* peer: domain; client: CN */
	uint8_t fingerprint[HF_CERT_PIN_BYTES]; /* of the certificate */
	uint8_t pin[HF_CERT_PIN_BYTES];         /* of its key */
	uint8_t serial[HF_CERT_SERIAL_MAX_BYTES];
	size_t serial_len_bytes;
	/* A client's: fingerprint of the certificate that issued it. */
	uint8_t issuer[HF_CERT_PIN_BYTES];
	uint64_t not_before_ms;
	uint64_t not_after_ms;
};

/* A client certificate that we issued. */
struct hf_ring_client {
	struct hf_cert_info info;
	bool is_revoked;
	uint64_t revoked_ms; /* 0 when not, or not known */
};

HF_MUST enum hf_err hf_ring_load(const char *dir, struct hf_ring **out_ring,
				 struct hf_why *why);

/* One more reference to the same ring. */
struct hf_ring *hf_ring_hold(struct hf_ring *ring);

/* NULL is fine. */
void hf_ring_release(struct hf_ring *ring);

/* Sentences for the operator about what was left out; their number. */
size_t hf_ring_warnings(const struct hf_ring *ring,
			const char *const **out_texts);

/* --- Organisations. ------------------------------------------------------ */

const struct hf_organisation *hf_ring_self(const struct hf_ring *ring);

/* All peers by name, without ourselves; their number. */
size_t hf_ring_peers(const struct hf_ring *ring,
		     const struct hf_organisation **out_peers);

/* Ourselves or a peer; NULL for a stranger. */
const struct hf_organisation *
hf_ring_by_id(const struct hf_ring *ring,
	      const uint8_t id[static HF_HASH_BYTES]);
const struct hf_organisation *hf_ring_by_name(const struct hf_ring *ring,
					      struct hf_span name);

/* The peer whose manifest has this pin; NULL for a stranger and for our own.  A
 * manifest proves no key: of several that have it, it is the one whose domain
 * the certificate names, which only the key's owner can make. */
const struct hf_organisation *
hf_ring_by_pin(const struct hf_ring *ring,
	       const uint8_t pin[static HF_CERT_PIN_BYTES], const char *domain);

/* Version n of a manifest we hold, 0 for the newest; empty when we do not. */
struct hf_span hf_ring_manifest(const struct hf_ring *ring,
				const uint8_t id[static HF_HASH_BYTES],
				uint64_t version);

/* --- Connections. -------------------------------------------------------- */

/* Who shows this certificate: an enrolled peer (by pin, within the dates of
 * the certificate) or a client of ours, not revoked.  UNAUTHENTICATED for
 * anybody else, EXPIRED outside its dates, MALFORMED.  Safe for strangers'
 * bytes and made for the TLS verifier. */
HF_MUST enum hf_err hf_ring_admit(const struct hf_ring *ring,
				  struct hf_span pem, uint64_t now_ms,
				  struct hf_identity *out_identity,
				  struct hf_why *why);

/* Would the one admitted before be admitted by this ring?  For open calls
 * after a reload, and for each call on an old connection. */
bool hf_ring_still_admits(const struct hf_ring *ring,
			  const struct hf_identity *identity, uint64_t now_ms);

/* Are any certificates of our clients accepted? */
bool hf_ring_has_clients(const struct hf_ring *ring);

/* Issued client certificates by name, revoked ones too; their number. */
size_t hf_ring_clients(const struct hf_ring *ring,
		       const struct hf_ring_client **out_clients);

/* --- Sets. --------------------------------------------------------------- */

/* All sets by origin, ours and those that peers' agreements describe, expired
 * ones too; their number. */
size_t hf_ring_sets(const struct hf_ring *ring,
		    const struct hf_ring_set **out_sets);

/* NULL when no valid agreement describes it. */
const struct hf_ring_set *hf_ring_set(const struct hf_ring *ring,
				      struct hf_span origin);

/* The latest epoch that goes on from this one, by an agreement that we hold;
 * NULL without one.  Entries of this one from out_void_from on are void, and
 * out_root, NULL where nothing counts, is what those below it add up to: all
 * are where the later one goes on from an epoch before. */
const struct hf_ring_set *hf_ring_successor(const struct hf_ring *ring,
					    struct hf_span origin,
					    uint64_t *out_void_from,
					    const uint8_t **out_root);

/* Entries from this one on are void by that; UINT64_MAX: none is. */
uint64_t hf_ring_void_from(const struct hf_ring *ring, struct hf_span origin);

/* What organisation id may do with the set now; NONE without a set, without
 * an agreement in force, or when it is not named. */
enum hf_right hf_ring_may_have(const struct hf_ring *ring,
			       struct hf_span origin,
			       const uint8_t id[static HF_HASH_BYTES],
			       uint64_t now_ms);

/* May organisation id pass the set on to other members now?  Always true of
 * the publisher while its agreement is in force. */
bool hf_ring_may_relay(const struct hf_ring *ring, struct hf_span origin,
		       const uint8_t id[static HF_HASH_BYTES], uint64_t now_ms);

/* The sets that organisation id may have in any way now; writes at most max
 * and returns how many there are. */
size_t hf_ring_sets_of(const struct hf_ring *ring,
		       const uint8_t id[static HF_HASH_BYTES], uint64_t now_ms,
		       const struct hf_ring_set **out_sets, size_t max);

/* The peers that may serve the set to us now, its publisher first, silent
 * ones too; writes at most max and returns how many there are. */
size_t hf_ring_sources(const struct hf_ring *ring, struct hf_span origin,
		       uint64_t now_ms,
		       const struct hf_organisation **out_peers, size_t max);

/* Do we take this set?  Known even before its agreement is. */
bool hf_ring_is_followed(const struct hf_ring *ring, struct hf_span origin);

/* Origins followed, sorted, whether or not an agreement is held; their
 * number. */
size_t hf_ring_follows(const struct hf_ring *ring,
		       const char *const **out_origins);

/* --- The current ring. --------------------------------------------------- */

/* Where threads find the snapshot that is in force. */
struct hf_ring_holder;

/* Loads dir once: fails as hf_ring_load() does. */
HF_MUST enum hf_err hf_ring_holder_new(const char *dir,
				       struct hf_ring_holder **out_holder,
				       struct hf_why *why);

/* No thread may use it any more.  NULL is fine. */
void hf_ring_holder_free(struct hf_ring_holder *holder);

/* The ring in force; the caller releases it. */
struct hf_ring *hf_ring_holder_get(struct hf_ring_holder *holder);

/* Read the directory again and put the new ring in force.  On failure the old
 * one stays. */
HF_MUST enum hf_err hf_ring_holder_reload(struct hf_ring_holder *holder,
					  struct hf_why *why);

#endif /* HF_RING_H */
