/*
 * The ring's own text formats.  The first byte chooses: p a .peer file, f a
 * list of follows.  What parses is written out again and must parse as the
 * same.
 */
#include <stdlib.h>

#include "ring_inside.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void peer_file(struct hf_span text)
{
	struct hf_peer_file file, again;
	struct hf_buf out;

	if (hf_peer_file_parse(text, &file, NULL) != HF_OK)
		return;
	hf_buf_init(&out, HF_RING_PEER_BYTES + text.len_bytes);
	if (hf_peer_file_encode(&file, &out) != HF_OK ||
	    hf_peer_file_parse(hf_buf_span(&out), &again, NULL) != HF_OK ||
	    again.added_ms != file.added_ms ||
	    again.is_silent != file.is_silent ||
	    !hf_span_equal(again.endpoint, file.endpoint) ||
	    !hf_span_equal(again.invite, file.invite))
		abort();
	hf_buf_release(&out);
}

static void follows(struct hf_span text)
{
	struct hf_arena arena;
	struct hf_buf table;

	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	hf_buf_init(&table, HF_UNPACK_MAX_BYTES);
	if (hf_follows_parse(text, &arena, &table, NULL) == HF_OK) {
		const char **rows = HF_RING_ROWS(const char *, table);
		size_t count = HF_RING_COUNT(const char *, table);

		for (size_t i = 1; i < count; i++) {
			if (strcmp(rows[i - 1], rows[i]) >= 0)
				abort();
		}
	}
	hf_buf_release(&table);
	hf_arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] == 'p')
		peer_file(hf_span(data + 1, size - 1));
	else
		follows(hf_span(data + 1, size - 1));
	return 0;
}
