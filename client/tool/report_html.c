#include <string.h>

#include "span.h"

#include "report_doc.h"

/* Colours of Okabe and Ito, which the colour-blind tell apart too; each piece
 * has a gap beside it and its number in the table, so that nothing is said by
 * colour alone.  The page asks for nothing: no script, no font, no address. */
static const char *const style[] = {
	":root{color-scheme:light dark;--paper:#f7f6f2;--card:#fff;"
	"--ink:#1b2530;--soft:#586472;--line:#dcdfe3;"
	"--c0:#0072b2;--c1:#56b4e9;--c2:#e69f00;--c3:#d55e00;--c4:#009e73;"
	"--c5:#b86a98;--c6:#8b939c}\n",
	"@media(prefers-color-scheme:dark){:root{--paper:#12171d;"
	"--card:#1a2129;--ink:#e8ebef;--soft:#a3adb8;--line:#323b46;"
	"--c0:#2d8fcb;--c1:#7cc6f2;--c2:#f0b429;--c3:#e8743b;"
	"--c4:#26b88d;--c5:#d38fb7;--c6:#7c858f}}\n",
	"*{box-sizing:border-box}\n",
	"body{margin:0;background:var(--paper);color:var(--ink);"
	"font:1rem/1.5 system-ui,-apple-system,'Segoe UI',Roboto,"
	"'Helvetica Neue',Arial,sans-serif;-webkit-text-size-adjust:100%}\n",
	"main,header,footer{max-width:74rem;margin:0 auto;"
	"padding:0 clamp(1rem,3vw,2rem)}\n",
	"header{padding-top:clamp(1.5rem,5vw,3.5rem)}\n",
	"h1,h2{font-family:'Iowan Old Style',Palatino,'Palatino Linotype',"
	"Georgia,serif;font-weight:600;line-height:1.15;"
	"text-wrap:balance}\n",
	"h1{font-size:clamp(1.9rem,5vw,3rem);margin:0 0 .4rem;"
	"letter-spacing:-.01em}\n",
	"h2{font-size:1.35rem;margin:0 0 .2rem}\n",
	".period{font-size:1.1rem;margin:0}\n",
	".by{color:var(--soft);margin:.3rem 0 0}\n",
	".chip{display:inline-block;border:1px solid var(--line);"
	"border-radius:99rem;padding:.1rem .7rem;background:var(--card);"
	"font-size:.85rem}\n",
	".figures{display:grid;grid-template-columns:"
	"repeat(auto-fit,minmax(9.5rem,1fr));gap:.75rem;margin:1.75rem 0;"
	"padding:0;list-style:none}\n",
	".figures li,section{background:var(--card);"
	"border:1px solid var(--line);border-radius:.8rem}\n",
	".figures li{padding:.9rem 1.1rem}\n",
	".figures b{display:block;font-size:1.75rem;line-height:1.2;"
	"font-weight:650;font-variant-numeric:tabular-nums;"
	"letter-spacing:-.01em}\n",
	".figures span{color:var(--soft);font-size:.9rem}\n",
	"section{padding:clamp(1rem,2.5vw,1.6rem);margin:0 0 1.25rem}\n",
	"section p{margin:.2rem 0 .8rem;color:var(--soft);max-width:44rem}\n",
	".pair{display:grid;gap:1.25rem;align-items:start}\n",
	"@media(min-width:66rem){.pair{grid-template-columns:"
	"minmax(0,1.7fr) minmax(0,1fr)}.pair .rows{max-height:26rem;"
	"overflow:auto}}\n",
	".plot,.rows{overflow-x:auto}\n",
	".plot svg{display:block;width:100%;min-width:34rem;height:auto}\n",
	".whole svg{min-width:0;border-radius:.5rem}\n",
	"figure{margin:0}\n",
	".key{display:flex;flex-wrap:wrap;gap:.3rem 1.1rem;margin:.4rem 0 "
	".8rem;padding:0;list-style:none;font-size:.9rem}\n",
	".key i{display:inline-block;width:.8em;height:.8em;"
	"border-radius:.2em;margin-right:.45em}\n",
	"svg text{font:13px system-ui,-apple-system,'Segoe UI',Roboto,Arial,"
	"sans-serif;fill:var(--ink)}\n",
	"svg .soft{fill:var(--soft);font-size:12px}\n",
	"svg .year{fill:var(--ink);font-size:12px;font-weight:600}\n",
	"svg .mark{font-size:12px;font-weight:600}\n",
	"svg .end{text-anchor:end}svg .mid{text-anchor:middle}\n",
	"svg .grid{stroke:var(--line)}svg .base{stroke:var(--soft)}\n",
	".c0{fill:var(--c0);background:var(--c0)}"
	".c1{fill:var(--c1);background:var(--c1)}"
	".c2{fill:var(--c2);background:var(--c2)}"
	".c3{fill:var(--c3);background:var(--c3)}"
	".c4{fill:var(--c4);background:var(--c4)}"
	".c5{fill:var(--c5);background:var(--c5)}"
	".c6{fill:var(--c6);background:var(--c6)}\n",
	"svg .inc0,svg .inc1,svg .inc2,svg .inc3{font-size:16px;"
	"font-weight:650;fill:#111}svg .inc0{fill:#fff}\n",
	"table{border-collapse:collapse;width:100%;font-size:.92rem;"
	"font-variant-numeric:tabular-nums}\n",
	"th,td{padding:.35rem .6rem;border-bottom:1px solid var(--line);"
	"text-align:left;vertical-align:top;white-space:nowrap}\n",
	"thead th{color:var(--soft);font-weight:600;position:sticky;top:0;"
	"background:var(--card)}\n",
	"tbody th{font-weight:500;white-space:normal;overflow-wrap:anywhere;"
	"min-width:9rem}\n",
	".n{text-align:right}\n",
	/* Beside a plot there is a third of the width. */
	".pair .rows table{font-size:.82rem}"
	".pair .rows th,.pair .rows td{padding:.3rem .35rem}"
	".pair .rows thead th{white-space:normal;vertical-align:bottom}"
	".pair .rows tbody th{min-width:5.5rem}\n",
	"tbody tr:last-child>*{border-bottom:0}\n",
	"code{font:.85em ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,"
	"monospace}\n",
	".notes li{margin:.3rem 0;max-width:52rem}\n",
	".notes ul{margin:.4rem 0 0;padding-left:1.1rem}\n",
	"footer{color:var(--soft);font-size:.9rem;padding-bottom:3rem}\n",
	"@media print{:root{--paper:#fff;--card:#fff;--ink:#000;--soft:#444;"
	"--line:#bbb;--c0:#0072b2;--c1:#56b4e9;--c2:#e69f00;"
	"--c3:#d55e00;--c4:#009e73;--c5:#b86a98;--c6:#8b939c}"
	"body{font-size:10pt}*{-webkit-print-color-adjust:exact;"
	"print-color-adjust:exact}"
	"section{break-inside:avoid;border:0;padding:0;margin-bottom:6mm}"
	"section.long{break-inside:auto}"
	"tr,figure{break-inside:avoid}thead{display:table-header-group}"
	".pair{display:block}.plot svg{min-width:0;max-width:170mm}"
	".plot,.rows{overflow:visible;max-height:none}"
	"thead th{position:static}"
	"header,main,footer{max-width:none;padding:0}"
	"@page{margin:16mm}}\n",
};

static void put_escaped(struct hf_buf *out, struct hf_span letter)
{
	switch (letter.at[0]) {
	case '<':
		hf_buf_put_text(out, "&lt;");
		break;
	case '>':
		hf_buf_put_text(out, "&gt;");
		break;
	case '&':
		hf_buf_put_text(out, "&amp;");
		break;
	case '"':
		hf_buf_put_text(out, "&quot;");
		break;
	case '\'':
		hf_buf_put_text(out, "&#39;");
		break;
	default:
		hf_buf_put(out, letter);
	}
}

void hf_doc_write_escaped(struct hf_buf *out, const char *text)
{
	struct hf_span letter;

	while (hf_doc_letter_take(&text, &letter))
		put_escaped(out, letter);
}

static bool is_number(enum hf_doc_kind kind)
{
	return kind == HF_DOC_COUNT || kind == HF_DOC_SHARE ||
	       kind == HF_DOC_SPAN;
}

static void put_cell(const struct hf_doc_column *column,
		     const struct hf_doc_cell *cell, struct hf_buf *out)
{
	char scratch[HF_DOC_NUMBER_SIZE];
	const char *text = hf_doc_cell_text(column, cell, scratch);

	switch (column->kind) {
	case HF_DOC_NAME:
		/* A name that is written from right to left stays in here. */
		hf_buf_put_text(out, "<th scope=\"row\"><bdi>");
		hf_doc_write_escaped(out, text);
		hf_buf_put_text(out, "</bdi></th>");
		return;
	case HF_DOC_ID:
		hf_buf_put_text(out, "<td><code>");
		hf_doc_write_escaped(out, text);
		hf_buf_put_text(out, "</code></td>");
		return;
	default:
		hf_buf_put_text(out, is_number(column->kind)
					     ? "<td class=\"n\">"
					     : "<td>");
		hf_doc_write_escaped(out, text);
		hf_buf_put_text(out, "</td>");
	}
}

static void put_table(const struct hf_doc_table *table, struct hf_buf *out)
{
	hf_buf_printf(out, "<section class=\"long\">\n<h2 id=\"%s\">%s</h2>\n",
		      table->key, table->title);
	if (table->note[0] != '\0')
		hf_buf_printf(out, "<p>%s</p>\n", table->note);
	/* It scrolls on a narrow screen, so a keyboard must reach it. */
	hf_buf_printf(out,
		      "<div class=\"rows\" role=\"region\" tabindex=\"0\" "
		      "aria-labelledby=\"%s\">\n<table>\n<thead><tr>",
		      table->key);
	for (size_t i = 0; i < table->columns_count; i++) {
		if (table->columns[i].is_data_only)
			continue;
		hf_buf_printf(out, "<th scope=\"col\"%s>%s</th>",
			      is_number(table->columns[i].kind) ? " class=\"n\""
								: "",
			      table->columns[i].title);
	}
	hf_buf_put_text(out, "</tr></thead>\n<tbody>\n");
	for (size_t i = 0; i < table->rows_shown; i++) {
		hf_buf_put_text(out, "<tr>");
		for (size_t j = 0; j < table->columns_count; j++) {
			if (!table->columns[j].is_data_only)
				put_cell(
					&table->columns[j],
					&table->cells[i * table->columns_count +
						      j],
					out);
		}
		hf_buf_put_text(out, "</tr>\n");
	}
	hf_buf_put_text(out, "</tbody>\n</table>\n</div>\n</section>\n");
}

/* The numbers of a plot, beside it. */
static void put_numbers(const struct hf_doc_plot *plot, struct hf_buf *out)
{
	hf_buf_printf(out,
		      "<div class=\"rows\" role=\"region\" tabindex=\"0\" "
		      "aria-label=\"Numbers: %s\">\n<table>\n<thead><tr>"
		      "<th scope=\"col\">%s</th>",
		      plot->title, plot->items_title);
	for (size_t i = 0; i < plot->series_count; i++)
		hf_buf_printf(out, "<th scope=\"col\" class=\"n\">%s</th>",
			      plot->series[i].title);
	hf_buf_put_text(out, "</tr></thead>\n<tbody>\n");
	for (size_t i = 0; i < plot->items_count; i++) {
		hf_buf_put_text(out, "<tr><th scope=\"row\"><bdi>");
		hf_doc_write_escaped(out, plot->items[i].label);
		hf_buf_put_text(out, "</bdi></th>");
		for (size_t j = 0; j < plot->series_count; j++) {
			char text[HF_DOC_NUMBER_SIZE];

			hf_doc_count_text(plot->items[i].values[j], text);
			hf_buf_put_text(out, "<td class=\"n\">");
			hf_doc_write_escaped(out, text);
			hf_buf_put_text(out, "</td>");
		}
		hf_buf_put_text(out, "</tr>\n");
	}
	hf_buf_put_text(out, "</tbody>\n</table>\n</div>\n");
}

/* What the colours mean; of the one bar with the shares as well, which on a
 * narrow screen are too small in it. */
static void put_key(const struct hf_doc_plot *plot, struct hf_buf *out)
{
	uint64_t sum = 0;

	for (size_t i = 0;
	     plot->kind == HF_DOC_PLOT_WHOLE && i < plot->series_count; i++) {
		if (hf_report_is_told(plot->items[0].values[i]))
			sum += plot->items[0].values[i];
	}
	hf_buf_put_text(out, "<ul class=\"key\">");
	for (size_t i = 0; i < plot->series_count; i++) {
		char share[HF_DOC_NUMBER_SIZE] = "";

		if (sum > 0)
			hf_doc_share_text(
				hf_doc_share(plot->items[0].values[i], sum),
				share);
		hf_buf_printf(out, "<li><i class=\"c%d\"></i>%s%s%s</li>",
			      (int)plot->series[i].colour,
			      plot->series[i].title, sum > 0 ? " " : "", share);
	}
	hf_buf_put_text(out, "</ul>\n");
}

static void put_plot(const struct hf_doc_plot *plot, unsigned number,
		     struct hf_buf *out)
{
	bool is_whole = plot->kind == HF_DOC_PLOT_WHOLE;

	hf_buf_printf(out, "<section>\n<h2>%s</h2>\n<p>%s</p>\n", plot->title,
		      plot->what);
	put_key(plot, out);
	hf_buf_printf(out, "<div class=\"%s\">\n<figure class=\"%s\">\n",
		      is_whole ? "one" : "pair",
		      is_whole ? "plot whole" : "plot");
	hf_doc_write_svg(plot, number, out);
	hf_buf_put_text(out, "</figure>\n");
	put_numbers(plot, out);
	hf_buf_put_text(out, "</div>\n</section>\n");
}

static void put_head(const struct hf_doc *doc, struct hf_buf *out)
{
	hf_buf_put_text(
		out,
		"<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
		"<meta charset=\"utf-8\"/>\n"
		"<meta name=\"viewport\" content=\"width=device-width, "
		"initial-scale=1\"/>\n"
		"<meta http-equiv=\"Content-Security-Policy\" "
		"content=\"default-src 'none'; style-src 'unsafe-inline'\"/>\n"
		"<meta name=\"referrer\" content=\"no-referrer\"/>\n");
	hf_buf_printf(out, "<title>%s, %s</title>\n<style>\n", doc->title,
		      doc->period);
	for (size_t i = 0; i < sizeof(style) / sizeof(style[0]); i++)
		hf_buf_put_text(out, style[i]);
	hf_buf_printf(out,
		      "</style>\n</head>\n<body>\n<header>\n<h1>%s</h1>\n"
		      "<p class=\"period\">%s</p>\n<p class=\"by\">By <bdi>",
		      doc->title, doc->period);
	hf_doc_write_escaped(out, doc->organisation);
	hf_buf_printf(out,
		      "</bdi>, %s <span class=\"chip\">%s</span></p>\n"
		      "</header>\n<main>\n",
		      doc->made, doc->audience);
}

enum hf_err hf_doc_write_html(const struct hf_doc *doc, struct hf_buf *out,
			      struct hf_why *why)
{
	enum hf_err err;

	put_head(doc, out);
	hf_buf_put_text(out, "<ul class=\"figures\">\n");
	for (size_t i = 0; i < doc->figures_count; i++) {
		hf_buf_put_text(out, "<li><b>");
		hf_doc_write_escaped(out, doc->figures[i].value);
		hf_buf_printf(out, "</b><span>%s</span></li>\n",
			      doc->figures[i].label);
	}
	hf_buf_put_text(out, "</ul>\n");
	for (size_t i = 0; i < doc->plots_count; i++)
		put_plot(&doc->plots[i], (unsigned)i, out);
	for (size_t i = 0; i < doc->tables_count; i++)
		put_table(&doc->tables[i], out);
	hf_buf_put_text(out, "<section class=\"notes\">\n<h2>How this was "
			     "counted</h2>\n<ul>\n");
	for (size_t i = 0; i < doc->notes_count; i++) {
		hf_buf_put_text(out, "<li>");
		hf_doc_write_escaped(out, doc->notes[i]);
		hf_buf_put_text(out, "</li>\n");
	}
	hf_buf_put_text(out, "</ul>\n</section>\n</main>\n<footer>Made by "
			     "hashfed from signed takedown cases.</footer>\n"
			     "</body>\n</html>\n");
	err = hf_buf_failed(out);
	return err == HF_OK ? HF_OK
			    : hf_why(why, err, "report: no room for the page");
}
