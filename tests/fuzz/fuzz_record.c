/* The ledger's records as they are read back from disk: whatever is accepted
 * is what we would have written. */
#include <stdlib.h>
#include <string.h>

#include "ledger_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same(struct hf_span record, const void *bytes, size_t len)
{
	if (!hf_span_equal(record, hf_span(bytes, len)))
		abort();
}

static void small_records(struct hf_span record)
{
	uint8_t bytes[HF_LEDGER_SET_RECORD_MAX + HF_LEDGER_MARKS_MAX];
	struct hf_ledger_about_record about;
	struct hf_ledger_batch_record batch;
	struct hf_ledger_marks marks;
	struct hf_ledger_set_record set;

	if (hf_ledger_set_parse(record, &set, NULL) == HF_OK)
		same(record, bytes, hf_ledger_set_encode(&set, bytes));
	if (hf_ledger_marks_parse(record, &marks, NULL) == HF_OK)
		same(record, bytes, hf_ledger_marks_encode(&marks, bytes));
	if (hf_ledger_batch_parse(record, &batch, NULL) == HF_OK) {
		hf_ledger_batch_encode(&batch, bytes);
		same(record, bytes, HF_LEDGER_BATCH_RECORD_BYTES);
	}
	if (hf_ledger_about_parse(record, &about, NULL) == HF_OK) {
		hf_ledger_about_encode(&about, bytes);
		same(record, bytes, HF_LEDGER_ABOUT_RECORD_BYTES);
	}
}

static void note_record(struct hf_span record)
{
	struct hf_ledger_note_record note;
	struct hf_buf buf;

	if (hf_ledger_note_parse(record, &note, NULL) != HF_OK)
		return;
	hf_buf_init(&buf, HF_LEDGER_NOTE_RECORD_MAX);
	hf_ledger_note_put(&buf, &note);
	same(record, buf.at, buf.len_bytes);
	hf_buf_release(&buf);
}

static void entry_record(struct hf_span record)
{
	struct hf_ledger_entry entry;
	uint8_t *bytes;

	if (hf_ledger_entry_parse(record, 7, &entry, NULL) != HF_OK)
		return;
	if (hf_ledger_entry_len(&entry) != record.len_bytes)
		abort();
	bytes = malloc(record.len_bytes);
	if (bytes == NULL)
		abort();
	hf_ledger_entry_encode(&entry, bytes);
	same(record, bytes, record.len_bytes);
	free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hf_span record = hf_span(data, size);

	small_records(record);
	note_record(record);
	entry_record(record);
	return 0;
}
