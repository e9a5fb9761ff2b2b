#include <stdio.h>
#include <string.h>

#include "agent.h"
#include "arena.h"
#include "bytes.h"
#include "clock.h"
#include "codec_document.h"
#include "conf.h"
#include "fresh.h"
#include "ledger_view.h"
#include "log.h"
#include "ring.h"
#include "ringdir.h"
#include "sign.h"
#include "text.h"

#include "feed.h"
#include "node.h"
#include "opine.h"
#include "own_set.h"

/* 13 months, as manifests. */
#define AGREEMENT_MS ((uint64_t)395 * 24 * 3600 * 1000)

uint64_t hf_own_set_expiry_ms(void)
{
	return hf_clock_wall_ms() + AGREEMENT_MS;
}

enum hf_err hf_own_set_put(struct hf_node *node,
			   const struct hf_agreement *agreement,
			   struct hf_why *why)
{
	struct hf_buf document;
	enum hf_err err;

	hf_buf_init(&document, HF_AGREEMENT_MAX_BYTES);
	err = hf_agent_agreement(node->agent, agreement, &document, why);
	if (err == HF_OK)
		err = hf_ring_save_agreement(node->ring_dir,
					     hf_buf_span(&document), why);
	hf_buf_release(&document);
	return err == HF_OK ? hf_node_ring_changed(node, why) : err;
}

/* The origin of a set that is not open yet; a random name without one. */
static enum hf_err name_origin(const struct hf_ring *ring, const char *given,
			       unsigned epoch, char *out_origin,
			       struct hf_why *why)
{
	char name[HF_SET_NAME_MAX_BYTES + 1];
	uint8_t random[16];

	if (given == NULL) {
		hf_random(random, sizeof(random));
		hf_hex(random, sizeof(random), name);
	} else if (!hf_text_is_set_name(hf_span_of(given))) {
		return hf_why(why, HF_E_ARGUMENT,
			      "'%.80s' is not a set name: a to z, 0 to 9 and "
			      "-, at most %d",
			      given, HF_SET_NAME_MAX_BYTES);
	} else {
		strcpy(name, given);
	}
	snprintf(out_origin, HF_ORIGIN_MAX_BYTES + 1, "%s/%s/%u",
		 hf_ring_self(ring)->name, name, epoch);
	if (hf_ring_set(ring, hf_span_of(out_origin)) != NULL)
		return hf_why(why, HF_E_EXISTS, "set %s is open already",
			      out_origin);
	return HF_OK;
}

/* Open a set with what the agreement says already; the rest is filled in. */
static enum hf_err open_set(struct hf_node *node, const char *name,
			    unsigned epoch, struct hf_agreement *agreement,
			    char *out_origin, struct hf_why *why)
{
	struct hf_ring *ring = hf_ring_holder_get(node->ring);
	enum hf_err err = name_origin(ring, name, epoch, out_origin, why);

	agreement->origin = out_origin;
	agreement->version = 1;
	agreement->organisation_id =
		hf_span(hf_ring_self(ring)->id, HF_HASH_BYTES);
	agreement->relay =
		agreement->relays_count > 0 ? HF_RELAY_LISTED : HF_RELAY_NONE;
	agreement->expires_ms = hf_own_set_expiry_ms();
	if (err == HF_OK)
		err = hf_own_set_put(node, agreement, why);
	hf_ring_release(ring);
	return err;
}

enum hf_err hf_own_set_open(struct hf_node *node,
			    const struct hf_open_set_request *request,
			    char *out_origin, struct hf_why *why)
{
	struct hf_agreement agreement = {
		.classes = request->classes,
		.classes_count = request->classes_count,
		.purpose = request->purpose,
	};

	return open_set(node, request->is_restricted ? NULL : request->name, 1,
			&agreement, out_origin, why);
}

enum hf_err hf_own_set_open_kind(struct hf_node *node, enum hf_set_kind kind,
				 const char *name,
				 const struct hf_span *audience_ids,
				 size_t audience_count,
				 const struct hf_span *relay_ids,
				 size_t relays_count, const char *purpose,
				 char *out_origin, struct hf_why *why)
{
	struct hf_agreement agreement = {
		.kind = kind,
		.audience = audience_ids,
		.audience_count = audience_count,
		.relays = relay_ids,
		.relays_count = relays_count,
		.purpose = purpose,
	};

	return open_set(node, name, 1, &agreement, out_origin, why);
}

enum hf_err hf_own_set_open_audit(struct hf_node *node, unsigned epoch,
				  char *out_origin, struct hf_why *why)
{
	struct hf_agreement agreement = {
		.kind = HF_SET_KIND_AUDIT,
		.purpose = "what was done here, and by whom",
	};

	return open_set(node, HF_OWN_SET_AUDIT, epoch, &agreement, out_origin,
			why);
}

enum hf_err hf_own_set_need(struct hf_node *node, enum hf_set_kind kind,
			    const char *name, const char *purpose,
			    bool may_open, char *out_origin, uint32_t *out_set,
			    struct hf_why *why)
{
	enum hf_err err = hf_node_own_set(node, name, out_origin, out_set, why);
	const struct hf_ring_set *about;
	struct hf_ring *ring;
	bool is_of_kind;

	if (err == HF_E_NOTFOUND && may_open) {
		err = hf_own_set_open_kind(node, kind, name, NULL, 0, NULL, 0,
					   purpose, out_origin, why);
		if (err == HF_OK)
			err = hf_node_own_set(node, name, out_origin, out_set,
					      why);
	}
	if (err != HF_OK)
		return err;
	ring = hf_ring_holder_get(node->ring);
	about = hf_ring_set(ring, hf_span_of(out_origin));
	is_of_kind = about != NULL && about->agreement->kind == kind;
	hf_ring_release(ring);
	if (!is_of_kind)
		return hf_why(why, HF_E_CONFLICT,
			      "our set %s is of another kind: the name is "
			      "needed for one of kind %s",
			      out_origin, hf_set_kind_word(kind));
	return HF_OK;
}

/* A list of ids with one more, or one less; *out_count says how many. */
static const struct hf_span *with(struct hf_arena *arena,
				  const struct hf_span *ids, size_t count,
				  struct hf_span id, bool is_removal,
				  size_t *out_count)
{
	struct hf_span *list = hf_arena_calloc(arena, count + 1, sizeof(*list));
	size_t kept = 0;

	if (list == NULL)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		if (!hf_span_equal(ids[i], id))
			list[kept++] = ids[i];
	}
	if (!is_removal)
		list[kept++] = id;
	*out_count = kept;
	return list;
}

static enum hf_err next_agreement(const struct hf_ring_set *set,
				  const struct hf_organisation *peer,
				  const struct hf_share_set_request *request,
				  struct hf_arena *arena,
				  struct hf_agreement *out, struct hf_why *why)
{
	struct hf_span id = hf_span(peer->id, HF_HASH_BYTES);

	*out = *set->agreement;
	out->version++;
	out->expires_ms = hf_own_set_expiry_ms();
	out->audience = with(arena, out->audience, out->audience_count, id,
			     request->is_removal || request->is_witness,
			     &out->audience_count);
	out->witnesses = with(arena, out->witnesses, out->witnesses_count, id,
			      request->is_removal || !request->is_witness,
			      &out->witnesses_count);
	if (out->relay != HF_RELAY_MEMBERS) {
		out->relays = with(arena, out->relays, out->relays_count, id,
				   request->is_removal || request->is_witness ||
					   !request->may_relay,
				   &out->relays_count);
		out->relay =
			out->relays_count > 0 ? HF_RELAY_LISTED : HF_RELAY_NONE;
	}
	if (out->audience == NULL || out->witnesses == NULL ||
	    (out->relay == HF_RELAY_LISTED && out->relays == NULL))
		return hf_why(why, HF_E_NOMEM, "no memory");
	if (out->audience_count > HF_AUDIENCE_MAX ||
	    out->witnesses_count > HF_AUDIENCE_MAX)
		return hf_why(why, HF_E_LIMIT, "more than %d members",
			      HF_AUDIENCE_MAX);
	return HF_OK;
}

enum hf_err hf_own_set_share(struct hf_node *node,
			     const struct hf_share_set_request *request,
			     char *out_origin, uint64_t *out_version,
			     struct hf_why *why)
{
	struct hf_ring *ring = hf_ring_holder_get(node->ring);
	const struct hf_organisation *peer =
		hf_ring_by_name(ring, hf_span_of(request->peer));
	const struct hf_ring_set *set;
	struct hf_agreement agreement;
	struct hf_arena arena;
	uint32_t number;
	enum hf_err err;

	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	out_origin[0] = '\0';
	err = hf_node_own_set(node, request->set, out_origin, &number, why);
	if (err == HF_OK && (peer == NULL || peer->is_self))
		err = hf_why(why, HF_E_NOTFOUND,
			     "no peer '%.80s'; hashfed peers lists them",
			     request->peer);
	/* The set may be newer than this ring. */
	set = hf_ring_set(ring, hf_span_of(out_origin));
	if (err == HF_OK && set == NULL)
		err = hf_why(why, HF_E_BUSY, "%s was just opened", out_origin);
	/* A witness sees no entry. */
	if (err == HF_OK && !request->is_removal && !request->is_witness)
		err = hf_opine_may_share(node, ring, set, peer, why);
	if (err == HF_OK)
		err = next_agreement(set, peer, request, &arena, &agreement,
				     why);
	if (err == HF_OK)
		err = hf_own_set_put(node, &agreement, why);
	if (err == HF_OK)
		*out_version = agreement.version;
	hf_arena_release(&arena);
	hf_ring_release(ring);
	return err;
}

/* Asking the ledger to make a set waits for its writer: only where it is
 * missing. */
static bool is_made(struct hf_node *node, const char *origin)
{
	struct hf_ledger_view *view;
	uint32_t number;
	bool is;

	if (hf_ledger_view_begin(node->ledger, &view, NULL) != HF_OK)
		return false;
	is = hf_ledger_find(view, hf_span_of(origin), &number, NULL) == HF_OK;
	hf_ledger_view_end(view);
	return is;
}

enum hf_err hf_own_set_say_along(struct hf_node *node, uint32_t set,
				 const struct hf_ledger_draft *draft,
				 const struct hf_ledger_along *along,
				 struct hf_ledger_receipt *out_receipt,
				 struct hf_why *why)
{
	const struct hf_ledger_batch batch = {
		.set = set,
		.drafts = draft,
		.drafts_count = 1,
		.along = along,
	};
	struct hf_ledger_wait *wait;
	enum hf_err err = hf_ledger_wait_new(&wait, why);

	if (err != HF_OK)
		return err;
	err = hf_ledger_append(node->ledger, &batch, hf_ledger_wait_done(wait),
			       why);
	if (err == HF_OK)
		err = hf_ledger_wait_for(wait, out_receipt, why);
	hf_ledger_wait_free(wait);
	return err;
}

enum hf_err hf_own_set_say(struct hf_node *node, uint32_t set,
			   const struct hf_ledger_draft *draft,
			   struct hf_ledger_receipt *out_receipt,
			   struct hf_why *why)
{
	return hf_own_set_say_along(node, set, draft, NULL, out_receipt, why);
}

enum hf_err hf_own_set_state(struct hf_node *node, uint32_t set,
			     uint64_t time_ms, struct hf_span payload,
			     struct hf_ledger_receipt *out_receipt,
			     struct hf_why *why)
{
	const struct hf_ledger_draft draft = {
		.op = HF_OP_STATUS,
		.time_ms = time_ms,
		.target = HF_LEDGER_SELF,
		.payload = payload,
	};

	return hf_own_set_say(node, set, &draft, out_receipt, why);
}

enum hf_err hf_own_sets_create(struct hf_node *node, struct hf_why *why)
{
	struct hf_ring *ring = hf_ring_holder_get(node->ring);
	const struct hf_ring_set *sets;
	size_t count = hf_ring_sets(ring, &sets);
	enum hf_err err = HF_OK;

	for (size_t i = 0; i < count && err == HF_OK; i++) {
		uint32_t number;

		if (sets[i].is_own && !is_made(node, sets[i].origin))
			err = hf_ledger_create(node->ledger, HF_LEDGER_OWN,
					       hf_span_of(sets[i].origin),
					       &number, why);
	}
	hf_ring_release(ring);
	return err;
}

/* On the ledger's writer thread.  A signer that is away says so in the
 * ledger's own status; the next tick tries again. */
static void on_refreshed(void *arg, enum hf_err err,
			 const struct hf_ledger_receipt *receipt,
			 const struct hf_why *why)
{
	if (err != HF_OK)
		hf_log(HF_LOG_DEBUG, "set", "not signed again",
		       "err=%s why=\"%s\"", hf_err_name(err), why->text);
}

/* A clock that went back is the signer's to complain of. */
static bool is_due(const struct hf_conf *conf, const struct hf_feed_set *is,
		   uint64_t now_ms)
{
	return hf_fresh_counted(is->checkpoint_ms, now_ms) == 0 ||
	       hf_fresh_due_ms(hf_span_of(is->origin), is->checkpoint_ms,
			       conf->sign_again_after_ms) <= now_ms;
}

void hf_own_sets_refresh(struct hf_node *node)
{
	const struct hf_ledger_done done = { .call = on_refreshed };
	struct hf_ledger_info info = { .set = 0 };
	uint64_t now_ms = hf_clock_wall_ms();
	struct hf_ledger_view *view;
	struct hf_why why = { "" };

	if (hf_ledger_view_begin(node->ledger, &view, &why) != HF_OK)
		return;
	while (hf_ledger_next(view, info.set, &info, NULL) == HF_OK) {
		struct hf_feed_set is;

		/* One without a note is signed as soon as there is a signer;
		 * one that the feed has not met comes with the next tick. */
		if (info.kind != HF_LEDGER_OWN || !info.has_note ||
		    info.is_frozen ||
		    hf_feed_get(node->feed, info.set, &is) != HF_OK ||
		    !is_due(node->conf, &is, now_ms))
			continue;
		if (hf_ledger_refresh(node->ledger, info.set, done, &why) !=
		    HF_OK)
			on_refreshed(NULL, HF_E_BUSY, NULL, &why);
	}
	hf_ledger_view_end(view);
}
