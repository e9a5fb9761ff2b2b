#include <string.h>

#include "arena.h"
#include "clock.h"
#include "codec_document.h"
#include "log.h"
#include "ring.h"
#include "ringdir.h"
#include "text.h"
#include "trust.h"

#include "mailbox.h"
#include "node.h"

#define ARENA_MAX_BYTES ((size_t)4 * 1024 * 1024)

static bool names(const struct hf_span *ids, size_t count, const uint8_t *id)
{
	for (size_t i = 0; i < count; i++) {
		if (hf_span_equal(ids[i], hf_span(id, HF_HASH_BYTES)))
			return true;
	}
	return false;
}

/* Sets of cases that we take from this publisher for the same reason. */
static size_t count_taken(const struct hf_ring *ring,
			  const struct hf_organisation *publisher,
			  bool is_member)
{
	const struct hf_ring_set *sets;
	size_t count = hf_ring_sets(ring, &sets), taken = 0;

	for (size_t i = 0; i < count; i++) {
		const struct hf_agreement *about = sets[i].agreement;

		if (sets[i].publisher == publisher && sets[i].is_followed &&
		    about->kind == HF_SET_KIND_CASES &&
		    names(about->audience, about->audience_count,
			  hf_ring_self(ring)->id) == is_member)
			taken++;
	}
	return taken;
}

/* A relay keeps what is between others: as many as there may be pairs. */
#define RELAYED_MAX 256

static bool is_for_us(const struct hf_node *node, const struct hf_ring *ring,
		      const struct hf_organisation *publisher,
		      const struct hf_agreement *agreement, const char *origin)
{
	const uint8_t *self = hf_ring_self(ring)->id;
	bool is_member =
		names(agreement->audience, agreement->audience_count, self);
	bool is_relay = node->conf->relay_cases &&
			names(agreement->relays, agreement->relays_count, self);

	if (agreement->kind != HF_SET_KIND_CASES ||
	    strcmp(agreement->origin, origin) != 0 ||
	    agreement->expires_ms <= hf_clock_wall_ms())
		return false;
	if (is_member)
		return count_taken(ring, publisher, true) < HF_MAILBOX_SETS_MAX;
	return is_relay && count_taken(ring, publisher, false) < RELAYED_MAX;
}

/* The next epoch of a set that we follow, and of its kind.  Only one that is
 * new to us: who stopped following it later meant that. */
static bool is_successor(const struct hf_ring *ring,
			 const struct hf_agreement *agreement,
			 const char *origin)
{
	struct hf_span stem = hf_text_origin_stem(hf_span_of(origin));
	uint32_t epoch = hf_text_origin_epoch(hf_span_of(origin));
	const char *const *follows;
	size_t count = hf_ring_follows(ring, &follows), epochs = 0;
	bool has_earlier = false;

	if (agreement->predecessor == NULL ||
	    strcmp(agreement->origin, origin) != 0 ||
	    agreement->expires_ms <= hf_clock_wall_ms() ||
	    hf_ring_set(ring, hf_span_of(origin)) != NULL)
		return false;
	for (size_t i = 0; i < count; i++) {
		struct hf_span other = hf_span_of(follows[i]);
		const struct hf_ring_set *set = hf_ring_set(ring, other);

		if (!hf_span_equal(hf_text_origin_stem(other), stem))
			continue;
		if (set != NULL && set->agreement->kind != agreement->kind)
			return false;
		has_earlier |= hf_text_origin_epoch(other) < epoch;
		epochs++;
	}
	return has_earlier && epochs < HF_MAILBOX_EPOCHS_MAX;
}

bool hf_mailbox_take(struct hf_node *node, const char *origin,
		     struct hf_span agreement)
{
	struct hf_ring *ring = hf_ring_holder_get(node->ring);
	const struct hf_organisation *publisher = hf_ring_by_name(
		ring, hf_text_origin_domain(hf_span_of(origin)));
	const struct hf_agreement *parsed;
	struct hf_why why = { "" };
	struct hf_arena arena;
	bool is_taken = false, is_next;
	enum hf_err err;

	hf_arena_init(&arena, ARENA_MAX_BYTES);
	if (publisher != NULL && !publisher->is_self &&
	    hf_trust_agreement(agreement, publisher->manifest, &arena, &parsed,
			       NULL) == HF_OK &&
	    ((is_next = is_successor(ring, parsed, origin)) ||
	     is_for_us(node, ring, publisher, parsed, origin))) {
		/* In this order: what is followed and lacks its agreement asks
		 * for it, after a crash too. */
		err = hf_ring_follow(node->ring_dir, hf_span_of(origin), &why);
		if (err == HF_OK)
			err = hf_ring_save_agreement(node->ring_dir, agreement,
						     &why);
		/* A newer one is held already. */
		is_taken = err == HF_OK || err == HF_E_CONFLICT;
		hf_log(is_taken ? HF_LOG_INFO : HF_LOG_ERROR,
		       is_next ? "epoch" : "cases",
		       is_taken ? "set taken" : "set not taken",
		       "set=%s from=%s why=\"%s\"", origin, publisher->name,
		       why.text);
	}
	hf_arena_release(&arena);
	hf_ring_release(ring);
	return is_taken;
}
