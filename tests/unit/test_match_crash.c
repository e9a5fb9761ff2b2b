/*
 * The process dies, or the disk refuses, at every single thing that the index
 * asks of its files while it seals, merges and swaps: afterwards it opens, and
 * has what its position says, all that was synced, and nothing that was
 * removed.
 *
 * Each fault is tried at the first call, the second, and so on, each in a
 * process of its own, until one gets through without meeting it.
 */
#include "match_model.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define ENTRIES      24
#define SYNCED_BY    8 /* entries to a sync */
#define COMPACTED_BY 12
#define FD_MAX       256

enum fault {
	DIES,    /* half of what was not synced is gone, at every other call */
	REFUSES, /* no space, or an input/output error, in turn */
	WRITES_HALF,
	FAULTS,
};

static const char *const fault_names[FAULTS] = {
	"dies",
	"refuses",
	"writes half",
};

enum site { OPEN, CLOSE, WRITE, PWRITE, FSYNC, RENAME, UNLINK, RESERVE, SITES };

static const char *const site_names[SITES] = {
	"open",  "close",  "write",  "pwrite",
	"fsync", "rename", "unlink", "posix_fallocate",
};

/* What parent and child both see. */
struct shared {
	atomic_uint calls;
	atomic_bool is_met;
	atomic_uint site; /* where it was met */
	atomic_uint_fast64_t synced;
};

static struct shared *shared;
static enum fault fault;
static unsigned fault_at; /* 0: not in this process */
static atomic_bool is_dead;
static atomic_bool is_dirty[FD_MAX];

/* A process that died does nothing more. */
static void lose_and_die(void)
{
	for (int fd = 0; fault_at % 2 == 1 && fd < FD_MAX; fd++) {
		struct stat about;

		if (!atomic_load(&is_dirty[fd]) || fstat(fd, &about) != 0)
			continue;
		if (ftruncate(fd, about.st_size / 2) != 0)
			_exit(3);
	}
	_exit(0);
}

/* Whether this call is the one. */
static bool meets(enum site site)
{
	if (fault_at == 0 ||
	    (fault == WRITES_HALF && site != WRITE && site != PWRITE))
		return false;
	while (atomic_load(&is_dead))
		pause();
	if (atomic_fetch_add(&shared->calls, 1) + 1 != fault_at)
		return false;
	atomic_store(&shared->site, site);
	atomic_store(&shared->is_met, true);
	if (fault == DIES) {
		atomic_store(&is_dead, true);
		lose_and_die();
	}
	errno = fault_at % 2 == 1 ? ENOSPC : EIO;
	return true;
}

int __real_open(const char *path, int flags, ...);
int __real_close(int fd);
ssize_t __real_write(int fd, const void *bytes, size_t len_bytes);
ssize_t __real_pwrite(int fd, const void *bytes, size_t len_bytes, off_t at);
int __real_fsync(int fd);
int __real_rename(const char *from, const char *to);
int __real_unlink(const char *path);
int __real_unlinkat(int fd, const char *path, int flags);
int __real_posix_fallocate(int fd, off_t at, off_t len_bytes);

int __wrap_open(const char *path, int flags, ...);
int __wrap_close(int fd);
ssize_t __wrap_write(int fd, const void *bytes, size_t len_bytes);
ssize_t __wrap_pwrite(int fd, const void *bytes, size_t len_bytes, off_t at);
int __wrap_fsync(int fd);
int __wrap_rename(const char *from, const char *to);
int __wrap_unlink(const char *path);
int __wrap_unlinkat(int fd, const char *path, int flags);
int __wrap_posix_fallocate(int fd, off_t at, off_t len_bytes);

static void note_dirty(int fd, bool is_it)
{
	if (fd >= 0 && fd < FD_MAX)
		atomic_store(&is_dirty[fd], is_it);
}

int __wrap_open(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list args;

	if ((flags & O_CREAT) != 0) {
		va_start(args, flags);
		mode = va_arg(args, mode_t);
		va_end(args);
	}
	return meets(OPEN) ? -1 : __real_open(path, flags, mode);
}

/* The descriptor is gone either way.  What was never synced stays to be
 * lost. */
int __wrap_close(int fd)
{
	bool is_it = meets(CLOSE);
	int kept = fd >= 0 && fd < FD_MAX && atomic_load(&is_dirty[fd])
			   ? dup(fd)
			   : -1;

	note_dirty(kept, true);
	note_dirty(fd, false);
	if (__real_close(fd) != 0)
		return -1;
	errno = EIO;
	return is_it ? -1 : 0;
}

ssize_t __wrap_write(int fd, const void *bytes, size_t len_bytes)
{
	bool is_it = meets(WRITE);

	if (is_it && fault != WRITES_HALF)
		return -1;
	note_dirty(fd, true);
	return __real_write(fd, bytes, is_it ? (len_bytes + 1) / 2 : len_bytes);
}

ssize_t __wrap_pwrite(int fd, const void *bytes, size_t len_bytes, off_t at)
{
	bool is_it = meets(PWRITE);

	if (is_it && fault != WRITES_HALF)
		return -1;
	note_dirty(fd, true);
	return __real_pwrite(fd, bytes, is_it ? (len_bytes + 1) / 2 : len_bytes,
			     at);
}

int __wrap_fsync(int fd)
{
	if (meets(FSYNC))
		return -1;
	if (__real_fsync(fd) != 0)
		return -1;
	note_dirty(fd, false);
	return 0;
}

int __wrap_rename(const char *from, const char *to)
{
	return meets(RENAME) ? -1 : __real_rename(from, to);
}

int __wrap_unlink(const char *path)
{
	return meets(UNLINK) ? -1 : __real_unlink(path);
}

int __wrap_unlinkat(int fd, const char *path, int flags)
{
	return meets(UNLINK) ? -1 : __real_unlinkat(fd, path, flags);
}

int __wrap_posix_fallocate(int fd, off_t at, off_t len_bytes)
{
	return meets(RESERVE) ? errno
			      : __real_posix_fallocate(fd, at, len_bytes);
}

/*
 * The work: an entry has a PDQ and a SHA-256, and the third of every five is
 * removed once the last of them was fed.
 */
static const uint8_t kinds[] = { HF_ALGORITHM_PDQ, HF_ALGORITHM_SHA256 };

static void digest_of(uint64_t entry, unsigned kind, uint8_t digest[32])
{
	uint64_t word = (2 * entry + kind + 1) * 0x9e3779b97f4a7c15u;

	for (int i = 0; i < 4; i++) {
		memcpy(digest + 8 * i, &word, 8);
		word = (word ^ word >> 29) * 0xff51afd7ed558ccdu;
	}
}

static enum hf_err feed(struct hf_index *index, uint64_t entry)
{
	enum hf_err err = HF_OK;

	for (unsigned k = 0; err == HF_OK && k < ROWS(kinds); k++) {
		uint8_t digest[32];
		const struct hf_index_hash hash = {
			.set = 1,
			.entry = entry,
			.algorithm = kinds[k],
			.content_class = HF_CLASS_NCII,
			.quality = 80,
			.digest = digest,
		};

		digest_of(entry, k, digest);
		err = hf_index_add(index, &hash, 1, NULL);
	}
	if (err == HF_OK && entry % 5 == 4)
		err = hf_index_remove(index, 1, entry - 2, NULL);
	if (err == HF_OK)
		err = hf_index_advance(index, 1, entry + 1, NULL);
	return err;
}

/* The same entry, so often that it is a bulk. */
static enum hf_err feed_in_bulk(struct hf_index *index, uint64_t entry)
{
	static struct hf_index_hash hashes[HF_INDEX_BULK_MIN];
	uint8_t digests[ROWS(kinds)][32];

	for (unsigned k = 0; k < ROWS(kinds); k++)
		digest_of(entry, k, digests[k]);
	for (size_t i = 0; i < ROWS(hashes); i++)
		hashes[i] = (struct hf_index_hash){
			.set = 1,
			.entry = entry,
			.algorithm = kinds[i % ROWS(kinds)],
			.content_class = HF_CLASS_NCII,
			.quality = 80,
			.digest = digests[i % ROWS(kinds)],
		};
	return hf_index_add(index, hashes, ROWS(hashes), NULL);
}

/* What a disk refuses once it does not refuse for ever: each call is tried
 * again, as the daemon does. */
#define TRY(call)                                                              \
	do {                                                                   \
		if ((call) != HF_OK && (call) != HF_OK)                        \
			_exit(2);                                              \
	} while (0)

static void work(const char *dir)
{
	struct hf_index *index = NULL;

	TRY(hf_index_open(dir, &index, NULL));
	for (uint64_t entry = hf_index_position(index, 1); entry < ENTRIES;
	     entry++) {
		if (entry == ENTRIES / 2)
			TRY(feed_in_bulk(index, entry));
		TRY(feed(index, entry));
		if (entry % SYNCED_BY == SYNCED_BY - 1) {
			TRY(hf_index_sync(index, NULL));
			atomic_store(&shared->synced, entry + 1);
		}
		if (entry % COMPACTED_BY == COMPACTED_BY - 1)
			TRY(hf_index_compact(index, NULL));
	}
	hf_index_close(index);
}

static void check_entries(struct hf_index *index, uint64_t count,
			  const char *what)
{
	for (uint64_t entry = 0; entry < count; entry++) {
		bool is_gone = entry % 5 == 2 && entry + 2 < count;

		for (unsigned k = 0; k < ROWS(kinds); k++) {
			struct hf_index_view *view = NULL;
			struct hf_why why = { "" };
			uint8_t digest[32];
			struct hf_index_query query = { kinds[k], digest };

			digest_of(entry, k, digest);
			got.count = 0;
			assert_ok(hf_index_view_begin(index, &view, &why),
				  &why);
			assert_ok(hf_index_lookup_exact(view, &query, 1, &sink,
							&why),
				  &why);
			hf_index_view_end(view);
			if (got.count != !is_gone)
				fail_msg("%s: entry %lu has %zu hits", what,
					 (unsigned long)entry, got.count);
		}
	}
}

static size_t files_count(const char *path)
{
	DIR *dir = opendir(path);
	size_t count = 0;

	while (dir != NULL && readdir(dir) != NULL)
		count++;
	if (dir != NULL)
		closedir(dir);
	return count;
}

/* After the fault: it opens, and goes on. */
static void check_what_is_left(struct place *place, const char *what)
{
	struct hf_why why = { "" };
	uint64_t position;

	open_index(place);
	position = hf_index_position(place->index, 1);
	if (position < atomic_load(&shared->synced) || position > ENTRIES)
		fail_msg("%s: position %lu, synced %lu", what,
			 (unsigned long)position,
			 (unsigned long)atomic_load(&shared->synced));
	check_entries(place->index, position, what);
	for (uint64_t entry = position; entry < ENTRIES; entry++)
		assert_ok(feed(place->index, entry), &why);
	check_entries(place->index, ENTRIES, what);
	assert_ok(hf_index_compact(place->index, &why), &why);
	check_entries(place->index, ENTRIES, what);
	close_index(place);
	/* ".", "..", lock, live, manifest, and one marks, table, memory and
	 * segment: nothing else is left. */
	assert_int_equal(files_count(place->dir), 9);
	remove_files(place->dir);
}

/* False when the work was done before the fault was met. */
static bool try_fault(struct place *place, enum fault which, unsigned at,
		      unsigned *met)
{
	char what[128];
	pid_t child;
	int status;

	memset(shared, 0, sizeof(*shared));
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		fault = which;
		fault_at = at;
		work(place->dir);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	snprintf(what, sizeof(what), "%s at call %u, %s", fault_names[which],
		 at, site_names[atomic_load(&shared->site)]);
	if (status != 0)
		fail_msg("%s: the process ended with %#x", what, status);
	if (atomic_load(&shared->is_met))
		met[atomic_load(&shared->site)]++;
	check_what_is_left(place, what);
	return atomic_load(&shared->calls) >= at;
}

/* Nothing is asked of a disk: what counts is what would have been. */
static int begin_in_memory(void **state)
{
	struct place *place;

	if (begin_place(state) != 0)
		return -1;
	place = *state;
	rmdir(place->dir);
	strcpy(place->dir, "/dev/shm/hf-match-XXXXXX");
	if (mkdtemp(place->dir) != NULL)
		return 0;
	strcpy(place->dir, "/tmp/hf-match-XXXXXX");
	return mkdtemp(place->dir) != NULL ? 0 : -1;
}

static void any_fault_leaves_an_index_that_goes_on(void **state)
{
	struct place *place = *state;

	/* There it is memory that fails, and every call of these waits. */
	if (getenv("HF_FAIL_ALLOC") != NULL)
		return;
	for (enum fault which = 0; which < FAULTS; which++) {
		unsigned met[SITES] = { 0 }, at = 1;

		while (try_fault(place, which, at, met))
			at++;
		print_message("%s:", fault_names[which]);
		for (enum site site = 0; site < SITES; site++)
			print_message(" %s %u", site_names[site], met[site]);
		print_message("\n");
		/* Sealing, merging and swapping all came by. */
		assert_true(met[PWRITE] >= 10);
		assert_true(which == WRITES_HALF || met[RENAME] >= 8);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			any_fault_leaves_an_index_that_goes_on, begin_in_memory,
			end_place),
	};

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
