/*
 * ledger_piece.h -- receiving others' entries: checkpoints first, then pieces
 * of the set, each verified against a checkpoint before any of it is stored.
 *
 * The ledger is the one verifier of trees: callers check who signed a note
 * (keys/ring), and hand everything else over as it came.  A piece is the part
 * of one chunk that is not stored yet: its headers, proven together, then the
 * payloads, each checked against its commitment as it arrives.  The work is
 * done on the calling thread and only once; the writer stores.
 *
 *	hf_ledger_see(ledger, set, &checkpoint, &proof, done, why);
 *	while (size < checkpoint.size) {
 *		hf_ledger_piece_begin(..., first, headers, &proof, &piece, why);
 *		hf_ledger_piece_payload(piece, index, opening, payload, why);
 *		hf_ledger_piece_commit(piece, done, why);
 *	}
 *
 * Units    as ledger.h.
 * Owns     a piece belongs to the caller until hf_ledger_piece_commit() took
 *          it or hf_ledger_piece_free() threw it away.  All bytes are copied.
 * Threads  Any; a piece by one thread at a time.  Many pieces may be in
 *          flight, also of one set; they are stored in the order of commit.
 * Errors   PROOF when bytes are not what the checkpoint vouches for (blame the
 *          source, try another), MALFORMED when the publisher itself broke the
 *          format (the set is then frozen by the ledger), FROZEN, NOTFOUND for
 *          a set that is not there.
 * Source   proto/SPEC.md sections 5.6 and 6.4.
 */
#ifndef HF_LEDGER_PIECE_H
#define HF_LEDGER_PIECE_H

#include "ledger.h"

struct hf_ledger_piece;

/* A note whose signatures the caller has verified. */
struct hf_ledger_checkpoint {
	uint64_t size;
	struct hf_tree_hash root;
	struct hf_span note;
	uint64_t time_s; /* the publisher's cosignature says, verified */
};

/* Queue a checkpoint as `seen`.  proof is that of the growth from the size
 * seen until now (NULL where none is needed: nothing seen yet, size 0, the
 * same size).
 *
 * done is told HF_OK when it is durable, or when size and root are those of
 * the checkpoint seen: the note then takes the place of the one held unless
 * its time is older (this also works for our own sets); EXISTS when a larger
 * one is held and this agrees with it as far as can be told; CONFLICT when it
 * contradicts what we hold (same size, other root): this is evidence, both
 * notes are the caller's to keep, nothing is changed; PROOF when the proof
 * does not verify. */
HF_MUST enum hf_err hf_ledger_see(struct hf_ledger *ledger, uint32_t set,
				  const struct hf_ledger_checkpoint *checkpoint,
				  const struct hf_tree_proof *proof,
				  struct hf_ledger_done done,
				  struct hf_why *why);

/* A larger checkpoint of our own set that verifies says that this store is an
 * old copy.  Then the proof is that of the growth from all that is stored,
 * signed or not, pieces are taken as those of others' sets, and nothing is
 * appended or signed before they reach it. */

/* Which headers a piece must have, that begins at first under a checkpoint of
 * size entries: [first, end), the rest of that chunk. */
static inline uint64_t hf_ledger_piece_end(uint64_t first, uint64_t size)
{
	uint64_t end = (first / HF_CHUNK_ENTRIES + 1) * HF_CHUNK_ENTRIES;

	return end < size ? end : size;
}

/* Verify headers [first, hf_ledger_piece_end(first, size)) against a
 * checkpoint of this size that was seen (one of the last
 * HF_LEDGER_SEEN_KEPT; CONFLICT otherwise).  proof is that of the whole chunk
 * at exactly this size.  Where first is not the chunk's own first, the
 * entries before it must be stored already (CONFLICT otherwise).
 *
 * After this the headers are known to be the publisher's: a RETRACT or ERASE
 * among them may be acted upon before any payload arrives. */
#define HF_LEDGER_SEEN_KEPT 8
HF_MUST enum hf_err
hf_ledger_piece_begin(struct hf_ledger *ledger, uint32_t set, uint64_t size,
		      uint64_t first, struct hf_span headers,
		      const struct hf_tree_proof *proof,
		      struct hf_ledger_piece **out_piece, struct hf_why *why);

/* How many bytes of payload entry index announces; 0 for none. */
size_t hf_ledger_piece_payload_len(const struct hf_ledger_piece *piece,
				   uint64_t index);

/* Add the opening and payload of one entry, in any order.  PROOF when they
 * are not the ones committed to, ARGUMENT for an index outside the piece or
 * given before. */
HF_MUST enum hf_err hf_ledger_piece_payload(struct hf_ledger_piece *piece,
					    uint64_t index,
					    struct hf_span opening,
					    struct hf_span payload,
					    struct hf_why *why);

/* Queue the piece.  Entries whose payload was not given are stored without:
 * as ERASED where an ERASE in the set names them, else as MISSING, and the set
 * is incomplete.  Consumes the piece when it returns HF_OK, not otherwise
 * (BUSY: try again later).
 *
 * done is told HF_OK when it is durable and can be read (receipt.first and
 * .count; .size is what can be read now), CONFLICT when first is not where the
 * set ends: somebody else stored it, or a piece before it failed; EXISTS when
 * all of it is there already. */
HF_MUST enum hf_err hf_ledger_piece_commit(struct hf_ledger_piece *piece,
					   struct hf_ledger_done done,
					   struct hf_why *why);

/* As hf_ledger_piece_begin(), for a whole chunk that is stored and damaged,
 * under the note of size entries that we serve (CONFLICT when that is another
 * one by now).  Committed, its entries are as they should be: payloads that
 * were not given stay where those here match, else they are missing. */
HF_MUST enum hf_err hf_ledger_mend_begin(struct hf_ledger *ledger, uint32_t set,
					 uint64_t size, uint64_t first,
					 struct hf_span headers,
					 const struct hf_tree_proof *proof,
					 struct hf_ledger_piece **out_piece,
					 struct hf_why *why);

/* As hf_ledger_piece_begin(), under a checkpoint that need not have been seen:
 * for a look at entries that a full disk does not take.  Never committed. */
HF_MUST enum hf_err
hf_ledger_piece_peek(struct hf_ledger *ledger, uint32_t set, uint64_t size,
		     const struct hf_tree_hash *root, uint64_t first,
		     struct hf_span headers, const struct hf_tree_proof *proof,
		     struct hf_ledger_piece **out_piece, struct hf_why *why);

/* Every entry of it, in order; a payload that was not given is empty. */
void hf_ledger_piece_each(const struct hf_ledger_piece *piece,
			  void (*each)(void *arg, uint64_t index,
				       struct hf_span header,
				       struct hf_span payload),
			  void *arg);

/* NULL is fine. */
void hf_ledger_piece_free(struct hf_ledger_piece *piece);

/* Queue the payload of an entry that is MISSING.  PROOF when it is not the
 * one committed to, EXISTS when it is no longer missing. */
HF_MUST enum hf_err hf_ledger_fill(struct hf_ledger *ledger, uint32_t set,
				   uint64_t index, struct hf_span opening,
				   struct hf_span payload,
				   struct hf_ledger_done done,
				   struct hf_why *why);

/* Queue that everybody who has read past these entries of a set knows their
 * payloads by now: they are late no longer (hf_ledger_late_next()). */
HF_MUST enum hf_err hf_ledger_late_done(struct hf_ledger *ledger, uint32_t set,
					const uint64_t *indexes, size_t count,
					struct hf_ledger_done done,
					struct hf_why *why);

#endif /* HF_LEDGER_PIECE_H */
