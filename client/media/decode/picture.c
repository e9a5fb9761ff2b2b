#include <string.h>

#include "media_limit.h"

#include "picture.h"

enum hf_err hf_picture_begin(struct hf_picture *picture, uint32_t width,
			     uint32_t height, struct hf_why *why)
{
	if (width == 0 || height == 0)
		return hf_why(why, HF_E_MALFORMED, "an image without pixels");
	if (width > HF_MEDIA_SIDE_MAX || height > HF_MEDIA_SIDE_MAX ||
	    (uint64_t)width * height > HF_MEDIA_PIXELS_MAX)
		return hf_why(why, HF_E_LIMIT,
			      "%u x %u pixels: more than %u a side or %u "
			      "million in all",
			      width, height, HF_MEDIA_SIDE_MAX,
			      (unsigned)(HF_MEDIA_PIXELS_MAX / 1000000));

	picture->width = width;
	picture->height = height;
	picture->columns = width;
	picture->rows = height;
	/* The reference stretches the shorter side to 512, too. */
	if (width > HF_PICTURE_SIDE_MAX || height > HF_PICTURE_SIDE_MAX) {
		picture->columns = HF_PICTURE_SIDE_MAX;
		picture->rows = HF_PICTURE_SIDE_MAX;
	}
	for (uint32_t i = 0; i < picture->columns; i++)
		picture->column_at[i] =
			(uint16_t)(i * width / picture->columns);
	for (uint32_t i = 0; i < picture->rows; i++)
		picture->row_at[i] = (uint16_t)(i * height / picture->rows);
	for (unsigned i = 0; i < 256; i++) {
		picture->weight[0][i] = 0.299f * (float)i;
		picture->weight[1][i] = 0.587f * (float)i;
		picture->weight[2][i] = 0.114f * (float)i;
	}
	memset(picture->luma, 0,
	       sizeof(float) * picture->rows * picture->columns);
	return HF_OK;
}

/* The rows of samples [first, end) that are row y of the image: none where it
 * is skipped, several where the image is stretched. */
static unsigned samples_of_row(const struct hf_picture *picture, uint32_t y,
			       unsigned *out_end)
{
	uint64_t rows = picture->rows;
	unsigned first;

	if (y >= picture->height)
		return *out_end = 0;
	first = (unsigned)((y * rows + picture->height - 1) / picture->height);
	*out_end = first;
	while (*out_end < picture->rows && picture->row_at[*out_end] == y)
		(*out_end)++;
	return first;
}

static inline float luma_of(const struct hf_picture *picture,
			    const uint8_t *rgb)
{
	return picture->weight[0][rgb[0]] + picture->weight[1][rgb[1]] +
	       picture->weight[2][rgb[2]];
}

static void copy_row(struct hf_picture *picture, unsigned from, unsigned end)
{
	const float *row = picture->luma + (size_t)from * picture->columns;

	for (unsigned i = from + 1; i < end; i++)
		memcpy(picture->luma + (size_t)i * picture->columns, row,
		       picture->columns * sizeof(*row));
}

void hf_picture_put_rgb(struct hf_picture *picture, uint32_t y,
			const uint8_t *rgb, unsigned pixel_bytes,
			struct hf_picture_part part)
{
	unsigned end;
	unsigned first = samples_of_row(picture, y, &end);
	float *row = picture->luma + (size_t)first * picture->columns;

	if (first == end)
		return;
	if (part.step == 1) {
		for (unsigned i = 0; i < picture->columns; i++)
			row[i] = luma_of(picture,
					 rgb + (size_t)picture->column_at[i] *
							 pixel_bytes);
	} else {
		for (unsigned i = 0; i < picture->columns; i++) {
			uint32_t x = picture->column_at[i];

			if (x >= part.first &&
			    (x - part.first) % part.step == 0)
				row[i] = luma_of(picture,
						 rgb + (size_t)x * pixel_bytes);
		}
	}
	copy_row(picture, first, end);
}

void hf_picture_put_grey(struct hf_picture *picture, uint32_t y,
			 const uint8_t *grey)
{
	unsigned end;
	unsigned first = samples_of_row(picture, y, &end);
	float *row = picture->luma + (size_t)first * picture->columns;

	if (first == end)
		return;
	for (unsigned i = 0; i < picture->columns; i++)
		row[i] = grey[picture->column_at[i]];
	copy_row(picture, first, end);
}
