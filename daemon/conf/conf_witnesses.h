/*
 * conf_witnesses.h -- the rows of `witnesses`.
 *
 * Units    none.
 * Owns     the rows belong to the conf.
 * Threads  one.
 * Errors   ARGUMENT, with the line.
 * Source   hashfedd.conf(5), WITNESSES.
 */
#ifndef HF_CONF_WITNESSES_H
#define HF_CONF_WITNESSES_H

#include "conf.h"
#include "conf_yaml.h"

HF_MUST enum hf_err hf_conf_witnesses(const struct hf_conf_yaml *file,
				      const struct hf_conf_node *list,
				      struct hf_conf *conf, struct hf_why *why);

void hf_conf_witnesses_free(struct hf_conf *conf);

#endif /* HF_CONF_WITNESSES_H */
