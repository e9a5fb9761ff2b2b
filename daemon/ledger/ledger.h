/*
 * ledger.h -- sets of entries, kept: one's own, signed as they grow, and
 * others', verified before they are stored.
 *
 * One writer thread does every write, in groups: it takes what is queued,
 * commits the entries in one transaction, asks the signer, commits the note,
 * and only then publishes and acknowledges.  After a restart, or when the
 * signer comes back, entries that are committed but not signed are signed,
 * never dropped.  The ledger holds no key and knows no policy: who may append,
 * what a payload means and whose signature counts are its callers' business.
 * Reading is in ledger_view.h, receiving others' entries in ledger_piece.h.
 *
 * Units    set is a local number from 1, never on the wire.  index and size
 *          count entries from 0.  time_ms is milliseconds since 1970.
 * Owns     hf_ledger_open() gives the caller a ledger, hf_ledger_close() takes
 *          it back.  What is passed in is copied before the call returns.
 * Threads  Any thread may call.  `done` and `wake` callbacks run on the writer
 *          thread: they must be quick, and must not call what is marked
 *          BLOCKS.  Never call what BLOCKS with a view open.
 * Errors   On failure no out_ argument changes.  Everything that is queued can
 *          fail with BUSY at once (queue full), FULL (disk), NOMEM, SYSTEM or
 *          CORRUPT.  When a queueing call fails, its `done` is never called;
 *          when it returns HF_OK, `done` is called exactly once.
 * Source   Publishing, following, retries: proto/SPEC.md
 * sections 6.4, 6.6, 8.3; daemon/ledger/DESIGN.md says why it is stored as it
 * is.
 */
#ifndef HF_LEDGER_H
#define HF_LEDGER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "err.h"
#include "leaf.h"
#include "limit.h"
#include "size.h"
#include "span.h"
#include "tree.h"

struct hf_store_move;

struct hf_ledger;

enum hf_ledger_kind {
	HF_LEDGER_OWN = 1,     /* we are the only writer */
	HF_LEDGER_FOREIGN = 2, /* somebody else is */
};

/* Every set at once, where a call says so. */
#define HF_LEDGER_ALL_SETS 0

/* How many sets one node can hold. */
#define HF_LEDGER_SETS_MAX 8192

/* "its own index", as the target of a draft. */
#define HF_LEDGER_SELF UINT64_MAX

/* "there is none", where an index is given. */
#define HF_LEDGER_NONE UINT64_MAX

/*
 * The signer: called on the writer thread, may take its time.
 */

struct hf_ledger_to_sign {
	struct hf_span origin;
	uint64_t size;
	struct hf_tree_hash root;
	/* What `last` gave, and the proof that the tree has only grown since
	 * (no hashes for an old_size of 0 or of size). */
	uint64_t old_size;
	struct hf_tree_hash old_root;
	struct hf_tree_proof proof;
};

#define HF_LEDGER_SIGNED_AT_ONCE 8

struct hf_ledger_signer {
	void *arg;
	/* The largest tree the signer has signed for this origin: size 0 when
	 * none.  Asked at start and after every failure, so that a note which
	 * was signed but never reached us is known. */
	enum hf_err (*last)(void *arg, struct hf_span origin,
			    uint64_t *out_size, struct hf_tree_hash *out_root,
			    struct hf_why *why);
	/* Record durably, then sign: append the whole signed note (0x01 and
	 * 0x04 lines) to note.  UNAVAILABLE when the signer cannot be reached.
	 * Also asked for the size it has signed already, for a fresh time. */
	enum hf_err (*checkpoint)(void *arg,
				  const struct hf_ledger_to_sign *request,
				  struct hf_buf *note, struct hf_why *why);
	/* The same for 2 to HF_LEDGER_SIGNED_AT_ONCE sets in one turn: all or
	 * none.  After any error but UNAVAILABLE each is asked for alone.  May
	 * be NULL. */
	enum hf_err (*checkpoints)(void *arg,
				   const struct hf_ledger_to_sign *requests,
				   size_t count, struct hf_buf *notes,
				   struct hf_why *why);
	/* This store is an old copy of an own set; told again while it is.  May
	 * be NULL. */
	void (*old_copy)(void *arg);
};

/*
 * Appending to one's own sets.
 */

struct hf_ledger_draft {
	uint8_t op; /* enum hf_op */
	uint32_t code;
	uint64_t time_ms;
	/* An earlier index for RETRACT, AMEND, ERASE and a STATUS about this
	 * set; HF_LEDGER_SELF for the rest. */
	uint64_t target;
	struct hf_span payload;
	/* Kept beside the entry for us alone, never served and no part of it:
	 * at most HF_LEDGER_RECORD_MAX_BYTES, empty for none.  Written in the
	 * transaction of its entry.  Of a batch that is repeated the first one
	 * stays, whatever comes with the repeat. */
	struct hf_span record;
};

#define HF_LEDGER_RECORD_MAX_BYTES ((size_t)64 * 1024)

struct hf_ledger_receipt;

/* What goes along with a batch, in its transaction: there with it, or neither
 * is.  What is told of it is an entry of another set of ours, or a record. */
struct hf_ledger_along {
	/* On the writer thread, once it is known where the batch will stand;
	 * again where the transaction has to be made anew.  It must be quick
	 * and call nothing of the ledger. */
	enum hf_err (*tell)(void *arg, const struct hf_ledger_receipt *receipt,
			    struct hf_buf *out, struct hf_why *why);
	void *arg;
	/* A STATUS about itself, with what is told as payload; 0: none.  Its
	 * note is waited for too. */
	uint32_t set;
	uint64_t time_ms; /* of that */
	/* Intents (below), by their numbers; 0: none. */
	uint64_t keep;   /* holds what is told from now on */
	uint64_t forget; /* is deleted; also where there is none */
};

struct hf_ledger_batch {
	uint32_t set;
	/* The client's name for what it is doing, and which part this is.  The
	 * same pair again returns the original indexes; with other content (of
	 * anything but time_ms) it is CONFLICT.  An id of zeros is not
	 * remembered. */
	uint8_t id[HF_BATCH_ID_BYTES];
	uint64_t sequence;
	const struct hf_ledger_draft *drafts;
	size_t drafts_count;                 /* 1 to HF_APPEND_BATCH_MAX */
	const struct hf_ledger_along *along; /* NULL: nothing */
};

struct hf_ledger_receipt {
	uint32_t set;
	uint64_t first; /* index of the first entry */
	uint64_t count;
	uint64_t size;  /* of a signed tree that has them all */
	bool is_repeat; /* appended by an earlier call */
	/* What went along is durable.  Counts with an error too: then the
	 * entries are as well, and are signed later. */
	bool is_told;
};

/* Called once, on the writer thread.  But for is_told, receipt counts with
 * HF_OK only. */
struct hf_ledger_done {
	void (*call)(void *arg, enum hf_err err,
		     const struct hf_ledger_receipt *receipt,
		     const struct hf_why *why);
	void *arg;
};

struct hf_ledger_options {
	const char *dir;  /* made if missing; see store.h */
	size_t map_bytes; /* 0: the store's default */
	size_t map_most_bytes;
	/* With less than this free on the disk, sets take nothing but RETRACT,
	 * ERASE, STATUS and KEY: appends and pieces with others are FULL. */
	uint64_t reserve_bytes;
	/* Jobs and bytes that may wait; 0 means 4096 and 256 MiB. */
	size_t queue_jobs_max;
	size_t queue_bytes_max;
	/* Somebody acts on what payloads of ADDs said when they are erased:
	 * they stay for him (hf_ledger_leaving_next()), and only once they
	 * were dropped does hf_ledger_compact() count them as done.  What
	 * stayed in an earlier run is there either way. */
	bool keeps_leaving;
	struct hf_ledger_signer signer;
	/* May refuse a draft before it is queued: the payload's schema.  Called
	 * on the appending thread.  NULL accepts everything. */
	enum hf_err (*check)(void *arg, const struct hf_ledger_draft *draft,
			     struct hf_why *why);
	void *check_arg;
	/* As of struct hf_store_options (store.h). */
	enum hf_err (*moving)(void *arg, const struct hf_store_move *move,
			      struct hf_why *why);
	void *moving_arg;
};

/* Open the store, check every set's marks against its tree, start the writer;
 * what is committed but unsigned is signed from there.  UNSUPPORTED for
 * another format, BUSY when it is open elsewhere, CORRUPT when a set does not
 * add up. */
HF_MUST enum hf_err hf_ledger_open(const struct hf_ledger_options *options,
				   struct hf_ledger **out_ledger,
				   struct hf_why *why);

/* Finish what is queued, stop the writer, close.  End every view, scan and
 * follower first.  NULL is fine. */
void hf_ledger_close(struct hf_ledger *ledger);

/* Make a set, or find the one there is.  EXISTS when the origin is there as
 * the other kind, ARGUMENT when it is no origin, LIMIT past
 * HF_LEDGER_SETS_MAX.  A new own set gets a signed checkpoint of size 0 as
 * soon as the signer answers.  BLOCKS until it is durable. */
HF_MUST enum hf_err hf_ledger_create(struct hf_ledger *ledger,
				     enum hf_ledger_kind kind,
				     struct hf_span origin, uint32_t *out_set,
				     struct hf_why *why);

/* Queue a batch: all of it is appended, in order, or nothing.  done is told
 * HF_OK once every entry is durable and covered by a durable signed note.
 *
 * Refused before anything is signed: NOTFOUND (set, target), ARGUMENT (an op
 * that we do not know, a target that is not earlier, RETRACT or AMEND of what
 * is no ADD, ERASE of what has no payload, a set that is not ours), LIMIT,
 * FROZEN (an END was appended, or the set is frozen), CONFLICT (batch id), and
 * whatever `check` says.  A RETRACT or ERASE of what is retracted or erased
 * already is appended and changes nothing.  Nothing is appended where the set
 * that is to tell of it would refuse, and where a batch is repeated what goes
 * along is written all the same.
 *
 * UNAVAILABLE means that the signer did not answer.  Entries that were durable
 * by then stay and are signed later; the same batch id then gives their
 * indexes.  While the signer is away nothing more is stored. */
HF_MUST enum hf_err hf_ledger_append(struct hf_ledger *ledger,
				     const struct hf_ledger_batch *batch,
				     struct hf_ledger_done done,
				     struct hf_why *why);

/* What somebody is about to do, to be found after a crash: records by numbers
 * of the caller's own, under this in place of a set. */
#define HF_LEDGER_INTENTS UINT32_MAX

/* Keep a record beside an entry of any set, or replace it; durable when done is
 * told.  An empty one deletes what is there; an ERASE of the entry does not.
 * receipt.first is the index.  With set 0, and HF_LEDGER_INTENTS, the index is
 * the caller's own number.
 * NOTFOUND for a set that is not there, and, when done is told, for an index
 * past its end; LIMIT. */
HF_MUST enum hf_err hf_ledger_keep(struct hf_ledger *ledger, uint32_t set,
				   uint64_t index, struct hf_span record,
				   struct hf_ledger_done done,
				   struct hf_why *why);

/* Have an own set's latest checkpoint signed again, for a fresh time.  done is
 * told when the new note is durable; receipt.count is 0. */
HF_MUST enum hf_err hf_ledger_refresh(struct hf_ledger *ledger, uint32_t set,
				      struct hf_ledger_done done,
				      struct hf_why *why);

/* Stop a set where it is (evidence of a fork, a broken format): appends and
 * pieces are FROZEN, reading goes on.  reason is shown to operators, at most
 * HF_LEDGER_REASON_MAX_BYTES of it; an empty one thaws.  BLOCKS. */
#define HF_LEDGER_REASON_MAX_BYTES 240
HF_MUST enum hf_err hf_ledger_freeze(struct hf_ledger *ledger, uint32_t set,
				     const char *reason, struct hf_why *why);

/*
 * Waiting for one callback, for tools, tests and threads that may wait.
 */

struct hf_ledger_wait;

HF_MUST enum hf_err hf_ledger_wait_new(struct hf_ledger_wait **out_wait,
				       struct hf_why *why);

/* Only when no callback is outstanding.  NULL is fine. */
void hf_ledger_wait_free(struct hf_ledger_wait *wait);

/* The callback to pass; one at a time. */
struct hf_ledger_done hf_ledger_wait_done(struct hf_ledger_wait *wait);

/* What the callback was told; out_receipt may be NULL.  BLOCKS. */
HF_MUST enum hf_err hf_ledger_wait_for(struct hf_ledger_wait *wait,
				       struct hf_ledger_receipt *out_receipt,
				       struct hf_why *why);

/*
 * Following from a position.
 */

struct hf_ledger_follower;

/* Be woken when a set (or HF_LEDGER_ALL_SETS) has more than `from` entries to
 * read, and whenever a note was published, the size being the same when only
 * its time is newer.  wake(arg, set, size) says that entries [0, size) can be
 * read; it carries no entries: keep your own position and read from there in
 * a view.  Wakes may come together, a size is never announced that a new view
 * does not show.  Called at once, from this call, for what is there already. */
HF_MUST enum hf_err
hf_ledger_follow(struct hf_ledger *ledger, uint32_t set, uint64_t from,
		 void (*wake)(void *arg, uint32_t set, uint64_t size),
		 void *arg, struct hf_ledger_follower **out_follower,
		 struct hf_why *why);

/* When this returns no wake is running or will.  Not from within a wake.
 * NULL is fine. */
void hf_ledger_unfollow(struct hf_ledger_follower *follower);

/*
 * Care.
 */

struct hf_ledger_stats {
	uint64_t file_bytes;
	uint64_t disk_bytes; /* free on its file system */
	size_t queued_jobs;
	size_t queued_bytes;
	size_t queued_most_bytes; /* past this, whoever queues is BUSY */
	uint64_t commits;         /* since open */
	uint64_t appended;        /* entries of our own, since open */
	uint64_t applied;         /* entries of others, since open */
	bool is_failing;          /* the last commit was a failure */
	struct hf_why failed_why;
	bool is_signer_away; /* its last answer was a failure */
	struct hf_why signer_why;
};

HF_MUST enum hf_err hf_ledger_stats(struct hf_ledger *ledger,
				    struct hf_ledger_stats *out_stats,
				    struct hf_why *why);

/* What lies in the store: each of the tables that all sets share, and, of the
 * sets' own together, "headers", "tree", and "payloads" with their openings and
 * what pages leave empty.  And what each set's own table takes, by its origin,
 * with its entries as count. */
HF_MUST enum hf_err hf_ledger_sizes(struct hf_ledger *ledger,
				    hf_size_each *table, hf_size_each *set,
				    void *arg, struct hf_why *why);

/* Payloads that were erased, up to this number, have been read.  BLOCKS. */
HF_MUST enum hf_err hf_ledger_leaving_drop(struct hf_ledger *ledger,
					   uint64_t through,
					   struct hf_why *why);

/* An entry was erased in a later epoch of its set, where it stands again: its
 * payload leaves this one, though no ERASE here says so, and is listed by
 * hf_ledger_leaving_next() as any.  Nothing happens where it is not here.
 * BLOCKS. */
HF_MUST enum hf_err hf_ledger_erase_earlier(struct hf_ledger *ledger,
					    uint32_t set, uint64_t index,
					    struct hf_why *why);

/* Write the store anew, so that what was erased before this call is nowhere in
 * it (hf_ledger_erasing() then counts what came later).  Others read and
 * append meanwhile.  As hf_store_compact() about is_over and errors.  BLOCKS
 * for as long as it takes. */
HF_MUST enum hf_err hf_ledger_compact(struct hf_ledger *ledger,
				      const atomic_bool *is_over,
				      struct hf_why *why);

/* What can be wrong with what is stored, and where: entries [first, end). */
enum hf_ledger_fault_kind {
	HF_LEDGER_FAULT_PAYLOAD, /* of one entry, or its record */
	HF_LEDGER_FAULT_HEADERS, /* of a chunk */
	HF_LEDGER_FAULT_TREE,    /* hashes, under headers that are right */
	HF_LEDGER_FAULT_ABOUT,   /* how a RETRACT or the like is found */
	HF_LEDGER_FAULT_NOTE,    /* the checkpoint at this size */
};

struct hf_ledger_fault {
	enum hf_ledger_fault_kind kind;
	uint64_t first;
	uint64_t end;
};

const char *hf_ledger_fault_words(enum hf_ledger_fault_kind kind);

#define HF_LEDGER_FAULTS_MAX 64

struct hf_ledger_check {
	uint64_t entries;  /* re-hashed */
	uint64_t payloads; /* compared with their commitments */
	uint64_t erased;
	uint64_t missing;      /* payloads that never came */
	uint64_t faults_count; /* of which the first so many are told */
	struct hf_ledger_fault faults[HF_LEDGER_FAULTS_MAX];
};

/* Re-derive a set's tree from its headers, compare every stored subtree hash,
 * every payload with its commitment, the roots with those of the notes, and
 * how what takes entries back is found.  CORRUPT names the first entry that
 * differs, and out_check is filled in then too.  Where is_over (may be NULL)
 * becomes true it ends early: CANCELLED.  Takes many short views. */
HF_MUST enum hf_err hf_ledger_verify(struct hf_ledger *ledger, uint32_t set,
				     const atomic_bool *is_over,
				     struct hf_ledger_check *out_check,
				     struct hf_why *why);

/* A copy of the store in a directory that is made for it (EXISTS when it is
 * there), verified as it lies there.  Every entry that could be read before
 * the call is in it.  As hf_store_backup() about is_over and errors; CORRUPT
 * when what was copied does not verify.  BLOCKS for as long as it takes. */
HF_MUST enum hf_err hf_ledger_backup(struct hf_ledger *ledger, const char *dir,
				     const atomic_bool *is_over,
				     struct hf_why *why);

#endif /* HF_LEDGER_H */
