#include <string.h>

#include "arena.h"
#include "codec_document.h"
#include "codec_item.h"
#include "match_index.h"

#include "feed_epoch.h"
#include "judged.h"
#include "node.h"

/* Is what the successor says of us what we hold?  What we do not hold that far
 * cannot be told. */
static bool is_contradicted(struct hf_ledger_view *view,
			    const struct hf_ledger_info *info,
			    uint64_t void_from, const uint8_t *root)
{
	struct hf_tree_hash ours;

	return root != NULL && void_from <= info->size &&
	       hf_ledger_root(view, info->set, void_from, &ours, NULL) ==
		       HF_OK &&
	       memcmp(ours.bytes, root, sizeof(ours.bytes)) != 0;
}

/* One that is not followed any more is in no index, and is no reason to go back
 * to the epoch before it. */
static bool is_given(struct hf_node *node, const struct hf_ring *ring,
		     const struct hf_agreement *agreement,
		     const struct hf_ledger_info *info)
{
	const struct hf_predecessor *from = agreement->predecessor;
	uint64_t size;

	if (from == NULL)
		return true;
	if (from->carried_plus_one == 0 || !info->has_note)
		return false;
	size = from->carried_plus_one - 1;
	return info->note_size >= size &&
	       (agreement->kind != 0 || !hf_judged_in_force(ring, info) ||
		hf_index_position(node->index, info->set) >= size);
}

static uint32_t number_of(struct hf_ledger_view *view, const char *origin)
{
	uint32_t set;

	return hf_ledger_find(view, hf_span_of(origin), &set, NULL) == HF_OK
		       ? set
		       : 0;
}

void hf_feed_epoch(struct hf_node *node, const struct hf_ring *ring,
		   struct hf_ledger_view *view,
		   const struct hf_ledger_info *info, struct hf_feed_epoch *out)
{
	struct hf_span origin = hf_span_of(info->origin);
	const struct hf_ring_set *about = hf_ring_set(ring, origin), *later;
	const uint8_t *root = NULL;

	*out = (struct hf_feed_epoch){ .void_from = UINT64_MAX,
				       .is_given = true };
	if (about != NULL && about->agreement->predecessor != NULL) {
		out->earlier =
			number_of(view, about->agreement->predecessor->origin);
		out->is_given = is_given(node, ring, about->agreement, info);
	}
	later = hf_ring_successor(ring, origin, &out->void_from, &root);
	if (later == NULL)
		return;
	out->later = number_of(view, later->origin);
	out->is_contradicted =
		is_contradicted(view, info, out->void_from, root);
}

bool hf_feed_epoch_before(struct hf_ledger_view *view, uint32_t set,
			  uint64_t entry, uint32_t earlier, uint64_t *out_entry)
{
	struct hf_ledger_entry is;
	struct hf_ledger_info info;
	struct hf_arena arena;
	struct hf_item item;
	bool was = false;

	if (hf_ledger_entry(view, set, entry, &is, NULL) != HF_OK ||
	    is.state != HF_LEDGER_HELD ||
	    hf_ledger_info(view, earlier, &info, NULL) != HF_OK)
		return false;
	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	if (hf_item_parse(is.payload, &arena, &item, NULL) == HF_OK &&
	    item.predecessor != NULL &&
	    strcmp(item.predecessor->origin, info.origin) == 0) {
		*out_entry = item.predecessor->index;
		was = true;
	}
	hf_arena_release(&arena);
	return was;
}
