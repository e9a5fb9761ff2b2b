/*
 * What peers tell each other beside chunks: checkpoints, evidence, proofs.
 */
#include "codec_federation.h"
#include "codec_twice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

HF_CODEC_TWICE(gossip_request)
HF_CODEC_TWICE(gossip_response)
HF_CODEC_TWICE(get_proof_response)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	gossip_request_twice(hf_span(data, size));
	gossip_response_twice(hf_span(data, size));
	get_proof_response_twice(hf_span(data, size));
	return 0;
}
