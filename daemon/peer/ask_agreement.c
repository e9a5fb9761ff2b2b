#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "codec_federation.h"
#include "text.h"

#include "peers_in.h"

/* A question for the agreement of a set of ours, as a peer has it. */
struct agreement_ask {
	struct hf_link *link; /* borrowed: it stays while something is away */
	char origin[HF_ORIGIN_MAX_BYTES + 1];
};

static void on_agreement(void *owner, enum hf_err err, struct hf_span reply,
			 const struct hf_why *said)
{
	struct agreement_ask *ask = owner;
	struct hf_link *link = ask->link;
	const struct hf_peers_options *options = &link->peers->options;
	struct hf_get_checkpoint_response response;
	struct hf_arena arena;

	link->own_away--;
	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	if (err == HF_OK && !link->is_going && link->is_in_session &&
	    hf_get_checkpoint_response_parse(reply, &arena, &response, NULL) ==
		    HF_OK)
		options->own_agreement(options->arg, link->name, ask->origin,
				       response.agreement, response.note);
	hf_arena_release(&arena);
	free(ask);
}

/* Without memory it is asked for in the next session. */
static void ask_for(struct hf_link *link, const char *origin)
{
	const struct hf_get_checkpoint_request request = { .origin = origin };
	struct agreement_ask *ask = calloc(1, sizeof(*ask));
	struct hf_buf wire;

	if (ask == NULL)
		return;
	ask->link = link;
	snprintf(ask->origin, sizeof(ask->origin), "%s", origin);
	hf_buf_init(&wire, HF_MESSAGE_MAX_BYTES);
	if (hf_get_checkpoint_request_encode(&request, &wire) == HF_OK &&
	    hf_link_ask(link, "/hashfed.v1.Federation/GetCheckpoint",
			hf_buf_span(&wire), ask, on_agreement) == HF_OK)
		link->own_away++;
	else
		free(ask);
	hf_buf_release(&wire);
}

/* The epoch that would follow, where we know of none. */
static void ask_for_next(struct hf_link *link, const struct hf_ring *ring,
			 const char *origin)
{
	char next[HF_ORIGIN_MAX_BYTES + 16];
	struct hf_span stem = hf_text_origin_stem(hf_span_of(origin));
	const uint8_t *root;
	uint64_t void_from;

	if (hf_ring_successor(ring, hf_span_of(origin), &void_from, &root) !=
	    NULL)
		return;
	snprintf(next, sizeof(next), "%.*s/%u", HF_SPAN_ARGS(stem),
		 hf_text_origin_epoch(hf_span_of(origin)) + 1);
	if (hf_text_is_origin(hf_span_of(next)))
		ask_for(link, next);
}

void hf_link_ask_agreements(struct hf_link *link)
{
	struct hf_ring *ring;
	const struct hf_ring_set *sets;
	uint64_t now_ms = hf_clock_wall_ms();
	size_t count;

	if (link->is_going || !link->is_in_session ||
	    link->peers->options.own_agreement == NULL)
		return;
	ring = hf_ring_holder_get(link->peers->options.ring);
	count = hf_ring_sets(ring, &sets);
	for (size_t i = 0; i < count; i++) {
		if (!sets[i].is_own ||
		    hf_ring_may_have(ring, hf_span_of(sets[i].origin),
				     link->organisation_id,
				     now_ms) == HF_RIGHT_NONE)
			continue;
		ask_for(link, sets[i].origin);
		ask_for_next(link, ring, sets[i].origin);
	}
	hf_ring_release(ring);
}
