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

/* Payloads of one chunk from outgo->next on, until the message is full. */
static enum hf_err put_payloads(struct hf_outgo *outgo,
				struct hf_ledger_view *view, uint32_t set,
				uint64_t chunk_end,
				struct hf_get_chunks_response *message,
				struct hf_why *why)
{
	struct hf_ledger_scan *scan;
	enum hf_err err =
		hf_ledger_scan_begin(view, set, outgo->next, &scan, why);

	if (err != HF_OK)
		return err;
	while (outgo->next < chunk_end &&
	       outgo->payloads.len_bytes < HF_OUTGO_PAYLOAD_BYTES) {
		struct hf_ledger_entry entry;

		err = hf_ledger_scan_next(scan, &entry, why);
		if (err != HF_OK)
			break;
		outgo->lengths[message->payload_lengths_count++] =
			(uint32_t)entry.payload.len_bytes;
		if (entry.payload.len_bytes > 0) {
			hf_buf_put(&outgo->openings, entry.opening);
			hf_buf_put(&outgo->payloads, entry.payload);
		}
		if (entry.state == HF_LEDGER_ERASED)
			outgo->erased[message->erased_count++] = entry.index;
		outgo->next++;
	}
	hf_ledger_scan_end(scan);
	if (err == HF_OK)
		err = hf_buf_failed(&outgo->payloads);
	return err != HF_OK ? err : hf_buf_failed(&outgo->openings);
}

/* The headers up to the end of the chunk, and the proof of the whole of it. */
static enum hf_err put_headers(struct hf_outgo *outgo,
			       struct hf_ledger_view *view, uint32_t set,
			       uint64_t chunk_end,
			       struct hf_get_chunks_response *message,
			       struct hf_why *why)
{
	size_t count = (size_t)(chunk_end - outgo->next);
	enum hf_err err = hf_ledger_headers(view, set, outgo->next, count,
					    outgo->headers, why);

	if (err == HF_OK)
		err = hf_ledger_prove_chunk(view, set,
					    outgo->next / HF_CHUNK_ENTRIES,
					    outgo->size, &outgo->proof, why);
	if (err != HF_OK)
		return err;
	message->headers = hf_span(outgo->headers, count * HF_HEADER_BYTES);
	message->proof = hf_span(outgo->proof.hashes,
				 outgo->proof.hashes_count * HF_HASH_BYTES);
	outgo->with_headers = chunk_end;
	return HF_OK;
}

enum hf_err hf_outgo_next(struct hf_outgo *outgo, struct hf_ledger_view *view,
			  uint32_t set,
			  struct hf_get_chunks_response *out_message,
			  struct hf_why *why)
{
	uint64_t chunk_end =
		(outgo->next / HF_CHUNK_ENTRIES + 1) * HF_CHUNK_ENTRIES;
	struct hf_get_chunks_response message = { .first = outgo->next };
	enum hf_err err = HF_OK;

	if (chunk_end > outgo->size)
		chunk_end = outgo->size;
	hf_buf_reset(&outgo->openings);
	hf_buf_reset(&outgo->payloads);
	if (outgo->next >= outgo->with_headers)
		err = put_headers(outgo, view, set, chunk_end, &message, why);
	if (err == HF_OK)
		err = put_payloads(outgo, view, set, chunk_end, &message, why);
	if (err != HF_OK)
		return err;
	message.openings = hf_buf_span(&outgo->openings);
	message.payload_lengths = outgo->lengths;
	message.payloads = hf_buf_span(&outgo->payloads);
	message.erased = outgo->erased;
	*out_message = message;
	return HF_OK;
}
