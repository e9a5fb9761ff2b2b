/*
 * case_store.h -- the views of takedown cases on disk: which tables there are,
 * and what their keys look like.
 *
 * Everything in it can be built again from the ledger; it remembers how far it
 * has come in each set in the same transaction as what it read there.
 *
 * Units    set is the ledger's number.
 * Owns     as store.h; rows live in the caller's arena.
 * Threads  reading transactions from any thread; one writes at a time.
 * Errors   those of store.h; CORRUPT for rows that nobody here wrote.
 * Source   daemon/takedown/DESIGN.md.
 */
#ifndef HF_CASE_STORE_H
#define HF_CASE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "case_row.h"
#include "store.h"

/* Name, what its key is: what it holds. */
enum hf_case_table {
	HF_CASE_SETS,    /* set: hf_case_set_row */
	HF_CASE_CASES,   /* case: hf_case_row */
	HF_CASE_EVENTS,  /* case, event's name: event row */
	HF_CASE_CHANGES, /* number: case, clock word (1) */
	HF_CASE_DUE,     /* time, case */
	HF_CASE_HASHES,  /* algorithm, digest cut or hashed (16), case */
	HF_CASE_LINKS,   /* case that is gone on from, case that goes on */
	HF_CASE_WAITS,   /* set, size, case */
	HF_CASE_TODO,    /* what, case, event's name, party: nothing */
	HF_CASE_META,    /* "run", "change"; 'r' and a run: where it ended;
			  * 'd' and a draft: the case that it became */
	HF_CASE_COUNTS,  /* case, author (zeros: all), quoted: events */
	HF_CASE_OPENED,  /* author, event id: the case that it opened */
	HF_CASE_POWERS,  /* case in which somebody used a power: nothing */
	HF_CASE_LATER, /* author who is not enrolled, set, index of what quotes
			* him: nothing */
	HF_CASE_TABLES
};

/* What is known of one set of kind CASES. */
struct hf_case_set_row {
	uint64_t position; /* entries read */
	uint64_t refused;  /* of them */
	bool has_key;      /* its writer announced a receive key */
	uint8_t receive_key[HF_PUBLIC_KEY_BYTES];
	uint64_t key_from_ms;
};

/* What is to be done, once, and is done again after a crash: a made event has
 * an id that follows from this, so it is never made twice. */
enum hf_case_todo {
	HF_CASE_DO_RECEIPT = 1, /* event: the opening */
	HF_CASE_DO_QUOTE = 2,   /* event, party */
	HF_CASE_DO_RENOTIFY = 3,
	HF_CASE_DO_ESCALATE = 4,
	HF_CASE_DO_MIRROR = 5, /* a case that goes on from this one moved */
	HF_CASE_DO_REFUSE = 6, /* a notice that policy does not take */
};

struct hf_case_task {
	enum hf_case_todo what;
	uint8_t key[HF_CASE_KEY_BYTES];
	uint8_t name[HF_CASE_NAME_BYTES]; /* of the event it is about */
	uint8_t party[HF_HASH_BYTES];
};

/* map_bytes: of the store to begin with, 0 for the usual. */
HF_MUST enum hf_err hf_case_store_open(const char *dir, size_t map_bytes,
				       struct hf_store **out_store,
				       struct hf_why *why);

/* Every time that the views are opened is a run with an id of its own.  A
 * change's number means something together with the run that gave it: views
 * that were put back from an older copy give the same numbers again. */
#define HF_CASE_RUN_BYTES 16
HF_MUST enum hf_err hf_case_run(struct hf_store_txn *txn,
				uint8_t out[static HF_CASE_RUN_BYTES],
				struct hf_why *why);

/* The number of the last change that these views and that run share: at most
 * number, 0 for a run that they know nothing of. */
uint64_t hf_case_run_shared(struct hf_store_txn *txn,
			    const uint8_t run[static HF_CASE_RUN_BYTES],
			    uint64_t number);

/* A draft was sent, and is this case from now on. */
HF_MUST enum hf_err hf_case_draft_put(
	struct hf_store_txn *txn, const uint8_t draft[static HF_CASE_KEY_BYTES],
	const uint8_t key[static HF_CASE_KEY_BYTES], struct hf_why *why);

/* The case that a draft became, by the beginning of the draft's id.  NOTFOUND,
 * CONFLICT for two. */
HF_MUST enum hf_err
hf_case_draft_find(struct hf_store_txn *txn, const char *text,
		   uint8_t out_key[static HF_CASE_KEY_BYTES],
		   struct hf_why *why);

/* Zeros for a set that was never met. */
HF_MUST enum hf_err hf_case_set_get(struct hf_store_txn *txn, uint32_t set,
				    struct hf_case_set_row *out,
				    struct hf_why *why);
HF_MUST enum hf_err hf_case_set_put(struct hf_store_txn *txn, uint32_t set,
				    const struct hf_case_set_row *row,
				    struct hf_why *why);

/* NOTFOUND. */
HF_MUST enum hf_err hf_case_get(struct hf_store_txn *txn,
				const uint8_t key[static HF_CASE_KEY_BYTES],
				struct hf_arena *arena, struct hf_case_row *out,
				struct hf_why *why);

/* The first case at or above a key.  NOTFOUND. */
HF_MUST enum hf_err hf_case_next(struct hf_store_txn *txn,
				 const uint8_t from[static HF_CASE_KEY_BYTES],
				 struct hf_arena *arena,
				 struct hf_case_row *out, struct hf_why *why);

/* The key behind this one; false behind the last. */
bool hf_case_key_next(uint8_t key[static HF_CASE_KEY_BYTES]);

/* The case whose id begins with this text: NOTFOUND, CONFLICT for several,
 * ARGUMENT for what is no beginning of an id. */
HF_MUST enum hf_err hf_case_find(struct hf_store_txn *txn, const char *text,
				 struct hf_arena *arena,
				 struct hf_case_row *out, struct hf_why *why);

/* Keep the row.  With clock at or above 0 it counts as a change, for a reason
 * (enum hf_case_clock_word); its due time moves with it. */
HF_MUST enum hf_err hf_case_put(struct hf_store_txn *txn,
				struct hf_case_row *row, uint64_t old_due_ms,
				int clock, struct hf_why *why);

/* Take a case out altogether (a draft that was sent). */
HF_MUST enum hf_err hf_case_del(struct hf_store_txn *txn,
				const struct hf_case_row *row,
				struct hf_why *why);

/* Why a watcher is told.  Number, word. */
/* clang-format off */
#define HF_CASE_CLOCK_WORD_TABLE(X)                                            \
	X(EVENT,       0, "")                                                  \
	X(WARNING,     1, "warning")                                           \
	X(OVERDUE,     2, "overdue")                                           \
	X(UNDELIVERED, 3, "undelivered")                                       \
	X(ESCALATE,    4, "escalate")
/* clang-format on */

enum hf_case_clock_word {
#define HF_CASE_CLOCK_WORD_ENUM(name, number, word)                            \
	HF_CASE_CLOCK_##name = (number),
	HF_CASE_CLOCK_WORD_TABLE(HF_CASE_CLOCK_WORD_ENUM)
#undef HF_CASE_CLOCK_WORD_ENUM
};

const char *hf_case_clock_word(unsigned number);

/* Past so many of one author, events of a case are not kept: a third of
 * HF_CASE_EVENTS_MAX can count.  So many of all authors are; notifier and
 * provider have their places whatever others write. */
#define HF_CASE_KEPT_OF_ONE 400
#define HF_CASE_KEPT_OF_ALL 2000

/* Keep an event.  *out_is_new tells whether there is anything new about it:
 * it was not there, or as a quotation only.  LIMIT past what is kept, which
 * is more for one who has_place. */
HF_MUST enum hf_err
hf_case_event_put(struct hf_store_txn *txn,
		  const uint8_t key[static HF_CASE_KEY_BYTES],
		  const struct hf_case_event_row *row, bool has_place,
		  bool *out_is_new, struct hf_why *why);

/* The same event with another row. */
HF_MUST enum hf_err
hf_case_event_replace(struct hf_store_txn *txn,
		      const uint8_t key[static HF_CASE_KEY_BYTES],
		      const struct hf_case_event_row *row, struct hf_why *why);

/* The case that an author's event with this id opened, and whether that is only
 * by what somebody quoted (may be NULL).  NOTFOUND. */
HF_MUST enum hf_err
hf_case_opened(struct hf_store_txn *txn,
	       const uint8_t author[static HF_HASH_BYTES],
	       const uint8_t event_id[static HF_EVENT_ID_BYTES],
	       uint8_t out_key[static HF_CASE_KEY_BYTES], bool *out_is_quoted,
	       struct hf_why *why);
HF_MUST enum hf_err
hf_case_opened_put(struct hf_store_txn *txn, const struct hf_case_fact *fact,
		   const uint8_t key[static HF_CASE_KEY_BYTES], bool is_quoted,
		   struct hf_why *why);

/* One of them.  NOTFOUND. */
HF_MUST enum hf_err hf_case_event_get(
	struct hf_store_txn *txn, const uint8_t key[static HF_CASE_KEY_BYTES],
	const uint8_t name[static HF_CASE_NAME_BYTES], struct hf_arena *arena,
	struct hf_case_event_row *out, struct hf_why *why);

/* Every event of a case that is kept. */
HF_MUST enum hf_err hf_case_events(struct hf_store_txn *txn,
				   const uint8_t key[static HF_CASE_KEY_BYTES],
				   struct hf_arena *arena,
				   struct hf_case_event_row **out_rows,
				   size_t *out_count, struct hf_why *why);

/* Tables that are keys alone. */
HF_MUST enum hf_err hf_case_mark_put(struct hf_store_txn *txn,
				     enum hf_case_table table,
				     struct hf_span key, struct hf_why *why);
HF_MUST enum hf_err hf_case_mark_del(struct hf_store_txn *txn,
				     enum hf_case_table table,
				     struct hf_span key, struct hf_why *why);

/* The key of a hash, without the case: 17 bytes. */
#define HF_CASE_HASH_KEY_BYTES 17
void hf_case_hash_key(const struct hf_hash *hash,
		      uint8_t out_key[static HF_CASE_HASH_KEY_BYTES]);

#define HF_CASE_TASK_BYTES                                                     \
	(1 + HF_CASE_KEY_BYTES + HF_CASE_NAME_BYTES + HF_HASH_BYTES)
void hf_case_task_key(const struct hf_case_task *task,
		      uint8_t out_key[static HF_CASE_TASK_BYTES]);
void hf_case_task_parse(const uint8_t key[static HF_CASE_TASK_BYTES],
			struct hf_case_task *out);

#endif /* HF_CASE_STORE_H */
