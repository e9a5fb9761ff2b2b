#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#include "report_doc.h"
#include "show_json.h"

static json_t *value_of(enum hf_doc_kind kind, const struct hf_doc_cell *cell)
{
	char text[HF_DOC_NUMBER_SIZE];

	if (!cell->is_set)
		return json_null();
	switch (kind) {
	case HF_DOC_COUNT:
		if (hf_report_is_told(cell->number))
			return hf_json_number(cell->number);
		hf_doc_count_text(cell->number, text);
		return json_string(text);
	case HF_DOC_SHARE:
		return json_real((double)cell->number / 10000);
	case HF_DOC_SPAN:
		return hf_json_number(cell->number);
	default:
		return hf_json_text(cell->text);
	}
}

static json_t *table_of(const struct hf_doc_table *table)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < table->rows_count; i++) {
		json_t *row = json_object();

		for (size_t j = 0; j < table->columns_count; j++) {
			const struct hf_doc_column *column = &table->columns[j];
			char key[64];

			snprintf(key, sizeof(key), "%s%s", column->key,
				 column->kind == HF_DOC_SPAN ? "_ms" : "");
			if (json_object_set_new(
				    row, key,
				    value_of(
					    column->kind,
					    &table->cells
						     [i * table->columns_count +
						      j])) != 0)
				goto out_decref;
		}
		if (json_array_append_new(rows, row) != 0) {
			json_decref(rows);
			return NULL;
		}
		continue;
out_decref:
		json_decref(row);
		json_decref(rows);
		return NULL;
	}
	return rows;
}

static json_t *object_of(const struct hf_doc *doc)
{
	const struct hf_report_options *options =
		hf_report_options(doc->report);
	json_t *object = json_object(), *notes = json_array();
	bool is_whole = object != NULL && notes != NULL;

	for (size_t i = 0; i < doc->notes_count; i++)
		is_whole &= json_array_append_new(
				    notes, json_string(doc->notes[i])) == 0;
	is_whole &=
		json_object_set_new(
			object, "report",
			json_string(hf_report_kind_word(options->kind))) == 0;
	is_whole &= json_object_set_new(object, "audience",
					json_string(hf_report_audience_word(
						options->audience))) == 0;
	is_whole &= json_object_set_new(object, "organisation",
					hf_json_text(doc->organisation)) == 0;
	is_whole &= json_object_set_new(object, "from_ms",
					hf_json_number(options->from_ms)) == 0;
	is_whole &= json_object_set_new(object, "to_ms",
					options->to_ms > 0
						? hf_json_number(options->to_ms)
						: json_null()) == 0;
	is_whole &= json_object_set_new(object, "made_ms",
					hf_json_number(doc->made_ms)) == 0;
	for (size_t i = 0; i < doc->tables_count; i++)
		is_whole &= json_object_set_new(object, doc->tables[i].key,
						table_of(&doc->tables[i])) == 0;
	is_whole &= json_object_set_new(object, "notes", notes) == 0;
	if (!is_whole) {
		json_decref(object);
		return NULL;
	}
	return object;
}

enum hf_err hf_doc_write_json(const struct hf_doc *doc, struct hf_buf *out,
			      struct hf_why *why)
{
	json_t *object = object_of(doc);
	char *text =
		object != NULL
			? json_dumps(object,
				     JSON_INDENT(1) | JSON_REAL_PRECISION(6))
			: NULL;
	enum hf_err err = HF_E_NOMEM;

	if (text != NULL) {
		hf_buf_put_text(out, text);
		hf_buf_put_u8(out, '\n');
		err = hf_buf_failed(out);
	}
	free(text);
	json_decref(object);
	return err == HF_OK ? HF_OK
			    : hf_why(why, err, "report: no room for the JSON");
}
