/*
 * intake.h -- chunk messages of a peer into verified pieces of a set: the one
 * way in, for entries that were asked for and for entries that were offered.
 *
 * Nothing is stored before it is proven: headers against the checkpoint, then
 * each payload against its commitment.
 *
 * Units    positions count entries.
 * Owns     hf_intake_begin() fills in the caller's struct, hf_intake_end()
 *          empties it.  Pieces that were committed belong to the ledger.
 * Threads  one at a time.
 * Errors   PROOF, MALFORMED: the sender is to blame; BUSY, FULL and the
 *          ledger's others: try again later.
 * Source   proto/SPEC.md section 5.6; hashfed/v1/federation.proto.
 */
#ifndef HF_INTAKE_H
#define HF_INTAKE_H

#include <stdint.h>

#include "codec_federation.h"
#include "ledger_piece.h"

struct hf_intake {
	struct hf_ledger *ledger;
	uint32_t set;
	uint64_t size;                 /* of the checkpoint seen */
	uint64_t next;                 /* the entry that has to come next */
	struct hf_ledger_piece *piece; /* owned; being filled */
	uint64_t piece_end;
	bool is_mend; /* what is stored is damaged */
	/* Nothing of it can be stored, its checkpoint neither, whose root this
	 * is: it is proven and told of all the same. */
	bool is_peek;
	struct hf_tree_hash root;
	/* May be NULL: a proven entry, before it is stored, or instead. */
	void (*ahead)(void *arg, uint32_t set, uint64_t index,
		      struct hf_span header, struct hf_span payload);
	/* May be NULL: a proven RETRACT or ERASE header names this entry. */
	void (*demote)(void *arg, uint32_t set, uint64_t entry);
	/* May be NULL: lookups find the entries of the set below this one. */
	uint64_t (*found)(void *arg, uint32_t set);
	void *arg;
	uint64_t found_before;   /* by the last hf_intake_is_ahead() */
	uint64_t found_since_us; /* when it came to that */
};

/* Entries that may be on their way into the index: a fraction of a second's
 * work, and enough for ledger and index to go on side by side. */
#define HF_INTAKE_AHEAD_MOST ((uint64_t)65536)

/* Whoever waits for the index asks again after this. */
#define HF_INTAKE_AHEAD_MS ((int64_t)5)

/* An index that stands still for so long keeps nothing from being stored. */
#define HF_INTAKE_STILL_US ((uint64_t)1000 * 1000)

/* Take entries from first on, under the checkpoint of size entries. */
void hf_intake_begin(struct hf_intake *intake, struct hf_ledger *ledger,
		     uint32_t set, uint64_t size, uint64_t first);

/* One message.  When it completes a piece, that is given to the ledger with
 * done, and *out_is_committed is true; never in a peek. */
HF_MUST enum hf_err hf_intake_take(struct hf_intake *intake,
				   const struct hf_get_chunks_response *message,
				   struct hf_ledger_done done,
				   bool *out_is_committed, struct hf_why *why);

/* Whether more than HF_INTAKE_AHEAD_MOST entries were taken that lookups do not
 * find yet, so that the next message is better left where it is for a moment.
 * now_us is hf_clock_mono_us(). */
bool hf_intake_is_ahead(struct hf_intake *intake, uint64_t now_us);

void hf_intake_end(struct hf_intake *intake);

/* Proven headers: tell `demote` of what they take back. */
void hf_intake_demote(struct hf_intake *intake, struct hf_span headers);

#endif /* HF_INTAKE_H */
