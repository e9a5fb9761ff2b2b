/*
 * conf_row.h -- lists of rows in the configuration, each a mapping whose fields
 * are a word or a list of words.
 *
 * Units    none.
 * Owns     nothing.
 * Threads  any.
 * Errors   ARGUMENT, with the line.
 * Source   hashfedd.conf(5).
 */
#ifndef HF_CONF_ROW_H
#define HF_CONF_ROW_H

#include <stdbool.h>
#include <stddef.h>

#include "conf_yaml.h"
#include "err.h"

struct hf_conf_field {
	const char *name;
	bool may_be_list;
	/* Called for each word; row is what the caller gave. */
	enum hf_err (*set)(const char *text, void *row, struct hf_why *why);
};

/* A list, of so many rows at most. */
HF_MUST enum hf_err hf_conf_rows_check(const struct hf_conf_yaml *file,
				       const char *option,
				       const struct hf_conf_node *list,
				       size_t most, struct hf_why *why);

/* The one of that name; NULL. */
const struct hf_conf_field *
hf_conf_field_find(const struct hf_conf_field *fields, size_t count,
		   const char *name);

HF_MUST enum hf_err hf_conf_field_set(const struct hf_conf_yaml *file,
				      const char *option,
				      const struct hf_conf_field *field,
				      const struct hf_conf_node *value,
				      void *row, struct hf_why *why);

/* The rows of a list. */
struct hf_conf_row_kind {
	const char *option;
	const struct hf_conf_field *fields;
	size_t fields_count;
	const char *names; /* for the reason: "it has by and roles" */
};

/* Every field of a row, a mapping. */
HF_MUST enum hf_err hf_conf_row_set(const struct hf_conf_yaml *file,
				    const struct hf_conf_row_kind *kind,
				    const struct hf_conf_node *node, void *row,
				    struct hf_why *why);

#endif /* HF_CONF_ROW_H */
