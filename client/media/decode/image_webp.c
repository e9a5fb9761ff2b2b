#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <webp/decode.h>
#include <webp/demux.h>

#include "media_limit.h"

#include "image.h"

/* The format's own limit is 4 GiB; libwebp wants the whole file at hand. */
#define FILE_MAX_BYTES ((uint64_t)64 * 1024 * 1024)

/* One frame of the file and where it goes on the canvas. */
struct frame {
	struct hf_span bytes;
	uint32_t left;
	uint32_t top;
};

static enum hf_err read_whole(struct hf_image_source *source,
			      uint8_t **out_bytes, size_t *out_len_bytes,
			      struct hf_why *why)
{
	size_t len_bytes = 0;
	uint8_t *bytes;
	ptrdiff_t got;

	if (source->size_bytes > FILE_MAX_BYTES)
		return hf_why(why, HF_E_LIMIT, "WebP file of more than %u MiB",
			      (unsigned)(FILE_MAX_BYTES >> 20));
	bytes = malloc((size_t)source->size_bytes + 1);
	if (bytes == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory for a WebP file");
	while ((got = hf_image_read(source, bytes + len_bytes,
				    (size_t)source->size_bytes - len_bytes)) >
	       0)
		len_bytes += (size_t)got;
	if (got < 0) {
		free(bytes);
		return hf_why_errno(why, "read");
	}
	*out_bytes = bytes;
	*out_len_bytes = len_bytes;
	return HF_OK;
}

static enum hf_err fail(VP8StatusCode code, struct hf_why *why)
{
	switch (code) {
	case VP8_STATUS_OUT_OF_MEMORY:
		return hf_why(why, HF_E_LIMIT,
			      "WebP needs more memory than it may");
	case VP8_STATUS_UNSUPPORTED_FEATURE:
		return hf_why(why, HF_E_UNSUPPORTED,
			      "WebP of a kind that is not decoded");
	case VP8_STATUS_NOT_ENOUGH_DATA:
	case VP8_STATUS_SUSPENDED:
		return hf_why(why, HF_E_MALFORMED, "truncated WebP");
	default:
		return hf_why(why, HF_E_MALFORMED, "corrupt WebP");
	}
}

/* Decode the frame and hand its rows to the picture, on black where the frame
 * is smaller than the canvas. */
static enum hf_err put_frame(const struct frame *frame,
			     struct hf_picture *picture, struct hf_why *why)
{
	WebPDecoderConfig config;
	VP8StatusCode code;
	size_t pixels, cost;
	uint8_t *row;

	if (!WebPInitDecoderConfig(&config))
		return hf_why(why, HF_E_INTERNAL, "libwebp is another version");
	code = WebPGetFeatures(frame->bytes.at, frame->bytes.len_bytes,
			       &config.input);
	if (code != VP8_STATUS_OK)
		return fail(code, why);
	pixels = (size_t)config.input.width * (size_t)config.input.height;
	/* 3 bytes a pixel come out, and lossless decoding keeps 4 more. */
	cost = frame->bytes.len_bytes +
	       pixels * (config.input.format == 2 ? 7 : 3);
	if (cost > HF_MEDIA_IMAGE_MAX_BYTES)
		return hf_why(why, HF_E_LIMIT,
			      "WebP of %d x %d pixels needs more than %zu MiB "
			      "to decode",
			      config.input.width, config.input.height,
			      HF_MEDIA_IMAGE_MAX_BYTES >> 20);
	if (frame->left + (uint64_t)config.input.width > picture->width ||
	    frame->top + (uint64_t)config.input.height > picture->height)
		return hf_why(why, HF_E_MALFORMED,
			      "corrupt WebP: a frame beyond its canvas");
	row = calloc(picture->width, 3);
	if (row == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory for a row");
	config.output.colorspace = MODE_RGB;
	code = WebPDecode(frame->bytes.at, frame->bytes.len_bytes, &config);
	for (int y = 0; code == VP8_STATUS_OK && y < config.input.height; y++) {
		memcpy(row + (size_t)frame->left * 3,
		       config.output.u.RGBA.rgba +
			       (size_t)y * (size_t)config.output.u.RGBA.stride,
		       (size_t)config.input.width * 3);
		hf_picture_put_rgb(picture, frame->top + (uint32_t)y, row, 3,
				   HF_PICTURE_WHOLE_ROW);
	}
	WebPFreeDecBuffer(&config.output);
	free(row);
	return code == VP8_STATUS_OK ? HF_OK : fail(code, why);
}

static enum hf_err put_first_frame(struct hf_span file,
				   struct hf_picture *picture,
				   struct hf_why *why)
{
	WebPData data = { file.at, file.len_bytes };
	WebPDemuxState state;
	WebPDemuxer *demuxer = WebPDemuxPartial(&data, &state);
	WebPIterator it;
	enum hf_err err;

	if (demuxer == NULL || state == WEBP_DEMUX_PARSE_ERROR) {
		WebPDemuxDelete(demuxer);
		return hf_why(why, HF_E_MALFORMED, "corrupt WebP");
	}
	if (!WebPDemuxGetFrame(demuxer, 1, &it)) {
		WebPDemuxDelete(demuxer);
		return hf_why(why, HF_E_MALFORMED, "truncated WebP");
	}
	err = hf_picture_begin(
		picture, WebPDemuxGetI(demuxer, WEBP_FF_CANVAS_WIDTH),
		WebPDemuxGetI(demuxer, WEBP_FF_CANVAS_HEIGHT), why);
	if (err == HF_OK && !it.complete)
		err = hf_why(why, HF_E_MALFORMED, "truncated WebP");
	if (err == HF_OK) {
		struct frame frame = {
			hf_span(it.fragment.bytes, it.fragment.size),
			(uint32_t)it.x_offset,
			(uint32_t)it.y_offset,
		};

		err = put_frame(&frame, picture, why);
	}
	WebPDemuxReleaseIterator(&it);
	WebPDemuxDelete(demuxer);
	return err;
}

enum hf_err hf_image_webp(struct hf_image_source *source,
			  struct hf_picture *picture, struct hf_why *why)
{
	uint8_t *bytes = NULL;
	size_t len_bytes = 0;
	enum hf_err err = read_whole(source, &bytes, &len_bytes, why);

	if (err != HF_OK)
		return err;
	err = put_first_frame(hf_span(bytes, len_bytes), picture, why);
	free(bytes);
	return err;
}
