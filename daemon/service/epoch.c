#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "codec_document.h"
#include "ledger_view.h"
#include "log.h"
#include "ring.h"
#include "text.h"

#include "epoch.h"
#include "epoch_carry.h"
#include "epoch_recall.h"
#include "errand.h"
#include "node.h"
#include "own_set.h"

/* Pieces carried before other errands have their turn. */
#define PIECES_AT_ONCE 16

/* Why an earlier epoch takes nothing more; the later one's origin follows. */
#define CLOSED "it goes on in "

struct hf_epochs {
	struct hf_errand errand; /* first */
	struct hf_node *node;    /* borrowed */
	/* The errand's: what is being carried over, and how far. */
	char origin[HF_ORIGIN_MAX_BYTES + 1];
	uint64_t next;
	struct hf_recalls recalls;
	atomic_bool has_failed; /* logged; quiet until it works again */
	pthread_mutex_t lock;
	bool is_posted; /* under the lock, as the next */
	bool must_stop;
};

/* ---- carrying over ---- */

static enum hf_err find_info(struct hf_node *node, uint32_t set,
			     struct hf_ledger_info *out_info,
			     struct hf_why *why)
{
	struct hf_ledger_view *view;
	enum hf_err err = hf_ledger_view_begin(node->ledger, &view, why);

	if (err != HF_OK)
		return err;
	err = hf_ledger_info(view, set, out_info, why);
	hf_ledger_view_end(view);
	return err;
}

/* Nothing more may come into the earlier epoch.  Its agreement stays, so that
 * members match on it until they have the new one. */
static enum hf_err close_earlier(struct hf_node *node, uint32_t set,
				 const char *successor, struct hf_why *why)
{
	char reason[HF_LEDGER_REASON_MAX_BYTES + 1];
	struct hf_ledger_info info;
	enum hf_err err = find_info(node, set, &info, why);

	if (err != HF_OK)
		return err;
	snprintf(reason, sizeof(reason), CLOSED "%s", successor);
	return strcmp(info.frozen_reason, reason) == 0
		       ? HF_OK
		       : hf_ledger_freeze(node->ledger, set, reason, why);
}

bool hf_epoch_is_closed(const struct hf_ledger_info *info)
{
	return info->kind == HF_LEDGER_OWN &&
	       strncmp(info->frozen_reason, CLOSED, strlen(CLOSED)) == 0;
}

enum hf_err hf_epoch_check_latest(struct hf_node *node, const char *origin,
				  struct hf_why *why)
{
	struct hf_ring *ring = hf_ring_holder_get(node->ring);
	const struct hf_ring_set *later;
	const uint8_t *root;
	uint64_t void_from;
	enum hf_err err = HF_OK;

	later = hf_ring_successor(ring, hf_span_of(origin), &void_from, &root);
	if (later != NULL)
		err = hf_why(why, HF_E_FROZEN, "%s is closed: " CLOSED "%s",
			     origin, later->origin);
	hf_ring_release(ring);
	return err;
}

/* What was stored when it was closed is signed and acknowledged, or never will
 * be. */
static enum hf_err settle(struct hf_node *node, uint32_t set,
			  struct hf_why *why)
{
	struct hf_ledger_wait *wait;
	struct hf_ledger_info info;
	struct hf_why unsigned_why = { "" };
	enum hf_err err = hf_ledger_wait_new(&wait, why);

	if (err != HF_OK)
		return err;
	err = hf_ledger_refresh(node->ledger, set, hf_ledger_wait_done(wait),
				&unsigned_why);
	if (err == HF_OK)
		err = hf_ledger_wait_for(wait, NULL, &unsigned_why);
	hf_ledger_wait_free(wait);
	if (err == HF_OK)
		return HF_OK;
	err = find_info(node, set, &info, why);
	if (err == HF_OK && info.unsigned_count > 0)
		err = hf_why(why, HF_E_BUSY,
			     "%s has %llu entries that are not signed yet: %s",
			     info.origin,
			     (unsigned long long)info.unsigned_count,
			     unsigned_why.text);
	return err;
}

/* Closed for an epoch that was never opened: a crash came between. */
static void reopen_closed(struct hf_node *node)
{
	struct hf_ring *ring = hf_ring_holder_get(node->ring);
	struct hf_ledger_info info = { .set = 0 };
	struct hf_why why = { "" };

	while (hf_ledger_next_now(node->ledger, info.set, &info, NULL) ==
	       HF_OK) {
		const char *successor = info.frozen_reason + strlen(CLOSED);

		if (!hf_epoch_is_closed(&info) ||
		    hf_ring_set(ring, hf_span_of(successor)) != NULL)
			continue;
		if (hf_ledger_freeze(node->ledger, info.set, "", &why) != HF_OK)
			hf_log(HF_LOG_ERROR, "epoch", "stays closed",
			       "set=%s why=\"%s\"", info.origin, why.text);
		else
			hf_log(HF_LOG_WARNING, "epoch", "open again",
			       "set=%s why=\"%s was never opened\"",
			       info.origin, successor);
	}
	hf_ring_release(ring);
}

/* What a backup lacks comes back from peers before anything is closed: a set
 * that is closed takes no more. */
static enum hf_err check_whole(struct hf_node *node, uint32_t set,
			       uint64_t size, struct hf_why *why)
{
	struct hf_ledger_info info;
	enum hf_err err = find_info(node, set, &info, why);

	if (err != HF_OK || info.size >= size)
		return err;
	return hf_why(why, HF_E_UNAVAILABLE,
		      "epoch: %" PRIu64 " of %" PRIu64 " entries of %s are "
		      "here, the rest is to be fetched back from peers",
		      info.size, size, info.origin);
}

static enum hf_err find_both(struct hf_node *node,
			     const struct hf_ring_set *set,
			     struct hf_carry *out, struct hf_why *why)
{
	const struct hf_predecessor *from = set->agreement->predecessor;
	struct hf_ledger_view *view;
	enum hf_err err = hf_ledger_view_begin(node->ledger, &view, why);

	if (err != HF_OK)
		return err;
	*out = (struct hf_carry){
		.node = node,
		.from_origin = from->origin,
		/* Only items are carried over. */
		.size = set->agreement->kind == 0 ? from->size : 0,
	};
	err = hf_ledger_find(view, hf_span_of(from->origin), &out->from, why);
	if (err == HF_OK)
		err = hf_ledger_find(view, hf_span_of(set->origin), &out->to,
				     why);
	hf_ledger_view_end(view);
	return err;
}

/* All is there: say so, in the agreement and to those that we only reach with
 * a new checkpoint. */
static enum hf_err finish(struct hf_node *node, const struct hf_ring_set *set,
			  uint32_t number, struct hf_why *why)
{
	struct hf_agreement agreement = *set->agreement;
	struct hf_predecessor from = *set->agreement->predecessor;
	struct hf_ledger_wait *wait;
	struct hf_ledger_info info;
	enum hf_err err = find_info(node, number, &info, why);

	if (err != HF_OK)
		return err;
	from.carried_plus_one = info.size + 1;
	agreement.predecessor = &from;
	agreement.version++;
	err = hf_own_set_put(node, &agreement, why);
	if (err != HF_OK)
		return err;
	hf_log(HF_LOG_INFO, "epoch", "carried over",
	       "set=%s from=%s void_from=%llu entries=%llu", set->origin,
	       from.origin, (unsigned long long)from.size,
	       (unsigned long long)info.size);
	err = hf_ledger_wait_new(&wait, why);
	if (err != HF_OK)
		return err;
	err = hf_ledger_refresh(node->ledger, number, hf_ledger_wait_done(wait),
				why);
	if (err == HF_OK)
		err = hf_ledger_wait_for(wait, NULL, why);
	hf_ledger_wait_free(wait);
	return err;
}

/* Some pieces of one set; *out_is_over when none is left. */
static enum hf_err carry_some(struct hf_epochs *epochs,
			      const struct hf_ring_set *set, bool *out_is_over,
			      struct hf_why *why)
{
	struct hf_ledger_receipt receipt;
	struct hf_carry carry;
	uint64_t pieces;
	enum hf_err err = find_both(epochs->node, set, &carry, why);

	if (err == HF_OK)
		err = check_whole(epochs->node, carry.from,
				  set->agreement->predecessor->size, why);
	if (err == HF_OK)
		err = close_earlier(epochs->node, carry.from, set->origin, why);
	if (err == HF_OK && strcmp(epochs->origin, set->origin) != 0) {
		strcpy(epochs->origin, set->origin);
		epochs->next = 0;
	}
	*out_is_over = set->agreement->predecessor->carried_plus_one != 0;
	if (err != HF_OK || *out_is_over)
		return err;
	pieces = carry.size / HF_CARRY_ENTRIES +
		 (carry.size % HF_CARRY_ENTRIES != 0);
	for (size_t i = 0;
	     i < PIECES_AT_ONCE && epochs->next < pieces && err == HF_OK; i++) {
		err = hf_carry_piece(&carry, epochs->next, &receipt, why);
		epochs->next += err == HF_OK;
	}
	*out_is_over = epochs->next >= pieces;
	if (err == HF_OK && *out_is_over)
		err = finish(epochs->node, set, carry.to, why);
	return err;
}

/* A store that was put back has the earlier epoch open again. */
static bool is_open(struct hf_node *node, const char *origin)
{
	struct hf_ledger_view *view;
	struct hf_ledger_info info;
	uint32_t set;
	bool is;

	if (hf_ledger_view_begin(node->ledger, &view, NULL) != HF_OK)
		return false;
	is = hf_ledger_find(view, hf_span_of(origin), &set, NULL) == HF_OK &&
	     hf_ledger_info(view, set, &info, NULL) == HF_OK &&
	     info.kind == HF_LEDGER_OWN && !info.is_frozen;
	hf_ledger_view_end(view);
	return is;
}

/* A set of ours that goes on from another, which is not all carried over, or
 * not closed. */
static const struct hf_ring_set *first_unfinished(struct hf_node *node,
						  const struct hf_ring *ring)
{
	const struct hf_ring_set *sets;
	size_t count = hf_ring_sets(ring, &sets);

	for (size_t i = 0; i < count; i++) {
		const struct hf_predecessor *from =
			sets[i].agreement->predecessor;

		if (sets[i].is_own && from != NULL &&
		    (from->carried_plus_one == 0 ||
		     is_open(node, from->origin)))
			return &sets[i];
	}
	return NULL;
}

static bool may_go_on(struct hf_epochs *epochs)
{
	bool may;

	pthread_mutex_lock(&epochs->lock);
	epochs->is_posted = false;
	may = !epochs->must_stop;
	pthread_mutex_unlock(&epochs->lock);
	return may;
}

static void run(struct hf_errand *errand)
{
	struct hf_epochs *epochs = (struct hf_epochs *)(void *)errand;
	struct hf_ring *ring = hf_ring_holder_get(epochs->node->ring);
	const struct hf_ring_set *set = first_unfinished(epochs->node, ring);
	struct hf_why why = { "" };
	bool is_over = false;
	enum hf_err err = HF_OK;

	if (may_go_on(epochs) && set != NULL) {
		err = carry_some(epochs, set, &is_over, &why);
		if (err != HF_OK && !epochs->has_failed)
			hf_log(HF_LOG_WARNING, "epoch", "not carried over yet",
			       "set=%s err=%s why=\"%s\"", set->origin,
			       hf_err_name(err), why.text);
		epochs->has_failed = err != HF_OK;
		/* What failed is tried again in a while. */
		if (err == HF_OK)
			hf_epochs_resume(epochs);
	}
	hf_ring_release(ring);
}

bool hf_epochs_are_waiting(const struct hf_epochs *epochs)
{
	return epochs != NULL && atomic_load(&epochs->has_failed);
}

void hf_epochs_resume(struct hf_epochs *epochs)
{
	struct hf_ring *ring;
	bool must_post;

	if (epochs == NULL)
		return;
	ring = hf_ring_holder_get(epochs->node->ring);
	must_post = first_unfinished(epochs->node, ring) != NULL;
	hf_ring_release(ring);
	if (!must_post)
		return;
	pthread_mutex_lock(&epochs->lock);
	must_post = !epochs->is_posted && !epochs->must_stop;
	epochs->is_posted |= must_post;
	if (must_post)
		hf_errand_post(epochs->node->errands, &epochs->errand);
	pthread_mutex_unlock(&epochs->lock);
}

enum hf_err hf_epochs_new(struct hf_node *node, struct hf_epochs **out_epochs,
			  struct hf_why *why)
{
	struct hf_epochs *epochs = calloc(1, sizeof(*epochs));

	if (epochs == NULL)
		return hf_why(why, HF_E_NOMEM, "epoch: no memory");
	epochs->errand.run = run;
	epochs->node = node;
	pthread_mutex_init(&epochs->lock, NULL);
	reopen_closed(node);
	*out_epochs = epochs;
	return HF_OK;
}

struct hf_recalls *hf_epochs_recalls(struct hf_epochs *epochs)
{
	return &epochs->recalls;
}

void hf_epochs_halt(struct hf_epochs *epochs)
{
	if (epochs == NULL)
		return;
	pthread_mutex_lock(&epochs->lock);
	epochs->must_stop = true;
	pthread_mutex_unlock(&epochs->lock);
}

void hf_epochs_free(struct hf_epochs *epochs)
{
	if (epochs == NULL)
		return;
	pthread_mutex_destroy(&epochs->lock);
	hf_recalls_free(&epochs->recalls);
	free(epochs);
}

/* ---- opening ---- */

/* May the set be continued now, and under which origin? */
static enum hf_err name_next(const struct hf_ring *ring,
			     const struct hf_ring_set *set, uint32_t epoch,
			     char *out_origin, struct hf_why *why)
{
	struct hf_span origin = hf_span_of(set->origin);
	struct hf_span stem = hf_text_origin_stem(origin);
	uint32_t now = hf_text_origin_epoch(origin);
	const struct hf_ring_set *successor;
	const uint8_t *root;
	uint64_t void_from;

	if (set->agreement->kind == HF_SET_KIND_CASES)
		return hf_why(why, HF_E_ARGUMENT,
			      "%s is a set of cases, of which nothing could "
			      "be carried over",
			      set->origin);
	if (set->agreement->predecessor != NULL &&
	    set->agreement->predecessor->carried_plus_one == 0)
		return hf_why(why, HF_E_BUSY,
			      "%s is still being filled from %s", set->origin,
			      set->agreement->predecessor->origin);
	successor = hf_ring_successor(ring, origin, &void_from, &root);
	if (successor != NULL)
		return hf_why(why, HF_E_EXISTS, "%s goes on in %s already",
			      set->origin, successor->origin);
	if (epoch == 0 && now < UINT32_MAX)
		epoch = now + 1;
	if (epoch <= now)
		return hf_why(why, HF_E_ARGUMENT,
			      "an epoch after %u is needed, not %u", now,
			      epoch);
	snprintf(out_origin, HF_ORIGIN_MAX_BYTES + 1, "%.*s/%u",
		 HF_SPAN_ARGS(stem), epoch);
	if (!hf_text_is_origin(hf_span_of(out_origin)))
		return hf_why(why, HF_E_LIMIT, "the new origin is too long");
	return HF_OK;
}

/* That everything that is held counts can only be said when the signer signed
 * no more. */
static enum hf_err check_signed(struct hf_node *node, const char *origin,
				uint64_t size, const struct hf_tree_hash *root,
				struct hf_why *why)
{
	struct hf_tree_hash last_root;
	uint64_t last;
	enum hf_err err = hf_agent_last(node->agent, hf_span_of(origin), &last,
					&last_root, why);

	if (err != HF_OK || last < size ||
	    (last == size && hf_tree_equal(&last_root, root)))
		return err;
	return hf_why(why, HF_E_CONFLICT,
		      "the signer signed %llu entries of %s, and %llu are "
		      "here: get the rest back from a peer, or give them up "
		      "with --from-size %llu",
		      (unsigned long long)last, origin,
		      (unsigned long long)size, (unsigned long long)size);
}

/* How much of the set counts, and what that adds up to. */
static enum hf_err find_size(struct hf_node *node, const char *origin,
			     uint32_t set, uint64_t from_size_plus_one,
			     uint64_t *out_size, struct hf_tree_hash *out_root,
			     struct hf_why *why)
{
	struct hf_ledger_view *view;
	struct hf_ledger_info info;
	enum hf_err err = hf_ledger_view_begin(node->ledger, &view, why);

	if (err != HF_OK)
		return err;
	err = hf_ledger_info(view, set, &info, why);
	if (err != HF_OK)
		goto out_end;
	*out_size = from_size_plus_one > 0 ? from_size_plus_one - 1 : info.size;
	if (*out_size > info.size)
		err = hf_why(why, HF_E_ARGUMENT,
			     "%s has %llu entries here, so it cannot count "
			     "up to %llu",
			     origin, (unsigned long long)info.size,
			     (unsigned long long)*out_size);
	if (err == HF_OK)
		err = hf_ledger_root(view, set, *out_size, out_root, why);
out_end:
	hf_ledger_view_end(view);
	return err == HF_OK && from_size_plus_one == 0
		       ? check_signed(node, origin, *out_size, out_root, why)
		       : err;
}

/* The same audience, terms and kind, by a new agreement. */
static enum hf_err open_next(struct hf_node *node,
			     const struct hf_ring_set *set, const char *origin,
			     uint64_t size, const struct hf_tree_hash *root,
			     struct hf_why *why)
{
	const struct hf_predecessor from = {
		.origin = set->origin,
		.size = size,
		.root = hf_span(root->bytes, sizeof(root->bytes)),
	};
	struct hf_agreement agreement = *set->agreement;

	agreement.origin = origin;
	agreement.version = 1;
	agreement.predecessor = &from;
	/* Only those that the signer has now. */
	agreement.keys = NULL;
	agreement.keys_count = 0;
	agreement.expires_ms = hf_own_set_expiry_ms();
	return hf_own_set_put(node, &agreement, why);
}

/* It was not opened after all: it takes entries as before. */
static void reopen(struct hf_node *node, uint32_t set, const char *origin,
		   const char *reason)
{
	struct hf_ring *ring = hf_ring_holder_get(node->ring);
	bool is_open = hf_ring_set(ring, hf_span_of(origin)) != NULL;
	struct hf_why why = { "" };

	hf_ring_release(ring);
	if (!is_open &&
	    hf_ledger_freeze(node->ledger, set, reason, &why) != HF_OK)
		hf_log(HF_LOG_ERROR, "epoch", "stays closed",
		       "set=%s why=\"%s\"", origin, why.text);
}

/* First it takes nothing more: what came after its size was found would be
 * void, acknowledged or not. */
static enum hf_err close_and_open(struct hf_node *node,
				  const struct hf_ring_set *set,
				  uint32_t number, uint64_t from_size_plus_one,
				  const char *origin, uint64_t *out_size,
				  struct hf_why *why)
{
	struct hf_ledger_info before;
	struct hf_tree_hash root;
	enum hf_err err = find_info(node, number, &before, why);

	if (err == HF_OK)
		err = close_earlier(node, number, origin, why);
	if (err != HF_OK)
		return err;
	if (from_size_plus_one == 0)
		err = settle(node, number, why);
	if (err == HF_OK)
		err = find_size(node, set->origin, number, from_size_plus_one,
				out_size, &root, why);
	if (err == HF_OK)
		err = open_next(node, set, origin, *out_size, &root, why);
	if (err != HF_OK)
		reopen(node, number, origin, before.frozen_reason);
	return err;
}

enum hf_err hf_epoch_open(struct hf_node *node,
			  const struct hf_next_epoch_request *request,
			  struct hf_arena *arena,
			  struct hf_next_epoch_response *out_response,
			  struct hf_why *why)
{
	struct hf_ring *ring = hf_ring_holder_get(node->ring);
	char earlier[HF_ORIGIN_MAX_BYTES + 1], origin[HF_ORIGIN_MAX_BYTES + 1];
	const struct hf_ring_set *set;
	uint32_t number;
	uint64_t size;
	enum hf_err err =
		hf_node_own_set(node, request->set, earlier, &number, why);

	set = err == HF_OK ? hf_ring_set(ring, hf_span_of(earlier)) : NULL;
	if (err == HF_OK && set == NULL)
		err = hf_why(why, HF_E_BUSY, "%s was just opened", earlier);
	if (err == HF_OK)
		err = name_next(ring, set, request->epoch, origin, why);
	if (err == HF_OK)
		err = close_and_open(node, set, number,
				     request->from_size_plus_one, origin, &size,
				     why);
	hf_ring_release(ring);
	if (err != HF_OK)
		return err;
	hf_epochs_resume(node->epochs);
	*out_response = (struct hf_next_epoch_response){
		.origin = hf_arena_text(arena, hf_span_of(origin)),
		.predecessor = hf_arena_text(arena, hf_span_of(earlier)),
		.void_from = size,
	};
	return out_response->origin != NULL && out_response->predecessor != NULL
		       ? HF_OK
		       : hf_why(why, HF_E_NOMEM, "no memory");
}
