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

enum hf_err hf_conf_row_set(const struct hf_conf_yaml *file,
			    const struct hf_conf_row_kind *kind,
			    const struct hf_conf_node *node, void *row,
			    struct hf_why *why)
{
	bool is_mapping = hf_conf_node_kind(node) == HF_CONF_MAPPING;
	size_t count = is_mapping ? hf_conf_node_count(node) : 0;

	for (size_t i = 0; i < count; i++) {
		const struct hf_conf_node *key =
			hf_conf_node_key(file, node, i);
		const struct hf_conf_field *field =
			hf_conf_field_find(kind->fields, kind->fields_count,
					   hf_conf_node_text(key));
		enum hf_err err;

		if (field == NULL) {
			hf_why(why, HF_E_ARGUMENT,
			       "%s: a row has no '%.60s'; it has %s",
			       kind->option, hf_conf_node_text(key),
			       kind->names);
			return hf_conf_at(file, key, HF_E_ARGUMENT, why);
		}
		err = hf_conf_field_set(file, kind->option, field,
					hf_conf_node_at(file, node, i), row,
					why);
		if (err != HF_OK)
			return err;
	}
	return HF_OK;
}
