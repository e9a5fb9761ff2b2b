#include <stdbool.h>

#include "armour.h"
#include "cert.h"

#define DER_MAX_BYTES ((size_t)8 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Text as it comes, and bytes put under armour first so that the fuzzer need
 * not learn base64; against the issuer that signed the corpus' first. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char issuer_pem[HF_CERT_SIZE];
	static char text[HF_ARMOUR_SIZE(DER_MAX_BYTES)];
	struct hf_span tries[2] = { hf_span(data, size), { NULL, 0 } };

	if (issuer_pem[0] == '\0') {
		const uint8_t seed[HF_SEED_BYTES] = { 7 };
		const struct hf_cert_dates dates = { 0, 4000000000000 };
		struct hf_secret *issuer;

		if (hf_sign_start(NULL) != HF_OK ||
		    hf_secret_from_seed(seed, &issuer, NULL) != HF_OK)
			return 0;
		(void)!hf_cert_issuer_new(issuer, hf_span_of("a.example"),
					  dates, issuer_pem, NULL);
		hf_secret_free(issuer);
	}
	if (size <= DER_MAX_BYTES)
		tries[1] = hf_span(text,
				   hf_armour_encode("CERTIFICATE",
						    hf_span(data, size), text));
	for (size_t i = 0; i < 2; i++) {
		struct hf_cert_info info;
		struct hf_why why;

		if (hf_cert_inspect(tries[i], &info, &why) == HF_OK &&
		    hf_cert_client_verify(hf_span_of(issuer_pem), tries[i],
					  1800000000000, &info,
					  &why) == HF_OK &&
		    info.is_issuer)
			__builtin_trap();
	}
	return 0;
}
