#include <string.h>

#include "codec_admin.h"
#include "ledger_view.h"
#include "logproof.h"
#include "note.h"
#include "ring.h"
#include "set_keys.h"

#include "node.h"
#include "serve.h"
#include "unary.h"

/* The keys that count for this note. */
static enum hf_err keys_of(struct hf_node *node, const char *origin,
			   struct hf_span bytes, struct hf_set_pair *keys,
			   struct hf_why *why)
{
	struct hf_ring *ring = hf_ring_holder_get(node->ring);
	const struct hf_ring_set *set = hf_ring_set(ring, hf_span_of(origin));
	struct hf_note note;
	enum hf_err err = hf_note_parse(bytes, &note, why);

	if (set == NULL)
		err = hf_why(why, HF_E_NOTFOUND, "no agreement for %s", origin);
	if (err == HF_OK)
		err = hf_set_keys_for(set->agreement, &note, keys, why);
	hf_ring_release(ring);
	return err;
}

static enum hf_err get_note(struct hf_unary *unary, struct hf_why *why)
{
	char origin[HF_ORIGIN_MAX_BYTES + 1];
	char log_text[HF_NOTE_VKEY_MAX_BYTES + 1];
	char cosigner_text[HF_NOTE_VKEY_MAX_BYTES + 1];
	struct hf_get_note_request request;
	struct hf_get_note_response response;
	struct hf_set_pair keys = { 0 };
	struct hf_ledger_view *view;
	uint32_t set;
	enum hf_err err = hf_get_note_request_parse(
		unary->request, unary->arena, &request, why);

	if (err == HF_OK)
		err = hf_node_set(unary->node, request.set, origin, &set, why);
	if (err == HF_OK)
		err = hf_ledger_view_begin(unary->node->ledger, &view, why);
	if (err != HF_OK)
		return err;
	err = hf_ledger_note(view, set, HF_LEDGER_NOTE, &response.note, why);
	if (err == HF_E_NOTFOUND)
		hf_why(why, err, "%s has no checkpoint yet", origin);
	if (err == HF_OK)
		err = keys_of(unary->node, origin, response.note, &keys, why);
	if (err == HF_OK) {
		hf_note_key_text(&keys.log, log_text);
		hf_note_key_text(&keys.cosigner, cosigner_text);
		response.log_vkey = log_text;
		response.cosigner_vkey = cosigner_text;
		err = hf_get_note_response_encode(&response, unary->reply);
	}
	hf_ledger_view_end(view);
	return err;
}

HF_UNARY_INLINE(get_note);

static enum hf_err prove(struct hf_ledger_view *view, uint32_t set,
			 uint64_t index, struct hf_buf *text, uint8_t *header,
			 struct hf_why *why)
{
	struct hf_ledger_info info;
	struct hf_tree_proof proof;
	struct hf_span note;
	enum hf_err err = hf_ledger_info(view, set, &info, why);

	if (err == HF_OK && (!info.has_note || index >= info.note_size))
		return hf_why(why, HF_E_NOTFOUND,
			      "no entry %llu under the checkpoint of %llu "
			      "entries",
			      (unsigned long long)index,
			      (unsigned long long)info.note_size);
	if (err == HF_OK)
		err = hf_ledger_note(view, set, HF_LEDGER_NOTE, &note, why);
	if (err == HF_OK)
		err = hf_ledger_headers(view, set, index, 1, header, why);
	if (err == HF_OK)
		err = hf_ledger_prove_entry(view, set, index, info.note_size,
					    &proof, why);
	if (err != HF_OK)
		return err;
	hf_logproof_put(text, index, hf_span(NULL, 0), &proof, note);
	return hf_buf_failed(text);
}

static enum hf_err prove_entry(struct hf_unary *unary, struct hf_why *why)
{
	char origin[HF_ORIGIN_MAX_BYTES + 1];
	uint8_t header[HF_HEADER_BYTES];
	struct hf_prove_entry_request request;
	struct hf_ledger_view *view;
	struct hf_buf text;
	uint32_t set;
	enum hf_err err = hf_prove_entry_request_parse(
		unary->request, unary->arena, &request, why);

	if (err == HF_OK)
		err = hf_node_set(unary->node, request.set, origin, &set, why);
	if (err == HF_OK)
		err = hf_ledger_view_begin(unary->node->ledger, &view, why);
	if (err != HF_OK)
		return err;
	hf_buf_init(&text, HF_LOGPROOF_MAX_BYTES);
	err = prove(view, set, request.index, &text, header, why);
	hf_ledger_view_end(view);
	if (err == HF_OK)
		err = hf_prove_entry_response_encode(
			&(struct hf_prove_entry_response){
				.proof = hf_buf_span(&text),
				.header = hf_span(header, sizeof(header)),
			},
			unary->reply);
	hf_buf_release(&text);
	return err;
}

HF_UNARY_INLINE(prove_entry);

static enum hf_err verify_set(struct hf_unary *unary, struct hf_why *why)
{
	char origin[HF_ORIGIN_MAX_BYTES + 1];
	struct hf_verify_set_request request;
	struct hf_ledger_check check;
	uint32_t set;
	enum hf_err err = hf_verify_set_request_parse(
		unary->request, unary->arena, &request, why);

	if (err == HF_OK)
		err = hf_node_set(unary->node, request.set, origin, &set, why);
	if (err == HF_OK)
		err = hf_ledger_verify(unary->node->ledger, set,
				       &unary->node->is_ending, &check, why);
	if (err == HF_OK)
		err = hf_verify_set_response_encode(
			&(struct hf_verify_set_response){
				.size = check.entries,
				.payloads = check.payloads,
				.missing = check.missing,
			},
			unary->reply);
	return err;
}

/* Long: beside what others wait for. */
HF_UNARY_CASE(verify_set);
