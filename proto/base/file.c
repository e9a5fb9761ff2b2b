#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"

#define READ_BYTES ((size_t)64 * 1024)

enum hf_err hf_file_read(const char *path, struct hf_buf *buf,
			 struct hf_why *why)
{
	enum hf_err err = HF_OK;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return hf_why_errno(why, "open '%s'", path);
	for (;;) {
		size_t before = buf->len_bytes;
		size_t want = buf->ceiling_bytes - before;
		uint8_t *at;
		ssize_t got;

		/* One byte past the ceiling tells a full file from a larger. */
		if (want == 0) {
			uint8_t extra;

			if (read(fd, &extra, 1) > 0)
				err = hf_why(why, HF_E_LIMIT,
					     "'%s' is larger than %zu bytes",
					     path, buf->ceiling_bytes);
			break;
		}
		at = hf_buf_grow(buf, want < READ_BYTES ? want : READ_BYTES);
		if (at == NULL) {
			err = hf_why(why, HF_E_NOMEM, "read '%s': no memory",
				     path);
			break;
		}
		got = read(fd, at, buf->len_bytes - before);
		buf->len_bytes = before + (got > 0 ? (size_t)got : 0);
		if (got < 0 && errno != EINTR) {
			err = hf_why_errno(why, "read '%s'", path);
			break;
		}
		if (got == 0)
			break;
	}
	close(fd);
	return err;
}

static enum hf_err write_all(int fd, struct hf_span bytes, const char *path,
			     struct hf_why *why)
{
	while (bytes.len_bytes > 0) {
		ssize_t put = write(fd, bytes.at, bytes.len_bytes);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return hf_why_errno(why, "write '%s'", path);
		bytes.at += put;
		bytes.len_bytes -= (size_t)put;
	}
	if (fsync(fd) != 0)
		return hf_why_errno(why, "sync '%s'", path);
	return HF_OK;
}

enum hf_err hf_file_sync_dir(const char *path, struct hf_why *why)
{
	enum hf_err err = HF_OK;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return hf_why_errno(why, "open '%s'", path);
	if (fsync(fd) != 0)
		err = hf_why_errno(why, "sync '%s'", path);
	close(fd);
	return err;
}

static enum hf_err sync_parent(const char *path, struct hf_why *why)
{
	char dir[PATH_MAX];
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		return hf_file_sync_dir(".", why);
	snprintf(dir, sizeof(dir), "%.*s",
		 slash == path ? 1 : (int)(slash - path), path);
	return hf_file_sync_dir(dir, why);
}

static enum hf_err write_new(const char *path, struct hf_span bytes, int flags,
			     mode_t mode, struct hf_why *why)
{
	enum hf_err err;
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | flags,
		      mode);

	if (fd < 0)
		return hf_why_errno(why, "create '%s'", path);
	err = write_all(fd, bytes, path, why);
	if (close(fd) != 0 && err == HF_OK)
		err = hf_why_errno(why, "close '%s'", path);
	if (err != HF_OK)
		unlink(path);
	return err;
}

enum hf_err hf_file_create(const char *path, struct hf_span bytes, mode_t mode,
			   struct hf_why *why)
{
	enum hf_err err = write_new(path, bytes, O_EXCL, mode, why);

	if (err == HF_OK)
		err = sync_parent(path, why);
	return err;
}

enum hf_err hf_file_replace(const char *path, struct hf_span bytes, mode_t mode,
			    struct hf_why *why)
{
	char temporary[PATH_MAX];
	enum hf_err err;

	err = hf_file_join(temporary, sizeof(temporary), NULL, path, why);
	if (err != HF_OK)
		return err;
	if (strlen(path) + sizeof(".new") > sizeof(temporary))
		return hf_why(why, HF_E_LIMIT, "path too long: '%s'", path);
	strcat(temporary, ".new");
	/* A leftover of a crash may have any mode: begin anew. */
	if (unlink(temporary) != 0 && errno != ENOENT)
		return hf_why_errno(why, "remove '%s'", temporary);
	err = write_new(temporary, bytes, O_EXCL, mode, why);
	if (err != HF_OK)
		return err;
	if (rename(temporary, path) != 0) {
		err = hf_why_errno(why, "rename to '%s'", path);
		unlink(temporary);
		return err;
	}
	return sync_parent(path, why);
}

enum hf_err hf_file_mkdirs(const char *path, mode_t mode, struct hf_why *why)
{
	char part[PATH_MAX];
	size_t len = strlen(path);

	if (len == 0 || len >= sizeof(part))
		return hf_why(why, HF_E_LIMIT, "path too long: '%s'", path);
	for (size_t i = 1; i <= len; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		if (mkdir(part, mode) != 0 && errno != EEXIST)
			return hf_why_errno(why, "make directory '%s'", part);
	}
	return HF_OK;
}

enum hf_err hf_file_join(char *out_path, size_t size_bytes, const char *dir,
			 const char *name, struct hf_why *why)
{
	int len = dir != NULL
			  ? snprintf(out_path, size_bytes, "%s/%s", dir, name)
			  : snprintf(out_path, size_bytes, "%s", name);

	if (len < 0 || (size_t)len >= size_bytes)
		return hf_why(why, HF_E_LIMIT, "path too long: '%s'", name);
	return HF_OK;
}
