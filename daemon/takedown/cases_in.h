/*
 * cases_in.h -- what the files of daemon/takedown share.
 *
 * One lock is held by whoever writes: by the thread of the cases while it
 * reads what came and does what is to be done, by a caller while it makes an
 * event and until that event is folded.  Whoever holds it may make events of
 * several cases side by side, which the ledger then commits together, but never
 * two of one case: the second is made once the first is folded.  So our own
 * events of a case never fork.  Readers take a view of the store and no lock.
 *
 * Units    _ms since 1970 UTC; set is the ledger's number.
 * Owns     struct hf_cases belongs to cases.c.
 * Threads  under the lock, unless said.
 * Errors   as cases.h.
 * Source   daemon/takedown/DESIGN.md.
 */
#ifndef HF_CASES_IN_H
#define HF_CASES_IN_H

#include <pthread.h>
#include <stdatomic.h>

#include "case_names.h"
#include "case_store.h"
#include "cases.h"
#include "ledger.h"
#include "ledger_view.h"
#include "ring.h"

/* Memory for what one step looks at. */
#define HF_CASES_ARENA_BYTES ((size_t)64 * 1024 * 1024)

/* What is handed to the ledger side by side, at most: a group of its writer
 * costs four syncs however much there is in it. */
#define HF_CASES_TOGETHER 64

/* Who comes first is served first: of many callers none waits for ever, nor
 * does the thread of the cases. */
struct hf_cases_lock {
	pthread_mutex_t gate; /* guards what follows */
	pthread_cond_t next;
	uint64_t served;             /* whose turn it is */
	uint64_t given;              /* turns given out */
	struct hf_cases_call *calls; /* case_calls.c */
};

struct hf_cases {
	struct hf_cases_options options;
	struct hf_store *views; /* owned */
	struct hf_store *names; /* owned */
	struct hf_ledger_follower *follower;
	struct hf_ledger_wait *wait; /* owned: whoever holds the lock */
	pthread_t thread;
	struct hf_cases_lock lock;
	pthread_mutex_t found_lock; /* one finding at a time; before lock */
	/* For what goes side by side; whoever holds the lock. */
	struct hf_ledger_wait *waits[HF_CASES_TOGETHER]; /* owned */
	bool is_behind;        /* an event of ours may not be folded yet */
	uint64_t next_due_ms;  /* the first clock; UINT64_MAX: none */
	bool must_try_again;   /* something could not be done now */
	struct hf_why put_off; /* and why */

	uint64_t again_ms;   /* how long that waits */
	bool has_changed;    /* watchers are to be told */
	uint64_t roles_seen; /* what roles were like at the last look */

	/* What a full disk does not take: case_ahead.c. */
	pthread_mutex_t ahead_lock;    /* guards what follows; taken last */
	struct hf_case_unkept *unkept; /* owned; by set and index */
	size_t unkept_count;
	size_t unkept_bytes;
	struct hf_case_ahead *ahead; /* owned; changed under both locks */
	atomic_bool has_ahead;
	_Atomic(struct hf_store_txn *) ahead_view; /* who has the lock for it */

	pthread_mutex_t news_lock; /* guards what follows */
	pthread_cond_t news;
	pthread_cond_t looked;
	uint64_t asked;       /* turns that somebody wants, so far */
	uint64_t done;        /* turns that ended */
	enum hf_err done_err; /* of the last one */
	struct hf_why done_why;
	bool must_look_at_keys;
	bool must_stop;
	bool is_caught_up;
};

uint64_t hf_cases_now(const struct hf_cases *cases);

/* Any thread. */
void hf_cases_lock(struct hf_cases *cases);
void hf_cases_unlock(struct hf_cases *cases);

/* A caller may take the lock.  UNAVAILABLE while what the ledger had at the
 * start is still being read: nobody can tell yet what may be said. */
HF_MUST enum hf_err hf_cases_wait_ready(struct hf_cases *cases,
					struct hf_why *why);

/* Both, and the end of it. */
HF_MUST enum hf_err hf_cases_enter(struct hf_cases *cases, struct hf_why *why);
void hf_cases_leave(struct hf_cases *cases);

/* The thread of the cases lets callers in that wait by now; what it knows of a
 * case may be old afterwards.  False when it is to stop. */
bool hf_cases_give_way(struct hf_cases *cases);

/* What only the operator can mend is no fault of an event's: a signer that
 * lacks a key, or is older than we are, is as good as none. */
enum hf_err hf_cases_signer_err(enum hf_err err);

/* ---- case_intake.c: entries become events of cases ---- */

/* Read a little of what the sets of kind CASES have that was not read, in
 * turn: one that is long does not keep the others waiting.  UNAVAILABLE when
 * the signer is away: try again. */
HF_MUST enum hf_err hf_cases_take_some(struct hf_cases *cases,
				       bool *out_has_more, struct hf_why *why);

/* Read all of one set. */
HF_MUST enum hf_err hf_cases_take_set(struct hf_cases *cases, uint32_t set,
				      struct hf_why *why);

/* Before anything is decided about a case: have signed, and read, what we said
 * of cases and did not hear the end of, or more would be said beside it.  Not
 * while a flight is on. */
HF_MUST enum hf_err hf_cases_catch_up(struct hf_cases *cases,
				      struct hf_why *why);

/* Have the thread of the cases look again. */
void hf_cases_look(struct hf_cases *cases);

/* ---- case_ahead.c: what a full disk does not take acts in memory ---- */

/* After a turn of reading that ended so: see what there is of it. */
void hf_case_ahead_look(struct hf_cases *cases, enum hf_err err);

/* What cases are like, with what acts in memory alone.  Then the lock is held
 * until the view ends, which is soon.  A NULL view is fine. */
HF_MUST enum hf_err hf_case_view_begin(struct hf_cases *cases,
				       struct hf_store_txn **out_view,
				       struct hf_why *why);
void hf_case_view_end(struct hf_cases *cases, struct hf_store_txn *view);

/* Events that the ledger has no room for: of a case; of all, for NULL.  Any
 * thread, as the next two. */
uint32_t hf_case_ahead_count(struct hf_cases *cases, const uint8_t *key);
bool hf_case_ahead_has(struct hf_cases *cases, uint32_t set, uint64_t index);

/* Put the record of an event that acts in memory, and may be kept nowhere,
 * behind what is in out_record; false when there is none. */
bool hf_case_ahead_record(struct hf_cases *cases, uint32_t set, uint64_t index,
			  struct hf_buf *out_record);

void hf_case_ahead_free(struct hf_cases *cases);

/* ---- case_later.c: quotations of those who were not enrolled ---- */

/* Read again what quotes somebody who is enrolled by now. */
HF_MUST enum hf_err hf_cases_read_later(struct hf_cases *cases,
					struct hf_why *why);

/* ---- case_fold.c: events become where a case stands ---- */

/* What an author may do as an authority at that time: for an order, in the
 * state that issues it ("" for anything else). */
uint32_t hf_cases_powers(const struct hf_cases *cases,
			 const uint8_t author[static HF_HASH_BYTES],
			 const char *state, uint64_t at_ms);

/* Fold a case anew, in a writing transaction; clock says why watchers are
 * told, -1 for not at all unless something changed.  HF_OK also while its
 * opening event is not here; DENIED when its author may not open it. */
HF_MUST enum hf_err hf_cases_refold(struct hf_cases *cases,
				    struct hf_store_txn *txn,
				    const uint8_t key[static HF_CASE_KEY_BYTES],
				    struct hf_arena *arena, struct hf_why *why);

/* When it has to be looked at next; of a case that changed, or whose rules
 * did. */
void hf_cases_set_clock(struct hf_cases *cases, struct hf_case_row *row);

/* The rules of its regime, as configured. */
const struct hf_case_rules *hf_cases_rules(const struct hf_cases *cases,
					   const struct hf_case_row *row);

/* Every event of a case with what becomes of it: first those that are folded,
 * then those that wait for a log or contradict one.  order is that in which
 * they count. */
struct hf_cases_history {
	struct hf_case_event_row *rows;
	size_t count;
	size_t folded;
	enum hf_case_fate *fates;
	size_t *order;
	struct hf_case now;
};

/* All in the arena.  DENIED when the author may not open the case. */
HF_MUST enum hf_err
hf_cases_history(struct hf_cases *cases, struct hf_store_txn *txn,
		 const struct hf_case_row *row, struct hf_arena *arena,
		 struct hf_cases_history *out, struct hf_why *why);

/* What a new event called `own` of a case follows: ids of events that no other
 * one names, each once, at most HF_CASE_AFTER_MAX.  Only of
 * events that every party has or will have: what a stranger wrote, what waits,
 * and what its author said in two ways would keep the new one waiting
 * elsewhere. */
size_t hf_cases_heads(const struct hf_cases_history *history,
		      const uint8_t own[static HF_EVENT_ID_BYTES],
		      struct hf_span *out_ids);

/* Is it known, or will it be, to every party of its case? */
bool hf_cases_is_shared(enum hf_case_fate fate);

/* Fold again every case in which somebody used a power: who has which changed,
 * or may have. */
HF_MUST enum hf_err hf_cases_refold_powers(struct hf_cases *cases,
					   struct hf_why *why);

/* ---- case_party.c: who, and where one writes for him ---- */

struct hf_cases_target {
	uint32_t set;
	char origin[HF_ORIGIN_MAX_BYTES + 1];
	uint8_t recipient[HF_HASH_BYTES];
	uint8_t receive_key[HF_PUBLIC_KEY_BYTES];
};

/* Our set for a party, opened where there is none, and the key to seal with.
 * Zeros, or our own id, is ourselves: the set for those without a node. */
HF_MUST enum hf_err hf_cases_target(struct hf_cases *cases,
				    const uint8_t party[static HF_HASH_BYTES],
				    struct hf_cases_target *out,
				    struct hf_why *why);

/* Announce our receive key in every set of ours that does not have it. */
HF_MUST enum hf_err hf_cases_announce_keys(struct hf_cases *cases,
					   struct hf_why *why);

bool hf_cases_is_zero(const uint8_t id[static HF_HASH_BYTES]);

/* ---- case_make.c: events of our own ---- */

struct hf_cases_making {
	const struct hf_case_row *row; /* NULL: it opens a case */
	const uint8_t *party;          /* the primary reader, 32 bytes */
	uint8_t event_id[HF_EVENT_ID_BYTES];
	struct hf_case_event event; /* what belongs to its kind */
	uint64_t expires_ms;        /* 0: a year from now */
	struct hf_span receipt_of;  /* RECEIPT: the record */
};

/* An event on its way into the ledger. */
struct hf_cases_made {
	uint32_t set;
	uint64_t index; /* known at the end */
	uint8_t event_id[HF_EVENT_ID_BYTES];
	bool is_awaited;
	bool is_settled; /* err is the last word */
	enum hf_err err;
	struct hf_why why;
};

/* Events of different cases that are made side by side. */
struct hf_cases_flight {
	struct hf_cases_made made[HF_CASES_TOGETHER];
	size_t count; /* 0 to begin with */
};

/* Seal an event and hand it to the ledger; it is the flight's last one then.
 * The flight has room, and no other event of this case.  On failure it is as
 * it was.  An event id that is in the ledger already is HF_OK; BUSY for one
 * that is in the flight. */
HF_MUST enum hf_err hf_cases_make_begin(struct hf_cases *cases,
					const struct hf_cases_making *making,
					struct hf_cases_flight *flight,
					struct hf_why *why);

/* Wait for all of a flight, and fold.  What became of each is in it. */
void hf_cases_make_end(struct hf_cases *cases, struct hf_cases_flight *flight);

/* Both, for one; the entry goes to out_set and out_index. */
HF_MUST enum hf_err hf_cases_make(struct hf_cases *cases,
				  const struct hf_cases_making *making,
				  uint32_t *out_set, uint64_t *out_index,
				  struct hf_why *why);

/* The case that this request of ours opened, in whichever set: NOTFOUND. */
HF_MUST enum hf_err
hf_cases_find_sent(struct hf_cases *cases,
		   const uint8_t request_id[static HF_EVENT_ID_BYTES],
		   uint8_t out_key[static HF_CASE_KEY_BYTES],
		   struct hf_why *why);

/* The id of an event that follows from others. */
void hf_cases_derive_id(const char *what, const uint8_t *a, size_t a_len,
			const uint8_t *b, size_t b_len,
			uint8_t out_id[static HF_EVENT_ID_BYTES]);

/* Whom our events of a case go to first: NULL for nobody but ourselves. */
const uint8_t *hf_cases_counterpart(const struct hf_case_row *row,
				    const uint8_t self[static HF_HASH_BYTES]);

/* ---- case_calls.c: events that open cases ---- */

/* The case that this request of ours opened, also where the provider became a
 * member since, or what was held back was sent.  NOTFOUND. */
HF_MUST enum hf_err
hf_cases_find_opened(struct hf_cases *cases,
		     const uint8_t request_id[static HF_EVENT_ID_BYTES],
		     uint8_t out_key[static HF_CASE_KEY_BYTES],
		     struct hf_why *why);

/* Make an event that opens a case, unless there is one that its event id opened
 * before; either is out_key. */
HF_MUST enum hf_err hf_cases_open_locked(
	struct hf_cases *cases, const struct hf_cases_making *making,
	uint8_t out_key[static HF_CASE_KEY_BYTES], struct hf_why *why);

/* The same for a caller without the lock: whoever has it next makes those of
 * all who wait for it.  Errors as hf_cases_enter(), too. */
HF_MUST enum hf_err hf_cases_open(struct hf_cases *cases,
				  const struct hf_cases_making *making,
				  uint8_t out_key[static HF_CASE_KEY_BYTES],
				  struct hf_why *why);

/* ---- case_send.c ---- */

/* hf_cases_send() of what a program found: the event says so, in text. */
HF_MUST enum hf_err
hf_cases_send_found(struct hf_cases *cases,
		    const struct hf_send_notice_request *request,
		    const char *text, struct hf_arena *arena,
		    struct hf_send_notice_response *out, struct hf_why *why);

/* ---- case_do.c: doing what is to be done ---- */

HF_MUST enum hf_err hf_cases_do_all(struct hf_cases *cases, struct hf_why *why);

/* ---- case_todo.c: the events that tasks ask for ---- */

/* Make the event that a task asks for, if it still does: it joins the flight,
 * as in hf_cases_make_begin(). */
HF_MUST enum hf_err hf_cases_do_begin(struct hf_cases *cases,
				      const struct hf_case_task *task,
				      struct hf_cases_flight *flight,
				      struct hf_why *why);

/* ---- case_plan.c: what a case asks us to do ---- */

/* The id of what follows from an event, for somebody: the same whenever it is
 * made. */
void hf_cases_follow_id(const char *what, const struct hf_case_fact *fact,
			const uint8_t whom[static HF_HASH_BYTES],
			uint8_t out_id[static HF_EVENT_ID_BYTES]);

/* Note what an event that counts asks for, in the transaction that keeps it. */
HF_MUST enum hf_err hf_cases_plan(struct hf_cases *cases,
				  struct hf_store_txn *txn,
				  const struct hf_case_row *row,
				  const struct hf_cases_history *history,
				  struct hf_arena *arena, struct hf_why *why);

HF_MUST enum hf_err hf_cases_plan_one(struct hf_store_txn *txn,
				      const struct hf_case_task *task,
				      struct hf_why *why);

/* ---- case_clock_work.c ---- */

/* Tell of what ran out, and plan reminders; sets next_due_ms. */
HF_MUST enum hf_err hf_cases_mind_clocks(struct hf_cases *cases,
					 struct hf_why *why);

/* Have every case looked at where the rules are not those of the last run. */
HF_MUST enum hf_err hf_cases_check_rules(struct hf_cases *cases,
					 struct hf_why *why);

/* ---- case_draft.c ---- */

HF_MUST enum hf_err hf_cases_drafts_load(struct hf_cases *cases,
					 struct hf_why *why);
HF_MUST enum hf_err hf_cases_draft_put(
	struct hf_cases *cases, const struct hf_send_notice_request *request,
	uint8_t out_key[static HF_CASE_KEY_BYTES], struct hf_why *why);
/* The request as it was kept. */
HF_MUST enum hf_err hf_cases_draft_get(struct hf_cases *cases,
				       const struct hf_case_row *row,
				       struct hf_arena *arena,
				       struct hf_send_notice_request *out,
				       struct hf_why *why);
HF_MUST enum hf_err hf_cases_draft_del(struct hf_cases *cases,
				       const struct hf_case_row *row,
				       struct hf_why *why);

/* In the transaction that takes in what we sent: the draft of that request, if
 * there is or was one, is this case from now on. */
HF_MUST enum hf_err
hf_cases_draft_became(struct hf_store_txn *txn,
		      const uint8_t request_id[static HF_EVENT_ID_BYTES],
		      const uint8_t key[static HF_CASE_KEY_BYTES],
		      struct hf_arena *arena, struct hf_why *why);

/* What a draft became: NOTFOUND. */
HF_MUST enum hf_err
hf_cases_draft_case(struct hf_cases *cases, const char *draft_id,
		    uint8_t out_key[static HF_CASE_KEY_BYTES],
		    struct hf_why *why);

/* ---- case_show.c ---- */

/* The part of a summary that never changes, from the event that opens it. */
HF_MUST enum hf_err hf_cases_describe(const struct hf_notice *notice,
				      const char *notifier,
				      struct hf_arena *arena,
				      struct hf_case_summary *out,
				      struct hf_why *why);

/* The state that is shown, and the clock now. */
enum hf_case_state hf_cases_state(const struct hf_cases *cases,
				  const struct hf_case_row *row,
				  struct hf_case_clock *out_clock);

HF_MUST enum hf_err
hf_cases_summary(struct hf_cases *cases, struct hf_store_txn *view,
		 const struct hf_ring *ring, const struct hf_case_row *row,
		 struct hf_arena *arena, struct hf_case_summary *out,
		 struct hf_why *why);

/* The text of an event, from its record.  Any thread. */
HF_MUST enum hf_err hf_cases_read(struct hf_cases *cases, uint32_t set,
				  uint64_t index, struct hf_buf *out_text,
				  struct hf_why *why);

#endif /* HF_CASES_IN_H */
