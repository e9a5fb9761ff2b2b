#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "clock.h"
#include "file.h"

#include "store_impl.h"

static enum hf_err path_with(char *out, const char *dir, const char *tail,
			     struct hf_why *why)
{
	int len = snprintf(out, PATH_BYTES, "%s%s", dir, tail);

	if (len < 0 || len >= PATH_BYTES)
		return hf_why(why, HF_E_LIMIT, "store: path too long: '%s'",
			      dir);
	return HF_OK;
}

/* Everything above the last slash; "." without one. */
static void parent_of(const char *dir, char out[PATH_BYTES])
{
	const char *slash = strrchr(dir, '/');
	size_t len = slash == NULL ? 0 : (size_t)(slash - dir);

	if (len == 0) {
		strcpy(out, slash == NULL ? "." : "/");
		return;
	}
	memcpy(out, dir, len);
	out[len] = '\0';
}

/*
 * One store, one process: the lock lies beside the directory, so that it is
 * held before there is a directory, and the kernel drops it with the process.
 */
static enum hf_err lock_take(struct hf_store *store, struct hf_why *why)
{
	char path[PATH_BYTES], holder[24] = "";
	enum hf_err err;
	ssize_t got;
	int fd;

	err = path_with(path, store->dir, ".lock", why);
	if (err != HF_OK)
		return err;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return hf_why_errno(why, "store: open '%s'", path);
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		if (errno != EWOULDBLOCK) {
			err = hf_why_errno(why, "store: lock '%s'", path);
			close(fd);
			return err;
		}
		got = pread(fd, holder, sizeof(holder) - 1, 0);
		if (got > 0)
			holder[got] = '\0';
		holder[strcspn(holder, "\n")] = '\0';
		close(fd);
		return hf_why(why, HF_E_BUSY,
			      "store: '%s' is in use by process %s: stop that "
			      "one first, or give this one its own directory",
			      store->dir, holder[0] != '\0' ? holder : "?");
	}
	/* Only for that sentence: whether it can be written does not matter. */
	if (ftruncate(fd, 0) == 0)
		dprintf(fd, "%ld\n", (long)getpid());
	store->lock_fd = fd;
	return HF_OK;
}

/* A directory with nothing in it, or none. */
static bool is_vacant(const char *dir)
{
	struct dirent *entry;
	bool is_empty = true;
	DIR *open_dir;

	open_dir = opendir(dir);
	if (open_dir == NULL)
		return errno == ENOENT;
	while ((entry = readdir(open_dir)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0)
			is_empty = false;
	closedir(open_dir);
	return is_empty;
}

/* What a crash during make() left. */
void hf_store_remains_remove(const char *dir)
{
	char path[PATH_BYTES];

	if (path_with(path, dir, "/data.mdb", NULL) == HF_OK)
		unlink(path);
	if (path_with(path, dir, "/lock.mdb", NULL) == HF_OK)
		unlink(path);
	rmdir(dir);
}

static enum hf_err make(struct hf_store *store, struct hf_why *why)
{
	char fresh[PATH_BYTES], parent[PATH_BYTES];
	enum hf_err err;

	if (!is_vacant(store->dir))
		return hf_why(why, HF_E_CORRUPT,
			      "store: '%s' is not empty and has no data.mdb: "
			      "not a store",
			      store->dir);
	err = path_with(fresh, store->dir, ".new", why);
	if (err != HF_OK)
		return err;
	hf_store_remains_remove(fresh);
	if (mkdir(fresh, 0700) != 0)
		return hf_why_errno(why, "store: make '%s'", fresh);
	err = hf_store_env_open(store, fresh, true, why);
	if (err != HF_OK) {
		hf_store_remains_remove(fresh);
		return err;
	}
	hf_store_env_close(store);
	err = hf_file_sync_dir(fresh, why);
	if (err != HF_OK)
		return err;
	if (rename(fresh, store->dir) != 0)
		return hf_why_errno(why, "store: rename '%s' to '%s'", fresh,
				    store->dir);
	parent_of(store->dir, parent);
	return hf_file_sync_dir(parent, why);
}

static enum hf_err files_open(struct hf_store *store,
			      const struct hf_store_options *options,
			      struct hf_why *why)
{
	char path[PATH_BYTES];
	struct stat data;
	enum hf_err err;

	err = path_with(path, store->dir, "/data.mdb", why);
	if (err != HF_OK)
		return err;
	if (stat(path, &data) != 0) {
		if (errno != ENOENT)
			return hf_why_errno(why, "store: open '%s'", path);
		err = make(store, why);
		if (err != HF_OK)
			return err;
	}
	err = hf_store_env_open(store, store->dir, false, why);
	if (err != HF_E_UNSUPPORTED)
		return err;
	if (options->steps_count > 0) {
		err = hf_store_migrate(store, options, why);
		return err == HF_OK ? hf_store_env_open(store, store->dir,
							false, why)
				    : err;
	}
	if (!options->replaces_others)
		return err;
	hf_store_remains_remove(store->dir);
	err = make(store, why);
	return err == HF_OK ? hf_store_env_open(store, store->dir, false, why)
			    : err;
}

static void store_free(struct hf_store *store)
{
	hf_store_env_close(store);
	if (store->lock_fd >= 0)
		close(store->lock_fd);
	pthread_mutex_destroy(&store->writing);
	pthread_mutex_destroy(&store->gate);
	pthread_cond_destroy(&store->changed);
	free(store->tables);
	free(store->format);
	free(store->dir);
	free(store);
}

static enum hf_err store_new(const struct hf_store_options *options,
			     struct hf_store **out_store, struct hf_why *why)
{
	struct hf_store *store;
	size_t len;

	store = calloc(1, sizeof(*store));
	if (store == NULL)
		return hf_why(why, HF_E_NOMEM, "store: no memory");
	store->lock_fd = -1;
	pthread_mutex_init(&store->writing, NULL);
	pthread_mutex_init(&store->gate, NULL);
	pthread_cond_init(&store->changed, NULL);
	store->map_bytes = options->map_bytes != 0 ? options->map_bytes
						   : HF_STORE_MAP_DEFAULT_BYTES;
	store->map_most_bytes = options->map_most_bytes != 0
					? options->map_most_bytes
					: SIZE_MAX;
	if (store->map_bytes > store->map_most_bytes)
		store->map_bytes = store->map_most_bytes;
	store->tables_count = options->tables_count;
	store->tables_max_count = options->tables_max_count;
	if (store->tables_max_count < store->tables_count)
		store->tables_max_count = store->tables_count;
	store->dir = strdup(options->dir);
	store->format = strdup(options->format);
	store->tables = calloc(store->tables_max_count, sizeof(struct table));
	if (store->dir == NULL || store->format == NULL ||
	    store->tables == NULL) {
		store_free(store);
		return hf_why(why, HF_E_NOMEM, "store: no memory");
	}
	/* The lock and the temporary directory are named after it. */
	for (len = strlen(store->dir); len > 1 && store->dir[len - 1] == '/';)
		store->dir[--len] = '\0';
	for (size_t i = 0; i < options->tables_count; i++)
		snprintf(store->tables[i].name, TABLE_NAME_BYTES, "%s",
			 options->tables[i]);
	*out_store = store;
	return HF_OK;
}

enum hf_err hf_store_open(const struct hf_store_options *options,
			  struct hf_store **out_store, struct hf_why *why)
{
	char parent[PATH_BYTES], copy[PATH_BYTES];
	struct hf_store *store;
	enum hf_err err;

	if (strlen(options->dir) >= PATH_BYTES - 16)
		return hf_why(why, HF_E_LIMIT, "store: path too long");
	err = store_new(options, &store, why);
	if (err != HF_OK)
		return err;
	parent_of(store->dir, parent);
	err = hf_file_mkdirs(parent, 0700, why);
	if (err == HF_OK)
		err = lock_take(store, why);
	if (err == HF_OK)
		err = path_with(copy, store->dir, COPY_SUFFIX, why);
	/* A copy that a crash left is of no use to anybody. */
	if (err == HF_OK)
		hf_store_remains_remove(copy);
	if (err == HF_OK)
		err = files_open(store, options, why);
	if (err != HF_OK) {
		store_free(store);
		return err;
	}
	*out_store = store;
	return HF_OK;
}

enum hf_err hf_store_copy_make(struct hf_store *store, const char *dir,
			       struct hf_store **out_copy, struct hf_why *why)
{
	const struct hf_store_options options = {
		.dir = dir,
		.format = store->format,
		.tables_max_count = store->tables_max_count,
		.map_bytes = store->map_bytes,
		.map_most_bytes = store->map_most_bytes,
	};
	struct hf_store *copy;
	enum hf_err err;

	if (strlen(dir) >= PATH_BYTES - 16)
		return hf_why(why, HF_E_LIMIT, "store: path too long");
	err = store_new(&options, &copy, why);
	if (err != HF_OK)
		return err;
	copy->tables_count = store->tables_count;
	for (size_t i = 0; i < copy->tables_count; i++)
		memcpy(copy->tables[i].name, store->tables[i].name,
		       TABLE_NAME_BYTES);
	if (mkdir(dir, 0700) != 0) {
		err = hf_why_errno(why, "store: make '%s'", dir);
		hf_store_copy_drop(copy, true);
		return err;
	}
	err = hf_store_env_open(copy, dir, true, why);
	if (err != HF_OK) {
		hf_store_copy_drop(copy, false);
		return err;
	}
	*out_copy = copy;
	return HF_OK;
}

void hf_store_copy_drop(struct hf_store *copy, bool is_kept)
{
	if (copy == NULL)
		return;
	hf_store_env_close(copy);
	if (!is_kept)
		hf_store_remains_remove(copy->dir);
	store_free(copy);
}

static enum hf_err delete_dir(const char *path, struct hf_why *why)
{
	DIR *dir = opendir(path);
	struct dirent *file;
	enum hf_err err = HF_OK;

	if (dir == NULL)
		return errno == ENOENT ? HF_OK
				       : hf_why_errno(why, "open '%s'", path);
	while (err == HF_OK && (file = readdir(dir)) != NULL) {
		if (strcmp(file->d_name, ".") != 0 &&
		    strcmp(file->d_name, "..") != 0 &&
		    unlinkat(dirfd(dir), file->d_name, 0) != 0)
			err = hf_why_errno(why, "remove '%s/%s'", path,
					   file->d_name);
	}
	closedir(dir);
	if (err == HF_OK && rmdir(path) != 0)
		err = hf_why_errno(why, "remove '%s'", path);
	return err;
}

enum hf_err hf_store_delete(const char *dir, struct hf_why *why)
{
	char copy[PATH_BYTES];
	enum hf_err err = path_with(copy, dir, COPY_SUFFIX, why);

	if (err == HF_OK)
		err = delete_dir(copy, why);
	return err == HF_OK ? delete_dir(dir, why) : err;
}

void hf_store_close(struct hf_store *store)
{
	if (store != NULL)
		store_free(store);
}

enum hf_err hf_store_stats(struct hf_store *store,
			   struct hf_store_stats *out_stats, struct hf_why *why)
{
	struct hf_store_stats stats = { 0 };
	const struct hf_store_txn *view;
	char path[PATH_BYTES];
	struct statvfs fs;
	struct stat data;
	enum hf_err err;

	err = path_with(path, store->dir, "/data.mdb", why);
	if (err != HF_OK)
		return err;
	if (stat(path, &data) != 0 || statvfs(store->dir, &fs) != 0)
		return hf_why_errno(why, "store: look at '%s'", path);
	stats.file_bytes = (uint64_t)data.st_size;
	stats.disk_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
	pthread_mutex_lock(&store->gate);
	stats.map_bytes = store->map_bytes;
	stats.views_count = (uint32_t)store->views_count;
	for (view = store->views_open; view != NULL; view = view->next)
		stats.view_oldest_us = hf_clock_mono_us() - view->begun_us;
	pthread_mutex_unlock(&store->gate);
	*out_stats = stats;
	return HF_OK;
}

enum hf_err hf_store_check_readers(struct hf_store *store, struct hf_why *why)
{
	int dead = 0, rc;

	/* The gate keeps the environment from being replaced meanwhile. */
	pthread_mutex_lock(&store->gate);
	rc = store->env != NULL ? mdb_reader_check(store->env, &dead) : 0;
	pthread_mutex_unlock(&store->gate);
	return rc == 0 ? HF_OK
		       : hf_store_fail(store, rc, "check the readers of", why);
}
