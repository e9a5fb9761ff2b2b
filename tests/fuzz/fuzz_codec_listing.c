/*
 * Listings of catalogues: what passes hf_listing_check() must keep its
 * promises, which readers rely on.
 */
#include <string.h>

#include "codec_hub.h"
#include "codec_twice.h"
#include "text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

HF_CODEC_TWICE(listing)

static void promises(const struct hf_listing *listing)
{
	struct hf_span origin = hf_span_of(listing->origin);
	bool is_set = origin.len_bytes > 0;

	if (listing->organisation_id.len_bytes != HF_HASH_BYTES ||
	    !hf_text_is_domain(hf_span_of(listing->name)) ||
	    (!is_set &&
	     (listing->classes_count > 0 || listing->log_key.len_bytes > 0)) ||
	    (is_set && (!hf_text_is_origin(origin) ||
			!hf_span_equal(hf_text_origin_domain(origin),
				       hf_span_of(listing->name)))) ||
	    listing->endpoints_count > HF_ENDPOINTS_MAX ||
	    strlen(listing->note) > HF_REMARK_MAX_BYTES)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hf_listing listing;
	struct hf_arena arena;
	struct hf_why why;

	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	if (hf_listing_parse(hf_span(data, size), &arena, &listing, &why) ==
		    HF_OK &&
	    hf_listing_check(&listing, &why) == HF_OK)
		promises(&listing);
	hf_arena_release(&arena);
	listing_twice(hf_span(data, size));
	return 0;
}
