#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "sign.h"

#include "vault.h"

#define KEY_MODE 0600

/* A key file's text: with a kdf of none it is the key. */
struct text {
	char *at; /* owned; hf_secret_bytes_new() */
	size_t len_bytes;
};

static enum hf_err text_new(struct text *out_text, struct hf_why *why)
{
	out_text->len_bytes = 0;
	out_text->at = hf_secret_bytes_new(HF_KEYFILE_TEXT_SIZE);
	if (out_text->at == NULL)
		return hf_why(why, HF_E_NOMEM, "key: no locked memory");
	return HF_OK;
}

static enum hf_err check_owner(const struct stat *st, enum hf_vault_trust trust,
			       const char *path, struct hf_why *why)
{
	mode_t forbidden = trust == HF_VAULT_CREDENTIAL ? 0037 : 0077;
	bool is_ours = st->st_uid == geteuid() || geteuid() == 0 ||
		       (trust == HF_VAULT_CREDENTIAL && st->st_uid == 0);

	if (!S_ISREG(st->st_mode))
		return hf_why(why, HF_E_DENIED,
			      "key file '%s' is not a regular file", path);
	if (!is_ours)
		return hf_why(why, HF_E_DENIED,
			      "key file '%s' belongs to another user (%u)",
			      path, (unsigned)st->st_uid);
	if ((st->st_mode & forbidden) != 0)
		return hf_why(why, HF_E_DENIED,
			      "key file '%s' has mode %04o: others can get at "
			      "it; chmod 600 it, and replace the key if "
			      "somebody may have read it",
			      path, (unsigned)(st->st_mode & 07777));
	if (st->st_size >= (off_t)HF_KEYFILE_TEXT_SIZE)
		return hf_why(why, HF_E_LIMIT,
			      "key file '%s' is larger than any key", path);
	return HF_OK;
}

/* The size can change under us: read to the end, or to one byte too many. */
static enum hf_err read_text(int fd, const char *path, struct text *text,
			     struct hf_why *why)
{
	while (text->len_bytes < HF_KEYFILE_TEXT_SIZE) {
		ssize_t got = read(fd, text->at + text->len_bytes,
				   HF_KEYFILE_TEXT_SIZE - text->len_bytes);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return hf_why_errno(why, "read key file '%s'", path);
		if (got == 0)
			return HF_OK;
		text->len_bytes += (size_t)got;
	}
	return hf_why(why, HF_E_LIMIT, "key file '%s' is larger than any key",
		      path);
}

static enum hf_err load_text(const char *path, enum hf_vault_trust trust,
			     struct text *out_text, struct hf_why *why)
{
	struct stat st;
	enum hf_err err;
	/* Not to wait for the writer of a fifo somebody put there. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK |
				    O_NOCTTY);

	if (fd < 0 && errno == ELOOP)
		return hf_why(why, HF_E_DENIED,
			      "key file '%s' is a symbolic link", path);
	if (fd < 0)
		return hf_why_errno(why, "open key file '%s'", path);
	if (fstat(fd, &st) != 0)
		err = hf_why_errno(why, "look at key file '%s'", path);
	else
		err = check_owner(&st, trust, path, why);
	if (err == HF_OK)
		err = text_new(out_text, why);
	if (err != HF_OK)
		goto out_close;
	err = read_text(fd, path, out_text, why);
	if (err != HF_OK)
		hf_secret_bytes_free(out_text->at);

out_close:
	close(fd);
	return err;
}

enum hf_err hf_vault_create(const char *path, const struct hf_key *key,
			    const struct hf_key_lock *lock, struct hf_why *why)
{
	struct text text;
	enum hf_err err = text_new(&text, why);

	if (err != HF_OK)
		return err;
	err = hf_keyfile_encode(key, lock, text.at, &text.len_bytes, why);
	if (err == HF_OK)
		err = hf_file_create(path, hf_span(text.at, text.len_bytes),
				     KEY_MODE, why);
	hf_secret_bytes_free(text.at);
	return err;
}

enum hf_err hf_vault_load(const char *path, enum hf_vault_trust trust,
			  enum hf_key_role role, struct hf_span passphrase,
			  struct hf_key **out_key, struct hf_why *why)
{
	struct text text;
	enum hf_err err = load_text(path, trust, &text, why);

	if (err != HF_OK)
		return err;
	err = hf_keyfile_parse(hf_span(text.at, text.len_bytes), role,
			       passphrase, out_key, why);
	if (err != HF_OK)
		hf_why_prefix(why, "key file '%s': ", path);
	hf_secret_bytes_free(text.at);
	return err;
}

enum hf_err hf_vault_inspect(const char *path, enum hf_vault_trust trust,
			     struct hf_keyfile_info *out_info,
			     struct hf_why *why)
{
	struct text text;
	enum hf_err err = load_text(path, trust, &text, why);

	if (err != HF_OK)
		return err;
	err = hf_keyfile_inspect(hf_span(text.at, text.len_bytes), out_info,
				 why);
	if (err != HF_OK)
		hf_why_prefix(why, "key file '%s': ", path);
	hf_secret_bytes_free(text.at);
	return err;
}

enum hf_err hf_vault_relock(const char *path, enum hf_key_role role,
			    struct hf_span passphrase,
			    const struct hf_key_lock *lock, struct hf_why *why)
{
	struct hf_key *key = NULL;
	struct text text = { NULL, 0 };
	struct stat st;
	enum hf_err err;

	/* The new file would be ours: its user could not read it any more. */
	if (lstat(path, &st) == 0 && st.st_uid != geteuid())
		return hf_why(why, HF_E_DENIED,
			      "key file '%s' belongs to user %u: run this as "
			      "that user",
			      path, (unsigned)st.st_uid);
	err = hf_vault_load(path, HF_VAULT_OWN, role, passphrase, &key, why);
	if (err == HF_OK)
		err = text_new(&text, why);
	if (err == HF_OK)
		err = hf_keyfile_encode(key, lock, text.at, &text.len_bytes,
					why);
	if (err == HF_OK)
		err = hf_file_replace(path, hf_span(text.at, text.len_bytes),
				      KEY_MODE, why);
	hf_secret_bytes_free(text.at);
	hf_key_free(key);
	return err;
}
