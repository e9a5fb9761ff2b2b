/*
 * ledger_view.h -- reading sets: entries, notes, roots and proofs, as they
 * stood at one moment.
 *
 * Units    as ledger.h.
 * Owns     hf_ledger_view_begin() gives the caller a view, hf_ledger_view_end()
 *          takes it back.  Every span read in it points into the store's map
 *          and dies with the view (or its scan): copy what you keep.
 * Threads  Any; a view by one thread at a time.  Hold one inside one handler,
 *          never across a wait: the store's file grows for as long as it
 *          lives.  What a view shows never changes.
 * Errors   NOTFOUND for a set that is not there and an index at or past its
 *          size, ARGUMENT for sizes out of range, CORRUPT for bytes that
 *          nobody here wrote.  On failure no out_ argument changes.
 * Source   proto/SPEC.md sections 3 to 6.
 */
#ifndef HF_LEDGER_VIEW_H
#define HF_LEDGER_VIEW_H

#include "chunk.h"
#include "ledger.h"

struct hf_ledger_view;
struct hf_ledger_scan;

HF_MUST enum hf_err hf_ledger_view_begin(struct hf_ledger *ledger,
					 struct hf_ledger_view **out_view,
					 struct hf_why *why);

/* End its scans first.  NULL is fine. */
void hf_ledger_view_end(struct hf_ledger_view *view);

/*
 * Sets.
 */

struct hf_ledger_info {
	uint32_t set;
	enum hf_ledger_kind kind;
	char origin[HF_ORIGIN_MAX_BYTES + 1];
	/* What can be read: entries [0, size).  Of an own set those under its
	 * signed checkpoint; of a foreign one those applied, each proven under
	 * the checkpoint seen. */
	uint64_t size;
	/* The checkpoint that we can serve, every entry of it being here:
	 * note_size <= size, equal for an own set.  has_note is false while
	 * there is none. */
	bool has_note;
	uint64_t note_size;
	struct hf_tree_hash note_root;
	/* The largest checkpoint verified: seen_size >= size.  has_seen is
	 * false while there is none. */
	bool has_seen;
	uint64_t seen_size;
	struct hf_tree_hash seen_root;
	/* Entries below size whose payload is neither here nor erased.  A set
	 * is complete at size when there are none. */
	uint64_t missing_count;
	/* The first entry that this version does not understand, or
	 * HF_LEDGER_NONE. */
	uint64_t unsupported_from;
	/* The END entry, or HF_LEDGER_NONE. */
	uint64_t ended_at;
	/* Own sets: durable, not signed yet. */
	uint64_t unsigned_count;
	/* Own sets: the largest tree that was signed, as far as is known: where
	 * that is more than is stored, this store is an old copy, and nothing
	 * is appended until the rest was fetched back. */
	uint64_t known_size;
	/* What is stored does not give the root that was signed: nothing is
	 * added or signed before it is mended. */
	bool is_damaged;
	bool is_frozen;
	char frozen_reason[HF_LEDGER_REASON_MAX_BYTES + 1];
};

HF_MUST enum hf_err hf_ledger_info(struct hf_ledger_view *view, uint32_t set,
				   struct hf_ledger_info *out_info,
				   struct hf_why *why);

/* The number of the set with this origin. */
HF_MUST enum hf_err hf_ledger_find(struct hf_ledger_view *view,
				   struct hf_span origin, uint32_t *out_set,
				   struct hf_why *why);

/* The next set by number above `after`; begin with 0.  _now begins and ends a
 * view for it: for a walk that waits in between.  Its end, NOTFOUND, leaves why
 * as it is: that may say what became of a set before. */
HF_MUST enum hf_err hf_ledger_next(struct hf_ledger_view *view, uint32_t after,
				   struct hf_ledger_info *out_info,
				   struct hf_why *why);
HF_MUST enum hf_err hf_ledger_next_now(struct hf_ledger *ledger, uint32_t after,
				       struct hf_ledger_info *out_info,
				       struct hf_why *why);

/* The first entry of a set at or above from whose payload is missing.
 * NOTFOUND. */
HF_MUST enum hf_err hf_ledger_missing_next(struct hf_ledger_view *view,
					   uint32_t set, uint64_t from,
					   uint64_t *out_index,
					   struct hf_why *why);

/* The same of those whose payload was missing, came, and may be new to whoever
 * has read past the entry: until hf_ledger_late_done(). */
HF_MUST enum hf_err hf_ledger_late_next(struct hf_ledger_view *view,
					uint32_t set, uint64_t from,
					uint64_t *out_index,
					struct hf_why *why);

/* Payloads that were erased in any set and may still lie in free parts of the
 * file, and when the first of them was; 0 and 0 for none. */
HF_MUST enum hf_err hf_ledger_erasing(struct hf_ledger_view *view,
				      uint64_t *out_count,
				      uint64_t *out_since_ms,
				      struct hf_why *why);

/* A payload that was erased, without its opening: it is read once more by
 * whoever has to forget what follows from it, and goes then. */
struct hf_ledger_leaving {
	uint64_t number; /* which erasure it was, from 1 on */
	uint32_t set;    /* 0: damaged, nobody knows what it was */
	uint64_t index;
	struct hf_span payload;
};

/* The first of these above a number, 0 to begin with.  NOTFOUND. */
HF_MUST enum hf_err hf_ledger_leaving_next(struct hf_ledger_view *view,
					   uint64_t after,
					   struct hf_ledger_leaving *out,
					   struct hf_why *why);

enum hf_ledger_which {
	HF_LEDGER_NOTE = 1, /* what we can serve in full */
	HF_LEDGER_SEEN = 2, /* the largest verified; an own set's is the same */
};

/* A note, verbatim.  NOTFOUND while there is none. */
HF_MUST enum hf_err hf_ledger_note(struct hf_ledger_view *view, uint32_t set,
				   enum hf_ledger_which which,
				   struct hf_span *out_note,
				   struct hf_why *why);

/*
 * Entries.
 */

enum hf_ledger_state {
	HF_LEDGER_HELD = 1,    /* opening and payload are here */
	HF_LEDGER_BARE = 2,    /* it never had a payload */
	HF_LEDGER_MISSING = 3, /* has one that never came */
	HF_LEDGER_ERASED = 4,  /* had one, until erased_by */
};

struct hf_ledger_entry {
	uint64_t index;
	enum hf_ledger_state state;
	/* Of ERASED: the ERASE entry, or HF_LEDGER_NONE for one in a later
	 * epoch of the set. */
	uint64_t erased_by;
	const uint8_t *header;  /* HF_HEADER_BYTES, borrowed */
	struct hf_span opening; /* empty unless HELD */
	struct hf_span payload; /* likewise */
};

HF_MUST enum hf_err hf_ledger_entry(struct hf_ledger_view *view, uint32_t set,
				    uint64_t index,
				    struct hf_ledger_entry *out_entry,
				    struct hf_why *why);

/* The record kept beside an entry (hf_ledger_keep()), where the view shows the
 * entry.  NOTFOUND. */
HF_MUST enum hf_err hf_ledger_record(struct hf_ledger_view *view, uint32_t set,
				     uint64_t index, struct hf_span *out_record,
				     struct hf_why *why);

/* The first record of a set at or above an index.  NOTFOUND. */
HF_MUST enum hf_err hf_ledger_record_next(struct hf_ledger_view *view,
					  uint32_t set, uint64_t from,
					  uint64_t *out_index,
					  struct hf_span *out_record,
					  struct hf_why *why);

/* Read on from an index.  At or past size it begins, and is at its end. */
HF_MUST enum hf_err hf_ledger_scan_begin(struct hf_ledger_view *view,
					 uint32_t set, uint64_t first,
					 struct hf_ledger_scan **out_scan,
					 struct hf_why *why);

/* The next entry; its spans live until the next call.  NOTFOUND behind the
 * last one. */
HF_MUST enum hf_err hf_ledger_scan_next(struct hf_ledger_scan *scan,
					struct hf_ledger_entry *out_entry,
					struct hf_why *why);

/* NULL is fine. */
void hf_ledger_scan_end(struct hf_ledger_scan *scan);

/* Copy count headers from first on, one behind the other. */
HF_MUST enum hf_err hf_ledger_headers(struct hf_ledger_view *view, uint32_t set,
				      uint64_t first, size_t count,
				      uint8_t *out_headers, struct hf_why *why);

/*
 * What became of an entry.
 */

struct hf_ledger_fate {
	/* The first RETRACT that names it, HF_LEDGER_NONE without one, and that
	 * entry's code. */
	uint64_t retracted_by;
	uint32_t retract_code;
	/* The latest AMEND, or HF_LEDGER_NONE. */
	uint64_t amended_by;
	/* The first ERASE, or HF_LEDGER_NONE. */
	uint64_t erased_by;
};

HF_MUST enum hf_err hf_ledger_fate(struct hf_ledger_view *view, uint32_t set,
				   uint64_t index,
				   struct hf_ledger_fate *out_fate,
				   struct hf_why *why);

/* The next entry above `after` that targets index (RETRACT, AMEND, ERASE, or
 * STATUS); begin with index itself. */
HF_MUST enum hf_err hf_ledger_next_about(struct hf_ledger_view *view,
					 uint32_t set, uint64_t index,
					 uint64_t after, uint64_t *out_index,
					 uint8_t *out_op, struct hf_why *why);

/* The next part of a batch with a sequence at or above from: its sequence,
 * first index and count (receipt.size is 0, is_repeat true).  Parts that are
 * not signed yet are not shown. */
HF_MUST enum hf_err
hf_ledger_batch_next(struct hf_ledger_view *view, uint32_t set,
		     const uint8_t id[static HF_BATCH_ID_BYTES], uint64_t from,
		     uint64_t *out_sequence,
		     struct hf_ledger_receipt *out_receipt, struct hf_why *why);

/*
 * Roots and proofs, at any size up to the set's, from O(log size) hashes and
 * at most 2 * 256 headers.
 */

HF_MUST enum hf_err hf_ledger_root(struct hf_ledger_view *view, uint32_t set,
				   uint64_t size, struct hf_tree_hash *out_root,
				   struct hf_why *why);

/* That entry index is in the tree of size entries. */
HF_MUST enum hf_err hf_ledger_prove_entry(struct hf_ledger_view *view,
					  uint32_t set, uint64_t index,
					  uint64_t size,
					  struct hf_tree_proof *out_proof,
					  struct hf_why *why);

/* That a chunk, as it stands in the tree of size entries, is in it. */
HF_MUST enum hf_err hf_ledger_prove_chunk(struct hf_ledger_view *view,
					  uint32_t set, uint64_t chunk,
					  uint64_t size,
					  struct hf_tree_proof *out_proof,
					  struct hf_why *why);

/* That the tree of old_size entries is a prefix of that of new_size.  Both
 * may be the same, and old_size may be 0: then there are no hashes. */
HF_MUST enum hf_err hf_ledger_prove_growth(struct hf_ledger_view *view,
					   uint32_t set, uint64_t old_size,
					   uint64_t new_size,
					   struct hf_tree_proof *out_proof,
					   struct hf_why *why);

#endif /* HF_LEDGER_VIEW_H */
