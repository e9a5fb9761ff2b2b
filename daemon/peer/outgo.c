#include <string.h>

#include "chunk.h"

#include "outgo.h"

void hf_outgo_begin(struct hf_outgo *outgo, uint64_t size, uint64_t first,
		    uint64_t end)
{
	memset(outgo, 0, sizeof(*outgo));
	outgo->size = size;
	outgo->next = first;
	outgo->end = end;
	hf_buf_init(&outgo->openings, HF_CHUNK_ENTRIES * HF_OPENING_BYTES);
	hf_buf_init(&outgo->payloads,
		    HF_OUTGO_PAYLOAD_BYTES + HF_PAYLOAD_MAX_BYTES);
}

void hf_outgo_end(struct hf_outgo *outgo)
{
	hf_buf_release(&outgo->openings);
	hf_buf_release(&outgo->payloads);
}

static void put_payload(struct hf_outgo *outgo,
			const struct hf_ledger_entry *entry,
			struct hf_get_chunks_response *message)
{
	outgo->lengths[message->payload_lengths_count++] =
		(uint32_t)entry->payload.len_bytes;
	if (entry->payload.len_bytes > 0) {
		hf_buf_put(&outgo->openings, entry->opening);
		hf_buf_put(&outgo->payloads, entry->payload);
	}
	if (entry->state == HF_LEDGER_ERASED)
		outgo->erased[message->erased_count++] = entry->index;
	outgo->next++;
}

/* Entries from outgo->next on, read once: payloads until the message is full,
 * and the headers up to the end of the chunk where they are wanted. */
static enum hf_err put_entries(struct hf_outgo *outgo,
			       struct hf_ledger_view *view, uint32_t set,
			       uint64_t chunk_end, bool with_headers,
			       struct hf_get_chunks_response *message,
			       struct hf_why *why)
{
	struct hf_ledger_scan *scan;
	struct hf_ledger_entry entry;
	size_t count = (size_t)(chunk_end - outgo->next);
	enum hf_err err =
		hf_ledger_scan_begin(view, set, outgo->next, &scan, why);

	if (err != HF_OK)
		return err;
	for (size_t i = 0; i < count && err == HF_OK; i++) {
		bool is_full =
			outgo->payloads.len_bytes >= HF_OUTGO_PAYLOAD_BYTES;

		if (is_full && !with_headers)
			break;
		err = hf_ledger_scan_next(scan, &entry, why);
		if (err != HF_OK)
			break;
		if (with_headers)
			memcpy(outgo->headers + i * HF_HEADER_BYTES,
			       entry.header, HF_HEADER_BYTES);
		if (!is_full && !outgo->is_headers_only)
			put_payload(outgo, &entry, message);
	}
	hf_ledger_scan_end(scan);
	if (with_headers)
		message->headers =
			hf_span(outgo->headers, count * HF_HEADER_BYTES);
	if (err == HF_OK)
		err = hf_buf_failed(&outgo->payloads);
	return err != HF_OK ? err : hf_buf_failed(&outgo->openings);
}

/* The proof of the whole chunk goes with its headers. */
static enum hf_err put_proof(struct hf_outgo *outgo,
			     struct hf_ledger_view *view, uint32_t set,
			     struct hf_get_chunks_response *message,
			     struct hf_why *why)
{
	enum hf_err err =
		hf_ledger_prove_chunk(view, set, outgo->next / HF_CHUNK_ENTRIES,
				      outgo->size, &outgo->proof, why);

	if (err == HF_OK)
		message->proof = hf_tree_proof_span(&outgo->proof);
	return err;
}

enum hf_err hf_outgo_next(struct hf_outgo *outgo, struct hf_ledger_view *view,
			  uint32_t set,
			  struct hf_get_chunks_response *out_message,
			  struct hf_why *why)
{
	uint64_t chunk_end =
		(outgo->next / HF_CHUNK_ENTRIES + 1) * HF_CHUNK_ENTRIES;
	struct hf_get_chunks_response message = { .first = outgo->next };
	bool with_headers = outgo->next >= outgo->with_headers;
	enum hf_err err = HF_OK;

	if (chunk_end > outgo->size)
		chunk_end = outgo->size;
	hf_buf_reset(&outgo->openings);
	hf_buf_reset(&outgo->payloads);
	if (with_headers)
		err = put_proof(outgo, view, set, &message, why);
	if (err == HF_OK)
		err = put_entries(outgo, view, set, chunk_end, with_headers,
				  &message, why);
	if (err != HF_OK)
		return err;
	if (with_headers)
		outgo->with_headers = chunk_end;
	if (outgo->is_headers_only)
		outgo->next = chunk_end;
	message.openings = hf_buf_span(&outgo->openings);
	message.payload_lengths = outgo->lengths;
	message.payloads = hf_buf_span(&outgo->payloads);
	message.erased = outgo->erased;
	*out_message = message;
	return HF_OK;
}
