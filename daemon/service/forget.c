#include "arena.h"
#include "codec_item.h"
#include "kind.h"
#include "leaf.h"
#include "ledger_view.h"
#include "limit.h"
#include "log.h"
#include "match_index.h"
#include "text.h"

#include "feed.h"
#include "forget.h"
#include "node.h"
#include "retro.h"

/* Digests looked for in one reading of the store, and an item's more: some
 * 4 MB of memory. */
#define DIGESTS_MOST ((size_t)65536)

/* Payloads that are read in one view of the ledger. */
#define VIEW_PAYLOADS 1024

/* An entry of an earlier epoch. */
struct earlier {
	uint32_t set;
	uint64_t index;
};

struct gathering {
	struct hf_node *node;
	struct hf_retro_gone *gone;
	/* What the payloads of one view were carried over from. */
	struct earlier earlier[VIEW_PAYLOADS];
	size_t earlier_count;
	struct hf_arena scratch;
	uint64_t through; /* number of the last that was read */
	uint64_t payloads;
	bool is_done;
};

static bool is_of_items(struct hf_node *node, uint32_t set)
{
	struct hf_feed_set is;

	return hf_feed_get(node->feed, set, &is) == HF_OK && is.is_items;
}

static enum hf_err add_hash(struct gathering *gathering,
			    const struct hf_hash *hash, struct hf_why *why)
{
	size_t step = hash->algorithm == HF_ALGORITHM_VPDQ
			      ? HF_PDQ_BYTES
			      : hash->digest.len_bytes;
	enum hf_err err = HF_OK;

	if (!hf_algorithm_takes(hash->algorithm, hash->digest.len_bytes))
		return HF_OK;
	for (size_t at = 0; at < hash->digest.len_bytes && err == HF_OK;
	     at += step)
		err = hf_retro_gone_add(gathering->gone,
					hf_span(hash->digest.at + at, step),
					why);
	return err;
}

/* Is it this very entry of an earlier epoch of the set? */
static bool is_earlier(struct hf_ledger_view *view, uint32_t set,
		       const struct hf_entry_ref *from, uint32_t *out_set)
{
	struct hf_ledger_entry entry;
	struct hf_ledger_info info;
	struct hf_tree_hash leaf;

	if (hf_ledger_info(view, set, &info, NULL) != HF_OK ||
	    !hf_text_is_later_epoch(hf_span_of(info.origin),
				    hf_span_of(from->origin)) ||
	    hf_ledger_find(view, hf_span_of(from->origin), out_set, NULL) !=
		    HF_OK ||
	    hf_ledger_entry(view, *out_set, from->index, &entry, NULL) != HF_OK)
		return false;
	hf_leaf_hashes(entry.header, 1, &leaf);
	return hf_span_equal(from->leaf_hash,
			     hf_span(leaf.bytes, sizeof(leaf.bytes)));
}

static void add_earlier(struct gathering *gathering,
			struct hf_ledger_view *view, uint32_t set,
			const struct hf_entry_ref *from)
{
	struct earlier earlier;

	if (from == NULL || !is_earlier(view, set, from, &earlier.set))
		return;
	earlier.index = from->index;
	gathering->earlier[gathering->earlier_count++] = earlier;
}

static enum hf_err add_payload(struct gathering *gathering,
			       struct hf_ledger_view *view,
			       const struct hf_ledger_leaving *leaving,
			       struct hf_why *why)
{
	struct hf_item item;
	enum hf_err err;

	gathering->payloads++;
	if (leaving->set == 0)
		hf_log(HF_LOG_ERROR, "erasure", "cannot be forgotten",
		       "why=\"an erased payload is damaged: its hashes are not "
		       "known any more\"");
	if (!is_of_items(gathering->node, leaving->set))
		return HF_OK;
	hf_arena_reset(&gathering->scratch);
	err = hf_item_parse(leaving->payload, &gathering->scratch, &item, why);
	/* Of what does not decode nobody ever knew a hash. */
	if (err != HF_OK)
		return err == HF_E_NOMEM ? err : HF_OK;
	add_earlier(gathering, view, leaving->set, item.predecessor);
	for (size_t i = 0; i < item.hashes_count && err == HF_OK; i++)
		err = add_hash(gathering, &item.hashes[i], why);
	return err;
}

/* What was carried over leaves the set that it was carried over from, too: its
 * log takes no ERASE any more.  That makes more to read, as it may have been
 * carried over itself. */
static enum hf_err erase_earlier(struct gathering *gathering,
				 struct hf_why *why)
{
	struct hf_node *node = gathering->node;
	enum hf_err err = HF_OK;

	for (size_t i = 0; i < gathering->earlier_count && err == HF_OK; i++) {
		uint32_t set = gathering->earlier[i].set;
		uint64_t entry = gathering->earlier[i].index;

		err = hf_ledger_erase_earlier(node->ledger, set, entry, why);
		/* The index may have the old epoch still, out of force. */
		if (err == HF_OK)
			err = hf_index_remove(node->index, set, entry, why);
		if (err == HF_OK)
			err = hf_index_remove(node->retracted, set, entry, why);
	}
	if (gathering->earlier_count > 0)
		gathering->is_done = false;
	return err;
}

static enum hf_err gather_some(struct gathering *gathering, struct hf_why *why)
{
	struct hf_ledger_leaving leaving;
	struct hf_ledger_view *view;
	enum hf_err err =
		hf_ledger_view_begin(gathering->node->ledger, &view, why);

	if (err != HF_OK)
		return err;
	gathering->earlier_count = 0;
	for (size_t i = 0; i < VIEW_PAYLOADS && err == HF_OK &&
			   hf_retro_gone_count(gathering->gone) < DIGESTS_MOST;
	     i++) {
		err = hf_ledger_leaving_next(view, gathering->through, &leaving,
					     why);
		if (err == HF_OK)
			err = add_payload(gathering, view, &leaving, why);
		if (err == HF_OK)
			gathering->through = leaving.number;
	}
	hf_ledger_view_end(view);
	gathering->is_done = err == HF_E_NOTFOUND;
	return gathering->is_done || err == HF_OK
		       ? erase_earlier(gathering, why)
		       : err;
}

/* As many payloads as are read together: their digests leave what is
 * remembered. */
static enum hf_err forget_some(struct gathering *gathering,
			       const atomic_bool *is_over,
			       struct hf_forgotten *forgotten,
			       struct hf_why *why)
{
	uint64_t items = 0;
	enum hf_err err = hf_retro_gone_new(&gathering->gone, why);

	if (err != HF_OK)
		return err;
	while (err == HF_OK && !gathering->is_done &&
	       hf_retro_gone_count(gathering->gone) < DIGESTS_MOST)
		err = gather_some(gathering, why);
	hf_retro_gone_seal(gathering->gone);
	if (err == HF_OK && hf_retro_gone_count(gathering->gone) > 0)
		err = hf_retro_strip(gathering->node->retro, gathering->gone,
				     is_over, &items, why);
	forgotten->digests += hf_retro_gone_count(gathering->gone);
	forgotten->items += items;
	hf_retro_gone_free(gathering->gone);
	return err;
}

/* The order matters: what says which hashes are meant goes once they are in no
 * file, and then the ledger's own file is written anew. */
enum hf_err hf_forget(struct hf_node *node, const atomic_bool *is_over,
		      struct hf_forgotten *out, struct hf_why *why)
{
	struct gathering gathering = { .node = node };
	struct hf_forgotten forgotten = { 0 };
	enum hf_err err = HF_OK;

	hf_arena_init(&gathering.scratch, HF_UNPACK_MAX_BYTES);
	while (err == HF_OK && !gathering.is_done)
		err = forget_some(&gathering, is_over, &forgotten, why);
	hf_arena_release(&gathering.scratch);
	if (err != HF_OK)
		return err;
	forgotten.payloads = gathering.payloads;
	if (gathering.through > 0)
		err = hf_retro_compact(node->retro, is_over, why);
	if (err == HF_OK && gathering.through > 0)
		err = hf_ledger_leaving_drop(node->ledger, gathering.through,
					     why);
	if (err == HF_OK)
		*out = forgotten;
	return err;
}
