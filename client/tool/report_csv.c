#include <string.h>

#include "report_doc.h"

#define KEYS_MAX 64

/* Every column of every table once, in the order in which they come. */
struct keys {
	const char *at[KEYS_MAX];
	size_t count;
};

static void take_key(struct keys *keys, const char *key)
{
	for (size_t i = 0; i < keys->count; i++) {
		if (strcmp(keys->at[i], key) == 0)
			return;
	}
	if (keys->count < KEYS_MAX)
		keys->at[keys->count++] = key;
}

/* RFC 4180.  What a spreadsheet would run as a formula gets a ' in front, so
 * that a provider cannot be called =HYPERLINK(...).  Our own "<5" is none. */
static void put_cell(struct hf_buf *out, const char *text)
{
	const char *first = text + strspn(text, " \t\r\n");
	bool is_quoted = strpbrk(text, ",\"") != NULL || text[0] == ' ';
	struct hf_span letter;

	if (is_quoted)
		hf_buf_put_u8(out, '"');
	if (first[0] != '\0' && strchr("=+-@", first[0]) != NULL)
		hf_buf_put_u8(out, '\'');
	while (hf_doc_letter_take(&text, &letter)) {
		if (letter.at[0] == '"')
			hf_buf_put_u8(out, '"');
		hf_buf_put(out, letter);
	}
	if (is_quoted)
		hf_buf_put_u8(out, '"');
}

/* Numbers that programs read: shares as fractions, times in hours. */
static void put_value(struct hf_buf *out, enum hf_doc_kind kind,
		      const struct hf_doc_cell *cell)
{
	char text[HF_DOC_NUMBER_SIZE];

	if (!cell->is_set)
		return;
	switch (kind) {
	case HF_DOC_COUNT:
		if (hf_report_is_told(cell->number)) {
			hf_buf_printf(out, "%llu",
				      (unsigned long long)cell->number);
			return;
		}
		hf_doc_count_text(cell->number, text);
		put_cell(out, text);
		return;
	case HF_DOC_SHARE:
		hf_buf_printf(out, "%llu.%04llu",
			      (unsigned long long)(cell->number / 10000),
			      (unsigned long long)(cell->number % 10000));
		return;
	case HF_DOC_SPAN:
		hf_buf_printf(
			out, "%llu.%02llu",
			(unsigned long long)(cell->number / 3600000),
			(unsigned long long)(cell->number % 3600000 / 36000));
		return;
	default:
		put_cell(out, cell->text);
	}
}

static void put_row(const struct keys *keys, const struct hf_doc_table *table,
		    const struct hf_doc_cell *cells, struct hf_buf *out)
{
	hf_buf_put_text(out, table->key);
	for (size_t i = 0; i < keys->count; i++) {
		hf_buf_put_u8(out, ',');
		for (size_t j = 0; j < table->columns_count; j++) {
			if (strcmp(table->columns[j].key, keys->at[i]) == 0)
				put_value(out, table->columns[j].kind,
					  &cells[j]);
		}
	}
	hf_buf_put_text(out, "\r\n");
}

/* "median" is "median_hours" in files. */
static const char *unit_of(const struct hf_doc *doc, const char *key)
{
	for (size_t i = 0; i < doc->tables_count; i++) {
		const struct hf_doc_table *table = &doc->tables[i];

		for (size_t j = 0; j < table->columns_count; j++) {
			if (table->columns[j].kind == HF_DOC_SPAN &&
			    strcmp(table->columns[j].key, key) == 0)
				return "_hours";
		}
	}
	return "";
}

enum hf_err hf_doc_write_csv(const struct hf_doc *doc, struct hf_buf *out,
			     struct hf_why *why)
{
	struct keys keys = { .count = 0 };
	enum hf_err err;

	for (size_t i = 0; i < doc->tables_count; i++) {
		for (size_t j = 0; j < doc->tables[i].columns_count; j++)
			take_key(&keys, doc->tables[i].columns[j].key);
	}
	hf_buf_put_text(out, "table");
	for (size_t i = 0; i < keys.count; i++)
		hf_buf_printf(out, ",%s%s", keys.at[i],
			      unit_of(doc, keys.at[i]));
	hf_buf_put_text(out, "\r\n");
	for (size_t i = 0; i < doc->tables_count; i++) {
		const struct hf_doc_table *table = &doc->tables[i];

		for (size_t row = 0; row < table->rows_count; row++)
			put_row(&keys, table,
				table->cells + row * table->columns_count, out);
	}
	err = hf_buf_failed(out);
	return err == HF_OK ? HF_OK
			    : hf_why(why, err, "report: no room for the CSV");
}
