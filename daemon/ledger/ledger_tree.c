#include <string.h>

#include "bytes.h"

#include "ledger_record.h"
#include "ledger_tree.h"

/* Where the subtrees of a level begin: behind 256, 128, ... of those below. */
static size_t level_begin(unsigned level)
{
	return 2 * HF_CHUNK_ENTRIES - ((2 * HF_CHUNK_ENTRIES) >> level);
}

void hf_ledger_tail_put(struct hf_ledger_tail *tail, unsigned level,
			uint64_t index, const struct hf_tree_hash *hash)
{
	uint64_t chunk = index >> (HF_CHUNK_LEVEL - level);
	size_t within = (size_t)(index & ((HF_CHUNK_ENTRIES >> level) - 1));
	struct hf_ledger_tail_chunk *at = &tail->chunks[chunk & 1];

	if (level == 0 && within == 0) {
		at->chunk = chunk;
		at->count = 0;
	}
	if (at->chunk != chunk || (level == 0 && at->count != within)) {
		at->count = 0;
		return;
	}
	at->nodes[level_begin(level) + within] = *hash;
	at->count += level == 0;
}

bool hf_ledger_tail_has(const struct hf_ledger_tail *tail, uint64_t size)
{
	uint64_t chunk = size / HF_CHUNK_ENTRIES;
	const struct hf_ledger_tail_chunk *at = &tail->chunks[chunk & 1];
	size_t rest = (size_t)(size % HF_CHUNK_ENTRIES);

	return rest == 0 || (at->chunk == chunk && at->count == rest);
}

void hf_ledger_tail_load(struct hf_ledger_tail *tail, uint64_t chunk,
			 const struct hf_tree_hash *leaves, size_t count)
{
	struct hf_ledger_tail_chunk *at = &tail->chunks[chunk & 1];

	at->chunk = chunk;
	at->count = count;
	memcpy(at->nodes, leaves, count * sizeof(*leaves));
	for (unsigned level = 1; level < HF_CHUNK_LEVEL; level++) {
		const struct hf_tree_hash *below =
			at->nodes + level_begin(level - 1);

		for (size_t i = 0; i < count >> level; i++)
			hf_tree_node(&below[2 * i], &below[2 * i + 1],
				     &at->nodes[level_begin(level) + i]);
	}
}

void hf_ledger_tail_drop(struct hf_ledger_tail *tail)
{
	tail->chunks[0].count = 0;
	tail->chunks[1].count = 0;
}

/* A subtree of 1 << level leaves that the tail has. */
static bool tail_get(const struct hf_ledger_tail *tail, unsigned level,
		     uint64_t index, struct hf_tree_hash *out_hash)
{
	uint64_t chunk = index >> (HF_CHUNK_LEVEL - level);
	size_t within = (size_t)(index & ((HF_CHUNK_ENTRIES >> level) - 1));
	const struct hf_ledger_tail_chunk *at;

	if (tail == NULL)
		return false;
	at = &tail->chunks[chunk & 1];
	if (at->chunk != chunk || (within + 1) << level > at->count)
		return false;
	*out_hash = at->nodes[level_begin(level) + within];
	return true;
}

void hf_ledger_tree_init(struct hf_ledger_tree *tree, struct hf_store_txn *txn,
			 size_t table, const struct hf_ledger_tail *tail)
{
	tree->txn = txn;
	tree->table = table;
	tree->tail = tail;
	tree->leaves.count = 0;
	tree->leaves.chunk = 0;
}

enum hf_err hf_ledger_tree_headers(struct hf_store_txn *txn, size_t table,
				   uint64_t first, size_t count,
				   uint8_t *out_headers, struct hf_why *why)
{
	struct hf_ledger_key from = hf_ledger_key_entry(first);
	struct hf_store_cursor *cursor;
	struct hf_ledger_entry entry;
	struct hf_span key, value;
	enum hf_err err;
	size_t done = 0;

	if (count == 0)
		return HF_OK;
	err = hf_store_cursor_open(txn, table, &cursor, why);
	if (err != HF_OK)
		return err;
	err = hf_store_cursor_seek(cursor, hf_ledger_key_span(&from), &key,
				   &value, why);
	while (err == HF_OK) {
		if (key.len_bytes == HF_LEDGER_ENTRY_KEY_BYTES) {
			if (hf_be64(key.at) != first + done)
				break;
			err = hf_ledger_entry_parse(value, first + done, &entry,
						    why);
			if (err != HF_OK)
				break;
			memcpy(out_headers + done * HF_HEADER_BYTES,
			       entry.header, HF_HEADER_BYTES);
			if (++done == count)
				break;
		}
		err = hf_store_cursor_next(cursor, &key, &value, why);
	}
	hf_store_cursor_close(cursor);
	if (done == count)
		return HF_OK;
	if (err != HF_OK && err != HF_E_NOTFOUND)
		return err;
	return hf_why(why, HF_E_CORRUPT, "ledger: entry %llu is not there",
		      (unsigned long long)(first + done));
}

/* The first `wanted` leaves of a chunk, from disk. */
static enum hf_err leaves_load(struct hf_ledger_tree *tree, uint64_t chunk,
			       size_t wanted, struct hf_why *why)
{
	uint8_t headers[HF_CHUNK_ENTRIES * HF_HEADER_BYTES];
	struct hf_ledger_leaves *leaves = &tree->leaves;
	enum hf_err err;

	if (leaves->chunk != chunk)
		leaves->count = 0;
	if (leaves->count < wanted) {
		err = hf_ledger_tree_headers(
			tree->txn, tree->table,
			chunk * HF_CHUNK_ENTRIES + leaves->count,
			wanted - leaves->count, headers, why);
		if (err != HF_OK)
			return err;
		hf_leaf_hashes(headers, wanted - leaves->count,
			       leaves->hashes + leaves->count);
		leaves->chunk = chunk;
		leaves->count = wanted;
	}
	return HF_OK;
}

static enum hf_err get_below(struct hf_ledger_tree *tree, unsigned level,
			     uint64_t index, struct hf_tree_hash *out_hash,
			     struct hf_why *why)
{
	struct hf_tree_hash scratch[HF_CHUNK_ENTRIES];
	uint64_t first = index << level;
	uint64_t chunk = first / HF_CHUNK_ENTRIES;
	size_t start = (size_t)(first % HF_CHUNK_ENTRIES);
	size_t count = (size_t)1 << level;
	enum hf_err err;

	err = leaves_load(tree, chunk, start + count, why);
	if (err != HF_OK)
		return err;
	memcpy(scratch, tree->leaves.hashes + start,
	       count * sizeof(scratch[0]));
	hf_tree_fold(scratch, count, out_hash);
	return HF_OK;
}

static enum hf_err get(void *context, unsigned level, uint64_t index,
		       struct hf_tree_hash *out_hash, struct hf_why *why)
{
	struct hf_ledger_tree *tree = context;
	struct hf_ledger_key key;
	struct hf_span value;
	enum hf_err err;

	if (level < HF_CHUNK_LEVEL) {
		if (tail_get(tree->tail, level, index, out_hash))
			return HF_OK;
		return get_below(tree, level, index, out_hash, why);
	}
	key = hf_ledger_key_node(level, index);
	err = hf_store_get(tree->txn, tree->table, hf_ledger_key_span(&key),
			   &value, NULL);
	if (err == HF_E_NOTFOUND ||
	    (err == HF_OK && value.len_bytes != HF_HASH_BYTES))
		return hf_why(why, HF_E_CORRUPT,
			      "ledger: hash %llu of level %u is not there",
			      (unsigned long long)index, level);
	if (err != HF_OK)
		return hf_why(why, err, "ledger: cannot read a hash");
	memcpy(out_hash->bytes, value.at, HF_HASH_BYTES);
	return HF_OK;
}

struct hf_tree_reader hf_ledger_tree_reader(struct hf_ledger_tree *tree)
{
	return (struct hf_tree_reader){ .get = get, .context = tree };
}

enum hf_err hf_ledger_tree_growth(struct hf_ledger_tree *tree,
				  uint64_t old_size, uint64_t new_size,
				  struct hf_tree_proof *out_proof,
				  struct hf_why *why)
{
	struct hf_tree_reader reader = hf_ledger_tree_reader(tree);

	if (old_size == 0 || old_size == new_size) {
		out_proof->hashes_count = 0;
		return HF_OK;
	}
	return hf_tree_prove_consistency(&reader, old_size, new_size, out_proof,
					 why);
}
