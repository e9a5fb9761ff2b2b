#include <stdlib.h>

#include "clock.h"
#include "leaf.h"

#include "retract_drafts.h"

static enum hf_err add(struct hf_retract_drafts *drafts, uint8_t op,
		       uint64_t target, struct hf_why *why)
{
	if (drafts->count == drafts->size) {
		size_t size = drafts->size * 2 + 64;
		struct hf_ledger_draft *rows =
			realloc(drafts->rows, size * sizeof(*rows));

		if (rows == NULL)
			return hf_why(why, HF_E_NOMEM, "no memory");
		drafts->rows = rows;
		drafts->size = size;
	}
	drafts->rows[drafts->count++] = (struct hf_ledger_draft){
		.op = op,
		.code = (uint32_t)drafts->request->reason,
		.time_ms = hf_clock_wall_ms(),
		.target = target,
		.payload =
			op == HF_OP_RETRACT ? drafts->note : hf_span(NULL, 0),
	};
	return HF_OK;
}

static enum hf_err add_erase(struct hf_retract_drafts *drafts,
			     struct hf_ledger_view *view, uint32_t set,
			     uint64_t entry, struct hf_why *why)
{
	struct hf_ledger_entry is;
	enum hf_err err = hf_ledger_entry(view, set, entry, &is, why);

	return err == HF_OK && is.state == HF_LEDGER_HELD
		       ? add(drafts, HF_OP_ERASE, entry, why)
		       : err;
}

/* What was said of the item later is about it as well. */
static enum hf_err add_amendments(struct hf_retract_drafts *drafts,
				  struct hf_ledger_view *view, uint32_t set,
				  uint64_t entry, struct hf_why *why)
{
	uint64_t about = entry;
	enum hf_err err;
	uint8_t op;

	while ((err = hf_ledger_next_about(view, set, entry, about, &about, &op,
					   NULL)) == HF_OK) {
		if (op == HF_OP_AMEND)
			err = add_erase(drafts, view, set, about, why);
		if (err != HF_OK)
			return err;
	}
	return err == HF_E_NOTFOUND
		       ? HF_OK
		       : hf_why(why, err,
				"cannot read what was said of entry %llu",
				(unsigned long long)entry);
}

enum hf_err hf_retract_drafts_add(struct hf_retract_drafts *drafts,
				  struct hf_ledger_view *view, uint32_t set,
				  uint64_t entry, struct hf_why *why)
{
	struct hf_header header = { .op = HF_OP_ADD };
	struct hf_ledger_fate fate = { .retracted_by = HF_LEDGER_NONE };
	uint8_t bytes[HF_HEADER_BYTES];
	enum hf_err err;

	if (!drafts->request->erase)
		return add(drafts, HF_OP_RETRACT, entry, why);
	err = hf_ledger_headers(view, set, entry, 1, bytes, why);
	if (err == HF_OK)
		err = hf_header_parse(bytes, &header, why);
	if (err == HF_OK)
		err = hf_ledger_fate(view, set, entry, &fate, why);
	if (err == HF_OK && header.op == HF_OP_ADD &&
	    fate.retracted_by == HF_LEDGER_NONE)
		err = add(drafts, HF_OP_RETRACT, entry, why);
	if (err == HF_OK)
		err = add_erase(drafts, view, set, entry, why);
	return err == HF_OK ? add_amendments(drafts, view, set, entry, why)
			    : err;
}
