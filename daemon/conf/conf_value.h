/*
 * conf_value.h -- one scalar of the configuration: numbers with units,
 * addresses, words out of a short list.
 *
 * Units    sizes in bytes, times in milliseconds.
 * Owns     nothing.
 * Threads  any.
 * Errors   ARGUMENT; the sentence says what was found and what is accepted.
 * Source   hashfedd.conf(5).
 */
#ifndef HF_CONF_VALUE_H
#define HF_CONF_VALUE_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"

struct hf_conf_unit {
	const char *name;
	uint64_t factor;
};

/* "10s" with the units of a list that ends with a NULL name; a number alone
 * only where the list begins with the unit "". */
HF_MUST enum hf_err hf_conf_number(const char *text,
				   const struct hf_conf_unit *units,
				   uint64_t least, uint64_t most,
				   uint64_t *out_value, struct hf_why *why);

/* Index of text in words (ends with NULL). */
HF_MUST enum hf_err hf_conf_word(const char *text, const char *const *words,
				 uint64_t *out_index, struct hf_why *why);

/* "[::1]:7443", "0.0.0.0:7443", "name:port". */
HF_MUST enum hf_err hf_conf_address(const char *text, struct hf_why *why);

/* The name in names (ends with NULL) that text was probably meant to be, or
 * NULL when none is near. */
const char *hf_conf_nearest(const char *text, const char *const *names);

#endif /* HF_CONF_VALUE_H */
