#include <stdlib.h>
#include <string.h>

#include "limit.h"
#include "peers.h"
#include "ring.h"

#include "node.h"
#include "offered.h"

/* One peer's offer of one set. */
struct pair {
	const char *origin;
	const char *peer;
};

struct pairs {
	struct hf_arena *arena;
	struct pair *at;
	size_t count;
};

static void keep(void *arg, const char *origin, const char *peer)
{
	struct pairs *pairs = arg;
	struct pair *pair;

	if (pairs->count == HF_TAIL_SETS_MAX)
		return;
	pair = &pairs->at[pairs->count];
	/* Copies: the peers go on while the list is being made. */
	pair->origin = hf_arena_text(pairs->arena, hf_span_of(origin));
	pair->peer = hf_arena_text(pairs->arena, hf_span_of(peer));
	if (pair->origin != NULL && pair->peer != NULL)
		pairs->count++;
}

static int by_origin(const void *a, const void *b)
{
	const struct pair *one = a, *other = b;
	int order = strcmp(one->origin, other->origin);

	return order != 0 ? order : strcmp(one->peer, other->peer);
}

size_t hf_offered_list(struct hf_node *node, const struct hf_ring *ring,
		       struct hf_arena *arena,
		       const struct hf_offered **out_rows)
{
	struct pairs pairs = { .arena = arena };
	struct hf_offered *rows;
	const char **peers;
	size_t count = 0;

	*out_rows = NULL;
	pairs.at = hf_arena_calloc(arena, HF_TAIL_SETS_MAX, sizeof(*pairs.at));
	if (pairs.at == NULL)
		return 0;
	hf_peers_offers(node->peers, ring, keep, &pairs);
	if (pairs.count == 0)
		return 0;
	qsort(pairs.at, pairs.count, sizeof(*pairs.at), by_origin);
	rows = hf_arena_calloc(arena, pairs.count, sizeof(*rows));
	peers = hf_arena_calloc(arena, pairs.count, sizeof(*peers));
	if (rows == NULL || peers == NULL)
		return 0;
	for (size_t i = 0; i < pairs.count; i++) {
		peers[i] = pairs.at[i].peer;
		if (i == 0 ||
		    strcmp(pairs.at[i].origin, pairs.at[i - 1].origin) != 0)
			rows[count++] = (struct hf_offered){
				.origin = pairs.at[i].origin,
				.peers = &peers[i],
			};
		rows[count - 1].peers_count++;
	}
	*out_rows = rows;
	return count;
}
