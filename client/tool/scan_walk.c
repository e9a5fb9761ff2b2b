#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "scan_walk.h"

struct walk {
	const struct hf_scan_visitor *visitor;
	size_t root;
	char path[HF_SCAN_PATH_SIZE];
	size_t depth;
	struct hf_why *why;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void names_free(char **names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(names[i]);
	free(names);
}

static bool is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* The names in a directory, sorted.  SYSTEM when they are not all of them. */
static enum hf_err read_names(DIR *dir, char ***out_names, size_t *out_count,
			      struct hf_why *why)
{
	size_t count = 0, size = 0;
	char **names = NULL;
	struct dirent *entry;

	while (errno = 0, (entry = readdir(dir)) != NULL) {
		if (is_dots(entry->d_name))
			continue;
		if (count == size) {
			size_t larger = size * 2 + 64;
			char **more = realloc(names, larger * sizeof(*more));

			if (more == NULL)
				goto out_free;
			names = more;
			size = larger;
		}
		names[count] = strdup(entry->d_name);
		if (names[count] == NULL)
			goto out_free;
		count++;
	}
	if (errno != 0) {
		names_free(names, count);
		return hf_why_errno(why, "read the directory");
	}
	if (count > 0)
		qsort(names, count, sizeof(*names), by_name);
	*out_names = names;
	*out_count = count;
	return HF_OK;

out_free:
	names_free(names, count);
	return hf_why(why, HF_E_NOMEM, "no memory for a directory's names");
}

static enum hf_err fail(const struct walk *walk, const char *sentence)
{
	return walk->visitor->fail(walk->visitor->arg, walk->root, walk->path,
				   sentence, walk->why);
}

/* What went away since its name was read was not there. */
static enum hf_err fail_errno(const struct walk *walk, const char *what)
{
	struct hf_why because = { "" };

	if (errno == ENOENT && walk->depth > 0)
		return HF_OK;
	(void)hf_why_errno(&because, "%s", what);
	return fail(walk, because.text);
}

static enum hf_err walk_dir(struct walk *walk);

/* Whatever is at walk->path. */
static enum hf_err walk_entry(struct walk *walk)
{
	struct stat is;

	if (lstat(walk->path, &is) != 0)
		return fail_errno(walk, "look at it");
	if (S_ISDIR(is.st_mode))
		return walk_dir(walk);
	if (!S_ISREG(is.st_mode))
		return HF_OK;
	return walk->visitor->visit(walk->visitor->arg, walk->root, walk->path,
				    &is, walk->why);
}

static enum hf_err walk_names(struct walk *walk, char **names, size_t count)
{
	size_t end_bytes = strlen(walk->path);
	bool has_slash = walk->path[end_bytes - 1] == '/';
	enum hf_err err = HF_OK;

	for (size_t i = 0; i < count && err == HF_OK; i++) {
		size_t room = sizeof(walk->path) - end_bytes;

		if (snprintf(walk->path + end_bytes, room, "%s%s",
			     has_slash ? "" : "/", names[i]) >= (int)room) {
			walk->path[end_bytes] = '\0';
			err = fail(walk, "a path in it is too long");
			continue;
		}
		err = walk_entry(walk);
		walk->path[end_bytes] = '\0';
	}
	return err;
}

static enum hf_err walk_dir(struct walk *walk)
{
	struct hf_why because = { "" };
	char **names = NULL;
	size_t count = 0;
	enum hf_err err;
	DIR *dir;

	if (walk->depth == HF_SCAN_DEPTH_MAX)
		return fail(walk, "too deep");
	dir = opendir(walk->path);
	if (dir == NULL)
		return fail_errno(walk, "open the directory");
	err = read_names(dir, &names, &count, &because);
	closedir(dir);
	if (err == HF_E_NOMEM)
		return hf_why(walk->why, err, "%s", because.text);
	if (err != HF_OK)
		return fail(walk, because.text);
	walk->depth++;
	err = walk_names(walk, names, count);
	walk->depth--;
	names_free(names, count);
	return err;
}

/* A root may be a link: it was named on purpose. */
static enum hf_err walk_root(struct walk *walk, const char *root)
{
	size_t len_bytes = strlen(root);
	struct stat is;

	if (len_bytes == 0 || len_bytes >= sizeof(walk->path))
		return hf_why(walk->why, HF_E_ARGUMENT,
			      "'%.60s' is not a directory's name", root);
	strcpy(walk->path, root);
	if (stat(root, &is) != 0)
		return fail_errno(walk, "look at it");
	if (S_ISDIR(is.st_mode))
		return walk_dir(walk);
	return walk->visitor->visit(walk->visitor->arg, walk->root, walk->path,
				    &is, walk->why);
}

enum hf_err hf_scan_walk(char *const *roots, size_t roots_count,
			 const struct hf_scan_visitor *visitor,
			 struct hf_why *why)
{
	struct walk *walk = calloc(1, sizeof(*walk));
	enum hf_err err = HF_OK;

	if (walk == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	walk->visitor = visitor;
	walk->why = why;
	for (size_t i = 0; i < roots_count && err == HF_OK; i++) {
		walk->root = i;
		err = walk_root(walk, roots[i]);
		if (err == HF_OK)
			err = visitor->leave(visitor->arg, i, why);
	}
	free(walk);
	return err;
}
