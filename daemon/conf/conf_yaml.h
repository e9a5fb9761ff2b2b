/*
 * conf_yaml.h -- the file as a tree of mappings, lists and scalars that know
 * their line.
 *
 * libyaml's own document tree, because each node keeps its place: libcyaml
 * loads into structs and forgets where a value stood, and an error without
 * its line does not help anyone.
 *
 * Units    lines count from 1.
 * Owns     hf_conf_yaml_open() gives the caller a file; nodes are borrowed
 *          from it.
 * Threads  one.
 * Errors   ARGUMENT with "file:line: …".
 * Source   YAML 1.1, libyaml 0.2.5; tags and aliases are refused by the
 *          table above this (a value must be of the kind its option has).
 */
#ifndef HF_CONF_YAML_H
#define HF_CONF_YAML_H

#include <stddef.h>

#include "err.h"
#include "span.h"

struct hf_conf_yaml;
struct hf_conf_node;

enum hf_conf_kind {
	HF_CONF_SCALAR,
	HF_CONF_LIST,
	HF_CONF_MAPPING,
};

/* name stands for the file in errors. */
HF_MUST enum hf_err hf_conf_yaml_open(struct hf_span text, const char *name,
				      struct hf_conf_yaml **out_file,
				      struct hf_why *why);
void hf_conf_yaml_close(struct hf_conf_yaml *file);

/* The outermost mapping; NULL for an empty file. */
const struct hf_conf_node *hf_conf_yaml_root(const struct hf_conf_yaml *file);

enum hf_conf_kind hf_conf_node_kind(const struct hf_conf_node *node);

/* Of a scalar; NULL for the others. */
const char *hf_conf_node_text(const struct hf_conf_node *node);

/* Entries of a list or pairs of a mapping. */
size_t hf_conf_node_count(const struct hf_conf_node *node);
const struct hf_conf_node *hf_conf_node_at(const struct hf_conf_yaml *file,
					   const struct hf_conf_node *node,
					   size_t i);
/* The key of pair i; always a scalar. */
const struct hf_conf_node *hf_conf_node_key(const struct hf_conf_yaml *file,
					    const struct hf_conf_node *node,
					    size_t i);

/* Put "file:line: " before the sentence, and return err. */
enum hf_err hf_conf_at(const struct hf_conf_yaml *file,
		       const struct hf_conf_node *node, enum hf_err err,
		       struct hf_why *why);

#endif /* HF_CONF_YAML_H */
