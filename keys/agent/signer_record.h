/*
 * signer_record.h -- what the signer has signed: the largest tree of each
 * origin, on disk before the signature leaves.
 *
 * One file of 4 KiB slots that are overwritten in place, each within one
 * sector, so that a crash leaves the old one or the new one.  A slot that
 * does not check is damage, never a reason to begin anew: the origin in it is
 * unknown, so nothing is signed any more that the intact slots do not name.
 *
 * Units    size counts entries; time_s seconds since 1970 UTC; wait_ms
 *          milliseconds.
 * Owns     hf_record_open() gives the caller a record, and with it the only
 *          right to write the directory; hf_record_close() takes it back.
 * Threads  one.
 * Errors   EXISTS when another process has the record; CORRUPT for an origin
 *          that damage may have hidden; SYSTEM and FULL when a write failed.
 *          Nothing tells what is on disk then, so the next call first writes
 *          the whole file anew, or fails too; where there was damage before,
 *          all fail.  LIMIT past HF_RECORD_ORIGINS_MAX.
 * Source   keys/agent/DESIGN.md, section 3.
 */
#ifndef HF_SIGNER_RECORD_H
#define HF_SIGNER_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "limit.h"
#include "span.h"
#include "tree.h"

#define HF_RECORD_ORIGINS_MAX 65536
#define HF_RECORD_SLOT_BYTES  4096
#define HF_RECORD_FILE_NAME   "checkpoints"

struct hf_record;

struct hf_record_tree {
	uint64_t size;
	uint64_t time_s; /* of the last signature */
	struct hf_tree_hash root;
};

/* What was found when it was opened. */
struct hf_record_state {
	uint32_t origins_count;
	uint32_t damaged_count; /* slots that do not check */
	bool is_new;            /* there was none */
};

/* Open the record in dir, which is made if missing.  Waits for another process
 * that has it and may be just ending. */
HF_MUST enum hf_err hf_record_open(const char *dir, unsigned wait_ms,
				   struct hf_record **out_record,
				   struct hf_why *why);

/* NULL is fine. */
void hf_record_close(struct hf_record *record);

struct hf_record_state hf_record_state(const struct hf_record *record);

/* NOTFOUND for an origin that was never signed. */
HF_MUST enum hf_err hf_record_get(struct hf_record *record,
				  struct hf_span origin,
				  struct hf_record_tree *out_tree,
				  struct hf_why *why);

/* On disk when this returns. */
HF_MUST enum hf_err hf_record_put(struct hf_record *record,
				  struct hf_span origin,
				  const struct hf_record_tree *tree,
				  struct hf_why *why);

/* The same for several origins that are known, each another one, with one sync
 * for all.  NOTFOUND where one is not known: nothing is written then. */
struct hf_record_change {
	struct hf_span origin;
	struct hf_record_tree tree;
};
HF_MUST enum hf_err hf_record_put_known(struct hf_record *record,
					const struct hf_record_change *changes,
					size_t count, struct hf_why *why);

#endif /* HF_SIGNER_RECORD_H */
