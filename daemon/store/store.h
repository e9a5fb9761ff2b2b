/*
 * store.h -- ordered byte tables in one LMDB environment, kept through any
 * crash.
 *
 * The store is a dumb shelf.  It knows keys and values, never what they mean,
 * never whether somebody signed them.  It is the only user of lmdb.h.
 *
 * Units    _bytes is a count of bytes.  Keys are compared byte by byte, a
 *          prefix before what it begins; 1 to HF_STORE_KEY_MAX_BYTES long.
 * Owns     hf_store_open() gives the caller a store, hf_store_close() takes it
 *          back once every transaction has ended.  A span out of a
 *          transaction points into the map: it dies with the transaction and,
 *          in a writing one, with the next write.  Copy what you keep.
 * Threads  One store serves many threads.  Views run beside each other and
 *          beside the one writing transaction; a second one waits.  A
 *          transaction and its cursors are used by one thread at a time, which
 *          need not be the one that began it (a writing one stays on its
 *          thread).  Never wait for anything with a view open: while it lives
 *          LMDB cannot reuse the pages it sees, and the file grows (measured:
 *          12 to 366 MB in 50 small commits).
 * Errors   On failure no out_ argument changes.  Every call can fail with
 *          SYSTEM, NOMEM or CORRUPT; every write with FULL; others are named
 *          below.  After a failed write only hf_store_abort() is of use.
 *          After a failed commit the store reopens its environment before the
 *          next transaction, as LMDB's state in memory cannot be trusted.
 * Source   lmdb.h and what was measured of it: no NOSYNC, NOMETASYNC or
 *          WRITEMAP (the last one dies of SIGBUS on a full disk), so a commit
 *          that returned HF_OK is on disk.
 */
#ifndef HF_STORE_H
#define HF_STORE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "size.h"
#include "span.h"

struct hf_store;
struct hf_store_txn;
struct hf_store_cursor;

/* LMDB's own limit in Debian's build. */
#define HF_STORE_KEY_MAX_BYTES 511

/* Address space, not disk or memory: reserving it costs nothing. */
#define HF_STORE_MAP_DEFAULT_BYTES ((size_t)64 << 30)

struct hf_buf;

/* One part of a step. */
struct hf_store_part {
	/* What the part before left, empty for the first: leave there how far
	 * this one came. */
	struct hf_buf *mark;
	bool is_done; /* nothing is left of the step */
	/* For people: so many entries of so many; 0 of 0 where it cannot say.
	 */
	uint64_t done;
	uint64_t total;
};

/* How a store of one format becomes one of the next. */
struct hf_store_step {
	const char *from;
	const char *to;
	/* A part of the work, small enough for a transaction, which is its
	 * own.  It may be called again for the same mark, never once is_done
	 * was committed. */
	enum hf_err (*run)(struct hf_store_txn *txn, struct hf_store_part *part,
			   struct hf_why *why);
};

/* How far it is with a store that becomes one of another format. */
struct hf_store_move {
	const char *from; /* of the step under way */
	const char *to;
	unsigned step; /* which of those that this open has to do, from 1 */
	unsigned steps;
	/* The store as it was is being kept: done and total are bytes.  Else
	 * they are the step's. */
	bool is_keeping;
	uint64_t done;
	uint64_t total;
};

struct hf_store_options {
	/* Made if it is missing.  A second store on it is refused. */
	const char *dir;
	/* What is in it, for example "hashfed-ledger/1".  A store made under
	 * another name is UNSUPPORTED. */
	const char *format;
	/* From older formats to this one.  The store as it was is kept beside
	 * dir, as "<dir>.format-<what is behind the slash of its format>",
	 * before the first part of a step is committed (FULL, with nothing
	 * changed, where the disk has no room for that); a migration that was
	 * interrupted goes on where it was. */
	const struct hf_store_step *steps;
	size_t steps_count;
	/* May be NULL.  Told before the first of it and after every part, by
	 * the thread that opens; an error ends the open with it, and the next
	 * one goes on. */
	enum hf_err (*moving)(void *arg, const struct hf_store_move *move,
			      struct hf_why *why);
	void *moving_arg;
	/* Tables that always exist; their numbers are 0, 1, 2, ... */
	const char *const *tables;
	size_t tables_count;
	/* For what can be built again: a store of another format is not
	 * UNSUPPORTED but deleted, and made anew. */
	bool replaces_others;
	/* How many there can be, those of hf_store_table() included; 0 means
	 * as many as are named above. */
	size_t tables_max_count;
	/* 0 means HF_STORE_MAP_DEFAULT_BYTES.  Grown when it is full, up to
	 * map_most_bytes (0: without end), past which writes are FULL. */
	size_t map_bytes;
	size_t map_most_bytes;
};

/* Open the store, or make it: in a temporary directory beside it, renamed
 * when it is whole, so that a crash leaves nothing half made.  BUSY when
 * another process (or this one) has it open, UNSUPPORTED for another format,
 * CORRUPT when the files are not ours. */
HF_MUST enum hf_err hf_store_open(const struct hf_store_options *options,
				  struct hf_store **out_store,
				  struct hf_why *why);

/* NULL is fine. */
void hf_store_close(struct hf_store *store);

/* What is in its directory, and what a crash left of a copy of it; that there
 * is nothing is fine.  Nobody has it open. */
HF_MUST enum hf_err hf_store_delete(const char *dir, struct hf_why *why);

/*
 * Transactions.
 */

/* Take a frozen view of everything committed. */
HF_MUST enum hf_err hf_store_view_begin(struct hf_store *store,
					struct hf_store_txn **out_view,
					struct hf_why *why);

/* Drop the view, its cursors first.  NULL is fine. */
void hf_store_view_end(struct hf_store_txn *view);

/* Begin to write; waits for the other writer.  Grows a map that the last
 * transaction found too small, for which it waits for all views to end. */
HF_MUST enum hf_err hf_store_write_begin(struct hf_store *store,
					 struct hf_store_txn **out_txn,
					 struct hf_why *why);

/* All of it is on disk when this returns HF_OK, and none of it otherwise
 * (FULL when the disk is).  The transaction has ended either way. */
HF_MUST enum hf_err hf_store_commit(struct hf_store_txn *txn,
				    struct hf_why *why);

/* As if it had never begun.  NULL is fine. */
void hf_store_abort(struct hf_store_txn *txn);

/* Whether the write that just ended in FULL failed only because the map was
 * too small: the next one grows it, so do it again. */
bool hf_store_should_repeat(struct hf_store *store);

/* Write: all of it or nothing, once more where the map had to grow.  What
 * write says is the answer; it may be called twice. */
HF_MUST enum hf_err
hf_store_write(struct hf_store *store,
	       enum hf_err (*write)(void *arg, struct hf_store_txn *txn,
				    struct hf_why *why),
	       void *arg, struct hf_why *why);

/* For a pause between writes: see that the next commits find their blocks in
 * the file already, which makes them faster.  What cannot be done is left. */
void hf_store_write_ahead(struct hf_store *store);

/* Bytes free on the disk for us; UINT64_MAX when the system does not say.  Any
 * thread. */
uint64_t hf_store_room(const struct hf_store *store);

/*
 * Tables.
 */

/* The number of a table by its name, made if it is missing (in a writing
 * transaction; it counts from the commit).  LIMIT past tables_max_count,
 * NOTFOUND for a missing one in a view. */
HF_MUST enum hf_err hf_store_table(struct hf_store_txn *txn, const char *name,
				   size_t *out_table, struct hf_why *why);

/* Borrow the value of a key.  NOTFOUND. */
HF_MUST enum hf_err hf_store_get(struct hf_store_txn *txn, size_t table,
				 struct hf_span key, struct hf_span *out_value,
				 struct hf_why *why);

/* Set the value of a key, whether it is there or not. */
HF_MUST enum hf_err hf_store_put(struct hf_store_txn *txn, size_t table,
				 struct hf_span key, struct hf_span value,
				 struct hf_why *why);

/* Room for a value behind the last key of the table, to be filled at once:
 * the fastest way in, and it fills pages to the brim.  CONFLICT when key is
 * not above the last one. */
HF_MUST enum hf_err hf_store_append(struct hf_store_txn *txn, size_t table,
				    struct hf_span key, size_t value_len_bytes,
				    uint8_t **out_value, struct hf_why *why);

/* NOTFOUND. */
HF_MUST enum hf_err hf_store_del(struct hf_store_txn *txn, size_t table,
				 struct hf_span key, struct hf_why *why);

/*
 * Cursors: a table in the order of its keys.
 */

HF_MUST enum hf_err hf_store_cursor_open(struct hf_store_txn *txn, size_t table,
					 struct hf_store_cursor **out_cursor,
					 struct hf_why *why);

/* Before its transaction ends.  NULL is fine. */
void hf_store_cursor_close(struct hf_store_cursor *cursor);

/* The first key at or above from; an empty span is before every key.
 * NOTFOUND when there is none. */
HF_MUST enum hf_err hf_store_cursor_seek(struct hf_store_cursor *cursor,
					 struct hf_span from,
					 struct hf_span *out_key,
					 struct hf_span *out_value,
					 struct hf_why *why);

/* The one behind, the one before, the last of all.  NOTFOUND at the end. */
HF_MUST enum hf_err hf_store_cursor_next(struct hf_store_cursor *cursor,
					 struct hf_span *out_key,
					 struct hf_span *out_value,
					 struct hf_why *why);
HF_MUST enum hf_err hf_store_cursor_prev(struct hf_store_cursor *cursor,
					 struct hf_span *out_key,
					 struct hf_span *out_value,
					 struct hf_why *why);
HF_MUST enum hf_err hf_store_cursor_last(struct hf_store_cursor *cursor,
					 struct hf_span *out_key,
					 struct hf_span *out_value,
					 struct hf_why *why);

/*
 * Care.
 */

struct hf_store_stats {
	uint64_t file_bytes;     /* of data.mdb */
	uint64_t map_bytes;      /* reserved address space */
	uint64_t disk_bytes;     /* free for us on its file system */
	uint32_t views_count;    /* open now */
	uint64_t view_oldest_us; /* age of the oldest open view, 0 for none */
};

HF_MUST enum hf_err hf_store_stats(struct hf_store *store,
				   struct hf_store_stats *out_stats,
				   struct hf_why *why);

/* What each table takes: whole pages, with what they leave empty, and its keys
 * as count.  What is free in the file is in none. */
HF_MUST enum hf_err hf_store_sizes(struct hf_store *store, hf_size_each *each,
				   void *arg, struct hf_why *why);

/* Write the file anew from what is in it: what was deleted or replaced before
 * this call is nowhere in it afterwards.  Others read and write meanwhile, who
 * wait only for the last of it, and what they commit is in the new file.  Takes
 * the disk once more until it is done; a crash leaves one file or the other,
 * whole.  Where is_over (may be NULL) becomes true it ends early: CANCELLED.
 * BUSY when more is written than can be copied, or a copy is being made. */
HF_MUST enum hf_err hf_store_compact(struct hf_store *store,
				     const atomic_bool *is_over,
				     struct hf_why *why);

/* A copy of what is in it, but of one of its tables (SIZE_MAX: of none), as it
 * is when this returns, in a directory that is made for it (EXISTS when it is
 * there): opened with the same options it is a store.  What was deleted is not
 * in it.  As hf_store_compact() about others,
 * is_over and errors; a copy that fails leaves nothing. */
HF_MUST enum hf_err hf_store_backup(struct hf_store *store, const char *dir,
				    size_t left_out, const atomic_bool *is_over,
				    struct hf_why *why);

/* Free the places of readers that were killed, so that the file stops
 * growing for them.  Done at open too; cheap. */
HF_MUST enum hf_err hf_store_check_readers(struct hf_store *store,
					   struct hf_why *why);

#endif /* HF_STORE_H */
