#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"

#include "store_impl.h"

/*
 * LMDB leaves what is deleted in free pages of the file, and in what a page
 * does not use.  So a new file is written, key by key, from what is there.
 *
 * The copy is made in short views, while others write; what they change
 * meanwhile is noted by its key, and copied again.  When little is left the
 * writer is kept out, the rest is copied, and the new file takes the old one's
 * name.  mdb_env_copy2() was not used: it holds one view for as long as it
 * takes, for which the file grows and a map that has to grow waits, and it
 * takes over whole pages.
 */

/* Keys copied in one transaction, and bytes from which on it ends earlier: a
 * few milliseconds of one view. */
#define STEP_KEYS  4096
#define STEP_BYTES ((size_t)4 << 20)

/* Rounds after which the writer waits, however much it has changed. */
#define ROUNDS_MAX 8

/* Changes so few that the writer may wait for them, and so many that the copy
 * is given up: it can be made when less is written. */
#define CHANGES_FEW_BYTES  ((size_t)64 << 10)
#define CHANGES_MOST_BYTES ((size_t)256 << 20)

/* One noted change: which table, how long the key is, and whether everything
 * behind it was appended too; the key follows. */
struct change {
	uint32_t table;
	uint16_t key_len_bytes;
	bool is_from;
};

struct changes {
	uint8_t *bytes; /* owned: a struct change and its key, and so on */
	size_t len_bytes;
	size_t size_bytes;
	bool has_failed;
	size_t tables_count;
	bool is_from[]; /* by table: what is appended is noted already */
};

static struct changes *changes_new(const struct hf_store *store)
{
	struct changes *changes = calloc(
		1, sizeof(*changes) + store->tables_max_count * sizeof(bool));

	if (changes != NULL)
		changes->tables_count = store->tables_max_count;
	return changes;
}

static void changes_free(struct changes *changes)
{
	if (changes == NULL)
		return;
	free(changes->bytes);
	free(changes);
}

static bool changes_reserve(struct changes *changes, size_t more)
{
	size_t size = changes->size_bytes;
	uint8_t *bytes;

	if (changes->len_bytes + more <= size)
		return true;
	size = size * 2 + 4096;
	bytes = size <= CHANGES_MOST_BYTES ? realloc(changes->bytes, size)
					   : NULL;
	if (bytes == NULL)
		return false;
	changes->bytes = bytes;
	changes->size_bytes = size;
	return true;
}

void hf_store_note_change(struct hf_store *store, size_t table,
			  struct hf_span key, bool is_append)
{
	struct changes *changes = store->changes;
	struct change change = { .table = (uint32_t)table,
				 .key_len_bytes = (uint16_t)key.len_bytes,
				 .is_from = is_append };

	if (changes == NULL || changes->has_failed)
		return;
	if (is_append && changes->is_from[table])
		return;
	if (!changes_reserve(changes, sizeof(change) + key.len_bytes)) {
		changes->has_failed = true;
		return;
	}
	if (is_append)
		changes->is_from[table] = true;
	memcpy(changes->bytes + changes->len_bytes, &change, sizeof(change));
	changes->len_bytes += sizeof(change);
	memcpy(changes->bytes + changes->len_bytes, key.at, key.len_bytes);
	changes->len_bytes += key.len_bytes;
}

void hf_store_note_abort(struct hf_store *store)
{
	/* What it appended may come again at a lower key. */
	if (store->changes != NULL)
		memset(store->changes->is_from, 0,
		       store->changes->tables_count * sizeof(bool));
}

/* --- copying -----------------------------------------------------------------
 */

struct copying {
	struct hf_store *from;
	struct hf_store *to;        /* owned; in a directory beside it */
	const atomic_bool *is_over; /* may be NULL */
	bool is_first;              /* the tables are empty: append */
	bool is_backup;             /* the copy is kept, and nothing swapped */
	size_t left_out;            /* a table that stays empty */

	/* One step. */
	size_t table;
	uint8_t key[HF_STORE_KEY_MAX_BYTES]; /* go on behind this one */
	size_t key_len_bytes;
	bool is_behind; /* or from it on */
	bool is_done;
	const struct changes *changes;
	size_t at; /* of changes */
};

static enum hf_err put_copy(struct copying *copying, struct hf_store_txn *to,
			    size_t table, struct hf_span key,
			    struct hf_span value, struct hf_why *why)
{
	uint8_t *room;
	enum hf_err err;

	if (!copying->is_first)
		return hf_store_put(to, table, key, value, why);
	err = hf_store_append(to, table, key, value.len_bytes, &room, why);
	if (err == HF_OK && value.len_bytes > 0)
		memcpy(room, value.at, value.len_bytes);
	return err;
}

/* The next keys of a table, as they are now. */
static enum hf_err step_range(struct copying *copying,
			      struct hf_store_txn *view,
			      struct hf_store_txn *to, struct hf_why *why)
{
	struct hf_span start = hf_span(copying->key, copying->key_len_bytes);
	struct hf_store_cursor *cursor;
	struct hf_span key, value;
	size_t bytes = 0, keys = 0;
	enum hf_err err;

	err = hf_store_cursor_open(view, copying->table, &cursor, why);
	if (err != HF_OK)
		return err;
	err = hf_store_cursor_seek(cursor, start, &key, &value, why);
	if (err == HF_OK && copying->is_behind && hf_span_equal(key, start))
		err = hf_store_cursor_next(cursor, &key, &value, why);
	while (err == HF_OK) {
		err = put_copy(copying, to, copying->table, key, value, why);
		if (err != HF_OK)
			break;
		bytes += key.len_bytes + value.len_bytes;
		if (++keys == STEP_KEYS || bytes >= STEP_BYTES)
			break;
		err = hf_store_cursor_next(cursor, &key, &value, why);
	}
	copying->is_done = err == HF_E_NOTFOUND;
	if (err == HF_OK) {
		memcpy(copying->key, key.at, key.len_bytes);
		copying->key_len_bytes = key.len_bytes;
		copying->is_behind = true;
	}
	hf_store_cursor_close(cursor);
	return copying->is_done ? HF_OK : err;
}

static enum hf_err copy_key(struct copying *copying, struct hf_store_txn *view,
			    struct hf_store_txn *to, size_t table,
			    struct hf_span key, struct hf_why *why)
{
	struct hf_span value;
	enum hf_err err = hf_store_get(view, table, key, &value, why);

	if (err == HF_OK)
		return hf_store_put(to, table, key, value, why);
	if (err != HF_E_NOTFOUND)
		return err;
	err = hf_store_del(to, table, key, why);
	return err == HF_E_NOTFOUND ? HF_OK : err;
}

/* The next of the changes that name one key each. */
static enum hf_err step_changes(struct copying *copying,
				struct hf_store_txn *view,
				struct hf_store_txn *to, struct hf_why *why)
{
	const struct changes *changes = copying->changes;
	enum hf_err err = HF_OK;
	size_t at = copying->at;

	for (size_t i = 0; i < STEP_KEYS && at < changes->len_bytes; i++) {
		struct change change;

		memcpy(&change, changes->bytes + at, sizeof(change));
		at += sizeof(change);
		/* A table that was not kept after all is not there. */
		if (!change.is_from && change.table != copying->left_out &&
		    change.table < copying->to->tables_count)
			err = copy_key(copying, view, to, change.table,
				       hf_span(changes->bytes + at,
					       change.key_len_bytes),
				       why);
		if (err != HF_OK)
			return err;
		at += change.key_len_bytes;
	}
	copying->is_done = at == changes->len_bytes;
	copying->at = at;
	return HF_OK;
}

/* In the copy's transaction; may be done twice, so what is known of the step
 * goes back when it fails. */
static enum hf_err step(void *arg, struct hf_store_txn *to, struct hf_why *why)
{
	struct copying *copying = arg;
	struct hf_store_txn *view;
	enum hf_err err = hf_store_view_begin(copying->from, &view, why);

	if (err != HF_OK)
		return err;
	err = copying->changes != NULL ? step_changes(copying, view, to, why)
				       : step_range(copying, view, to, why);
	hf_store_view_end(view);
	return err;
}

static enum hf_err run_steps(struct copying *copying, struct hf_why *why)
{
	enum hf_err err = HF_OK;

	copying->is_done = false;
	while (err == HF_OK && !copying->is_done) {
		struct copying before = *copying;

		if (copying->is_over != NULL && atomic_load(copying->is_over))
			return hf_why(why, HF_E_CANCELLED,
				      "store: stopped while it was copied");
		do {
			*copying = before;
			err = hf_store_write_once(copying->to, step, copying,
						  why);
		} while (err == HF_E_FULL &&
			 hf_store_should_repeat(copying->to));
	}
	return err;
}

static enum hf_err copy_range(struct copying *copying, size_t table,
			      struct hf_span from, struct hf_why *why)
{
	if (table == copying->left_out)
		return HF_OK;
	copying->changes = NULL;
	copying->table = table;
	copying->is_behind = false;
	copying->key_len_bytes = from.len_bytes;
	if (from.len_bytes > 0)
		memcpy(copying->key, from.at, from.len_bytes);
	return run_steps(copying, why);
}

/* --- what changed meanwhile ------------------------------------------------
 */

static enum hf_err make_tables(void *arg, struct hf_store_txn *to,
			       struct hf_why *why)
{
	struct copying *copying = arg;
	enum hf_err err = HF_OK;

	/* In their order, so that their numbers are the same. */
	for (size_t i = copying->to->tables_count;
	     i < copying->table && err == HF_OK; i++) {
		size_t number;

		err = hf_store_table(to, copying->from->tables[i].name, &number,
				     why);
	}
	return err;
}

static enum hf_err replay(struct copying *copying,
			  const struct changes *changes, size_t tables_count,
			  struct hf_why *why)
{
	enum hf_err err = HF_OK;

	copying->table = tables_count;
	if (copying->to->tables_count < tables_count)
		err = hf_store_write(copying->to, make_tables, copying, why);
	copying->changes = changes;
	copying->at = 0;
	if (err == HF_OK && changes->len_bytes > 0)
		err = run_steps(copying, why);
	for (size_t at = 0; at < changes->len_bytes && err == HF_OK;) {
		struct change change;
		struct hf_span key;

		memcpy(&change, changes->bytes + at, sizeof(change));
		key = hf_span(changes->bytes + at + sizeof(change),
			      change.key_len_bytes);
		at += sizeof(change) + change.key_len_bytes;
		if (change.is_from && change.table < tables_count)
			err = copy_range(copying, change.table, key, why);
	}
	return err;
}

/* With `writing` held: the changes so far, others being noted from here. */
static enum hf_err take_changes(struct hf_store *store, struct changes *next,
				struct changes **out_taken, struct hf_why *why)
{
	*out_taken = store->changes;
	store->changes = next;
	if (*out_taken != NULL && (*out_taken)->has_failed)
		return hf_why(why, HF_E_BUSY,
			      "store: more is written than can be copied");
	return HF_OK;
}

/* One round: true in *out_is_few when the next may be the last. */
static enum hf_err catch_up(struct copying *copying, bool *out_is_few,
			    struct hf_why *why)
{
	struct hf_store *store = copying->from;
	struct changes *next = changes_new(store), *taken;
	size_t tables_count;
	enum hf_err err;

	if (next == NULL)
		return hf_why(why, HF_E_NOMEM, "store: no memory");
	pthread_mutex_lock(&store->writing);
	err = take_changes(store, next, &taken, why);
	tables_count = store->tables_count;
	pthread_mutex_unlock(&store->writing);
	if (err == HF_OK)
		err = replay(copying, taken, tables_count, why);
	*out_is_few = taken->len_bytes < CHANGES_FEW_BYTES;
	changes_free(taken);
	return err;
}

/* --- the swap ----------------------------------------------------------------
 */

/* With no view open. */
static enum hf_err swap_files(struct hf_store *store, struct hf_why *why)
{
	char fresh[PATH_BYTES + 32], file[PATH_BYTES + 16];
	enum hf_err err = HF_OK, reopened;

	snprintf(fresh, sizeof(fresh), "%s" COPY_SUFFIX "/data.mdb",
		 store->dir);
	snprintf(file, sizeof(file), "%s/data.mdb", store->dir);
	hf_store_env_close(store);
	if (rename(fresh, file) != 0)
		err = hf_why_errno(why, "store: rename '%s' to '%s'", fresh,
				   file);
	else
		err = hf_file_sync_dir(store->dir, why);
	/* Whichever file it is now. */
	reopened = hf_store_env_open(store, store->dir, false,
				     err == HF_OK ? why : NULL);
	return err == HF_OK ? reopened : err;
}

/* The copy is whole: every commit of it was synced. */
static enum hf_err settle(struct copying *copying, struct hf_why *why)
{
	char lock[PATH_BYTES + 16];

	hf_store_env_close(copying->to);
	if (!copying->is_backup)
		return hf_store_shut_while(copying->from, swap_files, why);
	snprintf(lock, sizeof(lock), "%s/lock.mdb", copying->to->dir);
	unlink(lock);
	return hf_file_sync_dir(copying->to->dir, why);
}

/* The last changes, with the writer kept out; and the new file in the place of
 * the old one. */
static enum hf_err finish(struct copying *copying, struct hf_why *why)
{
	struct hf_store *store = copying->from;
	struct changes *taken;
	enum hf_err err;

	pthread_mutex_lock(&store->writing);
	err = take_changes(store, NULL, &taken, why);
	/* A commit failed, and what is in memory may not be what is on disk. */
	if (err == HF_OK && store->env == NULL)
		err = hf_why(why, HF_E_SYSTEM, "store: '%s' is not open",
			     store->dir);
	if (err == HF_OK)
		err = replay(copying, taken, store->tables_count, why);
	if (err == HF_OK)
		err = settle(copying, why);
	pthread_mutex_unlock(&store->writing);
	changes_free(taken);
	return err;
}

static enum hf_err copy_all(struct copying *copying, struct hf_why *why)
{
	bool is_few = false;
	enum hf_err err = HF_OK;

	copying->is_first = true;
	for (size_t i = 0; i < copying->to->tables_count && err == HF_OK; i++)
		err = copy_range(copying, i, hf_span(NULL, 0), why);
	copying->is_first = false;
	for (unsigned i = 0; i < ROUNDS_MAX && !is_few && err == HF_OK; i++)
		err = catch_up(copying, &is_few, why);
	return err == HF_OK ? finish(copying, why) : err;
}

/* Into a fresh directory of this name. */
static enum hf_err copy_store(struct copying *copying, const char *dir,
			      struct hf_why *why)
{
	struct hf_store *store = copying->from;
	struct changes *changes = changes_new(store);
	enum hf_err err;

	if (changes == NULL)
		return hf_why(why, HF_E_NOMEM, "store: no memory");
	pthread_mutex_lock(&store->writing);
	if (store->changes != NULL) {
		pthread_mutex_unlock(&store->writing);
		changes_free(changes);
		return hf_why(why, HF_E_BUSY, "store: it is being copied");
	}
	err = hf_store_copy_make(store, dir, &copying->to, why);
	if (err == HF_OK)
		store->changes = changes;
	else
		changes_free(changes);
	pthread_mutex_unlock(&store->writing);
	if (err != HF_OK)
		return err;
	err = copy_all(copying, why);
	pthread_mutex_lock(&store->writing);
	changes_free(store->changes);
	store->changes = NULL;
	pthread_mutex_unlock(&store->writing);
	hf_store_copy_drop(copying->to, copying->is_backup && err == HF_OK);
	return err;
}

enum hf_err hf_store_compact(struct hf_store *store, const atomic_bool *is_over,
			     struct hf_why *why)
{
	struct copying copying = { .from = store,
				   .is_over = is_over,
				   .left_out = SIZE_MAX };
	char dir[PATH_BYTES + sizeof(COPY_SUFFIX)];

	snprintf(dir, sizeof(dir), "%s" COPY_SUFFIX, store->dir);
	/* What a copy that failed left is of no use to anybody. */
	hf_store_remains_remove(dir);
	return copy_store(&copying, dir, why);
}

enum hf_err hf_store_backup(struct hf_store *store, const char *dir,
			    size_t left_out, const atomic_bool *is_over,
			    struct hf_why *why)
{
	struct copying copying = { .from = store,
				   .is_over = is_over,
				   .left_out = left_out,
				   .is_backup = true };

	return copy_store(&copying, dir, why);
}
