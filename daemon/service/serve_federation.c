#include <string.h>

#include "bytes.h"
#include "clock.h"
#include "codec_document.h"
#include "codec_federation.h"
#include "ledger_view.h"
#include "peers.h"
#include "ring.h"

#include "node.h"
#include "serve.h"
#include "unary.h"
#include "visible.h"

/* What this version speaks. */
#define VERSION_MIN 1
#define VERSION_MAX 1
#define FORMAT_MIN  1 /* "hfe1" */
#define FORMAT_MAX  1

static enum hf_err put_hello(struct hf_unary *unary, const struct hf_ring *ring,
			     struct hf_why *why)
{
	struct hf_manifest_mark *marks;
	size_t marks_count;

	marks = hf_arena_calloc(unary->arena, HF_MARKS_MAX, sizeof(*marks));
	if (marks == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	marks_count = hf_visible_manifests(ring, unary->caller, marks);
	return hf_hello_response_encode(
		&(struct hf_hello_response){
			.version_min = VERSION_MIN,
			.version_max = VERSION_MAX,
			.format_min = FORMAT_MIN,
			.format_max = FORMAT_MAX,
			.manifests = marks,
			.manifests_count = marks_count,
			.time_ms = hf_clock_wall_ms(),
		},
		unary->reply);
}

static enum hf_err hello(struct hf_unary *unary, struct hf_why *why)
{
	struct hf_hello_request request;
	struct hf_ring *ring;
	enum hf_err err = hf_hello_request_parse(unary->request, unary->arena,
						 &request, why);

	if (err == HF_OK && (request.version_min > VERSION_MAX ||
			     request.version_max < VERSION_MIN))
		err = hf_why(why, HF_E_UNSUPPORTED,
			     "protocol versions %u to %u; this node speaks %u "
			     "to %u",
			     request.version_min, request.version_max,
			     VERSION_MIN, VERSION_MAX);
	if (err != HF_OK)
		return err;
	hf_peers_heard(unary->node->peers, unary->caller->organisation_id);
	ring = hf_ring_holder_get(unary->node->ring);
	err = put_hello(unary, ring, why);
	hf_ring_release(ring);
	return err;
}

HF_UNARY_INLINE(hello);

static enum hf_err get_manifest(struct hf_unary *unary, struct hf_why *why)
{
	struct hf_get_manifest_request request;
	struct hf_span document;
	struct hf_ring *ring;
	enum hf_err err = hf_get_manifest_request_parse(
		unary->request, unary->arena, &request, why);

	if (err != HF_OK)
		return err;
	ring = hf_ring_holder_get(unary->node->ring);
	document = hf_ring_manifest(ring, request.organisation_id.at,
				    request.version);
	if (document.len_bytes == 0 ||
	    !hf_visible_organisation(ring, unary->caller,
				     request.organisation_id.at))
		err = hf_why(why, HF_E_NOTFOUND, "no such manifest");
	else
		err = hf_get_manifest_response_encode(
			&(struct hf_get_manifest_response){ document },
			unary->reply);
	hf_ring_release(ring);
	return err;
}

HF_UNARY_INLINE(get_manifest);

/* Everything a question about one set needs, held for one handler. */
struct question {
	struct hf_ring *ring;
	struct hf_ledger_view *view;
	struct hf_visible visible;
};

static enum hf_err begin(struct hf_unary *unary, const char *origin,
			 enum hf_right least, struct question *out,
			 struct hf_why *why)
{
	enum hf_err err =
		hf_ledger_view_begin(unary->node->ledger, &out->view, why);

	if (err != HF_OK)
		return err;
	out->ring = hf_ring_holder_get(unary->node->ring);
	err = hf_visible(out->ring, out->view, unary->caller, origin, least,
			 &out->visible, why);
	if (err == HF_OK)
		return HF_OK;
	hf_ring_release(out->ring);
	hf_ledger_view_end(out->view);
	return err;
}

static void end(struct question *question)
{
	hf_ring_release(question->ring);
	hf_ledger_view_end(question->view);
}

static enum hf_err get_checkpoint(struct hf_unary *unary, struct hf_why *why)
{
	struct hf_get_checkpoint_request request;
	struct hf_get_checkpoint_response response = { 0 };
	struct question question;
	enum hf_err err = hf_get_checkpoint_request_parse(
		unary->request, unary->arena, &request, why);

	if (err == HF_OK)
		err = begin(unary, request.origin, HF_RIGHT_WITNESS, &question,
			    why);
	if (err != HF_OK)
		return err;
	if (question.visible.is_held)
		err = hf_ledger_note(question.view, question.visible.info.set,
				     HF_LEDGER_NOTE, &response.note, why);
	response.agreement = question.visible.set->document;
	if (err == HF_OK)
		err = hf_get_checkpoint_response_encode(&response,
							unary->reply);
	end(&question);
	return err;
}

HF_UNARY_INLINE(get_checkpoint);

static enum hf_err put_proof(struct hf_unary *unary, struct question *question,
			     const struct hf_get_proof_request *request,
			     struct hf_why *why)
{
	uint32_t set = question->visible.info.set;
	struct hf_get_proof_response response = { 0 };
	struct hf_tree_hash old_root;
	uint8_t header[HF_HEADER_BYTES];
	struct hf_tree_proof proof;
	enum hf_err err;

	if (request->size > question->visible.info.note_size)
		return hf_why(why, HF_E_ARGUMENT,
			      "size is beyond the latest checkpoint");
	if (request->kind == HF_GET_PROOF_OLD_SIZE) {
		err = hf_ledger_prove_growth(question->view, set,
					     request->old_size, request->size,
					     &proof, why);
		if (err == HF_OK)
			err = hf_ledger_root(question->view, set,
					     request->old_size, &old_root, why);
		response.old_root = hf_span(old_root.bytes, HF_HASH_BYTES);
	} else if (question->visible.right < HF_RIGHT_RELAY) {
		/* A blind witness has no business with entries. */
		return hf_why(why, HF_E_NOTFOUND, "no such set");
	} else {
		err = hf_ledger_prove_entry(question->view, set, request->index,
					    request->size, &proof, why);
		if (err == HF_OK)
			err = hf_ledger_headers(question->view, set,
						request->index, 1, header, why);
		response.header = hf_span(header, sizeof(header));
	}
	if (err != HF_OK)
		return err;
	response.hashes =
		hf_span(proof.hashes, proof.hashes_count * HF_HASH_BYTES);
	return hf_get_proof_response_encode(&response, unary->reply);
}

static enum hf_err get_proof(struct hf_unary *unary, struct hf_why *why)
{
	struct hf_get_proof_request request;
	struct question question;
	enum hf_err err = hf_get_proof_request_parse(
		unary->request, unary->arena, &request, why);

	if (err == HF_OK)
		err = begin(unary, request.origin, HF_RIGHT_WITNESS, &question,
			    why);
	if (err != HF_OK)
		return err;
	err = put_proof(unary, &question, &request, why);
	end(&question);
	return err;
}

HF_UNARY_INLINE(get_proof);
