#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "fresh.h"
#include "limit.h"
#include "note.h"

#include "ledger_impl.h"

struct see_job {
	struct job job;
	struct seen checkpoint; /* the note is owned until it is kept */
	bool has_proof;
	struct hf_tree_proof proof;
	bool is_new; /* to be kept after the commit */
};

void hf_ledger_seen_keep(struct hf_ledger *ledger, struct set *set,
			 struct seen *seen)
{
	const size_t last = HF_LEDGER_SEEN_KEPT - 1;
	struct seen *kept = set->seen;
	size_t i = 0;

	pthread_mutex_lock(&ledger->lock);
	/* A newer note of the same tree takes the place of the older one. */
	while (i < last &&
	       !(kept[i].note != NULL && kept[i].size == seen->size))
		i++;
	free(kept[i].note);
	memmove(kept + 1, kept, i * sizeof(kept[0]));
	kept[0] = *seen;
	pthread_mutex_unlock(&ledger->lock);
	seen->note = NULL;
}

static void see_free(struct job *job)
{
	struct see_job *see = (struct see_job *)job;

	free(see->checkpoint.note);
	free(see);
}

static void contradicts(struct job *job, uint64_t size)
{
	hf_ledger_job_fail(job, HF_E_CONFLICT,
			   "ledger: '%s' has another root at size %llu than "
			   "the one we hold: its publisher signed two trees",
			   job->set->origin, (unsigned long long)size);
}

/* A checkpoint no larger than what is stored: compare with our own tree. */
static enum hf_err compare_with_tree(struct hf_ledger *ledger,
				     struct see_job *see, struct hf_why *why)
{
	const struct set *set = see->job.set;
	struct hf_tree_reader reader;
	struct hf_ledger_tree *tree;
	struct hf_tree_hash ours;
	enum hf_err err;

	tree = malloc(sizeof(*tree));
	if (tree == NULL)
		return hf_why(why, HF_E_NOMEM, "ledger: no memory");
	hf_ledger_tree_init(tree, ledger->txn, set->table, NULL);
	reader = hf_ledger_tree_reader(tree);
	err = hf_tree_root(&reader, see->checkpoint.size, &ours, why);
	free(tree);
	if (err != HF_OK)
		return err;
	if (!hf_tree_equal(&ours, &see->checkpoint.root))
		contradicts(&see->job, see->checkpoint.size);
	else
		hf_ledger_job_fail(&see->job, HF_E_EXISTS,
				   "ledger: a larger checkpoint is held");
	return HF_OK;
}

/* One between what is stored and what was seen: compare with what we still
 * know of it, if anything. */
static void compare_with_seen(struct see_job *see)
{
	const struct set *set = see->job.set;

	for (size_t i = 0; i < HF_LEDGER_SEEN_KEPT; i++) {
		const struct seen *seen = &set->seen[i];

		if (seen->note != NULL && seen->size == see->checkpoint.size &&
		    !hf_tree_equal(&seen->root, &see->checkpoint.root)) {
			contradicts(&see->job, seen->size);
			return;
		}
	}
	hf_ledger_job_fail(&see->job, HF_E_EXISTS,
			   "ledger: a larger checkpoint is held");
}

static enum hf_err keep(struct hf_ledger *ledger, struct see_job *see,
			enum hf_ledger_which which, struct hf_why *why)
{
	struct set *set = see->job.set;

	if (which == HF_LEDGER_NOTE)
		set->is_note_new = true;
	return hf_ledger_note_store(ledger, set, which, &see->checkpoint, why);
}

/* The note held of the same tree: whether this one tells anything new.  An
 * older time never takes the place of a newer one, and one that is too far
 * ahead is older than any. */
static enum hf_err is_newer(struct hf_ledger *ledger, const struct see_job *see,
			    enum hf_ledger_which which, bool *out_is_newer,
			    struct hf_why *why)
{
	struct hf_ledger_key key = hf_ledger_key_note(see->job.set->id, which);
	const struct seen *checkpoint = &see->checkpoint;
	struct hf_ledger_note_record held;
	uint64_t now_ms = hf_clock_wall_ms(), held_ms;
	struct hf_span value;
	enum hf_err err;

	err = hf_store_get(ledger->txn, TABLE_NOTES, hf_ledger_key_span(&key),
			   &value, why);
	if (err == HF_OK)
		err = hf_ledger_note_parse(value, &held, why);
	if (err != HF_OK)
		return err;
	held_ms = hf_fresh_counted(hf_fresh_ms(held.time_s), now_ms);
	*out_is_newer =
		hf_fresh_counted(hf_fresh_ms(checkpoint->time_s), now_ms) >=
			held_ms &&
		!hf_span_equal(held.note, hf_span(checkpoint->note,
						  checkpoint->note_len_bytes));
	return HF_OK;
}

static bool is_far(uint64_t size, uint64_t stored)
{
	return size > stored && size - stored > HF_FAST_FORWARD_ENTRIES;
}

/* Who has stolen a log key can sign any size, and make others out of what he
 * signed look old.  So a leap is only believed when the entries come: until
 * then they may be checked against it, and it is forgotten with the process.
 * Where there are none yet, nothing is put at risk. */
static bool is_leap(const struct set_state *state, uint64_t size)
{
	return state->has_seen && state->marks.stored > 0 &&
	       is_far(size, state->marks.stored) &&
	       !is_far(state->seen_size, state->marks.stored);
}

static enum hf_err see_foreign(struct hf_ledger *ledger, struct see_job *see,
			       struct hf_why *why)
{
	const struct hf_tree_proof none = { 0 };
	const struct seen *checkpoint = &see->checkpoint;
	struct set_state *state = &see->job.set->staged;
	struct hf_why proof_why = { "" };
	struct hf_tree_hash old_root;
	bool is_news = true;
	enum hf_err err;

	hf_tree_empty(&old_root);
	if (state->has_seen)
		old_root = state->seen_root;
	if (checkpoint->size <= state->marks.stored &&
	    checkpoint->size < state->seen_size)
		return compare_with_tree(ledger, see, why);
	if (checkpoint->size < state->seen_size) {
		compare_with_seen(see);
		return HF_OK;
	}
	if (checkpoint->size == state->seen_size &&
	    !hf_tree_equal(&checkpoint->root, &old_root)) {
		contradicts(&see->job, checkpoint->size);
		return HF_OK;
	}
	if (checkpoint->size > state->seen_size) {
		err = hf_tree_verify_growth(
			state->seen_size, &old_root, checkpoint->size,
			&checkpoint->root, see->has_proof ? &see->proof : &none,
			&proof_why);
		if (err != HF_OK) {
			hf_ledger_job_fail(&see->job, HF_E_PROOF, "%s",
					   proof_why.text);
			return HF_OK;
		}
	}
	if (state->has_seen && checkpoint->size == state->seen_size) {
		err = is_newer(ledger, see, HF_LEDGER_SEEN, &is_news, why);
		if (err != HF_OK || !is_news)
			return err;
	}
	see->is_new = true;
	see->checkpoint.leapt_from = 0;
	if (is_leap(state, checkpoint->size)) {
		see->checkpoint.leapt_from = state->seen_size;
		return HF_OK;
	}
	err = keep(ledger, see, HF_LEDGER_SEEN, why);
	if (err == HF_OK && checkpoint->size == state->marks.stored)
		err = keep(ledger, see, HF_LEDGER_NOTE, why);
	return err;
}

/* A larger tree under our own name: this store is an old copy, unless what is
 * stored is no beginning of it. */
static void see_lost(struct hf_ledger *ledger, struct see_job *see)
{
	const struct hf_tree_proof none = { 0 };
	const struct set_state *state = &see->job.set->staged;
	struct hf_why proof_why = { "" };
	struct hf_tree_hash old_root;
	enum hf_err err;

	if (state->marks.frozen_reason[0] != '\0') {
		hf_ledger_job_fail(
			&see->job, HF_E_FROZEN, "ledger: '%s' is frozen: %s",
			see->job.set->origin, state->marks.frozen_reason);
		return;
	}
	hf_frontier_root(&state->frontier, &old_root);
	err = hf_tree_verify_growth(state->marks.stored, &old_root,
				    see->checkpoint.size, &see->checkpoint.root,
				    see->has_proof ? &see->proof : &none,
				    &proof_why);
	if (err != HF_OK) {
		hf_ledger_job_fail(&see->job, HF_E_PROOF, "%s", proof_why.text);
		return;
	}
	hf_ledger_know(ledger, see->job.set, see->checkpoint.size);
	see->is_new = true;
}

/* More signatures or a newer time under our own checkpoint, or one up to which
 * the set is fetched back. */
static enum hf_err see_own(struct hf_ledger *ledger, struct see_job *see,
			   struct hf_why *why)
{
	const struct seen *checkpoint = &see->checkpoint;
	struct set_state *state = &see->job.set->staged;
	bool is_news;
	enum hf_err err;

	if (checkpoint->size > state->marks.stored) {
		see_lost(ledger, see);
		return HF_OK;
	}
	if (!state->has_note || checkpoint->size != state->note_size ||
	    !hf_tree_equal(&checkpoint->root, &state->note_root))
		return compare_with_tree(ledger, see, why);
	err = is_newer(ledger, see, HF_LEDGER_NOTE, &is_news, why);
	if (err == HF_OK && is_news)
		err = keep(ledger, see, HF_LEDGER_NOTE, why);
	return err;
}

static enum hf_err see_run(struct hf_ledger *ledger, struct job *job,
			   struct hf_why *why)
{
	struct see_job *see = (struct see_job *)job;
	struct set_state *state = hf_ledger_stage(ledger, job->set);

	see->is_new = false;
	job->receipt = (struct hf_ledger_receipt){ .set = job->set->id };
	job->receipt.first = state->marks.stored;
	job->receipt.size = state->marks.stored;
	if (job->set->kind == HF_LEDGER_OWN)
		return see_own(ledger, see, why);
	if (state->marks.frozen_reason[0] != '\0') {
		hf_ledger_job_fail(
			job, HF_E_FROZEN, "ledger: '%s' is frozen: %s",
			job->set->origin, state->marks.frozen_reason);
		return HF_OK;
	}
	return see_foreign(ledger, see, why);
}

/* Committed: pieces may be checked against it from here. */
static void see_settle(struct hf_ledger *ledger, struct job *job)
{
	struct see_job *see = (struct see_job *)job;

	if (see->is_new && job->err == HF_OK)
		hf_ledger_seen_keep(ledger, job->set, &see->checkpoint);
}

/* That the note says what the caller says it does. */
static enum hf_err note_check(const struct set *set,
			      const struct hf_ledger_checkpoint *checkpoint,
			      struct hf_why *why)
{
	struct hf_note note;
	enum hf_err err;

	err = hf_note_parse(checkpoint->note, &note, why);
	if (err != HF_OK)
		return err;
	if (!hf_span_is(note.checkpoint.origin, set->origin) ||
	    note.checkpoint.size != checkpoint->size ||
	    !hf_tree_equal(&note.checkpoint.root, &checkpoint->root))
		return hf_why(why, HF_E_ARGUMENT,
			      "ledger: that is no note of '%s' at size %llu",
			      set->origin,
			      (unsigned long long)checkpoint->size);
	return HF_OK;
}

enum hf_err hf_ledger_see(struct hf_ledger *ledger, uint32_t set_id,
			  const struct hf_ledger_checkpoint *checkpoint,
			  const struct hf_tree_proof *proof,
			  struct hf_ledger_done done, struct hf_why *why)
{
	static const struct job_kind see_kind = { .run = see_run,
						  .settle = see_settle,
						  .free = see_free };
	struct see_job *see;
	struct set *set;
	enum hf_err err;

	err = hf_ledger_set_need(ledger, set_id, &set, why);
	if (err == HF_OK)
		err = note_check(set, checkpoint, why);
	if (err != HF_OK)
		return err;
	see = calloc(1, sizeof(*see));
	if (see == NULL)
		return hf_why(why, HF_E_NOMEM, "ledger: no memory");
	see->job.kind = &see_kind;
	see->job.set = set;
	see->job.bytes = sizeof(*see) + checkpoint->note.len_bytes;
	see->job.done = done;
	see->has_proof = proof != NULL;
	if (proof != NULL)
		see->proof = *proof;
	see->checkpoint.size = checkpoint->size;
	see->checkpoint.root = checkpoint->root;
	see->checkpoint.time_s = checkpoint->time_s;
	see->checkpoint.note_len_bytes = checkpoint->note.len_bytes;
	see->checkpoint.note = malloc(checkpoint->note.len_bytes);
	if (see->checkpoint.note == NULL) {
		err = hf_why(why, HF_E_NOMEM, "ledger: no memory");
	} else {
		memcpy(see->checkpoint.note, checkpoint->note.at,
		       checkpoint->note.len_bytes);
		err = hf_ledger_queue(ledger, &see->job, why);
	}
	if (err != HF_OK)
		see_free(&see->job);
	return err;
}
