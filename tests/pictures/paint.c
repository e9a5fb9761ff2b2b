#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "paint.h"

#define OCTAVES  5
#define SIDE_MAX 640

enum hf_err hf_canvas_init(struct hf_canvas *canvas, unsigned width,
			   unsigned height, struct hf_why *why)
{
	canvas->rgb = calloc((size_t)width * height, 3);
	if (canvas->rgb == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory for a picture");
	canvas->width = width;
	canvas->height = height;
	return HF_OK;
}

void hf_canvas_release(struct hf_canvas *canvas)
{
	free(canvas->rgb);
	canvas->rgb = NULL;
}

static uint64_t mix(uint64_t value)
{
	value += 0x9e3779b97f4a7c15u;
	value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
	value = (value ^ value >> 27) * 0x94d049bb133111ebu;
	return value ^ value >> 31;
}

static uint64_t draw(uint64_t *seed)
{
	return *seed = mix(*seed);
}

static float unit(uint64_t *seed)
{
	return (float)(draw(seed) >> 40) / (float)(1 << 24);
}

static float between(uint64_t *seed, float least, float most)
{
	return least + (most - least) * unit(seed);
}

static uint8_t to_byte(float value)
{
	return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value + 0.5f);
}

/* The height of the lattice at a corner. */
static float corner(uint64_t seed, int x, int y)
{
	uint32_t value = (uint32_t)seed ^ (uint32_t)x * 0x9e3779b1u ^
			 (uint32_t)y * 0x85ebca77u;

	value = (value ^ value >> 15) * 0x2c1b3c6du;
	value = (value ^ value >> 12) * 0x297a2d39u;
	return (float)(value >> 8) / (float)(1 << 24);
}

static float smooth(float t)
{
	return t * t * (3 - 2 * t);
}

/* Add one octave to a plane, cell by cell of a row: the corners are drawn once
 * for each, and how far a column is into its cell is the same in every row. */
static void add_octave(float *plane, unsigned width, unsigned height,
		       uint64_t seed, float cell, float weight)
{
	float into[SIDE_MAX];

	for (unsigned x = 0; x < width; x++) {
		float u = (float)x / cell;

		into[x] = weight * smooth(u - (float)(int)u);
	}
	for (unsigned y = 0; y < height; y++) {
		float v = (float)y / cell;
		int row = (int)v;
		float ty = smooth(v - (float)row);
		float *at = plane + (size_t)y * width;

		for (unsigned x = 0; x < width;) {
			int column = (int)((float)x / cell);
			float a = corner(seed, column, row);
			float b = corner(seed, column + 1, row);
			float left =
				a + (corner(seed, column, row + 1) - a) * ty;
			float right = b + (corner(seed, column + 1, row + 1) -
					   b) * ty;
			float rise = right - left, base = weight * left;
			unsigned end = (unsigned)((float)(column + 1) * cell);

			/* At least one; a rounding more or less shows not. */
			end = end <= x ? x + 1 : end > width ? width : end;
			for (; x < end; x++)
				at[x] += base + rise * into[x];
		}
	}
}

/* Clouds from 0 to about 1. */
static void add_clouds(float *plane, unsigned width, unsigned height,
		       uint64_t *seed)
{
	float cell = between(seed, 90, 170);
	float fade = between(seed, 0.45f, 0.62f);
	float weight = 0.55f;

	for (int i = 0; i < OCTAVES; i++) {
		add_octave(plane, width, height, draw(seed), cell, weight);
		cell *= 0.5f;
		weight *= fade;
	}
}

/* Inside a shape 1, outside 0, a pixel or two between. */
struct shape {
	int corners; /* 0: a disc; 2: a bar; 3: a triangle */
	float x, y, size;
	float right[3], down[3]; /* where its sides face */
};

static void turn(struct shape *shape, float angle)
{
	for (int i = 0; i < 3; i++) {
		/* A third of a circle for a triangle, a quarter for a bar. */
		float side = angle +
			     (shape->corners == 3 ? 2.0943951f : 1.5707963f) *
				     (float)i;

		shape->right[i] = cosf(side);
		shape->down[i] = sinf(side);
	}
}

static float larger(float a, float b)
{
	return a > b ? a : b;
}

static float cover(const struct shape *shape, float x, float y)
{
	float dx = x - shape->x, dy = y - shape->y;
	float side[3], away;

	for (int i = 0; i < 3; i++)
		side[i] = dx * shape->right[i] + dy * shape->down[i];
	if (shape->corners == 0)
		away = sqrtf(dx * dx + dy * dy) - shape->size;
	else if (shape->corners == 2)
		away = larger(fabsf(side[0]) - shape->size * 1.6f,
			      fabsf(side[1]) - shape->size * 0.35f);
	else
		away = larger(larger(side[0], side[1]), side[2]) -
		       shape->size * 0.6f;
	return away <= -1 ? 1 : away >= 1 ? 0 : (1 - away) / 2;
}

/* Only the pixels near a shape are asked whether they are in it. */
static void add_shape(struct hf_canvas *canvas, const float *grain,
		      uint64_t *seed)
{
	struct shape shape = { .corners = (int)(draw(seed) % 3) };
	float colour[3], strength = between(seed, 0.55f, 0.95f);
	unsigned side =
		canvas->width < canvas->height ? canvas->width : canvas->height;
	int reach, left, right, top, bottom;

	shape.corners += shape.corners > 0;
	shape.x = between(seed, 0, (float)canvas->width);
	shape.y = between(seed, 0, (float)canvas->height);
	shape.size = between(seed, 0.08f, 0.26f) * (float)side;
	turn(&shape, between(seed, 0, 6.28f));
	for (int i = 0; i < 3; i++)
		colour[i] = between(seed, 10, 245);
	reach = (int)(shape.size * 1.7f) + 2;
	left = (int)shape.x - reach < 0 ? 0 : (int)shape.x - reach;
	top = (int)shape.y - reach < 0 ? 0 : (int)shape.y - reach;
	right = (int)shape.x + reach;
	bottom = (int)shape.y + reach;
	for (int y = top; y < bottom && y < (int)canvas->height; y++) {
		for (int x = left; x < right && x < (int)canvas->width; x++) {
			float in = strength * cover(&shape, (float)x, (float)y);
			float shade =
				0.6f + 0.8f * grain[(size_t)y * canvas->width +
						    (size_t)x];
			uint8_t *at;

			if (in <= 0)
				continue;
			at = hf_canvas_at(canvas, (unsigned)x, (unsigned)y);
			for (int i = 0; i < 3; i++)
				at[i] = to_byte(at[i] +
						(colour[i] * shade - at[i]) *
							in);
		}
	}
}

/* Sky to ground: three colours along the clouds, light along a slope. */
static void fill(struct hf_canvas *canvas, const float *clouds,
		 const float *grain, uint64_t *seed)
{
	float colours[3][3], slope_x, slope_y, light;

	for (int i = 0; i < 3; i++)
		for (int k = 0; k < 3; k++)
			colours[i][k] = between(seed, (float)i * 70,
						(float)i * 70 + 115);
	slope_x = between(seed, -0.5f, 0.5f);
	slope_y = between(seed, -0.5f, 0.5f);
	light = between(seed, 0.75f, 1.1f);
	for (unsigned y = 0; y < canvas->height; y++) {
		for (unsigned x = 0; x < canvas->width; x++) {
			size_t at = (size_t)y * canvas->width + x;
			float level = fminf(fmaxf(clouds[at] * 3.2f - 0.9f, 0),
					    1.999f);
			int below = (int)level;
			float shade =
				light *
				(0.75f + 0.5f * grain[at] +
				 slope_x * ((float)x / (float)canvas->width -
					    0.5f) +
				 slope_y * ((float)y / (float)canvas->height -
					    0.5f));
			uint8_t *pixel = canvas->rgb + at * 3;

			for (int i = 0; i < 3; i++)
				pixel[i] = to_byte(
					(colours[below][i] +
					 (colours[below + 1][i] -
					  colours[below][i]) *
						 (level - (float)below)) *
					shade);
		}
	}
}

enum hf_err hf_paint(uint64_t seed, int is_small, struct hf_canvas *out_canvas,
		     struct hf_why *why)
{
	struct hf_canvas canvas;
	unsigned width, height, shapes;
	float *clouds, *grain;
	enum hf_err err;

	seed = mix(seed);
	width = 320 + (unsigned)(draw(&seed) % (is_small ? 129 : 321));
	height = 320 + (unsigned)(draw(&seed) % (is_small ? 129 : 321));
	clouds = calloc((size_t)width * height, sizeof(*clouds));
	grain = calloc((size_t)width * height, sizeof(*grain));
	if (clouds == NULL || grain == NULL)
		err = hf_why(why, HF_E_NOMEM, "no memory for a picture");
	else
		err = hf_canvas_init(&canvas, width, height, why);
	if (err != HF_OK)
		goto out_free;

	add_clouds(clouds, width, height, &seed);
	add_octave(grain, width, height, draw(&seed), 23, 0.6f);
	add_octave(grain, width, height, draw(&seed), 5, 0.4f);
	fill(&canvas, clouds, grain, &seed);
	shapes = 4 + (unsigned)(draw(&seed) % 7);
	for (unsigned i = 0; i < shapes; i++)
		add_shape(&canvas, grain, &seed);
	*out_canvas = canvas;
out_free:
	free(grain);
	free(clouds);
	return err;
}

enum hf_err hf_paint_resized(const struct hf_canvas *from,
			     struct hf_canvas *out, struct hf_why *why)
{
	enum hf_err err = hf_canvas_init(out, from->width * 3 / 5,
					 from->height * 3 / 5, why);

	if (err != HF_OK)
		return err;
	/* Between the four nearest, after a look at their neighbours would be
	 * finer; three fifths is near enough to one for this. */
	for (unsigned y = 0; y < out->height; y++) {
		for (unsigned x = 0; x < out->width; x++) {
			float u = ((float)x + 0.5f) * 5 / 3 - 0.5f;
			float v = ((float)y + 0.5f) * 5 / 3 - 0.5f;
			unsigned left = (unsigned)u, top = (unsigned)v;
			unsigned right =
				left + 1 < from->width ? left + 1 : left;
			unsigned below = top + 1 < from->height ? top + 1 : top;
			float tx = u - (float)left, ty = v - (float)top;

			for (int i = 0; i < 3; i++) {
				float a = hf_canvas_at(from, left, top)[i];
				float b = hf_canvas_at(from, right, top)[i];
				float c = hf_canvas_at(from, left, below)[i];
				float d = hf_canvas_at(from, right, below)[i];

				hf_canvas_at(out, x, y)[i] =
					to_byte((a + (b - a) * tx) * (1 - ty) +
						(c + (d - c) * tx) * ty);
			}
		}
	}
	return HF_OK;
}

enum hf_err hf_paint_cropped(const struct hf_canvas *from,
			     struct hf_canvas *out, struct hf_why *why)
{
	unsigned dx = from->width / 100, dy = from->height / 100;
	enum hf_err err = hf_canvas_init(out, from->width - 2 * dx,
					 from->height - 2 * dy, why);

	if (err != HF_OK)
		return err;
	for (unsigned y = 0; y < out->height; y++)
		memcpy(hf_canvas_at(out, 0, y), hf_canvas_at(from, dx, y + dy),
		       (size_t)out->width * 3);
	return HF_OK;
}

static enum hf_err copy(const struct hf_canvas *from, struct hf_canvas *out,
			struct hf_why *why)
{
	enum hf_err err = hf_canvas_init(out, from->width, from->height, why);

	if (err == HF_OK)
		memcpy(out->rgb, from->rgb,
		       (size_t)from->width * from->height * 3);
	return err;
}

enum hf_err hf_paint_brighter(const struct hf_canvas *from,
			      struct hf_canvas *out, struct hf_why *why)
{
	enum hf_err err = copy(from, out, why);

	for (size_t i = 0;
	     err == HF_OK && i < (size_t)from->width * from->height * 3; i++)
		out->rgb[i] = to_byte((float)from->rgb[i] * 7 / 6 + 8);
	return err;
}

enum hf_err hf_paint_grey(const struct hf_canvas *from, struct hf_canvas *out,
			  struct hf_why *why)
{
	enum hf_err err = copy(from, out, why);

	for (size_t i = 0;
	     err == HF_OK && i < (size_t)from->width * from->height; i++) {
		uint8_t *at = out->rgb + i * 3;

		memset(at,
		       to_byte(0.299f * at[0] + 0.587f * at[1] +
			       0.114f * at[2]),
		       3);
	}
	return err;
}

/* A white plate with a ring and a bar on it. */
enum hf_err hf_paint_logo(const struct hf_canvas *from, struct hf_canvas *out,
			  struct hf_why *why)
{
	unsigned width = from->width / 6, height = from->height / 14;
	unsigned left = from->width - width - 8;
	unsigned top = from->height - height - 8;
	enum hf_err err = copy(from, out, why);

	for (unsigned y = 0; err == HF_OK && y < height; y++) {
		for (unsigned x = 0; x < width; x++) {
			float dx = (float)x - (float)height / 2;
			float dy = (float)y - (float)height / 2;
			float away = sqrtf(dx * dx + dy * dy) / (float)height;
			int is_ink = (away > 0.22f && away < 0.4f) ||
				     (x > height && x + 4 < width &&
				      y > height / 3 && y < height * 2 / 3);

			memset(hf_canvas_at(out, left + x, top + y),
			       is_ink ? 20 : 245, 3);
		}
	}
	return err;
}

enum hf_err hf_paint_sharpened(const struct hf_canvas *from,
			       struct hf_canvas *out, struct hf_why *why)
{
	enum hf_err err = copy(from, out, why);

	for (unsigned y = 1; err == HF_OK && y + 1 < from->height; y++) {
		for (unsigned x = 1; x + 1 < from->width; x++) {
			const uint8_t *at = hf_canvas_at(from, x, y);
			size_t row = (size_t)from->width * 3;

			for (int i = 0; i < 3; i++)
				hf_canvas_at(out, x, y)[i] = to_byte(
					(float)at[i] * 3 -
					((float)at[i - 3] + at[i + 3] +
					 *(at + i - row) + at[i + row]) /
						2);
		}
	}
	return err;
}
