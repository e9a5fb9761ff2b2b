#include <stddef.h>
#include <stdint.h>

#include "image.h"
#include "pdq.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len_bytes);

/* A file as the confined decoder sees it: by its first bytes to one of the
 * libraries, and what comes out to the hash. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len_bytes)
{
	static struct hf_picture picture;
	struct hf_image_source source = {
		.bytes = bytes,
		.fd = -1,
		.size_bytes = len_bytes,
	};
	struct hf_why why = { "" };
	uint8_t pdq[HF_PDQ_BYTES];
	unsigned quality;

	if (hf_image_decode(&source, hf_media_kind(hf_span(bytes, len_bytes)),
			    &picture, &why) == HF_OK)
		hf_pdq(&picture, pdq, &quality);
	return 0;
}
