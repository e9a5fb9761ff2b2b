#include <errno.h>
#include <fts.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "disk_use.h"

#define BLOCK_BYTES 512 /* of st_blocks, whatever the file system's are */

/* A walk over dir, in order, adding up what is below each of its names. */
struct walk {
	enum hf_err (*each)(void *arg, const char *name, uint64_t bytes,
			    struct hf_why *why);
	void *arg;
	char name[256];
	uint64_t bytes; /* of it, so far */
	uint64_t all_bytes;
};

static enum hf_err end_name(struct walk *walk, struct hf_why *why)
{
	uint64_t bytes = walk->bytes;

	walk->bytes = 0;
	walk->all_bytes += bytes;
	return walk->name[0] != '\0' && walk->each != NULL
		       ? walk->each(walk->arg, walk->name, bytes, why)
		       : HF_OK;
}

static enum hf_err visit(struct walk *walk, const FTSENT *entry,
			 struct hf_why *why)
{
	enum hf_err err = HF_OK;

	switch (entry->fts_info) {
	case FTS_DNR:
	case FTS_ERR:
	case FTS_NS:
		/* Gone since it was listed. */
		if (entry->fts_errno == ENOENT &&
		    entry->fts_level > FTS_ROOTLEVEL)
			return HF_OK;
		errno = entry->fts_errno;
		return hf_why_errno(why, "look at '%s'", entry->fts_path);
	case FTS_DP: /* counted on the way in */
		return HF_OK;
	default:
		break;
	}
	if (entry->fts_level == FTS_ROOTLEVEL + 1) {
		err = end_name(walk, why);
		snprintf(walk->name, sizeof(walk->name), "%s", entry->fts_name);
	}
	walk->bytes += (uint64_t)entry->fts_statp->st_blocks * BLOCK_BYTES;
	return err;
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

enum hf_err hf_disk_use(const char *dir,
			enum hf_err (*each)(void *arg, const char *name,
					    uint64_t bytes, struct hf_why *why),
			void *arg, uint64_t *out_bytes, struct hf_why *why)
{
	char *const roots[] = { (char *)(uintptr_t)dir, NULL };
	struct walk walk = { .each = each, .arg = arg, .name = "." };
	FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
	enum hf_err err = HF_OK;
	const FTSENT *entry;

	if (tree == NULL)
		return hf_why_errno(why, "look at '%s'", dir);
	errno = 0;
	while (err == HF_OK && (entry = fts_read(tree)) != NULL)
		err = visit(&walk, entry, why);
	if (err == HF_OK && errno != 0)
		err = hf_why_errno(why, "look at '%s'", dir);
	if (err == HF_OK)
		err = end_name(&walk, why);
	fts_close(tree);
	if (err == HF_OK)
		*out_bytes = walk.all_bytes;
	return err;
}

enum hf_err hf_memory_use(uint64_t *out_own_bytes, uint64_t *out_mapped_bytes,
			  struct hf_why *why)
{
	static const char path[] = "/proc/self/status";
	uint64_t own_kib = 0, mapped_kib = 0;
	FILE *file = fopen(path, "r");
	char line[256];

	if (file == NULL)
		return hf_why_errno(why, "look at '%s'", path);
	while (fgets(line, sizeof(line), file) != NULL) {
		if (sscanf(line, "RssAnon: %" SCNu64, &own_kib) != 1)
			(void)sscanf(line, "RssFile: %" SCNu64, &mapped_kib);
	}
	fclose(file);
	*out_own_bytes = own_kib * 1024;
	*out_mapped_bytes = mapped_kib * 1024;
	return HF_OK;
}
