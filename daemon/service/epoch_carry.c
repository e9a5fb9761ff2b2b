#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "clock.h"
#include "codec_document.h"
#include "codec_item.h"
#include "leaf.h"
#include "ledger_view.h"
#include "log.h"
#include "ring.h"
#include "sha256.h"

#include "epoch.h"
#include "epoch_carry.h"
#include "epoch_recall.h"
#include "node.h"

/* Of a piece: payloads as they are added, and one as it is taken apart. */
#define PIECE_MAX_BYTES (HF_CARRY_ENTRIES * (HF_PAYLOAD_MAX_BYTES + 4096))

struct piece {
	const struct hf_carry *carry;
	struct hf_ledger_view *view;
	const struct hf_recalled *recalled;
	struct hf_arena arena;   /* of the payloads */
	struct hf_arena scratch; /* of the item at hand */
	struct hf_ledger_draft drafts[HF_CARRY_ENTRIES];
	size_t count;
};

static void id_of(const struct hf_carry *carry,
		  uint8_t out_id[static HF_BATCH_ID_BYTES])
{
	static const char domain[] = "hashfed/carry/v1";
	uint8_t digest[HF_SHA256_BYTES];
	struct hf_sha256 hash;

	hf_sha256_init(&hash);
	hf_sha256_update(&hash, domain, sizeof(domain));
	hf_sha256_update(&hash, carry->from_origin, strlen(carry->from_origin));
	hf_sha256_final(&hash, digest);
	memcpy(out_id, digest, HF_BATCH_ID_BYTES);
}

/* Was the piece carried before? */
static bool is_there(const struct hf_carry *carry, struct hf_ledger_view *view,
		     uint64_t number, struct hf_ledger_receipt *out_receipt)
{
	uint8_t id[HF_BATCH_ID_BYTES];
	struct hf_ledger_receipt receipt;
	uint64_t sequence;

	id_of(carry, id);
	if (hf_ledger_batch_next(view, carry->to, id, number, &sequence,
				 &receipt, NULL) != HF_OK ||
	    sequence != number)
		return false;
	*out_receipt = receipt;
	return true;
}

static enum hf_err recall(const struct hf_carry *carry,
			  struct hf_ledger_view *view,
			  const struct hf_recalled **out_recalled,
			  struct hf_why *why)
{
	struct hf_recall_ask ask = { .origin = carry->from_origin,
				     .to = carry->to };

	id_of(carry, ask.batch);
	return hf_recall(hf_epochs_recalls(carry->node->epochs), view, &ask,
			 out_recalled, why);
}

/* What AMENDs that count made of the item; hashes stay. */
static enum hf_err amend(struct piece *piece, uint64_t index,
			 struct hf_item *item, struct hf_why *why)
{
	const struct hf_carry *carry = piece->carry;
	uint64_t about = index;
	uint8_t op;

	while (hf_ledger_next_about(piece->view, carry->from, index, about,
				    &about, &op, NULL) == HF_OK &&
	       about < carry->size) {
		struct hf_ledger_entry entry;
		struct hf_item later;
		enum hf_err err;

		if (op != HF_OP_AMEND)
			continue;
		err = hf_ledger_entry(piece->view, carry->from, about, &entry,
				      why);
		if (err != HF_OK)
			return err;
		if (entry.state != HF_LEDGER_HELD ||
		    hf_item_parse(entry.payload, &piece->scratch, &later,
				  NULL) != HF_OK)
			continue;
		later.hashes = item->hashes;
		later.hashes_count = item->hashes_count;
		*item = later;
	}
	return HF_OK;
}

static enum hf_err put_item(struct piece *piece,
			    const struct hf_ledger_entry *entry,
			    struct hf_item *item, struct hf_why *why)
{
	struct hf_tree_hash leaf;
	struct hf_entry_ref from = {
		.origin = piece->carry->from_origin,
		.index = entry->index,
	};
	struct hf_span payload;
	struct hf_buf buf;
	enum hf_err err;

	hf_leaf_hashes(entry->header, 1, &leaf);
	from.leaf_hash = hf_span(leaf.bytes, sizeof(leaf.bytes));
	item->reinstates_plus_one = 0;
	item->predecessor = &from;
	hf_buf_init(&buf, HF_PAYLOAD_MAX_BYTES);
	err = hf_item_encode(item, &buf);
	payload = err == HF_OK ? hf_arena_copy(&piece->arena, hf_buf_span(&buf))
			       : hf_span(NULL, 0);
	hf_buf_release(&buf);
	if (err != HF_OK)
		return hf_why(why, err, "%s", hf_err_words(err));
	if (payload.at == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	piece->drafts[piece->count++] = (struct hf_ledger_draft){
		.op = HF_OP_ADD,
		.time_ms = hf_clock_wall_ms(),
		.target = HF_LEDGER_SELF,
		.payload = payload,
	};
	return HF_OK;
}

/* One entry of the earlier epoch, if it is an item that lives.  The first
 * RETRACT counts, whatever void ones came later. */
static enum hf_err take_entry(struct piece *piece, uint64_t index,
			      struct hf_why *why)
{
	const struct hf_carry *carry = piece->carry;
	struct hf_ledger_entry entry;
	struct hf_ledger_fate fate;
	struct hf_header header;
	struct hf_item item;
	uint64_t is;
	enum hf_err err;

	if (hf_recalled_find(piece->recalled, index, &is))
		return HF_OK;
	err = hf_ledger_entry(piece->view, carry->from, index, &entry, why);
	if (err == HF_OK)
		err = hf_ledger_fate(piece->view, carry->from, index, &fate,
				     why);
	if (err != HF_OK)
		return err;
	if (hf_header_parse(entry.header, &header, NULL) != HF_OK ||
	    header.op != HF_OP_ADD || fate.retracted_by < carry->size ||
	    fate.erased_by < carry->size)
		return HF_OK;
	hf_arena_reset(&piece->scratch);
	err = entry.state == HF_LEDGER_HELD
		      ? hf_item_parse(entry.payload, &piece->scratch, &item,
				      why)
		      : hf_why(why, HF_E_NOTFOUND, "its payload is not here");
	if (err == HF_OK)
		err = amend(piece, index, &item, why);
	if (err == HF_OK)
		err = put_item(piece, &entry, &item, why);
	if (err == HF_OK || err == HF_E_NOMEM)
		return err;
	/* Nothing that is tried again would help it, or the others. */
	hf_log(HF_LOG_ERROR, "epoch", "item not carried over",
	       "set=%s entry=%llu err=%s why=\"%s\"", carry->from_origin,
	       (unsigned long long)index, hf_err_name(err), why->text);
	return HF_OK;
}

static enum hf_err gather(struct piece *piece, uint64_t number,
			  struct hf_why *why)
{
	uint64_t first = number * HF_CARRY_ENTRIES;
	uint64_t left = piece->carry->size - first;
	enum hf_err err = HF_OK;

	if (left > HF_CARRY_ENTRIES)
		left = HF_CARRY_ENTRIES;
	for (uint64_t i = first; i < first + left && err == HF_OK; i++)
		err = take_entry(piece, i, why);
	return err;
}

static enum hf_err append(struct piece *piece, uint64_t number,
			  struct hf_ledger_receipt *out_receipt,
			  struct hf_why *why)
{
	struct hf_ledger_batch batch = {
		.set = piece->carry->to,
		.sequence = number,
		.drafts = piece->drafts,
		.drafts_count = piece->count,
	};
	struct hf_ledger_wait *wait;
	enum hf_err err = hf_ledger_wait_new(&wait, why);

	if (err != HF_OK)
		return err;
	id_of(piece->carry, batch.id);
	err = hf_ledger_append(piece->carry->node->ledger, &batch,
			       hf_ledger_wait_done(wait), why);
	if (err == HF_OK)
		err = hf_ledger_wait_for(wait, out_receipt, why);
	hf_ledger_wait_free(wait);
	return err;
}

enum hf_err hf_carry_piece(const struct hf_carry *carry, uint64_t number,
			   struct hf_ledger_receipt *out_receipt,
			   struct hf_why *why)
{
	struct piece *piece = calloc(1, sizeof(*piece));
	bool is_over;
	enum hf_err err;

	if (piece == NULL)
		return hf_why(why, HF_E_NOMEM, "epoch: no memory");
	piece->carry = carry;
	hf_arena_init(&piece->arena, PIECE_MAX_BYTES);
	hf_arena_init(&piece->scratch, HF_UNPACK_MAX_BYTES);
	*out_receipt = (struct hf_ledger_receipt){ .set = carry->to };
	err = hf_ledger_view_begin(carry->node->ledger, &piece->view, why);
	if (err != HF_OK)
		goto out_free;
	is_over = is_there(carry, piece->view, number, out_receipt) ||
		  carry->is_complete;
	if (!is_over)
		err = recall(carry, piece->view, &piece->recalled, why);
	if (err == HF_OK && !is_over)
		err = gather(piece, number, why);
	hf_ledger_view_end(piece->view);
	if (err == HF_OK && !is_over && piece->count > 0)
		err = append(piece, number, out_receipt, why);

out_free:
	hf_arena_release(&piece->scratch);
	hf_arena_release(&piece->arena);
	free(piece);
	return err;
}

/* The entry of a piece that stands for an earlier one. */
static enum hf_err find_in(const struct hf_carry *carry,
			   const struct hf_ledger_receipt *receipt,
			   uint64_t index, uint64_t *out_entry,
			   struct hf_why *why)
{
	struct hf_ledger_view *view;
	struct hf_arena arena;
	bool is_found = false;
	enum hf_err err = hf_ledger_view_begin(carry->node->ledger, &view, why);

	if (err != HF_OK)
		return err;
	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	for (uint64_t i = receipt->first;
	     i < receipt->first + receipt->count && err == HF_OK && !is_found;
	     i++) {
		struct hf_ledger_entry entry;
		struct hf_item item;

		hf_arena_reset(&arena);
		err = hf_ledger_entry(view, carry->to, i, &entry, why);
		if (err != HF_OK || entry.state != HF_LEDGER_HELD ||
		    hf_item_parse(entry.payload, &arena, &item, NULL) != HF_OK)
			continue;
		is_found = item.predecessor != NULL &&
			   item.predecessor->index == index;
		*out_entry = i;
	}
	hf_arena_release(&arena);
	hf_ledger_view_end(view);
	if (err == HF_OK && !is_found)
		err = hf_why(why, HF_E_NOTFOUND,
			     "entry %llu of %s was not carried over: it was "
			     "void, or retracted",
			     (unsigned long long)index, carry->from_origin);
	return err;
}

/* The next epoch after a set's, and what is carried between the two; NULL
 * where there is none. */
static const struct hf_ring_set *next_of(struct hf_node *node,
					 const struct hf_ring *ring,
					 uint32_t set, char *origin,
					 struct hf_carry *out_carry)
{
	const struct hf_ring_set *next = NULL;
	struct hf_carry carry = { .node = node, .from_origin = origin };
	struct hf_ledger_view *view;
	struct hf_ledger_info info;
	const uint8_t *root;

	if (hf_ledger_view_begin(node->ledger, &view, NULL) != HF_OK)
		return NULL;
	if (hf_ledger_info(view, set, &info, NULL) == HF_OK) {
		strcpy(origin, info.origin);
		next = hf_ring_successor(ring, hf_span_of(origin), &carry.size,
					 &root);
	}
	if (next != NULL && hf_ledger_find(view, hf_span_of(next->origin),
					   &carry.to, NULL) != HF_OK)
		next = NULL;
	hf_ledger_view_end(view);
	carry.from = set;
	carry.is_complete = next != NULL &&
			    next->agreement->predecessor->carried_plus_one != 0;
	*out_carry = carry;
	return next;
}

/* One epoch on. */
static enum hf_err carry_entry(const struct hf_carry *carry, uint64_t *entry,
			       struct hf_why *why)
{
	struct hf_ledger_receipt receipt = { .count = 0 };
	const struct hf_recalled *recalled;
	struct hf_ledger_view *view;
	enum hf_err err = hf_ledger_view_begin(carry->node->ledger, &view, why);

	if (err != HF_OK)
		return err;
	err = recall(carry, view, &recalled, why);
	hf_ledger_view_end(view);
	if (err != HF_OK || hf_recalled_find(recalled, *entry, entry))
		return err;
	if (*entry < carry->size)
		err = hf_carry_piece(carry, *entry / HF_CARRY_ENTRIES, &receipt,
				     why);
	return err == HF_OK ? find_in(carry, &receipt, *entry, entry, why)
			    : err;
}

enum hf_err hf_carry_entry(struct hf_node *node, uint32_t *set, uint64_t *entry,
			   struct hf_why *why)
{
	struct hf_ring *ring = hf_ring_holder_get(node->ring);
	char origin[HF_ORIGIN_MAX_BYTES + 1];
	struct hf_carry carry;
	enum hf_err err = HF_OK;

	while (err == HF_OK &&
	       next_of(node, ring, *set, origin, &carry) != NULL) {
		err = carry_entry(&carry, entry, why);
		*set = carry.to;
	}
	hf_ring_release(ring);
	return err;
}
