#include <stdlib.h>
#include <string.h>

#include "note.h"

#include "ledger_impl.h"

/* A note with a copy of its bytes. */
static enum hf_err copy(const struct seen *note, struct seen *out_copy,
			struct hf_why *why)
{
	uint8_t *bytes = malloc(note->note_len_bytes);

	if (bytes == NULL)
		return hf_why(why, HF_E_NOMEM, "ledger: no memory");
	memcpy(bytes, note->note, note->note_len_bytes);
	*out_copy = *note;
	out_copy->note = bytes;
	return HF_OK;
}

enum hf_err hf_ledger_slip_show(struct hf_ledger *ledger, struct set *set,
				const struct seen *note, struct hf_why *why)
{
	struct seen fresh;
	uint8_t *old;
	enum hf_err err = copy(note, &fresh, why);

	if (err != HF_OK)
		return err;
	pthread_mutex_lock(&ledger->lock);
	old = set->slips[1].note;
	set->slips[1] = set->slips[0];
	set->slips[0] = fresh;
	pthread_mutex_unlock(&ledger->lock);
	free(old);
	return HF_OK;
}

void hf_ledger_slips_forget(struct hf_ledger *ledger, struct set *set)
{
	struct seen old[2];

	pthread_mutex_lock(&ledger->lock);
	memcpy(old, set->slips, sizeof(old));
	memset(set->slips, 0, sizeof(set->slips));
	pthread_mutex_unlock(&ledger->lock);
	free(old[0].note);
	free(old[1].note);
}

enum hf_err hf_ledger_notes_slip(struct hf_ledger *ledger, struct hf_why *why)
{
	enum hf_err err = HF_OK;

	for (struct set *set = ledger->pending; set != NULL && err == HF_OK;
	     set = set->next_pending) {
		const struct hf_ledger_note_record record = {
			.size = set->pending.size,
			.root = set->pending.root,
			.note = hf_span(set->pending.note,
					set->pending.note_len_bytes),
		};

		if (!set->is_slipped)
			err = hf_ledger_slip_write(ledger->slips, set->id,
						   &record, why);
	}
	if (err == HF_OK)
		err = hf_ledger_slips_sync(ledger->slips, why);
	for (struct set *set = ledger->pending; set != NULL && err == HF_OK;
	     set = set->next_pending) {
		if (set->is_slipped)
			continue;
		err = hf_ledger_slip_show(ledger, set, &set->pending, why);
		if (err != HF_OK)
			break;
		set->is_slipped = true;
		set->state.has_note = true;
		set->state.note_size = set->pending.size;
		set->state.note_root = set->pending.root;
		hf_ledger_publish(ledger, set, true);
	}
	if (err == HF_OK)
		ledger->has_unslipped = false;
	return err;
}

/* Whether it is a note of this set, for the tree that we hold. */
static bool is_ours(struct hf_ledger *ledger, const struct set *set,
		    const struct hf_ledger_note_record *record)
{
	struct hf_tree_reader reader;
	struct hf_ledger_tree *tree;
	struct hf_tree_hash root;
	struct hf_note note;
	bool is_same = false;

	if (hf_note_parse(record->note, &note, NULL) != HF_OK ||
	    !hf_span_is(note.checkpoint.origin, set->origin) ||
	    note.checkpoint.size != record->size ||
	    !hf_tree_equal(&note.checkpoint.root, &record->root))
		return false;
	tree = malloc(sizeof(*tree));
	if (tree == NULL)
		return false;
	hf_ledger_tree_init(tree, ledger->txn, set->table, NULL);
	reader = hf_ledger_tree_reader(tree);
	if (hf_tree_root(&reader, record->size, &root, NULL) == HF_OK)
		is_same = hf_tree_equal(&root, &record->root);
	free(tree);
	return is_same;
}

enum hf_err hf_ledger_slip_load(struct hf_ledger *ledger, struct set *set,
				struct hf_why *why)
{
	uint8_t room[HF_LEDGER_SLIP_BYTES];
	struct hf_ledger_note_record record;
	struct seen note;
	enum hf_err err;

	err = hf_ledger_slip_read(ledger->slips, set->id, room, &record, why);
	/* Not there, torn, or of another store in this place: the signer signs
	 * what has no note. */
	if (err == HF_E_NOTFOUND || err == HF_E_CORRUPT)
		return HF_OK;
	if (err != HF_OK)
		return err;
	if (record.size > set->state.marks.stored ||
	    (set->state.has_note && record.size < set->state.note_size) ||
	    !is_ours(ledger, set, &record))
		return HF_OK;
	note = (struct seen){ .size = record.size,
			      .root = record.root,
			      .note = room + (record.note.at - room),
			      .note_len_bytes = record.note.len_bytes };
	err = copy(&note, &set->pending, why);
	if (err != HF_OK)
		return err;
	set->is_slipped = true;
	set->next_pending = ledger->pending;
	ledger->pending = set;
	set->state.has_note = true;
	set->state.note_size = record.size;
	set->state.note_root = record.root;
	return hf_ledger_slip_show(ledger, set, &note, why);
}
