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

/* Fail with the sentence, not only with a number. */
#define assert_ok(call, why)                                                   \
	do {                                                                   \
		enum hf_err assert_ok_err = (call);                            \
		if (assert_ok_err != HF_OK)                                    \
			fail_msg("%s: %s", hf_err_name(assert_ok_err),         \
				 (why)->text);                                 \
	} while (0)

#endif /* HF_UNIT_H */
