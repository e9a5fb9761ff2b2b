#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include "watch_hook.h"

#define PATH_SIZE 4096

/* Variables that we set ourselves, and the end of the list. */
#define OWN_VARIABLES 3

/* ---- locks ---- */

static enum hf_err open_lock(const char *state_path, const char *suffix,
			     int flags, int *out_fd, struct hf_why *why)
{
	char path[PATH_SIZE];
	int fd;

	if (snprintf(path, sizeof(path), "%s%s", state_path, suffix) >=
	    (int)sizeof(path))
		return hf_why(why, HF_E_LIMIT, "--state: a path too long");
	fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | flags, 0600);
	if (fd < 0)
		return hf_why_errno(why, "%s", path);
	*out_fd = fd;
	return HF_OK;
}

static enum hf_err wait_for_runs(int fd, const char *state_path,
				 struct hf_why *why)
{
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return HF_OK;
	fprintf(stderr,
		"hashfed: %s: waiting for a hook of an earlier run to end\n",
		state_path);
	while (flock(fd, LOCK_EX) != 0) {
		if (errno != EINTR)
			return hf_why_errno(why, "%s.runs: lock", state_path);
	}
	return HF_OK;
}

/* A lock of this process alone: one that is killed while it starts a run leaves
 * nothing of it to the run, not even for the moment before that is exec'd. */
static enum hf_err lock_watcher(int fd, const char *state_path,
				struct hf_why *why)
{
	struct flock all = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	if (fcntl(fd, F_SETLK, &all) == 0)
		return HF_OK;
	if (errno != EAGAIN && errno != EACCES)
		return hf_why_errno(why, "%s.lock: lock", state_path);
	return hf_why(why, HF_E_BUSY,
		      "%s: another watcher has it: stop that one, or give this "
		      "one a file of its own with --state",
		      state_path);
}

enum hf_err hf_watch_hook_open(struct hf_watch_hook *hook, const char *command,
			       const char *home, const char *state_path,
			       struct hf_why *why)
{
	enum hf_err err;

	*hook = (struct hf_watch_hook){ .command = command,
					.home = home,
					.watcher_fd = -1,
					.runs_fd = -1 };
	err = open_lock(state_path, ".lock", O_CLOEXEC, &hook->watcher_fd, why);
	if (err == HF_OK)
		err = lock_watcher(hook->watcher_fd, state_path, why);
	if (err == HF_OK)
		err = open_lock(state_path, ".runs", 0, &hook->runs_fd, why);
	if (err == HF_OK)
		err = wait_for_runs(hook->runs_fd, state_path, why);
	if (err != HF_OK)
		hf_watch_hook_close(hook);
	return err;
}

void hf_watch_hook_close(struct hf_watch_hook *hook)
{
	if (hook->runs_fd >= 0)
		close(hook->runs_fd);
	if (hook->watcher_fd >= 0)
		close(hook->watcher_fd);
	hook->runs_fd = hook->watcher_fd = -1;
}

/* ---- one run ---- */

/* A file in memory: a pipe could be full before the hook reads. */
static enum hf_err make_input(struct hf_span text, int *out_fd,
			      struct hf_why *why)
{
	int fd = memfd_create("hashfed-case", MFD_CLOEXEC);

	if (fd < 0)
		return hf_why_errno(why, "memfd");
	while (text.len_bytes > 0) {
		ssize_t put = write(fd, text.at, text.len_bytes);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0) {
			enum hf_err err = hf_why_errno(why, "memfd: write");

			close(fd);
			return err;
		}
		text = hf_span(text.at + put, text.len_bytes - (size_t)put);
	}
	if (lseek(fd, 0, SEEK_SET) != 0) {
		enum hf_err err = hf_why_errno(why, "memfd: seek");

		close(fd);
		return err;
	}
	*out_fd = fd;
	return HF_OK;
}

static bool is_ours(const char *variable)
{
	static const char *const names[] = { "HASHFED_CASE=", "HASHFED_WHY=" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strncmp(variable, names[i], strlen(names[i])) == 0)
			return true;
	}
	return false;
}

/* Our environment with a few variables more; the strings are borrowed. */
static char **make_environment(char **own, size_t own_count,
			       const struct hf_watch_hook *hook)
{
	size_t count = 0, kept = 0;
	char **made;

	while (environ[count] != NULL)
		count++;
	made = calloc(count + own_count + 1, sizeof(*made));
	if (made == NULL)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		if (is_ours(environ[i]) ||
		    (hook->home != NULL &&
		     strncmp(environ[i], "HASHFED_HOME=", 13) == 0))
			continue;
		made[kept++] = environ[i];
	}
	memcpy(made + kept, own, own_count * sizeof(*made));
	return made;
}

/* Every signal as in a new program, none blocked; a group of its own. */
static int set_attributes(posix_spawnattr_t *attributes)
{
	sigset_t none, all;
	int rc;

	sigemptyset(&none);
	sigfillset(&all);
	rc = posix_spawnattr_setflags(
		attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
				    POSIX_SPAWN_SETPGROUP);
	if (rc == 0)
		rc = posix_spawnattr_setsigmask(attributes, &none);
	if (rc == 0)
		rc = posix_spawnattr_setsigdefault(attributes, &all);
	if (rc == 0)
		rc = posix_spawnattr_setpgroup(attributes, 0);
	return rc;
}

static int spawn(const struct hf_watch_hook *hook, int input_fd, int end_fd,
		 char **environment, pid_t *out_pid)
{
	char shell[] = "sh", option[] = "-c", *command = strdup(hook->command);
	char *argv[] = { shell, option, command, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int rc;

	if (command == NULL)
		return ENOMEM;
	rc = posix_spawn_file_actions_init(&actions);
	if (rc != 0)
		goto out_free;
	rc = posix_spawnattr_init(&attributes);
	if (rc != 0)
		goto out_destroy;
	rc = posix_spawn_file_actions_adddup2(&actions, input_fd, 0);
	/* To itself: it is not closed on exec then, here alone. */
	if (rc == 0)
		rc = posix_spawn_file_actions_adddup2(&actions, end_fd, end_fd);
	if (rc == 0)
		rc = set_attributes(&attributes);
	if (rc == 0)
		rc = posix_spawn(out_pid, "/bin/sh", &actions, &attributes,
				 argv, environment);
	posix_spawnattr_destroy(&attributes);
out_destroy:
	posix_spawn_file_actions_destroy(&actions);
out_free:
	free(command);
	return rc;
}

enum hf_err hf_watch_hook_start(const struct hf_watch_hook *hook,
				const char *case_id, const char *reason,
				struct hf_span text, pid_t *out_pid,
				int *out_end_fd, struct hf_why *why)
{
	char is_case[64], is_why[64], is_home[PATH_SIZE];
	char *own[OWN_VARIABLES] = { is_case, is_why, is_home };
	char **environment;
	int input_fd, ends[2], rc;
	enum hf_err err = make_input(text, &input_fd, why);

	if (err != HF_OK)
		return err;
	if (pipe2(ends, O_CLOEXEC) != 0) {
		err = hf_why_errno(why, "start the hook: pipe");
		close(input_fd);
		return err;
	}
	snprintf(is_case, sizeof(is_case), "HASHFED_CASE=%.33s", case_id);
	snprintf(is_why, sizeof(is_why), "HASHFED_WHY=%.16s", reason);
	snprintf(is_home, sizeof(is_home), "HASHFED_HOME=%s",
		 hook->home != NULL ? hook->home : "");
	environment = make_environment(own, hook->home != NULL ? 3 : 2, hook);
	rc = environment != NULL
		     ? spawn(hook, input_fd, ends[1], environment, out_pid)
		     : ENOMEM;
	free(environment);
	close(input_fd);
	close(ends[1]);
	if (rc != 0) {
		close(ends[0]);
		errno = rc;
		return hf_why_errno(why, "start the hook");
	}
	*out_end_fd = ends[0];
	return HF_OK;
}
