#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "codec_document.h"
#include "codec_takedown.h"
#include "leaf.h"
#include "ledger_view.h"
#include "ring.h"
#include "roles.h"
#include "text.h"

#include "node.h"
#include "own_set.h"
#include "serve.h"
#include "unary.h"

#define PAGE_SIZE_USUAL 100

/* The set that we say it in. */
#define DIRECTORY "directory"

/* Who asks for the list next wants to see what was said. */
#define READ_WAIT_MS 2000

/*
 * Saying who is what.
 */

/* The id of whom it is about, where we know it. */
static enum hf_err subject_fill(struct hf_unary *unary,
				struct hf_attestation *claim,
				struct hf_why *why)
{
	struct hf_ring *ring = hf_ring_holder_get(unary->node->ring);
	const struct hf_organisation *known =
		hf_ring_by_name(ring, hf_span_of(claim->name));
	enum hf_err err = HF_OK;

	if (known != NULL && claim->organisation_id.len_bytes > 0 &&
	    memcmp(known->id, claim->organisation_id.at, HF_HASH_BYTES) != 0)
		err = hf_why(why, HF_E_CONFLICT,
			     "claim: %s is enrolled with another id",
			     claim->name);
	else if (known != NULL)
		claim->organisation_id = hf_arena_copy(
			unary->arena, hf_span(known->id, HF_HASH_BYTES));
	hf_ring_release(ring);
	if (err == HF_OK && known != NULL && claim->organisation_id.at == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	return err;
}

/* What we said last about this role of it, by its id or, before it was
 * enrolled, by its name. */
static enum hf_err claim_find(struct hf_unary *unary, uint32_t set,
			      const struct hf_attestation *claim,
			      struct hf_attestation *out_found,
			      struct hf_why *why)
{
	struct hf_roles *roles = unary->node->roles;
	struct hf_ledger_entry entry;
	struct hf_ledger_view *view;
	enum hf_err err = HF_E_NOTFOUND;
	uint64_t index;

	if (claim->organisation_id.len_bytes > 0)
		err = hf_roles_find(roles, set, claim->organisation_id.at, "",
				    claim->role, &set, &index);
	if (err == HF_E_NOTFOUND)
		err = hf_roles_find(roles, set, NULL, claim->name, claim->role,
				    &set, &index);
	if (err != HF_OK)
		return hf_why(why, err, "we never said that %s is %s",
			      claim->name, hf_role_word(claim->role));
	err = hf_ledger_view_begin(unary->node->ledger, &view, why);
	if (err != HF_OK)
		return err;
	err = hf_ledger_entry(view, set, index, &entry, why);
	if (err == HF_OK)
		err = hf_attestation_parse(
			hf_arena_copy(unary->arena, entry.payload),
			unary->arena, out_found, why);
	hf_ledger_view_end(view);
	return err;
}

/* The claim that ends another: the same, with an end, so that what it said of
 * the time before stays. */
static enum hf_err claim_end(struct hf_unary *unary, uint32_t set,
			     struct hf_attestation *claim, uint64_t now_ms,
			     struct hf_why *why)
{
	struct hf_attestation found;
	const char *note = claim->note;
	enum hf_err err = claim_find(unary, set, claim, &found, why);

	if (err != HF_OK)
		return err;
	if (found.until_ms != 0 && found.until_ms <= now_ms)
		return hf_why(why, HF_E_NOTFOUND,
			      "by our word, %s is %s no longer", claim->name,
			      hf_role_word(claim->role));
	found.until_ms = now_ms > found.from_ms ? now_ms : found.from_ms;
	if (found.until_ms == 0)
		found.until_ms = 1;
	if (note != NULL && note[0] != '\0')
		found.note = note;
	*claim = found;
	return HF_OK;
}

static enum hf_err claim_say(struct hf_unary *unary, uint32_t set,
			     const struct hf_attestation *claim,
			     uint64_t now_ms,
			     struct hf_ledger_receipt *out_receipt,
			     struct hf_why *why)
{
	struct hf_buf payload;
	enum hf_err err = hf_attestation_check(claim, why);

	if (err != HF_OK) {
		hf_why_prefix(why, "claim: ");
		return err;
	}
	hf_buf_init(&payload, HF_PAYLOAD_MAX_BYTES);
	err = hf_attestation_encode(claim, &payload);
	if (err != HF_OK)
		err = hf_why(why, err, "claim: %s", hf_err_words(err));
	else
		err = hf_own_set_state(unary->node, set, now_ms,
				       hf_buf_span(&payload), out_receipt, why);
	hf_buf_release(&payload);
	return err;
}

static enum hf_err attest_role(struct hf_unary *unary, struct hf_why *why)
{
	uint64_t now_ms = hf_clock_wall_ms();
	char origin[HF_ORIGIN_MAX_BYTES + 1];
	struct hf_attest_role_request request;
	struct hf_ledger_receipt receipt;
	struct hf_attestation claim;
	uint32_t set;
	enum hf_err err;

	err = hf_attest_role_request_parse(unary->request, unary->arena,
					   &request, why);
	if (err != HF_OK)
		return err;
	claim = *request.claim;
	/* The peer may have been enrolled by another program a moment ago. */
	err = hf_node_ring_changed(unary->node, why);
	if (err == HF_OK)
		err = subject_fill(unary, &claim, why);
	if (claim.from_ms == 0)
		claim.from_ms = now_ms;
	/* Before a set is opened for it. */
	if (err == HF_OK && !request.is_end) {
		err = hf_attestation_check(&claim, why);
		if (err != HF_OK)
			hf_why_prefix(why, "claim: ");
	}
	if (err == HF_OK)
		err = hf_own_set_need(unary->node, HF_SET_KIND_DIRECTORY,
				      DIRECTORY, "who is what, by our word",
				      !request.is_end, origin, &set, why);
	if (err == HF_E_NOTFOUND && request.is_end)
		return hf_why(why, err, "we never said who is what");
	if (err == HF_OK && request.is_end)
		err = claim_end(unary, set, &claim, now_ms, why);
	if (err == HF_OK)
		err = claim_say(unary, set, &claim, now_ms, &receipt, why);
	if (err != HF_OK)
		return err;
	/* What is durable is said, read or not. */
	err = hf_roles_wait(unary->node->roles, set, receipt.size,
			    READ_WAIT_MS);
	(void)err;
	return hf_attest_role_response_encode(
		&(struct hf_attest_role_response){ .origin = origin,
						   .index = receipt.first },
		unary->reply);
}

HF_UNARY_ERRAND(attest_role);

/*
 * Listing.
 */

struct page {
	struct hf_roles_row *rows; /* in the arena; one more than asked for */
	size_t count;
	size_t most;
};

static bool put_row(void *arg, const struct hf_roles_row *row)
{
	struct page *page = arg;

	page->rows[page->count++] = *row;
	return page->count <= page->most;
}

/* "12.345": the set and the entry of the last row. */
static enum hf_err token_parse(const char *text, uint32_t *out_set,
			       uint64_t *out_index, struct hf_why *why)
{
	const char *dot = strchr(text, '.');
	uint64_t set;

	*out_set = 0;
	*out_index = 0;
	if (text[0] == '\0')
		return HF_OK;
	if (dot == NULL ||
	    hf_text_u64(hf_span(text, (size_t)(dot - text)), UINT32_MAX,
			&set) != HF_OK ||
	    hf_text_u64(hf_span_of(dot + 1), UINT64_MAX, out_index) != HF_OK)
		return hf_why(why, HF_E_ARGUMENT,
			      "page_token: not one of ours");
	*out_set = (uint32_t)set;
	return HF_OK;
}

/* The rest of a row is in its entry; false for one that was erased since. */
static bool fill_row(struct hf_unary *unary, struct hf_ledger_view *view,
		     const struct hf_roles_row *row, struct hf_role_info *out)
{
	struct hf_attestation *claim =
		hf_arena_calloc(unary->arena, 1, sizeof(*claim));
	struct hf_ledger_entry entry;
	struct hf_ledger_info info;

	if (claim == NULL ||
	    hf_ledger_info(view, row->set, &info, NULL) != HF_OK ||
	    hf_ledger_entry(view, row->set, row->index, &entry, NULL) !=
		    HF_OK ||
	    hf_attestation_parse(entry.payload, unary->arena, claim, NULL) !=
		    HF_OK)
		return false;
	*out = (struct hf_role_info){
		.attester = hf_arena_text(
			unary->arena,
			hf_text_origin_domain(hf_span_of(info.origin))),
		.claim = claim,
		.counts = row->counts,
		.why_not = hf_arena_text(unary->arena,
					 hf_span_of(row->why_not.text)),
	};
	return out->attester != NULL && out->why_not != NULL;
}

static enum hf_err put_page(struct hf_unary *unary, const struct page *page,
			    struct hf_why *why)
{
	size_t shown = page->count < page->most ? page->count : page->most;
	struct hf_role_info *roles =
		hf_arena_calloc(unary->arena, shown + 1, sizeof(*roles));
	struct hf_list_roles_response response = { .roles = roles,
						   .next_page_token = "" };
	struct hf_ledger_view *view;
	char token[32];
	enum hf_err err;

	if (roles == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	err = hf_ledger_view_begin(unary->node->ledger, &view, why);
	if (err != HF_OK)
		return err;
	for (size_t i = 0; i < shown; i++)
		response.roles_count += fill_row(unary, view, &page->rows[i],
						 &roles[response.roles_count]);
	if (page->count > shown) {
		snprintf(token, sizeof(token), "%u.%llu",
			 page->rows[shown - 1].set,
			 (unsigned long long)page->rows[shown - 1].index);
		response.next_page_token = token;
	}
	err = hf_list_roles_response_encode(&response, unary->reply);
	hf_ledger_view_end(view);
	return err;
}

static enum hf_err list_roles(struct hf_unary *unary, struct hf_why *why)
{
	struct hf_list_roles_request request;
	struct page page = { .most = PAGE_SIZE_USUAL };
	uint32_t set;
	uint64_t index;
	enum hf_err err = hf_list_roles_request_parse(
		unary->request, unary->arena, &request, why);

	if (err == HF_OK)
		err = token_parse(request.page_token, &set, &index, why);
	if (err != HF_OK)
		return err;
	if (request.page_size > 0)
		page.most = (size_t)request.page_size;
	page.rows = hf_arena_calloc(unary->arena, page.most + 1,
				    sizeof(*page.rows));
	if (page.rows == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	hf_roles_list(unary->node->roles, set, index, hf_clock_wall_ms(),
		      put_row, &page);
	return put_page(unary, &page, why);
}

HF_UNARY_INLINE(list_roles);
