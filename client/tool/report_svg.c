#include <stdio.h>
#include <string.h>

#include "report_doc.h"

/* One unit is a pixel on a wide screen; the whole scales. */
#define WIDTH       760
#define LEFT        56 /* of standing bars: room for the axis */
#define RIGHT       12
#define TOP         30
#define HEIGHT      250 /* of the plot itself */
#define BOTTOM      46
#define WHOLE_TALL  64
#define BAR_LEFT    210 /* of lying bars: room for names */
#define BAR_RIGHT   86
#define BAR_TALL    20
#define BAR_STEP    32
#define LETTER      7.4 /* what a letter of a label takes, at most */
#define TICKS_MOST  5
#define STACK_MOST  56  /* the widest bar */
#define LABELS_MOST 12  /* months that are named below */
#define GAP         1.5 /* between pieces, unless they are thin */

/* "c3": classes of the page's style. */
static const char *const colours[] = {
	[HF_DOC_BLUE] = "c0", [HF_DOC_SKY] = "c1",   [HF_DOC_ORANGE] = "c2",
	[HF_DOC_RED] = "c3",  [HF_DOC_GREEN] = "c4", [HF_DOC_PURPLE] = "c5",
	[HF_DOC_GREY] = "c6",
};

static uint64_t sum_of(const struct hf_doc_plot *plot,
		       const struct hf_doc_item *item)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < plot->series_count; i++)
		sum += hf_report_told(item->values[i]);
	return sum;
}

static uint64_t most_of(const struct hf_doc_plot *plot)
{
	uint64_t most = 1;

	for (size_t i = 0; i < plot->items_count; i++) {
		uint64_t sum = sum_of(plot, &plot->items[i]);

		most = sum > most ? sum : most;
	}
	return most;
}

/* 1, 2 or 5 times a power of ten, so that there are few ticks. */
static uint64_t step_of(uint64_t most)
{
	static const uint64_t firsts[] = { 1, 2, 5 };

	for (uint64_t ten = 1; ten < UINT64_MAX / 100; ten *= 10) {
		for (size_t i = 0; i < sizeof(firsts) / sizeof(firsts[0]);
		     i++) {
			if (most / (firsts[i] * ten) < TICKS_MOST)
				return firsts[i] * ten;
		}
	}
	return most;
}

/* The beginning of a name, with an ellipsis where it is too long. */
static void put_short(struct hf_buf *out, const char *text, size_t most)
{
	char cut[128];
	size_t letters = 0, len = 0;

	while (text[len] != '\0') {
		size_t next = len + 1;

		while (((unsigned char)text[next] & 0xc0) == 0x80)
			next++;
		if (letters == most || next >= sizeof(cut) - 4)
			break;
		letters++;
		len = next;
	}
	memcpy(cut, text, len);
	strcpy(cut + len, text[len] != '\0' ? "\xe2\x80\xa6" : "");
	hf_doc_write_escaped(out, cut);
}

/* Less a gap, so that neighbours are told apart without their colours. */
static double inset(double size)
{
	return size > 2 * GAP ? size - GAP : size;
}

/* A rectangle that says what it is when it is pointed at. */
static void put_piece(struct hf_buf *out, const struct hf_doc_plot *plot,
		      const struct hf_doc_item *item, size_t series, double x,
		      double y, double width, double height)
{
	char count[HF_DOC_NUMBER_SIZE];

	hf_doc_count_text(item->values[series], count);
	hf_buf_printf(out,
		      "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" "
		      "width=\"%.2f\" height=\"%.2f\"><title>",
		      colours[plot->series[series].colour], x, y, width,
		      height);
	hf_doc_write_escaped(out, item->label);
	hf_buf_printf(out, ": %s %s</title></rect>\n", count,
		      plot->series[series].title);
}

static void put_axis(struct hf_buf *out, uint64_t most, uint64_t step,
		     double scale)
{
	for (uint64_t tick = 0; tick <= most; tick += step) {
		char text[HF_DOC_NUMBER_SIZE];
		double y = TOP + HEIGHT - (double)tick * scale;

		hf_doc_count_text(tick, text);
		hf_buf_printf(out,
			      "<line class=\"%s\" x1=\"%d\" y1=\"%.1f\" "
			      "x2=\"%d\" y2=\"%.1f\"/>"
			      "<text class=\"soft end\" x=\"%d\" y=\"%.1f\">"
			      "%s</text>\n",
			      tick == 0 ? "base" : "grid", LEFT, y,
			      WIDTH - RIGHT, y, LEFT - 8, y + 4, text);
	}
}

/* "Jan" and, below the first and every January, its year. */
static void put_month(struct hf_buf *out, const char *label, bool is_first,
		      double x)
{
	static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	int month =
		strlen(label) == 7 ? 10 * (label[5] - '0') + label[6] - '0' : 0;

	if (month < 1 || month > 12) {
		hf_buf_printf(out,
			      "<text class=\"soft mid\" x=\"%.1f\" "
			      "y=\"%d\">",
			      x, TOP + HEIGHT + 20);
		put_short(out, label, 8);
		hf_buf_put_text(out, "</text>\n");
		return;
	}
	hf_buf_printf(out,
		      "<text class=\"soft mid\" x=\"%.1f\" y=\"%d\">"
		      "%.3s</text>\n",
		      x, TOP + HEIGHT + 20, names + 3 * (month - 1));
	if (is_first || month == 1)
		hf_buf_printf(out,
			      "<text class=\"year mid\" x=\"%.1f\" y=\"%d\">"
			      "%.4s</text>\n",
			      x, TOP + HEIGHT + 38, label);
}

static void put_standing(const struct hf_doc_plot *plot, struct hf_buf *out)
{
	uint64_t most = most_of(plot), step = step_of(most);
	double scale, slot, width;
	size_t every;

	most = (most + step - 1) / step * step;
	scale = HEIGHT / (double)most;
	slot = (WIDTH - LEFT - RIGHT) / (double)plot->items_count;
	width = slot * 0.72 > STACK_MOST ? STACK_MOST : slot * 0.72;
	every = (plot->items_count + LABELS_MOST - 1) / LABELS_MOST;
	put_axis(out, most, step, scale);
	for (size_t i = 0; i < plot->items_count; i++) {
		const struct hf_doc_item *item = &plot->items[i];
		double middle = LEFT + slot * ((double)i + 0.5);
		double y = TOP + HEIGHT;

		for (size_t j = 0; j < plot->series_count; j++) {
			double tall =
				(double)hf_report_told(item->values[j]) * scale;

			if (tall <= 0)
				continue;
			y -= tall;
			put_piece(out, plot, item, j, middle - width / 2, y,
				  width, inset(tall));
		}
		if (item->mark[0] != '\0' && every == 1 && y < TOP + HEIGHT)
			hf_buf_printf(out,
				      "<text class=\"mark mid\" x=\"%.1f\" "
				      "y=\"%.1f\">%s</text>\n",
				      middle, y - 7, item->mark);
		if (i % every != 0)
			continue;
		if (plot->kind == HF_DOC_PLOT_STACKS)
			put_month(out, item->label, i == 0, middle);
		else
			hf_buf_printf(out,
				      "<text class=\"soft mid\" x=\"%.1f\" "
				      "y=\"%d\">%s</text>\n",
				      middle, TOP + HEIGHT + 20, item->label);
	}
}

static void put_lying(const struct hf_doc_plot *plot, struct hf_buf *out)
{
	double scale = (WIDTH - BAR_LEFT - BAR_RIGHT) / (double)most_of(plot);

	for (size_t i = 0; i < plot->items_count; i++) {
		const struct hf_doc_item *item = &plot->items[i];
		char sum[HF_DOC_NUMBER_SIZE];
		double x = BAR_LEFT;
		double y = (double)(8 + i * BAR_STEP);

		hf_buf_printf(out,
			      "<text class=\"name end\" x=\"%d\" y=\"%.1f\">"
			      "<title>",
			      BAR_LEFT - 10, y + 15);
		hf_doc_write_escaped(out, item->label);
		hf_buf_put_text(out, "</title>");
		put_short(out, item->label, (size_t)((BAR_LEFT - 14) / LETTER));
		hf_buf_put_text(out, "</text>\n");
		for (size_t j = 0; j < plot->series_count; j++) {
			double wide =
				(double)hf_report_told(item->values[j]) * scale;

			if (wide <= 0)
				continue;
			put_piece(out, plot, item, j, x, y, inset(wide),
				  BAR_TALL);
			x += wide;
		}
		hf_doc_count_text(sum_of(plot, item), sum);
		hf_buf_printf(out,
			      "<text class=\"soft\" x=\"%.1f\" y=\"%.1f\">"
			      "%s%s%s</text>\n",
			      x + 8, y + 15, sum,
			      item->mark[0] != '\0' ? " \xc2\xb7 " : "",
			      item->mark);
	}
}

static void put_whole(const struct hf_doc_plot *plot, struct hf_buf *out)
{
	const struct hf_doc_item *item = &plot->items[0];
	uint64_t sum = sum_of(plot, item);
	double x = 0;

	for (size_t i = 0; sum > 0 && i < plot->series_count; i++) {
		double wide = (double)hf_report_told(item->values[i]) * WIDTH /
			      (double)sum;
		char share[HF_DOC_NUMBER_SIZE];

		if (wide <= 0)
			continue;
		put_piece(out, plot, item, i, x, 0, inset(wide), WHOLE_TALL);
		hf_doc_share_text(hf_doc_share(item->values[i], sum), share);
		if (wide > 66)
			hf_buf_printf(out,
				      "<text class=\"in%s\" x=\"%.1f\" "
				      "y=\"%d\">%s</text>\n",
				      colours[plot->series[i].colour], x + 12,
				      WHOLE_TALL / 2 + 6, share);
		x += wide;
	}
}

void hf_doc_write_svg(const struct hf_doc_plot *plot, unsigned number,
		      struct hf_buf *out)
{
	int tall = plot->kind == HF_DOC_PLOT_WHOLE ? WHOLE_TALL
		   : plot->kind == HF_DOC_PLOT_BARS
			   ? (int)(16 + plot->items_count * BAR_STEP)
			   : TOP + HEIGHT + BOTTOM;

	hf_buf_printf(out,
		      "<svg viewBox=\"0 0 %d %d\" role=\"img\" "
		      "aria-labelledby=\"t%u d%u\">\n<title id=\"t%u\">%s"
		      "</title>\n<desc id=\"d%u\">%s</desc>\n",
		      WIDTH, tall, number, number, number, plot->title, number,
		      plot->what);
	if (plot->kind == HF_DOC_PLOT_WHOLE)
		put_whole(plot, out);
	else if (plot->kind == HF_DOC_PLOT_BARS)
		put_lying(plot, out);
	else
		put_standing(plot, out);
	hf_buf_put_text(out, "</svg>\n");
}
