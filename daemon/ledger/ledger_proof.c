#include <stdlib.h>
#include <string.h>

#include "bytes.h"

#include "ledger_impl.h"
#include "ledger_view_impl.h"

/*
 * Roots and proofs.
 */

/* The tree of a set, up to a size that it has. */
static enum hf_err tree_need(struct hf_ledger_view *view, uint32_t set,
			     uint64_t size, struct hf_tree_reader *out_reader,
			     struct hf_why *why)
{
	enum hf_err err;

	err = hf_ledger_view_set(view, set, why);
	if (err != HF_OK)
		return err;
	if (size > view->size)
		return hf_why(why, HF_E_ARGUMENT,
			      "ledger: '%s' has %llu entries, not %llu",
			      view->set->origin, (unsigned long long)view->size,
			      (unsigned long long)size);
	if (view->tree == NULL) {
		view->tree = malloc(sizeof(*view->tree));
		if (view->tree == NULL)
			return hf_why(why, HF_E_NOMEM, "ledger: no memory");
		view->tree_set = 0;
	}
	if (view->tree_set != set)
		hf_ledger_tree_init(view->tree, view->txn, view->set->table,
				    NULL);
	view->tree_set = set;
	*out_reader = hf_ledger_tree_reader(view->tree);
	return HF_OK;
}

enum hf_err hf_ledger_root(struct hf_ledger_view *view, uint32_t set,
			   uint64_t size, struct hf_tree_hash *out_root,
			   struct hf_why *why)
{
	struct hf_tree_reader reader;
	enum hf_err err = tree_need(view, set, size, &reader, why);

	return err == HF_OK ? hf_tree_root(&reader, size, out_root, why) : err;
}

enum hf_err hf_ledger_prove_entry(struct hf_ledger_view *view, uint32_t set,
				  uint64_t index, uint64_t size,
				  struct hf_tree_proof *out_proof,
				  struct hf_why *why)
{
	struct hf_tree_reader reader;
	enum hf_err err = tree_need(view, set, size, &reader, why);

	if (err != HF_OK)
		return err;
	return hf_tree_prove_inclusion(&reader, index, size, out_proof, why);
}

enum hf_err hf_ledger_prove_chunk(struct hf_ledger_view *view, uint32_t set,
				  uint64_t chunk, uint64_t size,
				  struct hf_tree_proof *out_proof,
				  struct hf_why *why)
{
	struct hf_tree_reader reader;
	enum hf_err err = tree_need(view, set, size, &reader, why);

	if (err != HF_OK)
		return err;
	return hf_chunk_prove(&reader, chunk, size, out_proof, why);
}

enum hf_err hf_ledger_prove_growth(struct hf_ledger_view *view, uint32_t set,
				   uint64_t old_size, uint64_t new_size,
				   struct hf_tree_proof *out_proof,
				   struct hf_why *why)
{
	struct hf_tree_reader reader;
	enum hf_err err = tree_need(view, set, new_size, &reader, why);

	if (err != HF_OK)
		return err;
	if (old_size > new_size)
		return hf_why(why, HF_E_ARGUMENT,
			      "ledger: a tree does not shrink");
	return hf_ledger_tree_growth(view->tree, old_size, new_size, out_proof,
				     why);
}

/*
 * What became of an entry, and of a batch.
 */

static enum hf_err about_next(struct hf_ledger_view *view, uint32_t set,
			      struct hf_store_cursor *cursor, uint64_t target,
			      uint64_t from, uint64_t *out_index,
			      struct hf_ledger_about_record *out_record,
			      struct hf_why *why)
{
	struct hf_ledger_key start = hf_ledger_key_about(set, target, from);
	struct hf_span key, value;
	enum hf_err err;

	err = hf_store_cursor_seek(cursor, hf_ledger_key_span(&start), &key,
				   &value, NULL);
	if (err == HF_OK && (key.len_bytes != start.len_bytes ||
			     memcmp(key.at, start.bytes, 12) != 0 ||
			     hf_be64(key.at + 12) >= view->size))
		err = HF_E_NOTFOUND;
	if (err != HF_OK)
		return hf_why(why, err, "ledger: nothing more about entry %llu",
			      (unsigned long long)target);
	*out_index = hf_be64(key.at + 12);
	return hf_ledger_about_parse(value, out_record, why);
}

static void fate_add(struct hf_ledger_fate *fate, uint64_t index,
		     const struct hf_ledger_about_record *record)
{
	if (record->op == HF_OP_RETRACT &&
	    fate->retracted_by == HF_LEDGER_NONE) {
		fate->retracted_by = index;
		fate->retract_code = record->code;
	} else if (record->op == HF_OP_AMEND) {
		fate->amended_by = index;
	} else if (record->op == HF_OP_ERASE &&
		   fate->erased_by == HF_LEDGER_NONE) {
		fate->erased_by = index;
	}
}

enum hf_err hf_ledger_fate(struct hf_ledger_view *view, uint32_t set,
			   uint64_t index, struct hf_ledger_fate *out_fate,
			   struct hf_why *why)
{
	struct hf_ledger_fate fate = { HF_LEDGER_NONE, 0, HF_LEDGER_NONE,
				       HF_LEDGER_NONE };
	struct hf_ledger_about_record record;
	struct hf_store_cursor *cursor;
	uint64_t about = index;
	enum hf_err err;

	err = hf_ledger_view_set(view, set, why);
	if (err != HF_OK)
		return err;
	if (index >= view->size)
		return hf_why(why, HF_E_NOTFOUND,
			      "ledger: '%s' has no entry %llu",
			      view->set->origin, (unsigned long long)index);
	err = hf_store_cursor_open(view->txn, TABLE_ABOUTS, &cursor, why);
	if (err != HF_OK)
		return err;
	while ((err = about_next(view, set, cursor, index, about + 1, &about,
				 &record, why)) == HF_OK)
		fate_add(&fate, about, &record);
	hf_store_cursor_close(cursor);
	if (err != HF_E_NOTFOUND)
		return err;
	*out_fate = fate;
	return HF_OK;
}

enum hf_err hf_ledger_next_about(struct hf_ledger_view *view, uint32_t set,
				 uint64_t index, uint64_t after,
				 uint64_t *out_index, uint8_t *out_op,
				 struct hf_why *why)
{
	struct hf_ledger_about_record record;
	struct hf_store_cursor *cursor;
	enum hf_err err;

	err = hf_ledger_view_set(view, set, why);
	if (err == HF_OK && after == UINT64_MAX)
		err = hf_why(why, HF_E_NOTFOUND, "ledger: nothing more");
	if (err == HF_OK)
		err = hf_store_cursor_open(view->txn, TABLE_ABOUTS, &cursor,
					   why);
	if (err != HF_OK)
		return err;
	err = about_next(view, set, cursor, index, after + 1, out_index,
			 &record, why);
	hf_store_cursor_close(cursor);
	if (err == HF_OK)
		*out_op = record.op;
	return err;
}

enum hf_err hf_ledger_batch_next(struct hf_ledger_view *view, uint32_t set,
				 const uint8_t id[static HF_BATCH_ID_BYTES],
				 uint64_t from, uint64_t *out_sequence,
				 struct hf_ledger_receipt *out_receipt,
				 struct hf_why *why)
{
	struct hf_ledger_key start = hf_ledger_key_batch(set, id, from);
	const size_t head = 4 + HF_BATCH_ID_BYTES;
	struct hf_ledger_batch_record record;
	struct hf_store_cursor *cursor;
	struct hf_span key, value;
	uint64_t sequence;
	enum hf_err err;

	err = hf_ledger_view_set(view, set, why);
	if (err == HF_OK)
		err = hf_store_cursor_open(view->txn, TABLE_BATCHES, &cursor,
					   why);
	if (err != HF_OK)
		return err;
	err = hf_store_cursor_seek(cursor, hf_ledger_key_span(&start), &key,
				   &value, NULL);
	if (err == HF_OK && (key.len_bytes != start.len_bytes ||
			     memcmp(key.at, start.bytes, head) != 0))
		err = HF_E_NOTFOUND;
	if (err == HF_OK) {
		sequence = hf_be64(key.at + head);
		err = hf_ledger_batch_parse(value, &record, why);
	} else {
		hf_why(why, err, "ledger: no more parts of this batch");
	}
	hf_store_cursor_close(cursor);
	if (err != HF_OK)
		return err;
	/* Parts are signed in the order of their sequence only by habit, but
	 * one that is not signed is the newest there is. */
	if (record.first + record.count > view->size)
		return hf_why(why, HF_E_NOTFOUND,
			      "ledger: the next part is not signed yet");
	*out_sequence = sequence;
	*out_receipt = (struct hf_ledger_receipt){ .set = set,
						   .first = record.first,
						   .count = record.count,
						   .is_repeat = true };
	return HF_OK;
}
