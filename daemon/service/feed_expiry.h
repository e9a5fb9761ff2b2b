/*
 * feed_expiry.h -- entries that end by the clock: taken out of the index at
 * their time, so that whoever looks up without the ledger agrees.
 *
 * What expires is noted in a file beside the ledger before the index stands
 * for it, and read again at the next start.  At its time the ledger is asked:
 * the entry may have been amended to live longer.
 *
 * Units    at_ms since 1970 UTC.
 * Owns     open gives the caller a list, close takes it back.  NULL is a list
 *          that nothing is noted in.
 * Threads  the feed's.
 * Errors   FULL, SYSTEM, NOMEM.  A file that does not make sense is read as
 *          far as it does.
 * Source   daemon/DESIGN.md, The index.
 */
#ifndef HF_FEED_EXPIRY_H
#define HF_FEED_EXPIRY_H

#include <stdint.h>

#include "err.h"

struct hf_expiry;
struct hf_index;
struct hf_ledger;

/* No more rows are read, and none noted: 24 bytes each. */
#define HF_EXPIRY_ROWS_MAX ((size_t)64 * 1024 * 1024)

HF_MUST enum hf_err hf_expiry_open(const char *path,
				   struct hf_expiry **out_expiry,
				   struct hf_why *why);

/* NULL is fine. */
void hf_expiry_close(struct hf_expiry *expiry);

/* The entry ends then, as its ADD or an AMEND says. */
HF_MUST enum hf_err hf_expiry_note(struct hf_expiry *expiry, uint32_t set,
				   uint64_t entry, uint64_t at_ms,
				   struct hf_why *why);

/* On disk what was noted. */
HF_MUST enum hf_err hf_expiry_sync(struct hf_expiry *expiry,
				   struct hf_why *why);

/* How long until there is something to do; 0: now. */
uint64_t hf_expiry_wait_us(const struct hf_expiry *expiry);

/* Take everything out of the index that has ended by now.  What fails is
 * logged, and tried again after a while. */
void hf_expiry_run(struct hf_expiry *expiry, struct hf_ledger *ledger,
		   struct hf_index *index);

#endif /* HF_FEED_EXPIRY_H */
