#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "codec_document.h"
#include "ringdir.h"
#include "ledger_view.h"
#include "log.h"
#include "text.h"

#include "follow_fetch.h"
#include "peers_in.h"

/* How soon a fetch that failed is tried again, doubling up to the most while
 * it goes on failing. */
#define RETRY_MIN_MS ((int64_t)1000)
#define RETRY_MAX_MS ((int64_t)60000)

struct hf_follow *hf_peers_follow(struct hf_peers *peers, const char *origin)
{
	struct hf_follow *follow = peers->follows;

	while (follow != NULL && strcmp(follow->origin, origin) != 0)
		follow = follow->next;
	return follow;
}

static void on_retry(void *arg)
{
	hf_follow_look(arg);
}

static struct hf_follow *make(struct hf_peers *peers, const char *origin)
{
	struct hf_follow *follow = calloc(1, sizeof(*follow));

	if (follow == NULL)
		return NULL;
	follow->peers = peers;
	follow->retry.run = on_retry;
	follow->retry.arg = follow;
	follow->stall.run = hf_follow_stalled;
	follow->stall.arg = follow;
	follow->ahead.run = hf_follow_go_on;
	follow->ahead.arg = follow;
	hf_arena_init(&follow->arena, 4 * HF_UNPACK_MAX_BYTES);
	follow->retry_ms = RETRY_MIN_MS;
	follow->void_from = UINT64_MAX;
	strcpy(follow->origin, origin);
	return follow;
}

enum hf_err hf_follow_new(struct hf_peers *peers, const char *origin,
			  struct hf_follow **out_follow)
{
	struct hf_follow *follow = make(peers, origin);
	struct hf_why why = { "" };
	enum hf_err err;

	if (follow == NULL)
		return HF_E_NOMEM;
	err = hf_ledger_create(peers->options.ledger, HF_LEDGER_FOREIGN,
			       hf_span_of(origin), &follow->set, &why);
	if (err != HF_OK) {
		hf_log(HF_LOG_ERROR, "peer", "not followed",
		       "set=%s err=%s why=\"%s\"", origin, hf_err_name(err),
		       why.text);
		free(follow);
		return err;
	}
	hf_follow_recall_end(follow);
	*out_follow = follow;
	return HF_OK;
}

enum hf_err hf_follow_new_own(struct hf_peers *peers, const char *origin,
			      uint32_t set, struct hf_follow **out_follow)
{
	struct hf_follow *follow = make(peers, origin);

	if (follow == NULL)
		return HF_E_NOMEM;
	follow->is_own = true;
	follow->set = set;
	*out_follow = follow;
	return HF_OK;
}

static void free_when_over(struct hf_follow *follow)
{
	struct hf_peers *peers = follow->peers;

	if (!follow->is_going || follow->away > 0)
		return;
	hf_intake_end(&follow->intake);
	hf_arena_release(&follow->arena);
	hf_follow_drop_waiting(follow);
	free((void *)follow->note.at);
	free(follow);
	peers->going--;
	hf_peers_check_gone(peers);
}

void hf_follow_close(struct hf_follow *follow)
{
	follow->is_going = true;
	hf_rpc_timer_stop(follow->peers->options.outbound, &follow->retry);
	hf_rpc_timer_stop(follow->peers->options.outbound, &follow->stall);
	hf_rpc_timer_stop(follow->peers->options.outbound, &follow->ahead);
	follow->away++;
	if (follow->call != NULL)
		hf_rpc_cancel(follow->call);
	follow->away--;
	free_when_over(follow);
}

void hf_follow_without(struct hf_follow *follow, struct hf_link *link)
{
	if (follow->source != link)
		return;
	follow->source = NULL;
	if (follow->away > 0) {
		/* What is away finds out that its source went. */
		struct hf_why why = { "the peer was put out" };

		hf_follow_fail(follow, HF_E_CANCELLED, &why);
	}
}

void hf_follow_back(struct hf_follow *follow)
{
	follow->away--;
	if (follow->is_going) {
		free_when_over(follow);
		return;
	}
	/* Whoever goes on with the fetch has sent something away again. */
	if (follow->away == 0 && (follow->source != NULL || follow->has_failed))
		hf_follow_over(follow);
}

void hf_follow_fail(struct hf_follow *follow, enum hf_err err,
		    const struct hf_why *why)
{
	if (!follow->has_failed) {
		follow->has_failed = true;
		follow->err = err;
		follow->why = *why;
	}
	if (follow->call != NULL)
		hf_rpc_cancel(follow->call);
	if (follow->away == 0)
		hf_follow_over(follow);
}

/* The source did nothing wrong, or we do not know: what it told is good for
 * the next try, unless it told something newer meanwhile.  Whoever asked for
 * an agreement alone has no note to give back. */
static void give_back(struct hf_follow *follow, struct hf_link *source,
		      enum hf_err err)
{
	struct hf_link_set *told = hf_link_set(source, follow->origin);

	if (told == NULL || told->note.len_bytes > 0 ||
	    follow->note.len_bytes == 0 || err == HF_E_NOTFOUND ||
	    err == HF_E_EXISTS || err == HF_E_CONFLICT || err == HF_E_FROZEN)
		return;
	if (hf_link_set_note(source, told, follow->note) != HF_OK)
		hf_log(HF_LOG_DEBUG, "peer", "note not kept", "peer=%s set=%s",
		       source->name, follow->origin);
}

static void settle_with(struct hf_follow *follow, struct hf_link *source,
			enum hf_err err, struct hf_why *why)
{
	hf_why_prefix(why, "%s: ", follow->origin);
	if (hf_link_is_to_blame(err)) {
		hf_link_drop_note(source, follow->origin);
		hf_link_fail(source, err, why);
		return;
	}
	give_back(follow, source, err);
	if (err != HF_E_CANCELLED && err != HF_E_NOTFOUND)
		hf_log(HF_LOG_DEBUG, "peer", "fetch interrupted",
		       "peer=%s err=%s why=\"%s\"", source->name,
		       hf_err_name(err), why->text);
}

void hf_follow_over(struct hf_follow *follow)
{
	struct hf_link *source = follow->source;
	bool has_failed = follow->has_failed;
	enum hf_err err = follow->err;
	struct hf_why why = follow->why;

	hf_intake_end(&follow->intake);
	hf_arena_release(&follow->arena);
	follow->source = NULL;
	follow->has_failed = false;
	follow->cannot_store |=
		has_failed && (err == HF_E_FULL || err == HF_E_SYSTEM);
	if (has_failed && source != NULL)
		settle_with(follow, source, err, &why);
	if (source != NULL)
		hf_fills_heed(follow->peers, follow->set,
			      has_failed ? NULL : source);
	free((void *)follow->note.at);
	follow->note = hf_span(NULL, 0);
	if (!has_failed) {
		if (source != NULL)
			memcpy(follow->came_from, source->organisation_id,
			       HF_HASH_BYTES);
		follow->retry_ms = RETRY_MIN_MS;
		hf_follow_look(follow);
		return;
	}
	/* One that went is not asked again; another may have told of as much.
	 */
	if (source == NULL || !source->is_in_session)
		hf_peers_look(follow->peers);
	hf_rpc_timer_start(follow->peers->options.outbound, &follow->retry,
			   follow->retry_ms);
	follow->retry_ms = follow->retry_ms * 2 < RETRY_MAX_MS
				   ? follow->retry_ms * 2
				   : RETRY_MAX_MS;
}

/* --- the agreement ---------------------------------------------------------
 */

/* Is it the publisher who is being asked? */
static bool is_by_publisher(const struct hf_follow *follow)
{
	return follow->source != NULL &&
	       hf_span_is(hf_text_origin_domain(hf_span_of(follow->origin)),
			  follow->source->name);
}

static void on_checkpoint(void *owner, enum hf_err err, struct hf_span reply,
			  const struct hf_why *said)
{
	struct hf_follow *follow = owner;
	struct hf_peers *peers = follow->peers;
	struct hf_get_checkpoint_response response;
	struct hf_why why = *said;
	struct hf_arena arena;

	if (!follow->is_going && follow->source != NULL) {
		struct hf_link_set *told =
			hf_link_set(follow->source, follow->origin);

		/* Asked once for each time it is announced: a peer that
		 * announces what it does not give is not asked for ever. */
		if (told != NULL)
			told->agreement_version = 0;
	}
	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	err = hf_follow_theirs(err);
	if (err == HF_OK && !follow->is_going)
		err = hf_get_checkpoint_response_parse(reply, &arena, &response,
						       &why);
	if (err == HF_OK && !follow->is_going)
		err = hf_ring_save_agreement_of(peers->options.ring_dir,
						follow->origin,
						response.agreement, &why);
	hf_arena_release(&arena);
	/* An older one than we hold: it is behind, no more.  One that only
	 * another manifest of its publisher proves: who passes it on may have
	 * that one. */
	if (err == HF_E_CONFLICT ||
	    (err == HF_E_SIGNATURE && !is_by_publisher(follow)))
		err = HF_E_NOTFOUND;
	if (err != HF_OK) {
		hf_why_prefix(&why, "agreement: ");
		hf_follow_fail(follow, err, &why);
		hf_follow_back(follow);
		return;
	}
	follow->source = NULL;
	hf_follow_back(follow);
	/* Ends in hf_follow_look(), with the new ring. */
	peers->options.ring_saved(peers->options.arg);
}

static bool ask_agreement(struct hf_follow *follow, struct hf_link *link)
{
	const struct hf_get_checkpoint_request request = { follow->origin };
	struct hf_buf wire;
	bool is_asked = false;

	hf_buf_init(&wire, 4096);
	if (hf_get_checkpoint_request_encode(&request, &wire) == HF_OK &&
	    hf_link_ask(link, "/hashfed.v1.Federation/GetCheckpoint",
			hf_buf_span(&wire), follow, on_checkpoint) == HF_OK) {
		follow->source = link;
		follow->away++;
		is_asked = true;
	}
	hf_buf_release(&wire);
	return is_asked;
}

/* The agreement in force here, and a link that has a newer one. */
static struct hf_link *newer_agreement(struct hf_follow *follow,
				       const struct hf_ring_set *set)
{
	uint64_t held = set != NULL ? set->agreement->version : 0;

	for (struct hf_link *link = follow->peers->links; link != NULL;
	     link = link->next) {
		struct hf_link_set *told = hf_link_set(link, follow->origin);

		if (told != NULL && link->is_in_session &&
		    told->agreement_version > held)
			return link;
	}
	return NULL;
}

/* --- which checkpoint ------------------------------------------------------
 */

static bool is_named(const struct hf_agreement *agreement, const uint8_t *id)
{
	for (size_t i = 0; i < agreement->witnesses_count; i++) {
		if (memcmp(agreement->witnesses[i].at, id, HF_HASH_BYTES) == 0)
			return true;
	}
	return false;
}

/* Does the agreement let the keys count that signed what we hold?  Then why
 * says nothing. */
static void check_held(struct hf_follow *follow, const struct hf_ring_set *set,
		       struct hf_why *why)
{
	struct hf_set_pair keys = { 0 };
	struct hf_ledger_view *view;
	struct hf_ledger_info info;
	struct hf_span bytes;
	struct hf_note note;

	if (hf_ledger_view_begin(follow->peers->options.ledger, &view, NULL) !=
	    HF_OK)
		return;
	if (hf_ledger_info(view, follow->set, &info, NULL) == HF_OK &&
	    !info.is_frozen &&
	    hf_ledger_note(view, follow->set, HF_LEDGER_SEEN, &bytes, NULL) ==
		    HF_OK &&
	    hf_note_parse(bytes, &note, NULL) == HF_OK &&
	    hf_set_keys_for(set->agreement, &note, &keys, why) == HF_OK)
		why->text[0] = '\0';
	hf_ledger_view_end(view);
}

/* A key that was revoked may have signed what we hold already.  Which of it is
 * the publisher's nobody here can tell: the set stops. */
static void stop_if_void(struct hf_follow *follow,
			 const struct hf_ring_set *set)
{
	struct hf_why reason = { "" }, why = { "" };

	check_held(follow, set, &reason);
	if (reason.text[0] == '\0')
		return;
	hf_why_prefix(&reason, "what is held is not vouched for any more: ");
	hf_log(HF_LOG_ERROR, "peer", "set frozen", "set=%s why=\"%s\"",
	       follow->origin, reason.text);
	if (hf_ledger_freeze(follow->peers->options.ledger, follow->set,
			     reason.text, &why) != HF_OK)
		hf_log(HF_LOG_ERROR, "peer", "set not frozen",
		       "set=%s why=\"%s\"", follow->origin, why.text);
}

static void take_agreement(struct hf_follow *follow, const struct hf_ring *ring,
			   const struct hf_ring_set *set)
{
	const struct hf_peers_options *options = &follow->peers->options;

	if (follow->agreement_version == set->agreement->version)
		return;
	stop_if_void(follow, set);
	follow->agreement_version = set->agreement->version;
	hf_follow_heed_names(follow);
	/* What we signed ourselves needs nobody else's word. */
	follow->is_witness = !follow->is_own &&
			     is_named(set->agreement, hf_ring_self(ring)->id);
	if (options->witnesses != NULL && !follow->is_own)
		follow->witnesses =
			options->witnesses(options->arg, follow->origin);
}

/* May it be asked for the set?  Whoever holds ours may give it to us. */
static bool may_give(const struct hf_follow *follow, const struct hf_ring *ring,
		     const struct hf_link *link, uint64_t now_ms)
{
	struct hf_span origin = hf_span_of(follow->origin);

	if (follow->is_own)
		return hf_ring_may_have(ring, origin, link->organisation_id,
					now_ms) > HF_RIGHT_NONE;
	return hf_ring_may_relay(ring, origin, link->organisation_id, now_ms);
}

/* The link with the largest checkpoint that it may pass on; what it told is
 * parsed, not yet believed.  One that is behind what we hold counts too: the
 * ledger sees whether it contradicts that. */
static struct hf_link *best_link(struct hf_follow *follow,
				 const struct hf_ring *ring,
				 struct hf_note *out_note)
{
	struct hf_link *best = NULL;
	uint64_t now_ms = hf_clock_wall_ms();

	for (struct hf_link *link = follow->peers->links; link != NULL;
	     link = link->next) {
		struct hf_link_set *told = hf_link_set(link, follow->origin);
		struct hf_why why = { "" };
		struct hf_note note;

		if (told == NULL || told->note.len_bytes == 0 ||
		    !link->is_in_session ||
		    !may_give(follow, ring, link, now_ms) ||
		    hf_follow_leaves_alone(follow, link))
			continue;
		if (hf_note_parse(told->note, &note, &why) != HF_OK) {
			hf_link_drop_note(link, follow->origin);
			hf_link_fail(link, HF_E_MALFORMED, &why);
			continue;
		}
		/* Who tells of it may not know yet that it is void. */
		if (note.checkpoint.size > follow->void_from) {
			hf_link_drop_note(link, follow->origin);
			continue;
		}
		if (best == NULL ||
		    note.checkpoint.size > out_note->checkpoint.size) {
			best = link;
			*out_note = note;
		}
	}
	return best;
}

static enum hf_err info_of(struct hf_follow *follow,
			   struct hf_ledger_info *out_info, struct hf_why *why)
{
	struct hf_ledger_view *view;
	enum hf_err err =
		hf_ledger_view_begin(follow->peers->options.ledger, &view, why);

	if (err != HF_OK)
		return err;
	err = hf_ledger_info(view, follow->set, out_info, why);
	hf_ledger_view_end(view);
	return err;
}

struct hf_link *hf_follow_link_with(struct hf_follow *follow, uint64_t size)
{
	struct hf_ring *ring = hf_ring_holder_get(follow->peers->options.ring);
	struct hf_link *link = follow->peers->links;
	uint64_t now_ms = hf_clock_wall_ms();

	for (; link != NULL; link = link->next) {
		const struct hf_link_set *told =
			hf_link_set(link, follow->origin);

		if (told != NULL && told->size >= size && link->is_in_session &&
		    !hf_link_is_doubted(link, follow->origin) &&
		    hf_ring_may_relay(ring, hf_span_of(follow->origin),
				      link->organisation_id, now_ms))
			break;
	}
	hf_ring_release(ring);
	return link;
}

/* A checkpoint has all cosignatures, and was told of by another way. */
static void look_at_ready(struct hf_follow *follow,
			  const struct hf_ledger_info *info)
{
	struct hf_link *link;
	struct hf_note note;
	uint64_t time_s;
	bool may_apply;

	if (follow->ready.len_bytes == 0 ||
	    hf_follow_open_note(follow, follow->ready, &note, &time_s,
				&may_apply, NULL) != HF_OK ||
	    !may_apply || note.checkpoint.size <= info->size ||
	    note.checkpoint.size > follow->void_from) {
		free((void *)follow->ready.at);
		follow->ready = hf_span(NULL, 0);
		return;
	}
	link = hf_follow_link_with(follow, note.checkpoint.size);
	if (link != NULL &&
	    hf_follow_fetch(follow, link, &note, time_s, info) == HF_OK) {
		free((void *)follow->ready.at);
		follow->ready = hf_span(NULL, 0);
	}
}

/* It lacks cosignatures: what it takes back counts, the rest waits. */
static void wait_for_witnesses(struct hf_follow *follow, struct hf_link *link,
			       const struct hf_note *note,
			       const struct hf_ledger_info *info)
{
	hf_follow_collect(follow, note->bytes);
	hf_follow_improve(follow, note->bytes);
	/* Of the note only size and root are there from here. */
	hf_link_drop_note(link, follow->origin);
	if (note->checkpoint.size > info->size &&
	    note->checkpoint.size > follow->looked_ahead)
		hf_follow_ahead(follow, link, note, info->size);
	else
		hf_follow_look(follow);
}

static void look_at_notes(struct hf_follow *follow, const struct hf_ring *ring)
{
	struct hf_ledger_info info;
	struct hf_why why = { "" };
	struct hf_link *link;
	struct hf_note note;
	uint64_t time_s;
	bool may_apply;
	enum hf_err err;

	if (info_of(follow, &info, &why) != HF_OK || info.is_frozen)
		return;
	link = best_link(follow, ring, &note);
	if (link == NULL) {
		look_at_ready(follow, &info);
		return;
	}
	/* Now believe it, or not. */
	err = hf_follow_open_note(follow, note.bytes, &note, &time_s,
				  &may_apply, &why);
	if (err == HF_E_SIGNATURE && hf_follow_doubt(follow, link, &note, &why))
		return;
	if (err != HF_OK) {
		hf_why_prefix(&why, "%s: ", follow->origin);
		hf_link_drop_note(link, follow->origin);
		hf_link_fail(link, HF_E_SIGNATURE, &why);
		hf_follow_look(follow);
		return;
	}
	if (follow->is_own)
		hf_follow_own_told(follow, note.checkpoint.size);
	if (follow->is_own && note.checkpoint.size <= hf_follow_held(&info)) {
		hf_link_drop_note(link, follow->origin);
		hf_follow_look(follow);
		return;
	}
	hf_link_trust(link, follow->origin);
	if (!follow->is_own)
		hf_link_verified(link, follow->origin, time_s);
	if (!may_apply)
		wait_for_witnesses(follow, link, &note, &info);
	/* What it takes back counts, though nothing of it can be stored. */
	else if (follow->cannot_store && !follow->is_blind &&
		 note.checkpoint.size > info.size &&
		 note.checkpoint.size > follow->looked_ahead)
		hf_follow_ahead(follow, link, &note, info.size);
	else if (hf_follow_fetch(follow, link, &note, time_s, &info) != HF_OK)
		hf_rpc_timer_start(follow->peers->options.outbound,
				   &follow->retry, RETRY_MAX_MS);
}

/* A later epoch may have begun, and made void what is being fetched. */
static void heed_successor(struct hf_follow *follow, const struct hf_ring *ring)
{
	struct hf_why why = { "void: a later epoch goes on from before it" };
	const uint8_t *root;

	if (hf_ring_successor(ring, hf_span_of(follow->origin),
			      &follow->void_from, &root) == NULL)
		follow->void_from = UINT64_MAX;
	if (follow->source != NULL && follow->note.len_bytes > 0 &&
	    follow->size > follow->void_from)
		hf_follow_fail(follow, HF_E_CANCELLED, &why);
}

void hf_follow_look(struct hf_follow *follow)
{
	struct hf_ring *ring;
	const struct hf_ring_set *set;
	struct hf_link *link;
	enum hf_right right;

	if (follow->is_going)
		return;
	ring = hf_ring_holder_get(follow->peers->options.ring);
	heed_successor(follow, ring);
	if (follow->source != NULL || follow->away > 0) {
		hf_ring_release(ring);
		return;
	}
	set = hf_ring_set(ring, hf_span_of(follow->origin));
	link = newer_agreement(follow, set);
	right = hf_ring_may_have(ring, hf_span_of(follow->origin),
				 hf_ring_self(ring)->id, hf_clock_wall_ms());
	follow->is_blind = right == HF_RIGHT_WITNESS;
	if ((link == NULL || !ask_agreement(follow, link)) && set != NULL &&
	    right >= HF_RIGHT_WITNESS) {
		take_agreement(follow, ring, set);
		look_at_notes(follow, ring);
	}
	hf_ring_release(ring);
}
