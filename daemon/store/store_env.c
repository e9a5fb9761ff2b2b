#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <lmdb.h>

#include "clock.h"
#include "file.h"

#include "store_impl.h"

/* Views at once; each costs a cache line of the lock file. */
#define READERS_MAX 254

/* The lock file of so many; LMDB makes it longer if it needs more. */
#define LOCK_BYTES ((off_t)16384)

/* A write that fails with EIO on a file system with less room than this
 * failed because it is full: LMDB reports a short write as EIO. */
#define ROOM_BYTES ((uint64_t)4 << 20)

/* UINT64_MAX when the system does not say. */
static uint64_t room_at(const char *dir)
{
	struct statvfs fs;

	return statvfs(dir, &fs) == 0 ? (uint64_t)fs.f_bavail * fs.f_frsize
				      : UINT64_MAX;
}

uint64_t hf_store_room(const struct hf_store *store)
{
	return room_at(store->dir);
}

static bool is_disk_full(const char *dir)
{
	return room_at(dir) < ROOM_BYTES;
}

/* What LMDB says, and what we make of it. */
static const struct row {
	int rc;
	enum hf_err err;
	const char *words;
} rows[] = {
	/* clang-format off */
	{ MDB_NOTFOUND,         HF_E_NOTFOUND,    "no such key" },
	{ MDB_BAD_DBI,          HF_E_NOTFOUND,    "no such table yet" },
	{ MDB_KEYEXIST,         HF_E_CONFLICT,    "key is not above the last one" },
	{ MDB_MAP_FULL,         HF_E_FULL,        "the store has reached its largest size" },
	{ ENOSPC,               HF_E_FULL,        "the disk is full" },
	{ EDQUOT,               HF_E_FULL,        "the disk quota is used up" },
	{ ENOMEM,               HF_E_NOMEM,       "no memory" },
	{ EACCES,               HF_E_DENIED,      "permission denied" },
	{ MDB_READERS_FULL,     HF_E_BUSY,        "too many views at once" },
	{ MDB_TXN_FULL,         HF_E_LIMIT,       "too much in one transaction" },
	{ MDB_BAD_VALSIZE,      HF_E_LIMIT,       "key or value of a size that cannot be stored" },
	{ MDB_DBS_FULL,         HF_E_LIMIT,       "too many tables" },
	{ MDB_VERSION_MISMATCH, HF_E_UNSUPPORTED, "written by another version of LMDB" },
	{ MDB_INVALID,          HF_E_CORRUPT,     "not a store" },
	{ MDB_CORRUPTED,        HF_E_CORRUPT,     "damaged; restore a backup" },
	{ MDB_PAGE_NOTFOUND,    HF_E_CORRUPT,     "damaged; restore a backup" },
	/* clang-format on */
};

enum hf_err hf_store_fail(const struct hf_store *store, int rc,
			  const char *what, struct hf_why *why)
{
	if (rc == EIO && is_disk_full(store->dir))
		rc = ENOSPC;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].rc == rc)
			return hf_why(why, rows[i].err, "store: %s '%s': %s",
				      what, store->dir, rows[i].words);
	return hf_why(why, HF_E_SYSTEM, "store: %s '%s': %s", what, store->dir,
		      mdb_strerror(rc));
}

static enum hf_err format_check(struct hf_store *store, MDB_txn *txn,
				bool is_fresh, struct hf_why *why)
{
	MDB_val key = { sizeof(STORE_ABOUT_KEY) - 1, (void *)STORE_ABOUT_KEY };
	MDB_val value = { strlen(store->format), store->format };
	MDB_dbi about;
	int rc;

	rc = mdb_dbi_open(txn, STORE_ABOUT_TABLE, is_fresh ? MDB_CREATE : 0,
			  &about);
	if (rc == MDB_NOTFOUND || rc == MDB_INCOMPATIBLE)
		return hf_why(why, HF_E_CORRUPT,
			      "store: '%s' is not a store of ours: no format "
			      "is written in it",
			      store->dir);
	if (rc != 0)
		return hf_store_fail(store, rc, "open", why);
	if (is_fresh) {
		rc = mdb_put(txn, about, &key, &value, 0);
		return rc == 0 ? HF_OK : hf_store_fail(store, rc, "make", why);
	}
	rc = mdb_get(txn, about, &key, &value);
	if (rc != 0)
		return hf_store_fail(store, rc, "read the format of", why);
	if (!hf_span_is(hf_span(value.mv_data, value.mv_size), store->format))
		return hf_why(why, HF_E_UNSUPPORTED,
			      "store: '%s' has format '%.*s', this program "
			      "reads '%s': run the version that wrote it, or "
			      "restore the backup made before it ran",
			      store->dir,
			      (int)(value.mv_size < FORMAT_BYTES
					    ? value.mv_size
					    : FORMAT_BYTES),
			      (const char *)value.mv_data, store->format);
	return HF_OK;
}

static enum hf_err tables_open(struct hf_store *store, MDB_env *env,
			       bool is_fresh, struct hf_why *why)
{
	enum hf_err err;
	MDB_txn *txn;
	int rc;

	rc = mdb_txn_begin(env, NULL, 0, &txn);
	if (rc != 0)
		return hf_store_fail(store, rc, "begin in", why);
	err = format_check(store, txn, is_fresh, why);
	if (err != HF_OK)
		goto out_abort;
	for (size_t i = 0; i < store->tables_count; i++) {
		struct table *table = &store->tables[i];

		rc = mdb_dbi_open(txn, table->name, MDB_CREATE, &table->dbi);
		if (rc != 0) {
			err = hf_store_fail(store, rc, "open a table of", why);
			goto out_abort;
		}
		table->is_new = false;
	}
	/* Commit frees txn whether or not it works: past here, no abort. */
	rc = mdb_txn_commit(txn);
	return rc == 0 ? HF_OK
		       : hf_store_fail(store, rc, "commit tables of", why);

out_abort:
	mdb_txn_abort(txn);
	return err;
}

/* Readers write to LMDB's lock file through a map: on a full disk it must have
 * all its blocks, or they die of SIGBUS.  One that has them needs no room.
 * Before the environment is open: closing this descriptor lets go of every
 * lock that our process has on the file. */
static enum hf_err lock_file_fill(const struct hf_store *store, const char *dir,
				  struct hf_why *why)
{
	char path[PATH_BYTES];
	struct stat found;
	off_t bytes = LOCK_BYTES;
	enum hf_err err =
		hf_file_join(path, sizeof(path), dir, "lock.mdb", why);
	int fd, rc;

	if (err != HF_OK)
		return err;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return hf_why_errno(why, "store: open '%s'", path);
	if (fstat(fd, &found) == 0 && found.st_size > bytes)
		bytes = found.st_size;
	rc = posix_fallocate(fd, 0, bytes);
	close(fd);
	return rc == 0 ? HF_OK : hf_store_fail(store, rc, "lock", why);
}

enum hf_err hf_store_env_open(struct hf_store *store, const char *dir,
			      bool is_fresh, struct hf_why *why)
{
	MDB_envinfo info;
	enum hf_err err;
	MDB_env *env;
	int dead, rc;

	err = lock_file_fill(store, dir, why);
	if (err != HF_OK)
		return err;
	rc = mdb_env_create(&env);
	if (rc != 0)
		return hf_store_fail(store, rc, "open", why);
	rc = mdb_env_set_maxdbs(env, (MDB_dbi)store->tables_max_count + 1);
	if (rc == 0)
		rc = mdb_env_set_maxreaders(env, READERS_MAX);
	if (rc == 0)
		rc = mdb_env_set_mapsize(env, store->map_bytes);
	if (rc == 0)
		rc = mdb_env_open(env, dir, MDB_NOTLS, 0600);
	if (rc == 0)
		rc = mdb_reader_check(env, &dead);
	if (rc == 0)
		rc = mdb_env_info(env, &info);
	if (rc != 0) {
		err = hf_store_fail(store, rc, "open", why);
		goto out_close;
	}
	err = tables_open(store, env, is_fresh, why);
	if (err != HF_OK)
		goto out_close;
	/* LMDB takes a larger map when the file needs one. */
	store->map_bytes = info.me_mapsize;
	store->env = env;
	return HF_OK;

out_close:
	mdb_env_close(env);
	return err;
}

void hf_store_env_close(struct hf_store *store)
{
	struct hf_store_txn *view = store->views_free;

	while (view != NULL) {
		struct hf_store_txn *next = view->next;

		mdb_txn_abort(view->txn);
		free(view);
		view = next;
	}
	store->views_free = NULL;
	store->views_free_count = 0;
	if (store->env != NULL)
		mdb_env_close(store->env);
	store->env = NULL;
}

enum hf_err hf_store_shut_while(struct hf_store *store,
				enum hf_err (*change)(struct hf_store *store,
						      struct hf_why *why),
				struct hf_why *why)
{
	enum hf_err err;

	pthread_mutex_lock(&store->gate);
	store->is_shut = true;
	while (store->views_count > 0)
		pthread_cond_wait(&store->changed, &store->gate);
	err = change(store, why);
	store->is_shut = false;
	pthread_cond_broadcast(&store->changed);
	pthread_mutex_unlock(&store->gate);
	return err;
}

enum hf_err hf_store_reopen(struct hf_store *store, struct hf_why *why)
{
	hf_store_env_close(store);
	return hf_store_env_open(store, store->dir, false, why);
}
