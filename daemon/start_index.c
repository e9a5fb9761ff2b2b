#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "feed_expiry.h"
#include "ledger_view.h"
#include "log.h"
#include "match_index.h"

#include "start.h"

/* Made again from the ledger, wherever it is missing. */
static const char *const made[] = { "index", "retracted", "expiring", "views" };

/* A file, or those of a directory. */
static enum hf_err remove_files(const char *path, struct hf_why *why)
{
	DIR *dir = opendir(path);
	struct dirent *file;
	enum hf_err err = HF_OK;

	if (dir == NULL && errno == ENOTDIR)
		return unlink(path) == 0
			       ? HF_OK
			       : hf_why_errno(why, "remove '%s'", path);
	if (dir == NULL)
		return errno == ENOENT ? HF_OK
				       : hf_why_errno(why, "open '%s'", path);
	while (err == HF_OK && (file = readdir(dir)) != NULL) {
		if (file->d_name[0] != '.' &&
		    unlinkat(dirfd(dir), file->d_name, 0) != 0)
			err = hf_why_errno(why, "remove '%s/%s'", path,
					   file->d_name);
	}
	closedir(dir);
	return err;
}

/* An index holds nothing that the ledger has not: what is damaged, or of
 * another version, is made again. */
static enum hf_err open_index(const struct hf_conf *conf, const char *name,
			      struct hf_index **out_index, struct hf_why *why)
{
	char dir[HF_NODE_PATH_SIZE];
	enum hf_err err;

	snprintf(dir, sizeof(dir), "%s/%s", conf->state_dir, name);
	err = hf_index_open(dir, out_index, why);
	if (err != HF_E_CORRUPT && err != HF_E_UNSUPPORTED)
		return err;
	hf_log(HF_LOG_WARNING, "feed", "index is made again", "why=\"%s\"",
	       why->text);
	err = remove_files(dir, why);
	return err == HF_OK ? hf_index_open(dir, out_index, why) : err;
}

/* What is stored of a set: 0 of one that the ledger does not have. */
static uint64_t stored(struct hf_ledger_view *view, uint32_t set)
{
	struct hf_ledger_info info;

	return hf_ledger_info(view, set, &info, NULL) == HF_OK
		       ? info.size + info.unsigned_count
		       : 0;
}

/* An index that stands for more than there is was made from another ledger:
 * this one was put back from a backup, and what its entries will be, or its
 * sets, need not be what they were. */
static bool is_ahead(struct hf_node *node, struct hf_ledger_view *view)
{
	for (uint32_t set = 1; set <= HF_LEDGER_SETS_MAX; set++) {
		uint64_t fed = hf_index_position(node->index, set);
		uint64_t taken_back = hf_index_position(node->retracted, set);

		if ((fed > 0 || taken_back > 0) &&
		    (fed > taken_back ? fed : taken_back) > stored(view, set))
			return true;
	}
	return false;
}

static enum hf_err open_both(struct hf_node *node, struct hf_why *why)
{
	enum hf_err err = open_index(node->conf, "index", &node->index, why);

	return err == HF_OK ? open_index(node->conf, "retracted",
					 &node->retracted, why)
			    : err;
}

static enum hf_err make_again(struct hf_node *node, struct hf_why *why)
{
	char dir[HF_NODE_PATH_SIZE];
	enum hf_err err = HF_OK;

	hf_log(HF_LOG_WARNING, "feed", "index is made again",
	       "why=\"the ledger is older: it was put back from a backup\"");
	hf_index_close(node->retracted);
	hf_index_close(node->index);
	node->retracted = NULL;
	node->index = NULL;
	for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
		snprintf(dir, sizeof(dir), "%s/%s", node->conf->state_dir,
			 made[i]);
		if (err == HF_OK)
			err = remove_files(dir, why);
	}
	return err == HF_OK ? open_both(node, why) : err;
}

enum hf_err hf_start_index(struct hf_node *node, struct hf_why *why)
{
	char dir[HF_NODE_PATH_SIZE];
	struct hf_ledger_view *view;
	bool is_old = false;
	enum hf_err err = open_both(node, why);

	if (err == HF_OK)
		err = hf_ledger_view_begin(node->ledger, &view, why);
	if (err == HF_OK) {
		is_old = is_ahead(node, view);
		hf_ledger_view_end(view);
	}
	if (err == HF_OK && is_old)
		err = make_again(node, why);
	if (err != HF_OK)
		return err;
	snprintf(dir, sizeof(dir), "%s/expiring", node->conf->state_dir);
	return hf_expiry_open(dir, &node->expiring, why);
}
