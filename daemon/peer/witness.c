#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "codec_document.h"
#include "codec_federation.h"
#include "fresh.h"
#include "ledger_view.h"
#include "log.h"
#include "note_witness.h"

#include "follow_fetch.h"
#include "peers_in.h"

/* --- what is known of a set's notes ----------------------------------------
 */

static unsigned need_of(const struct hf_follow *follow)
{
	return follow->witnesses != NULL ? follow->witnesses->need : 0;
}

enum hf_err hf_follow_take_keys(struct hf_follow *follow,
				const struct hf_note *note, struct hf_why *why)
{
	struct hf_ring *ring = hf_ring_holder_get(follow->peers->options.ring);
	const struct hf_ring_set *set =
		hf_ring_set(ring, hf_span_of(follow->origin));
	enum hf_err err =
		set != NULL ? hf_set_keys_for(set->agreement, note,
					      &follow->keys, why)
			    : hf_why(why, HF_E_NOTFOUND, "no agreement for %s",
				     follow->origin);

	hf_ring_release(ring);
	return err;
}

enum hf_err hf_follow_open_note(struct hf_follow *follow, struct hf_span bytes,
				struct hf_note *out_note, uint64_t *out_time_s,
				bool *out_may_apply, struct hf_why *why)
{
	struct hf_note note;
	size_t count;
	enum hf_err err = hf_note_parse(bytes, &note, why);

	if (err == HF_OK)
		err = hf_follow_take_keys(follow, &note, why);
	if (err == HF_OK)
		err = hf_note_open_witnessed(
			bytes, &follow->keys.log, &follow->keys.cosigner,
			follow->witnesses, out_note, out_time_s, &count, why);
	if (err == HF_OK)
		*out_may_apply = count >= need_of(follow);
	return err;
}

static bool is_same_tree(const struct hf_checkpoint *a,
			 const struct hf_checkpoint *b)
{
	return a->size == b->size && hf_tree_equal(&a->root, &b->root);
}

/* The largest note held, with what the other adds to it, where both are of
 * one tree; false when that is nothing. */
static bool merge_with_held(struct hf_follow *follow,
			    const struct hf_note *note, struct hf_buf *out)
{
	struct hf_ledger_view *view;
	struct hf_note held;
	struct hf_span bytes;
	bool is_more = false;

	if (hf_ledger_view_begin(follow->peers->options.ledger, &view, NULL) !=
	    HF_OK)
		return false;
	if (hf_ledger_note(view, follow->set, HF_LEDGER_SEEN, &bytes, NULL) ==
		    HF_OK &&
	    hf_note_parse(bytes, &held, NULL) == HF_OK &&
	    is_same_tree(&held.checkpoint, &note->checkpoint)) {
		hf_note_merge(&held, note, &follow->keys.log,
			      &follow->keys.cosigner, follow->witnesses,
			      hf_fresh_latest_s(hf_clock_wall_ms()), out);
		is_more = hf_buf_failed(out) == HF_OK &&
			  !hf_span_equal(hf_buf_span(out), bytes);
	}
	hf_ledger_view_end(view);
	return is_more;
}

/* Something that was away beside a fetch came back: news may have waited. */
static void back_and_look(struct hf_follow *follow)
{
	bool is_going = follow->is_going;

	hf_follow_back(follow);
	if (!is_going)
		hf_follow_look(follow);
}

/* --- keeping a note with more lines ----------------------------------------
 */

struct keeping {
	struct hf_rpc_task back;
	struct hf_follow *follow;
};

static void on_kept(void *arg)
{
	struct keeping *keeping = arg;
	struct hf_follow *follow = keeping->follow;

	free(keeping);
	if (!follow->is_going)
		hf_peers_gossip(follow->peers);
	back_and_look(follow);
}

/* On the ledger's writer thread. */
static void kept(void *arg, enum hf_err err,
		 const struct hf_ledger_receipt *receipt,
		 const struct hf_why *why)
{
	struct keeping *keeping = arg;

	hf_rpc_loop_post(keeping->follow->peers->options.outbound,
			 &keeping->back);
}

void hf_follow_improve(struct hf_follow *follow, struct hf_span bytes)
{
	struct hf_ledger_checkpoint checkpoint = { .size = 0 };
	struct keeping *keeping;
	struct hf_note note;
	struct hf_buf merged;
	bool may_apply;

	hf_buf_init(&merged, HF_NOTE_MAX_BYTES);
	keeping = calloc(1, sizeof(*keeping));
	if (keeping == NULL ||
	    hf_follow_open_note(follow, bytes, &note, &checkpoint.time_s,
				&may_apply, NULL) != HF_OK ||
	    !merge_with_held(follow, &note, &merged))
		goto out;
	checkpoint.size = note.checkpoint.size;
	checkpoint.root = note.checkpoint.root;
	checkpoint.note = hf_buf_span(&merged);
	if (hf_note_parse(checkpoint.note, &note, NULL) != HF_OK)
		goto out;
	checkpoint.time_s = hf_note_time(&note, &follow->keys.cosigner);
	*keeping =
		(struct keeping){ { .run = on_kept, .arg = keeping }, follow };
	follow->away++;
	if (hf_ledger_see(follow->peers->options.ledger, follow->set,
			  &checkpoint, NULL,
			  (struct hf_ledger_done){ kept, keeping },
			  NULL) == HF_OK)
		keeping = NULL;
	else
		follow->away--;
out:
	free(keeping);
	hf_buf_release(&merged);
}

/* --- waiting for cosignatures ----------------------------------------------
 */

static void keep_span(struct hf_span *to, struct hf_span bytes)
{
	uint8_t *copy = malloc(bytes.len_bytes);

	if (copy == NULL)
		return;
	memcpy(copy, bytes.at, bytes.len_bytes);
	free((void *)to->at);
	*to = hf_span(copy, bytes.len_bytes);
}

static void drop_span(struct hf_span *span)
{
	free((void *)span->at);
	*span = hf_span(NULL, 0);
}

void hf_follow_drop_waiting(struct hf_follow *follow)
{
	drop_span(&follow->waiting);
	drop_span(&follow->ready);
}

static uint64_t size_of(struct hf_span bytes)
{
	struct hf_note note;

	return bytes.len_bytes > 0 && hf_note_parse(bytes, &note, NULL) == HF_OK
		       ? note.checkpoint.size
		       : 0;
}

/* Every note of a set that asks for witnesses: cosignatures may come one by
 * one, and for one checkpoint while the next is out already. */
void hf_follow_collect(struct hf_follow *follow, struct hf_span bytes)
{
	struct hf_note note, waiting;
	struct hf_buf merged;
	uint64_t time_s;
	bool may_apply;

	if (hf_follow_open_note(follow, bytes, &note, &time_s, &may_apply,
				NULL) != HF_OK ||
	    note.checkpoint.size > follow->void_from)
		return;
	hf_buf_init(&merged, HF_NOTE_MAX_BYTES);
	if (!may_apply && follow->waiting.len_bytes > 0 &&
	    hf_note_parse(follow->waiting, &waiting, NULL) == HF_OK &&
	    is_same_tree(&waiting.checkpoint, &note.checkpoint)) {
		hf_note_merge(&waiting, &note, &follow->keys.log,
			      &follow->keys.cosigner, follow->witnesses,
			      hf_fresh_latest_s(hf_clock_wall_ms()), &merged);
		if (hf_buf_failed(&merged) == HF_OK &&
		    hf_follow_open_note(follow, hf_buf_span(&merged), &note,
					&time_s, &may_apply, NULL) == HF_OK)
			keep_span(&follow->waiting, note.bytes);
	} else if (!may_apply &&
		   note.checkpoint.size > size_of(follow->waiting)) {
		keep_span(&follow->waiting, note.bytes);
	}
	if (may_apply && (follow->ready.len_bytes == 0 ||
			  note.checkpoint.size > size_of(follow->ready)))
		keep_span(&follow->ready, note.bytes);
	hf_buf_release(&merged);
}

/* --- cosigning as a witness ------------------------------------------------
 */

static void ask_signer(struct hf_cosign *cosign);

static void cosign_free(struct hf_cosign *cosign)
{
	hf_buf_release(&cosign->line);
	hf_buf_release(&cosign->note);
	free(cosign);
}

/* The note as it came, with our line behind the others. */
static void add_line(struct hf_cosign *cosign)
{
	struct hf_buf whole;

	cosign->follow->cosigned_s = cosign->time_s;
	hf_buf_init(&whole, HF_NOTE_MAX_BYTES);
	hf_buf_put(&whole, hf_buf_span(&cosign->note));
	hf_buf_put(&whole, hf_buf_span(&cosign->line));
	if (hf_buf_failed(&whole) == HF_OK)
		hf_follow_improve(cosign->follow, hf_buf_span(&whole));
	hf_buf_release(&whole);
}

static void on_growth(void *owner, enum hf_err err, struct hf_span reply,
		      const struct hf_why *said)
{
	struct hf_cosign *cosign = owner;
	struct hf_follow *follow = cosign->follow;
	struct hf_get_proof_response response;
	struct hf_arena arena;

	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	if (err == HF_OK)
		err = hf_get_proof_response_parse(reply, &arena, &response,
						  NULL);
	if (err == HF_OK)
		err = hf_tree_proof_parse(response.hashes, &cosign->proof,
					  NULL);
	hf_arena_release(&arena);
	if (err == HF_OK && !follow->is_going) {
		cosign->old_size = cosign->wanted;
		ask_signer(cosign);
	} else {
		cosign_free(cosign);
		follow->is_cosigning = false;
	}
	back_and_look(follow);
}

/* The signer has cosigned less than we have seen: after a crash between. */
static bool ask_growth(struct hf_cosign *cosign)
{
	const struct hf_get_proof_request request = {
		.origin = cosign->follow->origin,
		.size = cosign->size,
		.kind = HF_GET_PROOF_OLD_SIZE,
		.old_size = cosign->wanted,
	};
	struct hf_link *link =
		hf_follow_link_with(cosign->follow, cosign->size);
	struct hf_buf wire;
	bool is_asked;

	hf_buf_init(&wire, 4096);
	is_asked = link != NULL && !cosign->was_asked &&
		   hf_get_proof_request_encode(&request, &wire) == HF_OK &&
		   hf_link_ask(link, "/hashfed.v1.Federation/GetProof",
			       hf_buf_span(&wire), cosign, on_growth) == HF_OK;
	hf_buf_release(&wire);
	cosign->was_asked = true;
	if (is_asked)
		cosign->follow->away++;
	return is_asked;
}

static void on_cosigned(void *arg)
{
	struct hf_cosign *cosign = arg;
	struct hf_follow *follow = cosign->follow;

	if (!follow->is_going && cosign->err == HF_E_PROOF &&
	    cosign->wanted > 0 && ask_growth(cosign)) {
		hf_follow_back(follow);
		return;
	}
	if (!follow->is_going && cosign->err == HF_OK)
		add_line(cosign);
	else if (!follow->is_going)
		hf_log(cosign->err == HF_E_CONFLICT || cosign->err == HF_E_PROOF
			       ? HF_LOG_ERROR
			       : HF_LOG_WARNING,
		       "peer", "not cosigned", "set=%s size=%llu why=\"%s\"",
		       follow->origin, (unsigned long long)cosign->size,
		       cosign->why.text);
	cosign_free(cosign);
	follow->is_cosigning = false;
	back_and_look(follow);
}

void hf_cosign_done(struct hf_cosign *cosign)
{
	hf_rpc_loop_post(cosign->follow->peers->options.outbound,
			 &cosign->back);
}

static void ask_signer(struct hf_cosign *cosign)
{
	const struct hf_peers_options *options =
		&cosign->follow->peers->options;

	cosign->follow->away++;
	options->cosign(options->arg, cosign);
}

/* Did we cosign this after the publisher did?  By a clock that is ahead of
 * ours he signed later than we can, so what we answered once we answered. */
static bool is_cosigned(const struct hf_follow *follow,
			const struct hf_note *note, uint64_t time_s)
{
	const struct hf_peers_options *options = &follow->peers->options;
	const struct hf_note_key *own = options->own_cosigner(options->arg);
	uint64_t own_s = own != NULL ? hf_note_time(note, own) : 0;

	return own_s > 0 && (own_s >= time_s || time_s <= follow->cosigned_s);
}

void hf_follow_cosign(struct hf_follow *follow, struct hf_span bytes)
{
	struct hf_cosign *cosign;
	struct hf_note note;
	uint64_t time_s;

	if (!follow->is_witness || follow->is_cosigning ||
	    follow->peers->options.cosign == NULL ||
	    hf_note_parse(bytes, &note, NULL) != HF_OK ||
	    hf_follow_take_keys(follow, &note, NULL) != HF_OK)
		return;
	time_s = hf_note_time(&note, &follow->keys.cosigner);
	if (is_cosigned(follow, &note, time_s))
		return;
	cosign = calloc(1, sizeof(*cosign));
	if (cosign == NULL)
		return;
	cosign->time_s = time_s;
	cosign->back.run = on_cosigned;
	cosign->back.arg = cosign;
	cosign->follow = follow;
	cosign->origin = follow->origin;
	cosign->size = note.checkpoint.size;
	cosign->root = note.checkpoint.root;
	cosign->old_size = follow->proof_from;
	cosign->proof = follow->proof;
	hf_buf_init(&cosign->line, HF_NOTE_MAX_BYTES);
	hf_buf_init(&cosign->note, HF_NOTE_MAX_BYTES);
	hf_buf_put(&cosign->note, bytes);
	follow->is_cosigning = true;
	ask_signer(cosign);
}

/* --- what peers tell beside Tail -------------------------------------------
 */

struct told {
	struct hf_rpc_task task;
	struct hf_peers *peers;
	char origin[HF_ORIGIN_MAX_BYTES + 1];
	size_t len_bytes;
	uint8_t note[];
};

/* The signer may have waited until something was told. */
static void cosign_held(struct hf_follow *follow)
{
	struct hf_ledger_view *view;
	struct hf_span seen;

	if (!follow->is_witness ||
	    hf_ledger_view_begin(follow->peers->options.ledger, &view, NULL) !=
		    HF_OK)
		return;
	if (hf_ledger_note(view, follow->set, HF_LEDGER_SEEN, &seen, NULL) ==
	    HF_OK)
		hf_follow_cosign(follow, seen);
	hf_ledger_view_end(view);
}

void hf_follow_note(struct hf_follow *follow, struct hf_span bytes)
{
	hf_follow_improve(follow, bytes);
	if (need_of(follow) == 0)
		return;
	hf_follow_collect(follow, bytes);
	hf_follow_look(follow);
}

static void on_told(void *arg)
{
	struct told *told = arg;
	struct hf_follow *follow = hf_peers_follow(told->peers, told->origin);

	if (follow != NULL && follow->agreement_version > 0) {
		if (told->len_bytes == 0)
			cosign_held(follow);
		else
			hf_follow_note(follow,
				       hf_span(told->note, told->len_bytes));
	}
	pthread_mutex_lock(&told->peers->lock);
	told->peers->told_count--;
	pthread_mutex_unlock(&told->peers->lock);
	hf_peers_check_gone(told->peers);
	free(told);
}

void hf_peers_told(struct hf_peers *peers, const char *origin,
		   struct hf_span note)
{
	struct told *told = calloc(1, sizeof(*told) + note.len_bytes);
	bool is_taken;

	if (told == NULL)
		return;
	told->task.run = on_told;
	told->task.arg = told;
	told->peers = peers;
	strcpy(told->origin, origin);
	told->len_bytes = note.len_bytes;
	if (note.len_bytes > 0)
		memcpy(told->note, note.at, note.len_bytes);
	pthread_mutex_lock(&peers->lock);
	is_taken = !peers->is_stopping && peers->told_count < HF_TOLD_MAX;
	peers->told_count += is_taken;
	pthread_mutex_unlock(&peers->lock);
	if (is_taken)
		hf_rpc_loop_post(peers->options.outbound, &told->task);
	else
		free(told);
}
