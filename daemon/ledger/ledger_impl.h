/*
 * ledger_impl.h -- what the files of daemon/ledger share; nobody else's.
 *
 * Units    as ledger.h.
 * Owns     struct hf_ledger owns the store, the sets and what is queued.
 * Threads  "writer's": touched by the writer thread only (and by open, before
 *          it starts).  "under lock": hf_ledger.lock.  "fixed": never changes
 *          once others can see it.  No lock is held across a commit, the
 *          signer, or a callback, save `following` across wakes.
 * Errors   as ledger.h.
 * Source   daemon/ledger/DESIGN.md.
 */
#ifndef HF_LEDGER_IMPL_H
#define HF_LEDGER_IMPL_H

#include <pthread.h>

#include "ledger.h"
#include "ledger_piece.h"
#include "ledger_record.h"
#include "ledger_slip.h"
#include "ledger_tree.h"
#include "ledger_view.h"
#include "store.h"

/* The store's tables, by number. */
/* clang-format off */
#define HF_LEDGER_TABLES(X)  \
	X(SETS,    "sets")   \
	X(ORIGINS, "origins") \
	X(MARKS,   "marks")  \
	X(NOTES,   "notes")  \
	X(BATCHES, "batches") \
	X(ABOUTS,  "abouts") \
	X(RECORDS, "records") \
	X(MISSING, "missing") \
	X(LEAVING, "leaving") \
	X(LATE,    "late")
/* clang-format on */

enum ledger_table {
#define LEDGER_TABLE_ENUM(name, text) TABLE_##name,
	HF_LEDGER_TABLES(LEDGER_TABLE_ENUM)
#undef LEDGER_TABLE_ENUM
		TABLES_COUNT
};

/* A set as it is on disk, or will be once the transaction commits. */
struct set_state {
	struct hf_ledger_marks marks;
	struct hf_frontier frontier; /* of marks.stored entries */
	bool has_note;
	uint64_t note_size;
	struct hf_tree_hash note_root;
	bool has_seen;
	uint64_t seen_size;
	struct hf_tree_hash seen_root;
};

/* A checkpoint that was verified, and its note. */
struct seen {
	/* Too far ahead to be believed, and shown to continue the one of this
	 * size; 0: believed. */
	uint64_t leapt_from;
	uint64_t size;
	struct hf_tree_hash root;
	uint64_t time_s;
	uint8_t *note; /* owned */
	size_t note_len_bytes;
};

struct set {
	/* Fixed. */
	uint32_t id;
	enum hf_ledger_kind kind;
	char origin[HF_ORIGIN_MAX_BYTES + 1];
	size_t table;

	/* Writer's. */
	struct set_state state;
	struct set_state staged;
	bool is_staged;
	bool is_new;
	struct set *next_staged;
	struct hf_ledger_tail *tail; /* owned, or NULL */
	struct seen pending;         /* signed, to be stored; note or NULL */
	bool is_slipped;             /* pending is durable as a slip */
	struct set *next_pending;
	bool is_refresh_due;
	bool is_note_new; /* this transaction stores a note that we serve */
	bool has_news;
	struct set *next_news;

	/* What the signer signed last, if we know. */
	bool knows_signed;
	uint64_t signed_size;
	struct hf_tree_hash signed_root;
	enum hf_err signer_err;
	struct hf_why signer_why;
	uint64_t signer_retry_us; /* not asked again before */

	/* Under lock; the writer alone changes it, and may look without. */
	bool is_damaged; /* the tree's end does not give the signed root */
	uint64_t published;
	uint64_t stored;
	/* Own sets: the largest tree that was ever signed, as far as is known;
	 * above stored this store is an old copy. */
	uint64_t known_size;
	bool is_frozen;
	/* Own sets: the notes that may be newer than the store's, newest first;
	 * the second one is for views from just before the first. */
	struct seen slips[2];
	struct seen seen[HF_LEDGER_SEEN_KEPT]; /* newest first */
};

/*
 * Jobs.
 */

struct job;

struct job_kind {
	/* Do it in the transaction that is under way.  What is wrong with the
	 * job goes to job->err by job_fail(), before anything is written; what
	 * is wrong with the store is returned, and undoes the whole group. */
	enum hf_err (*run)(struct hf_ledger *ledger, struct job *job,
			   struct hf_why *why);
	/* The transaction is on disk; may be NULL. */
	void (*settle)(struct hf_ledger *ledger, struct job *job);
	/* NULL where free() is enough. */
	void (*free)(struct job *job);
};

struct job {
	const struct job_kind *kind;
	struct job *next;
	struct set *set; /* borrowed; NULL where there is none yet */
	/* That tells of it, and whose note is waited for too; or NULL. */
	struct set *teller;
	size_t bytes;
	size_t appends;  /* entries for an own set */
	bool wants_note; /* done only once the note of receipt.size is stored */
	struct hf_ledger_done done;
	enum hf_err err;
	struct hf_why why;
	struct hf_ledger_receipt receipt;
};

struct hf_ledger_follower {
	struct hf_ledger *ledger; /* borrowed */
	struct hf_ledger_follower *next;
	uint32_t set;
	void (*wake)(void *arg, uint32_t set, uint64_t size);
	void *arg;
};

struct hf_ledger {
	struct hf_store *store;           /* owned */
	struct hf_ledger_slips *slips;    /* owned; the writer's */
	struct hf_ledger_options options; /* dir is not kept */
	struct hf_commit commit;          /* fixed */
	pthread_t writer;

	/* Writer's. */
	struct hf_store_txn *txn;
	struct set *staged;   /* changed by this transaction */
	struct set *news;     /* of which followers are to be told */
	struct set *pending;  /* with a note to be stored */
	bool has_unslipped;   /* of these some are not durable as slips */
	struct job *awaiting; /* durable; their notes are not stored yet */
	size_t awaiting_appends;
	size_t expected_jobs;   /* likely to be queued again now */
	uint64_t group_us;      /* what the last group took */
	bool has_backlog;       /* some own set is not signed, try again */
	uint64_t away_until_us; /* the signer did not answer */
	struct hf_why away_why;

	pthread_mutex_t lock;
	pthread_cond_t work;
	struct job *queue;
	struct job **queue_tail;
	size_t queue_jobs;
	size_t queue_bytes;
	size_t queue_appends;
	bool is_stopping;
	struct set **sets; /* owned; by number, 1 to sets_count */
	uint32_t sets_count;
	struct hf_ledger_stats stats;

	pthread_mutex_t following; /* guards and serialises followers */
	struct hf_ledger_follower *followers;
};

/* ledger.c */
struct set *hf_ledger_set(struct hf_ledger *ledger, uint32_t id);
HF_MUST enum hf_err hf_ledger_set_need(struct hf_ledger *ledger, uint32_t id,
				       struct set **out_set,
				       struct hf_why *why);
void hf_ledger_set_free(struct set *set);

/* ledger_load.c: read a set's records into its state. */
HF_MUST enum hf_err hf_ledger_load(struct hf_ledger *ledger,
				   struct hf_why *why);

/* ledger_writer.c */
HF_MUST enum hf_err hf_ledger_queue(struct hf_ledger *ledger, struct job *job,
				    struct hf_why *why);
/* It is done, and freed, when this returns; out_receipt may be NULL. */
HF_MUST enum hf_err
hf_ledger_queue_and_wait(struct hf_ledger *ledger, struct job *job,
			 struct hf_ledger_receipt *out_receipt,
			 struct hf_why *why);
HF_MUST enum hf_err hf_ledger_writer_start(struct hf_ledger *ledger,
					   struct hf_why *why);
void hf_ledger_writer_stop(struct hf_ledger *ledger);
void hf_ledger_job_fail(struct job *job, enum hf_err err, const char *format,
			...) HF_PRINTF(3, 4);

/* True, and the job fails with FULL, where the rest of the disk is kept for
 * what is more urgent than these entries. */
bool hf_ledger_refuse_reserved(struct hf_ledger *ledger, struct job *job,
			       const struct hf_header *headers, size_t count);

/* What set->state says holds from now on: others may see it, followers are
 * told once callers are. */
void hf_ledger_publish(struct hf_ledger *ledger, struct set *set,
		       bool has_new_note);

/* The state to change in this transaction. */
struct set_state *hf_ledger_stage(struct hf_ledger *ledger, struct set *set);

/* ledger_sign.c: writer's. */

/* How long a signer that failed is left alone. */
#define SIGNER_RETRY_MS 100

/* What is frozen stays as it is. */
static inline bool set_is_unsigned(const struct set *set)
{
	return set->kind == HF_LEDGER_OWN &&
	       set->state.marks.frozen_reason[0] == '\0' &&
	       (set->pending.note == NULL || set->is_slipped) &&
	       (!set->state.has_note ||
		set->state.note_size < set->state.marks.stored);
}

/* Own sets: a tree of this size was signed, says the signer or whoever has its
 * note. */
void hf_ledger_know(struct hf_ledger *ledger, struct set *set, uint64_t size);

/* CONFLICT while this store is an old copy of the set. */
HF_MUST enum hf_err hf_ledger_check_whole(const struct set *set,
					  struct hf_why *why);

/* Have the committed tree signed; the note is then set->pending.  On failure
 * set->signer_err says why. */
HF_MUST enum hf_err hf_ledger_sign(struct hf_ledger *ledger, struct set *set);

/* The same for several in one turn.  False: none of them was signed, each is to
 * be signed alone. */
HF_MUST bool hf_ledger_sign_together(struct hf_ledger *ledger,
				     struct set *const *sets, size_t count);

/* Know what the signer signed last, and that it is a part of our tree. */
HF_MUST enum hf_err hf_ledger_signer_agrees(struct hf_ledger *ledger,
					    struct set *set);

/* ledger_entry.c: in the transaction that is under way.  Drop payload and
 * opening of an entry, for the ERASE that says so, or HF_LEDGER_NONE for one
 * of a later epoch; once is enough. */
HF_MUST enum hf_err hf_ledger_entry_erase(struct hf_ledger *ledger,
					  struct set *set, uint64_t target,
					  uint64_t erased_by,
					  struct hf_why *why);

/* ledger_compact.c: in the transaction that is under way.  The bytes of one
 * entry more are to leave the file. */
HF_MUST enum hf_err hf_ledger_erasure_count(struct hf_ledger *ledger,
					    uint64_t *out_number,
					    struct hf_why *why);

/* ledger_leaving.c: in the transaction that is under way.  The payload of this
 * entry is about to be erased: it is counted, and stays where the options ask
 * for that.  The entry is borrowed from the map, and lost. */
HF_MUST enum hf_err hf_ledger_leave(struct hf_ledger *ledger,
				    const struct set *set,
				    const struct hf_ledger_entry *entry,
				    struct hf_why *why);

/* The first above this number.  NOTFOUND. */
HF_MUST enum hf_err hf_ledger_leaving_first(struct hf_store_txn *txn,
					    uint64_t after,
					    struct hf_ledger_leaving *out,
					    struct hf_why *why);

/* The payload of an entry is missing, or no longer. */
HF_MUST enum hf_err hf_ledger_missing_set(struct hf_ledger *ledger,
					  struct set *set, uint64_t index,
					  bool is_missing, struct hf_why *why);

/* It is no longer because it came: whoever has read past the entry already has
 * to be told of it. */
HF_MUST enum hf_err hf_ledger_missing_came(struct hf_ledger *ledger,
					   struct set *set, uint64_t index,
					   struct hf_why *why);

/* The header of entry index of a set; NOTFOUND. */
HF_MUST enum hf_err hf_ledger_header_get(struct hf_ledger *ledger,
					 const struct set *set, uint64_t index,
					 struct hf_header *out_header,
					 struct hf_why *why);

/* Entries that are about to be appended, for the rules. */
struct coming {
	uint64_t first;
	size_t count;
	const struct hf_header *headers;
};

/* Whether the known ops among these may do what they do: their targets are
 * what they should be.  NOTFOUND, MALFORMED are the entry's fault; anything
 * else is the store's. */
HF_MUST enum hf_err hf_ledger_rules(struct hf_ledger *ledger,
				    const struct set *set,
				    const struct coming *coming,
				    struct hf_why *why);

/* Append one entry and everything that follows from it, but the tree.
 * entry->state is HELD, BARE or MISSING. */
HF_MUST enum hf_err hf_ledger_entry_append(struct hf_ledger *ledger,
					   struct set *set,
					   const struct hf_header *header,
					   struct hf_ledger_entry *entry,
					   struct hf_why *why);

/* ledger_mend.c: in the transaction that is under way. */

/* What is stored of an entry is to be this one; its own payload stays where it
 * is the one committed to. */
HF_MUST enum hf_err hf_ledger_entry_mend(struct hf_ledger *ledger,
					 struct set *set,
					 const struct hf_header *header,
					 struct hf_ledger_entry *entry,
					 struct hf_why *why);

/* The hash of a chunk, and all above it that are stored. */
HF_MUST enum hf_err hf_ledger_nodes_mend(struct hf_ledger *ledger,
					 struct set *set, uint64_t chunk,
					 const struct hf_tree_hash *root,
					 struct hf_why *why);

/* Read the tree's end again where it was damaged; it is mended once this is
 * committed. */
HF_MUST enum hf_err hf_ledger_tree_mend(struct hf_ledger *ledger,
					struct set *set, bool *out_is_mended,
					struct hf_why *why);

/* ledger_load.c: the frontier, compared with what was signed; CORRUPT where
 * that differs.  And how a RETRACT or the like is found (ledger_entry.c). */
HF_MUST enum hf_err hf_ledger_tree_load(struct hf_ledger *ledger,
					struct set *set,
					struct set_state *state,
					struct hf_why *why);
HF_MUST enum hf_err hf_ledger_about_put(struct hf_ledger *ledger,
					const struct set *set,
					const struct hf_header *header,
					uint64_t index, struct hf_why *why);

/* Append a leaf, or a whole chunk, to the tree. */
HF_MUST enum hf_err hf_ledger_leaf_append(struct hf_ledger *ledger,
					  struct set *set,
					  const struct hf_tree_hash *leaf,
					  struct hf_why *why);
HF_MUST enum hf_err
hf_ledger_chunk_append(struct hf_ledger *ledger, struct set *set,
		       const struct hf_tree_hash *chunk_root,
		       struct hf_why *why);

/* Store a note, and remember it in the staged state. */
HF_MUST enum hf_err hf_ledger_note_store(struct hf_ledger *ledger,
					 struct set *set,
					 enum hf_ledger_which which,
					 const struct seen *note,
					 struct hf_why *why);

/* ledger_keep.c */

/* LIMIT for one that is too long. */
HF_MUST enum hf_err hf_ledger_record_check(struct hf_span record,
					   struct hf_why *why);

/* In the transaction that is under way; an empty one deletes. */
HF_MUST enum hf_err hf_ledger_record_put(struct hf_ledger *ledger, uint32_t set,
					 uint64_t index, struct hf_span record,
					 struct hf_why *why);

/* ledger_note.c */

/* The notes that are pending become durable, and those of their sets. */
HF_MUST enum hf_err hf_ledger_notes_slip(struct hf_ledger *ledger,
					 struct hf_why *why);

/* Let views see this note of an own set, as far as they hold its entries; its
 * bytes are copied.  And: the store's is as new. */
HF_MUST enum hf_err hf_ledger_slip_show(struct hf_ledger *ledger,
					struct set *set,
					const struct seen *note,
					struct hf_why *why);

void hf_ledger_slips_forget(struct hf_ledger *ledger, struct set *set);

/* At the start: the slip of an own set, where it is newer than what the store
 * has. */
HF_MUST enum hf_err hf_ledger_slip_load(struct hf_ledger *ledger,
					struct set *set, struct hf_why *why);

/* ledger_see.c: let pieces be checked against it.  Takes the note. */
void hf_ledger_seen_keep(struct hf_ledger *ledger, struct set *set,
			 struct seen *seen);

/* ledger_set.c: without waiting; lost when the queue is full. */
void hf_ledger_freeze_soon(struct hf_ledger *ledger, struct set *set,
			   const char *reason);

/* ledger_view.c: borrowed. */
struct hf_store_txn *hf_ledger_view_txn(struct hf_ledger_view *view);

/* ledger_follow.c */
void hf_ledger_wake(struct hf_ledger *ledger, uint32_t set, uint64_t size);

#endif /* HF_LEDGER_IMPL_H */
