#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <libsmartcols.h>

#include "clock.h"

#include "show.h"

#define DRAW_EVERY_US   100000
#define BAR_WIDTH       24
#define COLUMNS_MAX     24
#define COLUMNS_DEFAULT 80

struct hf_table {
	struct libscols_table *core;
	struct libscols_line *line; /* the last row */
	struct hf_column columns[COLUMNS_MAX];
	bool is_json;
	bool has_failed;
};

static const int json_kinds[] = {
	[HF_COLUMN_TEXT] = SCOLS_JSON_STRING,
	[HF_COLUMN_NUMBER] = SCOLS_JSON_NUMBER,
	[HF_COLUMN_BOOL] = SCOLS_JSON_BOOLEAN,
	[HF_COLUMN_LIST] = SCOLS_JSON_ARRAY_STRING,
};

static struct libscols_column *add_column(struct hf_table *table,
					  const struct hf_column *column)
{
	char title[64];
	size_t i = 0;
	int flags = column->kind == HF_COLUMN_NUMBER ? SCOLS_FL_RIGHT : 0;

	/* Capitals for people, the name as it is for programs. */
	for (; column->name[i] != '\0' && i + 1 < sizeof(title); i++) {
		char at = column->name[i];

		if (!table->is_json && at >= 'a' && at <= 'z')
			at = (char)(at - 'a' + 'A');
		if (!table->is_json && at == '_')
			at = ' ';
		title[i] = at;
	}
	title[i] = '\0';
	if (column->kind == HF_COLUMN_LIST)
		flags |= SCOLS_FL_WRAP;
	return scols_table_new_column(table->core, title, 0, flags);
}

enum hf_err hf_table_new(const char *name, const struct hf_column *columns,
			 size_t columns_count, bool is_json,
			 struct hf_table **out_table, struct hf_why *why)
{
	struct hf_table *table = calloc(1, sizeof(*table));

	if (table == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory for a table");
	table->is_json = is_json;
	table->core = scols_new_table();
	if (table->core == NULL)
		goto out_free;
	if (scols_table_set_name(table->core, name) != 0)
		goto out_free;
	scols_table_enable_json(table->core, is_json);
	scols_table_enable_noheadings(table->core, 0);
	for (size_t i = 0; i < columns_count; i++) {
		struct libscols_column *core = add_column(table, &columns[i]);

		if (core == NULL)
			goto out_free;
		table->columns[i] = columns[i];
		scols_column_set_json_type(core, json_kinds[columns[i].kind]);
		if (columns[i].kind != HF_COLUMN_LIST)
			continue;
		/* One to a line: the newline between them is ours. */
		scols_column_set_safechars(core, "\n");
		scols_column_set_wrapfunc(core, scols_wrapnl_chunksize,
					  scols_wrapnl_nextchunk, NULL);
	}
	*out_table = table;
	return HF_OK;

out_free:
	hf_table_free(table);
	return hf_why(why, HF_E_NOMEM, "no memory for a table");
}

void hf_table_row(struct hf_table *table)
{
	table->line = scols_table_new_line(table->core, NULL);
	if (table->line == NULL)
		table->has_failed = true;
}

void hf_table_text(struct hf_table *table, size_t column, const char *text)
{
	if (table->line != NULL && text[0] != '\0' &&
	    scols_line_set_data(table->line, column, text) != 0)
		table->has_failed = true;
}

void hf_table_number(struct hf_table *table, size_t column, uint64_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
	hf_table_text(table, column, text);
}

void hf_table_bool(struct hf_table *table, size_t column, bool is_so)
{
	if (table->is_json)
		hf_table_text(table, column, is_so ? "1" : "0");
	else
		hf_table_text(table, column, is_so ? "yes" : "no");
}

enum hf_err hf_table_print(struct hf_table *table, struct hf_why *why)
{
	if (table->has_failed || scols_print_table(table->core) != 0)
		return hf_why(why, HF_E_NOMEM, "no memory for a table");
	/* A table ends without a newline in JSON, and is nothing at all in
	 * text when it is empty. */
	return HF_OK;
}

void hf_table_free(struct hf_table *table)
{
	if (table == NULL)
		return;
	scols_unref_table(table->core);
	free(table);
}

void hf_show_time(uint64_t wall_ms, char out_text[static HF_SHOW_TIME_SIZE])
{
	time_t seconds = (time_t)(wall_ms / 1000);
	struct tm tm;

	out_text[0] = '\0';
	if (wall_ms == 0 || gmtime_r(&seconds, &tm) == NULL)
		return;
	strftime(out_text, HF_SHOW_TIME_SIZE, "%Y-%m-%d %H:%M", &tm);
}

/* What a byte becomes; its length in out. */
static size_t escape(unsigned char byte, char out[static 5])
{
	static const char digits[] = "0123456789abcdef";

	switch (byte) {
	case '\n':
		memcpy(out, "\\n", 2);
		return 2;
	case '\t':
		memcpy(out, "\\t", 2);
		return 2;
	case '\\':
		memcpy(out, "\\\\", 2);
		return 2;
	default:
		break;
	}
	if (byte >= 0x20 && byte != 0x7f) {
		out[0] = (char)byte;
		return 1;
	}
	out[0] = '\\';
	out[1] = 'x';
	out[2] = digits[byte >> 4];
	out[3] = digits[byte & 15];
	return 4;
}

void hf_show_escaped(FILE *out, const char *text)
{
	char as[5];

	for (; *text != '\0'; text++)
		fwrite(as, 1, escape((unsigned char)*text, as), out);
}

void hf_show_escape(struct hf_buf *buf, const char *text)
{
	char as[5];

	for (; *text != '\0'; text++)
		hf_buf_put(buf, hf_span(as, escape((unsigned char)*text, as)));
}

/* ---- progress ---- */

void hf_progress_begin(struct hf_progress *progress, bool is_quiet)
{
	*progress = (struct hf_progress){
		.is_shown = !is_quiet && isatty(STDERR_FILENO) != 0,
		.began_us = hf_clock_mono_us(),
	};
}

static int columns_count(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
		return COLUMNS_DEFAULT;
	return size.ws_col;
}

void hf_progress_show(struct hf_progress *progress, const char *verb,
		      uint64_t done, uint64_t total, const char *unit,
		      const char *more)
{
	char line[256], bar[BAR_WIDTH + 1];
	uint64_t now_us = hf_clock_mono_us();
	double seconds = (double)(now_us - progress->began_us) / 1e6;
	double rate = seconds > 0 ? (double)done / seconds : 0;
	size_t filled = total > 0 && done < total
				? (size_t)(done * BAR_WIDTH / total)
				: BAR_WIDTH;

	if (!progress->is_shown || now_us - progress->drawn_us < DRAW_EVERY_US)
		return;
	progress->drawn_us = now_us;
	memset(bar, '-', BAR_WIDTH);
	memset(bar, '#', filled);
	bar[BAR_WIDTH] = '\0';
	if (total > 0)
		snprintf(line, sizeof(line),
			 "%s [%s] %llu of %llu %s, %.0f/s %s", verb, bar,
			 (unsigned long long)done, (unsigned long long)total,
			 unit, rate, more);
	else
		snprintf(line, sizeof(line), "%s %llu %s, %.0f/s %s", verb,
			 (unsigned long long)done, unit, rate, more);
	fprintf(stderr, "\r%.*s\033[K", columns_count() - 1, line);
	fflush(stderr);
}

void hf_progress_clear(struct hf_progress *progress)
{
	if (!progress->is_shown || progress->drawn_us == 0)
		return;
	fputs("\r\033[K", stderr);
	fflush(stderr);
	progress->drawn_us = 0;
}

uint64_t hf_progress_us(const struct hf_progress *progress)
{
	return hf_clock_mono_us() - progress->began_us;
}
