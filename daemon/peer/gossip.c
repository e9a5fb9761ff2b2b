#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "codec_document.h"
#include "codec_federation.h"
#include "ledger_view.h"
#include "log.h"
#include "note.h"
#include "ring.h"
#include "set_keys.h"

#include "forks.h"
#include "gossip.h"
#include "peers_in.h"
#include "receipts.h"

/* Changes of so long are told together. */
#define SOON_MS ((int64_t)200)

/* The signatures of log and cosigner: all that there is without witnesses. */
#define PUBLISHER_LINES 2

/* Notes of one call: more go with the next. */
#define NOTES_MOST_BYTES ((size_t)1024 * 1024)

void hf_gossip_digest(struct hf_span bytes,
		      uint8_t out_digest[static HF_SHA256_BYTES])
{
	struct hf_note note;

	if (hf_note_parse(bytes, &note, NULL) == HF_OK &&
	    note.lines_count <= PUBLISHER_LINES)
		bytes = note.text;
	hf_sha256(bytes.at, bytes.len_bytes, out_digest);
}

bool hf_gossip_is_shared(const struct hf_ring *ring, const char *origin,
			 const uint8_t peer[static HF_HASH_BYTES])
{
	const struct hf_ring_set *set = hf_ring_set(ring, hf_span_of(origin));
	uint64_t now_ms = hf_clock_wall_ms();

	return set != NULL && (set->is_own || set->is_followed) &&
	       hf_ring_may_have(ring, hf_span_of(origin),
				hf_ring_self(ring)->id,
				now_ms) >= HF_RIGHT_WITNESS &&
	       hf_ring_may_have(ring, hf_span_of(origin), peer, now_ms) >=
		       HF_RIGHT_WITNESS;
}

/* The publisher may have signed another agreement for who holds this note. */
static bool is_by_another_text(const struct hf_ring_set *set,
			       const struct hf_note *note, const uint8_t *peer)
{
	return memcmp(set->publisher->id, peer, HF_HASH_BYTES) != 0 &&
	       !hf_set_keys_are_meant(set->agreement, note);
}

enum hf_err hf_gossip_take_note(struct hf_forks *forks,
				struct hf_ledger *ledger,
				const struct hf_ring *ring,
				const uint8_t peer[static HF_HASH_BYTES],
				struct hf_span bytes,
				char out_origin[static HF_ORIGIN_MAX_BYTES + 1],
				struct hf_why *why)
{
	struct hf_set_pair keys = { 0 };
	struct hf_ledger_view *view;
	const struct hf_ring_set *about;
	struct hf_span origin;
	struct hf_note note;
	uint32_t set;
	enum hf_err err = hf_note_parse(bytes, &note, why);

	if (err != HF_OK)
		return err;
	origin = note.checkpoint.origin;
	memcpy(out_origin, origin.at, origin.len_bytes);
	out_origin[origin.len_bytes] = '\0';
	if (!hf_gossip_is_shared(ring, out_origin, peer))
		return hf_why(why, HF_E_NOTFOUND, "a note of no set of both");
	about = hf_ring_set(ring, origin);
	err = hf_set_keys_for(about->agreement, &note, &keys, why);
	if (err == HF_OK)
		err = hf_note_open(bytes, &keys.log, &keys.cosigner, &note,
				   NULL, why);
	if (err == HF_E_SIGNATURE && is_by_another_text(about, &note, peer))
		err = HF_E_DENIED;
	if (err == HF_OK)
		err = hf_ledger_view_begin(ledger, &view, why);
	if (err != HF_OK)
		return err;
	err = hf_ledger_find(view, origin, &set, why);
	hf_ledger_view_end(view);
	return err == HF_OK ? hf_forks_judge(forks, ring, set, &note, why)
			    : err;
}

/* --- what the other side knows ---------------------------------------------
 */

static struct hf_gossip_mark *mark_of(struct hf_link *link, const char *origin)
{
	struct hf_gossip_mark *mark = link->marks;

	while (mark != NULL && strcmp(mark->origin, origin) != 0)
		mark = mark->next;
	if (mark != NULL)
		return mark;
	mark = calloc(1, sizeof(*mark));
	if (mark == NULL)
		return NULL;
	strcpy(mark->origin, origin);
	mark->next = link->marks;
	link->marks = mark;
	return mark;
}

void hf_gossip_forget(struct hf_link *link)
{
	while (link->marks != NULL) {
		struct hf_gossip_mark *next = link->marks->next;

		free(link->marks);
		link->marks = next;
	}
}

void hf_gossip_told(struct hf_link *link, const char *origin,
		    struct hf_span note)
{
	/* Only of what we have: a peer may name ten thousand sets. */
	struct hf_gossip_mark *mark =
		note.len_bytes > 0 &&
				hf_peers_follow(link->peers, origin) != NULL
			? mark_of(link, origin)
			: NULL;

	if (mark != NULL)
		hf_gossip_digest(note, mark->note_digest);
}

/* --- telling ---------------------------------------------------------------
 */

/* One call being put together: notes, or one file of evidence, so that what
 * becomes of it is the call's answer. */
struct talk {
	struct hf_span notes[HF_GOSSIP_NOTES_MAX];
	size_t notes_count;
	size_t notes_bytes;
	struct hf_buf evidence;
	struct hf_receipt_row rows[HF_GOSSIP_RECEIPTS_MAX];
	struct hf_applied_receipt receipts[HF_GOSSIP_RECEIPTS_MAX];
	size_t receipts_count;
};

/* Of our own sets nobody need be told here: Tail does. */
static void put_note(struct talk *talk, struct hf_ledger_view *view,
		     uint32_t set, struct hf_gossip_mark *mark)
{
	uint8_t digest[HF_SHA256_BYTES];
	struct hf_span note;

	if (hf_ledger_note(view, set, HF_LEDGER_SEEN, &note, NULL) != HF_OK)
		return;
	hf_gossip_digest(note, digest);
	if (memcmp(digest, mark->note_digest, sizeof(digest)) == 0 ||
	    talk->notes_count == HF_GOSSIP_NOTES_MAX ||
	    talk->notes_bytes + note.len_bytes > NOTES_MOST_BYTES)
		return;
	talk->notes[talk->notes_count++] = note;
	talk->notes_bytes += note.len_bytes;
	memcpy(mark->note_digest, digest, sizeof(digest));
	mark->is_asked = true;
}

static void put_evidence(struct talk *talk, const struct hf_forks *forks,
			 struct hf_gossip_mark *mark)
{
	if (mark->has_evidence || talk->evidence.len_bytes > 0 ||
	    !hf_forks_has(forks, mark->origin))
		return;
	if (hf_forks_get(forks, mark->origin, &talk->evidence, NULL) == HF_OK)
		mark->has_evidence = true;
}

static bool is_to(const struct hf_link *link,
		  const uint8_t id[static HF_HASH_BYTES])
{
	return memcmp(link->organisation_id, id, HF_HASH_BYTES) == 0;
}

static bool is_in_session_with(const struct hf_peers *peers,
			       const uint8_t id[static HF_HASH_BYTES])
{
	for (const struct hf_link *link = peers->links; link != NULL;
	     link = link->next) {
		if (link->is_in_session && !link->is_going && is_to(link, id))
			return true;
	}
	return false;
}

/* Receipts go to the publisher; where we have no connection to it, the way
 * back that the entries came, which leads there and in no circle; where that
 * is broken, to all who may pass the set on, and so them. */
static bool wants_receipts(const struct hf_link *link,
			   const struct hf_ring *ring,
			   const struct hf_ring_set *set)
{
	const uint8_t *publisher = set->publisher->id;
	const struct hf_follow *follow;

	if (set->is_own)
		return false;
	if (is_in_session_with(link->peers, publisher))
		return is_to(link, publisher);
	follow = hf_peers_follow(link->peers, set->origin);
	if (follow != NULL &&
	    is_in_session_with(link->peers, follow->came_from))
		return is_to(link, follow->came_from);
	return hf_ring_may_relay(ring, hf_span_of(set->origin),
				 link->organisation_id, hf_clock_wall_ms());
}

static void put_receipts(struct talk *talk, struct hf_link *link,
			 const struct hf_ring *ring,
			 const struct hf_ring_set *set,
			 struct hf_gossip_mark *mark)
{
	struct hf_receipts *receipts = link->peers->options.receipts;

	if (!wants_receipts(link, ring, set))
		return;
	while (talk->receipts_count < HF_GOSSIP_RECEIPTS_MAX) {
		struct hf_receipt_row *row = &talk->rows[talk->receipts_count];

		if (!hf_receipts_next(receipts, set->origin,
				      mark->receipts_told, row))
			return;
		mark->receipts_told = row->number;
		/* Who said it knows. */
		if (memcmp(row->member, link->organisation_id, HF_HASH_BYTES) !=
		    0)
			talk->receipts[talk->receipts_count++] =
				hf_receipt_of_row(row);
	}
}

/* What is left when a call is full goes with the next. */
static void put_sets(struct talk *talk, struct hf_link *link,
		     struct hf_ledger_view *view, bool is_of_evidence)
{
	struct hf_ring *ring = hf_ring_holder_get(link->peers->options.ring);
	const struct hf_ring_set *sets;
	size_t count = hf_ring_sets(ring, &sets);

	for (size_t i = 0; i < count; i++) {
		const char *origin = sets[i].origin;
		struct hf_gossip_mark *mark;
		uint32_t number;

		if (!hf_gossip_is_shared(ring, origin, link->organisation_id) ||
		    hf_ledger_find(view, hf_span_of(origin), &number, NULL) !=
			    HF_OK)
			continue;
		mark = mark_of(link, origin);
		if (mark != NULL && is_of_evidence)
			put_evidence(talk, link->peers->options.forks, mark);
		else if (mark != NULL && !sets[i].is_own)
			put_note(talk, view, number, mark);
		if (mark != NULL && !is_of_evidence)
			put_receipts(talk, link, ring, &sets[i], mark);
	}
	hf_ring_release(ring);
}

/* --- the answer ------------------------------------------------------------
 */

static void answered(struct hf_link *link, const char *origin)
{
	struct hf_gossip_mark *mark = mark_of(link, origin);

	if (mark != NULL)
		mark->is_asked = false;
}

/* Of what it was told of and said nothing, it holds nothing. */
static void take_silence(struct hf_link *link, bool is_answer)
{
	const struct hf_peers_options *options = &link->peers->options;

	for (struct hf_gossip_mark *mark = link->marks; mark != NULL;
	     mark = mark->next) {
		if (mark->is_asked && is_answer)
			options->note_told(options->arg, link->name,
					   mark->origin, hf_span(NULL, 0));
		mark->is_asked = false;
	}
}

static enum hf_err take_answer(struct hf_link *link,
			       const struct hf_gossip_response *response,
			       const struct hf_ring *ring, struct hf_why *why)
{
	const struct hf_peers_options *options = &link->peers->options;
	enum hf_err err = HF_OK;

	for (size_t i = 0; i < response->notes_count && err == HF_OK; i++) {
		char origin[HF_ORIGIN_MAX_BYTES + 1];

		err = hf_gossip_take_note(options->forks, options->ledger, ring,
					  link->organisation_id,
					  response->notes[i], origin, why);
		if (err == HF_OK) {
			answered(link, origin);
			hf_gossip_told(link, origin, response->notes[i]);
			options->note_told(options->arg, link->name, origin,
					   response->notes[i]);
		}
		/* The set is frozen, or it goes by another agreement: no doing
		 * of whoever told. */
		if (err == HF_E_CONFLICT || err == HF_E_DENIED)
			err = HF_OK;
	}
	for (size_t i = 0; i < response->evidence_count && err == HF_OK; i++) {
		err = hf_forks_take(options->forks, ring, link->organisation_id,
				    response->evidence[i], why);
		if (err == HF_E_EXISTS || err == HF_E_DENIED)
			err = HF_OK;
	}
	/* It brought what is no set of both. */
	return err == HF_E_NOTFOUND ? HF_E_ARGUMENT : err;
}

static void on_answer(void *owner, enum hf_err err, struct hf_span reply,
		      const struct hf_why *said)
{
	struct hf_link *link = owner;
	struct hf_gossip_response response;
	struct hf_why why = *said;
	struct hf_arena arena;
	struct hf_ring *ring;

	link->is_gossiping = false;
	if (link->is_going || !link->is_in_session)
		return;
	hf_arena_init(&arena, 2 * HF_UNPACK_MAX_BYTES);
	/* One that does not answer is found out by its Tail. */
	if (err == HF_OK) {
		err = hf_gossip_response_parse(reply, &arena, &response, &why);
		ring = hf_ring_holder_get(link->peers->options.ring);
		if (err == HF_OK)
			err = take_answer(link, &response, ring, &why);
		hf_ring_release(ring);
		if (hf_link_is_to_blame(err)) {
			hf_why_prefix(&why, "Gossip: ");
			hf_link_fail(link, err, &why);
		}
	} else {
		hf_log(HF_LOG_DEBUG, "peer", "gossip not answered",
		       "peer=%s err=%s why=\"%s\"", link->name,
		       hf_err_name(err), why.text);
	}
	hf_arena_release(&arena);
	take_silence(link, err == HF_OK);
	if (link->is_in_session)
		hf_gossip_soon(link);
}

static void send_talk(struct hf_link *link, const struct talk *talk)
{
	const struct hf_span evidence = hf_buf_span(&talk->evidence);
	const struct hf_gossip_request request = {
		.notes = talk->notes,
		.notes_count = talk->notes_count,
		.evidence = &evidence,
		.evidence_count = evidence.len_bytes > 0,
		.receipts = talk->receipts,
		.receipts_count = talk->receipts_count,
	};
	struct hf_buf wire;

	hf_buf_init(&wire, HF_MESSAGE_MAX_BYTES);
	if (hf_gossip_request_encode(&request, &wire) == HF_OK &&
	    hf_link_ask(link, "/hashfed.v1.Federation/Gossip",
			hf_buf_span(&wire), link, on_answer) == HF_OK)
		link->is_gossiping = true;
	hf_buf_release(&wire);
}

static void on_soon(void *arg)
{
	struct hf_link *link = arg;
	struct hf_ledger_view *view;
	struct talk *talk;

	if (!link->is_in_session || link->is_going || link->is_gossiping)
		return;
	talk = calloc(1, sizeof(*talk));
	if (talk == NULL || hf_ledger_view_begin(link->peers->options.ledger,
						 &view, NULL) != HF_OK) {
		free(talk);
		return;
	}
	hf_buf_init(&talk->evidence, HF_EVIDENCE_MAX_BYTES);
	put_sets(talk, link, view, true);
	if (talk->evidence.len_bytes == 0)
		put_sets(talk, link, view, false);
	/* The answer ends in another look. */
	if (talk->notes_count > 0 || talk->evidence.len_bytes > 0 ||
	    talk->receipts_count > 0)
		send_talk(link, talk);
	hf_ledger_view_end(view);
	hf_buf_release(&talk->evidence);
	free(talk);
}

void hf_gossip_init(struct hf_link *link)
{
	link->gossip.run = on_soon;
	link->gossip.arg = link;
}

void hf_gossip_soon(struct hf_link *link)
{
	if (link->is_in_session && !link->is_going && !link->gossip.is_armed)
		hf_rpc_timer_start(link->peers->options.outbound, &link->gossip,
				   SOON_MS);
}

static void on_gossip(void *arg)
{
	struct hf_peers *peers = arg;

	for (struct hf_link *link = peers->links; link != NULL;
	     link = link->next)
		hf_gossip_soon(link);
}

static void on_gossip_again(void *arg)
{
	struct hf_peers *peers = arg;

	for (struct hf_link *link = peers->links; link != NULL;
	     link = link->next)
		hf_gossip_forget(link);
	on_gossip(peers);
}

void hf_peers_gossip_again(struct hf_peers *peers)
{
	hf_rpc_loop_post(peers->options.outbound, &peers->gossip_again);
}

void hf_peers_gossip_init(struct hf_peers *peers)
{
	peers->gossip_again.run = on_gossip_again;
	peers->gossip_again.arg = peers;
	peers->gossip.run = on_gossip;
	peers->gossip.arg = peers;
}

void hf_peers_gossip(struct hf_peers *peers)
{
	hf_rpc_loop_post(peers->options.outbound, &peers->gossip);
}
