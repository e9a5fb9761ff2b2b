/*
 * case_intake.h -- how an entry becomes an event of a case: what the files of
 * the intake share.
 *
 * A round takes a few entries of one set: they are copied out of the ledger
 * (case_intake.c), each is opened and understood (case_open.c) without any
 * transaction, since that waits for signer and disk, and all are put into the
 * views in one (case_take.c).
 *
 * Units    index counts entries from 0.
 * Owns     what a round points to lives in its arena.
 * Threads  under the lock of the cases.
 * Errors   as cases.h; what the sender got wrong is in struct hf_case_taken.
 * Source   proto/SPEC.md sections 12.1 and 12.5; daemon/takedown/DESIGN.md.
 */
#ifndef HF_CASE_INTAKE_H
#define HF_CASE_INTAKE_H

#include "cases_in.h"
#include "leaf.h"

/* Their payloads are at most 64 * 60 KiB. */
#define HF_CASE_ROUND_ENTRIES HF_CASES_TOGETHER

/* An entry on its way from the ledger into a case. */
struct hf_case_entry {
	uint64_t index;
	uint8_t header[HF_HEADER_BYTES];
	struct hf_span payload; /* in the round's arena, as the record */
	struct hf_span record;  /* empty: it has to be opened */
};

/* What one entry came to. */
struct hf_case_taken {
	bool is_event;
	uint8_t key[HF_CASE_KEY_BYTES];
	struct hf_case_event_row row;
	bool is_key; /* a receive key */
	uint8_t receive_key[HF_PUBLIC_KEY_BYTES];
	uint64_t key_from_ms;
	const struct hf_notice *opens; /* in the arena; NULL: no case */
	enum hf_err refused;           /* HF_OK: it was not */
	struct hf_why why;
	/* It quotes this organisation, which is not enrolled, and is read again
	 * once it is; zeros: nobody. */
	uint8_t awaits[HF_HASH_BYTES];
};

struct hf_case_round {
	struct hf_cases *cases;
	struct hf_ring *ring;
	const struct hf_ring_set *about;
	struct hf_ledger_info info;
	struct hf_arena arena;
	struct hf_case_entry entries[HF_CASE_ROUND_ENTRIES];
	struct hf_case_taken taken[HF_CASE_ROUND_ENTRIES];
	size_t count;
	uint64_t refused; /* of the set, before this round */
	/* Entries that quote this author are read again; NULL: for the first
	 * time. */
	const uint8_t *again;
	bool is_ahead; /* nothing of it is stored: case_ahead.c */
	/* Records on their way into the ledger, each beside this entry. */
	size_t kept[HF_CASE_ROUND_ENTRIES];
	size_t kept_count;
};

/* ---- case_intake.c ---- */

/* An empty round; to be freed. */
HF_MUST enum hf_err hf_case_round_new(struct hf_cases *cases,
				      struct hf_ring *ring,
				      const struct hf_ring_set *about,
				      const struct hf_ledger_info *info,
				      struct hf_case_round **out_round,
				      struct hf_why *why);
void hf_case_round_free(struct hf_case_round *round);

/* Does this node read the set, as its writer or as whom it is for? */
bool hf_case_is_read(const struct hf_cases *cases, const struct hf_ring *ring,
		     const struct hf_ring_set *about);

/* Copy one more entry into the round, which has room. */
HF_MUST enum hf_err hf_case_copy_entry(struct hf_case_round *round,
				       struct hf_ledger_view *view,
				       const struct hf_ledger_entry *from,
				       struct hf_why *why);

/* Copy what the ledger has behind what the views know, as much as there is room
 * for. */
HF_MUST enum hf_err hf_case_round_read(struct hf_case_round *round,
				       struct hf_why *why);

/* Understand what was copied, and put it into the views: round->count of them,
 * which is less than there were where one has to be tried again. */
HF_MUST enum hf_err hf_case_take_round(struct hf_case_round *round,
				       struct hf_why *why);

/* ---- case_open.c ---- */

/* Open and understand one entry.  Fails only with what has to be tried again;
 * what is wrong with the entry is for taken->refused. */
HF_MUST enum hf_err hf_case_take_entry(struct hf_case_round *round,
				       struct hf_case_entry *entry,
				       struct hf_case_taken *taken,
				       struct hf_why *why);

/* Wait until every record of the round is kept, whatever became of the round.
 * *taken, how many entries were taken, shrinks to those in front of the first
 * whose record is to be tried again. */
HF_MUST enum hf_err hf_case_await_kept(struct hf_case_round *round,
				       size_t *taken, struct hf_why *why);

/* ---- case_take.c ---- */

/* Put what was taken into the views, and fold the cases it is about. */
HF_MUST enum hf_err hf_case_take_in(struct hf_case_round *round,
				    struct hf_why *why);

/* The same in a transaction of the caller's. */
HF_MUST enum hf_err hf_case_put_round(struct hf_case_round *round,
				      struct hf_store_txn *txn,
				      struct hf_why *why);

/* ---- case_wait.c ---- */

/* What an event says of logs that we hold: row->waits for those that we do not
 * hold so far, row->is_contradicted where one has another root. */
HF_MUST enum hf_err hf_case_check_marks(struct hf_case_round *round,
					const struct hf_case_event *event,
					struct hf_case_event_row *row,
					struct hf_why *why);

/* Note what an event waits for. */
HF_MUST enum hf_err hf_case_put_waits(struct hf_store_txn *txn,
				      const struct hf_case_taken *taken,
				      struct hf_why *why);

/* A set is held up to size: look again at some of the events that waited for
 * that.  *out_has_more becomes true where others are left. */
HF_MUST enum hf_err hf_case_settle_waits(struct hf_cases *cases, uint32_t set,
					 uint64_t size, bool *out_has_more,
					 struct hf_why *why);

/* ---- case_later.c ---- */

/* In the transaction that takes in entry i of the round: remember, or forget,
 * that it is to be read again. */
HF_MUST enum hf_err hf_case_note_later(const struct hf_case_round *round,
				       size_t i, struct hf_store_txn *txn,
				       struct hf_why *why);

#endif /* HF_CASE_INTAKE_H */
