#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "clock.h"
#include "codec_admin.h"
#include "codec_document.h"
#include "forks.h"
#include "ledger_view.h"
#include "note.h"
#include "peers.h"
#include "ring.h"
#include "ringdir.h"
#include "text.h"

#include "cosigned.h"
#include "epoch.h"
#include "feed.h"
#include "node.h"
#include "offered.h"
#include "own_set.h"
#include "serve.h"
#include "unary.h"

#define PAGE_SIZE_USUAL 100

/* One page of sets being written. */
struct page {
	struct hf_unary *unary;
	const struct hf_ring *ring;
	struct hf_ledger_view *view;
	struct hf_wire_set_info *rows; /* in the arena */
	size_t count;
	size_t most;
	uint64_t now_ms;
};

/* A member's domain, or the beginning of its id when we do not know it. */
static const char *name_member(struct page *page, struct hf_span id)
{
	const struct hf_organisation *known = hf_ring_by_id(page->ring, id.at);
	char text[2 * HF_HASH_BYTES + 1];

	if (known != NULL)
		return known->name;
	hf_hex(id.at, 8, text);
	return hf_arena_text(page->unary->arena, hf_span_of(text));
}

static void put_agreement(struct page *page, const struct hf_ring_set *set,
			  struct hf_wire_set_info *row)
{
	const struct hf_agreement *agreement = set->agreement;
	const char **members =
		hf_arena_calloc(page->unary->arena, agreement->audience_count,
				sizeof(*members));

	row->kind = agreement->kind;
	row->relay = agreement->relay;
	row->agreement_version = agreement->version;
	row->agreement_expires_ms = agreement->expires_ms;
	for (size_t i = 0; members != NULL && i < agreement->audience_count;
	     i++)
		members[i] = name_member(page, agreement->audience[i]);
	row->members = members;
	row->members_count = members != NULL ? agreement->audience_count : 0;
}

static enum hf_set_state state_of(const struct page *page,
				  const struct hf_ring_set *set,
				  const struct hf_ledger_info *info,
				  const struct hf_feed_set *is)
{
	struct hf_span origin = hf_span_of(set->origin);

	if (!set->is_own && !set->is_followed)
		return HF_SET_STATE_OFFERED;
	if (is->is_succeeded)
		return HF_SET_STATE_SUCCEEDED;
	if (info->is_frozen)
		return HF_SET_STATE_FROZEN;
	if (info->unsupported_from != HF_LEDGER_NONE)
		return HF_SET_STATE_UNSUPPORTED;
	if (!set->is_own &&
	    hf_ring_may_have(page->ring, origin, hf_ring_self(page->ring)->id,
			     page->now_ms) == HF_RIGHT_WITNESS)
		return HF_SET_STATE_WITNESSED;
	if (!set->is_own &&
	    ((is->set != 0 && is->has_ended) ||
	     hf_ring_may_have(page->ring, origin, hf_ring_self(page->ring)->id,
			      page->now_ms) < HF_RIGHT_RELAY))
		return HF_SET_STATE_ENDED;
	if (info->missing_count > 0 ||
	    info->known_size > info->size + info->unsigned_count ||
	    (!set->is_own && !info->has_note))
		return HF_SET_STATE_INCOMPLETE;
	return is->is_waiting ? HF_SET_STATE_WAITING : HF_SET_STATE_COMPLETE;
}

/* Who has cosigned the largest note that we hold, by the names they signed
 * with; what counts of it, says policy. */
static void put_cosigners(struct page *page, uint32_t number,
			  struct hf_wire_set_info *row)
{
	const char **names = hf_arena_calloc(
		page->unary->arena, HF_NOTE_MAX_SIGNATURES, sizeof(*names));
	struct hf_span bytes;
	struct hf_note note;
	struct hf_buf own;

	hf_buf_init(&own, HF_NOTE_MAX_BYTES);
	if (names == NULL || number == 0 ||
	    hf_ledger_note(page->view, number, HF_LEDGER_SEEN, &bytes, NULL) !=
		    HF_OK)
		goto out;
	if (hf_cosigned_get(page->unary->node->cosigned, row->origin, bytes,
			    &own, NULL))
		bytes = hf_buf_span(&own);
	if (hf_note_parse(bytes, &note, NULL) != HF_OK)
		goto out;
	for (size_t i = 0; i < note.lines_count; i++) {
		if (!hf_span_equal(note.lines[i].name, note.checkpoint.origin))
			names[row->cosigners_count++] = hf_arena_text(
				page->unary->arena, note.lines[i].name);
	}
	row->cosigners = names;
out:
	hf_buf_release(&own);
}

/* The payloads that make it incomplete. */
static void put_missing(struct page *page, const struct hf_ledger_info *info,
			struct hf_wire_set_info *row)
{
	uint64_t *entries, index = 0;
	size_t count = 0;

	row->missing = info->missing_count;
	if (info->missing_count == 0)
		return;
	entries = hf_arena_calloc(page->unary->arena, HF_MISSING_MAX,
				  sizeof(*entries));
	while (entries != NULL && count < HF_MISSING_MAX &&
	       hf_ledger_missing_next(page->view, info->set, index, &index,
				      NULL) == HF_OK)
		entries[count++] = index++;
	row->missing_entries = entries;
	row->missing_entries_count = count;
}

/* The epochs before and after it. */
static void put_epochs(struct page *page, const struct hf_ring_set *set,
		       struct hf_wire_set_info *row)
{
	const struct hf_ring_set *later;
	const uint8_t *root;

	later = hf_ring_successor(page->ring, hf_span_of(set->origin),
				  &row->void_from, &root);
	row->succeeded_by = later != NULL ? later->origin : "";
	row->succeeds = set->agreement->predecessor != NULL
				? set->agreement->predecessor->origin
				: "";
}

static void put_set(struct page *page, const struct hf_ring_set *set)
{
	struct hf_wire_set_info *row = &page->rows[page->count++];
	struct hf_ledger_info info = { .unsupported_from = HF_LEDGER_NONE };
	const struct hf_note_witnesses *witnesses;
	struct hf_feed_set is = { 0 };
	uint32_t number;

	*row = (struct hf_wire_set_info){ .origin = set->origin,
					  .is_own = set->is_own };
	/* A set that the ledger or the feed has not met yet has zeros. */
	if (hf_ledger_find(page->view, hf_span_of(set->origin), &number,
			   NULL) == HF_OK &&
	    (hf_ledger_info(page->view, number, &info, NULL) != HF_OK ||
	     hf_feed_get(page->unary->node->feed, number, &is) != HF_OK))
		is.live = 0;
	row->state = state_of(page, set, &info, &is);
	row->seen = info.known_size > info.seen_size ? info.known_size
						     : info.seen_size;
	row->applied = info.size;
	row->live = is.live;
	row->checkpoint_ms = is.checkpoint_ms;
	row->freshness = hf_feed_freshness(page->unary->node->feed,
					   is.checkpoint_ms, page->now_ms);
	if (info.is_frozen)
		row->frozen_reason = hf_arena_text(
			page->unary->arena, hf_span_of(info.frozen_reason));
	row->has_evidence = hf_forks_has(page->unary->node->forks, set->origin);
	put_epochs(page, set, row);
	put_missing(page, &info, row);
	put_cosigners(page, info.set, row);
	witnesses = hf_conf_witnesses_of(page->unary->node->conf, set->origin);
	row->quorum = witnesses != NULL ? witnesses->need : 0;
	put_agreement(page, set, row);
}

/* Peers tell of it, and that is all we know. */
static void put_offered(struct page *page, const struct hf_offered *offered)
{
	page->rows[page->count++] = (struct hf_wire_set_info){
		.origin = offered->origin,
		.state = HF_SET_STATE_OFFERED,
		.members = offered->peers,
		.members_count = offered->peers_count,
	};
}

/* The sets of the ring and those offered, both by origin.  Everything that a
 * page does not show is passed over by its origin. */
static void put_sets(struct page *page, const char *after, bool *out_has_more)
{
	const struct hf_offered *offered;
	const struct hf_ring_set *sets;
	size_t sets_count = hf_ring_sets(page->ring, &sets), i = 0, j = 0;
	size_t offered_count = hf_offered_list(page->unary->node, page->ring,
					       page->unary->arena, &offered);

	*out_has_more = false;
	while (i < sets_count || j < offered_count) {
		bool is_held = j == offered_count ||
			       (i < sets_count &&
				strcmp(sets[i].origin, offered[j].origin) < 0);
		const char *origin =
			is_held ? sets[i].origin : offered[j].origin;

		if (strcmp(origin, after) > 0) {
			if (page->count == page->most) {
				*out_has_more = true;
				return;
			}
			if (is_held)
				put_set(page, &sets[i]);
			else
				put_offered(page, &offered[j]);
		}
		if (is_held)
			i++;
		else
			j++;
	}
}

static enum hf_err page_most(int32_t asked, size_t *out_most,
			     struct hf_why *why)
{
	if (asked < 0)
		return hf_why(why, HF_E_ARGUMENT, "page_size is negative");
	*out_most = asked == 0                 ? PAGE_SIZE_USUAL
		    : asked > HF_PAGE_SIZE_MAX ? HF_PAGE_SIZE_MAX
					       : (size_t)asked;
	return HF_OK;
}

static enum hf_err list_sets(struct hf_unary *unary, struct hf_why *why)
{
	struct hf_list_sets_request request;
	struct page page = { .unary = unary, .now_ms = hf_clock_wall_ms() };
	struct hf_ring *ring;
	bool has_more;
	enum hf_err err = hf_list_sets_request_parse(
		unary->request, unary->arena, &request, why);

	if (err == HF_OK)
		err = page_most(request.page_size, &page.most, why);
	if (err != HF_OK)
		return err;
	page.rows =
		hf_arena_calloc(unary->arena, page.most, sizeof(*page.rows));
	if (page.rows == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	err = hf_ledger_view_begin(unary->node->ledger, &page.view, why);
	if (err != HF_OK)
		return err;
	ring = hf_ring_holder_get(unary->node->ring);
	page.ring = ring;
	put_sets(&page, request.page_token, &has_more);
	err = hf_list_sets_response_encode(
		&(struct hf_list_sets_response){
			.sets = page.rows,
			.sets_count = page.count,
			.next_page_token =
				has_more ? page.rows[page.count - 1].origin
					 : "",
		},
		unary->reply);
	hf_ring_release(ring);
	hf_ledger_view_end(page.view);
	return err;
}

HF_UNARY_INLINE(list_sets);

static enum hf_err open_set(struct hf_unary *unary, struct hf_why *why)
{
	struct hf_open_set_request request;
	char origin[HF_ORIGIN_MAX_BYTES + 1];
	enum hf_err err = hf_open_set_request_parse(
		unary->request, unary->arena, &request, why);

	if (err == HF_OK)
		err = hf_own_set_open(unary->node, &request, origin, why);
	if (err == HF_OK)
		err = hf_open_set_response_encode(
			&(struct hf_open_set_response){ .origin = origin },
			unary->reply);
	return err;
}

HF_UNARY_ERRAND(open_set);

static enum hf_err next_epoch(struct hf_unary *unary, struct hf_why *why)
{
	struct hf_next_epoch_request request;
	struct hf_next_epoch_response response;
	enum hf_err err = hf_next_epoch_request_parse(
		unary->request, unary->arena, &request, why);

	if (err == HF_OK)
		err = hf_epoch_open(unary->node, &request, unary->arena,
				    &response, why);
	return err == HF_OK
		       ? hf_next_epoch_response_encode(&response, unary->reply)
		       : err;
}

HF_UNARY_ERRAND(next_epoch);

static enum hf_err share_set(struct hf_unary *unary, struct hf_why *why)
{
	struct hf_share_set_request request;
	char origin[HF_ORIGIN_MAX_BYTES + 1];
	uint64_t version;
	enum hf_err err = hf_share_set_request_parse(
		unary->request, unary->arena, &request, why);

	/* The peer may have been enrolled by another program a moment ago. */
	if (err == HF_OK)
		err = hf_node_ring_changed(unary->node, why);
	if (err == HF_OK)
		err = hf_own_set_share(unary->node, &request, origin, &version,
				       why);
	if (err == HF_OK)
		err = hf_share_set_response_encode(
			&(struct hf_share_set_response){
				.origin = origin,
				.agreement_version = version,
			},
			unary->reply);
	return err;
}

HF_UNARY_ERRAND(share_set);

static enum hf_err check_follow(struct hf_node *node, const char *origin,
				struct hf_why *why)
{
	struct hf_ring *ring = hf_ring_holder_get(node->ring);
	struct hf_span domain = hf_text_origin_domain(hf_span_of(origin));
	const struct hf_organisation *publisher = hf_ring_by_name(ring, domain);
	enum hf_err err = HF_OK;

	if (!hf_text_is_origin(hf_span_of(origin)))
		err = hf_why(why, HF_E_ARGUMENT,
			     "'%.80s' is not an origin, such as "
			     "hotline.example/ncii/1",
			     origin);
	else if (publisher == NULL)
		err = hf_why(
			why, HF_E_NOTFOUND,
			"%.*s is not enrolled, so its signatures cannot be "
			"checked; add its invite with hashfed peers add",
			HF_SPAN_ARGS(domain));
	else if (publisher->is_self)
		err = hf_why(why, HF_E_ARGUMENT, "%s is a set of our own",
			     origin);
	hf_ring_release(ring);
	return err;
}

static enum hf_err follow_set(struct hf_unary *unary, struct hf_why *why)
{
	struct hf_follow_set_request request;
	enum hf_err err = hf_follow_set_request_parse(
		unary->request, unary->arena, &request, why);

	/* Its publisher may have been enrolled by another program a moment
	 * ago. */
	if (err == HF_OK)
		err = hf_node_ring_changed(unary->node, why);
	if (err == HF_OK && !request.is_removal)
		err = check_follow(unary->node, request.origin, why);
	if (err == HF_OK)
		err = request.is_removal
			      ? hf_ring_unfollow(unary->node->ring_dir,
						 hf_span_of(request.origin),
						 why)
			      : hf_ring_follow(unary->node->ring_dir,
					       hf_span_of(request.origin), why);
	return err == HF_OK ? hf_node_ring_changed(unary->node, why) : err;
}

HF_UNARY_ERRAND(follow_set);
