#include <stdlib.h>
#include <string.h>

#include <libsmartcols.h>

#include "report_doc.h"
#include "show.h"

/* Titles in capitals, numbers to the right, as show.c does. */
static enum hf_err add_columns(struct libscols_table *core,
			       const struct hf_doc_table *table)
{
	for (size_t i = 0; i < table->columns_count; i++) {
		const struct hf_doc_column *column = &table->columns[i];
		char title[64];
		size_t at = 0;
		int flags = column->kind == HF_DOC_COUNT ||
					    column->kind == HF_DOC_SHARE ||
					    column->kind == HF_DOC_SPAN
				    ? SCOLS_FL_RIGHT
				    : 0;

		if (column->is_data_only)
			continue;
		for (; column->title[at] != '\0' && at + 1 < sizeof(title);
		     at++) {
			char letter = column->title[at];

			title[at] = letter >= 'a' && letter <= 'z'
					    ? (char)(letter - 'a' + 'A')
					    : letter;
		}
		title[at] = '\0';
		if (scols_table_new_column(core, title, 0, flags) == NULL)
			return HF_E_NOMEM;
	}
	return HF_OK;
}

static enum hf_err add_row(struct libscols_table *core,
			   const struct hf_doc_table *table, size_t row)
{
	struct libscols_line *line = scols_table_new_line(core, NULL);
	size_t at = 0;

	if (line == NULL)
		return HF_E_NOMEM;
	for (size_t i = 0; i < table->columns_count; i++) {
		char scratch[HF_DOC_NUMBER_SIZE];
		const char *text;

		if (table->columns[i].is_data_only)
			continue;
		text = hf_doc_cell_text(
			&table->columns[i],
			&table->cells[row * table->columns_count + i], scratch);
		if (scols_line_set_data(line, at++, text) != 0)
			return HF_E_NOMEM;
	}
	return HF_OK;
}

static enum hf_err put_table(const struct hf_doc_table *table,
			     struct hf_buf *out)
{
	struct libscols_table *core = scols_new_table();
	char *text = NULL;
	enum hf_err err = core != NULL ? add_columns(core, table) : HF_E_NOMEM;

	for (size_t i = 0; err == HF_OK && i < table->rows_shown; i++)
		err = add_row(core, table, i);
	if (err == HF_OK && scols_print_table_to_string(core, &text) != 0)
		err = HF_E_NOMEM;
	if (err == HF_OK) {
		hf_buf_printf(out, "\n%s\n", table->title);
		hf_buf_put_text(out, text);
		hf_buf_put_text(out, "\n");
		if (table->note[0] != '\0')
			hf_buf_printf(out, "%s\n", table->note);
	}
	free(text);
	scols_unref_table(core);
	return err;
}

/* A sentence in lines of at most 78. */
static void put_wrapped(struct hf_buf *out, const char *text)
{
	size_t column = 2;

	hf_buf_put_text(out, "- ");
	while (*text != '\0') {
		size_t len = strcspn(text, " ");

		if (column > 2 && column + 1 + len > 78) {
			hf_buf_put_text(out, "\n  ");
			column = 2;
		} else if (column > 2) {
			hf_buf_put_u8(out, ' ');
			column++;
		}
		hf_buf_put(out, hf_span(text, len));
		column += len;
		text += len + (text[len] == ' ');
	}
	hf_buf_put_u8(out, '\n');
}

enum hf_err hf_doc_write_text(const struct hf_doc *doc, struct hf_buf *out,
			      struct hf_why *why)
{
	enum hf_err err = HF_OK;

	hf_buf_printf(out, "%s, %s\n", doc->title, doc->period);
	hf_buf_put_text(out, "By ");
	hf_show_escape(out, doc->organisation);
	hf_buf_printf(out, ", %s; %s.\n\n", doc->made, doc->audience);
	for (size_t i = 0; i < doc->figures_count; i++)
		hf_buf_printf(out, "%12s  %s\n", doc->figures[i].value,
			      doc->figures[i].label);
	for (size_t i = 0; err == HF_OK && i < doc->tables_count; i++)
		err = put_table(&doc->tables[i], out);
	hf_buf_put_u8(out, '\n');
	for (size_t i = 0; i < doc->notes_count; i++)
		put_wrapped(out, doc->notes[i]);
	if (err == HF_OK)
		err = hf_buf_failed(out);
	return err == HF_OK ? HF_OK
			    : hf_why(why, err, "report: no room for the text");
}
