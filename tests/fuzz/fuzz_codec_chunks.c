/*
 * What a peer streams: the lengths cut the payloads exactly.
 */
#include "codec_federation.h"
#include "codec_twice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

HF_CODEC_TWICE(get_chunks_response)
HF_CODEC_TWICE(offer_request)
HF_CODEC_TWICE(tail_response)

static void promises(const struct hf_get_chunks_response *part)
{
	size_t sum = 0;

	for (size_t i = 0; i < part->payload_lengths_count; i++)
		sum += part->payload_lengths[i];
	if (sum != part->payloads.len_bytes ||
	    part->headers.len_bytes % HF_HEADER_BYTES != 0 ||
	    part->headers.len_bytes > HF_CHUNK_ENTRIES * HF_HEADER_BYTES)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hf_get_chunks_response part;
	struct hf_arena arena;
	struct hf_why why;

	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	if (hf_get_chunks_response_parse(hf_span(data, size), &arena, &part,
					 &why) == HF_OK)
		promises(&part);
	hf_arena_release(&arena);
	get_chunks_response_twice(hf_span(data, size));
	offer_request_twice(hf_span(data, size));
	tail_response_twice(hf_span(data, size));
	return 0;
}
