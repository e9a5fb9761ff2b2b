#include "ledger_statements.h"

/* Entries read in one view: a few milliseconds. */
#define VIEW_ENTRIES 1024

static enum hf_err entry_read(struct hf_ledger_statements *statements,
			      const struct hf_ledger_entry *entry,
			      struct hf_why *why)
{
	struct hf_header header;

	if (hf_header_parse(entry->header, &header, NULL) != HF_OK ||
	    hf_header_use(&header) != HF_HEADER_APPLY)
		return HF_OK;
	if (header.op == HF_OP_STATUS && header.target == entry->index &&
	    header.code == 0 && entry->state == HF_LEDGER_HELD)
		return entry->index < statements->void_from
			       ? statements->take(statements->arg, entry,
						  &header, why)
			       : HF_OK;
	/* What it says no more may have been read before. */
	if (header.op == HF_OP_ERASE && entry->index >= statements->erased)
		statements->must_reset = true;
	return HF_OK;
}

enum hf_err hf_ledger_statements_read(struct hf_ledger_statements *statements,
				      struct hf_why *why)
{
	struct hf_ledger_view *view;
	struct hf_ledger_scan *scan;
	struct hf_ledger_entry entry;
	enum hf_err err = hf_ledger_view_begin(statements->ledger, &view, why);

	if (err != HF_OK)
		return err;
	err = hf_ledger_scan_begin(view, statements->set, statements->position,
				   &scan, why);
	if (err != HF_OK)
		goto out_end;
	for (size_t i = 0; i < VIEW_ENTRIES && err == HF_OK; i++) {
		err = hf_ledger_scan_next(scan, &entry, why);
		if (err == HF_OK)
			err = entry_read(statements, &entry, why);
		if (err == HF_OK)
			statements->position++;
	}
	hf_ledger_scan_end(scan);
	if (err == HF_E_NOTFOUND)
		err = HF_OK; /* its end */
out_end:
	hf_ledger_view_end(view);
	return err;
}
