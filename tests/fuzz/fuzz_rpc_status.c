/*
 * Status details as a server may send them, and the same bytes as a
 * descriptor set, which shares the reader.
 */
#include <stdlib.h>

#include "rpc_descriptor.h"
#include "rpc_status.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len_bytes)
{
	struct hf_span input = hf_span(bytes, len_bytes);
	struct hf_rpc_descriptor *descriptor;
	struct hf_rpc_status status;
	bool client_streams;
	bool server_streams;

	for (int number = 0; number <= 16; number += 8) {
		(void)hf_rpc_status_parse(number, input, input, &status);
		/* A status that is not 0 is never heard as a success. */
		if ((number == 0) != (status.err == HF_OK) ||
		    status.violations_count > HF_RPC_VIOLATIONS_MAX)
			abort();
	}
	if (hf_rpc_descriptor_new(input, &descriptor, NULL) != HF_OK)
		return 0;
	(void)hf_rpc_descriptor_file(descriptor, hf_span_of("a.proto"));
	(void)hf_rpc_descriptor_symbol(descriptor, hf_span_of("a.B.C.d"));
	(void)hf_rpc_descriptor_method(descriptor, hf_span_of("/a.B/C"),
				       &client_streams, &server_streams);
	hf_rpc_descriptor_free(descriptor);
	return 0;
}
