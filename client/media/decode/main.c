/*
 * hashfed-media: decodes the images of strangers for a program that does not
 * want to, confined; see serve.h.
 */
#include <string.h>

#include "confine.h"
#include "image.h"
#include "pdq.h"
#include "serve.h"

/* A PNG of 8 x 8 black and white pixels, to try it all on. */
static const uint8_t trial[] = {
	/* clang-format off */
	0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d,
	0x49, 0x48, 0x44, 0x52, 0x00, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00, 0x08,
	0x01, 0x00, 0x00, 0x00, 0x00, 0xec, 0x74, 0x83, 0x26, 0x00, 0x00, 0x00,
	0x0e, 0x49, 0x44, 0x41, 0x54, 0x78, 0xda, 0x63, 0x08, 0x65, 0x58, 0xc5,
	0x80, 0x84, 0x01, 0x1e, 0x9c, 0x03, 0xfd, 0x70, 0x15, 0xc9, 0x90, 0x00,
	0x00, 0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82,
	/* clang-format on */
};

/* In the child: decode one image, or the trial where there is no file. */
static void decode(const struct hf_ask *ask, int fd, struct hf_answer *answer)
{
	struct hf_image_source source = {
		.bytes = fd == HF_SERVE_NO_FILE ? trial : NULL,
		.fd = fd,
		.size_bytes = fd == HF_SERVE_NO_FILE ? sizeof(trial)
						     : ask->size_bytes,
	};
	struct hf_why why = { "" };
	struct hf_picture *picture = hf_serve_picture();
	unsigned quality = 0;
	enum hf_err err;

	if (picture == NULL)
		err = hf_why(&why, HF_E_NOMEM, "no memory for a picture");
	else
		err = hf_confine_calls(HF_MEDIA_CPU_MAX_S, &why);
	if (err == HF_OK)
		err = hf_image_decode(&source,
				      fd == HF_SERVE_NO_FILE
					      ? HF_MEDIA_PNG
					      : (enum hf_media_kind)ask->kind,
				      picture, &why);
	hf_serve_answer(answer, err, &why);
	if (err != HF_OK)
		return;
	answer->width = picture->width;
	answer->height = picture->height;
	hf_pdq(picture, answer->pdq, &quality);
	answer->quality = quality;
}

int main(void)
{
	static const struct hf_serve serve = {
		.words = "hashfed-media: decodes images",
		.memory_bytes = HF_MEDIA_MEMORY_MAX_BYTES,
		.cpu_s = HF_MEDIA_CPU_MAX_S,
		.decode = decode,
	};

	return hf_serve(&serve);
}
