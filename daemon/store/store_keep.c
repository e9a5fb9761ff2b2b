#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"

#include "store_impl.h"

/* Between two words about how far it is. */
#define TOLD_BYTES ((size_t)1 << 20)

/* LMDB writes the copy into a pipe, from a thread of its own: so it can be
 * told how far it is, and ended. */
struct keeping {
	struct hf_store *store;
	pthread_t thread;
	int in;  /* what LMDB writes to; closed by its thread */
	int out; /* what we read from */
	int rc;  /* LMDB's answer */
};

/* Table 0 of LMDB's own: the pages that are free, a list of them, with its
 * length first, for each transaction that freed some. */
static int free_pages(MDB_txn *txn, uint64_t *out_count)
{
	MDB_cursor *cursor;
	MDB_val key, value;
	uint64_t count = 0;
	int rc = mdb_cursor_open(txn, 0, &cursor);

	if (rc != 0)
		return rc;
	while ((rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
		size_t length;

		memcpy(&length, value.mv_data, sizeof(length));
		count += length;
	}
	mdb_cursor_close(cursor);
	*out_count = count;
	return rc == MDB_NOTFOUND ? 0 : rc;
}

/* What the copy will take. */
static enum hf_err measure(struct hf_store *store, uint64_t *out_bytes,
			   struct hf_why *why)
{
	uint64_t unused = 0;
	MDB_envinfo info;
	MDB_stat stat;
	MDB_txn *txn;
	int rc = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &txn);

	if (rc == 0) {
		rc = free_pages(txn, &unused);
		mdb_txn_abort(txn);
	}
	if (rc == 0)
		rc = mdb_env_info(store->env, &info);
	if (rc == 0)
		rc = mdb_env_stat(store->env, &stat);
	if (rc != 0)
		return hf_store_fail(store, rc, "measure", why);
	*out_bytes = (info.me_last_pgno + 1 - unused) * stat.ms_psize;
	return HF_OK;
}

static void *copy_out(void *arg)
{
	struct keeping *keeping = arg;

	keeping->rc = mdb_env_copyfd2(keeping->store->env, keeping->in,
				      MDB_CP_COMPACT);
	close(keeping->in);
	return NULL;
}

static enum hf_err begin(struct keeping *keeping, struct hf_why *why)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) != 0)
		return hf_why_errno(why, "store: make a pipe");
	keeping->out = ends[0];
	keeping->in = ends[1];
	errno = pthread_create(&keeping->thread, NULL, copy_out, keeping);
	if (errno == 0)
		return HF_OK;
	close(ends[0]);
	close(ends[1]);
	return hf_why_errno(why, "store: start a thread");
}

static enum hf_err write_all(int fd, const uint8_t *at, size_t len_bytes,
			     const char *path, struct hf_why *why)
{
	while (len_bytes > 0) {
		ssize_t put = write(fd, at, len_bytes);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0 && (errno == ENOSPC || errno == EDQUOT))
			return hf_why(why, HF_E_FULL,
				      "store: write '%s': the disk is full",
				      path);
		if (put < 0)
			return hf_why_errno(why, "store: write '%s'", path);
		at += put;
		len_bytes -= (size_t)put;
	}
	return HF_OK;
}

/* All that comes out of the pipe. */
static enum hf_err take(const struct keeping *keeping, int fd, const char *path,
			const struct hf_store_options *options,
			struct hf_store_move *move, struct hf_why *why)
{
	uint8_t piece[65536];
	size_t untold = 0;
	enum hf_err err = HF_OK;

	while (err == HF_OK) {
		ssize_t got = read(keeping->out, piece, sizeof(piece));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return hf_why_errno(why, "store: copy to '%s'", path);
		if (got == 0)
			break;
		err = write_all(fd, piece, (size_t)got, path, why);
		move->done += (size_t)got;
		untold += (size_t)got;
		if (err == HF_OK && untold >= TOLD_BYTES) {
			untold = 0;
			err = options->moving != NULL
				      ? options->moving(options->moving_arg,
							move, why)
				      : HF_OK;
		}
	}
	return err;
}

static enum hf_err copy_to(struct hf_store *store, const char *path,
			   const struct hf_store_options *options,
			   struct hf_store_move *move, struct hf_why *why)
{
	struct keeping keeping = { .store = store };
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	enum hf_err err;

	if (fd < 0)
		return hf_why_errno(why, "store: create '%s'", path);
	err = begin(&keeping, why);
	if (err == HF_OK) {
		err = take(&keeping, fd, path, options, move, why);
		/* Where it is not at its end, LMDB gives up now. */
		close(keeping.out);
		pthread_join(keeping.thread, NULL);
		if (err == HF_OK && keeping.rc != 0)
			err = hf_store_fail(store, keeping.rc, "copy", why);
	}
	if (err == HF_OK && fsync(fd) != 0)
		err = hf_why_errno(why, "store: sync '%s'", path);
	close(fd);
	return err;
}

static enum hf_err replace(const char *partial, const char *dir,
			   struct hf_why *why)
{
	char above[PATH_BYTES + 80];
	enum hf_err err = hf_file_sync_dir(partial, why);

	if (err != HF_OK)
		return err;
	/* One of this name was made before this store was what it is. */
	hf_store_remains_remove(dir);
	if (rename(partial, dir) != 0)
		return hf_why_errno(why, "store: keep '%s'", dir);
	snprintf(above, sizeof(above), "%s/..", dir);
	return hf_file_sync_dir(above, why);
}

enum hf_err hf_store_keep(struct hf_store *store, const char *dir,
			  const struct hf_store_options *options,
			  struct hf_store_move *move, struct hf_why *why)
{
	char partial[PATH_BYTES + 80], path[PATH_BYTES + 96];
	uint64_t room;
	enum hf_err err;

	snprintf(partial, sizeof(partial), "%s.partial", dir);
	snprintf(path, sizeof(path), "%s/data.mdb", partial);
	hf_store_remains_remove(partial);
	err = measure(store, &move->total, why);
	room = hf_store_room(store);
	if (err == HF_OK && room < move->total)
		err = hf_why(why, HF_E_FULL,
			     "store: '%s' is kept as it is first, which takes "
			     "%llu KiB, and its disk has %llu: make room; "
			     "nothing was changed",
			     store->dir, (unsigned long long)move->total >> 10,
			     (unsigned long long)room >> 10);
	if (err == HF_OK && mkdir(partial, 0700) != 0)
		err = hf_why_errno(why, "store: make '%s'", partial);
	if (err == HF_OK)
		err = copy_to(store, path, options, move, why);
	if (err == HF_OK)
		err = replace(partial, dir, why);
	if (err != HF_OK)
		hf_store_remains_remove(partial);
	return err;
}
