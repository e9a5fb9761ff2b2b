/*
 * Recovery copies of the root key, and its passphrase.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "codec_document.h"
#include "file.h"
#include "recovery.h"
#include "vault.h"

#include "tool.h"

#define TRIES 3

/* Does this text hold the seed of this key? */
static enum hf_err compare(struct hf_span text, const struct hf_key *key,
			   struct hf_why *why)
{
	uint8_t *seed = hf_secret_bytes_new(HF_SEED_BYTES);
	enum hf_key_role role;
	enum hf_err err;

	if (seed == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	err = hf_recovery_parse(text, &role, seed, why);
	if (err == HF_OK &&
	    (role != key->role ||
	     memcmp(seed, hf_secret_seed(key->secret), HF_SEED_BYTES) != 0))
		err = hf_why(why, HF_E_CONFLICT, "it is of another key");
	hf_secret_bytes_free(seed);
	return err;
}

static enum hf_err copy_to_file(const char *path, const char *text,
				const struct hf_key *root, struct hf_why *why)
{
	char *back = hf_secret_bytes_new(HF_RECOVERY_TEXT_SIZE);
	enum hf_err err;
	FILE *file;
	size_t len;

	if (back == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	err = hf_file_create(path, hf_span_of(text), 0600, why);
	if (err != HF_OK)
		goto out;
	/* What is on the disk is what counts; no buffer of stdio keeps it. */
	file = fopen(path, "re");
	if (file == NULL) {
		err = hf_why_errno(why, "open '%s'", path);
		goto out;
	}
	setvbuf(file, NULL, _IONBF, 0);
	len = fread(back, 1, HF_RECOVERY_TEXT_SIZE, file);
	fclose(file);
	err = compare(hf_span(back, len), root, why);
	if (err != HF_OK) {
		hf_why_prefix(why, "recovery copy '%s': ", path);
		unlink(path);
	}
out:
	hf_secret_bytes_free(back);
	return err;
}

/* The start and length of line n, 1 to 4. */
static char *line_at(char *text, unsigned number, size_t *out_len)
{
	for (unsigned i = 1; i < number; i++)
		text = strchr(text, '\n') + 1;
	*out_len = strcspn(text, "\n");
	return text;
}

/* Is it right?  Put in the place of ours, the whole must be our key. */
static enum hf_err check_typed(const char *text, unsigned number,
			       struct hf_span typed, const struct hf_key *root,
			       struct hf_why *why)
{
	size_t size = HF_RECOVERY_TEXT_SIZE + typed.len_bytes, before, len;
	char *whole = hf_secret_bytes_new(size);
	char *line;
	enum hf_err err;

	if (whole == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	strcpy(whole, text);
	line = line_at(whole, number, &len);
	before = (size_t)(line - whole);
	memmove(line + typed.len_bytes, line + len, strlen(line + len) + 1);
	memcpy(line, typed.at, typed.len_bytes);
	err = compare(hf_span(whole, before + strlen(line)), root, why);
	hf_secret_bytes_free(whole);
	return err;
}

static enum hf_err ask_line(FILE *terminal, const char *text, unsigned number,
			    const struct hf_key *root, struct hf_why *why)
{
	enum hf_err err = HF_OK;

	for (int i = 0; i < TRIES; i++) {
		struct hf_passphrase typed = { NULL, 0 };

		fprintf(terminal, "Type line %u from your copy: ", number);
		fflush(terminal);
		err = hf_passphrase_read(fileno(terminal), &typed, why);
		if (err == HF_OK)
			err = check_typed(text, number,
					  hf_passphrase_span(&typed), root,
					  why);
		hf_passphrase_release(&typed);
		if (err == HF_OK || err == HF_E_CANCELLED)
			return err;
		fprintf(terminal, "That is not what it says: %s\n", why->text);
	}
	return hf_why(why, HF_E_DENIED,
		      "the recovery copy was not typed back: nothing was made");
}

static enum hf_err copy_to_person(const char *text, const struct hf_key *root,
				  struct hf_why *why)
{
	enum hf_err err;
	uint8_t random;
	FILE *terminal;
	unsigned first;

	terminal = fopen("/dev/tty", "r+e");
	if (terminal == NULL)
		return hf_why(why, HF_E_UNAVAILABLE,
			      "no terminal to show the recovery copy of the "
			      "root key on: name a file with --recovery-file");
	fprintf(terminal,
		"\nThis is the recovery copy of the root key.  Write it on "
		"paper and lock it away:\nwhoever has it is your "
		"organisation, and without it and the key file your\n"
		"organisation is lost.  It is not shown again.\n\n%s\n",
		text);
	hf_random(&random, 1);
	first = 1 + random % HF_RECOVERY_LINES;
	err = ask_line(terminal, text, first, root, why);
	if (err == HF_OK)
		err = ask_line(terminal, text,
			       1 + (first + 1) % HF_RECOVERY_LINES, root, why);
	fclose(terminal);
	return err;
}

enum hf_err hf_tool_recovery_copy(struct hf_tool *tool,
				  const struct hf_key *root, struct hf_why *why)
{
	const char *path = hf_tool_option(tool, HF_TOOL_RECOVERY_FILE);
	char *text = hf_secret_bytes_new(HF_RECOVERY_TEXT_SIZE);
	enum hf_err err;

	if (text == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	hf_recovery_encode(root->role, hf_secret_seed(root->secret), text);
	err = path != NULL ? copy_to_file(path, text, root, why)
			   : copy_to_person(text, root, why);
	hf_secret_bytes_free(text);
	return err;
}

/* --- recovery verify, recovery restore. ---------------------------------- */

static enum hf_err key_of_copy(struct hf_tool *tool, const char *path,
			       const struct hf_ring *ring,
			       struct hf_key **out_key, struct hf_why *why)
{
	const char *name = ring != NULL ? hf_ring_self(ring)->name : "";
	struct hf_key_facts facts = {
		.role = HF_KEY_ROOT,
		.domain = hf_span_of(name),
		.created_ms = tool->now_ms,
	};
	uint8_t *seed = hf_secret_bytes_new(HF_SEED_BYTES);
	enum hf_key_role role;
	struct hf_span text;
	enum hf_err err;

	if (seed == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	err = hf_tool_read(tool, path, &text, why);
	if (err == HF_OK) {
		err = hf_recovery_parse(text, &role, seed, why);
		hf_wipe((void *)(uintptr_t)text.at, text.len_bytes);
	}
	if (err == HF_OK && role != HF_KEY_ROOT)
		err = hf_why(why, HF_E_CONFLICT,
			     "it is the copy of a %s key, not of a root key",
			     hf_key_role_name(role));
	if (err == HF_OK)
		err = hf_key_from_seed(&facts, seed, out_key, why);
	else
		hf_why_prefix(why, "recovery copy '%s': ", path);
	hf_secret_bytes_free(seed);
	return err;
}

static bool is_root_of(const struct hf_manifest *manifest,
		       const struct hf_key *key)
{
	for (size_t i = 0; i < manifest->root_keys_count; i++) {
		if (memcmp(manifest->root_keys[i].at, key->public_key.bytes,
			   HF_PUBLIC_KEY_BYTES) == 0)
			return true;
	}
	return false;
}

enum hf_err hf_tool_recovery_verify(struct hf_tool *tool, struct hf_why *why)
{
	struct hf_ring *ring = NULL;
	struct hf_key *key = NULL;
	enum hf_err err;

	err = hf_ring_load(tool->ring, &ring, why);
	if (err == HF_OK)
		err = key_of_copy(tool, tool->args[0], ring, &key, why);
	if (err == HF_OK && !is_root_of(hf_ring_self(ring)->manifest, key))
		err = hf_why(why, HF_E_CONFLICT,
			     "'%s' is whole, and of another root key than "
			     "that of %s",
			     tool->args[0], hf_ring_self(ring)->name);
	if (err == HF_OK)
		printf("'%s' is the recovery copy of the root key of %s.\n",
		       tool->args[0], hf_ring_self(ring)->name);
	hf_key_free(key);
	hf_ring_release(ring);
	return err;
}

enum hf_err hf_tool_recovery_restore(struct hf_tool *tool, struct hf_why *why)
{
	const char *out = hf_tool_option(tool, HF_TOOL_OUT);
	struct hf_passphrase passphrase = { NULL, 0 };
	char path[HF_TOOL_PATH_SIZE];
	struct hf_ring *ring = NULL;
	struct hf_key *key = NULL;
	struct hf_key_lock lock;
	enum hf_err err;

	hf_tool_key_path(tool, HF_KEY_ROOT, path);
	if (out != NULL && strlen(out) < sizeof(path))
		strcpy(path, out);
	if (access(path, F_OK) == 0)
		return hf_why(why, HF_E_EXISTS,
			      "'%s' is there already and stays as it is", path);
	err = hf_ring_load(tool->ring, &ring, why);
	if (err == HF_OK)
		err = key_of_copy(tool, tool->args[0], ring, &key, why);
	if (err == HF_OK && !is_root_of(hf_ring_self(ring)->manifest, key))
		err = hf_why(why, HF_E_CONFLICT,
			     "'%s' is of another root key than that of %s",
			     tool->args[0], hf_ring_self(ring)->name);
	if (err == HF_OK)
		err = hf_tool_cost(tool, &lock.cost, why);
	if (err == HF_OK)
		err = hf_tool_passphrase(
			tool, "New passphrase of the root key: ", true,
			&passphrase, why);
	if (err != HF_OK)
		goto out;
	lock.passphrase = hf_passphrase_span(&passphrase);
	err = hf_vault_create(path, key, &lock, why);
	if (err == HF_OK && !tool->is_system)
		err = hf_tool_give(path, why);
	if (err == HF_OK)
		printf("The root key is in '%s' again.\n", path);
out:
	hf_passphrase_release(&passphrase);
	hf_key_free(key);
	hf_ring_release(ring);
	return err;
}

enum hf_err hf_tool_passwd(struct hf_tool *tool, struct hf_why *why)
{
	const char *root = hf_tool_option(tool, HF_TOOL_ROOT);
	struct hf_passphrase old = { NULL, 0 }, fresh = { NULL, 0 };
	char path[HF_TOOL_PATH_SIZE];
	struct hf_key_lock lock;
	struct hf_key *key = NULL;
	enum hf_err err;

	hf_tool_key_path(tool, HF_KEY_ROOT, path);
	if (root != NULL && strlen(root) < sizeof(path))
		strcpy(path, root);
	err = hf_tool_cost(tool, &lock.cost, why);
	if (err == HF_OK)
		err = hf_tool_passphrase(
			tool, "Passphrase of the root key: ", false, &old, why);
	/* Say that the old one is wrong before a new one is asked for. */
	if (err == HF_OK)
		err = hf_vault_load(path, HF_VAULT_OWN, HF_KEY_ROOT,
				    hf_passphrase_span(&old), &key, why);
	if (err == HF_OK)
		err = hf_tool_new_passphrase(tool, "New passphrase: ", &fresh,
					     why);
	if (err != HF_OK)
		goto out;
	lock.passphrase = hf_passphrase_span(&fresh);
	err = hf_vault_relock(path, HF_KEY_ROOT, hf_passphrase_span(&old),
			      &lock, why);
	if (err == HF_OK && !tool->is_system)
		err = hf_tool_give(path, why);
	if (err == HF_OK)
		printf("'%s' has its new passphrase.\n", path);
out:
	hf_key_free(key);
	hf_passphrase_release(&old);
	hf_passphrase_release(&fresh);
	return err;
}
