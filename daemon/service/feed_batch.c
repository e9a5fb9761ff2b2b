#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "clock.h"
#include "codec_item.h"
#include "codec_words.h"
#include "leaf.h"
#include "match_policy.h"

#include "feed_batch.h"
#include "feed_epoch.h"
#include "feed_expiry.h"
#include "node.h"
#include "opinions.h"

/* Hashes given to the index in one stroke. */
#define HASHES_MAX ((size_t)65536)

/* Entries that are waited for, from which on there is no hurry to find the one
 * at hand. */
#define MANY_MORE ((uint64_t)16384)

/* Memory for the digests of one batch, and for items that are not plain: one
 * unpacks to a few kilobytes. */
#define ARENA_MAX_BYTES ((size_t)64 * 1024 * 1024)

/* Of one item: frames of its videos are hashes of their own. */
#define HASHES_OF_ITEM                                                         \
	(HF_ITEM_MAX_HASHES + HF_PAYLOAD_MAX_BYTES / HF_PDQ_BYTES)

static uint8_t quality_of(const struct hf_hash *hash)
{
	return hash->quality_plus_one == 0 || hash->quality_plus_one > 101
		       ? HF_QUALITY_NONE
		       : (uint8_t)(hash->quality_plus_one - 1);
}

/* A list of frames becomes its distinct frames. */
static enum hf_err collect_frames(struct hf_feed_batch *batch,
				  const struct hf_index_hash *about,
				  struct hf_span frames, struct hf_why *why)
{
	uint8_t *distinct = hf_arena_alloc(&batch->arena, frames.len_bytes);
	size_t count;

	if (distinct == NULL)
		return hf_why(why, HF_E_NOMEM, "feed: no memory");
	count = hf_index_frames_distinct(
		frames.at, frames.len_bytes / HF_PDQ_BYTES, distinct);
	for (size_t i = 0; i < count; i++) {
		struct hf_index_hash *hash =
			&batch->hashes[batch->hashes_count++];

		*hash = *about;
		hash->digest = distinct + i * HF_PDQ_BYTES;
		hash->frames_count = (uint16_t)count;
	}
	return HF_OK;
}

static enum hf_err collect_digest(struct hf_feed_batch *batch,
				  struct hf_index_hash *about,
				  struct hf_span digest, struct hf_why *why)
{
	about->digest = hf_arena_copy(&batch->arena, digest).at;
	if (about->digest == NULL)
		return hf_why(why, HF_E_NOMEM, "feed: no memory");
	batch->hashes[batch->hashes_count++] = *about;
	return HF_OK;
}

/* Append the hashes of the item at hand, as far as a policy wants them (NULL:
 * all, as of our own sets: retracting and publishing must find what scanning
 * ignores). Digests are copied: the index gets them when the view has ended. */
static enum hf_err collect(struct hf_feed_batch *batch, uint64_t entry,
			   const struct hf_policy *policy, struct hf_why *why)
{
	const struct hf_item_gist *item = &batch->item;
	uint8_t class = (uint8_t)hf_class_known(item->content_class);
	enum hf_err err = HF_OK;

	for (size_t i = 0; i < item->hashes_count && err == HF_OK; i++) {
		const struct hf_hash *hash = &item->hashes[i];
		struct hf_index_hash about = {
			.set = batch->is->set,
			.entry = entry,
			.algorithm = (uint8_t)hash->algorithm,
			.content_class = class,
			.quality = quality_of(hash),
			.is_derived = item->is_derived,
		};

		if (!hf_algorithm_takes(hash->algorithm,
					hash->digest.len_bytes))
			continue;
		if (policy != NULL &&
		    !hf_policy_indexes(policy, hf_span_of(batch->is->origin),
				       class, hash->algorithm, about.quality))
			continue;
		if (hash->algorithm != HF_ALGORITHM_VPDQ) {
			err = collect_digest(batch, &about, hash->digest, why);
			continue;
		}
		about.quality = (uint8_t)i; /* which of the lists */
		err = collect_frames(batch, &about, hash->digest, why);
	}
	return err;
}

/* What a peer signed and this version cannot read matches nothing; that it
 * stops nothing either is why only our own want of memory is an error.  Call
 * it with room in the arena. */
static enum hf_err skim(struct hf_feed_batch *batch, struct hf_span payload,
			bool *out_is_item, struct hf_why *why)
{
	enum hf_err err =
		hf_item_skim(payload, &batch->arena, &batch->item, why);

	*out_is_item = err == HF_OK;
	return err == HF_E_NOMEM ? err : HF_OK;
}

/* No room for one more item: its hashes, and what it unpacks to.  An arena
 * that could refuse it would look like an item that cannot be read. */
static bool is_full(const struct hf_feed_batch *batch)
{
	return batch->hashes_count + 2 * HASHES_OF_ITEM > batch->hashes_size ||
	       batch->arena.total_bytes > ARENA_MAX_BYTES / 4 * 3;
}

static bool is_over(const struct hf_feed_batch *batch)
{
	uint64_t expires_at_ms = batch->item.expires_at_ms;

	return expires_at_ms != 0 && expires_at_ms <= batch->now_ms;
}

/* An entry that has an end is taken out then. */
static enum hf_err note_end(struct hf_feed_batch *batch, uint64_t entry,
			    struct hf_why *why)
{
	return batch->item.expires_at_ms == 0
		       ? HF_OK
		       : hf_expiry_note(batch->node->expiring, batch->is->set,
					entry, batch->item.expires_at_ms, why);
}

static enum hf_err add(struct hf_feed_batch *batch,
		       const struct hf_ledger_entry *entry, struct hf_why *why)
{
	bool is_item;
	enum hf_err err;

	if (entry->state != HF_LEDGER_HELD)
		return HF_OK;
	err = skim(batch, entry->payload, &is_item, why);
	if (err != HF_OK || !is_item || is_over(batch))
		return err;
	err = note_end(batch, entry->index, why);
	if (err != HF_OK)
		return err;
	if (batch->item.has_predecessor)
		hf_opinions_meet(batch->node->opinions, batch->is->set,
				 entry->index);
	return collect(batch, entry->index,
		       batch->is->is_own ? NULL : batch->node->policy, why);
}

/* What our own set took back must not come in again by accident: remember
 * its hashes. */
static enum hf_err remember(struct hf_feed_batch *batch,
			    struct hf_ledger_view *view, uint64_t target,
			    struct hf_why *why)
{
	size_t before = batch->hashes_count;
	struct hf_ledger_entry entry;
	bool is_item;
	enum hf_err err =
		hf_ledger_entry(view, batch->is->set, target, &entry, why);

	if (err != HF_OK || entry.state != HF_LEDGER_HELD)
		return err;
	err = skim(batch, entry.payload, &is_item, why);
	if (err == HF_OK && is_item)
		err = collect(batch, target, NULL, why);
	if (err == HF_OK)
		err = hf_index_add(batch->node->retracted,
				   batch->hashes + before,
				   batch->hashes_count - before, why);
	batch->hashes_count = before;
	return err;
}

/* What was carried over is taken back in the epoch before as well, as long as
 * that is matched on. */
static enum hf_err take_out_earlier(struct hf_feed_batch *batch,
				    struct hf_ledger_view *view,
				    uint64_t target, struct hf_why *why)
{
	uint32_t earlier = batch->is->earlier;
	uint64_t entry;

	if (earlier == 0 || !hf_feed_epoch_before(view, batch->is->set, target,
						  earlier, &entry))
		return HF_OK;
	return hf_index_remove(batch->node->index, earlier, entry, why);
}

/* What is in this batch, or will be in a later one, is out as well: the index
 * remembers.  What is erased is not even remembered as taken back. */
static enum hf_err take_out(struct hf_feed_batch *batch,
			    struct hf_ledger_view *view, unsigned op,
			    uint64_t target, struct hf_why *why)
{
	enum hf_err err = hf_index_remove(batch->node->index, batch->is->set,
					  target, why);

	if (err == HF_OK)
		err = take_out_earlier(batch, view, target, why);
	if (err != HF_OK || !batch->is->is_own)
		return err;
	return op == HF_OP_ERASE ? hf_index_remove(batch->node->retracted,
						   batch->is->set, target, why)
				 : remember(batch, view, target, why);
}

static enum hf_err amend(struct hf_feed_batch *batch,
			 const struct hf_ledger_entry *entry, uint64_t target,
			 struct hf_why *why)
{
	bool is_item;
	enum hf_err err;

	if (entry->state != HF_LEDGER_HELD)
		return HF_OK;
	err = skim(batch, entry->payload, &is_item, why);
	if (err == HF_OK && is_item)
		err = note_end(batch, target, why);
	/* It may have ended before, and not any more. */
	if (err == HF_OK && is_item && !is_over(batch))
		err = hf_index_expire(batch->node->index, batch->is->set,
				      target, false, why);
	if (err != HF_OK || !is_item)
		return err;
	return hf_index_amend(
		batch->node->index, batch->is->set, target,
		(uint8_t)hf_class_known(batch->item.content_class), why);
}

/* What an entry does to the number of those that live: an ADD one more, the
 * first RETRACT or ERASE of an ADD one less. */
static enum hf_err weigh(struct hf_ledger_view *view, uint32_t set,
			 uint64_t index, const struct hf_header *header,
			 uint64_t *live, struct hf_why *why)
{
	struct hf_ledger_fate fate;
	struct hf_header target;
	uint8_t bytes[HF_HEADER_BYTES];
	enum hf_err err;

	*live += header->op == HF_OP_ADD;
	if (header->op != HF_OP_RETRACT && header->op != HF_OP_ERASE)
		return HF_OK;
	err = hf_ledger_fate(view, set, header->target, &fate, why);
	if (err == HF_OK)
		err = hf_ledger_headers(view, set, header->target, 1, bytes,
					why);
	if (err != HF_OK)
		return err;
	/* HF_LEDGER_NONE is the largest number: the smaller of the two is the
	 * entry that ended it. */
	*live -= (fate.retracted_by < fate.erased_by
			  ? fate.retracted_by
			  : fate.erased_by) == index &&
		 hf_header_parse(bytes, &target, NULL) == HF_OK &&
		 target.op == HF_OP_ADD;
	return HF_OK;
}

static enum hf_err gather(struct hf_feed_batch *batch,
			  struct hf_ledger_view *view,
			  const struct hf_ledger_entry *entry, uint64_t *live,
			  struct hf_why *why)
{
	struct hf_header header;
	enum hf_err err = HF_OK;

	if (hf_header_parse(entry->header, &header, NULL) != HF_OK)
		return HF_OK;
	if (header.op == HF_OP_ADD)
		err = add(batch, entry, why);
	else if (header.op == HF_OP_AMEND)
		err = amend(batch, entry, header.target, why);
	else if (header.op == HF_OP_RETRACT || header.op == HF_OP_ERASE)
		err = take_out(batch, view, header.op, header.target, why);
	if (err == HF_OK && live != NULL)
		err = weigh(view, batch->is->set, entry->index, &header, live,
			    why);
	return err;
}

/* Room for the entries at hand: most of the time there is one. */
static enum hf_err begin(struct hf_feed_batch *batch, struct hf_node *node,
			 const struct hf_feed_set *is, uint64_t entries,
			 struct hf_why *why)
{
	*batch = (struct hf_feed_batch){
		.node = node,
		.is = is,
		.now_ms = hf_clock_wall_ms(),
		.opinions_version = hf_opinions_version(node->opinions),
		.hashes_size = HASHES_MAX,
	};
	if (entries < HASHES_MAX / HF_ITEM_MAX_HASHES)
		batch->hashes_size =
			(size_t)(entries - 1) * HF_ITEM_MAX_HASHES +
			2 * HASHES_OF_ITEM;
	batch->hashes = malloc(batch->hashes_size * sizeof(*batch->hashes));
	if (batch->hashes == NULL)
		return hf_why(why, HF_E_NOMEM, "feed: no memory");
	hf_arena_init(&batch->arena, ARENA_MAX_BYTES);
	return HF_OK;
}

enum hf_err hf_feed_gather(struct hf_node *node, struct hf_ledger_view *view,
			   const struct hf_feed_set *is, uint64_t most,
			   uint64_t *live, struct hf_feed_batch *out_batch,
			   struct hf_why *why)
{
	uint64_t left = is->size > is->fed ? is->size - is->fed : 0;
	uint64_t end = is->fed + (left < most ? left : most);
	struct hf_ledger_scan *scan;
	struct hf_ledger_entry entry;
	struct hf_feed_batch batch;
	uint64_t at = is->fed;
	enum hf_err err;

	err = begin(&batch, node, is, end - at, why);
	if (err != HF_OK)
		return err;
	err = hf_ledger_scan_begin(view, is->set, at, &scan, why);
	if (err != HF_OK)
		goto out_release;
	for (; at < end && err == HF_OK && !is_full(&batch); at++) {
		err = hf_ledger_scan_next(scan, &entry, why);
		if (err == HF_OK)
			err = gather(&batch, view, &entry, live, why);
	}
	hf_ledger_scan_end(scan);
	if (err != HF_OK)
		goto out_release;
	batch.end = at;
	*out_batch = batch;
	return HF_OK;

out_release:
	hf_feed_batch_release(&batch);
	return err;
}

/* An ADD whose payload came late, with what later entries made of it. */
static enum hf_err add_late(struct hf_feed_batch *batch,
			    struct hf_ledger_view *view,
			    const struct hf_ledger_entry *entry,
			    struct hf_why *why)
{
	struct hf_ledger_entry latest;
	struct hf_ledger_fate fate;
	enum hf_err err =
		hf_ledger_fate(view, batch->is->set, entry->index, &fate, why);

	if (err != HF_OK || fate.erased_by != HF_LEDGER_NONE)
		return err;
	if (fate.retracted_by != HF_LEDGER_NONE)
		return batch->is->is_own
			       ? remember(batch, view, entry->index, why)
			       : HF_OK;
	err = add(batch, entry, why);
	if (err != HF_OK || fate.amended_by == HF_LEDGER_NONE ||
	    fate.amended_by >= batch->is->fed)
		return err;
	err = hf_ledger_entry(view, batch->is->set, fate.amended_by, &latest,
			      why);
	return err == HF_OK ? amend(batch, &latest, entry->index, why) : err;
}

/* An AMEND whose payload came late: unless it is over, or a later one counts.
 */
static enum hf_err amend_late(struct hf_feed_batch *batch,
			      struct hf_ledger_view *view,
			      const struct hf_ledger_entry *entry,
			      uint64_t target, struct hf_why *why)
{
	struct hf_ledger_fate fate;
	enum hf_err err =
		hf_ledger_fate(view, batch->is->set, target, &fate, why);

	if (err != HF_OK || fate.erased_by != HF_LEDGER_NONE ||
	    fate.retracted_by != HF_LEDGER_NONE ||
	    fate.amended_by != entry->index)
		return err;
	return amend(batch, entry, target, why);
}

static enum hf_err gather_late(struct hf_feed_batch *batch,
			       struct hf_ledger_view *view, uint64_t index,
			       struct hf_why *why)
{
	struct hf_ledger_entry entry;
	struct hf_header header;
	enum hf_err err =
		hf_ledger_entry(view, batch->is->set, index, &entry, why);

	if (err != HF_OK || entry.state != HF_LEDGER_HELD ||
	    hf_header_parse(entry.header, &header, NULL) != HF_OK)
		return err;
	if (header.op == HF_OP_ADD)
		return add_late(batch, view, &entry, why);
	return header.op == HF_OP_AMEND
		       ? amend_late(batch, view, &entry, header.target, why)
		       : HF_OK;
}

enum hf_err hf_feed_gather_late(struct hf_node *node,
				struct hf_ledger_view *view,
				const struct hf_feed_set *is,
				const uint64_t *indexes, size_t *count,
				struct hf_feed_batch *out_batch,
				struct hf_why *why)
{
	struct hf_feed_batch batch;
	enum hf_err err = begin(&batch, node, is, *count, why);
	size_t i = 0;

	if (err != HF_OK)
		return err;
	for (; i < *count && err == HF_OK && !is_full(&batch); i++)
		err = gather_late(&batch, view, indexes[i], why);
	if (err != HF_OK) {
		hf_feed_batch_release(&batch);
		return err;
	}
	*count = i;
	*out_batch = batch;
	return HF_OK;
}

/* A set that is caught up with comes in pieces of any size: as long as many
 * more are known to come, all of them are of one bulk. */
static enum hf_err give_hashes(struct hf_feed_batch *batch, struct hf_why *why)
{
	uint64_t expected = batch->is->expected;
	bool is_bulk =
		expected > batch->end && expected - batch->end >= MANY_MORE;

	return is_bulk ? hf_index_add_bulk(batch->node->index, batch->hashes,
					   batch->hashes_count, why)
		       : hf_index_add(batch->node->index, batch->hashes,
				      batch->hashes_count, why);
}

/* Whatever was said of these before they came, or meanwhile. */
static void meet_opinions(struct hf_feed_batch *batch)
{
	struct hf_opinions *opinions = batch->node->opinions;
	bool is_all = hf_opinions_version(opinions) != batch->opinions_version;
	uint64_t last = UINT64_MAX;

	if (opinions == NULL)
		return;
	for (size_t i = 0; i < batch->hashes_count; i++) {
		const struct hf_index_hash *hash = &batch->hashes[i];

		if (hash->algorithm != HF_ALGORITHM_VPDQ)
			hf_opinions_meet_hash(
				opinions, hash->set, hash->entry,
				hash->algorithm,
				hf_span(hash->digest,
					hf_algorithm_bytes(hash->algorithm)));
		if (is_all && hash->entry != last)
			hf_opinions_meet(opinions, hash->set, hash->entry);
		last = hash->entry;
	}
}

enum hf_err hf_feed_give(struct hf_feed_batch *batch, struct hf_why *why)
{
	struct hf_node *node = batch->node;
	uint32_t set = batch->is->set;
	/* Before the index can stand for them. */
	enum hf_err err = hf_expiry_sync(node->expiring, why);

	if (err == HF_OK && batch->hashes_count > 0)
		err = give_hashes(batch, why);
	if (err == HF_OK)
		meet_opinions(batch);
	if (err == HF_OK)
		err = hf_index_advance(node->index, set, batch->end, why);
	if (err == HF_OK && batch->is->is_own)
		err = hf_index_advance(node->retracted, set, batch->end, why);
	return err;
}

enum hf_err hf_feed_give_late(struct hf_feed_batch *batch, struct hf_why *why)
{
	struct hf_node *node = batch->node;
	enum hf_err err = hf_expiry_sync(node->expiring, why);

	if (err == HF_OK && batch->hashes_count > 0)
		err = hf_index_add(node->index, batch->hashes,
				   batch->hashes_count, why);
	if (err != HF_OK)
		return err;
	meet_opinions(batch);
	/* The position says nothing of them: they are to be on the disk before
	 * the ledger forgets that they are late. */
	err = hf_index_sync(node->index, why);
	return err == HF_OK && batch->is->is_own
		       ? hf_index_sync(node->retracted, why)
		       : err;
}

void hf_feed_batch_release(struct hf_feed_batch *batch)
{
	hf_arena_release(&batch->arena);
	free(batch->hashes);
}

enum hf_err hf_feed_count(struct hf_ledger_view *view, uint32_t set,
			  uint64_t end, uint64_t most, uint64_t *counted,
			  uint64_t *live, struct hf_why *why)
{
	uint64_t first = *counted, lives = *live;
	size_t count = (size_t)(end - first > most ? most : end - first);
	struct hf_header header;
	uint8_t *headers;
	enum hf_err err;

	if (first >= end)
		return HF_OK;
	headers = malloc(count * HF_HEADER_BYTES);
	if (headers == NULL)
		return hf_why(why, HF_E_NOMEM, "feed: no memory");
	err = hf_ledger_headers(view, set, first, count, headers, why);
	for (size_t i = 0; i < count && err == HF_OK; i++) {
		if (hf_header_parse(headers + i * HF_HEADER_BYTES, &header,
				    NULL) == HF_OK)
			err = weigh(view, set, first + i, &header, &lives, why);
	}
	free(headers);
	if (err != HF_OK)
		return err;
	*counted = first + count;
	*live = lives;
	return HF_OK;
}
