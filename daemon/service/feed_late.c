#include "ledger.h"
#include "ledger_piece.h"
#include "ledger_view.h"
#include "match_index.h"
#include "roles.h"

#include "feed_batch.h"
#include "feed_late.h"
#include "node.h"
#include "opinions.h"

/* Looked at in one view. */
#define BATCH_ENTRIES 256

/* Those that the feed has passed; what it has not, it finds as any other. */
static size_t next_late(struct hf_ledger_view *view,
			const struct hf_feed_set *is, uint64_t from,
			uint64_t *indexes)
{
	uint64_t end = is->is_indexed ? is->fed : UINT64_MAX;
	size_t count = 0;

	while (count < BATCH_ENTRIES &&
	       hf_ledger_late_next(view, is->set, from, &indexes[count],
				   NULL) == HF_OK &&
	       indexes[count] < end)
		from = indexes[count++] + 1;
	return count;
}

/* Up to BATCH_ENTRIES of them; *from is behind them afterwards. */
static enum hf_err step(struct hf_node *node, const struct hf_feed_set *is,
			uint64_t *from, size_t *out_count, struct hf_why *why)
{
	struct hf_feed_batch batch = { .node = NULL };
	uint64_t indexes[BATCH_ENTRIES];
	struct hf_ledger_view *view;
	enum hf_err err = hf_ledger_view_begin(node->ledger, &view, why);

	if (err != HF_OK)
		return err;
	*out_count = next_late(view, is, *from, indexes);
	if (*out_count > 0 && is->is_indexed)
		err = hf_feed_gather_late(node, view, is, indexes, out_count,
					  &batch, why);
	hf_ledger_view_end(view);
	if (err == HF_OK && batch.node != NULL) {
		err = hf_feed_give_late(&batch, why);
		hf_feed_batch_release(&batch);
	}
	if (err != HF_OK || *out_count == 0)
		return err;
	*from = indexes[*out_count - 1] + 1;
	/* Not done, it is fed once more: that changes nothing. */
	err = hf_ledger_late_done(node->ledger, is->set, indexes, *out_count,
				  (struct hf_ledger_done){ .call = NULL },
				  NULL);
	return err == HF_E_BUSY ? HF_OK : err;
}

enum hf_err hf_feed_late(struct hf_node *node, const struct hf_feed_set *is,
			 struct hf_why *why)
{
	uint64_t from = 0;
	size_t total = 0, count = 0;
	enum hf_err err;

	do {
		err = step(node, is, &from, &count, why);
		total += count;
	} while (err == HF_OK && count > 0);
	/* Others read the ledger by themselves, and past what is missing. */
	if (total > 0 && !is->is_items) {
		hf_opinions_late(node->opinions, is->set);
		hf_roles_late(node->roles, is->set);
	}
	return err;
}
