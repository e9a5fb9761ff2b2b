#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "pdq.h"

#define SMALL    64 /* side of what the DCT sees */
#define KEPT     16 /* frequencies 1 to 16 each way */
#define SIDE_MIN 5  /* below, the reference gives zeros */

/*
 * A box filter along the first index of in[length][width]: each output is the
 * mean of the window around it, cut off at the ends.  Two of them each way
 * make a tent filter.  All width sums run side by side, which is what makes it
 * fast; each takes its terms in the reference's order (add the new one,
 * subtract the oldest, divide), which is what makes it exact.
 *
 * keep has the kept_count outputs that are wanted, ascending.
 */
struct box {
	const float *in;
	size_t length;
	size_t width;
	size_t window;
	const uint16_t *keep;
	size_t kept_count;
};

static void add(float *restrict sum, const float *restrict in, size_t width)
{
	for (size_t i = 0; i < width; i++)
		sum[i] += in[i];
}

static void subtract(float *restrict sum, const float *restrict in,
		     size_t width)
{
	for (size_t i = 0; i < width; i++)
		sum[i] -= in[i];
}

static void divide(float *restrict out, const float *restrict sum, size_t width,
		   float by)
{
	for (size_t i = 0; i < width; i++)
		out[i] = sum[i] / by;
}

static void box_filter(const struct box *box, float *restrict out)
{
	float sum[HF_PICTURE_SIDE_MAX] = { 0 };
	size_t ahead = (box->window + 2) / 2;
	size_t behind = box->window - ahead + 1;
	size_t left = 0, right = 0, kept = 0;

	while (right < ahead - 1)
		add(sum, box->in + right++ * box->width, box->width);
	for (size_t i = 0; i < box->length; i++) {
		if (right < box->length)
			add(sum, box->in + right++ * box->width, box->width);
		if (i >= behind)
			subtract(sum, box->in + left++ * box->width,
				 box->width);
		if (kept == box->kept_count)
			break;
		if (box->keep[kept] != i)
			continue;
		divide(out + kept++ * box->width, sum, box->width,
		       (float)(right - left));
		while (kept < box->kept_count && box->keep[kept] == i) {
			memcpy(out + kept * box->width,
			       out + (kept - 1) * box->width,
			       box->width * sizeof(*out));
			kept++;
		}
	}
}

/* out[columns][rows] of in[rows][columns], in blocks that stay in cache. */
static void transpose(const float *restrict in, size_t rows, size_t columns,
		      float *restrict out)
{
	enum { BLOCK = 16 };

	for (size_t top = 0; top < rows; top += BLOCK) {
		size_t bottom = top + BLOCK < rows ? top + BLOCK : rows;

		for (size_t at = 0; at < columns; at += BLOCK) {
			size_t end =
				at + BLOCK < columns ? at + BLOCK : columns;

			for (size_t x = at; x < end; x++)
				for (size_t y = top; y < bottom; y++)
					out[x * rows + y] = in[y * columns + x];
		}
	}
}

/* Half of a 1/64 of the side, rounded up: two passes cover it whole. */
static size_t window_of(size_t side)
{
	return (side + 2 * SMALL - 1) / (2 * SMALL);
}

/*
 * Blur and take 64 x 64 samples at the centres.  Only the samples are worth
 * dividing in the last pass each way, so the second round shrinks as it goes.
 */
static void shrink(struct hf_picture *picture, struct hf_pdq_work *work,
		   float out[SMALL * SMALL])
{
	uint16_t every[HF_PICTURE_SIDE_MAX];
	uint16_t column_at[SMALL], row_at[SMALL];
	float *a = picture->luma, *b = work->spare;
	size_t rows = picture->rows, columns = picture->columns;
	struct box across = { b,     columns, rows, window_of(columns),
			      every, columns };
	struct box down = { b, rows, columns, window_of(rows), every, rows };

	for (unsigned i = 0; i < HF_PICTURE_SIDE_MAX; i++)
		every[i] = (uint16_t)i;
	for (unsigned i = 0; i < SMALL; i++) {
		column_at[i] = (uint16_t)((i + 0.5) * columns / SMALL);
		row_at[i] = (uint16_t)((i + 0.5) * rows / SMALL);
	}

	transpose(a, rows, columns, b);
	box_filter(&across, a);
	transpose(a, columns, rows, b);
	box_filter(&down, a);

	transpose(a, rows, columns, b);
	across.keep = column_at;
	across.kept_count = SMALL;
	box_filter(&across, a);
	transpose(a, SMALL, rows, b);
	down.width = SMALL;
	down.keep = row_at;
	down.kept_count = SMALL;
	box_filter(&down, out);
}

/* How much the picture changes from sample to sample: steps of more than
 * about 1 % of the range, counted; 90 of them are one point. */
static unsigned quality_of(const float small[SMALL * SMALL])
{
	int sum = 0;

	for (int y = 0; y < SMALL; y++) {
		for (int x = 0; x < SMALL; x++) {
			float here = small[y * SMALL + x];

			if (y + 1 < SMALL)
				sum += abs((int)((here -
						  small[(y + 1) * SMALL + x]) *
						 100 / 255));
			if (x + 1 < SMALL)
				sum += abs((
					int)((here - small[y * SMALL + x + 1]) *
					     100 / 255));
		}
	}
	return sum / 90 > 100 ? 100 : (unsigned)(sum / 90);
}

/* The lowest frequencies but the constant one: out = D small D', with D the
 * rows 1 to 16 of the 64-point DCT-II. */
static void dct(const float small[SMALL * SMALL], float out[KEPT * KEPT])
{
	const double pi = 3.14159265358979323846;
	const float scale = (float)sqrt(2.0 / SMALL);
	float matrix[KEPT][SMALL], turned[SMALL][KEPT];
	float half[KEPT][SMALL] = { { 0 } };

	for (int i = 0; i < KEPT; i++) {
		for (int k = 0; k < SMALL; k++) {
			double angle = pi / 2.0 / SMALL * (i + 1) * (2 * k + 1);

			matrix[i][k] = (float)(scale * cos(angle));
			turned[k][i] = matrix[i][k];
		}
	}
	for (int i = 0; i < KEPT; i++)
		for (int k = 0; k < SMALL; k++)
			for (int j = 0; j < SMALL; j++)
				half[i][j] +=
					matrix[i][k] * small[k * SMALL + j];
	memset(out, 0, sizeof(float) * KEPT * KEPT);
	for (int i = 0; i < KEPT; i++)
		for (int k = 0; k < SMALL; k++)
			for (int j = 0; j < KEPT; j++)
				out[i * KEPT + j] += half[i][k] * turned[k][j];
}

/* By insertion: the C library's qsort() asks how much memory the machine has,
 * which a confined process may not. */
static void sort(float *values, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		float value = values[i];
		size_t at = i;

		while (at > 0 && values[at - 1] > value) {
			values[at] = values[at - 1];
			at--;
		}
		values[at] = value;
	}
}

/* A bit for each frequency above the median, the lower one of two. */
static void bits_of(const float frequencies[KEPT * KEPT],
		    uint8_t out_hash[HF_PDQ_BYTES])
{
	float sorted[KEPT * KEPT];
	float median;

	memcpy(sorted, frequencies, sizeof(sorted));
	sort(sorted, KEPT * KEPT);
	median = sorted[KEPT * KEPT / 2 - 1];
	memset(out_hash, 0, HF_PDQ_BYTES);
	for (unsigned i = 0; i < KEPT * KEPT; i++)
		if (frequencies[i] > median)
			out_hash[HF_PDQ_BYTES - 1 - i / 8] |=
				(uint8_t)(1u << i % 8);
}

void hf_pdq(struct hf_picture *picture, struct hf_pdq_work *work,
	    uint8_t out_hash[static HF_PDQ_BYTES], unsigned *out_quality)
{
	float small[SMALL * SMALL];
	float frequencies[KEPT * KEPT];

	memset(out_hash, 0, HF_PDQ_BYTES);
	*out_quality = 0;
	if (picture->rows < SIDE_MIN || picture->columns < SIDE_MIN)
		return;
	if (picture->rows == SMALL && picture->columns == SMALL)
		memcpy(small, picture->luma, sizeof(small));
	else
		shrink(picture, work, small);
	*out_quality = quality_of(small);
	dct(small, frequencies);
	bits_of(frequencies, out_hash);
}
