/*
 * Signed documents from strangers.  The first byte chooses: m a manifest, a an
 * agreement, i an invite's text, t an agreement's text.
 */
#include <string.h>

#include "codec_document.h"
#include "trust.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t zeros[HF_PUBLIC_KEY_BYTES];
	const struct hf_manifest publisher = {
		.organisation_id = { zeros, sizeof(zeros) },
		.name = "hotline.example",
		.agreement_key = { zeros, sizeof(zeros) },
	};
	const struct hf_agreement *agreement;
	const struct hf_manifest *manifest;
	struct hf_invite_read invite;
	struct hf_span document, input;
	struct hf_arena arena;
	bool is_id_proved;

	if (size == 0 || hf_sign_start(NULL) != HF_OK)
		return 0;
	input = hf_span(data + 1, size - 1);
	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	switch (data[0]) {
	case 'm':
		(void)!hf_trust_manifest(input, &arena, &manifest,
					 &is_id_proved, NULL);
		break;
	case 'a':
		(void)!hf_trust_agreement(input, &publisher, &arena, &agreement,
					  NULL);
		break;
	case 'i':
		(void)!hf_trust_invite(input, &arena, &invite, NULL);
		break;
	default:
		(void)!hf_trust_agreement_read(input, &arena, &document, NULL);
		break;
	}
	hf_arena_release(&arena);
	return 0;
}
