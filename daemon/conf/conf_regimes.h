/*
 * conf_regimes.h -- the rows of `regimes:` out of the configuration: deadlines
 * and what follows on them.
 *
 * Units    milliseconds.
 * Owns     the rows belong to the conf.
 * Threads  one, while the conf is read.
 * Errors   ARGUMENT with "file:line: regimes: …".
 * Source   hashfedd.conf(5), REGIMES; defaults: proto/SPEC.md section 12.6.
 */
#ifndef HF_CONF_REGIMES_H
#define HF_CONF_REGIMES_H

#include "conf.h"
#include "conf_yaml.h"

HF_MUST enum hf_err hf_conf_regimes(const struct hf_conf_yaml *file,
				    const struct hf_conf_node *list,
				    struct hf_conf *conf, struct hf_why *why);

void hf_conf_regimes_free(struct hf_conf *conf);

#endif /* HF_CONF_REGIMES_H */
