/*
 * Lines of hashfed match --stdin.  What is taken keeps to the limits, and has
 * a path or hashes, never both; what is refused says why.
 */
#include <stdlib.h>
#include <string.h>

#include "codec_words.h"
#include "kind.h"

#include "match_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hf_match_line line;
	struct hf_why why = { "" };
	enum hf_err err = hf_match_line_parse(hf_span(data, size), &line, &why);

	if (err != HF_OK && why.text[0] == '\0')
		abort();
	if (err == HF_OK && (line.path == NULL) != (line.hashes_count > 0))
		abort();
	if (line.path != NULL && strlen(line.path) > HF_MATCH_PATH_MAX_BYTES)
		abort();
	for (size_t i = 0; err == HF_OK && i < line.hashes_count; i++) {
		if (!hf_algorithm_takes(line.hashes[i].algorithm,
					line.hashes[i].len_bytes) ||
		    line.hashes[i].quality > HF_QUALITY_MAX)
			abort();
	}
	if (line.hashes_count > HF_ITEM_MAX_HASHES)
		abort();
	hf_match_line_release(&line);
	return 0;
}
