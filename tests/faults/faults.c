/*
 * faults.c -- make a chosen call that changes files fail, or lie.
 *
 * Preloaded into the daemon, which passes it on to the signer it starts.  It
 * stands in front of every call by which they write, sync, rename, remove or
 * make files below HASHFED_FAULT_DIR, and numbers the sites these calls come
 * from: the call, the kind of file, and who called whom.  A test maps the same
 * file (HASHFED_FAULT_FILE), reads what sites there are, arms one with a fault
 * and a count, and sees whether it was met.
 */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* faults.py has the same numbers. */
enum fault { NONE, IO_ERROR, NO_SPACE, SHORT, DEATH, LIE };

#define SITES_MAX  1000
#define NAME_BYTES 56

/* Callers above ours that make a site, and the frames of this file. */
#define DEPTH 5
#define OWN   2

struct site {
	_Atomic uint32_t key; /* 0: not taken */
	_Atomic uint32_t hits;
	char name[NAME_BYTES];
};

/* The file; native byte order. */
struct page {
	_Atomic uint32_t armed; /* a site's number, from 1 */
	_Atomic uint32_t fault;
	_Atomic uint32_t countdown;
	_Atomic uint32_t struck; /* the fault, set before it happens */
	_Atomic uint32_t count;  /* sites */
	uint32_t unused[11];
	struct site sites[SITES_MAX];
};

static struct page *page;
static const char *dir;
static size_t dir_len;
static bool is_signer;

static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_writev)(int, const struct iovec *, int);
static ssize_t (*real_pwritev)(int, const struct iovec *, int, off_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_msync)(void *, size_t, int);
static int (*real_rename)(const char *, const char *);
static int (*real_renameat)(int, const char *, int, const char *);
static int (*real_unlink)(const char *);
static int (*real_unlinkat)(int, const char *, int);
static int (*real_ftruncate)(int, off_t);
static int (*real_posix_fallocate)(int, off_t, off_t);
static int (*real_open)(const char *, int, ...);
static int (*real_openat)(int, const char *, int, ...);

/* A call of libc that is behind ours.  POSIX has dlsym() return functions as
 * objects; ISO C does not convert between them. */
static void find(const char *name, void *out_call)
{
	void *call = dlsym(RTLD_NEXT, name);

	if (call == NULL)
		abort();
	memcpy(out_call, &call, sizeof(call));
}

static void find_all(void)
{
	find("write", &real_write);
	find("pwrite", &real_pwrite);
	find("writev", &real_writev);
	find("pwritev", &real_pwritev);
	find("fsync", &real_fsync);
	find("fdatasync", &real_fdatasync);
	find("msync", &real_msync);
	find("rename", &real_rename);
	find("renameat", &real_renameat);
	find("unlink", &real_unlink);
	find("unlinkat", &real_unlinkat);
	find("ftruncate", &real_ftruncate);
	find("posix_fallocate", &real_posix_fallocate);
	find("open", &real_open);
	find("openat", &real_openat);
}

__attribute__((constructor)) static void start(void)
{
	const char *path = getenv("HASHFED_FAULT_FILE");
	const char *name = program_invocation_short_name;
	void *frames[1];
	void *map;
	int fd;

	find_all();
	dir = getenv("HASHFED_FAULT_DIR");
	is_signer = strcmp(name, "hashfed-signer") == 0;
	if (path == NULL || dir == NULL ||
	    (!is_signer && strcmp(name, "hashfedd") != 0))
		return;
	dir_len = strlen(dir);
	/* Its first call loads a library. */
	(void)backtrace(frames, 1);
	fd = real_open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		abort();
	map = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		   0);
	if (map == MAP_FAILED)
		abort();
	close(fd);
	page = map;
}

/*
 * Sites.
 */

/* A file's path without what differs between files of a kind: of a name the
 * part up to the first digit, or hyphen before one. */
static void put_kind(const char *path, char out[NAME_BYTES])
{
	const char *name = strrchr(path, '/');
	size_t len;

	name = name == NULL ? path : name + 1;
	/* A store's file has the same name in each. */
	if (strcmp(name, "data.mdb") == 0 && name - path > 1) {
		const char *parent = name - 1;

		while (parent > path && parent[-1] != '/')
			parent--;
		snprintf(out, NAME_BYTES, "%.20s",
			 *parent == '/' ? name : parent);
		return;
	}
	len = strcspn(name, "0123456789");
	snprintf(out, NAME_BYTES, "%.*s", (int)(len < 20 ? len : 20), name);
}

static uint32_t mix(uint32_t hash, const void *at, size_t len)
{
	const uint8_t *bytes = at;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ bytes[i]) * 16777619u;
	return hash;
}

/* The callers, by their places in their modules: the same in every run. */
__attribute__((noinline)) static uint32_t mix_callers(uint32_t hash)
{
	void *frames[OWN + DEPTH];
	int count = backtrace(frames, OWN + DEPTH);

	for (int i = OWN; i < count; i++) {
		Dl_info info;
		uintptr_t at = (uintptr_t)frames[i];

		if (dladdr(frames[i], &info) != 0)
			at -= (uintptr_t)info.dli_fbase;
		hash = mix(hash, &at, sizeof(at));
	}
	return hash;
}

/* The number of a site, from 1; 0 when there are too many. */
static uint32_t number_of(uint32_t key, const char *call, const char *kind)
{
	for (uint32_t i = 0; i < SITES_MAX; i++) {
		struct site *site = &page->sites[i];
		uint32_t held = 0;

		if (atomic_compare_exchange_strong(&site->key, &held, key)) {
			snprintf(site->name, sizeof(site->name), "%s %s %s",
				 is_signer ? "signer" : "daemon", call, kind);
			atomic_fetch_add(&page->count, 1);
			held = key;
		}
		if (held == key) {
			atomic_fetch_add(&site->hits, 1);
			return i + 1;
		}
	}
	return 0;
}

/* The fault that happens to this call, mostly none. */
__attribute__((noinline)) static enum fault meet(const char *call,
						 const char *path)
{
	char kind[NAME_BYTES];
	uint32_t key = 2166136261u, number;
	enum fault fault;

	if (page == NULL || strncmp(path, dir, dir_len) != 0)
		return NONE;
	put_kind(path, kind);
	key = mix(key, call, strlen(call));
	key = mix(key, kind, strlen(kind));
	key = mix(key, &is_signer, sizeof(is_signer));
	number = number_of(mix_callers(key) | 1, call, kind);
	if (number == 0 || atomic_load(&page->armed) != number ||
	    atomic_fetch_sub(&page->countdown, 1) != 1)
		return NONE;
	fault = (enum fault)atomic_load(&page->fault);
	atomic_store(&page->struck, fault);
	if (fault == DEATH)
		kill(getpid(), SIGKILL);
	errno = fault == NO_SPACE ? ENOSPC : EIO;
	return fault;
}

/* The same for a file that is open. */
__attribute__((always_inline)) static inline enum fault
meet_open(const char *call, int fd)
{
	char link[32], path[4096];
	ssize_t len;

	if (page == NULL)
		return NONE;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, sizeof(path) - 1);
	path[len < 0 ? 0 : len] = 0;
	return meet(call, path);
}

static bool fails(enum fault fault)
{
	return fault == IO_ERROR || fault == NO_SPACE;
}

/*
 * The calls.
 */
ssize_t write(int fd, const void *at, size_t len)
{
	enum fault fault = meet_open("write", fd);

	if (fails(fault))
		return -1;
	if (fault == LIE)
		return (ssize_t)len;
	return real_write(fd, at, fault == SHORT ? (len + 1) / 2 : len);
}

ssize_t pwrite(int fd, const void *at, size_t len, off_t offset)
{
	enum fault fault = meet_open("pwrite", fd);

	if (fails(fault))
		return -1;
	if (fault == LIE)
		return (ssize_t)len;
	return real_pwrite(fd, at, fault == SHORT ? (len + 1) / 2 : len,
			   offset);
}

ssize_t pwrite64(int fd, const void *at, size_t len, off_t offset)
	__attribute__((alias("pwrite")));

static ssize_t sum(const struct iovec *parts, int count)
{
	size_t len = 0;

	for (int i = 0; i < count; i++)
		len += parts[i].iov_len;
	return (ssize_t)len;
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
	enum fault fault = meet_open("writev", fd);

	if (fails(fault))
		return -1;
	if (fault == LIE)
		return sum(parts, count);
	if (fault == SHORT)
		return real_write(fd, parts[0].iov_base,
				  (parts[0].iov_len + 1) / 2);
	return real_writev(fd, parts, count);
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset)
{
	enum fault fault = meet_open("pwritev", fd);

	if (fails(fault))
		return -1;
	if (fault == LIE)
		return sum(parts, count);
	if (fault == SHORT)
		return real_pwrite(fd, parts[0].iov_base,
				   (parts[0].iov_len + 1) / 2, offset);
	return real_pwritev(fd, parts, count, offset);
}

int fsync(int fd)
{
	enum fault fault = meet_open("fsync", fd);

	return fails(fault) ? -1 : real_fsync(fd);
}

int fdatasync(int fd)
{
	enum fault fault = meet_open("fdatasync", fd);

	return fails(fault) ? -1 : real_fdatasync(fd);
}

/* What is mapped has no name here: its callers tell which it is. */
int msync(void *at, size_t len, int flags)
{
	return page != NULL && fails(meet("msync", dir))
		       ? -1
		       : real_msync(at, len, flags);
}

int rename(const char *from, const char *to)
{
	return fails(meet("rename", to)) ? -1 : real_rename(from, to);
}

/* Names that are relative are of our folders: no others are open. */
static const char *whole(const char *path, char out[4096])
{
	if (page == NULL || path[0] == '/')
		return path;
	snprintf(out, 4096, "%s/%.2000s", dir, path);
	return out;
}

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	char path[4096];

	return fails(meet("renameat", whole(to, path)))
		       ? -1
		       : real_renameat(from_dir, from, to_dir, to);
}

int unlink(const char *path)
{
	return fails(meet("unlink", path)) ? -1 : real_unlink(path);
}

int unlinkat(int at, const char *path, int flags)
{
	char all[4096];

	return fails(meet("unlinkat", whole(path, all)))
		       ? -1
		       : real_unlinkat(at, path, flags);
}

int ftruncate(int fd, off_t len)
{
	enum fault fault = meet_open("ftruncate", fd);

	return fails(fault) ? -1 : real_ftruncate(fd, len);
}

int ftruncate64(int fd, off_t len) __attribute__((alias("ftruncate")));

/* It returns its error. */
int posix_fallocate(int fd, off_t from, off_t len)
{
	enum fault fault = meet_open("posix_fallocate", fd);

	return fails(fault) ? errno : real_posix_fallocate(fd, from, len);
}

int posix_fallocate64(int fd, off_t from, off_t len)
	__attribute__((alias("posix_fallocate")));

/* Only what makes or opens for writing counts. */
static bool is_to_write(int flags)
{
	return (flags & (O_CREAT | O_WRONLY | O_RDWR)) != 0;
}

int open(const char *path, int flags, ...)
{
	mode_t mode = 0;

	if ((flags & (O_CREAT | O_TMPFILE)) != 0) {
		va_list args;

		va_start(args, flags);
		mode = va_arg(args, mode_t);
		va_end(args);
	}
	if (is_to_write(flags) && fails(meet("open", path)))
		return -1;
	return real_open(path, flags, mode);
}

int open64(const char *path, int flags, ...) __attribute__((alias("open")));

int openat(int at, const char *path, int flags, ...)
{
	char all[4096];
	mode_t mode = 0;

	if ((flags & (O_CREAT | O_TMPFILE)) != 0) {
		va_list args;

		va_start(args, flags);
		mode = va_arg(args, mode_t);
		va_end(args);
	}
	if (is_to_write(flags) && fails(meet("openat", whole(path, all))))
		return -1;
	return real_openat(at, path, flags, mode);
}

int openat64(int at, const char *path, int flags, ...)
	__attribute__((alias("openat")));
