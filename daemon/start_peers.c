#include "cases.h"
#include "cosigned.h"
#include "feed.h"
#include "log.h"
#include "mailbox.h"
#include "peers.h"
#include "replicas.h"

#include "start.h"
#include "own_back.h"
#include "vouch.h"

static void on_ring_saved(void *arg)
{
	struct hf_node *node = arg;
	struct hf_why why = { "" };

	if (hf_node_ring_changed(node, &why) != HF_OK)
		hf_log(HF_LOG_ERROR, "ring", "not read", "why=\"%s\"",
		       why.text);
}

static void on_demote(void *arg, uint32_t set, uint64_t entry)
{
	struct hf_node *node = arg;
	struct hf_why why = { "" };

	if (hf_feed_demote(node->feed, set, entry, &why) != HF_OK)
		hf_log(HF_LOG_ERROR, "feed", "not demoted", "why=\"%s\"",
		       why.text);
}

static void on_ahead(void *arg, uint32_t set, uint64_t index,
		     struct hf_span header, struct hf_span payload)
{
	const struct hf_node *node = arg;

	hf_cases_ahead(node->cases, set, index, header, payload);
}

static uint64_t on_found(void *arg, uint32_t set)
{
	struct hf_node *node = arg;

	return hf_feed_found(node->feed, set);
}

static void on_ended(void *arg, uint32_t set, bool has_ended)
{
	struct hf_node *node = arg;

	hf_feed_end(node->feed, set, has_ended);
}

static bool on_is_asked(void *arg, const char *peer)
{
	struct hf_node *node = arg;

	return hf_vouch_is_asked(node->vouching, peer);
}

static void on_peer_away(void *arg)
{
	struct hf_node *node = arg;

	hf_vouch_away(node->vouching);
}

static void on_own_agreement(void *arg, const char *peer, const char *origin,
			     struct hf_span agreement, struct hf_span note)
{
	hf_own_back(arg, peer, origin, agreement, note);
}

static void on_own_told(void *arg, const char *peer, const char *origin,
			struct hf_span note)
{
	struct hf_node *node = arg;

	hf_vouch_told(node->vouching, peer, origin, note);
	hf_replicas_told(node->replicas, peer, origin, note);
}

static void on_set_offered(void *arg, const char *origin,
			   struct hf_span agreement)
{
	if (hf_mailbox_take(arg, origin, agreement))
		on_ring_saved(arg);
}

enum hf_err hf_start_peers(struct hf_start *start, struct hf_why *why)
{
	struct hf_node *node = &start->node;
	struct hf_peers_options options = {
		.ring = node->ring,
		.ledger = node->ledger,
		.forks = node->forks,
		.receipts = node->receipts,
		.outbound = node->outbound,
		.keypair = { start->key_pem, start->cert_pem },
		.ring_dir = node->ring_dir,
		.ended_dir = node->ended_dir,
		.timeout_ms = (int64_t)start->conf->peer_timeout_ms,
		.ring_saved = on_ring_saved,
		.demote = on_demote,
		.ahead = on_ahead,
		.found = on_found,
		.ended = on_ended,
		.is_asked = on_is_asked,
		.own_told = on_own_told,
		.own_agreement = on_own_agreement,
		.peer_away = on_peer_away,
		.set_offered = on_set_offered,
		.arg = node,
	};
	enum hf_err err;

	hf_cosigned_options(&options);
	err = hf_peers_start(&options, &node->peers, why);

	if (err == HF_OK)
		hf_vouching_start(node->vouching);
	return err;
}
