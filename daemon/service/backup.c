#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"
#include "disk_use.h"
#include "file.h"
#include "ledger.h"
#include "ledger_view.h"
#include "ring.h"

#include "backup.h"
#include "node.h"

/* What is written until it is whole. */
#define PARTIAL ".partial"

/* No file beside the ledger is larger. */
#define FILE_MAX_BYTES ((size_t)64 << 20)

/* Kept free beside what the copy takes. */
#define SPARE_BYTES ((uint64_t)16 << 20)

#define DEPTH_MAX 4

/* Directories beside the ledger.  A retraction that is under way is in the
 * ledger or among the intents, whichever is copied first: so the intents are.
 * The ring comes after the ledger: a set that it names and the ledger lacks
 * can be fetched back, one without an agreement is nobody's. */
static const char *const before[] = { "intents" };
static const char *const after[] = { "ring", "ended", "evidence", "receipts",
				     "names" };

static enum hf_err copy_file(const char *from, const char *to,
			     struct hf_why *why)
{
	struct hf_buf bytes;
	enum hf_err err;

	hf_buf_init(&bytes, FILE_MAX_BYTES);
	err = hf_file_read(from, &bytes, why);
	if (err == HF_OK)
		err = hf_file_create(to, hf_buf_span(&bytes), 0600, why);
	hf_buf_release(&bytes);
	return err;
}

static enum hf_err copy_dir(const char *from, const char *to, unsigned depth,
			    struct hf_why *why);

/* One that went meanwhile is not missed, nor what is only being written. */
static enum hf_err copy_entry(const char *from_dir, const char *to_dir,
			      const char *name, unsigned depth,
			      struct hf_why *why)
{
	char from[PATH_MAX], to[PATH_MAX];
	const char *dot = strrchr(name, '.');
	struct stat found;
	enum hf_err err;

	if (name[0] == '.' || (dot != NULL && strcmp(dot, ".new") == 0))
		return HF_OK;
	err = hf_file_join(from, sizeof(from), from_dir, name, why);
	if (err == HF_OK)
		err = hf_file_join(to, sizeof(to), to_dir, name, why);
	if (err != HF_OK)
		return err;
	if (lstat(from, &found) != 0)
		return errno == ENOENT
			       ? HF_OK
			       : hf_why_errno(why, "look at '%s'", from);
	if (S_ISDIR(found.st_mode) && depth < DEPTH_MAX)
		return copy_dir(from, to, depth + 1, why);
	if (!S_ISREG(found.st_mode))
		return HF_OK;
	err = copy_file(from, to, why);
	return err == HF_E_NOTFOUND ? HF_OK : err;
}

static enum hf_err copy_dir(const char *from, const char *to, unsigned depth,
			    struct hf_why *why)
{
	DIR *dir = opendir(from);
	struct dirent *entry;
	enum hf_err err = HF_OK;

	if (dir == NULL)
		return errno == ENOENT ? HF_OK
				       : hf_why_errno(why, "open '%s'", from);
	if (mkdir(to, 0700) != 0)
		err = hf_why_errno(why, "make '%s'", to);
	while (err == HF_OK && (entry = readdir(dir)) != NULL)
		err = copy_entry(from, to, entry->d_name, depth, why);
	closedir(dir);
	return err == HF_OK ? hf_file_sync_dir(to, why) : err;
}

static enum hf_err copy_dirs(const struct hf_node *node, const char *to_dir,
			     const char *const *names, size_t count,
			     struct hf_why *why)
{
	char from[PATH_MAX], to[PATH_MAX];
	enum hf_err err = HF_OK;

	for (size_t i = 0; i < count && err == HF_OK; i++) {
		err = hf_file_join(from, sizeof(from), node->conf->state_dir,
				   names[i], why);
		if (err == HF_OK)
			err = hf_file_join(to, sizeof(to), to_dir, names[i],
					   why);
		if (err == HF_OK)
			err = copy_dir(from, to, 0, why);
	}
	return err;
}

static int remove_one(const char *path, const struct stat *found, int kind,
		      struct FTW *at)
{
	(void)found, (void)kind, (void)at;
	return remove(path);
}

static void remove_tree(const char *dir)
{
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* The directory above, which is to be there; room in it for a copy. */
static enum hf_err check_room(const struct hf_node *node, const char *dir,
			      struct hf_why *why)
{
	struct hf_ledger_stats stats;
	char parent[PATH_MAX];
	struct statvfs fs;
	uint64_t room;
	enum hf_err err = hf_ledger_stats(node->ledger, &stats, why);

	if (err != HF_OK)
		return err;
	snprintf(parent, sizeof(parent), "%s", dir);
	*(strrchr(parent, '/') + 1) = '\0';
	if (statvfs(parent, &fs) != 0)
		return hf_why_errno(why, "look at '%s'", parent);
	room = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (room < stats.file_bytes + SPARE_BYTES)
		return hf_why(
			why, HF_E_FULL,
			"no room for a backup in '%s': it needs %llu "
			"MiB, %llu are free",
			parent,
			(unsigned long long)(stats.file_bytes + SPARE_BYTES) >>
				20,
			(unsigned long long)room >> 20);
	return HF_OK;
}

static enum hf_err check_place(const struct hf_node *node, const char *dir,
			       struct hf_why *why)
{
	size_t len = strlen(node->conf->state_dir);
	struct stat found;

	if (dir[0] != '/' || strlen(dir) < 2 || dir[strlen(dir) - 1] == '/' ||
	    strstr(dir, "/../") != NULL ||
	    strlen(dir) + sizeof(PARTIAL) + NAME_MAX > PATH_MAX)
		return hf_why(why, HF_E_ARGUMENT,
			      "'%.200s' is no absolute path of a directory to "
			      "be made",
			      dir);
	if (strncmp(dir, node->conf->state_dir, len) == 0 &&
	    (dir[len] == '/' || dir[len] == '\0'))
		return hf_why(why, HF_E_ARGUMENT,
			      "'%.200s' lies in what is to be copied: give a "
			      "directory elsewhere, best on another disk",
			      dir);
	if (lstat(dir, &found) == 0)
		return hf_why(why, HF_E_EXISTS,
			      "'%.200s' is there: give a name that is not, "
			      "nothing is written over",
			      dir);
	return check_room(node, dir, why);
}

/* What it is, for whoever finds it; the sets by what they held. */
static enum hf_err write_about(struct hf_node *node, const char *dir,
			       struct hf_backup *backup, struct hf_why *why)
{
	struct hf_ring *ring = hf_ring_holder_get(node->ring);
	struct hf_ledger_info info = { .set = 0 };
	struct hf_ledger_view *view;
	char path[PATH_MAX];
	struct hf_buf text;
	enum hf_err err;

	hf_buf_init(&text, FILE_MAX_BYTES);
	hf_buf_printf(&text,
		      "hashfed backup 1\norganisation %s\nmade_ms %llu\n"
		      "version %s\n",
		      hf_ring_self(ring)->name,
		      (unsigned long long)hf_clock_wall_ms(), HF_VERSION);
	hf_ring_release(ring);
	err = hf_ledger_view_begin(node->ledger, &view, why);
	if (err == HF_OK) {
		while (hf_ledger_next(view, info.set, &info, NULL) == HF_OK) {
			hf_buf_printf(&text, "set %s at_most %llu\n",
				      info.origin,
				      (unsigned long long)info.size);
			backup->sets++;
			backup->entries += info.size;
		}
		hf_ledger_view_end(view);
		err = hf_buf_failed(&text);
	}
	if (err == HF_OK)
		err = hf_file_join(path, sizeof(path), dir, "about.txt", why);
	if (err == HF_OK)
		err = hf_file_create(path, hf_buf_span(&text), 0600, why);
	hf_buf_release(&text);
	return err;
}

static enum hf_err fill(struct hf_node *node, const char *dir,
			struct hf_backup *backup, struct hf_why *why)
{
	char ledger[PATH_MAX];
	enum hf_err err =
		hf_file_join(ledger, sizeof(ledger), dir, "ledger", why);

	if (err == HF_OK)
		err = copy_dirs(node, dir, before,
				sizeof(before) / sizeof(before[0]), why);
	if (err == HF_OK)
		err = hf_ledger_backup(node->ledger, ledger, &node->is_ending,
				       why);
	if (err == HF_OK)
		err = copy_dirs(node, dir, after,
				sizeof(after) / sizeof(after[0]), why);
	if (err == HF_OK)
		err = write_about(node, dir, backup, why);
	if (err == HF_OK)
		err = hf_file_sync_dir(dir, why);
	return err;
}

static enum hf_err sync_above(const char *dir, struct hf_why *why)
{
	char parent[PATH_MAX];

	snprintf(parent, sizeof(parent), "%s", dir);
	*(strrchr(parent, '/') + 1) = '\0';
	return hf_file_sync_dir(parent, why);
}

enum hf_err hf_backup_make(struct hf_node *node, const char *dir,
			   struct hf_backup *out_backup, struct hf_why *why)
{
	struct hf_backup backup = { 0 };
	char partial[PATH_MAX];
	enum hf_err err = check_place(node, dir, why);

	if (err != HF_OK)
		return err;
	snprintf(partial, sizeof(partial), "%s" PARTIAL, dir);
	if (mkdir(partial, 0700) != 0)
		return errno == EEXIST
			       ? hf_why(why, HF_E_EXISTS,
					"'%.200s' is there: a backup is being "
					"made, or was interrupted; then remove "
					"it",
					partial)
			       : hf_why_errno(why, "make '%s'", partial);
	err = fill(node, partial, &backup, why);
	if (err == HF_OK)
		err = hf_disk_use(partial, NULL, NULL, &backup.bytes, why);
	/* Whole and durable: now it gets its name, if nobody took that. */
	if (err == HF_OK &&
	    renameat2(AT_FDCWD, partial, AT_FDCWD, dir, RENAME_NOREPLACE) != 0)
		err = hf_why_errno(why, "rename '%s' to '%s'", partial, dir);
	if (err != HF_OK) {
		remove_tree(partial);
		return err;
	}
	err = sync_above(dir, why);
	if (err == HF_OK)
		*out_backup = backup;
	return err;
}
