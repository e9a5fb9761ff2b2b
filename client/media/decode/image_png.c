#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include <spng.h>

#include "media_limit.h"

#include "image.h"

/* Text, profiles and the like: what one may hold, and all of them. */
#define CHUNK_MAX_BYTES  ((size_t)8 * 1024 * 1024)
#define CHUNKS_MAX_BYTES ((size_t)32 * 1024 * 1024)

struct input {
	struct hf_image_source *source; /* borrowed */
	bool is_at_end;
	int failed_errno;
};

/* The library asks for whole pieces and takes no less. */
static int on_read(spng_ctx *png, void *user, void *at, size_t len_bytes)
{
	struct input *input = user;
	uint8_t *to = at;

	(void)png;
	while (len_bytes > 0) {
		ptrdiff_t got = hf_image_read(input->source, to, len_bytes);

		if (got < 0) {
			input->failed_errno = errno;
			return SPNG_IO_ERROR;
		}
		if (got == 0) {
			input->is_at_end = true;
			return SPNG_IO_EOF;
		}
		to += got;
		len_bytes -= (size_t)got;
	}
	return 0;
}

static enum hf_err fail(const struct input *input, int code, struct hf_why *why)
{
	if (input->failed_errno != 0) {
		errno = input->failed_errno;
		return hf_why_errno(why, "read");
	}
	switch (code) {
	case SPNG_EMEM:
		return hf_why(why, HF_E_LIMIT,
			      "PNG needs more memory than it may");
	case SPNG_ECHUNK_LIMITS:
		return hf_why(why, HF_E_LIMIT,
			      "PNG with more than %zu MiB beside the image",
			      CHUNK_MAX_BYTES >> 20);
	default:
		return hf_why(why, HF_E_MALFORMED, "%s PNG: %s",
			      input->is_at_end ? "truncated" : "corrupt",
			      spng_strerror(code));
	}
}

/* Where the pixels of a pass are in a row: Adam7. */
static struct hf_picture_part part_of(const struct spng_ihdr *header, int pass)
{
	static const struct hf_picture_part passes[7] = {
		{ 0, 8 }, { 4, 8 }, { 0, 4 }, { 2, 4 },
		{ 0, 2 }, { 1, 2 }, { 0, 1 },
	};

	if (header->interlace_method == SPNG_INTERLACE_NONE || pass < 0 ||
	    pass > 6)
		return HF_PICTURE_WHOLE_ROW;
	return passes[pass];
}

static enum hf_err read_rows(spng_ctx *png, const struct spng_ihdr *header,
			     const struct input *input,
			     struct hf_picture *picture, struct hf_why *why)
{
	bool is_grey = header->color_type == SPNG_COLOR_TYPE_GRAYSCALE &&
		       header->bit_depth <= 8 &&
		       header->interlace_method == SPNG_INTERLACE_NONE;
	size_t row_bytes = (size_t)header->width * (is_grey ? 1 : 3);
	struct spng_row_info info;
	enum hf_err err = HF_OK;
	uint8_t *row;
	int code;

	code = spng_decode_image(png, NULL, 0,
				 is_grey ? SPNG_FMT_G8 : SPNG_FMT_RGB8,
				 SPNG_DECODE_PROGRESSIVE);
	if (code != 0)
		return fail(input, code, why);
	row = calloc(1, row_bytes);
	if (row == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory for a row");
	do {
		code = spng_get_row_info(png, &info);
		if (code == 0)
			code = spng_decode_row(png, row, row_bytes);
		if (code != 0 && code != SPNG_EOI) {
			err = fail(input, code, why);
			break;
		}
		if (is_grey)
			hf_picture_put_grey(picture, info.row_num, row);
		else
			hf_picture_put_rgb(picture, info.row_num, row, 3,
					   part_of(header, info.pass));
	} while (code == 0);
	free(row);
	return err;
}

enum hf_err hf_image_png(struct hf_image_source *source,
			 struct hf_picture *picture, struct hf_why *why)
{
	struct input input = { .source = source };
	struct spng_ihdr header;
	enum hf_err err;
	spng_ctx *png = spng_ctx_new(0);
	int code;

	if (png == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory to decode a PNG");
	/* A damaged comment does not make a damaged picture. */
	code = spng_set_crc_action(png, SPNG_CRC_ERROR, SPNG_CRC_DISCARD);
	if (code == 0)
		code = spng_set_chunk_limits(png, CHUNK_MAX_BYTES,
					     CHUNKS_MAX_BYTES);
	if (code == 0)
		code = spng_set_png_stream(png, on_read, &input);
	if (code == 0)
		code = spng_get_ihdr(png, &header);
	if (code != 0)
		err = fail(&input, code, why);
	else
		err = hf_picture_begin(picture, header.width, header.height,
				       why);
	if (err == HF_OK)
		err = read_rows(png, &header, &input, picture, why);
	spng_ctx_free(png);
	return err;
}
