/*
 * ringdir.h -- every change of lib/ring: one file replaced as a whole, under
 * the directory's lock, after the same checks that reading it makes.
 *
 * hashfed-key and the daemon both write here; the daemon notices by inotify
 * and reads the ring again.  On success the change is on disk.
 *
 * Units    milliseconds since 1970 UTC; dir is the path of lib/ring.
 * Owns     nothing.
 * Threads  any, and any process: flock(2) on the directory.
 * Errors   those of trust.h; CONFLICT for what contradicts the ring (an older
 *          version, a name or key that another peer has), EXISTS for what is
 *          there already, NOTFOUND, EXPIRED, DENIED, FULL, SYSTEM.
 * Source   proto/SPEC.md section 7; paths: ring.h.
 */
#ifndef HF_RINGDIR_H
#define HF_RINGDIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "err.h"
#include "limit.h"
#include "span.h"
#include "trust.h"

/* Nothing in lib/ring is secret, but who our peers are is nobody's business:
 * the directory is closed to others, and its files can be read by whoever may
 * enter, so that root may write for the daemon's user. */
#define HF_RING_DIR_MODE  0750
#define HF_RING_FILE_MODE 0644

/* An empty ring with our first manifest and the certificate of our
 * client-issuing key: makes dir and all in it; EXISTS when there is one. */
HF_MUST enum hf_err hf_ring_create(const char *dir, struct hf_span manifest,
				   struct hf_span clients_ca_pem,
				   struct hf_why *why);

/* What we decide about a peer. */
struct hf_ring_peer_options {
	bool is_silent;
	bool replaces;        /* take over the name of a lost organisation */
	const char *endpoint; /* "host:port", or NULL */
	uint64_t now_ms;
};

/* The fingerprint to compare with the invite's owner before saving it; the
 * domain goes to out_name. */
HF_MUST enum hf_err
hf_ring_invite_fingerprint(const char *dir, struct hf_span invite,
			   char out_fingerprint[static HF_FINGERPRINT_SIZE],
			   char out_name[static HF_DOMAIN_MAX_BYTES + 1],
			   struct hf_why *why);

/* Enrol.  DENIED unless typed has the 40 digits of the pair; EXPIRED when
 * either manifest is.  Saving a peer again changes the options. */
HF_MUST enum hf_err
hf_ring_save_peer(const char *dir, struct hf_span invite, struct hf_span typed,
		  const struct hf_ring_peer_options *options,
		  struct hf_why *why);

/* Put a peer out, with its agreements and its history. */
HF_MUST enum hf_err hf_ring_remove_peer(const char *dir, struct hf_span name,
					struct hf_why *why);

/* A newer manifest of ourselves or of a peer: exactly the next version, or
 * the held one again (HF_OK, nothing written).  UNAVAILABLE when versions in
 * between are missing: get those first. */
HF_MUST enum hf_err hf_ring_save_manifest(const char *dir,
					  struct hf_span document,
					  struct hf_why *why);

/* An agreement of ours or of a peer.  CONFLICT for an older version than the
 * held one, another text of the same version, or another kind of set; the held
 * one again is HF_OK and nothing is written.  UNAUTHENTICATED when its
 * publisher is no peer. */
HF_MUST enum hf_err hf_ring_save_agreement(const char *dir,
					   struct hf_span document,
					   struct hf_why *why);

/* The same of an answer about one set: ARGUMENT when it is about another, as a
 * peer could go on giving those. */
HF_MUST enum hf_err hf_ring_save_agreement_of(const char *dir,
					      const char *origin,
					      struct hf_span document,
					      struct hf_why *why);

/* Take a set, stop taking it; doing it twice is fine. */
HF_MUST enum hf_err hf_ring_follow(const char *dir, struct hf_span origin,
				   struct hf_why *why);
HF_MUST enum hf_err hf_ring_unfollow(const char *dir, struct hf_span origin,
				     struct hf_why *why);

/* Our own invite, appended. */
HF_MUST enum hf_err hf_ring_invite(const char *dir, struct hf_buf *out_text,
				   struct hf_why *why);

/* Remember a client certificate that we issued. */
HF_MUST enum hf_err hf_ring_save_client(const char *dir, struct hf_span pem,
					struct hf_why *why);

/* End a client certificate of ours; doing it twice is fine.  NOTFOUND for a
 * serial that was never issued here. */
HF_MUST enum hf_err hf_ring_revoke_client(const char *dir,
					  struct hf_span serial,
					  uint64_t now_ms, struct hf_why *why);

#endif /* HF_RINGDIR_H */
