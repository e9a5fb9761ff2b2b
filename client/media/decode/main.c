/*
 * hashfed-media: decodes the images of strangers for a program that does not
 * want to.  It confines itself, then forks for every image: the child takes
 * the last rights from itself, decodes, leaves the answer in a page both see,
 * and ends.  So nothing an image does lasts longer than the image, and what
 * reads the next request has never seen one.
 */
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

#include "media_limit.h"

#include "media_ask.h"
#include "confine.h"
#include "image.h"
#include "pdq.h"

static void answer_with(struct hf_answer *answer, enum hf_err err,
			const struct hf_why *why)
{
	memset(answer, 0, sizeof(*answer));
	answer->magic = HF_ASK_MAGIC;
	answer->err = (uint32_t)err;
	snprintf(answer->why, sizeof(answer->why), "%.199s", why->text);
}

/* Where the picture goes: one large page if the kernel has them, for 300 small
 * ones take longer to get than the hash. */
#define PAGE_BYTES ((size_t)2 * 1024 * 1024)

static struct hf_picture *make_room(void)
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

/* A PNG of 8 x 8 black and white pixels, to try it all on. */
static const uint8_t trial[] = {
	/* clang-format off */
	0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d,
	0x49, 0x48, 0x44, 0x52, 0x00, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00, 0x08,
	0x01, 0x00, 0x00, 0x00, 0x00, 0xec, 0x74, 0x83, 0x26, 0x00, 0x00, 0x00,
	0x0e, 0x49, 0x44, 0x41, 0x54, 0x78, 0xda, 0x63, 0x08, 0x65, 0x58, 0xc5,
	0x80, 0x84, 0x01, 0x1e, 0x9c, 0x03, 0xfd, 0x70, 0x15, 0xc9, 0x90, 0x00,
	0x00, 0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82,
	/* clang-format on */
};

#define NO_FILE (-1)

/* In the child: decode one image, or the trial where there is no file. */
static void decode(const struct hf_ask *ask, int fd, struct hf_answer *answer)
{
	struct hf_image_source source = {
		.bytes = fd == NO_FILE ? trial : NULL,
		.fd = fd,
		.size_bytes = ask->size_bytes,
	};
	struct hf_why why = { "" };
	struct hf_picture *picture = make_room();
	unsigned quality = 0;
	enum hf_err err;

	if (picture == NULL)
		err = hf_why(&why, HF_E_NOMEM, "no memory for a picture");
	else
		err = hf_confine_calls(&why);
	if (err == HF_OK)
		err = hf_image_decode(&source, (enum hf_media_kind)ask->kind,
				      picture, &why);
	answer_with(answer, err, &why);
	if (err != HF_OK)
		return;
	answer->width = picture->width;
	answer->height = picture->height;
	hf_pdq(picture, answer->pdq, &quality);
	answer->quality = quality;
}

/* The child that should have answered ended otherwise: say how. */
static void answer_for_dead(struct hf_answer *answer, int status)
{
	struct hf_why why = { "" };
	enum hf_err err;

	if (!WIFSIGNALED(status))
		err = hf_why(&why, HF_E_CORRUPT,
			     "the image ended its decoder (status %d)",
			     WEXITSTATUS(status));
	else if (WTERMSIG(status) == SIGXCPU)
		err = hf_why(&why, HF_E_DEADLINE,
			     "took more than %d s of processor time to decode",
			     HF_MEDIA_CPU_MAX_S);
	else if (WTERMSIG(status) == SIGSYS)
		err = hf_why(&why, HF_E_CORRUPT,
			     "the image made its decoder try what it may not");
	else
		err = hf_why(&why, HF_E_CORRUPT,
			     "the image crashed its decoder (signal %d)",
			     WTERMSIG(status));
	answer_with(answer, err, &why);
}

/* Fork, decode, wait.  shared is the page of both. */
static void answer_one(const struct hf_ask *ask, int fd,
		       struct hf_answer *shared)
{
	struct hf_why why = { "" };
	int status;
	pid_t pid;

	memset(shared, 0, sizeof(*shared));
	pid = fork();
	if (pid < 0) {
		answer_with(shared, hf_why_errno(&why, "fork"), &why);
		return;
	}
	if (pid == 0) {
		close(HF_ASK_SOCKET);
		decode(ask, fd, shared);
		_exit(0);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 ||
	    shared->magic != HF_ASK_MAGIC)
		answer_for_dead(shared, status);
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

static bool send_answer(const struct hf_answer *answer)
{
	ssize_t put;

	do
		put = send(HF_ASK_SOCKET, answer, sizeof(*answer),
			   MSG_NOSIGNAL);
	while (put < 0 && errno == EINTR);
	return put == sizeof(*answer);
}

/* Whether a decoder can be confined and still decode here, tried once at the
 * start, so that it is not said of every image. */
static enum hf_err try_confined(struct hf_answer *shared, struct hf_why *why)
{
	static const struct hf_ask ask = { HF_ASK_MAGIC, HF_MEDIA_PNG,
					   sizeof(trial) };

	answer_one(&ask, NO_FILE, shared);
	if (shared->err == HF_E_OK)
		return HF_OK;
	return hf_why(why, (enum hf_err)shared->err, "confined trial: %s",
		      shared->why);
}

int main(void)
{
	struct hf_answer *shared;
	struct hf_why why = { "" };
	struct hf_ask ask;
	struct stat is;
	enum hf_err err;
	int fd;

	if (fstat(HF_ASK_SOCKET, &is) != 0 || !S_ISSOCK(is.st_mode)) {
		fputs("hashfed-media: decodes images for hashfed, which starts "
		      "it; there is nothing to run by hand\n",
		      stderr);
		return 2;
	}
	syscall(SYS_close_range, HF_ASK_SOCKET + 1, ~0u, 0);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return 1;
	err = hf_confine_limits(&why);
	if (err == HF_OK)
		err = try_confined(shared, &why);
	answer_with(shared, err, &why);
	if (!send_answer(shared) || err != HF_OK)
		return 1;

	while (receive(&ask, &fd)) {
		answer_one(&ask, fd, shared);
		close(fd);
		if (!send_answer(shared))
			return 1;
	}
	return 0;
}
