#include <stdlib.h>
#include <string.h>

#include "ledger_impl.h"

/* Entries re-hashed in one view: a few milliseconds of work, so that the
 * store's file does not grow on our account. */
#define STEP 8192

struct verify {
	struct hf_ledger *ledger;
	uint32_t set;
	struct hf_ledger_info info; /* at the beginning */
	struct hf_frontier frontier;
	struct hf_ledger_check check;
	/* Of the step under way. */
	struct hf_store_txn *txn;
	size_t table;
};

static enum hf_err differs(const struct verify *verify, uint64_t index,
			   const char *what, struct hf_why *why)
{
	return hf_why(why, HF_E_CORRUPT, "ledger: '%s', entry %llu: %s",
		      verify->info.origin, (unsigned long long)index, what);
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
	if (err != HF_OK ||
	    !hf_span_equal(value, hf_span(hash->bytes, HF_HASH_BYTES)))
		return differs(verify, ((index + 1) << level) - 1,
			       "a hash of the tree behind it differs", why);
	return HF_OK;
}

static enum hf_err entry_verify(struct verify *verify,
				const struct hf_ledger_entry *entry,
				struct hf_why *why)
{
	const struct hf_tree_sink sink = { .put = node_compare,
					   .context = verify };
	struct hf_tree_hash leaf;
	struct hf_header header;
	enum hf_err err;

	if (entry->state == HF_LEDGER_HELD) {
		err = hf_header_parse(entry->header, &header, NULL);
		if (err == HF_OK)
			err = hf_commit_verify(&verify->ledger->commit, &header,
					       entry->opening, entry->payload,
					       NULL);
		if (err != HF_OK)
			return differs(verify, entry->index,
				       "the payload is not the one committed "
				       "to",
				       why);
		verify->check.payloads++;
	}
	verify->check.erased += entry->state == HF_LEDGER_ERASED;
	verify->check.missing += entry->state == HF_LEDGER_MISSING;
	verify->check.entries++;
	hf_leaf_hash(entry->header, &leaf);
	return hf_frontier_append(&verify->frontier, &leaf, &sink, why);
}

static enum hf_err root_verify(const struct verify *verify, bool has,
			       uint64_t size, const struct hf_tree_hash *root,
			       struct hf_why *why)
{
	struct hf_tree_hash ours;

	if (!has || size != verify->frontier.size)
		return HF_OK;
	hf_frontier_root(&verify->frontier, &ours);
	if (!hf_tree_equal(&ours, root))
		return differs(verify, size,
			       "the root before it is not the one signed", why);
	return HF_OK;
}

static enum hf_err roots_verify(const struct verify *verify, struct hf_why *why)
{
	const struct hf_ledger_info *info = &verify->info;
	enum hf_err err;

	err = root_verify(verify, info->has_note, info->note_size,
			  &info->note_root, why);
	if (err == HF_OK)
		err = root_verify(verify, info->has_seen, info->seen_size,
				  &info->seen_root, why);
	return err;
}

/* The next entries, in a view of their own. */
static enum hf_err step(struct verify *verify, struct hf_why *why)
{
	struct hf_ledger_view *view;
	struct hf_ledger_entry entry;
	struct hf_ledger_scan *scan;
	enum hf_err err;

	err = hf_ledger_view_begin(verify->ledger, &view, why);
	if (err != HF_OK)
		return err;
	verify->txn = hf_ledger_view_txn(view);
	err = hf_ledger_scan_begin(view, verify->set, verify->frontier.size,
				   &scan, why);
	if (err != HF_OK)
		goto out_end;
	for (size_t i = 0;
	     i < STEP && verify->frontier.size < verify->info.size; i++) {
		err = hf_ledger_scan_next(scan, &entry, why);
		if (err == HF_OK)
			err = entry_verify(verify, &entry, why);
		if (err == HF_OK)
			err = roots_verify(verify, why);
		if (err != HF_OK)
			break;
	}
	hf_ledger_scan_end(scan);
out_end:
	hf_ledger_view_end(view);
	return err;
}

static enum hf_err begin(struct verify *verify, struct hf_why *why)
{
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
	hf_ledger_view_end(view);
	return err;
}

enum hf_err hf_ledger_verify(struct hf_ledger *ledger, uint32_t set,
			     struct hf_ledger_check *out_check,
			     struct hf_why *why)
{
	struct verify verify = { .ledger = ledger, .set = set };
	enum hf_err err;

	err = begin(&verify, why);
	if (err != HF_OK)
		return err;
	hf_frontier_init(&verify.frontier);
	err = roots_verify(&verify, why);
	while (err == HF_OK && verify.frontier.size < verify.info.size)
		err = step(&verify, why);
	if (err == HF_OK)
		*out_check = verify.check;
	return err;
}
