/*
 * show_bundle.h -- what a bundle shows, for a person at an authority or for a
 * program.
 *
 * Units    as in bundle.h; times are printed in UTC.
 * Owns     nothing.
 * Threads  one.
 * Errors   NOMEM.
 * Source   hashfed(1).
 */
#ifndef HF_SHOW_BUNDLE_H
#define HF_SHOW_BUNDLE_H

#include <stdint.h>

#include "bundle.h"
#include "err.h"

/* Who, what, when, how it is shown, and what is not.  now_ms is when it is
 * looked at: what is overdue is overdue then. */
void hf_show_bundle(const struct hf_bundle_report *report, uint64_t now_ms);

/* The same as one JSON object on a line. */
HF_MUST enum hf_err hf_show_bundle_json(const struct hf_bundle_report *report,
					uint64_t now_ms, struct hf_why *why);

#endif /* HF_SHOW_BUNDLE_H */
