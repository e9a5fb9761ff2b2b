#include <stdlib.h>

#include <jansson.h>

#include "report_sor.h"
#include "show_json.h"

static json_t *list_of(const char *const *words, size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++) {
		if (json_array_append_new(list, json_string(words[i])) != 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static json_t *object_of(const struct hf_sor *sor)
{
	const struct {
		const char *key;
		json_t *value;
	} fields[] = {
		{ "puid", json_string(sor->puid) },
		{ "decision_visibility",
		  list_of(sor->visibility, sor->visibility_count) },
		{ "decision_ground", json_string(sor->ground) },
		{ "illegal_content_legal_ground",
		  hf_json_text(sor->legal_ground) },
		{ "illegal_content_explanation",
		  json_string(sor->explanation) },
		{ "content_type", list_of(&sor->content_type, 1) },
		{ "category", json_string(sor->category) },
		{ "category_specification",
		  list_of(sor->keywords, sor->keywords_count) },
		{ "content_date", json_string(sor->content_date) },
		{ "application_date", json_string(sor->application_date) },
		{ "decision_facts", json_string(sor->facts) },
		{ "source_type", json_string(sor->source_type) },
		{ "automated_detection",
		  json_string(sor->automated_detection) },
		{ "automated_decision", json_string(sor->automated_decision) },
	};
	json_t *object = json_object();
	bool is_whole = object != NULL;

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		is_whole &= json_object_set_new(object, fields[i].key,
						fields[i].value) == 0;
	if (sor->content_type_other != NULL)
		is_whole &= json_object_set_new(
				    object, "content_type_other",
				    json_string(sor->content_type_other)) == 0;
	if (is_whole)
		return object;
	json_decref(object);
	return NULL;
}

enum hf_err hf_sor_write(const struct hf_sor *sor, bool is_short,
			 struct hf_buf *out, struct hf_why *why)
{
	json_t *object = object_of(sor);
	char *text = object != NULL
			     ? json_dumps(object, is_short ? JSON_COMPACT
							   : JSON_INDENT(1))
			     : NULL;
	enum hf_err err = HF_E_NOMEM;

	json_decref(object);
	if (text != NULL) {
		hf_buf_put_text(out, text);
		hf_buf_put_u8(out, '\n');
		err = hf_buf_failed(out);
	}
	free(text);
	return err == HF_OK ? HF_OK
			    : hf_why(why, err, "no memory for a statement");
}
