/*
 * ledger_slip.h -- the newest note of each of our own sets, on disk before
 * anybody hears of it.
 *
 * A slip is one block of a file of its own, written over in place and synced
 * once; a commit of the store for the same note takes two syncs of more pages.
 * The store gets the note with the next entries.  A slip that is torn or lost
 * costs nothing that was acknowledged: the entries are in the store, and the
 * signer has recorded the tree, which it signs again.
 *
 * Units    as ledger.h.
 * Owns     hf_ledger_slips_open() gives the caller slips;
 *          hf_ledger_slips_close() takes them back.
 * Threads  one at a time.
 * Errors   LIMIT for a note that does not fit; NOTFOUND for one that is not
 *          there, or not whole; after a sync that failed every call is SYSTEM.
 * Source   daemon/ledger/DESIGN.md, "The publisher's order".
 */
#ifndef HF_LEDGER_SLIP_H
#define HF_LEDGER_SLIP_H

#include "ledger_record.h"

/* A page: what a disk writes at once. */
#define HF_LEDGER_SLIP_BYTES 4096

struct hf_ledger_slips;

/* Beside the store's directory, which is dir; made if it is missing. */
HF_MUST enum hf_err hf_ledger_slips_open(const char *dir,
					 struct hf_ledger_slips **out_slips,
					 struct hf_why *why);

/* NULL is fine. */
void hf_ledger_slips_close(struct hf_ledger_slips *slips);

/* Durable only after hf_ledger_slips_sync(). */
HF_MUST enum hf_err
hf_ledger_slip_write(struct hf_ledger_slips *slips, uint32_t set,
		     const struct hf_ledger_note_record *record,
		     struct hf_why *why);
HF_MUST enum hf_err hf_ledger_slips_sync(struct hf_ledger_slips *slips,
					 struct hf_why *why);

/* out_record borrows from room. */
HF_MUST enum hf_err
hf_ledger_slip_read(struct hf_ledger_slips *slips, uint32_t set,
		    uint8_t room[static HF_LEDGER_SLIP_BYTES],
		    struct hf_ledger_note_record *out_record,
		    struct hf_why *why);

#endif /* HF_LEDGER_SLIP_H */
