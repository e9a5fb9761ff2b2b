#include <errno.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>

#include "media_limit.h"

#include "image.h"

#define INPUT_BYTES ((size_t)64 * 1024)

/* One decoding.  Everything that changes between setjmp() and longjmp() is in
 * here and not in local variables, whose values would be lost. */
struct job {
	struct jpeg_decompress_struct jpeg;
	struct jpeg_error_mgr errors;
	struct jpeg_source_mgr input;
	struct jpeg_progress_mgr progress;
	jmp_buf out;
	struct hf_image_source *source; /* borrowed */
	struct hf_picture *picture;     /* borrowed */
	struct hf_why *why;             /* borrowed, may be NULL */
	enum hf_err err;
	bool is_at_end;  /* the file has no more bytes */
	bool is_corrupt; /* some of what was decoded is made up */
	uint8_t *row;    /* owned */
	JOCTET buffer[INPUT_BYTES];
};

static struct job *job_of(j_common_ptr jpeg)
{
	return jpeg->client_data;
}

/* The library found something it cannot go on from. */
static void on_error(j_common_ptr jpeg)
{
	struct job *job = job_of(jpeg);
	char words[JMSG_LENGTH_MAX];

	job->errors.format_message(jpeg, words);
	switch (job->errors.msg_code) {
	case JERR_NO_BACKING_STORE:
	case JERR_OUT_OF_MEMORY:
		job->err = hf_why(
			job->why, HF_E_LIMIT,
			"JPEG of %u x %u pixels needs more than %zu "
			"MiB to decode",
			jpeg->is_decompressor ? job->jpeg.image_width : 0,
			job->jpeg.image_height, HF_MEDIA_IMAGE_MAX_BYTES >> 20);
		break;
	case JERR_BAD_PRECISION:
	case JERR_CONVERSION_NOTIMPL:
	case JERR_NOT_COMPILED:
	case JERR_SOF_UNSUPPORTED:
		job->err =
			hf_why(job->why, HF_E_UNSUPPORTED,
			       "JPEG of a kind that is not decoded: %s", words);
		break;
	default:
		job->err =
			hf_why(job->why, HF_E_MALFORMED, "%s JPEG: %s",
			       job->is_at_end ? "truncated" : "corrupt", words);
	}
	longjmp(job->out, 1);
}

/* Warnings tell lost data from oddities: many whole pictures have stray bytes
 * between markers or an unknown version number. */
static void on_message(j_common_ptr jpeg, int level)
{
	struct job *job = job_of(jpeg);

	if (level >= 0)
		return;
	switch (job->errors.msg_code) {
	case JWRN_HIT_MARKER:
	case JWRN_HUFF_BAD_CODE:
	case JWRN_ARITH_BAD_CODE:
	case JWRN_MUST_RESYNC:
		job->is_corrupt = true;
	}
}

static void on_output(j_common_ptr jpeg)
{
	(void)jpeg;
}

static void on_progress(j_common_ptr jpeg)
{
	struct job *job = job_of(jpeg);

	if (job->jpeg.input_scan_number <= HF_MEDIA_JPEG_SCANS_MAX)
		return;
	job->err = hf_why(job->why, HF_E_LIMIT,
			  "JPEG of more than %d passes over the image",
			  HF_MEDIA_JPEG_SCANS_MAX);
	longjmp(job->out, 1);
}

static void on_init(j_decompress_ptr jpeg)
{
	(void)jpeg;
}

/* At the end of the file the library gets an end marker, so that it stops; a
 * picture that was still owed pixels then says so with a warning. */
static boolean on_fill(j_decompress_ptr jpeg)
{
	struct job *job = job_of((j_common_ptr)jpeg);
	ptrdiff_t got =
		hf_image_read(job->source, job->buffer, sizeof(job->buffer));

	if (got < 0) {
		job->err = hf_why_errno(job->why, "read");
		longjmp(job->out, 1);
	}
	if (got == 0) {
		job->is_at_end = true;
		job->buffer[0] = 0xff;
		job->buffer[1] = JPEG_EOI;
		got = 2;
	}
	job->input.next_input_byte = job->buffer;
	job->input.bytes_in_buffer = (size_t)got;
	return TRUE;
}

static void on_skip(j_decompress_ptr jpeg, long count)
{
	struct job *job = job_of((j_common_ptr)jpeg);

	if (count <= 0)
		return;
	if ((size_t)count <= job->input.bytes_in_buffer) {
		job->input.next_input_byte += count;
		job->input.bytes_in_buffer -= (size_t)count;
		return;
	}
	job->source->offset +=
		(uint64_t)count - (uint64_t)job->input.bytes_in_buffer;
	job->input.bytes_in_buffer = 0;
}

static void on_term(j_decompress_ptr jpeg)
{
	(void)jpeg;
}

/* Ink into light, in place: four bytes a pixel become three.  Adobe's programs
 * store ink upside down, and they are where CMYK comes from. */
static void cmyk_to_rgb(uint8_t *row, uint32_t width, bool is_inverted)
{
	for (uint32_t x = 0; x < width; x++) {
		uint8_t ink[4];

		memcpy(ink, row + (size_t)x * 4, sizeof(ink));
		for (int i = 0; i < 4 && !is_inverted; i++)
			ink[i] = (uint8_t)(255 - ink[i]);
		for (int i = 0; i < 3; i++)
			row[(size_t)x * 3 + i] =
				(uint8_t)((ink[i] * ink[3] + 127) / 255);
	}
}

static void choose_colours(struct job *job)
{
	switch (job->jpeg.jpeg_color_space) {
	case JCS_GRAYSCALE:
		job->jpeg.out_color_space = JCS_GRAYSCALE;
		break;
	case JCS_CMYK:
	case JCS_YCCK:
		job->jpeg.out_color_space = JCS_CMYK;
		break;
	default:
		job->jpeg.out_color_space = JCS_RGB;
	}
}

/* A file in one pass may lack its end marker; one in several passes may then
 * lack a pass. */
static bool is_damaged(struct job *job)
{
	return job->is_corrupt ||
	       (job->is_at_end && jpeg_has_multiple_scans(&job->jpeg));
}

/* Stops at the first damage: what the library makes up for the rest of a bomb
 * takes time and is not looked at. */
static void read_rows(struct job *job)
{
	struct jpeg_decompress_struct *jpeg = &job->jpeg;

	while (!is_damaged(job) &&
	       jpeg->output_scanline < jpeg->output_height) {
		uint32_t y = jpeg->output_scanline;
		JSAMPROW row = job->row;

		if (jpeg_read_scanlines(jpeg, &row, 1) != 1)
			break;
		if (jpeg->out_color_space == JCS_GRAYSCALE) {
			hf_picture_put_grey(job->picture, y, row);
			continue;
		}
		if (jpeg->out_color_space == JCS_CMYK)
			cmyk_to_rgb(row, jpeg->output_width,
				    jpeg->saw_Adobe_marker);
		hf_picture_put_rgb(job->picture, y, row, 3,
				   HF_PICTURE_WHOLE_ROW);
	}
}

static enum hf_err decode(struct job *job)
{
	struct jpeg_decompress_struct *jpeg = &job->jpeg;
	enum hf_err err;

	if (setjmp(job->out) != 0)
		return job->err;
	jpeg_create_decompress(jpeg);
	jpeg->client_data = job;
	jpeg->src = &job->input;
	jpeg->progress = &job->progress;
	jpeg->mem->max_memory_to_use = (long)HF_MEDIA_IMAGE_MAX_BYTES;
	(void)jpeg_read_header(jpeg, TRUE);
	err = hf_picture_begin(job->picture, jpeg->image_width,
			       jpeg->image_height, job->why);
	if (err != HF_OK)
		return err;
	choose_colours(job);
	(void)jpeg_start_decompress(jpeg);
	/* In the library's own keeping, which outlives a longjmp(). */
	job->row = jpeg->mem->alloc_large(
		(j_common_ptr)jpeg, JPOOL_IMAGE,
		(size_t)jpeg->output_width * (size_t)jpeg->output_components);
	read_rows(job);
	if (is_damaged(job))
		return hf_why(job->why, HF_E_MALFORMED, "%s JPEG",
			      job->is_at_end ? "truncated" : "corrupt");
	return HF_OK;
}

enum hf_err hf_image_jpeg(struct hf_image_source *source,
			  struct hf_picture *picture, struct hf_why *why)
{
	struct job *job = calloc(1, sizeof(*job));
	enum hf_err err;

	if (job == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory to decode a JPEG");
	job->source = source;
	job->picture = picture;
	job->why = why;
	job->input = (struct jpeg_source_mgr){
		.init_source = on_init,
		.fill_input_buffer = on_fill,
		.skip_input_data = on_skip,
		.resync_to_restart = jpeg_resync_to_restart,
		.term_source = on_term,
	};
	job->progress.progress_monitor = on_progress;
	job->jpeg.err = jpeg_std_error(&job->errors);
	job->jpeg.client_data = job;
	job->errors.error_exit = on_error;
	job->errors.emit_message = on_message;
	job->errors.output_message = on_output;
	err = decode(job);
	jpeg_destroy_decompress(&job->jpeg);
	free(job);
	return err;
}
