#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "file.h"

#include "helper.h"

/* Confining itself takes a millisecond; a machine under load may take its
 * time. */
#define START_MAX_MS 30000

/* How often a wait looks whether it is still wanted. */
#define LOOK_MS 100

enum hf_err hf_helper_find(char *out_path, size_t size_bytes,
			   struct hf_why *why)
{
	static const char *const beside[] = {
		"hashfed-media",
		"../libexec/hashfed/hashfed-media",
	};
	char dir[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", dir, sizeof(dir) - 1);

	for (size_t i = 0; i < 2 && len > 0; i++) {
		char *slash;

		dir[len] = '\0';
		slash = strrchr(dir, '/');
		if (slash == NULL)
			break;
		*slash = '\0';
		if (hf_file_join(out_path, size_bytes, dir, beside[i], NULL) ==
			    HF_OK &&
		    access(out_path, X_OK) == 0)
			return HF_OK;
		*slash = '/';
	}
	if (access(HF_MEDIA_HELPER, X_OK) != 0)
		return hf_why(why, HF_E_NOTFOUND,
			      "hashfed-media is neither beside this program "
			      "nor at " HF_MEDIA_HELPER);
	return hf_file_join(out_path, size_bytes, NULL, HF_MEDIA_HELPER, why);
}

/* posix_spawn() with the socket at its number, /dev/null at the standard
 * streams, no signal blocked, and a process group of its own: that is what
 * hf_helper_stop() kills, and the terminal's signals are not for it. */
static int spawn(const char *path, int fd, pid_t *out_pid)
{
	char *const argv[] = { (char *)"hashfed-media", NULL };
	char *const envp[] = { NULL };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t how;
	sigset_t none, all;
	int rc;

	sigemptyset(&none);
	sigfillset(&all);
	rc = posix_spawn_file_actions_init(&files);
	if (rc != 0)
		return rc;
	rc = posix_spawnattr_init(&how);
	if (rc != 0)
		goto out_files;
	/* Clears close-on-exec, also where fd has that number already. */
	rc = posix_spawn_file_actions_adddup2(&files, fd, HF_ASK_SOCKET);
	for (int i = 0; rc == 0 && i <= 2; i++)
		rc = posix_spawn_file_actions_addopen(
			&files, i, "/dev/null", i == 0 ? O_RDONLY : O_WRONLY,
			0);
	if (rc == 0)
		rc = posix_spawnattr_setsigmask(&how, &none);
	if (rc == 0)
		rc = posix_spawnattr_setsigdefault(&how, &all);
	if (rc == 0)
		rc = posix_spawnattr_setpgroup(&how, 0);
	if (rc == 0)
		rc = posix_spawnattr_setflags(
			&how, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
				      POSIX_SPAWN_SETPGROUP);
	if (rc == 0)
		rc = posix_spawn(out_pid, path, &files, &how, argv, envp);
	posix_spawnattr_destroy(&how);
out_files:
	posix_spawn_file_actions_destroy(&files);
	return rc;
}

enum hf_err hf_helper_start(struct hf_helper *helper, const char *path,
			    struct hf_why *why)
{
	atomic_bool never = false;
	struct hf_answer answer;
	enum hf_err err;
	int pair[2];
	int rc;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return hf_why_errno(why, "media: socket");
	rc = spawn(path, pair[1], &helper->pid);
	close(pair[1]);
	if (rc != 0) {
		helper->pid = 0;
		close(pair[0]);
		errno = rc;
		return hf_why_errno(why, "media: start '%s'", path);
	}
	helper->fd = pair[0];
	err = hf_helper_answer(helper, START_MAX_MS, &never, &answer, why);
	if (err == HF_OK && answer.err != HF_E_OK)
		err = hf_why(why, (enum hf_err)answer.err, "%s", answer.why);
	if (err != HF_OK) {
		hf_helper_stop(helper);
		hf_why_prefix(why, "media: '%s': ", path);
	}
	return err;
}

enum hf_err hf_helper_ask(struct hf_helper *helper, enum hf_media_kind kind,
			  int fd, uint64_t size_bytes, struct hf_why *why)
{
	struct hf_ask ask = { HF_ASK_MAGIC, (uint32_t)kind, size_bytes };
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec part = { &ask, sizeof(ask) };
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *header;
	ssize_t put;

	memset(&control, 0, sizeof(control));
	header = CMSG_FIRSTHDR(&message);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	do
		put = sendmsg(helper->fd, &message, MSG_NOSIGNAL);
	while (put < 0 && errno == EINTR);
	if (put != sizeof(ask)) {
		enum hf_err err = hf_why_errno(why, "ask hashfed-media");

		hf_helper_stop(helper);
		return err;
	}
	return HF_OK;
}

/* Until there is something to read. */
static enum hf_err wait_for(struct hf_helper *helper, uint32_t max_ms,
			    atomic_bool *give_up, struct hf_why *why)
{
	uint64_t end_us = hf_clock_mono_us() + (uint64_t)max_ms * 1000;

	for (;;) {
		struct pollfd on = { .fd = helper->fd, .events = POLLIN };
		uint64_t now_us = hf_clock_mono_us();
		int rc;

		if (atomic_load(give_up))
			return hf_why(why, HF_E_CANCELLED, "cancelled");
		if (now_us >= end_us)
			return hf_why(why, HF_E_DEADLINE,
				      "took more than %u ms to decode", max_ms);
		rc = poll(&on, 1,
			  end_us - now_us < LOOK_MS * 1000
				  ? (int)((end_us - now_us) / 1000 + 1)
				  : LOOK_MS);
		if (rc > 0)
			return HF_OK;
		if (rc < 0 && errno != EINTR)
			return hf_why_errno(why, "wait for hashfed-media");
	}
}

enum hf_err hf_helper_answer(struct hf_helper *helper, uint32_t max_ms,
			     atomic_bool *give_up, struct hf_answer *out_answer,
			     struct hf_why *why)
{
	enum hf_err err = wait_for(helper, max_ms, give_up, why);
	ssize_t got;

	if (err != HF_OK)
		goto out_stop;
	do
		got = recv(helper->fd, out_answer, sizeof(*out_answer), 0);
	while (got < 0 && errno == EINTR);
	if (got < 0 || !hf_answer_is_sane(out_answer, (size_t)got)) {
		err = hf_why(why, HF_E_UNAVAILABLE,
			     got == 0 ? "hashfed-media ended"
				      : "hashfed-media answered nonsense");
		goto out_stop;
	}
	return HF_OK;

out_stop:
	hf_helper_stop(helper);
	return err;
}

void hf_helper_stop(struct hf_helper *helper)
{
	if (helper->pid == 0)
		return;
	close(helper->fd);
	kill(-helper->pid, SIGKILL);
	while (waitpid(helper->pid, NULL, 0) < 0 && errno == EINTR)
		;
	helper->pid = 0;
}
