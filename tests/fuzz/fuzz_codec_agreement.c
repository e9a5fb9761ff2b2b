/*
 * The body of an agreement.
 */
#include "codec_document.h"
#include "codec_twice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

HF_CODEC_TWICE(agreement)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	agreement_twice(hf_span(data, size));
	return 0;
}
