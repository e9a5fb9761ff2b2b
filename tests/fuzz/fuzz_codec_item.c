/*
 * Payloads: what passes hf_item_check() must keep its promises.
 */
#include "codec_item.h"
#include "codec_twice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

HF_CODEC_TWICE(item)
HF_CODEC_TWICE(retraction)

static void promises(const struct hf_item *item)
{
	if (item->hashes_count == 0 || item->hashes_count > 64 ||
	    item->labels_count > 64 || item->content_class == 0)
		abort();
	for (size_t i = 0; i < item->hashes_count; i++) {
		if (!hf_algorithm_takes(item->hashes[i].algorithm,
					item->hashes[i].digest.len_bytes))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hf_arena arena;
	struct hf_item item;
	struct hf_why why;

	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	if (hf_item_parse(hf_span(data, size), &arena, &item, &why) == HF_OK &&
	    hf_item_check(&item, 1, &why) == HF_OK)
		promises(&item);
	hf_arena_release(&arena);
	item_twice(hf_span(data, size));
	retraction_twice(hf_span(data, size));
	return 0;
}
