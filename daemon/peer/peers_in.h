/*
 * peers_in.h -- what the files of daemon/peer share: the peers, the links to
 * them, and the sets that are followed.
 *
 * A link is one connection and one session on it: Hello, newer manifests,
 * Tail.  A follow is one set: it takes the largest verified checkpoint that
 * any link has told of, and fetches up to it, from one link at a time.
 *
 * Units    as peers.h.
 * Owns     peers own links and follows.  Whatever is away (a call, a job of
 *          the ledger) counts in its owner's `away`; an owner that is to go
 *          is freed when nothing of it is away any more.
 * Threads  everything here runs on the outbound loop, but what says
 *          otherwise.
 * Errors   end in hf_link_fail() or in the follow's next try.
 * Source   daemon/DESIGN.md.
 */
#ifndef HF_PEERS_IN_H
#define HF_PEERS_IN_H

#include <pthread.h>

#include "codec_federation.h"
#include "intake.h"
#include "ledger_view.h"
#include "note.h"
#include "peers.h"
#include "ring.h"
#include "rpc.h"
#include "rpc_client.h"
#include "set_keys.h"
#include "sha256.h"

/* A peer that failed is left alone for this long, doubling up to the most. */
#define HF_LINK_BACKOFF_MIN_MS ((int64_t)1000)
#define HF_LINK_BACKOFF_MAX_MS ((int64_t)300000)

/* One that did what it must not is forgiven when it proved itself, or when
 * nothing more was wrong with it for this long (longer than the longest
 * backoff with its jitter, or failing slowly would be forgiven each time). */
#define HF_LINK_FORGIVE_MS ((uint64_t)600000)

/* What a peer may tell us to remember: notes are a few hundred bytes. */
#define HF_LINK_NOTES_MAX_BYTES ((size_t)16 * 1024 * 1024)

/* Notes on their way to the loop. */
#define HF_TOLD_MAX 4096

/* Others' manifests of a peer that we cannot take, before it is to blame. */
#define HF_LINK_UNTAKEN_MAX 64

/* A manifest that a peer told of. */
struct hf_link_manifest {
	uint8_t organisation_id[HF_HASH_BYTES];
	uint64_t version;
};

/* A set that a peer told of. */
struct hf_link_set {
	struct hf_link_set *next;
	char origin[HF_ORIGIN_MAX_BYTES + 1];
	uint64_t size; /* of the latest note, believed or not */
	uint64_t agreement_version;
	struct hf_span note; /* owned; the latest, empty when used up */
	uint64_t time_s; /* of the latest that was verified; under the lock */
	uint8_t told_digest[HF_SHA256_BYTES]; /* of the latest; under the lock
					       */
};

/* A set of which a peer tells what the agreement that we hold does not let
 * count, and another that it showed does: it is not to blame, and is not asked
 * for that set for a while. */
struct hf_doubt {
	struct hf_doubt *next;
	char origin[HF_ORIGIN_MAX_BYTES + 1];
	uint64_t held_version; /* of our agreement then */
	uint64_t until_us;     /* monotonic */
	int64_t wait_ms;
	struct hf_why why;
};

/* What a peer knows of a set, because it told us or we told it. */
struct hf_gossip_mark {
	struct hf_gossip_mark *next;
	char origin[HF_ORIGIN_MAX_BYTES + 1];
	uint8_t note_digest[HF_SHA256_BYTES]; /* hf_gossip_digest(); or zeros */
	bool has_evidence;
	uint64_t receipts_told; /* up to this number */
	bool is_asked;          /* by the call that runs, and not answered */
};

struct hf_link {
	struct hf_link *next;
	struct hf_peers *peers; /* borrowed */
	uint8_t organisation_id[HF_HASH_BYTES];
	char name[HF_DOMAIN_MAX_BYTES + 1];
	char endpoint[HF_ENDPOINT_MAX_BYTES + 1];
	struct hf_rpc_channel *channel; /* owned */
	struct hf_link_set *sets;       /* owned; under peers->lock to change */
	size_t sets_count;
	size_t notes_bytes;
	struct hf_doubt *doubts;      /* likewise; over sessions */
	struct hf_offer *offers;      /* owned */
	struct hf_gossip_mark *marks; /* owned */
	struct hf_rpc_timer gossip;
	bool is_gossiping;
	struct hf_rpc_call *tail; /* a reference, while it runs */
	struct hf_rpc_timer retry;
	int64_t backoff_ms;
	unsigned away;     /* calls */
	unsigned own_away; /* of these, questions about sets of ours */
	bool is_up;        /* the connection is */
	bool is_going;     /* closed */
	bool is_in_session;
	bool is_due;     /* a session, as soon as the last one is all back */
	bool is_filling; /* it is asked for payloads that are missing */
	bool is_asking;  /* a question of the session's beginning is out */
	uint8_t asked_id[HF_HASH_BYTES]; /* whose manifest, when it is that */
	uint64_t asked_version;
	struct hf_link_manifest *manifests; /* owned: what it told last */
	size_t manifests_count;
	/* Of these it gave others' that do not go on from ours, until the ring
	 * changes: whose doing that is cannot be told. */
	struct hf_link_manifest untaken[HF_LINK_UNTAKEN_MAX];
	size_t untaken_count;
	bool is_blamed;       /* it did what it must not */
	uint64_t blamed_us;   /* when, monotonic */
	struct hf_why logged; /* the last cause, so that it is said once */
	/* Until then, monotonic, hearing of it does not shorten a wait; and how
	 * long next time, while it does not answer. */
	uint64_t hurry_after_us;
	int64_t hurry_ms;
	/* Under peers->lock. */
	bool is_away;  /* the last attempt failed */
	bool is_heard; /* the peer came to us meanwhile */
	uint64_t seen_ms;
	uint64_t entries_received;
	struct hf_why problem;
	uint64_t refused; /* answers that did not verify */
};

struct hf_follow {
	struct hf_follow *next;
	struct hf_peers *peers; /* borrowed */
	char origin[HF_ORIGIN_MAX_BYTES + 1];
	uint32_t set;               /* the ledger's */
	struct hf_set_pair keys;    /* of the note looked at last */
	uint64_t agreement_version; /* looked at last; 0: none yet */
	const struct hf_note_witnesses *witnesses; /* borrowed, or NULL */
	bool is_witness;                           /* we cosign it */
	bool is_blind;                             /* and have no entry of it */
	bool is_own;                               /* ours, fetched back */
	uint64_t told_size; /* of ours, by anyone; under peers->lock */
	bool is_cosigning;
	uint64_t cosigned_s; /* the publisher's time on what we cosigned last */
	/* Of a set that asks for witnesses, owned: the largest note that lacks
	 * cosignatures, and the largest that has them and was not fetched. */
	struct hf_span waiting;
	struct hf_span ready;
	uint64_t looked_ahead; /* headers below this were looked at */
	/* What is signed beyond is void, by the agreement of a later epoch. */
	uint64_t void_from;
	bool cannot_store; /* our disk could not take what came last */
	/* The last proof of growth that verified: the signer wants it too. */
	uint64_t proof_from;
	struct hf_tree_proof proof;
	/* Who had what was fetched last, id; zeros: nothing was yet. */
	uint8_t came_from[HF_HASH_BYTES];
	/* The fetch that is under way. */
	struct hf_link *source; /* borrowed; NULL: idle */
	struct hf_span note;    /* owned: the checkpoint fetched up to */
	uint64_t size;
	struct hf_tree_hash root;
	uint64_t time_s; /* of the publisher's cosignature */
	struct hf_intake intake;
	struct hf_arena arena;    /* of the message at hand */
	struct hf_rpc_call *call; /* a reference, while it runs */
	unsigned away;            /* calls and jobs of the ledger */
	unsigned jobs;            /* jobs of the ledger */
	bool is_paused;           /* the call, by us */
	bool is_going;
	bool has_ended;  /* we were taken out of it */
	bool has_failed; /* the fetch is over when nothing is away */
	enum hf_err err;
	struct hf_why why;
	struct hf_rpc_timer retry;
	struct hf_rpc_timer stall; /* armed while a chunk is awaited */
	struct hf_rpc_timer ahead; /* armed while the index is */
	int64_t retry_ms;          /* the next wait after a failure */
	uint64_t range_first;      /* where the call that runs began */
};

struct hf_peers {
	struct hf_peers_options options;
	struct hf_rpc_task reconcile;
	struct hf_rpc_task offer;
	struct hf_rpc_task ask_own;
	struct hf_rpc_task gossip;
	struct hf_rpc_task gossip_again;
	struct hf_rpc_task heard;
	struct hf_rpc_task look;
	struct hf_ledger_follower *follower;
	struct hf_link *links;
	/* Closed ones: a handshake may still ask whom they wanted, so they stay
	 * in memory until the loop is gone. */
	struct hf_link *closed;
	struct hf_follow *follows;
	struct hf_follow *own;        /* sets of ours that are fetched back */
	struct hf_mend *mends;        /* owned; the first one is under way */
	struct hf_unmended *unmended; /* owned; of these it was said */
	size_t unmended_count;
	struct hf_fill *fills; /* owned; sets whose payloads are missing */
	struct hf_rpc_task fill_task;
	struct hf_rpc_timer fill_timer; /* until the next look is due */
	bool must_search;               /* for such sets; under lock */
	bool must_fill_now;             /* whatever the waits; under lock */
	unsigned going;      /* follows that were closed and are not free yet */
	unsigned told_count; /* notes on their way to the loop; under lock */
	bool is_stopping;
	pthread_mutex_t lock; /* guards what other threads look at */
	pthread_cond_t gone;
	bool is_gone;
};

/* --- links ---------------------------------------------------------------- */

HF_MUST enum hf_err hf_link_new(struct hf_peers *peers,
				const struct hf_organisation *peer,
				const char *endpoint,
				struct hf_link **out_link);

/* End everything of it; hf_link_free() once the loop is gone. */
void hf_link_close(struct hf_link *link);
void hf_link_free(struct hf_link *link);

/* The peer did something that it must not, or does not answer: say so once,
 * end the session and come back later. */
void hf_link_fail(struct hf_link *link, enum hf_err err,
		  const struct hf_why *why);

/* A call of it came back. */
void hf_link_back(struct hf_link *link);

/* The peer is there, by its own word: what waits to be tried again is tried
 * now, unless it waits for what the peer did. */
void hf_link_heard(struct hf_link *link);

/* It answered as it should. */
void hf_link_well(struct hf_link *link);

/* What it sent was proven: whatever it did before is forgotten. */
void hf_link_proven(struct hf_link *link);

/* So many entries came from it. */
void hf_link_received(struct hf_link *link, size_t entries_count);

/* Is this error the doing of whoever sent the bytes? */
bool hf_link_is_to_blame(enum hf_err err);

/* --- who is to blame (doubt.c) -----------------------------------------------
 */

/* The link's note of the set did not verify, why says how.  Whoever is not its
 * publisher is asked for his agreement first, and is blamed unless the note is
 * right by that one.  False: nobody was asked. */
bool hf_follow_doubt(struct hf_follow *follow, struct hf_link *link,
		     const struct hf_note *note, const struct hf_why *why);

/* For now the link's notes of the set are not looked at. */
bool hf_follow_leaves_alone(struct hf_follow *follow,
			    const struct hf_link *link);

/* What it tells of the set may be of another tree than what we hold. */
bool hf_link_is_doubted(const struct hf_link *link, const char *origin);

/* A note of it was verified, or nobody follows the set any more. */
void hf_link_trust(struct hf_link *link, const char *origin);
void hf_doubts_free(struct hf_link *link);

/* --- what a link was told of (link_tail.c) ---------------------------------
 */

/* NULL when the peer did not tell of it in this session. */
struct hf_link_set *hf_link_set(struct hf_link *link, const char *origin);

/* The same, made when it is missing.  LIMIT for a peer that tells too much. */
HF_MUST enum hf_err hf_link_add_set(struct hf_link *link, const char *origin,
				    struct hf_link_set **out_set);

/* Copies note, which is not empty.  LIMIT for a peer that tells too much. */
HF_MUST enum hf_err hf_link_set_note(struct hf_link *link,
				     struct hf_link_set *set,
				     struct hf_span note);

/* Its note is used up. */
void hf_link_drop_note(struct hf_link *link, const char *origin);

/* A note that it told of the set was verified, and has this time. */
void hf_link_verified(struct hf_link *link, const char *origin,
		      uint64_t time_s);

/* It told of these manifests: ask for what is newer than ours. */
void hf_link_manifests(struct hf_link *link,
		       const struct hf_manifest_mark *marks, size_t count);

/* Everything that it told is from another session. */
void hf_link_forget(struct hf_link *link);

/* Hear of checkpoints, the last step of a session's beginning. */
void hf_link_tail(struct hf_link *link);

/* A unary question.  on_answer is called once, with HF_OK and the reply or
 * with the error. */
struct hf_link_ask {
	struct hf_link *link;
	void *owner;
	void (*on_answer)(void *owner, enum hf_err err, struct hf_span reply,
			  const struct hf_why *why);
	struct hf_span reply; /* owned copy */
	struct hf_span request;
};

HF_MUST enum hf_err hf_link_ask(struct hf_link *link, const char *path,
				struct hf_span request, void *owner,
				void (*on_answer)(void *owner, enum hf_err err,
						  struct hf_span reply,
						  const struct hf_why *why));

/* The one message of a GetChunks call that was opened. */
void hf_link_ask_chunks(struct hf_rpc_call *call,
			const struct hf_get_chunks_request *request);

/* --- our own sets (ask_own.c) ----------------------------------------------
 */

/* What does it hold of them?  When it is one of those to ask. */
void hf_link_ask_own(struct hf_link *link);

/* Has it agreements of ours that we lost, or of epochs that follow? */
void hf_link_ask_agreements(struct hf_link *link);
void hf_peers_ask_own_init(struct hf_peers *peers);

/* A note of ours that was verified has so many entries. */
void hf_follow_own_told(struct hf_follow *follow, uint64_t size);

/* How many entries of a set are here, signed or not. */
static inline uint64_t hf_follow_held(const struct hf_ledger_info *info)
{
	return info->size + info->unsigned_count;
}

/* --- gossip (gossip.c) ------------------------------------------------------
 */

/* Compare checkpoints with this peer in a moment: what it may not know yet. */
void hf_gossip_soon(struct hf_link *link);
void hf_gossip_init(struct hf_link *link);
void hf_gossip_forget(struct hf_link *link);
void hf_peers_gossip_init(struct hf_peers *peers);

/* The peer told of this note itself. */
void hf_gossip_told(struct hf_link *link, const char *origin,
		    struct hf_span note);

/* --- offers ----------------------------------------------------------------
 */

/* We cannot be dialled: bring our sets to the peers that may have them. */
void hf_offers_look(struct hf_link *link);
void hf_offers_free(struct hf_link *link);

/* --- follows -------------------------------------------------------------- */

HF_MUST enum hf_err hf_follow_new(struct hf_peers *peers, const char *origin,
				  struct hf_follow **out_follow);

/* A set of our own, which the ledger has: it is followed from whoever holds
 * more of it than we do. */
HF_MUST enum hf_err hf_follow_new_own(struct hf_peers *peers,
				      const char *origin, uint32_t set,
				      struct hf_follow **out_follow);
void hf_follow_close(struct hf_follow *follow);

/* Look whether a link has something newer than what we hold, and fetch it. */
void hf_follow_look(struct hf_follow *follow);

/* A link told of the set, or that it ended for us; or another agreement says
 * whose word counts. */
void hf_follow_told(struct hf_follow *follow, struct hf_link *link);
void hf_follow_heed_names(struct hf_follow *follow);
void hf_follow_ended(struct hf_follow *follow, struct hf_link *link);

/* What was remembered of it: before anything is told. */
void hf_follow_recall_end(struct hf_follow *follow);

/* The link is going: stop what comes from it. */
void hf_follow_without(struct hf_follow *follow, struct hf_link *link);

/* A link that may pass the set on and told of so many entries; NULL. */
struct hf_link *hf_follow_link_with(struct hf_follow *follow, uint64_t size);

/* --- witnesses (witness.c) --------------------------------------------------
 */

/* Verify a note with all keys that count; from here follow->keys are its own.
 * may_apply: enough have cosigned. */
HF_MUST enum hf_err
hf_follow_open_note(struct hf_follow *follow, struct hf_span bytes,
		    struct hf_note *out_note, uint64_t *out_time_s,
		    bool *out_may_apply, struct hf_why *why);

/* Take the keys that count for this note. */
HF_MUST enum hf_err hf_follow_take_keys(struct hf_follow *follow,
					const struct hf_note *note,
					struct hf_why *why);

/* Keep what a note adds to the one held of the same tree. */
void hf_follow_improve(struct hf_follow *follow, struct hf_span bytes);

/* Remember a note until enough have cosigned it: then it is `ready`. */
void hf_follow_collect(struct hf_follow *follow, struct hf_span bytes);
void hf_follow_drop_waiting(struct hf_follow *follow);

/* Cosign a note that was seen, when we are a witness and have not yet. */
void hf_follow_cosign(struct hf_follow *follow, struct hf_span bytes);

/* A verified note that came by another way than Tail. */
void hf_follow_note(struct hf_follow *follow, struct hf_span bytes);

/* --- mending (mend.c) -------------------------------------------------------
 */

/* End what is under way, forget the rest; hf_mends_free() once the loop is
 * gone. */
void hf_mends_drop(struct hf_peers *peers);
void hf_mends_free(struct hf_peers *peers);

/* --- payloads that are missing (fill.c) -------------------------------------
 */

void hf_peers_fill_init(struct hf_peers *peers);

/* Ask those whose turn it is, soon. */
void hf_fills_look(struct hf_peers *peers);

/* More of a set may be missing than before, as this link (or NULL) gave it. */
void hf_fills_heed(struct hf_peers *peers, uint32_t set,
		   const struct hf_link *gave);

/* A link told of a set; is_new: for the first time in its session.  follow may
 * be NULL. */
void hf_fills_told(struct hf_peers *peers, const struct hf_follow *follow,
		   const char *origin, bool is_new);

/* End what is under way, forget the rest. */
void hf_fills_drop(struct hf_peers *peers);

/* --- looking ahead (ahead.c) ------------------------------------------------
 */

/* Of what waits for cosignatures, look at the headers: what takes entries back
 * counts at once. */
void hf_follow_ahead(struct hf_follow *follow, struct hf_link *link,
		     const struct hf_note *note, uint64_t applied);

/* --- peers ---------------------------------------------------------------- */

/* In a moment each follow looks: what one link failed to bring may be had
 * from another. */
void hf_peers_look(struct hf_peers *peers);

/* Something of theirs was freed: are they all gone? */
void hf_peers_check_gone(struct hf_peers *peers);

struct hf_follow *hf_peers_follow(struct hf_peers *peers, const char *origin);

/* Nothing is to be begun any more. */
bool hf_peers_is_stopping(struct hf_peers *peers);

#endif /* HF_PEERS_IN_H */
