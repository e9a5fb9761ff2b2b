#include <string.h>

#include "ledger_impl.h"

/*
 * Rules that need other entries.  hf_header_check() has the rest.
 */

enum hf_err hf_ledger_header_get(struct hf_ledger *ledger,
				 const struct set *set, uint64_t index,
				 struct hf_header *out_header,
				 struct hf_why *why)
{
	struct hf_ledger_key key = hf_ledger_key_entry(index);
	struct hf_ledger_entry entry;
	struct hf_span value;
	enum hf_err err;

	err = hf_store_get(ledger->txn, set->table, hf_ledger_key_span(&key),
			   &value, NULL);
	if (err != HF_OK)
		return hf_why(why, err, "ledger: no entry %llu in '%s'",
			      (unsigned long long)index, set->origin);
	err = hf_ledger_entry_parse(value, index, &entry, why);
	if (err != HF_OK)
		return err;
	return hf_header_parse(entry.header, out_header, why);
}

static enum hf_err target_get(struct hf_ledger *ledger, const struct set *set,
			      const struct coming *coming, uint64_t target,
			      struct hf_header *out_header, struct hf_why *why)
{
	if (target >= coming->first && target - coming->first < coming->count) {
		*out_header = coming->headers[target - coming->first];
		return HF_OK;
	}
	return hf_ledger_header_get(ledger, set, target, out_header, why);
}

static enum hf_err rule(struct hf_ledger *ledger, const struct set *set,
			const struct coming *coming, size_t i,
			struct hf_why *why)
{
	const struct hf_header *header = &coming->headers[i];
	uint64_t index = coming->first + i;
	struct hf_header target;
	enum hf_err err;

	if (hf_header_use(header) != HF_HEADER_APPLY)
		return HF_OK;
	err = hf_header_check(header, index, why);
	if (err != HF_OK)
		return err;
	if (header->op != HF_OP_RETRACT && header->op != HF_OP_AMEND &&
	    header->op != HF_OP_ERASE)
		return HF_OK;
	err = target_get(ledger, set, coming, header->target, &target, why);
	if (err != HF_OK)
		return err;
	if (header->op == HF_OP_ERASE) {
		if (target.commit_kind == HF_COMMIT_NONE)
			return hf_why(why, HF_E_MALFORMED,
				      "ledger: ERASE of entry %llu, which has "
				      "no payload",
				      (unsigned long long)header->target);
	} else if (target.op != HF_OP_ADD) {
		return hf_why(why, HF_E_MALFORMED,
			      "ledger: %s of entry %llu, which is no ADD",
			      hf_op_name(header->op),
			      (unsigned long long)header->target);
	}
	return HF_OK;
}

enum hf_err hf_ledger_rules(struct hf_ledger *ledger, const struct set *set,
			    const struct coming *coming, struct hf_why *why)
{
	for (size_t i = 0; i < coming->count; i++) {
		enum hf_err err = rule(ledger, set, coming, i, why);

		if (err != HF_OK)
			return err;
	}
	return HF_OK;
}

/*
 * Appending.
 */

enum hf_err hf_ledger_about_put(struct hf_ledger *ledger, const struct set *set,
				const struct hf_header *header, uint64_t index,
				struct hf_why *why)
{
	struct hf_ledger_about_record record = { .op = header->op,
						 .code = header->code };
	struct hf_ledger_key key =
		hf_ledger_key_about(set->id, header->target, index);
	uint8_t bytes[HF_LEDGER_ABOUT_RECORD_BYTES];

	hf_ledger_about_encode(&record, bytes);
	return hf_store_put(ledger->txn, TABLE_ABOUTS, hf_ledger_key_span(&key),
			    hf_span(bytes, sizeof(bytes)), why);
}

enum hf_err hf_ledger_entry_erase(struct hf_ledger *ledger, struct set *set,
				  uint64_t target, uint64_t erased_by,
				  struct hf_why *why)
{
	struct hf_ledger_key key = hf_ledger_key_entry(target);
	uint8_t header[HF_HEADER_BYTES], bytes[1 + HF_HEADER_BYTES + 8];
	struct hf_ledger_entry entry;
	struct hf_span value;
	enum hf_err err;

	err = hf_store_get(ledger->txn, set->table, hf_ledger_key_span(&key),
			   &value, why);
	if (err != HF_OK)
		return err;
	err = hf_ledger_entry_parse(value, target, &entry, why);
	if (err != HF_OK)
		return err;
	if (entry.state != HF_LEDGER_HELD && entry.state != HF_LEDGER_MISSING)
		return HF_OK;
	/* The entry lies in the map, which the write is about to change. */
	memcpy(header, entry.header, sizeof(header));
	err = entry.state == HF_LEDGER_MISSING
		      ? hf_ledger_missing_set(ledger, set, target, false, why)
		      : hf_ledger_leave(ledger, set, &entry, why);
	if (err != HF_OK)
		return err;
	entry = (struct hf_ledger_entry){ .index = target,
					  .state = HF_LEDGER_ERASED,
					  .erased_by = erased_by,
					  .header = header };
	hf_ledger_entry_encode(&entry, bytes);
	return hf_store_put(ledger->txn, set->table, hf_ledger_key_span(&key),
			    hf_span(bytes, hf_ledger_entry_len(&entry)), why);
}

/* What an entry does beyond being there. */
static enum hf_err effects(struct hf_ledger *ledger, struct set *set,
			   const struct hf_header *header, uint64_t index,
			   struct hf_why *why)
{
	struct hf_ledger_marks *marks = &set->staged.marks;
	enum hf_header_use use = hf_header_use(header);
	enum hf_err err;

	if (use == HF_HEADER_UNSUPPORTED &&
	    marks->unsupported_from == HF_LEDGER_NONE)
		marks->unsupported_from = index;
	if (use != HF_HEADER_APPLY)
		return HF_OK;
	if (header->op == HF_OP_END && marks->ended_at == HF_LEDGER_NONE)
		marks->ended_at = index;
	if (header->target == index)
		return HF_OK;
	err = hf_ledger_about_put(ledger, set, header, index, why);
	if (err == HF_OK && header->op == HF_OP_ERASE)
		err = hf_ledger_entry_erase(ledger, set, header->target, index,
					    why);
	return err;
}

enum hf_err hf_ledger_entry_append(struct hf_ledger *ledger, struct set *set,
				   const struct hf_header *header,
				   struct hf_ledger_entry *entry,
				   struct hf_why *why)
{
	struct hf_ledger_marks *marks = &set->staged.marks;
	struct hf_ledger_key key = hf_ledger_key_entry(marks->stored);
	enum hf_err err;
	uint8_t *room;

	entry->index = marks->stored;
	err = hf_store_append(ledger->txn, set->table, hf_ledger_key_span(&key),
			      hf_ledger_entry_len(entry), &room, why);
	if (err != HF_OK)
		return err;
	hf_ledger_entry_encode(entry, room);
	marks->stored++;
	if (entry->state == HF_LEDGER_MISSING)
		err = hf_ledger_missing_set(ledger, set, entry->index, true,
					    why);
	if (err != HF_OK)
		return err;
	return effects(ledger, set, header, entry->index, why);
}

/*
 * The tree.
 */

struct node_sink {
	struct hf_ledger *ledger;
	struct set *set;
};

static enum hf_err node_put(void *context, unsigned level, uint64_t index,
			    const struct hf_tree_hash *hash, struct hf_why *why)
{
	struct node_sink *sink = context;
	struct hf_ledger_key key;
	enum hf_err err;
	uint8_t *room;

	if (level < HF_CHUNK_LEVEL) {
		if (sink->set->tail != NULL)
			hf_ledger_tail_put(sink->set->tail, level, index, hash);
		return HF_OK;
	}
	key = hf_ledger_key_node(level, index);
	err = hf_store_append(sink->ledger->txn, sink->set->table,
			      hf_ledger_key_span(&key), HF_HASH_BYTES, &room,
			      why);
	if (err == HF_OK)
		memcpy(room, hash->bytes, HF_HASH_BYTES);
	return err;
}

enum hf_err hf_ledger_leaf_append(struct hf_ledger *ledger, struct set *set,
				  const struct hf_tree_hash *leaf,
				  struct hf_why *why)
{
	struct node_sink context = { ledger, set };
	struct hf_tree_sink sink = { .put = node_put, .context = &context };

	return hf_frontier_append(&set->staged.frontier, leaf, &sink, why);
}

enum hf_err hf_ledger_chunk_append(struct hf_ledger *ledger, struct set *set,
				   const struct hf_tree_hash *chunk_root,
				   struct hf_why *why)
{
	struct node_sink context = { ledger, set };
	struct hf_tree_sink sink = { .put = node_put, .context = &context };

	return hf_frontier_append_subtree(&set->staged.frontier, HF_CHUNK_LEVEL,
					  chunk_root, &sink, why);
}

/*
 * Notes.
 */

enum hf_err hf_ledger_note_store(struct hf_ledger *ledger, struct set *set,
				 enum hf_ledger_which which,
				 const struct seen *note, struct hf_why *why)
{
	struct hf_ledger_note_record record = {
		.size = note->size,
		.root = note->root,
		.time_s = note->time_s,
		.note = hf_span(note->note, note->note_len_bytes),
	};
	struct hf_ledger_key key = hf_ledger_key_note(set->id, which);
	struct hf_buf buf;
	enum hf_err err;

	hf_buf_init(&buf, HF_LEDGER_NOTE_RECORD_MAX);
	hf_ledger_note_put(&buf, &record);
	err = hf_buf_failed(&buf);
	if (err != HF_OK)
		hf_why(why, err, "ledger: note of '%s'", set->origin);
	else
		err = hf_store_put(ledger->txn, TABLE_NOTES,
				   hf_ledger_key_span(&key), hf_buf_span(&buf),
				   why);
	hf_buf_release(&buf);
	if (err != HF_OK)
		return err;
	if (which == HF_LEDGER_NOTE) {
		set->staged.has_note = true;
		set->staged.note_size = note->size;
		set->staged.note_root = note->root;
	} else {
		set->staged.has_seen = true;
		set->staged.seen_size = note->size;
		set->staged.seen_root = note->root;
	}
	return HF_OK;
}
