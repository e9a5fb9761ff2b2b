#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"

#include "change.h"
#include "ringdir.h"

enum hf_err hf_ring_change_begin(const char *dir, struct hf_ring_change *out,
				 struct hf_why *why)
{
	struct hf_ring_change change = { .dir = dir };
	enum hf_err err;

	change.fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (change.fd < 0)
		return hf_why_errno(why, "ring: open '%s'", dir);
	while (flock(change.fd, LOCK_EX) != 0) {
		if (errno == EINTR)
			continue;
		err = hf_why_errno(why, "ring: lock '%s'", dir);
		goto out_close;
	}
	if (fstat(change.fd, &change.owner) != 0) {
		err = hf_why_errno(why, "ring: look at '%s'", dir);
		goto out_close;
	}
	err = hf_ring_load(dir, &change.ring, why);
	if (err != HF_OK)
		goto out_close;
	hf_arena_init(&change.arena, HF_RING_MEMORY_MAX_BYTES);
	*out = change;
	return HF_OK;

out_close:
	close(change.fd);
	return err;
}

void hf_ring_change_end(struct hf_ring_change *change)
{
	hf_arena_release(&change->arena);
	hf_ring_release(change->ring);
	close(change->fd);
}

/* Root writes for the daemon's user: what it makes belongs to whoever owns
 * the directory. */
static enum hf_err give_to_owner(const struct hf_ring_change *change,
				 const char *path, struct hf_why *why)
{
	if (geteuid() != 0 || change->owner.st_uid == 0)
		return HF_OK;
	if (lchown(path, change->owner.st_uid, change->owner.st_gid) != 0)
		return hf_why_errno(why, "ring: give '%s' to its owner", path);
	return HF_OK;
}

/* Make the folder if need be, replace the file.  path: "peers/x.peer". */
enum hf_err hf_ring_put_file(const struct hf_ring_change *change,
			     const char *path, struct hf_span text,
			     struct hf_why *why)
{
	char full[HF_RING_PATH_SIZE];
	const char *slash = strchr(path, '/');
	enum hf_err err;

	if (slash != NULL) {
		snprintf(full, sizeof(full), "%s/%.*s", change->dir,
			 (int)(slash - path), path);
		if (mkdir(full, HF_RING_DIR_MODE) == 0)
			err = give_to_owner(change, full, why);
		else if (errno == EEXIST)
			err = HF_OK;
		else
			err = hf_why_errno(why, "ring: make '%s'", full);
		if (err != HF_OK)
			return err;
	}
	err = hf_file_join(full, sizeof(full), change->dir, path, why);
	if (err == HF_OK)
		err = hf_file_replace(full, text, HF_RING_FILE_MODE, why);
	if (err == HF_OK)
		err = give_to_owner(change, full, why);
	return err;
}

enum hf_err hf_ring_drop_file(const struct hf_ring_change *change,
			      const char *path, struct hf_why *why)
{
	char full[HF_RING_PATH_SIZE], folder[HF_RING_PATH_SIZE];
	const char *slash = strchr(path, '/');
	enum hf_err err;

	err = hf_file_join(full, sizeof(full), change->dir, path, why);
	if (err != HF_OK)
		return err;
	if (unlink(full) != 0 && errno != ENOENT)
		return hf_why_errno(why, "ring: remove '%s'", full);
	snprintf(folder, sizeof(folder), "%s/%.*s", change->dir,
		 slash != NULL ? (int)(slash - path) : 1,
		 slash != NULL ? path : ".");
	return hf_file_sync_dir(folder, why);
}

/* "peers/north.example.peer" */
void hf_ring_path_of(const char *folder, struct hf_span text, uint64_t version,
		     const char *suffix,
		     char out_path[static HF_RING_RELATIVE_SIZE])
{
	char name[HF_RING_NAME_SIZE];

	hf_ring_file_name(text, version, suffix, name);
	snprintf(out_path, HF_RING_RELATIVE_SIZE, "%s/%s", folder, name);
}
