#include <stdlib.h>
#include <string.h>

#include "bytes.h"

#include "ledger_impl.h"

/*
 * What a disk changed is written anew from bytes that were proven.
 */

/* Nothing is wrong with what is stored of it. */
static bool is_good(struct hf_ledger *ledger, const struct hf_header *header,
		    struct hf_span value, const struct hf_ledger_entry *entry)
{
	struct hf_ledger_entry stored;

	if (hf_ledger_entry_parse(value, entry->index, &stored, NULL) !=
		    HF_OK ||
	    memcmp(stored.header, entry->header, HF_HEADER_BYTES) != 0)
		return false;
	if (stored.state == HF_LEDGER_MISSING)
		return entry->state != HF_LEDGER_HELD;
	return stored.state != HF_LEDGER_HELD ||
	       hf_commit_verify(&ledger->commit, header, stored.opening,
				stored.payload, NULL) == HF_OK;
}

/* The ERASE that names it, if one does. */
static enum hf_err erasure_look(struct hf_ledger *ledger, const struct set *set,
				struct hf_ledger_entry *entry,
				struct hf_why *why)
{
	struct hf_ledger_key from =
		hf_ledger_key_about(set->id, entry->index, entry->index + 1);
	struct hf_ledger_about_record about;
	struct hf_store_cursor *cursor;
	struct hf_span key, value;
	enum hf_err err =
		hf_store_cursor_open(ledger->txn, TABLE_ABOUTS, &cursor, why);

	if (err != HF_OK)
		return err;
	err = hf_store_cursor_seek(cursor, hf_ledger_key_span(&from), &key,
				   &value, NULL);
	while (err == HF_OK && key.len_bytes == from.len_bytes &&
	       memcmp(key.at, from.bytes, 4 + 8) == 0) {
		if (hf_ledger_about_parse(value, &about, NULL) == HF_OK &&
		    about.op == HF_OP_ERASE) {
			entry->state = HF_LEDGER_ERASED;
			entry->erased_by = hf_be64(key.at + 4 + 8);
			entry->opening = hf_span(NULL, 0);
			entry->payload = hf_span(NULL, 0);
			break;
		}
		err = hf_store_cursor_next(cursor, &key, &value, NULL);
	}
	hf_store_cursor_close(cursor);
	return err == HF_E_NOTFOUND ? HF_OK : err;
}

static enum hf_err missing_count(struct hf_ledger *ledger, struct set *set,
				 const struct hf_ledger_entry *entry,
				 struct hf_why *why)
{
	struct hf_ledger_key key = hf_ledger_key_record(set->id, entry->index);
	struct hf_span value;
	enum hf_err err = hf_store_get(ledger->txn, TABLE_MISSING,
				       hf_ledger_key_span(&key), &value, NULL);
	bool was = err == HF_OK, is = entry->state == HF_LEDGER_MISSING;

	if (err != HF_OK && err != HF_E_NOTFOUND)
		return hf_why(why, err, "ledger: cannot read what is missing");
	if (was == is)
		return HF_OK;
	return entry->state == HF_LEDGER_HELD
		       ? hf_ledger_missing_came(ledger, set, entry->index, why)
		       : hf_ledger_missing_set(ledger, set, entry->index, is,
					       why);
}

enum hf_err hf_ledger_entry_mend(struct hf_ledger *ledger, struct set *set,
				 const struct hf_header *header,
				 struct hf_ledger_entry *entry,
				 struct hf_why *why)
{
	struct hf_ledger_key key = hf_ledger_key_entry(entry->index);
	struct hf_span value = hf_span(NULL, 0);
	uint8_t *bytes;
	enum hf_err err;
	size_t len;

	if (hf_header_use(header) == HF_HEADER_APPLY &&
	    header->target != entry->index) {
		err = hf_ledger_about_put(ledger, set, header, entry->index,
					  why);
		if (err != HF_OK)
			return err;
	}
	err = hf_store_get(ledger->txn, set->table, hf_ledger_key_span(&key),
			   &value, NULL);
	if (err != HF_OK && err != HF_E_NOTFOUND)
		return hf_why(why, err, "ledger: cannot read an entry");
	if (err == HF_OK && is_good(ledger, header, value, entry))
		return HF_OK;
	err = header->commit_kind == HF_COMMIT_NONE
		      ? HF_OK
		      : erasure_look(ledger, set, entry, why);
	if (err == HF_OK)
		err = missing_count(ledger, set, entry, why);
	if (err != HF_OK)
		return err;
	len = hf_ledger_entry_len(entry);
	bytes = malloc(len);
	if (bytes == NULL)
		return hf_why(why, HF_E_NOMEM, "ledger: no memory");
	hf_ledger_entry_encode(entry, bytes);
	err = hf_store_put(ledger->txn, set->table, hf_ledger_key_span(&key),
			   hf_span(bytes, len), why);
	free(bytes);
	return err;
}

static enum hf_err node_put(struct hf_ledger *ledger, const struct set *set,
			    unsigned level, uint64_t index,
			    const struct hf_tree_hash *hash, struct hf_why *why)
{
	struct hf_ledger_key key = hf_ledger_key_node(level, index);

	return hf_store_put(ledger->txn, set->table, hf_ledger_key_span(&key),
			    hf_span(hash->bytes, HF_HASH_BYTES), why);
}

enum hf_err hf_ledger_nodes_mend(struct hf_ledger *ledger, struct set *set,
				 uint64_t chunk,
				 const struct hf_tree_hash *root,
				 struct hf_why *why)
{
	uint64_t chunks = set->staged.marks.stored / HF_CHUNK_ENTRIES;
	struct hf_tree_hash hash = *root;
	unsigned level = HF_CHUNK_LEVEL;
	enum hf_err err = node_put(ledger, set, level, chunk, &hash, why);

	/* Up, for as long as both halves are there. */
	while (err == HF_OK && (chunk | 1) < chunks) {
		struct hf_ledger_key key = hf_ledger_key_node(level, chunk ^ 1);
		struct hf_tree_hash other;
		struct hf_span value;

		err = hf_store_get(ledger->txn, set->table,
				   hf_ledger_key_span(&key), &value, NULL);
		if (err != HF_OK || value.len_bytes != HF_HASH_BYTES)
			return hf_why(why, HF_E_CORRUPT,
				      "ledger: a hash of '%s' is lost",
				      set->origin);
		memcpy(other.bytes, value.at, HF_HASH_BYTES);
		hf_tree_node(chunk % 2 == 0 ? &hash : &other,
			     chunk % 2 == 0 ? &other : &hash, &hash);
		chunk /= 2;
		chunks /= 2;
		err = node_put(ledger, set, ++level, chunk, &hash, why);
	}
	return err;
}

enum hf_err hf_ledger_tree_mend(struct hf_ledger *ledger, struct set *set,
				bool *out_is_mended, struct hf_why *why)
{
	enum hf_err err;

	*out_is_mended = false;
	if (!set->is_damaged)
		return HF_OK;
	/* More than one chunk may be damaged. */
	err = hf_ledger_tree_load(ledger, set, &set->staged, why);
	*out_is_mended = err == HF_OK;
	return err == HF_E_CORRUPT ? HF_OK : err;
}
