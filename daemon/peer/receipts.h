/*
 * receipts.h -- how far each member says, signed, that it has applied a set:
 * the latest word of each, kept over restarts.
 *
 * The publisher wants them, so that it sees who still matches what it took
 * back; a member keeps its own, so as not to say it again; who passes the set
 * on carries those of others towards the publisher.
 *
 * Units    sizes count entries; _ms since 1970 UTC.
 * Owns     hf_receipts_open() gives the caller receipts, hf_receipts_close()
 *          takes them back.
 * Threads  any.
 * Errors   as said below; SYSTEM, FULL where it cannot be kept.
 * Source   proto/SPEC.md section 8.6.
 */
#ifndef HF_RECEIPTS_H
#define HF_RECEIPTS_H

#include <stdbool.h>
#include <stdint.h>

#include "codec_federation.h"
#include "err.h"
#include "limit.h"

struct hf_ledger;
struct hf_receipts;
struct hf_ring;

struct hf_receipt_row {
	char origin[HF_ORIGIN_MAX_BYTES + 1];
	uint8_t member[HF_HASH_BYTES];
	uint64_t size;
	uint8_t root[HF_HASH_BYTES];
	uint64_t at_ms;
	uint8_t signature[HF_SIGNATURE_BYTES];
	uint64_t number; /* rises with every receipt that is taken */
};

/* What dir has; made when there is something to keep.  A damaged file is left
 * out, and gone: its member says it again. */
HF_MUST enum hf_err hf_receipts_open(const char *dir,
				     struct hf_receipts **out_receipts,
				     struct hf_why *why);

/* NULL is fine. */
void hf_receipts_close(struct hf_receipts *receipts);

/* A receipt that a peer brought, or that we signed ourselves.  HF_OK: it is
 * newer, by a second at least, than the one we had, and kept.  EXISTS: it is
 * not.  NOTFOUND: it is
 * not for us (of a set that we neither publish nor may pass on, or by one who
 * is no member or whose key we do not know).  SIGNATURE; PROOF when its root
 * is not that of the tree we hold; EXPIRED when its time has not come.
 * BLOCKS. */
HF_MUST enum hf_err hf_receipts_take(struct hf_receipts *receipts,
				     const struct hf_ring *ring,
				     struct hf_ledger *ledger,
				     const struct hf_applied_receipt *receipt,
				     struct hf_why *why);

/* May the operator be told of a member with another tree?  Once a minute. */
bool hf_receipts_may_tell(struct hf_receipts *receipts);

/* The latest of a member about a set; false for none. */
bool hf_receipts_get(struct hf_receipts *receipts, const char *origin,
		     const uint8_t member[static HF_HASH_BYTES],
		     struct hf_receipt_row *out_row);

/* The one about a set that was taken next behind a number; false when there is
 * none. */
bool hf_receipts_next(struct hf_receipts *receipts, const char *origin,
		      uint64_t behind, struct hf_receipt_row *out_row);

/* As it goes over the wire; borrowed from row. */
struct hf_applied_receipt hf_receipt_of_row(const struct hf_receipt_row *row);

#endif /* HF_RECEIPTS_H */
