/*
 * ledger_format.h -- what the ledger's store is called on disk, and how an
 * older one becomes it.
 *
 * Units    none.
 * Owns     nothing.
 * Threads  any; constant.
 * Errors   those of a step; see store.h.
 * Source   daemon/ledger/DESIGN.md, "Formats".
 */
#ifndef HF_LEDGER_FORMAT_H
#define HF_LEDGER_FORMAT_H

#include "store.h"

extern const char hf_ledger_format[];

/* From each format that was released to the one behind it. */
extern const struct hf_store_step *const hf_ledger_steps;
extern const size_t hf_ledger_steps_count;

#endif /* HF_LEDGER_FORMAT_H */
