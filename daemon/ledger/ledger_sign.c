#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "note.h"

#include "ledger_impl.h"

/* The signer must not be trusted more than needed, nor confused: its note has
 * to be one, for this tree. */
static enum hf_err note_check(const struct set *set,
			      const struct hf_ledger_to_sign *request,
			      struct hf_span bytes, struct hf_why *why)
{
	struct hf_note note;
	enum hf_err err;

	err = hf_note_parse(bytes, &note, why);
	if (err != HF_OK) {
		hf_why_prefix(why, "ledger: note from the signer: ");
		return err;
	}
	if (!hf_span_is(note.checkpoint.origin, set->origin) ||
	    note.checkpoint.size != request->size ||
	    !hf_tree_equal(&note.checkpoint.root, &request->root))
		return hf_why(why, HF_E_CONFLICT,
			      "ledger: the signer signed another tree than the "
			      "one asked for '%s'",
			      set->origin);
	return HF_OK;
}

/* The end of the tree, kept from one signature to the next: only the first one
 * reads it from disk.  It is a short cut, so failing to load it is no
 * failure. */
static void tail_fill(struct set *set, struct hf_store_txn *view)
{
	uint8_t headers[HF_CHUNK_ENTRIES * HF_HEADER_BYTES];
	struct hf_tree_hash leaves[HF_CHUNK_ENTRIES];
	uint64_t stored = set->state.marks.stored;
	size_t wanted = (size_t)(stored % HF_CHUNK_ENTRIES);

	if (set->tail == NULL)
		set->tail = calloc(1, sizeof(*set->tail));
	if (set->tail == NULL || hf_ledger_tail_has(set->tail, stored))
		return;
	if (hf_ledger_tree_headers(view, set->table, stored - wanted, wanted,
				   headers, NULL) != HF_OK)
		return;
	hf_leaf_hashes(headers, wanted, leaves);
	hf_ledger_tail_load(set->tail, stored / HF_CHUNK_ENTRIES, leaves,
			    wanted);
}

static enum hf_err tree_view_begin(struct hf_ledger *ledger, struct set *set,
				   struct hf_ledger_tree **out_tree,
				   struct hf_why *why)
{
	struct hf_ledger_tree *tree;
	struct hf_store_txn *view;
	enum hf_err err;

	tree = malloc(sizeof(*tree));
	if (tree == NULL)
		return hf_why(why, HF_E_NOMEM, "ledger: no memory");
	err = hf_store_view_begin(ledger->store, &view, why);
	if (err != HF_OK) {
		free(tree);
		return err;
	}
	tail_fill(set, view);
	hf_ledger_tree_init(tree, view, set->table, set->tail);
	*out_tree = tree;
	return HF_OK;
}

static void tree_view_end(struct hf_ledger_tree *tree)
{
	hf_store_view_end(tree->txn);
	free(tree);
}

void hf_ledger_know(struct hf_ledger *ledger, struct set *set, uint64_t size)
{
	pthread_mutex_lock(&ledger->lock);
	if (size > set->known_size)
		set->known_size = size;
	pthread_mutex_unlock(&ledger->lock);
}

enum hf_err hf_ledger_check_whole(const struct set *set, struct hf_why *why)
{
	if (set->is_damaged)
		return hf_why(why, HF_E_CORRUPT,
			      "ledger: '%s' is damaged here: nothing is signed "
			      "in it before it is mended from a peer's copy",
			      set->origin);
	if (set->known_size <= set->state.marks.stored)
		return HF_OK;
	return hf_why(why, HF_E_CONFLICT,
		      "ledger: this store is an old copy: '%s' has %llu "
		      "entries here and %llu were signed; nothing is published "
		      "in it until the rest is fetched back from peers",
		      set->origin, (unsigned long long)set->state.marks.stored,
		      (unsigned long long)set->known_size);
}

/* Ask the signer where it is, and find that place in our tree. */
static enum hf_err signer_ask(struct hf_ledger *ledger, struct set *set,
			      struct hf_why *why)
{
	const struct hf_ledger_signer *signer = &ledger->options.signer;
	struct hf_tree_hash root = { { 0 } }, ours;
	struct hf_tree_reader reader;
	struct hf_ledger_tree *tree;
	uint64_t size = 0;
	enum hf_err err;

	err = signer->last(signer->arg, hf_span_of(set->origin), &size, &root,
			   why);
	if (err != HF_OK)
		return err;
	hf_ledger_know(ledger, set, size);
	err = hf_ledger_check_whole(set, why);
	if (err != HF_OK) {
		if (signer->old_copy != NULL && !set->is_damaged)
			signer->old_copy(signer->arg);
		return err;
	}
	if (size > 0) {
		err = tree_view_begin(ledger, set, &tree, why);
		if (err != HF_OK)
			return err;
		reader = hf_ledger_tree_reader(tree);
		err = hf_tree_root(&reader, size, &ours, why);
		tree_view_end(tree);
		if (err != HF_OK)
			return err;
		if (!hf_tree_equal(&ours, &root))
			return hf_why(why, HF_E_CONFLICT,
				      "ledger: '%s' differs from what the "
				      "signer signed at %llu entries: this "
				      "store is not the one it signed",
				      set->origin, (unsigned long long)size);
	}
	set->signed_size = size;
	set->signed_root = root;
	set->knows_signed = true;
	return HF_OK;
}

/* Remember what the signer's last answer was, for whoever has to wait, and
 * leave it alone for a moment when that was none. */
static enum hf_err outcome(struct hf_ledger *ledger, struct set *set,
			   enum hf_err err, const struct hf_why *why)
{
	uint64_t retry_us = hf_clock_mono_us() + SIGNER_RETRY_MS * 1000;

	set->signer_err = err;
	set->signer_why = *why;
	if (err != HF_OK) {
		set->knows_signed = false;
		set->signer_retry_us = retry_us;
		ledger->has_backlog = true;
	}
	if (err == HF_E_UNAVAILABLE) {
		ledger->away_until_us = retry_us;
		ledger->away_why = *why;
	}
	pthread_mutex_lock(&ledger->lock);
	ledger->stats.is_signer_away = err != HF_OK;
	ledger->stats.signer_why = *why;
	if (err == HF_OK)
		ledger->stats.signer_why.text[0] = '\0';
	pthread_mutex_unlock(&ledger->lock);
	return err;
}

/* Whether the signer failed a moment ago, for this set or altogether. */
static bool is_too_soon(const struct hf_ledger *ledger, struct set *set)
{
	uint64_t now_us = hf_clock_mono_us();

	if (now_us < ledger->away_until_us) {
		set->signer_err = HF_E_UNAVAILABLE;
		set->signer_why = ledger->away_why;
		return true;
	}
	return set->signer_err != HF_OK && now_us < set->signer_retry_us;
}

enum hf_err hf_ledger_signer_agrees(struct hf_ledger *ledger, struct set *set)
{
	struct hf_why why = { "" };
	enum hf_err err;

	if (set->knows_signed && !set->is_damaged &&
	    set->known_size <= set->state.marks.stored)
		return HF_OK;
	if (is_too_soon(ledger, set))
		return set->signer_err;
	err = signer_ask(ledger, set, &why);
	return err == HF_OK ? HF_OK : outcome(ledger, set, err, &why);
}

static enum hf_err proof_make(struct hf_ledger *ledger, struct set *set,
			      struct hf_ledger_to_sign *request,
			      struct hf_why *why)
{
	struct hf_ledger_tree *tree;
	enum hf_err err;

	request->proof.hashes_count = 0;
	if (request->old_size == 0 || request->old_size == request->size)
		return HF_OK;
	err = tree_view_begin(ledger, set, &tree, why);
	if (err != HF_OK)
		return err;
	err = hf_ledger_tree_growth(tree, request->old_size, request->size,
				    &request->proof, why);
	tree_view_end(tree);
	return err;
}

static enum hf_err request_make(struct hf_ledger *ledger, struct set *set,
				struct hf_ledger_to_sign *request,
				struct hf_why *why)
{
	request->origin = hf_span_of(set->origin);
	request->size = set->state.marks.stored;
	hf_frontier_root(&set->state.frontier, &request->root);
	request->old_size = set->signed_size;
	request->old_root = set->signed_root;
	return proof_make(ledger, set, request, why);
}

/* The note is what was asked for. */
static enum hf_err answer_check(const struct set *set,
				const struct hf_ledger_to_sign *request,
				const struct hf_buf *note, struct hf_why *why)
{
	if (hf_buf_failed(note) != HF_OK)
		return hf_why(why, hf_buf_failed(note),
			      "ledger: note from the signer");
	return note_check(set, request, hf_buf_span(note), why);
}

/* Takes the note: its memory moves to the set. */
static void answer_take(struct hf_ledger *ledger, struct set *set,
			const struct hf_ledger_to_sign *request,
			const struct hf_buf *note)
{
	set->signed_size = request->size;
	set->signed_root = request->root;
	if (set->pending.note == NULL) {
		set->next_pending = ledger->pending;
		ledger->pending = set;
	}
	free(set->pending.note);
	set->is_slipped = false;
	ledger->has_unslipped = true;
	set->pending = (struct seen){ .size = request->size,
				      .root = request->root,
				      .note = note->at,
				      .note_len_bytes = note->len_bytes };
}

static enum hf_err sign(struct hf_ledger *ledger, struct set *set,
			struct hf_why *why)
{
	const struct hf_ledger_signer *signer = &ledger->options.signer;
	struct hf_ledger_to_sign request;
	struct hf_buf note;
	enum hf_err err = request_make(ledger, set, &request, why);

	if (err != HF_OK)
		return err;
	hf_buf_init(&note, HF_NOTE_MAX_BYTES);
	err = signer->checkpoint(signer->arg, &request, &note, why);
	if (err == HF_OK)
		err = answer_check(set, &request, &note, why);
	if (err == HF_OK)
		answer_take(ledger, set, &request, &note);
	else
		hf_buf_release(&note);
	return err;
}

enum hf_err hf_ledger_sign(struct hf_ledger *ledger, struct set *set)
{
	struct hf_why why = { "" };
	enum hf_err err;

	set->is_refresh_due = false;
	err = hf_ledger_signer_agrees(ledger, set);
	if (err != HF_OK)
		return err;
	err = sign(ledger, set, &why);
	return outcome(ledger, set, err, &why);
}

static enum hf_err together_ask(struct hf_ledger *ledger,
				struct set *const *sets, size_t count,
				struct hf_ledger_to_sign *requests,
				struct hf_buf *notes, struct hf_why *why)
{
	const struct hf_ledger_signer *signer = &ledger->options.signer;
	enum hf_err err = HF_OK;

	for (size_t i = 0; i < count && err == HF_OK; i++) {
		err = hf_ledger_signer_agrees(ledger, sets[i]);
		if (err == HF_OK)
			err = request_make(ledger, sets[i], &requests[i], why);
		/* It is not the signer that is away. */
		if (err != HF_OK)
			return HF_E_SYSTEM;
	}
	err = signer->checkpoints(signer->arg, requests, count, notes, why);
	for (size_t i = 0; i < count && err == HF_OK; i++)
		err = answer_check(sets[i], &requests[i], &notes[i], why);
	return err;
}

bool hf_ledger_sign_together(struct hf_ledger *ledger, struct set *const *sets,
			     size_t count)
{
	struct hf_ledger_to_sign requests[HF_LEDGER_SIGNED_AT_ONCE];
	struct hf_buf notes[HF_LEDGER_SIGNED_AT_ONCE];
	struct hf_why why = { "" };
	enum hf_err err;

	if (ledger->options.signer.checkpoints == NULL || count < 2)
		return false;
	for (size_t i = 0; i < count; i++)
		hf_buf_init(&notes[i], HF_NOTE_MAX_BYTES);
	err = together_ask(ledger, sets, count, requests, notes, &why);
	for (size_t i = 0; i < count; i++) {
		if (err == HF_OK) {
			sets[i]->is_refresh_due = false;
			answer_take(ledger, sets[i], &requests[i], &notes[i]);
		} else {
			hf_buf_release(&notes[i]);
		}
		/* Asking alone would be waiting for the same once more. */
		if (err == HF_OK || err == HF_E_UNAVAILABLE)
			(void)!outcome(ledger, sets[i], err, &why);
	}
	return err == HF_OK;
}
