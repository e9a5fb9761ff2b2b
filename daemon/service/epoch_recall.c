#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "codec_item.h"
#include "leaf.h"

#include "epoch_recall.h"

struct row {
	uint64_t earlier, entry;
};

struct hf_recalled {
	struct hf_recalled *next;
	uint32_t to;
	struct row *rows; /* in the order of the earlier entries */
	size_t count, room;
};

struct reading {
	const struct hf_recall_ask *ask;
	struct hf_ledger_view *view;
	struct hf_arena arena;
	struct hf_recalled *into;
};

static enum hf_err add(struct hf_recalled *recalled, struct row row,
		       struct hf_why *why)
{
	if (recalled->count == recalled->room) {
		size_t room = recalled->room > 0 ? 2 * recalled->room : 256;
		struct row *rows =
			realloc(recalled->rows, room * sizeof(*rows));

		if (rows == NULL)
			return hf_why(why, HF_E_NOMEM, "epoch: no memory");
		recalled->rows = rows;
		recalled->room = room;
	}
	recalled->rows[recalled->count++] = row;
	return HF_OK;
}

static enum hf_err read_entry(struct reading *reading, uint64_t index,
			      struct hf_why *why)
{
	struct hf_ledger_entry entry;
	struct hf_header header;
	struct hf_item item;
	enum hf_err err = hf_ledger_entry(reading->view, reading->ask->to,
					  index, &entry, why);

	if (err != HF_OK)
		return err;
	hf_arena_reset(&reading->arena);
	if (entry.state != HF_LEDGER_HELD ||
	    hf_header_parse(entry.header, &header, NULL) != HF_OK ||
	    header.op != HF_OP_ADD ||
	    hf_item_parse(entry.payload, &reading->arena, &item, NULL) !=
		    HF_OK ||
	    item.predecessor == NULL ||
	    strcmp(item.predecessor->origin, reading->ask->origin) != 0)
		return HF_OK;
	return add(reading->into,
		   (struct row){ .earlier = item.predecessor->index,
				 .entry = index },
		   why);
}

/* The parts of the batch, by where they begin. */
static int compare_parts(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	return x->earlier < y->earlier ? -1 : x->earlier > y->earlier;
}

/* Of several entries that stand for one, the first. */
static int compare_rows(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->earlier != y->earlier)
		return x->earlier < y->earlier ? -1 : 1;
	return x->entry < y->entry ? -1 : x->entry > y->entry;
}

/* Where each part begins and ends. */
static enum hf_err list_parts(struct reading *reading,
			      struct hf_recalled *out_parts, struct hf_why *why)
{
	struct hf_ledger_receipt part;
	uint64_t sequence = 0;
	enum hf_err err;

	while ((err = hf_ledger_batch_next(reading->view, reading->ask->to,
					   reading->ask->batch, sequence,
					   &sequence, &part, NULL)) == HF_OK) {
		err = add(out_parts,
			  (struct row){ part.first, part.first + part.count },
			  why);
		if (err != HF_OK)
			return err;
		sequence++;
	}
	if (err != HF_E_NOTFOUND)
		return hf_why(why, err, "%s", hf_err_words(err));
	if (out_parts->count > 0)
		qsort(out_parts->rows, out_parts->count,
		      sizeof(*out_parts->rows), compare_parts);
	return HF_OK;
}

static enum hf_err read_all(struct reading *reading, uint64_t size,
			    struct hf_why *why)
{
	struct hf_recalled parts = { .count = 0 };
	uint64_t index = 0;
	enum hf_err err = list_parts(reading, &parts, why);

	for (size_t i = 0; i <= parts.count && err == HF_OK; i++) {
		uint64_t end = i < parts.count ? parts.rows[i].earlier : size;

		for (; index < end && err == HF_OK; index++)
			err = read_entry(reading, index, why);
		if (i < parts.count && parts.rows[i].entry > index)
			index = parts.rows[i].entry;
	}
	free(parts.rows);
	return err;
}

enum hf_err hf_recall(struct hf_recalls *recalls, struct hf_ledger_view *view,
		      const struct hf_recall_ask *ask,
		      const struct hf_recalled **out_recalled,
		      struct hf_why *why)
{
	struct reading reading = { .ask = ask, .view = view };
	struct hf_recalled *recalled = recalls->first;
	struct hf_ledger_info info;
	enum hf_err err;

	while (recalled != NULL && recalled->to != ask->to)
		recalled = recalled->next;
	*out_recalled = recalled;
	if (recalled != NULL)
		return HF_OK;
	err = hf_ledger_info(view, ask->to, &info, why);
	if (err == HF_OK && info.known_size > info.size)
		err = hf_why(why, HF_E_UNAVAILABLE,
			     "epoch: %s is being fetched back from peers",
			     info.origin);
	if (err != HF_OK)
		return err;
	recalled = calloc(1, sizeof(*recalled));
	if (recalled == NULL)
		return hf_why(why, HF_E_NOMEM, "epoch: no memory");
	recalled->to = ask->to;
	reading.into = recalled;
	hf_arena_init(&reading.arena, HF_UNPACK_MAX_BYTES);
	err = read_all(&reading, info.size, why);
	hf_arena_release(&reading.arena);
	if (err != HF_OK) {
		free(recalled->rows);
		free(recalled);
		return err;
	}
	if (recalled->count > 0)
		qsort(recalled->rows, recalled->count, sizeof(*recalled->rows),
		      compare_rows);
	recalled->next = recalls->first;
	recalls->first = recalled;
	*out_recalled = recalled;
	return HF_OK;
}

bool hf_recalled_find(const struct hf_recalled *recalled, uint64_t earlier,
		      uint64_t *out_entry)
{
	size_t low = 0, high = recalled->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (recalled->rows[middle].earlier < earlier)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == recalled->count || recalled->rows[low].earlier != earlier)
		return false;
	*out_entry = recalled->rows[low].entry;
	return true;
}

void hf_recalls_free(struct hf_recalls *recalls)
{
	while (recalls->first != NULL) {
		struct hf_recalled *recalled = recalls->first;

		recalls->first = recalled->next;
		free(recalled->rows);
		free(recalled);
	}
}
