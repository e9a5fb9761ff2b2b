/*
 * Entry headers with what may follow them: 64 bytes, then an index of eight,
 * then an opening and a payload.
 */
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "leaf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t again[HF_HEADER_BYTES];
	struct hf_header header;
	struct hf_commit commit;
	struct hf_span opening = { NULL, 0 }, payload = { NULL, 0 };
	struct hf_why why;

	if (size < HF_HEADER_BYTES + 8)
		return 0;
	if (hf_header_parse(data, &header, &why) != HF_OK)
		return 0;
	hf_header_encode(&header, again);
	if (memcmp(again, data, HF_HEADER_BYTES) != 0)
		abort();
	if (header.payload_len_bytes > HF_PAYLOAD_MAX_BYTES)
		abort();
	if (hf_header_check(&header, hf_be64(data + HF_HEADER_BYTES), &why) ==
		    HF_OK &&
	    hf_header_use(&header) == HF_HEADER_APPLY &&
	    hf_op_name(header.op) == NULL)
		abort();

	data += HF_HEADER_BYTES + 8;
	size -= HF_HEADER_BYTES + 8;
	if (size >= HF_OPENING_BYTES) {
		opening = hf_span(data, HF_OPENING_BYTES);
		payload = hf_span(data + HF_OPENING_BYTES,
				  size - HF_OPENING_BYTES);
	}
	hf_commit_init(&commit);
	if (hf_commit_verify(&commit, &header, opening, payload, &why) ==
		    HF_OK &&
	    payload.len_bytes != header.payload_len_bytes)
		abort();
	return 0;
}
