#include <string.h>

#include "clock.h"
#include "codec_publish.h"
#include "leaf.h"
#include "ledger.h"
#include "ring.h"

#include "node.h"
#include "own_check.h"
#include "own_set.h"
#include "retract.h"
#include "serve.h"
#include "unary.h"

static enum hf_err retract(struct hf_unary *unary, struct hf_why *why)
{
	struct hf_retract_request request;
	struct hf_retract_response response;
	enum hf_err err = hf_retract_request_parse(unary->request, unary->arena,
						   &request, why);

	if (err == HF_OK)
		err = hf_retract(unary->node, unary->request, &request,
				 unary->arena, &response, why);
	if (err == HF_OK)
		err = hf_retract_response_encode(&response, unary->reply);
	return err;
}

HF_UNARY_ERRAND(retract);

static enum hf_err check_amendment(struct hf_unary *unary, uint32_t set,
				   const char *origin, struct hf_span payload,
				   struct hf_why *why)
{
	struct hf_ring *ring = hf_ring_holder_get(unary->node->ring);
	struct hf_own_check check;
	size_t bad;
	enum hf_err err;

	err = hf_own_check_begin(unary->node, set,
				 hf_ring_set(ring, hf_span_of(origin)), &check,
				 why);
	if (err == HF_OK) {
		err = hf_own_check_items(&check, &payload, 1, HF_OP_AMEND,
					 unary->arena, NULL, &bad, why);
		hf_own_check_end(&check);
	}
	hf_ring_release(ring);
	return err;
}

static enum hf_err append_amendment(struct hf_node *node, uint32_t set,
				    const struct hf_amend_request *request,
				    struct hf_ledger_receipt *out_receipt,
				    struct hf_why *why)
{
	const struct hf_ledger_draft draft = {
		.op = HF_OP_AMEND,
		.time_ms = hf_clock_wall_ms(),
		.target = request->entry->index,
		.payload = request->item,
	};

	return hf_own_set_say(node, set, &draft, out_receipt, why);
}

static enum hf_err amend(struct hf_unary *unary, struct hf_why *why)
{
	struct hf_amend_request request;
	struct hf_amend_response response;
	struct hf_ledger_receipt receipt;
	char origin[HF_ORIGIN_MAX_BYTES + 1];
	uint32_t set;
	enum hf_err err = hf_amend_request_parse(unary->request, unary->arena,
						 &request, why);

	if (err == HF_OK)
		err = hf_node_own_set(unary->node, request.entry->origin,
				      origin, &set, why);
	if (err == HF_OK)
		err = check_amendment(unary, set, origin, request.item, why);
	if (err == HF_OK)
		err = append_amendment(unary->node, set, &request, &receipt,
				       why);
	if (err != HF_OK)
		return err;
	response.index = receipt.first;
	return hf_amend_response_encode(&response, unary->reply);
}

HF_UNARY_ERRAND(amend);
