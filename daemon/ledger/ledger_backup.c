#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"

#include "ledger_impl.h"

/*
 * A copy is only worth something when it can be read: it is opened as a ledger
 * of its own, by which no signer is asked, and verified.
 */

#define PATH_BYTES 4096

static enum hf_err no_last(void *arg, struct hf_span origin, uint64_t *out_size,
			   struct hf_tree_hash *out_root, struct hf_why *why)
{
	(void)arg, (void)origin, (void)out_size, (void)out_root;
	return hf_why(why, HF_E_UNAVAILABLE, "ledger: a copy is not signed");
}

static enum hf_err no_checkpoint(void *arg,
				 const struct hf_ledger_to_sign *request,
				 struct hf_buf *note, struct hf_why *why)
{
	(void)arg, (void)request, (void)note;
	return hf_why(why, HF_E_UNAVAILABLE, "ledger: a copy is not signed");
}

static enum hf_err info_of(struct hf_ledger *ledger, uint32_t set,
			   struct hf_ledger_info *out_info, struct hf_why *why)
{
	struct hf_ledger_view *view;
	enum hf_err err = hf_ledger_view_begin(ledger, &view, why);

	if (err != HF_OK)
		return err;
	err = hf_ledger_info(view, set, out_info, why);
	hf_ledger_view_end(view);
	return err;
}

/* How much each set had before; sets are numbered from 1. */
static enum hf_err sizes_get(struct hf_ledger *ledger, uint64_t **out_sizes,
			     uint32_t *out_count, struct hf_why *why)
{
	uint64_t *sizes = calloc(HF_LEDGER_SETS_MAX + 1, sizeof(*sizes));
	struct hf_ledger_info info = { .set = 0 };
	struct hf_ledger_view *view;
	enum hf_err err;

	if (sizes == NULL)
		return hf_why(why, HF_E_NOMEM, "ledger: no memory");
	err = hf_ledger_view_begin(ledger, &view, why);
	if (err != HF_OK) {
		free(sizes);
		return err;
	}
	while ((err = hf_ledger_next(view, info.set, &info, why)) == HF_OK)
		sizes[info.set] = info.size + info.unsigned_count;
	hf_ledger_view_end(view);
	if (err != HF_E_NOTFOUND) {
		free(sizes);
		return err;
	}
	*out_sizes = sizes;
	*out_count = info.set;
	return HF_OK;
}

static enum hf_err copy_verify(const char *dir, const uint64_t *sizes,
			       uint32_t count, const atomic_bool *is_over,
			       struct hf_why *why)
{
	const struct hf_ledger_options options = {
		.dir = dir,
		.signer = { .last = no_last, .checkpoint = no_checkpoint },
	};
	struct hf_ledger_check check;
	struct hf_ledger_info info;
	struct hf_ledger *copy = NULL;
	enum hf_err err = hf_ledger_open(&options, &copy, why);

	for (uint32_t set = 1; set <= count && err == HF_OK; set++) {
		err = info_of(copy, set, &info, why);
		if (err == HF_OK &&
		    info.size + info.unsigned_count < sizes[set])
			err = hf_why(why, HF_E_CORRUPT,
				     "ledger: the copy of '%s' lacks entries",
				     info.origin);
		if (err == HF_OK)
			err = hf_ledger_verify(copy, set, is_over, &check, why);
	}
	if (err != HF_OK)
		hf_why_prefix(why, "copy in '%s': ", dir);
	/* NULL when it could not be opened. */
	hf_ledger_close(copy);
	return err;
}

/* What opening it left beside it. */
static void traces_remove(const char *dir)
{
	static const char *const names[] = { "/lock.mdb", ".lock", ".notes" };
	char path[PATH_BYTES + 16];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s%s", dir, names[i]);
		unlink(path);
	}
}

static void copy_remove(const char *dir)
{
	char path[PATH_BYTES + 16];

	snprintf(path, sizeof(path), "%s/data.mdb", dir);
	unlink(path);
	rmdir(dir);
}

enum hf_err hf_ledger_backup(struct hf_ledger *ledger, const char *dir,
			     const atomic_bool *is_over, struct hf_why *why)
{
	uint64_t *sizes;
	uint32_t count;
	enum hf_err err;

	if (strlen(dir) >= PATH_BYTES)
		return hf_why(why, HF_E_LIMIT, "ledger: path too long");
	err = sizes_get(ledger, &sizes, &count, why);
	if (err != HF_OK)
		return err;
	err = hf_store_backup(ledger->store, dir, TABLE_LEAVING, is_over, why);
	if (err == HF_OK) {
		err = copy_verify(dir, sizes, count, is_over, why);
		traces_remove(dir);
		if (err != HF_OK)
			copy_remove(dir);
		else
			err = hf_file_sync_dir(dir, why);
	}
	free(sizes);
	return err;
}
