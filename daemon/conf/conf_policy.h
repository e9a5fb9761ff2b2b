/*
 * conf_policy.h -- the rows of `policy:` out of the configuration.
 *
 * Units    distances in bits, quality 0 to 100.
 * Owns     the rows belong to the conf.
 * Threads  one, while the conf is read.
 * Errors   ARGUMENT with "file:line: policy: …".
 * Source   hashfedd.conf(5), POLICY.
 */
#ifndef HF_CONF_POLICY_H
#define HF_CONF_POLICY_H

#include "conf.h"
#include "conf_yaml.h"

HF_MUST enum hf_err hf_conf_policy(const struct hf_conf_yaml *file,
				   const struct hf_conf_node *list,
				   struct hf_conf *conf, struct hf_why *why);

void hf_conf_policy_free(struct hf_conf *conf);

#endif /* HF_CONF_POLICY_H */
