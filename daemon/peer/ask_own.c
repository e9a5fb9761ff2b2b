#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "codec_federation.h"

#include "peers_in.h"

/* A question of what a peer holds of a set of ours. */
struct own_ask {
	struct hf_link *link; /* borrowed: it stays while something is away */
	char origin[HF_ORIGIN_MAX_BYTES + 1];
};

/* The set of ours, and what is known of it. */
static enum hf_err info_of(struct hf_peers *peers, const char *origin,
			   struct hf_ledger_info *out_info)
{
	struct hf_ledger_view *view;
	uint32_t set;
	enum hf_err err =
		hf_ledger_view_begin(peers->options.ledger, &view, NULL);

	if (err != HF_OK)
		return err;
	err = hf_ledger_find(view, hf_span_of(origin), &set, NULL);
	if (err == HF_OK)
		err = hf_ledger_info(view, set, out_info, NULL);
	hf_ledger_view_end(view);
	return err;
}

static struct hf_follow *own_follow(struct hf_peers *peers, const char *origin)
{
	struct hf_follow *follow = peers->own;

	while (follow != NULL && strcmp(follow->origin, origin) != 0)
		follow = follow->next;
	return follow;
}

static struct hf_follow *own_begin(struct hf_peers *peers, const char *origin,
				   uint32_t set)
{
	struct hf_follow *follow = own_follow(peers, origin);

	if (follow != NULL ||
	    hf_follow_new_own(peers, origin, set, &follow) != HF_OK)
		return follow;
	pthread_mutex_lock(&peers->lock);
	follow->next = peers->own;
	peers->own = follow;
	pthread_mutex_unlock(&peers->lock);
	return follow;
}

/* It may hold more of our set than we do: then it is fetched back. */
static void look_at(struct hf_link *link, const char *origin,
		    struct hf_span bytes)
{
	struct hf_peers *peers = link->peers;
	struct hf_ledger_info info;
	struct hf_follow *follow;
	struct hf_link_set *told;
	struct hf_note note;

	if (link->is_going || !link->is_in_session || bytes.len_bytes == 0 ||
	    hf_note_parse(bytes, &note, NULL) != HF_OK ||
	    info_of(peers, origin, &info) != HF_OK)
		return;
	follow = note.checkpoint.size > hf_follow_held(&info)
			 ? own_begin(peers, origin, info.set)
			 : own_follow(peers, origin);
	if (follow == NULL)
		return;
	if (hf_link_add_set(link, origin, &told) == HF_OK &&
	    hf_link_set_note(link, told, bytes) == HF_OK)
		hf_follow_look(follow);
}

void hf_follow_own_told(struct hf_follow *follow, uint64_t size)
{
	pthread_mutex_lock(&follow->peers->lock);
	if (size > follow->told_size)
		follow->told_size = size;
	pthread_mutex_unlock(&follow->peers->lock);
}

uint64_t hf_peers_told_of_own(struct hf_peers *peers, const char *origin)
{
	const struct hf_follow *follow;
	uint64_t size;

	pthread_mutex_lock(&peers->lock);
	follow = own_follow(peers, origin);
	size = follow != NULL ? follow->told_size : 0;
	pthread_mutex_unlock(&peers->lock);
	return size;
}

static void tell(const struct own_ask *ask, struct hf_span note)
{
	const struct hf_peers_options *options = &ask->link->peers->options;

	options->own_told(options->arg, ask->link->name, ask->origin, note);
	look_at(ask->link, ask->origin, note);
}

/* The answer to what was asked: a true note of another set of ours tells
 * nothing of this one. */
static bool is_about(struct hf_span bytes, const char *origin)
{
	struct hf_note note;

	return bytes.len_bytes == 0 ||
	       (hf_note_parse(bytes, &note, NULL) == HF_OK &&
		hf_span_is(note.checkpoint.origin, origin));
}

static void on_checkpoint(void *owner, enum hf_err err, struct hf_span reply,
			  const struct hf_why *said)
{
	struct own_ask *ask = owner;
	struct hf_get_checkpoint_response response;
	struct hf_arena arena;

	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	if (err == HF_E_NOTFOUND)
		tell(ask, hf_span(NULL, 0));
	else if (err == HF_OK &&
		 hf_get_checkpoint_response_parse(reply, &arena, &response,
						  NULL) == HF_OK &&
		 is_about(response.note, ask->origin))
		tell(ask, response.note);
	/* Anything else is no answer: it is asked again in its next session. */
	ask->link->own_away--;
	hf_arena_release(&arena);
	free(ask);
}

static enum hf_err ask_about(struct hf_link *link, const char *origin)
{
	const struct hf_get_checkpoint_request request = { .origin = origin };
	struct own_ask *ask = calloc(1, sizeof(*ask));
	struct hf_buf wire;
	enum hf_err err;

	if (ask == NULL)
		return HF_E_NOMEM;
	ask->link = link;
	strcpy(ask->origin, origin);
	hf_buf_init(&wire, HF_MESSAGE_MAX_BYTES);
	err = hf_get_checkpoint_request_encode(&request, &wire);
	if (err == HF_OK)
		err = hf_link_ask(link, "/hashfed.v1.Federation/GetCheckpoint",
				  hf_buf_span(&wire), ask, on_checkpoint);
	hf_buf_release(&wire);
	if (err != HF_OK)
		free(ask);
	else
		link->own_away++;
	return err;
}

/* Then everybody who may have it is asked. */
static bool is_old_copy(struct hf_peers *peers, const char *origin)
{
	struct hf_ledger_info info;

	return info_of(peers, origin, &info) == HF_OK &&
	       info.known_size > hf_follow_held(&info);
}

void hf_link_ask_own(struct hf_link *link)
{
	const struct hf_peers_options *options = &link->peers->options;
	uint64_t now_ms = hf_clock_wall_ms();
	const struct hf_ring_set *sets;
	enum hf_err err = HF_OK;
	struct hf_ring *ring;
	bool is_asked;
	size_t count;

	if (link->is_going || !link->is_in_session || options->is_asked == NULL)
		return;
	is_asked = options->is_asked(options->arg, link->name);
	ring = hf_ring_holder_get(options->ring);
	count = hf_ring_sets(ring, &sets);
	for (size_t i = 0; i < count && err == HF_OK; i++) {
		if (sets[i].is_own &&
		    (is_asked || is_old_copy(link->peers, sets[i].origin)) &&
		    hf_ring_may_have(ring, hf_span_of(sets[i].origin),
				     link->organisation_id,
				     now_ms) > HF_RIGHT_NONE)
			err = ask_about(link, sets[i].origin);
	}
	hf_ring_release(ring);
}

/* One set, to everybody. */
struct held_ask {
	struct hf_rpc_task task;
	struct hf_peers *peers; /* borrowed */
	uint32_t set;
};

static void ask_all(struct hf_peers *peers, const char *origin)
{
	struct hf_ring *ring = hf_ring_holder_get(peers->options.ring);
	uint64_t now_ms = hf_clock_wall_ms();

	for (struct hf_link *link = peers->links; link != NULL;
	     link = link->next) {
		if (link->is_going || !link->is_in_session ||
		    link->own_away > 0 ||
		    hf_ring_may_have(ring, hf_span_of(origin),
				     link->organisation_id,
				     now_ms) < HF_RIGHT_RELAY)
			continue;
		/* Without memory it is asked again in a moment. */
		(void)!ask_about(link, origin);
	}
	hf_ring_release(ring);
}

static void on_ask_held(void *arg)
{
	struct held_ask *ask = arg;
	struct hf_peers *peers = ask->peers;
	struct hf_ledger_view *view;
	struct hf_ledger_info info;
	enum hf_err err =
		hf_ledger_view_begin(peers->options.ledger, &view, NULL);

	if (err == HF_OK) {
		err = hf_ledger_info(view, ask->set, &info, NULL);
		hf_ledger_view_end(view);
	}
	if (err == HF_OK)
		ask_all(peers, info.origin);
	free(ask);
	pthread_mutex_lock(&peers->lock);
	peers->told_count--;
	pthread_mutex_unlock(&peers->lock);
	hf_peers_check_gone(peers);
}

void hf_peers_ask_held(struct hf_peers *peers, uint32_t set)
{
	struct held_ask *ask = calloc(1, sizeof(*ask));

	if (ask == NULL)
		return;
	*ask = (struct held_ask){ .task = { .run = on_ask_held, .arg = ask },
				  .peers = peers,
				  .set = set };
	pthread_mutex_lock(&peers->lock);
	if (peers->is_stopping || peers->told_count >= HF_TOLD_MAX) {
		pthread_mutex_unlock(&peers->lock);
		free(ask);
		return;
	}
	peers->told_count++;
	pthread_mutex_unlock(&peers->lock);
	hf_rpc_loop_post(peers->options.outbound, &ask->task);
}

static void on_ask(void *arg)
{
	struct hf_peers *peers = arg;

	for (struct hf_link *link = peers->links; link != NULL;
	     link = link->next) {
		hf_link_ask_own(link);
		hf_link_ask_agreements(link);
	}
}

void hf_peers_ask_own_init(struct hf_peers *peers)
{
	peers->ask_own.run = on_ask;
	peers->ask_own.arg = peers;
}

void hf_peers_ask_own(struct hf_peers *peers)
{
	hf_rpc_loop_post(peers->options.outbound, &peers->ask_own);
}
