/*
 * case_names.h -- what this node itself calls what was found here: a file's
 * path, an upload's number.  They are in no event, so they never leave it.
 *
 * They are no view: the ledger does not have them, so they stay when the views
 * are made again.  A case without them is still a case.
 *
 * Units    ids are those of the events that open cases.
 * Owns     as store.h; names live in the caller's arena.
 * Threads  any; those that put wait for the disk.
 * Errors   those of store.h.
 * Source   daemon/takedown/DESIGN.md.
 */
#ifndef HF_CASE_NAMES_H
#define HF_CASE_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "limit.h"
#include "store.h"

/* Made when it is not there. */
HF_MUST enum hf_err hf_case_names_open(const char *dir,
				       struct hf_store **out_store,
				       struct hf_why *why);

/* Keep a name.  It is not new when it is there already, and when there are
 * HF_CASE_NAMES_MAX: then it is not kept. */
HF_MUST enum hf_err
hf_case_names_put(struct hf_store *store,
		  const uint8_t id[static HF_EVENT_ID_BYTES], const char *name,
		  bool *out_is_new, struct hf_why *why);

/* In no order that means something. */
HF_MUST enum hf_err
hf_case_names_list(struct hf_store *store,
		   const uint8_t id[static HF_EVENT_ID_BYTES],
		   struct hf_arena *arena, const char *const **out_names,
		   size_t *out_count, struct hf_why *why);

bool hf_case_names_has(struct hf_store *store,
		       const uint8_t id[static HF_EVENT_ID_BYTES],
		       const char *name);

#endif /* HF_CASE_NAMES_H */
