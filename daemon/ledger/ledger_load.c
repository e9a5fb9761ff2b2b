#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"

#include "ledger_impl.h"

static enum hf_err corrupt(const struct set *set, const char *what,
			   struct hf_why *why)
{
	return hf_why(why, HF_E_CORRUPT,
		      "ledger: '%s' does not add up (%s): restore a backup",
		      set->origin, what);
}

static enum hf_err marks_load(struct hf_ledger *ledger, struct set *set,
			      struct hf_why *why)
{
	struct hf_ledger_key key = hf_ledger_key_set(set->id);
	struct hf_span value;
	enum hf_err err;

	err = hf_store_get(ledger->txn, TABLE_MARKS, hf_ledger_key_span(&key),
			   &value, NULL);
	if (err == HF_E_NOTFOUND)
		return corrupt(set, "no marks", why);
	if (err != HF_OK)
		return hf_why(why, err, "ledger: cannot read the marks");
	return hf_ledger_marks_parse(value, &set->state.marks, why);
}

/* Whether the table ends where the marks say. */
static enum hf_err end_check(struct hf_ledger *ledger, const struct set *set,
			     struct hf_why *why)
{
	uint64_t stored = set->state.marks.stored;
	struct hf_store_cursor *cursor;
	struct hf_span key, value;
	enum hf_err err;

	err = hf_store_cursor_open(ledger->txn, set->table, &cursor, why);
	if (err != HF_OK)
		return err;
	err = hf_store_cursor_last(cursor, &key, &value, NULL);
	hf_store_cursor_close(cursor);
	if (err == HF_E_NOTFOUND && stored == 0)
		return HF_OK;
	if (err != HF_OK || key.len_bytes < HF_LEDGER_ENTRY_KEY_BYTES ||
	    hf_be64(key.at) + 1 != stored)
		return corrupt(set, "other entries than its marks say", why);
	return HF_OK;
}

static enum hf_err note_load(struct hf_ledger *ledger, struct set *set,
			     enum hf_ledger_which which, bool *out_has,
			     uint64_t *out_size, struct hf_tree_hash *out_root,
			     struct hf_why *why)
{
	struct hf_ledger_key key = hf_ledger_key_note(set->id, which);
	struct hf_ledger_note_record record;
	struct hf_span value;
	struct seen seen;
	enum hf_err err;

	err = hf_store_get(ledger->txn, TABLE_NOTES, hf_ledger_key_span(&key),
			   &value, NULL);
	if (err == HF_E_NOTFOUND)
		return HF_OK;
	if (err != HF_OK)
		return hf_why(why, err, "ledger: cannot read a note");
	err = hf_ledger_note_parse(value, &record, why);
	if (err != HF_OK)
		return err;
	*out_has = true;
	*out_size = record.size;
	*out_root = record.root;
	if (set->kind == HF_LEDGER_OWN)
		return HF_OK;
	seen = (struct seen){ .size = record.size,
			      .root = record.root,
			      .time_s = record.time_s,
			      .note_len_bytes = record.note.len_bytes };
	seen.note = malloc(record.note.len_bytes);
	if (seen.note == NULL)
		return hf_why(why, HF_E_NOMEM, "ledger: no memory");
	memcpy(seen.note, record.note.at, record.note.len_bytes);
	hf_ledger_seen_keep(ledger, set, &seen);
	return HF_OK;
}

/* Whether a checkpoint we hold is that of the tree we hold. */
static enum hf_err root_check(const struct hf_tree_reader *reader,
			      const struct set *set, uint64_t size,
			      const struct hf_tree_hash *root,
			      struct hf_why *why)
{
	struct hf_tree_hash ours;
	enum hf_err err;

	err = hf_tree_root(reader, size, &ours, why);
	if (err != HF_OK)
		return err;
	if (!hf_tree_equal(&ours, root))
		return corrupt(set, "its root is not the one signed", why);
	return HF_OK;
}

enum hf_err hf_ledger_tree_load(struct hf_ledger *ledger, struct set *set,
				struct set_state *state, struct hf_why *why)
{
	struct hf_tree_reader reader;
	struct hf_ledger_tree *tree;
	enum hf_err err = HF_OK;

	tree = malloc(sizeof(*tree));
	if (tree == NULL)
		return hf_why(why, HF_E_NOMEM, "ledger: no memory");
	hf_ledger_tree_init(tree, ledger->txn, set->table, NULL);
	reader = hf_ledger_tree_reader(tree);
	if (state->has_note && state->note_size > state->marks.stored)
		err = corrupt(set, "fewer entries than its note says", why);
	if (err == HF_OK && state->has_seen &&
	    state->seen_size < state->marks.stored)
		err = corrupt(set, "more entries than were vouched for", why);
	if (err == HF_OK)
		err = hf_tree_frontier(&reader, state->marks.stored,
				       &state->frontier, why);
	if (err == HF_OK && state->has_note)
		err = root_check(&reader, set, state->note_size,
				 &state->note_root, why);
	if (err == HF_OK && state->has_seen &&
	    state->seen_size == state->marks.stored)
		err = root_check(&reader, set, state->seen_size,
				 &state->seen_root, why);
	free(tree);
	return err;
}

static enum hf_err set_load(struct hf_ledger *ledger, struct set *set,
			    struct hf_why *why)
{
	struct set_state *state = &set->state;
	char name[32];
	enum hf_err err;

	snprintf(name, sizeof(name), "set-%08x", set->id);
	err = hf_store_table(ledger->txn, name, &set->table, why);
	if (err == HF_OK)
		err = marks_load(ledger, set, why);
	if (err == HF_OK)
		err = end_check(ledger, set, why);
	/* What can be served first, then the larger one: newest first. */
	if (err == HF_OK)
		err = note_load(ledger, set, HF_LEDGER_NOTE, &state->has_note,
				&state->note_size, &state->note_root, why);
	if (err == HF_OK && set->kind == HF_LEDGER_FOREIGN)
		err = note_load(ledger, set, HF_LEDGER_SEEN, &state->has_seen,
				&state->seen_size, &state->seen_root, why);
	if (err == HF_OK)
		err = hf_ledger_tree_load(ledger, set, &set->state, why);
	/* Nothing is added to it, or signed, before it is mended from a peer's
	 * copy; all other sets go on. */
	set->is_damaged = err == HF_E_CORRUPT && set->state.has_note;
	if (set->is_damaged)
		err = HF_OK;
	if (err == HF_OK && set->kind == HF_LEDGER_OWN)
		err = hf_ledger_slip_load(ledger, set, why);
	if (err != HF_OK)
		return err;
	set->stored = state->marks.stored;
	set->published = set->kind == HF_LEDGER_OWN ? state->note_size
						    : state->marks.stored;
	set->is_frozen = state->marks.frozen_reason[0] != '\0';
	if (set_is_unsigned(set))
		ledger->has_backlog = true;
	return HF_OK;
}

static enum hf_err sets_load(struct hf_ledger *ledger,
			     struct hf_store_cursor *cursor, struct hf_why *why)
{
	struct hf_ledger_set_record record;
	struct hf_span key, value;
	struct set *set;
	enum hf_err err;

	err = hf_store_cursor_seek(cursor, hf_span(NULL, 0), &key, &value,
				   NULL);
	while (err == HF_OK) {
		if (key.len_bytes != 4 ||
		    hf_be32(key.at) != ledger->sets_count + 1 ||
		    ledger->sets_count == HF_LEDGER_SETS_MAX)
			return hf_why(why, HF_E_CORRUPT,
				      "ledger: the list of sets is damaged: "
				      "restore a backup");
		err = hf_ledger_set_parse(value, &record, why);
		if (err != HF_OK)
			return err;
		set = calloc(1, sizeof(*set));
		if (set == NULL)
			return hf_why(why, HF_E_NOMEM, "ledger: no memory");
		set->id = ledger->sets_count + 1;
		set->kind = record.kind;
		memcpy(set->origin, record.origin.at, record.origin.len_bytes);
		/* From here it is the ledger's to free. */
		ledger->sets[++ledger->sets_count] = set;
		err = set_load(ledger, set, why);
		if (err != HF_OK)
			return err;
		err = hf_store_cursor_next(cursor, &key, &value, NULL);
	}
	if (err != HF_E_NOTFOUND)
		return hf_why(why, err, "ledger: cannot read the sets");
	return HF_OK;
}

enum hf_err hf_ledger_load(struct hf_ledger *ledger, struct hf_why *why)
{
	struct hf_store_cursor *cursor;
	enum hf_err err;

	/* Opening a set's table wants a writing transaction. */
	err = hf_store_write_begin(ledger->store, &ledger->txn, why);
	if (err != HF_OK)
		return err;
	err = hf_store_cursor_open(ledger->txn, TABLE_SETS, &cursor, why);
	if (err == HF_OK) {
		err = sets_load(ledger, cursor, why);
		hf_store_cursor_close(cursor);
	}
	if (err == HF_OK)
		err = hf_store_commit(ledger->txn, why);
	else
		hf_store_abort(ledger->txn);
	ledger->txn = NULL;
	return err;
}
