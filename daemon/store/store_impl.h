/*
 * store_impl.h -- what the files of daemon/store share; nobody else's.
 *
 * Units    as store.h.
 * Owns     struct hf_store owns the environment, the lock and the free views.
 * Threads  `writing` is held from hf_store_write_begin() to commit or abort.
 *          `gate` guards what is listed below it.  writing comes before gate.
 * Errors   as store.h.
 * Source   lmdb.h, "caveats".
 */
#ifndef HF_STORE_IMPL_H
#define HF_STORE_IMPL_H

#include <pthread.h>

#include <lmdb.h>

#include "store.h"

#define TABLE_NAME_BYTES 32
#define FORMAT_BYTES     64
#define VIEWS_KEPT       16
#define PATH_BYTES       4096

/* Where the format is written down, in every store. */
#define STORE_ABOUT_TABLE "about"
#define STORE_ABOUT_KEY   "format"

/* Where a compacting copy is made: beside the store's directory. */
#define COPY_SUFFIX ".compact"

struct changes;

struct table {
	char name[TABLE_NAME_BYTES];
	MDB_dbi dbi;
	bool is_new; /* made by the transaction that is under way */
};

struct hf_store {
	char *dir;    /* owned */
	char *format; /* owned */
	int lock_fd;
	size_t map_most_bytes;

	pthread_mutex_t writing;
	struct changes *changes; /* under writing; NULL: nobody copies */

	pthread_mutex_t gate;
	pthread_cond_t changed;
	MDB_env *env; /* NULL while it could not be reopened */
	size_t map_bytes;
	bool is_shut;          /* no view may begin: env is being replaced */
	bool has_outgrown_map; /* grow before the next write */
	struct table *tables;  /* owned; never moves */
	size_t tables_count;
	size_t tables_max_count;
	size_t views_count;
	struct hf_store_txn *views_open; /* oldest last */
	struct hf_store_txn *views_free; /* reset, to be renewed */
	size_t views_free_count;
};

struct hf_store_txn {
	struct hf_store *store; /* borrowed */
	MDB_txn *txn;
	bool is_view;
	bool has_outgrown_map;
	uint64_t begun_us;
	struct hf_store_txn *next;
	struct hf_store_txn *prev;
};

/* Turn LMDB's answer into ours: "store: <what> '<dir>': <words>". */
enum hf_err hf_store_fail(const struct hf_store *store, int rc,
			  const char *what, struct hf_why *why);

/* Open the environment in dir with every table of the store, and check its
 * format; may_make is for a fresh one. */
HF_MUST enum hf_err hf_store_env_open(struct hf_store *store, const char *dir,
				      bool is_fresh, struct hf_why *why);

/* With the gate held and no view open: let go of env and the free views. */
void hf_store_env_close(struct hf_store *store);

/* Hold `writing`: keep new views out, wait for the open ones, call change,
 * let views in again. */
HF_MUST enum hf_err hf_store_shut_while(
	struct hf_store *store,
	enum hf_err (*change)(struct hf_store *store, struct hf_why *why),
	struct hf_why *why);

HF_MUST enum hf_err hf_store_reopen(struct hf_store *store, struct hf_why *why);

/* One transaction; the map is not grown and nothing repeated. */
HF_MUST enum hf_err
hf_store_write_once(struct hf_store *store,
		    enum hf_err (*write)(void *arg, struct hf_store_txn *txn,
					 struct hf_why *why),
		    void *arg, struct hf_why *why);

/* store.c: an empty store of the same tables in a directory that is made for
 * it; and let go of it, and of the directory unless it is kept.  NULL is fine.
 */
HF_MUST enum hf_err hf_store_copy_make(struct hf_store *store, const char *dir,
				       struct hf_store **out_copy,
				       struct hf_why *why);
void hf_store_copy_drop(struct hf_store *copy, bool is_kept);

/* store_migrate.c: make one of an older format one of ours, by the steps of
 * options.  It is not open.  UNSUPPORTED, without a sentence, when no step
 * begins there. */
HF_MUST enum hf_err hf_store_migrate(struct hf_store *store,
				     const struct hf_store_options *options,
				     struct hf_why *why);

/* store_keep.c: a copy of what is in the store, which nobody else has open, in
 * a directory of its own; one that is there is replaced once the new one is
 * whole.  move is filled in and told as it grows. */
HF_MUST enum hf_err hf_store_keep(struct hf_store *store, const char *dir,
				  const struct hf_store_options *options,
				  struct hf_store_move *move,
				  struct hf_why *why);

/* The files of a store that is of no use, and its directory. */
void hf_store_remains_remove(const char *dir);

/* store_compact.c: with `writing` held.  This key was set, deleted, or, with
 * is_append, put behind all others; and the transaction that said so did not
 * commit. */
void hf_store_note_change(struct hf_store *store, size_t table,
			  struct hf_span key, bool is_append);
void hf_store_note_abort(struct hf_store *store);

#endif /* HF_STORE_IMPL_H */
