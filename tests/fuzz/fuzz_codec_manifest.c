/*
 * A signed document and the manifest in it, as a peer hands them over.
 */
#include "codec_document.h"
#include "codec_twice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

HF_CODEC_TWICE(signed_document)
HF_CODEC_TWICE(manifest)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hf_signed_document document;
	struct hf_arena arena;

	signed_document_twice(hf_span(data, size));
	manifest_twice(hf_span(data, size));
	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	if (hf_signed_document_parse(hf_span(data, size), &arena, &document,
				     NULL) == HF_OK)
		manifest_twice(document.body);
	hf_arena_release(&arena);
	return 0;
}
