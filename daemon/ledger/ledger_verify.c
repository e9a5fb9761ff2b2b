#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "note.h"

#include "ledger_impl.h"

/* Chunks re-hashed in one view: a few milliseconds of work, so that the
 * store's file does not grow on our account. */
#define STEP_CHUNKS 32

/*
 * Headers are right when the root they give is the one that was signed; then a
 * stored hash that differs is itself damaged.  Otherwise a chunk whose headers
 * do not give the hash that is stored of it is.
 */
struct verify {
	struct hf_ledger *ledger;
	uint32_t set;
	const atomic_bool *is_over;
	struct hf_ledger_info info; /* at the beginning */
	struct hf_frontier frontier;
	struct hf_ledger_check check;
	bool has_root; /* some signed root was compared */
	bool is_right; /* and all were the same */
	bool has_note_fault;
	uint64_t right_size;
	/* Where stored hashes differ, of whole chunks and of what is above. */
	bool has_tree_fault;
	struct hf_ledger_fault tree_fault;
	/* Of the step under way. */
	struct hf_store_txn *txn;
	struct hf_store_cursor *cursor;
	size_t table;
};

static const char *const words[] = {
	[HF_LEDGER_FAULT_PAYLOAD] = "the payload is not the one committed to",
	[HF_LEDGER_FAULT_HEADERS] = "the headers are not those signed",
	[HF_LEDGER_FAULT_TREE] = "a stored hash of the tree differs",
	[HF_LEDGER_FAULT_ABOUT] = "it is not found at the entry it is about",
	[HF_LEDGER_FAULT_NOTE] = "the signed note differs from its record",
};

const char *hf_ledger_fault_words(enum hf_ledger_fault_kind kind)
{
	return words[kind];
}

static void fault(struct verify *verify, enum hf_ledger_fault_kind kind,
		  uint64_t first, uint64_t end)
{
	struct hf_ledger_check *check = &verify->check;

	if (check->faults_count < HF_LEDGER_FAULTS_MAX)
		check->faults[check->faults_count] = (struct hf_ledger_fault){
			.kind = kind, .first = first, .end = end
		};
	check->faults_count++;
}

/* A subtree that was completed: what is stored of it must be the same. */
static enum hf_err node_compare(void *context, unsigned level, uint64_t index,
				const struct hf_tree_hash *hash,
				struct hf_why *why)
{
	struct verify *verify = context;
	struct hf_ledger_key key;
	struct hf_span value;
	enum hf_err err;

	if (level < HF_CHUNK_LEVEL)
		return HF_OK;
	key = hf_ledger_key_node(level, index);
	err = hf_store_get(verify->txn, verify->table, hf_ledger_key_span(&key),
			   &value, NULL);
	if (err != HF_OK && err != HF_E_NOTFOUND)
		return hf_why(why, err, "ledger: cannot read a hash");
	if (err == HF_OK &&
	    hf_span_equal(value, hf_span(hash->bytes, HF_HASH_BYTES)))
		return HF_OK;
	if (!verify->has_tree_fault)
		verify->tree_fault = (struct hf_ledger_fault){
			.kind = HF_LEDGER_FAULT_TREE,
			.first = index << level,
			.end = (index + 1) << level,
		};
	verify->has_tree_fault = true;
	if (level == HF_CHUNK_LEVEL)
		fault(verify, HF_LEDGER_FAULT_HEADERS, index << level,
		      (index + 1) << level);
	return HF_OK;
}

/* What takes entries back, or changes them, is looked up by these. */
static bool is_about_there(struct verify *verify,
			   const struct hf_header *header, uint64_t index)
{
	struct hf_ledger_key key =
		hf_ledger_key_about(verify->set, header->target, index);
	struct hf_ledger_about_record about;
	struct hf_span value;

	if (hf_header_use(header) != HF_HEADER_APPLY || header->target == index)
		return true;
	return hf_store_get(verify->txn, TABLE_ABOUTS, hf_ledger_key_span(&key),
			    &value, NULL) == HF_OK &&
	       hf_ledger_about_parse(value, &about, NULL) == HF_OK &&
	       about.op == header->op && about.code == header->code;
}

static void entry_look(struct verify *verify, struct hf_span value,
		       uint64_t index)
{
	struct hf_ledger_entry entry;
	struct hf_header header;

	if (hf_ledger_entry_parse(value, index, &entry, NULL) != HF_OK ||
	    hf_header_parse(entry.header, &header, NULL) != HF_OK) {
		fault(verify, HF_LEDGER_FAULT_PAYLOAD, index, index + 1);
		return;
	}
	if (!is_about_there(verify, &header, index))
		fault(verify, HF_LEDGER_FAULT_ABOUT, index, index + 1);
	verify->check.erased += entry.state == HF_LEDGER_ERASED;
	verify->check.missing += entry.state == HF_LEDGER_MISSING;
	if (entry.state != HF_LEDGER_HELD)
		return;
	if (hf_commit_verify(&verify->ledger->commit, &header, entry.opening,
			     entry.payload, NULL) != HF_OK)
		fault(verify, HF_LEDGER_FAULT_PAYLOAD, index, index + 1);
	else
		verify->check.payloads++;
}

/* What the table has of an entry; nothing where it is not there. */
static enum hf_err entry_read(struct verify *verify, uint64_t index,
			      struct hf_span *out_value, struct hf_why *why)
{
	struct hf_ledger_key from = hf_ledger_key_entry(index);
	struct hf_span at = hf_ledger_key_span(&from), key;
	enum hf_err err;

	err = hf_store_cursor_seek(verify->cursor, at, &key, out_value, why);
	if (err == HF_E_NOTFOUND || (err == HF_OK && !hf_span_equal(key, at))) {
		*out_value = hf_span(NULL, 0);
		return HF_OK;
	}
	return err;
}

/* The entry's own words come after its chunk's: what is said of payloads under
 * headers that are wrong is worth nothing. */
static enum hf_err chunk_verify(struct verify *verify, uint64_t first,
				size_t count, struct hf_why *why)
{
	const struct hf_tree_sink sink = { .put = node_compare,
					   .context = verify };
	struct hf_tree_hash leaf;
	struct hf_span value;
	enum hf_err err = HF_OK;

	for (size_t i = 0; i < count && err == HF_OK; i++) {
		err = entry_read(verify, first + i, &value, why);
		if (err != HF_OK)
			return err;
		memset(&leaf, 0, sizeof(leaf));
		if (value.len_bytes > HF_HEADER_BYTES)
			hf_leaf_hash(value.at + 1, &leaf);
		entry_look(verify, value, first + i);
		verify->check.entries++;
		err = hf_frontier_append(&verify->frontier, &leaf, &sink, why);
	}
	return err;
}

static void root_verify(struct verify *verify, bool has, uint64_t size,
			const struct hf_tree_hash *root)
{
	struct hf_tree_hash ours;

	if (!has || size != verify->frontier.size)
		return;
	hf_frontier_root(&verify->frontier, &ours);
	if (!verify->has_root || verify->is_right)
		verify->is_right = hf_tree_equal(&ours, root);
	verify->has_root = true;
	verify->right_size = size;
}

static void roots_verify(struct verify *verify)
{
	const struct hf_ledger_info *info = &verify->info;

	root_verify(verify, info->has_note, info->note_size, &info->note_root);
	root_verify(verify, info->has_seen, info->seen_size, &info->seen_root);
}

/* Entries up to where a root was signed, at most to the chunk's end. */
static uint64_t next_stop(const struct verify *verify)
{
	const struct hf_ledger_info *info = &verify->info;
	uint64_t at = verify->frontier.size;
	uint64_t end = hf_ledger_piece_end(at, info->size);

	if (info->has_note && info->note_size > at && info->note_size < end)
		end = info->note_size;
	return end;
}

/* The next chunks, in a view of their own. */
static enum hf_err step(struct verify *verify, struct hf_why *why)
{
	enum hf_err err =
		hf_store_view_begin(verify->ledger->store, &verify->txn, why);

	if (err != HF_OK)
		return err;
	err = hf_store_cursor_open(verify->txn, verify->table, &verify->cursor,
				   why);
	if (err != HF_OK)
		goto out_end;
	for (size_t i = 0; i < STEP_CHUNKS && err == HF_OK &&
			   verify->frontier.size < verify->info.size;
	     i++) {
		uint64_t first = verify->frontier.size;

		err = chunk_verify(verify, first,
				   (size_t)(next_stop(verify) - first), why);
		roots_verify(verify);
	}
	hf_store_cursor_close(verify->cursor);
out_end:
	hf_store_view_end(verify->txn);
	return err;
}

static void note_verify(struct verify *verify, struct hf_ledger_view *view,
			enum hf_ledger_which which, uint64_t size,
			const struct hf_tree_hash *root)
{
	struct hf_span bytes;
	struct hf_note note;

	if (hf_ledger_note(view, verify->set, which, &bytes, NULL) != HF_OK ||
	    hf_note_parse(bytes, &note, NULL) != HF_OK ||
	    !hf_span_is(note.checkpoint.origin, verify->info.origin) ||
	    note.checkpoint.size != size ||
	    !hf_tree_equal(&note.checkpoint.root, root)) {
		fault(verify, HF_LEDGER_FAULT_NOTE, size, size);
		verify->has_note_fault = true;
	}
}

static enum hf_err begin(struct verify *verify, struct hf_why *why)
{
	const struct hf_ledger_info *info = &verify->info;
	struct hf_ledger_view *view;
	struct set *set;
	enum hf_err err;

	err = hf_ledger_set_need(verify->ledger, verify->set, &set, why);
	if (err != HF_OK)
		return err;
	verify->table = set->table;
	err = hf_ledger_view_begin(verify->ledger, &view, why);
	if (err != HF_OK)
		return err;
	err = hf_ledger_info(view, verify->set, &verify->info, why);
	/* What is stored and not signed yet is looked at too. */
	if (err == HF_OK)
		verify->info.size += info->unsigned_count;
	if (err == HF_OK && info->has_note)
		note_verify(verify, view, HF_LEDGER_NOTE, info->note_size,
			    &info->note_root);
	if (err == HF_OK && info->has_seen)
		note_verify(verify, view, HF_LEDGER_SEEN, info->seen_size,
			    &info->seen_root);
	hf_ledger_view_end(view);
	return err;
}

static bool is_in(const struct hf_ledger_fault *faults, size_t count,
		  uint64_t index)
{
	for (size_t i = 0; i < count; i++) {
		if (faults[i].kind == HF_LEDGER_FAULT_HEADERS &&
		    index >= faults[i].first && index < faults[i].end)
			return true;
	}
	return false;
}

/* Now it is known whether headers are wrong, or what is stored of them. */
static void judge(struct verify *verify)
{
	struct hf_ledger_check *check = &verify->check;
	struct hf_ledger_fault found[HF_LEDGER_FAULTS_MAX];
	size_t count = check->faults_count < HF_LEDGER_FAULTS_MAX
			       ? check->faults_count
			       : HF_LEDGER_FAULTS_MAX;
	uint64_t more = check->faults_count - count;
	uint64_t right =
		verify->has_root && verify->is_right ? verify->right_size : 0;

	/* No whole chunk differs, and the root does: the last one, then. */
	if (verify->has_root && !verify->is_right && !verify->has_tree_fault &&
	    verify->right_size > 0 && !verify->has_note_fault &&
	    count < HF_LEDGER_FAULTS_MAX)
		check->faults[count++] = (struct hf_ledger_fault){
			.kind = HF_LEDGER_FAULT_HEADERS,
			.first = (verify->right_size - 1) / HF_CHUNK_ENTRIES *
				 HF_CHUNK_ENTRIES,
			.end = verify->right_size,
		};
	memcpy(found, check->faults, count * sizeof(found[0]));
	check->faults_count = 0;
	for (size_t i = 0; i < count; i++) {
		bool is_headers = found[i].kind == HF_LEDGER_FAULT_HEADERS;

		if ((is_headers && found[i].end <= right) ||
		    (!is_headers && right == 0 &&
		     is_in(found, count, found[i].first)))
			continue;
		fault(verify, found[i].kind, found[i].first, found[i].end);
	}
	if (verify->has_tree_fault && verify->tree_fault.end <= right)
		fault(verify, HF_LEDGER_FAULT_TREE, verify->tree_fault.first,
		      verify->tree_fault.end);
	check->faults_count += more;
}

enum hf_err hf_ledger_verify(struct hf_ledger *ledger, uint32_t set,
			     const atomic_bool *is_over,
			     struct hf_ledger_check *out_check,
			     struct hf_why *why)
{
	struct verify *verify = calloc(1, sizeof(*verify));
	const struct hf_ledger_fault *first;
	enum hf_err err;

	if (verify == NULL)
		return hf_why(why, HF_E_NOMEM, "ledger: no memory");
	verify->ledger = ledger;
	verify->set = set;
	hf_frontier_init(&verify->frontier);
	err = begin(verify, why);
	if (err == HF_OK)
		roots_verify(verify);
	while (err == HF_OK && verify->frontier.size < verify->info.size) {
		if (is_over != NULL && atomic_load(is_over))
			err = hf_why(why, HF_E_CANCELLED,
				     "ledger: stopped while it was verified");
		else
			err = step(verify, why);
	}
	if (err == HF_OK) {
		judge(verify);
		*out_check = verify->check;
		first = &verify->check.faults[0];
		if (verify->check.faults_count > 0)
			err = hf_why(why, HF_E_CORRUPT,
				     "ledger: '%s', entry %llu: %s",
				     verify->info.origin,
				     (unsigned long long)first->first,
				     words[first->kind]);
	}
	free(verify);
	return err;
}
