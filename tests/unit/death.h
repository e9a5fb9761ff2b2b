/*
 * death.h -- a process dies at a chosen call.
 *
 * Every write, sync and rename of it is counted, LMDB's included; at the one
 * that countdown says it is killed: half of a write is done by then.
 *
 * For one test each: it defines the calls.
 */
#ifndef HF_DEATH_H
#define HF_DEATH_H

#include <dlfcn.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static _Atomic long countdown; /* 0: nobody dies */

/* Called at each fdatasync() that is no death; may be NULL. */
static void (*on_sync)(void);

static inline bool is_time_to_die(void)
{
	return atomic_load(&countdown) > 0 &&
	       atomic_fetch_sub(&countdown, 1) == 1;
}

/* POSIX has dlsym() return functions as pointers to objects. */
static inline void find(const char *name, void *out_function, size_t size)
{
	void *call = dlsym(RTLD_NEXT, name);

	memcpy(out_function, &call, size);
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at)
{
	ssize_t (*real)(int, const void *, size_t, off_t);

	find("pwrite", &real, sizeof(real));
	if (is_time_to_die()) {
		(void)!real(fd, bytes, len / 2, at);
		kill(getpid(), SIGKILL);
	}
	return real(fd, bytes, len, at);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
	ssize_t (*real)(int, const struct iovec *, int);

	find("writev", &real, sizeof(real));
	if (is_time_to_die()) {
		(void)!real(fd, parts, count / 2);
		kill(getpid(), SIGKILL);
	}
	return real(fd, parts, count);
}

int fdatasync(int fd)
{
	int (*real)(int);

	find("fdatasync", &real, sizeof(real));
	if (is_time_to_die())
		kill(getpid(), SIGKILL);
	if (on_sync != NULL)
		on_sync();
	return real(fd);
}

int fsync(int fd)
{
	int (*real)(int);

	find("fsync", &real, sizeof(real));
	if (is_time_to_die())
		kill(getpid(), SIGKILL);
	return real(fd);
}

int rename(const char *from, const char *to)
{
	int (*real)(const char *, const char *);

	find("rename", &real, sizeof(real));
	if (is_time_to_die())
		kill(getpid(), SIGKILL);
	return real(from, to);
}

#endif /* HF_DEATH_H */
