/*
 * Invite files: what parses can be written again and reads the same.
 */
#include "codec_document.h"
#include "codec_twice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hf_invite one, two;
	struct hf_arena arena;
	struct hf_buf text;
	struct hf_why why;

	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	hf_buf_init(&text, HF_INVITE_MAX_BYTES);
	if (hf_invite_text_parse(hf_span(data, size), &arena, &one, &why) ==
	    HF_OK) {
		if (hf_invite_text_encode(&one, &text) != HF_OK ||
		    hf_invite_text_parse(hf_buf_span(&text), &arena, &two,
					 &why) != HF_OK ||
		    !hf_span_equal(one.manifest, two.manifest) ||
		    one.history_count != two.history_count)
			abort();
	}
	hf_buf_release(&text);
	hf_arena_release(&arena);
	return 0;
}
