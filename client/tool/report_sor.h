/*
 * report_sor.h -- a statement of reasons as the JSON that the Commission's
 * database takes.
 *
 * Units    none.
 * Owns     nothing: appended to the caller's buf.
 * Threads  one.
 * Errors   NOMEM, LIMIT.
 * Source   sor.h.
 */
#ifndef HF_REPORT_SOR_H
#define HF_REPORT_SOR_H

#include "buf.h"
#include "sor.h"

/* One object and a newline; is_short: in one line. */
HF_MUST enum hf_err hf_sor_write(const struct hf_sor *sor, bool is_short,
				 struct hf_buf *out, struct hf_why *why);

#endif /* HF_REPORT_SOR_H */
