#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "conf_yaml.h"

#define NODES_MAX 10000

struct hf_conf_yaml {
	yaml_document_t document;
	const char *name; /* borrowed from the caller */
};

static const yaml_node_t *yaml(const struct hf_conf_node *node)
{
	return (const yaml_node_t *)(const void *)node;
}

static const struct hf_conf_node *node_of(const struct hf_conf_yaml *file,
					  int number)
{
	/* libyaml's getter takes a pointer that is not const and writes
	 * nothing. */
	yaml_document_t *document = (yaml_document_t *)&file->document;

	return (const struct hf_conf_node *)(const void *)
		yaml_document_get_node(document, number);
}

static enum hf_err check_keys(const struct hf_conf_yaml *file,
			      struct hf_why *why)
{
	int count =
		(int)(file->document.nodes.top - file->document.nodes.start);

	if (count > NODES_MAX)
		return hf_why(why, HF_E_ARGUMENT, "%s: more than %d values",
			      file->name, NODES_MAX);
	for (int i = 1; i <= count; i++) {
		const struct hf_conf_node *node = node_of(file, i);

		if (hf_conf_node_kind(node) != HF_CONF_MAPPING)
			continue;
		for (size_t j = 0; j < hf_conf_node_count(node); j++) {
			const struct hf_conf_node *key =
				hf_conf_node_key(file, node, j);

			if (hf_conf_node_kind(key) == HF_CONF_SCALAR)
				continue;
			hf_why(why, HF_E_ARGUMENT,
			       "an option's name must be a word");
			return hf_conf_at(file, key, HF_E_ARGUMENT, why);
		}
	}
	return HF_OK;
}

enum hf_err hf_conf_yaml_open(struct hf_span text, const char *name,
			      struct hf_conf_yaml **out_file,
			      struct hf_why *why)
{
	struct hf_conf_yaml *file = calloc(1, sizeof(*file));
	yaml_parser_t parser;
	enum hf_err err;

	if (file == NULL)
		return hf_why(why, HF_E_NOMEM, "%s: no memory", name);
	file->name = name;
	if (!yaml_parser_initialize(&parser)) {
		free(file);
		return hf_why(why, HF_E_NOMEM, "%s: no memory", name);
	}
	yaml_parser_set_input_string(&parser, text.at, text.len_bytes);
	if (!yaml_parser_load(&parser, &file->document)) {
		err = hf_why(why, HF_E_ARGUMENT, "%s:%zu: not YAML: %s%s%s",
			     name,
			     (parser.problem_mark.line > 0
				      ? parser.problem_mark.line
				      : parser.context_mark.line) +
				     1,
			     parser.problem != NULL ? parser.problem
						    : "out of memory",
			     parser.context != NULL ? " " : "",
			     parser.context != NULL ? parser.context : "");
		yaml_parser_delete(&parser);
		free(file);
		return err;
	}
	yaml_parser_delete(&parser);
	err = check_keys(file, why);
	if (err != HF_OK) {
		hf_conf_yaml_close(file);
		return err;
	}
	*out_file = file;
	return HF_OK;
}

void hf_conf_yaml_close(struct hf_conf_yaml *file)
{
	if (file == NULL)
		return;
	yaml_document_delete(&file->document);
	free(file);
}

const struct hf_conf_node *hf_conf_yaml_root(const struct hf_conf_yaml *file)
{
	return node_of(file, 1);
}

enum hf_conf_kind hf_conf_node_kind(const struct hf_conf_node *node)
{
	switch (yaml(node)->type) {
	case YAML_SEQUENCE_NODE:
		return HF_CONF_LIST;
	case YAML_MAPPING_NODE:
		return HF_CONF_MAPPING;
	default:
		return HF_CONF_SCALAR;
	}
}

const char *hf_conf_node_text(const struct hf_conf_node *node)
{
	return hf_conf_node_kind(node) == HF_CONF_SCALAR
		       ? (const char *)yaml(node)->data.scalar.value
		       : NULL;
}

size_t hf_conf_node_count(const struct hf_conf_node *node)
{
	const yaml_node_t *it = yaml(node);

	if (it->type == YAML_SEQUENCE_NODE)
		return (size_t)(it->data.sequence.items.top -
				it->data.sequence.items.start);
	if (it->type == YAML_MAPPING_NODE)
		return (size_t)(it->data.mapping.pairs.top -
				it->data.mapping.pairs.start);
	return 0;
}

const struct hf_conf_node *hf_conf_node_at(const struct hf_conf_yaml *file,
					   const struct hf_conf_node *node,
					   size_t i)
{
	const yaml_node_t *it = yaml(node);

	if (it->type == YAML_SEQUENCE_NODE)
		return node_of(file, it->data.sequence.items.start[i]);
	return node_of(file, it->data.mapping.pairs.start[i].value);
}

const struct hf_conf_node *hf_conf_node_key(const struct hf_conf_yaml *file,
					    const struct hf_conf_node *node,
					    size_t i)
{
	return node_of(file, yaml(node)->data.mapping.pairs.start[i].key);
}

enum hf_err hf_conf_at(const struct hf_conf_yaml *file,
		       const struct hf_conf_node *node, enum hf_err err,
		       struct hf_why *why)
{
	hf_why_prefix(why, "%s:%zu: ", file->name,
		      yaml(node)->start_mark.line + 1);
	return err;
}
