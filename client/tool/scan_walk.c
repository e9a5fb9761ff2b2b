#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "scan_walk.h"

struct walk {
	const struct hf_scan_visitor *visitor;
	size_t root;
	size_t root_bytes; /* of the root in path, its slash included */
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

/* The names in a directory, sorted. */
static enum hf_err read_names(DIR *dir, char ***out_names, size_t *out_count,
			      struct hf_why *why)
{
	size_t count = 0, size = 0;
	char **names = NULL;
	struct dirent *entry;

	while ((entry = readdir(dir)) != NULL) {
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
	if (count > 0)
		qsort(names, count, sizeof(*names), by_name);
	*out_names = names;
	*out_count = count;
	return HF_OK;

out_free:
	names_free(names, count);
	return hf_why(why, HF_E_NOMEM, "no memory for a directory's names");
}

static void fail(const struct walk *walk, const char *sentence)
{
	walk->visitor->fail(walk->visitor->arg, walk->path, sentence);
}

static enum hf_err walk_dir(struct walk *walk, const char *after);

/* Whatever is at walk->path; after is the rest of the place to go on from
 * when that lies below it, else NULL. */
static enum hf_err walk_entry(struct walk *walk, const char *after)
{
	struct hf_why because;
	struct stat is;

	if (lstat(walk->path, &is) != 0) {
		(void)hf_why_errno(&because, "look at it");
		fail(walk, because.text);
		return HF_OK;
	}
	if (S_ISDIR(is.st_mode))
		return walk_dir(walk, after);
	/* The very file that was the last to be done. */
	if (!S_ISREG(is.st_mode) || after != NULL)
		return HF_OK;
	return walk->visitor->visit(walk->visitor->arg, walk->root, walk->path,
				    strlen(walk->path) > walk->root_bytes
					    ? walk->path + walk->root_bytes
					    : "",
				    walk->why);
}

/* How a name stands to the first part of a place: before it, it, behind it. */
static int compare_first(const char *name, const char *after)
{
	size_t len_bytes = strcspn(after, "/");
	int order = strncmp(name, after, len_bytes);

	if (order != 0)
		return order;
	return name[len_bytes] != '\0' ? 1 : 0;
}

static enum hf_err walk_names(struct walk *walk, char **names, size_t count,
			      const char *after)
{
	size_t end_bytes = strlen(walk->path);
	enum hf_err err = HF_OK;

	for (size_t i = 0; i < count && err == HF_OK; i++) {
		int order = after != NULL ? compare_first(names[i], after) : 1;
		const char *below = NULL;
		bool has_slash = walk->path[end_bytes - 1] == '/';

		if (order < 0)
			continue;
		if (order == 0) {
			below = after + strcspn(after, "/");
			below += *below == '/';
		}
		if (snprintf(walk->path + end_bytes,
			     sizeof(walk->path) - end_bytes, "%s%s",
			     has_slash ? "" : "/", names[i]) >=
		    (int)(sizeof(walk->path) - end_bytes)) {
			walk->path[end_bytes] = '\0';
			fail(walk, "a path in it is too long");
			continue;
		}
		err = walk_entry(walk, below);
		walk->path[end_bytes] = '\0';
	}
	return err;
}

static enum hf_err walk_dir(struct walk *walk, const char *after)
{
	struct hf_why because;
	char **names = NULL;
	size_t count = 0;
	enum hf_err err;
	DIR *dir;

	if (walk->depth == HF_SCAN_DEPTH_MAX) {
		fail(walk, "too deep");
		return HF_OK;
	}
	dir = opendir(walk->path);
	if (dir == NULL) {
		(void)hf_why_errno(&because, "open the directory");
		fail(walk, because.text);
		return HF_OK;
	}
	err = read_names(dir, &names, &count, walk->why);
	closedir(dir);
	if (err != HF_OK)
		return err;
	walk->depth++;
	err = walk_names(walk, names, count, after);
	walk->depth--;
	names_free(names, count);
	return err;
}

/* A root may be a link: it was named on purpose. */
static enum hf_err walk_root(struct walk *walk, const char *root,
			     const char *after)
{
	struct hf_why because;
	size_t len_bytes = strlen(root);
	struct stat is;

	if (len_bytes == 0 || len_bytes >= sizeof(walk->path))
		return hf_why(walk->why, HF_E_ARGUMENT,
			      "'%.60s' is not a directory's name", root);
	strcpy(walk->path, root);
	walk->root_bytes = len_bytes + (root[len_bytes - 1] != '/');
	if (stat(root, &is) != 0) {
		(void)hf_why_errno(&because, "look at it");
		fail(walk, because.text);
		return HF_OK;
	}
	if (S_ISDIR(is.st_mode))
		return walk_dir(walk, after);
	if (after != NULL)
		return HF_OK;
	return walk->visitor->visit(walk->visitor->arg, walk->root, walk->path,
				    "", walk->why);
}

enum hf_err hf_scan_walk(char *const *roots, size_t roots_count,
			 const struct hf_scan_place *after,
			 const struct hf_scan_visitor *visitor,
			 struct hf_why *why)
{
	struct walk *walk = calloc(1, sizeof(*walk));
	enum hf_err err = HF_OK;

	if (walk == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	walk->visitor = visitor;
	walk->why = why;
	for (size_t i = after != NULL ? after->root : 0;
	     i < roots_count && err == HF_OK; i++) {
		walk->root = i;
		err = walk_root(walk, roots[i],
				after != NULL && i == after->root ? after->path
								  : NULL);
	}
	free(walk);
	return err;
}
