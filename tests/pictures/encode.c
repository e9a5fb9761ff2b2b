#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <spng.h>
#include <webp/encode.h>

#include "encode.h"

struct jpeg_job {
	struct jpeg_compress_struct jpeg;
	struct jpeg_error_mgr errors;
	jmp_buf out;
	unsigned char *bytes; /* owned, the library's malloc() */
	unsigned long len_bytes;
	uint8_t *row; /* owned */
};

static void on_jpeg_error(j_common_ptr jpeg)
{
	struct jpeg_job *job = jpeg->client_data;

	longjmp(job->out, 1);
}

static unsigned jpeg_row(const struct hf_canvas *canvas, unsigned y,
			 enum hf_encode_colour colour, uint8_t *row)
{
	for (unsigned x = 0; x < canvas->width; x++) {
		const uint8_t *at = hf_canvas_at(canvas, x, y);

		if (colour == HF_ENCODE_GREY) {
			row[x] = at[1];
		} else if (colour == HF_ENCODE_CMYK) {
			memcpy(row + (size_t)x * 4, at, 3);
			row[(size_t)x * 4 + 3] = 255;
		} else {
			memcpy(row + (size_t)x * 3, at, 3);
		}
	}
	return y;
}

static int write_jpeg(struct jpeg_job *job, const struct hf_canvas *canvas,
		      const struct hf_encode_how *how)
{
	struct jpeg_compress_struct *jpeg = &job->jpeg;

	if (setjmp(job->out) != 0)
		return -1;
	jpeg_create_compress(jpeg);
	jpeg->client_data = job;
	jpeg_mem_dest(jpeg, &job->bytes, &job->len_bytes);
	jpeg->image_width = canvas->width;
	jpeg->image_height = canvas->height;
	jpeg->input_components = how->colour == HF_ENCODE_GREY   ? 1
				 : how->colour == HF_ENCODE_CMYK ? 4
								 : 3;
	jpeg->in_color_space = how->colour == HF_ENCODE_GREY   ? JCS_GRAYSCALE
			       : how->colour == HF_ENCODE_CMYK ? JCS_CMYK
							       : JCS_RGB;
	jpeg_set_defaults(jpeg);
	jpeg_set_quality(jpeg, how->quality > 0 ? (int)how->quality : 90, TRUE);
	if (how->is_interlaced)
		jpeg_simple_progression(jpeg);
	jpeg_start_compress(jpeg, TRUE);
	while (jpeg->next_scanline < jpeg->image_height) {
		JSAMPROW row = job->row;

		jpeg_row(canvas, jpeg->next_scanline, how->colour, job->row);
		jpeg_write_scanlines(jpeg, &row, 1);
	}
	jpeg_finish_compress(jpeg);
	return 0;
}

enum hf_err hf_encode_jpeg(const struct hf_canvas *canvas,
			   const struct hf_encode_how *how, struct hf_buf *buf,
			   struct hf_why *why)
{
	struct jpeg_job *job = calloc(1, sizeof(*job));
	enum hf_err err = HF_OK;

	if (job != NULL)
		job->row = malloc((size_t)canvas->width * 4);
	if (job == NULL || job->row == NULL) {
		free(job);
		return hf_why(why, HF_E_NOMEM, "no memory for a JPEG");
	}
	job->jpeg.err = jpeg_std_error(&job->errors);
	job->jpeg.client_data = job;
	job->errors.error_exit = on_jpeg_error;
	if (write_jpeg(job, canvas, how) != 0)
		err = hf_why(why, HF_E_INTERNAL, "libjpeg refused");
	else
		hf_buf_put(buf, hf_span(job->bytes, job->len_bytes));
	jpeg_destroy_compress(&job->jpeg);
	free(job->bytes);
	free(job->row);
	free(job);
	return err != HF_OK ? err : hf_buf_failed(buf);
}

static unsigned png_pixel(const struct hf_canvas *canvas, unsigned x,
			  unsigned y, enum hf_encode_colour colour, uint8_t *to)
{
	const uint8_t *at = hf_canvas_at(canvas, x, y);

	switch (colour) {
	case HF_ENCODE_GREY:
	case HF_ENCODE_PALETTE:
		to[0] = at[1];
		return 1;
	case HF_ENCODE_ALPHA:
		memcpy(to, at, 3);
		to[3] = x < canvas->width / 2 ? 0 : 255;
		return 4;
	case HF_ENCODE_DEEP:
		/* The library takes numbers as the machine has them. */
		for (int i = 0; i < 3; i++) {
			uint16_t value =
				(uint16_t)(at[i] << 8 | (x * 37 + y) % 256);

			memcpy(to + i * 2, &value, 2);
		}
		return 6;
	default:
		memcpy(to, at, 3);
		return 3;
	}
}

static int set_png_header(spng_ctx *png, const struct hf_canvas *canvas,
			  const struct hf_encode_how *how)
{
	struct spng_ihdr header = {
		.width = canvas->width,
		.height = canvas->height,
		.bit_depth = how->colour == HF_ENCODE_DEEP ? 16 : 8,
		.color_type = how->colour == HF_ENCODE_GREY
				      ? SPNG_COLOR_TYPE_GRAYSCALE
			      : how->colour == HF_ENCODE_PALETTE
				      ? SPNG_COLOR_TYPE_INDEXED
			      : how->colour == HF_ENCODE_ALPHA
				      ? SPNG_COLOR_TYPE_TRUECOLOR_ALPHA
				      : SPNG_COLOR_TYPE_TRUECOLOR,
		.interlace_method = how->is_interlaced ? SPNG_INTERLACE_ADAM7
						       : SPNG_INTERLACE_NONE,
	};
	struct spng_plte palette = { .n_entries = 256 };
	int code = spng_set_ihdr(png, &header);

	for (unsigned i = 0; i < 256; i++)
		palette.entries[i] =
			(struct spng_plte_entry){ (uint8_t)i, (uint8_t)i,
						  (uint8_t)i, 255 };
	if (code == 0 && how->colour == HF_ENCODE_PALETTE)
		code = spng_set_plte(png, &palette);
	return code;
}

enum hf_err hf_encode_png(const struct hf_canvas *canvas,
			  const struct hf_encode_how *how, struct hf_buf *buf,
			  struct hf_why *why)
{
	size_t pixels = (size_t)canvas->width * canvas->height;
	uint8_t *raw = malloc(pixels * 6), *bytes = NULL;
	spng_ctx *png = spng_ctx_new(SPNG_CTX_ENCODER);
	size_t len_bytes = 0, raw_bytes = 0;
	int code = SPNG_EMEM;

	if (raw == NULL || png == NULL)
		goto out;
	for (unsigned y = 0; y < canvas->height; y++)
		for (unsigned x = 0; x < canvas->width; x++)
			raw_bytes += png_pixel(canvas, x, y, how->colour,
					       raw + raw_bytes);
	code = spng_set_option(png, SPNG_ENCODE_TO_BUFFER, 1);
	if (code == 0)
		code = spng_set_option(png, SPNG_IMG_COMPRESSION_LEVEL, 3);
	if (code == 0)
		code = set_png_header(png, canvas, how);
	if (code == 0)
		code = spng_encode_image(png, raw, raw_bytes, SPNG_FMT_PNG,
					 SPNG_ENCODE_FINALIZE);
	if (code == 0)
		bytes = spng_get_png_buffer(png, &len_bytes, &code);
	if (code == 0)
		hf_buf_put(buf, hf_span(bytes, len_bytes));
out:
	free(bytes);
	free(raw);
	spng_ctx_free(png);
	if (code == SPNG_EMEM)
		return hf_why(why, HF_E_NOMEM, "no memory for a PNG");
	if (code != 0)
		return hf_why(why, HF_E_INTERNAL, "libspng: %s",
			      spng_strerror(code));
	return hf_buf_failed(buf);
}

enum hf_err hf_encode_webp(const struct hf_canvas *canvas,
			   const struct hf_encode_how *how, struct hf_buf *buf,
			   struct hf_why *why)
{
	uint8_t *bytes = NULL;
	int width = (int)canvas->width, height = (int)canvas->height;
	size_t len_bytes;

	if (how->is_lossless)
		len_bytes = WebPEncodeLosslessRGB(canvas->rgb, width, height,
						  width * 3, &bytes);
	else
		len_bytes = WebPEncodeRGB(
			canvas->rgb, width, height, width * 3,
			how->quality > 0 ? (float)how->quality : 90, &bytes);
	if (len_bytes == 0)
		return hf_why(why, HF_E_INTERNAL, "libwebp refused");
	hf_buf_put(buf, hf_span(bytes, len_bytes));
	WebPFree(bytes);
	return hf_buf_failed(buf);
}
