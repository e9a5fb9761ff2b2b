#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "pdq.h"

#define SMALL    64 /* side of what the DCT sees */
#define KEPT     16 /* frequencies 1 to 16 each way */
#define SIDE_MIN 5  /* below, the reference gives zeros */

/*
 * A box filter over rows: each output row is the mean of the window of input
 * rows around it, cut off at the ends.  Two of them each way make a tent
 * filter.  All sums of a row run side by side, which is what makes it fast;
 * each takes its terms in the reference's order (add the new one, subtract the
 * oldest, divide), which is what makes it exact.
 */
struct box {
	size_t rows;
	size_t window;
	const uint16_t *keep; /* the outputs that are wanted; NULL: all */
	size_t kept_count;
};

/* Half of 1/64 of the side, rounded up: two passes cover it whole. */
#define WINDOW_OF(side) (((side) + 2 * SMALL - 1) / (2 * SMALL))
#define RING            WINDOW_OF(HF_PICTURE_SIDE_MAX)

static inline void add(float *restrict sum, const float *restrict in,
		       size_t width)
{
	for (size_t i = 0; i < width; i++)
		sum[i] += in[i];
}

static inline void subtract(float *restrict sum, const float *restrict in,
			    size_t width)
{
	for (size_t i = 0; i < width; i++)
		sum[i] -= in[i];
}

static inline void divide(float *restrict out, const float *restrict sum,
			  size_t width, float by)
{
	for (size_t i = 0; i < width; i++)
		out[i] = sum[i] / by;
}

/* Where all outputs are kept, out may be in: an input row that is still to be
 * subtracted is put aside before its output falls on it. */
static inline void box_filter(const struct box *box, size_t width,
			      const float *in, float *out)
{
	float sum[HF_PICTURE_SIDE_MAX] = { 0 };
	float ring[RING][HF_PICTURE_SIDE_MAX];
	size_t ahead = (box->window + 2) / 2;
	size_t behind = box->window - ahead + 1;
	size_t left = 0, right = 0, kept = 0;

	while (right < ahead - 1)
		add(sum, in + right++ * width, width);
	for (size_t i = 0; i < box->rows; i++) {
		memcpy(ring[i % RING], in + i * width, width * sizeof(*in));
		if (right < box->rows)
			add(sum, in + right++ * width, width);
		if (i >= behind)
			subtract(sum, ring[left++ % RING], width);
		if (box->keep == NULL)
			divide(out + i * width, sum, width,
			       (float)(right - left));
		for (; kept < box->kept_count && box->keep[kept] == i; kept++)
			divide(out + kept * width, sum, width,
			       (float)(right - left));
	}
}

/* The same over columns: a band of a few rows is turned, filtered while it is
 * in a near cache, and turned back.  Lanes beyond the last row compute
 * nothing of use. */
static void box_filter_across(const struct box *box, size_t rows,
			      const float *in, float *out)
{
	enum { BAND = 16 };
	float turned[HF_PICTURE_SIDE_MAX * BAND] = { 0 };
	float samples[SMALL * BAND];
	float *filtered = box->keep != NULL ? samples : turned;
	size_t columns = box->rows;
	size_t outputs = box->keep != NULL ? box->kept_count : columns;

	for (size_t top = 0; top < rows; top += BAND) {
		size_t band = rows - top < BAND ? rows - top : BAND;

		for (size_t y = 0; y < band; y++)
			for (size_t x = 0; x < columns; x++)
				turned[x * BAND + y] =
					in[(top + y) * columns + x];
		box_filter(box, BAND, turned, filtered);
		for (size_t y = 0; y < band; y++)
			for (size_t x = 0; x < outputs; x++)
				out[(top + y) * outputs + x] =
					filtered[x * BAND + y];
	}
}

/*
 * Blur and take 64 x 64 samples at the centres.  Only the samples are worth
 * dividing in the last pass each way, so the second round shrinks as it goes.
 */
static void shrink(struct hf_picture *picture, float out[SMALL * SMALL])
{
	float narrow[HF_PICTURE_SIDE_MAX * SMALL];
	uint16_t column_at[SMALL], row_at[SMALL];
	size_t rows = picture->rows, columns = picture->columns;
	struct box across = { .rows = columns, .window = WINDOW_OF(columns) };
	struct box down = { .rows = rows, .window = WINDOW_OF(rows) };

	for (unsigned i = 0; i < SMALL; i++) {
		column_at[i] = (uint16_t)((i + 0.5) * columns / SMALL);
		row_at[i] = (uint16_t)((i + 0.5) * rows / SMALL);
	}
	box_filter_across(&across, rows, picture->luma, picture->luma);
	box_filter(&down, columns, picture->luma, picture->luma);

	across.keep = column_at;
	across.kept_count = SMALL;
	box_filter_across(&across, rows, picture->luma, narrow);
	down.keep = row_at;
	down.kept_count = SMALL;
	box_filter(&down, SMALL, narrow, out);
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

void hf_pdq(struct hf_picture *picture, uint8_t out_hash[static HF_PDQ_BYTES],
	    unsigned *out_quality)
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
		shrink(picture, small);
	*out_quality = quality_of(small);
	dct(small, frequencies);
	bits_of(frequencies, out_hash);
}
