/*
 * report_doc.h -- a report as it is shown: figures, tables, plots and the
 * sentences that say how it was counted; each format writes the same ones.
 *
 * Units    a SPAN is milliseconds, a SHARE ten thousandths.
 * Owns     everything lives in the arena, or in the report it was made of.
 * Threads  one.
 * Errors   NOMEM.
 * Source   hashfed(1), REPORTS; columns follow the table of the hosting
 *          monitor of TU Delft, DSA Art. 22(3), and what Art. 16 and 17 ask
 *          of providers.
 */
#ifndef HF_REPORT_DOC_H
#define HF_REPORT_DOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "buf.h"
#include "err.h"
#include "report.h"
#include "span.h"

enum hf_doc_kind {
	HF_DOC_NAME, /* heads the row; from outside */
	HF_DOC_TEXT,
	HF_DOC_COUNT,
	HF_DOC_SHARE,
	HF_DOC_SPAN,
	HF_DOC_ID,
};

struct hf_doc_column {
	const char *key; /* in files */
	const char *title;
	enum hf_doc_kind kind;
	bool is_data_only; /* not for people: CSV and JSON */
};

struct hf_doc_cell {
	bool is_set;
	const char *text; /* NAME, TEXT, ID */
	uint64_t number;  /* COUNT also HF_REPORT_SMALL and _FEW */
};

struct hf_doc_table {
	const char *key;
	const char *title;
	const char *note; /* or "" */
	const struct hf_doc_column *columns;
	size_t columns_count;
	const struct hf_doc_cell *cells; /* row by row */
	size_t rows_count;
	size_t rows_shown; /* to people; files have all */
};

enum hf_doc_plot_kind {
	HF_DOC_PLOT_WHOLE,  /* one bar of shares */
	HF_DOC_PLOT_STACKS, /* standing bars, in time */
	HF_DOC_PLOT_BARS,   /* lying bars */
	HF_DOC_PLOT_SPREAD, /* standing bars, each of one series */
};

/* Of the palette: see report_html.c. */
enum hf_doc_colour {
	HF_DOC_BLUE,
	HF_DOC_SKY,
	HF_DOC_ORANGE,
	HF_DOC_RED,
	HF_DOC_GREEN,
	HF_DOC_PURPLE,
	HF_DOC_GREY,
};

#define HF_DOC_SERIES_MAX 8

struct hf_doc_series {
	const char *title;
	enum hf_doc_colour colour;
};

struct hf_doc_item {
	const char *label;
	const char *mark; /* beside or above the bar, or "" */
	uint64_t values[HF_DOC_SERIES_MAX];
};

struct hf_doc_plot {
	enum hf_doc_plot_kind kind;
	const char *title;
	const char *what; /* in one sentence, for who does not see it */
	const char *items_title;
	struct hf_doc_series series[HF_DOC_SERIES_MAX];
	size_t series_count;
	struct hf_doc_item *items;
	size_t items_count;
};

struct hf_doc_figure {
	const char *value;
	const char *label;
};

#define HF_DOC_FIGURES_MAX 6
#define HF_DOC_NOTES_MAX   16
#define HF_DOC_TABLES_MAX  6
#define HF_DOC_PLOTS_MAX   4

struct hf_doc {
	const struct hf_report *report;
	const char *title;
	const char *period;
	const char *audience;
	const char *made;
	uint64_t made_ms;
	const char *organisation;
	struct hf_doc_figure figures[HF_DOC_FIGURES_MAX];
	size_t figures_count;
	const char *notes[HF_DOC_NOTES_MAX];
	size_t notes_count;
	struct hf_doc_table tables[HF_DOC_TABLES_MAX];
	size_t tables_count;
	struct hf_doc_plot plots[HF_DOC_PLOTS_MAX];
	size_t plots_count;
};

/* Of a finished report. */
HF_MUST enum hf_err hf_doc_make(const struct hf_report *report,
				const char *organisation,
				struct hf_arena *arena, struct hf_doc *out_doc,
				struct hf_why *why);

/* ---- made of rows (report_doc_table.c, report_doc_plot.c) ---- */

/* printf into the arena; NULL without memory. */
const char *hf_doc_text(struct hf_arena *arena, const char *format, ...)
	HF_PRINTF(2, 3);

HF_MUST enum hf_err hf_doc_tables(struct hf_doc *doc, struct hf_arena *arena,
				  struct hf_why *why);
HF_MUST enum hf_err hf_doc_plots(struct hf_doc *doc, struct hf_arena *arena,
				 struct hf_why *why);

/* ---- how numbers are written ---- */

#define HF_DOC_NUMBER_SIZE 32

/* "12,345", "<5", "few". */
void hf_doc_count_text(uint64_t count,
		       char out_text[static HF_DOC_NUMBER_SIZE]);
/* "87.2 %" */
void hf_doc_share_text(uint64_t share,
		       char out_text[static HF_DOC_NUMBER_SIZE]);
/* "45 s", "12 min", "5 h 12 min", "3 d 4 h" */
void hf_doc_span_text(uint64_t ms, char out_text[static HF_DOC_NUMBER_SIZE]);

/* part of whole in ten thousandths, rounded; 0 of 0. */
uint64_t hf_doc_share(uint64_t part, uint64_t whole);

/* As people read it; "" for a cell that is not set. */
const char *hf_doc_cell_text(const struct hf_doc_column *column,
			     const struct hf_doc_cell *cell,
			     char scratch[static HF_DOC_NUMBER_SIZE]);

/* ---- formats: each appends the whole report ---- */

HF_MUST enum hf_err hf_doc_write_text(const struct hf_doc *doc,
				      struct hf_buf *out, struct hf_why *why);
HF_MUST enum hf_err hf_doc_write_csv(const struct hf_doc *doc,
				     struct hf_buf *out, struct hf_why *why);
HF_MUST enum hf_err hf_doc_write_json(const struct hf_doc *doc,
				      struct hf_buf *out, struct hf_why *why);
HF_MUST enum hf_err hf_doc_write_html(const struct hf_doc *doc,
				      struct hf_buf *out, struct hf_why *why);

/* Take a letter off text, as UTF-8: U+FFFD for a control character or a byte
 * that is none, since neither XML nor a table may have it.  False at the end.
 */
bool hf_doc_letter_take(const char **text, struct hf_span *out_letter);

/* A plot as an <svg> with numbers in ids (report_svg.c); text escaped as in
 * HTML (report_html.c). */
void hf_doc_write_svg(const struct hf_doc_plot *plot, unsigned number,
		      struct hf_buf *out);
void hf_doc_write_escaped(struct hf_buf *out, const char *text);

#endif /* HF_REPORT_DOC_H */
