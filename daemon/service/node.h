/*
 * node.h -- what the handlers of a running node share.
 *
 * main.c makes it, in the order of the fields, and takes it apart in reverse.
 * It is what hf_rpc_arg() gives in every handler.
 *
 * Units    started_ms since 1970 UTC.
 * Owns     main.c owns everything; handlers borrow for as long as the servers
 *          run.
 * Threads  the struct does not change while servers run, but for what comes
 *          while a store is migrated, and is not looked at then
 *          (hf_meanwhile_is_on()); each part says in its own header which
 *          threads may use it.
 * Errors   none.
 * Source   daemon/DESIGN.md.
 */
#ifndef HF_NODE_H
#define HF_NODE_H

#include <stdatomic.h>
#include <stdint.h>

#include "conf.h"
#include "layout.h"
#include "span.h"

struct hf_agent;
struct hf_applied_say;
struct hf_aging;
struct hf_audit;
struct hf_breaker;
struct hf_cases;
struct hf_cosigned;
struct hf_desk;
struct hf_epochs;
struct hf_erasure;
struct hf_errands;
struct hf_expiry;
struct hf_feed;
struct hf_forks;
struct hf_hold;
struct hf_index;
struct hf_journal;
struct hf_ledger;
struct hf_meanwhile;
struct hf_opinions;
struct hf_peers;
struct hf_receipts;
struct hf_replicas;
struct hf_policy;
struct hf_retro;
struct hf_ring_holder;
struct hf_roles;
struct hf_rpc_call;
struct hf_rpc_loop;
struct hf_rpc_trust;
struct hf_scores;
struct hf_tails;
struct hf_vouching;
struct hf_waiting;
struct hf_watches;

#define HF_NODE_PATH_SIZE (HF_LAYOUT_PATH_SIZE + 64)

struct hf_node {
	const struct hf_conf *conf;
	char ring_dir[HF_NODE_PATH_SIZE];
	char ended_dir[HF_NODE_PATH_SIZE]; /* sets that we were taken out of */
	uint64_t started_ms;
	atomic_bool is_ending;    /* what takes long ends early */
	atomic_bool is_scrubbing; /* scrub.h */
	/* The disk did not take what was brought last: serve_offer.c. */
	atomic_bool is_offer_refused;
	char listen[300]; /* as bound, with the real port */
	struct hf_ring_holder *ring;
	struct hf_agent *agent;
	struct hf_vouching *vouching;
	struct hf_meanwhile *meanwhile; /* NULL: the store was as it should */
	struct hf_ledger *ledger;
	struct hf_forks *forks;       /* evidence of publishers that cheated */
	struct hf_receipts *receipts; /* how far members are */
	struct hf_replicas *replicas; /* what they have of our sets */
	struct hf_cosigned *cosigned;
	struct hf_scores *scores;   /* of callers that brought what is false */
	struct hf_waiting *waiting; /* retractions that are to be written */
	struct hf_policy *policy;
	struct hf_index *index;
	struct hf_index *retracted;   /* hashes our own sets took back */
	struct hf_expiry *expiring;   /* entries that end by the clock */
	struct hf_hold *hold;         /* sets that flooded */
	struct hf_breaker *breaker;   /* entries that hit too often */
	struct hf_opinions *opinions; /* what is thought of entries */
	struct hf_feed *feed;
	struct hf_aging *aging; /* what was said of sets that grow old */
	struct hf_roles *roles; /* who is what */
	struct hf_watches *watches;
	struct hf_cases *cases;
	struct hf_retro *retro; /* NULL where it is off */
	struct hf_erasure *erasure;
	struct hf_desk *desk;     /* where lookups are made */
	struct hf_epochs *epochs; /* of our own sets, carried over */
	struct hf_errands *errands;
	struct hf_errands *case_errands; /* beside each other */
	struct hf_rpc_loop *poller;
	struct hf_rpc_loop *worker;
	struct hf_rpc_loop *outbound;
	struct hf_rpc_trust *trust;
	struct hf_tails *tails;
	struct hf_peers *peers;
	struct hf_applied_say *applied_say; /* how far we are */
	struct hf_audit *audit;             /* who wrote what here */
	struct hf_journal *journal; /* of verdicts; NULL where it is off */
};

/* The node of a call. */
struct hf_node *hf_node_of(const struct hf_rpc_call *call);

/* Read the ring directory again and tell everyone who acts on it: callers
 * that are no longer admitted are cut, peers dialled or dropped, Tail calls
 * and the index told of sets that came or ended.  Waits for the ledger when
 * one of our own sets is new: from main and from errands. */
HF_MUST enum hf_err hf_node_ring_changed(struct hf_node *node,
					 struct hf_why *why);

/* Call it every HF_NODE_TICK_MS: agreements and certificates end by the clock
 * alone, so everyone who acts on the ring looks at it again, checkpoints of our
 * own sets that grow old are signed again, and the log says which ones of
 * others did.  Waits for nothing. */
#define HF_NODE_TICK_MS 60000
void hf_node_tick(struct hf_node *node);

/* Try to write what waits for that; call it every now and then.  Waits for
 * nothing. */
void hf_node_retry(struct hf_node *node);

/* Evidence, who brought false one, receipts, the age of sets, and retractions
 * that wait: for main, once the ledger is there. */
HF_MUST enum hf_err hf_node_forks_open(struct hf_node *node,
				       struct hf_why *why);
void hf_node_forks_close(struct hf_node *node);

/* The origin of one of our own sets, to be written or shared: an origin as it
 * is, or a set name's latest epoch.  NOTFOUND; DENIED for the audit. out_origin
 * has room for HF_ORIGIN_MAX_BYTES and a zero byte. */
HF_MUST enum hf_err hf_node_own_set(struct hf_node *node, const char *name,
				    char *out_origin, uint32_t *out_set,
				    struct hf_why *why);

/* Any set that we hold, by origin or by an own set's name. */
HF_MUST enum hf_err hf_node_set(struct hf_node *node, const char *name,
				char *out_origin, uint32_t *out_set,
				struct hf_why *why);

#endif /* HF_NODE_H */
