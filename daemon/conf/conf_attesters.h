/*
 * conf_attesters.h -- the rows of `attesters:` out of the configuration: whose
 * word about whom counts here.
 *
 * Units    none.
 * Owns     the rows belong to the conf.
 * Threads  one, while the conf is read.
 * Errors   ARGUMENT with "file:line: attesters: …".
 * Source   hashfedd.conf(5), ATTESTERS.
 */
#ifndef HF_CONF_ATTESTERS_H
#define HF_CONF_ATTESTERS_H

#include "conf.h"
#include "conf_yaml.h"

HF_MUST enum hf_err hf_conf_attesters(const struct hf_conf_yaml *file,
				      const struct hf_conf_node *list,
				      struct hf_conf *conf, struct hf_why *why);

void hf_conf_attesters_free(struct hf_conf *conf);

#endif /* HF_CONF_ATTESTERS_H */
