/*
 * What a scanner sends and is answered: every digest that is counted must be
 * there.
 */
#include "codec_match.h"
#include "codec_twice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

HF_CODEC_TWICE(wire_match_request)
HF_CODEC_TWICE(wire_match_response)
HF_CODEC_TWICE(get_news_response)

static void promises(const struct hf_wire_match_request *request)
{
	size_t total = 0;

	for (size_t i = 0; i < request->batches_count; i++) {
		const struct hf_digest_batch *batch = &request->batches[i];
		size_t count = hf_digest_batch_count(batch);

		size_t at = 0;

		for (size_t j = 0; j < count; j++) {
			size_t len_bytes =
				hf_digest_batch_next(batch, j, &at).len_bytes;

			total += batch->algorithm == HF_ALGORITHM_VPDQ
					 ? len_bytes / HF_PDQ_BYTES
					 : 1;
		}
		if (at != batch->digests.len_bytes ||
		    (batch->items_count != 0 && batch->items_count != count))
			abort();
	}
	if (total > HF_MATCH_BATCH_MAX)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hf_wire_match_request request;
	struct hf_arena arena;
	struct hf_why why;

	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	if (hf_wire_match_request_parse(hf_span(data, size), &arena, &request,
					&why) == HF_OK)
		promises(&request);
	hf_arena_release(&arena);
	wire_match_request_twice(hf_span(data, size));
	wire_match_response_twice(hf_span(data, size));
	get_news_response_twice(hf_span(data, size));
	return 0;
}
