/*
 * hashfed-video: makes frame lists of strangers' videos for a program that
 * does not want to, confined; see serve.h.  A program of its own, because it
 * is optional, and because its libraries are large.
 */
#include <string.h>

#include "confine.h"
#include "serve.h"
#include "video.h"

/* An AVI of 16 x 16 pixels that ends behind its headers: it is to be found cut
 * off, and the libraries to have been able to come that far. */
static const uint8_t trial[] = "RIFF\x10\0\0\0AVI LIST\4\0\0\0hdrl";

static void decode(const struct hf_ask *ask, int fd, struct hf_answer *answer)
{
	bool is_trial = fd == HF_SERVE_NO_FILE;
	struct hf_image_source source = {
		.bytes = is_trial ? trial : NULL,
		.fd = fd,
		.size_bytes = is_trial ? sizeof(trial) : ask->size_bytes,
	};
	struct hf_why why = { "" };
	struct hf_picture *picture = hf_serve_picture();
	uint32_t frames, width, height;
	enum hf_err err;

	if (picture == NULL)
		err = hf_why(&why, HF_E_NOMEM, "no memory for a picture");
	else
		err = hf_confine_calls(HF_MEDIA_VIDEO_CPU_MAX_S, &why);
	if (err == HF_OK)
		err = hf_video_decode(&source, picture, answer, &why);
	if (is_trial && err == HF_E_MALFORMED)
		err = HF_OK;
	frames = answer->frames_count;
	width = answer->width;
	height = answer->height;
	hf_serve_answer(answer, err, &why);
	if (err != HF_OK)
		return;
	answer->frames_count = frames;
	answer->width = width;
	answer->height = height;
}

int main(void)
{
	static const struct hf_serve serve = {
		.words = "hashfed-video: decodes videos",
		.memory_bytes = HF_MEDIA_VIDEO_MEMORY_MAX_BYTES,
		.cpu_s = HF_MEDIA_VIDEO_CPU_MAX_S,
		.decode = decode,
	};

	return hf_serve(&serve);
}
