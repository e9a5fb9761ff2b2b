#include <stdlib.h>

#include "agent_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What a daemon that was taken over could send.  A request that parses has one
 * spelling only. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hf_agent_request request;
	struct hf_agent_status status;
	struct hf_agent_reply reply;
	struct hf_why why;

	if (hf_agent_request_parse(hf_span(data, size), &request, &why) ==
	    HF_OK) {
		struct hf_buf again;

		hf_buf_init(&again, size);
		hf_agent_request_encode(&request, &again);
		if (hf_buf_failed(&again) != HF_OK ||
		    !hf_span_equal(hf_buf_span(&again), hf_span(data, size)))
			abort();
		hf_buf_release(&again);
	}
	if (hf_agent_reply_parse(hf_span(data, size), &reply, &why) == HF_OK) {
		struct hf_agent_record record;
		struct hf_span strings[3];

		(void)!hf_agent_status_parse(reply.body, &status, &why);
		(void)!hf_agent_bytes_parse(reply.body, strings, 3, &why);
		hf_buf_init(&record.text, HF_CASE_TEXT_MAX_BYTES);
		(void)!hf_agent_record_parse(reply.body, &record, &why);
		hf_buf_release(&record.text);
	}
	return 0;
}
