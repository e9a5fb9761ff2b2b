/*
 * Lists of hashes, in either format: the first byte says which and what bare
 * hashes are, the rest is the list.  Every row that is read has to be read
 * the same from where it says that it begins.
 */
#include <stdlib.h>
#include <string.h>

#include "import_list.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hf_import_type type = { 0 };
	struct hf_import_row row, again;
	struct hf_import_list list;
	struct hf_why why = { "" };
	struct hf_arena arena;
	enum hf_err err;

	if (size == 0)
		return 0;
	type.algorithm = data[0] / 3 % 6;
	if (hf_import_list_init(&list, hf_span(data + 1, size - 1),
				(enum hf_import_format)(data[0] % 3), &type,
				&why) != HF_OK)
		return 0;
	hf_arena_init(&arena, (size_t)256 * 1024);
	do {
		hf_arena_reset(&arena);
		err = hf_import_list_next(&list, &arena, &row, &why);
		if (err != HF_OK)
			continue;
		if (hf_import_list_at(&list, row.at_bytes, &arena, &again,
				      &why) != HF_OK ||
		    again.len_bytes != row.len_bytes ||
		    memcmp(again.digest, row.digest, row.len_bytes) != 0)
			abort();
	} while (err != HF_E_NOTFOUND);
	hf_arena_release(&arena);
	return 0;
}
