/*
 * peers.h -- the nodes we dial: for each enrolled peer that has an endpoint,
 * one connection that learns of new checkpoints and fetches what we follow.
 *
 * What arrives is verified before it is stored (daemon/ledger); who may be
 * asked for what, and whose signatures count, says the ring.
 *
 * Units    times in milliseconds since 1970 UTC.
 * Owns     hf_peers_start() gives the caller the peers; hf_peers_stop(), then
 *          hf_peers_free() take them back.  What the options name is borrowed
 *          and outlives them.
 * Threads  start and stop on one thread that is no loop; the rest from any.
 * Errors   what a peer gets wrong is logged once and shown in its status.
 * Source   proto/SPEC.md sections 5 and 9; daemon/DESIGN.md.
 */
#ifndef HF_PEERS_H
#define HF_PEERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "limit.h"
#include "buf.h"
#include "note_witness.h"
#include "rpc.h"
#include "rpc_tls.h"
#include "sha256.h"
#include "span.h"
#include "tree.h"

struct hf_arena;
struct hf_forks;
struct hf_ledger;
struct hf_peers;
struct hf_receipts;
struct hf_ring;
struct hf_ring_holder;
struct hf_rpc_loop;

struct hf_follow;

/* A checkpoint of somebody else's set that we are to cosign as a witness. */
struct hf_cosign {
	struct hf_rpc_task back;  /* peers' own, as the next two */
	struct hf_follow *follow; /* borrowed */
	bool was_asked;
	struct hf_buf note;
	const char *origin;
	uint64_t size;
	struct hf_tree_hash root;
	uint64_t time_s;   /* that its publisher signed */
	uint64_t old_size; /* that the proof is from */
	struct hf_tree_proof proof;
	/* The answer.  PROOF with wanted > 0: a proof from that size would
	 * do. */
	enum hf_err err;
	struct hf_why why;
	uint64_t wanted;
	struct hf_buf line;
};

/* It was answered; on any thread. */
void hf_cosign_done(struct hf_cosign *cosign);

struct hf_peers_options {
	struct hf_ring_holder *ring;
	struct hf_ledger *ledger;
	struct hf_forks *forks;
	struct hf_receipts *receipts;
	struct hf_rpc_loop *outbound; /* POLLS */
	struct hf_rpc_keypair keypair;
	const char *ring_dir;  /* where manifests and agreements are saved */
	const char *ended_dir; /* where ends of sets are remembered; made */
	int64_t timeout_ms;    /* of one question */
	/* A manifest or an agreement was saved: read the ring again.  On the
	 * outbound loop; may call hf_peers_changed(). */
	void (*ring_saved)(void *arg);
	/* A proven RETRACT or ERASE header names this entry, ahead of its
	 * payload: its matches are for review from now on. */
	void (*demote)(void *arg, uint32_t set, uint64_t entry);
	/* A proven entry of a set of cases that the disk has no room for. */
	void (*ahead)(void *arg, uint32_t set, uint64_t index,
		      struct hf_span header, struct hf_span payload);
	/* Lookups find the entries of the set below this one; UINT64_MAX where
	 * nobody looks. */
	uint64_t (*found)(void *arg, uint32_t set);
	/* We were taken out of a set that we follow, or are in it again: told
	 * by its publisher or by a relay that may pass it on.  We would never
	 * hear of a retraction, so it must not be matched on. */
	void (*ended)(void *arg, uint32_t set, bool has_ended);
	/* Whether a peer is to be asked, in each session, what it holds of our
	 * own sets (NULL: none is), and what it said: the note of its largest
	 * checkpoint, borrowed, or nothing.  On the outbound loop. */
	bool (*is_asked)(void *arg, const char *peer);
	void (*own_told)(void *arg, const char *peer, const char *origin,
			 struct hf_span note);
	/* The agreement of a set of ours, or of one that would follow it, as a
	 * peer has it, unchecked, and its checkpoint or nothing; asked for in
	 * each session.  On the outbound loop; NULL: nobody asks. */
	void (*own_agreement)(void *arg, const char *peer, const char *origin,
			      struct hf_span agreement, struct hf_span note);
	/* A peer is not reached, or does not answer: hf_peers_is_away().  On
	 * the outbound loop; NULL: nobody asks. */
	void (*peer_away)(void *arg);
	/* A peer tells of a set that nobody here follows, of cases or the next
	 * epoch of another, and shows its agreement, unchecked.  On the
	 * outbound loop; calls ring_saved() when it takes the set. */
	void (*set_offered)(void *arg, const char *origin,
			    struct hf_span agreement);
	/* Whose cosignatures of a set count, and how many are needed before its
	 * entries are applied; NULL: nobody's.  It stays as it is. */
	const struct hf_note_witnesses *(*witnesses)(void *arg,
						     const char *origin);
	/* Have the signer cosign; ends in hf_cosign_done(), and waits for
	 * nothing. */
	void (*cosign)(void *arg, struct hf_cosign *cosign);
	/* The key that it cosigns with; NULL while it is not known. */
	const struct hf_note_key *(*own_cosigner)(void *arg);
	/* A peer told of a note of a set of ours or of others: verified.  On
	 * the outbound loop; may call hf_peers_told(). */
	void (*note_told)(void *arg, const char *peer, const char *origin,
			  struct hf_span note);
	void *arg;
};

HF_MUST enum hf_err hf_peers_start(const struct hf_peers_options *options,
				   struct hf_peers **out_peers,
				   struct hf_why *why);

/* End every call and connection; returns when none is left.  NULL is fine. */
void hf_peers_stop(struct hf_peers *peers);

/* After the outbound loop is gone.  NULL is fine. */
void hf_peers_free(struct hf_peers *peers);

/* The ring changed: dial who came, drop who went, follow what is followed. */
void hf_peers_changed(struct hf_peers *peers);

/* The peer came to us, so it is there: where our link to it waits to be tried
 * again, it is tried now.  From any thread. */
void hf_peers_heard(struct hf_peers *peers,
		    const uint8_t organisation_id[static HF_HASH_BYTES]);

/* A verified note of a set that may be followed, from any thread: what it has
 * of cosignatures counts.  An empty one: the signer may cosign now what it
 * would not before. */
void hf_peers_told(struct hf_peers *peers, const char *origin,
		   struct hf_span note);

/* There is evidence or a note to tell that may be of use to peers. */
void hf_peers_gossip(struct hf_peers *peers);

/* Tell peers anew what they were told, to hear what they hold. */
void hf_peers_gossip_again(struct hf_peers *peers);

/* Ask once more, now, those whom is_asked names, and of sets of which this
 * store is an old copy everyone who may have them: what they hold more is
 * fetched back. */
void hf_peers_ask_own(struct hf_peers *peers);

/* Ask every peer that may have this set of ours what it holds of it, unless
 * such a question is out.  From any thread; own_told gets the answers. */
void hf_peers_ask_held(struct hf_peers *peers, uint32_t set);

/* What is stored of entries around this one is damaged: have the chunk from a
 * peer, proven, and write it anew.  From any thread; how it ends is logged. */
void hf_peers_mend(struct hf_peers *peers, uint32_t set, uint64_t entry);

/* Payloads may be missing: have them from peers, who are asked again after
 * waits; is_now: whatever these.  From any thread. */
void hf_peers_fill(struct hf_peers *peers, bool is_now);

/* How many entries of a set of ours a peer says to hold, where that was ever
 * more than we do; else 0. */
uint64_t hf_peers_told_of_own(struct hf_peers *peers, const char *origin);

/* What an operator wants to know of a peer. */
struct hf_peer_status {
	bool is_dialled;
	bool is_connected;
	char endpoint[HF_ENDPOINT_MAX_BYTES + 1]; /* "" when not dialled */
	uint64_t seen_ms;                         /* last answer; 0: never */
	uint64_t entries_received;
	struct hf_why problem; /* "" when there is none */
	uint64_t refused; /* answers that did not verify, since the start */
};

/* NOTFOUND for an organisation that is no peer. */
HF_MUST enum hf_err
hf_peers_status(struct hf_peers *peers,
		const uint8_t organisation_id[static HF_HASH_BYTES],
		struct hf_peer_status *out_status);

/* Can this peer (a domain) not be asked now?  The last attempt failed, or we
 * do not dial it; before the first attempt ended it may be there. */
bool hf_peers_is_away(struct hf_peers *peers, const char *peer);

/* How many connections of ours work now. */
size_t hf_peers_connected(struct hf_peers *peers);

/* Sets that peers tell us of and that this ring has not, be they followed: who
 * tells of both takes them from one ring.  Calls each(arg, origin, peer's
 * domain) for every pair. */
void hf_peers_offers(struct hf_peers *peers, const struct hf_ring *ring,
		     void (*each)(void *arg, const char *origin,
				  const char *peer),
		     void *arg);

/* Sets that a peer is not asked for, although it tells of them: what it passes
 * on is right by another agreement than ours.  Calls each(arg, origin, peer's
 * domain, why) for every pair, under a lock. */
void hf_peers_doubts(struct hf_peers *peers,
		     void (*each)(void *arg, const char *origin,
				  const char *peer, const char *why),
		     void *arg);

/* Is this note the last that the peer told us of the set, in the session that
 * we have with it? */
bool hf_peers_has_told(struct hf_peers *peers,
		       const uint8_t organisation_id[static HF_HASH_BYTES],
		       const char *origin,
		       const uint8_t digest[static HF_SHA256_BYTES]);

/* The newest checkpoint that a peer told of a set that is followed, verified,
 * by its publisher's time. */
struct hf_peer_word {
	const char *peer; /* its domain, in the arena as the next */
	const char *origin;
	uint64_t time_s;
};

/* Of every peer and set; what the arena has no room for is left out. */
size_t hf_peers_words(struct hf_peers *peers, struct hf_arena *arena,
		      const struct hf_peer_word **out_words);

#endif /* HF_PEERS_H */
