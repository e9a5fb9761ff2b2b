#include <string.h>

#include "conf_row.h"

enum hf_err hf_conf_rows_check(const struct hf_conf_yaml *file,
			       const char *option,
			       const struct hf_conf_node *list, size_t most,
			       struct hf_why *why)
{
	if (hf_conf_node_kind(list) == HF_CONF_LIST &&
	    hf_conf_node_count(list) <= most)
		return HF_OK;
	hf_why(why, HF_E_ARGUMENT, "%s: must be a list of at most %zu rows",
	       option, most);
	return hf_conf_at(file, list, HF_E_ARGUMENT, why);
}

const struct hf_conf_field *
hf_conf_field_find(const struct hf_conf_field *fields, size_t count,
		   const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(name, fields[i].name) == 0)
			return &fields[i];
	}
	return NULL;
}

enum hf_err hf_conf_field_set(const struct hf_conf_yaml *file,
			      const char *option,
			      const struct hf_conf_field *field,
			      const struct hf_conf_node *value, void *row,
			      struct hf_why *why)
{
	bool is_list = hf_conf_node_kind(value) == HF_CONF_LIST;
	size_t count = is_list ? hf_conf_node_count(value) : 1;

	if (hf_conf_node_kind(value) == HF_CONF_MAPPING ||
	    (is_list && !field->may_be_list)) {
		hf_why(why, HF_E_ARGUMENT, "%s: %s: must be one value", option,
		       field->name);
		return hf_conf_at(file, value, HF_E_ARGUMENT, why);
	}
	for (size_t i = 0; i < count; i++) {
		const struct hf_conf_node *one =
			is_list ? hf_conf_node_at(file, value, i) : value;
		enum hf_err err;

		if (hf_conf_node_kind(one) != HF_CONF_SCALAR)
			err = hf_why(why, HF_E_ARGUMENT, "must be a word");
		else
			err = field->set(hf_conf_node_text(one), row, why);
		if (err != HF_OK) {
			hf_why_prefix(why, "%s: %s: ", option, field->name);
			return hf_conf_at(file, one, err, why);
		}
	}
	return HF_OK;
}
