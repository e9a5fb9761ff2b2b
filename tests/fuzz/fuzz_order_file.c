/*
 * Orders in files: one that is read can be told.
 */
#include <stdlib.h>

#include "order_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hf_order order;
	struct hf_why why = { "" };
	struct hf_arena arena;
	struct hf_buf buf;
	uint64_t deadline_ms;

	hf_arena_init(&arena, (size_t)1024 * 1024);
	hf_buf_init(&buf, HF_MESSAGE_MAX_BYTES);
	if (hf_order_file_parse(hf_span(data, size), &arena, &order,
				&deadline_ms, &why) == HF_OK) {
		if (hf_order_encode(&order, &buf) != HF_OK)
			abort();
	} else if (why.text[0] == '\0') {
		abort();
	}
	hf_buf_release(&buf);
	hf_arena_release(&arena);
	return 0;
}
