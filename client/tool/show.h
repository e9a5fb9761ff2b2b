/*
 * show.h -- what is printed: tables, JSON lines, paths made safe, progress.
 *
 * Units    as shown.
 * Owns     hf_table_new() gives the caller a table; hf_table_free() takes it
 *          back.  Cells are copied.
 * Threads  one.
 * Errors   NOMEM.  Whether standard output took it all is for main() to find
 *          out at the end.
 * Source   hashfed(1).
 */
#ifndef HF_SHOW_H
#define HF_SHOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "buf.h"
#include "err.h"
#include "span.h"

/* ---- tables, as text or as one JSON object ---- */

enum hf_column_kind {
	HF_COLUMN_TEXT,
	HF_COLUMN_NUMBER,
	HF_COLUMN_BOOL,
	HF_COLUMN_LIST, /* parts end in a newline */
	HF_COLUMN_TIME, /* the key in JSON gets "_ms" */
};

struct hf_column {
	const char *name; /* small letters: the key in JSON */
	enum hf_column_kind kind;
};

struct hf_table;

HF_MUST enum hf_err hf_table_new(const char *name,
				 const struct hf_column *columns,
				 size_t columns_count, bool is_json,
				 struct hf_table **out_table,
				 struct hf_why *why);
void hf_table_row(struct hf_table *table);
/* Into the last row; a cell that is not set stays empty, null in JSON. */
void hf_table_text(struct hf_table *table, size_t column, const char *text);
void hf_table_number(struct hf_table *table, size_t column, uint64_t number);
void hf_table_bool(struct hf_table *table, size_t column, bool is_so);
/* Milliseconds since 1970-01-01 UTC; 0 stays an empty cell. */
void hf_table_time(struct hf_table *table, size_t column, uint64_t wall_ms);
/* How the last row is coloured, on a terminal only and unless NO_COLOR is set;
 * nothing depends on it. */
enum hf_mark { HF_MARK_BAD, HF_MARK_LATE, HF_MARK_GOOD };
void hf_table_mark(struct hf_table *table, enum hf_mark mark);
HF_MUST enum hf_err hf_table_print(struct hf_table *table, struct hf_why *why);
void hf_table_free(struct hf_table *table);

/* "2026-01-10 05:25", local to nobody: UTC.  "" for 0. */
#define HF_SHOW_TIME_SIZE 20
void hf_show_time(uint64_t wall_ms, char out_text[static HF_SHOW_TIME_SIZE]);

/* ---- text from outside ---- */

/* With control characters, marks of direction and backslashes as \n, \t, \\ or
 * \xHH, so that a name cannot make a line of its own, rule a terminal or turn
 * a line around.  Cells of a table are shown so too. */
void hf_show_escaped(FILE *out, const char *text);

/* The same, appended. */
void hf_show_escape(struct hf_buf *buf, const char *text);

/* What the next character of *text becomes, without a NUL; how long that is.
 * Moves *text, which is not at its end, behind it. */
#define HF_SHOW_ESCAPED_BYTES 12
size_t hf_show_escape_next(const char **text,
			   char out[static HF_SHOW_ESCAPED_BYTES]);

/* ---- progress, on a terminal only ---- */

struct hf_progress {
	bool is_shown;
	uint64_t began_us;
	uint64_t drawn_us;
};

void hf_progress_begin(struct hf_progress *progress, bool is_quiet);

/* At most ten times a second.  total 0: not known. */
void hf_progress_show(struct hf_progress *progress, const char *verb,
		      uint64_t done, uint64_t total, const char *unit,
		      const char *more);

/* Take it away, before a line is printed and at the end. */
void hf_progress_clear(struct hf_progress *progress);

/* Microseconds since it began. */
uint64_t hf_progress_us(const struct hf_progress *progress);

#endif /* HF_SHOW_H */
