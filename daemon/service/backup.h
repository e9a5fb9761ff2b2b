/*
 * backup.h -- a copy of what the node cannot make again, made while it works.
 *
 * A backup is a directory with the ledger, verified, and what belongs with it:
 * ring, evidence, receipts, ends of sets, retractions under way, names of what
 * was found.  It has no key, nothing of the signer, and nothing that is made
 * again from the ledger (indexes, views).
 *
 * Units    bytes.
 * Owns     nothing.
 * Threads  one that may wait for as long as it takes; the ledger's backups
 *          exclude each other and its compaction (BUSY).
 * Errors   EXISTS when the directory is there, FULL when there is no room,
 *          CANCELLED when the node ends; a backup that fails leaves nothing.
 * Source   hashfedd(8), BACKUP.
 */
#ifndef HF_BACKUP_H
#define HF_BACKUP_H

#include <stdint.h>

#include "err.h"

struct hf_node;

struct hf_backup {
	uint64_t bytes;
	uint64_t sets;
	uint64_t entries;
};

/* dir is absolute, and outside the state directory. */
HF_MUST enum hf_err hf_backup_make(struct hf_node *node, const char *dir,
				   struct hf_backup *out_backup,
				   struct hf_why *why);

#endif /* HF_BACKUP_H */
