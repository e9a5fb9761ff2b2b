/*
 * unit.h -- what every unit test includes first: cmocka and its four headers,
 * and the words the tests share.
 */
#ifndef HF_UNIT_H
#define HF_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "err.h"
#include "span.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define BYTES(text) hf_span(text, sizeof(text) - 1)

/* How long a test waits for what must come: a slow and busy machine is no
 * fault.  What a failed allocation keeps from coming is not waited for so
 * long. */
static inline int patience_ms(void)
{
	return getenv("HF_FAIL_ALLOC") == NULL ? 180000 : 15000;
}

/* Fail with the sentence, not only with a number. */
#define assert_ok(call, why)                                                   \
	do {                                                                   \
		enum hf_err assert_ok_err = (call);                            \
		if (assert_ok_err != HF_OK)                                    \
			fail_msg("%s: %s", hf_err_name(assert_ok_err),         \
				 (why)->text);                                 \
	} while (0)

#endif /* HF_UNIT_H */
