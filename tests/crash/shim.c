/*
 * shim.c -- kill hashfedd, hashfed-signer or both at a chosen place.
 *
 * Preloaded into the daemon, which passes it on to the signer it starts.  It
 * stands between both and the calls that make up the publisher's order (write
 * and sync of the ledger, question and answer on the signer's socket, write
 * and sync of the signer's record and of the note's slip), so it knows where in
 * that order a process is.  A test maps the same file (HASHFED_CRASH_FILE),
 * arms a place with a count, and reads afterwards whether death came there.
 *
 * Nothing is faked: calls are passed on as they came, except that at a place
 * in the middle of a write only half of it is done.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* Places, in the publisher's order, and behind them those of the views of
 * takedown cases.  order.py has the same list. */
enum place {
	NOWHERE,
	ENTRIES_WRITE, /* half of the entries' pages are written */
	ENTRIES_SYNC,  /* all are, before the sync */
	ENTRIES_META,  /* synced, before the page that makes them count */
	ASK,           /* entries durable, the signer not asked */
	RECORD_WRITE,  /* signer: asked, nothing recorded */
	RECORD_SYNC,   /* signer: record written, not synced */
	RECORDED,      /* signer: recorded, not signed */
	ANSWER,        /* signer: signed, not answered */
	SIGNED,        /* answered, the note not stored */
	NOTE_WRITE,    /* half of the note's slip is written */
	NOTE_SYNC,     /* all of it is, before the sync */
	NOTED,         /* the note is durable, nobody told */
	VIEWS_WRITE,   /* half of the views' pages are written */
	VIEWS_SYNC,    /* all are, before the sync */
	VIEWS_META,    /* synced, before the page that makes them count */
	PLACES,
};

enum victims { DAEMON = 1, SIGNER = 2 };

/* The file; native byte order, all words of 32 bits. */
struct page {
	_Atomic uint32_t armed;     /* enum place */
	_Atomic uint32_t countdown; /* passes until it strikes */
	_Atomic uint32_t victims;
	_Atomic uint32_t struck; /* enum place, set before the kill */
	_Atomic uint32_t daemon; /* process ids */
	_Atomic uint32_t signer;
	_Atomic uint32_t unused[2];
	_Atomic uint32_t passes[PLACES];
};

/* Of the agent's messages: four bytes of magic, then the verb, or in an
 * answer the error, in two. */
#define NUMBER_AT        4
#define NUMBER_END       6
#define VERB_CHECKPOINT  3
#define VERB_CHECKPOINTS 14

static struct page *page;
static bool is_signer;
static _Atomic bool asks_checkpoint; /* the question that is open */
static _Atomic bool has_note;        /* signed, and not durable */

static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_writev)(int, const struct iovec *, int);
static int (*real_fdatasync)(int);
static ssize_t (*real_send)(int, const void *, size_t, int);
static ssize_t (*real_recv)(int, void *, size_t, int);

/* A call of libc that is behind ours.  POSIX has dlsym() return functions as
 * objects; ISO C does not convert between them. */
static void find(const char *name, void *out_call)
{
	void *call = dlsym(RTLD_NEXT, name);

	if (call == NULL)
		abort();
	memcpy(out_call, &call, sizeof(call));
}

__attribute__((constructor)) static void start(void)
{
	const char *path = getenv("HASHFED_CRASH_FILE");
	const char *name = program_invocation_short_name;
	int fd;

	find("pwrite", &real_pwrite);
	find("writev", &real_writev);
	find("fdatasync", &real_fdatasync);
	find("send", &real_send);
	find("recv", &real_recv);
	is_signer = strcmp(name, "hashfed-signer") == 0;
	if (path == NULL || (!is_signer && strcmp(name, "hashfedd") != 0))
		return;
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		abort();
	page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		    0);
	if (page == MAP_FAILED)
		abort();
	close(fd);
	atomic_store(is_signer ? &page->signer : &page->daemon,
		     (uint32_t)getpid());
}

static void strike(enum place place)
{
	uint32_t victims = atomic_load(&page->victims);
	pid_t other =
		(pid_t)atomic_load(is_signer ? &page->daemon : &page->signer);
	uint32_t self = is_signer ? SIGNER : DAEMON;

	atomic_store(&page->struck, place);
	if ((victims & ~self) != 0)
		kill(other, SIGKILL);
	if ((victims & self) != 0)
		kill(getpid(), SIGKILL);
}

/* Whether death comes here, this time. */
static bool is_due(enum place place)
{
	if (page == NULL || place == NOWHERE)
		return false;
	atomic_fetch_add(&page->passes[place], 1);
	return atomic_load(&page->armed) == (uint32_t)place &&
	       atomic_fetch_sub(&page->countdown, 1) == 1;
}

static void pass(enum place place)
{
	if (is_due(place))
		strike(place);
}

static bool ends_with(int fd, const char *end)
{
	size_t end_len = strlen(end);
	char link[32], path[4096];
	ssize_t len;

	if (page == NULL || is_signer)
		return false;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, sizeof(path));
	return len >= (ssize_t)end_len &&
	       memcmp(path + len - end_len, end, end_len) == 0;
}

static bool is_ledger(int fd)
{
	return ends_with(fd, "/ledger/data.mdb");
}

static bool is_views(int fd)
{
	return ends_with(fd, "/views/data.mdb");
}

static bool is_slip(int fd)
{
	return ends_with(fd, "/ledger.notes");
}

/* Room made behind the end of a store's file is no part of a commit. */
static bool is_room(const uint8_t *at, size_t len)
{
	return len == 131072 && at[0] == 0 && memcmp(at, at + 1, len - 1) == 0;
}

/* LMDB writes the page that ends a commit through a descriptor of its own. */
static bool is_meta(int fd)
{
	return (fcntl(fd, F_GETFL) & O_DSYNC) != 0;
}

static bool is_agent(int fd)
{
	int type = 0;
	socklen_t size = sizeof(type);

	return page != NULL &&
	       getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 &&
	       type == SOCK_SEQPACKET;
}

/* What a message of the agent's asks, or how it was answered. */
static int number_of(const uint8_t *bytes, ssize_t len)
{
	return len < NUMBER_END ? -1
				: bytes[NUMBER_AT] << 8 | bytes[NUMBER_AT + 1];
}

static bool is_checkpoint(const uint8_t *bytes, ssize_t len)
{
	int verb = number_of(bytes, len);

	return verb == VERB_CHECKPOINT || verb == VERB_CHECKPOINTS;
}

static ssize_t meta_pwrite(int fd, const void *at, size_t len, off_t offset)
{
	ssize_t put;

	pass(ENTRIES_META);
	put = real_pwrite(fd, at, len, offset);
	/* A note that had no slip went with the entries. */
	if (put == (ssize_t)len && atomic_exchange(&has_note, false))
		pass(NOTED);
	return put;
}

/* Of a write that is due only half is done. */
static void half_pwrite(enum place place, int fd, const void *at, size_t len,
			off_t offset)
{
	if (!is_due(place))
		return;
	(void)!real_pwrite(fd, at, len / 2, offset);
	strike(place);
}

ssize_t pwrite(int fd, const void *at, size_t len, off_t offset)
{
	if (page != NULL && is_signer)
		pass(RECORD_WRITE);
	else if (is_slip(fd))
		half_pwrite(NOTE_WRITE, fd, at, len, offset);
	else if (is_ledger(fd) && is_meta(fd))
		return meta_pwrite(fd, at, len, offset);
	else if (is_ledger(fd) && !is_room(at, len))
		half_pwrite(ENTRIES_WRITE, fd, at, len, offset);
	else if (is_views(fd) && is_meta(fd))
		pass(VIEWS_META);
	else if (is_views(fd) && !is_room(at, len))
		half_pwrite(VIEWS_WRITE, fd, at, len, offset);
	return real_pwrite(fd, at, len, offset);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
	enum place place = is_ledger(fd)  ? ENTRIES_WRITE
			   : is_views(fd) ? VIEWS_WRITE
					  : NOWHERE;

	if (is_due(place)) {
		off_t before = lseek(fd, 0, SEEK_CUR);

		(void)!real_writev(fd, parts, (count + 1) / 2);
		strike(place);
		(void)lseek(fd, before, SEEK_SET);
	}
	return real_writev(fd, parts, count);
}

int fdatasync(int fd)
{
	int rc;

	if (page != NULL && is_signer) {
		pass(RECORD_SYNC);
		rc = real_fdatasync(fd);
		pass(RECORDED);
		return rc;
	}
	if (is_slip(fd)) {
		pass(NOTE_SYNC);
		rc = real_fdatasync(fd);
		atomic_store(&has_note, false);
		pass(NOTED);
		return rc;
	}
	if (is_ledger(fd))
		pass(ENTRIES_SYNC);
	else if (is_views(fd))
		pass(VIEWS_SYNC);
	return real_fdatasync(fd);
}

ssize_t send(int fd, const void *at, size_t len, int flags)
{
	if (!is_agent(fd))
		return real_send(fd, at, len, flags);
	if (!is_signer)
		atomic_store(&asks_checkpoint, is_checkpoint(at, (ssize_t)len));
	if (atomic_load(&asks_checkpoint))
		pass(is_signer ? ANSWER : ASK);
	return real_send(fd, at, len, flags);
}

ssize_t recv(int fd, void *at, size_t len, int flags)
{
	ssize_t got = real_recv(fd, at, len, flags);

	if (!is_agent(fd))
		return got;
	if (is_signer) {
		atomic_store(&asks_checkpoint, is_checkpoint(at, got));
	} else if (atomic_load(&asks_checkpoint) && number_of(at, got) == 0) {
		pass(SIGNED);
		atomic_store(&has_note, true);
	}
	return got;
}
