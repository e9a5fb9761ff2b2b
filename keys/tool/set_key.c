/*
 * hashfed-key log and cosigner: the keys that sign checkpoints, one after
 * another.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bytes.h"
#include "file.h"
#include "vault.h"

#include "tool.h"

#define RESTART                                                                \
	"restart hashfed-signer, and hashfedd: it puts the agreements in "     \
	"force\n  that say so, and members go on by themselves\n"

/* "log-next.key" */
static enum hf_err path_of_next(const struct hf_tool *tool,
				enum hf_key_role role,
				char out_path[static HF_TOOL_PATH_SIZE],
				struct hf_why *why)
{
	char name[48];

	snprintf(name, sizeof(name), "%s-next.key", hf_key_role_name(role));
	return hf_tool_path(out_path, tool->signer, name, why);
}

static enum hf_err new_key(struct hf_tool *tool, enum hf_key_role role,
			   struct hf_why *why)
{
	const char *word = hf_key_role_name(role);
	char path[HF_TOOL_PATH_SIZE];
	enum hf_err err = path_of_next(tool, role, path, why);

	if (err == HF_OK)
		err = hf_tool_key_make(tool, role, path, why);
	if (err == HF_OK)
		printf("Made '%s'.  From the next start of the signer both %s "
		       "keys sign.\n\n"
		       "Next:\n  " RESTART
		       "  hashfed-key %s retire, once they have: whoever was "
		       "away for longer goes on too;\n"
		       "  at once where the old key may have been stolen\n",
		       path, word, word);
	return err;
}

/* The public half stays: agreements go on saying up to where it counts. */
static enum hf_err keep_public(const struct hf_tool *tool,
			       enum hf_key_role role, const char *path,
			       struct hf_why *why)
{
	char name[64], past[HF_TOOL_PATH_SIZE];
	char text[2 * HF_PUBLIC_KEY_BYTES + 2];
	struct hf_keyfile_info info;
	enum hf_err err = hf_vault_inspect(path, HF_VAULT_OWN, &info, why);

	if (err != HF_OK)
		return err;
	snprintf(name, sizeof(name), "%s-past-%013" PRIu64 ".pub",
		 hf_key_role_name(role), tool->now_ms);
	err = hf_tool_path(past, tool->signer, name, why);
	if (err != HF_OK)
		return err;
	hf_hex(info.public_key.bytes, HF_PUBLIC_KEY_BYTES, text);
	strcat(text, "\n");
	err = hf_file_create(past, hf_span_of(text), 0600, why);
	return err == HF_OK ? hf_tool_give(past, why) : err;
}

/* Overwrite what the name no longer leads to. */
static enum hf_err wipe(int fd, const char *path, struct hf_why *why)
{
	static const char zeros[HF_KEYFILE_TEXT_SIZE];
	struct stat found;

	if (fstat(fd, &found) != 0)
		return hf_why_errno(why, "look at what '%s' was", path);
	if (pwrite(fd, zeros, (size_t)found.st_size, 0) != found.st_size ||
	    fsync(fd) != 0)
		return hf_why_errno(why, "overwrite what '%s' was", path);
	return HF_OK;
}

/* The next one takes the place; a crash leaves the one or the other there. */
static enum hf_err replace(const struct hf_tool *tool, const char *path,
			   const char *next, struct hf_why *why)
{
	enum hf_err err = HF_OK;
	int fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return hf_why_errno(why, "open '%s'", path);
	if (rename(next, path) != 0)
		err = hf_why_errno(why, "rename to '%s'", path);
	if (err == HF_OK)
		err = hf_file_sync_dir(tool->signer, why);
	if (err == HF_OK)
		err = wipe(fd, path, why);
	close(fd);
	return err;
}

static enum hf_err retire(struct hf_tool *tool, enum hf_key_role role,
			  struct hf_why *why)
{
	char path[HF_TOOL_PATH_SIZE], next[HF_TOOL_PATH_SIZE];
	const char *word = hf_key_role_name(role);
	struct hf_keyfile_info info;
	enum hf_err err = path_of_next(tool, role, next, why);

	if (err == HF_OK && access(next, F_OK) != 0)
		err = hf_why(why, HF_E_NOTFOUND,
			     "no %s key follows: hashfed-key %s new makes one",
			     word, word);
	if (err == HF_OK)
		err = hf_vault_inspect(next, HF_VAULT_OWN, &info, why);
	hf_tool_key_path(tool, role, path);
	if (err == HF_OK)
		err = keep_public(tool, role, path, why);
	if (err == HF_OK)
		err = replace(tool, path, next, why);
	if (err == HF_OK)
		printf("The %s key that was in force is destroyed.  What it "
		       "signed stays valid, and nothing larger.\n\n"
		       "Next:\n  " RESTART,
		       word);
	return err;
}

enum hf_err hf_tool_log_new(struct hf_tool *tool, struct hf_why *why)
{
	return new_key(tool, HF_KEY_LOG, why);
}

enum hf_err hf_tool_log_retire(struct hf_tool *tool, struct hf_why *why)
{
	return retire(tool, HF_KEY_LOG, why);
}

enum hf_err hf_tool_cosigner_new(struct hf_tool *tool, struct hf_why *why)
{
	return new_key(tool, HF_KEY_COSIGNER, why);
}

enum hf_err hf_tool_cosigner_retire(struct hf_tool *tool, struct hf_why *why)
{
	return retire(tool, HF_KEY_COSIGNER, why);
}
