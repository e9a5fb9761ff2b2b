/* Items that were looked up, as they are read back from disk: what is taken is
 * what we would have put, and goes through a filter. */
#include <stdlib.h>

#include "match_sieve.h"
#include "retro_item.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void filter_finds(const struct hf_retro_item *item)
{
	struct hf_match_sieve *filter;

	if (hf_match_sieve_new(31, 31, &filter, NULL) != HF_OK)
		abort();
	for (size_t i = 0; i < item->count; i++) {
		const struct hf_retro_digest *digest = &item->digests[i];
		size_t step = digest->algorithm == HF_ALGORITHM_VPDQ
				      ? HF_PDQ_BYTES
				      : digest->len_bytes;

		for (size_t at = 0; at < digest->len_bytes; at += step) {
			if (hf_match_sieve_add(filter, digest->algorithm,
					       digest->at + at, NULL) != HF_OK)
				abort();
		}
	}
	if (!hf_retro_item_passes(item, filter))
		abort();
	hf_match_sieve_free(filter);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hf_span rest = hf_span(data, size);
	struct hf_retro_item item;
	struct hf_buf buf;

	hf_buf_init(&buf, size + 1);
	while (rest.len_bytes > 0) {
		const uint8_t *begin = rest.at;

		if (hf_retro_item_take(&rest, &item, NULL) != HF_OK)
			break;
		hf_buf_reset(&buf);
		hf_retro_item_put(&buf, &item);
		if (!hf_span_equal(hf_buf_span(&buf),
				   hf_span(begin, (size_t)(rest.at - begin))))
			abort();
		filter_finds(&item);
	}
	hf_buf_release(&buf);
	return 0;
}
