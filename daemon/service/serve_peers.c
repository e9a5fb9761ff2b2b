#include <string.h>

#include "clock.h"
#include "codec_admin.h"
#include "codec_document.h"
#include "ledger_view.h"
#include "peers.h"
#include "ring.h"
#include "ringdir.h"

#include "behind.h"
#include "node.h"
#include "serve.h"
#include "unary.h"

#define PAGE_SIZE_USUAL 100

/* What lags behind, of all peers. */
struct behind {
	const struct hf_behind *rows;
	size_t count;
};

static struct behind look_behind(struct hf_unary *unary)
{
	struct behind behind = { NULL, 0 };
	struct hf_ledger_view *view;

	if (hf_ledger_view_begin(unary->node->ledger, &view, NULL) != HF_OK)
		return behind;
	behind.count =
		hf_behind_list(unary->node, view, unary->arena, &behind.rows);
	hf_ledger_view_end(view);
	return behind;
}

static uint32_t count_behind(const struct behind *behind, const char *peer)
{
	uint32_t count = 0;

	for (size_t i = 0; i < behind->count; i++)
		count += strcmp(behind->rows[i].peer, peer) == 0;
	return count;
}

static void put_peer(struct hf_unary *unary, const struct hf_organisation *peer,
		     const struct behind *behind, struct hf_wire_peer_info *row)
{
	struct hf_peer_status status = { 0 };

	/* One that is not dialled has no status: all of it stays empty. */
	if (hf_peers_status(unary->node->peers, peer->id, &status) != HF_OK)
		status = (struct hf_peer_status){ 0 };
	*row = (struct hf_wire_peer_info){
		.name = peer->name,
		.organisation_id = hf_span(peer->id, HF_HASH_BYTES),
		.country = peer->manifest->country,
		.manifest_version = peer->manifest->version,
		.manifest_expires_ms = peer->manifest->expires_ms,
		.endpoint = hf_arena_text(unary->arena,
					  hf_span_of(status.endpoint)),
		.is_connected = status.is_connected,
		.seen_ms = status.seen_ms,
		.problem = hf_arena_text(unary->arena,
					 hf_span_of(status.problem.text)),
		.sets_behind = count_behind(behind, peer->name),
		.entries_received = status.entries_received,
		.refused = status.refused,
	};
}

static enum hf_err put_peers(struct hf_unary *unary, const struct hf_ring *ring,
			     const struct hf_list_peers_request *request,
			     struct hf_why *why)
{
	size_t most = request->page_size > 0 ? (size_t)request->page_size
					     : PAGE_SIZE_USUAL;
	struct hf_list_peers_response response = { .next_page_token = "" };
	const struct hf_organisation *peers;
	size_t count = hf_ring_peers(ring, &peers);
	struct behind behind = look_behind(unary);
	struct hf_wire_peer_info *rows;

	if (most > HF_PAGE_SIZE_MAX)
		most = HF_PAGE_SIZE_MAX;
	rows = hf_arena_calloc(unary->arena, most, sizeof(*rows));
	if (rows == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	for (size_t i = 0; i < count; i++) {
		if (strcmp(peers[i].name, request->page_token) <= 0)
			continue;
		if (response.peers_count == most) {
			response.next_page_token = rows[most - 1].name;
			break;
		}
		put_peer(unary, &peers[i], &behind,
			 &rows[response.peers_count++]);
	}
	response.peers = rows;
	return hf_list_peers_response_encode(&response, unary->reply);
}

static enum hf_err list_peers(struct hf_unary *unary, struct hf_why *why)
{
	struct hf_list_peers_request request;
	struct hf_ring *ring;
	enum hf_err err = hf_list_peers_request_parse(
		unary->request, unary->arena, &request, why);

	if (err != HF_OK)
		return err;
	ring = hf_ring_holder_get(unary->node->ring);
	err = put_peers(unary, ring, &request, why);
	hf_ring_release(ring);
	return err;
}

HF_UNARY_INLINE(list_peers);

static enum hf_err enrol(struct hf_unary *unary,
			 const struct hf_add_peer_request *request,
			 struct hf_why *why)
{
	const struct hf_ring_peer_options options = {
		.is_silent = request->is_silent,
		.endpoint =
			request->endpoint[0] != '\0' ? request->endpoint : NULL,
		.now_ms = hf_clock_wall_ms(),
	};
	enum hf_err err = hf_ring_save_peer(
		unary->node->ring_dir, request->invite,
		hf_span_of(request->fingerprint), &options, why);

	return err == HF_OK ? hf_node_ring_changed(unary->node, why) : err;
}

static enum hf_err add_peer(struct hf_unary *unary, struct hf_why *why)
{
	char fingerprint[HF_FINGERPRINT_SIZE], name[HF_DOMAIN_MAX_BYTES + 1];
	struct hf_add_peer_request request;
	bool is_confirmed;
	enum hf_err err = hf_add_peer_request_parse(
		unary->request, unary->arena, &request, why);

	if (err == HF_OK)
		err = hf_ring_invite_fingerprint(unary->node->ring_dir,
						 request.invite, fingerprint,
						 name, why);
	if (err != HF_OK)
		return err;
	is_confirmed = request.fingerprint[0] != '\0';
	if (is_confirmed)
		err = enrol(unary, &request, why);
	if (err == HF_OK)
		err = hf_add_peer_response_encode(
			&(struct hf_add_peer_response){
				.name = name,
				.fingerprint = fingerprint,
				.is_enrolled = is_confirmed,
			},
			unary->reply);
	return err;
}

HF_UNARY_ERRAND(add_peer);

static enum hf_err remove_peer(struct hf_unary *unary, struct hf_why *why)
{
	struct hf_remove_peer_request request;
	enum hf_err err = hf_remove_peer_request_parse(
		unary->request, unary->arena, &request, why);

	if (err == HF_OK)
		err = hf_ring_remove_peer(unary->node->ring_dir,
					  hf_span_of(request.name), why);
	return err == HF_OK ? hf_node_ring_changed(unary->node, why) : err;
}

HF_UNARY_ERRAND(remove_peer);

static enum hf_err get_invite(struct hf_unary *unary, struct hf_why *why)
{
	struct hf_buf text;
	enum hf_err err;

	hf_buf_init(&text, HF_INVITE_MAX_BYTES);
	err = hf_ring_invite(unary->node->ring_dir, &text, why);
	if (err == HF_OK)
		err = hf_get_invite_response_encode(
			&(struct hf_get_invite_response){ hf_buf_span(&text) },
			unary->reply);
	hf_buf_release(&text);
	return err;
}

HF_UNARY_ERRAND(get_invite);
