#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <libsmartcols.h>

#include "clock.h"

#include "show.h"
#include "show_json.h"

#define DRAW_EVERY_US   100000
#define BAR_WIDTH       24
#define COLUMNS_MAX     24
#define COLUMNS_DEFAULT 80

struct hf_table {
	struct libscols_table *core; /* text */
	struct libscols_line *line;  /* the last row of it */
	json_t *root;                /* JSON */
	json_t *rows;                /* in root */
	json_t *row;                 /* the last of rows */
	struct hf_column columns[COLUMNS_MAX];
	bool has_failed;
};

/* Capitals for people. */
static enum hf_err add_column(struct hf_table *table,
			      const struct hf_column *column)
{
	struct libscols_column *core;
	char title[64];
	size_t i = 0;
	int flags = column->kind == HF_COLUMN_NUMBER ? SCOLS_FL_RIGHT : 0;

	for (; column->name[i] != '\0' && i + 1 < sizeof(title); i++) {
		char at = column->name[i];

		if (at >= 'a' && at <= 'z')
			at = (char)(at - 'a' + 'A');
		title[i] = at == '_' ? ' ' : at;
	}
	title[i] = '\0';
	if (column->kind == HF_COLUMN_LIST)
		flags |= SCOLS_FL_WRAP;
	core = scols_table_new_column(table->core, title, 0, flags);
	if (core == NULL)
		return HF_E_NOMEM;
	/* Backslashes are those of put_escaped(). */
	scols_column_set_safechars(core, "\\");
	if (column->kind == HF_COLUMN_LIST) {
		/* One to a line: the newline between them is ours. */
		scols_column_set_safechars(core, "\n\\");
		scols_column_set_wrapfunc(core, scols_wrapnl_chunksize,
					  scols_wrapnl_nextchunk, NULL);
	}
	return HF_OK;
}

static bool is_colourful(void)
{
	const char *no = getenv("NO_COLOR");

	return isatty(STDOUT_FILENO) != 0 && (no == NULL || no[0] == '\0');
}

enum hf_err hf_table_new(const char *name, const struct hf_column *columns,
			 size_t columns_count, bool is_json,
			 struct hf_table **out_table, struct hf_why *why)
{
	struct hf_table *table = calloc(1, sizeof(*table));

	if (table == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory for a table");
	for (size_t i = 0; i < columns_count; i++)
		table->columns[i] = columns[i];
	if (is_json) {
		table->root = json_object();
		table->rows = json_array();
		if (json_object_set_new(table->root, name, table->rows) != 0)
			goto out_free;
		*out_table = table;
		return HF_OK;
	}
	table->core = scols_new_table();
	if (table->core == NULL)
		goto out_free;
	for (size_t i = 0; i < columns_count; i++) {
		if (add_column(table, &columns[i]) != HF_OK)
			goto out_free;
	}
	scols_table_enable_colors(table->core, is_colourful());
	*out_table = table;
	return HF_OK;

out_free:
	hf_table_free(table);
	return hf_why(why, HF_E_NOMEM, "no memory for a table");
}

void hf_table_row(struct hf_table *table)
{
	if (table->core != NULL) {
		table->line = scols_table_new_line(table->core, NULL);
		table->has_failed |= table->line == NULL;
		return;
	}
	table->row = json_object();
	for (size_t i = 0; i < COLUMNS_MAX; i++) {
		const struct hf_column *column = &table->columns[i];
		char key[80];

		if (column->name == NULL)
			break;
		snprintf(key, sizeof(key), "%s%s", column->name,
			 column->kind == HF_COLUMN_TIME ? "_ms" : "");
		json_object_set_new(table->row, key,
				    column->kind == HF_COLUMN_LIST
					    ? json_array()
					    : json_null());
	}
	table->has_failed |=
		json_array_append_new(table->rows, table->row) != 0;
}

static void put_text(struct hf_table *table, size_t column, const char *text)
{
	if (table->line != NULL && text[0] != '\0' &&
	    scols_line_set_data(table->line, column, text) != 0)
		table->has_failed = true;
}

static void put_json(struct hf_table *table, const char *key, json_t *value)
{
	table->has_failed |= json_object_set_new(table->row, key, value) != 0;
}

/* Lines of a list stay lines. */
static void put_escaped(struct hf_table *table, size_t column, const char *text)
{
	bool is_list = table->columns[column].kind == HF_COLUMN_LIST;
	struct hf_buf buf;

	hf_buf_init(&buf, (size_t)1024 * 1024);
	while (*text != '\0') {
		char as[HF_SHOW_ESCAPED_BYTES] = { *text };
		size_t len = 1;

		if (is_list && *text == '\n')
			text++;
		else
			len = hf_show_escape_next(&text, as);
		hf_buf_put(&buf, hf_span(as, len));
	}
	hf_buf_put_u8(&buf, 0);
	if (hf_buf_failed(&buf) == HF_OK)
		put_text(table, column, (const char *)buf.at);
	else
		table->has_failed = true;
	hf_buf_release(&buf);
}

/* Lines into strings of an array. */
static void put_list(struct hf_table *table, const char *key, const char *text)
{
	json_t *list = json_array();

	while (*text != '\0') {
		size_t len_bytes = strcspn(text, "\n");

		json_array_append_new(list, json_stringn(text, len_bytes));
		text += len_bytes + (text[len_bytes] == '\n');
	}
	put_json(table, key, list);
}

void hf_table_text(struct hf_table *table, size_t column, const char *text)
{
	const struct hf_column *is = &table->columns[column];

	if (table->core != NULL)
		put_escaped(table, column, text);
	else if (is->kind == HF_COLUMN_LIST)
		put_list(table, is->name, text);
	else if (text[0] != '\0')
		put_json(table, is->name, hf_json_text(text));
}

void hf_table_number(struct hf_table *table, size_t column, uint64_t number)
{
	char text[24];

	if (table->core == NULL) {
		put_json(table, table->columns[column].name,
			 hf_json_number(number));
		return;
	}
	snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
	put_text(table, column, text);
}

void hf_table_bool(struct hf_table *table, size_t column, bool is_so)
{
	if (table->core == NULL)
		put_json(table, table->columns[column].name,
			 json_boolean(is_so));
	else
		put_text(table, column, is_so ? "yes" : "no");
}

void hf_table_time(struct hf_table *table, size_t column, uint64_t wall_ms)
{
	char text[HF_SHOW_TIME_SIZE], key[80];

	if (wall_ms == 0)
		return;
	if (table->core != NULL) {
		hf_show_time(wall_ms, text);
		put_text(table, column, text);
		return;
	}
	snprintf(key, sizeof(key), "%s_ms", table->columns[column].name);
	put_json(table, key, hf_json_number(wall_ms));
}

void hf_table_mark(struct hf_table *table, enum hf_mark mark)
{
	static const char *const colours[] = { [HF_MARK_BAD] = "red",
					       [HF_MARK_LATE] = "yellow",
					       [HF_MARK_GOOD] = "green" };

	if (table->line != NULL &&
	    scols_line_set_color(table->line, colours[mark]) != 0)
		table->has_failed = true;
}

enum hf_err hf_table_print(struct hf_table *table, struct hf_why *why)
{
	if (!table->has_failed && table->core == NULL) {
		json_t *root = table->root;

		/* The line takes it. */
		table->root = NULL;
		return hf_json_line(root, why);
	}
	if (table->has_failed || scols_print_table(table->core) != 0)
		return hf_why(why, HF_E_NOMEM, "no memory for a table");
	return HF_OK;
}

void hf_table_free(struct hf_table *table)
{
	if (table == NULL)
		return;
	scols_unref_table(table->core);
	json_decref(table->root);
	free(table);
}

void hf_show_time(uint64_t wall_ms, char out_text[static HF_SHOW_TIME_SIZE])
{
	time_t seconds = (time_t)(wall_ms / 1000);
	struct tm tm;

	out_text[0] = '\0';
	if (wall_ms == 0 || gmtime_r(&seconds, &tm) == NULL)
		return;
	/* A year of more than four digits does not fit. */
	if (strftime(out_text, HF_SHOW_TIME_SIZE, "%Y-%m-%d %H:%M", &tm) == 0)
		out_text[0] = '\0';
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
