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

/* Skimming gives what parsing gives. */
static void skims(struct hf_span wire, enum hf_err err,
		  const struct hf_item *item)
{
	struct hf_item_gist gist;
	struct hf_arena arena;

	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	if (hf_item_skim(wire, &arena, &gist, NULL) != err)
		abort();
	if (err == HF_OK && (gist.hashes_count != item->hashes_count ||
			     gist.content_class != item->content_class ||
			     gist.expires_at_ms != item->expires_at_ms ||
			     gist.is_derived != (item->derived_from_count > 0)))
		abort();
	for (size_t i = 0; err == HF_OK && i < gist.hashes_count; i++) {
		if (gist.hashes[i].algorithm != item->hashes[i].algorithm ||
		    gist.hashes[i].quality_plus_one !=
			    item->hashes[i].quality_plus_one ||
		    !hf_span_equal(gist.hashes[i].digest,
				   item->hashes[i].digest))
			abort();
	}
	hf_arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hf_span wire = hf_span(data, size);
	struct hf_arena arena;
	struct hf_item item;
	struct hf_why why;
	enum hf_err err;

	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	err = hf_item_parse(wire, &arena, &item, &why);
	if (err == HF_OK && hf_item_check(&item, 1, &why) == HF_OK)
		promises(&item);
	skims(wire, err, &item);
	hf_arena_release(&arena);
	item_twice(wire);
	retraction_twice(wire);
	return 0;
}
