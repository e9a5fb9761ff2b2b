#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "sign.h"
#include "text.h"

#include "receiveset.h"

#define PATH_BYTES 4096
#define FIRST      "receive.key"
#define LATER      "receive-"
#define KEY_END    ".key"
/* A key on its way in, and one on its way out: neither is ever loaded. */
#define MAKING ".new"
#define ENDING ".gone"

struct slot {
	struct hf_key *key;       /* owned */
	char *path;               /* owned */
	bool is_credential;       /* not ours to destroy */
	struct hf_seal_cost cost; /* how its file is locked */
	bool is_locked;
};

struct hf_receiveset {
	char *dir; /* owned */
	struct slot slots[HF_RECEIVESET_MAX];
	size_t count;
	/* Owned, from hf_secret_bytes_new(): new keys are locked with it. */
	uint8_t *passphrase;
	size_t passphrase_len_bytes;
	struct hf_why warning;
};

static enum hf_err no_memory(struct hf_why *why)
{
	return hf_why(why, HF_E_NOMEM, "receive keys: no memory");
}

static void slot_release(struct slot *slot)
{
	hf_key_free(slot->key);
	free(slot->path);
	*slot = (struct slot){ .key = NULL };
}

void hf_receiveset_close(struct hf_receiveset *set)
{
	if (set == NULL)
		return;
	for (size_t i = 0; i < set->count; i++)
		slot_release(&set->slots[i]);
	if (set->passphrase != NULL)
		hf_secret_bytes_free(set->passphrase);
	free(set->dir);
	free(set);
}

/*
 * Names.
 */

static bool ends_with(const char *name, const char *end)
{
	size_t name_len = strlen(name), end_len = strlen(end);

	return name_len >= end_len &&
	       strcmp(name + name_len - end_len, end) == 0;
}

/* "receive-1800000000000.key" */
static bool is_later(const char *name)
{
	size_t len = strlen(name), around = strlen(LATER) + strlen(KEY_END);
	uint64_t made_ms;

	return len > around && strncmp(name, LATER, strlen(LATER)) == 0 &&
	       ends_with(name, KEY_END) &&
	       hf_text_u64(hf_span(name + strlen(LATER), len - around),
			   INT64_MAX, &made_ms) == HF_OK;
}

/* One of ours, with MAKING or ENDING behind it. */
static bool is_leftover(const char *name)
{
	const char *const ends[] = { MAKING, ENDING };
	char whole[64];

	for (size_t i = 0; i < 2; i++) {
		size_t len = strlen(name) - strlen(ends[i]);

		if (!ends_with(name, ends[i]) || len >= sizeof(whole))
			continue;
		memcpy(whole, name, len);
		whole[len] = '\0';
		if (is_later(whole) || strcmp(whole, FIRST) == 0)
			return true;
	}
	return false;
}

/* Call take for each name in the directory that is one of ours. */
static enum hf_err
each_name(struct hf_receiveset *set, bool (*is_ours)(const char *name),
	  enum hf_err (*take)(struct hf_receiveset *set, const char *path,
			      struct hf_why *why),
	  struct hf_why *why)
{
	enum hf_err err = HF_OK;
	const struct dirent *entry;
	char path[PATH_BYTES];
	DIR *dir = opendir(set->dir);

	if (dir == NULL)
		return hf_why_errno(why, "receive keys: open '%s'", set->dir);
	while (err == HF_OK && (errno = 0, entry = readdir(dir)) != NULL) {
		if (!is_ours(entry->d_name))
			continue;
		err = hf_file_join(path, sizeof(path), set->dir, entry->d_name,
				   why);
		if (err == HF_OK)
			err = take(set, path, why);
	}
	if (err == HF_OK && errno != 0)
		err = hf_why_errno(why, "receive keys: read '%s'", set->dir);
	closedir(dir);
	return err;
}

/*
 * Opening.
 */

/* In the order in which they began. */
static enum hf_err insert(struct hf_receiveset *set, struct slot *slot,
			  struct hf_why *why)
{
	size_t at = set->count;

	if (set->count == HF_RECEIVESET_MAX)
		return hf_why(why, HF_E_LIMIT,
			      "receive keys: '%s' holds more than %d: let old "
			      "ones end sooner, or begin new ones less often",
			      set->dir, HF_RECEIVESET_MAX);
	while (at > 0 &&
	       set->slots[at - 1].key->created_ms > slot->key->created_ms) {
		set->slots[at] = set->slots[at - 1];
		at--;
	}
	set->slots[at] = *slot;
	set->count++;
	return HF_OK;
}

static enum hf_err load(struct hf_receiveset *set, const char *path,
			enum hf_vault_trust trust, struct hf_why *why)
{
	struct slot slot = { .is_credential = trust == HF_VAULT_CREDENTIAL };
	struct hf_keyfile_info info;
	enum hf_err err;

	err = hf_vault_inspect(path, trust, &info, why);
	if (err == HF_OK)
		err = hf_vault_load(
			path, trust, HF_KEY_RECEIVE,
			hf_span(set->passphrase, set->passphrase_len_bytes),
			&slot.key, why);
	if (err != HF_OK)
		return err;
	slot.is_locked = info.kdf != HF_KEY_KDF_NONE;
	slot.cost = info.cost;
	slot.path = strdup(path);
	err = slot.path == NULL ? no_memory(why) : insert(set, &slot, why);
	if (err != HF_OK)
		slot_release(&slot);
	return err;
}

static enum hf_err load_first(struct hf_receiveset *set,
			      const char *credentials, struct hf_why *why)
{
	char path[PATH_BYTES];
	enum hf_err err;

	if (credentials != NULL) {
		err = hf_file_join(path, sizeof(path), credentials, FIRST, why);
		if (err != HF_OK)
			return err;
		if (access(path, F_OK) == 0)
			return load(set, path, HF_VAULT_CREDENTIAL, why);
	}
	err = hf_file_join(path, sizeof(path), set->dir, FIRST, why);
	/* It ends like any other: then the later ones are all there is. */
	if (err == HF_OK && access(path, F_OK) == 0)
		err = load(set, path, HF_VAULT_OWN, why);
	return err;
}

/* One damaged key must not keep the signer from everything else. */
static enum hf_err load_later(struct hf_receiveset *set, const char *path,
			      struct hf_why *why)
{
	struct hf_why said = { "" };
	enum hf_err err = load(set, path, HF_VAULT_OWN, &said);

	if (err == HF_OK)
		return HF_OK;
	if (err == HF_E_NOMEM)
		return no_memory(why);
	set->warning = said;
	hf_why_prefix(&set->warning, "left out: ");
	return HF_OK;
}

static enum hf_err keep_passphrase(struct hf_receiveset *set,
				   struct hf_span passphrase,
				   struct hf_why *why)
{
	if (passphrase.len_bytes == 0)
		return HF_OK;
	set->passphrase = hf_secret_bytes_new(passphrase.len_bytes);
	if (set->passphrase == NULL)
		return no_memory(why);
	memcpy(set->passphrase, passphrase.at, passphrase.len_bytes);
	set->passphrase_len_bytes = passphrase.len_bytes;
	return HF_OK;
}

enum hf_err hf_receiveset_open(const struct hf_receiveset_place *place,
			       struct hf_receiveset **out_set,
			       struct hf_why *why)
{
	struct hf_receiveset *set = calloc(1, sizeof(*set));
	enum hf_err err;

	if (set == NULL)
		return no_memory(why);
	set->dir = strdup(place->dir);
	err = set->dir == NULL ? no_memory(why)
			       : keep_passphrase(set, place->passphrase, why);
	if (err == HF_OK)
		err = load_first(set, place->credentials, why);
	if (err == HF_OK)
		err = each_name(set, is_later, load_later, why);
	if (err != HF_OK) {
		hf_receiveset_close(set);
		return err;
	}
	*out_set = set;
	return HF_OK;
}

const char *hf_receiveset_warning(const struct hf_receiveset *set)
{
	return set->warning.text;
}

size_t hf_receiveset_count(const struct hf_receiveset *set)
{
	return set->count;
}

const struct hf_key *hf_receiveset_at(const struct hf_receiveset *set,
				      size_t index)
{
	return set->slots[index].key;
}

const struct hf_key *hf_receiveset_newest(const struct hf_receiveset *set)
{
	return set->count > 0 ? set->slots[set->count - 1].key : NULL;
}

/*
 * Ending.
 */

/* A disk may keep what was overwritten: some do, and nobody can tell.  What a
 * file system can do is done. */
static enum hf_err overwrite(const char *path, struct hf_why *why)
{
	static const uint8_t zeros[HF_KEYFILE_TEXT_SIZE];
	enum hf_err err = HF_OK;
	struct stat found;
	int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0)
		return hf_why_errno(why, "open '%s'", path);
	if (fstat(fd, &found) != 0)
		err = hf_why_errno(why, "look at '%s'", path);
	for (off_t at = 0; err == HF_OK && at < found.st_size;) {
		size_t left = (size_t)(found.st_size - at);
		ssize_t put =
			pwrite(fd, zeros,
			       left < sizeof(zeros) ? left : sizeof(zeros), at);

		if (put < 0 && errno != EINTR)
			err = hf_why_errno(why, "overwrite '%s'", path);
		else if (put > 0)
			at += put;
	}
	if (err == HF_OK && fsync(fd) != 0)
		err = hf_why_errno(why, "sync '%s'", path);
	close(fd);
	return err;
}

static enum hf_err erase(struct hf_receiveset *set, const char *path,
			 struct hf_why *why)
{
	enum hf_err err = overwrite(path, why);

	if (err == HF_OK && unlink(path) != 0)
		err = hf_why_errno(why, "remove '%s'", path);
	if (err == HF_OK)
		err = hf_file_sync_dir(set->dir, why);
	if (err != HF_OK)
		hf_why_prefix(why, "receive keys: ");
	return err;
}

enum hf_err hf_receiveset_tidy(struct hf_receiveset *set, struct hf_why *why)
{
	return each_name(set, is_leftover, erase, why);
}

/* Renamed first: a crash while it is overwritten must not leave half a key
 * under a name that is loaded. */
static enum hf_err destroy(struct hf_receiveset *set, struct slot *slot,
			   struct hf_why *why)
{
	char ending[PATH_BYTES];
	enum hf_err err;

	if (slot->is_credential)
		return hf_why(why, HF_E_DENIED,
			      "receive keys: " FIRST " has ended and is a "
			      "credential: remove it there");
	if (strlen(slot->path) + sizeof(ENDING) > sizeof(ending))
		return hf_why(why, HF_E_LIMIT, "path too long: '%s'",
			      slot->path);
	strcpy(ending, slot->path);
	strcat(ending, ENDING);
	if (rename(slot->path, ending) != 0)
		return hf_why_errno(why, "receive keys: rename to '%s'",
				    ending);
	err = hf_file_sync_dir(set->dir, why);
	if (err == HF_OK)
		err = erase(set, ending, why);
	return err;
}

enum hf_err hf_receiveset_retire(
	struct hf_receiveset *set, uint64_t now_ms, uint64_t keep_ms,
	const uint8_t named[static HF_PUBLIC_KEY_BYTES], struct hf_why *why)
{
	enum hf_err err = HF_OK;
	size_t i = 0;

	while (err == HF_OK && i + 1 < set->count) {
		uint64_t next_ms = set->slots[i + 1].key->created_ms;

		/* A clock behind the next key's beginning proves nothing. */
		if (now_ms < next_ms || now_ms - next_ms < keep_ms)
			break;
		if (memcmp(set->slots[i].key->public_key.bytes, named,
			   HF_PUBLIC_KEY_BYTES) == 0) {
			i++;
			continue;
		}
		/* Gone from memory, whatever becomes of the file: after a
		 * restart that is tried again. */
		err = destroy(set, &set->slots[i], why);
		slot_release(&set->slots[i]);
		set->count--;
		memmove(&set->slots[i], &set->slots[i + 1],
			(set->count - i) * sizeof(set->slots[0]));
	}
	return err;
}

/*
 * Beginning.
 */

/* On disk under its name, or not there at all. */
static enum hf_err put_file(struct hf_receiveset *set, const struct slot *slot,
			    const struct hf_key_lock *lock, struct hf_why *why)
{
	char making[PATH_BYTES];
	enum hf_err err;

	err = hf_file_join(making, sizeof(making) - sizeof(MAKING), NULL,
			   slot->path, why);
	if (err != HF_OK)
		return err;
	strcat(making, MAKING);
	err = hf_vault_create(making, slot->key, lock, why);
	if (err == HF_OK && rename(making, slot->path) != 0)
		err = hf_why_errno(why, "receive keys: rename to '%s'",
				   slot->path);
	if (err == HF_OK)
		err = hf_file_sync_dir(set->dir, why);
	return err;
}

static enum hf_err make_slot(struct hf_receiveset *set, struct hf_span domain,
			     uint64_t created_ms, uint64_t life_ms,
			     struct slot *out_slot, struct hf_why *why)
{
	const struct hf_key_facts facts = { .role = HF_KEY_RECEIVE,
					    .domain = domain,
					    .created_ms = created_ms,
					    .expires_ms =
						    created_ms + life_ms };
	char path[PATH_BYTES], name[64];
	enum hf_err err;

	snprintf(name, sizeof(name), LATER "%llu" KEY_END,
		 (unsigned long long)created_ms);
	err = hf_file_join(path, sizeof(path), set->dir, name, why);
	if (err == HF_OK)
		err = hf_key_new(&facts, &out_slot->key, why);
	if (err != HF_OK)
		return err;
	out_slot->path = strdup(path);
	if (out_slot->path == NULL) {
		slot_release(out_slot);
		return no_memory(why);
	}
	return HF_OK;
}

enum hf_err hf_receiveset_add(struct hf_receiveset *set, struct hf_span domain,
			      uint64_t now_ms, uint64_t life_ms,
			      struct hf_why *why)
{
	const struct slot *last =
		set->count > 0 ? &set->slots[set->count - 1] : NULL;
	struct slot slot = { .cost = HF_KEY_COST_SERVER,
			     .is_locked = set->passphrase != NULL };
	struct hf_key_lock lock = { { NULL, 0 }, { 0, 0 } };
	uint64_t created_ms = now_ms;
	enum hf_err err;

	if (set->count == HF_RECEIVESET_MAX)
		return hf_why(why, HF_E_LIMIT,
			      "receive keys: there are %d: let old ones end "
			      "sooner, or begin new ones less often",
			      HF_RECEIVESET_MAX);
	if (last != NULL) {
		if (created_ms <= last->key->created_ms)
			created_ms = last->key->created_ms + 1;
		slot.is_locked = last->is_locked;
		slot.cost = last->cost;
	}
	err = make_slot(set, domain, created_ms, life_ms, &slot, why);
	if (err != HF_OK)
		return err;
	if (slot.is_locked) {
		lock.cost = slot.cost;
		lock.passphrase =
			hf_span(set->passphrase, set->passphrase_len_bytes);
	}
	err = put_file(set, &slot, &lock, why);
	if (err == HF_OK)
		err = insert(set, &slot, why);
	if (err != HF_OK)
		slot_release(&slot);
	return err;
}
