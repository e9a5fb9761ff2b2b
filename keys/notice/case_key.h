/* What a case is called everywhere: SPEC 12.1. */
#ifndef HF_CASE_KEY_H
#define HF_CASE_KEY_H

#include <stdint.h>

#include "span.h"

/* As text 32 hexadecimal digits. */
#define HF_CASE_KEY_BYTES 16

/* Of the case that the entry opens. */
void hf_case_key(struct hf_span origin, uint64_t index,
		 uint8_t out_key[static HF_CASE_KEY_BYTES]);

#endif /* HF_CASE_KEY_H */
