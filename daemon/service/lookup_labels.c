#include <string.h>

#include "codec_item.h"

#include "lookup_labels.h"

void hf_lookup_room_init(struct hf_lookup_room *room, struct hf_arena *answer)
{
	room->answer = answer;
	room->extra_bytes = 0;
	hf_arena_init(&room->scratch, HF_UNPACK_MAX_BYTES);
}

void hf_lookup_room_release(struct hf_lookup_room *room)
{
	hf_arena_release(&room->scratch);
}

bool hf_lookup_room_is_left(const struct hf_lookup_room *room)
{
	return room->extra_bytes < HF_LOOKUP_EXTRA_BYTES;
}

/* On the wire, tags, lengths and numbers rounded up. */
static size_t hit_bytes(const struct hf_wire_match_hit *hit)
{
	return strlen(hit->origin) + strlen(hit->rule) + hit->digest.len_bytes +
	       64;
}

static size_t label_bytes(const struct hf_item *item)
{
	size_t sum = 0;

	for (size_t i = 0; i < item->labels_count; i++)
		sum += strlen(item->labels[i].scheme) +
		       strlen(item->labels[i].value) + 16;
	return sum;
}

/* Copy the item's labels into the answer, when there is room. */
static enum hf_err keep_labels(struct hf_lookup_room *room,
			       const struct hf_item *item,
			       struct hf_wire_match_hit *hit,
			       struct hf_why *why)
{
	size_t cost = label_bytes(item);
	struct hf_label *labels;

	if (room->extra_bytes + cost > HF_LOOKUP_EXTRA_BYTES)
		return HF_OK;
	labels = hf_arena_calloc(room->answer, item->labels_count,
				 sizeof(*labels));
	for (size_t i = 0; labels != NULL && i < item->labels_count; i++) {
		const struct hf_label *from = &item->labels[i];

		labels[i].scheme =
			hf_arena_text(room->answer, hf_span_of(from->scheme));
		labels[i].value =
			hf_arena_text(room->answer, hf_span_of(from->value));
		if (labels[i].scheme == NULL || labels[i].value == NULL)
			labels = NULL;
	}
	if (labels == NULL)
		return hf_why(why, HF_E_LIMIT, "too many hits at once");
	room->extra_bytes += cost;
	hit->labels = labels;
	hit->labels_count = item->labels_count;
	return HF_OK;
}

/* The entry that says what the hit's item is now, none when it is gone. */
static enum hf_err entry_of(struct hf_ledger_view *view, uint32_t set,
			    uint64_t index, struct hf_ledger_entry *out,
			    bool *out_is_live, struct hf_why *why)
{
	struct hf_ledger_fate fate;
	enum hf_err err = hf_ledger_fate(view, set, index, &fate, why);

	*out_is_live = false;
	if (err != HF_OK || fate.retracted_by != HF_LEDGER_NONE ||
	    fate.erased_by != HF_LEDGER_NONE)
		return err;
	err = hf_ledger_entry(
		view, set,
		fate.amended_by != HF_LEDGER_NONE ? fate.amended_by : index,
		out, why);
	*out_is_live = err == HF_OK;
	return err;
}

enum hf_err hf_lookup_labels(struct hf_ledger_view *view,
			     struct hf_lookup_room *room, uint32_t set,
			     uint64_t now_ms, bool is_worst,
			     struct hf_wire_match_hit *hit, bool *out_is_live,
			     struct hf_why *why)
{
	struct hf_ledger_entry entry;
	struct hf_item item;
	enum hf_err err;

	err = entry_of(view, set, hit->index, &entry, out_is_live, why);
	if (err != HF_OK || !*out_is_live)
		return err;
	if (!is_worst)
		room->extra_bytes += hit_bytes(hit);
	if (entry.state != HF_LEDGER_HELD)
		return HF_OK;
	/* What a peer signed and this version cannot read must not make the
	 * whole lookup fail: the hit stands as the index has it. */
	hf_arena_reset(&room->scratch);
	err = hf_item_parse(entry.payload, &room->scratch, &item, why);
	if (err != HF_OK)
		return err == HF_E_NOMEM ? err : HF_OK;
	*out_is_live = item.expires_at_ms == 0 || item.expires_at_ms > now_ms;
	hit->content_class = hf_item_class(&item);
	return *out_is_live ? keep_labels(room, &item, hit, why) : HF_OK;
}
