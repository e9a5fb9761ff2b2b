#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "buf.h"
#include "bytes.h"
#include "file.h"
#include "sha256.h"
#include "text.h"

#include "signer_record.h"

/* A slot's fields, all within the first sector; the rest is zero. */
enum {
	AT_MAGIC = 0,
	AT_NUMBER = 8, /* of the slot: one that moved is damage */
	AT_SIZE = 16,  /* slot 0: how many slots follow */
	AT_TIME = 24,
	AT_ROOT = 32,
	AT_ORIGIN_LEN = 64,
	AT_ORIGIN = 66,
	AT_CHECK = 480,
	SECTOR_BYTES = 512,
};
_Static_assert(AT_ORIGIN + HF_ORIGIN_MAX_BYTES <= AT_CHECK, "fits a sector");
_Static_assert(AT_CHECK + HF_SHA256_BYTES == SECTOR_BYTES, "fills a sector");

static const uint8_t magic[8] = { 'H', 'F', 'R', 'E', 'C', 0, 0, 1 };

/* How often to try for the lock of a process that is ending. */
#define LOCK_GAP_MS 20

struct entry {
	uint32_t slot;
	struct hf_record_tree tree;
	size_t origin_len_bytes;
	char origin[HF_ORIGIN_MAX_BYTES];
};

struct hf_record {
	char *path;             /* owned; of the file, for sentences */
	int dir_fd;             /* holds the lock */
	int fd;                 /* of the file */
	struct entry **entries; /* owned, in order of their origins */
	size_t entries_count;
	size_t entries_size;
	uint32_t slots_count; /* without slot 0 */
	uint32_t damaged_count;
	bool is_new;
	bool is_failed; /* a write failed: what the file says is uncertain */
};

static void slot_encode(uint32_t number, struct hf_span origin,
			const struct hf_record_tree *tree,
			uint8_t slot[static HF_RECORD_SLOT_BYTES])
{
	memset(slot, 0, HF_RECORD_SLOT_BYTES);
	memcpy(slot + AT_MAGIC, magic, sizeof(magic));
	hf_be64_put(slot + AT_NUMBER, number);
	hf_be64_put(slot + AT_SIZE, tree->size);
	hf_be64_put(slot + AT_TIME, tree->time_s);
	memcpy(slot + AT_ROOT, tree->root.bytes, HF_HASH_BYTES);
	hf_be16_put(slot + AT_ORIGIN_LEN, (uint16_t)origin.len_bytes);
	if (origin.len_bytes > 0)
		memcpy(slot + AT_ORIGIN, origin.at, origin.len_bytes);
	hf_sha256(slot, AT_CHECK, slot + AT_CHECK);
}

/* Slot 0 has no origin, all others have one. */
static bool slot_parse(const uint8_t slot[static HF_RECORD_SLOT_BYTES],
		       uint32_t number, struct entry *out_entry)
{
	uint8_t check[HF_SHA256_BYTES];
	size_t len_bytes = hf_be16(slot + AT_ORIGIN_LEN);

	hf_sha256(slot, AT_CHECK, check);
	if (memcmp(check, slot + AT_CHECK, sizeof(check)) != 0 ||
	    memcmp(slot, magic, sizeof(magic)) != 0 ||
	    hf_be64(slot + AT_NUMBER) != number ||
	    len_bytes > HF_ORIGIN_MAX_BYTES)
		return false;
	if (number == 0
		    ? len_bytes != 0
		    : !hf_text_is_origin(hf_span(slot + AT_ORIGIN, len_bytes)))
		return false;
	out_entry->slot = number;
	out_entry->tree.size = hf_be64(slot + AT_SIZE);
	out_entry->tree.time_s = hf_be64(slot + AT_TIME);
	memcpy(out_entry->tree.root.bytes, slot + AT_ROOT, HF_HASH_BYTES);
	out_entry->origin_len_bytes = len_bytes;
	memcpy(out_entry->origin, slot + AT_ORIGIN, len_bytes);
	return true;
}

static int compare(struct hf_span a, struct hf_span b)
{
	size_t least = a.len_bytes < b.len_bytes ? a.len_bytes : b.len_bytes;
	int order = memcmp(a.at, b.at, least);

	if (order != 0)
		return order;
	return (a.len_bytes > b.len_bytes) - (a.len_bytes < b.len_bytes);
}

/* Where origin is, or where it would go. */
static size_t find(const struct hf_record *record, struct hf_span origin,
		   struct entry **out_entry)
{
	size_t low = 0, high = record->entries_count;

	*out_entry = NULL;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		struct entry *entry = record->entries[middle];
		int order =
			compare(hf_span(entry->origin, entry->origin_len_bytes),
				origin);

		if (order == 0) {
			*out_entry = entry;
			return middle;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Takes a copy of entry. */
static enum hf_err insert(struct hf_record *record, const struct entry *entry,
			  struct hf_why *why)
{
	struct entry *there, *copy;
	size_t at;

	at = find(record, hf_span(entry->origin, entry->origin_len_bytes),
		  &there);
	if (there != NULL)
		return hf_why(why, HF_E_EXISTS, "signer: '%s': an origin twice",
			      record->path);
	if (record->entries_count == record->entries_size) {
		size_t size = record->entries_size * 2 + 16;
		struct entry **grown = realloc(record->entries,
					       size * sizeof(*record->entries));

		if (grown == NULL)
			return hf_why(why, HF_E_NOMEM, "signer: no memory");
		record->entries = grown;
		record->entries_size = size;
	}
	copy = malloc(sizeof(*copy));
	if (copy == NULL)
		return hf_why(why, HF_E_NOMEM, "signer: no memory");
	*copy = *entry;
	memmove(record->entries + at + 1, record->entries + at,
		(record->entries_count - at) * sizeof(*record->entries));
	record->entries[at] = copy;
	record->entries_count++;
	return HF_OK;
}

static void forget(struct hf_record *record, struct hf_span origin)
{
	struct entry *entry;
	size_t at = find(record, origin, &entry);

	if (entry == NULL)
		return;
	free(entry);
	record->entries_count--;
	memmove(record->entries + at, record->entries + at + 1,
		(record->entries_count - at) * sizeof(*record->entries));
}

static off_t slot_offset(uint32_t number)
{
	return (off_t)number * HF_RECORD_SLOT_BYTES;
}

/* Does slot number still hold what it held before a write that failed? */
static bool is_unchanged(const struct hf_record *record, uint32_t number,
			 const uint8_t before[static HF_RECORD_SLOT_BYTES])
{
	uint8_t now[HF_RECORD_SLOT_BYTES];

	/* Not counted yet: nobody relies on it. */
	if (number > record->slots_count)
		return true;
	return pread(record->fd, now, sizeof(now), slot_offset(number)) ==
		       sizeof(now) &&
	       memcmp(now, before, sizeof(now)) == 0;
}

/* Write one slot.  A write that was refused and changed nothing (a full disk)
 * may be tried again. */
static enum hf_err slot_put(struct hf_record *record, uint32_t number,
			    struct hf_span origin,
			    const struct hf_record_tree *before,
			    const struct hf_record_tree *tree,
			    struct hf_why *why)
{
	uint8_t slot[HF_RECORD_SLOT_BYTES];
	ssize_t put;
	enum hf_err err;

	slot_encode(number, origin, tree, slot);
	do {
		put = pwrite(record->fd, slot, sizeof(slot),
			     slot_offset(number));
	} while (put < 0 && errno == EINTR);
	if (put != sizeof(slot)) {
		if (put >= 0)
			errno = ENOSPC;
		err = hf_why_errno(why, "signer: write '%s'", record->path);
		slot_encode(number, origin, before, slot);
		record->is_failed = !is_unchanged(record, number, slot);
		return err;
	}
	return HF_OK;
}

/* Wait for the disk.  After a failed sync nobody can tell what is there, not
 * even by reading it back. */
static enum hf_err slots_sync(struct hf_record *record, struct hf_why *why)
{
	if (fdatasync(record->fd) != 0) {
		record->is_failed = true;
		return hf_why_errno(why, "signer: sync '%s'", record->path);
	}
	return HF_OK;
}

static enum hf_err slot_write(struct hf_record *record, uint32_t number,
			      struct hf_span origin,
			      const struct hf_record_tree *before,
			      const struct hf_record_tree *tree,
			      struct hf_why *why)
{
	enum hf_err err = slot_put(record, number, origin, before, tree, why);

	return err == HF_OK ? slots_sync(record, why) : err;
}

static enum hf_err write_count(struct hf_record *record, uint32_t count,
			       struct hf_why *why)
{
	const struct hf_record_tree before = { .size = record->slots_count };
	const struct hf_record_tree after = { .size = count };

	return slot_write(record, 0, hf_span(NULL, 0), &before, &after, why);
}

static enum hf_err lock_dir(const char *dir, unsigned wait_ms, int *out_fd,
			    struct hf_why *why)
{
	const struct timespec gap = { 0, LOCK_GAP_MS * 1000000L };
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return hf_why_errno(why, "signer: open record '%s'", dir);
	while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		if (errno != EWOULDBLOCK && errno != EINTR) {
			(void)hf_why_errno(why, "signer: lock record '%s'",
					   dir);
			close(fd);
			return HF_E_SYSTEM;
		}
		if (wait_ms < LOCK_GAP_MS) {
			close(fd);
			return hf_why(why, HF_E_EXISTS,
				      "signer: record '%s' is in use by "
				      "another signer",
				      dir);
		}
		wait_ms -= LOCK_GAP_MS;
		nanosleep(&gap, NULL);
	}
	*out_fd = fd;
	return HF_OK;
}

/* A first record: whole or not at all. */
static enum hf_err create(struct hf_record *record, struct hf_why *why)
{
	const struct hf_record_tree none = { .size = 0 };
	uint8_t slot[HF_RECORD_SLOT_BYTES];

	slot_encode(0, hf_span(NULL, 0), &none, slot);
	record->is_new = true;
	return hf_file_replace(record->path, hf_span(slot, sizeof(slot)), 0600,
			       why);
}

static enum hf_err open_file(struct hf_record *record, struct hf_why *why)
{
	const int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW;
	enum hf_err err;

	record->fd = open(record->path, flags);
	if (record->fd < 0 && errno == ENOENT) {
		err = create(record, why);
		if (err != HF_OK)
			return err;
		record->fd = open(record->path, flags);
	}
	if (record->fd < 0)
		return hf_why_errno(why, "signer: open '%s'", record->path);
	return HF_OK;
}

static enum hf_err read_slot(struct hf_record *record, uint32_t number,
			     uint8_t slot[static HF_RECORD_SLOT_BYTES],
			     bool *out_is_whole, struct hf_why *why)
{
	ssize_t got;

	do {
		got = pread(record->fd, slot, HF_RECORD_SLOT_BYTES,
			    slot_offset(number));
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return hf_why_errno(why, "signer: read '%s'", record->path);
	*out_is_whole = got == HF_RECORD_SLOT_BYTES;
	return HF_OK;
}

/* How many slots to read: what slot 0 says or, when it is damaged, all that
 * the file has.  A slot behind the count was never counted, so nothing was
 * signed for it: the next origin overwrites it. */
static enum hf_err read_count(struct hf_record *record, struct hf_why *why)
{
	uint8_t slot[HF_RECORD_SLOT_BYTES];
	struct entry entry;
	struct stat st;
	bool is_whole;
	enum hf_err err = read_slot(record, 0, slot, &is_whole, why);

	if (err != HF_OK)
		return err;
	if (is_whole && slot_parse(slot, 0, &entry) &&
	    entry.tree.size <= HF_RECORD_ORIGINS_MAX) {
		record->slots_count = (uint32_t)entry.tree.size;
		return HF_OK;
	}
	record->damaged_count++;
	if (fstat(record->fd, &st) != 0)
		return hf_why_errno(why, "signer: look at '%s'", record->path);
	if (st.st_size / HF_RECORD_SLOT_BYTES > HF_RECORD_ORIGINS_MAX)
		record->slots_count = HF_RECORD_ORIGINS_MAX;
	else if (st.st_size > HF_RECORD_SLOT_BYTES)
		record->slots_count =
			(uint32_t)(st.st_size / HF_RECORD_SLOT_BYTES - 1);
	return HF_OK;
}

static enum hf_err read_slots(struct hf_record *record, struct hf_why *why)
{
	enum hf_err err = read_count(record, why);

	for (uint32_t i = 1; err == HF_OK && i <= record->slots_count; i++) {
		uint8_t slot[HF_RECORD_SLOT_BYTES];
		struct entry entry;
		bool is_whole;

		err = read_slot(record, i, slot, &is_whole, why);
		if (err != HF_OK)
			break;
		if (!is_whole || !slot_parse(slot, i, &entry)) {
			record->damaged_count++;
			continue;
		}
		err = insert(record, &entry, why);
		if (err == HF_E_EXISTS) {
			/* Which of the two is right?  Believe neither. */
			record->damaged_count++;
			err = HF_OK;
		}
	}
	return err;
}

enum hf_err hf_record_open(const char *dir, unsigned wait_ms,
			   struct hf_record **out_record, struct hf_why *why)
{
	char path[PATH_MAX];
	struct hf_record *record;
	enum hf_err err =
		hf_file_join(path, sizeof(path), dir, HF_RECORD_FILE_NAME, why);

	if (err == HF_OK)
		err = hf_file_mkdirs(dir, 0700, why);
	if (err != HF_OK)
		return err;
	record = calloc(1, sizeof(*record));
	if (record == NULL)
		return hf_why(why, HF_E_NOMEM, "signer: no memory");
	record->fd = -1;
	record->dir_fd = -1;
	record->path = strdup(path);
	err = record->path != NULL
		      ? HF_OK
		      : hf_why(why, HF_E_NOMEM, "signer: no memory");
	if (err == HF_OK)
		err = lock_dir(dir, wait_ms, &record->dir_fd, why);
	if (err == HF_OK)
		err = open_file(record, why);
	if (err == HF_OK)
		err = read_slots(record, why);
	if (err != HF_OK) {
		hf_record_close(record);
		return err;
	}
	*out_record = record;
	return HF_OK;
}

void hf_record_close(struct hf_record *record)
{
	if (record == NULL)
		return;
	for (size_t i = 0; i < record->entries_count; i++)
		free(record->entries[i]);
	free(record->entries);
	if (record->fd >= 0)
		close(record->fd);
	if (record->dir_fd >= 0)
		close(record->dir_fd);
	free(record->path);
	free(record);
}

struct hf_record_state hf_record_state(const struct hf_record *record)
{
	return (struct hf_record_state){
		.origins_count = (uint32_t)record->entries_count,
		.damaged_count = record->damaged_count,
		.is_new = record->is_new,
	};
}

/* The whole file again, as it has been signed, beside the one of which nobody
 * can tell what it says: a write that failed was of something that was not. */
static enum hf_err write_anew(struct hf_record *record, struct hf_why *why)
{
	const struct hf_record_tree count = { .size = record->slots_count };
	size_t size = ((size_t)record->slots_count + 1) * HF_RECORD_SLOT_BYTES;
	uint8_t *slots = calloc(1, size);
	enum hf_err err;
	int fd;

	if (slots == NULL)
		return hf_why(why, HF_E_NOMEM, "signer: no memory");
	slot_encode(0, hf_span(NULL, 0), &count, slots);
	for (size_t i = 0; i < record->entries_count; i++) {
		const struct entry *entry = record->entries[i];

		slot_encode(entry->slot,
			    hf_span(entry->origin, entry->origin_len_bytes),
			    &entry->tree, slots + slot_offset(entry->slot));
	}
	err = hf_file_replace(record->path, hf_span(slots, size), 0600, why);
	free(slots);
	if (err != HF_OK)
		return err;
	fd = open(record->path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return hf_why_errno(why, "signer: open '%s'", record->path);
	close(record->fd);
	record->fd = fd;
	record->is_failed = false;
	return HF_OK;
}

static enum hf_err make_usable(struct hf_record *record, bool is_known,
			       struct hf_why *why)
{
	if (record->is_failed && record->damaged_count > 0)
		return hf_why(why, HF_E_SYSTEM,
			      "signer: a write to '%s' failed, which was "
			      "damaged before, so what it says is uncertain; "
			      "restart the signer",
			      record->path);
	if (!is_known && record->damaged_count > 0)
		return hf_why(why, HF_E_CORRUPT,
			      "signer: '%s' is damaged and may have lost what "
			      "was signed for this origin",
			      record->path);
	return record->is_failed ? write_anew(record, why) : HF_OK;
}

enum hf_err hf_record_get(struct hf_record *record, struct hf_span origin,
			  struct hf_record_tree *out_tree, struct hf_why *why)
{
	struct entry *entry;
	enum hf_err err;

	(void)find(record, origin, &entry);
	err = make_usable(record, entry != NULL, why);
	if (err != HF_OK)
		return err;
	if (entry == NULL)
		return hf_why(why, HF_E_NOTFOUND,
			      "signer: nothing was signed for this origin");
	*out_tree = entry->tree;
	return HF_OK;
}

/* The slot first, then the count that makes it one: a crash between the two
 * leaves a slot that was never signed for. */
static enum hf_err put_new(struct hf_record *record, struct hf_span origin,
			   const struct hf_record_tree *tree,
			   struct hf_why *why)
{
	struct entry entry = { .slot = record->slots_count + 1,
			       .tree = *tree,
			       .origin_len_bytes = origin.len_bytes };
	enum hf_err err;

	if (record->slots_count == HF_RECORD_ORIGINS_MAX)
		return hf_why(why, HF_E_LIMIT,
			      "signer: already signs for %d origins",
			      HF_RECORD_ORIGINS_MAX);
	if (!hf_text_is_origin(origin))
		return hf_why(why, HF_E_ARGUMENT, "signer: not an origin");
	memcpy(entry.origin, origin.at, origin.len_bytes);
	/* In memory first: once it is on disk, nothing may fail. */
	err = insert(record, &entry, why);
	if (err != HF_OK)
		return err;
	err = slot_write(record, entry.slot, origin, tree, tree, why);
	if (err == HF_OK)
		err = write_count(record, entry.slot, why);
	if (err != HF_OK) {
		forget(record, origin);
		return err;
	}
	record->slots_count = entry.slot;
	return HF_OK;
}

enum hf_err hf_record_put(struct hf_record *record, struct hf_span origin,
			  const struct hf_record_tree *tree, struct hf_why *why)
{
	struct entry *entry;
	enum hf_err err;

	(void)find(record, origin, &entry);
	err = make_usable(record, entry != NULL, why);
	if (err != HF_OK)
		return err;
	if (entry == NULL)
		return put_new(record, origin, tree, why);
	err = slot_write(record, entry->slot, origin, &entry->tree, tree, why);
	if (err == HF_OK)
		entry->tree = *tree;
	return err;
}

enum hf_err hf_record_put_known(struct hf_record *record,
				const struct hf_record_change *changes,
				size_t count, struct hf_why *why)
{
	struct entry *entry;
	enum hf_err err = HF_OK;

	for (size_t i = 0; i < count && err == HF_OK; i++) {
		(void)find(record, changes[i].origin, &entry);
		err = make_usable(record, entry != NULL, why);
		if (err == HF_OK && entry == NULL)
			err = hf_why(why, HF_E_NOTFOUND,
				     "signer: nothing was signed for this "
				     "origin");
	}
	for (size_t i = 0; i < count && err == HF_OK; i++) {
		(void)find(record, changes[i].origin, &entry);
		err = slot_put(record, entry->slot, changes[i].origin,
			       &entry->tree, &changes[i].tree, why);
		/* Those before it are written, and not signed. */
		if (err != HF_OK && i > 0)
			record->is_failed = true;
	}
	if (err == HF_OK)
		err = slots_sync(record, why);
	for (size_t i = 0; i < count && err == HF_OK; i++) {
		(void)find(record, changes[i].origin, &entry);
		entry->tree = changes[i].tree;
	}
	return err;
}
