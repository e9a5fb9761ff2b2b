#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "codec_document.h"
#include "ledger_view.h"
#include "log.h"
#include "outgo.h"
#include "sha256.h"

#include "peers_in.h"

/* Queued ahead of a receiver before we wait for `sent`. */
#define QUEUED_BYTES ((size_t)4 * 1024 * 1024)

#define OFFER_DEADLINE_MS ((int64_t)600000)

/* One set of ours, brought to one peer that cannot come for it: first a call
 * that asks how far the peer is, then one with what it lacks. */
struct hf_offer {
	struct hf_offer *next;
	struct hf_link *link; /* borrowed */
	char origin[HF_ORIGIN_MAX_BYTES + 1];
	uint32_t set;
	/* Of the agreement and of the note that it has in full, and of those
	 * of this round. */
	uint8_t done[HF_SHA256_BYTES];
	uint8_t round[HF_SHA256_BYTES];
	struct hf_rpc_call *call; /* a reference, while it runs */
	struct hf_outgo outgo;
	struct hf_span note; /* owned: of this round */
	uint64_t size;       /* of that note */
	uint64_t seen;       /* by the peer, as the first call told */
	bool brings_chunks;  /* the second call of the round */
	bool has_answer;
	struct hf_offer_response answer;
};

static void begin_call(struct hf_offer *offer);

/* What is offered this time; false when there is nothing to offer. */
static bool take_note(struct hf_offer *offer, struct hf_span agreement)
{
	struct hf_ledger *ledger = offer->link->peers->options.ledger;
	struct hf_ledger_view *view;
	struct hf_ledger_info info;
	struct hf_span note;
	bool is_taken = false;

	if (hf_ledger_view_begin(ledger, &view, NULL) != HF_OK)
		return false;
	if (hf_ledger_find(view, hf_span_of(offer->origin), &offer->set,
			   NULL) == HF_OK &&
	    hf_ledger_info(view, offer->set, &info, NULL) == HF_OK &&
	    hf_ledger_note(view, offer->set, HF_LEDGER_NOTE, &note, NULL) ==
		    HF_OK) {
		uint8_t *copy = malloc(note.len_bytes);
		struct hf_sha256 sum;

		hf_sha256_init(&sum);
		hf_sha256_update(&sum, agreement.at, agreement.len_bytes);
		hf_sha256_update(&sum, note.at, note.len_bytes);
		hf_sha256_final(&sum, offer->round);
		if (copy != NULL) {
			memcpy(copy, note.at, note.len_bytes);
			free((void *)offer->note.at);
			offer->note = hf_span(copy, note.len_bytes);
			offer->size = info.note_size;
			is_taken = true;
		}
	}
	hf_ledger_view_end(view);
	return is_taken;
}

static enum hf_err put_growth(struct hf_offer *offer,
			      struct hf_tree_proof *proof, struct hf_why *why)
{
	struct hf_ledger_view *view;
	enum hf_err err;

	proof->hashes_count = 0;
	if (!offer->brings_chunks || offer->seen == 0 ||
	    offer->seen >= offer->size)
		return HF_OK;
	err = hf_ledger_view_begin(offer->link->peers->options.ledger, &view,
				   why);
	if (err != HF_OK)
		return err;
	err = hf_ledger_prove_growth(view, offer->set, offer->seen, offer->size,
				     proof, why);
	hf_ledger_view_end(view);
	return err;
}

static void on_open(struct hf_rpc_call *call)
{
	struct hf_offer *offer = hf_rpc_arg(call);
	struct hf_ring *ring =
		hf_ring_holder_get(offer->link->peers->options.ring);
	const struct hf_ring_set *set =
		hf_ring_set(ring, hf_span_of(offer->origin));
	struct hf_tree_proof proof;
	struct hf_why why = { "" };
	struct hf_buf wire;

	hf_buf_init(&wire, HF_MESSAGE_MAX_BYTES);
	if (set == NULL || put_growth(offer, &proof, &why) != HF_OK ||
	    hf_offer_request_encode(
		    &(struct hf_offer_request){
			    .origin = offer->origin,
			    .note = offer->note,
			    .agreement = set->document,
			    .growth =
				    hf_span(proof.hashes,
					    proof.hashes_count * HF_HASH_BYTES),
		    },
		    &wire) != HF_OK)
		hf_rpc_cancel(call);
	else
		(void)hf_rpc_send_buf(call, &wire);
	hf_buf_release(&wire);
	hf_ring_release(ring);
	if (!offer->brings_chunks)
		hf_rpc_finish(call, HF_OK, NULL);
}

static void on_sent(struct hf_rpc_call *call)
{
	struct hf_offer *offer = hf_rpc_arg(call);
	struct hf_ledger_view *view;
	struct hf_why why = { "" };
	enum hf_err err;

	if (!offer->brings_chunks || hf_rpc_is_over(call))
		return;
	err = hf_ledger_view_begin(offer->link->peers->options.ledger, &view,
				   &why);
	while (err == HF_OK && !hf_outgo_is_over(&offer->outgo) &&
	       !hf_rpc_is_over(call) && hf_rpc_queued(call) < QUEUED_BYTES) {
		struct hf_get_chunks_response chunk;
		struct hf_buf wire;

		hf_buf_init(&wire, HF_MESSAGE_MAX_BYTES);
		err = hf_outgo_next(&offer->outgo, view, offer->set, &chunk,
				    &why);
		if (err == HF_OK)
			err = hf_offer_request_encode(
				&(struct hf_offer_request){ .chunk = &chunk },
				&wire);
		if (err == HF_OK)
			(void)hf_rpc_send_buf(call, &wire);
		hf_buf_release(&wire);
	}
	hf_ledger_view_end(view);
	if (err != HF_OK)
		hf_rpc_cancel(call);
	else if (hf_outgo_is_over(&offer->outgo))
		hf_rpc_finish(call, HF_OK, NULL);
}

static void on_recv(struct hf_rpc_call *call, struct hf_span message)
{
	struct hf_offer *offer = hf_rpc_arg(call);
	struct hf_arena arena;

	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	offer->has_answer =
		hf_offer_response_parse(message, &arena, &offer->answer,
					NULL) == HF_OK;
	hf_arena_release(&arena);
}

/* The first call said how far the peer is: bring it the rest, or be done. */
static void next_step(struct hf_offer *offer)
{
	if (offer->answer.applied >= offer->size) {
		memcpy(offer->done, offer->round, sizeof(offer->done));
		hf_log(HF_LOG_DEBUG, "peer", "set brought",
		       "peer=%s set=%s size=%llu", offer->link->name,
		       offer->origin, (unsigned long long)offer->size);
		hf_offers_look(offer->link);
	} else if (!offer->brings_chunks) {
		offer->brings_chunks = true;
		offer->seen = offer->answer.seen;
		hf_outgo_begin(&offer->outgo, offer->size,
			       offer->answer.applied, offer->size);
		begin_call(offer);
	}
}

static void on_done(struct hf_rpc_call *call, enum hf_err err)
{
	struct hf_offer *offer = hf_rpc_arg(call);
	struct hf_link *link = offer->link;
	struct hf_why why = *hf_rpc_why(call);

	hf_rpc_unref(offer->call);
	offer->call = NULL;
	if (offer->brings_chunks)
		hf_outgo_end(&offer->outgo);
	if (!link->is_going && link->is_in_session) {
		/* A peer that does not follow the set has no use for it. */
		if (err == HF_OK && offer->has_answer)
			next_step(offer);
		else if (err == HF_E_NOTFOUND)
			memcpy(offer->done, offer->round, sizeof(offer->done));
		else if (err != HF_E_CANCELLED) {
			hf_why_prefix(&why, "Offer of %s: ", offer->origin);
			hf_link_fail(link, err, &why);
		}
	}
	hf_link_back(link);
}

static const struct hf_rpc_events offer_events = {
	.open = on_open,
	.recv = on_recv,
	.sent = on_sent,
	.done = on_done,
};

static void begin_call(struct hf_offer *offer)
{
	struct hf_why why = { "" };
	enum hf_err err;

	offer->has_answer = false;
	err = hf_rpc_call_start(offer->link->channel,
				"/hashfed.v1.Federation/Offer", &offer_events,
				offer, OFFER_DEADLINE_MS, &offer->call, &why);
	if (err == HF_OK)
		offer->link->away++;
	else
		hf_link_fail(offer->link, err, &why);
}

static struct hf_offer *offer_of(struct hf_link *link, const char *origin)
{
	struct hf_offer *offer = link->offers;

	while (offer != NULL && strcmp(offer->origin, origin) != 0)
		offer = offer->next;
	if (offer != NULL)
		return offer;
	offer = calloc(1, sizeof(*offer));
	if (offer == NULL)
		return NULL;
	offer->link = link;
	strcpy(offer->origin, origin);
	offer->next = link->offers;
	link->offers = offer;
	return offer;
}

static void look_at(struct hf_link *link, const struct hf_ring_set *set)
{
	struct hf_offer *offer = offer_of(link, set->origin);

	if (offer == NULL || offer->call != NULL ||
	    !take_note(offer, set->document) ||
	    memcmp(offer->round, offer->done, sizeof(offer->done)) == 0)
		return;
	offer->brings_chunks = false;
	begin_call(offer);
}

void hf_offers_look(struct hf_link *link)
{
	struct hf_ring *ring = hf_ring_holder_get(link->peers->options.ring);
	const struct hf_ring_set *sets;
	size_t count = hf_ring_sets(ring, &sets);

	/* Whoever can be dialled waits to be asked. */
	if (hf_ring_self(ring)->manifest->endpoints_count > 0 ||
	    !link->is_in_session || link->is_going)
		count = 0;
	for (size_t i = 0; i < count; i++) {
		if (sets[i].is_own &&
		    hf_ring_may_have(ring, hf_span_of(sets[i].origin),
				     link->organisation_id,
				     hf_clock_wall_ms()) >= HF_RIGHT_RELAY)
			look_at(link, &sets[i]);
	}
	hf_ring_release(ring);
}

void hf_offers_free(struct hf_link *link)
{
	while (link->offers != NULL) {
		struct hf_offer *next = link->offers->next;

		free((void *)link->offers->note.at);
		free(link->offers);
		link->offers = next;
	}
}
