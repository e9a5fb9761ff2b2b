#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bytes.h"
#include "inventory_row.h"
#include "sha256.h"

#include "cmd.h"
#include "scan_run.h"

#define DIR_SIZE 2048

/* Of lists, which are of no directory. */
#define LIST_NAME "files-from"

/* ---- what is scanned ---- */

static void roots_free(struct hf_scan_root *roots, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(roots[i].real);
	free(roots);
}

static int by_real(const void *a, const void *b)
{
	return hf_row_compare(((const struct hf_scan_root *)a)->real,
			      ((const struct hf_scan_root *)b)->real);
}

/* The directories that were named, in the order of rows, without those that
 * are below another. */
static enum hf_err find_roots(const struct hf_cmd *cmd,
			      struct hf_scan_root **out_roots,
			      size_t *out_count, struct hf_why *why)
{
	struct hf_scan_root *roots =
		calloc(cmd->args_count + 1, sizeof(*roots));
	size_t count = 0, kept = 0;

	if (roots == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	for (size_t i = 0; i < cmd->args_count; i++) {
		roots[i].given = cmd->args[i];
		roots[i].real = realpath(cmd->args[i], NULL);
		if (roots[i].real == NULL) {
			enum hf_err err = hf_why_errno(why, "%s", cmd->args[i]);

			roots_free(roots, count);
			return err;
		}
		count++;
	}
	qsort(roots, count, sizeof(*roots), by_real);
	for (size_t i = 0; i < count; i++) {
		if (kept > 0 &&
		    hf_row_is_under(roots[i].real, roots[kept - 1].real))
			free(roots[i].real);
		else
			roots[kept++] = roots[i];
	}
	*out_roots = roots;
	*out_count = kept;
	return HF_OK;
}

/* ---- where it is written down ---- */

/* The directory of inventories. */
static enum hf_err find_dir(const struct hf_cmd *cmd, char *out,
			    size_t size_bytes, struct hf_why *why)
{
	return hf_cmd_state_dir(cmd, "scan", out, size_bytes)
		       ? HF_OK
		       : hf_why(why, HF_E_DENIED,
				"there is no place for an inventory: say where "
				"with --inventory");
}

/* Each set of directories has its own. */
static void name_of(const struct hf_scan_root *roots, size_t count,
		    char out_name[static 17])
{
	uint8_t digest[HF_SHA256_BYTES];
	struct hf_sha256 hash;

	hf_sha256_init(&hash);
	for (size_t i = 0; i < count; i++)
		hf_sha256_update(&hash, roots[i].real,
				 strlen(roots[i].real) + 1);
	hf_sha256_final(&hash, digest);
	hf_hex(digest, 8, out_name);
}

static enum hf_err inventory_of(const struct hf_cmd *cmd,
				const struct hf_scan_root *roots, size_t count,
				char out[static DIR_SIZE], struct hf_why *why)
{
	const char *given = hf_cmd_option(cmd, HF_CMD_INVENTORY);
	char dir[DIR_SIZE - 32], name[17];
	enum hf_err err;

	if (given != NULL)
		return snprintf(out, DIR_SIZE, "%s", given) < DIR_SIZE
			       ? HF_OK
			       : hf_why(why, HF_E_LIMIT,
					"--inventory: a path too long");
	err = find_dir(cmd, dir, sizeof(dir), why);
	if (err != HF_OK)
		return err;
	name_of(roots, count, name);
	snprintf(out, DIR_SIZE, "%s/%s", dir,
		 hf_cmd_has(cmd, HF_CMD_FILES_FROM) ? LIST_NAME : name);
	return HF_OK;
}

/* An inventory that is there: one that is not has nothing to hold against. */
static bool is_inventory(const char *dir)
{
	char path[DIR_SIZE + 32];
	struct stat is;

	snprintf(path, sizeof(path), "%s/inventory", dir);
	return stat(path, &is) == 0 && S_ISREG(is.st_mode);
}

/* ---- --update ---- */

static enum hf_err update_all(struct hf_cmd *cmd, struct hf_why *why)
{
	char dir[DIR_SIZE - 300], path[DIR_SIZE];
	struct dirent *entry;
	enum hf_err err = find_dir(cmd, dir, sizeof(dir), why);
	DIR *listing;

	if (err != HF_OK)
		return err;
	listing = opendir(dir);
	if (listing == NULL)
		return hf_why_errno(why, "%s", dir);
	while (err == HF_OK && (entry = readdir(listing)) != NULL) {
		snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
		if (entry->d_name[0] != '.' && is_inventory(path))
			err = hf_scan_run(cmd, NULL, 0, path, why);
	}
	closedir(listing);
	return err;
}

static enum hf_err update(struct hf_cmd *cmd, struct hf_scan_root *roots,
			  size_t count, struct hf_why *why)
{
	char dir[DIR_SIZE];
	enum hf_err err;

	if (count == 0 && !hf_cmd_has(cmd, HF_CMD_INVENTORY))
		return update_all(cmd, why);
	err = inventory_of(cmd, roots, count, dir, why);
	if (err != HF_OK)
		return err;
	return is_inventory(dir)
		       ? hf_scan_run(cmd, NULL, 0, dir, why)
		       : hf_why(why, HF_E_NOTFOUND,
				"%s: no inventory: scan first, in the same "
				"words",
				dir);
}

/* ---- the command ---- */

static enum hf_err check(const struct hf_cmd *cmd, struct hf_why *why)
{
	bool is_list = hf_cmd_has(cmd, HF_CMD_FILES_FROM);
	bool is_update = hf_cmd_has(cmd, HF_CMD_UPDATE);

	if (is_list && (is_update || cmd->args_count > 0))
		return hf_why(why, HF_E_ARGUMENT,
			      "--files-from goes without directories, and "
			      "without --update");
	if (hf_cmd_has(cmd, HF_CMD_ZERO) && !is_list)
		return hf_why(why, HF_E_ARGUMENT,
			      "--null goes with --files-from");
	if (is_update &&
	    (hf_cmd_has(cmd, HF_CMD_FRESH) || hf_cmd_has(cmd, HF_CMD_QUICK) ||
	     hf_cmd_has(cmd, HF_CMD_RATE)))
		return hf_why(why, HF_E_ARGUMENT,
			      "--update reads no files: --fresh, --quick and "
			      "--rate mean nothing");
	if (!is_list && !is_update && cmd->args_count == 0)
		return hf_why(why, HF_E_ARGUMENT,
			      "give directories, --files-from or --update");
	return HF_OK;
}

enum hf_err hf_cmd_scan(struct hf_cmd *cmd, struct hf_why *why)
{
	struct hf_scan_root *roots = NULL;
	char dir[DIR_SIZE];
	size_t count = 0;
	enum hf_err err = check(cmd, why);

	if (err == HF_OK)
		err = find_roots(cmd, &roots, &count, why);
	if (err != HF_OK)
		return err;
	if (hf_cmd_has(cmd, HF_CMD_UPDATE)) {
		err = update(cmd, roots, count, why);
	} else {
		err = inventory_of(cmd, roots, count, dir, why);
		if (err == HF_OK)
			err = hf_scan_run(cmd, roots, count, dir, why);
	}
	roots_free(roots, count);
	return err;
}
