#include <stdlib.h>
#include <string.h>

#include "recovery.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever parses must print back to something that parses to the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t seed[HF_SEED_BYTES], again[HF_SEED_BYTES];
	char text[HF_RECOVERY_TEXT_SIZE];
	enum hf_key_role role, role_again;
	struct hf_why why;

	if (hf_recovery_check_line(1, hf_span(data, size), &why) != HF_OK &&
	    hf_recovery_check_line(4, hf_span(data, size), &why) == HF_OK)
		return 0;
	if (hf_recovery_parse(hf_span(data, size), &role, seed, &why) != HF_OK)
		return 0;
	hf_recovery_encode(role, seed, text);
	if (hf_recovery_parse(hf_span_of(text), &role_again, again, &why) !=
		    HF_OK ||
	    role != role_again || memcmp(seed, again, sizeof(seed)) != 0)
		abort();
	return 0;
}
