#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "codec_admin.h"
#include "codec_document.h"
#include "leaf.h"
#include "ledger_view.h"
#include "receipts.h"
#include "ring.h"

#include "node.h"
#include "serve.h"
#include "unary.h"

/* Entries at the end of a set that are looked through for retractions, and so
 * many at a time. */
#define LOOKED_THROUGH ((uint64_t)1000000)
#define STEP           4096

/* The indexes of RETRACTs and ERASEs, rising. */
struct taken_back {
	uint64_t *at; /* owned */
	size_t count;
	size_t size;
};

static enum hf_err add(struct taken_back *taken, uint64_t index,
		       struct hf_why *why)
{
	if (taken->count == taken->size) {
		size_t size = taken->size * 2 + 64;
		uint64_t *at = realloc(taken->at, size * sizeof(*at));

		if (at == NULL)
			return hf_why(why, HF_E_NOMEM, "no memory");
		taken->at = at;
		taken->size = size;
	}
	taken->at[taken->count++] = index;
	return HF_OK;
}

static enum hf_err look_through(struct hf_ledger_view *view, uint32_t set,
				uint64_t first, uint64_t end,
				struct taken_back *taken, struct hf_why *why)
{
	uint8_t *bytes = malloc((size_t)STEP * HF_HEADER_BYTES);
	enum hf_err err = HF_OK;

	if (bytes == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	while (first < end && err == HF_OK) {
		size_t count =
			end - first < STEP ? (size_t)(end - first) : STEP;

		err = hf_ledger_headers(view, set, first, count, bytes, why);
		for (size_t i = 0; i < count && err == HF_OK; i++) {
			struct hf_header header;

			if (hf_header_parse(bytes + i * HF_HEADER_BYTES,
					    &header, NULL) == HF_OK &&
			    (header.op == HF_OP_RETRACT ||
			     header.op == HF_OP_ERASE))
				err = add(taken, first + i, why);
		}
		first += count;
	}
	free(bytes);
	return err;
}

/* How many of them a member that has applied so much does not know. */
static uint64_t count_from(const struct taken_back *taken, uint64_t size)
{
	size_t low = 0, high = taken->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (taken->at[middle] < size)
			low = middle + 1;
		else
			high = middle;
	}
	return taken->count - low;
}

static const char *name_of(struct hf_unary *unary, const struct hf_ring *ring,
			   struct hf_span id)
{
	const struct hf_organisation *known = hf_ring_by_id(ring, id.at);
	char text[2 * HF_HASH_BYTES + 1];

	if (known != NULL)
		return hf_arena_text(unary->arena, hf_span_of(known->name));
	hf_hex(id.at, 8, text);
	return hf_arena_text(unary->arena, hf_span_of(text));
}

static enum hf_err put_member(struct hf_unary *unary,
			      const struct hf_ring *ring,
			      const struct hf_ring_set *set,
			      struct hf_span member,
			      const struct taken_back *taken,
			      struct hf_member_receipt *out, struct hf_why *why)
{
	struct hf_receipt_row *row =
		hf_arena_calloc(unary->arena, 1, sizeof(*row));
	struct hf_applied_receipt *receipt =
		hf_arena_calloc(unary->arena, 1, sizeof(*receipt));

	if (row == NULL || receipt == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	*out = (struct hf_member_receipt){
		.member = name_of(unary, ring, member),
		.organisation_id = hf_arena_copy(unary->arena, member),
	};
	if (hf_receipts_get(unary->node->receipts, set->origin, member.at,
			    row)) {
		*receipt = hf_receipt_of_row(row);
		out->receipt = receipt;
	}
	out->retractions = count_from(taken, row->size);
	return HF_OK;
}

/* Of the publisher's own set: each member, and where it is. */
static enum hf_err
put_members(struct hf_unary *unary, const struct hf_ring *ring,
	    const struct hf_ring_set *set, const struct taken_back *taken,
	    struct hf_list_receipts_response *out, struct hf_why *why)
{
	const struct hf_agreement *agreement = set->agreement;
	struct hf_member_receipt *rows = hf_arena_calloc(
		unary->arena, agreement->audience_count + 1, sizeof(*rows));
	enum hf_err err = HF_OK;

	if (rows == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	for (size_t i = 0; i < agreement->audience_count && err == HF_OK; i++)
		err = put_member(unary, ring, set, agreement->audience[i],
				 taken, &rows[i], why);
	out->members = rows;
	out->members_count = agreement->audience_count;
	return err;
}

static enum hf_err find_taken_back(struct hf_node *node, uint32_t set,
				   uint64_t *out_size, struct taken_back *taken,
				   struct hf_why *why)
{
	struct hf_ledger_info info;
	struct hf_ledger_view *view;
	enum hf_err err = hf_ledger_view_begin(node->ledger, &view, why);

	if (err != HF_OK)
		return err;
	err = hf_ledger_info(view, set, &info, why);
	if (err == HF_OK)
		err = look_through(view, set,
				   info.size > LOOKED_THROUGH
					   ? info.size - LOOKED_THROUGH
					   : 0,
				   info.size, taken, why);
	hf_ledger_view_end(view);
	if (err == HF_OK)
		*out_size = info.size;
	return err;
}

static enum hf_err list_receipts(struct hf_unary *unary, struct hf_why *why)
{
	struct hf_list_receipts_request request;
	struct hf_list_receipts_response response = { .size = 0 };
	char origin[HF_ORIGIN_MAX_BYTES + 1];
	struct taken_back taken = { .at = NULL };
	const struct hf_ring_set *about;
	struct hf_ring *ring;
	uint32_t set;
	enum hf_err err = hf_list_receipts_request_parse(
		unary->request, unary->arena, &request, why);

	if (err == HF_OK)
		err = hf_node_own_set(unary->node, request.set, origin, &set,
				      why);
	if (err == HF_OK)
		err = find_taken_back(unary->node, set, &response.size, &taken,
				      why);
	if (err != HF_OK)
		return err;
	ring = hf_ring_holder_get(unary->node->ring);
	about = hf_ring_set(ring, hf_span_of(origin));
	response.origin = origin;
	if (about != NULL)
		err = put_members(unary, ring, about, &taken, &response, why);
	if (err == HF_OK)
		err = hf_list_receipts_response_encode(&response, unary->reply);
	hf_ring_release(ring);
	free(taken.at);
	return err;
}

/* It may read a million headers. */
HF_UNARY_ERRAND(list_receipts);
