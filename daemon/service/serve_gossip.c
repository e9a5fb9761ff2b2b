#include <string.h>

#include "codec_admin.h"
#include "codec_federation.h"
#include "forks.h"
#include "gossip.h"
#include "ledger_view.h"
#include "log.h"
#include "note.h"
#include "peers.h"
#include "receipts.h"
#include "ring.h"
#include "rpc.h"

#include "cosigned.h"
#include "node.h"
#include "scores.h"
#include "serve.h"
#include "unary.h"

/* One answer being put together, in the call's arena. */
struct answer {
	struct hf_unary *unary;
	const struct hf_gossip_request *request;
	struct hf_span *notes;
	size_t notes_count;
	struct hf_span evidence[HF_GOSSIP_EVIDENCE_MAX];
	size_t evidence_count;
};

static struct hf_span keep(struct hf_unary *unary, struct hf_span bytes)
{
	uint8_t *copy = hf_arena_calloc(unary->arena, bytes.len_bytes + 1, 1);

	if (copy == NULL || bytes.len_bytes == 0)
		return hf_span(NULL, 0);
	memcpy(copy, bytes.at, bytes.len_bytes);
	return hf_span(copy, bytes.len_bytes);
}

static void put_note(struct answer *answer, const char *origin)
{
	struct hf_ledger_view *view;
	struct hf_span note;
	struct hf_buf own;
	uint32_t set;

	if (hf_ledger_view_begin(answer->unary->node->ledger, &view, NULL) !=
	    HF_OK)
		return;
	hf_buf_init(&own, HF_NOTE_MAX_BYTES);
	if (hf_ledger_find(view, hf_span_of(origin), &set, NULL) == HF_OK &&
	    hf_ledger_note(view, set, HF_LEDGER_SEEN, &note, NULL) == HF_OK) {
		if (hf_cosigned_get(answer->unary->node->cosigned, origin, note,
				    &own, NULL))
			note = hf_buf_span(&own);
		note = keep(answer->unary, note);
		if (note.len_bytes > 0)
			answer->notes[answer->notes_count++] = note;
	}
	hf_buf_release(&own);
	hf_ledger_view_end(view);
}

static void put_evidence(struct answer *answer, const char *origin)
{
	const struct hf_forks *forks = answer->unary->node->forks;
	struct hf_span bytes;
	struct hf_buf file;

	if (!hf_forks_has(forks, origin) ||
	    answer->evidence_count == HF_GOSSIP_EVIDENCE_MAX)
		return;
	hf_buf_init(&file, HF_EVIDENCE_MAX_BYTES);
	if (hf_forks_get(forks, origin, &file, NULL) == HF_OK) {
		bytes = keep(answer->unary, hf_buf_span(&file));
		if (bytes.len_bytes > 0)
			answer->evidence[answer->evidence_count++] = bytes;
	}
	hf_buf_release(&file);
}

/* What we hold of each set that the caller named with a true note, and may
 * see.  Others do not exist. */
static enum hf_err take_notes(struct answer *answer, const struct hf_ring *ring,
			      struct hf_why *why)
{
	struct hf_unary *unary = answer->unary;
	enum hf_err err = HF_OK;

	for (size_t i = 0; i < answer->request->notes_count && err == HF_OK;
	     i++) {
		char origin[HF_ORIGIN_MAX_BYTES + 1];

		err = hf_gossip_take_note(
			unary->node->forks, unary->node->ledger, ring,
			unary->caller->organisation_id,
			answer->request->notes[i], origin, why);
		if (err == HF_OK)
			hf_cosigned_told(unary->node->cosigned,
					 unary->caller->name, origin,
					 answer->request->notes[i]);
		if (err == HF_OK || err == HF_E_CONFLICT) {
			put_note(answer, origin);
			put_evidence(answer, origin);
		}
		if (err == HF_E_CONFLICT || err == HF_E_NOTFOUND ||
		    err == HF_E_DENIED)
			err = HF_OK;
	}
	return err;
}

/* About a set that the caller may not have it is as about one that nobody
 * has. */
static enum hf_err take_evidence(struct answer *answer,
				 const struct hf_ring *ring, struct hf_why *why)
{
	struct hf_unary *unary = answer->unary;
	enum hf_err err = HF_OK;

	for (size_t i = 0; i < answer->request->evidence_count && err == HF_OK;
	     i++) {
		err = hf_forks_take(unary->node->forks, ring,
				    unary->caller->organisation_id,
				    answer->request->evidence[i], why);
		if (err == HF_E_EXISTS)
			err = HF_OK;
	}
	return err;
}

/* How far members are with sets that we publish or pass on.  One that we
 * cannot verify may be of a key that we have not heard of yet: nobody is to
 * blame for it. */
static void take_receipts(struct answer *answer, const struct hf_ring *ring)
{
	struct hf_node *node = answer->unary->node;
	bool has_news = false;

	for (size_t i = 0; i < answer->request->receipts_count; i++) {
		const struct hf_applied_receipt *receipt =
			&answer->request->receipts[i];
		struct hf_why why = { "" };
		enum hf_err err = hf_receipts_take(node->receipts, ring,
						   node->ledger, receipt, &why);

		has_news |= err == HF_OK;
		if (err == HF_E_PROOF && hf_receipts_may_tell(node->receipts))
			hf_log(HF_LOG_WARNING, "peer",
			       "member holds another tree",
			       "set=%s peer=%s why=\"%s\"", receipt->origin,
			       answer->unary->caller->name, why.text);
		else if (err != HF_OK && err != HF_E_EXISTS &&
			 err != HF_E_NOTFOUND)
			hf_log(HF_LOG_DEBUG, "peer", "receipt refused",
			       "peer=%s err=%s why=\"%s\"",
			       answer->unary->caller->name, hf_err_name(err),
			       why.text);
	}
	if (has_news)
		hf_peers_gossip(node->peers);
}

static bool is_false(enum hf_err err)
{
	return err == HF_E_SIGNATURE || err == HF_E_PROOF ||
	       err == HF_E_MALFORMED || err == HF_E_LIMIT;
}

static enum hf_err take_request(struct answer *answer, struct hf_why *why)
{
	struct hf_unary *unary = answer->unary;
	struct hf_ring *ring;
	enum hf_err err;

	answer->notes =
		hf_arena_calloc(unary->arena, answer->request->notes_count + 1,
				sizeof(*answer->notes));
	if (answer->notes == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	ring = hf_ring_holder_get(unary->node->ring);
	err = take_notes(answer, ring, why);
	if (err == HF_OK)
		err = take_evidence(answer, ring, why);
	if (err == HF_OK)
		take_receipts(answer, ring);
	hf_ring_release(ring);
	return err;
}

static enum hf_err gossip(struct hf_unary *unary, struct hf_why *why)
{
	struct hf_scores *scores = unary->node->scores;
	struct hf_gossip_request request;
	struct answer answer = { .unary = unary, .request = &request };
	enum hf_err err = hf_scores_check(scores, unary->caller, why);

	hf_peers_heard(unary->node->peers, unary->caller->organisation_id);
	if (err != HF_OK)
		return err;
	err = hf_gossip_request_parse(unary->request, unary->arena, &request,
				      why);
	if (err == HF_OK)
		err = take_request(&answer, why);
	if (is_false(err))
		hf_scores_bad(scores, unary->caller, err, why);
	if (err != HF_OK)
		return err;
	return hf_gossip_response_encode(
		&(struct hf_gossip_response){
			.notes = answer.notes,
			.notes_count = answer.notes_count,
			.evidence = answer.evidence,
			.evidence_count = answer.evidence_count,
		},
		unary->reply);
}

/* Evidence that is true waits for the disk. */
HF_UNARY_CASE(gossip);

static enum hf_err get_evidence(struct hf_unary *unary, struct hf_why *why)
{
	struct hf_get_evidence_request request;
	char origin[HF_ORIGIN_MAX_BYTES + 1];
	struct hf_buf file;
	uint32_t set;
	enum hf_err err = hf_get_evidence_request_parse(
		unary->request, unary->arena, &request, why);

	if (err == HF_OK)
		err = hf_node_set(unary->node, request.set, origin, &set, why);
	if (err != HF_OK)
		return err;
	hf_buf_init(&file, HF_EVIDENCE_MAX_BYTES);
	err = hf_forks_get(unary->node->forks, origin, &file, why);
	if (err == HF_OK)
		err = hf_get_evidence_response_encode(
			&(struct hf_get_evidence_response){
				hf_buf_span(&file) },
			unary->reply);
	hf_buf_release(&file);
	return err;
}

HF_UNARY_ERRAND(get_evidence);

static enum hf_err thaw_set(struct hf_unary *unary, struct hf_why *why)
{
	struct hf_thaw_set_request request;
	char origin[HF_ORIGIN_MAX_BYTES + 1];
	uint32_t set;
	enum hf_err err = hf_thaw_set_request_parse(
		unary->request, unary->arena, &request, why);

	if (err == HF_OK)
		err = hf_node_set(unary->node, request.set, origin, &set, why);
	return err == HF_OK ? hf_forks_thaw(unary->node->forks, origin, why)
			    : err;
}

HF_UNARY_ERRAND(thaw_set);
