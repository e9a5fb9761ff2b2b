#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "clock.h"
#include "codec_item.h"
#include "leaf.h"
#include "match_policy.h"

#include "feed_batch.h"
#include "node.h"

/* Hashes given to the index in one stroke. */
#define HASHES_MAX ((size_t)4096)

/* Memory for the items of one batch: an item unpacks to a few kilobytes. */
#define ARENA_MAX_BYTES ((size_t)64 * 1024 * 1024)

struct batch {
	struct hf_node *node;
	struct hf_ledger_view *view;
	const struct hf_feed_set *is;
	struct hf_arena arena;
	struct hf_index_hash *hashes; /* owned; digests are in the arena */
	size_t hashes_count;
	size_t hashes_size; /* HF_ITEM_MAX_HASHES at least */
	uint64_t now_ms;
};

static enum hf_err flush(struct batch *batch, struct hf_why *why)
{
	enum hf_err err = HF_OK;

	if (batch->hashes_count > 0)
		err = hf_index_add(batch->node->index, batch->hashes,
				   batch->hashes_count, why);
	batch->hashes_count = 0;
	hf_arena_reset(&batch->arena);
	return err;
}

static uint8_t quality_of(const struct hf_hash *hash)
{
	return hash->quality_plus_one == 0 || hash->quality_plus_one > 101
		       ? HF_QUALITY_NONE
		       : (uint8_t)(hash->quality_plus_one - 1);
}

/* Append an item's hashes, as far as a policy wants them (NULL: all, as of our
 * own sets: retracting and publishing must find what scanning ignores). */
static void collect(struct batch *batch, const struct hf_item *item,
		    uint64_t entry, const struct hf_policy *policy)
{
	uint8_t class = (uint8_t)hf_item_class(item);

	for (size_t i = 0; i < item->hashes_count; i++) {
		const struct hf_hash *hash = &item->hashes[i];
		size_t len_bytes = hf_algorithm_bytes(hash->algorithm);

		if (len_bytes == 0 || hash->digest.len_bytes != len_bytes)
			continue;
		if (policy != NULL &&
		    !hf_policy_indexes(policy, hf_span_of(batch->is->origin),
				       class, hash->algorithm,
				       quality_of(hash)))
			continue;
		batch->hashes[batch->hashes_count++] = (struct hf_index_hash){
			.set = batch->is->set,
			.entry = entry,
			.algorithm = (uint8_t)hash->algorithm,
			.content_class = class,
			.quality = quality_of(hash),
			.digest = hash->digest.at,
		};
	}
}

/* What a peer signed and this version cannot read matches nothing; that it
 * stops nothing either is why only our own want of memory is an error.  Call
 * it with room in the arena. */
static enum hf_err parse(struct batch *batch, struct hf_span payload,
			 struct hf_item *item, bool *out_is_item,
			 struct hf_why *why)
{
	enum hf_err err = hf_item_parse(payload, &batch->arena, item, why);

	*out_is_item = err == HF_OK;
	return err == HF_E_NOMEM ? err : HF_OK;
}

/* Room for one more item: its hashes, and what it unpacks to.  An arena that
 * could refuse it would look like an item that cannot be read. */
static bool is_full(const struct batch *batch)
{
	return batch->hashes_count + HF_ITEM_MAX_HASHES > batch->hashes_size ||
	       batch->arena.total_bytes > ARENA_MAX_BYTES / 4 * 3;
}

static enum hf_err add(struct batch *batch, const struct hf_ledger_entry *entry,
		       struct hf_why *why)
{
	struct hf_item item;
	bool is_item = false;
	enum hf_err err = HF_OK;

	if (entry->state != HF_LEDGER_HELD)
		return HF_OK;
	if (is_full(batch))
		err = flush(batch, why);
	if (err == HF_OK)
		err = parse(batch, entry->payload, &item, &is_item, why);
	if (err == HF_OK && is_item &&
	    (item.expires_at_ms == 0 || item.expires_at_ms > batch->now_ms))
		collect(batch, &item, entry->index,
			batch->is->is_own ? NULL : batch->node->policy);
	return err;
}

/* What our own set took back must not come in again by accident: remember
 * its hashes. */
static enum hf_err remember(struct batch *batch, uint64_t target,
			    struct hf_why *why)
{
	struct hf_ledger_entry entry;
	struct hf_item item;
	bool is_item;
	enum hf_err err = flush(batch, why);

	if (err == HF_OK)
		err = hf_ledger_entry(batch->view, batch->is->set, target,
				      &entry, why);
	if (err != HF_OK || entry.state != HF_LEDGER_HELD)
		return err;
	err = parse(batch, entry.payload, &item, &is_item, why);
	if (err != HF_OK || !is_item)
		return err;
	collect(batch, &item, target, NULL);
	err = hf_index_add(batch->node->retracted, batch->hashes,
			   batch->hashes_count, why);
	batch->hashes_count = 0;
	return err;
}

static enum hf_err take_out(struct batch *batch, uint64_t target,
			    struct hf_why *why)
{
	enum hf_err err = hf_index_remove(batch->node->index, batch->is->set,
					  target, why);

	if (err == HF_OK && batch->is->is_own)
		err = remember(batch, target, why);
	return err;
}

static enum hf_err amend(struct batch *batch,
			 const struct hf_ledger_entry *entry, uint64_t target,
			 struct hf_why *why)
{
	struct hf_item item;
	bool is_item;
	enum hf_err err = HF_OK;

	if (entry->state != HF_LEDGER_HELD)
		return HF_OK;
	if (is_full(batch))
		err = flush(batch, why);
	if (err == HF_OK)
		err = parse(batch, entry->payload, &item, &is_item, why);
	if (err != HF_OK || !is_item)
		return err;
	return hf_index_amend(batch->node->index, batch->is->set, target,
			      (uint8_t)hf_item_class(&item), why);
}

static enum hf_err feed_entry(struct batch *batch,
			      const struct hf_ledger_entry *entry,
			      struct hf_why *why)
{
	struct hf_header header;

	if (hf_header_parse(entry->header, &header, NULL) != HF_OK)
		return HF_OK;
	switch (header.op) {
	case HF_OP_ADD:
		return add(batch, entry, why);
	case HF_OP_AMEND:
		return amend(batch, entry, header.target, why);
	case HF_OP_RETRACT:
	case HF_OP_ERASE:
		return take_out(batch, header.target, why);
	default:
		return HF_OK;
	}
}

static enum hf_err feed_entries(struct batch *batch, uint64_t most,
				uint64_t *position, struct hf_why *why)
{
	struct hf_ledger_scan *scan;
	struct hf_ledger_entry entry;
	uint64_t end = batch->is->size - *position > most ? *position + most
							  : batch->is->size;
	enum hf_err err;

	err = hf_ledger_scan_begin(batch->view, batch->is->set, *position,
				   &scan, why);
	if (err != HF_OK)
		return err;
	for (uint64_t i = *position; i < end && err == HF_OK; i++) {
		err = hf_ledger_scan_next(scan, &entry, why);
		if (err == HF_OK)
			err = feed_entry(batch, &entry, why);
	}
	hf_ledger_scan_end(scan);
	if (err == HF_OK)
		err = flush(batch, why);
	if (err == HF_OK)
		err = hf_index_advance(batch->node->index, batch->is->set, end,
				       why);
	if (err == HF_OK && batch->is->is_own)
		err = hf_index_advance(batch->node->retracted, batch->is->set,
				       end, why);
	if (err == HF_OK)
		*position = end;
	return err;
}

enum hf_err hf_feed_batch(struct hf_node *node, struct hf_ledger_view *view,
			  const struct hf_feed_set *is, uint64_t most,
			  uint64_t *position, struct hf_why *why)
{
	struct batch batch = {
		.node = node,
		.view = view,
		.is = is,
		.now_ms = hf_clock_wall_ms(),
	};
	enum hf_err err;

	if (*position >= is->size)
		return HF_OK;
	/* Most of the time there is one new entry. */
	batch.hashes_size = HASHES_MAX;
	if (is->size - *position < HASHES_MAX / HF_ITEM_MAX_HASHES)
		batch.hashes_size =
			(size_t)(is->size - *position) * HF_ITEM_MAX_HASHES;
	batch.hashes = malloc(batch.hashes_size * sizeof(*batch.hashes));
	if (batch.hashes == NULL)
		return hf_why(why, HF_E_NOMEM, "feed: no memory");
	hf_arena_init(&batch.arena, ARENA_MAX_BYTES);
	err = feed_entries(&batch, most, position, why);
	hf_arena_release(&batch.arena);
	free(batch.hashes);
	return err;
}

/* What a header does to the number of entries that live: an ADD one more, the
 * first RETRACT or ERASE of an ADD one less. */
static enum hf_err weigh(struct hf_ledger_view *view, uint32_t set,
			 uint64_t index, const uint8_t *bytes, int64_t *live,
			 struct hf_why *why)
{
	struct hf_header header;
	struct hf_ledger_fate fate;
	uint8_t target[HF_HEADER_BYTES];
	enum hf_err err;

	if (hf_header_parse(bytes, &header, NULL) != HF_OK)
		return HF_OK;
	if (header.op == HF_OP_ADD)
		*live += 1;
	if (header.op != HF_OP_RETRACT && header.op != HF_OP_ERASE)
		return HF_OK;
	err = hf_ledger_fate(view, set, header.target, &fate, why);
	if (err == HF_OK)
		err = hf_ledger_headers(view, set, header.target, 1, target,
					why);
	if (err != HF_OK)
		return err;
	/* HF_LEDGER_NONE is the largest number: the smaller of the two is the
	 * entry that ended it. */
	if ((fate.retracted_by < fate.erased_by ? fate.retracted_by
						: fate.erased_by) == index &&
	    hf_header_parse(target, &header, NULL) == HF_OK &&
	    header.op == HF_OP_ADD)
		*live -= 1;
	return HF_OK;
}

enum hf_err hf_feed_count(struct hf_ledger_view *view, uint32_t set,
			  uint64_t size, uint64_t most, uint64_t *counted,
			  uint64_t *live, struct hf_why *why)
{
	uint64_t first = *counted;
	size_t count = (size_t)(size - first > most ? most : size - first);
	int64_t change = 0;
	uint8_t *headers;
	enum hf_err err;

	if (first >= size)
		return HF_OK;
	headers = malloc(count * HF_HEADER_BYTES);
	if (headers == NULL)
		return hf_why(why, HF_E_NOMEM, "feed: no memory");
	err = hf_ledger_headers(view, set, first, count, headers, why);
	for (size_t i = 0; i < count && err == HF_OK; i++)
		err = weigh(view, set, first + i, headers + i * HF_HEADER_BYTES,
			    &change, why);
	free(headers);
	if (err != HF_OK)
		return err;
	*counted = first + count;
	*live = (uint64_t)((int64_t)*live + change);
	return HF_OK;
}
