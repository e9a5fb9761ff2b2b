/*
 * Opinions of others: what passes hf_opinion_check() must keep its promises,
 * which whoever acts on one relies on.
 */
#include <string.h>

#include "codec_opinion.h"
#include "codec_twice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

HF_CODEC_TWICE(opinion)

static void promises(const struct hf_opinion *opinion)
{
	if (opinion->kind < HF_OPINION_AFFIRM ||
	    opinion->kind > HF_OPINION_IGNORE ||
	    opinion->reason > HF_OPINION_ORDERED ||
	    strlen(opinion->note) > HF_REMARK_MAX_BYTES ||
	    opinion->hashes_count > HF_ITEM_MAX_HASHES ||
	    (opinion->entry != NULL) == (opinion->hashes_count > 0) ||
	    (opinion->entry != NULL &&
	     opinion->entry->leaf_hash.len_bytes != HF_HASH_BYTES) ||
	    (opinion->kind == HF_OPINION_IGNORE && opinion->until_ms == 0))
		abort();
	for (size_t i = 0; i < opinion->hashes_count; i++) {
		const struct hf_hash *hash = &opinion->hashes[i];

		if (hash->digest.len_bytes == 0 ||
		    hash->digest.len_bytes !=
			    hf_algorithm_bytes(hash->algorithm))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hf_opinion opinion;
	struct hf_arena arena;
	struct hf_why why;

	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	if (hf_opinion_parse(hf_span(data, size), &arena, &opinion, &why) ==
		    HF_OK &&
	    hf_opinion_check(&opinion, &why) == HF_OK)
		promises(&opinion);
	hf_arena_release(&arena);
	opinion_twice(hf_span(data, size));
	return 0;
}
