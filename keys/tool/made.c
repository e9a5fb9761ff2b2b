#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "file.h"

#include "made.h"

enum hf_err hf_made_note(struct hf_made *made, const char *path,
			 struct hf_why *why)
{
	if (made->count == HF_MADE_MAX || strlen(path) >= HF_TOOL_PATH_SIZE)
		return hf_why(why, HF_E_LIMIT, "too many files to make");
	strcpy(made->paths[made->count++], path);
	return HF_OK;
}

enum hf_err hf_made_dir(struct hf_made *made, const char *path, mode_t mode,
			struct hf_why *why)
{
	char part[HF_TOOL_PATH_SIZE];
	size_t len = strlen(path);
	enum hf_err err;

	if (len >= sizeof(part))
		return hf_why(why, HF_E_LIMIT, "path too long: '%s'", path);
	for (size_t i = 1; i <= len; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		/* Those above it are for all to pass through. */
		if (mkdir(part, i == len ? mode : 0755) == 0) {
			err = hf_made_note(made, part, why);
			if (err != HF_OK)
				return err;
		} else if (errno != EEXIST) {
			return hf_why_errno(why, "make directory '%s'", part);
		}
	}
	return HF_OK;
}

enum hf_err hf_made_file(struct hf_made *made, const char *path,
			 struct hf_span bytes, mode_t mode, struct hf_why *why)
{
	enum hf_err err = hf_file_create(path, bytes, mode, why);

	return err == HF_OK ? hf_made_note(made, path, why) : err;
}

static int remove_one(const char *path, const struct stat *found, int kind,
		      struct FTW *at)
{
	return remove(path);
}

void hf_made_undo(const struct hf_made *made)
{
	/* Directories come back empty: what was in them came later. */
	for (size_t i = made->count; i-- > 0;)
		nftw(made->paths[i], remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
