#include "keyfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Text as it comes, and bytes put under armour first so that the fuzzer need
 * not learn base64.  Never with a passphrase: nobody waits for Argon2id. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char text[HF_KEYFILE_TEXT_SIZE];
	struct hf_keyfile_info info;
	struct hf_span tries[2] = { hf_span(data, size), { NULL, 0 } };

	if (hf_sign_start(NULL) != HF_OK)
		return 0;
	if (size <= HF_KEYFILE_MAX_BYTES) {
		size_t len_bytes = hf_armour_encode("HASHFED KEY",
						    hf_span(data, size), text);

		tries[1] = hf_span(text, len_bytes);
	}
	for (size_t i = 0; i < 2; i++) {
		struct hf_key *key = NULL;
		struct hf_why why;

		if (hf_keyfile_inspect(tries[i], &info, &why) != HF_OK)
			continue;
		if (hf_keyfile_parse(tries[i], info.role, hf_span(NULL, 0),
				     &key, &why) == HF_OK)
			hf_key_free(key);
	}
	return 0;
}
