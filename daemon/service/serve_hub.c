#include <stdio.h>
#include <string.h>

#include "bytes.h"
#include "clock.h"
#include "codec_admin.h"
#include "codec_document.h"
#include "leaf.h"
#include "ledger_view.h"
#include "ring.h"
#include "text.h"

#include "catalogue.h"
#include "node.h"
#include "own_set.h"
#include "serve.h"
#include "unary.h"

#define PAGE_SIZE_USUAL 100

/* The set that we propose in. */
#define CATALOGUE "catalogue"

/*
 * Proposing.
 */

/* What we hold of the set says more than whoever asks. */
static enum hf_err fill_set(const struct hf_ring_set *set,
			    struct hf_listing *listing, struct hf_why *why)
{
	if (set->agreement->kind != 0)
		return hf_why(
			why, HF_E_ARGUMENT,
			"listing: %s is a set of %s, these are not listed",
			set->origin, hf_set_kind_word(set->agreement->kind));
	listing->classes = set->agreement->classes;
	listing->classes_count = set->agreement->classes_count;
	listing->log_key = hf_span(set->log_key.bytes, HF_PUBLIC_KEY_BYTES);
	return HF_OK;
}

/* Everything is borrowed from the ring. */
static enum hf_err fill(const struct hf_ring *ring, struct hf_listing *listing,
			struct hf_why *why)
{
	const struct hf_organisation *known =
		hf_ring_by_name(ring, hf_span_of(listing->name));
	const struct hf_ring_set *set =
		listing->origin[0] != '\0'
			? hf_ring_set(ring, hf_span_of(listing->origin))
			: NULL;

	if (known == NULL && listing->organisation_id.len_bytes == 0)
		return hf_why(why, HF_E_NOTFOUND,
			      "listing: %s is not enrolled here, so its id has "
			      "to be given",
			      listing->name);
	if (known != NULL && listing->organisation_id.len_bytes > 0 &&
	    memcmp(known->id, listing->organisation_id.at, HF_HASH_BYTES) != 0)
		return hf_why(why, HF_E_CONFLICT,
			      "listing: %s is enrolled with another id",
			      listing->name);
	if (known != NULL) {
		listing->organisation_id = hf_span(known->id, HF_HASH_BYTES);
		listing->country = known->manifest->country;
		if (listing->endpoints_count == 0) {
			listing->endpoints = known->manifest->endpoints;
			listing->endpoints_count =
				known->manifest->endpoints_count;
		}
	}
	return set != NULL ? fill_set(set, listing, why) : HF_OK;
}

/* The listing that stands, once more with its end. */
static enum hf_err end_of(struct hf_unary *unary, const struct hf_ring *ring,
			  const char *origin, struct hf_listing *listing,
			  struct hf_why *why)
{
	struct hf_catalogue catalogue = { .rows = NULL };
	const struct hf_catalogue_row *row = NULL;
	struct hf_ledger_entry entry;
	struct hf_ledger_view *view;
	enum hf_err err = hf_ledger_view_begin(unary->node->ledger, &view, why);

	if (err != HF_OK)
		return err;
	err = hf_catalogue_read(view, ring, origin, &catalogue, why);
	if (err == HF_OK)
		row = hf_catalogue_find(&catalogue, listing);
	if (err == HF_OK && row == NULL)
		err = hf_why(why, HF_E_NOTFOUND, "we do not propose %s",
			     listing->origin[0] != '\0' ? listing->origin
							: listing->name);
	if (err == HF_OK)
		err = hf_ledger_entry(view, row->set, row->index, &entry, why);
	if (err == HF_OK)
		err = hf_listing_parse(entry.payload, unary->arena, listing,
				       why);
	listing->is_ended = true;
	hf_catalogue_release(&catalogue);
	hf_ledger_view_end(view);
	return err;
}

static enum hf_err say(struct hf_unary *unary, uint32_t set,
		       const struct hf_listing *listing,
		       struct hf_ledger_receipt *out_receipt,
		       struct hf_why *why)
{
	struct hf_buf payload;
	enum hf_err err;

	hf_buf_init(&payload, HF_PAYLOAD_MAX_BYTES);
	err = hf_listing_encode(listing, &payload);
	if (err != HF_OK)
		err = hf_why(why, err, "listing: %s", hf_err_words(err));
	else
		err = hf_own_set_state(unary->node, set, hf_clock_wall_ms(),
				       hf_buf_span(&payload), out_receipt, why);
	hf_buf_release(&payload);
	return err;
}

/* Our catalogue, which is opened with the first listing. */
static enum hf_err catalogue_need(struct hf_unary *unary, bool may_open,
				  char *out_origin, uint32_t *out_set,
				  struct hf_why *why)
{
	enum hf_err err = hf_own_set_need(unary->node, HF_SET_KIND_CATALOGUE,
					  CATALOGUE, "what we propose",
					  may_open, out_origin, out_set, why);

	if (err == HF_E_NOTFOUND && !may_open)
		return hf_why(why, err, "we never proposed anything");
	return err;
}

static enum hf_err propose(struct hf_unary *unary, struct hf_why *why)
{
	char origin[HF_ORIGIN_MAX_BYTES + 1];
	struct hf_propose_request request;
	struct hf_ledger_receipt receipt;
	struct hf_listing listing;
	struct hf_ring *ring;
	uint32_t set;
	enum hf_err err = hf_propose_request_parse(unary->request, unary->arena,
						   &request, why);

	/* The peer may have been enrolled by another program a moment ago. */
	if (err == HF_OK)
		err = hf_node_ring_changed(unary->node, why);
	if (err != HF_OK)
		return err;
	listing = *request.listing;
	ring = hf_ring_holder_get(unary->node->ring);
	if (!listing.is_ended) {
		err = fill(ring, &listing, why);
		/* Before a set is opened for it. */
		if (err == HF_OK)
			err = hf_listing_check(&listing, why);
	}
	if (err == HF_OK)
		err = catalogue_need(unary, !listing.is_ended, origin, &set,
				     why);
	if (err == HF_OK && listing.is_ended)
		err = end_of(unary, ring, origin, &listing, why);
	if (err == HF_OK)
		err = say(unary, set, &listing, &receipt, why);
	hf_ring_release(ring);
	if (err != HF_OK)
		return err;
	return hf_propose_response_encode(
		&(struct hf_propose_response){ .origin = origin,
					       .index = receipt.first },
		unary->reply);
}

HF_UNARY_ERRAND(propose);

/*
 * Listing.
 */

struct page {
	struct hf_unary *unary;
	const struct hf_ring *ring;
	struct hf_ledger_view *view;
	struct hf_proposal *rows; /* in the arena */
	size_t count;
	size_t most;
	const char *last_origin; /* of the last row */
	uint64_t last_index;
	bool has_more;
};

/* "12.hub.example/catalogue/1": the last row of the page before. */
static enum hf_err token_parse(const char *text, const char **out_origin,
			       uint64_t *out_index, struct hf_why *why)
{
	const char *dot = strchr(text, '.');

	*out_origin = "";
	*out_index = 0;
	if (text[0] == '\0')
		return HF_OK;
	if (dot == NULL || !hf_text_is_origin(hf_span_of(dot + 1)) ||
	    hf_text_u64(hf_span(text, (size_t)(dot - text)), UINT64_MAX,
			out_index) != HF_OK)
		return hf_why(why, HF_E_ARGUMENT,
			      "page_token: not one of ours");
	*out_origin = dot + 1;
	return HF_OK;
}

static enum hf_err put_row(struct page *page, uint32_t set,
			   const struct hf_ring_set *about, uint64_t index,
			   struct hf_why *why)
{
	struct hf_proposal *row = &page->rows[page->count];
	struct hf_listing *listing =
		hf_arena_calloc(page->unary->arena, 1, sizeof(*listing));
	struct hf_ledger_entry entry;
	struct hf_why problem;
	enum hf_err err;

	if (listing == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	err = hf_ledger_entry(page->view, set, index, &entry, why);
	if (err == HF_OK)
		err = hf_listing_parse(entry.payload, page->unary->arena,
				       listing, why);
	if (err != HF_OK)
		return err;
	row->hub = about->publisher->name;
	row->listing = listing;
	row->is_taken = hf_catalogue_judge(page->ring, listing, &problem);
	row->problem =
		hf_arena_text(page->unary->arena, hf_span_of(problem.text));
	if (row->problem == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	page->count++;
	page->last_origin = about->origin;
	page->last_index = index;
	return HF_OK;
}

/* What one epoch of a catalogue says that stands, behind an index; all of it
 * where is_new. */
static enum hf_err put_catalogue(struct page *page,
				 const struct hf_ring_set *about, bool is_new,
				 uint64_t behind, struct hf_why *why)
{
	struct hf_catalogue catalogue = { .rows = NULL };
	uint32_t set;
	enum hf_err err = hf_ledger_find(page->view, hf_span_of(about->origin),
					 &set, why);

	if (err == HF_OK)
		err = hf_catalogue_read(page->view, page->ring, about->origin,
					&catalogue, why);
	for (size_t i = 0; i < catalogue.count && err == HF_OK; i++) {
		if (catalogue.rows[i].set != set ||
		    (!is_new && catalogue.rows[i].index <= behind))
			continue;
		if (page->count == page->most) {
			page->has_more = true;
			break;
		}
		err = put_row(page, set, about, catalogue.rows[i].index, why);
	}
	hf_catalogue_release(&catalogue);
	/* The ledger has not met it yet: it says nothing. */
	return err == HF_E_NOTFOUND ? HF_OK : err;
}

static enum hf_err put_all(struct page *page, const char *after,
			   uint64_t behind, struct hf_why *why)
{
	const struct hf_ring_set *sets;
	size_t count = hf_ring_sets(page->ring, &sets);
	enum hf_err err = HF_OK;

	for (size_t i = 0; i < count && err == HF_OK && !page->has_more; i++) {
		int order = strcmp(sets[i].origin, after);

		if (order >= 0 && hf_catalogue_is_read(page->ring, &sets[i]))
			err = put_catalogue(page, &sets[i], order > 0, behind,
					    why);
	}
	return err;
}

static enum hf_err list_proposals(struct hf_unary *unary, struct hf_why *why)
{
	struct hf_list_proposals_response response = { .next_page_token = "" };
	struct page page = { .unary = unary, .most = PAGE_SIZE_USUAL };
	struct hf_list_proposals_request request;
	char token[HF_PAGE_TOKEN_MAX_BYTES + 1];
	struct hf_ring *ring;
	const char *after;
	uint64_t behind;
	enum hf_err err = hf_list_proposals_request_parse(
		unary->request, unary->arena, &request, why);

	if (err == HF_OK)
		err = token_parse(request.page_token, &after, &behind, why);
	if (err != HF_OK)
		return err;
	if (request.page_size > 0)
		page.most = (size_t)request.page_size;
	page.rows =
		hf_arena_calloc(unary->arena, page.most, sizeof(*page.rows));
	if (page.rows == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	err = hf_ledger_view_begin(unary->node->ledger, &page.view, why);
	if (err != HF_OK)
		return err;
	ring = hf_ring_holder_get(unary->node->ring);
	page.ring = ring;
	err = put_all(&page, after, behind, why);
	if (page.has_more) {
		snprintf(token, sizeof(token), "%llu.%s",
			 (unsigned long long)page.last_index, page.last_origin);
		response.next_page_token = token;
	}
	response.proposals = page.rows;
	response.proposals_count = page.count;
	if (err == HF_OK)
		err = hf_list_proposals_response_encode(&response,
							unary->reply);
	hf_ring_release(ring);
	hf_ledger_view_end(page.view);
	return err;
}

HF_UNARY_ERRAND(list_proposals);
