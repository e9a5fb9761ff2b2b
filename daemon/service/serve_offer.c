#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "cases.h"
#include "clock.h"
#include "codec_federation.h"
#include "forks.h"
#include "intake.h"
#include "ledger_view.h"
#include "note_witness.h"
#include "log.h"
#include "ring.h"
#include "set_keys.h"
#include "ringdir.h"
#include "rpc.h"
#include "text.h"

#include "errand.h"
#include "feed.h"
#include "mailbox.h"
#include "node.h"
#include "serve.h"

/* Pieces at the ledger before we stop reading, and when we go on. */
#define JOBS_MOST  64
#define JOBS_AGAIN 32

/* One Offer call: a publisher that cannot be dialled brings its own set.  It
 * is verified exactly as what we fetch ourselves. */
struct offer {
	struct hf_node *node;
	struct hf_rpc_call *call; /* a reference */
	char origin[HF_ORIGIN_MAX_BYTES + 1];
	uint32_t set;
	uint64_t size; /* of the note offered */
	struct hf_tree_hash root;
	struct hf_buf note; /* the one offered */
	struct hf_intake intake;
	struct hf_rpc_timer ahead; /* armed while the index is waited for */
	unsigned jobs;             /* at the ledger */
	bool has_set;
	bool takes_chunks; /* the checkpoint was seen */
	/* Not HF_OK: our disk did not take it, which the answer says.  What
	 * still comes is looked at: what it takes back counts. */
	enum hf_err full;
	struct hf_why full_why;
	bool is_half_closed;
	bool is_done;
	bool is_answered;
};

struct job {
	struct hf_rpc_task back;
	struct offer *offer;
	void (*then)(struct offer *offer, enum hf_err err,
		     const struct hf_why *why);
	enum hf_err err;
	struct hf_why why;
};

static void free_when_over(struct offer *offer)
{
	if (!offer->is_done || offer->jobs > 0)
		return;
	hf_intake_end(&offer->intake);
	hf_buf_release(&offer->note);
	hf_rpc_unref(offer->call);
	free(offer);
}

static void fail(struct offer *offer, enum hf_err err, const struct hf_why *why)
{
	if (offer->is_answered)
		return;
	offer->is_answered = true;
	/* A set that we do not take is no fault of who offers it. */
	hf_log(err == HF_E_NOTFOUND || err == HF_E_UNAVAILABLE ? HF_LOG_DEBUG
							       : HF_LOG_WARNING,
	       "offer", "refused", "peer=%s set=%s err=%s why=\"%s\"",
	       hf_rpc_caller(offer->call)->name, offer->origin,
	       hf_err_name(err), why->text);
	hf_rpc_finish(offer->call, err, why);
}

static enum hf_err info_of(struct offer *offer, struct hf_ledger_info *out_info,
			   struct hf_why *why)
{
	struct hf_ledger_view *view;
	enum hf_err err = hf_ledger_view_begin(offer->node->ledger, &view, why);

	if (err != HF_OK)
		return err;
	err = hf_ledger_info(view, offer->set, out_info, why);
	hf_ledger_view_end(view);
	return err;
}

/* Nothing is at the ledger and no more comes: say how far we are. */
static void settle(struct offer *offer)
{
	struct hf_offer_response response;
	struct hf_ledger_info info;
	struct hf_why why = { "" };
	struct hf_buf wire;
	enum hf_err err;

	if (!offer->is_half_closed || offer->jobs > 0 || offer->is_answered)
		return;
	if (offer->full != HF_OK) {
		fail(offer, offer->full, &offer->full_why);
		return;
	}
	err = info_of(offer, &info, &why);
	if (err != HF_OK) {
		fail(offer, err, &why);
		return;
	}
	offer->is_answered = true;
	response = (struct hf_offer_response){ .applied = info.size,
					       .seen = info.seen_size };
	hf_buf_init(&wire, 4096);
	if (hf_offer_response_encode(&response, &wire) == HF_OK)
		hf_rpc_reply_buf(offer->call, &wire);
	else
		hf_rpc_finish(offer->call, HF_E_INTERNAL, NULL);
	hf_buf_release(&wire);
}

/* On the worker loop. */
static void job_back(void *arg)
{
	struct job *job = arg;
	struct offer *offer = job->offer;

	offer->jobs--;
	if (!offer->is_done && !offer->is_answered)
		job->then(offer, job->err, &job->why);
	free(job);
	if (!offer->is_done)
		settle(offer);
	free_when_over(offer);
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
	hf_rpc_loop_post(job->offer->node->worker, &job->back);
}

static struct job *job_new(struct offer *offer,
			   void (*then)(struct offer *offer, enum hf_err err,
					const struct hf_why *why))
{
	struct job *job = calloc(1, sizeof(*job));

	if (job == NULL)
		return NULL;
	job->back.run = job_back;
	job->back.arg = job;
	job->offer = offer;
	job->then = then;
	offer->jobs++;
	return job;
}

/* Wait until the index has come nearer; more would only lie there unfound. */
static bool is_ahead(struct offer *offer)
{
	if (!hf_intake_is_ahead(&offer->intake, hf_clock_mono_us()))
		return false;
	hf_rpc_timer_start(offer->node->worker, &offer->ahead,
			   HF_INTAKE_AHEAD_MS);
	return true;
}

static void go_on(void *arg)
{
	struct offer *offer = arg;

	if (offer->jobs <= JOBS_AGAIN && !is_ahead(offer))
		hf_rpc_resume(offer->call);
}

static bool is_full(enum hf_err err)
{
	return err == HF_E_FULL || err == HF_E_SYSTEM;
}

/* Whatever comes from here on is proven, and not stored. */
static void look_only(struct offer *offer, enum hf_err err,
		      const struct hf_why *why)
{
	offer->full = err;
	offer->full_why = *why;
	atomic_store(&offer->node->is_offer_refused, true);
	offer->intake.is_peek = true;
	offer->intake.root = offer->root;
}

static void on_stored(struct offer *offer, enum hf_err err,
		      const struct hf_why *why)
{
	if (err == HF_OK)
		atomic_store(&offer->node->is_offer_refused, false);
	if (is_full(err) && offer->full == HF_OK)
		look_only(offer, err, why);
	/* Behind what was not stored nothing goes on. */
	if (err != HF_OK && err != HF_E_EXISTS && offer->full == HF_OK)
		fail(offer, err, why);
	else
		go_on(offer);
}

/* Freezing waits for the disk, so it is an errand. */
struct freezing {
	struct hf_errand errand; /* first */
	struct hf_node *node;
	uint32_t set;
	struct hf_buf note;
	struct hf_why reason;
};

static void run_freezing(struct hf_errand *errand)
{
	struct freezing *freezing = (struct freezing *)(void *)errand;
	struct hf_ring *ring = hf_ring_holder_get(freezing->node->ring);
	struct hf_why why = { "" };
	struct hf_note note;
	enum hf_err err =
		hf_note_parse(hf_buf_span(&freezing->note), &note, &why);

	if (err == HF_OK)
		err = hf_forks_judge(freezing->node->forks, ring, freezing->set,
				     &note, &why);
	hf_ring_release(ring);
	/* It cannot be shown to others yet, but stop we must. */
	if (err != HF_E_CONFLICT)
		err = hf_ledger_freeze(freezing->node->ledger, freezing->set,
				       freezing->reason.text, &why);
	if (err != HF_OK && err != HF_E_CONFLICT)
		hf_log(HF_LOG_ERROR, "offer", "set not frozen", "why=\"%s\"",
		       why.text);
	hf_buf_release(&freezing->note);
	free(freezing);
}

/* Two checkpoints, both signed by the publisher, that contradict each other:
 * nothing resolves that by itself. */
static void freeze(struct offer *offer, const struct hf_why *why)
{
	struct freezing *freezing = calloc(1, sizeof(*freezing));

	hf_log(HF_LOG_ERROR, "offer", "contradicting checkpoints",
	       "peer=%s set=%s why=\"%s\"", hf_rpc_caller(offer->call)->name,
	       offer->origin, why->text);
	if (freezing == NULL)
		return;
	freezing->errand.run = run_freezing;
	freezing->node = offer->node;
	freezing->set = offer->set;
	freezing->note = offer->note;
	freezing->reason = *why;
	hf_buf_init(&offer->note, HF_NOTE_MAX_BYTES);
	hf_errand_post(offer->node->errands, &freezing->errand);
}

static void demote(void *arg, uint32_t set, uint64_t entry)
{
	struct offer *offer = arg;
	struct hf_why why = { "" };

	if (hf_feed_demote(offer->node->feed, set, entry, &why) != HF_OK)
		hf_log(HF_LOG_ERROR, "feed", "not demoted", "why=\"%s\"",
		       why.text);
}

static uint64_t found(void *arg, uint32_t set)
{
	const struct offer *offer = arg;

	return hf_feed_found(offer->node->feed, set);
}

static void ahead(void *arg, uint32_t set, uint64_t index,
		  struct hf_span header, struct hf_span payload)
{
	const struct offer *offer = arg;

	hf_cases_ahead(offer->node->cases, set, index, header, payload);
}

static void begin_intake(struct offer *offer, uint64_t first)
{
	struct hf_node *node = offer->node;

	hf_intake_begin(&offer->intake, node->ledger, offer->set, offer->size,
			first);
	offer->intake.demote = demote;
	offer->intake.found = found;
	offer->intake.arg = offer;
	if (offer->full != HF_OK)
		look_only(offer, offer->full, &offer->full_why);
	/* The first of this call may be what does not fit. */
	if (atomic_load(&node->is_offer_refused) &&
	    hf_cases_reads(node->cases, offer->origin))
		offer->intake.ahead = ahead;
	offer->takes_chunks = true;
	hf_rpc_resume(offer->call);
}

static void on_seen(struct offer *offer, enum hf_err err,
		    const struct hf_why *why)
{
	struct hf_ledger_info info;
	struct hf_why ours = { "" };

	if (err == HF_E_CONFLICT)
		freeze(offer, why);
	if (is_full(err)) {
		offer->full = err;
		offer->full_why = *why;
		err = HF_OK;
	}

	/* A larger one is held: the answer tells the publisher. */
	if (err == HF_OK || err == HF_E_EXISTS)
		err = info_of(offer, &info, &ours);
	else
		ours = *why;
	if (err != HF_OK)
		fail(offer, err, &ours);
	else
		begin_intake(offer, info.size);
}

/* Only the publisher may offer a set, and only to those who follow it. */
static enum hf_err check_offer(struct offer *offer, struct hf_ring *ring,
			       const struct hf_offer_request *request,
			       struct hf_why *why)
{
	struct hf_span origin = hf_span_of(request->origin);
	const struct hf_rpc_identity *caller = hf_rpc_caller(offer->call);

	if (!hf_span_is(hf_text_origin_domain(origin), caller->name) ||
	    !hf_ring_is_followed(ring, origin))
		return hf_why(why, HF_E_NOTFOUND, "no such set");
	strcpy(offer->origin, request->origin);
	return HF_OK;
}

static enum hf_err take_agreement(struct offer *offer,
				  const struct hf_offer_request *request,
				  struct hf_why *why)
{
	struct hf_ring *ring = hf_ring_holder_get(offer->node->ring);
	const struct hf_ring_set *set =
		hf_ring_set(ring, hf_span_of(request->origin));
	bool is_held =
		set != NULL && hf_span_equal(set->document, request->agreement);
	enum hf_err err;

	hf_ring_release(ring);
	if (is_held)
		return HF_OK;
	err = hf_ring_save_agreement_of(offer->node->ring_dir, offer->origin,
					request->agreement, why);
	return err == HF_OK ? hf_node_ring_changed(offer->node, why) : err;
}

static enum hf_err verify_note(struct offer *offer, struct hf_ring *ring,
			       struct hf_span bytes, struct hf_note *out_note,
			       uint64_t *out_time_s, struct hf_why *why)
{
	const struct hf_ring_set *set =
		hf_ring_set(ring, hf_span_of(offer->origin));
	const struct hf_note_witnesses *witnesses =
		hf_conf_witnesses_of(offer->node->conf, offer->origin);
	struct hf_set_pair keys = { 0 };
	const uint8_t *root;
	uint64_t void_from;
	size_t cosigned;
	enum hf_err err = hf_note_parse(bytes, out_note, why);

	/* An agreement that does not name us, or is over, is no right to have
	 * the set, whoever brings it. */
	if (set == NULL ||
	    hf_ring_may_have(ring, hf_span_of(offer->origin),
			     hf_ring_self(ring)->id,
			     hf_clock_wall_ms()) < HF_RIGHT_RELAY)
		return hf_why(why, HF_E_NOTFOUND, "no such set");
	if (err == HF_OK)
		err = hf_set_keys_for(set->agreement, out_note, &keys, why);
	if (err == HF_OK)
		err = hf_note_open_witnessed(bytes, &keys.log, &keys.cosigner,
					     witnesses, out_note, out_time_s,
					     &cosigned, why);
	if (err == HF_OK &&
	    hf_ring_successor(ring, hf_span_of(offer->origin), &void_from,
			      &root) != NULL &&
	    out_note->checkpoint.size > void_from)
		err = hf_why(why, HF_E_FROZEN,
			     "void from entry %llu on: a later epoch goes on "
			     "from there",
			     (unsigned long long)void_from);
	/* Nobody's fault: the lines may come by another way, or later. */
	if (err == HF_OK && witnesses != NULL && cosigned < witnesses->need)
		err = hf_why(why, HF_E_NOTFOUND,
			     "%zu of %u cosignatures are there", cosigned,
			     witnesses->need);
	return err;
}

static enum hf_err see(struct offer *offer, const struct hf_note *note,
		       uint64_t time_s, struct hf_span growth,
		       struct hf_why *why)
{
	const struct hf_ledger_checkpoint checkpoint = {
		.size = note->checkpoint.size,
		.root = note->checkpoint.root,
		.note = note->bytes,
		.time_s = time_s,
	};
	struct hf_tree_proof proof = { 0 };
	struct hf_ledger_info info;
	struct job *job;
	enum hf_err err = info_of(offer, &info, why);

	if (err != HF_OK)
		return err;
	/* The first call of a round brings no proof yet: it asks where we
	 * are. */
	if (info.seen_size > 0 && info.seen_size < checkpoint.size &&
	    growth.len_bytes == 0)
		return HF_OK;
	proof.hashes_count = growth.len_bytes / HF_HASH_BYTES;
	if (proof.hashes_count > 0)
		memcpy(proof.hashes, growth.at, growth.len_bytes);
	offer->size = checkpoint.size;
	offer->root = checkpoint.root;
	job = job_new(offer, on_seen);
	if (job == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	err = hf_ledger_see(offer->node->ledger, offer->set, &checkpoint,
			    proof.hashes_count > 0 ? &proof : NULL,
			    (struct hf_ledger_done){ job_done, job }, why);
	if (err != HF_OK) {
		offer->jobs--;
		free(job);
		return err;
	}
	/* Chunks wait until the checkpoint they belong to is seen. */
	hf_rpc_pause(offer->call);
	return HF_OK;
}

/* Every set that is followed is made when it is followed. */
static enum hf_err find_set(struct offer *offer, struct hf_why *why)
{
	struct hf_ledger_view *view;
	enum hf_err err = hf_ledger_view_begin(offer->node->ledger, &view, why);

	if (err != HF_OK)
		return err;
	err = hf_ledger_find(view, hf_span_of(offer->origin), &offer->set, why);
	hf_ledger_view_end(view);
	return err == HF_E_NOTFOUND
		       ? hf_why(why, HF_E_UNAVAILABLE, "not ready yet")
		       : err;
}

/* What somebody writes for us into cases, and the next epoch of a set that is
 * followed, are followed from here on. */
static enum hf_err take_new(struct offer *offer,
			    const struct hf_offer_request *request,
			    struct hf_why *why)
{
	struct hf_node *node = offer->node;
	struct hf_ring *ring = hf_ring_holder_get(node->ring);
	bool is_followed =
		hf_ring_is_followed(ring, hf_span_of(request->origin));

	hf_ring_release(ring);
	if (is_followed ||
	    !hf_span_is(hf_text_origin_domain(hf_span_of(request->origin)),
			hf_rpc_caller(offer->call)->name) ||
	    !hf_mailbox_take(node, request->origin, request->agreement))
		return HF_OK;
	return hf_node_ring_changed(node, why);
}

static enum hf_err take_first(struct offer *offer,
			      const struct hf_offer_request *request,
			      struct hf_why *why)
{
	struct hf_note note;
	struct hf_ring *ring;
	uint64_t time_s;
	enum hf_err err = take_new(offer, request, why);

	if (err != HF_OK)
		return err;
	ring = hf_ring_holder_get(offer->node->ring);
	err = check_offer(offer, ring, request, why);
	hf_ring_release(ring);
	if (err == HF_OK)
		err = take_agreement(offer, request, why);
	if (err == HF_OK)
		err = find_set(offer, why);
	if (err != HF_OK)
		return err;
	ring = hf_ring_holder_get(offer->node->ring);
	err = verify_note(offer, ring, request->note, &note, &time_s, why);
	hf_ring_release(ring);
	if (err != HF_OK)
		return err;
	offer->has_set = true;
	hf_buf_put(&offer->note, note.bytes);
	err = hf_buf_failed(&offer->note);
	if (err != HF_OK)
		return hf_why(why, err, "no memory");
	return see(offer, &note, time_s, request->growth, why);
}

static enum hf_err take_chunk(struct offer *offer,
			      const struct hf_get_chunks_response *chunk,
			      struct hf_why *why)
{
	bool is_committed = false;
	struct job *job;
	enum hf_err err;

	if (chunk == NULL || !offer->takes_chunks)
		return hf_why(why, HF_E_ARGUMENT,
			      "a chunk without a checkpoint that covers it");
	job = job_new(offer, on_stored);
	if (job == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	err = hf_intake_take(&offer->intake, chunk,
			     (struct hf_ledger_done){ job_done, job },
			     &is_committed, why);
	if (!is_committed) {
		offer->jobs--;
		free(job);
	} else if (offer->jobs >= JOBS_MOST || is_ahead(offer)) {
		hf_rpc_pause(offer->call);
	}
	return err;
}

static void on_open(struct hf_rpc_call *call)
{
	struct offer *offer = calloc(1, sizeof(*offer));

	if (offer == NULL) {
		hf_rpc_finish(call, HF_E_NOMEM, NULL);
		return;
	}
	offer->node = hf_node_of(call);
	hf_buf_init(&offer->note, HF_NOTE_MAX_BYTES);
	offer->ahead.run = go_on;
	offer->ahead.arg = offer;
	offer->call = call;
	hf_rpc_ref(call);
	hf_rpc_set_data(call, offer);
}

static void on_recv(struct hf_rpc_call *call, struct hf_span message)
{
	struct offer *offer = hf_rpc_data(call);
	struct hf_offer_request request;
	struct hf_why why = { "" };
	struct hf_arena arena;
	enum hf_err err;

	if (offer == NULL || offer->is_answered)
		return;
	if (message.at == NULL) {
		offer->is_half_closed = true;
		if (!offer->has_set) {
			hf_why(&why, HF_E_ARGUMENT, "nothing was offered");
			fail(offer, HF_E_ARGUMENT, &why);
		}
		settle(offer);
		return;
	}
	hf_arena_init(&arena, 4 * HF_UNPACK_MAX_BYTES);
	err = hf_offer_request_parse(message, &arena, &request, &why);
	if (err == HF_OK)
		err = offer->has_set ? take_chunk(offer, request.chunk, &why)
				     : take_first(offer, &request, &why);
	hf_arena_release(&arena);
	if (err != HF_OK)
		fail(offer, err, &why);
}

static void on_done(struct hf_rpc_call *call, enum hf_err err)
{
	struct offer *offer = hf_rpc_data(call);

	if (offer == NULL)
		return;
	offer->is_done = true;
	hf_rpc_timer_stop(offer->node->worker, &offer->ahead);
	free_when_over(offer);
}

const struct hf_rpc_events hf_serve_offer = {
	.open = on_open,
	.recv = on_recv,
	.done = on_done,
};
