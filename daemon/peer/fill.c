#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "log.h"

#include "fill_in.h"

/*
 * Sets whose payloads are missing, and who is asked for them.  Each set asks
 * one source at a time, each source is asked of one set at a time.
 */

static bool is_wanted(const struct hf_ring *ring,
		      const struct hf_ledger_info *info)
{
	return info->missing_count > 0 && !info->is_frozen &&
	       (info->kind == HF_LEDGER_OWN ||
		hf_ring_is_followed(ring, hf_span_of(info->origin)));
}

bool hf_fill_is_missing(struct hf_ledger_view *view, uint32_t set,
			uint64_t from, uint64_t end, uint64_t *out_index)
{
	return from < end &&
	       hf_ledger_missing_next(view, set, from, out_index, NULL) ==
		       HF_OK &&
	       *out_index < end;
}

/* --- a set ------------------------------------------------------------------
 */

void hf_fill_free_when_over(struct hf_fill *fill)
{
	struct hf_peers *peers = fill->peers;

	if (!fill->is_going || fill->link != NULL)
		return;
	while (fill->sources != NULL) {
		struct hf_fill_source *next = fill->sources->next;

		free(fill->sources);
		fill->sources = next;
	}
	hf_arena_release(&fill->arena);
	free(fill);
	peers->going--;
	hf_peers_check_gone(peers);
}

static struct hf_fill *fill_of(struct hf_peers *peers, const char *origin)
{
	struct hf_fill *fill = peers->fills;

	while (fill != NULL && strcmp(fill->origin, origin) != 0)
		fill = fill->next;
	return fill;
}

/* Nobody asks any more. */
static void drop(struct hf_fill *fill)
{
	struct hf_fill **at = &fill->peers->fills;

	while (*at != fill)
		at = &(*at)->next;
	*at = fill->next;
	fill->is_going = true;
	hf_rpc_timer_stop(fill->peers->options.outbound, &fill->stall);
	if (fill->call != NULL)
		hf_rpc_cancel(fill->call);
	hf_fill_free_when_over(fill);
}

static struct hf_fill *make(struct hf_peers *peers,
			    const struct hf_ledger_info *info)
{
	struct hf_fill *fill =
		hf_peers_is_stopping(peers) ? NULL : calloc(1, sizeof(*fill));

	if (fill == NULL)
		return NULL;
	fill->peers = peers;
	fill->set = info->set;
	strcpy(fill->origin, info->origin);
	fill->stall.run = hf_fill_stalled;
	fill->stall.arg = fill;
	hf_arena_init(&fill->arena, 4 * HF_UNPACK_MAX_BYTES);
	fill->next = peers->fills;
	peers->fills = fill;
	peers->going++;
	hf_log(HF_LOG_WARNING, "peer", "payloads missing",
	       "set=%s missing=%llu", info->origin,
	       (unsigned long long)info->missing_count);
	return fill;
}

/* What the ledger says of the set: is it to be asked for?  NULL: no, or
 * without memory. */
static struct hf_fill *reconsider(struct hf_peers *peers,
				  const struct hf_ring *ring,
				  const struct hf_ledger_info *info)
{
	struct hf_fill *fill = fill_of(peers, info->origin);

	if (is_wanted(ring, info))
		return fill != NULL ? fill : make(peers, info);
	if (fill == NULL)
		return NULL;
	if (info->missing_count == 0)
		hf_log(HF_LOG_INFO, "peer", "payloads complete", "set=%s",
		       info->origin);
	drop(fill);
	return NULL;
}

static struct hf_fill_source *source_of(struct hf_fill *fill,
					const struct hf_link *link)
{
	struct hf_fill_source *source = fill->sources;

	while (source != NULL &&
	       memcmp(source->organisation_id, link->organisation_id,
		      HF_HASH_BYTES) != 0)
		source = source->next;
	if (source != NULL)
		return source;
	source = calloc(1, sizeof(*source));
	if (source == NULL)
		return NULL;
	memcpy(source->organisation_id, link->organisation_id, HF_HASH_BYTES);
	source->next = fill->sources;
	fill->sources = source;
	return source;
}

/* --- whose turn it is -------------------------------------------------------
 */

/* What is known of a set while a source is looked for. */
struct choice {
	struct hf_ledger_view *view; /* borrowed, as the next two */
	const struct hf_ring *ring;
	const struct hf_ledger_info *info;
	uint64_t now_us;
	struct hf_link *link; /* the best so far */
	struct hf_fill_source *source;
	uint64_t size;
	struct hf_fill_result result;
};

static bool may_give(const struct choice *choice, const struct hf_link *link)
{
	struct hf_span origin = hf_span_of(choice->info->origin);
	uint64_t now_ms = hf_clock_wall_ms();

	return choice->info->kind == HF_LEDGER_OWN
		       ? hf_ring_may_have(choice->ring, origin,
					  link->organisation_id,
					  now_ms) >= HF_RIGHT_RELAY
		       : hf_ring_may_relay(choice->ring, origin,
					   link->organisation_id, now_ms);
}

/* Is there anything that this one may be asked for now? */
static void consider(struct hf_fill *fill, struct choice *choice,
		     struct hf_link *link)
{
	const struct hf_link_set *told = hf_link_set(link, fill->origin);
	struct hf_fill_source *source;
	uint64_t size = choice->info->note_size, index, void_from;
	struct hf_fill_result result = { .was_due = false };

	if (told == NULL || !link->is_in_session || link->is_going ||
	    link->is_filling || hf_link_is_doubted(link, fill->origin) ||
	    !may_give(choice, link))
		return;
	source = source_of(fill, link);
	if (source == NULL)
		return;
	if (told->size < size)
		size = told->size;
	void_from = hf_ring_void_from(choice->ring, hf_span_of(fill->origin));
	result.end = size < void_from ? size : void_from;
	result.reached = hf_fill_begin(source, choice->now_us, &result.was_due);
	if (!hf_fill_is_missing(choice->view, fill->set, result.reached,
				result.end, &index)) {
		result.reached = 0;
		if (!result.was_due ||
		    !hf_fill_is_missing(choice->view, fill->set, 0, result.end,
					&index))
			return;
	}
	if (choice->source != NULL &&
	    choice->source->asked_us <= source->asked_us)
		return;
	choice->link = link;
	choice->source = source;
	choice->size = size;
	choice->result = result;
}

static void look(struct hf_fill *fill, struct choice *choice)
{
	for (struct hf_link *link = fill->peers->links; link != NULL;
	     link = link->next)
		consider(fill, choice, link);
	if (choice->source == NULL)
		return;
	choice->source->asked_us = choice->now_us;
	hf_fill_look(fill, choice->link, choice->source, choice->size,
		     &choice->result);
}

/* When the next look is due, of all that are not yet. */
static void timer_set(struct hf_peers *peers, uint64_t now_us)
{
	uint64_t next_us = UINT64_MAX;

	for (struct hf_fill *fill = peers->fills; fill != NULL;
	     fill = fill->next) {
		for (struct hf_fill_source *source = fill->sources;
		     source != NULL; source = source->next) {
			if (source->due_us > now_us && source->due_us < next_us)
				next_us = source->due_us;
		}
	}
	if (next_us == UINT64_MAX)
		hf_rpc_timer_stop(peers->options.outbound, &peers->fill_timer);
	else
		hf_rpc_timer_start(peers->options.outbound, &peers->fill_timer,
				   (int64_t)((next_us - now_us) / 1000 + 1));
}

void hf_fills_look(struct hf_peers *peers)
{
	hf_rpc_loop_post(peers->options.outbound, &peers->fill_task);
}

static void look_at_all(struct hf_peers *peers, struct hf_ledger_view *view,
			const struct hf_ring *ring)
{
	uint64_t now_us = hf_clock_mono_us();
	struct hf_fill *fill = peers->fills, *next;
	struct hf_ledger_info info;

	for (; fill != NULL; fill = next) {
		struct choice choice = { .view = view,
					 .ring = ring,
					 .info = &info,
					 .now_us = now_us };

		next = fill->next;
		if (hf_ledger_info(view, fill->set, &info, NULL) == HF_OK &&
		    reconsider(peers, ring, &info) != NULL &&
		    fill->link == NULL)
			look(fill, &choice);
	}
	timer_set(peers, now_us);
}

/* Sets that are not asked for yet and are to be. */
static void look_for_more(struct hf_peers *peers, struct hf_ledger_view *view,
			  const struct hf_ring *ring)
{
	struct hf_ledger_info info = { .set = 0 };

	while (hf_ledger_next(view, info.set, &info, NULL) == HF_OK)
		(void)reconsider(peers, ring, &info);
}

static void make_due(struct hf_peers *peers)
{
	for (struct hf_fill *fill = peers->fills; fill != NULL;
	     fill = fill->next) {
		for (struct hf_fill_source *source = fill->sources;
		     source != NULL; source = source->next)
			source->due_us = 0;
	}
}

static void on_task(void *arg)
{
	struct hf_peers *peers = arg;
	struct hf_ledger_view *view;
	struct hf_ring *ring;
	bool must_search, is_now;

	pthread_mutex_lock(&peers->lock);
	must_search = peers->must_search;
	is_now = peers->must_fill_now;
	peers->must_search = false;
	peers->must_fill_now = false;
	pthread_mutex_unlock(&peers->lock);
	if (hf_peers_is_stopping(peers) ||
	    hf_ledger_view_begin(peers->options.ledger, &view, NULL) != HF_OK)
		return;
	ring = hf_ring_holder_get(peers->options.ring);
	if (must_search)
		look_for_more(peers, view, ring);
	if (is_now)
		make_due(peers);
	look_at_all(peers, view, ring);
	hf_ring_release(ring);
	hf_ledger_view_end(view);
}

void hf_peers_fill(struct hf_peers *peers, bool is_now)
{
	pthread_mutex_lock(&peers->lock);
	peers->must_search = true;
	peers->must_fill_now |= is_now;
	pthread_mutex_unlock(&peers->lock);
	hf_fills_look(peers);
}

void hf_fills_heed(struct hf_peers *peers, uint32_t set,
		   const struct hf_link *gave)
{
	struct hf_fill *fill = NULL;
	struct hf_fill_source *source;
	struct hf_ledger_view *view;
	struct hf_ledger_info info;
	struct hf_ring *ring;

	if (hf_ledger_view_begin(peers->options.ledger, &view, NULL) != HF_OK)
		return;
	if (hf_ledger_info(view, set, &info, NULL) == HF_OK &&
	    info.missing_count > 0) {
		ring = hf_ring_holder_get(peers->options.ring);
		fill = reconsider(peers, ring, &info);
		hf_ring_release(ring);
	}
	hf_ledger_view_end(view);
	if (fill == NULL)
		return;
	source = gave != NULL ? source_of(fill, gave) : NULL;
	if (source != NULL)
		hf_fill_withheld(source, info.note_size, hf_clock_mono_us());
	hf_fills_look(peers);
}

void hf_fills_told(struct hf_peers *peers, const struct hf_follow *follow,
		   const char *origin, bool is_new)
{
	if (fill_of(peers, origin) != NULL)
		hf_fills_look(peers);
	else if (is_new && follow != NULL)
		hf_fills_heed(peers, follow->set, NULL);
}

static void on_timer(void *arg)
{
	hf_fills_look(arg);
}

void hf_peers_fill_init(struct hf_peers *peers)
{
	peers->fill_task.run = on_task;
	peers->fill_task.arg = peers;
	peers->fill_timer.run = on_timer;
	peers->fill_timer.arg = peers;
}

void hf_fills_drop(struct hf_peers *peers)
{
	hf_rpc_timer_stop(peers->options.outbound, &peers->fill_timer);
	while (peers->fills != NULL)
		drop(peers->fills);
}
