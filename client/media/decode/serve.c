#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "confine.h"
#include "serve.h"

void hf_serve_answer(struct hf_answer *answer, enum hf_err err,
		     const struct hf_why *why)
{
	memset(answer, 0, offsetof(struct hf_answer, frames));
	answer->magic = HF_ASK_MAGIC;
	answer->err = (uint32_t)err;
	snprintf(answer->why, sizeof(answer->why), "%.199s", why->text);
}

/* Where the picture goes: one large page if the kernel has them, for 300 small
 * ones take longer to get than the hash. */
#define PAGE_BYTES ((size_t)2 * 1024 * 1024)

struct hf_picture *hf_serve_picture(void)
{
	uint8_t *at = mmap(NULL, 2 * PAGE_BYTES, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	_Static_assert(sizeof(struct hf_picture) <= PAGE_BYTES,
		       "a picture fits into a large page");
	if (at == MAP_FAILED)
		return NULL;
	at += PAGE_BYTES - (uintptr_t)at % PAGE_BYTES;
	/* A wish: without it all is the same, but slower. */
	(void)madvise(at, PAGE_BYTES, MADV_HUGEPAGE);
	return (struct hf_picture *)(void *)at;
}

/* The child that should have answered ended otherwise: say how. */
static void answer_for_dead(const struct hf_serve *serve,
			    struct hf_answer *answer, int status)
{
	struct hf_why why = { "" };
	enum hf_err err;

	if (!WIFSIGNALED(status))
		err = hf_why(&why, HF_E_CORRUPT,
			     "the file ended its decoder (status %d)",
			     WEXITSTATUS(status));
	else if (WTERMSIG(status) == SIGXCPU)
		err = hf_why(&why, HF_E_DEADLINE,
			     "took more than %u s of processor time to decode",
			     serve->cpu_s);
	else if (WTERMSIG(status) == SIGSYS)
		err = hf_why(&why, HF_E_CORRUPT,
			     "the file made its decoder try what it may not");
	else
		err = hf_why(&why, HF_E_CORRUPT,
			     "the file crashed its decoder (signal %d)",
			     WTERMSIG(status));
	hf_serve_answer(answer, err, &why);
}

/* Fork, decode, wait.  shared is the page of both. */
static void answer_one(const struct hf_serve *serve, const struct hf_ask *ask,
		       int fd, struct hf_answer *shared)
{
	struct hf_why why = { "" };
	int status;
	pid_t pid;

	memset(shared, 0, offsetof(struct hf_answer, frames));
	pid = fork();
	if (pid < 0) {
		hf_serve_answer(shared, hf_why_errno(&why, "fork"), &why);
		return;
	}
	if (pid == 0) {
		close(HF_ASK_SOCKET);
		serve->decode(ask, fd, shared);
		_exit(0);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 ||
	    shared->magic != HF_ASK_MAGIC)
		answer_for_dead(serve, shared, status);
}

/* The next question and its file; false at the end. */
static bool receive(struct hf_ask *out_ask, int *out_fd)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec part = { out_ask, sizeof(*out_ask) };
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *header;
	ssize_t got;

	do
		got = recvmsg(HF_ASK_SOCKET, &message, MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	if (got != sizeof(*out_ask) || out_ask->magic != HF_ASK_MAGIC)
		return false;
	header = CMSG_FIRSTHDR(&message);
	if (header == NULL || header->cmsg_level != SOL_SOCKET ||
	    header->cmsg_type != SCM_RIGHTS ||
	    header->cmsg_len != CMSG_LEN(sizeof(int)))
		return false;
	memcpy(out_fd, CMSG_DATA(header), sizeof(int));
	return true;
}

static bool send_answer(struct hf_answer *answer)
{
	size_t len_bytes;
	ssize_t put;

	/* Who decoded may have written anything here. */
	if (answer->frames_count > HF_VPDQ_MAX_FRAMES)
		answer->frames_count = 0;
	len_bytes = hf_answer_bytes(answer);

	do
		put = send(HF_ASK_SOCKET, answer, len_bytes, MSG_NOSIGNAL);
	while (put < 0 && errno == EINTR);
	return put == (ssize_t)len_bytes;
}

/* Whether a decoder can be confined and still decode here, tried once at the
 * start, so that it is not said of every file. */
static enum hf_err try_confined(const struct hf_serve *serve,
				struct hf_answer *shared, struct hf_why *why)
{
	const struct hf_ask ask = { HF_ASK_MAGIC, 0, 0 };

	answer_one(serve, &ask, HF_SERVE_NO_FILE, shared);
	if (shared->err == HF_E_OK)
		return HF_OK;
	return hf_why(why, (enum hf_err)shared->err, "confined trial: %s",
		      shared->why);
}

int hf_serve(const struct hf_serve *serve)
{
	struct hf_answer *shared;
	struct hf_why why = { "" };
	struct hf_ask ask;
	struct stat is;
	enum hf_err err;
	int fd;

	if (fstat(HF_ASK_SOCKET, &is) != 0 || !S_ISSOCK(is.st_mode)) {
		fprintf(stderr,
			"%s for hashfed, which starts it; there is nothing to "
			"run by hand\n",
			serve->words);
		return 2;
	}
	syscall(SYS_close_range, HF_ASK_SOCKET + 1, ~0u, 0);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return 1;
	err = hf_confine_limits(serve->memory_bytes, &why);
	if (err == HF_OK)
		err = try_confined(serve, shared, &why);
	hf_serve_answer(shared, err, &why);
	if (!send_answer(shared) || err != HF_OK)
		return 1;

	while (receive(&ask, &fd)) {
		answer_one(serve, &ask, fd, shared);
		close(fd);
		if (!send_answer(shared))
			return 1;
	}
	return 0;
}
