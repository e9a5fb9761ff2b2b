/*
 * Claims of directory sets: what passes hf_attestation_check() must keep its
 * promises, which readers in memory rely on.
 */
#include <string.h>

#include "codec_case.h"
#include "codec_twice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

HF_CODEC_TWICE(attestation)

static void promises(const struct hf_attestation *claim)
{
	bool is_authority = claim->role == HF_ROLE_AUTHORITY;

	if (claim->role < HF_ROLE_HOTLINE || claim->role > HF_ROLE_WITNESS ||
	    (claim->powers_count > 0 && !is_authority) ||
	    (claim->until_ms != 0 && claim->until_ms < claim->from_ms) ||
	    strlen(claim->jurisdiction) > 2)
		abort();
	for (size_t i = 0; i < claim->powers_count; i++) {
		if (claim->powers[i] < HF_POWER_ATTEST_FLAGGER ||
		    claim->powers[i] > HF_POWER_ORDER_CRIMINAL)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hf_attestation claim;
	struct hf_arena arena;
	struct hf_why why;

	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	if (hf_attestation_parse(hf_span(data, size), &arena, &claim, &why) ==
		    HF_OK &&
	    hf_attestation_check(&claim, &why) == HF_OK)
		promises(&claim);
	hf_arena_release(&arena);
	attestation_twice(hf_span(data, size));
	return 0;
}
