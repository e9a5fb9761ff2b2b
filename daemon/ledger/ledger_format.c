#include "ledger_format.h"

/* The first one.  What comes after it needs a step from it here; tests/stores
 * keeps a store of each. */
const char hf_ledger_format[] = "hashfed-ledger/1";

const struct hf_store_step *const hf_ledger_steps = NULL;
const size_t hf_ledger_steps_count = 0;
