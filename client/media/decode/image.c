#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "image.h"

ptrdiff_t hf_image_read(struct hf_image_source *source, void *at,
			size_t size_bytes)
{
	uint64_t left = source->size_bytes > source->offset
				? source->size_bytes - source->offset
				: 0;
	ssize_t got;

	if (size_bytes > left)
		size_bytes = (size_t)left;
	if (size_bytes == 0)
		return 0;
	if (source->bytes != NULL) {
		memcpy(at, source->bytes + source->offset, size_bytes);
		got = (ssize_t)size_bytes;
	} else {
		do
			got = pread(source->fd, at, size_bytes,
				    (off_t)source->offset);
		while (got < 0 && errno == EINTR);
	}
	if (got > 0)
		source->offset += (uint64_t)got;
	return got;
}

enum hf_err hf_image_decode(struct hf_image_source *source,
			    enum hf_media_kind kind, struct hf_picture *picture,
			    struct hf_why *why)
{
	switch (kind) {
	case HF_MEDIA_JPEG:
		return hf_image_jpeg(source, picture, why);
	case HF_MEDIA_PNG:
		return hf_image_png(source, picture, why);
	case HF_MEDIA_WEBP:
		return hf_image_webp(source, picture, why);
	default:
		return hf_why(why, HF_E_UNSUPPORTED,
			      "not an image of a kind that is decoded");
	}
}
