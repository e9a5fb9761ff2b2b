#include <string.h>

#include "chunk.h"
#include "clock.h"
#include "codec_document.h"
#include "ring.h"

#include "follow_fetch.h"
#include "peers_in.h"

#define RANGE_DEADLINE_MS ((int64_t)600000)

static void on_open(struct hf_rpc_call *call)
{
	struct hf_follow *follow = hf_rpc_arg(call);

	hf_follow_ask(call, !follow->intake.is_peek);
}

/* The headers of one chunk, as they stand under the note: whole, because what
 * we have applied is not looked at here. */
static enum hf_err take_headers(struct hf_follow *follow,
				const struct hf_get_chunks_response *chunk,
				struct hf_why *why)
{
	struct hf_intake *intake = &follow->intake;
	struct hf_tree_proof proof;
	enum hf_err err;

	if (chunk->first != intake->next || intake->next >= follow->size)
		return hf_why(why, HF_E_PROOF,
			      "headers from %llu came where %llu was expected",
			      (unsigned long long)chunk->first,
			      (unsigned long long)intake->next);
	err = hf_tree_proof_parse(chunk->proof, &proof, why);
	if (err == HF_OK)
		err = hf_chunk_verify(chunk->headers,
				      intake->next / HF_CHUNK_ENTRIES,
				      follow->size, &proof, &follow->root, why);
	if (err != HF_OK)
		return err;
	hf_intake_demote(intake, chunk->headers);
	intake->next += chunk->headers.len_bytes / HF_HEADER_BYTES;
	return HF_OK;
}

static enum hf_err take_chunk(struct hf_follow *follow,
			      const struct hf_get_chunks_response *chunk,
			      struct hf_why *why)
{
	static const struct hf_ledger_done nobody = { .call = NULL };
	bool is_committed;

	return follow->intake.is_peek
		       ? hf_intake_take(&follow->intake, chunk, nobody,
					&is_committed, why)
		       : take_headers(follow, chunk, why);
}

static void on_recv(struct hf_rpc_call *call, struct hf_span message)
{
	struct hf_follow *follow = hf_rpc_arg(call);
	struct hf_get_chunks_response chunk;
	struct hf_why why = { "" };
	struct hf_arena arena;
	enum hf_err err;

	if (follow->has_failed || follow->is_going)
		return;
	hf_arena_init(&arena, 4 * HF_UNPACK_MAX_BYTES);
	err = hf_get_chunks_response_parse(message, &arena, &chunk, &why);
	if (err == HF_OK)
		err = take_chunk(follow, &chunk, &why);
	hf_arena_release(&arena);
	hf_rpc_timer_start(follow->peers->options.outbound, &follow->stall,
			   follow->peers->options.timeout_ms);
	if (err != HF_OK)
		hf_follow_fail(follow, err, &why);
}

static void begin_range(struct hf_follow *follow);

static void on_done(struct hf_rpc_call *call, enum hf_err err)
{
	struct hf_follow *follow = hf_rpc_arg(call);
	struct hf_why why = *hf_rpc_why(call);

	err = hf_follow_theirs(err);
	hf_rpc_timer_stop(follow->peers->options.outbound, &follow->stall);
	hf_rpc_unref(follow->call);
	follow->call = NULL;
	if (!follow->is_going && !follow->has_failed) {
		if (err == HF_OK && follow->intake.next == follow->range_first)
			err = hf_why(&why, HF_E_PROOF,
				     "asked for headers from %llu on, it gave "
				     "none",
				     (unsigned long long)follow->intake.next);
		if (err != HF_OK)
			hf_follow_fail(follow, err, &why);
		else if (follow->intake.next < follow->size)
			begin_range(follow);
		else
			follow->looked_ahead = follow->size;
	}
	hf_follow_back(follow);
}

static const struct hf_rpc_events ahead_events = {
	.open = on_open,
	.recv = on_recv,
	.done = on_done,
};

static void begin_range(struct hf_follow *follow)
{
	struct hf_why why = { "" };
	enum hf_err err;

	follow->range_first = follow->intake.next;
	err = hf_rpc_call_start(
		follow->source->channel, "/hashfed.v1.Federation/GetChunks",
		&ahead_events, follow, RANGE_DEADLINE_MS, &follow->call, &why);
	if (err != HF_OK) {
		hf_follow_fail(follow, err, &why);
		return;
	}
	follow->away++;
	hf_rpc_timer_start(follow->peers->options.outbound, &follow->stall,
			   follow->peers->options.timeout_ms);
}

/* Of cases that we read every word counts; of what is matched on, that it is
 * taken back. */
static bool reads_cases(const struct hf_follow *follow)
{
	struct hf_ring *ring = hf_ring_holder_get(follow->peers->options.ring);
	struct hf_span origin = hf_span_of(follow->origin);
	const struct hf_ring_set *set = hf_ring_set(ring, origin);
	bool reads = follow->cannot_store && set != NULL &&
		     set->agreement->kind == HF_SET_KIND_CASES &&
		     hf_ring_may_have(ring, origin, hf_ring_self(ring)->id,
				      hf_clock_wall_ms()) >= HF_RIGHT_MEMBER;

	hf_ring_release(ring);
	return reads;
}

void hf_follow_ahead(struct hf_follow *follow, struct hf_link *link,
		     const struct hf_note *note, uint64_t applied)
{
	uint64_t first =
		applied > follow->looked_ahead ? applied : follow->looked_ahead;
	bool is_peek = reads_cases(follow);

	follow->size = note->checkpoint.size;
	follow->root = note->checkpoint.root;
	follow->source = link;
	follow->has_failed = false;
	follow->jobs = 0;
	hf_intake_begin(&follow->intake, follow->peers->options.ledger,
			follow->set, follow->size,
			is_peek ? applied
				: first / HF_CHUNK_ENTRIES * HF_CHUNK_ENTRIES);
	follow->intake.is_peek = is_peek;
	follow->intake.root = follow->root;
	follow->intake.ahead = is_peek ? follow->peers->options.ahead : NULL;
	follow->intake.demote = follow->peers->options.demote;
	follow->intake.arg = follow->peers->options.arg;
	begin_range(follow);
}
