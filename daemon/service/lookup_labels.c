#include "codec_item.h"

#include "lookup_labels.h"

enum hf_err hf_lookup_labels(struct hf_ledger_view *view,
			     struct hf_arena *arena, uint32_t set,
			     uint64_t now_ms, struct hf_wire_match_hit *hit,
			     bool *out_is_live, struct hf_why *why)
{
	struct hf_ledger_fate fate;
	struct hf_ledger_entry entry;
	struct hf_item item;
	enum hf_err err;

	*out_is_live = false;
	err = hf_ledger_fate(view, set, hit->index, &fate, why);
	if (err != HF_OK)
		return err;
	if (fate.retracted_by != HF_LEDGER_NONE ||
	    fate.erased_by != HF_LEDGER_NONE)
		return HF_OK;
	err = hf_ledger_entry(view, set,
			      fate.amended_by != HF_LEDGER_NONE
				      ? fate.amended_by
				      : hit->index,
			      &entry, why);
	if (err != HF_OK)
		return err;
	*out_is_live = true;
	if (entry.state != HF_LEDGER_HELD)
		return HF_OK;
	/* What a peer signed and this version cannot read must not make the
	 * whole lookup fail: the hit stands as the index has it. */
	err = hf_item_parse(entry.payload, arena, &item, why);
	if (err != HF_OK)
		return err == HF_E_NOMEM ? err : HF_OK;
	*out_is_live = item.expires_at_ms == 0 || item.expires_at_ms > now_ms;
	hit->content_class = hf_item_class(&item);
	hit->labels = item.labels;
	hit->labels_count = item.labels_count;
	return HF_OK;
}
