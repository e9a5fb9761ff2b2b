#include <stdlib.h>
#include <string.h>

#include "codec_document.h"
#include "log.h"

#include "peers_in.h"

static const char *endpoint_of(const struct hf_organisation *peer)
{
	if (peer->is_silent)
		return NULL;
	if (peer->endpoint != NULL)
		return peer->endpoint;
	return peer->manifest->endpoints_count > 0
		       ? peer->manifest->endpoints[0]
		       : NULL;
}

static struct hf_link *link_to(struct hf_peers *peers, const uint8_t *id)
{
	struct hf_link *link = peers->links;

	while (link != NULL &&
	       memcmp(link->organisation_id, id, HF_HASH_BYTES) != 0)
		link = link->next;
	return link;
}

/* Links to peers that went, or that are dialled elsewhere now. */
static void drop_links(struct hf_peers *peers, const struct hf_ring *ring)
{
	struct hf_link **at = &peers->links;

	while (*at != NULL) {
		struct hf_link *link = *at;
		const struct hf_organisation *peer =
			ring != NULL
				? hf_ring_by_id(ring, link->organisation_id)
				: NULL;
		const char *endpoint = peer != NULL ? endpoint_of(peer) : NULL;

		if (endpoint != NULL && strcmp(endpoint, link->endpoint) == 0) {
			at = &link->next;
			continue;
		}
		pthread_mutex_lock(&peers->lock);
		*at = link->next;
		link->next = peers->closed;
		peers->closed = link;
		pthread_mutex_unlock(&peers->lock);
		hf_link_close(link);
	}
}

static void add_links(struct hf_peers *peers, const struct hf_ring *ring)
{
	const struct hf_organisation *all;
	size_t count = hf_ring_peers(ring, &all);

	for (size_t i = 0; i < count; i++) {
		const char *endpoint = endpoint_of(&all[i]);
		struct hf_link *link;

		if (endpoint == NULL || link_to(peers, all[i].id) != NULL ||
		    hf_link_new(peers, &all[i], endpoint, &link) != HF_OK)
			continue;
		pthread_mutex_lock(&peers->lock);
		link->next = peers->links;
		peers->links = link;
		pthread_mutex_unlock(&peers->lock);
	}
}

static void drop_follows(struct hf_peers *peers, const struct hf_ring *ring)
{
	struct hf_follow **at = &peers->follows;

	while (*at != NULL) {
		struct hf_follow *follow = *at;

		if (ring != NULL &&
		    hf_ring_is_followed(ring, hf_span_of(follow->origin))) {
			at = &follow->next;
			continue;
		}
		*at = follow->next;
		for (struct hf_link *link = peers->links; link != NULL;
		     link = link->next)
			hf_link_trust(link, follow->origin);
		peers->going++;
		hf_follow_close(follow);
	}
}

/* At the end alone: one that is whole does nothing. */
static void drop_own(struct hf_peers *peers)
{
	while (peers->own != NULL) {
		struct hf_follow *follow = peers->own;

		pthread_mutex_lock(&peers->lock);
		peers->own = follow->next;
		pthread_mutex_unlock(&peers->lock);
		peers->going++;
		hf_follow_close(follow);
	}
}

static void add_follows(struct hf_peers *peers, const struct hf_ring *ring)
{
	const char *const *origins;
	size_t count = hf_ring_follows(ring, &origins);

	for (size_t i = 0; i < count; i++) {
		struct hf_follow *follow;

		if (hf_peers_follow(peers, origins[i]) != NULL ||
		    hf_follow_new(peers, origins[i], &follow) != HF_OK)
			continue;
		follow->next = peers->follows;
		peers->follows = follow;
	}
}

/* On the outbound loop: something of ours may be new. */
static void look_at_offers(void *arg)
{
	struct hf_peers *peers = arg;

	for (struct hf_link *link = peers->links; link != NULL;
	     link = link->next) {
		hf_offers_look(link);
		hf_gossip_soon(link);
	}
}

static void look_all(void *arg)
{
	struct hf_peers *peers = arg;

	for (struct hf_follow *follow = peers->follows; follow != NULL;
	     follow = follow->next)
		hf_follow_look(follow);
	for (struct hf_follow *follow = peers->own; follow != NULL;
	     follow = follow->next)
		hf_follow_look(follow);
}

void hf_peers_look(struct hf_peers *peers)
{
	hf_rpc_loop_post(peers->options.outbound, &peers->look);
}

static void on_heard(void *arg)
{
	struct hf_peers *peers = arg;

	for (struct hf_link *link = peers->links; link != NULL;
	     link = link->next) {
		bool is_heard;

		pthread_mutex_lock(&peers->lock);
		is_heard = link->is_heard;
		link->is_heard = false;
		pthread_mutex_unlock(&peers->lock);
		if (is_heard)
			hf_link_heard(link);
	}
}

void hf_peers_heard(struct hf_peers *peers,
		    const uint8_t organisation_id[static HF_HASH_BYTES])
{
	struct hf_link *link;
	bool is_waiting;

	pthread_mutex_lock(&peers->lock);
	link = link_to(peers, organisation_id);
	is_waiting = link != NULL && link->is_away;
	if (is_waiting)
		link->is_heard = true;
	pthread_mutex_unlock(&peers->lock);
	if (is_waiting)
		hf_rpc_loop_post(peers->options.outbound, &peers->heard);
}

bool hf_peers_is_stopping(struct hf_peers *peers)
{
	bool is;

	pthread_mutex_lock(&peers->lock);
	is = peers->is_stopping;
	pthread_mutex_unlock(&peers->lock);
	return is;
}

static void reconcile(void *arg)
{
	struct hf_peers *peers = arg;
	struct hf_ring *ring;

	if (hf_peers_is_stopping(peers)) {
		drop_follows(peers, NULL);
		drop_own(peers);
		hf_mends_drop(peers);
		hf_fills_drop(peers);
		drop_links(peers, NULL);
		hf_peers_check_gone(peers);
		return;
	}
	ring = hf_ring_holder_get(peers->options.ring);
	drop_follows(peers, ring);
	drop_links(peers, ring);
	add_links(peers, ring);
	add_follows(peers, ring);
	hf_ring_release(ring);
	for (struct hf_link *link = peers->links; link != NULL;
	     link = link->next)
		link->untaken_count = 0;
	for (struct hf_follow *follow = peers->follows; follow != NULL;
	     follow = follow->next)
		hf_follow_look(follow);
	look_at_offers(peers);
}

/* On the ledger's writer thread. */
static void on_wake(void *arg, uint32_t set, uint64_t size)
{
	struct hf_peers *peers = arg;

	hf_rpc_loop_post(peers->options.outbound, &peers->offer);
}

enum hf_err hf_peers_start(const struct hf_peers_options *options,
			   struct hf_peers **out_peers, struct hf_why *why)
{
	struct hf_peers *peers = calloc(1, sizeof(*peers));
	enum hf_err err;

	if (peers == NULL)
		return hf_why(why, HF_E_NOMEM, "peers: no memory");
	peers->options = *options;
	peers->reconcile.run = reconcile;
	peers->reconcile.arg = peers;
	pthread_mutex_init(&peers->lock, NULL);
	hf_peers_ask_own_init(peers);
	hf_peers_gossip_init(peers);
	hf_peers_fill_init(peers);
	peers->offer.run = look_at_offers;
	peers->offer.arg = peers;
	peers->heard.run = on_heard;
	peers->heard.arg = peers;
	peers->look.run = look_all;
	peers->look.arg = peers;
	pthread_cond_init(&peers->gone, NULL);
	err = hf_ledger_follow(options->ledger, HF_LEDGER_ALL_SETS, 0, on_wake,
			       peers, &peers->follower, why);
	if (err != HF_OK) {
		/* Nothing was posted: a follower that fails wakes nobody. */
		hf_peers_free(peers);
		return err;
	}
	*out_peers = peers;
	hf_peers_changed(peers);
	return HF_OK;
}

void hf_peers_changed(struct hf_peers *peers)
{
	hf_rpc_loop_post(peers->options.outbound, &peers->reconcile);
}

/* On the loop: nothing may be left that could still come back. */
void hf_peers_check_gone(struct hf_peers *peers)
{
	bool is_gone = hf_peers_is_stopping(peers) && peers->links == NULL &&
		       peers->follows == NULL && peers->own == NULL &&
		       peers->going == 0;

	for (struct hf_link *link = peers->closed; link != NULL;
	     link = link->next)
		is_gone &= link->away == 0;
	if (!is_gone)
		return;
	pthread_mutex_lock(&peers->lock);
	if (peers->told_count > 0) {
		pthread_mutex_unlock(&peers->lock);
		return;
	}
	peers->is_gone = true;
	pthread_cond_signal(&peers->gone);
	pthread_mutex_unlock(&peers->lock);
}

void hf_peers_stop(struct hf_peers *peers)
{
	if (peers == NULL)
		return;
	hf_ledger_unfollow(peers->follower);
	pthread_mutex_lock(&peers->lock);
	peers->is_stopping = true;
	pthread_mutex_unlock(&peers->lock);
	hf_peers_changed(peers);
	pthread_mutex_lock(&peers->lock);
	while (!peers->is_gone)
		pthread_cond_wait(&peers->gone, &peers->lock);
	pthread_mutex_unlock(&peers->lock);
}

void hf_peers_free(struct hf_peers *peers)
{
	if (peers == NULL)
		return;
	while (peers->closed != NULL) {
		struct hf_link *next = peers->closed->next;

		hf_link_free(peers->closed);
		peers->closed = next;
	}
	hf_mends_free(peers);
	pthread_cond_destroy(&peers->gone);
	pthread_mutex_destroy(&peers->lock);
	free(peers);
}

enum hf_err hf_peers_status(struct hf_peers *peers,
			    const uint8_t organisation_id[static HF_HASH_BYTES],
			    struct hf_peer_status *out_status)
{
	enum hf_err err = HF_E_NOTFOUND;
	struct hf_link *link;

	pthread_mutex_lock(&peers->lock);
	link = link_to(peers, organisation_id);
	if (link != NULL) {
		out_status->is_dialled = true;
		out_status->is_connected = link->is_up;
		memcpy(out_status->endpoint, link->endpoint,
		       sizeof(out_status->endpoint));
		out_status->seen_ms = link->seen_ms;
		out_status->entries_received = link->entries_received;
		out_status->problem = link->problem;
		if (link->problem.text[0] == '\0' && link->doubts != NULL) {
			out_status->problem = link->doubts->why;
			hf_why_prefix(&out_status->problem,
				      "%s: ", link->doubts->origin);
		}
		out_status->refused = link->refused;
		err = HF_OK;
	}
	pthread_mutex_unlock(&peers->lock);
	return err;
}

bool hf_peers_is_away(struct hf_peers *peers, const char *peer)
{
	const struct hf_link *link;
	bool is;

	pthread_mutex_lock(&peers->lock);
	link = peers->links;
	while (link != NULL && strcmp(link->name, peer) != 0)
		link = link->next;
	is = link == NULL || link->is_away;
	pthread_mutex_unlock(&peers->lock);
	return is;
}

size_t hf_peers_connected(struct hf_peers *peers)
{
	size_t count = 0;

	pthread_mutex_lock(&peers->lock);
	for (struct hf_link *link = peers->links; link != NULL;
	     link = link->next)
		count += link->is_up;
	pthread_mutex_unlock(&peers->lock);
	return count;
}

void hf_peers_offers(struct hf_peers *peers, const struct hf_ring *ring,
		     void (*each)(void *arg, const char *origin,
				  const char *peer),
		     void *arg)
{
	pthread_mutex_lock(&peers->lock);
	for (struct hf_link *link = peers->links; link != NULL;
	     link = link->next) {
		for (struct hf_link_set *set = link->sets; set != NULL;
		     set = set->next) {
			if (hf_ring_set(ring, hf_span_of(set->origin)) == NULL)
				each(arg, set->origin, link->name);
		}
	}
	pthread_mutex_unlock(&peers->lock);
}

void hf_peers_doubts(struct hf_peers *peers,
		     void (*each)(void *arg, const char *origin,
				  const char *peer, const char *why),
		     void *arg)
{
	pthread_mutex_lock(&peers->lock);
	for (struct hf_link *link = peers->links; link != NULL;
	     link = link->next) {
		for (const struct hf_doubt *doubt = link->doubts; doubt != NULL;
		     doubt = doubt->next)
			each(arg, doubt->origin, link->name, doubt->why.text);
	}
	pthread_mutex_unlock(&peers->lock);
}

bool hf_peers_has_told(struct hf_peers *peers,
		       const uint8_t organisation_id[static HF_HASH_BYTES],
		       const char *origin,
		       const uint8_t digest[static HF_SHA256_BYTES])
{
	const struct hf_link_set *told = NULL;
	struct hf_link *link;
	bool has;

	pthread_mutex_lock(&peers->lock);
	link = link_to(peers, organisation_id);
	if (link != NULL)
		told = hf_link_set(link, origin);
	has = told != NULL &&
	      memcmp(told->told_digest, digest, HF_SHA256_BYTES) == 0;
	pthread_mutex_unlock(&peers->lock);
	return has;
}

/* Under the lock. */
static size_t count_words(const struct hf_peers *peers)
{
	size_t count = 0;

	for (const struct hf_link *link = peers->links; link != NULL;
	     link = link->next) {
		for (const struct hf_link_set *set = link->sets; set != NULL;
		     set = set->next)
			count += set->time_s > 0;
	}
	return count;
}

size_t hf_peers_words(struct hf_peers *peers, struct hf_arena *arena,
		      const struct hf_peer_word **out_words)
{
	struct hf_peer_word *words;
	size_t count, kept = 0;

	pthread_mutex_lock(&peers->lock);
	count = count_words(peers);
	words = hf_arena_calloc(arena, count, sizeof(*words));
	for (struct hf_link *link = peers->links; link != NULL;
	     link = link->next) {
		for (struct hf_link_set *set = link->sets; set != NULL;
		     set = set->next) {
			struct hf_peer_word word = { .time_s = set->time_s };

			if (words == NULL || set->time_s == 0)
				continue;
			word.peer =
				hf_arena_text(arena, hf_span_of(link->name));
			word.origin =
				hf_arena_text(arena, hf_span_of(set->origin));
			if (word.peer != NULL && word.origin != NULL)
				words[kept++] = word;
		}
	}
	pthread_mutex_unlock(&peers->lock);
	*out_words = words;
	return kept;
}
