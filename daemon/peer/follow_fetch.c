#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "log.h"

#include "follow_fetch.h"
#include "forks.h"

/* Entries asked for with one call. */
#define RANGE_ENTRIES ((uint64_t)1024 * HF_CHUNK_ENTRIES)

/* Pieces at the ledger before we stop reading, and when we go on. */
#define JOBS_MOST  96
#define JOBS_AGAIN 48

#define RANGE_DEADLINE_MS ((int64_t)600000)

/* Something of a follow that is with the ledger's writer. */
struct job {
	struct hf_rpc_task back;
	struct hf_follow *follow;
	void (*then)(struct hf_follow *follow, enum hf_err err,
		     const struct hf_why *why);
	enum hf_err err;
	struct hf_why why;
};

static void job_back(void *arg)
{
	struct job *job = arg;
	struct hf_follow *follow = job->follow;

	if (!follow->is_going && !follow->has_failed)
		job->then(follow, job->err, &job->why);
	free(job);
	hf_follow_back(follow);
}

/* On the ledger's writer thread. */
static void job_done(void *arg, enum hf_err err,
		     const struct hf_ledger_receipt *receipt,
		     const struct hf_why *why)
{
	struct job *job = arg;

	job->err = err;
	if (err != HF_OK && why != NULL)
		job->why = *why;
	hf_rpc_loop_post(job->follow->peers->options.outbound, &job->back);
}

static struct job *job_new(struct hf_follow *follow,
			   void (*then)(struct hf_follow *follow,
					enum hf_err err,
					const struct hf_why *why))
{
	struct job *job = calloc(1, sizeof(*job));

	if (job == NULL)
		return NULL;
	job->back.run = job_back;
	job->back.arg = job;
	job->follow = follow;
	job->then = then;
	return job;
}

static void begin_range(struct hf_follow *follow);

/* --- chunks ----------------------------------------------------------------
 */

enum hf_err hf_follow_theirs(enum hf_err err)
{
	switch (err) {
	case HF_OK:
	case HF_E_CANCELLED:
	case HF_E_UNAVAILABLE:
	case HF_E_BUSY:
	case HF_E_NOTFOUND:
	case HF_E_DEADLINE:
		return err;
	default:
		return hf_link_is_to_blame(err) ? err : HF_E_LIMIT;
	}
}

void hf_follow_stalled(void *arg)
{
	struct hf_follow *follow = arg;
	struct hf_why why;

	hf_why(&why, HF_E_LIMIT, "no chunk within %lld ms",
	       (long long)follow->peers->options.timeout_ms);
	hf_follow_fail(follow, HF_E_LIMIT, &why);
}

/* The next message is the source's to send, within a time. */
static void await_chunk(struct hf_follow *follow)
{
	hf_rpc_timer_start(follow->peers->options.outbound, &follow->stall,
			   follow->peers->options.timeout_ms);
}

static void await_nothing(struct hf_follow *follow)
{
	hf_rpc_timer_stop(follow->peers->options.outbound, &follow->stall);
}

/* Wait until the index has come nearer; more would only lie there unfound. */
static bool is_ahead(struct hf_follow *follow)
{
	if (!hf_intake_is_ahead(&follow->intake, hf_clock_mono_us()))
		return false;
	hf_rpc_timer_start(follow->peers->options.outbound, &follow->ahead,
			   HF_INTAKE_AHEAD_MS);
	return true;
}

void hf_follow_go_on(void *arg)
{
	struct hf_follow *follow = arg;

	if (follow->call == NULL || !follow->is_paused ||
	    follow->jobs > JOBS_AGAIN || is_ahead(follow))
		return;
	await_chunk(follow);
	follow->is_paused = false;
	hf_rpc_resume(follow->call);
}

static void on_stored(struct hf_follow *follow, enum hf_err err,
		      const struct hf_why *why)
{
	follow->jobs--;
	/* EXISTS: it came by another way as well. */
	if (err != HF_OK && err != HF_E_EXISTS) {
		hf_follow_fail(follow, err, why);
		return;
	}
	follow->cannot_store = false;
	if (follow->source != NULL)
		hf_link_proven(follow->source);
	hf_follow_go_on(follow);
}

void hf_follow_ask(struct hf_rpc_call *call, bool headers_only)
{
	struct hf_follow *follow = hf_rpc_arg(call);
	uint64_t end = follow->intake.next + RANGE_ENTRIES;
	const struct hf_get_chunks_request request = {
		.origin = follow->origin,
		.size = follow->size,
		.first = follow->intake.next,
		.end = end < follow->size ? end : follow->size,
		.headers_only = headers_only,
	};

	hf_link_ask_chunks(call, &request);
}

static void chunks_open(struct hf_rpc_call *call)
{
	hf_follow_ask(call, false);
}

static enum hf_err take_chunk(struct hf_follow *follow,
			      const struct hf_get_chunks_response *chunk,
			      struct hf_why *why)
{
	struct job *job = job_new(follow, on_stored);
	struct hf_ledger_done done = { .call = job_done, .arg = job };
	bool is_committed = false;
	enum hf_err err;

	if (job == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	/* Counted before it can come back. */
	follow->jobs++;
	follow->away++;
	err = hf_intake_take(&follow->intake, chunk, done, &is_committed, why);
	if (is_committed)
		return HF_OK;
	follow->jobs--;
	follow->away--;
	free(job);
	return err;
}

static void chunks_recv(struct hf_rpc_call *call, struct hf_span message)
{
	struct hf_follow *follow = hf_rpc_arg(call);
	struct hf_get_chunks_response chunk;
	struct hf_why why = { "" };
	enum hf_err err;

	if (follow->has_failed || follow->is_going)
		return;
	err = hf_get_chunks_response_parse(message, &follow->arena, &chunk,
					   &why);
	if (err == HF_OK && follow->source != NULL)
		hf_link_received(follow->source,
				 chunk.headers.len_bytes / HF_HEADER_BYTES);
	if (err == HF_OK)
		err = take_chunk(follow, &chunk, &why);
	hf_arena_reset(&follow->arena);
	await_chunk(follow);
	if (err != HF_OK) {
		hf_follow_fail(follow, err, &why);
	} else if (follow->jobs >= JOBS_MOST || is_ahead(follow)) {
		await_nothing(follow);
		follow->is_paused = true;
		hf_rpc_pause(call);
	}
}

static void chunks_done(struct hf_rpc_call *call, enum hf_err err)
{
	struct hf_follow *follow = hf_rpc_arg(call);
	struct hf_why why = *hf_rpc_why(call);

	err = hf_follow_theirs(err);
	await_nothing(follow);
	hf_rpc_unref(follow->call);
	follow->call = NULL;
	if (!follow->is_going && !follow->has_failed) {
		if (err == HF_OK && follow->intake.next == follow->range_first)
			err = hf_why(&why, HF_E_PROOF,
				     "asked for entries from %llu on, it gave "
				     "none",
				     (unsigned long long)follow->intake.next);
		else if (err == HF_OK && follow->intake.piece != NULL)
			err = hf_why(&why, HF_E_PROOF,
				     "the chunk from entry %llu is not whole",
				     (unsigned long long)follow->intake.next);
		if (err != HF_OK) {
			hf_follow_fail(follow, err, &why);
		} else {
			hf_link_well(follow->source);
			begin_range(follow);
		}
	}
	hf_follow_back(follow);
}

static const struct hf_rpc_events chunks_events = {
	.open = chunks_open,
	.recv = chunks_recv,
	.done = chunks_done,
};

static void begin_range(struct hf_follow *follow)
{
	struct hf_why why = { "" };
	enum hf_err err;

	if (follow->intake.next >= follow->size)
		return;
	follow->range_first = follow->intake.next;
	err = hf_rpc_call_start(
		follow->source->channel, "/hashfed.v1.Federation/GetChunks",
		&chunks_events, follow, RANGE_DEADLINE_MS, &follow->call, &why);
	if (err != HF_OK) {
		hf_follow_fail(follow, err, &why);
		return;
	}
	follow->is_paused = false;
	follow->away++;
	await_chunk(follow);
}

/* --- the checkpoint --------------------------------------------------------
 */

/* The note that is fetched contradicts what we hold: nothing resolves that by
 * itself. */
static void on_contradiction(struct hf_follow *follow,
			     const struct hf_why *said)
{
	const struct hf_peers_options *options = &follow->peers->options;
	struct hf_ring *ring = hf_ring_holder_get(options->ring);
	struct hf_why why = { "" };
	struct hf_note note;
	enum hf_err err = hf_note_parse(follow->note, &note, &why);

	if (err == HF_OK)
		err = hf_forks_judge(options->forks, ring, follow->set, &note,
				     &why);
	hf_ring_release(ring);
	if (err == HF_E_CONFLICT)
		return;
	/* It cannot be shown to others yet, but stop we must. */
	hf_log(HF_LOG_ERROR, "peer", "set frozen", "set=%s why=\"%s\"",
	       follow->origin, said->text);
	if (hf_ledger_freeze(options->ledger, follow->set, said->text, &why) !=
	    HF_OK)
		hf_log(HF_LOG_ERROR, "peer", "set not frozen",
		       "set=%s why=\"%s\"", follow->origin, why.text);
}

static void on_seen(struct hf_follow *follow, enum hf_err err,
		    const struct hf_why *why)
{
	struct hf_ledger_view *view;
	struct hf_ledger_info info;
	struct hf_why ours = { "" };

	/* A larger one is held, and this one agrees with it: nothing to fetch.
	 */
	if (err == HF_E_EXISTS)
		return;
	if (err == HF_E_CONFLICT)
		on_contradiction(follow, why);
	if (err != HF_OK) {
		hf_follow_fail(follow, err, why);
		return;
	}
	err = hf_ledger_view_begin(follow->peers->options.ledger, &view, &ours);
	if (err == HF_OK) {
		err = hf_ledger_info(view, follow->set, &info, &ours);
		hf_ledger_view_end(view);
	}
	if (err != HF_OK) {
		hf_follow_fail(follow, err, &ours);
		return;
	}
	if (follow->is_own) {
		hf_log(HF_LOG_WARNING, "peer", "fetching back",
		       "peer=%s set=%s held=%llu size=%llu",
		       follow->source != NULL ? follow->source->name : "",
		       follow->origin,
		       (unsigned long long)hf_follow_held(&info),
		       (unsigned long long)follow->size);
	} else if (info.seen_size < follow->size) {
		hf_log(HF_LOG_WARNING, "peer", "leap not believed",
		       "peer=%s set=%s size=%llu held=%llu why=\"so many "
		       "entries at once have to come before their checkpoint "
		       "counts\"",
		       follow->source != NULL ? follow->source->name : "",
		       follow->origin, (unsigned long long)follow->size,
		       (unsigned long long)info.size);
	} else {
		hf_follow_cosign(follow, follow->note);
		hf_peers_gossip(follow->peers);
	}
	/* A witness that may not read it has all that it may have. */
	if (follow->is_blind)
		return;
	hf_intake_begin(&follow->intake, follow->peers->options.ledger,
			follow->set, follow->size, hf_follow_held(&info));
	follow->intake.demote = follow->peers->options.demote;
	/* Of our own nothing is found before it is whole. */
	if (!follow->is_own)
		follow->intake.found = follow->peers->options.found;
	follow->intake.arg = follow->peers->options.arg;
	begin_range(follow);
}

static void see(struct hf_follow *follow, const struct hf_tree_proof *proof)
{
	const struct hf_ledger_checkpoint checkpoint = {
		.size = follow->size,
		.root = follow->root,
		.note = follow->note,
		.time_s = follow->time_s,
	};
	struct job *job = job_new(follow, on_seen);
	struct hf_ledger_done done = { .call = job_done, .arg = job };
	struct hf_why why = { "no memory" };
	enum hf_err err = HF_E_NOMEM;

	if (job != NULL) {
		follow->away++;
		err = hf_ledger_see(follow->peers->options.ledger, follow->set,
				    &checkpoint, proof, done, &why);
	}
	if (err != HF_OK) {
		if (job != NULL)
			follow->away--;
		free(job);
		hf_follow_fail(follow, err, &why);
	}
}

/* A proof that does not lead to our root may lead to another one that the
 * publisher has signed. */
static enum hf_err judge_growth(struct hf_follow *follow,
				const struct hf_tree_proof *proof,
				struct hf_span old_root, struct hf_why *why)
{
	const struct hf_peers_options *options = &follow->peers->options;
	struct hf_tree_hash root;
	struct hf_ring *ring;
	struct hf_note note;
	enum hf_err err;

	if (old_root.len_bytes == 0)
		return HF_OK;
	memcpy(root.bytes, old_root.at, sizeof(root.bytes));
	ring = hf_ring_holder_get(options->ring);
	err = hf_note_parse(follow->note, &note, why);
	if (err == HF_OK)
		err = hf_forks_judge_growth(options->forks, ring, follow->set,
					    &note, &root, proof, why);
	hf_ring_release(ring);
	return err;
}

static void on_proof(void *owner, enum hf_err err, struct hf_span reply,
		     const struct hf_why *said)
{
	struct hf_follow *follow = owner;
	struct hf_get_proof_response response;
	struct hf_tree_proof proof = { 0 };
	struct hf_why why = *said;
	struct hf_arena arena;

	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	err = hf_follow_theirs(err);
	if (err == HF_OK)
		err = hf_get_proof_response_parse(reply, &arena, &response,
						  &why);
	if (err == HF_OK) {
		proof.hashes_count = response.hashes.len_bytes / HF_HASH_BYTES;
		if (proof.hashes_count > HF_PROOF_MAX_HASHES)
			err = HF_E_LIMIT;
		else if (proof.hashes_count > 0)
			memcpy(proof.hashes, response.hashes.at,
			       response.hashes.len_bytes);
	}
	if (err == HF_OK && !follow->is_going && !follow->has_failed &&
	    !follow->is_own)
		err = judge_growth(follow, &proof, response.old_root, &why);
	follow->proof = proof;
	hf_arena_release(&arena);
	if (!follow->is_going && !follow->has_failed) {
		if (err == HF_OK)
			see(follow, &proof);
		else
			hf_follow_fail(follow, err, &why);
	}
	hf_follow_back(follow);
}

static enum hf_err ask_proof(struct hf_follow *follow, uint64_t old_size)
{
	const struct hf_get_proof_request request = {
		.origin = follow->origin,
		.size = follow->size,
		.kind = HF_GET_PROOF_OLD_SIZE,
		.old_size = old_size,
	};
	struct hf_buf wire;
	enum hf_err err;

	hf_buf_init(&wire, 4096);
	err = hf_get_proof_request_encode(&request, &wire);
	if (err == HF_OK)
		err = hf_link_ask(follow->source,
				  "/hashfed.v1.Federation/GetProof",
				  hf_buf_span(&wire), follow, on_proof);
	hf_buf_release(&wire);
	if (err == HF_OK)
		follow->away++;
	follow->proof_from = old_size;
	return err;
}

/* More lines under the checkpoint that we have, and nothing else: kept without
 * a fetch. */
static bool is_held(struct hf_follow *follow, const struct hf_note *note,
		    const struct hf_ledger_info *info)
{
	return info->has_seen && note->checkpoint.size == info->seen_size &&
	       hf_tree_equal(&note->checkpoint.root, &info->seen_root) &&
	       (follow->is_blind || info->size >= info->seen_size);
}

enum hf_err hf_follow_fetch(struct hf_follow *follow, struct hf_link *link,
			    const struct hf_note *note, uint64_t time_s,
			    const struct hf_ledger_info *info)
{
	/* Where the proof of growth has to begin. */
	uint64_t known =
		follow->is_own ? hf_follow_held(info) : info->seen_size;
	uint8_t *copy;
	enum hf_err err = HF_OK;

	if (!follow->is_own && is_held(follow, note, info)) {
		hf_follow_improve(follow, note->bytes);
		hf_follow_cosign(follow, note->bytes);
		hf_link_drop_note(link, follow->origin);
		/* Ends in another look when something is away for it. */
		if (follow->away == 0)
			hf_follow_look(follow);
		return HF_OK;
	}
	copy = malloc(note->bytes.len_bytes);
	if (copy == NULL)
		return HF_E_NOMEM;
	memcpy(copy, note->bytes.at, note->bytes.len_bytes);
	/* note is that of the link: only its copy is good from here. */
	follow->note = hf_span(copy, note->bytes.len_bytes);
	follow->size = note->checkpoint.size;
	follow->root = note->checkpoint.root;
	follow->time_s = time_s;
	hf_link_drop_note(link, follow->origin);
	follow->source = link;
	follow->has_failed = false;
	follow->jobs = 0;
	hf_intake_begin(&follow->intake, follow->peers->options.ledger,
			follow->set, follow->size, hf_follow_held(info));
	if ((info->has_seen || follow->is_own) && known > 0 &&
	    known < follow->size) {
		err = ask_proof(follow, known);
		if (err != HF_OK) {
			struct hf_why why = { "no memory" };

			hf_follow_fail(follow, err, &why);
		}
	} else {
		see(follow, NULL);
	}
	return HF_OK;
}
