#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "codec_document.h"
#include "text.h"

#include "ring.h"
#include "ring_inside.h"

struct hf_ring *hf_ring_hold(struct hf_ring *ring)
{
	atomic_fetch_add(&ring->references, 1);
	return ring;
}

void hf_ring_release(struct hf_ring *ring)
{
	if (ring == NULL || atomic_fetch_sub(&ring->references, 1) != 1)
		return;
	hf_buf_release(&ring->peers);
	hf_buf_release(&ring->invites);
	hf_buf_release(&ring->pins);
	hf_buf_release(&ring->past);
	hf_buf_release(&ring->sets);
	hf_buf_release(&ring->follows);
	hf_buf_release(&ring->clients);
	hf_buf_release(&ring->revoked);
	hf_buf_release(&ring->warnings);
	hf_arena_release(&ring->arena);
	free(ring);
}

size_t hf_ring_warnings(const struct hf_ring *ring,
			const char *const **out_texts)
{
	*out_texts = HF_RING_ROWS(const char *const, ring->warnings);
	return HF_RING_COUNT(const char *, ring->warnings);
}

/* --- Organisations. ------------------------------------------------------ */

const struct hf_organisation *hf_ring_self(const struct hf_ring *ring)
{
	return &ring->self;
}

size_t hf_ring_peers(const struct hf_ring *ring,
		     const struct hf_organisation **out_peers)
{
	*out_peers = HF_RING_ROWS(const struct hf_organisation, ring->peers);
	return HF_RING_COUNT(struct hf_organisation, ring->peers);
}

const struct hf_organisation *
hf_ring_by_id(const struct hf_ring *ring,
	      const uint8_t id[static HF_HASH_BYTES])
{
	const struct hf_organisation *peers;
	size_t count = hf_ring_peers(ring, &peers);

	if (memcmp(ring->self.id, id, HF_HASH_BYTES) == 0)
		return &ring->self;
	for (size_t i = 0; i < count; i++) {
		if (memcmp(peers[i].id, id, HF_HASH_BYTES) == 0)
			return &peers[i];
	}
	return NULL;
}

const struct hf_organisation *hf_ring_by_name(const struct hf_ring *ring,
					      struct hf_span name)
{
	const struct hf_organisation *peers;
	size_t count = hf_ring_peers(ring, &peers);

	if (hf_span_is(name, ring->self.name))
		return &ring->self;
	for (size_t i = 0; i < count; i++) {
		if (hf_span_is(name, peers[i].name))
			return &peers[i];
	}
	return NULL;
}

static int by_pin(const void *a, const void *b)
{
	return memcmp(((const struct hf_ring_pin *)a)->pin,
		      ((const struct hf_ring_pin *)b)->pin, HF_CERT_PIN_BYTES);
}

const struct hf_organisation *
hf_ring_by_pin(const struct hf_ring *ring,
	       const uint8_t pin[static HF_CERT_PIN_BYTES], const char *domain)
{
	const struct hf_ring_pin *rows =
		HF_RING_ROWS(const struct hf_ring_pin, ring->pins);
	size_t count = HF_RING_COUNT(struct hf_ring_pin, ring->pins);
	const struct hf_organisation *peers, *named = NULL;
	const struct hf_ring_pin *found;
	struct hf_ring_pin wanted = { .peer = 0 };
	size_t first, end;

	if (count == 0)
		return NULL;
	memcpy(wanted.pin, pin, sizeof(wanted.pin));
	found = bsearch(&wanted, rows, count, sizeof(wanted), by_pin);
	if (found == NULL)
		return NULL;
	first = (size_t)(found - rows);
	end = first + 1;
	while (first > 0 && by_pin(&rows[first - 1], &wanted) == 0)
		first--;
	while (end < count && by_pin(&rows[end], &wanted) == 0)
		end++;
	hf_ring_peers(ring, &peers);
	if (end - first == 1)
		return &peers[rows[first].peer];
	for (size_t i = first; i < end; i++) {
		if (strcmp(peers[rows[i].peer].name, domain) == 0)
			named = &peers[rows[i].peer];
	}
	return named;
}

struct hf_span hf_ring_manifest(const struct hf_ring *ring,
				const uint8_t id[static HF_HASH_BYTES],
				uint64_t version)
{
	const struct hf_ring_past *past =
		HF_RING_ROWS(const struct hf_ring_past, ring->past);
	size_t count = HF_RING_COUNT(struct hf_ring_past, ring->past);
	const struct hf_organisation *now = hf_ring_by_id(ring, id);

	if (now == NULL)
		return hf_span(NULL, 0);
	if (version == 0 || version == now->manifest->version)
		return now->document;
	for (size_t i = 0; i < count; i++) {
		if (past[i].version == version &&
		    memcmp(past[i].id, id, HF_HASH_BYTES) == 0)
			return past[i].document;
	}
	return hf_span(NULL, 0);
}

void hf_ring_invite_of(const struct hf_ring *ring,
		       const struct hf_organisation *organisation,
		       const struct hf_span **out_history,
		       size_t *out_history_count)
{
	const struct hf_organisation *peers;
	const struct hf_invite_read *invite;

	if (organisation->is_self) {
		*out_history = ring->self_history;
		*out_history_count = ring->self_history_count;
		return;
	}
	hf_ring_peers(ring, &peers);
	invite = &HF_RING_ROWS(const struct hf_invite_read,
			       ring->invites)[organisation - peers];
	*out_history = invite->history;
	*out_history_count = invite->history_count;
}

/* --- Sets. --------------------------------------------------------------- */

size_t hf_ring_sets(const struct hf_ring *ring,
		    const struct hf_ring_set **out_sets)
{
	*out_sets = HF_RING_ROWS(const struct hf_ring_set, ring->sets);
	return HF_RING_COUNT(struct hf_ring_set, ring->sets);
}

/* strcmp() of a span and a string. */
static int compare(struct hf_span text, const char *other)
{
	size_t other_len = strlen(other);
	size_t len = text.len_bytes < other_len ? text.len_bytes : other_len;
	int order = len > 0 ? memcmp(text.at, other, len) : 0;

	if (order != 0)
		return order;
	return text.len_bytes < other_len ? -1 : text.len_bytes > other_len;
}

/* The first set whose origin is not before this text. */
static size_t find(const struct hf_ring *ring, struct hf_span text)
{
	const struct hf_ring_set *sets;
	size_t first = 0, end = hf_ring_sets(ring, &sets);

	while (first < end) {
		size_t middle = first + (end - first) / 2;

		if (compare(text, sets[middle].origin) <= 0)
			end = middle;
		else
			first = middle + 1;
	}
	return first;
}

const struct hf_ring_set *hf_ring_set(const struct hf_ring *ring,
				      struct hf_span origin)
{
	const struct hf_ring_set *sets;
	size_t count = hf_ring_sets(ring, &sets), at = find(ring, origin);

	return at < count && hf_span_is(origin, sets[at].origin) ? &sets[at]
								 : NULL;
}

const struct hf_ring_set *hf_ring_successor(const struct hf_ring *ring,
					    struct hf_span origin,
					    uint64_t *out_void_from,
					    const uint8_t **out_root)
{
	struct hf_span stem = hf_text_origin_stem(origin);
	uint32_t epoch = hf_text_origin_epoch(origin), latest = epoch;
	const struct hf_ring_set *sets, *found = NULL;
	size_t count = hf_ring_sets(ring, &sets);

	if (epoch == 0)
		return NULL;
	/* The epochs of a set stand near each other. */
	for (size_t i = find(ring, stem); i < count; i++) {
		const struct hf_predecessor *from =
			sets[i].agreement->predecessor;
		struct hf_span other = hf_span_of(sets[i].origin);
		uint32_t begins;

		if (other.len_bytes < stem.len_bytes ||
		    memcmp(other.at, stem.at, stem.len_bytes) != 0)
			break;
		if (!hf_span_equal(hf_text_origin_stem(other), stem) ||
		    from == NULL || hf_text_origin_epoch(other) <= latest)
			continue;
		begins = hf_text_origin_epoch(hf_span_of(from->origin));
		if (begins > epoch)
			continue;
		found = &sets[i];
		latest = hf_text_origin_epoch(other);
		*out_void_from = begins == epoch ? from->size : 0;
		*out_root = begins == epoch ? from->root.at : NULL;
	}
	return found;
}

uint64_t hf_ring_void_from(const struct hf_ring *ring, struct hf_span origin)
{
	uint64_t void_from = UINT64_MAX;
	const uint8_t *root;

	(void)hf_ring_successor(ring, origin, &void_from, &root);
	return void_from;
}

static bool names(const struct hf_span *list, size_t count, const uint8_t *id)
{
	for (size_t i = 0; i < count; i++) {
		if (memcmp(list[i].at, id, HF_HASH_BYTES) == 0)
			return true;
	}
	return false;
}

static enum hf_right right_to(const struct hf_ring_set *set, const uint8_t *id,
			      uint64_t now_ms)
{
	const struct hf_agreement *agreement = set->agreement;

	if (memcmp(set->publisher->id, id, HF_HASH_BYTES) == 0)
		return HF_RIGHT_PUBLISHER;
	if (now_ms >= agreement->expires_ms)
		return HF_RIGHT_NONE;
	if (names(agreement->audience, agreement->audience_count, id))
		return HF_RIGHT_MEMBER;
	if (agreement->relay == HF_RELAY_LISTED &&
	    names(agreement->relays, agreement->relays_count, id))
		return HF_RIGHT_RELAY;
	if (names(agreement->witnesses, agreement->witnesses_count, id))
		return HF_RIGHT_WITNESS;
	return HF_RIGHT_NONE;
}

static bool may_relay(const struct hf_ring_set *set, const uint8_t *id,
		      uint64_t now_ms)
{
	const struct hf_agreement *agreement = set->agreement;

	if (now_ms >= agreement->expires_ms)
		return false;
	if (memcmp(set->publisher->id, id, HF_HASH_BYTES) == 0)
		return true;
	switch (agreement->relay) {
	case HF_RELAY_MEMBERS:
		return names(agreement->audience, agreement->audience_count,
			     id);
	case HF_RELAY_LISTED:
		return names(agreement->relays, agreement->relays_count, id);
	default:
		return false;
	}
}

enum hf_right hf_ring_may_have(const struct hf_ring *ring,
			       struct hf_span origin,
			       const uint8_t id[static HF_HASH_BYTES],
			       uint64_t now_ms)
{
	const struct hf_ring_set *set = hf_ring_set(ring, origin);

	return set != NULL ? right_to(set, id, now_ms) : HF_RIGHT_NONE;
}

bool hf_ring_may_relay(const struct hf_ring *ring, struct hf_span origin,
		       const uint8_t id[static HF_HASH_BYTES], uint64_t now_ms)
{
	const struct hf_ring_set *set = hf_ring_set(ring, origin);

	return set != NULL && may_relay(set, id, now_ms);
}

size_t hf_ring_sets_of(const struct hf_ring *ring,
		       const uint8_t id[static HF_HASH_BYTES], uint64_t now_ms,
		       const struct hf_ring_set **out_sets, size_t max)
{
	const struct hf_ring_set *sets;
	size_t count = hf_ring_sets(ring, &sets), found = 0;

	for (size_t i = 0; i < count; i++) {
		if (right_to(&sets[i], id, now_ms) == HF_RIGHT_NONE)
			continue;
		if (found < max)
			out_sets[found] = &sets[i];
		found++;
	}
	return found;
}

size_t hf_ring_sources(const struct hf_ring *ring, struct hf_span origin,
		       uint64_t now_ms,
		       const struct hf_organisation **out_peers, size_t max)
{
	const struct hf_ring_set *set = hf_ring_set(ring, origin);
	const struct hf_organisation *peers;
	size_t count = hf_ring_peers(ring, &peers), found = 0;

	if (set == NULL)
		return 0;
	if (!set->publisher->is_self &&
	    may_relay(set, set->publisher->id, now_ms)) {
		if (found < max)
			out_peers[found] = set->publisher;
		found++;
	}
	for (size_t i = 0; i < count; i++) {
		if (&peers[i] == set->publisher ||
		    !may_relay(set, peers[i].id, now_ms))
			continue;
		if (found < max)
			out_peers[found] = &peers[i];
		found++;
	}
	return found;
}

size_t hf_ring_follows(const struct hf_ring *ring,
		       const char *const **out_origins)
{
	*out_origins = HF_RING_ROWS(const char *const, ring->follows);
	return HF_RING_COUNT(const char *, ring->follows);
}

bool hf_ring_is_followed(const struct hf_ring *ring, struct hf_span origin)
{
	const char *const *origins;
	size_t first = 0, end = hf_ring_follows(ring, &origins);

	while (first < end) {
		size_t middle = first + (end - first) / 2;
		int order = compare(origin, origins[middle]);

		if (order == 0)
			return true;
		if (order < 0)
			end = middle;
		else
			first = middle + 1;
	}
	return false;
}

/* --- The current ring. --------------------------------------------------- */

struct hf_ring_holder {
	pthread_mutex_t reading; /* taken before lock; one reads at a time */
	pthread_mutex_t lock;    /* guards the next three */
	struct hf_ring *now;     /* owned: one reference */
	uint64_t asked;          /* reloads so far */
	uint64_t done;           /* those whose changes are in force */
	char dir[HF_RING_PATH_SIZE];
};

enum hf_err hf_ring_holder_new(const char *dir,
			       struct hf_ring_holder **out_holder,
			       struct hf_why *why)
{
	struct hf_ring_holder *holder;
	enum hf_err err;

	if (strlen(dir) >= sizeof(holder->dir))
		return hf_why(why, HF_E_LIMIT, "ring: path too long");
	holder = calloc(1, sizeof(*holder));
	if (holder == NULL)
		return hf_why(why, HF_E_NOMEM, "ring: no memory");
	strcpy(holder->dir, dir);
	err = hf_ring_load(dir, &holder->now, why);
	if (err != HF_OK) {
		free(holder);
		return err;
	}
	pthread_mutex_init(&holder->reading, NULL);
	pthread_mutex_init(&holder->lock, NULL);
	*out_holder = holder;
	return HF_OK;
}

void hf_ring_holder_free(struct hf_ring_holder *holder)
{
	if (holder == NULL)
		return;
	hf_ring_release(holder->now);
	pthread_mutex_destroy(&holder->lock);
	pthread_mutex_destroy(&holder->reading);
	free(holder);
}

struct hf_ring *hf_ring_holder_get(struct hf_ring_holder *holder)
{
	struct hf_ring *ring;

	pthread_mutex_lock(&holder->lock);
	ring = hf_ring_hold(holder->now);
	pthread_mutex_unlock(&holder->lock);
	return ring;
}

enum hf_err hf_ring_holder_reload(struct hf_ring_holder *holder,
				  struct hf_why *why)
{
	struct hf_ring *ring, *old;
	uint64_t ours, asked, done;
	enum hf_err err;

	pthread_mutex_lock(&holder->lock);
	ours = ++holder->asked;
	pthread_mutex_unlock(&holder->lock);
	/* Two at a time could put the older of two rings in force last. */
	pthread_mutex_lock(&holder->reading);
	pthread_mutex_lock(&holder->lock);
	asked = holder->asked;
	done = holder->done;
	pthread_mutex_unlock(&holder->lock);
	/* Whoever read after we asked has seen what we are to see. */
	err = done >= ours ? HF_OK : hf_ring_load(holder->dir, &ring, why);
	if (err == HF_OK && done < ours) {
		pthread_mutex_lock(&holder->lock);
		old = holder->now;
		holder->now = ring;
		holder->done = asked;
		pthread_mutex_unlock(&holder->lock);
		hf_ring_release(old);
	}
	pthread_mutex_unlock(&holder->reading);
	return err;
}
